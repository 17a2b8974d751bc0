"""The database's absence as the log tells it, on a clock moved by hand."""

from __future__ import annotations

import asyncio
import itertools
from datetime import timedelta

import structlog
from structlog.testing import capture_logs

from core.clock import ManualClock
from core.outage import Outage

GONE = ConnectionRefusedError(111, "Connection refused")


async def test_an_hour_without_a_database_is_a_line_a_minute_and_ever_longer_pauses(
    clock: ManualClock,
) -> None:
    began = clock.now()
    tries = list[float]()
    with capture_logs() as said:
        outage = Outage(clock, structlog.get_logger("test"))

        async def loop() -> None:
            while clock.now() < began + timedelta(hours=1):
                tries.append((clock.now() - began).total_seconds())
                assert await outage.weather(GONE)

        loops = asyncio.gather(loop(), loop(), loop())
        while not loops.done():
            await asyncio.sleep(0)
            if (wake := clock.next_wake) is not None:
                clock.advance_to(wake)
        await loops
        outage.is_over()
        outage.is_over()
    events = [(one["log_level"], one["event"]) for one in said]
    assert events[0] == ("warning", "the database cannot be used")
    assert events[1:-1] == [("warning", "still no database")] * len(events[1:-1])
    assert 58 <= len(events[1:-1]) <= 60
    assert events[-1] == ("info", "the database is back")
    assert said[0]["setting"] == "OPENLINES_DATABASE_URL"
    assert "Connection refused" in said[0]["why"]
    moments = sorted(set(tries))
    pauses = [later - earlier for earlier, later in itertools.pairwise(moments)]
    assert pauses == sorted(pauses)
    assert (pauses[0], pauses[-1]) == (0.5, 5)


async def test_whoever_waits_tries_at_once_when_somebody_was_answered(clock: ManualClock) -> None:
    outage = Outage(clock, structlog.get_logger("test"))
    waiting = asyncio.create_task(outage.weather(GONE))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert clock.next_wake is not None, "it waits"
    outage.is_over()
    assert await waiting


async def test_what_is_no_outage_is_left_to_the_caller(clock: ManualClock) -> None:
    with capture_logs() as said:
        assert not await Outage(clock, structlog.get_logger("test")).weather(ZeroDivisionError())
    assert said == []
