"""A notice that is refused for its files is sent without them; one that is refused in any form is told of."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from bot.notices import Notices
from bot.texts import Texts
from core.channel import Cause, Fetched, InboundFile, Postponed, Refused, Uncertain
from core.clock import ManualClock
from core.conversations import deliveries, files
from core.conversations.model import Delivery
from core.conversations.shown import look_up
from core.database import Database
from core.lines.accounts import AccountRef
from core.staff.managers import Person, set_available
from core.worker import Worker
from tests.builders import a_database, a_manager, a_message, an_account, an_admin, file, telegram
from tests.looking import every, the
from tests.posting import Network, at_work, pass_time

VOICE = InboundFile("voice", reference="voice")
PHOTOS = tuple(InboundFile("photo", reference=f"photo {number}") for number in range(2))
NO_VOICES = Refused(Cause.MALFORMED, "Bad Request: VOICE_MESSAGES_FORBIDDEN")


@asynccontextmanager
async def working(
    database: Database, bot: AccountRef, clock: ManualClock, folder: Path
) -> AsyncIterator[tuple[Network, Worker]]:
    network, render = Network(), Notices(Texts(), clock, "Europe/Moscow", bot.id)
    async with at_work(database, {bot.id: network}, folder, renderer=render) as worker:
        yield network, worker


async def of_kind(database: Database, kind: str) -> list[tuple[int, str]]:
    """Who was to get such a notice, and what became of it."""
    rows = await every(database, Delivery, Delivery.notice.is_not(None))
    return [(row["manager_id"], row["state"]) for row in rows if row["notice"]["kind"] == kind]


def to(person: Person) -> str:
    return str(person.telegram_id)


@pytest.mark.parametrize("cause", [Cause.MALFORMED, Cause.TOO_LARGE])
async def test_a_card_whose_files_are_refused_comes_without_them_and_says_so(
    cause: Cause, database_url: str, clock: ManualClock, tmp_path: Path
) -> None:
    async with a_database(database_url, clock) as database:
        bot, olga = await an_account(database), await a_manager(database)
        async with working(database, bot, clock, tmp_path) as (network, worker):
            network.answers[to(olga)] = [Refused(cause, "no")]
            await file(database, bot, a_message("Послушайте", files=(VOICE,)))
            await pass_time(clock, timedelta(seconds=10), worker)
            (card,) = (message for message in network.sent if message.thread == to(olga))
        assert "Файл здесь показать не получилось, попробуйте кнопку «Файлы»." in card.screen.text
        assert "Послушайте" in card.screen.text
        assert "📎 Файлы: 1" in [button.text for row in card.screen.buttons for button in row]
        assert card.files == ()
        assert await of_kind(database, "new-lead") == [(olga.id, "sent")]


async def test_all_of_a_card_comes_also_where_some_of_its_files_had_come_and_a_reply_to_those_is_understood(
    database_url: str, clock: ManualClock, tmp_path: Path
) -> None:
    async with a_database(database_url, clock) as database:
        bot, olga = await an_account(database), await a_manager(database)
        async with working(database, bot, clock, tmp_path) as (network, worker):
            network.answers[to(olga)] = [Refused(NO_VOICES.cause, NO_VOICES.reason, delivered=("501", "502"))]
            (filed,) = await file(database, bot, a_message("Смотрите", files=(*PHOTOS, VOICE)))
            await pass_time(clock, timedelta(seconds=10), worker)
            (card,) = (message for message in network.sent if message.thread == to(olga))
        assert card.already_sent == ()
        assert "Файлы здесь показать не получилось" in card.screen.text
        about = await database.read(lambda connection: look_up(connection, bot.id, olga.telegram_id, 502))
        assert about is not None
        assert (about.lead_id, about.screen) == (filed.lead_id, None)


async def test_a_card_whose_upload_never_gets_an_answer_comes_without_files_and_holds_up_nothing_for_long(
    database_url: str, clock: ManualClock, tmp_path: Path
) -> None:
    async with a_database(database_url, clock) as database:
        bot, olga = await an_account(database), await a_manager(database)
        async with working(database, bot, clock, tmp_path) as (network, worker):
            late = Uncertain("TimeoutError", delivered=("501",))
            network.answers[to(olga)] = [late, Uncertain("TimeoutError")]
            await file(database, bot, a_message("Смотрите", files=PHOTOS))
            await file(database, bot, a_message("А я другой", telegram(778)))
            await pass_time(clock, timedelta(seconds=30), worker)
            told = [message for message in network.sent if message.thread == to(olga)]
        assert [one.files for one in told] == [(), ()]
        assert "Файлы здесь показать не получилось" in told[0].screen.text
        assert "А я другой" in told[1].screen.text
        about = await database.read(lambda connection: look_up(connection, bot.id, olga.telegram_id, 501))
        assert about is not None
        assert await of_kind(database, "new-lead") == [(olga.id, "sent")] * 2


async def test_what_is_refused_without_files_as_well_is_told_to_the_admins_once(
    database_url: str, clock: ManualClock, tmp_path: Path
) -> None:
    async with a_database(database_url, clock) as database:
        bot, olga, boss = await an_account(database), await a_manager(database), await an_admin(database)
        await database.transact(lambda tx: set_available(tx, person=boss, available=False))
        async with working(database, bot, clock, tmp_path) as (network, worker):
            network.answers[to(olga)] = [
                NO_VOICES,
                Refused(Cause.MALFORMED, "can't parse entities"),
                NO_VOICES,
            ]
            await file(database, bot, a_message("Послушайте", files=(VOICE,)))
            await pass_time(clock, timedelta(minutes=5), worker, leap=timedelta(seconds=10))
            told = network.said_to(to(boss))
            assert len(network.answers[to(olga)]) == 1  # tried twice, and no third time
        assert told == [
            "⚠️ Telegram не принял уведомление о лиде № 1, адресат: Ольга\ncan't parse entities",
        ]
        assert await of_kind(database, "new-lead") == [(olga.id, "refused")]


async def test_a_notice_that_tells_of_a_refused_one_begets_none_when_it_is_refused_itself(
    database_url: str, clock: ManualClock, tmp_path: Path
) -> None:
    async with a_database(database_url, clock) as database:
        bot, boss = await an_account(database), await an_admin(database)
        async with working(database, bot, clock, tmp_path) as (network, worker):
            network.answers[to(boss)] = [Refused(Cause.MALFORMED, "no")] * 9
            await file(database, bot, a_message())
            await pass_time(clock, timedelta(minutes=5), worker, leap=timedelta(seconds=10))
        rows = await every(database, Delivery, Delivery.manager_id == boss.id)
        assert [(row["notice"]["kind"], row["state"]) for row in rows] == [
            ("new-lead", "refused"),
            ("not-shown", "refused"),
        ]


async def test_a_file_that_came_empty_is_not_passed_on_and_called_so(
    database_url: str, clock: ManualClock, tmp_path: Path
) -> None:
    async with a_database(database_url, clock) as database:
        bot, olga = await an_account(database), await a_manager(database)
        async with working(database, bot, clock, tmp_path) as (network, worker):
            empty = InboundFile("document", stored="e" * 64, name="plan.pdf", size=0)
            whole = InboundFile("document", stored="a" * 64, name="draft.pdf", size=7)
            await file(database, bot, a_message("Проект", files=(empty, whole)))
            await pass_time(clock, timedelta(seconds=10), worker)
            (card,) = (message for message in network.sent if message.thread == to(olga))
        assert [one.name for one in card.files] == ["draft.pdf"]
        assert "📎 Файл: plan.pdf (0 байт, показать нечего)" in card.screen.text
        assert (await the(database, Delivery, Delivery.manager_id == olga.id))["attempts"] == 1


async def test_a_notice_that_is_put_off_half_way_brings_the_files_that_have_come_meanwhile(
    database_url: str, clock: ManualClock
) -> None:
    """It is worded anew then, and its parts are others: none is counted off as having arrived."""
    async with a_database(database_url, clock) as database:
        line, staff = await an_account(database), await an_account(database, "staff", "2000")
        olga = await a_manager(database)
        photos = tuple(InboundFile("photo", reference=f"photo {number}") for number in range(3))
        await file(database, line, a_message("Смотрите", files=photos))
        render = Notices(Texts(), clock, "Europe/Moscow", staff.id)
        (first,) = await database.transact(lambda tx: files.claim(tx, 1))
        await database.transact(partial(files.settle, results=[(first, Fetched("a" * 64, 7))]))
        clock.advance(timedelta(seconds=2))
        (half,) = [
            one
            for one in await database.transact(lambda tx: deliveries.claim(tx, 10, render))
            if one.manager_id
        ]
        put_off = Postponed("429", timedelta(seconds=5), delivered=("501",))
        await database.transact(partial(deliveries.settle, results=[(half, put_off)]))
        for place, wanted in enumerate(await database.transact(lambda tx: files.claim(tx, 10))):
            await database.transact(partial(files.settle, results=[(wanted, Fetched(str(place) * 64, 7))]))
        clock.advance(timedelta(seconds=6))
        (again,) = [
            one
            for one in await database.transact(lambda tx: deliveries.claim(tx, 10, render))
            if one.manager_id
        ]
        about = await database.read(lambda c: look_up(c, staff.id, olga.telegram_id, 501))
    assert (len(half.message.files), len(again.message.files)) == (1, 3)
    assert again.message.already_sent == ()
    assert about is not None
    assert about.conversation_id == half.conversation_id
