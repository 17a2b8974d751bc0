"""SQLite's one writer, and what brings its log into the file."""

from __future__ import annotations

import contextvars
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import closing, contextmanager, suppress
from typing import Any, TypeAlias, TypeVar

import structlog
from sqlalchemy import Connection, create_engine, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import StaticPool

from core.database.failures import complaint, worth_repeating

log = structlog.get_logger("database")

T = TypeVar("T")


def set_pragmas(dbapi: Any, *more: str) -> None:
    """How every connection of ours treats the file: durable, patient, with foreign keys."""
    dbapi.isolation_level = None  # we say BEGIN ourselves; the driver's own way loses updates
    cursor = dbapi.cursor()
    for pragma in ("busy_timeout=5000", "journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", *more):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


_FOLD = "PRAGMA wal_checkpoint(PASSIVE)"
_Job: TypeAlias = tuple["Future[Any]", contextvars.Context, Callable[[Connection], Any]]


class Writer:
    """SQLite's one writer: a thread with a connection and two lanes.

    People go first, but a waiting batch is never passed by more than `FAIR` of them.
    """

    FAIR = 8

    def __init__(self, path: str, *, pause: float = 1.0, long: int = 8_000) -> None:
        self._engine = create_engine(
            f"sqlite:///{path}",
            poolclass=StaticPool,
            connect_args={"check_same_thread": False},
            hide_parameters=True,
        )
        # The log goes into the file beside us, see `_Folding`; here only where that has left 128 MB of it.
        more = ("cache_size=-65536", "wal_autocheckpoint=32000")
        event.listen(self._engine, "connect", lambda c, _: set_pragmas(c, *more))
        event.listen(self._engine, "begin", lambda c: c.exec_driver_sql("BEGIN IMMEDIATE"))
        self._folding = _Folding(path, pause, long)
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
                if self._folding.is_left_long:
                    self._folding.is_left_long = False
                    with suppress(sqlite3.Error):
                        connection.connection.cursor().execute(_FOLD)
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
                log.info("transaction repeated", attempt=attempt, why=complaint(error))
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
    """Brings SQLite's log into the file, a thread of its own: done by the writer, it holds everybody up for 0.1 s.

    While writing never pauses the log would grow without end, so once it is long the writer is asked to bring over
    the little that has come since: then nothing is left in it, and the next to write begins it anew.
    """

    def __init__(self, path: str, pause: float, long: int) -> None:
        self._path = path
        self._pause = pause  # seconds: a page that every batch writes is brought over once in so long
        self._long = long  # pages of 4 kB
        self.has_news = threading.Event()
        self.is_left_long = False
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="database-folding")
        self._thread.start()

    def _run(self) -> None:
        while not self._closing.wait(self._pause):
            self.has_news.wait()
            self.has_news.clear()
            # What fails is done the next time; what ails the file, the writer says.
            with suppress(sqlite3.Error), closing(sqlite3.connect(self._path)) as connection:
                _, pages, _ = connection.execute(_FOLD).fetchone()
                self.is_left_long = pages > self._long

    def close(self) -> None:
        self._closing.set()
        self.has_news.set()
        self._thread.join()
