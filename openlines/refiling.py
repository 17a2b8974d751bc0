"""Taking one entry of the ledger again: what was parked, or stopped by an exclusion and is restored."""

from __future__ import annotations

import json
from datetime import datetime

from channels.form.inbound import normalise_again
from channels.telegram.inbound import normalise as normalise_update
from core.channel import Received, Unreadable
from core.database import Database
from core.errors import InvalidInput
from core.files import FileStore
from core.intake import parked
from core.intake.booking import Filed, Parcel
from core.intake.filing import file_batch
from core.intake.model import LedgerState
from core.lines.accounts import AccountRef, account_by_id
from openlines.settings import Settings


async def refile(db: Database, store: FileStore, settings: Settings, ledger_id: int) -> Filed | None:
    """Understand an entry's raw form anew and file it; None when its raw form is no longer kept.

    What an exclusion had stopped is let in, for an admin restores it; what was parked is asked at the gate like
    anything new. Nothing old is confirmed.
    """
    entry = await db.read(lambda c: parked.raw(c, ledger_id))
    if entry is None or entry.state not in (LedgerState.PARKED, LedgerState.EXCLUDED):
        return None
    account = await db.read(lambda c: account_by_id(c, entry.account_id))
    try:
        body = entry.read(store)
    except FileNotFoundError:
        return None
    if account.channel == "email":
        from openlines.letters import understand_letter  # the mail libraries, only for letters

        again = await understand_letter(account, store, body, entry.received_at, settings)
    else:
        again = understand(account, body, entry.external_id, entry.received_at, settings)
    received = Received(entry.external_id, body, again.understood, again.staff_id, again.is_staff)
    ask_gate = entry.state != LedgerState.EXCLUDED

    return await db.transact(
        lambda tx: file_batch(
            tx, account, [Parcel(received, None)], again={entry.external_id: ledger_id}, ask_gate=ask_gate
        )[0]
    )


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
                return normalise_again(raw, received_at, region=settings.region)
            except InvalidInput as error:
                return Received(external_id, raw, Unreadable(str(error)))
    return Received(external_id, raw, Unreadable(f"no channel {account.channel}"))
