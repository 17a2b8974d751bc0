"""What goes when its time is over: raw input, finished timers, forgotten dialogs. In lots, between other work."""

from __future__ import annotations

import asyncio
import re
import zlib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

from sqlalchemy import Connection, bindparam, delete, literal_column, select

from core.automation.model import Timer
from core.clock import SystemClock
from core.conversations.model import Attachment, Delivery
from core.conversations.notices import tell_trouble
from core.database import BATCH, Database, Transaction, among
from core.files import FileStore
from core.intake.model import Ledger, LedgerRaw, LedgerState
from core.lines.accounts import SILENCE, SILENT, silent_accounts
from core.lines.model import Account
from core.staff.model import Dialog

_STILL_KEPT = select(LedgerRaw.sha256).where(among(LedgerRaw.sha256, "files"), LedgerRaw.sha256.is_not(None))
_ATTACHED = select(Attachment.sha256).where(among(Attachment.sha256, "files"), Attachment.sha256.is_not(None))
_HELD_POSTS = (
    select(LedgerRaw.ledger_id, LedgerRaw.body, LedgerRaw.sha256)
    .join(Ledger, Ledger.id == LedgerRaw.ledger_id)
    .join(Account, Account.id == Ledger.account_id)
    .where(
        LedgerRaw.ledger_id > bindparam("after"),
        Ledger.state.in_((LedgerState.PARKED, LedgerState.EXCLUDED)),
        Account.channel == "form",
    )
    .order_by(LedgerRaw.ledger_id)
    .limit(BATCH)
)
# Which states are over stands in the statements as a constant, so that the indexes over those rows serve them.
_FINISHED = (
    select(Timer.id)
    .where(literal_column("timer.state <> 'waiting'"), Timer.settled_at < bindparam("before"))
    .limit(BATCH)
)
_SETTLED = (
    select(Delivery.id)
    .where(
        Delivery.notice.is_not(None),
        literal_column("delivery.state IN ('sent', 'cancelled')"),
        Delivery.settled_at < bindparam("before"),
    )
    .limit(BATCH)
)
_HASH = re.compile(rb"[0-9a-f]{64}")
WATCHED = ("telegram", "staff", "email")  # what has an edge that hears from its network all the time
NOBODYS = timedelta(days=1)
UNUSED = timedelta(hours=1)  # longer than anybody takes between keeping a file and referring to it


@dataclass(frozen=True, slots=True)
class Retention:
    """How long things are kept."""

    raw: timedelta = timedelta(days=30)  # of what was filed or ignored; what is parked stays until replayed
    timers: timedelta = timedelta(days=180)
    notices: timedelta = timedelta(days=30)
    dialogs: timedelta = timedelta(days=14)


def sweep(retention: Retention, store: FileStore, tx: Transaction) -> int:
    """Remove one lot of everything that is over; returns how many rows, 0 when there is nothing left."""
    removed = _sweep_raw(tx, retention, store)
    finished = tx.connection.execute(_FINISHED, {"before": tx.now - retention.timers}).scalars().all()
    removed += _delete(tx, Timer, Timer.id, finished)
    notices = tx.connection.execute(_SETTLED, {"before": tx.now - retention.notices}).scalars().all()
    removed += _delete(tx, Delivery, Delivery.id, notices)
    dialogs = [
        row[0]
        for row in tx.connection.execute(
            select(Dialog.key).where(Dialog.updated_at < tx.now - retention.dialogs).limit(BATCH)
        )
    ]
    return removed + _delete(tx, Dialog, Dialog.key, dialogs)


def _sweep_raw(tx: Transaction, retention: Retention, store: FileStore) -> int:
    # The oldest first, and no further than the first that stays: ids were made in the order of arrival.
    oldest = tx.connection.execute(
        select(LedgerRaw.ledger_id, LedgerRaw.sha256, Ledger.received_at)
        .join(Ledger, Ledger.id == LedgerRaw.ledger_id)
        .where(Ledger.state != LedgerState.PARKED)
        .order_by(LedgerRaw.ledger_id)
        .limit(BATCH)
    )
    over = [row for row in oldest if row.received_at < tx.now - retention.raw]
    removed = _delete(tx, LedgerRaw, LedgerRaw.ledger_id, [row.ledger_id for row in over])
    files = {row.sha256 for row in over if row.sha256 is not None}
    if files:
        files -= {row[0] for row in tx.connection.execute(_STILL_KEPT, {"files": files})}
        tx.after_commit.append(partial(store.forget, files, unused_since=tx.now - UNUSED))
    return removed


async def sweep_files(db: Database, store: FileStore, part: int) -> int:
    """Delete the files of one part of the store that nothing refers to; returns how many.

    Files are kept before what refers to them is written, so those of input that was never filed, and of letters
    that were excluded, are nobody's. They go a day after they were last kept.
    """
    before = SystemClock().now() - NOBODYS  # files bear the system's time, whatever the program's clock says
    await asyncio.to_thread(store.sweep_incoming, before)
    nobodys = set(await asyncio.to_thread(store.kept_before, before, part))
    nobodys -= await _referred(db, nobodys)
    if nobodys:
        nobodys -= await _held_by_forms(db, store)
        # Again: an entry of the ledger may have been restored between the two looks, and now there is a row.
        nobodys -= await _referred(db, nobodys)
        await asyncio.to_thread(partial(store.forget, nobodys, unused_since=before))
    return len(nobodys)


async def _referred(db: Database, files: set[str]) -> set[str]:
    found, ordered = set[str](), sorted(files)
    for start in range(0, len(ordered), BATCH):
        found |= await db.read(partial(_referred_of, ordered[start : start + BATCH]))
    return found


def _referred_of(files: list[str], connection: Connection) -> set[Any]:
    asked = {"files": files}
    return {row[0] for query in (_STILL_KEPT, _ATTACHED) for row in connection.execute(query, asked)}


async def _held_by_forms(db: Database, store: FileStore) -> set[str]:
    """Hashes that the raw form of posts which may still be filed speaks of: their files lie in the store already."""
    found, after = set[str](), 0
    while rows := await db.read(partial(_held_posts, after)):
        found |= await asyncio.to_thread(_spoken_of, rows, store)
        after = rows[-1].ledger_id
    return found


def _held_posts(after: int, connection: Connection) -> Sequence[Any]:
    return connection.execute(_HELD_POSTS, {"after": after}).all()


def _spoken_of(rows: Sequence[Any], store: FileStore) -> set[str]:
    found = set[str]()
    for row in rows:
        with suppress(FileNotFoundError):
            body = row.body if row.body is not None else store.load(row.sha256)
            found.update(name.decode() for name in _HASH.findall(zlib.decompress(body)))
    return found


def tell_silence(tx: Transaction) -> None:
    """An account that was heard from and has been silent for too long is trouble: its edge is down or cut off."""
    for account_id in silent_accounts(tx.connection, WATCHED, tx.now - SILENT):
        tell_trouble(tx, account_id, "silent", SILENCE)


def _delete(tx: Transaction, model: Any, column: Any, keys: Sequence[Any]) -> int:
    if keys:
        tx.connection.execute(delete(model).where(among(column, keys)))
    return len(keys)
