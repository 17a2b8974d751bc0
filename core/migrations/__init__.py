"""One history of the schema for both databases, run at every start, safe when two processes start at once."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, event, text
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

MODELS = (_automation, _contacts, _conversations, _exclusions, _intake, _journal, _leads, _lines, _staff)
METADATA = Model.metadata
_LOCK = 3049  # the advisory lock under which one process at a time migrates PostgreSQL


async def migrate(url: str, revision: str = "head") -> None:
    """Bring the database at `url` to `revision`. Does nothing, quickly, when it is there already.

    On SQLite BEGIN IMMEDIATE is the lock, and foreign keys are off meanwhile: rebuilding a table with them on
    would delete its children. They are checked before the commit.
    """
    engine = create_async_engine(url, poolclass=NullPool)
    if engine.dialect.name == "sqlite":
        event.listen(engine.sync_engine, "connect", _prepare_sqlite)
        event.listen(engine.sync_engine, "begin", lambda c: c.exec_driver_sql("BEGIN IMMEDIATE"))
    try:
        async with engine.connect() as connection, connection.begin():
            if engine.dialect.name == "postgresql":
                await connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
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
    script = ScriptDirectory.from_config(configuration())
    has = MigrationContext.configure(connection).get_current_revision()
    if has is None:
        return Standing.EMPTY
    if has == script.get_current_head():
        return Standing.CURRENT
    known = {revision.revision for revision in script.walk_revisions()}
    return Standing.OLDER if has in known else Standing.NEWER


def configuration() -> Config:
    """Alembic's configuration, found in the package wherever it is installed."""
    config = Config()
    config.set_main_option("script_location", "core:migrations")
    config.set_main_option("path_separator", "os")
    return config


def _upgrade(connection: Connection, revision: str) -> None:
    config = configuration()
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


def _prepare_sqlite(dbapi: Any, _: object) -> None:
    dbapi.isolation_level = None
    cursor = dbapi.cursor()
    for pragma in ("busy_timeout=60000", "journal_mode=WAL", "synchronous=FULL", "foreign_keys=OFF"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()
