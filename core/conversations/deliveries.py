"""Outgoing messages on their way: claimed, sent outside of any transaction, settled. The only
writer of their state.

Order holds inside a lane (one conversation, one manager); lanes never wait for each other. What a dead
worker left behind is not sent again on a guess: it is uncertain, and a person decides.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import Connection, bindparam, exists, func, not_, select, text, update
from sqlalchemy.orm import aliased

from core.channel import Cause, Moved, Outcome, Postponed, Refused, Sent, Uncertain
from core.conversations.crowds import gathered
from core.conversations.model import LEAD, SENDING_NOW, Conversation, Delivery, DeliveryState
from core.conversations.notices import tell_trouble
from core.conversations.outcomes import (
    GAVE_UP,
    GONE,
    hold_concerned,
    note_begins_anew,
    note_failed,
    note_not_shown,
    note_refused,
    note_sent,
    note_uncertain,
    note_without_files,
    remember_letter,
    tell_of,
)
from core.conversations.preparing import Claimed, Renderer, prepare
from core.database import BATCH, Transaction, among, ask
from core.events import Answered
from core.lines.hours import ALWAYS, Hours

log = structlog.get_logger("deliveries")

LEASE = timedelta(minutes=2)  # a worker that lives renews it
STALE = timedelta(hours=1)  # what an outage has kept so long is confirmed no more
GIVE_UP = timedelta(days=3)  # after this long of "not yet" a person should know
NOTICE_ATTEMPTS = 12  # of a notice nobody knows to have come: over an hour
WITH_FILES = 2  # of them bring its files: what comes behind an upload that is never answered waits
LONGEST_WAIT = timedelta(hours=1)
AHEAD = timedelta(minutes=1)  # due so late without having been tried: the clock was wrong
FINAL = (DeliveryState.SENT, DeliveryState.REFUSED, DeliveryState.UNCERTAIN, DeliveryState.CANCELLED)
_WAITING = text("delivery.state = 'waiting'")  # constants, so that the partial indexes serve them
_IN_LANE = text("delivery.state IN ('waiting', 'sending')")  # in the words of the index over lanes
_UNCERTAIN = text("delivery.state = 'uncertain'")
_EARLIER, _AGAIN = aliased(Delivery), aliased(Delivery)
_FIRST_OF_LANE = ~exists().where(
    _EARLIER.lane == Delivery.lane,
    _EARLIER.id < Delivery.id,
    text("delivery_1.state IN ('waiting', 'sending')"),
)
_DUE = (
    select(
        Delivery.id,
        Delivery.key,
        Delivery.account_id,
        Delivery.conversation_id,
        Delivery.lead_id,
        Delivery.message_id,
        Delivery.manager_id,
        Delivery.notice,
        Delivery.is_automatic,
        Delivery.stops_on_answer,
        Delivery.attempts,
        Delivery.external_ids,
        Delivery.created_at,
    )
    .where(
        _WAITING,
        Delivery.due_at <= bindparam("now"),
        _FIRST_OF_LANE,
        not_(among(Delivery.account_id, "paused")),
    )
    .order_by(Delivery.due_at, Delivery.id)
    .limit(bindparam("limit"))
    .with_for_update(of=Delivery, skip_locked=True)
)
_NEXT = select(Delivery.due_at).where(_WAITING, _FIRST_OF_LANE).order_by(Delivery.due_at).limit(1)
_ABANDONED = (
    select(
        Delivery.id,
        Delivery.account_id,
        Delivery.attempts,
        Delivery.created_at,
        Delivery.conversation_id,
        Delivery.lead_id,
        Delivery.message_id,
        Delivery.manager_id,
        Delivery.notice,
        Delivery.is_automatic,
    )
    .where(SENDING_NOW, Delivery.lease_until < bindparam("now"))
    .limit(64)
    .with_for_update(skip_locked=True)
)
_DUE_TOO_LATE = (
    select(Delivery.id)
    .where(_WAITING, Delivery.due_at > bindparam("latest"), Delivery.attempts == 0)
    .order_by(Delivery.due_at, Delivery.id)
    .limit(BATCH)
    .with_for_update(skip_locked=True)
)
_LEASED_TOO_LONG = (
    select(Delivery.id)
    .where(SENDING_NOW, Delivery.lease_until > bindparam("latest"))
    .limit(BATCH)
    .with_for_update(skip_locked=True)
)
_IN_HAND = (
    select(Delivery.id, Delivery.state, Delivery.attempts, Delivery.error)
    .where(among(Delivery.id, "ids"))
    .order_by(Delivery.id)
    .with_for_update()
)
# A person has one silence, whichever way they are written to: a form's lead is answered by letter or in a messenger.
_HEARD = aliased(Conversation)
_OF_PERSONS = (
    select(Conversation.id)
    .join(_HEARD, _HEARD.contact_id == Conversation.contact_id)
    .where(among(_HEARD.id, "conversations"))
)
_OF_LEADS = (
    select(Conversation.id)
    .join(LEAD, LEAD.c.contact_id == Conversation.contact_id)
    .where(among(LEAD.c.id, "leads"))
)
_FOLLOW_UPS = update(Delivery).where(_IN_LANE, among(Delivery.lane, "lanes"), Delivery.stops_on_answer)
_CALL_OFF = _FOLLOW_UPS.where(_WAITING).values(
    state=DeliveryState.CANCELLED, error=bindparam("why"), settled_at=bindparam("now")
)
# What is with the network at this moment goes if it goes; if it is put off, it is not tried again.
_NOT_AGAIN = _FOLLOW_UPS.where(SENDING_NOW).values(error=bindparam("why"))
_NEVER_LEFT = (
    select(Delivery.id, Delivery.key)
    .where(
        among(Delivery.key, "keys"),
        Delivery.state == DeliveryState.CANCELLED,
        Delivery.external_ids.is_(None),
        ~exists().where(_AGAIN.message_id == Delivery.message_id, _AGAIN.id != Delivery.id),
    )
    .with_for_update(of=Delivery)
)
_OF_THESE = among(Delivery.lead_id, "leads")
_CALL_OFF_OF_THESE, _NOT_AGAIN_OF_THESE = _CALL_OFF.where(_OF_THESE), _NOT_AGAIN.where(_OF_THESE)


def claim(
    tx: Transaction,
    limit: int,
    renderer: Renderer | None,
    *,
    paused: Collection[int] = (),
    stale: timedelta = STALE,
    hours: Hours = ALWAYS,
) -> list[Claimed]:
    """Take up to `limit` messages that are due, the oldest of each lane, and make them ready to send.

    The world is read again first: what has become pointless (the person is excluded, has blocked us, has
    answered meanwhile; a notice with nothing left to say; a confirmation older than `stale`; a follow-up that
    could not leave before the company's `hours` were over) is cancelled with its reason, and so are late
    notices of which one reader has too many. `paused` accounts wait.
    """
    _settle_abandoned(tx)
    rows = tx.ask(_DUE, now=tx.now, paused=paused, limit=limit)
    if not rows:
        return []
    crowd = gathered(tx, rows)
    passed = {row.id for row, _ in crowd}
    ready, cancelled = prepare(tx, [row for row in rows if row.id not in passed], renderer, stale, hours)
    tx.update(
        Delivery,
        [
            {
                "id": claimed.id,
                "state": DeliveryState.SENDING,
                "topic": None,
                "attempts": claimed.attempts,
                "lease_until": tx.now + LEASE,
                "error": None,  # from here on it says why the message is not wanted any more, see `_cancel`
                "shown": claimed.message.screen.text if claimed.notice else None,
            }
            for claimed in ready
        ],
    )
    _write_cancelled(tx, [*cancelled, *crowd])
    return ready


def renew(tx: Transaction, claimed: Sequence[Claimed]) -> None:
    """What a worker still has in hand stays its own: a large file on a slow line takes longer than a lease."""
    tx.connection.execute(
        update(Delivery)
        .where(among(Delivery.id, [one.id for one in claimed]), SENDING_NOW)
        .values(lease_until=tx.now + LEASE)
    )


def settle(tx: Transaction, results: Sequence[tuple[Claimed, Outcome]]) -> None:
    """Write down what became of each. States only move forward; every final failure reaches a human.

    Of a delivery whose lease has run out only its arrival is news: what was uncertain has been sent after
    all.
    """
    hold_concerned(tx, results)
    now = {row.id: row for row in tx.ask(_IN_HAND, ids=[claimed.id for claimed, _ in results])}
    news = [one for one in results if _is_news(now.get(one[0].id), *one)]
    rows = [
        {
            "id": claimed.id,
            "lease_until": None,
            "settled_at": tx.now,
            "due_at": tx.now,
            "cause": None,
            "error": None,
            "external_ids": list(claimed.message.already_sent) or None,
        }
        | _became(tx, claimed, outcome, now[claimed.id].error)
        for claimed, outcome in news
    ]
    tx.update(Delivery, rows)
    note_sent(tx, [(claimed, outcome.external_ids) for claimed, outcome in news if isinstance(outcome, Sent)])
    tx.hint("settled")
    if any(row["state"] == DeliveryState.WAITING for row in rows):
        tx.hint("deliveries")


def _is_news(known: Any, claimed: Claimed, outcome: Outcome) -> bool:
    if known is None or known.attempts != claimed.attempts:
        return False  # somebody else has it in hand
    if known.state == DeliveryState.UNCERTAIN:
        return isinstance(outcome, Sent)
    return bool(known.state == DeliveryState.SENDING)


def _became(tx: Transaction, claimed: Claimed, outcome: Outcome, unwanted: str | None) -> dict[str, Any]:
    """The columns that say what became of a delivery, told to whom it concerns; `unwanted`: why nobody needs it now."""
    match outcome:
        case Sent(external_ids):
            return {"state": DeliveryState.SENT, "external_ids": list(external_ids)}
        case Postponed() if tx.now - claimed.created_at < GIVE_UP:
            return _waiting_again(tx, claimed, outcome, unwanted)
        case Postponed(reason):
            return _refused(tx, claimed, GAVE_UP, reason, outcome.delivered)
        case Refused(Cause.ACCOUNT, reason):
            # Our own token is refused: nothing is wrong with the message, and it goes out once that is mended.
            tell_trouble(tx, claimed.account_id, "token-refused")
            return _waiting_again(tx, claimed, Postponed(reason, timedelta(minutes=1)), unwanted)
        case Refused(cause, reason):
            return _refused(tx, claimed, cause, reason, outcome.delivered)
        case Moved(thread) if _follow(tx, claimed, thread):
            return {"state": DeliveryState.WAITING, "settled_at": None}
        case Moved(thread):
            return _refused(tx, claimed, Cause.NOT_FOUND, f"moved to {thread}, which is somebody else's", ())
        case Uncertain(reason) if _has_files(claimed) and claimed.attempts >= WITH_FILES:
            return _without_files(tx, claimed, "unanswered", reason, outcome.delivered)
        case Uncertain(reason) if claimed.notice is not None and claimed.attempts < NOTICE_ATTEMPTS:
            # A manager may see the same card twice; a lead that nobody was shown would be worse.
            return _waiting_again(tx, claimed, Postponed(reason, delivered=outcome.delivered), None)
        case Uncertain(reason):
            note_uncertain(tx, claimed)
            if claimed.manager_id is not None:
                note_not_shown(tx, claimed, claimed.manager_id, "unanswered", reason)
            arrived = _arrived(claimed, outcome.delivered)
            return {"state": DeliveryState.UNCERTAIN, "error": reason[:500], **arrived}


def _refused(
    tx: Transaction, claimed: Claimed, cause: str, reason: str, delivered: Sequence[str]
) -> dict[str, Any]:
    if _has_files(claimed) and cause not in GONE:
        return _without_files(tx, claimed, cause, reason, delivered)
    note_refused(tx, claimed, cause, reason)
    arrived = _arrived(claimed, delivered)
    return {"state": DeliveryState.REFUSED, "cause": cause, "error": reason[:500], **arrived}


def _has_files(claimed: Claimed) -> bool:
    return claimed.notice is not None and bool(claimed.message.files)


def _without_files(
    tx: Transaction, claimed: Claimed, cause: str, reason: str, delivered: Sequence[str]
) -> dict[str, Any]:
    # Better a lead without its picture than a lead that nobody was shown. Without files there is no second time.
    note_without_files(tx, claimed, delivered)
    log.warning(
        "a notice goes without its files",
        delivery_id=claimed.id,
        lead_id=claimed.lead_id,
        manager_id=claimed.manager_id,
        cause=cause,
    )
    # In other words it has other parts: none of them has arrived yet.
    again = {"state": DeliveryState.WAITING, "settled_at": None, "external_ids": None}
    return again | {"error": reason[:500]}


def cancel_on_answer(
    tx: Transaction, conversation_ids: Collection[int], reason: str = "customer-wrote"
) -> None:
    """The customers of these have been heard: a follow-up that has not left yet stays here, wherever it was to go."""
    asked = _asked(reason, {row[0] for row in tx.ask(_OF_PERSONS, conversations=conversation_ids)})
    tx.connection.execute(_CALL_OFF, asked | {"now": tx.now})
    tx.connection.execute(_NOT_AGAIN, asked)


def cancel_on_leaving(tx: Transaction, lead_ids: Collection[int]) -> None:
    """These leads are closed, or in another stage: a follow-up of the earlier one that has not left yet stays here."""
    asked = _asked("stage-left", {row[0] for row in tx.ask(_OF_LEADS, leads=lead_ids)}) | {"leads": lead_ids}
    tx.connection.execute(_CALL_OFF_OF_THESE, asked | {"now": tx.now})
    tx.connection.execute(_NOT_AGAIN_OF_THESE, asked)


def forget_called_off(tx: Transaction, keys: Collection[str]) -> set[str]:
    """Of these keys, those under which something was called off before any of it left: it may be wished again.

    Nobody was told anything under them, so the rows give them up. What a person has sent all the same was said.
    """
    never_left = {row.id: row.key for row in tx.ask(_NEVER_LEFT, keys=keys)}
    tx.update(Delivery, [{"id": id, "key": f"called-off:{id}"} for id in never_left])
    return set(never_left.values())


def cancel_contact(tx: Transaction, contact_id: int, reason: str) -> None:
    """Nothing may be sent to this person any more; who had written it is told.

    An exclusion shuts every way to them, anything else only the conversations that are closed.
    """
    conversations = select(Conversation.id).where(Conversation.contact_id == contact_id)
    if reason != "excluded":
        conversations = conversations.where(Conversation.closed_at.is_not(None))
    lanes = [f"conversation:{row[0]}" for row in tx.connection.execute(conversations)]
    if not lanes:
        return
    rows = tx.connection.execute(
        select(
            Delivery.id,
            Delivery.account_id,
            Delivery.attempts,
            Delivery.created_at,
            Delivery.conversation_id,
            Delivery.lead_id,
            Delivery.message_id,
            Delivery.manager_id,
            Delivery.is_automatic,
        )
        .where(_WAITING, _IN_LANE, Delivery.message_id.is_not(None), among(Delivery.lane, lanes))
        .order_by(Delivery.id)
        .with_for_update()
    ).all()
    _write_cancelled(tx, [(row, reason) for row in rows])


def correct_moments(tx: Transaction) -> int:
    """The clock was ahead and has been set right: what it has put down does not wait until that time comes again.

    Nor does everything else of the lane, which would wait behind it. What a network has put off stays put off.
    Returns how many rows of one lot were wrong, 0 when none is left.
    """
    due = tx.ask(_DUE_TOO_LATE, latest=tx.now + AHEAD)
    tx.update(Delivery, [{"id": row.id, "due_at": tx.now} for row in due])
    leased = tx.ask(_LEASED_TOO_LONG, latest=tx.now + LEASE + AHEAD)
    tx.update(Delivery, [{"id": row.id, "lease_until": tx.now + LEASE} for row in leased])
    if due:
        tx.hint("deliveries")
    return len(due) + len(leased)


def next_due(connection: Connection) -> datetime | None:
    """When the earliest waiting delivery is due, of those that wait for no other of their lane."""
    rows = ask(connection, _NEXT)
    return rows[0].due_at if rows else None


def waiting_count(connection: Connection) -> int:
    """How many deliveries wait, due or not."""
    return connection.execute(select(func.count()).select_from(Delivery).where(_WAITING)).scalar_one()


def state_of(connection: Connection, delivery_id: int) -> tuple[str, str | None, str | None]:
    """State, cause and error of one delivery: what a manager who wrote it is shown."""
    row = connection.execute(
        select(Delivery.state, Delivery.cause, Delivery.error).where(Delivery.id == delivery_id)
    ).one()
    return row.state, row.cause, row.error


def bounced(tx: Transaction, message_id: int, reason: str) -> None:
    """A letter has come back: what counted as sent, or as uncertain, has failed after all."""
    tx.connection.execute(
        update(Delivery)
        .where(
            Delivery.message_id == message_id,
            Delivery.state.in_((DeliveryState.SENT, DeliveryState.UNCERTAIN)),
        )
        .values(state=DeliveryState.REFUSED, cause="bounced", error=reason, settled_at=tx.now)
    )


def confirm_letters(tx: Transaction, account_id: int, letters: Mapping[int, str]) -> None:
    """Letters of ours were seen: answered, returned, or lying in the folder of what was sent.

    `letters` are Message-IDs by delivery, as their signature proves. What was uncertain has been sent; from
    now on answers to it and reports about it find their conversation. Everything else is left as it is.
    """
    rows = tx.connection.execute(
        select(
            Delivery.id,
            Delivery.message_id,
            Delivery.conversation_id,
            Delivery.lead_id,
            Delivery.is_automatic,
        )
        .where(
            among(Delivery.id, letters),
            Delivery.account_id == account_id,
            Delivery.state == DeliveryState.UNCERTAIN,
        )
        .order_by(Delivery.id)
        .with_for_update()
    ).all()
    if not rows:
        return
    for row in rows:
        letter = letters[row.id]
        tx.connection.execute(
            update(Delivery)
            .where(Delivery.id == row.id)
            .values(state=DeliveryState.SENT, error=None, external_ids=[letter], settled_at=tx.now)
        )
        remember_letter(tx, account_id, row.conversation_id, row.message_id, letter)
        if not row.is_automatic and row.lead_id is not None:
            tx.record(Answered(row.conversation_id, row.lead_id, row.message_id, tx.now))
    tx.hint("settled")


def uncertain_letters(connection: Connection, account_id: int, since: datetime) -> dict[int, int]:
    """Deliveries of an account that may have arrived, and their conversations: the latest hundred since
    then.
    """
    rows = connection.execute(
        select(Delivery.id, Delivery.conversation_id)
        .where(
            Delivery.account_id == account_id,
            _UNCERTAIN,
            Delivery.message_id.is_not(None),
            Delivery.settled_at > since,
        )
        .order_by(Delivery.id.desc())
        .limit(100)
    )
    return {row.id: row.conversation_id for row in rows}


def backoff(attempts: int) -> timedelta:
    """How long to wait after so many attempts: 2 s, 4 s, 8 s … up to an hour."""
    return min(timedelta(seconds=2.0 ** min(attempts, 12)), LONGEST_WAIT)


# --- settling ------------------------------------------------------------------------------------


def _arrived(claimed: Claimed, delivered: Sequence[str]) -> dict[str, Any]:
    """The parts that did arrive, of this attempt and those before: sent again, they are left out."""
    return {"external_ids": list(dict.fromkeys((*claimed.message.already_sent, *delivered))) or None}


def _waiting_again(
    tx: Transaction, claimed: Claimed, wait: Postponed, unwanted: str | None
) -> dict[str, Any]:
    if unwanted is not None:
        return {"state": DeliveryState.CANCELLED, "error": unwanted, **_arrived(claimed, wait.delivered)}
    if claimed.notice is not None:
        note_begins_anew(tx, claimed, wait.delivered)
    return {
        "state": DeliveryState.WAITING,
        "due_at": tx.now + (wait.retry_after or backoff(claimed.attempts)),
        "settled_at": None,
        "error": wait.reason[:500],
        **(_arrived(claimed, wait.delivered) if claimed.notice is None else {"external_ids": None}),
    }


def _follow(tx: Transaction, claimed: Claimed, thread: str) -> bool:
    """The conversation goes on under a new name; False when another one has it, or it is none of a
    customer's.
    """
    if claimed.message_id is None:
        return False
    taken = tx.connection.execute(
        select(Conversation.id).where(
            Conversation.account_id == claimed.account_id, Conversation.thread == thread
        )
    ).scalar_one_or_none()
    if taken is not None:
        return False
    tx.connection.execute(
        update(Conversation).where(Conversation.id == claimed.conversation_id).values(thread=thread)
    )
    return True


def _settle_abandoned(tx: Transaction) -> None:
    """Leases that have run out: the worker died between the network and us. It may have arrived; say so."""
    rows = tx.ask(_ABANDONED, now=tx.now)
    if not rows:
        return
    for row in rows:
        if row.notice is not None and row.attempts < NOTICE_ATTEMPTS:
            # A manager may see the same card twice; a lead that nobody was shown would be worse.
            tx.update(
                Delivery,
                [{"id": row.id, "state": DeliveryState.WAITING, "lease_until": None, "due_at": tx.now}],
            )
            continue
        tx.update(
            Delivery,
            [
                {
                    "id": row.id,
                    "state": DeliveryState.UNCERTAIN,
                    "lease_until": None,
                    "settled_at": tx.now,
                    "error": "the sender died before it heard an answer",
                }
            ],
        )
        note_uncertain(tx, row)


def _write_cancelled(tx: Transaction, cancelled: Sequence[tuple[Any, str]]) -> None:
    tx.update(
        Delivery,
        [
            {
                "id": row.id,
                "state": DeliveryState.CANCELLED,
                "topic": None,
                "error": reason,
                "settled_at": tx.now,
            }
            for row, reason in cancelled
        ],
    )
    for row, reason in cancelled:
        if row.message_id is not None and not row.is_automatic:
            if reason != "excluded":
                note_failed(tx, row)
            tell_of(tx, row, "delivery-failed", cause=reason, reason=reason)
    if cancelled:
        tx.hint("settled")
        tx.hint("deliveries")  # what lay behind them in their lanes is free to go


def _asked(why: str, conversation_ids: Collection[int]) -> dict[str, Any]:
    return {"why": why, "lanes": [f"conversation:{id}" for id in conversation_ids]}
