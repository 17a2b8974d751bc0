"""What cannot be filed stands alone, whole, until it can; what is kept raw is kept as long as the settings say."""

from __future__ import annotations

import asyncio
import json
import os
from dataclasses import replace
from datetime import UTC, timedelta
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import text

from channels.form.inbound import normalise as normalise_form
from core.channel import InboundMessage, Received, Unreadable
from core.clock import ManualClock
from core.conversations.model import Delivery, Message
from core.database import Database, Transaction
from core.files import FileStore
from core.housekeeping import Retention, sweep
from core.intake import parked
from core.intake.booking import INLINE_RAW
from core.intake.edge import Intake
from core.intake.model import Ledger, LedgerRaw
from core.leads.model import Lead
from core.lines.accounts import AccountRef, read_cursor
from core.staff.model import StaffUpdate
from openlines.refiling import refile
from openlines.settings import Settings
from tests.builders import (
    NOON,
    a_database,
    a_manager,
    a_message,
    an_account,
    an_admin,
    an_update,
    file,
    telegram,
)
from tests.looking import book, counted, every, the
from tests.servers.postgres import PostgresServer


def poisoned(received: Received) -> Received:
    """Understood, and yet no database can keep it: a lone surrogate, which a bug of ours let through."""
    assert isinstance(received.understood, InboundMessage)
    return replace(received, understood=replace(received.understood, text="\ud83d"))


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path)


async def test_a_poisoned_message_is_parked_alone_and_the_rest_of_its_page_is_filed(
    database_url: str, clock: ManualClock, tmp_path: Path
) -> None:
    async with a_database(database_url, clock) as database:
        bot = await an_account(database)
        await an_admin(database)
        intake = Intake(database, FileStore(tmp_path))
        page = [an_update(n, f"{n}", user=n) for n in range(1, 12)]
        page[4], page[5] = poisoned(page[4]), poisoned(page[5])
        filed = await intake.take(bot, page, cursor={"offset": 12})
        cursor = await database.read(lambda c: read_cursor(c, bot.id))
        held = await database.read(parked.parked)
        raw = await database.read(lambda c: parked.raw(c, filed[4].ledger_id))
        told = [
            row["notice"]["kind"] for row in await every(database, Delivery, Delivery.notice.is_not(None))
        ]
        assert (await book(database)).is_even
        assert (await counted(database)).leads == 9
    assert [one.state for one in filed] == ["filed"] * 4 + ["parked"] * 2 + ["filed"] * 5
    assert cursor == {"offset": 12}
    assert [entry.external_id for entry in held.entries] == ["5", "6"]
    assert "surrogates not allowed" in (held.entries[0].reason or "")
    assert raw is not None
    assert raw.body == page[4].raw
    assert told.count("parked") == 1  # the admins hear of it once, not per message


async def test_a_poisoned_post_fails_nobody_who_posted_at_the_same_moment(
    database_url: str, clock: ManualClock, tmp_path: Path
) -> None:
    async with a_database(database_url, clock) as database:
        form = await an_account(database, "form", "main")
        intake = Intake(database, FileStore(tmp_path))
        posts = [a_message(f"{n}", telegram(n)) for n in range(9)]
        posts[3] = poisoned(posts[3])
        filed = await asyncio.gather(*(intake.file(form, post) for post in posts))
        await intake.close()
    assert [one.state for one in filed] == ["filed"] * 3 + ["parked"] + ["filed"] * 5


async def test_what_was_parked_is_filed_when_it_is_taken_again_and_the_book_stays_even(
    database_url: str, clock: ManualClock, tmp_path: Path, settings: Settings
) -> None:
    store = FileStore(tmp_path / "files")
    async with a_database(database_url, clock) as database:
        bot = await an_account(database)
        intake = Intake(database, store)
        (entry,) = await intake.take(bot, [poisoned(an_update(1, "Сколько стоит?"))])
        (noise,) = await intake.take(bot, [Received("odd", b"{]", Unreadable("not JSON"))])
        clock.advance(timedelta(days=2))  # the cause is mended
        filed = await refile(database, store, settings, entry.ledger_id)
        again = await refile(database, store, settings, entry.ledger_id)
        still = await refile(database, store, settings, noise.ledger_id)
        nothing = await refile(database, store, settings, 12345)
        balance = await book(database)
        message = await the(database, Message)
        found = await counted(database)
        known = await file(database, bot, an_update(1, "Сколько стоит?"))
    assert filed is not None
    assert filed.state == "filed"
    assert again is None
    assert still is not None
    assert still.state == "parked"
    assert nothing is None
    assert (message["text"], message["sent_at"]) == ("Сколько стоит?", NOON)
    assert (found.leads, found.said) == (1, 0)  # two days old: it is not confirmed
    assert (balance.received, balance.filed, balance.parked, balance.is_even) == (2, 1, 1, True)
    assert known[0].state == "duplicate"


async def test_a_manager_who_tries_out_the_line_beside_a_bot_of_the_managers_is_a_customer_later_too(
    database_url: str, clock: ManualClock, tmp_path: Path, settings: Settings
) -> None:
    store = FileStore(tmp_path / "files")
    async with a_database(database_url, clock) as database:
        bot, olga = await an_account(database), await a_manager(database)
        await an_account(database, "staff", "2000")
        update = poisoned(an_update(1, "Проверка связи", user=olga.telegram_id))
        (entry,) = await Intake(database, store).take(replace(bot, serves_staff=False), [update])
        filed = await refile(database, store, settings, entry.ledger_id)
        waiting = await every(database, StaffUpdate)
    assert filed is not None
    assert (filed.state, waiting) == ("filed", [])  # nobody takes what waits in this bot for managers


async def test_two_who_take_the_same_entry_again_at_once_file_it_once(
    database_url: str, clock: ManualClock, tmp_path: Path, settings: Settings
) -> None:
    store = FileStore(tmp_path / "files")
    async with (
        a_database(database_url, clock) as one,
        Database.opened(database_url, clock=clock) as other,
    ):
        bot = await an_account(one)
        (entry,) = await Intake(one, store).take(bot, [poisoned(an_update(1, "Сколько стоит?"))])
        await asyncio.gather(
            *(refile(db, store, settings, entry.ledger_id) for db in (one, other) for _ in range(3))
        )
        found = await counted(one)
        balance = await book(one)
    assert (found.messages, found.leads) == (1, 1)
    assert (balance.filed, balance.parked, balance.is_even) == (1, 0, True)


async def test_a_form_taken_again_is_as_old_as_it_is(
    sqlite_url: str, clock: ManualClock, tmp_path: Path, settings: Settings
) -> None:
    store = FileStore(tmp_path / "files")
    async with a_database(sqlite_url, clock) as database:
        form = await an_account(database, "form", "main")
        post = normalise_form(
            b'{"phone": "8 916 123-45-67", "message": "\\u0442\\u0443\\u0442"}', "application/json", NOON
        )
        (entry,) = await Intake(database, store).take(form, [poisoned(post)])
        clock.advance(timedelta(days=2))
        filed = await refile(database, store, settings, entry.ledger_id)
        message = await the(database, Message)
    assert filed is not None
    assert filed.state == "filed"
    assert (message["text"], message["sent_at"]) == ("тут", NOON)


async def test_while_the_database_is_away_nothing_is_taken_and_afterwards_everything_is(
    postgres_url: str, postgres: PostgresServer, clock: ManualClock, tmp_path: Path
) -> None:
    async with a_database(postgres_url, clock) as database:
        bot = await an_account(database)
        intake = Intake(database, FileStore(tmp_path))
        page = [an_update(n, f"{n}") for n in range(1, 6)]
        await intake.take(bot, page[:2], cursor={"offset": 3})
        postgres.stop()
        try:
            with pytest.raises(Exception):  # noqa: B017, PT011 - that it raises is what keeps the edge from acknowledging
                await intake.take(bot, page, cursor={"offset": 6})
        finally:
            postgres.start()
        filed = await intake.take(bot, page, cursor={"offset": 6})
        balance = await book(database)
    assert [one.state for one in filed] == ["duplicate"] * 2 + ["filed"] * 3
    assert (balance.parked, balance.is_even) == (0, True)


async def test_a_full_disk_takes_nothing_and_parks_nothing(
    sqlite_url: str, clock: ManualClock, tmp_path: Path
) -> None:
    async with a_database(sqlite_url, clock) as database:
        bot = await an_account(database)
        intake = Intake(database, FileStore(tmp_path))
        pages = await database.transact(_no_more_room)
        with pytest.raises(Exception, match="full"):
            await _take_page_after_page(intake, bot)
        await database.transact(partial(_room, pages=pages + 10_000))
        cursor = await database.read(lambda c: read_cursor(c, bot.id)) or {"offset": 1}
        page = [an_update(cursor["offset"], "снова", user=cursor["offset"])]
        (filed,) = await intake.take(bot, page)
        balance = await book(database)
    assert filed.state == "filed"
    assert (balance.parked, balance.is_even) == (0, True)


async def _take_page_after_page(intake: Intake, bot: AccountRef) -> None:
    for n in range(1, 200):
        await intake.take(bot, [an_update(n, "длинно " * 500, user=n)], cursor={"offset": n + 1})


def _no_more_room(tx: Transaction) -> int:
    pages = int(tx.connection.exec_driver_sql("PRAGMA page_count").scalar_one())
    _room(tx, pages + 40)
    return pages


def _room(tx: Transaction, pages: int) -> None:
    tx.connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")


# --- raw ------------------------------------------------------------------------------------------


async def test_raw_input_is_kept_for_its_time_and_what_is_parked_until_it_is_taken_again(
    database_url: str, clock: ManualClock, tmp_path: Path
) -> None:
    store = FileStore(tmp_path)
    retention = Retention(raw=timedelta(days=30))
    async with a_database(database_url, clock) as database:
        bot = await an_account(database)
        await file(database, bot, a_message(), Received("odd", b"?", Unreadable("no idea")))
        clock.advance(timedelta(days=20))
        await file(database, bot, a_message())
        clock.advance(timedelta(days=10, seconds=1))
        removed = await database.transact(partial(sweep, retention, store))
        nothing = await database.transact(partial(sweep, retention, store))
        left = {row["ledger_id"] for row in await every(database, LedgerRaw)}
        entries = await every(database, Ledger)
    assert (removed, nothing) == (1, 0)
    assert left == {entries[1]["id"], entries[2]["id"]}
    assert len(entries) == 3  # the book itself is for ever


async def test_large_raw_input_lies_in_the_store_compressed_and_goes_with_its_last_entry(
    database_url: str, clock: ManualClock, tmp_path: Path
) -> None:
    store = FileStore(tmp_path / "files")
    large = json.dumps({"text": "ы" * INLINE_RAW}).encode()
    retention = Retention(raw=timedelta(days=30))
    async with a_database(database_url, clock) as database:
        bot = await an_account(database)
        intake = Intake(database, store)
        posts = [replace(a_message("много", telegram(n)), raw=large) for n in range(2)]
        (first,) = await intake.take(bot, posts[:1])
        kept = await the(database, LedgerRaw)
        path = store.path(kept["sha256"])
        entry = await database.read(lambda c: parked.raw(c, first.ledger_id))
        assert entry is not None
        assert entry.read(store) == large
        assert path.stat().st_size < len(large) / 10
        assert kept["body"] is None
        clock.advance(timedelta(days=20))
        await intake.take(bot, posts[1:])  # the same bytes once more
        for days, left in ((11, True), (20, False)):
            clock.advance(timedelta(days=days))
            _make_old(path)
            await database.transact(partial(sweep, retention, store))
            assert path.exists() is left
        assert await every(database, LedgerRaw) == []
        assert (
            await database.read(lambda c: c.execute(text("SELECT count(*) FROM ledger")).scalar_one())
        ) == 2
        assert (await every(database, Lead))[0]["created_at"].tzinfo is UTC


def _make_old(path: Path) -> None:
    os.utime(path, (0, 0))


async def test_a_file_that_is_kept_anew_at_this_moment_is_not_swept_away(tmp_path: Path) -> None:
    store = FileStore(tmp_path)
    kept = await store.put(b"the same bytes")
    _make_old(store.path(kept.sha256))
    await store.put(b"the same bytes")
    store.forget([kept.sha256], unused_since=NOON)
    assert store.load(kept.sha256) == b"the same bytes"
    _make_old(store.path(kept.sha256))
    store.forget([kept.sha256], unused_since=NOON)
    assert not store.path(kept.sha256).exists()
    store.forget([kept.sha256], unused_since=NOON)


async def test_neither_the_log_nor_the_admins_are_shown_the_words_that_could_not_be_kept(
    database_url: str, clock: ManualClock, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with a_database(database_url, clock) as database:
        bot = await an_account(database)
        bad = poisoned(an_update(1, "?"))
        assert isinstance(bad.understood, InboundMessage)
        bad = replace(bad, understood=replace(bad.understood, text="номер карты \ud83d"))
        entry, _ = await Intake(database, FileStore(tmp_path)).take(bot, [bad, an_update(2, "номер карты")])
        held = await the(database, Ledger, Ledger.id == entry.ledger_id)
    printed = "".join(capsys.readouterr())
    assert "a message is parked" in printed
    assert "номер" not in printed
    assert "surrogates not allowed" in held["reason"]
    assert "номер" not in held["reason"]
