"""What was kept out by an exclusion: counted, visible, restorable."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select

from core.exclusions.model import Exclusion
from core.intake.model import Ledger, LedgerState
from core.lines.model import Account


@dataclass(frozen=True, slots=True)
class Stopped:
    """Something that was kept out. The assembly's refiling restores it by `ledger_id`."""

    ledger_id: int
    received_at: datetime
    seen: int
    channel: str
    account_title: str
    exclusion_id: int | None
    pattern: str | None


@dataclass(frozen=True, slots=True)
class StoppedPage:
    """Some of what was kept out, newest first."""

    entries: tuple[Stopped, ...]
    next: int | None


def stopped(
    connection: Connection, exclusion_id: int | None = None, after: int | None = None, limit: int = 8
) -> StoppedPage:
    """What was kept out, by one exclusion or by any, newest first."""
    kept_out = (
        select(
            Ledger.id,
            Ledger.received_at,
            Ledger.seen,
            Account.channel,
            Account.title,
            Ledger.exclusion_id,
            Exclusion.pattern,
        )
        .join(Account, Account.id == Ledger.account_id)
        .join(Exclusion, Exclusion.id == Ledger.exclusion_id)
        .where(Ledger.exclusion_id.is_not(None))
    )
    if exclusion_id is not None:
        kept_out = kept_out.where(Ledger.exclusion_id == exclusion_id)
    if after is not None:
        kept_out = kept_out.where(Ledger.id < after)
    rows = connection.execute(kept_out.order_by(Ledger.id.desc()).limit(limit + 1)).all()
    entries = tuple(Stopped(*row) for row in rows[:limit])
    return StoppedPage(entries, entries[-1].ledger_id if len(rows) > limit else None)


def stopped_by(connection: Connection, ledger_id: int) -> int | None:
    """The exclusion that keeps this entry of the ledger out; None when it is not kept out (any more)."""
    return connection.execute(
        select(Ledger.exclusion_id).where(Ledger.id == ledger_id, Ledger.state == LedgerState.EXCLUDED)
    ).scalar_one_or_none()
