"""The running program with a mailbox: settings in, letters in and out."""

from __future__ import annotations

import asyncio
import contextlib
import smtplib
from collections.abc import AsyncIterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import select, update

from channels.email.threading import read_message_id
from core.automation.model import Robot
from core.conversations.model import Delivery, Message
from core.errors import Misconfigured
from core.files import FileStore
from core.intake import parked
from core.intake.model import Ledger, LedgerState
from openlines.application import Program, opened
from openlines.letters import examine
from openlines.refiling import refile
from openlines.settings import Email, Http, Settings
from tests.mail.mail_line import ADDRESS, OLGA, a_letter, eventually
from tests.servers.imap import ImapServer
from tests.servers.smtp import SmtpServer


def the_settings(folder: Path, **email: Any) -> Settings:
    return Settings(
        data_dir=folder,
        http=Http(port=0),
        secret_key=SecretStr("of the test"),
        email=Email(address=ADDRESS.upper(), name="Ромашка", **email),
        admins=[4242],
    )


@contextlib.asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[Program]:
    async with opened(settings, poll=timedelta(seconds=0.05)) as program:
        task = asyncio.create_task(program.run())
        await program.ready.wait()
        try:
            yield program
        finally:
            program.stop()
            await task


async def texts(program: Program) -> list[str]:
    rows = await program.db.read(
        lambda c: c.execute(select(Message.text).where(Message.direction == "in")).all()
    )
    return [row.text for row in rows]


async def test_a_letter_to_the_running_program_is_confirmed_by_letter(
    tmp_path: Path, imap_server: ImapServer, smtp_server: SmtpServer
) -> None:
    settings = the_settings(
        tmp_path, imap_url=SecretStr(imap_server.url), smtp_url=SecretStr(smtp_server.url)
    )
    async with running(settings) as program:
        await program.db.transact(lambda tx: tx.connection.execute(update(Robot).values(delay_seconds=0)))

        async def has_place() -> bool:
            return (
                await program.db.read(
                    lambda c: c.exec_driver_sql("SELECT cursor FROM account").scalars().all()
                )
            ).count(None) < 2

        await eventually(has_place)
        letter = a_letter("Сколько стоит?", message_id="<q@example.net>")
        await asyncio.to_thread(imap_server.append, letter)
        (confirmation,) = await asyncio.to_thread(partial(smtp_server.wait_for, 1, within=20))
    assert confirmation.recipients == (OLGA,)
    assert b"Auto-Submitted: auto-replied" in confirmation.content
    assert b"In-Reply-To: <q@example.net>" in confirmation.content
    header = confirmation.content.split(b"Message-ID: ")[1].split(b"\r\n")[0].decode()
    assert read_message_id(header, b"of the test") is not None


async def test_the_program_takes_letters_itself(tmp_path: Path) -> None:
    async with running(the_settings(tmp_path, listen="smtp://127.0.0.1:0")) as program:
        letters = program.letters
        assert letters is not None

        async def port() -> int | None:
            with contextlib.suppress(RuntimeError):
                return letters.listener.port if letters.listener else None
            return None

        listening_at = await eventually(port)

        def send() -> None:
            with smtplib.SMTP("127.0.0.1", listening_at, timeout=20) as client:
                client.sendmail(OLGA, [ADDRESS], a_letter("Прямо к вам"))

        await asyncio.to_thread(send)
        assert await texts(program) == ["Прямо к вам"]

        async def told_why() -> Any:
            return await program.db.read(
                lambda c: c.execute(
                    select(Delivery.error).where(
                        Delivery.message_id.is_not(None), Delivery.error.is_not(None)
                    )
                ).all()
            )

        await program.db.transact(lambda tx: tx.connection.execute(update(Robot).values(delay_seconds=0)))
        await asyncio.to_thread(send)
        (refused,) = await eventually(told_why)
        assert "OPENLINES_EMAIL__SMTP_URL" in refused.error


async def test_a_parked_letter_is_taken_again_with_its_files(tmp_path: Path) -> None:
    settings = the_settings(tmp_path, listen="smtp://127.0.0.1:0")
    async with running(settings) as program:
        assert program.letters is not None
        assert program.accounts.email is not None
        letter = a_letter("Вот смета", files={"смета.pdf": b"%PDF"})
        reception = program.letters._reception()
        filed = (await reception.take([_arrived(program, letter)]))[0]
        # As a bug of yesterday would have left it.
        await program.db.transact(lambda tx: _forget(tx, filed.ledger_id))
        (entry,) = (await program.db.read(parked.parked)).entries
        again = await refile(program.db, FileStore(tmp_path / "files"), settings, entry.ledger_id)
        assert again is not None
        assert again.state == LedgerState.FILED
        (name,) = await program.db.read(
            lambda c: c.exec_driver_sql("SELECT name FROM attachment WHERE state = 'stored'").scalars().all()
        )
        assert name == "смета.pdf"


async def test_the_doctor_looks_at_both_ways(
    tmp_path: Path, imap_server: ImapServer, smtp_server: SmtpServer
) -> None:
    settings = the_settings(
        tmp_path, imap_url=SecretStr(imap_server.url), smtp_url=SecretStr(smtp_server.url)
    )
    found = [finding async for finding in examine(settings)]
    assert [finding.what for finding in found if finding.remedy is None] == ["mailbox", "outgoing mail"]
    nothing = [finding async for finding in examine(the_settings(tmp_path))]
    assert all(finding.remedy for finding in nothing)


@pytest.mark.parametrize("url", ["imaps://nobody@", "http://example.com"])
async def test_a_wrong_address_stops_the_start_and_names_its_setting(tmp_path: Path, url: str) -> None:
    async with opened(the_settings(tmp_path, imap_url=SecretStr(url))) as program:
        with pytest.raises(Misconfigured, match="OPENLINES_EMAIL__IMAP_URL"):
            await program.run()


def _arrived(program: Program, letter: bytes) -> Any:
    from channels.email.reception import Arrived

    return Arrived(letter, program.clock.now())


def _forget(tx: Any, ledger_id: int) -> None:
    for table in ("attachment", "letter_id", "delivery", "message", "search"):
        tx.connection.exec_driver_sql(f"DELETE FROM {table}")
    tx.connection.execute(
        update(Ledger).where(Ledger.id == ledger_id).values(state=LedgerState.PARKED, message_id=None)
    )
