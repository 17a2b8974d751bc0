"""What a story looks at when it is over: how many of everything, and whether the book is even."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import Connection, Engine, RowMapping, func, select, update

from core.automation.model import Robot
from core.contacts.model import Contact
from core.conversations.model import Conversation, Delivery, Message
from core.database import Database, Model, Transaction
from core.intake.balance import Balance, balances
from core.leads.model import Lead, LeadOutcome


@dataclass(frozen=True, slots=True)
class Counted:
    """How much there is of what a first message makes."""

    contacts: int
    leads: int
    open_leads: int
    conversations: int
    messages: int  # of customers
    said: int  # to customers
    notices: int  # to managers


def engines(database: Database) -> list[Engine]:
    """All that a database works through, for who listens to its statements."""
    if database.is_sqlite:
        return [database._readers._engine, database._writer._engine]
    return [database._engine.sync_engine]


async def counted(database: Database) -> Counted:
    """Everything there is, counted in one consistent look."""

    def look(connection: Connection) -> Counted:
        def count(model: type[Model], *where: Any) -> int:
            found = select(func.count()).select_from(model).where(*where)
            return int(connection.execute(found).scalar_one())

        return Counted(
            contacts=count(Contact, Contact.merged_to.is_(None)),
            leads=count(Lead),
            open_leads=count(Lead, Lead.outcome == LeadOutcome.OPEN),
            conversations=count(Conversation),
            messages=count(Message, Message.direction == "in"),
            said=count(Delivery, Delivery.message_id.is_not(None)),
            notices=count(Delivery, Delivery.notice.is_not(None)),
        )

    return await database.read(look)


async def book(database: Database) -> Balance:
    """The balance of the only account that received anything, over all its days."""
    rows = await database.read(lambda connection: balances(connection, date(2000, 1, 1)))
    ids = {row.account_id for row in rows}
    assert len(ids) == 1, rows
    sums = {name: sum(getattr(row, name) for row in rows) for name in Balance.__slots__[2:]}
    return Balance(account_id=ids.pop(), day=rows[0].day, **sums)


async def every(database: Database, model: type[Model], *where: Any) -> list[RowMapping]:
    """All rows of a table, oldest first, as mappings from column to value."""
    table: Any = model.__table__
    columns = select(*(column.label(column.key) for column in table.columns)).where(*where)
    keys = list(table.primary_key.columns)
    return await database.read(
        lambda connection: list(connection.execute(columns.order_by(*keys)).mappings().all())
    )


async def the(database: Database, model: type[Model], *where: Any) -> RowMapping:
    """The only such row."""
    (row,) = await every(database, model, *where)
    return row


async def robot_id(database: Database, name: str) -> int:
    """A robot of the preset, by its name."""
    return int((await the(database, Robot, Robot.name == name))["id"])


async def until_one_waits(database: Database) -> None:
    """Return when a transaction waits for another one's lock; PostgreSQL tells that to whoever asks.

    Raises TimeoutError when none comes to wait.
    """
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    async with asyncio.timeout(20):
        while not await database.read(lambda c: c.exec_driver_sql(waiting).scalar_one()):  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.01)


async def all_sent(database: Database) -> None:
    """Whatever waited to be sent has gone out: from here on only what is new waits."""

    def work(tx: Transaction) -> None:
        tx.connection.execute(update(Delivery).values(state="sent"))

    await database.transact(work)
