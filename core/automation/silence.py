"""A customer does not want follow-ups any more: what is scheduled is off, and nothing further is said unasked."""

from __future__ import annotations

from sqlalchemy import select, update

from core import journal
from core.automation import timers
from core.contacts.model import Contact
from core.conversations import deliveries
from core.conversations.model import Conversation
from core.database import Transaction


def stop_follow_ups(tx: Transaction, conversation_id: int) -> None:
    """Stop them for the person of this conversation, for good. Answers to what they write still come."""
    row = tx.connection.execute(
        select(Conversation.contact_id, Conversation.lead_id).where(Conversation.id == conversation_id)
    ).first()
    if row is None:
        return
    tx.connection.execute(update(Contact).where(Contact.id == row.contact_id).values(wants_follow_ups=False))
    timers.cancel_contacts(tx, [row.contact_id], "unsubscribed")
    deliveries.cancel_on_answer(tx, [conversation_id])
    journal.note(tx, "customer", "unsubscribed", lead_id=row.lead_id, contact_id=row.contact_id)
