"""What every test may ask for: a clock moved by hand, databases of both kinds, and real servers."""

from __future__ import annotations

import gc
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, closing
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hypothesis
import pytest
import structlog
from sqlalchemy import Connection, Dialect, Engine, event

from core.clock import ManualClock
from tests.servers.postgres import PostgresServer
from tests.servers.process import NotAvailable
from tests.servers.redis import RedisServer

if TYPE_CHECKING:  # half a second each, for the few tests that want them
    from playwright.async_api import Browser

    from tests.servers.imap import ImapServer
    from tests.servers.smtp import SmtpServer

# No deadline for an example: a machine that does something else for a moment proves nothing.
hypothesis.settings.register_profile("openlines", deadline=None, print_blob=True, max_examples=50)
hypothesis.settings.load_profile("openlines")


# A running program compiles each statement once. So does a whole run of tests, instead of every test anew, a third
# of whose time it took: all connections of one kind share what has been compiled, and the dialect it belongs to.
_compiled: dict[Any, Any] = {}
_dialects: dict[tuple[str, str, bool], Dialect] = {}


@event.listens_for(Engine, "engine_connect")
def _compile_once(connection: Connection) -> None:
    dialect = connection.dialect
    kind = (dialect.name, dialect.driver, dialect._has_events)  # who hears of errors has another one
    connection.dialect = _dialects.setdefault(kind, dialect)
    connection.execution_options(compiled_cache=_compiled)


# Without locals in tracebacks: drawing them takes seconds, and the program never shows them.
structlog.configure(
    processors=[
        structlog.processors.add_log_level,
        structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback),
    ]
)


def pytest_collection_finish() -> None:
    """Whatever has been imported by now stays: the collector need not look through it again and again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


@pytest.fixture
def clock() -> ManualClock:
    """Monday noon in Moscow, a working day in an ordinary week."""
    return ManualClock(datetime(2026, 3, 16, 9, 0, tzinfo=UTC))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whole programs first: begun last, the longest of them would keep everybody waiting at the end."""
    items.sort(key=lambda item: item.path.name not in ("test_demo_script.py", "test_processes.py"))


# --- databases, with the schema in them -----------------------------------------------------------


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest) -> str:
    """A database of the test's own, empty and migrated; the test runs once on each kind."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture
def sqlite_url(_sqlite_template: Path, tmp_path: Path) -> str:
    """An SQLite file of the test's own, empty and migrated."""
    path = tmp_path / "openlines.db"
    with closing(sqlite3.connect(_sqlite_template)) as template, closing(sqlite3.connect(path)) as copy:
        template.backup(copy)
    return f"sqlite+aiosqlite:///{path}"


@pytest.fixture
def postgres_url(postgres: PostgresServer, _postgres_template: str) -> Iterator[str]:
    """A PostgreSQL database of the test's own, empty and migrated."""
    name = postgres.create_database(_postgres_template)
    yield postgres.url(name)
    postgres.drop_database(name)


@pytest.fixture(params=["sqlite", "postgres"])
def empty_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database without any schema, for what migrates; the test runs once on each kind."""
    if request.param == "sqlite":
        yield f"sqlite+aiosqlite:///{tmp_path / 'empty.db'}"
        return
    server: PostgresServer = request.getfixturevalue("postgres")
    name = server.create_database()
    yield server.url(name)
    server.drop_database(name)


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """The PostgreSQL server of this process; for tests that need more of it than a database."""
    try:
        server = PostgresServer()
    except NotAvailable as reason:
        pytest.skip(str(reason))
    with server:
        yield server


@pytest.fixture(scope="session")
async def _postgres_template(postgres: PostgresServer) -> str:
    from core.migrations import migrate

    name = postgres.create_database(name="template_openlines")
    await migrate(postgres.url(name))
    return name


@pytest.fixture(scope="session")
async def _sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from core.migrations import migrate

    path = tmp_path_factory.mktemp("template") / "openlines.db"
    await migrate(f"sqlite+aiosqlite:///{path}")
    return path


# --- other servers --------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def _redis() -> Iterator[RedisServer]:
    try:
        server = RedisServer()
    except NotAvailable as reason:
        pytest.skip(str(reason))
    with server:
        yield server


@pytest.fixture
def redis_server(_redis: RedisServer) -> RedisServer:
    """A running, empty Redis. A test may stop it; the next one finds it started again."""
    _redis.start()
    _redis.flush()
    return _redis


@pytest.fixture
def redis_url(redis_server: RedisServer) -> str:
    """The address of a running, empty Redis."""
    return redis_server.url


@pytest.fixture
def imap_server() -> Iterator[ImapServer]:
    """An IMAP server with one empty mailbox."""
    from tests.servers.imap import ImapServer

    with ImapServer() as server:
        yield server


@pytest.fixture
def smtp_server() -> Iterator[SmtpServer]:
    """An SMTP server that has accepted nothing yet."""
    from tests.servers.smtp import SmtpServer

    with SmtpServer(user="line@example.com") as server:
        yield server


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    """A headless Chromium; a test opens tabs of its own in it."""
    from tests.servers.browser import running_browser

    async with AsyncExitStack() as stack:
        try:
            running = await stack.enter_async_context(running_browser())
        except NotAvailable as reason:
            pytest.skip(str(reason))
        yield running
