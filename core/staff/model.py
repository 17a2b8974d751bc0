"""The people who work for the company, and what they do in Telegram until the bot has taken it."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, Boolean, Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from core.database import Id, Model


class Role(StrEnum):
    """What a person may do."""

    MANAGER = "manager"
    ADMIN = "admin"  # also: exclusions, invitations, the ledger


class Manager(Model):
    """A person who works leads. Removed people keep their row: history names them."""

    __tablename__ = "manager"
    id: Mapped[int] = mapped_column(Id, primary_key=True, autoincrement=False)
    telegram_id: Mapped[int] = mapped_column(BigInteger, unique=True)
    name: Mapped[str] = mapped_column(String(200))
    username: Mapped[str | None] = mapped_column(String(64))
    language: Mapped[str] = mapped_column(String(8))
    role: Mapped[str] = mapped_column(String(16))
    is_available: Mapped[bool] = mapped_column(Boolean)
    is_active: Mapped[bool] = mapped_column(Boolean)  # false: removed, a stranger again
    is_reachable: Mapped[bool] = mapped_column(Boolean)  # false: has never started the bot, or blocked it
    position: Mapped[int] = mapped_column(Integer)  # order in the queue of a line that distributes strictly
    last_given_at: Mapped[datetime | None]  # when the queue last gave them a lead
    created_at: Mapped[datetime]


class Invitation(Model):
    """A one-time link by which a person becomes a manager. Only the hash of its token is kept."""

    __tablename__ = "invitation"
    id: Mapped[int] = mapped_column(Id, primary_key=True, autoincrement=False)
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    role: Mapped[str] = mapped_column(String(16))
    name: Mapped[str | None] = mapped_column(String(200))
    created_by: Mapped[str] = mapped_column(String(40))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
    used_by: Mapped[int | None] = mapped_column(Id)


class StaffUpdate(Model):
    """Something a manager did in Telegram, stored before it was acknowledged; the bot consumes and deletes it."""

    __tablename__ = "staff_update"
    id: Mapped[int] = mapped_column(Id, primary_key=True, autoincrement=False)
    account_id: Mapped[int] = mapped_column(Id)
    person_id: Mapped[int] = mapped_column(BigInteger)  # at Telegram; updates of one are taken in order
    update: Mapped[dict[str, Any]]
    received_at: Mapped[datetime]
    lease_until: Mapped[datetime | None]
    attempts: Mapped[int] = mapped_column(Integer)

    __table_args__ = (Index("ix_staff_update_person", "person_id", "id"),)


class Dialog(Model):
    """An unfinished dialog of the bot with one person, where no Redis keeps it."""

    __tablename__ = "dialog"
    key: Mapped[str] = mapped_column(String(200), primary_key=True)
    state: Mapped[str | None] = mapped_column(String(200))
    content: Mapped[dict[str, Any] | None]
    updated_at: Mapped[datetime]
