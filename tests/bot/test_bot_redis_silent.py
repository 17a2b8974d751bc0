"""A Redis that is there and keeps silent: as after a machine has lost power, or while it waits for its disk."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta

import pytest
from aiogram.fsm.storage.base import StorageKey

from bot.dialogs import SILENT, DialogRedis, Writing
from core.clock import ManualClock
from core.errors import Refusal
from tests.servers.redis import RedisServer

KEY = StorageKey(bot_id=1000, chat_id=100, user_id=100)


async def test_a_redis_that_keeps_silent_costs_a_moment_and_not_every_tap(
    redis_server: RedisServer, clock: ManualClock
) -> None:
    speaks = asyncio.Event()

    async def carry(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        while chunk := await source.read(1 << 16):
            await speaks.wait()
            target.write(chunk)
        target.close()

    async def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", redis_server.port)
        await asyncio.gather(carry(reader, back), carry(there, writer), return_exceptions=True)

    server = await asyncio.start_server(connect, "127.0.0.1", 0)
    storage = DialogRedis(f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}/0", clock)
    began = time.monotonic()
    for _ in range(5):
        assert await storage.get_state(KEY) is None
        assert await storage.get_data(KEY) == {}
        with pytest.raises(Refusal, match="refused-dialogs-down"):
            await storage.set_state(KEY, Writing.answer)
        with pytest.raises(Refusal, match="refused-dialogs-down"):
            await storage.set_data(KEY, {"lead": 1})
    assert time.monotonic() - began < 8

    speaks.set()
    clock.advance(SILENT + timedelta(seconds=1))
    await storage.set_state(KEY, Writing.answer)
    assert await storage.get_state(KEY) == Writing.answer.state
    await storage.close()
    server.close()
