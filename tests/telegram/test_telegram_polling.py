"""The polling edge: what a page is acknowledged by, and what it does when a page cannot be."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from pydantic import SecretStr
from sqlalchemy import select

from channels.telegram.api import BotApi
from channels.telegram.polling import Polling
from core.clock import ManualClock
from core.database import Database
from core.files import FileStore
from core.intake.edge import Intake
from core.intake.model import Ledger
from core.lines.accounts import AccountRef, read_cursor
from core.lines.model import Account
from tests.builders import a_database, an_account


def a_message(number: object, message_id: int = 1) -> dict[str, Any]:
    person = {"id": 777, "is_bot": False, "first_name": "Анна"}
    chat = {"id": 777, "type": "private"}
    message = {
        "message_id": message_id,
        "date": 1_773_651_600,
        "from": person,
        "chat": chat,
        "text": "Здравствуйте",
    }
    return {"update_id": number, "message": message}


@dataclass(slots=True)
class Telegram:
    """A Bot API that holds these updates until an offset beyond their number is asked for."""

    updates: list[Any]
    asked: list[int | None] = field(default_factory=list)
    refuses: int = 0  # with this status, while it is one
    told: list[str | None] = field(default_factory=list)  # what the program was told of the account

    async def answer(self, request: web.Request) -> web.StreamResponse:
        if request.path.endswith("/deleteWebhook"):
            return web.json_response({"ok": True, "result": True})
        offset = (await request.json()).get("offset")
        self.asked.append(offset)
        if self.refuses:
            return web.json_response({"ok": False, "error_code": self.refuses}, status=self.refuses)
        held = [
            update
            for update in self.updates
            if not isinstance(update, dict)
            or type(update.get("update_id")) is not int
            or offset is None
            or update["update_id"] >= offset
        ]
        if not held:
            await asyncio.sleep(30)
        return web.json_response({"ok": True, "result": held})


@asynccontextmanager
async def polled(
    url: str, folder: Path, clock: ManualClock, telegram: Telegram, offset: int | None = None
) -> AsyncIterator[tuple[Database, AccountRef]]:
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", telegram.answer)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()

    async def trouble(_: AccountRef, why: str | None) -> None:
        telegram.told.append(why)
        assert why is None or telegram.refuses

    try:
        async with a_database(url, clock) as db, aiohttp.ClientSession() as session:
            account = await an_account(db)
            api = BotApi(SecretStr("42:x"), f"http://127.0.0.1:{runner.addresses[0][1]}", session)
            intake = Intake(db, FileStore(folder))
            task = asyncio.create_task(Polling(api, account, intake, clock, trouble=trouble).run(offset))
            try:
                yield db, account
            finally:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
                await intake.close()
    finally:
        await runner.cleanup()


async def until(come_true: Callable[[], bool]) -> None:
    for _ in range(2_000):
        if come_true():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it has not come to pass in twenty seconds")


async def ledger(db: Database) -> dict[str, str]:
    query = select(Ledger.external_id, Ledger.state)
    return await db.read(lambda c: {row[0]: str(row[1]) for row in c.execute(query)})


@pytest.mark.parametrize("number", [2**53, 2**63, 2**200, -7, True, 5.0, "5"])
async def test_a_number_no_update_has_moves_nothing_and_what_comes_after_it_is_received(
    number: object, sqlite_url: str, tmp_path: Path, clock: ManualClock
) -> None:
    telegram = Telegram([a_message(number), a_message(5, 2)])
    async with polled(sqlite_url, tmp_path, clock, telegram) as (db, account):
        await until(lambda: len(telegram.asked) >= 2)
        assert telegram.asked[:2] == [None, 6]
        assert await db.read(lambda c: read_cursor(c, account.id)) == {"offset": 6}
        assert (await ledger(db))["5"] == "filed"


async def test_a_page_that_cannot_be_acknowledged_is_filed_once_and_asked_for_again_after_a_pause(
    sqlite_url: str, tmp_path: Path, clock: ManualClock
) -> None:
    telegram = Telegram([a_message(None)])
    async with polled(sqlite_url, tmp_path, clock, telegram) as (db, _):
        for times in range(1, 4):
            await until(lambda times=times: len(telegram.asked) == times and clock.next_wake is not None)
            assert clock.next_wake is not None
            assert clock.next_wake - clock.now() == timedelta(seconds=2 ** (times - 1))
            clock.advance_to(clock.next_wake)
        await until(lambda: len(telegram.asked) == 4 and clock.next_wake is not None)
        assert list((await ledger(db)).values()) == ["parked"]
        telegram.updates = [a_message(8)]  # an ordinary one: on it goes
        clock.advance(timedelta(seconds=60))
        await until(lambda: telegram.asked[-1] == 9)


async def test_an_offset_that_could_never_be_reached_is_forgotten(
    sqlite_url: str, tmp_path: Path, clock: ManualClock
) -> None:
    telegram = Telegram([a_message(5)])
    async with polled(sqlite_url, tmp_path, clock, telegram, offset=2**63 + 1) as (db, _):
        await until(lambda: len(telegram.asked) >= 2)
        assert telegram.asked == [None, 6]
        assert json.dumps(await ledger(db)) == '{"5": "filed"}'


@dataclass(slots=True)
class BeganAnew(Telegram):
    """A server whose numbers are far below the stored offset: it answers such an offset from the head of its queue."""

    async def answer(self, request: web.Request) -> web.StreamResponse:
        if request.path.endswith("/deleteWebhook"):
            return web.json_response({"ok": True, "result": True})
        offset = (await request.json()).get("offset")
        self.asked.append(offset)
        newest = max((update["update_id"] for update in self.updates), default=0)
        if offset <= newest + 1:
            self.updates = [update for update in self.updates if update["update_id"] >= offset]
        if not self.updates:
            await asyncio.sleep(30)
        return web.json_response({"ok": True, "result": self.updates[:100]})


async def test_numbers_that_begin_anew_far_below_are_followed(
    sqlite_url: str, tmp_path: Path, clock: ManualClock
) -> None:
    """After a week of silence Telegram draws one at random, and another server counts for itself.

    https://core.telegram.org/bots/api#update
    """
    telegram = BeganAnew([a_message(1000 + number, number + 1) for number in range(150)])
    async with polled(sqlite_url, tmp_path, clock, telegram, offset=500_000_000) as (db, account):
        await until(lambda: telegram.asked[-1:] == [1150])
        assert telegram.asked == [500_000_000, 1100, 1150]
        assert len(await ledger(db)) == 150
        assert await db.read(lambda c: read_cursor(c, account.id)) == {"offset": 1150}


@dataclass(slots=True)
class Slow(BeganAnew):
    """It takes its time over every page but the first."""

    goes_on: asyncio.Event = field(default_factory=asyncio.Event)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        if self.asked:
            await self.goes_on.wait()
        return await BeganAnew.answer(self, request)


async def test_the_network_has_been_heard_only_when_no_further_page_waits_there(
    sqlite_url: str, tmp_path: Path, clock: ManualClock
) -> None:
    """After an outage the answer of a customer who would else be asked for it may lie on any of them."""
    telegram = Slow([a_message(1000 + number, number + 1) for number in range(150)])
    async with polled(sqlite_url, tmp_path, clock, telegram, offset=1000) as (db, account):

        async def heard() -> datetime | None:
            query = select(Account.last_seen_at).where(Account.id == account.id)
            return await db.read(lambda c: c.execute(query).scalar_one())

        while len(await ledger(db)) < 100:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.01)
        assert (await heard(), telegram.told) == (None, [])
        telegram.goes_on.set()
        await until(lambda: telegram.told == [None])
        assert len(await ledger(db)) == 150


async def test_what_passes_within_a_minute_is_told_to_nobody_and_a_refused_token_at_once(
    sqlite_url: str, tmp_path: Path, clock: ManualClock
) -> None:
    telegram = Telegram([a_message(5)], refuses=502)

    async def pass_time(span: timedelta) -> None:
        end = clock.now() + span
        while clock.now() < end:
            asked = len(telegram.asked)
            await until(lambda: clock.next_wake is not None)
            clock.advance_to(clock.next_wake or end)
            await until(lambda asked=asked: len(telegram.asked) > asked)
        await until(lambda: clock.next_wake is not None)

    async with polled(sqlite_url, tmp_path, clock, telegram):
        await pass_time(timedelta(seconds=30))
        assert telegram.told == []
        await pass_time(timedelta(seconds=60))
        assert set(telegram.told) == {"502 "}
        telegram.told.clear()
        telegram.refuses = 0
        clock.advance_to(clock.next_wake or clock.now())
        await until(lambda: telegram.told == [None])
    telegram = Telegram([], refuses=401)
    async with polled(sqlite_url, tmp_path, clock, telegram):
        await until(lambda: telegram.told == ["token-refused"])
