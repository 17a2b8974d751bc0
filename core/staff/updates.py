"""What managers did in Telegram, taken by the bot in order per person; and unfinished dialogs."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import structlog
from sqlalchemy import Connection, delete, or_, select
from sqlalchemy.orm import aliased

from core import journal
from core.database import Transaction, among
from core.errors import OpenLinesError
from core.staff.model import Dialog, StaffUpdate

log = structlog.get_logger("staff")

ATTEMPTS = 3  # then an update is dropped, with a line in the journal
ALBUM = 30  # updates among which the rest of an album is looked for; it has ten parts at most
PAUSE = timedelta(seconds=2)  # before an update that failed is given again; doubled each time


@dataclass(frozen=True, slots=True)
class Update:
    """One update of Telegram, claimed until the lease runs out."""

    id: int
    account_id: int
    person_id: int  # the sender's Telegram id
    update: dict[str, Any]
    attempts: int  # this one with them


class Overtaken(OpenLinesError):
    """Another process has handled this update: this one was away for longer than its lease."""


def claim(
    tx: Transaction, account_ids: Collection[int], limit: int = 16, lease: timedelta = timedelta(seconds=60)
) -> tuple[Update, ...]:
    """Take the oldest update of each person that nobody else holds, oldest first.

    A person's next update is given only after `done`, `finished` or `failed`, so what one person does happens
    in order.
    An update whose handling ended the process `ATTEMPTS` times is dropped instead of given again.
    """
    earlier = aliased(StaffUpdate)
    rows = tx.connection.execute(
        select(
            StaffUpdate.id,
            StaffUpdate.account_id,
            StaffUpdate.person_id,
            StaffUpdate.update,
            StaffUpdate.attempts,
        )
        .where(
            among(StaffUpdate.account_id, account_ids),
            or_(StaffUpdate.lease_until.is_(None), StaffUpdate.lease_until <= tx.now),
            ~select(earlier.id)
            .where(
                earlier.person_id == StaffUpdate.person_id,
                earlier.account_id == StaffUpdate.account_id,  # what was left in another bot, nobody may take
                earlier.id < StaffUpdate.id,
            )
            .exists(),
        )
        .order_by(StaffUpdate.id)
        .limit(limit)
        .with_for_update(skip_locked=True, of=StaffUpdate)
    ).all()
    worn_out = [row for row in rows if row.attempts >= ATTEMPTS]
    _drop(tx, worn_out, "the process ended each time while this was handled")
    given = [row for row in rows if row.attempts < ATTEMPTS]
    tx.update(
        StaffUpdate,
        [{"id": row.id, "lease_until": tx.now + lease, "attempts": row.attempts + 1} for row in given],
    )
    return tuple(Update(row.id, row.account_id, row.person_id, row.update, row.attempts + 1) for row in given)


def done(tx: Transaction, update_id: int) -> None:
    """The update ends with the deed it asked for, in the deed's own transaction: taken twice, it is done once.

    Raises Overtaken when it has ended already, so that the deed does not happen either.
    """
    if not _end(tx, update_id):
        raise Overtaken(f"update {update_id}")


def finished(tx: Transaction, update_id: int) -> None:
    """The update has been handled, whether a deed has ended it already or there was none."""
    _end(tx, update_id)


def is_waiting(connection: Connection, update_id: int) -> bool:
    """Whether the update has not ended: nothing it asked for is done."""
    return connection.execute(select(StaffUpdate.id).where(StaffUpdate.id == update_id)).first() is not None


def failed(tx: Transaction, update_id: int, error: str) -> bool:
    """Handling failed: it is given again a little later, or (True) dropped after `ATTEMPTS`.

    `error` is for the log and the journal; what the person sees is the bot's own sentence.
    """
    row = tx.connection.execute(
        select(StaffUpdate.id, StaffUpdate.person_id, StaffUpdate.attempts, StaffUpdate.account_id)
        .where(StaffUpdate.id == update_id)
        .with_for_update()
    ).first()
    if row is None:
        return True
    if row.attempts >= ATTEMPTS:
        _drop(tx, [row], error)
        return True
    tx.update(StaffUpdate, [{"id": row.id, "lease_until": tx.now + PAUSE * 2 ** (row.attempts - 1)}])
    return False


def album_parts(connection: Connection, update_id: int, album: str) -> tuple[tuple[int, dict[str, Any]], ...]:
    """What waits of an album after the manager's update `update_id`: (update, Telegram's message) in order.

    Telegram brings each part as an update of its own; the customer gets them together.
    """
    first = (
        select(StaffUpdate.account_id, StaffUpdate.person_id).where(StaffUpdate.id == update_id).subquery()
    )
    rows = connection.execute(
        select(StaffUpdate.id, StaffUpdate.update)
        .join(
            first,
            (StaffUpdate.person_id == first.c.person_id) & (StaffUpdate.account_id == first.c.account_id),
        )
        .where(StaffUpdate.id > update_id)
        .order_by(StaffUpdate.id)
        .limit(ALBUM)
    )
    parts = ((row.id, row.update.get("message")) for row in rows)
    return tuple(
        (id, message)
        for id, message in parts
        if isinstance(message, dict) and message.get("media_group_id") == album
    )


def load_dialog(connection: Connection, key: str) -> tuple[str | None, dict[str, Any]]:
    """The state and content of an unfinished dialog; (None, {}) when there is none."""
    row = connection.execute(select(Dialog.state, Dialog.content).where(Dialog.key == key)).first()
    return (row.state, row.content or {}) if row is not None else (None, {})


def save_dialog(tx: Transaction, key: str, state: str | None, content: dict[str, Any]) -> None:
    """Remember a dialog; one without state and content is forgotten."""
    tx.lock_keys([f"dialog:{key}"])
    tx.connection.execute(delete(Dialog).where(Dialog.key == key))
    if state is not None or content:
        tx.insert(Dialog, [{"key": key, "state": state, "content": content, "updated_at": tx.now}])


def _end(tx: Transaction, update_id: int) -> bool:
    ended = tx.connection.execute(delete(StaffUpdate).where(StaffUpdate.id == update_id))
    tx.hint("staff")  # the person's next update may be taken now
    return ended.rowcount == 1


def _drop(tx: Transaction, rows: Sequence[Any], error: str) -> None:
    if not rows:
        return
    tx.connection.execute(delete(StaffUpdate).where(among(StaffUpdate.id, [row.id for row in rows])))
    tx.insert(
        journal.Journal,
        [
            journal.entry(
                tx,
                "system",
                "staff-update-dropped",
                details={"person": row.person_id, "account": row.account_id, "error": error[:500]},
            )
            for row in rows
        ],
    )
    for row in rows:
        log.error("a manager's update is dropped", update_id=row.id, person_id=row.person_id, why=error[:500])
    tx.hint("staff")
