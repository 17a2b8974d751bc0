"""Who is not let in."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from core.database import Id, Model, partial_index


class Exclusion(Model):
    """An address or pattern from which nothing becomes a lead, and to which nothing is sent.

    `pattern` is the key that is looked up: `phone:+7999…`, `email:a@b.c`, `domain:b.c`, `telegram:777`,
    `username:anna`. Lifted ones stay for the history and are not looked up.
    """

    __tablename__ = "exclusion"
    id: Mapped[int] = mapped_column(Id, primary_key=True, autoincrement=False)
    pattern: Mapped[str] = mapped_column(String(320))
    comment: Mapped[str | None] = mapped_column(Text)
    contact_id: Mapped[int | None] = mapped_column(Id)  # excluded from a card: all addresses of this person
    created_by: Mapped[str] = mapped_column(String(40))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    lifted_at: Mapped[datetime | None]
    lifted_by: Mapped[str | None] = mapped_column(String(40))
    hits: Mapped[int] = mapped_column(Integer)
    last_hit_at: Mapped[datetime | None]

    __table_args__ = (
        partial_index("uq_exclusion_active", "pattern", where="lifted_at IS NULL", unique=True),
        Index("ix_exclusion_created", "created_at"),
    )
