"""Reading and sending are well or ill each for itself, whichever process looks after it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import SecretStr
from sqlalchemy import select, update

from core.automation.model import Robot
from core.clock import ManualClock
from core.conversations.model import Delivery
from core.conversations.notices import tell_trouble
from core.database import Database
from core.desk.accounts import accounts
from core.housekeeping import tell_silence
from core.lines.accounts import LISTENER, MAILBOX, SENDING, SILENT
from core.migrations import migrate
from openlines.application import Program, opened
from openlines.settings import Email, Http, Settings, Telegram
from tests.builders import a_database, an_account, an_admin
from tests.mail.mail_line import ADDRESS, a_letter, eventually
from tests.posting import Network, at_work, pass_time
from tests.servers.imap import ImapServer
from tests.servers.smtp import SmtpServer


async def told(db: Database) -> list[tuple[str, str, str | None]]:
    """What the admins were told: the kind, the part, the reason."""
    query = select(Delivery.notice).where(Delivery.notice.is_not(None)).order_by(Delivery.id)
    notices = await db.read(lambda c: [row[0] for row in c.execute(query)])
    return [
        (one["kind"], one["part"], one.get("why")) for one in notices if one["kind"].startswith("account-")
    ]


async def test_one_direction_says_nothing_about_the_other(database_url: str, clock: ManualClock) -> None:
    async with a_database(database_url, clock) as database:
        await an_account(database)  # the managers' bot
        await an_admin(database)
        mail = await an_account(database, "email", ADDRESS)

        async def says(why: str | None, part: str | None) -> None:
            clock.advance(timedelta(minutes=1))
            await database.transact(lambda tx: tell_trouble(tx, mail.id, why, part))

        async def trouble() -> str | None:
            (found,) = [one for one in await database.read(accounts) if one.id == mail.id]
            assert (found.trouble is None) == (found.trouble_since is None)
            return found.trouble

        for _ in range(3):
            await says("smtp.example.com: 535", SENDING)
            await says(None, MAILBOX)
        await says("token-refused", None)  # the outcome of that same attempt to send
        await says("imap.example.com: it does not answer", MAILBOX)
        assert (
            await trouble() == "sending: smtp.example.com: 535; mailbox: imap.example.com: it does not answer"
        )
        await says(None, SENDING)
        assert await trouble() == "mailbox: imap.example.com: it does not answer"
        await says(None, LISTENER)
        await says(None, MAILBOX)
        assert await trouble() is None
        assert await told(database) == [
            ("account-trouble", SENDING, "smtp.example.com: 535"),
            ("account-trouble", MAILBOX, "imap.example.com: it does not answer"),
            ("account-well", SENDING, None),
            ("account-well", MAILBOX, None),
        ]


async def test_silence_is_broken_by_what_comes_in_and_not_by_what_goes_out(
    database_url: str, clock: ManualClock
) -> None:
    async with a_database(database_url, clock) as database:
        await an_account(database)
        await an_admin(database)
        mail = await an_account(database, "email", ADDRESS)
        await database.transact(lambda tx: tell_trouble(tx, mail.id, None, MAILBOX))
        await database.transact(lambda tx: tell_trouble(tx, mail.id, "smtp: 535", SENDING))
        clock.advance(SILENT + timedelta(seconds=1))
        await database.transact(lambda tx: tell_trouble(tx, mail.id, None, SENDING))
        for _ in range(3):
            await database.transact(tell_silence)
            clock.advance(timedelta(minutes=10))
            await database.transact(lambda tx: tell_trouble(tx, mail.id, None, SENDING))
        await database.transact(lambda tx: tell_trouble(tx, mail.id, None, MAILBOX))
        assert [(kind, part) for kind, part, _ in await told(database)] == [
            ("account-trouble", "sending"),
            ("account-well", "sending"),
            ("account-trouble", "silence"),
            ("account-well", "mailbox"),
        ]


async def test_a_start_after_a_night_is_no_silence_before_the_networks_could_be_heard(
    database_url: str, clock: ManualClock, tmp_path: Path
) -> None:
    async with a_database(database_url, clock) as database:
        bot, _ = await an_account(database), await an_admin(database)
        await database.transact(lambda tx: tell_trouble(tx, bot.id, None))
        clock.advance(timedelta(hours=8))
        poll = timedelta(minutes=10)
        async with at_work(database, {bot.id: Network()}, tmp_path, poll=poll) as worker:
            await pass_time(clock, SILENT - timedelta(minutes=5), worker)
            assert await told(database) == []
            await pass_time(clock, SILENT, worker)
        assert await told(database) == [("account-trouble", "silence", "silent")]


@contextlib.asynccontextmanager
async def serving(settings: Settings, *parts: str) -> AsyncIterator[Program]:
    async with opened(settings, parts, poll=timedelta(seconds=0.05)) as program:
        task = asyncio.create_task(program.run())
        try:
            yield program
        finally:
            program.stop()
            await task


async def test_a_process_that_reads_does_not_declare_well_what_another_cannot_send(
    postgres_url: str, tmp_path: Path, imap_server: ImapServer
) -> None:
    with SmtpServer(user="line", password="another") as smtp:
        settings = Settings(
            data_dir=tmp_path,
            database_url=postgres_url,
            http=Http(port=0),
            secret_key=SecretStr("of the test"),
            telegram=Telegram(token=SecretStr("1000:LINE"), api_url="http://127.0.0.1:1"),
            admins=[4242],
            email=Email(
                address=ADDRESS,
                imap_url=SecretStr(imap_server.url),
                smtp_url=SecretStr(smtp.url.replace("another", "mistyped")),
            ),
        )
        await migrate(postgres_url)
        async with serving(settings, "mail") as reading, serving(settings, "worker"):
            db = reading.db
            await db.transact(lambda tx: tx.connection.execute(update(Robot).values(delay_seconds=0)))
            await db.transact(
                lambda tx: tx.connection.exec_driver_sql("UPDATE manager SET is_reachable = true")
            )
            await eventually(partial(_has_place, db))
            await asyncio.to_thread(imap_server.append, a_letter("Сколько стоит?"))
            await eventually(partial(told, db))
        async with serving(settings, "mail") as again:
            for count in (
                2,
                3,
            ):  # before the third is read, its first look at the mailbox was told to have gone well
                await asyncio.to_thread(
                    imap_server.append, a_letter(f"{count}", sender=f"{count}@example.net")
                )
                await eventually(partial(_has_letters, again.db, count))
            (only,) = await told(again.db)
    assert only[:2] == ("account-trouble", "sending")
    assert "the login is refused" in str(only[2])


async def _has_place(db: Database) -> Any:
    query = "SELECT id FROM account WHERE channel = 'email' AND cursor IS NOT NULL"
    return await db.read(lambda c: c.exec_driver_sql(query).all())


async def _has_letters(db: Database, count: int) -> bool:
    query = "SELECT count(*) FROM message WHERE direction = 'in'"
    return await db.read(lambda c: c.exec_driver_sql(query).scalar_one() == count)
