"""What was not understood, or failed: kept raw, shown to admins, taken again when the cause is mended."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, literal_column, select

from core.files import FileStore
from core.intake.model import Ledger, LedgerRaw
from core.lines.model import Account

_PARKED = Ledger.state == literal_column("'parked'")  # a constant, so that the index over them serves it


@dataclass(frozen=True, slots=True)
class Parked:
    """One parked entry of the ledger."""

    ledger_id: int
    account_id: int
    channel: str
    account_title: str
    external_id: str
    reason: str | None
    seen: int
    received_at: datetime


@dataclass(frozen=True, slots=True)
class Page:
    """Some entries, oldest first; `next` is the id after which the following page begins."""

    entries: tuple[Parked, ...]
    next: int | None


@dataclass(frozen=True, slots=True)
class Raw:
    """The raw form of an entry: its bytes, or (`sha256`) the file of the store that holds them."""

    ledger_id: int
    account_id: int
    external_id: str
    state: str
    body: bytes | None
    sha256: str | None
    context: str | None
    received_at: datetime

    def read(self, store: FileStore) -> bytes:
        """The input as it came. Raises FileNotFoundError when its file is gone."""
        return self.body if self.body is not None else zlib.decompress(store.load(self.sha256 or "0" * 64))


def parked(
    connection: Connection, after: int | None = None, limit: int = 20, *, account_id: int | None = None
) -> Page:
    """The parked entries, oldest first."""
    entries = (
        select(
            Ledger.id,
            Ledger.account_id,
            Account.channel,
            Account.title,
            Ledger.external_id,
            Ledger.reason,
            Ledger.seen,
            Ledger.received_at,
        )
        .join(Account, Account.id == Ledger.account_id)
        .where(_PARKED)
    )
    if after is not None:
        entries = entries.where(Ledger.id > after)
    if account_id is not None:
        entries = entries.where(Ledger.account_id == account_id)
    rows = connection.execute(entries.order_by(Ledger.id).limit(limit + 1)).all()
    found = tuple(Parked(*row) for row in rows[:limit])
    return Page(found, found[-1].ledger_id if len(rows) > limit else None)


def raw(connection: Connection, ledger_id: int) -> Raw | None:
    """The raw form of an entry of any state; None when there is no such entry or it was not kept."""
    row = connection.execute(
        select(
            Ledger.id,
            Ledger.account_id,
            Ledger.external_id,
            Ledger.state,
            LedgerRaw.body,
            LedgerRaw.sha256,
            LedgerRaw.context,
            Ledger.received_at,
        )
        .join(LedgerRaw, LedgerRaw.ledger_id == Ledger.id)
        .where(Ledger.id == ledger_id)
    ).first()
    if row is None:
        return None
    body = zlib.decompress(row.body) if row.body is not None else None
    return Raw(
        row.id,
        row.account_id,
        row.external_id,
        row.state,
        body,
        row.sha256,
        row.context,
        row.received_at,
    )


def counts(connection: Connection) -> dict[int, int]:
    """How many entries of each account are parked now; accounts without any are left out."""
    rows = connection.execute(
        select(Ledger.account_id, func.count()).where(_PARKED).group_by(Ledger.account_id)
    )
    return {row[0]: row[1] for row in rows}
