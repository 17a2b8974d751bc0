"""One exclusion as admins see it, and which of them hold now."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, or_, select

from core.contacts.model import Contact
from core.database import among, ask
from core.desk.messages import author_names
from core.exclusions.model import Exclusion

_ENTRIES = select(
    Exclusion.id,
    Exclusion.pattern,
    Exclusion.comment,
    Exclusion.contact_id,
    Contact.name,
    Exclusion.created_by,
    Exclusion.created_at,
    Exclusion.expires_at,
    Exclusion.hits,
    Exclusion.last_hit_at,
).outerjoin(Contact, Contact.id == Exclusion.contact_id)
_HOLDING = _ENTRIES.where(
    among(Exclusion.pattern, "patterns"),
    Exclusion.lifted_at.is_(None),
    or_(Exclusion.expires_at.is_(None), Exclusion.expires_at > bindparam("now")),
).order_by(Exclusion.id)


@dataclass(frozen=True, slots=True)
class Entry:
    """One exclusion as admins see it. `contact` is set when it was made from a person's card.

    `expires_at` is the first moment at which it holds no more: for a date, the midnight after it.
    """

    id: int
    pattern: str  # kind:value
    kind: str  # phone, email, domain, telegram, username
    value: str
    comment: str | None
    contact_id: int | None
    contact: str | None
    created_by: str  # a name for reading
    created_at: datetime
    expires_at: datetime | None
    hits: int
    last_hit_at: datetime | None


def holding(connection: Connection, patterns: Collection[str], now: datetime) -> tuple[Entry, ...]:
    """The exclusions that hold now under these keys, oldest first."""
    if not patterns:
        return ()
    return read_entries(connection, ask(connection, _HOLDING, patterns=patterns, now=now))


def holds(now: Any) -> tuple[Any, ...]:
    """The conditions of an exclusion that keeps somebody out now: a moment, or the parameter that will be one."""
    return (
        Exclusion.lifted_at.is_(None),
        or_(Exclusion.expires_at.is_(None), Exclusion.expires_at > now),
    )


def entries_where(*conditions: Any) -> Any:
    """The statement that reads these exclusions for `read_entries`."""
    return _ENTRIES.where(*conditions)


def read_entries(connection: Connection, rows: Sequence[Any]) -> tuple[Entry, ...]:
    """Rows of `entries_where` as admins see them."""
    names = author_names(connection, {row.created_by for row in rows}, "en")
    return tuple(
        Entry(
            row.id,
            row.pattern,
            row.pattern.split(":", 1)[0],
            row.pattern.split(":", 1)[1],
            row.comment,
            row.contact_id,
            row.name,
            names.get(row.created_by, row.created_by),
            row.created_at,
            row.expires_at,
            row.hits,
            row.last_hit_at,
        )
        for row in rows
    )
