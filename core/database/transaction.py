"""A transaction as its work sees it: the connection, the moment, new ids, what has happened, many rows at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from operator import itemgetter
from typing import Any, TypeVarTuple, cast

from sqlalchemy import Connection, Row, RowMapping, Select, Table

from core.database.asking import ask
from core.database.model import Model
from core.database.plain import fetch, run
from core.database.rows import columns_of, insert_plan, update_plan
from core.events import Event

Ts = TypeVarTuple("Ts")


class Transaction:
    """What a piece of work may touch: the connection, the time it happens at, and new identifiers.

    `work` may run more than once and on another thread, so it leaves nothing behind but rows, `record`ed events,
    `hint`s and `after_commit` calls, which all vanish with a rollback.
    """

    def __init__(
        self, connection: Connection, now: datetime, runs_of_ids: Callable[[], Iterator[int]]
    ) -> None:
        self.connection = connection
        self.now = now
        self._runs_of_ids = runs_of_ids
        self.new_id = runs_of_ids().__next__
        self.is_sqlite = connection.dialect.name == "sqlite"
        self.after_commit: list[Callable[[], None]] = []
        self.hints: set[str] = set()
        self._events: list[Event] = []

    def come_after(self) -> None:
        """Make the identifiers from here on greater than all that this process has made meanwhile.

        For what is locked only now, and was another transaction's until a moment ago.
        """
        self.new_id = self._runs_of_ids().__next__

    def record(self, *events: Event) -> None:
        """Note what has happened; automation answers it before the commit."""
        self._events.extend(events)

    def take_events(self) -> list[Event]:
        """What has been recorded since the last call."""
        events, self._events = self._events, []
        return events

    def hint(self, name: str) -> None:
        """After the commit, wake whoever waits for `name` ("deliveries", "timers", "staff", "files")."""
        self.hints.add(name)

    def ask(self, statement: Select[*Ts], **given: Any) -> Sequence[Row[*Ts]]:
        """All rows of a select that stands at the top of its file, see `core.database.asking.ask`."""
        return ask(self.connection, statement, **given)

    def rows(self, statement: Select[Any]) -> Sequence[RowMapping]:
        """All rows of a select, as mappings."""
        return self.connection.execute(statement).mappings().all()

    def run(self, sql: str, parameters: tuple[Any, ...] | list[tuple[Any, ...]]) -> None:
        """A statement in the database's own SQL that gives no rows, see `core.database.plain.run`."""
        run(self.connection, sql, parameters)

    def insert(self, model: type[Model], rows: Sequence[Mapping[str, Any]]) -> None:
        """Write many rows of one table in one statement. Every row has the keys of the first one.

        Ids are made beforehand with `tx.new_id()`: asking the database for them costs a statement per row.
        """
        self._insert(model, rows, "")

    def insert_ignoring(self, model: type[Model], rows: Sequence[Mapping[str, Any]]) -> None:
        """Like `insert`, but a row whose unique key is already there is left out in silence."""
        self._insert(model, rows, " ON CONFLICT DO NOTHING")

    def insert_or_hold(
        self, model: type[Model], rows: Sequence[Mapping[str, Any]], key: str, where: str
    ) -> None:
        """Like `insert`, but a row that the partial unique index (`key`, `where`) has already is held until the commit.

        Whoever is at work on that row is waited for. When they have taken it out of the index, ours goes in: so
        either they see what this transaction has done, or a row remains that tells of it.
        """
        if self.is_sqlite:  # nobody else is at work
            self.insert_ignoring(model, rows)
            return
        named = sorted((row for row in rows if row[key] is not None), key=itemgetter(key))
        once = {row[key]: row for row in named}  # one statement may hold a row once
        free = [row for row in rows if row[key] is None]
        held = f" ON CONFLICT ({key}) WHERE {where} DO UPDATE SET {key} = excluded.{key}"
        self._insert(model, [*free, *once.values()], held)

    def _insert(self, model: type[Model], rows: Sequence[Mapping[str, Any]], ending: str) -> None:
        if not rows:
            return
        table = cast(Table, model.__table__)
        columns = columns_of(rows, tuple(rows[0]))
        # Half of the values of a new lead are empty, and saying so costs the driver more than a value.
        filled = {
            name: values
            for name, values in columns.items()
            if values[0] is not None or values.count(None) < len(values)
        }
        plan = insert_plan(table, tuple(filled), self.connection.dialect)
        self.run(plan.sql + ending, plan.parameters(filled))

    def update(self, model: type[Model], rows: Sequence[Mapping[str, Any]]) -> None:
        """Change many rows of one table by their `id`; the other keys of each row are the new values."""
        if not rows:
            return
        table = cast(Table, model.__table__)
        names = (*(name for name in rows[0] if name != "id"), "id")
        plan = update_plan(table, names, self.connection.dialect)
        # Sorted, so that two transactions changing the same rows wait for each other instead of embracing.
        ordered = sorted(rows, key=itemgetter("id"))
        self.run(plan.sql, plan.parameters(columns_of(ordered, names)))

    def lock_keys(self, keys: Iterable[str]) -> None:
        """Until the commit nobody else works with these keys. Taken in one order, so two takers cannot embrace."""
        if self.is_sqlite:
            return  # one writer: the whole file is ours
        ordered = sorted(set(keys))
        if ordered:
            self.connection.exec_driver_sql(
                "SELECT pg_advisory_xact_lock(hashtextextended(key, 3049)) FROM unnest($1::text[]) AS key",
                (ordered,),
            )

    def numbers(self, name: str, count: int) -> list[int]:
        """The next `count` human numbers of a sequence ("lead", "contact"). Gaps are allowed, repeats are not."""
        if count == 0:
            return []
        if self.is_sqlite:
            _, ((last,),) = fetch(
                self.connection,
                "INSERT INTO counter (name, value) VALUES (?, ?) "
                "ON CONFLICT (name) DO UPDATE SET value = value + excluded.value RETURNING value",
                (name, count),
            )
            return list(range(last - count + 1, last + 1))
        _, drawn = fetch(
            self.connection, f"SELECT nextval('{name}_number') FROM generate_series(1, $1)", (count,)
        )
        return [row[0] for row in drawn]
