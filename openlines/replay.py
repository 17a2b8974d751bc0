"""`openlines replay`, and taking one entry of the ledger again: what was parked, or stopped and is restored."""

from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import Sequence
from datetime import datetime
from functools import partial

from channels.form.inbound import normalise_again
from channels.telegram.inbound import normalise as normalise_update
from core.channel import Received, Unreadable
from core.database import Database
from core.errors import InvalidInput
from core.files import FileStore
from core.intake import parked
from core.intake.filing import Filed, Parcel, file_batch
from core.intake.model import LedgerState
from core.lines.accounts import AccountRef, account_by_id
from openlines.application import opened_database
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


async def refile(
    db: Database, store: FileStore, settings: Settings, ledger_id: int, *, ask_gate: bool = True
) -> Filed | None:
    """Understand an entry's raw form anew and file it; None when its raw form is no longer kept.

    `ask_gate=False` lets in what an exclusion had stopped: an admin restores it. Nothing old is confirmed.
    """
    entry = await db.read(lambda c: parked.raw(c, ledger_id))
    if entry is None or entry.state not in (LedgerState.PARKED, LedgerState.EXCLUDED):
        return None
    account = await db.read(lambda c: account_by_id(c, entry.account_id))
    try:
        body = entry.body if entry.body is not None else store.load(entry.sha256 or "")
    except (OSError, ValueError):
        return None
    again = understand(account, body, entry.external_id, db.clock.now(), settings)
    received = Received(entry.external_id, body, again.understood, again.staff_id, again.is_staff)

    return await db.transact(
        lambda tx: file_batch(
            tx, account, [Parcel(received, None)], again={entry.external_id: ledger_id}, ask_gate=ask_gate
        )[0]
    )


def understand(
    account: AccountRef, raw: bytes, external_id: str, now: datetime, settings: Settings
) -> Received:
    """What a channel makes of its own raw input today."""
    match account.channel:
        case "telegram" | "staff":
            try:
                update: object = json.loads(raw)
            except (ValueError, RecursionError):
                update = None
            return normalise_update(update, raw, now, account.scope)
        case "form":
            try:
                return normalise_again(raw, now, region=settings.region)
            except InvalidInput as error:
                return Received(external_id, raw, Unreadable(str(error)))
        case "email":
            from openlines.letters import understand_letter  # noqa: PLC0415 - the mail libraries, only for letters

            return understand_letter(account, raw, now, settings)
    return Received(external_id, raw, Unreadable(f"no channel {account.channel}"))


async def _everything_parked(db: Database) -> list[int]:
    found: list[int] = []
    after: int | None = None
    while True:
        page = await db.read(partial(parked.parked, after=after, limit=200))
        found += [entry.ledger_id for entry in page.entries]
        if page.next is None:
            return found
        after = page.next
