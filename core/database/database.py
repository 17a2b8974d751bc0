"""One database, opened: work in transactions, reads beside them, leases, and how it is let go of."""

from __future__ import annotations

import asyncio
import inspect
import random
import secrets
from collections.abc import Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Never, TypeAlias, TypeVar, overload

import structlog
from sqlalchemy import Connection, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine

from core.clock import Clock, SystemClock
from core.database.failures import complaint, worth_repeating
from core.database.postgresql import NOTIFY_CHANNEL, give_up_silent, hold_lease, listen
from core.database.readers import Readers
from core.database.transaction import Transaction
from core.database.writer import Writer
from core.events import Event
from core.hints import Hints
from core.ids import NODES, Ids

log = structlog.get_logger("database")

T = TypeVar("T")
Reading: TypeAlias = Connection  # what a read-only query is given; rooms without SQL name it so
BATCH = 256  # rows a bulk job handles in one transaction
PATIENCE = 60.0  # seconds for one statement on PostgreSQL

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
        self,
        url: str,
        *,
        clock: Clock | None = None,
        react: React = no_reaction,
        node: int | None = None,
        patience: float = PATIENCE,
    ):
        self.url = url
        self.is_sqlite = url.startswith("sqlite")
        self.clock = clock or SystemClock()
        self.hints = Hints()
        self.react = react
        self._patience = patience
        self._running: set[asyncio.Task[Any]] = set()
        self._listener: asyncio.Task[None] | None = None
        # On SQLite the running program is node 0; a command beside it takes any other, so ids never meet.
        self._new_id = Ids(secrets.randbelow(NODES - 1) + 1 if node is None else node)
        if self.is_sqlite:
            path = url.split("///", 1)[1]
            self._writer, self._readers = Writer(path), Readers(path)
        else:
            self._engine = create_async_engine(
                url,
                hide_parameters=True,  # errors are logged; what people wrote is not
                pool_size=10,
                max_overflow=0,
                pool_timeout=30,
                connect_args={
                    # The server gives up first. When nothing comes it is gone and nobody has told us (its machine lost
                    # power, a firewall forgot the connection), and the system would wait for a quarter of an hour.
                    "command_timeout": patience * 1.1,
                    "server_settings": {
                        "application_name": "openlines",
                        "statement_timeout": str(round(patience * 1000)),
                        "idle_in_transaction_session_timeout": "30000",
                        # Plans are kept, and one made while a table was small would read it whole for a long time.
                        # Every query that grows has its index; without this a new line slows down by half until
                        # the server has counted its rows.
                        "enable_seqscan": "off",
                        "jit": "off",  # before version 18 a plan without a choice would look dear enough for it
                    },
                },
            )
            event.listen(self._engine.sync_engine, "handle_error", give_up_silent)

    @classmethod
    @asynccontextmanager
    async def opened(
        cls,
        url: str,
        *,
        clock: Clock | None = None,
        react: React = no_reaction,
        node: int | None = None,
        patience: float = PATIENCE,
    ) -> Any:
        """A database that is closed at the end of the block, whatever happens in it."""
        database = cls(url, clock=clock, react=react, node=node, patience=patience)
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
            self._listener = asyncio.create_task(listen(self._engine, self.hints, self._patience / 2))

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
        if self.is_sqlite:
            self.hints.announce(tx.hints)
        for call in tx.after_commit:
            try:
                call()
            except Exception:  # it has happened, and whoever asked for it must not think otherwise
                log.exception("a call after a commit failed", call=repr(call)[:300])
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
                log.info("transaction repeated", attempt=attempt, why=complaint(error))
                await asyncio.sleep(random.uniform(0, 0.02 * attempt))  # noqa: S311 - a pause, no secret
                attempt += 1

    def _attempt(self, connection: Connection, work: Work[T], asked: _Asked) -> tuple[T, Transaction]:
        asked.is_committing = False
        with connection.begin():
            tx = Transaction(connection, self.clock.now(), self._new_id.runs)
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
        if self.is_sqlite:
            return await self._readers.read(query)
        async with self._engine.connect() as connection:
            reading = await connection.execution_options(
                isolation_level="REPEATABLE READ", postgresql_readonly=True
            )
            return await reading.run_sync(query)

    async def hold(
        self,
        name: str,
        body: Callable[[], Coroutine[Any, Any, None]],
        *,
        retry_seconds: float = 2,
        silent_seconds: float = 20,
    ) -> None:
        """Run `body` while this process holds the lease `name`, waiting for it first; until cancelled.

        On PostgreSQL see `hold_lease`. On SQLite there is one process, which holds the file's run lock.
        """
        if self.is_sqlite:
            await body()
        else:
            await hold_lease(self._engine, name, body, retry_seconds, silent_seconds)

    async def close(self) -> None:
        """Finish what is running and let go of every connection and thread."""
        if self._listener:
            self._listener.cancel()
            await asyncio.gather(self._listener, return_exceptions=True)
        if self._running:
            await asyncio.wait(self._running)
        if self.is_sqlite:
            await asyncio.to_thread(self._writer.close)
            await asyncio.to_thread(self._readers.close)
        else:
            await self._engine.dispose()
