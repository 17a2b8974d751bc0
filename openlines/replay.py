"""`openlines replay`: take parked input again."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Sequence
from functools import partial

from core.database import Database
from core.files import FileStore
from core.intake import parked
from core.intake.model import LedgerState
from openlines.ground import opened_database
from openlines.refiling import refile
from openlines.settings import Settings, read_settings


def command(given: argparse.Namespace) -> int:
    """Take parked input again; 1 when some of it is parked still."""
    return asyncio.run(_replay(read_settings(), given.ids))


async def _replay(settings: Settings, ids: Sequence[int]) -> int:
    async with opened_database(settings) as db:
        store = FileStore(settings.data_dir / "files")
        wanted = list(ids) or await _everything_parked(db)
        still = 0
        for number, ledger_id in enumerate(wanted, start=1):
            filed = await refile(db, store, settings, ledger_id)
            outcome = "its raw form is gone" if filed is None else filed.state
            still += filed is None or filed.state == LedgerState.PARKED
            reason = f": {filed.reason}" if filed and filed.reason else ""
            print(f"{number}/{len(wanted)}  {ledger_id}  {outcome}{reason}")
        print(f"{len(wanted) - still} taken, {still} still parked." if wanted else "Nothing is parked.")
    return 1 if still else 0


async def _everything_parked(db: Database) -> list[int]:
    found: list[int] = []
    after: int | None = None
    while True:
        page = await db.read(partial(parked.parked, after=after, limit=200))
        found += [entry.ledger_id for entry in page.entries]
        if page.next is None:
            return found
        after = page.next
