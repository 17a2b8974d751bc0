"""One history of the schema for both databases, run at every start, safe when two processes start at once."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, event, inspect, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from core import journal as _journal
from core.automation import model as _automation
from core.contacts import model as _contacts
from core.conversations import model as _conversations
from core.database import Model
from core.exclusions import model as _exclusions
from core.intake import model as _intake
from core.leads import model as _leads
from core.lines import model as _lines
from core.staff import model as _staff

if (
    TYPE_CHECKING
):  # 11 MB and a third of a second, for a program that nearly always finds its schema up to date
    from alembic.config import Config

MODELS = (_automation, _contacts, _conversations, _exclusions, _intake, _journal, _leads, _lines, _staff)
METADATA = Model.metadata
_LOCK = 3049  # the advisory lock under which one process at a time migrates PostgreSQL


class NewerSchema(Exception):
    """A program that knows more than this one has made the schema."""


async def migrate(url: str, revision: str = "head") -> None:
    """Bring the database at `url` to `revision`. Does nothing, quickly, when it is there already.

    On SQLite BEGIN IMMEDIATE is the lock, and foreign keys are off meanwhile: rebuilding a table with them on
    would delete its children. They are checked before the commit. Raises NewerSchema when a later version of
    this program has been at work there.
    """
    engine = create_async_engine(url, poolclass=NullPool)
    if engine.dialect.name == "sqlite":
        event.listen(engine.sync_engine, "connect", prepare_sqlite)
        event.listen(engine.sync_engine, "begin", lambda c: c.exec_driver_sql("BEGIN IMMEDIATE"))
    try:
        async with engine.connect() as connection, connection.begin():
            if engine.dialect.name == "postgresql":
                await connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
            match await connection.run_sync(standing):
                case Standing.CURRENT if revision == "head":
                    return
                case Standing.NEWER:
                    raise NewerSchema("its schema is of a later version than this program knows")
            await connection.run_sync(_upgrade, revision)
            if engine.dialect.name == "sqlite":
                broken = (await connection.exec_driver_sql("PRAGMA foreign_key_check")).all()
                if broken:
                    raise RuntimeError(f"the migration would leave orphans behind: {broken[:5]}")
    finally:
        await engine.dispose()


class Standing(StrEnum):
    """How a database stands to this program."""

    EMPTY = "empty"  # nothing of ours is in it
    OLDER = "older"  # `migrate` brings it up to date
    CURRENT = "current"
    NEWER = "newer"  # made by a program that knows more than this one


def standing(connection: Connection) -> Standing:
    """How the schema stands; only looks, on a connection that may be read-only."""
    has = _has(connection)
    if has is None:
        return Standing.EMPTY
    if has == _newest():
        return Standing.CURRENT
    return Standing.OLDER if has in _revisions() else Standing.NEWER


def configuration() -> Config:
    """Alembic's configuration, found in the package wherever it is installed."""
    from alembic.config import Config

    config = Config(stdout=sys.stdout)  # as it is now, not as it was when the library was first imported
    config.set_main_option("script_location", "core:migrations")
    config.set_main_option("path_separator", "os")
    return config


def _has(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def _newest() -> str:
    return max(_revisions())


def _revisions() -> set[str]:
    """Every revision this program knows: its number is how its file's name begins."""
    versions = Path(__file__).with_name("versions")
    return {path.name.partition("_")[0] for path in versions.glob("[0-9]*.py")}


def _upgrade(connection: Connection, revision: str) -> None:
    from alembic import command

    config = configuration()
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


def prepare_sqlite(dbapi: Any, _: object) -> None:
    """A new connection that is going to write whole tables: durable, patient, foreign keys off meanwhile."""
    dbapi.isolation_level = None
    cursor = dbapi.cursor()
    for pragma in ("busy_timeout=60000", "journal_mode=WAL", "synchronous=FULL", "foreign_keys=OFF"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()
