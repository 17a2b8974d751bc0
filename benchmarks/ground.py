"""What is measured on: databases with a working line in them, small, and with a million of everything there already.

The million is made once by raw SQL and kept under /var/tmp; every run works on a copy of it.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
import sqlite3
import subprocess
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select

from benchmarks import seed
from benchmarks.customers import BOT
from core.automation.model import Robot, Start
from core.automation.preset import ensure_line
from core.automation.reactions import Reactions
from core.database import Database, Transaction
from core.leads.pipelines import initial_stage
from core.lines.accounts import AccountRef, ensure_account
from core.lines.model import Line
from core.migrations import migrate
from core.staff.model import Manager, Role
from tests.servers.postgres import PostgresServer

DISK = Path("/var/tmp")  # noqa: S108 - a disk, where /tmp may be memory; every folder of ours there is closed to others
CACHE = DISK / f"openlines-bench-{os.getuid()}"
MANAGERS = 3
FEW = 1_000  # contacts of a line that has just begun
DURABLE = {"max_wal_size": "4GB", "shared_buffers": "1GB"}  # as one would set up a PostgreSQL of that size


@dataclass(frozen=True, slots=True)
class Ground:
    """A database and how many contacts it held at the beginning."""

    url: str
    contacts: int

    @property
    def path(self) -> Path:
        """The file of an SQLite database."""
        return Path(self.url.split("///", 1)[1])


@contextmanager
def sqlite_ground(contacts: int) -> Iterator[Ground]:
    """An SQLite file with so many contacts, on a disk; gone afterwards."""
    kept = CACHE / f"sqlite-{contacts}-{_recipe()}"
    if not kept.exists():
        _keep(kept, lambda folder: _make_sqlite(folder, contacts))
    with folder() as copy:
        _copy(kept / "line.db", copy / "line.db")
        yield Ground(_sqlite_url(copy / "line.db"), contacts)


@contextmanager
def postgres_grounds(*sizes: int) -> Iterator[list[Ground]]:
    """Databases of these sizes in one PostgreSQL that waits for its disk at every commit; gone afterwards."""
    kept = CACHE / f"postgres-{'-'.join(map(str, sizes))}-{_recipe()}"
    with PostgresServer(durable=True, settings=DURABLE) as server:
        data = server.folder / "data"
        if not kept.exists():
            for contacts in sizes:
                _make_postgres(server, contacts)
            server.stop()
            _keep(kept, lambda copy: _copy(data, copy / "data"))
        else:
            server.stop()
            shutil.rmtree(data)
            _copy(kept / "data", data)
        server.start()
        yield [Ground(server.url(f"line_{contacts}"), contacts) for contacts in sizes]


@asynccontextmanager
async def opened(ground: Ground) -> AsyncIterator[tuple[Database, AccountRef]]:
    """The database as the program opens it, and the line's Telegram account."""
    async with Database.opened(ground.url, react=Reactions(), node=0) as database:
        yield database, await database.transact(the_line)


@contextmanager
def folder() -> Iterator[Path]:
    """A folder on the disk; gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="openlines-bench-", dir=DISK) as path:
        yield Path(path)


def the_line(tx: Transaction) -> AccountRef:
    """A line with three managers who are here, and a robot that puts a timer to every new lead; made once."""
    line_id = ensure_line(tx, language="ru", timezone="Europe/Moscow")
    account = ensure_account(tx, line_id, "telegram", BOT, "Telegram")
    if tx.connection.execute(select(Manager.id).limit(1)).first() is not None:
        return account
    tx.insert(Manager, [_manager(tx, number) for number in range(1, MANAGERS + 1)])
    pipeline = tx.connection.execute(select(Line.pipeline_id).where(Line.id == line_id)).scalar_one()
    tx.insert(
        Robot,
        [
            {
                "id": tx.new_id(),
                "name": "reminder",
                "title": {"ru": "Напоминание", "en": "Reminder"},
                "stage_id": initial_stage(tx.connection, pipeline).id,
                "start": Start.ENTERED,
                "delay_seconds": 7200,
                "action": "message",
                "parameters": {"text": {"ru": 'Мы помним о вас{{ name|after(", ") }}.', "en": "Still here."}},
                "condition": [["channel", "is", "telegram"]],
                "stops_on_answer": False,
                "once_per_lead": True,
                "late_seconds": None,
                "position": 2,
                "is_active": True,
            }
        ],
    )
    return account


def _manager(tx: Transaction, number: int) -> dict[str, object]:
    return {
        "id": tx.new_id(),
        "telegram_id": 900_000 + number,
        "name": f"Manager {number}",
        "username": None,
        "language": "ru",
        "role": Role.ADMIN if number == 1 else Role.MANAGER,
        "is_available": True,
        "is_active": True,
        "is_reachable": True,
        "position": number,
        "last_given_at": None,
        "created_at": tx.now,
    }


# --- making and keeping --------------------------------------------------------------------------


def _make_sqlite(into: Path, contacts: int) -> None:
    url = _sqlite_url(into / "line.db")
    asyncio.run(_with_line(url))
    with closing(sqlite3.connect(into / "line.db", isolation_level=None)) as connection:
        for pragma in ("journal_mode=OFF", "synchronous=OFF", "cache_size=-1000000", "temp_store=MEMORY"):
            connection.execute(f"PRAGMA {pragma}")
        for statement in seed.statements(contacts, is_sqlite=True):
            connection.execute(statement)
        connection.execute("ANALYZE")
        connection.execute("PRAGMA journal_mode=WAL")


def _make_postgres(server: PostgresServer, contacts: int) -> None:
    name = server.create_database(name=f"line_{contacts}")
    asyncio.run(_with_line(server.url(name)))
    for statement in seed.statements(contacts, is_sqlite=False):
        # Without looking every key up again: the rows refer to each other by construction.
        server.execute(f"SET session_replication_role = replica; {statement}", name)
    for statement in ("VACUUM ANALYZE", "CHECKPOINT"):
        server.execute(statement, name)


async def _with_line(url: str) -> None:
    await migrate(url)
    async with opened(Ground(url, 0)):
        pass


def _recipe() -> str:
    """Changes with whatever decides what lies in the cache: the schema and the way it is filled."""
    digest = hashlib.sha256()
    root = Path(__file__).parents[1]
    for path in sorted(
        [*(root / "core").rglob("model.py"), *(root / "core/migrations/versions").glob("*.py")]
    ):
        digest.update(path.read_bytes())
    for path in (Path(seed.__file__), Path(__file__)):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def _keep(kept: Path, make: Callable[[Path], None]) -> None:
    """Make something beside its place and move it there whole; what another recipe made is thrown away."""
    kept.parent.mkdir(mode=0o700, exist_ok=True)
    for old in kept.parent.glob(f"{kept.name.rsplit('-', 1)[0]}-*"):
        shutil.rmtree(old, ignore_errors=True)
    making = kept.with_name(f"{kept.name}.{os.getpid()}")
    making.mkdir(mode=0o700)
    try:
        make(making)
        making.rename(kept)
    except BaseException:
        shutil.rmtree(making, ignore_errors=True)
        raise


def _copy(source: Path, target: Path) -> None:
    # cp keeps owners, which PostgreSQL looks at, and shares blocks where the file system can.
    subprocess.run(["cp", "-a", "--reflink=auto", str(source), str(target)], check=True)


def _sqlite_url(path: Path) -> str:
    return f"sqlite+aiosqlite:///{path}"
