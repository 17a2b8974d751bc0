"""SQL that is plain already, handed to the database without being looked at again on the way.

Of every statement in plain SQL SQLAlchemy finds out anew what its rows consist of; that takes longer than SQLite takes
to answer most of ours, so there the driver is asked itself. Whoever listens to what is executed hears it nevertheless,
and errors are SQLAlchemy's either way.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any, cast

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError


def fetch(
    connection: Connection, sql: str, parameters: tuple[Any, ...]
) -> tuple[Sequence[str], Sequence[Sequence[Any]]]:
    """The names of the columns and all rows, as the driver gives them. Raises DBAPIError."""
    if (driver := _sqlite(connection)) is None:
        result = connection.exec_driver_sql(sql, parameters)
        return tuple(result.keys()), result.all()
    try:
        cursor = driver.execute(sql, parameters)
        return [column[0] for column in cursor.description], cursor.fetchall()
    except sqlite3.Error as error:
        raise _told(connection, sql, error) from error


def run(connection: Connection, sql: str, parameters: tuple[Any, ...] | list[tuple[Any, ...]]) -> None:
    """Execute a statement that gives no rows: once, or for each of a list of parameters. Raises DBAPIError."""
    if (driver := _sqlite(connection)) is None:
        connection.exec_driver_sql(sql, parameters)
        return
    try:
        if isinstance(parameters, list):
            driver.executemany(sql, parameters)
        else:
            driver.execute(sql, parameters)
    except sqlite3.Error as error:
        raise _told(connection, sql, error) from error


def _sqlite(connection: Connection) -> sqlite3.Connection | None:
    """The driver's own connection to SQLite, while nobody listens to what is executed."""
    if connection.dialect.name != "sqlite" or connection.dispatch.before_cursor_execute:
        return None
    return cast(sqlite3.Connection, connection.connection.dbapi_connection)


def _told(connection: Connection, sql: str, error: sqlite3.Error) -> BaseException:
    """The error as SQLAlchemy tells it; without the parameters, which people wrote."""
    return DBAPIError.instance(sql, None, error, sqlite3.Error, True, dialect=connection.dialect)
