"""The webhook's other half: what the program is told of an account to which Telegram brings its updates."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta

import aiohttp
import pytest
from aiohttp import web
from pydantic import SecretStr

from channels.telegram.api import BotApi
from channels.telegram.webhook import WATCH, Webhook
from core.clock import ManualClock
from core.lines.accounts import AccountRef
from sandbox.accounts import Bot
from sandbox.faults import HangUp
from sandbox.people import Person
from sandbox.telegram import TelegramSandbox
from tests.posting import until


@dataclass(slots=True)
class Line:
    """Our edge: it takes updates once it is let, and what the program is told of the account."""

    open: asyncio.Event = field(default_factory=asyncio.Event)
    status: int = 200
    came: list[object] = field(default_factory=list)
    told: list[str | None] = field(default_factory=list)

    async def take(self, request: web.Request) -> web.StreamResponse:
        self.came.append(await request.json())
        await self.open.wait()
        return web.Response(status=self.status)

    async def trouble(self, _: AccountRef, why: str | None) -> None:
        self.told.append(why)


@pytest.fixture
async def telegram(clock: ManualClock) -> AsyncIterator[TelegramSandbox]:
    async with TelegramSandbox(now=clock.now, webhook_pace=0.001) as running:
        yield running


@pytest.fixture
def bot(telegram: TelegramSandbox) -> Bot:
    return telegram.add_bot("4200001:TOKEN", "line_bot", "The line")


@pytest.fixture
async def anna(telegram: TelegramSandbox, bot: Bot) -> Person:
    anna = telegram.person(777, "Анна")
    await anna.starts(bot)
    bot.updates.pending.clear()
    return anna


@asynccontextmanager
async def brought_to(
    line: Line, telegram: TelegramSandbox, bot: Bot, clock: ManualClock
) -> AsyncIterator[None]:
    """Telegram brings this bot's updates to the line."""
    application = web.Application()
    application.router.add_post("/hook", line.take)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    async with aiohttp.ClientSession() as session:
        api = BotApi(SecretStr(bot.token), telegram.url, session)
        account = AccountRef(1, 1, "telegram", str(bot.id))
        task = asyncio.create_task(Webhook(api, account, clock, url, "s3cret-_", trouble=line.trouble).run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await runner.cleanup()


async def looked(telegram: TelegramSandbox, clock: ManualClock, times: int) -> None:
    """Until Telegram has been asked how it goes so often, and the asker sleeps."""
    await until(lambda: telegram.counts["getWebhookInfo"] == times and clock.next_wake is not None)


async def test_the_account_is_heard_once_what_was_held_has_been_brought(
    telegram: TelegramSandbox, bot: Bot, anna: Person, clock: ManualClock
) -> None:
    """Before that somebody who has answered during an outage would be taken for silent."""
    await anna.writes(bot, "да, беру")
    line = Line()
    async with brought_to(line, telegram, bot, clock):
        await looked(telegram, clock, 1)
        assert line.told == []
        line.open.set()
        await until(lambda: bot.pending == 0)
        clock.advance(timedelta(seconds=2))
        await until(lambda: bool(line.told))
    assert line.told == [None]


async def test_the_account_is_heard_every_minute(
    telegram: TelegramSandbox, bot: Bot, anna: Person, clock: ManualClock
) -> None:
    """What is to be said two minutes later unless the customer writes would come ten minutes later otherwise."""
    line = Line()
    async with brought_to(line, telegram, bot, clock):
        for times in range(1, 8):
            await until(lambda times=times: len(line.told) == times and clock.next_wake is not None)
            clock.advance(timedelta(minutes=1))
    assert set(line.told) == {None}
    assert telegram.counts["setWebhook"] == 2


async def test_a_line_to_which_something_is_always_on_its_way_is_heard_as_well(
    telegram: TelegramSandbox, bot: Bot, anna: Person, clock: ManualClock
) -> None:
    await anna.writes(bot, "и ещё")
    line, began = Line(), clock.now()
    async with brought_to(line, telegram, bot, clock):
        for times in range(1, 10):
            await looked(telegram, clock, times)
            assert line.told == []
            clock.advance_to(clock.next_wake or clock.now())
        await until(lambda: bool(line.told))
        line.open.set()
    assert line.told == [None]
    assert clock.now() - began < WATCH + timedelta(minutes=1)


async def test_telegram_that_does_not_tell_how_it_goes_has_not_been_heard(
    telegram: TelegramSandbox, bot: Bot, anna: Person, clock: ManualClock
) -> None:
    """It may hold an answer just as well; whoever has written it would be taken for silent."""
    telegram.fail("getWebhookInfo", HangUp(), times=20)
    line = Line()
    line.open.set()
    async with brought_to(line, telegram, bot, clock):
        for times in range(2, 12):
            await until(lambda: clock.next_wake is not None)
            clock.advance_to(clock.next_wake or clock.now())
            await looked(telegram, clock, times)
            assert line.told == []


async def test_what_failed_while_the_program_was_away_is_no_news(
    telegram: TelegramSandbox, bot: Bot, anna: Person, clock: ManualClock
) -> None:
    """Every restart would alarm the admins; what fails from then on does."""
    line = Line(status=502)
    line.open.set()
    async with brought_to(line, telegram, bot, clock):
        await until(lambda: line.told == [None])
        await anna.writes(bot, "кто-нибудь?")
        await until(lambda: len(line.came) > 1)
    clock.advance(timedelta(seconds=30))
    line.status = 200
    async with brought_to(line, telegram, bot, clock):
        await until(lambda: bot.pending == 0)
        clock.advance(timedelta(seconds=2))
        await until(lambda: len(line.told) == 2)
        line.status = 502
        await anna.writes(bot, "опять?")
        await until(lambda: bot.webhook is not None and bot.webhook.last_error is not None)
        clock.advance(WATCH)
        await until(lambda: len(line.told) == 3)
    assert line.told == [None, None, "webhook-failing: Wrong response from the webhook: 502 Bad Gateway"]
