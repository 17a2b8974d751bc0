"""Everything out of one database into another, whole or not at all: how a line outgrows SQLite, or comes home to it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, cast

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    MetaData,
    Row,
    Table,
    Text,
    event,
    func,
    select,
    text,
)
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from core.contacts.model import Contact
from core.conversations.model import Message
from core.database import DatabaseError, complaint
from core.database.model import NumberCounter
from core.database.rows import insert_plan
from core.database.writer import set_pragmas
from core.errors import OpenLinesError
from core.exclusions.model import Exclusion
from core.intake.model import Ledger
from core.migrations import METADATA, Standing, migrate, prepare_sqlite, standing
from core.search import bare

_PAGE = 1000  # rows
_SEARCH = Table("search", MetaData(), Column("rowid", BigInteger), Column("body", Text))
_NUMBERS = cast(Table, NumberCounter.__table__)  # PostgreSQL has sequences instead
_TABLES = (*(table for table in METADATA.sorted_tables if table is not _NUMBERS), _SEARCH)  # parents first
_WORK = (Contact, Message, Ledger, Exclusion)  # what is only there once somebody has worked with it
_COUNTED = ("lead", "contact")
_LAST = text("SELECT pg_sequence_last_value(CAST(CAST(:name AS text) AS regclass))")
_SET = text("SELECT setval(CAST(CAST(:name AS text) AS regclass), :last, :drawn)")
_PATIENCE = "5s"  # for whoever still works with the database that is filled


class NotMoved(OpenLinesError):
    """Both databases are as they were. `why` says what is in the way, as the end of a sentence for an admin."""

    def __init__(self, why: str) -> None:
        super().__init__(f"nothing was moved: {why}")


async def move(source: str, target: str, progress: Callable[[str, int], None]) -> dict[str, int]:
    """Copy every row of the database at the URL `source` into the one at `target`, in one transaction.

    The target is brought up to date first. What a mere start has put there (a line, its pipeline, its admins) gives
    way; once anybody has written to it, it is refused. The source is only read, all of it as it was at one moment;
    what a program that still works with it takes in later stays behind.

    `progress` hears of every page: the table's name and how many of its rows are copied by now. Returns the number
    of rows by table. Raises NotMoved, and whatever opening a database raises.
    """
    await migrate(target)
    reading = create_async_engine(source, poolclass=NullPool, hide_parameters=True)
    writing = create_async_engine(target, poolclass=NullPool, hide_parameters=True)
    if reading.dialect.name == "postgresql":
        reading = reading.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
    else:
        event.listen(reading.sync_engine, "connect", lambda c, _: set_pragmas(c, "query_only=ON"))
        event.listen(reading.sync_engine, "begin", lambda c: c.exec_driver_sql("BEGIN DEFERRED"))
    if writing.dialect.name == "sqlite":
        event.listen(writing.sync_engine, "connect", prepare_sqlite)
        event.listen(writing.sync_engine, "begin", lambda c: c.exec_driver_sql("BEGIN IMMEDIATE"))
    try:
        async with _opened(reading) as old, writing.connect() as new, new.begin():
            if await old.run_sync(standing) is not Standing.CURRENT:
                raise NotMoved(
                    "the old database is not of this version: start this program on it once more, then move"
                )
            await new.run_sync(_cleared)
            copied = {table.name: await _copied(table, old, new, progress) for table in _TABLES}
            await new.run_sync(_numbered, await old.run_sync(_numbers))
            await new.run_sync(_checked, copied)
            return copied
    finally:
        await reading.dispose()
        await writing.dispose()


def in_use(connection: Connection) -> str | None:
    """A table in which somebody's work lies; None where a mere start has left its rows at most."""
    for model in _WORK:
        if connection.execute(select(model.id).limit(1)).first() is not None:
            return model.__tablename__
    return None


@asynccontextmanager
async def _opened(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    try:
        connection = await engine.connect()
    except (OSError, DatabaseError) as error:
        raise NotMoved(f"the old database cannot be opened: {complaint(error)}") from error
    try:
        yield connection
    finally:
        await connection.close()


def _cleared(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{_PATIENCE}'")
        names = ", ".join(f'"{table.name}"' for table in _TABLES)
        try:
            connection.exec_driver_sql(f"LOCK TABLE {names} IN ACCESS EXCLUSIVE MODE")
        except DBAPIError as error:
            raise NotMoved(
                f"a program works with the new database, stop it first ({complaint(error)})"
            ) from error
    if (name := in_use(connection)) is not None:
        raise NotMoved(f"the new database is in use: there are rows in its table {name}")
    for table in reversed(_TABLES):
        connection.execute(table.delete())


async def _copied(
    table: Table, old: AsyncConnection, new: AsyncConnection, progress: Callable[[str, int], None]
) -> int:
    count = 0
    async with old.stream(select(table)) as rows:
        async for page in rows.partitions(_PAGE):
            await new.run_sync(_written, table, page)
            count += len(page)
            progress(table.name, count)
    return count


def _written(connection: Connection, table: Table, rows: Sequence[Row[Any]]) -> None:
    names = tuple(column.name for column in table.columns)
    plan = insert_plan(table, names, connection.dialect)
    try:
        columns = dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))
        if table is _SEARCH:
            columns["body"] = list(map(bare, columns["body"]))
        connection.exec_driver_sql(plan.sql, plan.parameters(columns))
    except DBAPIError as error:
        raise NotMoved(f"the new database refuses a row of {table.name}: {complaint(error)}") from error


def _numbers(connection: Connection) -> dict[str, int]:
    """The last human number of each kind."""
    if connection.dialect.name == "sqlite":
        return {row.name: row.value for row in connection.execute(select(_NUMBERS))}
    drawn = {name: connection.scalar(_LAST, {"name": f"{name}_number"}) for name in _COUNTED}
    return {name: last for name, last in drawn.items() if last is not None}


def _numbered(connection: Connection, numbers: Mapping[str, int]) -> None:
    if connection.dialect.name == "sqlite":
        connection.execute(_NUMBERS.delete())
        for name, value in numbers.items():
            connection.execute(_NUMBERS.insert().values(name=name, value=value))
        return
    for name in _COUNTED:
        last = numbers.get(name)
        connection.execute(_SET, {"name": f"{name}_number", "last": last or 1, "drawn": last is not None})


def _checked(connection: Connection, copied: Mapping[str, int]) -> None:
    for table in _TABLES:
        if (there := connection.scalar(select(func.count()).select_from(table))) != copied[table.name]:
            raise NotMoved(f"of {copied[table.name]} rows of {table.name} only {there} have arrived")
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("ANALYZE")  # or its first queries would be planned for empty tables
