"""Selects that stand at the top of their file: compiled once, and asked as plain SQL from then on."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Sequence
from typing import Any, TypeVarTuple

from sqlalchemy import Connection, Dialect, Row, Select

from core.database.plain import fetch

Ts = TypeVarTuple("Ts")
_plans: dict[tuple[Select[*tuple[Any, ...]], str], _Plan] = {}


def ask(connection: Connection, statement: Select[*Ts], **given: Any) -> Sequence[Row[*Ts]]:
    """All rows of a select that stands at the top of its file, with these values for its named parameters.

    The rows have the select's columns as attributes, of the types that `execute` would give them. SQLAlchemy takes
    longer to find what it has compiled of a statement than SQLite to answer it; here it is found at once. It is kept
    for good, so a statement put together while the program runs is for `execute`.

    Lists of keys are given with `among`. Raises TypeError for a statement whose SQL depends on its values (`in_`), for
    a value that it has no parameter for, and for a parameter without a value.
    """
    plan = _plans.get((statement, connection.dialect.name))
    if plan is None:
        plan = _plans[(statement, connection.dialect.name)] = _Plan(statement, connection.dialect)
    return plan.read(*fetch(connection, plan.sql, plan.parameters(given)))


class _Plan:
    """How one select is asked of one kind of database."""

    def __init__(self, statement: Select[*tuple[Any, ...]], dialect: Dialect) -> None:
        compiled = statement.compile(dialect=dialect)
        if "__[POSTCOMPILE" in compiled.string:
            raise TypeError(f"its SQL depends on its values: {statement}")
        self.sql = compiled.string
        self._names = compiled.positiontup or ()
        self._constants = {name: bind.value for name, bind in compiled.binds.items() if not bind.required}
        self._required = {name for name, bind in compiled.binds.items() if bind.required}
        kinds = [compiled.binds[name].type.dialect_impl(dialect) for name in self._names]
        self._write = [kind.bind_processor(dialect) for kind in kinds]
        columns = [column.type.dialect_impl(dialect) for column in statement.selected_columns]
        readers = [column.result_processor(dialect, None) for column in columns]
        self._read = [(place, read) for place, read in enumerate(readers) if read is not None]
        self._row: Any = None  # the kind of its rows, once the database has named their fields

    def parameters(self, given: dict[str, Any]) -> tuple[Any, ...]:
        if wrong := self._required ^ given.keys():
            raise TypeError(f"{sorted(wrong)}: not asked for, or not given: {self.sql}")
        values = self._constants | given
        return tuple(
            [
                values[name] if write is None else write(values[name])
                for name, write in zip(self._names, self._write, strict=True)
            ]
        )

    def read(self, names: Sequence[str], rows: Sequence[Sequence[Any]]) -> Sequence[Any]:
        """The rows by their columns' names, with each value as its column's type reads it."""
        if not rows:
            return ()
        if self._row is None:
            self._row = _row_of(names)
        if self._read:
            columns: list[Sequence[Any]] = list(zip(*rows, strict=True))
            for place, read in self._read:
                columns[place] = [read(value) for value in columns[place]]
            rows = list(zip(*columns, strict=True))
        return list(map(self._row._make, rows))


def _row_of(names: Sequence[str]) -> Any:
    return namedtuple("Row", names, rename=True)  # noqa: PYI024 - which fields, only the select says
