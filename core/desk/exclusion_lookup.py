"""Looking into the list of those who are not let in: through it, for one pattern, for what stops somebody."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from sqlalchemy import Connection, bindparam, func, select

from core.contacts.emails import readable_email
from core.database import ask
from core.desk.covering import Covered, covered_contacts, describe, holders
from core.desk.exclusion_entries import Entry, entries_where, holding, holds, read_entries
from core.desk.exclusions import SHOWN, read_line
from core.desk.finding import parts_of_phone
from core.desk.persons import survivors
from core.errors import Refusal
from core.exclusions.expiry import LONGEST
from core.exclusions.hits import contact_patterns
from core.exclusions.model import Exclusion
from core.exclusions.patterns import Pattern, parse_pattern, pattern_keys
from core.search import fold

# Compared here and not by the database: SQLite knows no case beyond ASCII, and neither knows ё. People keep the list,
# so it has thousands of rows at most; ten thousand take 40 to 70 ms.
_WORDS = (
    select(Exclusion.id, Exclusion.pattern, Exclusion.comment)
    .where(*holds(bindparam("now")))
    .order_by(Exclusion.id.desc())
)


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
class Sought:
    """What on the list somebody may mean by what they wrote.

    `exact` is the very pattern, in any spelling; `stopped_by` another that stops it all the same; `similar` are
    those that hold the words somewhere. The first that there is counts, the others are then empty.
    """

    exact: Entry | None
    stopped_by: Entry | None
    similar: Page
    pattern: Pattern | None


def would_stop(
    connection: Connection, written: str, region: str | None, now: datetime, *, timezone: str = "UTC"
) -> Verdict:
    """What one line would do, without doing it. Raises Refusal when it is malformed."""
    wanted = read_line(written, region, now, timezone)
    if isinstance(wanted, Refusal):
        raise wanted
    kind, value = wanted.pattern.split(":", 1)
    ids = covered_contacts(connection, [wanted.pattern]).get(wanted.pattern, ())
    people = describe(connection, ids[:SHOWN])
    return Verdict(
        wanted.pattern,
        kind,
        value,
        wanted.expires_at,
        _stopped_by(connection, Pattern(kind, value), now),
        tuple(people[id_] for id_ in ids[:SHOWN] if id_ in people),
        len(ids),
    )


def seek(connection: Connection, written: str, region: str | None, now: datetime) -> Sought:
    """What on the list may be meant: the pattern itself, what stops it, or whatever holds these words."""
    none = Page((), None, 0)
    if (pattern := _pattern_of(written, region)) is not None:
        if exact := holding(connection, [pattern.key], now):
            return Sought(exact[0], None, none, pattern)
        if (stops := _stopped_by(connection, pattern, now)) is not None:
            return Sought(None, stops, none, pattern)
    return Sought(None, None, page(connection, now, query=written, region=region), pattern)


def page(
    connection: Connection,
    now: datetime,
    *,
    after: int | None = None,
    limit: int = 8,
    query: str | None = None,
    region: str | None = "RU",
) -> Page:
    """The exclusions that hold now, newest first; `query` is a pattern or a part of one or of a comment."""
    conditions = holds(now)
    if query and query.strip():
        fitting = _fitting(connection, query, region, now)
        total, left = len(fitting), (id for id in fitting if after is None or id < after)
        conditions = (Exclusion.id.in_(list(islice(left, limit + 1))),)
    else:
        total = connection.execute(
            select(func.count()).select_from(Exclusion).where(*conditions)
        ).scalar_one()
        if after is not None:
            conditions += (Exclusion.id < after,)
    some = entries_where(*conditions).order_by(Exclusion.id.desc()).limit(limit + 1)
    rows = connection.execute(some).all()
    entries = read_entries(connection, rows[:limit])
    return Page(entries, entries[-1].id if len(rows) > limit else None, total)


def entry(connection: Connection, exclusion_id: int, now: datetime) -> Entry | None:
    """One exclusion, if it holds now."""
    rows = connection.execute(entries_where(Exclusion.id == exclusion_id, *holds(now))).all()
    return read_entries(connection, rows)[0] if rows else None


def still_stopping(connection: Connection, lifted: Entry, now: datetime) -> tuple[Entry, ...]:
    """What else keeps out whom this exclusion kept out: a wider one, or another address of the same person."""
    keys = set(_keys(Pattern(lifted.kind, lifted.value)))
    contact_ids: Sequence[int] = ()
    if lifted.contact_id is not None:  # whoever they are by now
        contact_ids = tuple(survivors(connection, [lifted.contact_id]).values())
    elif lifted.kind != "domain":
        contact_ids = covered_contacts(connection, [lifted.pattern]).get(lifted.pattern, ())
    if len(contact_ids) == 1:
        keys |= contact_patterns(connection, contact_ids).get(contact_ids[0], set())
    return holding(connection, keys - {lifted.pattern}, now)


def _fitting(connection: Connection, query: str, region: str | None, now: datetime) -> list[int]:
    """The ids of those that hold now and hold these words, newest first, in any case and with е for ё."""
    written = query.strip()[:100]
    part, digits, pattern = fold(written), parts_of_phone(query.strip()), _pattern_of(query, region)
    return [
        id
        for id, key, comment in ask(connection, _WORDS, now=now)
        if (pattern is not None and key == pattern.key)
        or part in fold(key)
        or part in fold(readable_email(key.replace("domain:", "@", 1)))  # as it is shown
        or (comment is not None and part in fold(comment))
        or any(run in key for run in digits)
    ]


def _stopped_by(connection: Connection, pattern: Pattern, now: datetime) -> Entry | None:
    """The exclusion that stops a pattern: itself, a wider one, or any address of the one person who holds it."""
    keys = _keys(pattern)
    held = holding(connection, keys, now)
    if not held and len(held_by := holders(connection, pattern.key)) == 1:
        keys = tuple(sorted(contact_patterns(connection, held_by).get(held_by[0], ())))
        held = holding(connection, keys, now)
    return min(held, key=lambda one: keys.index(one.pattern), default=None)


def _keys(pattern: Pattern) -> tuple[str, ...]:
    """The keys under which a pattern is stopped: an address by itself and its domains, a domain by those above."""
    if pattern.kind == "domain":
        return pattern_keys("email", f"@{pattern.value}", None)[1:]
    return pattern_keys(pattern.kind, pattern.value, None)


def _pattern_of(query: str, region: str | None) -> Pattern | None:
    """The pattern somebody looks for, when what they wrote is one: a phone in any spelling, an address."""
    try:
        return parse_pattern(query[:LONGEST], region or "ZZ")
    except Refusal:
        return None
