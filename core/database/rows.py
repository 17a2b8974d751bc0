"""How many rows reach one table in one statement: constant SQL, and the columns' own conversions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from operator import itemgetter
from typing import Any, TypeAlias

from sqlalchemy import Boolean, Date, Dialect, String, Table
from sqlalchemy.types import TypeEngine

from core.database.model import Json, UtcDateTime, to_json

_plans: dict[tuple[str, str, tuple[str, ...], str], Plan] = {}


def insert_plan(table: Table, names: tuple[str, ...], dialect: Dialect) -> Plan:
    """How rows with these columns are added to the table."""
    key = ("insert", table.name, names, dialect.name)
    if (plan := _plans.get(key)) is None:
        plan = _plans[key] = Plan(table, names, dialect)
        quoted = ", ".join(f'"{name}"' for name in names)
        if dialect.name == "sqlite":
            plan.sql = f'INSERT INTO "{table.name}" ({quoted}) VALUES ({", ".join("?" * len(names))})'
        else:
            source, values = plan.arrays()
            plan.sql = f'INSERT INTO "{table.name}" ({quoted}) SELECT {", ".join(values)} FROM {source}'
    return plan


def update_plan(table: Table, names: tuple[str, ...], dialect: Dialect) -> Plan:
    """How rows of the table are changed by their id: `names` are the columns, "id" last."""
    key = ("update", table.name, names, dialect.name)
    if (plan := _plans.get(key)) is None:
        plan = _plans[key] = Plan(table, names, dialect)
        if dialect.name == "sqlite":
            changes = ", ".join(f'"{name}" = ?' for name in names[:-1])
            plan.sql = f'UPDATE "{table.name}" SET {changes} WHERE "id" = ?'
        else:
            source, values = plan.arrays()
            changes = ", ".join(
                f'"{name}" = {value}' for name, value in zip(names, values, strict=True) if name != "id"
            )
            plan.sql = (
                f'UPDATE "{table.name}" SET {changes} FROM {source} WHERE "{table.name}"."id" = {values[-1]}'
            )
    return plan


def columns_of(rows: Sequence[Mapping[str, Any]], names: Sequence[str]) -> dict[str, Sequence[Any]]:
    """The rows turned round: one sequence of values per column."""
    if len(names) == 1:  # of one name `itemgetter` makes no tuple
        return {name: [row[name] for row in rows] for name in names}
    return dict(zip(names, zip(*map(itemgetter(*names), rows), strict=True), strict=True))


class Plan:
    """How rows of one shape reach one table: a constant statement and the columns' own conversions."""

    def __init__(self, table: Table, names: tuple[str, ...], dialect: Dialect) -> None:
        self._sqlite = dialect.name == "sqlite"
        columns = [table.c[name] for name in names]
        self._convert = [_conversion(column.type, dialect) for column in columns]
        self._kinds = [column.type.compile(dialect) for column in columns]
        self.sql = ""

    def arrays(self) -> tuple[str, list[str]]:
        """PostgreSQL: the rows as one array per column, and how each column is read back from them."""
        arrays = ", ".join(
            f"${i}::{'text' if kind == 'JSONB' else kind}[]" for i, kind in enumerate(self._kinds, start=1)
        )
        fields = ", ".join(f"c{i}" for i in range(len(self._kinds)))
        values = [f"c{i}::jsonb" if kind == "JSONB" else f"c{i}" for i, kind in enumerate(self._kinds)]
        return f"unnest({arrays}) AS given({fields})", values

    def parameters(self, columns: Mapping[str, Sequence[Any]]) -> Any:
        """The columns as the driver takes them: rows for SQLite, one array per column for PostgreSQL."""
        written = [
            convert(values) if convert else values
            for values, convert in zip(columns.values(), self._convert, strict=True)
        ]
        return list(zip(*written, strict=True)) if self._sqlite else tuple(written)


_Conversion: TypeAlias = Callable[[Sequence[Any]], Sequence[Any]]


def _conversion(kind: TypeEngine[Any], dialect: Dialect) -> _Conversion | None:
    """How a column of values is written; None where the driver takes them as they are."""
    if isinstance(kind, Json):
        return lambda values: [None if value is None else to_json(value) for value in values]
    if isinstance(kind, UtcDateTime):
        return lambda values: _moments(values, kind, dialect)
    if dialect.name == "sqlite" and isinstance(kind, String):
        return _plain_texts
    if dialect.name == "sqlite" and isinstance(kind, Date):
        # The driver's own way of writing a day is deprecated: https://docs.python.org/3/library/sqlite3.html
        return lambda values: [value if value is None else value.isoformat() for value in values]
    if dialect.name == "sqlite" and isinstance(kind, Boolean):
        return lambda values: [value if value is None else int(value) for value in values]
    return None


def _plain_texts(values: Sequence[Any]) -> Sequence[Any]:
    # sqlite3 looks for an adapter of everything but plain texts and numbers, which takes longer than writing it.
    if not isinstance(values[0], Enum):
        return values
    return [value if value is None else str(value) for value in values]


def _moments(values: Sequence[Any], kind: UtcDateTime, dialect: Dialect) -> Sequence[Any]:
    # Rows of one batch share a handful of moments, mostly a single one, and writing one as text is dear.
    if values.count(values[0]) == len(values):
        return [kind.process_bind_param(values[0], dialect)] * len(values)
    written = {value: kind.process_bind_param(value, dialect) for value in set(values)}
    return [written[value] for value in values]
