"""The database: tables' common ground, transactions, reads, and the only place that knows which database it is.

What happens inside a transaction is a plain function of `tx`: `await db.transact(work)` runs it, on SQLite in one
dedicated writer thread over a synchronous connection, on PostgreSQL over asyncpg. A network call inside a
transaction is thereby impossible, not merely forbidden. Statements are Core on the connection; there is no Session.
"""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import json
import random
import secrets
import sqlite3
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import asynccontextmanager, closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from operator import itemgetter
from typing import Any, ClassVar, Never, TypeAlias, TypeVar, cast, overload

import structlog
from sqlalchemy import (
    BigInteger,
    Boolean,
    ColumnElement,
    Connection,
    DateTime,
    Dialect,
    Index,
    Integer,
    MetaData,
    RowMapping,
    Select,
    String,
    Table,
    Text,
    bindparam,
    create_engine,
    event,
    text,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.pool import StaticPool
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.visitors import InternalTraversal
from sqlalchemy.types import TypeDecorator, TypeEngine

from core.clock import Clock, SystemClock
from core.events import Event
from core.hints import Hints
from core.ids import NODES, Ids

log = structlog.get_logger("database")

DatabaseError = (
    SQLAlchemyError  # whatever the database may raise; edges catch it without importing SQLAlchemy
)

T = TypeVar("T")
Reading: TypeAlias = Connection  # what a read-only query is given; rooms without SQL name it so
ATTEMPTS = 5
NOT_NOW = {"40001", "40P01", "55P03"}  # serialization failure, deadlock, lock timeout
# Connection lost, out of resources, shut down or cancelled, the machine's own trouble, a standby that takes no writes.
_AWAY = (
    *NOT_NOW, "08", "53", "57", "58", "25006",
    *(f"SQLITE_{name}" for name in "BUSY LOCKED FULL IOERR CANTOPEN READONLY NOMEM CORRUPT NOTADB".split()),
)  # fmt: skip
NOTIFY_CHANNEL = "openlines"
BATCH = 256  # rows a bulk job handles in one transaction

# --- types and tables ----------------------------------------------------------------------------


class UtcDateTime(TypeDecorator[datetime]):
    """An aware moment. On PostgreSQL a timestamptz, on SQLite text of fixed width, so that it sorts.

    A naive datetime is refused with ValueError: a moment without a zone is a bug of the caller.
    """

    impl = DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "sqlite":
            return dialect.type_descriptor(String(26))
        return dialect.type_descriptor(DateTime(timezone=True))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"a moment without a time zone: {value!r}")
        if dialect.name == "sqlite":
            if value.tzinfo is not UTC:
                value = value.astimezone(UTC)
            return value.isoformat(" ", "microseconds")[:26]  # without its +00:00
        return value

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if dialect.name == "sqlite":
            return datetime.fromisoformat(value).replace(tzinfo=UTC)
        return cast(datetime, value).astimezone(UTC)


class Json(TypeDecorator[Any]):
    """Data without a fixed shape: jsonb on PostgreSQL, text on SQLite. None is NULL, never the JSON null."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "postgresql":
            return dialect.type_descriptor(postgresql.JSONB(none_as_null=True))
        return dialect.type_descriptor(Text())

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        if value is None or dialect.name == "postgresql":
            return value
        return _json(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:
        return json.loads(value) if isinstance(value, str) and dialect.name == "sqlite" else value


_json = json.JSONEncoder(ensure_ascii=False).encode

# On SQLite only a column declared INTEGER is the row's own id; as BIGINT each key would cost a second index.
Id = BigInteger().with_variant(Integer(), "sqlite")


class Model(DeclarativeBase):
    """A typed table. Never instantiated: statements and rows are Core."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(column_0_N_label)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map: ClassVar = {datetime: UtcDateTime(), dict[str, Any]: Json(), list[Any]: Json()}


def partial_index(name: str, *columns: str, where: str, unique: bool = False) -> Index:
    """An index over the rows for which `where` holds: small, however many settled rows lie beside them."""
    return Index(name, *columns, unique=unique, sqlite_where=text(where), postgresql_where=text(where))


class NumberCounter(Model):
    """Where SQLite keeps the last human number of each kind; PostgreSQL has sequences."""

    __tablename__ = "counter"
    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    value: Mapped[int] = mapped_column(BigInteger)


class among(ColumnElement[bool]):  # noqa: N801 - reads as part of a statement: where(among(column, keys))
    """`column` is one of `keys`, as one constant statement however many keys there are.

    `keys` are the keys themselves, or the name under which they are given when the statement is executed: a
    statement that every batch asks is built once, at the top of its file, and costs a third of one that is built
    each time. A tuple `IN` is compiled anew for every length and is a full scan for long lists on SQLite.
    """

    inherit_cache = True
    _traverse_internals = [  # noqa: RUF012 - SQLAlchemy reads this to make a cache key
        ("column", InternalTraversal.dp_clauseelement),
        ("keys", InternalTraversal.dp_clauseelement),
    ]

    def __init__(self, column: Any, keys: Iterable[Any] | str) -> None:
        self.column = column.__clause_element__() if hasattr(column, "__clause_element__") else column
        kind = _Keys(isinstance(self.column.type, String))
        if isinstance(keys, str):
            self.keys = bindparam(keys, type_=kind)
        else:
            self.keys = bindparam(None, list(keys), type_=kind, unique=True)


class _Keys(TypeDecorator[Iterable[Any]]):
    impl = Text
    cache_ok = True

    def __init__(self, textual: bool) -> None:
        super().__init__()
        self.textual = textual

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "postgresql":
            return dialect.type_descriptor(postgresql.ARRAY(Text() if self.textual else BigInteger()))
        return dialect.type_descriptor(Text())

    def process_bind_param(self, value: Iterable[Any] | None, dialect: Dialect) -> Any:
        keys = list(value or ())
        return keys if dialect.name == "postgresql" else json.dumps(keys)


@compiles(among)
def _among(element: among, compiler: SQLCompiler, **options: Any) -> str:
    return (
        f"{compiler.process(element.column, **options)} = ANY ({compiler.process(element.keys, **options)})"
    )


@compiles(among, "sqlite")
def _among_sqlite(element: among, compiler: SQLCompiler, **options: Any) -> str:
    column, keys = compiler.process(element.column, **options), compiler.process(element.keys, **options)
    return f"{column} IN (SELECT value FROM json_each({keys}))"


# --- a transaction -------------------------------------------------------------------------------


class Transaction:
    """What a piece of work may touch: the connection, the time it happens at, and new identifiers.

    `work` may run more than once and on another thread, so it leaves nothing behind but rows, `record`ed events,
    `hint`s and `after_commit` calls, which all vanish with a rollback.
    """

    def __init__(self, connection: Connection, now: datetime, new_id: Callable[[], int]) -> None:
        self.connection = connection
        self.now = now
        self.new_id = new_id
        self.is_sqlite = connection.dialect.name == "sqlite"
        self.after_commit: list[Callable[[], None]] = []
        self.hints: set[str] = set()
        self.rounds: Counter[int] = Counter()  # how often each item has changed in answer to rules
        self._events: list[Event] = []

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

    def rows(self, statement: Select[Any]) -> Sequence[RowMapping]:
        """All rows of a select, as mappings."""
        return self.connection.execute(statement).mappings().all()

    def insert(self, model: type[Model], rows: Sequence[Mapping[str, Any]]) -> None:
        """Write many rows of one table in one statement. Every row has the keys of the first one.

        Ids are made beforehand with `tx.new_id()`: asking the database for them costs a statement per row.
        """
        self._insert(model, rows, "")

    def insert_ignoring(self, model: type[Model], rows: Sequence[Mapping[str, Any]]) -> None:
        """Like `insert`, but a row whose unique key is already there is left out in silence."""
        self._insert(model, rows, " ON CONFLICT DO NOTHING")

    def _insert(self, model: type[Model], rows: Sequence[Mapping[str, Any]], ending: str) -> None:
        if not rows:
            return
        table = cast(Table, model.__table__)
        columns = _columns(rows, tuple(rows[0]))
        # Half of the values of a new lead are empty, and saying so costs the driver more than a value.
        filled = {name: values for name, values in columns.items() if values.count(None) < len(values)}
        plan = _insert_plan(table, tuple(filled), self.connection.dialect)
        self.connection.exec_driver_sql(plan.sql + ending, plan.parameters(filled))

    def update(self, model: type[Model], rows: Sequence[Mapping[str, Any]]) -> None:
        """Change many rows of one table by their `id`; the other keys of each row are the new values."""
        if not rows:
            return
        table = cast(Table, model.__table__)
        names = (*(name for name in rows[0] if name != "id"), "id")
        plan = _update_plan(table, names, self.connection.dialect)
        # Sorted, so that two transactions changing the same rows wait for each other instead of embracing.
        ordered = sorted(rows, key=itemgetter("id"))
        self.connection.exec_driver_sql(plan.sql, plan.parameters(_columns(ordered, names)))

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
            last = self.connection.exec_driver_sql(
                "INSERT INTO counter (name, value) VALUES (?, ?) "
                "ON CONFLICT (name) DO UPDATE SET value = value + excluded.value RETURNING value",
                (name, count),
            ).scalar_one()
            return list(range(last - count + 1, last + 1))
        drawn = self.connection.exec_driver_sql(
            f"SELECT nextval('{name}_number') FROM generate_series(1, $1)", (count,)
        )
        return [row[0] for row in drawn]


class _Plan:
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

    def parameters(self, columns: Mapping[str, list[Any]]) -> Any:
        """The columns as the driver takes them: rows for SQLite, one array per column for PostgreSQL."""
        written = [
            convert(values) if convert else values
            for values, convert in zip(columns.values(), self._convert, strict=True)
        ]
        return list(zip(*written, strict=True)) if self._sqlite else tuple(written)


def _columns(rows: Sequence[Mapping[str, Any]], names: Sequence[str]) -> dict[str, list[Any]]:
    return {name: [row[name] for row in rows] for name in names}


_Conversion: TypeAlias = Callable[[list[Any]], list[Any]]


def _conversion(kind: TypeEngine[Any], dialect: Dialect) -> _Conversion | None:
    """How a column of values is written; None where the driver takes them as they are."""
    if isinstance(kind, Json):
        return lambda values: [None if value is None else _json(value) for value in values]
    if isinstance(kind, UtcDateTime):
        return lambda values: _moments(values, kind, dialect)
    if dialect.name == "sqlite" and isinstance(kind, String):
        return _plain_texts
    if dialect.name == "sqlite" and isinstance(kind, Boolean):
        return lambda values: [value if value is None else int(value) for value in values]
    return None


def _plain_texts(values: list[Any]) -> list[Any]:
    # sqlite3 looks for an adapter of everything but plain texts and numbers, which takes longer than writing it.
    if not isinstance(values[0], Enum):
        return values
    return [value if value is None else str(value) for value in values]


def _moments(values: list[Any], kind: UtcDateTime, dialect: Dialect) -> list[Any]:
    # Rows of one batch share a handful of moments, and writing one as text is dear.
    written = {value: kind.process_bind_param(value, dialect) for value in set(values)}
    return [written[value] for value in values]


_plans: dict[tuple[str, str, tuple[str, ...], str], _Plan] = {}


def _insert_plan(table: Table, names: tuple[str, ...], dialect: Dialect) -> _Plan:
    key = ("insert", table.name, names, dialect.name)
    if (plan := _plans.get(key)) is None:
        plan = _plans[key] = _Plan(table, names, dialect)
        quoted = ", ".join(f'"{name}"' for name in names)
        if dialect.name == "sqlite":
            plan.sql = f'INSERT INTO "{table.name}" ({quoted}) VALUES ({", ".join("?" * len(names))})'
        else:
            source, values = plan.arrays()
            plan.sql = f'INSERT INTO "{table.name}" ({quoted}) SELECT {", ".join(values)} FROM {source}'
    return plan


def _update_plan(table: Table, names: tuple[str, ...], dialect: Dialect) -> _Plan:
    """`names` end with "id"."""
    key = ("update", table.name, names, dialect.name)
    if (plan := _plans.get(key)) is None:
        plan = _plans[key] = _Plan(table, names, dialect)
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


# --- the database --------------------------------------------------------------------------------

Work: TypeAlias = Callable[[Transaction], T]
React: TypeAlias = Callable[[Transaction, Sequence[Event]], None]


def no_reaction(tx: Transaction, events: Sequence[Event]) -> None:
    """For programs that only read and repair, such as migrations and exports."""


@dataclass(slots=True)
class _Asked:
    """One transaction on its way, as its caller and those who carry it out see it."""

    is_withdrawn: bool = False  # the caller has left
    is_committing: bool = False  # from here on nobody can say whether it happened when the connection dies


class Database:
    """One database, opened. `react` is what automation makes of recorded events, inside the same transaction."""

    def __init__(
        self, url: str, *, clock: Clock | None = None, react: React = no_reaction, node: int | None = None
    ):
        self.url = url
        self.is_sqlite = url.startswith("sqlite")
        self.clock = clock or SystemClock()
        self.hints = Hints()
        self.react = react
        self._running: set[asyncio.Task[Any]] = set()
        self._listener: asyncio.Task[None] | None = None
        # On SQLite the running program is node 0; a command beside it takes any other, so ids never meet.
        self._new_id = Ids(secrets.randbelow(NODES - 1) + 1 if node is None else node)
        if self.is_sqlite:
            path = url.split("///", 1)[1]
            self._writer = Writer(path)
            self._engine = create_async_engine(
                f"sqlite+aiosqlite:///{path}", pool_size=4, max_overflow=0, hide_parameters=True
            )
            event.listen(self._engine.sync_engine, "connect", lambda c, _: _pragmas(c, "query_only=ON"))
            event.listen(self._engine.sync_engine, "begin", lambda c: c.exec_driver_sql("BEGIN DEFERRED"))
        else:
            self._engine = create_async_engine(
                url,
                hide_parameters=True,  # errors are logged; what people wrote is not
                pool_size=10,
                max_overflow=0,
                pool_timeout=30,
                connect_args={
                    "server_settings": {
                        "application_name": "openlines",
                        "statement_timeout": "60000",
                        "idle_in_transaction_session_timeout": "30000",
                    }
                },
            )

    @classmethod
    @asynccontextmanager
    async def opened(
        cls, url: str, *, clock: Clock | None = None, react: React = no_reaction, node: int | None = None
    ) -> Any:
        """A database that is closed at the end of the block, whatever happens in it."""
        database = cls(url, clock=clock, react=react, node=node)
        try:
            await database.start()
            yield database
        finally:
            await database.close()

    async def start(self) -> None:
        """Take this process's node (PostgreSQL) and begin to listen for wake-up calls."""
        if not self.is_sqlite:
            async with self._engine.connect() as connection:
                drawn = await connection.exec_driver_sql("SELECT nextval('process_node')")
                self._new_id = Ids(drawn.scalar_one() % NODES)
                await connection.commit()
            self._listener = asyncio.create_task(self._listen())

    def new_id(self) -> int:
        """An identifier made outside of a transaction, e.g. for a file that is stored before it is filed."""
        return self._new_id()

    # Async work is refused by type (it would never run) and again when it is called.
    @overload
    async def transact(
        self, work: Callable[[Transaction], Coroutine[Any, Any, Any]], *, bulk: bool = ...
    ) -> Never: ...
    @overload
    async def transact(self, work: Work[T], *, bulk: bool = ...) -> T: ...
    async def transact(self, work: Work[Any], *, bulk: bool = False) -> Any:
        """Run `work` in one transaction and return what it returns.

        It is run again when the database says "not now" (serialization, deadlock, busy: five times) or when a
        unique key was taken meanwhile (twice), and once more when the connection turns out to be dead before the
        commit. Once begun it is finished even if the caller is cancelled; one
        still queued never runs. `bulk` marks batches, which let people's transactions pass (eight at most).
        """
        asked = _Asked()
        task = asyncio.ensure_future(self._transact(work, bulk, asked))
        self._running.add(task)
        task.add_done_callback(self._finished)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            asked.is_withdrawn = True
            if self.is_sqlite and not task.done():
                task.cancel()  # takes back what is still queued; the writer finishes what it has begun
            raise

    def _finished(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            task.exception()  # seen here too, when the caller was cancelled and nobody else looks

    async def _transact(self, work: Work[Any], bulk: bool, asked: _Asked) -> Any:
        if self.is_sqlite:
            future = self._writer.submit(lambda connection: self._attempt(connection, work, asked), bulk)
            waiting = asyncio.wrap_future(future)
            try:
                result, tx = await asyncio.shield(waiting)
            except asyncio.CancelledError:
                if future.cancel():
                    raise
                result, tx = await waiting
        else:
            result, tx = await self._attempts_postgresql(work, asked)
        for call in tx.after_commit:
            call()
        if self.is_sqlite:
            self.hints.announce(tx.hints)
        return result

    async def _attempts_postgresql(self, work: Work[T], asked: _Asked) -> tuple[T, Transaction]:
        attempt = 1
        while True:
            try:
                async with self._engine.connect() as connection:
                    if asked.is_withdrawn and attempt == 1:
                        raise asyncio.CancelledError  # its caller left while it queued for a connection
                    return await connection.run_sync(self._attempt, work, asked)
            except DBAPIError as error:
                died_early = error.connection_invalidated and not asked.is_committing and attempt == 1
                if not (died_early or worth_repeating(error, attempt)):
                    raise
                log.info("transaction repeated", attempt=attempt, why=_name_of(error))
                await asyncio.sleep(random.uniform(0, 0.02 * attempt))  # noqa: S311 - a pause, no secret
                attempt += 1

    def _attempt(self, connection: Connection, work: Work[T], asked: _Asked) -> tuple[T, Transaction]:
        asked.is_committing = False
        with connection.begin():
            tx = Transaction(connection, self.clock.now(), self._new_id.runs().__next__)
            result = work(tx)
            if inspect.iscoroutine(result):
                result.close()
                raise TypeError(f"{work!r} is async; work inside a transaction is a plain function")
            while events := tx.take_events():
                self.react(tx, events)
            if tx.hints and not tx.is_sqlite:
                connection.exec_driver_sql(
                    "SELECT pg_notify($1, name) FROM unnest($2::text[]) AS name",
                    (NOTIFY_CHANNEL, sorted(tx.hints)),
                )
            asked.is_committing = True
        return result, tx

    async def read(self, query: Callable[[Connection], T]) -> T:
        """Run a read-only function of a connection; it sees one consistent state.

        It is asked again when the connection turns out to be dead: a server that was restarted costs no answer.
        """
        try:
            return await self._read(query)
        except DBAPIError as error:
            if not error.connection_invalidated:
                raise
        return await self._read(query)

    async def _read(self, query: Callable[[Connection], T]) -> T:
        async with self._engine.connect() as connection:
            if self.is_sqlite:
                return await connection.run_sync(query)
            reading = await connection.execution_options(
                isolation_level="REPEATABLE READ", postgresql_readonly=True
            )
            return await reading.run_sync(query)

    async def hold(
        self, name: str, body: Callable[[], Coroutine[Any, Any, None]], *, retry_seconds: float = 2
    ) -> None:
        """Run `body` while this process holds the lease `name`, waiting for it first; until cancelled.

        On PostgreSQL the lease is a session's advisory lock: when the connection is lost so is the lease, `body`
        is cancelled and the lease asked for anew. On SQLite there is one process, which holds the file's run lock.
        """
        if self.is_sqlite:
            await body()
            return
        while True:
            try:
                async with self._engine.connect() as connection:
                    await self._hold_on(connection, name, body, retry_seconds)
                    return
            except (DBAPIError, OSError) as error:
                log.warning("a lease is lost", lease=name, why=type(error).__name__)
            await asyncio.sleep(retry_seconds)

    async def _hold_on(
        self,
        connection: AsyncConnection,
        name: str,
        body: Callable[[], Coroutine[Any, Any, None]],
        seconds: float,
    ) -> None:
        connection = await connection.execution_options(isolation_level="AUTOCOMMIT")
        ask = text("SELECT pg_try_advisory_lock(hashtextextended(:name, 3050))")
        while not (await connection.execute(ask, {"name": name})).scalar_one():  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(seconds)
        task = asyncio.ensure_future(body())
        try:
            while not task.done():
                await asyncio.wait([task], timeout=seconds)
                await connection.execute(
                    text("SELECT 1")
                )  # raises when the connection, and so the lease, is gone
            task.result()
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await connection.invalidate()

    async def _listen(self) -> None:
        """PostgreSQL's wake-up calls become this process's hints. A lost connection costs a poll's interval."""
        while True:
            try:
                async with self._engine.connect() as connection:
                    await self._listen_on(connection)
            except (DBAPIError, OSError) as error:
                log.warning("wake-up calls interrupted", why=type(error).__name__)
            await asyncio.sleep(1)

    async def _listen_on(self, connection: AsyncConnection) -> None:
        raw = await connection.get_raw_connection()
        driver: Any = raw.driver_connection
        lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def terminated(_: Any) -> None:
            if not lost.done():
                lost.set_result(None)

        driver.add_termination_listener(terminated)
        await driver.add_listener(NOTIFY_CHANNEL, lambda *call: self.hints.announce({str(call[3])}))
        try:
            await lost
        finally:
            driver.remove_termination_listener(terminated)
            await connection.invalidate()  # nobody else may be given it: it listens, or it is dead

    async def close(self) -> None:
        """Finish what is running and let go of every connection and thread."""
        if self._listener:
            self._listener.cancel()
            await asyncio.gather(self._listener, return_exceptions=True)
        if self._running:
            await asyncio.wait(self._running)
        if self.is_sqlite:
            await asyncio.to_thread(self._writer.close)
        await self._engine.dispose()


def worth_repeating(error: BaseException, attempt: int) -> bool:
    """Whether the database merely said "not now", or a unique key was taken between our look and our write."""
    if not isinstance(error, DBAPIError) or attempt >= ATTEMPTS:
        return False
    state = _name_of(error)
    unique = state in ("23505", "SQLITE_CONSTRAINT_UNIQUE", "SQLITE_CONSTRAINT_PRIMARYKEY")
    return state in NOT_NOW or state.startswith("SQLITE_BUSY") or (unique and attempt <= 2)


def is_away(error: BaseException) -> bool:
    """Whether the database cannot serve now: gone, full, read-only, overloaded. What is wrong lies not in the input.

    Then nothing is acknowledged and nothing given up; everything else is the fault of what was to be written.
    """
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, (OSError, PoolTimeoutError)) or getattr(seen, "connection_invalidated", False):
            return True
        state = str(getattr(seen, "sqlstate", None) or getattr(seen, "sqlite_errorname", None) or "")
        if state.startswith(_AWAY) or type(seen).__name__ == "InterfaceError":
            return True
        seen = getattr(seen, "orig", None) or seen.__cause__
    return False


def complaint(error: BaseException) -> str:
    """What went wrong, in a line for logs and admins. A database's own words may quote what people wrote: not those."""
    if not isinstance(error, DBAPIError) or error.orig is None:
        return f"{type(error).__name__}: {error}"[:500]
    cause = error.orig.__cause__
    while cause is not None:
        if isinstance(cause, UnicodeError):  # says which character, not which text
            return f"{type(cause).__name__}: {cause}"[:500]
        cause = cause.__cause__
    return f"{type(error.orig.__cause__ or error.orig).__name__} {_name_of(error)}".strip()


def _name_of(error: DBAPIError) -> str:
    return str(getattr(error.orig, "sqlstate", None) or getattr(error.orig, "sqlite_errorname", "") or "")


def _pragmas(dbapi: Any, *more: str) -> None:
    dbapi.isolation_level = None  # we say BEGIN ourselves; the driver's own way loses updates
    cursor = dbapi.cursor()
    for pragma in ("busy_timeout=5000", "journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", *more):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


_Job: TypeAlias = tuple["Future[Any]", contextvars.Context, Callable[[Connection], Any]]


class Writer:
    """SQLite's one writer: a thread with a connection and two lanes.

    People go first, but a waiting batch is never passed by more than `FAIR` of them.
    """

    FAIR = 8

    def __init__(self, path: str) -> None:
        self._engine = create_engine(
            f"sqlite:///{path}",
            poolclass=StaticPool,
            connect_args={"check_same_thread": False},
            hide_parameters=True,
        )
        # The log goes into the file beside us, see `_Folding`; here only where that has left 128 MB of it.
        more = ("cache_size=-65536", "wal_autocheckpoint=32000")
        event.listen(self._engine, "connect", lambda c, _: _pragmas(c, *more))
        event.listen(self._engine, "begin", lambda c: c.exec_driver_sql("BEGIN IMMEDIATE"))
        self._folding = _Folding(path)
        self._people: deque[_Job] = deque()
        self._batches: deque[_Job] = deque()
        self._wake, self._is_open = threading.Condition(), True
        self._thread = threading.Thread(target=self._run, name="database-writer")
        self._thread.start()

    def submit(self, job: Callable[[Connection], T], bulk: bool) -> Future[T]:
        """Queue a job. Its future can be cancelled until the job has begun."""
        future: Future[T] = Future()
        with self._wake:
            if not self._is_open:
                raise RuntimeError("the database is closed")
            (self._batches if bulk else self._people).append((future, contextvars.copy_context(), job))
            self._wake.notify()
        return future

    def _run(self) -> None:
        with self._connection() as connection:
            for future, context, job in self._jobs():
                if not future.set_running_or_notify_cancel():
                    continue  # cancelled before it began: it never happened
                try:
                    future.set_result(context.run(self._persist, connection, job))
                except BaseException as error:  # noqa: BLE001 - the caller gets it, whatever it is; the thread lives on
                    future.set_exception(error)
                self._folding.has_news.set()
                del future, context, job

    @contextmanager
    def _connection(self) -> Iterator[Connection]:
        with self._engine.connect() as connection:
            yield connection
        self._engine.dispose()

    def _jobs(self) -> Iterator[_Job]:
        passed = 0
        while True:
            with self._wake:
                while self._is_open and not (self._people or self._batches):
                    self._wake.wait()
                if not (self._people or self._batches):
                    return
                if self._people and (not self._batches or passed < self.FAIR):
                    lane, passed = self._people, passed + bool(self._batches)
                else:
                    lane, passed = self._batches, 0
                job = lane.popleft()
            yield job

    def _persist(self, connection: Connection, job: Callable[[Connection], T]) -> T:
        attempt = 1
        while True:
            try:
                return job(connection)
            except DBAPIError as error:
                if not worth_repeating(error, attempt):
                    raise
                log.info("transaction repeated", attempt=attempt, why=_name_of(error))
                time.sleep(0.005 * attempt)
                attempt += 1

    def close(self) -> None:
        """Do what is queued, then end the thread."""
        with self._wake:
            self._is_open = False
            self._wake.notify()
        self._thread.join()
        self._folding.close()


class _Folding:
    """Brings SQLite's log into the file, a thread of its own: done by the writer, it holds everybody up for 0.1 s."""

    PAUSE = 1.0  # seconds: a page that every batch writes is brought over once in so long

    def __init__(self, path: str) -> None:
        self._path = path
        self.has_news = threading.Event()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="database-folding")
        self._thread.start()

    def _run(self) -> None:
        while not self._closing.wait(self.PAUSE):
            self.has_news.wait()
            self.has_news.clear()
            # What fails is done the next time; what ails the file, the writer says.
            with suppress(sqlite3.Error), closing(sqlite3.connect(self._path)) as connection:
                connection.execute("PRAGMA wal_checkpoint(PASSIVE)")

    def close(self) -> None:
        self._closing.set()
        self.has_news.set()
        self._thread.join()
