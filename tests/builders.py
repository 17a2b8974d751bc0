"""What stories begin with: a line, its accounts, managers, and customers who write."""

from __future__ import annotations

import itertools
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from sqlalchemy import select

from channels.telegram.inbound import normalise
from core.automation.preset import ensure_line
from core.automation.reactions import Policy, Reactions
from core.channel import Address, InboundFile, InboundMessage, Kind, Received, Sender
from core.clock import ManualClock
from core.database import Database, Transaction
from core.intake.booking import Filed, Parcel
from core.intake.filing import file_batch
from core.leads.model import JunkReason, Stage
from core.lines.accounts import AccountRef, ensure_account
from core.staff import managers
from core.staff.managers import Person
from core.staff.model import Manager, Role

_numbers = itertools.count(1)
NOON = datetime(2026, 3, 16, 9, 0, tzinfo=UTC)


@asynccontextmanager
async def a_database(url: str, clock: ManualClock, policy: Policy | None = None) -> AsyncIterator[Database]:
    """The database as the program opens it, with automation at work; a line `main` is in it."""
    async with Database.opened(url, clock=clock, react=Reactions(policy)) as database:
        await database.transact(lambda tx: ensure_line(tx, language="ru", timezone="Europe/Moscow"))
        yield database


async def an_account(database: Database, channel: str = "telegram", scope: str = "1000") -> AccountRef:
    """A connection of the line: the Telegram bot unless said otherwise."""

    def work(tx: Transaction) -> AccountRef:
        line = ensure_line(tx, language="ru", timezone="Europe/Moscow")
        return ensure_account(tx, line, channel, scope, f"{channel} {scope}")

    return await database.transact(work)


async def a_manager(database: Database, name: str = "Ольга", role: Role = Role.MANAGER) -> Person:
    """Somebody who works here, is here, and can be written to."""
    number = next(_numbers)

    def work(tx: Transaction) -> Person:
        tx.insert(
            Manager,
            [
                {
                    "id": (manager_id := tx.new_id()),
                    "telegram_id": 900_000 + number,
                    "name": name,
                    "username": None,
                    "language": "ru",
                    "role": role,
                    "is_available": True,
                    "is_active": True,
                    "is_reachable": True,
                    "position": number,
                    "last_given_at": None,
                    "created_at": tx.now,
                }
            ],
        )
        person = managers.by_id(tx.connection, manager_id)
        assert person is not None
        return person

    return await database.transact(work)


async def an_admin(database: Database, name: str = "Ирина") -> Person:
    """A manager who also keeps the exclusions."""
    return await a_manager(database, name, Role.ADMIN)


def telegram(user: int | str = 777, *, scope: str = "1000", username: str | None = None) -> Address:
    """How Telegram knows somebody."""
    return Address("telegram", str(user), scope, username=username)


def phone(value: str = "+79161234567") -> Address:
    """A phone somebody typed."""
    return Address("phone", value, proved=False)


def email(value: str = "anna@example.org") -> Address:
    """An e-mail somebody typed, or wrote from."""
    return Address("email", value)


def a_message(
    text: str = "Здравствуйте, сколько стоит?",
    *addresses: Address,
    name: str = "Анна",
    thread: str | None = None,
    at: datetime = NOON,
    message_id: str | None = None,
    kind: Kind = Kind.MESSAGE,
    content: str = "text",
    files: tuple[InboundFile, ...] = (),
    fields: Mapping[str, str] | None = None,
    source: str | None = None,
    automatic: bool = False,
) -> Received:
    """Something a customer wrote, as a channel hands it over; Telegram's user 777 unless said otherwise."""
    known = addresses or (telegram(),)
    number = next(_numbers)
    message = InboundMessage(
        kind=kind,
        thread=thread or known[0].value,
        message_id=message_id or str(number),
        sender=Sender(known, name),
        text=text,
        sent_at=at,
        content=content,
        files=files,
        fields=fields or {},
        source=source,
        automatic=automatic,
    )
    return Received(f"story-{number}", text.encode(), message)


def an_update(number: int, words: str, user: int = 777) -> Received:
    """An update as the polling edge understands it."""
    person = {"id": user, "is_bot": False, "first_name": "Анна", "language_code": "ru"}
    message = {
        "message_id": number,
        "date": int(NOON.timestamp()),
        "chat": {"id": user, "type": "private", "first_name": "Анна"},
        "from": person,
        "text": words,
    }
    update = {"update_id": number, "message": message}
    return normalise(update, json.dumps(update).encode(), NOON, "1000")


async def file(database: Database, account: AccountRef, *received: Received) -> list[Filed]:
    """What came in is filed, in one batch."""
    parcels = [Parcel.of(one) for one in received]
    return await database.transact(lambda tx: file_batch(tx, account, parcels))


async def a_lead(
    database: Database, account: AccountRef, text: str = "Здравствуйте, сколько стоит?", *addresses: Address
) -> int:
    """Somebody writes and has a lead; its id."""
    filed = await file(database, account, a_message(text, *addresses))
    assert filed[0].lead_id is not None, filed[0]
    return filed[0].lead_id


async def reason_id(database: Database, name: str = "other") -> int:
    """A junk reason of the preset, by its name."""
    found = select(JunkReason.id).where(JunkReason.name == name)
    return await database.read(lambda connection: int(connection.execute(found).scalar_one()))


async def stage_id(database: Database, name: str = "in_work") -> int:
    """A stage of the preset, by its name."""
    found = select(Stage.id).where(Stage.name == name)
    return await database.read(lambda connection: int(connection.execute(found).scalar_one()))
