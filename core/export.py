"""Everything, page by page, in the shape that others hold on to. Fields may be added, never renamed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from sqlalchemy import Connection, select

from core.contacts.model import Address, Contact
from core.conversations.model import Attachment, Conversation, Delivery, Message
from core.database import among
from core.intake.model import Ledger
from core.leads.model import JunkReason, Lead, Pipeline, Stage
from core.lines.model import Account
from core.staff.model import Manager

PAGE = 1000

Rows: TypeAlias = list[tuple[int, dict[str, Any]]]
Page: TypeAlias = Callable[[Connection, int], Rows]


def leads(connection: Connection, after: int) -> Rows:
    """Leads whose id is greater than `after`, with the names of everything they point at."""
    rows = connection.execute(
        select(
            Lead,
            Pipeline.name.label("pipeline_name"),
            Stage.name.label("stage_name"),
            JunkReason.name.label("reason_name"),
            Contact.number.label("contact_number"),
            Contact.name.label("contact_name"),
            Manager.name.label("responsible_name"),
        )
        .join(Pipeline, Pipeline.id == Lead.pipeline_id)
        .join(Stage, Stage.id == Lead.stage_id)
        .join(Contact, Contact.id == Lead.contact_id)
        .outerjoin(JunkReason, JunkReason.id == Lead.reason_id)
        .outerjoin(Manager, Manager.id == Lead.responsible_id)
        .where(Lead.id > after)
        .order_by(Lead.id)
        .limit(PAGE)
    )
    return [
        (
            row.id,
            {
                "number": row.number,
                "title": row.title,
                "pipeline": row.pipeline_name,
                "stage": row.stage_name,
                "outcome": row.outcome,
                "reason": row.reason_name,
                "reason_comment": row.reason_comment,
                "repeat": row.is_repeat,
                "contact": row.contact_number,
                "contact_name": row.contact_name,
                "responsible": row.responsible_name,
                "channel": row.channel,
                "source": row.source,
                "fields": row.fields or {},
                "created_at": row.created_at.isoformat(),
                "taken_at": row.taken_at.isoformat() if row.taken_at else None,
                "first_answer_at": row.first_answer_at.isoformat() if row.first_answer_at else None,
                "closed_at": row.closed_at.isoformat() if row.closed_at else None,
            },
        )
        for row in rows
    ]


def contacts(connection: Connection, after: int) -> Rows:
    """People with all their addresses; who was merged away is listed under whom he is now."""
    rows = connection.execute(
        select(
            Contact.id, Contact.number, Contact.name, Contact.is_client, Contact.language, Contact.created_at
        )
        .where(Contact.id > after, Contact.merged_to.is_(None))
        .order_by(Contact.id)
        .limit(PAGE)
    ).all()
    addresses: dict[int, list[dict[str, Any]]] = {}
    for row in connection.execute(
        select(Address.contact_id, Address.kind, Address.value, Address.username)
        .where(among(Address.contact_id, [row.id for row in rows]), Address.kind != "form")
        .order_by(Address.id)
    ):
        known = {"channel": row.kind, "value": row.value}
        addresses.setdefault(row.contact_id, []).append(
            known | ({"username": row.username} if row.username else {})
        )
    return [
        (
            row.id,
            {
                "number": row.number,
                "name": row.name,
                "addresses": addresses.get(row.id, []),
                "client": row.is_client,
                "language": row.language,
                "created_at": row.created_at.isoformat(),
            },
        )
        for row in rows
    ]


def messages(connection: Connection, after: int) -> Rows:
    """Messages in both directions."""
    rows = connection.execute(
        select(
            Message.id,
            Message.conversation_id,
            Message.direction,
            Message.author,
            Message.author_name,
            Message.subject,
            Message.text,
            Message.fields,
            Message.sent_at,
            Message.edited_at,
            Message.content,
            Conversation.channel,
            Lead.number.label("lead_number"),
        )
        .join(Conversation, Conversation.id == Message.conversation_id)
        .outerjoin(Lead, Lead.id == Message.lead_id)
        .where(Message.id > after)
        .order_by(Message.id)
        .limit(PAGE)
    ).all()
    files: dict[int, list[dict[str, Any]]] = {}
    for row in connection.execute(
        select(Attachment.message_id, Attachment.kind, Attachment.name, Attachment.size, Attachment.state)
        .where(among(Attachment.message_id, [row.id for row in rows]))
        .order_by(Attachment.id)
    ):
        files.setdefault(row.message_id, []).append(
            {"kind": row.kind, "name": row.name, "size": row.size, "state": row.state}
        )
    return [
        (
            row.id,
            {
                "conversation": str(row.conversation_id),
                "lead": row.lead_number,
                "channel": row.channel,
                "direction": row.direction,
                "author": row.author,
                "author_name": row.author_name,
                "content": row.content,
                "text": row.text,
                "fields": row.fields or {},
                "attachments": files.get(row.id, []),
                "at": row.sent_at.isoformat(),
                "edited_at": row.edited_at.isoformat() if row.edited_at else None,
                "subject": row.subject,
            },
        )
        for row in rows
    ]


def deliveries(connection: Connection, after: int) -> Rows:
    """Outgoing messages and notices on their way."""
    rows = connection.execute(
        select(
            Delivery.id,
            Delivery.state,
            Delivery.attempts,
            Delivery.cause,
            Delivery.error,
            Delivery.conversation_id,
            Delivery.manager_id,
            Delivery.is_automatic,
            Delivery.created_at,
            Delivery.settled_at,
            Account.channel,
        )
        .outerjoin(Account, Account.id == Delivery.account_id)
        .where(Delivery.id > after)
        .order_by(Delivery.id)
        .limit(PAGE)
    )
    return [
        (
            row.id,
            {
                "state": row.state,
                "attempts": row.attempts,
                "error": row.error or row.cause,
                "to": "manager" if row.manager_id else "customer",
                "conversation": str(row.conversation_id) if row.conversation_id else None,
                "channel": row.channel,
                "automatic": row.is_automatic,
                "created_at": row.created_at.isoformat(),
                "settled_at": row.settled_at.isoformat() if row.settled_at else None,
            },
        )
        for row in rows
    ]


def ledger(connection: Connection, after: int) -> Rows:
    """Everything that ever came in."""
    rows = connection.execute(
        select(
            Ledger.id,
            Account.channel,
            Account.scope,
            Ledger.external_id,
            Ledger.state,
            Ledger.reason,
            Ledger.seen,
            Ledger.received_at,
        )
        .join(Account, Account.id == Ledger.account_id)
        .where(Ledger.id > after)
        .order_by(Ledger.id)
        .limit(PAGE)
    )
    return [
        (
            row.id,
            {
                "id": str(row.id),
                "account": f"{row.channel}:{row.scope}",
                "external_id": row.external_id,
                "state": row.state,
                "reason": row.reason,
                "seen": row.seen,
                "received_at": row.received_at.isoformat(),
            },
        )
        for row in rows
    ]


_LEADS = (
    "number title pipeline stage outcome reason reason_comment repeat contact contact_name responsible channel "
    "source fields created_at taken_at first_answer_at closed_at"
)
PAGES: dict[str, tuple[Page, Sequence[str]]] = {
    "leads": (leads, _LEADS.split()),
    "contacts": (contacts, "number name addresses client language created_at".split()),
    "messages": (
        messages,
        "conversation lead channel direction author author_name content text fields attachments at edited_at"
        " subject".split(),
    ),
    "deliveries": (
        deliveries,
        "state attempts error to conversation channel automatic created_at settled_at".split(),
    ),
    "ledger": (ledger, "id account external_id state reason seen received_at".split()),
}
