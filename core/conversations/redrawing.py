"""The cards that others have before them are drawn anew when somebody takes, hands over or closes a lead.

An edit is a notice like any other, in a lane of its own for each message: it keeps nobody's news waiting, the
network's limits hold for it, and while one waits a second is not wished.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta

from sqlalchemy import bindparam, select, text

from core.conversations.model import Delivery, Shown
from core.conversations.notices import waiting_delivery
from core.database import Transaction, among
from core.staff.model import Manager

LIVE = timedelta(hours=48)  # an older card tells what has changed when it is tapped
AT_ONCE = 64  # cards that one deed draws anew, the latest first
PAUSE = timedelta(seconds=2)  # what changes meanwhile is in the same edit, and news goes before it

_LIVE = (
    select(Shown.chat_id, Shown.telegram_message_id, Shown.account_id, Shown.lead_id, Manager.id)
    .join(Manager, Manager.telegram_id == Shown.chat_id)
    .where(
        among(Shown.lead_id, "leads"),
        text("shown.screen IS NOT NULL"),  # a constant, so that the partial index serves it
        Shown.shown_at > bindparam("since"),
        Manager.is_active,
        Manager.is_reachable,
        Manager.id != bindparam("but"),
    )
    .order_by(Shown.shown_at.desc())
    .limit(AT_ONCE)
)


def redraw_cards(tx: Transaction, lead_ids: Collection[int], *, but_of: int | None = None) -> None:
    """What managers have of these leads on their screens is brought up to date, a moment later.

    `but_of` is the manager whose own tap draws their card anew.
    """
    if not lead_ids:
        return
    asked = {"leads": lead_ids, "since": tx.now - LIVE, "but": but_of or 0}
    rows = [
        waiting_delivery(
            tx,
            lane=(place := f"redraw:{chat_id}:{message_id}"),
            topic=place,
            account_id=account_id,
            due_at=tx.now + PAUSE,
            lead_id=lead_id,
            manager_id=manager_id,
            notice={"kind": "redraw", "silent": True, "telegram_message_id": message_id},
        )
        for chat_id, message_id, account_id, lead_id, manager_id in tx.connection.execute(_LIVE, asked)
    ]
    tx.insert_ignoring(Delivery, rows)
    if rows:
        tx.hint("deliveries")
