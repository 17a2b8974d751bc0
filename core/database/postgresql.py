"""What only PostgreSQL has: leases that die with their connection, and wake-up calls between processes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import structlog
from sqlalchemy import ExceptionContext, TextClause, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from core.hints import Hints

log = structlog.get_logger("database")

NOTIFY_CHANNEL = "openlines"
_LOST = (DBAPIError, OSError, PoolTimeoutError)  # the last: every connection is busy, and none left for us
_IS_THERE = text("SELECT 1")  # raises when the connection is gone
_TAKE = text("SELECT pg_try_advisory_lock(hashtextextended(:name, 3050))")
# Else the server believes in a session whose machine has lost power for as long as the system does: two hours.
_END_WHEN_SILENT = text(
    "SELECT set_config(name, :milliseconds, false) FROM pg_settings WHERE name = 'idle_session_timeout'"
)


def give_up_silent(failure: ExceptionContext) -> None:
    """A connection on which nothing comes is dead, and so are those beside it: each is made anew before it is used.

    To close them politely, as disposing of all does, would wait for each as long again.
    """
    if isinstance(failure.original_exception, TimeoutError):
        failure.invalidate_pool_on_disconnect = True


async def hold_lease(
    engine: AsyncEngine,
    name: str,
    body: Callable[[], Coroutine[Any, Any, None]],
    retry_seconds: float,
    silent_seconds: float,
) -> None:
    """Run `body` while this process holds the lease `name`, waiting for it first; until cancelled.

    The lease is a session's advisory lock: when the connection is lost so is the lease, `body` is cancelled and
    the lease asked for anew. A holder of which nothing is heard any more, its machine without power or frozen, has
    lost it to the others after `silent_seconds`.
    """
    is_lost = False  # said once: whoever works with the database tells how it goes on
    while True:
        try:
            async with engine.connect() as connection:
                is_lost = False
                try:
                    await _hold_on(connection, name, body, retry_seconds, silent_seconds)
                finally:
                    await connection.invalidate()  # the lock goes with it, and nobody else is given it
                return
        except _LOST as error:
            if not is_lost:
                log.warning("a lease is lost", lease=name, why=type(error).__name__)
            is_lost = True
        await asyncio.sleep(retry_seconds)


async def listen(engine: AsyncEngine, hints: Hints, seconds: float) -> None:
    """PostgreSQL's wake-up calls become this process's hints. A lost connection costs a poll's interval.

    Every so many `seconds` it is seen whether there still is a connection: who only listens is not told.
    """
    is_lost = False
    while True:
        try:
            async with engine.connect() as connection:
                is_lost = False
                await _listen_on(connection, hints, seconds)
        except _LOST as error:
            if not is_lost:
                log.warning("wake-up calls interrupted", why=type(error).__name__)
            is_lost = True
        await asyncio.sleep(1)


async def _hold_on(
    connection: AsyncConnection,
    name: str,
    body: Callable[[], Coroutine[Any, Any, None]],
    seconds: float,
    silent_seconds: float,
) -> None:
    async def answer(question: TextClause, **given: str) -> Any:
        async with asyncio.timeout(silent_seconds):  # who hears nothing for so long has lost it to others
            return (await connection.execute(question, given)).scalar()

    connection = await connection.execution_options(isolation_level="AUTOCOMMIT")
    await answer(_END_WHEN_SILENT, milliseconds=str(round(silent_seconds * 1000)))
    while not await answer(_TAKE, name=name):  # noqa: ASYNC110 - nobody tells
        await asyncio.sleep(seconds)
    task = asyncio.ensure_future(body())
    try:
        while not task.done():
            await asyncio.wait([task], timeout=seconds)
            await answer(_IS_THERE)
        task.result()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _listen_on(connection: AsyncConnection, hints: Hints, seconds: float) -> None:
    connection = await connection.execution_options(isolation_level="AUTOCOMMIT")
    raw = await connection.get_raw_connection()
    driver: Any = raw.driver_connection
    lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def terminated(_: Any) -> None:
        if not lost.done():
            lost.set_result(None)

    driver.add_termination_listener(terminated)
    await driver.add_listener(NOTIFY_CHANNEL, lambda *call: hints.announce({str(call[3])}))
    try:
        while not (await asyncio.wait([lost], timeout=seconds))[0]:
            await connection.execute(_IS_THERE)
    finally:
        driver.remove_termination_listener(terminated)
        await connection.invalidate()  # nobody else may be given it: it listens, or it is dead
