"""SQLite's readers: what only reads goes beside the one writer, whole, to a thread with a connection of its own."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from sqlalchemy import Connection, create_engine, event

from core.database.writer import set_pragmas

T = TypeVar("T")


class Readers:
    """A few threads that read; each query sees one consistent state.

    An asynchronous driver would hand over every statement by itself, with two changes of thread each time: a
    manager's card of thirty statements took three times as long so.
    """

    AT_ONCE = 4

    def __init__(self, path: str) -> None:
        self._engine = create_engine(
            f"sqlite:///{path}",
            pool_size=self.AT_ONCE,
            max_overflow=0,
            connect_args={"check_same_thread": False},
            hide_parameters=True,
        )
        event.listen(self._engine, "connect", lambda c, _: set_pragmas(c, "query_only=ON"))
        event.listen(self._engine, "begin", lambda c: c.exec_driver_sql("BEGIN DEFERRED"))
        self._threads = ThreadPoolExecutor(self.AT_ONCE, thread_name_prefix="database-reader")

    async def read(self, query: Callable[[Connection], T]) -> T:
        """Run a query as soon as one of the threads is free. Once begun it is finished, whether awaited or not."""
        context = contextvars.copy_context()
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, context.run, self._ask, query)

    def _ask(self, query: Callable[[Connection], T]) -> T:
        with self._engine.begin() as connection:
            return query(connection)

    def close(self) -> None:
        """Finish what is being read, then end the threads."""
        self._threads.shutdown()
        self._engine.dispose()
