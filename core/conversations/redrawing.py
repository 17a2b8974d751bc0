"""The cards that people have before them are drawn anew when a lead is taken, handed over, moved, closed or reopened.

By whomever: a colleague, a rule, the customer who comes back.

An edit is a notice like any other, in a lane of its own for each message: it keeps nobody's news waiting, the
network's limits hold for it, and while one waits a second is not wished.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, bindparam, select, text

from core.conversations.model import SENDING_NOW, Delivery, DeliveryState, Shown
from core.conversations.notices import waiting_delivery, wish_deliveries
from core.conversations.shown import OF_NOTICES
from core.database import Transaction, among
from core.lines.accounts import IN_USE
from core.lines.model import Account
from core.staff.model import Manager

LIVE = timedelta(hours=48)  # an older card tells what has changed when it is tapped
AT_ONCE = 64  # cards that one deed draws anew, the latest first
PAUSE = timedelta(seconds=2)  # what changes meanwhile is in the same edit, and news goes before it

_LIVE = (
    select(
        Shown.chat_id,
        Shown.telegram_message_id,
        Shown.account_id,
        Shown.lead_id,
        Manager.id.label("manager_id"),
    )
    .join(Manager, Manager.telegram_id == Shown.chat_id)
    .join(Account, Account.id == Shown.account_id)
    .where(
        among(Shown.lead_id, "leads"),
        text("shown.screen IS NOT NULL"),  # a constant, so that the partial index serves it
        Shown.shown_at > bindparam("since"),
        Manager.is_active,
        Manager.is_reachable,
        Manager.id != bindparam("but"),
        IN_USE,  # in a bot that managers worked in before nothing can be drawn
    )
    .order_by(Shown.shown_at.desc())
    .limit(AT_ONCE)
)

# A card that is with the network at this moment is not on any screen yet, and shows the lead as it was.
_ON_THE_WAY = (
    select(Delivery.id, Delivery.account_id, Delivery.lead_id, Delivery.manager_id, Delivery.notice)
    .join(Manager, Manager.id == Delivery.manager_id)
    .where(
        SENDING_NOW,
        among(Delivery.lead_id, "leads"),
        Manager.is_active,
        Manager.id != bindparam("but"),
    )
)


def redraw_cards(tx: Transaction, lead_ids: Collection[int], *, but_of: int | None = None) -> None:
    """What managers have of these leads on their screens is brought up to date, a moment later.

    `but_of` is the manager whose own tap draws their card anew.
    """
    if not lead_ids:
        return
    but = but_of or 0
    rows = [
        _edit(
            tx,
            f"redraw:{row.chat_id}:{row.telegram_message_id}",
            row,
            telegram_message_id=row.telegram_message_id,
        )
        for row in tx.ask(_LIVE, leads=lead_ids, since=tx.now - LIVE, but=but)
    ]
    rows += [
        _edit(tx, f"redraw:{row.id}", row, delivery_id=row.id)
        for row in tx.ask(_ON_THE_WAY, leads=lead_ids, but=but)
        if row.notice["kind"] in OF_NOTICES
    ]
    wish_deliveries(tx, rows)


def is_being_drawn(connection: Connection, lead_id: int, chat_id: int) -> bool:
    """Whether an edit of this lead's cards in this chat is with the network: it would come after what is drawn now."""
    sending = select(Delivery.notice).join(Manager, Manager.id == Delivery.manager_id)
    now = sending.where(SENDING_NOW, Delivery.lead_id == lead_id, Manager.telegram_id == chat_id)
    return any(row.notice["kind"] == "redraw" for row in connection.execute(now))


def message_of(connection: Connection, delivery_id: int) -> int | None:
    """The message in a manager's chat whose buttons a notice brought; None while it has not arrived."""
    ids = connection.execute(
        select(Delivery.external_ids).where(Delivery.id == delivery_id, Delivery.state == DeliveryState.SENT)
    ).scalar_one_or_none()
    return int(ids[-1]) if ids and str(ids[-1]).isdecimal() else None


def _edit(tx: Transaction, place: str, row: Any, **facts: int) -> dict[str, Any]:
    return waiting_delivery(
        tx,
        lane=place,
        topic=place,
        account_id=row.account_id,
        due_at=tx.now + PAUSE,
        lead_id=row.lead_id,
        manager_id=row.manager_id,
        notice={"kind": "redraw", "silent": True, **facts},
    )
