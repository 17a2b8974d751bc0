"""Files that come, or turn out never to come, after their message was shown: whoever read it is told."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import update

from bot.notices import Notices
from bot.texts import Texts
from core.channel import Cause, Fetched, InboundFile, Postponed, Refused, Sent
from core.clock import ManualClock
from core.conversations import deliveries, files
from core.conversations.model import Attachment, Delivery
from core.conversations.preparing import NoticeRow, Rendered
from core.database import Database
from core.lines.model import Distribution, Line
from core.staff.model import Manager
from tests.builders import a_database, a_manager, a_message, an_account, file
from tests.looking import every
from tests.posting import Network, at_work, pass_time


async def told(database: Database, render: Notices, **facts: bool) -> list[Rendered]:
    """What managers are told of files; with `files=False`, once Telegram has refused them."""
    rows = await every(database, Delivery, Delivery.notice.is_not(None))
    notices = [
        NoticeRow(
            delivery_id=row["id"],
            account_id=row["account_id"],
            manager_id=row["manager_id"],
            kind=row["notice"]["kind"],
            lead_id=row["lead_id"],
            conversation_id=row["conversation_id"],
            facts=row["notice"] | facts,
        )
        for row in rows
        if row["notice"]["kind"] == "files"
    ]
    rendered = [await database.read(partial(render, notice=one)) for one in notices]
    return [one for one in rendered if one is not None]


@pytest.mark.parametrize("is_had", [False, True], ids=["never to come", "late"])
async def test_what_becomes_of_a_file_after_its_message_was_shown_is_told(
    is_had: bool, database_url: str, clock: ManualClock, tmp_path: Path
) -> None:
    async with a_database(database_url, clock) as database:
        line, staff = await an_account(database), await an_account(database, "staff", "2000")
        await a_manager(database)
        contract = InboundFile("document", reference="x", name="договор.pdf")
        await file(database, line, a_message("вот файл", files=(contract,)))
        (wanted,) = await database.transact(lambda tx: files.claim(tx, 10))
        await database.transact(lambda tx: files.settle(tx, [(wanted, Postponed("unavailable"))]))
        network, render = Network(), Notices(Texts(), clock, "Europe/Moscow", staff.id)
        async with at_work(database, {staff.id: network}, tmp_path, renderer=render) as worker:
            await pass_time(clock, timedelta(seconds=5), worker)
        assert "вот файл" in network.texts[0]
        assert await told(database, render) == []
        clock.advance(files.LEASE * 20)
        (wanted,) = await database.transact(lambda tx: files.claim(tx, 10))
        outcome = Fetched("a" * 64, 7) if is_had else Refused(Cause.NOT_FOUND, "expired")
        await database.transact(lambda tx: files.settle(tx, [(wanted, outcome)]))
        (notice,) = await told(database, render)
        (refused,) = await told(database, render, files=False)
    if is_had:
        assert notice.screen.text == "Файлы к лиду № 1, Анна"
        assert [one.path for one in notice.files] == ["a" * 64]
        assert refused.files == ()
        assert refused.screen.text == (
            "Файлы к лиду № 1, Анна\nФайл здесь показать не получилось, попробуйте кнопку «Файлы»."
        )
        labels = [button.text for row in refused.screen.buttons for button in row]
        assert labels == ["📎 Файлы: 1", "Карточка"]
    else:
        assert notice.screen.text == (
            "Файл к лиду № 1 не удалось получить, Анна\n"
            "📎 Файл: договор.pdf (не удалось получить: ссылка устарела)"
        )
        assert [button.text for row in notice.screen.buttons for button in row] == ["Карточка"]
        assert notice.files == ()


@pytest.mark.parametrize("is_free", [False, True], ids=["its manager cannot be written to", "nobody's"])
async def test_a_late_file_of_a_lead_that_nobody_has_or_can_be_told_of_is_shown_to_whoever_is_here(
    is_free: bool, database_url: str, clock: ManualClock, tmp_path: Path
) -> None:
    async with a_database(database_url, clock) as database:
        line, staff = await an_account(database), await an_account(database, "staff", "2000")
        olga, petr = await a_manager(database), await a_manager(database, "Пётр")
        if is_free:
            everybody = update(Line).values(distribution=Distribution.ALL)
            await database.transact(lambda tx: tx.connection.execute(everybody))
        await file(database, line, a_message("вот", files=(InboundFile("video", reference="x"),)))
        (wanted,) = await database.transact(lambda tx: files.claim(tx, 10))
        network, render = Network(), Notices(Texts(), clock, "Europe/Moscow", staff.id)
        async with at_work(database, {staff.id: network}, tmp_path, renderer=render) as worker:
            await pass_time(clock, timedelta(seconds=5), worker)
        if not is_free:
            gone = update(Manager).where(Manager.id == olga.id).values(is_reachable=False)
            await database.transact(lambda tx: tx.connection.execute(gone))
        await database.transact(lambda tx: files.settle(tx, [(wanted, Fetched("a" * 64, 7))]))
        rows = await every(database, Delivery, Delivery.state == "waiting", Delivery.notice.is_not(None))
        readers = {row["manager_id"] for row in rows if row["notice"]["kind"] == "files"}
    assert readers == ({olga.id, petr.id} if is_free else {petr.id})


async def test_a_file_that_comes_while_its_card_is_on_its_way_is_shown_after_it(
    database_url: str, clock: ManualClock
) -> None:
    async with a_database(database_url, clock) as database:
        line, staff = await an_account(database), await an_account(database, "staff", "2000")
        await a_manager(database)
        await file(database, line, a_message("вот", files=(InboundFile("video", reference="x"),)))
        render = Notices(Texts(), clock, "Europe/Moscow", staff.id)
        (wanted,) = await database.transact(lambda tx: files.claim(tx, 10))
        clock.advance(timedelta(seconds=2))
        claimed = await database.transact(lambda tx: deliveries.claim(tx, 10, render))
        await database.transact(lambda tx: files.settle(tx, [(wanted, Fetched("a" * 64, 7))]))
        assert [one.message.files for one in claimed if one.notice] == [()]
        arrived = [(one, Sent((f"{one.id % 1000}",))) for one in claimed]
        await database.transact(lambda tx: deliveries.settle(tx, arrived))
        (late,) = await told(database, render)
    assert [one.path for one in late.files] == ["a" * 64]


async def test_a_refused_token_loses_no_file(database_url: str, clock: ManualClock) -> None:
    async with a_database(database_url, clock) as database:
        line = await an_account(database)
        await a_manager(database)
        contract = InboundFile("document", reference="x", name="a.pdf")
        await file(database, line, a_message("вот", files=(contract,)))
        for _ in range(2 * files.ATTEMPTS):
            (wanted,) = await database.transact(lambda tx: files.claim(tx, 10))
            refused = Refused(Cause.ACCOUNT, "Unauthorized")
            await database.transact(partial(files.settle, results=[(wanted, refused)]))
            clock.advance(files.ACCOUNT_PAUSE)
        (wanted,) = await database.transact(lambda tx: files.claim(tx, 10))
        await database.transact(partial(files.settle, results=[(wanted, Fetched("a" * 64, 7))]))
        (kept,) = await every(database, Attachment)
    assert (kept["state"], kept["attempts"]) == ("stored", 1)


async def test_a_night_without_room_on_the_disk_loses_no_file(database_url: str, clock: ManualClock) -> None:
    async with a_database(database_url, clock) as database:
        line = await an_account(database)
        await a_manager(database)
        await file(database, line, a_message("вот", files=(InboundFile("document", reference="x"),)))
        morning = clock.now() + timedelta(hours=12)
        while clock.now() < morning:
            for wanted in await database.transact(lambda tx: files.claim(tx, 10)):
                full = Postponed("it cannot be kept: No space left on device")
                await database.transact(partial(files.settle, results=[(wanted, full)]))
            clock.advance(timedelta(minutes=10))
        clock.advance(timedelta(hours=1))
        (wanted,) = await database.transact(lambda tx: files.claim(tx, 10))
        await database.transact(partial(files.settle, results=[(wanted, Fetched("a" * 64, 7))]))
        (kept,) = await every(database, Attachment)
    assert kept["state"] == "stored"


async def test_who_is_late_with_a_file_takes_nothing_away(database_url: str, clock: ManualClock) -> None:
    async with a_database(database_url, clock) as database:
        line = await an_account(database)
        await a_manager(database)
        await file(database, line, a_message("вот", files=(InboundFile("document", reference="x"),)))
        (slow,) = await database.transact(lambda tx: files.claim(tx, 10))
        clock.advance(files.LEASE + timedelta(seconds=1))
        (other,) = await database.transact(lambda tx: files.claim(tx, 10))
        for wanted, outcome in ((slow, Fetched("a" * 64, 7)), (other, Refused(Cause.NOT_FOUND, "expired"))):
            await database.transact(partial(files.settle, results=[(wanted, outcome)]))
        (kept,) = await every(database, Attachment)
    assert (kept["state"], kept["error"]) == ("stored", None)
