"""Reading what stopped or parked entries of the ledger say, from their raw input: for looking at, nothing is filed."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Sequence
from functools import partial

import structlog

from core.channel import InboundMessage, Received
from core.database import Database
from core.files import FileStore
from core.intake import parked
from core.lines.accounts import AccountRef, account_by_id
from openlines.refiling import understand
from openlines.settings import Settings

log = structlog.get_logger("intake")

AT_ONCE = 20  # entries of one call
ENOUGH = 256 * 1024  # bytes of a letter: its head and its words come before what makes it long


async def recall(
    db: Database, store: FileStore, settings: Settings, ledger_ids: Sequence[int]
) -> dict[int, InboundMessage | None]:
    """What each of at most `AT_ONCE` entries says; None for one that says nothing a person could read.

    Entries whose raw form is no longer kept are left out. No file of a letter is stored by this.
    """
    said: dict[int, InboundMessage | None] = {}
    for ledger_id in ledger_ids[:AT_ONCE]:
        entry = await db.read(partial(parked.raw, ledger_id=ledger_id))
        if entry is None:
            continue
        account = await db.read(partial(account_by_id, account_id=entry.account_id))
        try:
            received = await asyncio.to_thread(_understood, account, store, entry, settings)
        except FileNotFoundError:
            continue
        except Exception:
            log.exception("an entry of the ledger cannot be looked at", ledger_id=ledger_id)
            said[ledger_id] = None
            continue
        said[ledger_id] = received.understood if isinstance(received.understood, InboundMessage) else None
    return said


def _understood(account: AccountRef, store: FileStore, entry: parked.Raw, settings: Settings) -> Received:
    if account.channel != "email":
        return understand(account, entry.read(store), entry.external_id, entry.received_at, settings)
    from channels.email.inbound import normalise  # the mail libraries, only for letters
    from openlines.letters import identity_of

    identity = identity_of(settings)
    return normalise(
        _beginning(entry, store),
        received_at=entry.received_at,
        our_addresses=identity.addresses,
        our_domain=identity.domain,
        secret=identity.secret,
        scope=account.scope,
    )


def _beginning(entry: parked.Raw, store: FileStore) -> bytes:
    if entry.body is not None:
        return entry.body
    return zlib.decompressobj().decompress(store.load(entry.sha256 or "0" * 64), ENOUGH)
