"""Send limits: how long to wait for a slot that several rates allow at once.

The generic cell rate algorithm over several keys taken together: a message to a group counts against the bot, the
chat and the group, and reserves its place in all of them or in none. Kept libraries limit one key at a time and read
their own clock, so a reservation cannot span keys there nor run on ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from core.clock import Clock

# A longer wait goes back to the delivery's row instead of holding a worker. All that one worker has in hand at once,
# 64 messages, leaves within it at Telegram's pace: so it keeps its order, and is not claimed again and again.
PATIENCE = timedelta(seconds=2.5)
KEYS = 10_000  # remembered before those that limit nothing any more are forgotten


@dataclass(frozen=True, slots=True)
class Rate:
    """At most one per `gap` for `key`, of which `burst` may come at once: `span / gap + burst` in any span."""

    key: str
    gap: timedelta
    burst: int = 1


class Limits(Protocol):
    """Where slots are reserved."""

    async def reserve(self, rates: Sequence[Rate], count: int = 1) -> timedelta:
        """How long until `count` may go together: up to `PATIENCE`, and the slots are taken; longer, none is.
        Asked for none, it only tells.

        What goes together (the files of an album) begins as soon as the first of it may, and whoever comes next
        waits for all of it: otherwise more than a burst would never find room.
        """
        ...

    async def block(self, key: str, until: datetime) -> None:
        """The network said wait: nothing for this key before then."""
        ...


class ProcessLimits:
    """Limits of one process, on its clock."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._next: dict[str, float] = {}  # key → when its next slot comes, were there no bursts
        self._blocked: dict[str, float] = {}  # key → until when; no burst goes through it
        self._sweep_at = KEYS
        self._asked_at = 0.0

    async def reserve(self, rates: Sequence[Rate], count: int = 1) -> timedelta:
        now = self._clock.now().timestamp()
        if now < self._asked_at - PATIENCE.total_seconds():
            # The clock was set back: what it remembers would hold everything up until that time comes again.
            self._next.clear()
            self._blocked.clear()
        self._asked_at = now
        self._forget(now)
        wait = 0.0
        for rate in rates:
            due = self._next.get(rate.key, 0.0) - (rate.burst - 1) * rate.gap.total_seconds()
            wait = max(wait, due - now, self._blocked.get(rate.key, 0.0) - now)
        if wait <= PATIENCE.total_seconds():
            for rate in rates:
                begin = max(self._next.get(rate.key, 0.0), now + wait)
                self._next[rate.key] = begin + count * rate.gap.total_seconds()
        return timedelta(seconds=wait)

    async def block(self, key: str, until: datetime) -> None:
        self._blocked[key] = max(self._blocked.get(key, 0.0), until.timestamp())

    def _forget(self, now: float) -> None:
        """Chats nobody has written to for a while need no memory. Seldom enough to cost nothing."""
        if len(self._next) + len(self._blocked) <= self._sweep_at:
            return
        self._next = {key: at for key, at in self._next.items() if at > now}
        self._blocked = {key: at for key, at in self._blocked.items() if at > now}
        self._sweep_at = max(KEYS, 2 * (len(self._next) + len(self._blocked)))
