"""The lists of leads: mine, waiting, by stage, all, closed; page by page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import Connection

from core.database import Transaction
from core.staff.managers import Person

COUNTED = 1000  # a heading says "1000+" rather than count a company's whole past


class View(StrEnum):
    """Which leads a list shows."""

    MINE = "mine"  # open, responsible is the reader; latest activity first
    WAITING = "waiting"  # open, the customer has written and nobody has answered; who waits longest first
    STAGE = "stage"  # in one stage; latest activity first
    ALL = "all"  # open, whoever's; latest activity first
    CLOSED = "closed"  # latest closed first


@dataclass(frozen=True, slots=True)
class Row:
    """One lead in a list."""

    id: int
    number: int
    title: str
    contact_id: int
    contact: str
    channel: str
    stage_id: int
    stage: str
    outcome: str
    responsible_id: int | None
    responsible: str | None
    is_taken: bool
    is_repeat: bool
    waiting_since: datetime | None
    created_at: datetime
    active_at: datetime
    closed_at: datetime | None
    unseen: int


@dataclass(frozen=True, slots=True)
class Page:
    """Some rows; `next` is the cursor of the following page or None. `total` stops counting at `COUNTED`."""

    rows: tuple[Row, ...]
    next: str | None  # at most 26 characters of [0-9a-z.]: it fits a button
    total: int


def leads_page(
    connection: Connection,
    *,
    person: Person,
    view: View | str,
    language: str,
    stage_id: int | None = None,
    after: str | None = None,
    limit: int = 8,
) -> Page:
    """One page of a list, after the cursor of the page before. A cursor that means nothing begins again.

    `stage_id` is needed by the view "stage" (ValueError without it).
    """
    raise NotImplementedError


def counts(connection: Connection, person: Person) -> Mapping[str, int]:
    """How many leads each view holds (`View` → number, at most COUNTED); "stage" is left out."""
    raise NotImplementedError


def stage_counts(connection: Connection, pipeline_id: int) -> Mapping[int, int]:
    """How many open leads each stage of a pipeline holds now."""
    raise NotImplementedError


def mark_seen(tx: Transaction, conversation_id: int, message_id: int) -> None:
    """A manager was shown this conversation up to and with this message. Never goes back."""
    raise NotImplementedError
