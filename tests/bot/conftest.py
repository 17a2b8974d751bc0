"""What stories about the managers' bot begin with."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.bot.programs import Story, a_story


@pytest.fixture
def folder(sqlite_url: str, tmp_path: Path) -> Path:
    """Where the program keeps everything, its schema already made: making it takes as long as a short story."""
    return tmp_path


@pytest.fixture
async def story(folder: Path) -> AsyncIterator[Story]:
    """One bot for customers and managers."""
    async with a_story(folder) as told:
        yield told
