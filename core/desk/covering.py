"""Whom a pattern covers: the people we know, and what they have open."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any

from sqlalchemy import Connection, Integer, Text, case, func, select

from core.contacts.model import Address, Contact
from core.database import among
from core.desk.persons import survivors
from core.exclusions.patterns import GOOGLE
from core.leads.model import Lead, LeadOutcome
from core.lines.model import Account

COVERED = 1000  # people looked for behind one pattern


@dataclass(frozen=True, slots=True)
class OpenLead:
    """A lead in progress: its id for a button, its number for reading."""

    id: int
    number: int


@dataclass(frozen=True, slots=True)
class Covered:
    """A known person that a pattern covers."""

    contact_id: int
    number: int
    name: str
    open_leads: tuple[OpenLead, ...]


def covered_contacts(connection: Connection, patterns: Collection[str]) -> dict[str, tuple[int, ...]]:
    """The people each of these patterns covers, newest first, at most `COVERED` for each.

    The same few statements however many patterns there are. Domains and e-mails look through every address we
    know (a tag may stand in any): with hundreds of thousands of them, read this before a transaction that writes.
    """
    held = chain(_held(connection, patterns), _below(connection, patterns))
    return _people(connection, held)


def holders(connection: Connection, pattern: str) -> tuple[int, ...]:
    """The people who hold the very address that a pattern names, newest first: whoever writes from there is one of
    them. One whom it covers by a tag or a domain is not among them.
    """
    return _people(connection, _held(connection, [pattern])).get(pattern, ())


def _people(connection: Connection, held: Iterable[tuple[str, int]]) -> dict[str, tuple[int, ...]]:
    found: dict[str, set[int]] = {}
    for pattern, contact_id in held:
        ids = found.setdefault(pattern, set())
        if len(ids) < COVERED:
            ids.add(contact_id)
    now = survivors(connection, {id_ for ids in found.values() for id_ in ids})
    return {pattern: tuple(sorted({now[id_] for id_ in ids}, reverse=True)) for pattern, ids in found.items()}


def describe(connection: Connection, contact_ids: Collection[int]) -> Mapping[int, Covered]:
    """These people and what they have open."""
    leads: dict[int, list[OpenLead]] = {}
    for row in connection.execute(
        select(Lead.contact_id, Lead.id, Lead.number)
        .where(among(Lead.contact_id, contact_ids), Lead.outcome == LeadOutcome.OPEN)
        .order_by(Lead.number)
    ):
        leads.setdefault(row.contact_id, []).append(OpenLead(row.id, row.number))
    rows = connection.execute(
        select(Contact.id, Contact.number, Contact.name).where(among(Contact.id, contact_ids))
    )
    return {row.id: Covered(row.id, row.number, row.name, tuple(leads.get(row.id, ()))) for row in rows}


def address_keys(connection: Connection, patterns: Collection[str]) -> dict[str, str]:
    """The address keys that patterns of one address stand for: address key → pattern.

    A messenger's address is known per account of ours, so its pattern stands for one key in each.
    """
    scopes: dict[str, list[str]] = {}
    for row in connection.execute(select(Account.channel, Account.scope)):
        scopes.setdefault(row.channel, []).append(row.scope)
    keys: dict[str, str] = {}
    for pattern in patterns:
        kind, value = pattern.split(":", 1)
        if kind in ("domain", "username"):
            continue
        keys[pattern] = pattern
        for scope in scopes.get(kind, ()):
            keys[f"{kind}:{scope}:{value}"] = pattern
    return keys


def _held(connection: Connection, patterns: Collection[str]) -> Iterator[tuple[str, int]]:
    """Who holds an address that one of these patterns names: (pattern, contact)."""
    if not patterns:
        return
    most = COVERED * len(patterns)
    keys = address_keys(connection, patterns)
    if keys:
        exact = select(Address.key, Address.contact_id).where(among(Address.key, keys)).limit(most)
        for key, contact_id in connection.execute(exact):
            yield keys[key], contact_id
    if usernames := _of_kind(patterns, "username"):
        named = select(Address.username, Address.contact_id).where(among(Address.username, usernames))
        for username, contact_id in connection.execute(named.limit(most)):
            yield f"username:{username}", contact_id
    if emails := {email for email in _of_kind(patterns, "email") if email.endswith(f"@{GOOGLE[0]}")}:
        mailbox = _mailbox(connection, _place(connection, Address.value, "@"))
        spelled = select(mailbox, Address.contact_id).where(
            Address.kind == "email",
            _from(connection, Address.value, "@").in_(GOOGLE),
            among(mailbox, emails),
            ~among(Address.key, keys),
        )
        for email, contact_id in connection.execute(spelled.limit(most)):
            yield f"email:{email}", contact_id


def _below(connection: Connection, patterns: Collection[str]) -> Iterator[tuple[str, int]]:
    """Who holds an address with a tag of one of these e-mails, or in one of these domains: (pattern, contact)."""
    most = COVERED * len(patterns)
    after_at = _from(connection, Address.value, "@")
    if emails := _of_kind(patterns, "email"):
        tag = _place(connection, Address.value, "+")
        mailbox = _mailbox(connection, tag)
        tagged = select(mailbox, Address.contact_id).where(
            Address.kind == "email", tag > 1, among(mailbox, emails)
        )
        for email, contact_id in connection.execute(tagged.limit(most)):
            yield f"email:{email}", contact_id
    if domains := _of_kind(patterns, "domain"):
        below = _domains_below(connection, domains)
        lying = select(after_at, Address.contact_id).where(Address.kind == "email", among(after_at, below))
        for domain, contact_id in connection.execute(lying.limit(most)):
            for pattern in below[domain]:
                yield f"domain:{pattern}", contact_id


def _domains_below(connection: Connection, domains: Collection[str]) -> dict[str, list[str]]:
    """The domains of known e-mails that are one of these or lie below: domain → those of `domains` above it."""
    after_at = _from(connection, Address.value, "@")
    known = (
        select(after_at.label("whole"), after_at.label("rest"))
        .where(Address.kind == "email")
        .distinct()
        .cte("known", recursive=True)
    )
    parent = _from(connection, known.c.rest, ".")
    known = known.union_all(select(known.c.whole, parent).where(_place(connection, known.c.rest, ".") > 0))
    found: dict[str, list[str]] = {}
    for whole, rest in connection.execute(
        select(known.c.whole, known.c.rest).where(among(known.c.rest, domains)).limit(COVERED * len(domains))
    ):
        found.setdefault(whole, []).append(rest)
    return found


def _mailbox(connection: Connection, until: Any) -> Any:
    """As `patterns.mailbox_of`, of an e-mail whose name ends before this place."""
    name, after_at = (
        func.substr(Address.value, 1, until - 1, type_=Text),
        _from(connection, Address.value, "@"),
    )
    dotless = func.replace(name, ".", "", type_=Text) + f"@{GOOGLE[0]}"
    return case((after_at.in_(GOOGLE), dotless), else_=name + "@" + after_at)


def _from(connection: Connection, text: Any, mark: str) -> Any:
    """What stands after the first such mark."""
    return func.substr(text, _place(connection, text, mark) + 1, type_=Text)


def _place(connection: Connection, text: Any, mark: str) -> Any:
    find = func.instr if connection.dialect.name == "sqlite" else func.strpos
    return find(text, mark, type_=Integer)


def _of_kind(patterns: Collection[str], kind: str) -> set[str]:
    return {pattern.partition(":")[2] for pattern in patterns if pattern.startswith(f"{kind}:")}
