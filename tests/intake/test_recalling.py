"""What stopped entries of the ledger say: read from their raw input, without filing anything."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Sequence
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import delete

from core.channel import Received, Unreadable
from core.clock import ManualClock
from core.database import Database
from core.files import FileStore
from core.intake.booking import Filed
from core.intake.edge import Intake
from core.intake.model import LedgerRaw
from openlines.recalling import ENOUGH, recall
from openlines.settings import Email, Settings
from tests.builders import a_database, an_account, an_update
from tests.looking import counted

FORM = (
    b"Content-Type: application/json\r\n\r\n"
    + json.dumps({"name": "Пётр", "phone": "+79161234567", "message": "Слон нужен?"}).encode()
)
LETTER = (
    "From: Olga <olga@example.com>\r\nTo: line@example.org\r\nSubject: Elephants\r\n"
    "Date: Mon, 16 Mar 2026 09:00:00 +0000\r\nMessage-ID: <1@example.com>\r\nMIME-Version: 1.0\r\n"
)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    email = Email(address="line@example.org")
    return Settings(data_dir=tmp_path, email=email, secret_key=SecretStr("of the test"))


@pytest.fixture
def store(tmp_path: Path) -> FileStore:
    return FileStore(tmp_path / "files")


async def kept(database: Database, store: FileStore, channel: str, *raw: bytes) -> list[Filed]:
    """Raw input of this channel that waits in the ledger."""
    account = await an_account(database, channel, "line@example.org" if channel == "email" else "1000")
    received = [Received(f"{channel}-{number}", body, Unreadable("kept")) for number, body in enumerate(raw)]
    return list(await Intake(database, store).take(account, received))


def ids_of(filed: Sequence[Filed]) -> list[int]:
    return [one.ledger_id for one in filed]


async def test_each_channel_says_who_wrote_what_and_nothing_is_filed(
    database_url: str, clock: ManualClock, store: FileStore, settings: Settings
) -> None:
    letter = f"{LETTER}Content-Type: text/plain\r\n\r\nBuy elephants\r\n".encode()
    async with a_database(database_url, clock) as database:
        entries = await kept(database, store, "telegram", an_update(1, "Купите слона").raw)
        entries += await kept(database, store, "form", FORM)
        entries += await kept(database, store, "email", letter)
        before = await counted(database)
        said = await recall(database, store, settings, ids_of(entries))
        assert await counted(database) == before
    assert list(said) == ids_of(entries)
    messages = [message for message in said.values() if message is not None]
    assert [message.sender.name for message in messages] == ["Анна", "Пётр", "Olga"]
    assert [message.text.splitlines()[0] for message in messages] == [
        "Купите слона",
        "Слон нужен?",
        "Buy elephants",
    ]


async def test_of_a_huge_letter_only_the_beginning_is_read_and_its_files_are_not_kept(
    database_url: str, clock: ManualClock, store: FileStore, settings: Settings, tmp_path: Path
) -> None:
    attached = base64.encodebytes(os.urandom(2 * ENOUGH)).replace(b"\n", b"\r\n")
    letter = (
        f'{LETTER}Content-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\n'
        'Buy elephants\r\n--b\r\nContent-Type: image/png; name="e.png"\r\nContent-Transfer-Encoding: base64\r\n\r\n'
    ).encode() + attached
    async with a_database(database_url, clock) as database:
        (entry,) = await kept(database, store, "email", letter + b"--b--\r\n")
        files = [path for path in (tmp_path / "files").rglob("*") if path.is_file()]
        said = await recall(database, store, settings, [entry.ledger_id])
        assert [path for path in (tmp_path / "files").rglob("*") if path.is_file()] == files
    message = said[entry.ledger_id]
    assert message is not None
    assert (message.subject, message.text.splitlines()[0]) == ("Elephants", "Buy elephants")


async def test_what_nobody_can_read_says_nothing_and_what_is_gone_is_left_out(
    database_url: str, clock: ManualClock, store: FileStore, settings: Settings
) -> None:
    async with a_database(database_url, clock) as database:
        odd, gone = await kept(database, store, "telegram", b"{]", an_update(2, "Купите").raw)
        (posted,) = await kept(database, store, "form", b"\xff\x00")
        await database.transact(
            lambda tx: tx.connection.execute(delete(LedgerRaw).where(LedgerRaw.ledger_id == gone.ledger_id))
        )
        said = await recall(
            database, store, settings, [odd.ledger_id, gone.ledger_id, posted.ledger_id, 12345]
        )
    assert said == {odd.ledger_id: None, posted.ledger_id: None}
