"""The book of everything that ever came in, and what became of it."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import BigInteger, Date, ForeignKey, Index, Integer, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from core.database import Id, Model, partial_index


class LedgerState(StrEnum):
    """What became of one received thing."""

    FILED = "filed"
    PARKED = "parked"  # not understood, or we failed: kept raw, shown to admins, can be replayed
    EXCLUDED = "excluded"
    IGNORED = "ignored"  # understood, and nothing for a lead; `reason` says why


class Ledger(Model):
    """One entry per thing received from an account, under the network's own key."""

    __tablename__ = "ledger"
    id: Mapped[int] = mapped_column(Id, primary_key=True, autoincrement=False)
    account_id: Mapped[int] = mapped_column(Id)
    external_id: Mapped[str] = mapped_column(String(200))
    state: Mapped[str] = mapped_column(String(16))
    reason: Mapped[str | None] = mapped_column(Text)
    seen: Mapped[int] = mapped_column(Integer)  # how often it came
    received_at: Mapped[datetime]
    message_id: Mapped[int | None] = mapped_column(Id)
    lead_id: Mapped[int | None] = mapped_column(Id)
    exclusion_id: Mapped[int | None] = mapped_column(Id)

    __table_args__ = (
        Index("uq_ledger_external", "account_id", "external_id", unique=True),
        partial_index("ix_ledger_parked", "id", where="state = 'parked'"),
        partial_index("ix_ledger_exclusion", "exclusion_id", "id", where="exclusion_id IS NOT NULL"),
    )


class LedgerRaw(Model):
    """The input as it came, compressed; beside the ledger so that the book itself stays small."""

    __tablename__ = "ledger_raw"
    ledger_id: Mapped[int] = mapped_column(ForeignKey("ledger.id"), primary_key=True, autoincrement=False)
    body: Mapped[bytes | None] = mapped_column(LargeBinary)  # zlib
    sha256: Mapped[str | None] = mapped_column(String(64))  # above 64 KB: a file of the store instead
    context: Mapped[str | None] = mapped_column(Text)  # what the edge knew besides, e.g. a content type

    __table_args__ = (partial_index("ix_ledger_raw_file", "sha256", where="sha256 IS NOT NULL"),)


class LedgerDay(Model):
    """The balance of one account on one day (UTC). `received` is counted at the edge, the rest by what was done."""

    __tablename__ = "ledger_day"
    account_id: Mapped[int] = mapped_column(Id, primary_key=True, autoincrement=False)
    day: Mapped[date] = mapped_column(Date, primary_key=True)
    received: Mapped[int] = mapped_column(BigInteger)
    filed: Mapped[int] = mapped_column(BigInteger)
    parked: Mapped[int] = mapped_column(BigInteger)
    excluded: Mapped[int] = mapped_column(BigInteger)
    ignored: Mapped[int] = mapped_column(BigInteger)
    duplicate: Mapped[int] = mapped_column(BigInteger)
