"""A network reports that something of ours did not arrive: tied to the delivery it is about."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, select, update

from core import journal
from core.channel import Bounce, InboundMessage
from core.contacts.model import Address
from core.conversations import deliveries
from core.conversations.model import Conversation, Delivery, LetterId, Message
from core.conversations.outcomes import tell_author
from core.conversations.threads import letter_key
from core.database import Transaction, among
from core.events import AnswerFailed, ContactClosed

REPORTED = "delivery"  # the field in which a channel names the delivery whose return path the report came to


def bounce(tx: Transaction, account_id: int, message: InboundMessage) -> bool:
    """Settle what the report is about. False when it is about nothing we sent.

    What has failed is refused, and whoever wrote it is told. A dead address is marked, and its conversation
    closed; a full mailbox or a refused letter is no reason for that. A delay is only noted: the mail servers
    between us go on trying.
    """
    letter = _reported(tx, account_id, message)
    if letter is None or message.bounce is None:
        return False
    result = _result(message.bounce, letter)
    journal.note(
        tx,
        "system",
        "bounced" if result.failed else "delayed",
        lead_id=letter.lead_id,
        contact_id=letter.contact_id,
        details={"message": letter.message_id, "why": result.detail},
    )
    if not result.failed:
        return True
    facts: dict[str, Any] = {"cause": "bounced", "reason": result.detail}
    if not result.only_copies:
        deliveries.bounced(tx, letter.message_id, result.detail)
        if letter.lead_id is not None and not letter.is_automatic:
            tx.record(AnswerFailed(letter.lead_id, letter.message_id))
    _close_addresses(tx, result.dead)
    if letter.address in result.dead:
        tx.connection.execute(
            update(Conversation)
            .where(Conversation.id == letter.conversation_id)
            .values(closed_at=tx.now, closed_why="bounced")
        )
        tx.record(ContactClosed(letter.contact_id, "bounced"))
    tell_author(
        tx,
        "delivery-failed",
        message_id=letter.message_id,
        lead_id=letter.lead_id,
        conversation_id=letter.conversation_id,
        **facts,
    )
    return True


@dataclass(frozen=True, slots=True)
class _Letter:
    """The letter of ours that a report is about."""

    message_id: int
    conversation_id: int
    lead_id: int | None
    contact_id: int
    address: str  # whom the conversation is with
    copies: frozenset[str]
    is_automatic: bool


@dataclass(frozen=True, slots=True)
class _Result:
    failed: bool
    only_copies: bool  # it did arrive where the conversation is; somebody in Cc did not get it
    dead: frozenset[str]
    detail: str


def _result(report: Bounce, letter: _Letter) -> _Result:
    """What the report means for the addresses the letter went to, and for no others: anyone may name any."""
    failed: set[str] = set()
    dead: set[str] = set()
    for reported, status, is_permanent in report.recipients:
        # An address we did not write to is where one of ours was forwarded to.
        address = reported.lower() if reported.lower() in letter.copies else letter.address
        if is_permanent or status.startswith("5"):
            failed.add(address)
        if is_permanent:
            dead.add(address)
    detail = "; ".join(f"{address} {status}" for address, status, _ in report.recipients)[:500]
    return _Result(bool(failed), bool(failed) and letter.address not in failed, frozenset(dead), detail)


def _reported(tx: Transaction, account_id: int, message: InboundMessage) -> _Letter | None:
    """By the id of the letter that came back, else by the return path the report was sent to."""
    if message.bounce is None:
        return None
    found = None
    if (letter_id := message.bounce.original_message_id) is not None:
        found = tx.connection.execute(
            _letters()
            .join(LetterId, LetterId.message_id == Message.id)
            .where(LetterId.account_id == account_id, LetterId.letter == letter_key(letter_id))
        ).first()
    reported = message.fields.get(REPORTED, "")
    if found is None and reported.isdecimal() and len(reported) < 20:
        found = tx.connection.execute(
            _letters()
            .join(Delivery, Delivery.message_id == Message.id)
            .where(Delivery.id == int(reported), Delivery.account_id == account_id)
        ).first()
    if found is None:
        return None
    copies = frozenset(address.lower() for address in (found.fields or {}).get("cc", ()))
    return _Letter(
        found.id,
        found.conversation_id,
        found.lead_id,
        found.contact_id,
        found.thread.removeprefix("mail:"),
        copies,
        found.is_automatic,
    )


def _letters() -> Select[Any]:
    return (
        select(
            Message.id,
            Message.conversation_id,
            Message.lead_id,
            Message.fields,
            Message.is_automatic,
            Conversation.contact_id,
            Conversation.thread,
        )
        .join(Conversation, Conversation.id == Message.conversation_id)
        .where(Message.direction == "out")
    )


def _close_addresses(tx: Transaction, emails: Collection[str]) -> None:
    """Dead for everybody who holds them."""
    keys = [f"email:{email}" for email in emails]
    tx.connection.execute(
        update(Address)
        .where(among(Address.key, keys), Address.closed_at.is_(None))
        .values(closed_at=tx.now, closed_why="bounced")
    )
