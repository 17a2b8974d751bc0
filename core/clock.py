"""Time as a parameter: nobody else in the program asks the system what time it is or goes to sleep.

The system's clock serves the running program, a `ShiftedClock` the demo in the browser. A `ManualClock` serves
tests and the scripted demo: it stands still until it is advanced, and whoever sleeps on it wakes exactly when
its hands pass the moment.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import math
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """What time it is, and a way to wait for a moment."""

    def now(self) -> datetime:
        """The present moment, aware, in UTC."""
        ...

    async def sleep_until(self, moment: datetime) -> None:
        """Return when `moment` has come; at once when it has passed."""
        ...


class SystemClock:
    """The real time."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    async def sleep_until(self, moment: datetime) -> None:
        # Asked again: the system's clock may be set while we sleep. When no less is left than before, it was set
        # back, and who wanted a nap of ten minutes would sleep for hours.
        before = math.inf
        while 0 < (left := (moment - self.now()).total_seconds()) < before:
            await asyncio.sleep(left)
            before = left


class ShiftedClock:
    """The real time, and how much later it shall be: "an hour passes", and whoever slept through it wakes."""

    def __init__(self) -> None:
        self._shift = timedelta()
        self._moved = asyncio.Event()

    @property
    def shift(self) -> timedelta:
        """How far this clock is ahead of the real time."""
        return self._shift

    def now(self) -> datetime:
        return datetime.now(UTC) + self._shift

    async def sleep_until(self, moment: datetime) -> None:
        while (left := (moment - self.now()).total_seconds()) > 0:
            with suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await self._moved.wait()

    def advance(self, by: timedelta) -> None:
        """Let that much time pass at once. Raises ValueError for a step back, which no clock takes."""
        if by < timedelta():
            raise ValueError("time does not go back")
        self._shift += by
        moved, self._moved = self._moved, asyncio.Event()
        moved.set()


class ManualClock:
    """A clock moved by hand.

    `next_wake` tells the earliest moment somebody sleeps until, so that a script can act, wait until nothing
    is in flight, and then advance to the next instant at which something is due.
    """

    def __init__(self, start: datetime) -> None:
        if start.tzinfo is None:
            raise ValueError("a clock starts at an aware moment")
        self._now = start.astimezone(UTC)
        self._sleepers: list[tuple[datetime, int, asyncio.Future[None]]] = []
        self._order = itertools.count()

    def now(self) -> datetime:
        return self._now

    @property
    def next_wake(self) -> datetime | None:
        """The earliest moment anybody waits for, or None when nobody sleeps."""
        while self._sleepers and self._sleepers[0][2].done():
            heapq.heappop(self._sleepers)
        return self._sleepers[0][0] if self._sleepers else None

    async def sleep_until(self, moment: datetime) -> None:
        if moment <= self._now:
            await asyncio.sleep(0)
            return
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (moment, next(self._order), woken))
        await woken

    def advance(self, by: timedelta) -> None:
        """Move the hands forward and wake everyone whose moment has come, earliest first."""
        self.advance_to(self._now + by)

    def advance_to(self, moment: datetime) -> None:
        """Move the hands to `moment`; never backwards."""
        self._now = max(self._now, moment.astimezone(UTC))
        while self._sleepers and self._sleepers[0][0] <= self._now:
            _, _, woken = heapq.heappop(self._sleepers)
            if not woken.done():
                woken.set_result(None)
