"""By itself, and under load: what it prints, and what it forgets."""

from __future__ import annotations

import asyncio
import signal
import sys

import aiohttp
import pytest

from sandbox.telegram import TelegramSandbox
from tests.sandbox.conftest import BotClient


async def test_it_runs_by_itself_and_says_where() -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "sandbox", "--port", "0", "--token", "5:T", "--person", "777",
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    url = (await process.stdout.readline()).decode().strip()
    async with aiohttp.ClientSession() as http:
        body = {"chat_id": 777, "text": "x"}
        async with http.post(f"{url}/bot5:T/sendMessage", json=body) as response:
            assert (await response.json())["result"]["message_id"] == 2
    process.send_signal(signal.SIGTERM)
    assert await process.wait() == 0


async def test_a_port_that_is_taken_is_said_in_a_line_and_nothing_is_left_open() -> None:
    async with TelegramSandbox() as first:
        second = TelegramSandbox(port=first.port)
        with pytest.raises(OSError, match="address already in use"):
            await second.start()
        assert second.world.http is None, "its session is closed and gone"
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-W", "always::ResourceWarning", "-m", "sandbox", "--port", str(first.port),
            stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        _, said = await process.communicate()
    assert process.returncode == 1
    assert said.decode() == (
        f"sandbox: 127.0.0.1:{first.port} cannot be listened on: Address already in use\n"
    )


async def test_a_forgetful_sandbox_numbers_on_and_keeps_nothing() -> None:
    async with (
        TelegramSandbox(keep_messages=False, keep_calls=10) as telegram,
        aiohttp.ClientSession() as http,
    ):
        bot = telegram.add_bot("4200001:TOKEN", "line_bot")
        client = BotClient(telegram, bot, http)
        anna = telegram.person(777, "Анна")
        await anna.starts(bot)
        last: dict[str, int] = {}
        for _ in range(30):
            last = await client.call("sendMessage", chat_id=777, text="x")
        await anna.writes(bot, "всё ещё здесь")
        assert last["message_id"] == 31
        assert anna.chat(bot) == []
        assert len(telegram.calls) == 10
        assert telegram.counts["sendMessage"] == 30
        assert len(await client.updates()) == 2
        edited = await client.call("editMessageText", chat_id=777, message_id=31, text="y")
        assert edited["text"] == "y"
        await client.call("sendMessage", chat_id=777, text="x", reply_parameters={"message_id": 1})
        await client.call("deleteMessage", chat_id=777, message_id=1)
        assert await client.refusal("editMessageText", chat_id=777, message_id=99, text="y") == (
            400,
            "Bad Request: message to edit not found",
        )
