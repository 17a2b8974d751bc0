"""`openlines replay`: take parked input again."""

from __future__ import annotations

import argparse
import asyncio
from collections import Counter
from collections.abc import Sequence
from functools import partial

from core.database import Database, Reading, is_away
from core.errors import OpenLinesError
from core.files import FileStore
from core.intake import parked
from core.intake.model import LedgerState
from openlines.ground import first_line, opened_database
from openlines.refiling import refile
from openlines.settings import Settings, read_settings


class Interrupted(OpenLinesError):
    """The database, or the disk, is away: what has not been taken waits as it was."""


def command(given: argparse.Namespace) -> int:
    """Take parked input again, all of it; 1 when some of it is parked still, or gone.

    Raises Interrupted when the database or the disk fails meanwhile.
    """
    return asyncio.run(_replay(read_settings(), given.ids))


async def _replay(settings: Settings, ids: Sequence[int]) -> int:
    taken, waiting, is_gone = 0, Counter[str](), False
    async with opened_database(settings) as db:
        store = FileStore(settings.data_dir / "files")
        wanted = list(ids) or await _everything_parked(db)
        for number, ledger_id in enumerate(wanted, start=1):
            try:
                filed = await refile(db, store, settings, ledger_id)
            except Exception as error:
                if is_away(error):
                    raise Interrupted(f"stopped at {ledger_id}: {first_line(error)}") from error
                raise
            if filed is None:
                state = await db.read(partial(_state, ledger_id))
                if state in (LedgerState.FILED, LedgerState.IGNORED):
                    told = f"is {state} already"
                else:
                    told, is_gone = "nothing is kept of it", True
            else:
                told = f"{filed.state}: {filed.reason}" if filed.reason else filed.state
                if filed.state == LedgerState.PARKED:
                    waiting[filed.reason or "?"] += 1
                else:
                    taken += 1
            print(f"{number}/{len(wanted)}  {ledger_id}  {told}")
    if not wanted:
        print("Nothing is parked.")
        return 0
    if waiting:
        print(f"{taken} taken, still parked: {waiting.total()}")
        for reason, times in waiting.most_common():
            print(f"    {times} × {reason}")
    else:
        print(f"{taken} taken.")
    return 1 if waiting or is_gone else 0


def _state(ledger_id: int, connection: Reading) -> str | None:
    entry = parked.raw(connection, ledger_id)
    return entry.state if entry else None


async def _everything_parked(db: Database) -> list[int]:
    found: list[int] = []
    after: int | None = None
    while True:
        page = await db.read(partial(parked.parked, after=after, limit=200))
        found += [entry.ledger_id for entry in page.entries]
        if page.next is None:
            return found
        after = page.next
