"""Lines and the accounts through which they are reached."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, Index, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from core.database import Id, Model


class KnownPerson(StrEnum):
    """What becomes of a message from a person we know who has nothing open (Bitrix24: repeat leads)."""

    REPEAT = "repeat"  # a new lead, marked repeat, bound to the contact
    ATTACH = "attach"  # the message joins the contact; no lead
    REOPEN = "reopen"  # a lead junked within `reopen_days` opens again, else as REPEAT


class Distribution(StrEnum):
    """Who gets a new lead."""

    EVEN = "even"  # the available manager who has waited longest for one
    STRICT = "strict"  # the first available in the order of the list
    ALL = "all"  # everybody sees it; whoever takes it has it


class Line(Model):
    """One public face of the company: its channels, its rules, its language."""

    __tablename__ = "line"
    id: Mapped[int] = mapped_column(Id, primary_key=True, autoincrement=False)
    name: Mapped[str] = mapped_column(String(64), unique=True)  # as in /lines/{name}/form
    title: Mapped[str] = mapped_column(String(200))
    language: Mapped[str] = mapped_column(String(8))
    timezone: Mapped[str] = mapped_column(String(64))
    pipeline_id: Mapped[int] = mapped_column(Id)
    known_person: Mapped[str] = mapped_column(String(16), default=KnownPerson.REPEAT)
    reopen_days: Mapped[int] = mapped_column(Integer, default=30)
    distribution: Mapped[str] = mapped_column(String(16), default=Distribution.EVEN)


class Account(Model):
    """One connection of a line to a channel: this bot, this mailbox, this form."""

    __tablename__ = "account"
    id: Mapped[int] = mapped_column(Id, primary_key=True, autoincrement=False)
    line_id: Mapped[int] = mapped_column(ForeignKey("line.id"))
    channel: Mapped[str] = mapped_column(String(16))
    scope: Mapped[str] = mapped_column(String(255))  # the bot's id, the mailbox's address, the form's line
    title: Mapped[str] = mapped_column(String(200))
    cursor: Mapped[dict[str, Any] | None]  # how far the edge has read: an offset, or UIDVALIDITY and UID
    last_seen_at: Mapped[datetime | None]  # when the edge last heard from the network
    trouble: Mapped[str | None] = mapped_column(Text)  # why nothing comes or goes now; None when all is well
    troubles: Mapped[dict[str, Any] | None]  # the same by part: letters may come in while none go out
    trouble_since: Mapped[datetime | None]
    retired_at: Mapped[datetime | None]  # since the settings name it no more nothing comes or goes here

    __table_args__ = (Index("uq_account_channel", "channel", "scope", unique=True),)
