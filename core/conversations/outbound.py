"""Saying something to a customer: a message in the conversation, and a delivery on its way. Rows only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from core import search
from core.channel import OutboundFile, Span
from core.conversations.model import Attachment, Delivery, Direction, FileState, Message
from core.conversations.notices import waiting_delivery
from core.database import Transaction


class Utterance(NamedTuple):
    """One thing to say. `key` makes it said once; without one it is said as often as it is asked for."""

    conversation_id: int
    account_id: int
    lead_id: int | None
    author: str  # "manager:<id>" or "robot:<id>"
    text: str
    key: str | None = None
    is_automatic: bool = True
    stops_on_answer: bool = False
    reply_to: str | None = None  # the network's id of the message this one answers
    subject: str | None = None
    spans: tuple[Span, ...] = ()
    files: tuple[OutboundFile, ...] = ()
    fields: Mapping[str, Any] = MappingProxyType({})


class Spoken(NamedTuple):
    """Where an utterance went."""

    message_id: int
    delivery_id: int


def say(tx: Transaction, utterances: Sequence[Utterance]) -> list[Spoken]:
    """Write each utterance into its conversation and put it on its way. The worker sends after the commit."""
    messages: list[dict[str, Any]] = []
    deliveries: list[dict[str, Any]] = []
    files: list[dict[str, Any]] = []
    spoken: list[Spoken] = []
    for utterance in utterances:
        message_id = tx.new_id()
        fields = dict(utterance.fields)
        if utterance.spans:
            fields["spans"] = [[span.markup, span.offset, span.length, span.url] for span in utterance.spans]
        messages.append(
            {
                "id": message_id,
                "conversation_id": utterance.conversation_id,
                "lead_id": utterance.lead_id,
                "direction": Direction.OUT,
                "author": utterance.author,
                "author_name": None,
                "content": utterance.files[0].kind if utterance.files else "text",
                "text": utterance.text,
                "whole_text": None,
                "subject": utterance.subject,
                "external_id": None,
                "reply_to": utterance.reply_to,
                "group": None,
                "is_automatic": utterance.is_automatic,
                "fields": fields or None,
                "sent_at": tx.now,
                "edited_at": None,
            }
        )
        delivery = waiting_delivery(
            tx,
            lane=f"conversation:{utterance.conversation_id}",
            account_id=utterance.account_id,
            due_at=tx.now,
            key=utterance.key,
            conversation_id=utterance.conversation_id,
            lead_id=utterance.lead_id,
            message_id=message_id,
            is_automatic=utterance.is_automatic,
            stops_on_answer=utterance.stops_on_answer,
        )
        deliveries.append(delivery)
        spoken.append(Spoken(message_id, delivery["id"]))
        files += [_attachment(tx, message_id, utterance.account_id, file) for file in utterance.files]
    tx.insert(Message, messages)
    tx.insert(Attachment, files)
    tx.insert(Delivery, deliveries)
    said = [row for row in messages if not row["is_automatic"]]
    search.index(tx, [(row["id"], search.said(row["text"], row["subject"], row["fields"])) for row in said])
    if deliveries:
        tx.hint("deliveries")
    return spoken


def _attachment(tx: Transaction, message_id: int, account_id: int, file: OutboundFile) -> dict[str, Any]:
    return {
        "id": tx.new_id(),
        "message_id": message_id,
        "account_id": account_id,
        "kind": file.kind,
        "reference": file.reference,
        "sha256": file.path,
        "name": file.name,
        "media_type": file.media_type,
        "size": None,
        "state": FileState.STORED,
        "error": None,
        "due_at": None,
        "attempts": 0,
    }
