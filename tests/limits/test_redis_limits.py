from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

from redis.asyncio import Redis
from structlog.testing import capture_logs

from channels.limits import PATIENCE, Rate
from channels.redis_limits import ALONE, RedisLimits
from core.clock import Clock, ManualClock, SystemClock
from openlines.ground import shared_limits
from tests.servers.redis import RedisServer

START = datetime(2026, 3, 16, 9, 0, tzinfo=UTC)


@asynccontextmanager
async def limits_of_a_process(url: str, clock: Clock | None = None) -> AsyncIterator[RedisLimits]:
    limits = shared_limits(url, clock or SystemClock())
    try:
        yield limits
    finally:
        await limits.close()


async def test_two_processes_share_one_bots_slots(redis_url: str) -> None:
    rate = Rate("bot:1", timedelta(milliseconds=100), burst=2)
    async with limits_of_a_process(redis_url) as one, limits_of_a_process(redis_url) as other:
        began = time.monotonic()
        waits = await asyncio.gather(*(limits.reserve([rate]) for limits in [one, other] * 8))
        took = timedelta(seconds=time.monotonic() - began)
    # Sixteen slots, two of them at once: the last one comes 1.4 s after the first, less what asking took.
    assert sorted(waits)[:2] == [timedelta(0)] * 2
    assert timedelta(seconds=1.4) - took <= max(waits) <= timedelta(seconds=1.4)
    assert len(set(waits)) >= 15, "no two of them are the same slot"


async def test_a_wait_that_one_process_was_told_is_kept_by_the_other(redis_url: str) -> None:
    chat = Rate("chat:1:777", timedelta(seconds=1), burst=3)
    async with limits_of_a_process(redis_url) as one, limits_of_a_process(redis_url) as other:
        await one.block("chat:1:777", datetime.now(UTC) + timedelta(seconds=30))
        await other.block("chat:1:777", datetime.now(UTC) + timedelta(seconds=5))
        assert timedelta(seconds=29) < await other.reserve([chat]) <= timedelta(seconds=30)
        assert await other.reserve([Rate("chat:1:778", timedelta(seconds=1))]) == timedelta(0)


async def test_what_goes_together_counts_together_and_what_is_refused_takes_nothing(redis_url: str) -> None:
    group, bot = Rate("group", timedelta(seconds=3), burst=2), Rate("bot", timedelta(seconds=1))
    async with limits_of_a_process(redis_url) as limits:
        assert await limits.reserve([group], 10) == timedelta(0)
        assert await limits.reserve([bot, group]) > PATIENCE
        assert await limits.reserve([bot]) == timedelta(0)


async def test_without_redis_a_process_goes_on_alone_tells_it_once_and_shares_again_later(
    redis_server: RedisServer,
) -> None:
    clock = ManualClock(START)
    rate = Rate("bot:1", timedelta(seconds=1))
    async with limits_of_a_process(redis_server.url, clock) as limits:
        await limits.look()
        assert await limits.reserve([rate]) == timedelta(0)
        redis_server.stop()
        with capture_logs() as said:
            alone = [await limits.reserve([rate]) for _ in range(4)]
            await limits.block("bot:1", START + timedelta(seconds=10))
        assert alone[:3] == [timedelta(0), timedelta(seconds=1), timedelta(seconds=2)]
        assert alone[3] > PATIENCE
        assert [line["event"] for line in said] == ["redis is away, this process keeps the send limits alone"]
        redis_server.start()
        clock.advance(ALONE)
        with capture_logs() as said:
            assert await limits.reserve([rate]) == timedelta(0)
        assert [line["event"] for line in said] == ["redis is back, the send limits are shared again"]


async def test_a_redis_that_is_away_at_the_start_stops_nobody(redis_server: RedisServer) -> None:
    redis_server.stop()
    async with limits_of_a_process(redis_server.url) as limits:
        with capture_logs() as said:
            await limits.look()
            assert await limits.reserve([Rate("bot:1", timedelta(seconds=1))]) == timedelta(0)
        assert len(said) == 1


async def test_a_redis_that_does_not_answer_costs_a_moment_and_not_every_message() -> None:
    async def never(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(30)

    server = await asyncio.start_server(never, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with limits_of_a_process(f"redis://127.0.0.1:{port}") as limits:
        began = time.monotonic()
        for number in range(50):
            assert await limits.reserve([Rate(f"chat:{number}", timedelta(seconds=1))]) == timedelta(0)
        assert time.monotonic() - began < 6
    server.close()


async def test_a_flushed_redis_only_forgets_what_was_sent_a_moment_ago(redis_server: RedisServer) -> None:
    rate = Rate("bot:1", timedelta(seconds=2))
    async with limits_of_a_process(redis_server.url) as limits:
        assert await limits.reserve([rate]) == timedelta(0)
        redis_server.flush()
        assert await limits.reserve([rate]) == timedelta(0)
        assert await limits.reserve([rate]) > timedelta(0)


async def test_keys_leave_redis_by_themselves(redis_url: str) -> None:
    async with limits_of_a_process(redis_url) as limits, Redis.from_url(redis_url) as looking:
        await limits.reserve([Rate("chat:1:777", timedelta(milliseconds=10))])
        await limits.block("chat:1:777", datetime.now(UTC) - timedelta(hours=1))
        names = [name async for name in looking.scan_iter()]
        assert len(names) == 2
        for name in names:
            assert 0 < await looking.pttl(name) <= 2_000
