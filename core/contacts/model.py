"""People, the organisations they belong to, and the addresses we know them by."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Boolean, ForeignKey, Index, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from core.database import Id, Model, partial_index


class Company(Model):
    """An organisation."""

    __tablename__ = "company"
    id: Mapped[int] = mapped_column(Id, primary_key=True, autoincrement=False)
    name: Mapped[str] = mapped_column(String(300))
    created_at: Mapped[datetime]


class Contact(Model):
    """A person. Somebody merged away keeps the row and points at who they are now."""

    __tablename__ = "contact"
    id: Mapped[int] = mapped_column(Id, primary_key=True, autoincrement=False)
    number: Mapped[int] = mapped_column(Integer, unique=True)
    name: Mapped[str] = mapped_column(String(300))
    language: Mapped[str | None] = mapped_column(String(8))
    is_client: Mapped[bool] = mapped_column(Boolean)
    wants_follow_ups: Mapped[bool] = mapped_column(Boolean)  # false: asked us, by a link in a letter, to stop
    company_id: Mapped[int | None] = mapped_column(Id)
    merged_to: Mapped[int | None] = mapped_column(Id)
    created_at: Mapped[datetime]


class Address(Model):
    """One way to know, and perhaps to reach, a contact.

    A messenger's address belongs to exactly one contact (`is_exclusive`). A phone or an e-mail may be shared by
    a family or an office, so several contacts may hold it.
    """

    __tablename__ = "address"
    id: Mapped[int] = mapped_column(Id, primary_key=True, autoincrement=False)
    contact_id: Mapped[int] = mapped_column(ForeignKey("contact.id"))
    key: Mapped[str] = mapped_column(Text)
    kind: Mapped[str] = mapped_column(String(16))
    value: Mapped[str] = mapped_column(Text)
    username: Mapped[str | None] = mapped_column(String(64))  # lower case
    is_exclusive: Mapped[bool] = mapped_column(Boolean)
    is_proved: Mapped[bool] = mapped_column(Boolean)
    closed_at: Mapped[datetime | None]  # since when nothing can be delivered: blocked us, mailbox gone
    closed_why: Mapped[str | None] = mapped_column(String(32))
    created_at: Mapped[datetime]

    __table_args__ = (
        Index("uq_address_key_contact", "key", "contact_id", unique=True),
        partial_index("uq_address_exclusive", "key", where="is_exclusive", unique=True),
        Index("ix_address_contact", "contact_id"),
        partial_index("ix_address_username", "username", where="username IS NOT NULL"),
    )
