"""More has happened than anybody can read one by one: many late notices of one reader become a single one.

After an outage, or while a robot floods a form, a telephone would ring once a second for hours, the newest lead last.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import bindparam, select, text

from core.conversations.model import Delivery
from core.conversations.notices import notify, reachable_of
from core.database import Transaction

MANY = 20  # notices of one reader: at Telegram's one a second to a chat, a third of a minute of ringing
LATE = timedelta(minutes=1)  # who is told in time is told of each
GATHERED = "gathered"  # why such a notice was cancelled
_KINDS = ("new-lead", "message")  # what the lists show too; anything else is told by itself
_IN_LANE = (
    select(Delivery.id, Delivery.lead_id, Delivery.message_id, Delivery.is_automatic, Delivery.notice)
    .where(
        text("delivery.state IN ('waiting', 'sending')"),  # in the words of the index over lanes
        text("delivery.state = 'waiting'"),
        Delivery.lane == bindparam("lane"),
    )
    .order_by(Delivery.id)
    # What is being added to this very moment is told by itself: whoever adds may hold another one of these.
    .with_for_update(skip_locked=True)
)


def gathered(tx: Transaction, due: Sequence[Any]) -> list[tuple[Any, str]]:
    """Of these due deliveries' readers, the waiting notices that one new notice now stands for, with the reason.

    The caller cancels them. A reader with fewer than `MANY`, or none that is `LATE`, is told of each.
    """
    late = {row.manager_id for row in due if _is_late(tx, row)}
    # Who cannot be written to is told nothing; what is refused them one by one is passed on to others.
    late &= reachable_of(tx, late)
    together: list[tuple[Any, str]] = []
    for manager_id in sorted(late):
        waiting = tx.ask(_IN_LANE, lane=f"staff:{manager_id}")
        crowd = [row for row in waiting if row.notice is not None and row.notice["kind"] in _KINDS]
        if len(crowd) < MANY:
            continue
        new = {row.lead_id for row in crowd if row.notice["kind"] == "new-lead"}
        others = {row.lead_id for row in crowd} - new
        silent = all(row.notice.get("silent") for row in crowd)
        notify(tx, [manager_id], "many", silent=silent, new=len(new), others=len(others))
        together += [(row, GATHERED) for row in crowd]
    return together


def _is_late(tx: Transaction, row: Any) -> bool:
    return row.notice is not None and row.notice["kind"] in _KINDS and tx.now - row.created_at > LATE
