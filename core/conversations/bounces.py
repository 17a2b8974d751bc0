"""A network reports that something of ours did not arrive: tied to the delivery it is about."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select, update

from core import journal
from core.channel import InboundMessage
from core.conversations import deliveries
from core.conversations.model import Conversation, Delivery, DeliveryState, LetterId, Message
from core.conversations.notices import notify, notify_admins
from core.conversations.threads import letter_key
from core.database import Transaction
from core.events import ContactClosed


def bounce(tx: Transaction, account_id: int, message: InboundMessage) -> bool:
    """Settle what the report is about. False when it is about nothing we sent.

    A permanent failure marks the address and closes the conversation; a temporary one is only noted: the mail
    servers between us go on trying.
    """
    report = message.bounce
    if report is None or report.original_message_id is None:
        return False
    row = tx.connection.execute(
        select(
            LetterId.message_id,
            LetterId.conversation_id,
            Message.author,
            Message.lead_id,
            Conversation.contact_id,
        )
        .join(Message, Message.id == LetterId.message_id)
        .join(Conversation, Conversation.id == LetterId.conversation_id)
        .where(
            LetterId.account_id == account_id,
            LetterId.letter == letter_key(report.original_message_id),
            Message.direction == "out",
        )
    ).first()
    if row is None:
        return False
    permanent = [(address, status) for address, status, is_permanent in report.recipients if is_permanent]
    detail = "; ".join(f"{address} {status}" for address, status, _ in report.recipients)[:500]
    journal.note(
        tx,
        "system",
        "bounced" if permanent else "delayed",
        lead_id=row.lead_id,
        contact_id=row.contact_id,
        details={"message": row.message_id, "why": detail},
    )
    if not permanent:
        return True
    tx.connection.execute(
        update(Delivery)
        .where(
            Delivery.message_id == row.message_id,
            Delivery.state.in_((DeliveryState.SENT, DeliveryState.UNCERTAIN)),
        )
        .values(state=DeliveryState.REFUSED, cause="bounced", error=detail, settled_at=tx.now)
    )
    for address, _ in permanent:
        deliveries.close_address(tx, "email", address.lower(), "bounced")
    tx.connection.execute(
        update(Conversation)
        .where(Conversation.id == row.conversation_id)
        .values(closed_at=tx.now, closed_why="bounced")
    )
    tx.record(ContactClosed(row.contact_id, "bounced"))
    facts: dict[str, Any] = {"cause": "bounced", "reason": detail}
    if row.author.startswith("manager:"):
        manager_id = int(row.author.removeprefix("manager:"))
        notify(
            tx,
            [manager_id],
            "delivery-failed",
            lead_id=row.lead_id,
            conversation_id=row.conversation_id,
            message_id=row.message_id,
            **facts,
        )
    else:
        notify_admins(tx, "delivery-failed", lead_id=row.lead_id, message_id=row.message_id, **facts)
    return True
