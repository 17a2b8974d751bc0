"""Finding a person or a lead by whatever a manager remembers of it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, select

from core import search
from core.contacts.emails import emails_in
from core.contacts.model import Address, Contact
from core.contacts.phones import phone_keys
from core.conversations.model import Message
from core.database import among
from core.desk.board import Row, rows_of
from core.desk.covering import address_keys
from core.desk.persons import survivors
from core.leads.model import Lead

LONGEST = 200  # characters of a query that are looked at
_NUMBER = re.compile(r"(?:#|№|N)?\s?(\d{1,9})", re.IGNORECASE)
_USERNAME = re.compile(r"(?:https?://)?(?:t\.me/|@)([A-Za-z]\w{2,31})/?", re.ASCII)
_TELEGRAM_ID = re.compile(r"(?:id\s?|telegram:)?([1-9]\d{4,15})", re.IGNORECASE | re.ASCII)
_SEVERAL = 5  # so many finds of the index are read for each one asked for: a lead has many messages


@dataclass(frozen=True, slots=True)
class Found:
    """A lead that fits, or (with `lead` None) a contact that fits and has no lead.

    `by` says what fitted: "number", "phone", "email", "username", "telegram", "name" or "text".
    """

    contact_id: int
    contact_number: int
    contact: str
    lead: Row | None
    by: str


def find(
    connection: Connection, query: str, region: str | None = "RU", limit: int = 10, *, language: str
) -> tuple[Found, ...]:
    """Leads and people that fit the query; a lead's own number first, then newest first.

    A phone in any spelling, an e-mail, `@username`, a Telegram id, `#123`, words of names and messages, of
    which each may be cut short at its end. Case and ё make no difference.
    """
    text = query.strip()[:LONGEST]
    if not text:
        return ()
    by_lead: dict[int, str] = {}
    by_contact: dict[int, str] = {}
    number = _NUMBER.fullmatch(text)
    numbered = _by_number(connection, int(number[1])) if number else None
    for contact_id, by in _by_address(connection, text, region):
        by_contact.setdefault(contact_id, by)
    _by_words(connection, text, limit * _SEVERAL, by_lead, by_contact)
    now = survivors(connection, by_contact)
    by_person: dict[int, str] = {}
    for contact_id, by in by_contact.items():
        by_person.setdefault(now[contact_id], by)
    with_leads = _leads_of(connection, list(by_person), limit)
    for lead_id, contact_id in with_leads:
        by_lead.setdefault(lead_id, by_person[contact_id])
    newest = sorted(by_lead, reverse=True)[: limit + 1]
    ordered = ([numbered] if numbered is not None else []) + [id_ for id_ in newest if id_ != numbered]
    rows = rows_of(connection, ordered[:limit], language)
    with_row = [rows[id_] for id_ in ordered[:limit] if id_ in rows]
    without = set(by_person) - _with_leads(connection, list(by_person))
    people = _people(connection, without | {row.contact_id for row in with_row})
    found = [
        Found(
            row.contact_id,
            people[row.contact_id][0],
            row.contact,
            row,
            "number" if row.id == numbered else by_lead[row.id],
        )
        for row in with_row
    ]
    found += [
        Found(contact_id, *people[contact_id], None, by_person[contact_id])
        for contact_id in sorted(without, reverse=True)
        if contact_id in people
    ]
    return tuple(found[:limit])


def _by_number(connection: Connection, number: int) -> int | None:
    return connection.execute(select(Lead.id).where(Lead.number == number)).scalar_one_or_none()


def _by_address(connection: Connection, text: str, region: str | None) -> Sequence[tuple[int, str]]:
    """The contacts behind every address in the query."""
    patterns = [f"phone:{phone.e164}" for phone in phone_keys(text, region)]
    patterns += [f"email:{email}" for email in emails_in(text)]
    if telegram := _TELEGRAM_ID.fullmatch(text):
        patterns.append(f"telegram:{telegram[1]}")
    keys = address_keys(connection, patterns) if patterns else {}
    rows = (
        connection.execute(
            select(Address.contact_id, Address.kind)
            .where(among(Address.key, keys))
            .order_by(Address.id.desc())
            .limit(100)
        ).all()
        if keys
        else ()
    )
    found = [(row.contact_id, row.kind) for row in rows]
    if username := _USERNAME.fullmatch(text):
        held = connection.execute(
            select(Address.contact_id)
            .where(Address.username == username[1].lower())
            .order_by(Address.id.desc())
            .limit(100)
        )
        found += [(row.contact_id, "username") for row in held]
    return found


def _by_words(
    connection: Connection, text: str, limit: int, by_lead: dict[int, str], by_contact: dict[int, str]
) -> None:
    """Names and messages that hold every word: what fitted goes to its lead or its contact."""
    ids = search.find(connection, text, limit)
    if not ids:
        return
    for row in connection.execute(select(Contact.id).where(among(Contact.id, ids))):
        by_contact.setdefault(row.id, "name")
    for said in connection.execute(
        select(Message.lead_id).where(among(Message.id, ids), Message.lead_id.is_not(None))
    ):
        by_lead.setdefault(said.lead_id or 0, "text")


def _leads_of(connection: Connection, contact_ids: Sequence[int], limit: int) -> list[tuple[int, int]]:
    """The newest leads of these people: (lead, contact)."""
    rows = connection.execute(
        select(Lead.id, Lead.contact_id)
        .where(among(Lead.contact_id, contact_ids))
        .order_by(Lead.id.desc())
        .limit(max(limit, 1) * _SEVERAL)
    )
    return [(row.id, row.contact_id) for row in rows]


def _with_leads(connection: Connection, contact_ids: Sequence[int]) -> set[int]:
    rows = connection.execute(select(Lead.contact_id).where(among(Lead.contact_id, contact_ids)).distinct())
    return {row.contact_id for row in rows}


def _people(connection: Connection, contact_ids: set[int]) -> dict[int, tuple[int, str]]:
    rows = connection.execute(
        select(Contact.id, Contact.number, Contact.name).where(among(Contact.id, contact_ids))
    )
    return {row.id: (row.number, row.name) for row in rows}
