"""Exclusion comes before every side effect: the gate a batch passes twice before anything is written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable

from sqlalchemy import Connection, bindparam, or_, select, update

from core.contacts.model import Address
from core.database import Transaction, among, ask
from core.exclusions.model import Exclusion
from core.exclusions.patterns import pattern_keys

_ACTIVE = select(Exclusion.pattern, Exclusion.id).where(
    among(Exclusion.pattern, "patterns"),
    Exclusion.lifted_at.is_(None),
    or_(Exclusion.expires_at.is_(None), Exclusion.expires_at > bindparam("now")),
)
_ADDRESSES = select(Address.contact_id, Address.kind, Address.value, Address.username).where(
    among(Address.contact_id, "contacts")
)


class Gate:
    """Which patterns keep somebody out now. Loaded for the keys of a batch, asked per message, counts its hits."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx
        self._active: dict[str, int] = {}
        self._hits: Counter[int] = Counter()

    def load(self, patterns: Collection[str]) -> None:
        """Look these keys up in the list."""
        if patterns:
            self._active.update(active(self._tx, patterns))

    def stops(self, patterns: Iterable[str]) -> int | None:
        """The exclusion that one of these keys falls under, or None; a hit is counted."""
        for pattern in patterns:
            if (exclusion_id := self._active.get(pattern)) is not None:
                self._hits[exclusion_id] += 1
                return exclusion_id
        return None

    def write(self) -> None:
        """Put the hits down beside their exclusions, where admins see them."""
        for exclusion_id, count in sorted(self._hits.items()):
            self._tx.connection.execute(
                update(Exclusion)
                .where(Exclusion.id == exclusion_id)
                .values(hits=Exclusion.hits + count, last_hit_at=self._tx.now)
            )


def active(tx: Transaction, patterns: Collection[str]) -> dict[str, int]:
    """Which of these keys are excluded now: pattern → exclusion."""
    rows = tx.ask(_ACTIVE, patterns=patterns, now=tx.now)
    return {row.pattern: row.id for row in rows}


def excluded_contacts(tx: Transaction, contact_ids: Collection[int]) -> dict[int, int]:
    """Which of these people are kept out by any of their addresses: contact → exclusion.

    Asked again when a timer fires and when a delivery is claimed: the list may have grown since.
    """
    if not contact_ids:
        return {}
    keys = contact_patterns(tx.connection, contact_ids)
    if not keys:
        return {}
    stopped = active(tx, {pattern for patterns in keys.values() for pattern in patterns})
    if not stopped:
        return {}
    return {
        contact_id: stopped[pattern]
        for contact_id, patterns in keys.items()
        for pattern in patterns
        if pattern in stopped
    }


def excluded_emails(tx: Transaction, emails: Collection[str]) -> set[str]:
    """Which of these addresses are kept out by themselves or by their domain: nothing goes there, not even a copy."""
    keys = {email: pattern_keys("email", email, None) for email in emails}
    if not keys:
        return set()
    stopped = active(tx, {key for one in keys.values() for key in one})
    return {email for email, patterns in keys.items() if any(key in stopped for key in patterns)}


def contact_patterns(connection: Connection, contact_ids: Collection[int]) -> dict[int, set[str]]:
    """Every key under which each of these people would be excluded."""
    found: dict[int, set[str]] = {}
    rows = ask(connection, _ADDRESSES, contacts=contact_ids)
    for contact_id, kind, value, username in rows:
        found.setdefault(contact_id, set()).update(pattern_keys(kind, value, username))
    return found
