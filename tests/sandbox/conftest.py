"""A Telegram on this machine, a bot in it, and a plain HTTP client in the bot's place."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from core.clock import ManualClock
from sandbox.accounts import Bot
from sandbox.people import Person
from sandbox.telegram import TelegramSandbox


class BotClient:
    """What a bot's program does, without a library: calls methods and reads the answers."""

    def __init__(self, telegram: TelegramSandbox, bot: Bot, http: aiohttp.ClientSession) -> None:
        self.bot = bot
        self.http = http
        self.url = f"{telegram.url}/bot{bot.token}"

    async def answer(self, method: str, **params: Any) -> dict[str, Any]:
        """The whole envelope; its status must be Telegram's."""
        async with self.http.post(f"{self.url}/{method}", json=params) as response:
            answer: dict[str, Any] = await response.json()
            assert response.status == (200 if answer["ok"] else answer["error_code"])
            return answer

    async def call(self, method: str, **params: Any) -> Any:
        """The result of a call that must succeed."""
        answer = await self.answer(method, **params)
        assert answer["ok"], answer
        return answer["result"]

    async def refusal(self, method: str, **params: Any) -> tuple[int, str]:
        """Why a call is refused; it must be."""
        answer = await self.answer(method, **params)
        assert not answer["ok"], answer
        return answer["error_code"], answer["description"]

    async def updates(self, **params: Any) -> list[dict[str, Any]]:
        """What waits, and acknowledge it."""
        found: list[dict[str, Any]] = await self.call("getUpdates", **params)
        if found:
            await self.call("getUpdates", offset=found[-1]["update_id"] + 1, limit=1)
        return found


@pytest.fixture
async def telegram(clock: ManualClock) -> AsyncIterator[TelegramSandbox]:
    async with TelegramSandbox(now=clock.now, webhook_pace=0.001) as running:
        yield running


@pytest.fixture
def bot(telegram: TelegramSandbox) -> Bot:
    return telegram.add_bot("4200001:TOKEN", "line_bot", "The line")


@pytest.fixture
async def client(telegram: TelegramSandbox, bot: Bot) -> AsyncIterator[BotClient]:
    async with aiohttp.ClientSession() as http:
        yield BotClient(telegram, bot, http)


@pytest.fixture
async def anna(telegram: TelegramSandbox, bot: Bot, client: BotClient) -> Person:
    """Somebody who has started the bot; the bot has read that."""
    anna = telegram.person(777, "Анна", username="anna", phone="+79991234567")
    await anna.starts(bot)
    await client.updates()
    return anna
