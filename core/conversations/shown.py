"""What the managers have on their screens: how a reply to a message of ours finds the customer behind it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import Connection, and_, bindparam, delete, select, text

from core.conversations.model import LEAD, SENDING_NOW, Conversation, Delivery, Shown
from core.database import Transaction, ask


class ShownAs(StrEnum):
    """What of a lead a message shows that goes out of date."""

    CARD = "card"  # the lead as it is
    RELAY = "relay"  # a customer's words, which stay, above buttons, which do not


# Of the notices that show a lead; those whose buttons are always right have none.
OF_NOTICES = {
    "new-lead": ShownAs.CARD,
    "lead-given": ShownAs.CARD,
    "lead-reopened-by": ShownAs.CARD,
    "robot": ShownAs.CARD,
    "message": ShownAs.RELAY,
}
# Of what a colleague or the bot itself did; whoever replies to that speaks to them, so the customer shall not get it.
ABOUT_US = ("answered-by", "lead-closed-by", "lead-moved-on", "lead-noted", "not-shown")


_STILL_THEIRS = and_(
    LEAD.c.id == Shown.lead_id,
    LEAD.c.outcome == "open",
    LEAD.c.contact_id == Conversation.contact_id,
)
_SHOWS = (
    select(
        Shown.lead_id,
        Shown.conversation_id,
        Shown.message_id,
        Conversation.lead_id,
        Shown.screen,
        LEAD.c.id.label("open_lead"),
    )
    .join(Conversation, Conversation.id == Shown.conversation_id, isouter=True)
    .join(LEAD, _STILL_THEIRS, isouter=True)
    .where(
        Shown.chat_id == bindparam("chat"),
        Shown.telegram_message_id == bindparam("message"),
        Shown.account_id == bindparam("account"),
    )
)


@dataclass(frozen=True, slots=True)
class ShownMessage:
    """What one message in a manager's chat shows.

    `message_id` is the customer's, if it shows one alone; under what a manager wrote themselves, their answer's.
    """

    lead_id: int | None
    conversation_id: int | None = None
    message_id: int | None = None
    screen: str | None = None  # a `ShownAs`, or None for what is not drawn anew


def remember(
    tx: Transaction, account_id: int, chat_id: int, telegram_message_ids: Iterable[int], what: ShownMessage
) -> None:
    """These messages of ours in this manager's chat show this lead; said again, the latest holds."""
    rows = [
        {
            "chat_id": chat_id,
            "telegram_message_id": message_id,
            "account_id": account_id,
            "lead_id": what.lead_id,
            "conversation_id": what.conversation_id,
            "message_id": what.message_id,
            "shown_at": tx.now,
            "screen": what.screen,
        }
        for message_id in telegram_message_ids
    ]
    for row in rows:
        tx.connection.execute(
            delete(Shown).where(
                Shown.chat_id == chat_id,
                Shown.telegram_message_id == row["telegram_message_id"],
                Shown.account_id == account_id,
            )
        )
    tx.insert(Shown, rows)


def look_up(
    connection: Connection, account_id: int, chat_id: int, telegram_message_id: int
) -> ShownMessage | None:
    """What a message of ours in a manager's chat shows; None when it shows no lead.

    The lead is the one it was shown for while that is open and the person's still. After that it is the one its
    conversation belongs to now: whoever answers an old card answers the customer of today.
    """
    rows = ask(connection, _SHOWS, chat=chat_id, message=telegram_message_id, account=account_id)
    if not rows:
        return None
    ((lead_id, conversation_id, message_id, lead_now, screen, open_lead),) = rows
    return ShownMessage(open_lead or lead_now or lead_id, conversation_id, message_id, screen)


def was_shown_since(connection: Connection, chat_id: int, lead_id: int, delivery_id: int) -> bool:
    """Whether a manager has got a screen of its lead and conversation since this notice was wished."""
    screens = (
        select(Shown.chat_id)
        .join(
            Delivery,
            and_(Delivery.lead_id == Shown.lead_id, Delivery.conversation_id == Shown.conversation_id),
        )
        .where(
            Delivery.id == delivery_id,
            Shown.lead_id == lead_id,
            text("shown.screen IS NOT NULL"),  # a constant, so that the partial index serves it
            Shown.chat_id == chat_id,
            Shown.shown_at > Delivery.created_at,
        )
    )
    return connection.execute(screens.limit(1)).first() is not None


def is_on_its_way(connection: Connection, manager_id: int) -> bool:
    """Whether something is being sent to a manager at this moment: they may have it already, and we not know so."""
    sending = select(Delivery.id).where(SENDING_NOW, Delivery.lane == f"staff:{manager_id}")
    return connection.execute(sending.limit(1)).first() is not None


def place_of(connection: Connection, account_id: int, chat_id: int, delivery_id: int) -> int | None:
    """The message in a manager's chat in which they wrote what this delivery sends; None when it is none of theirs."""
    return connection.execute(
        select(Shown.telegram_message_id)
        .join(Delivery, Delivery.message_id == Shown.message_id)
        .where(Shown.chat_id == chat_id, Shown.account_id == account_id, Delivery.id == delivery_id)
        .order_by(Shown.telegram_message_id.desc())
        .limit(1)
    ).scalar_one_or_none()
