"""A line moves from one database to another: everything goes along, or nothing does."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing, redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path

import pytest

from core.clock import ManualClock
from core.database import Database, Transaction
from core.desk import exclusions, work
from core.desk.cards import Card, card_by_number
from core.desk.finding import find
from core.leads.answering import Draft, reply
from openlines.__main__ import EXPORTS, main
from openlines.application import opened
from openlines.ground import run_lock, sqlite_path
from openlines.settings import read_settings
from tests.builders import (
    a_database,
    a_manager,
    a_message,
    an_account,
    an_admin,
    file,
    phone,
    reason_id,
    telegram,
)

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(params=["to PostgreSQL", "to SQLite"])
def urls(request: pytest.FixtureRequest, sqlite_url: str, postgres_url: str) -> tuple[str, str]:
    """The database used so far, and the one to move to; both are migrated and empty."""
    return (sqlite_url, postgres_url) if request.param == "to PostgreSQL" else (postgres_url, sqlite_url)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """One command with a database in its settings; its exit code, output and complaints."""
    for name in [name for name in os.environ if name.startswith("OPENLINES_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("OPENLINES_DATA_DIR", str(tmp_path / "data"))

    def command(url: str, *arguments: str) -> tuple[int, str, str]:
        monkeypatch.setenv("OPENLINES_DATABASE_URL", url)
        with redirect_stdout(StringIO()) as said, redirect_stderr(StringIO()) as complained:
            return main(arguments), said.getvalue(), complained.getvalue()

    return command


async def a_line_at_work(url: str, clock: ManualClock) -> None:
    """Two people wrote; one is answered and noted upon and waits for a follow-up, the other is junk and excluded."""
    async with a_database(url, clock) as database:
        account, site = await an_account(database), await an_account(database, "form", "main")
        olga, admin = await a_manager(database), await an_admin(database)
        reason = await reason_id(database, "spam")
        await file(database, site, a_message("Перезвоните", phone(), fields={"город": "Тверь"}))
        await file(
            database,
            account,
            a_message("Сколько стоит жёлтый ящик по счёту 12/2026? \N{PACKAGE}", telegram(777), phone()),
            a_message("Купите слона", telegram(888001), name="Слон"),
        )

        def worked(tx: Transaction) -> None:
            first, second = (_card(tx, number).id for number in (1, 2))
            reply(tx, olga, first, Draft("500 рублей"))
            work.note(tx, first, olga, "Постоянный клиент")
            work.junk(tx, second, admin, reason, comment="слоны")
            exclusions.add(tx, admin, "888001; слоны\n@spam.example до 31.12.2036")

        await database.transact(worked)


def _card(tx: Transaction, number: int) -> Card:
    card = card_by_number(tx.connection, number, now=tx.now, language_default="ru")
    assert card is not None
    return card


async def _cards(url: str, clock: ManualClock) -> list[Card]:
    async with Database.opened(url, clock=clock) as database:
        cards: list[Card] = await database.transact(lambda tx: [_card(tx, number) for number in (1, 2)])
    return cards


def test_everything_goes_along(urls: tuple[str, str], run: Run, clock: ManualClock) -> None:
    old, new = urls
    asyncio.run(a_line_at_work(old, clock))
    assert run(new, "managers", "list")[0] == 0  # it was started there already, and found nothing
    code, said, complained = run(new, "move", old)
    assert (code, complained) == (0, "")
    assert said.startswith(
        "Moved: 2 leads, 2 people, 5 messages, 0 attachments.\nThe old database is as it was."
    )
    for what in EXPORTS:
        there, here = run(old, "export", what), run(new, "export", what)
        assert here == there
        assert here[1]
    assert asyncio.run(_cards(new, clock)) == asyncio.run(_cards(old, clock))


def test_it_goes_on_where_it_was_left(urls: tuple[str, str], run: Run, clock: ManualClock) -> None:
    old, new = urls
    asyncio.run(a_line_at_work(old, clock))
    assert run(new, "move", old)[0] == 0

    async def goes_on() -> None:
        async with a_database(new, clock) as database:
            account = await an_account(database)
            known, stranger, shut_out = await file(
                database,
                account,
                a_message("А два?", telegram(777)),
                a_message("Здравствуйте", telegram(999), name="Пётр"),
                a_message("Слона?", telegram(888001)),
            )
            found = await database.read(
                lambda connection: find(connection, "желтый ЯЩИК, 12/2026", language="ru")
            )
            assert [one.lead.id for one in found if one.lead] == [known.lead_id]
            assert shut_out.state == "excluded"
            newest = await database.transact(lambda tx: _card(tx, 3))
            assert (newest.id, newest.contact_number) == (stranger.lead_id, 3)

    asyncio.run(goes_on())


def test_a_database_that_is_in_use_keeps_what_it_has(
    urls: tuple[str, str], run: Run, clock: ManualClock
) -> None:
    old, new = urls
    for url in urls:
        asyncio.run(a_line_at_work(url, clock))
    before = run(new, "export", "leads")
    code, said, complained = run(new, "move", old)
    assert (code, said) == (1, "")
    assert (
        complained
        == "openlines: nothing was moved: the new database is in use: there are rows in its table contact\n"
    )
    assert run(new, "export", "leads") == before


def test_a_row_that_is_refused_leaves_nothing_behind(
    sqlite_url: str, postgres_url: str, run: Run, clock: ManualClock
) -> None:
    asyncio.run(a_line_at_work(sqlite_url, clock))
    with closing(sqlite3.connect(sqlite_path(sqlite_url))) as file_, file_:
        file_.execute("UPDATE message SET text = 'a' || char(0) WHERE direction = 'out'")
    code, _, complained = run(postgres_url, "move", sqlite_url)
    assert code == 1
    assert "nothing was moved: the new database refuses a row of message: " in complained
    assert run(postgres_url, "export", "contacts")[1] == ""


def test_a_program_at_work_is_in_the_way(
    sqlite_url: str, postgres_url: str, run: Run, clock: ManualClock
) -> None:
    asyncio.run(a_line_at_work(sqlite_url, clock))
    with run_lock(sqlite_path(sqlite_url)):
        code, _, complained = run(postgres_url, "move", sqlite_url)
    assert code == 2
    assert f"another openlines runs on {sqlite_path(sqlite_url)}" in complained


def test_a_new_database_is_not_begun_while_the_old_one_lies_beside_it(
    sqlite_url: str, postgres_url: str, run: Run, clock: ManualClock, tmp_path: Path
) -> None:
    asyncio.run(a_line_at_work(sqlite_url, clock))
    old = tmp_path / "data" / "openlines.db"
    old.parent.mkdir()
    sqlite_path(sqlite_url).rename(old)
    # A process of its own: a program that serves sets up the log of the whole process.
    given = os.environ | {"OPENLINES_DATABASE_URL": postgres_url}
    command = [sys.executable, "-m", "openlines", "run"]
    started = subprocess.run(command, env=given, capture_output=True, text=True, timeout=60, check=False)
    assert started.returncode == 2
    complained = started.stderr
    assert f"{old} holds 2 leads: `openlines move {old}` takes them along" in complained
    assert "✗ database: PostgreSQL" in (doctor := run(postgres_url, "doctor")[1])
    assert f"`openlines move {old}` takes them along" in doctor
    assert run(postgres_url, "move", str(old))[0] == 0

    async def starts() -> None:
        async with opened(read_settings()):
            pass

    asyncio.run(starts())


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("nowhere.db", "FROM: there is no file nowhere.db"),
        (
            "mysql://u:geheim@h/d",
            "FROM: is an SQLite file, or begins with sqlite+aiosqlite:/// or postgresql",
        ),
        ("postgresql://u:geheim@127.0.0.1:1/line", "nothing was moved: the old database cannot be opened: "),
        ("SAME", "OPENLINES_DATABASE_URL: is where everything is already"),
        ("OLDER", "nothing was moved: the old database is not of this version"),
    ],
)
def test_what_cannot_be_moved_from_is_said(
    sqlite_url: str, run: Run, tmp_path: Path, source: str, said: str
) -> None:
    older = tmp_path / "older.db"
    with closing(sqlite3.connect(older)) as file_:
        file_.execute("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)")
    given = {"SAME": str(sqlite_path(sqlite_url)), "OLDER": str(older)}.get(source, source)
    code, _, complained = run(sqlite_url, "move", given)
    assert code != 0
    assert complained.startswith(f"openlines: {said}")
    assert complained.count("\n") == 1
    assert "geheim" not in complained
