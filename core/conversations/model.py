"""What was said, in both directions, and the outgoing messages on their way."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    ForeignKey,
    Index,
    Integer,
    String,
    Text,
    column,
    or_,
    table,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from core.database import Id, Model, partial_index

# Leads stand above this room, so only these columns of theirs are named here.
LEAD = table(
    "lead",
    column("id", Id),
    column("contact_id", Id),
    column("responsible_id", Id),
    column("outcome"),
    column("taken_at"),
)


class Direction(StrEnum):
    """Which way a message went."""

    IN = "in"
    OUT = "out"


WAITING_FOR_TOPIC = "state = 'waiting' AND topic IS NOT NULL"


class DeliveryState(StrEnum):
    """Where an outgoing message is: waiting, sending, sent; or refused, uncertain, cancelled.

    It waits again when the network puts it off or moves it. What was uncertain becomes sent when the network or the
    letter itself proves it; what was sent is refused when it comes back. Only networks that tell of it go further.
    """

    WAITING = "waiting"
    SENDING = "sending"  # claimed by a worker until `lease_until`
    SENT = "sent"
    DELIVERED = "delivered"
    READ = "read"
    REFUSED = "refused"  # certainly not delivered, and never will be
    UNCERTAIN = "uncertain"  # may have arrived; a person decides
    CANCELLED = "cancelled"  # we ourselves no longer want it sent; `error` says why


class FileState(StrEnum):
    """Where the bytes of an attachment are."""

    WAITING = "waiting"
    STORED = "stored"
    MISSING = "missing"  # too large, expired, refused; `error` says which


class Conversation(Model):
    """One thread of one person on one account. Its messages are for ever."""

    __tablename__ = "conversation"
    id: Mapped[int] = mapped_column(Id, primary_key=True, autoincrement=False)
    account_id: Mapped[int] = mapped_column(Id)
    thread: Mapped[str] = mapped_column(Text)  # the network's own name of it: a chat id, a mail address
    contact_id: Mapped[int] = mapped_column(ForeignKey("contact.id"))
    lead_id: Mapped[int | None] = mapped_column(Id)  # the item it last belonged to
    channel: Mapped[str] = mapped_column(String(16))
    subject: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime]
    last_in_at: Mapped[datetime | None]
    last_out_at: Mapped[datetime | None]
    seen_id: Mapped[int] = mapped_column(BigInteger)  # the last inbound message a manager was shown
    closed_at: Mapped[datetime | None]  # since when nothing can be delivered here
    closed_why: Mapped[str | None] = mapped_column(String(32))

    __table_args__ = (
        Index("uq_conversation_thread", "account_id", "thread", unique=True),
        Index("ix_conversation_contact", "contact_id"),
        Index("ix_conversation_lead", "lead_id"),
    )


class Message(Model):
    """One message of a conversation. `author` is "customer", "manager:<id>", "robot:<id>" or "owner"."""

    __tablename__ = "message"
    id: Mapped[int] = mapped_column(Id, primary_key=True, autoincrement=False)
    conversation_id: Mapped[int] = mapped_column(ForeignKey("conversation.id"))
    lead_id: Mapped[int | None] = mapped_column(Id)
    direction: Mapped[str] = mapped_column(String(3))
    author: Mapped[str] = mapped_column(String(40))
    author_name: Mapped[str | None] = mapped_column(String(300))  # a third person in the thread
    content: Mapped[str] = mapped_column(String(24))
    text: Mapped[str] = mapped_column(Text)
    whole_text: Mapped[str | None] = mapped_column(Text)
    subject: Mapped[str | None] = mapped_column(Text)
    external_id: Mapped[str | None] = mapped_column(Text)
    reply_to: Mapped[str | None] = mapped_column(Text)
    group: Mapped[str | None] = mapped_column(String(64))
    is_automatic: Mapped[bool] = mapped_column(Boolean)
    fields: Mapped[dict[str, Any] | None]
    sent_at: Mapped[datetime]
    edited_at: Mapped[datetime | None]

    __table_args__ = (
        partial_index(
            "uq_message_external",
            "conversation_id",
            "external_id",
            where="external_id IS NOT NULL",
            unique=True,
        ),
        Index("ix_message_conversation", "conversation_id", "id"),
        Index("ix_message_lead", "lead_id", "id"),
    )


class MessageVersion(Model):
    """What a message said before it was edited."""

    __tablename__ = "message_version"
    id: Mapped[int] = mapped_column(Id, primary_key=True, autoincrement=False)
    message_id: Mapped[int] = mapped_column(ForeignKey("message.id"), index=True)
    text: Mapped[str] = mapped_column(Text)
    replaced_at: Mapped[datetime]


class LetterId(Model):
    """A letter's Message-ID, and the conversation it belongs to: how an answer finds its thread."""

    __tablename__ = "letter_id"
    account_id: Mapped[int] = mapped_column(Id, primary_key=True, autoincrement=False)
    letter: Mapped[str] = mapped_column(String(64), primary_key=True)  # SHA-256 of the Message-ID
    conversation_id: Mapped[int] = mapped_column(Id)
    message_id: Mapped[int] = mapped_column(Id)


class Attachment(Model):
    """A file of a message. The bytes are in the attachment store under their hash, never here."""

    __tablename__ = "attachment"
    id: Mapped[int] = mapped_column(Id, primary_key=True, autoincrement=False)
    message_id: Mapped[int] = mapped_column(ForeignKey("message.id"), index=True)
    account_id: Mapped[int] = mapped_column(Id)
    kind: Mapped[str] = mapped_column(String(16))
    reference: Mapped[str | None] = mapped_column(Text)
    sha256: Mapped[str | None] = mapped_column(String(64))
    name: Mapped[str | None] = mapped_column(Text)
    media_type: Mapped[str | None] = mapped_column(String(255))
    size: Mapped[int | None] = mapped_column(BigInteger)
    state: Mapped[str] = mapped_column(String(16))
    error: Mapped[str | None] = mapped_column(Text)
    due_at: Mapped[datetime | None]
    attempts: Mapped[int] = mapped_column(Integer)

    __table_args__ = (
        partial_index("ix_attachment_waiting", "due_at", where="state = 'waiting'"),
        partial_index("ix_attachment_file", "sha256", where="sha256 IS NOT NULL"),
    )


class Delivery(Model):
    """One outgoing message on its way: to a customer (`message_id`) or a notice to a manager (`notice`).

    `lane` is what order holds in: one conversation, or one manager. `key` is made by whoever wants it sent and
    is unique, so that the same wish is written once. `notice` is a kind and ids; the words are made when it is
    claimed, and what was sent is kept in `shown`.
    """

    __tablename__ = "delivery"
    id: Mapped[int] = mapped_column(Id, primary_key=True, autoincrement=False)
    key: Mapped[str] = mapped_column(String(200), unique=True)
    lane: Mapped[str] = mapped_column(String(64))
    topic: Mapped[str | None] = mapped_column(String(120))  # one waits per topic: it shows all that is new
    account_id: Mapped[int] = mapped_column(Id)
    conversation_id: Mapped[int | None] = mapped_column(Id)
    lead_id: Mapped[int | None] = mapped_column(Id)
    message_id: Mapped[int | None] = mapped_column(Id)
    manager_id: Mapped[int | None] = mapped_column(Id)
    notice: Mapped[dict[str, Any] | None]
    is_automatic: Mapped[bool] = mapped_column(Boolean)  # false: a person wrote it and waits to see it arrive
    stops_on_answer: Mapped[bool] = mapped_column(Boolean)  # not sent any more once the customer has written
    state: Mapped[str] = mapped_column(String(16))
    due_at: Mapped[datetime]
    lease_until: Mapped[datetime | None]
    attempts: Mapped[int] = mapped_column(Integer)
    cause: Mapped[str | None] = mapped_column(String(24))
    error: Mapped[str | None] = mapped_column(Text)
    external_ids: Mapped[list[Any] | None]  # the network's ids of what has arrived, part by part
    shown: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime]
    settled_at: Mapped[datetime | None]

    __table_args__ = (
        partial_index("ix_delivery_due", "due_at", "id", where="state = 'waiting'"),
        partial_index("uq_delivery_topic", "topic", where=WAITING_FOR_TOPIC, unique=True),
        partial_index("ix_delivery_lane", "lane", "id", where="state IN ('waiting', 'sending')"),
        partial_index("ix_delivery_sending", "lease_until", where="state = 'sending'"),
        partial_index("ix_delivery_uncertain", "account_id", "id", where="state = 'uncertain'"),
        partial_index("ix_delivery_message", "message_id", where="message_id IS NOT NULL"),
        partial_index(
            "ix_delivery_notice_settled",
            "settled_at",
            where="notice IS NOT NULL AND state IN ('sent', 'cancelled')",
        ),
    )


class Shown(Model):
    """A message of ours in a manager's chat, and the lead it shows: how a reply to it finds the customer.

    `screen` is set where what it shows goes out of date, so that it is drawn anew: see `shown.ShownAs`.
    """

    __tablename__ = "shown"
    chat_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    telegram_message_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    account_id: Mapped[int] = mapped_column(Id, primary_key=True, autoincrement=False)
    lead_id: Mapped[int | None] = mapped_column(Id)
    conversation_id: Mapped[int | None] = mapped_column(Id)
    message_id: Mapped[int | None] = mapped_column(Id)
    shown_at: Mapped[datetime]
    screen: Mapped[str | None] = mapped_column(String(8))

    __table_args__ = (partial_index("ix_shown_lead", "lead_id", where="screen IS NOT NULL"),)


# What people said to each other: an out-of-office answer neither names a thread nor carries it on.
SPOKEN = or_(Message.direction == Direction.OUT, Message.is_automatic.is_(False))

# What is with a network at this moment: a handful, however much waits. In the words of the index over leases, and
# with its column, so that it is read and not the index over lanes, which holds what waits too.
SENDING_NOW = text("delivery.state = 'sending' AND delivery.lease_until IS NOT NULL")
