"""The whole program in this process, with its own clock and edges: what a setting changes, and what goes wrong."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from pydantic import SecretStr
from sqlalchemy import func, select
from structlog.testing import capture_logs

from core.clock import SystemClock
from core.intake.model import Ledger
from core.leads.model import Lead
from core.migrations import migrate
from openlines.application import PARTS, PartFailed, Program, opened
from openlines.ground import secret_key
from openlines.settings import Bot, Form, Http, Settings, Telegram
from sandbox.faults import Refuse, server_error
from sandbox.telegram import TelegramSandbox
from tests.processes.running import ADMIN, LINE, STAFF
from tests.servers.postgres import PostgresServer
from tests.servers.process import NotAvailable, free_port
from tests.servers.redis import RedisServer

pytestmark = pytest.mark.timeout(240)
SOON = 60.0  # seconds


@pytest.fixture
async def telegram() -> AsyncIterator[TelegramSandbox]:
    async with TelegramSandbox(webhook_pace=0.05) as running:
        running.add_bot(LINE, "line_bot")
        running.add_bot(STAFF, "staff_bot")
        yield running


def settings_of(folder: Path, telegram: TelegramSandbox, **more: Any) -> Settings:
    bot = {"token": SecretStr(LINE), "api_url": telegram.url, **more.pop("bot_settings", {})}
    return Settings.model_validate(
        {
            "data_dir": folder,
            "admins": [ADMIN],
            "http": Http(port=0),
            "telegram": Telegram(**bot),
            **more,
        }
    )


class BrokenClock(SystemClock):
    """Nobody who sleeps on it wakes."""

    async def sleep_until(self, moment: datetime) -> None:
        raise ZeroDivisionError("a bug")


@asynccontextmanager
async def running(settings: Settings, parts: tuple[str, ...] = PARTS) -> AsyncIterator[Program]:
    """The program serves until the end of the block."""
    async with opened(settings, parts) as program:
        serving = asyncio.create_task(program.run())
        try:
            await asyncio.wait_for(program.ready.wait(), SOON)
            yield program
        finally:
            program.stop()
            await serving


async def set_webhook(telegram: TelegramSandbox) -> None:
    """Another installation wants the updates of the line's bot, where nobody listens."""
    url = {"url": f"http://127.0.0.1:{free_port()}/telegram"}
    async with (
        aiohttp.ClientSession() as http,
        http.post(f"{telegram.url}/bot{LINE}/setWebhook", json=url) as answer,
    ):
        assert answer.status == 200


async def eventually(happens: Callable[[], bool]) -> None:
    """Wait for what the program says or does by itself, of which nobody tells us."""
    async with asyncio.timeout(SOON):
        while not happens():  # noqa: ASYNC110 - it is only in the log
            await asyncio.sleep(0.01)


async def test_managers_with_a_bot_of_their_own_never_meet_the_customers(
    tmp_path: Path, telegram: TelegramSandbox
) -> None:
    line, staff = telegram.world.bots[LINE], telegram.world.bots[STAFF]
    irina, anna = telegram.person(ADMIN, "Ирина"), telegram.person(777, "Анна")
    async with running(settings_of(tmp_path, telegram, bot=Bot(token=SecretStr(STAFF)))) as program:
        await irina.starts(staff)
        await irina.sees(staff, "администратор", timeout=SOON)
        await anna.writes(line, "Сколько стоит доставка?")
        card = await irina.sees(staff, "Сколько стоит доставка?", timeout=SOON)
        await irina.writes(staff, "Триста рублей", reply_to=card)
        await anna.sees(line, "Триста рублей", timeout=SOON)
        await anna.writes(staff, "А это кто?")  # a stranger who has found the managers' bot
        await telegram.until(lambda: not staff.updates.pending, SOON)
        # The admin as a customer of the line is a customer.
        await irina.writes(line, "Проверка")
        await irina.sees(line, "Ирина", timeout=SOON)
        count = select(func.count()).select_from(Lead)
        assert await program.db.read(lambda c: c.execute(count).scalar_one()) == 2
    assert not irina.chat(line)[0].buttons
    assert all("Триста" not in message.text or message.sender is irina for message in irina.chat(staff)[:-1])


async def test_by_webhook_a_customer_is_heard_answered_and_nobody_else_is_believed(
    tmp_path: Path, telegram: TelegramSandbox
) -> None:
    port = free_port()
    settings = settings_of(
        tmp_path,
        telegram,
        http=Http(port=port),
        public_url=f"http://127.0.0.1:{port}/",
        bot=Bot(token=SecretStr(STAFF)),
        bot_settings={"mode": "webhook", "secret": SecretStr("s3cret-_")},
    )
    line, staff = telegram.world.bots[LINE], telegram.world.bots[STAFF]
    irina, anna = telegram.person(ADMIN, "Ирина"), telegram.person(777, "Анна")
    telegram.fail("setWebhook", Refuse(500, "Internal Server Error"))  # the first time; it asks again
    async with running(settings):
        await telegram.until(lambda: line.webhook, SOON)
        assert line.webhook is not None
        assert line.webhook.url == f"http://127.0.0.1:{port}/lines/main/telegram"
        await irina.starts(staff)
        await irina.sees(staff, "администратор", timeout=SOON)
        await anna.writes(line, "Сколько стоит доставка?")
        card = await irina.sees(staff, "Сколько стоит доставка?", timeout=SOON)
        await irina.writes(staff, "Триста рублей", reply_to=card)
        await anna.sees(line, "Триста рублей", timeout=SOON)
        assert not [call for call in telegram.calls_of("getUpdates") if call.bot is line]
        async with (
            aiohttp.ClientSession() as http,
            http.post(line.webhook.url, json={"update_id": 1}, headers={}) as answer,
        ):
            assert answer.status == 401
    # While it is stopped Telegram keeps what comes, and brings it when it is back.
    await anna.writes(line, "Вы ещё работаете?")
    async with running(settings):
        await telegram.until(lambda: not line.updates.pending, SOON)
    async with running(settings_of(tmp_path, telegram, bot=Bot(token=SecretStr(STAFF)))) as program:
        # Back to polling: the webhook is taken away, or every poll would be a conflict.
        await anna.writes(line, "И ещё")
        await telegram.until(lambda: not line.updates.pending and line.webhook is None, SOON)
        query = select(func.count()).select_from(Ledger).where(Ledger.state == "filed")
        assert await program.db.read(lambda c: c.execute(query).scalar_one()) == 3


async def test_the_hidden_field_of_the_settings_catches_machines_however_it_is_written(
    tmp_path: Path, telegram: TelegramSandbox
) -> None:
    form = Form(key=SecretStr("key"), honeypot=["Fax_Number"])
    async with running(settings_of(tmp_path, telegram, form=form)) as program, aiohttp.ClientSession() as web:
        url = f"http://127.0.0.1:{program.port}/lines/main/form"
        for field in ("fax_number", "Fax_Number", "city"):
            sent = {"message": "Сколько стоит?", field: "1"}
            async with web.post(url, json=sent, headers={"X-Form-Key": "key"}) as answer:
                assert answer.status == 202
        states = select(Ledger.state).order_by(Ledger.id)
        assert await program.db.read(lambda c: list(c.scalars(states))) == ["ignored", "ignored", "filed"]


async def test_a_webhook_left_behind_is_taken_away_though_telegram_is_unwell_at_first(
    tmp_path: Path, telegram: TelegramSandbox
) -> None:
    line, irina, anna = (
        telegram.world.bots[LINE],
        telegram.person(ADMIN, "Ирина"),
        telegram.person(777, "Анна"),
    )
    await set_webhook(telegram)
    await anna.writes(line, "Вы уже работаете?")  # nobody is there to take it
    telegram.fail("deleteWebhook", server_error())
    async with running(settings_of(tmp_path, telegram)):
        await anna.sees(line, "Анна", timeout=SOON)
        await irina.starts(line)
        await irina.sees(line, "администратор", timeout=SOON)
        assert line.webhook is None

        # Another installation sets one: that is no program that polls, and it is taken away, too.
        await set_webhook(telegram)
        await anna.writes(line, "А завтра?")
        await irina.sees(line, "включён вебхук", timeout=SOON)
        await irina.sees(line, "А завтра?", timeout=SOON)
    assert all("опрашивает" not in message.text for message in irina.chat(line))


async def test_a_part_that_breaks_stops_all_of_them_in_order_and_is_named(
    tmp_path: Path, telegram: TelegramSandbox
) -> None:
    line, anna = telegram.world.bots[LINE], telegram.person(777, "Анна")
    async with opened(settings_of(tmp_path, telegram)) as program:
        program.clock = BrokenClock()
        telegram.world.bots.pop(LINE)  # so the edge wants to wait a moment, and its clock is broken
        with capture_logs() as said, pytest.raises(PartFailed, match=r"^web has failed: ZeroDivisionError: "):
            await asyncio.wait_for(program.run(), SOON)
        assert [one["part"] for one in said if one["event"].startswith("a part has failed")] == ["web"]
    telegram.world.bots[LINE] = line
    async with running(settings_of(tmp_path, telegram)):
        await anna.writes(line, "Здравствуйте")
        await anna.sees(line, "Анна", timeout=SOON)


async def test_the_program_outlives_its_database(tmp_path: Path, telegram: TelegramSandbox) -> None:
    try:
        server = PostgresServer()
    except NotAvailable as reason:
        pytest.skip(str(reason))
    line, irina, anna = (
        telegram.world.bots[LINE],
        telegram.person(ADMIN, "Ирина"),
        telegram.person(777, "Анна"),
    )
    with server:
        url = server.url(server.create_database())
        await migrate(url)
        async with running(settings_of(tmp_path, telegram, database_url=url)) as program:
            await irina.starts(line)
            await irina.sees(line, "администратор", timeout=SOON)
            await anna.writes(line, "Раз")
            card = await irina.sees(line, "Раз", timeout=SOON)
            with capture_logs() as said:

                def times(event: str) -> int:
                    return sum(one["event"] == event for one in said)

                server.stop()
                await anna.writes(line, "Два")
                await irina.writes(line, "Отвечаю", reply_to=card)
                # The bot, and the worker with all it looks after, have missed it; so has the edge that would file.
                await eventually(lambda: times("the database cannot be used") == 2)
                await eventually(lambda: times("a page cannot be filed") > 0)
                assert len(line.updates.pending) == 2, "nothing is acknowledged that is not filed"
                server.start()
                await irina.sees(line, "Два", timeout=SOON)
                await anna.sees(line, "Отвечаю", timeout=SOON)
                assert not program.stopping.is_set()
    assert [message.text for message in anna.chat(line)].count("Отвечаю") == 1
    (first, *_) = (one for one in said if one["event"] == "the database cannot be used")
    assert first["setting"] == "OPENLINES_DATABASE_URL"
    assert first["why"]
    assert times("the database cannot be used") == times("the database is back") == 2
    assert not [one for one in said if one.get("exc_info")], "an outage is a line, not a traceback"


async def test_without_redis_a_dialog_is_refused_in_words_and_a_reply_still_goes_out(
    tmp_path: Path, telegram: TelegramSandbox, redis_server: RedisServer
) -> None:
    line, irina, anna = (
        telegram.world.bots[LINE],
        telegram.person(ADMIN, "Ирина"),
        telegram.person(777, "Анна"),
    )
    redis_server.stop()  # away from the very start
    async with running(settings_of(tmp_path, telegram, redis_url=SecretStr(redis_server.url))):
        await irina.starts(line)
        await irina.sees(line, "администратор", timeout=SOON)
        await anna.writes(line, "Сколько стоит доставка?")
        card = await irina.sees(line, "Сколько стоит доставка?", timeout=SOON)
        answer = await irina.taps(card, "Ответить")
        assert answer.text
        assert "Redis" not in answer.text
        await irina.writes(line, "Триста рублей", reply_to=card)
        await anna.sees(line, "Триста рублей", timeout=SOON)
        redis_server.start()
        answer = await irina.taps(card, "Ответить")
        await irina.writes(line, "И бесплатно от тысячи")
        await anna.sees(line, "И бесплатно от тысячи", timeout=SOON)


async def test_a_program_with_nothing_to_serve_says_what_is_missing(tmp_path: Path) -> None:
    with capture_logs() as said:
        async with running(Settings(data_dir=tmp_path, http=Http(port=0))):
            pass
    assert [one["event"] for one in said if one["log_level"] == "warning"] == [
        "OPENLINES_TELEGRAM__TOKEN is not set: there is no bot for customers or managers"
    ]


def test_the_key_that_signs_is_made_once_and_is_nobody_elses_to_read(tmp_path: Path) -> None:
    keys = {secret_key(Settings(data_dir=tmp_path)) for _ in range(3)}
    assert len(keys) == 1
    assert (tmp_path / "secret.key").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["secret.key"]
    assert secret_key(Settings(data_dir=tmp_path, secret_key=SecretStr("given"))) == b"given"
