"""What goes when its time is over: raw input, finished timers, forgotten dialogs. In lots, between other work."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import delete, select

from core.automation.model import Timer, TimerState
from core.conversations.model import Delivery, DeliveryState
from core.conversations.notices import tell_trouble
from core.database import BATCH, Transaction, among
from core.intake.model import Ledger, LedgerRaw, LedgerState
from core.lines.model import Account
from core.staff.model import Dialog

WATCHED = (
    "telegram",
    "staff",
    "email",
)  # their edges hear from the network every few minutes, if only "nothing new"
SILENCE = timedelta(minutes=20)


@dataclass(frozen=True, slots=True)
class Retention:
    """How long things are kept."""

    raw: timedelta = timedelta(
        days=30
    )  # raw input of what was filed or ignored; parked input stays until replayed
    timers: timedelta = timedelta(days=180)
    notices: timedelta = timedelta(days=30)
    dialogs: timedelta = timedelta(days=14)


def sweep(retention: Retention, tx: Transaction) -> int:
    """Remove one lot of everything that is over; returns how many rows, 0 when there is nothing left."""
    removed = 0
    raw = [
        row[0]
        for row in tx.connection.execute(
            select(LedgerRaw.ledger_id)
            .join(Ledger, Ledger.id == LedgerRaw.ledger_id)
            .where(Ledger.received_at < tx.now - retention.raw, Ledger.state != LedgerState.PARKED)
            .order_by(LedgerRaw.ledger_id)
            .limit(BATCH)
        )
    ]
    removed += _delete(tx, LedgerRaw, LedgerRaw.ledger_id, raw)
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


def tell_silence(tx: Transaction) -> None:
    """An account that was heard from and has been silent for too long is trouble: its edge is down or cut off."""
    rows = tx.connection.execute(
        select(Account.id).where(
            Account.channel.in_(WATCHED), Account.last_seen_at < tx.now - SILENCE, Account.trouble.is_(None)
        )
    ).all()
    for row in rows:
        tell_trouble(tx, row.id, "silent")


def _delete(tx: Transaction, model: Any, column: Any, keys: list[Any]) -> int:
    if keys:
        tx.connection.execute(delete(model).where(among(column, keys)))
    return len(keys)
