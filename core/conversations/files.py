"""Files that came with messages: fetched after filing, never inside it; what cannot be had says so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, exists, or_, select, text

from core.channel import Cause, Fetched, Postponed, Refused
from core.conversations.deliveries import backoff
from core.conversations.model import (
    SENDING_NOW,
    Attachment,
    Conversation,
    Delivery,
    Direction,
    FileState,
    Message,
)
from core.conversations.notices import notify, readers_of, staff_account
from core.database import Transaction, among

LEASE = timedelta(minutes=5)
ATTEMPTS = 80  # with pauses that grow to an hour: more than three days, as long as a message is tried
ACCOUNT_PAUSE = timedelta(minutes=5)
_WAITING = text("attachment.state = 'waiting'")
# The words of a notice that is with the network at this moment were made before.
_BEING_TOLD = exists().where(
    SENDING_NOW, Delivery.conversation_id == Message.conversation_id, Delivery.notice.is_not(None)
)
_IN_HAND = (
    select(Attachment.id, Attachment.sha256)
    .where(among(Attachment.id, "ids"))
    .order_by(Attachment.id)
    .with_for_update()
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A file in a worker's hands until its lease ends."""

    id: int
    account_id: int
    reference: str
    attempts: int


def claim(tx: Transaction, limit: int) -> list[Wanted]:
    """Take up to `limit` files that are due; a worker that dies leaves them due again after the lease."""
    rows = tx.connection.execute(
        select(Attachment.id, Attachment.account_id, Attachment.reference, Attachment.attempts)
        .where(_WAITING, Attachment.due_at <= tx.now)
        .order_by(Attachment.due_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()
    tx.update(
        Attachment, [{"id": row.id, "due_at": tx.now + LEASE, "attempts": row.attempts + 1} for row in rows]
    )
    return [Wanted(row.id, row.account_id, row.reference or "", row.attempts + 1) for row in rows]


def settle(tx: Transaction, results: Sequence[tuple[Wanted, Fetched | Refused | Postponed]]) -> None:
    """Write down what was brought, what will be tried again, and what cannot be had, with the reason.

    Whoever took longer than the lease finds that somebody else has brought it: then there is nothing to say.
    """
    in_hand = tx.ask(_IN_HAND, ids=[wanted.id for wanted, _ in results])
    kept = {row.id for row in in_hand if row.sha256 is not None}
    rows = []
    for wanted, outcome in results:
        if wanted.id in kept:
            continue
        match outcome:
            case Fetched(sha256, size):
                rows.append(_row(wanted, FileState.STORED, sha256=sha256, size=size))
            case Postponed(reason, retry_after) if wanted.attempts < ATTEMPTS:
                due = tx.now + (retry_after or backoff(wanted.attempts))
                rows.append(_row(wanted, FileState.WAITING, error=reason, due_at=due))
            case Postponed(reason):
                rows.append(_row(wanted, FileState.MISSING, error=f"gave_up: {reason}"))
            case Refused(Cause.ACCOUNT, reason):
                # Our own token is refused: nothing is wrong with the file, and that is no attempt.
                due = tx.now + ACCOUNT_PAUSE
                rows.append(_row(wanted, FileState.WAITING, error=reason, due_at=due, is_attempt=False))
            case Refused(cause, reason):
                said = cause if cause in (Cause.TOO_LARGE, Cause.NOT_FOUND) else f"{cause}: {reason}"
                rows.append(_row(wanted, FileState.MISSING, error=said))
    stored = [row for row in rows if row["state"] == FileState.STORED]
    tx.update(Attachment, stored)
    tx.update(
        Attachment,
        [{k: v for k, v in row.items() if k not in ("sha256", "size")} for row in rows if row not in stored],
    )
    _show_late(tx, [row["id"] for row in rows if row["state"] != FileState.WAITING])


def _show_late(tx: Transaction, settled: Sequence[object]) -> None:
    """Files that arrive after their message was shown are shown too, where the card could not bring them itself.

    That one will not arrive is told as well.
    """
    staff = staff_account(tx.connection)
    rows = tx.connection.execute(
        select(Message.id, Message.conversation_id, Message.lead_id)
        .join(Attachment, Attachment.message_id == Message.id)
        .join(Conversation, Conversation.id == Message.conversation_id)
        .where(
            among(Attachment.id, settled),
            Attachment.account_id != (staff or 0),
            Message.direction == Direction.IN,
            or_(Conversation.seen_id >= Message.id, _BEING_TOLD),
        )
        .distinct()
    ).all()
    for row in rows:
        notify(
            tx,
            readers_of(tx.connection, row.lead_id),
            "files",
            lead_id=row.lead_id,
            conversation_id=row.conversation_id,
            topic=f"files:{row.id}",
            message_id=row.id,
        )


def next_due(connection: Connection) -> datetime | None:
    """When the earliest waiting file is due."""
    return connection.execute(
        select(Attachment.due_at).where(_WAITING).order_by(Attachment.due_at).limit(1)
    ).scalar_one_or_none()


def _row(
    wanted: Wanted,
    state: FileState,
    *,
    sha256: str | None = None,
    size: int | None = None,
    error: str | None = None,
    due_at: datetime | None = None,
    is_attempt: bool = True,
) -> dict[str, object]:
    return {
        "id": wanted.id,
        "state": state,
        "sha256": sha256,
        "size": size,
        "error": error,
        "due_at": due_at,
        "attempts": wanted.attempts if is_attempt else wanted.attempts - 1,
    }
