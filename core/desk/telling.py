"""Whoever works a lead hears what colleagues do with it: close it, open it again, note something down, answer in it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import select

from core.conversations.model import Message
from core.conversations.notices import Wish, notify, notify_all
from core.database import Transaction, among
from core.leads.model import Lead, LeadOutcome
from core.staff.managers import Person


def tell_closed(tx: Transaction, leads: Sequence[Any], by: Person) -> None:
    """These leads are being closed by `by`; their rows have `id`, `responsible_id` and `taken_at` of before.

    Nobody is told of their own deed, or of a lead that was merely offered to them.
    """
    notify_all(
        tx,
        [
            Wish(lead.responsible_id, "lead-closed-by", lead.id, facts=(("by", by.id),))
            for lead in leads
            if lead.taken_at is not None and lead.responsible_id not in (None, by.id)
        ],
    )


def tell_reopened(tx: Transaction, lead_ids: Collection[int], by: Person) -> None:
    """`by` has opened these leads again; whose they are has work to do that they took for done."""
    leads = tx.connection.execute(select(Lead.id, Lead.responsible_id).where(among(Lead.id, lead_ids)))
    notify_all(
        tx,
        [
            Wish(lead.responsible_id, "lead-reopened-by", lead.id, facts=(("by", by.id),))
            for lead in leads
            if lead.responsible_id not in (None, by.id)
        ],
    )


def tell_noted(tx: Transaction, lead: Any, by: Person, text: str) -> None:
    """`by` has written a note on a lead; whoever works it is whom it is meant for. `lead` is its row."""
    is_theirs = lead.outcome == LeadOutcome.OPEN and lead.taken_at is not None
    if is_theirs and lead.responsible_id not in (None, by.id):
        notify(tx, [lead.responsible_id], "lead-noted", lead_id=lead.id, by=by.id, text=text)


def tell_answered(tx: Transaction, lead_id: int, by: Person, message_id: int) -> None:
    """`by` has answered the customer of an open lead; whose it is reads what was written, without a sound."""
    lead = tx.connection.execute(
        select(Lead.responsible_id, Lead.taken_at, Lead.outcome).where(Lead.id == lead_id)
    ).one()
    if lead.outcome != LeadOutcome.OPEN or lead.taken_at is None or lead.responsible_id in (None, by.id):
        return
    conversation_id = tx.connection.execute(
        select(Message.conversation_id).where(Message.id == message_id)
    ).scalar_one()
    notify(
        tx,
        [lead.responsible_id],
        "answered-by",
        lead_id=lead_id,
        conversation_id=conversation_id,
        silent=True,
        by=by.id,
        message_id=message_id,
    )
