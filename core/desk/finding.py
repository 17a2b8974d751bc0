"""Finding a person or a lead by whatever a manager remembers of it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, func, or_, select

from core import search
from core.contacts.emails import emails_in
from core.contacts.model import Address, Contact
from core.contacts.phones import phone_keys
from core.conversations.model import Conversation, Message
from core.database import among
from core.desk.board import Row, rows_of
from core.desk.covering import address_keys
from core.desk.persons import KnownAddress, addresses_of, survivors
from core.leads.model import Lead

LONGEST = 200  # characters of a query that are looked at
MOST = 100  # leads and people one search goes through; a heading says "100+" rather than count further
_TEXTS = 500  # names and messages that are read of the index: a lead has many
_NEWEST = 200_000  # addresses among which a part of one is looked for
_NUMBER = re.compile(r"(?:лид|lead)?\s?(?:#|№|N)?\s?(\d{1,9})", re.IGNORECASE)
_USERNAME = re.compile(r"(?:(?:https?://)?t\.me/|@)?([A-Za-z]\w{2,31})/?", re.ASCII)
_TELEGRAM_ID = re.compile(
    r"(?:(?:telegram\s?)?id\s?|(?:telegram|tg):)([1-9]\d{0,15})|([1-9]\d{4,15})", re.IGNORECASE | re.ASCII
)
_PART_OF_PHONE = re.compile(r"\+?[\d\s().-]{4,24}", re.ASCII)
_PART_OF_EMAIL = re.compile(r"(?=.*[@.])(?=.*[a-z])[\w.+@-]{4,64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Found:
    """A lead that fits, or (with `lead` None) a contact that fits and has no lead.

    `by` says what fitted: "number", "phone", "email", "username", "telegram", "name" or "text". `addresses` are
    those of a contact without a lead, who has no card that would name them.
    """

    contact_id: int
    contact_number: int
    contact: str
    lead: Row | None
    by: str
    addresses: tuple[KnownAddress, ...] = ()


@dataclass(frozen=True, slots=True)
class FoundPage:
    """Some of what fits. `skipped` stand before it, `next` is the place at which the following page begins.

    `total` stops counting at `MOST`.
    """

    found: tuple[Found, ...]
    skipped: int
    next: int | None
    total: int


def find(
    connection: Connection, query: str, region: str | None = "RU", limit: int = 10, *, language: str
) -> tuple[Found, ...]:
    """The first of what `find_page` finds."""
    return find_page(connection, query, region, limit, language=language).found


def find_page(
    connection: Connection,
    query: str,
    region: str | None = "RU",
    limit: int = 10,
    *,
    language: str,
    skip: int = 0,
) -> FoundPage:
    """Leads and people that fit the query; a lead's own number first, then newest first, then people without.

    A phone in any spelling, or four digits and more of one; an e-mail, or a part of one with its @ or a dot; a
    username with or without its @, a Telegram id, `#123`, words of names and messages, of which each may be cut
    short at its end. Case and ё make no difference. `skip` is the `next` of the page before.
    """
    text = query.strip()[:LONGEST]
    if not text:
        return FoundPage((), 0, None, 0)
    by_lead: dict[int, str] = {}
    by_contact: dict[int, str] = {}
    number = _NUMBER.fullmatch(text)
    numbered = _by_number(connection, int(number[1])) if number else None
    for contact_id, by in _by_address(connection, text, region):
        by_contact.setdefault(contact_id, by)
    _by_words(connection, text, by_lead, by_contact)
    now = survivors(connection, by_contact)
    by_person: dict[int, str] = {}
    for contact_id, by in by_contact.items():
        by_person.setdefault(now[contact_id], by)
    for lead_id, contact_id in _leads_of(connection, list(by_person)):
        by_lead.setdefault(lead_id, by_person[contact_id])
    if numbered is not None:
        by_lead[numbered] = "number"
    without = set(by_person) - _with_leads(connection, list(by_person))
    leads = sorted(by_lead, key=lambda id_: (id_ == numbered, id_), reverse=True)
    all_of_them = [(id_, None) for id_ in leads] + [(None, id_) for id_ in sorted(without, reverse=True)]
    total = min(len(all_of_them), MOST)
    skip = skip if 0 <= skip < total else 0
    shown = all_of_them[:MOST][skip : skip + limit]
    following = skip + limit if skip + limit < total else None
    found = _read(connection, shown, by_lead, by_person, language)
    return FoundPage(found, skip, following, total)


def parts_of_phone(text: str) -> tuple[str, ...]:
    """The runs of digits that a telephone may hold when somebody remembers this of it: four of them and more."""
    digits = re.sub(r"\D", "", text)
    if not _PART_OF_PHONE.fullmatch(text) or not 4 <= len(digits) <= 15:
        return ()
    # As it is dialled inside Russia and Kazakhstan; it is kept as +7…
    return (digits, f"7{digits[1:]}") if digits.startswith("8") else (digits,)


def _read(
    connection: Connection,
    shown: Sequence[tuple[int | None, int | None]],
    by_lead: Mapping[int, str],
    by_person: Mapping[int, str],
    language: str,
) -> tuple[Found, ...]:
    rows = rows_of(connection, [lead_id for lead_id, _ in shown if lead_id is not None], language)
    without = [contact_id for _, contact_id in shown if contact_id is not None]
    people = _people(connection, {*without, *(row.contact_id for row in rows.values())})
    addresses = addresses_of(connection, without) if without else {}
    found: list[Found] = []
    for lead_id, contact_id in shown:
        if lead_id is not None and (row := rows.get(lead_id)) is not None:
            contact_number = people[row.contact_id][0]
            found.append(Found(row.contact_id, contact_number, row.contact, row, by_lead[lead_id]))
        elif contact_id is not None and contact_id in people:
            known = addresses.get(contact_id, ())
            found.append(Found(contact_id, *people[contact_id], None, by_person[contact_id], known))
    return tuple(found)


def _by_number(connection: Connection, number: int) -> int | None:
    return connection.execute(select(Lead.id).where(Lead.number == number)).scalar_one_or_none()


def _by_address(connection: Connection, text: str, region: str | None) -> Sequence[tuple[int, str]]:
    """The contacts behind every address in the query."""
    patterns = [f"phone:{phone.e164}" for phone in phone_keys(text, region)]
    patterns += [f"email:{email}" for email in emails_in(text)]
    if telegram := _TELEGRAM_ID.fullmatch(text):
        patterns.append(f"telegram:{telegram[1] or telegram[2]}")
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
    if not any(by in ("phone", "email") for _, by in found):
        found += _by_part_of_address(connection, text)
    return found


def _by_part_of_address(connection: Connection, text: str) -> Sequence[tuple[int, str]]:
    """The contacts among whose phones or e-mails one ends with this or holds it, the newest first."""
    kind, parts = "phone", parts_of_phone(text)
    if not parts and _PART_OF_EMAIL.fullmatch(text.lower()):
        kind, parts = "email", (text.lower(),)
    if not parts:
        return ()
    # No index serves the middle of an address: what is looked through has an end however many there are.
    oldest = select(Address.id).order_by(Address.id.desc()).offset(_NEWEST).limit(1).scalar_subquery()
    rows = connection.execute(
        select(Address.contact_id)
        .where(
            Address.id > func.coalesce(oldest, 0),
            Address.kind == kind,
            or_(*(Address.value.contains(part, autoescape=True) for part in parts)),
        )
        .order_by(Address.id.desc())
        .limit(MOST)
    )
    return [(row.contact_id, kind) for row in rows]


def _by_words(connection: Connection, text: str, by_lead: dict[int, str], by_contact: dict[int, str]) -> None:
    """Names and messages that hold every word: what fitted goes to its lead or its contact."""
    ids = search.find(connection, text, _TEXTS)
    if not ids:
        return
    for row in connection.execute(select(Contact.id).where(among(Contact.id, ids))):
        by_contact.setdefault(row.id, "name")
    for said in connection.execute(
        select(Message.lead_id, Conversation.contact_id)
        .join(Conversation, Conversation.id == Message.conversation_id)
        .where(among(Message.id, ids))
    ):
        if said.lead_id is not None:
            by_lead.setdefault(said.lead_id, "text")
        else:  # somebody known wrote, of whom the line opens no further lead
            by_contact.setdefault(said.contact_id, "text")


def _leads_of(connection: Connection, contact_ids: Sequence[int]) -> list[tuple[int, int]]:
    """The newest leads of these people: (lead, contact)."""
    rows = connection.execute(
        select(Lead.id, Lead.contact_id)
        .where(among(Lead.contact_id, contact_ids))
        .order_by(Lead.id.desc())
        .limit(MOST)
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
