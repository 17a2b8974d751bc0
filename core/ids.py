"""Identifiers: 63-bit numbers that this process makes itself, in the order it makes them.

Milliseconds since 2024 (41 bits), the process's node (10 bits), a counter (12 bits). Making them here and not
in the database lets a whole batch be written without asking for anything back. They come from the machine's
own time, never from the clock of a test. Of one conversation, what was filed later has the greater one; when it was
said is `sent_at`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

EPOCH_MS = 1_704_067_200_000  # 2024-01-01T00:00:00Z
NODES = 1 << 10
_COUNTER = (1 << 12) - 1
RUN = 64  # identifiers a transaction draws at once: a first message takes eleven


class Ids:
    """Makes identifiers for one process. Two processes on one database must not share a node."""

    def __init__(self, node: int) -> None:
        if not 0 <= node < NODES:
            raise ValueError(f"a node is 0 to {NODES - 1}, not {node}")
        self._node = node << 12
        self._lock = threading.Lock()
        self._last = 0  # milliseconds << 12 | counter: one number, so a full counter runs on into the next ms

    def __call__(self) -> int:
        """A new identifier, greater than every one this process has made before."""
        return self._identifier(self._draw(1))

    def runs(self) -> Iterator[int]:
        """Identifiers for one transaction, without end, each greater than the one before.

        They are drawn in runs, so those of two transactions at once are no order between the two, unless one of them
        begins a new run when it has got what the other one held (`Transaction.come_after`).
        """
        while True:
            first = self._identifier(self._draw(RUN))
            yield from range(first, first + RUN)

    def _draw(self, count: int) -> int:
        """The first of so many in a row, all of one millisecond."""
        with self._lock:
            first = max(self._last + 1, (time.time_ns() // 1_000_000 - EPOCH_MS) << 12)
            if (first & _COUNTER) + count > _COUNTER + 1:
                first = (first | _COUNTER) + 1
            self._last = first + count - 1
        return first

    def _identifier(self, drawn: int) -> int:
        return (drawn >> 12) << 22 | self._node | drawn & _COUNTER
