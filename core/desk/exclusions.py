"""The list of those who are not let in, as admins keep it: add, change, lift, put back.

Admins alone change the list: everybody else gets `refused-admins-only`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

from sqlalchemy import Connection, select

from core import journal
from core.database import Transaction, among
from core.desk.covering import Covered, covered_contacts, describe
from core.desk.exclusion_entries import Entry, entries_where, holding, holds, read_entries
from core.errors import Refusal
from core.events import ContactClosed
from core.exclusions.expiry import LONGEST, split_expiry
from core.exclusions.model import Exclusion
from core.exclusions.patterns import Pattern, parse_pattern, words_beside
from core.staff.managers import Person, require_admin

LINES = 500  # of one text
SHOWN = 10  # people named in an answer
# People whose plans are called off at once; for others a timer or delivery asks the list again.
SHUT_OUT = 1000


@dataclass(frozen=True, slots=True)
class Added:
    """A line that is now on the list; `people` are the first ten of the `covered` we know."""

    written: str
    entry: Entry
    people: tuple[Covered, ...]
    covered: int


@dataclass(frozen=True, slots=True)
class Already:
    """A line that was on the list, where it stays as it was; `comment` and `expires_at` are the line's own."""

    written: str
    entry: Entry
    comment: str | None
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class Malformed:
    """A line that means nothing, or too much; `refusal` says why in the reader's language."""

    written: str
    refusal: Refusal


Result: TypeAlias = Added | Already | Malformed


@dataclass(frozen=True, slots=True)
class Wanted:
    """One pattern on its way to the list."""

    pattern: str
    comment: str | None
    expires_at: datetime | None
    contact_id: int | None = None


def add(
    tx: Transaction,
    person: Person,
    written: str,
    *,
    region: str | None = "RU",
    timezone: str = "UTC",
    covered: Mapping[str, Sequence[int]] | None = None,
) -> tuple[Result, ...]:
    """Put every line of a text on the list: `pattern; comment`, either followed by an end.

    An end is written `до 31.12.2026`, `until 2026-12-31`, `на 30 дней`, `for 30 days`. One result per line
    that is not empty, in order; a malformed line stops no other. No lead is closed by this, but what
    automation would say to the people it covers is called off. `covered` is what `covered_by` has read of the same
    text beforehand; without it that is looked for here. Raises Refusal for non-admins ("refused-admins-only"), an
    empty text ("refused-pattern-empty") and more than `LINES` lines ("refused-exclusions-many").
    """
    require_admin(person)
    return _add(tx, person, read_lines(written, region, tx.now, timezone), covered)


def add_pattern(tx: Transaction, person: Person, pattern: Pattern) -> tuple[Result, ...]:
    """Put one thing that nobody had to spell on the list, such as the author of a forwarded message.

    Raises Refusal for non-admins ("refused-admins-only").
    """
    require_admin(person)
    return _add(tx, person, [(pattern.value, Wanted(pattern.key, None, None))], None)


def covered_by(
    connection: Connection, written: str, *, region: str | None, now: datetime, timezone: str
) -> dict[str, tuple[int, ...]]:
    """Whom `add` would cover with this text, by pattern: read before its transaction, which others wait for.

    Raises Refusal for a text without lines or with too many of them, as `add` does.
    """
    lines = read_lines(written, region, now, timezone)
    return covered_contacts(connection, {one.pattern for _, one in lines if isinstance(one, Wanted)})


def read_lines(
    written: str, region: str | None, now: datetime, timezone: str
) -> tuple[tuple[str, Wanted | Refusal], ...]:
    """What each line of a text means for the list: (the line, its pattern or why it has none).

    Raises Refusal for an empty text ("refused-pattern-empty") and for more than `LINES` lines.
    """
    lines = [line.strip() for line in written.splitlines() if line.strip()]
    if not lines:
        raise Refusal("refused-pattern-empty")
    if len(lines) > LINES:
        raise Refusal("refused-exclusions-many", count=len(lines), limit=LINES)
    return tuple((line, read_line(line, region, now, timezone)) for line in lines)


def read_line(line: str, region: str | None, now: datetime, timezone: str) -> Wanted | Refusal:
    """`pattern; comment`, with an end behind either. Words beside the pattern are part of the comment, and so is an
    end that is not understood: whoever reads "for ever" beside it sees why.
    """
    written, _, comment = line[:LONGEST].partition(";")
    try:
        comment, expires_at = split_expiry(comment, now, timezone)
        if expires_at is None:
            written, expires_at = split_expiry(written, now, timezone)
        pattern: Pattern = parse_pattern(written, region or "ZZ")
    except Refusal as refusal:
        return refusal
    comment = "; ".join(filter(None, (words_beside(pattern, written, region or "ZZ"), comment)))
    return Wanted(pattern.key, comment or None, expires_at)


def _add(
    tx: Transaction,
    person: Person,
    lines: Sequence[tuple[str, Wanted | Refusal]],
    covered: Mapping[str, Sequence[int]] | None,
) -> tuple[Result, ...]:
    wanted = [one for _, one in lines if isinstance(one, Wanted)]
    fresh, _ = enlist(tx, person.actor, wanted)
    entries = {
        entry.pattern: entry for entry in holding(tx.connection, {one.pattern for one in wanted}, tx.now)
    }
    if covered is None:
        covered = covered_contacts(tx.connection, fresh)
    contacts = {pattern: covered.get(pattern, ()) for pattern in fresh}
    people = describe(tx.connection, {id_ for ids in contacts.values() for id_ in ids[:SHOWN]})
    shut_out = sorted({id_ for ids in contacts.values() for id_ in ids}, reverse=True)[:SHUT_OUT]
    tx.record(*(ContactClosed(contact_id, "excluded") for contact_id in shut_out))
    results: list[Result] = []
    for line, one in lines:
        if isinstance(one, Refusal):
            results.append(Malformed(line, one))
        elif one.pattern in fresh:
            fresh.discard(one.pattern)  # written twice, added once
            ids = contacts[one.pattern]
            named = tuple(people[id_] for id_ in ids[:SHOWN] if id_ in people)
            results.append(Added(line, entries[one.pattern], named, len(ids)))
        else:
            results.append(Already(line, entries[one.pattern], one.comment, one.expires_at))
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


def change(
    tx: Transaction, person: Person, exclusion_id: int, expires_at: datetime | None, comment: str | None
) -> Entry:
    """Give an exclusion another end (None: none), and another comment unless `comment` is None.

    Raises Refusal for non-admins, when it no longer holds ("refused-exclusion-gone"), and for an end that has
    passed meanwhile ("refused-expiry-past").
    """
    require_admin(person)
    if expires_at is not None and expires_at <= tx.now:
        raise Refusal("refused-expiry-past", written=expires_at.date().isoformat())
    entry = _one(tx, Exclusion.id == exclusion_id, *holds(tx.now))
    values: dict[str, Any] = {"id": entry.id, "expires_at": expires_at}
    if comment is not None:
        values["comment"] = comment
    tx.update(Exclusion, [values])
    entry = _one(tx, Exclusion.id == exclusion_id)
    _note_added(tx, person.actor, entry)
    return entry


def lift(tx: Transaction, person: Person, exclusion_id: int) -> Entry:
    """Take an exclusion off the list; it stays in the history. Lifting twice is lifting once.

    Raises Refusal for non-admins, and "refused-exclusion-gone" when there never was such a one.
    """
    require_admin(person)
    entry = _one(tx, Exclusion.id == exclusion_id)
    take_off(tx, person.actor, [entry.id])
    return entry


def put_back(tx: Transaction, person: Person, exclusion_id: int) -> Entry:
    """Undo `lift`: it holds again as it was, with its comment, its end and what it had stopped.

    Where the same pattern is on the list anew, that one is left alone and returned. Raises Refusal for
    non-admins, when there never was such a one ("refused-exclusion-gone"), and when its end has come
    ("refused-nothing-to-undo").
    """
    require_admin(person)
    entry = _one(tx, Exclusion.id == exclusion_id)
    tx.lock_keys([f"exclusion:{entry.pattern}"])
    if entry.expires_at is not None and entry.expires_at <= tx.now:
        raise Refusal("refused-nothing-to-undo")
    if now := holding(tx.connection, [entry.pattern], tx.now):
        return now[0]
    over = select(Exclusion.id).where(Exclusion.pattern == entry.pattern, Exclusion.lifted_at.is_(None))
    lifted = {"lifted_at": tx.now, "lifted_by": "system"}
    tx.update(Exclusion, [{"id": row.id, **lifted} for row in tx.connection.execute(over)])
    tx.update(Exclusion, [{"id": entry.id, "lifted_at": None, "lifted_by": None}])
    _note_added(tx, person.actor, entry)
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


def _one(tx: Transaction, *conditions: Any) -> Entry:
    rows = tx.connection.execute(entries_where(*conditions)).all()
    if not rows:
        raise Refusal("refused-exclusion-gone")
    return read_entries(tx.connection, rows)[0]


def _note_added(tx: Transaction, actor: str, entry: Entry) -> None:
    expires = entry.expires_at.isoformat() if entry.expires_at else None
    details = {"pattern": entry.pattern, "comment": entry.comment, "expires": expires}
    journal.note(tx, actor, "exclusion-added", contact_id=entry.contact_id, details=details)
