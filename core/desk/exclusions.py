"""The list of those who are not let in, as admins keep it: add, try, look through, lift, restore.

Admins alone keep the list: everybody else gets `refused-admins-only`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from sqlalchemy import Connection

from core.database import Transaction
from core.errors import Refusal
from core.staff.managers import Person


@dataclass(frozen=True, slots=True)
class Entry:
    """One exclusion as admins see it. `contact` is set when it was made from a person's card."""

    id: int
    pattern: str  # kind:value
    kind: str  # phone, email, domain, telegram, username
    value: str
    comment: str | None
    contact: str | None
    created_by: str
    created_at: datetime
    expires_at: datetime | None
    hits: int
    last_hit_at: datetime | None


@dataclass(frozen=True, slots=True)
class Covered:
    """A known person that a pattern covers."""

    contact_id: int
    number: int
    name: str
    open_leads: tuple[int, ...]  # numbers


@dataclass(frozen=True, slots=True)
class Added:
    """A line that is now on the list; `people` are those we know whom it covers, the first ten of `covered`."""

    written: str
    entry: Entry
    people: tuple[Covered, ...]
    covered: int


@dataclass(frozen=True, slots=True)
class Already:
    """A line that was on the list."""

    written: str
    entry: Entry


@dataclass(frozen=True, slots=True)
class Malformed:
    """A line that means nothing, or too much; `refusal` says why in the reader's language."""

    written: str
    refusal: Refusal


Result: TypeAlias = Added | Already | Malformed


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a line would do. `stopped_by` is the exclusion that holds already for it, if one does."""

    pattern: str
    kind: str
    value: str
    expires_at: datetime | None
    stopped_by: Entry | None
    people: tuple[Covered, ...]  # the first ten of `covered`
    covered: int


@dataclass(frozen=True, slots=True)
class Page:
    """Some exclusions, newest first; `next` is the id after which the following page begins."""

    entries: tuple[Entry, ...]
    next: int | None
    total: int


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


@dataclass(frozen=True, slots=True)
class PersonExcluded:
    """Everything by which a person is now kept out; `others` are people who share one of these addresses."""

    contact_id: int
    patterns: tuple[str, ...]
    junked: tuple[int, ...]  # numbers of the leads this closed
    others: tuple[Covered, ...]


def add(
    tx: Transaction, person: Person, written: str, *, region: str | None = "RU", timezone: str = "UTC"
) -> tuple[Result, ...]:
    """Put every line of a text on the list: `pattern; comment`, either followed by `до 31.12.2026` or `for 30 days`.

    One result per line that is not empty, in order; a malformed line stops no other. Nothing is closed by this,
    but automation and what is on its way to the people it covers are called off. Raises Refusal for non-admins,
    an empty text and more than `LINES` lines.
    """
    raise NotImplementedError


def would_stop(
    connection: Connection, written: str, region: str | None, now: datetime, *, timezone: str = "UTC"
) -> Verdict:
    """What one line would do, without doing it. Raises Refusal when it is malformed."""
    raise NotImplementedError


def page(
    connection: Connection,
    now: datetime,
    *,
    after: int | None = None,
    limit: int = 8,
    query: str | None = None,
) -> Page:
    """The exclusions that hold now, newest first; `query` is a pattern or a part of one or of a comment."""
    raise NotImplementedError


def lift(tx: Transaction, person: Person, exclusion_id: int) -> Entry:
    """Take an exclusion off the list; it stays in the history. Lifting twice is lifting once."""
    raise NotImplementedError


def stopped(
    connection: Connection, exclusion_id: int | None = None, after: int | None = None, limit: int = 8
) -> StoppedPage:
    """What was kept out, by one exclusion or by any, newest first."""
    raise NotImplementedError


def exclude_person(
    tx: Transaction, person: Person, lead_id: int, comment: str | None = None
) -> PersonExcluded:
    """Keep the person of a lead out by every address we know, and junk their open leads as spam."""
    raise NotImplementedError


def undo_exclude_person(tx: Transaction, person: Person, lead_id: int) -> tuple[int, ...]:
    """Lift exactly what `exclude_person` put on the list, and reopen what it junked; returns those leads' numbers.

    Raises Refusal when there is nothing to undo.
    """
    raise NotImplementedError
