"""Whom a pattern covers: the people we know, and what they have open."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, or_, select

from core.contacts.model import Address, Contact
from core.database import among
from core.desk.persons import survivors
from core.leads.model import Lead, LeadOutcome
from core.lines.model import Account

COVERED = 1000  # people looked for behind one pattern


@dataclass(frozen=True, slots=True)
class Covered:
    """A known person that a pattern covers."""

    contact_id: int
    number: int
    name: str
    open_leads: tuple[int, ...]  # numbers


def covered_contacts(connection: Connection, patterns: Collection[str]) -> dict[str, tuple[int, ...]]:
    """The people each of these patterns covers, newest first, at most `COVERED` for each."""
    found: dict[str, set[int]] = {}
    keys = address_keys(connection, patterns)
    rows = connection.execute(
        select(Address.key, Address.contact_id).where(among(Address.key, keys)).limit(COVERED * len(patterns))
    )
    for row in rows:
        found.setdefault(keys[row.key], set()).add(row.contact_id)
    for pattern in patterns:
        kind, value = pattern.split(":", 1)
        if kind == "username":
            held = Address.username == value
        elif kind == "domain":
            held = (Address.kind == "email") & or_(
                Address.value.endswith(f"@{value}", autoescape=True),
                Address.value.endswith(f".{value}", autoescape=True),
            )
        else:
            continue
        ids = connection.execute(select(Address.contact_id).where(held).limit(COVERED))
        found.setdefault(pattern, set()).update(row[0] for row in ids)
    now = survivors(connection, {id_ for ids in found.values() for id_ in ids})
    return {
        pattern: tuple(sorted({now[id_] for id_ in ids}, reverse=True))
        for pattern, ids in found.items()
        if ids
    }


def describe(connection: Connection, contact_ids: Collection[int]) -> Mapping[int, Covered]:
    """These people and what they have open."""
    leads: dict[int, list[int]] = {}
    for row in connection.execute(
        select(Lead.contact_id, Lead.number)
        .where(among(Lead.contact_id, contact_ids), Lead.outcome == LeadOutcome.OPEN)
        .order_by(Lead.number)
    ):
        leads.setdefault(row.contact_id, []).append(row.number)
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
