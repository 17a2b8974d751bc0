"""Somebody comes in by an invitation, and the admins hear who it is and who let them in."""

from __future__ import annotations

from core.conversations.notices import notify
from core.database import Transaction
from core.staff import managers
from core.staff.managers import Person


def come_in(
    tx: Transaction, payload: str, *, telegram_id: int, name: str, username: str | None, language: str
) -> Person:
    """Like `managers.accept_invitation`, with its refusals; where it has let somebody in, the admins are told."""
    before = managers.by_telegram(tx.connection, telegram_id)
    person = managers.accept_invitation(
        tx, payload, telegram_id=telegram_id, name=name, username=username, language=language
    )
    if before is None or before.role != person.role:
        admins = [one.id for one in managers.active(tx.connection) if one.is_admin and one.id != person.id]
        inviter = managers.inviter(tx.connection, person.id)
        notify(
            tx,
            admins,
            "manager-joined",
            silent=True,
            manager_id=person.id,
            by=inviter.id if inviter else None,
        )
    return person
