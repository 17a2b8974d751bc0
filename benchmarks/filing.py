"""First messages of strangers, filed in process: how many a second, how near the floor, and a manager beside it."""

from __future__ import annotations

import asyncio
import gc
import json
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial

from sqlalchemy import Connection, func, select, table

from benchmarks.customers import BOT, telegram_update
from benchmarks.figures import Figure, Promise
from benchmarks.floor import COLUMNS, Floor, PostgresFloor, SqliteFloor
from benchmarks.ground import FEW, Ground, folder, opened, postgres_grounds, sqlite_ground
from channels.telegram.inbound import normalise
from core.channel import Received
from core.database import Database
from core.files import FileStore
from core.intake.edge import Intake
from core.leads.assignment import take
from core.lines.accounts import AccountRef
from core.staff import managers

CALLERS = 64
WARM = 0.5  # seconds before anything is measured
FASTEST = 8_000  # messages a second that nothing here exceeds: so many are made for each second
BETWEEN_TAPS = 0.02  # seconds


@dataclass(slots=True)
class Line:
    """A line that is filed into, and what was measured of it."""

    database: Database
    account: AccountRef
    intake: Intake
    rates: list[float] = field(default_factory=list)
    latencies: list[float] = field(default_factory=list)
    leads: list[int] = field(default_factory=list)
    warmed: int = 0  # messages filed before anything was measured

    async def file(self, seconds: float) -> int:
        """Let 64 callers file for so long, each the next message as soon as its last is filed; returns how many."""
        with _ahead(int(FASTEST * seconds)) as messages:
            return await self._file(iter(messages), seconds)

    async def file_beside(self, seconds: float) -> list[float]:
        """The same with a manager at work beside it: how long, in seconds, each of his taps took."""
        kept = list(self.rates), list(self.latencies)
        with _ahead(int(FASTEST * seconds)) as messages:
            stop = asyncio.Event()
            manager = asyncio.create_task(self._taps(stop))
            await self._file(iter(messages), seconds)
            stop.set()
            took = await manager
        self.rates[:], self.latencies[:] = kept  # slowed down by the taps: not what is shown as filing
        return took

    async def _file(self, waiting: Iterator[Received], seconds: float) -> int:
        done = len(self.latencies)

        async def caller() -> None:
            for message in waiting:
                began = time.perf_counter()
                filed = await self.intake.file(self.account, message)
                self.latencies.append(time.perf_counter() - began)
                assert filed.lead_id is not None, filed
                self.leads.append(filed.lead_id)
                if time.perf_counter() > end:
                    return

        began = time.perf_counter()
        end = began + seconds
        await asyncio.gather(*(caller() for _ in range(CALLERS)))
        count = len(self.latencies) - done
        self.rates.append(count / (time.perf_counter() - began))
        return count

    async def _taps(self, stop: asyncio.Event) -> list[float]:
        """Take one lead after the other, as a manager does who taps the button of every card."""
        person = (await self.database.read(managers.active))[0]
        took = list[float]()
        while not stop.is_set():
            lead_id = self.leads.pop()
            began = time.perf_counter()
            await self.database.transact(partial(take, lead_id=lead_id, person=person))
            took.append(time.perf_counter() - began)
            await asyncio.sleep(BETWEEN_TAPS)
        return took


def figures(*, quick: bool) -> Iterator[Figure]:
    """Filing on both databases: beside its floor, with a million contacts there, and with a manager at work."""
    many = 100_000 if quick else 1_000_000
    with _sqlite_grounds(FEW, FEW, many) as grounds:
        yield from asyncio.run(_measured("SQLite, synchronous=FULL", 3_000, grounds, quick=quick))
    with postgres_grounds(FEW, FEW + 1, many) as grounds:
        yield from asyncio.run(_measured("PostgreSQL, fsync on", 2_000, grounds, quick=quick))


@asynccontextmanager
async def line_at_work(ground: Ground) -> AsyncIterator[Line]:
    """The line of a database, its caches warm."""
    with folder() as store:
        async with opened(ground) as (database, account):
            line = Line(database, account, Intake(database, FileStore(store)))
            line.warmed = await line.file(WARM)
            line.rates.clear()
            line.latencies.clear()
            yield line
            await line.intake.close()


async def _measured(
    database: str, at_least: float, grounds: Sequence[Ground], *, quick: bool
) -> list[Figure]:
    few, raw, many = grounds
    rounds, seconds = (3, 0.7) if quick else (7, 1.2)
    before = [await _rows(ground) for ground in (few, raw)]
    async with line_at_work(few) as ours, line_at_work(many) as large, _floor(raw) as floor:
        await _file_raw(floor, ours.warmed)
        floor_rates = list[float]()
        for _ in range(rounds):
            filed = await ours.file(seconds)
            floor_rates.append(await _file_raw(floor, filed))
            await large.file(seconds)
        after = [await _rows(ground) for ground in (few, raw)]
        ours_wrote, floor_wrote = (now - then for now, then in zip(after, before, strict=True))
        assert ours_wrote == floor_wrote, (ours_wrote - floor_wrote, floor_wrote - ours_wrote)
        taps = await ours.file_beside(seconds * 5)
    return [
        Figure(
            f"first messages filed, {database}",
            "/s",
            Promise(at_least=at_least, p99=80, of_floor=0.4),
            ours.rates,
            floor_rates,
            ours.latencies,
        ),
        Figure(
            f"… with {many.contacts:,} contacts there, {database}",
            "/s",
            Promise(of_floor=0.9),
            large.rates,
            ours.rates,
            large.latencies,
            note=f"the floor of this line is the one above, which began with {few.contacts:,}",
        ),
        Figure(
            f"a manager's tap beside that load, {database}",
            "ms",
            Promise(p99=50),
            [1000 * sum(taps) / len(taps)],
            latencies=taps,
        ),
    ]


async def _rows(ground: Ground) -> Counter[str]:
    """How many rows there are in every table that a first message adds to."""

    def count(connection: Connection) -> Counter[str]:
        tables = sorted({table for table, _ in COLUMNS.values()})
        return Counter({table: _count(connection, table) for table in tables})

    async with opened(ground) as (database, _):
        return await database.read(count)


def _count(connection: Connection, name: str) -> int:
    return connection.execute(select(func.count()).select_from(table(name))).scalar_one()


def _messages(count: int) -> list[Received]:
    """First messages of strangers, understood."""
    now = datetime.now(UTC)
    updates = [telegram_update() for _ in range(count)]
    raw = [json.dumps(update, ensure_ascii=False, separators=(",", ":")).encode() for update in updates]
    return [normalise(update, body, now, BOT) for update, body in zip(updates, raw, strict=True)]


@contextmanager
def _ahead(count: int) -> Iterator[list[Received]]:
    """Messages made beforehand. No line holds so many at once, so the collector does not go through them each time."""
    messages = _messages(count)
    gc.collect()
    gc.freeze()
    try:
        yield messages
    finally:
        gc.unfreeze()


async def _file_raw(floor: Floor, count: int) -> float:
    with _ahead(count) as messages:
        began = time.perf_counter()
        for start in range(0, len(messages), CALLERS):
            await floor.file(messages[start : start + CALLERS])
        return len(messages) / (time.perf_counter() - began)


@asynccontextmanager
async def _floor(ground: Ground) -> AsyncIterator[Floor]:
    if ground.url.startswith("sqlite"):
        with SqliteFloor.opened(ground) as floor:
            yield floor
        return
    async with PostgresFloor.opened(ground) as floor:
        yield floor


@contextmanager
def _sqlite_grounds(few: int, raw: int, many: int) -> Iterator[list[Ground]]:
    with sqlite_ground(few) as first, sqlite_ground(raw) as second, sqlite_ground(many) as third:
        yield [first, second, third]
