"""Which addresses of a person speak for one conversation: held through them, learned in it, given in it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select

from core.contacts.model import Address
from core.conversations.model import Conversation, Direction, Message
from core.database import Transaction

MESSAGES = 200  # of a conversation that are read to see what the person gave of themselves
CONVERSATIONS = 50  # of a person that are weighed against each other


def addresses_in(tx: Transaction, thread: Any) -> tuple[list[Any], list[Any]]:
    """The addresses that go with a conversation when it turns out to be somebody else's: (moved, shared).

    Moved are those that nothing but this conversation speaks for; shared those that the contact had before
    it, or that another conversation speaks for too. A messenger's address is one person's and always moves.
    """
    rows = tx.connection.execute(
        select(
            Address.id,
            Address.key,
            Address.kind,
            Address.value,
            Address.username,
            Address.is_exclusive,
            Address.is_proved,
            Address.closed_at,
            Address.closed_why,
            Address.created_at,
        )
        .where(Address.contact_id == thread.contact_id)
        .order_by(Address.id)
    ).all()
    others = tx.connection.execute(
        select(Conversation.id, Conversation.thread, Conversation.channel, Conversation.created_at)
        .where(Conversation.contact_id == thread.contact_id, Conversation.id != thread.id)
        .order_by(Conversation.id.desc())
        .limit(CONVERSATIONS)
    ).all()
    elsewhere = {row.id for other in others for row in _spoken_for(tx, other, rows)}
    moved: list[Any] = []
    shared: list[Any] = []
    for row in _spoken_for(tx, thread, rows):
        is_new = row.created_at >= thread.created_at and row.id not in elsewhere
        (moved if row.is_exclusive or is_new else shared).append(row)
    return moved, shared


def holds(thread: Any, kind: str, value: str, key: str) -> bool:
    """Whether a conversation is held through this address: its thread names it, a form's with a name behind it."""
    return bool(
        thread.thread.partition(" ")[0] == key
        or (thread.channel == kind and thread.thread.rsplit(":", 1)[-1] == value)
    )


def _spoken_for(tx: Transaction, thread: Any, rows: Sequence[Any]) -> list[Any]:
    messages = tx.connection.execute(
        select(Message.text, Message.fields, Message.content, Message.direction)
        .where(Message.conversation_id == thread.id)
        .order_by(Message.id)
        .limit(MESSAGES)
    ).all()
    # What we began ourselves (a letter to somebody who left a form) taught us no address.
    began_it = bool(messages) and messages[0].direction == Direction.IN
    given = _given(thread, messages)
    digits = "".join(letter for letter in given if letter.isdecimal())
    return [
        row
        for row in rows
        if holds(thread, row.kind, row.value, row.key)
        or (began_it and row.created_at == thread.created_at)
        or (row.kind == "email" and row.value in given)
        or (row.kind == "phone" and row.value.lstrip("+") in digits)
    ]


def _given(thread: Any, messages: Sequence[Any]) -> str:
    """What the person gave of themselves: forms and shared contacts, not what they wrote about others."""
    parts: list[str] = []
    for message in messages:
        if message.direction != Direction.IN:
            continue
        if thread.channel == "form" or message.content == "contact":
            parts.append(message.text)
        parts += [str(value) for value in (message.fields or {}).values()]
    return "\n".join(parts).lower()
