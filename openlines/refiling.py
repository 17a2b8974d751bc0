"""Taking one entry of the ledger again: what was parked, or stopped by an exclusion and is restored."""

from __future__ import annotations

import json
from datetime import datetime

import structlog

from channels.form.inbound import normalise_again
from channels.telegram.inbound import normalise as normalise_update
from core.channel import Received, Unreadable
from core.database import Database, DatabaseError, complaint, is_away
from core.errors import InvalidInput
from core.files import FileStore
from core.intake import parked
from core.intake.booking import Filed, Parcel
from core.intake.filing import file_batch
from core.intake.model import LedgerState
from core.lines.accounts import AccountRef, account_by_id
from openlines.settings import Settings

log = structlog.get_logger("intake")


async def refile(db: Database, store: FileStore, settings: Settings, ledger_id: int) -> Filed | None:
    """Understand an entry's raw form anew and file it; None when its raw form is no longer kept.

    What an exclusion had stopped is let in, for an admin restores it; what was parked is asked at the gate like
    anything new. Nothing old is confirmed. What cannot be filed today either comes back as parked with the reason,
    and waits where it was. Raises what the database raises while it is away.
    """
    entry = await db.read(lambda c: parked.raw(c, ledger_id))
    if entry is None or entry.state not in (LedgerState.PARKED, LedgerState.EXCLUDED):
        return None
    account = await db.read(lambda c: account_by_id(c, entry.account_id))
    try:
        body = entry.read(store)
    except FileNotFoundError:
        return None
    try:
        received = await _understood(account, store, body, entry, settings)
        return await _file(db, account, entry, received)
    except Exception as error:
        if is_away(error):
            raise
        why = complaint(error)
        log.error(
            "an entry cannot be taken again",
            ledger_id=ledger_id,
            why=why,
            exc_info=None if isinstance(error, DatabaseError) else error,
        )
    if entry.state == LedgerState.PARKED:  # the admins shall read why it fails now
        return await _file(db, account, entry, Received(entry.external_id, body, Unreadable(why)))
    return Filed(ledger_id, LedgerState.PARKED, reason=why)


async def _understood(
    account: AccountRef, store: FileStore, body: bytes, entry: parked.Raw, settings: Settings
) -> Received:
    if account.channel == "email":
        from openlines.letters import understand_letter  # the mail libraries, only for letters

        again = await understand_letter(account, store, body, entry.received_at, settings)
    else:
        again = understand(account, body, entry.external_id, entry.received_at, settings)
    return Received(entry.external_id, body, again.understood, again.staff_id, again.is_staff)


async def _file(db: Database, account: AccountRef, entry: parked.Raw, received: Received) -> Filed:
    parcels, again = [Parcel(received, None)], {entry.external_id: entry.ledger_id}
    ask_gate = entry.state != LedgerState.EXCLUDED
    return await db.transact(lambda tx: file_batch(tx, account, parcels, again=again, ask_gate=ask_gate)[0])


def understand(
    account: AccountRef, raw: bytes, external_id: str, received_at: datetime, settings: Settings
) -> Received:
    """What a channel makes today of its own raw input that came then."""
    match account.channel:
        case "telegram" | "staff":
            try:
                update: object = json.loads(raw)
            except (ValueError, RecursionError):
                update = None
            return normalise_update(update, raw, received_at, account.scope)
        case "form":
            try:
                honeypots = settings.form.honeypots
                return normalise_again(raw, received_at, region=settings.region, honeypots=honeypots)
            except InvalidInput as error:
                return Received(external_id, raw, Unreadable(str(error)))
    return Received(external_id, raw, Unreadable(f"no channel {account.channel}"))
