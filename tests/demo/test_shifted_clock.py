"""A clock that can be put forward."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from core.clock import ShiftedClock


async def test_whoever_sleeps_through_a_leap_wakes_and_others_sleep_on() -> None:
    clock = ShiftedClock()
    soon = asyncio.create_task(clock.sleep_until(clock.now() + timedelta(hours=1)))
    late = asyncio.create_task(clock.sleep_until(clock.now() + timedelta(hours=3)))
    await asyncio.sleep(0)
    clock.advance(timedelta(hours=2))
    await asyncio.wait_for(soon, 5)
    assert not late.done()
    clock.advance(timedelta(hours=2))
    await asyncio.wait_for(late, 5)
    assert timedelta(hours=4) <= clock.now() - datetime.now(UTC) + timedelta(seconds=1)


async def test_it_runs_like_any_other_between_leaps() -> None:
    clock = ShiftedClock()
    clock.advance(timedelta(days=1))
    before = clock.now()
    await asyncio.wait_for(clock.sleep_until(before + timedelta(milliseconds=20)), 5)
    assert clock.now() >= before + timedelta(milliseconds=20)
    assert clock.shift == timedelta(days=1)


def test_time_does_not_go_back() -> None:
    with pytest.raises(ValueError, match="back"):
        ShiftedClock().advance(timedelta(seconds=-1))
