"""The list of those who are not let in, as admins keep it: add, try, look through, lift.

Admins alone change the list: everybody else gets `refused-admins-only`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

from sqlalchemy import Connection, func, or_, select

from core import journal
from core.contacts.model import Contact
from core.database import Transaction, among
from core.desk.covering import Covered, covered_contacts, describe
from core.desk.messages import author_names
from core.errors import Refusal
from core.events import ContactClosed
from core.exclusions.expiry import LONGEST, split_expiry
from core.exclusions.model import Exclusion
from core.exclusions.patterns import Pattern, parse_pattern, pattern_keys
from core.staff.managers import Person, require_admin

LINES = 500  # of one text
SHOWN = 10  # people named in an answer
COVERED = (
    1000  # people looked for behind one pattern; a timer or delivery asks the list again when its time comes
)


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


@dataclass(frozen=True, slots=True)
class Added:
    """A line that is now on the list; `people` are the first ten of the `covered` we know."""

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
class Wanted:
    """One pattern on its way to the list."""

    pattern: str
    comment: str | None
    expires_at: datetime | None
    contact_id: int | None = None


def add(
    tx: Transaction, person: Person, written: str, *, region: str | None = "RU", timezone: str = "UTC"
) -> tuple[Result, ...]:
    """Put every line of a text on the list: `pattern; comment`, either followed by an end.

    An end is written `до 31.12.2026`, `until 2026-12-31`, `на 30 дней`, `for 30 days`. One result per line
    that is not empty, in order; a malformed line stops no other. No lead is closed by this, but what
    automation would say to the people it covers is called off. Raises Refusal for non-admins
    ("refused-admins-only"), an empty text ("refused-pattern-empty") and more than `LINES` lines
    ("refused-exclusions-many").
    """
    require_admin(person)
    lines = [line.strip() for line in written.splitlines() if line.strip()]
    if not lines:
        raise Refusal("refused-pattern-empty")
    if len(lines) > LINES:
        raise Refusal("refused-exclusions-many", count=len(lines), limit=LINES)
    read = [_read_line(line, region, tx.now, timezone) for line in lines]
    fresh, _ = enlist(tx, person.actor, [one for one in read if isinstance(one, Wanted)])
    entries = {
        entry.pattern: entry
        for entry in holding(tx.connection, {one.pattern for one in read if isinstance(one, Wanted)}, tx.now)
    }
    contacts = covered_contacts(tx.connection, fresh)
    people = describe(tx.connection, {id_ for ids in contacts.values() for id_ in ids[:SHOWN]})
    shut_out = sorted({id_ for ids in contacts.values() for id_ in ids})
    tx.record(*(ContactClosed(contact_id, "excluded") for contact_id in shut_out))
    results: list[Result] = []
    for line, one in zip(lines, read, strict=True):
        if isinstance(one, Refusal):
            results.append(Malformed(line, one))
        elif one.pattern in fresh:
            fresh.discard(one.pattern)  # written twice, added once
            ids = contacts.get(one.pattern, ())
            named = tuple(people[id_] for id_ in ids[:SHOWN] if id_ in people)
            results.append(Added(line, entries[one.pattern], named, len(ids)))
        else:
            results.append(Already(line, entries[one.pattern]))
    return tuple(results)


def enlist(tx: Transaction, actor: str, wanted: Sequence[Wanted]) -> tuple[set[str], dict[str, int]]:
    """Write these patterns on the list; rights are the caller's to check.

    Returns the patterns that are new there, and the exclusion of every pattern, old or new.
    """
    first = {one.pattern: one for one in reversed(wanted)}
    tx.lock_keys([f"exclusion:{pattern}" for pattern in first])
    known = {
        row.pattern: row
        for row in tx.connection.execute(
            select(Exclusion.pattern, Exclusion.id, Exclusion.expires_at).where(
                among(Exclusion.pattern, first), Exclusion.lifted_at.is_(None)
            )
        )
    }
    # One whose time is over still holds the pattern's place among those that are not lifted.
    over = {row.id for row in known.values() if row.expires_at is not None and row.expires_at <= tx.now}
    tx.update(Exclusion, [{"id": id_, "lifted_at": tx.now, "lifted_by": "system"} for id_ in over])
    ids = {pattern: row.id for pattern, row in known.items() if row.id not in over}
    rows: list[dict[str, Any]] = [
        {
            "id": tx.new_id(),
            "pattern": one.pattern,
            "comment": one.comment,
            "contact_id": one.contact_id,
            "created_by": actor,
            "created_at": tx.now,
            "expires_at": one.expires_at,
            "lifted_at": None,
            "lifted_by": None,
            "hits": 0,
            "last_hit_at": None,
        }
        for pattern, one in first.items()
        if pattern not in ids
    ]
    tx.insert(Exclusion, rows)
    tx.insert(
        journal.Journal,
        [
            journal.entry(
                tx,
                actor,
                "exclusion-added",
                contact_id=row["contact_id"],
                details={
                    "pattern": row["pattern"],
                    "comment": row["comment"],
                    "expires": row["expires_at"].isoformat() if row["expires_at"] else None,
                },
            )
            for row in rows
        ],
    )
    new = {row["pattern"]: row["id"] for row in rows}
    return set(new), ids | new


def would_stop(
    connection: Connection, written: str, region: str | None, now: datetime, *, timezone: str = "UTC"
) -> Verdict:
    """What one line would do, without doing it. Raises Refusal when it is malformed."""
    wanted = _read_line(written, region, now, timezone)
    if isinstance(wanted, Refusal):
        raise wanted
    kind, value = wanted.pattern.split(":", 1)
    # What stops an address is itself or its domain; what stops a domain is it or one above.
    keys = (
        pattern_keys("email", f"@{value}", None)[1:] if kind == "domain" else pattern_keys(kind, value, None)
    )
    held = holding(connection, keys, now)
    ids = covered_contacts(connection, [wanted.pattern]).get(wanted.pattern, ())
    people = describe(connection, ids[:SHOWN])
    return Verdict(
        wanted.pattern,
        kind,
        value,
        wanted.expires_at,
        min(held, key=lambda entry: keys.index(entry.pattern), default=None),
        tuple(people[id_] for id_ in ids[:SHOWN] if id_ in people),
        len(ids),
    )


def page(
    connection: Connection,
    now: datetime,
    *,
    after: int | None = None,
    limit: int = 8,
    query: str | None = None,
) -> Page:
    """The exclusions that hold now, newest first; `query` is a pattern or a part of one or of a comment."""
    holds = _holds(now)
    if query and query.strip():
        part = query.strip()[:100].lower()
        holds += (
            or_(
                func.lower(Exclusion.pattern).contains(part, autoescape=True),
                Exclusion.comment.contains(query.strip()[:100], autoescape=True),
                Exclusion.pattern == _pattern_of(query),
            ),
        )
    total = connection.execute(select(func.count()).select_from(Exclusion).where(*holds)).scalar_one()
    if after is not None:
        holds += (Exclusion.id < after,)
    rows = connection.execute(_entries().where(*holds).order_by(Exclusion.id.desc()).limit(limit + 1)).all()
    entries = _read(connection, rows[:limit])
    return Page(entries, entries[-1].id if len(rows) > limit else None, total)


def holding(connection: Connection, patterns: Collection[str], now: datetime) -> tuple[Entry, ...]:
    """The exclusions that hold now under these keys, oldest first."""
    if not patterns:
        return ()
    held = _entries().where(among(Exclusion.pattern, patterns), *_holds(now)).order_by(Exclusion.id)
    return _read(connection, connection.execute(held).all())


def lift(tx: Transaction, person: Person, exclusion_id: int) -> Entry:
    """Take an exclusion off the list; it stays in the history. Lifting twice is lifting once.

    Raises Refusal for non-admins, and "refused-exclusion-gone" when there never was such a one.
    """
    require_admin(person)
    rows = tx.connection.execute(_entries().where(Exclusion.id == exclusion_id)).all()
    if not rows:
        raise Refusal("refused-exclusion-gone")
    entry = _read(tx.connection, rows)[0]
    take_off(tx, person.actor, [entry.id])
    return entry


def take_off(tx: Transaction, actor: str, exclusion_ids: Collection[int]) -> None:
    """Lift those of these exclusions that are not lifted yet; rights are the caller's to check."""
    rows = tx.connection.execute(
        select(Exclusion.id, Exclusion.pattern, Exclusion.contact_id)
        .where(among(Exclusion.id, exclusion_ids), Exclusion.lifted_at.is_(None))
        .order_by(Exclusion.id)
        .with_for_update()
    ).all()
    tx.update(Exclusion, [{"id": row.id, "lifted_at": tx.now, "lifted_by": actor} for row in rows])
    tx.insert(
        journal.Journal,
        [
            journal.entry(
                tx, actor, "exclusion-lifted", contact_id=row.contact_id, details={"pattern": row.pattern}
            )
            for row in rows
        ],
    )


def _read_line(line: str, region: str | None, now: datetime, timezone: str) -> Wanted | Refusal:
    """`pattern; comment`, with an end behind either."""
    written, _, comment = line[:LONGEST].partition(";")
    try:
        comment, expires_at = split_expiry(comment, now, timezone)
        if expires_at is None:
            written, expires_at = split_expiry(written, now, timezone)
        pattern: Pattern = parse_pattern(written, region or "ZZ")
    except Refusal as refusal:
        return refusal
    return Wanted(pattern.key, comment or None, expires_at)


def _pattern_of(query: str) -> str | None:
    """The pattern somebody looks for, when what they wrote is one: a phone in any spelling, an address."""
    try:
        return parse_pattern(query[:LONGEST]).key
    except Refusal:
        return None


def _holds(now: datetime) -> tuple[Any, ...]:
    return (
        Exclusion.lifted_at.is_(None),
        or_(Exclusion.expires_at.is_(None), Exclusion.expires_at > now),
    )


def _entries() -> Any:
    columns = select(
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
    )
    return columns.outerjoin(Contact, Contact.id == Exclusion.contact_id)


def _read(connection: Connection, rows: Sequence[Any]) -> tuple[Entry, ...]:
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
