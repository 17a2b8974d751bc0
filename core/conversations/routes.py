"""The way back to a person: the conversation they wrote in, or another one when that channel takes no answers."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta
from typing import Any, NamedTuple

from sqlalchemy import Connection, and_, bindparam, case, func, select

from core.contacts.model import Address
from core.conversations.model import Conversation
from core.database import Transaction, among, ask
from core.lines.accounts import IN_USE, MAILBOXES, ONE_WAY, RETIRED, mailbox_of
from core.lines.model import Account

# Anybody can type anybody's address into a form, and the letter to it goes out in the company's name. A hundred
# new people an hour is more than a site's forms bring; a robot that tries out addresses brings no end of them.
TYPED_AT_MOST = 100
TYPED_WITHIN = timedelta(hours=1)
TOO_MANY_TYPED = "too-many-typed"
# Conversations that are looked through for that, the latest: an hour that holds more of them is a flood anyway.
_LOOKED_THROUGH = 5_000

_COLUMNS = (
    Conversation.id,
    Conversation.account_id,
    Conversation.channel,
    Conversation.contact_id,
    func.coalesce(Conversation.closed_why, case((~IN_USE, RETIRED))).label("closed_why"),
)
_ASKED = (
    select(*_COLUMNS)
    .join(Account, Account.id == Conversation.account_id)
    .where(among(Conversation.id, "conversations"))
)
_OTHERS = (
    select(*_COLUMNS)
    .join(Account, Account.id == Conversation.account_id)
    .where(among(Conversation.contact_id, "contacts"), ~among(Conversation.channel, ONE_WAY), IN_USE)
    .order_by(Conversation.last_in_at.asc().nulls_first(), Conversation.id)
)
_UNANSWERED = (
    select(Conversation.id, Conversation.contact_id, Conversation.lead_id, Account.line_id)
    .join(Account, Account.id == Conversation.account_id)
    .where(among(Conversation.id, "conversations"))
)
_EMAILS = (
    select(Address.contact_id, Address.value, Address.is_proved)
    .where(among(Address.contact_id, "contacts"), Address.kind == "email", Address.closed_at.is_(None))
    .order_by(Address.id.desc())
)
_TAKEN = select(Conversation.account_id, Conversation.thread).where(among(Conversation.thread, "threads"))
_LATEST = (
    select(Conversation.channel, Conversation.last_in_at, Conversation.created_at)
    .where(Conversation.id > bindparam("after"))
    .order_by(Conversation.id.desc())
    .limit(_LOOKED_THROUGH)
    .subquery()
)
_BEGUN_LATELY = select(
    func.count(),
    func.count().filter(and_(_LATEST.c.channel == "email", _LATEST.c.last_in_at.is_(None))),
).where(_LATEST.c.created_at > bindparam("since"))


class Route(NamedTuple):
    """Where an answer goes. `closed_why` is set when nothing can be delivered there ("blocked", …)."""

    conversation_id: int
    account_id: int
    channel: str
    contact_id: int
    closed_why: str | None


def routes(connection: Connection, conversation_ids: Collection[int]) -> dict[int, Route]:
    """The way back for each of these conversations that has one; those without are left out.

    A conversation of a one-way channel (a site form) is answered in the person's latest other conversation, and so
    is one whose account the settings name no more; where the person has no other that is open, that one is closed,
    for the reason `RETIRED`.
    """
    found: dict[int, Route] = {}
    elsewhere: dict[int, int] = {}
    for row in ask(connection, _ASKED, conversations=conversation_ids):
        if row.channel not in ONE_WAY:
            found[row.id] = Route(*row)
        if row.channel in ONE_WAY or row.closed_why == RETIRED:
            elsewhere[row.id] = row.contact_id
    if elsewhere:
        others: dict[int, Route] = {}
        for row in ask(connection, _OTHERS, contacts=set(elsewhere.values())):
            if row.closed_why is None or row.contact_id not in others:
                others[row.contact_id] = Route(*row)
        for id, contact in elsewhere.items():
            other = others.get(contact)
            if other is not None and (id not in found or other.closed_why is None):
                found[id] = other
    return found


def leads_on(route: Route | None, conversation_id: int) -> bool:
    """Whether this is the way back for that conversation.

    Another conversation that is closed is only for want of a better: whoever fills in a form after a letter to them
    came back, or after they have blocked the bot, may have left an e-mail that works.
    """
    return route is not None and (route.closed_why is None or route.conversation_id == conversation_id)


def open_routes(
    tx: Transaction, conversation_ids: Collection[int], *, is_automatic: bool = True
) -> dict[int, Route]:
    """Like `routes`; where none leads on but the person left an e-mail and the line has a mailbox, one is opened.

    What is written by itself goes to no more than `TYPED_AT_MOST` new addresses an hour that nobody has proved to
    be theirs: beyond it the route is closed, for the reason `TOO_MANY_TYPED`, and nothing is opened. A manager who
    answers (`is_automatic=False`) has read the enquiry.
    """
    found = routes(tx.connection, conversation_ids)
    missing = [id for id in conversation_ids if not leads_on(found.get(id), id)]
    if not missing:
        return found
    mailboxes = {row.line_id: row.id for row in tx.ask(MAILBOXES)}
    if not mailboxes:
        return found
    rows = tx.ask(_UNANSWERED, conversations=missing)
    emails: dict[int, list[Any]] = {}  # the latest first
    for held in tx.ask(_EMAILS, contacts={row.contact_id for row in rows}):
        emails.setdefault(held.contact_id, []).append(held)
    threads = [f"mail:{held.value}" for ones in emails.values() for held in ones]
    taken = {tuple(known) for known in tx.ask(_TAKEN, threads=threads)}
    begun: dict[tuple[int, str], int] = {}
    opened = []
    room = None  # for so many more addresses that were merely typed
    for row in rows:
        account_id = mailboxes.get(row.line_id)
        if account_id is None:
            continue
        # Where the mailbox talks already, it does so with somebody else, or in vain.
        ways = [((account_id, f"mail:{held.value}"), held) for held in emails.get(row.contact_id, ())]
        key, email = next((way for way in ways if way[0] not in taken), (None, None))
        if key is None or email is None:
            continue
        if key not in begun:
            if is_automatic and not email.is_proved:
                room = _room(tx) if room is None else room
                if room <= 0:
                    found[row.id] = Route(row.id, account_id, "email", row.contact_id, TOO_MANY_TYPED)
                    continue
                room -= 1
            begun[key] = tx.new_id()
            # Without the subject that was typed beside the address: whoever typed both would write in our name.
            opened.append(_begun(tx, begun[key], account_id, key[1], row.contact_id, row.lead_id, None))
        found[row.id] = Route(begun[key], account_id, "email", row.contact_id, None)
    tx.insert(Conversation, opened)
    return found


def _room(tx: Transaction) -> int:
    """To how many more new addresses something may be written by itself now."""
    # An identifier holds the milliseconds in which it was made, from its 22nd bit on: no index by time is needed.
    after = tx.new_id() - (TYPED_WITHIN // timedelta(milliseconds=1) << 22)
    ((seen, begun),) = tx.ask(_BEGUN_LATELY, after=after, since=tx.now - TYPED_WITHIN)
    return TYPED_AT_MOST - begun if seen < _LOOKED_THROUGH else 0


def letter_route(
    tx: Transaction,
    contact_id: int,
    line_id: int,
    address: str,
    *,
    lead_id: int | None = None,
    subject: str | None = None,
) -> Route | None:
    """The way to a person by letter, opened when there is none yet.

    None when the line has no mailbox, or the mailbox already talks under this address with somebody else.
    """
    account_id = mailbox_of(tx.connection, line_id)
    if account_id is None:
        return None
    thread = f"mail:{address}"
    known = tx.connection.execute(
        select(Conversation.id, Conversation.contact_id, Conversation.closed_why).where(
            Conversation.account_id == account_id, Conversation.thread == thread
        )
    ).first()
    if known is not None:
        if known.contact_id != contact_id:
            return None
        return Route(known.id, account_id, "email", contact_id, known.closed_why)
    conversation_id = tx.new_id()
    tx.insert(Conversation, [_begun(tx, conversation_id, account_id, thread, contact_id, lead_id, subject)])
    return Route(conversation_id, account_id, "email", contact_id, None)


def _begun(
    tx: Transaction,
    id: int,
    account_id: int,
    thread: str,
    contact_id: int,
    lead_id: int | None,
    subject: str | None,
) -> dict[str, Any]:
    """The row of a conversation that we begin."""
    return {
        "id": id,
        "account_id": account_id,
        "thread": thread,
        "contact_id": contact_id,
        "lead_id": lead_id,
        "channel": "email",
        "subject": subject,
        "created_at": tx.now,
        "last_in_at": None,
        "last_out_at": None,
        "seen_id": 0,
        "closed_at": None,
        "closed_why": None,
    }
