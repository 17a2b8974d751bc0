"""A manager begins a letter from a lead's card: the person left an e-mail, whatever way they came."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import Connection, select

from core.contacts.model import Address
from core.conversations.routes import letter_route
from core.database import Transaction
from core.errors import Refusal
from core.leads.answering import Draft, Reply, reply
from core.leads.model import Lead
from core.lines.accounts import IN_USE
from core.lines.model import Account
from core.staff.managers import Person


def write(
    tx: Transaction,
    person: Person,
    lead_id: int,
    draft: Draft,
    address: str | None = None,
    *,
    as_nobodys: bool = False,
) -> Reply:
    """Send the customer of a lead a letter, a new one or one more in the thread with this address.

    `address` is one of `letter_addresses`; without one the person's latest is taken. Everything else is as
    in `reply`, and so are its refusals; "refused-no-way" also when the line has no mailbox, the person left
    no address that works, or the mailbox talks under it with somebody else.
    """
    row = tx.connection.execute(
        select(Lead.number, Lead.contact_id, Lead.line_id).where(Lead.id == lead_id)
    ).first()
    if row is None:
        raise Refusal("refused-lead-gone")
    known = letter_addresses(tx.connection, lead_id)
    chosen = address.strip().lower() if address is not None else next(iter(known), None)
    if chosen is None or chosen not in known:
        raise Refusal("refused-no-way", number=row.number)
    route = letter_route(tx, row.contact_id, row.line_id, chosen, lead_id=lead_id, subject=draft.subject)
    if route is None:
        raise Refusal("refused-no-way", number=row.number)
    draft = replace(draft, reply_to_message_id=None)
    return reply(tx, person, lead_id, draft, route.conversation_id, as_nobodys=as_nobodys)


def letter_addresses(connection: Connection, lead_id: int) -> Sequence[str]:
    """Where a letter to a lead's customer can go, the latest address first; empty when the line has no
    mailbox.
    """
    rows = connection.execute(
        select(Address.value)
        .join(Lead, Lead.contact_id == Address.contact_id)
        .where(
            Lead.id == lead_id,
            Address.kind == "email",
            Address.closed_at.is_(None),
            select(Account.id)
            .where(Account.channel == "email", Account.line_id == Lead.line_id, IN_USE)
            .exists(),
        )
        .order_by(Address.id.desc())
    )
    return [row.value for row in rows]
