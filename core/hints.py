"""Wake-up calls between the parts of a process: "there is a delivery". Losing one costs a poll, never a message."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime

from core.clock import Clock


class Hints:
    """Named events. Whoever announces may do so before anybody waits: the call is kept until it is answered."""

    def __init__(self) -> None:
        self._events: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)

    def announce(self, names: Iterable[str]) -> None:
        """Wake those who wait for any of `names`. Called in the event loop."""
        for name in names:
            self._events[name].set()

    async def wait(self, name: str, clock: Clock, until: datetime) -> None:
        """Return when `name` is announced or `until` has come, whichever is first."""
        heard = self._events[name]
        if not heard.is_set():
            waits = {asyncio.ensure_future(heard.wait()), asyncio.ensure_future(clock.sleep_until(until))}
            try:
                await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for wait in waits:
                    wait.cancel()
                await asyncio.gather(*waits, return_exceptions=True)
        heard.clear()
