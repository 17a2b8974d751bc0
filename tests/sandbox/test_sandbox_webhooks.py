"""Webhook deliveries over real HTTP to a server that answers as the test wants."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web

from sandbox.accounts import Bot
from sandbox.people import Person
from sandbox.telegram import TelegramSandbox
from tests.sandbox.conftest import BotClient


@dataclass
class Receiver:
    """The bot's own web server."""

    url: str = ""
    received: list[dict[str, Any]] = field(default_factory=list)
    secrets: list[str | None] = field(default_factory=list)
    answers: list[web.Response] = field(default_factory=list)
    arrivals: asyncio.Queue[dict[str, Any]] = field(default_factory=asyncio.Queue)
    handle: Callable[[dict[str, Any]], Awaitable[web.Response]] | None = None

    async def serve(self, request: web.Request) -> web.Response:
        update = await request.json()
        self.received.append(update)
        self.arrivals.put_nowait(update)
        self.secrets.append(request.headers.get("X-Telegram-Bot-Api-Secret-Token"))
        if self.handle is not None:
            return await self.handle(update)
        return self.answers.pop(0) if self.answers else web.Response()

    def texts(self) -> list[str]:
        return [update["message"]["text"] for update in self.received]


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    application = web.Application()
    application.router.add_post("/hook", receiver.serve)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    receiver.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    yield receiver
    await runner.cleanup()


async def test_what_waited_and_what_comes_is_delivered_with_the_secret(
    telegram: TelegramSandbox, client: BotClient, bot: Bot, anna: Person, receiver: Receiver
) -> None:
    await anna.writes(bot, "раньше")
    await client.call("setWebhook", url=receiver.url, secret_token="s3cret_-")
    await anna.writes(bot, "потом")
    await telegram.until(lambda: bot.pending == 0)
    assert receiver.texts() == ["раньше", "потом"]
    assert receiver.secrets == ["s3cret_-", "s3cret_-"]


async def test_a_failed_delivery_is_repeated_and_told_about(
    telegram: TelegramSandbox, client: BotClient, bot: Bot, anna: Person, receiver: Receiver
) -> None:
    receiver.answers = [web.Response(status=500), web.Response(status=503), web.Response(status=404)]
    await client.call("setWebhook", url=receiver.url)
    await anna.writes(bot, "важно")
    await anna.writes(bot, "следом")
    await telegram.until(lambda: bot.pending == 0)
    assert receiver.texts() == ["важно"] * 4 + ["следом"], "the order inside a chat holds"
    info = await client.call("getWebhookInfo")
    assert info["last_error_message"] == "Wrong response from the webhook: 404 Not Found"
    assert info["pending_update_count"] == 0
    assert info["url"] == receiver.url


async def test_a_server_that_is_not_there_gets_everything_when_it_is(
    telegram: TelegramSandbox, client: BotClient, bot: Bot, anna: Person, receiver: Receiver
) -> None:
    await client.call("setWebhook", url="http://127.0.0.1:9/hook")
    await anna.writes(bot, "кто-нибудь?")
    await telegram.until(lambda: bot.webhook is not None and bot.webhook.last_error is not None)
    info = await client.call("getWebhookInfo")
    assert (info["last_error_message"], info["pending_update_count"]) == ("Connection refused", 1)
    await client.call("setWebhook", url=receiver.url)
    await telegram.until(lambda: bot.pending == 0)
    assert receiver.texts() == ["кто-нибудь?"]


async def test_chats_do_not_wait_for_each_other_up_to_max_connections(
    telegram: TelegramSandbox, client: BotClient, bot: Bot, anna: Person, receiver: Receiver
) -> None:
    release = asyncio.Event()
    at_once: list[int] = []
    busy = 0

    async def handle(update: dict[str, Any]) -> web.Response:
        nonlocal busy
        busy += 1
        at_once.append(busy)
        await release.wait()
        busy -= 1
        return web.Response()

    receiver.handle = handle
    people = [telegram.person(first_name=f"P{number}") for number in range(5)]
    await client.call("setWebhook", url=receiver.url, max_connections=3)
    for person in people:
        await person.writes(bot, "раз")
        await person.writes(bot, "два")
    for _ in range(3):
        await receiver.arrivals.get()
    assert receiver.texts() == ["раз"] * 3, "three at once, and nobody's second before their first"
    release.set()
    await telegram.until(lambda: bot.pending == 0)
    assert max(at_once) == 3
    for person in people:
        own = [u["message"]["text"] for u in receiver.received if u["message"]["from"]["id"] == person.id]
        assert own == ["раз", "два"]


async def test_polling_and_a_webhook_exclude_each_other(
    telegram: TelegramSandbox, client: BotClient, bot: Bot, anna: Person, receiver: Receiver
) -> None:
    poll = asyncio.create_task(client.refusal("getUpdates", timeout=30))
    await telegram.until(lambda: bot.updates.is_polled)
    await client.call("setWebhook", url=receiver.url)
    assert await poll == (409, "Conflict: terminated by setWebhook request")
    assert await client.refusal("getUpdates") == (
        409,
        (
            "Conflict: can't use getUpdates method while webhook is active; "
            "use deleteWebhook to delete the webhook first"
        ),
    )
    await client.call("deleteWebhook")
    await anna.writes(bot, "по-старому")
    assert len(await client.call("getUpdates")) == 1
    assert (await client.call("getWebhookInfo"))["url"] == ""
    await client.call("deleteWebhook", drop_pending_updates=True)
    assert await client.call("getUpdates") == []


async def test_an_answer_to_a_delivery_may_be_a_call(
    telegram: TelegramSandbox, client: BotClient, bot: Bot, anna: Person, receiver: Receiver
) -> None:
    receiver.answers = [web.json_response({"method": "sendMessage", "chat_id": 777, "text": "сразу"})]
    await client.call("setWebhook", url=receiver.url)
    await anna.writes(bot, "ответьте")
    await anna.sees(bot, "сразу")
    assert telegram.counts["sendMessage"] == 1


async def test_a_webhook_set_once_more_as_it_is_goes_on_and_remembers_what_failed(
    telegram: TelegramSandbox, client: BotClient, bot: Bot, anna: Person, receiver: Receiver
) -> None:
    receiver.answers = [web.Response(status=500)]
    await client.call("setWebhook", url=receiver.url)
    await anna.writes(bot, "важно")
    await telegram.until(lambda: bot.pending == 0)
    await client.call("setWebhook", url=receiver.url)
    assert (await client.call("getWebhookInfo"))["last_error_message"].endswith("500 Internal Server Error")
    await client.call("setWebhook", url=receiver.url, max_connections=1)
    assert "last_error_message" not in await client.call("getWebhookInfo")
