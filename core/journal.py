"""Who did what, and when. Every change of a lead or a person leaves a line here."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Index, String
from sqlalchemy.orm import Mapped, mapped_column

from core.database import Id, Model, Transaction, partial_index


class Journal(Model):
    """One deed. `actor` is "manager:<id>", "robot:<id>", "customer", "admin" (the command line) or "system"."""

    __tablename__ = "journal"
    id: Mapped[int] = mapped_column(Id, primary_key=True, autoincrement=False)
    at: Mapped[datetime]
    actor: Mapped[str] = mapped_column(String(40))
    verb: Mapped[str] = mapped_column(String(40))  # lead-created, lead-taken, stage-entered, …
    lead_id: Mapped[int | None] = mapped_column(Id)
    contact_id: Mapped[int | None] = mapped_column(Id)
    details: Mapped[dict[str, Any] | None]

    __table_args__ = (
        Index("ix_journal_lead", "lead_id", "id"),
        Index("ix_journal_contact", "contact_id", "id"),
        partial_index("ix_journal_taken", "at", where="verb = 'lead-taken'"),
    )


def entry(
    tx: Transaction,
    actor: str,
    verb: str,
    *,
    lead_id: int | None = None,
    contact_id: int | None = None,
    details: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """A row of the journal, for callers that write many at once."""
    return {
        "id": tx.new_id(),
        "at": tx.now,
        "actor": actor,
        "verb": verb,
        "lead_id": lead_id,
        "contact_id": contact_id,
        "details": dict(details) if details else None,
    }


def note(
    tx: Transaction,
    actor: str,
    verb: str,
    *,
    lead_id: int | None = None,
    contact_id: int | None = None,
    details: Mapping[str, Any] | None = None,
) -> None:
    """Write one deed down."""
    tx.insert(Journal, [entry(tx, actor, verb, lead_id=lead_id, contact_id=contact_id, details=details)])
