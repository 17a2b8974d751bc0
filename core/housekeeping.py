"""What goes when its time is over: raw input, finished timers, forgotten dialogs. In lots, between other work."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

from sqlalchemy import delete, select

from core.automation.model import Timer, TimerState
from core.conversations.model import Delivery, DeliveryState
from core.conversations.notices import tell_trouble
from core.database import BATCH, Transaction, among
from core.files import FileStore
from core.intake.model import Ledger, LedgerRaw, LedgerState
from core.lines.accounts import SILENCE, silent_accounts
from core.staff.model import Dialog

_STILL_KEPT = select(LedgerRaw.sha256).where(among(LedgerRaw.sha256, "files"), LedgerRaw.sha256.is_not(None))
WATCHED = (
    "telegram",
    "staff",
    "email",
)  # their edges hear from the network every few minutes, if only "nothing new"
UNUSED = timedelta(hours=1)  # longer than anybody takes between keeping a file and referring to it
SILENT = timedelta(minutes=20)


@dataclass(frozen=True, slots=True)
class Retention:
    """How long things are kept."""

    raw: timedelta = timedelta(
        days=30
    )  # raw input of what was filed or ignored; parked input stays until replayed
    timers: timedelta = timedelta(days=180)
    notices: timedelta = timedelta(days=30)
    dialogs: timedelta = timedelta(days=14)


def sweep(retention: Retention, store: FileStore, tx: Transaction) -> int:
    """Remove one lot of everything that is over; returns how many rows, 0 when there is nothing left."""
    removed = _sweep_raw(tx, retention, store)
    finished = [
        row[0]
        for row in tx.connection.execute(
            select(Timer.id)
            .where(Timer.state != TimerState.WAITING, Timer.settled_at < tx.now - retention.timers)
            .limit(BATCH)
        )
    ]
    removed += _delete(tx, Timer, Timer.id, finished)
    notices = [
        row[0]
        for row in tx.connection.execute(
            select(Delivery.id)
            .where(
                Delivery.notice.is_not(None),
                Delivery.state.in_((DeliveryState.SENT, DeliveryState.CANCELLED)),
                Delivery.settled_at < tx.now - retention.notices,
            )
            .limit(BATCH)
        )
    ]
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


def tell_silence(tx: Transaction) -> None:
    """An account that was heard from and has been silent for too long is trouble: its edge is down or cut off."""
    for account_id in silent_accounts(tx.connection, WATCHED, tx.now - SILENT):
        tell_trouble(tx, account_id, "silent", SILENCE)


def _delete(tx: Transaction, model: Any, column: Any, keys: list[Any]) -> int:
    if keys:
        tx.connection.execute(delete(model).where(among(column, keys)))
    return len(keys)
