"""Timers due among a million that wait: a robot's condition, a message, a delivery and the timer itself, settled."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator

from sqlalchemy import select, update

from benchmarks.figures import Figure, Promise
from benchmarks.ground import Ground, opened, postgres_grounds, sqlite_ground
from core.automation.model import Timer, TimerState
from core.database import Transaction, among
from core.worker import fire_due

LOOKS = 300


def figures(*, quick: bool) -> Iterator[Figure]:
    """On both databases: fired a second, and what a look costs when nothing is due."""
    waiting = 100_000 if quick else 1_000_000
    with sqlite_ground(waiting) as ground:
        yield from asyncio.run(_measured("SQLite", ground, quick=quick))
    with postgres_grounds(1_000, 1_001, waiting) as grounds:
        yield from asyncio.run(_measured("PostgreSQL", grounds[-1], quick=quick))


async def _measured(name: str, ground: Ground, *, quick: bool) -> list[Figure]:
    rounds, count = (2, 1_280) if quick else (4, 5_120)
    rates, looks = list[float](), list[float]()
    async with opened(ground) as (database, _):
        for _ in range(rounds + 1):
            await database.transact(lambda tx: _make_due(tx, count))
            began, fired = time.perf_counter(), 0
            while lot := await fire_due(database):
                fired += lot
            rates.append(fired / (time.perf_counter() - began))
            assert fired == count, fired
        for _ in range(LOOKS):
            began = time.perf_counter()
            assert await fire_due(database) == 0
            looks.append(time.perf_counter() - began)
        done = await database.read(lambda c: len(c.execute(_DONE).all()))
        assert done == count * (rounds + 1), "some timers were skipped"
    what = f"timers fired among {ground.contacts:,} waiting, {name}"
    return [
        Figure(what, "/s", Promise(at_least=1_500), rates[1:]),
        Figure(
            f"… an empty look, {name}",
            "ms",
            Promise(below=2),
            [1000 * sorted(looks)[len(looks) // 2]],
            latencies=looks,
        ),
    ]


_DONE = select(Timer.id).where(Timer.state == TimerState.DONE)


def _make_due(tx: Transaction, count: int) -> None:
    """The time of some has come, spread over the whole table as it would be."""
    ids = tx.connection.execute(select(Timer.id).where(Timer.state == TimerState.WAITING).limit(count * 10))
    chosen = [row[0] for row in ids][::10]
    tx.connection.execute(update(Timer).where(among(Timer.id, chosen)).values(due_at=tx.now))
