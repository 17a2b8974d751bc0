"""While the database is away: said once and once a minute, tried again ever more slowly, and said when it is over."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Any

from core.clock import Clock
from core.database import complaint, is_away

SETTING = "OPENLINES_DATABASE_URL"
SHORTEST_PAUSE = timedelta(seconds=0.5)
LONGEST_PAUSE = timedelta(seconds=5)
REMIND = timedelta(minutes=1)


class Outage:
    """What several loops over one database know together of its absence. `log` is where it is said."""

    def __init__(self, clock: Clock, log: Any) -> None:
        self._clock = clock
        self._log = log
        self._since: datetime | None = None
        self._said_at: datetime | None = None
        self._wake = asyncio.Event()

    async def weather(self, error: BaseException) -> bool:
        """After a failure: false when the database is there and something else is wrong, which is the caller's to
        tell. Otherwise returns, true, when it is time to try again.
        """
        if not is_away(error):
            return False
        now = self._clock.now()
        if self._since is None:
            self._since = self._said_at = now
            self._log.warning("the database cannot be used", setting=SETTING, why=complaint(error))
        elif self._said_at is None or now - self._said_at >= REMIND:
            self._said_at = now
            seconds = round((now - self._since).total_seconds())
            self._log.warning("still no database", setting=SETTING, why=complaint(error), seconds=seconds)
        pause = min(max(SHORTEST_PAUSE, (now - self._since) / 2), LONGEST_PAUSE)
        waking = asyncio.ensure_future(self._wake.wait())
        sleeping = asyncio.ensure_future(self._clock.sleep_until(now + pause))
        try:
            await asyncio.wait({waking, sleeping}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            waking.cancel()
            sleeping.cancel()
            await asyncio.gather(waking, sleeping, return_exceptions=True)
        return True

    def is_over(self) -> None:
        """The database has answered. Whoever waits tries at once."""
        if self._since is None:
            return
        seconds = round((self._clock.now() - self._since).total_seconds())
        self._log.info("the database is back", setting=SETTING, seconds=seconds)
        self._since = None
        self.wake()

    def wake(self) -> None:
        """Let those who wait now try at once."""
        self._wake.set()
        self._wake = asyncio.Event()
