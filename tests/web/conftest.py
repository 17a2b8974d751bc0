from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from core.clock import ManualClock
from core.migrations import migrate
from tests.servers.postgres import PostgresServer
from tests.servers.process import NotAvailable
from tests.web.edge import Web, serving


@pytest.fixture
async def web(sqlite_url: str, tmp_path: Path, clock: ManualClock) -> AsyncIterator[Web]:
    """The HTTP edge of a line with a form, a bot and a database of its own."""
    async with serving(sqlite_url, tmp_path, clock) as running:
        yield running


@pytest.fixture
async def postgres_of_ours() -> AsyncIterator[tuple[PostgresServer, str]]:
    """A server this test may stop, and a migrated database in it."""
    try:
        server = PostgresServer()
    except NotAvailable as reason:
        pytest.skip(str(reason))
    with server:
        url = server.url(server.create_database())
        await migrate(url)
        yield server, url
