"""Who a lead's person is and how to reach them: addresses, how they were recognised, who they may also be."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, select

from core.contacts.model import Address, Contact
from core.contacts.people import is_own_name
from core.conversations.model import Conversation, Message
from core.conversations.routes import leads_on, routes
from core.database import among, ask
from core.journal import Journal
from core.leads.model import Lead, LeadOutcome
from core.lines.accounts import mailbox_of

_APART = ("told-apart", "told-apart-undone", "contact-separated")


_ADDRESSES = (
    select(
        Address.contact_id,
        Address.kind,
        Address.value,
        Address.username,
        Address.is_proved,
        Address.closed_at,
        Address.closed_why,
    )
    .where(among(Address.contact_id, "contacts"), Address.kind != "form")
    .order_by(Address.id)
)
_OF_PERSON = (
    select(Conversation.id, Conversation.channel, Conversation.created_at, Conversation.contact_id)
    .join(Lead, Lead.contact_id == Conversation.contact_id)
    .where(Lead.id == bindparam("lead"))
    .order_by(Conversation.last_in_at.desc().nulls_last(), Conversation.id.desc())
)
_CONVERSATIONS = _OF_PERSON.where(Conversation.lead_id == Lead.id)
_SPOKEN_IN = _OF_PERSON.where(
    Lead.outcome == LeadOutcome.OPEN,
    Conversation.id.in_(select(Message.conversation_id).where(Message.lead_id == bindparam("lead"))),
)


@dataclass(frozen=True, slots=True)
class KnownAddress:
    """One way to reach the person. `closed_at` and `closed_why` say since when and why it takes nothing."""

    kind: str
    value: str
    username: str | None
    is_proved: bool
    closed_at: datetime | None
    closed_why: str | None


@dataclass(frozen=True, slots=True)
class Recognition:
    """Why a message joined a person we knew: the address they share. `joining.separate` undoes it."""

    at: datetime
    kind: str  # of the address: phone, email, telegram, …
    value: str
    conversation_id: int
    is_separated: bool  # already undone; `rejoin(conversation_id)` brings it back


@dataclass(frozen=True, slots=True)
class Suggestion:
    """Another contact that may be the same person; `merge` makes them one."""

    contact_id: int
    number: int
    name: str
    addresses: tuple[KnownAddress, ...]


@dataclass(frozen=True, slots=True)
class Way:
    """How the person can be answered. `why_not` is None when they can.

    `why_not`: "excluded", "blocked" or another closing reason of the conversation, "one-way" (a site form of
    somebody who left no e-mail), "no-mailbox" (they left one, and the line has no mailbox), "email-of-another" (and
    the mailbox talks under it with somebody else), "no-conversation" (entered by hand).
    """

    conversation_id: int | None
    channel: str | None
    why_not: str | None


def addresses_of(connection: Connection, contact_ids: Sequence[int]) -> dict[int, tuple[KnownAddress, ...]]:
    """Every address of these contacts, in the order in which we learned them.

    What a site form calls a visitor who gave none is no address.
    """
    found: dict[int, tuple[KnownAddress, ...]] = {}
    rows = ask(connection, _ADDRESSES, contacts=contact_ids)
    for row in rows:
        found[row.contact_id] = (*found.get(row.contact_id, ()), KnownAddress(*row[1:]))
    return found


def survivors(connection: Connection, contact_ids: Collection[int]) -> dict[int, int]:
    """Who each of these contacts is now, after merges; without a lock, for reading."""
    now = {contact_id: contact_id for contact_id in contact_ids}
    for _ in range(16):  # merges of merges; a circle cannot be, but must not hang us either
        merged = {
            row.id: row.merged_to
            for row in connection.execute(
                select(Contact.id, Contact.merged_to).where(
                    among(Contact.id, set(now.values())), Contact.merged_to.is_not(None)
                )
            )
        }
        if not merged:
            break
        now = {asked: merged.get(at, at) for asked, at in now.items()}
    return now


def conversations(connection: Connection, lead_id: int) -> Sequence[Any]:
    """The conversations of a lead; the one an answer goes to first.

    One that was opened again may have none, because its customer goes on in a later lead: then those it was spoken in.
    """
    return ask(connection, _CONVERSATIONS, lead=lead_id) or ask(connection, _SPOKEN_IN, lead=lead_id)


def missing(name: str, addresses: Sequence[KnownAddress]) -> tuple[str, ...]:
    """What we do not know about a person: of "name", "phone", "email"."""
    kinds = {address.kind for address in addresses}
    known = (
        ("name", is_own_name(name, {address.value for address in addresses})),
        ("phone", "phone" in kinds),
        ("email", "email" in kinds),
    )
    return tuple(what for what, is_known in known if not is_known)


def has_own_name(connection: Connection, contact_id: int, name: str) -> bool:
    """Whether a person has told their name; else they are called by an address."""
    addresses = addresses_of(connection, [contact_id]).get(contact_id, ())
    return is_own_name(name, {address.value for address in addresses})


def recognition(told: Sequence[Any], threads: Sequence[Any]) -> Recognition | None:
    """The latest time somebody was known by an address, or that this was undone: also in the lead opened thereby."""
    verbs = ("contact-recognised", "contact-separated", "contact-rejoined")
    known = next((line for line in told if line.verb == verbs[0]), None)
    latest = next((line for line in told if line.verb in verbs), None)
    if latest is not None and latest.verb == "contact-separated":
        by, conversation_id = known or latest, int(latest.details["conversation"])
    elif known is not None and threads:
        # The conversation that began in the same transaction is the one whose person was recognised then.
        begun = [conversation for conversation in threads if conversation.created_at == known.at]
        by, conversation_id = known, (begun or threads)[0].id
    else:
        return None
    kind, _, rest = str(by.details.get("by", "")).partition(":")
    is_separated = latest is not None and latest.verb == "contact-separated"
    return Recognition(by.at, kind, rest.rsplit(":", 1)[-1], conversation_id, is_separated)


def suggestions(connection: Connection, told: Sequence[Any], contact_id: int) -> tuple[Suggestion, ...]:
    """Those who fitted as well when the person first wrote, without those merged with somebody since.

    Nor those of whom a manager has said that they are somebody else: nobody is asked twice.
    """
    suggested = next((line.details["contacts"] for line in told if line.verb == "merge-suggested"), ())
    if not suggested:
        return ()
    rows = connection.execute(
        select(Contact.id, Contact.number, Contact.name)
        .where(among(Contact.id, suggested), Contact.merged_to.is_(None), Contact.id != contact_id)
        .order_by(Contact.id)
    ).all()
    if not rows:
        return ()
    others = told_apart(connection, contact_id, [row.id for row in rows])
    addresses = addresses_of(connection, [row.id for row in rows])
    return tuple(
        Suggestion(row.id, row.number, row.name, addresses.get(row.id, ()))
        for row in rows
        if row.id not in others
    )


def told_apart(connection: Connection, contact_id: int, others: Collection[int]) -> set[int]:
    """Which of these others a manager has said is not this person, by answering or by separating them."""
    lines = connection.execute(
        select(Journal.contact_id, Journal.verb, Journal.details)
        .where(among(Journal.contact_id, {contact_id, *others}), Journal.verb.in_(_APART))
        .order_by(Journal.id)
    ).all()
    pairs = [(line.contact_id, line.details.get("contact", line.details.get("from"))) for line in lines]
    now = survivors(connection, {one for pair in pairs for one in pair})
    apart: set[int] = set()
    for (one, two), line in zip(pairs, lines, strict=True):
        pair = {now[one], now[two]}
        if contact_id in pair:
            apart = apart - pair if line.verb == "told-apart-undone" else apart | pair
    return apart & set(others)


def way(
    connection: Connection,
    line_id: int,
    threads: Sequence[Any],
    addresses: Sequence[KnownAddress],
    letters_to: Collection[str],
    *,
    is_excluded: bool,
) -> Way:
    """Where an answer would go, as `core.leads.answering` will find it, or why it could not.

    `letters_to` are those of the addresses to which a letter can go.
    """
    if not threads:
        return Way(None, None, "excluded" if is_excluded else "no-conversation")
    asked = threads[0]
    route = routes(connection, [asked.id]).get(asked.id)
    if is_excluded:
        last = route or asked
        return Way(route.conversation_id if route else asked.id, last.channel, "excluded")
    if letters_to and not leads_on(route, asked.id):
        return Way(asked.id, "email", None)
    if route is not None:
        return Way(route.conversation_id, route.channel, route.closed_why)
    if not any(address.kind == "email" and address.closed_at is None for address in addresses):
        return Way(asked.id, asked.channel, "one-way")
    why = "no-mailbox" if mailbox_of(connection, line_id) is None else "email-of-another"
    return Way(asked.id, asked.channel, why)
