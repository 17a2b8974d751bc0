"""Letters as managers deal with them: the whole of one, whom one can go to, where an answer goes or went."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, or_, select

from core.contacts.model import Address, Contact
from core.conversations.model import SPOKEN, Conversation, Message
from core.conversations.routes import leads_on, routes
from core.database import Transaction, among
from core.desk.messages import copies_of
from core.errors import Refusal
from core.exclusions.hits import excluded_emails
from core.leads.model import Lead
from core.leads.writing import letter_addresses
from core.lines.accounts import IN_USE, mailbox_of
from core.lines.model import Account


@dataclass(frozen=True, slots=True)
class WholeLetter:
    """A letter with its quotes and signatures, or what came another way.

    `author` is a third person's name, None where the contact wrote.
    """

    message_id: int
    conversation_id: int
    lead_id: int | None
    number: int | None  # of the lead
    contact: str
    author: str | None
    subject: str | None
    sent_at: datetime
    channel: str
    text: str


@dataclass(frozen=True, slots=True)
class Envelope:
    """Whom a letter goes to and under which subject; None: it has none yet."""

    conversation_id: int | None  # None: it begins with this letter
    to: str
    subject: str | None
    copies: tuple[str, ...] = ()


def whole_letter(connection: Connection, message_id: int) -> WholeLetter | None:
    """A message as it came; for what is no letter, its text."""
    row = connection.execute(
        select(
            Message.id,
            Message.conversation_id,
            Conversation.lead_id,
            Lead.number,
            Contact.name,
            Message.author_name,
            Message.subject,
            Message.sent_at,
            Conversation.channel,
            Message.whole_text,
            Message.text,
        )
        .join(Conversation, Conversation.id == Message.conversation_id)
        .join(Contact, Contact.id == Conversation.contact_id)
        .join(Lead, Lead.id == Conversation.lead_id, isouter=True)
        .where(Message.id == message_id)
    ).first()
    return WholeLetter(*row[:9], row.whole_text or row.text) if row is not None else None


def reachable(connection: Connection, lead_id: int) -> tuple[str, ...]:
    """Where a letter to a lead's person can go, the latest address first; empty without a mailbox.

    Left out are addresses that have refused a letter, or under which the mailbox talks with somebody else.
    """
    known = letter_addresses(connection, lead_id)
    if not known:
        return ()
    barred = set(
        connection.execute(
            select(Conversation.thread)
            .join(Account, Account.id == Conversation.account_id)
            .join(Lead, Lead.line_id == Account.line_id)
            .where(
                Lead.id == lead_id,
                Account.channel == "email",
                IN_USE,
                among(Conversation.thread, [f"mail:{address}" for address in known]),
                or_(Conversation.contact_id != Lead.contact_id, Conversation.closed_at.is_not(None)),
            )
        ).scalars()
    )
    return tuple(address for address in known if f"mail:{address}" not in barred)


def recipients(connection: Connection, lead_id: int) -> tuple[str, ...]:
    """As `reachable`, never empty. Raises Refusal that says what is missing, or when there is no such lead."""
    if found := reachable(connection, lead_id):
        return found
    lead = connection.execute(
        select(Lead.number, Lead.contact_id, Lead.line_id).where(Lead.id == lead_id)
    ).first()
    if lead is None:
        raise Refusal("refused-lead-gone")
    mailbox_id = mailbox_of(connection, lead.line_id)
    if mailbox_id is None:
        raise Refusal("refused-no-mailbox")
    address = connection.execute(
        select(Address.value)
        .where(Address.contact_id == lead.contact_id, Address.kind == "email")
        .order_by(Address.id.desc())
    ).scalar()
    if address is None:
        raise Refusal("refused-no-email", number=lead.number)
    theirs = connection.execute(
        select(Conversation.id).where(
            Conversation.account_id == mailbox_id,
            Conversation.thread == f"mail:{address}",
            Conversation.contact_id != lead.contact_id,
        )
    ).first()
    if theirs is not None:
        raise Refusal("refused-email-of-another", address=address)
    raise Refusal("refused-email-closed", address=address)


def answer_envelope(connection: Connection, lead_id: int, conversation_id: int | None) -> Envelope | None:
    """Where an answer in this conversation would go by letter; None when it would go another way.

    A conversation that takes no answers (a site form) is answered by letter when nothing else is known of the
    person, as `core.conversations.routes` finds it.
    """
    if conversation_id is None:
        return None
    route = routes(connection, [conversation_id]).get(conversation_id)
    if not leads_on(route, conversation_id) and (known := reachable(connection, lead_id)):
        return written_envelope(connection, lead_id, known[0])
    if route is None or route.channel != "email":
        return None
    return _envelope(connection, route.conversation_id)


def written_envelope(connection: Connection, lead_id: int, address: str) -> Envelope:
    """Where a letter begun from a lead's card goes: with the subject of the thread, if there is one already."""
    conversation_id = connection.execute(
        select(Conversation.id)
        .join(Lead, Lead.contact_id == Conversation.contact_id)
        .join(Account, Account.id == Conversation.account_id)
        .where(
            Lead.id == lead_id,
            Conversation.channel == "email",
            Conversation.thread == f"mail:{address}",
            IN_USE,  # in another mailbox a thread of its own begins
        )
        .order_by(Conversation.id)
    ).scalar()
    if conversation_id is None:
        return Envelope(None, address, None)
    return _envelope(connection, conversation_id) or Envelope(None, address, None)


def sent_envelope(connection: Connection, message_id: int) -> Envelope | None:
    """Where a message of ours goes, or went, when it is a letter."""
    row = connection.execute(
        select(Message.conversation_id, Message.subject, Message.fields, Conversation.channel)
        .join(Conversation, Conversation.id == Message.conversation_id)
        .where(Message.id == message_id)
    ).first()
    if row is None or row.channel != "email":
        return None
    thread = _envelope(connection, row.conversation_id)
    if thread is None:
        return None
    return Envelope(thread.conversation_id, thread.to, row.subject or thread.subject, copies_of(row.fields))


def require_let_in(tx: Transaction, addresses: Collection[str]) -> None:
    """Nothing goes to who is excluded, not even a copy: raises Refusal ("refused-copy-excluded")."""
    excluded = excluded_emails(tx, addresses)
    if (address := next((one for one in addresses if one in excluded), None)) is not None:
        raise Refusal("refused-copy-excluded", address=address)


def _envelope(connection: Connection, conversation_id: int) -> Envelope | None:
    """The thread as the next letter of it continues it: the latest subject that has gone or come counts."""
    conversation = connection.execute(
        select(Conversation.thread, Conversation.subject).where(Conversation.id == conversation_id)
    ).first()
    if conversation is None:
        return None
    subject = connection.execute(
        select(Message.subject)
        .where(
            Message.conversation_id == conversation_id,
            Message.external_id.is_not(None),
            Message.subject.is_not(None),
            SPOKEN,
        )
        .order_by(Message.id.desc())
        .limit(1)
    ).scalar()
    return Envelope(
        conversation_id, conversation.thread.removeprefix("mail:"), subject or conversation.subject
    )
