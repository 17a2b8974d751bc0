"""A database that an earlier version filled is brought to this one with all that is in it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from core import search
from core.clock import ManualClock
from core.migrations import migrate
from tests.builders import a_database


async def test_what_could_be_found_before_is_found_after_the_index_was_built_anew(
    tmp_path: Path, clock: ManualClock
) -> None:
    path = tmp_path / "openlines.db"
    url = f"sqlite+aiosqlite:///{path}"
    await migrate(url, "0009")
    with closing(sqlite3.connect(path)) as before, before:
        before.executemany(
            "INSERT INTO search (rowid, body) VALUES (?, ?)",
            [(1, search.fold("Доставка в Орёл")), (2, search.fold("Самовывоз"))],
        )
    await migrate(url)
    async with a_database(url, clock) as database:
        await database.transact(lambda tx: search.index(tx, [(3, "доставка завтра")]))
        await database.transact(lambda tx: search.forget(tx, [2]))
        assert await database.read(lambda connection: search.find(connection, "доставк")) == [3, 1]
        assert await database.read(lambda connection: search.find(connection, "орел")) == [1]
        assert await database.read(lambda connection: search.find(connection, "самовывоз")) == []
    with closing(sqlite3.connect(path)) as after:
        tables = {name for (name,) in after.execute("SELECT name FROM sqlite_master")}
        assert after.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        after.execute("INSERT INTO search (search) VALUES ('integrity-check')")
    assert "search_docsize" not in tables
    assert "search_anew" not in tables
