"""Lines with a mailbox, for the tests of this folder."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.mail.mail_line import MailLine, a_line


@pytest.fixture
async def line(database_url: str, tmp_path: Path) -> AsyncIterator[MailLine]:
    """A line on each kind of database."""
    async with a_line(database_url, tmp_path) as opened:
        yield opened


@pytest.fixture
async def small_line(sqlite_url: str, tmp_path: Path) -> AsyncIterator[MailLine]:
    """A line on SQLite, for what the database has no part in."""
    async with a_line(sqlite_url, tmp_path) as opened:
        yield opened
