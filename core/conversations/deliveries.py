"""Outgoing messages on their way: claimed, sent outside of any transaction, settled. The only writer of
their state.

Order holds inside a lane (one conversation, one manager); lanes never wait for each other. What a dead
worker left behind is not sent again on a guess: it is uncertain, and a person decides.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeAlias

import structlog
from sqlalchemy import Connection, bindparam, exists, func, not_, select, text, update
from sqlalchemy.orm import aliased

from core import journal
from core.channel import (
    Cause,
    Markup,
    Moved,
    OutboundFile,
    OutboundMessage,
    Outcome,
    Postponed,
    Refused,
    Screen,
    Sent,
    Span,
    Uncertain,
)
from core.contacts.model import Address
from core.conversations.model import (
    SPOKEN,
    Attachment,
    Conversation,
    Delivery,
    DeliveryState,
    LetterId,
    Message,
    Shown,
)
from core.conversations.notices import notify, notify_admins, responsible_of, tell_trouble
from core.conversations.shown import OF_NOTICES
from core.conversations.threads import letter_key
from core.database import DatabaseError, Transaction, among
from core.events import ContactClosed
from core.exclusions.hits import excluded_contacts
from core.staff.managers import set_reachable
from core.staff.model import Manager

log = structlog.get_logger("deliveries")

LEASE = timedelta(minutes=2)  # a send that takes longer has died, or might as well have
GIVE_UP = timedelta(days=3)  # after this long of "not yet" a person should know
NOTICE_ATTEMPTS = 12  # of a notice nobody knows to have come: over an hour
LONGEST_WAIT = timedelta(hours=1)
FINAL = (DeliveryState.SENT, DeliveryState.REFUSED, DeliveryState.UNCERTAIN, DeliveryState.CANCELLED)
_WAITING = text("delivery.state = 'waiting'")  # constants, so that the partial indexes serve them
_SENDING = text("delivery.state = 'sending'")
_IN_LANE = text("delivery.state IN ('waiting', 'sending')")  # in the words of the index over lanes
_UNCERTAIN = text("delivery.state = 'uncertain'")
_EARLIER = aliased(Delivery)
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
        ~exists().where(
            _EARLIER.lane == Delivery.lane,
            _EARLIER.id < Delivery.id,
            text("delivery_1.state IN ('waiting', 'sending')"),
        ),
        not_(among(Delivery.account_id, "paused")),
    )
    .order_by(Delivery.due_at, Delivery.id)
    .limit(bindparam("limit"))
    .with_for_update(of=Delivery, skip_locked=True)
)
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
    .where(_SENDING, Delivery.lease_until < bindparam("now"))
    .limit(64)
    .with_for_update(skip_locked=True)
)
_IN_HAND = select(Delivery.id, Delivery.state, Delivery.attempts).where(among(Delivery.id, "ids"))
_CONVERSATIONS = select(
    Conversation.id,
    Conversation.thread,
    Conversation.channel,
    Conversation.contact_id,
    Conversation.subject,
    Conversation.closed_at,
    Conversation.closed_why,
    Conversation.last_in_at,
).where(among(Conversation.id, "ids"))
_MESSAGES = select(Message.id, Message.text, Message.reply_to, Message.subject, Message.fields).where(
    among(Message.id, "ids")
)
_FILES = (
    select(
        Attachment.message_id,
        Attachment.kind,
        Attachment.name,
        Attachment.sha256,
        Attachment.reference,
        Attachment.media_type,
    )
    .where(among(Attachment.message_id, "messages"))
    .order_by(Attachment.id)
)
_READERS = select(Manager.id, Manager.telegram_id, Manager.is_active).where(among(Manager.id, "ids"))
_TAKEN = aliased(Message)  # a network that counts anew must not stop what is sent from being settled
_NAME = (
    update(Message)
    .where(
        Message.id == bindparam("message"),
        Message.external_id.is_(None),
        ~exists().where(
            _TAKEN.conversation_id == bindparam("conversation"), _TAKEN.external_id == bindparam("name")
        ),
    )
    .values(external_id=bindparam("name"))
)
_OF_LEADS = select(Conversation.id).where(among(Conversation.lead_id, "leads"))


@dataclass(frozen=True, slots=True)
class NoticeRow:
    """A notice as it was wished: what the renderer makes words of."""

    delivery_id: int
    kind: str
    facts: dict[str, Any]
    manager_id: int
    lead_id: int | None
    conversation_id: int | None


@dataclass(frozen=True, slots=True)
class Rendered:
    """A notice in the reader's words, with the files it shows and the last inbound message it shows."""

    screen: Screen
    files: tuple[OutboundFile, ...] = ()
    seen_id: int | None = None
    message_id: int | None = None  # the customer's message a reply to this notice answers
    edits: str | None = None  # a message of ours that is drawn anew, instead of sending one


Renderer: TypeAlias = Callable[[Connection, NoticeRow], Rendered | None]


@dataclass(frozen=True, slots=True)
class Claimed:
    """A delivery in a worker's hands until its lease ends."""

    id: int
    account_id: int
    attempts: int
    created_at: datetime
    message: OutboundMessage
    conversation_id: int | None
    contact_id: int | None
    lead_id: int | None
    message_id: int | None
    manager_id: int | None
    is_automatic: bool
    notice: str | None
    chat_id: int | None = None  # a notice: the manager's chat
    seen_id: int | None = None
    shows_message_id: int | None = None


def claim(
    tx: Transaction, limit: int, renderer: Renderer | None, *, paused: Collection[int] = ()
) -> list[Claimed]:
    """Take up to `limit` messages that are due, the oldest of each lane, and make them ready to send.

    The world is read again first: what has become pointless (the person is excluded, has blocked us, has
    answered meanwhile; a notice with nothing left to say) is cancelled with its reason. `paused` accounts
    wait.
    """
    _settle_abandoned(tx)
    rows = tx.connection.execute(_DUE, {"now": tx.now, "paused": paused, "limit": limit}).all()
    if not rows:
        return []
    ready, cancelled = _prepare(tx, rows, renderer)
    tx.update(
        Delivery,
        [
            {
                "id": claimed.id,
                "state": DeliveryState.SENDING,
                "topic": None,
                "attempts": claimed.attempts,
                "lease_until": tx.now + LEASE,
                "shown": claimed.message.screen.text if claimed.notice else None,
            }
            for claimed in ready
        ],
    )
    _write_cancelled(tx, cancelled)
    return ready


def settle(tx: Transaction, results: Sequence[tuple[Claimed, Outcome]]) -> None:
    """Write down what became of each. States only move forward; every final failure reaches a human.

    Of a delivery whose lease has run out only its arrival is news: what was uncertain has been sent after
    all.
    """
    asked = {"ids": [claimed.id for claimed, _ in results]}
    now = {row.id: row for row in tx.connection.execute(_IN_HAND, asked)}
    rows: list[dict[str, Any]] = []
    arrived: list[tuple[Claimed, Sequence[str]]] = []
    for claimed, outcome in results:
        known = now.get(claimed.id)
        if known is None or known.attempts != claimed.attempts:
            continue  # somebody else has it in hand
        if known.state == DeliveryState.UNCERTAIN and not isinstance(outcome, Sent):
            continue
        if known.state not in (DeliveryState.SENDING, DeliveryState.UNCERTAIN):
            continue
        row: dict[str, Any] = {
            "id": claimed.id,
            "lease_until": None,
            "settled_at": tx.now,
            "due_at": tx.now,
            "cause": None,
            "error": None,
            "external_ids": list(claimed.message.already_sent) or None,
        }
        match outcome:
            case Sent(external_ids):
                row |= {"state": DeliveryState.SENT, "external_ids": list(external_ids)}
                arrived.append((claimed, external_ids))
            case Postponed() as wait if tx.now - claimed.created_at < GIVE_UP:
                row |= _waiting_again(tx, claimed, wait)
            case Postponed(reason):
                row |= {"state": DeliveryState.REFUSED, "cause": "gave_up", "error": reason[:500]}
                row |= _arrived(claimed, outcome.delivered)
                _note_refused(tx, claimed, "gave_up", reason)
            case Refused(Cause.ACCOUNT, reason):
                # Our own token is refused: nothing is wrong with the message, and it goes out once that is mended.
                row |= _waiting_again(tx, claimed, Postponed(reason, timedelta(minutes=1)))
                tell_trouble(tx, claimed.account_id, "token-refused")
            case Refused(cause, reason):
                row |= {"state": DeliveryState.REFUSED, "cause": cause, "error": reason[:500]}
                row |= _arrived(claimed, outcome.delivered)
                _note_refused(tx, claimed, cause, reason)
            case Moved(thread) if _follow(tx, claimed, thread):
                row |= {"state": DeliveryState.WAITING, "settled_at": None}
            case Moved(thread):
                reason = f"moved to {thread}, which is somebody else's"
                row |= {"state": DeliveryState.REFUSED, "cause": Cause.NOT_FOUND, "error": reason[:500]}
                _note_refused(tx, claimed, Cause.NOT_FOUND, reason)
            case Uncertain(reason) if claimed.notice is not None and claimed.attempts < NOTICE_ATTEMPTS:
                # A manager may see the same card twice; a lead that nobody was shown would be worse.
                row |= _waiting_again(tx, claimed, Postponed(reason, delivered=outcome.delivered))
            case Uncertain(reason):
                row |= {"state": DeliveryState.UNCERTAIN, "error": reason[:500]}
                row |= _arrived(claimed, outcome.delivered)
                _note_uncertain(tx, claimed)
        rows.append(row)
    tx.update(Delivery, rows)
    _note_sent(tx, arrived)
    tx.hint("settled")
    if any(row["state"] == DeliveryState.WAITING for row in rows):
        tx.hint("deliveries")


def cancel_on_answer(
    tx: Transaction, conversation_ids: Collection[int], lead_ids: Collection[int] = ()
) -> None:
    """The customer has written: a follow-up that has not left yet stays here, wherever it was to go."""
    conversations = set(conversation_ids)
    if lead_ids:
        conversations |= {row[0] for row in tx.connection.execute(_OF_LEADS, {"leads": lead_ids})}
    lanes = [f"conversation:{id}" for id in conversations]
    _cancel(tx, "customer-wrote", _IN_LANE, among(Delivery.lane, lanes), Delivery.stops_on_answer)


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
            Delivery.is_automatic,
        )
        .where(_WAITING, _IN_LANE, Delivery.message_id.is_not(None), among(Delivery.lane, lanes))
        .order_by(Delivery.id)
        .with_for_update()
    ).all()
    _write_cancelled(tx, [(row, reason) for row in rows])


def cancel_message(tx: Transaction, message_id: int, reason: str) -> None:
    """A person has thought better of it, in time."""
    _cancel(tx, reason, Delivery.message_id == message_id)


def next_due(connection: Connection) -> datetime | None:
    """When the earliest waiting delivery is due."""
    return connection.execute(
        select(Delivery.due_at).where(_WAITING).order_by(Delivery.due_at).limit(1)
    ).scalar_one_or_none()


def state_of(connection: Connection, delivery_id: int) -> tuple[str, str | None, str | None]:
    """State, cause and error of one delivery: what a manager who wrote it is shown."""
    row = connection.execute(
        select(Delivery.state, Delivery.cause, Delivery.error).where(Delivery.id == delivery_id)
    ).one()
    return row.state, row.cause, row.error


def confirm_arrival(tx: Transaction, message_ids: Sequence[int], state: DeliveryState) -> None:
    """The network reports delivery or reading. Only forward, and an uncertain one is thereby certain."""
    before = {
        DeliveryState.DELIVERED: (DeliveryState.SENT, DeliveryState.UNCERTAIN),
        DeliveryState.READ: (DeliveryState.SENT, DeliveryState.UNCERTAIN, DeliveryState.DELIVERED),
        DeliveryState.SENT: (DeliveryState.UNCERTAIN,),
    }[state]
    tx.connection.execute(
        update(Delivery)
        .where(among(Delivery.message_id, message_ids), Delivery.state.in_(before))
        .values(state=state, settled_at=tx.now)
    )


def tell_author(
    tx: Transaction,
    kind: str,
    *,
    message_id: int | None,
    lead_id: int | None,
    conversation_id: int | None,
    **facts: Any,
) -> None:
    """Whoever wrote it learns, else whoever has the lead, else the admins: somebody always does."""
    author = tx.connection.execute(
        select(Message.author).where(Message.id == message_id)
    ).scalar_one_or_none()
    if "delivery_id" not in facts:
        facts["message_id"] = message_id
    if author is not None and author.startswith("manager:"):
        managers = [int(author.removeprefix("manager:"))]
        notify(tx, managers, kind, lead_id=lead_id, conversation_id=conversation_id, **facts)
        return
    responsible = responsible_of(tx.connection, lead_id)
    if responsible is not None:
        notify(
            tx, [responsible], kind, lead_id=lead_id, conversation_id=conversation_id, silent=True, **facts
        )
    else:
        notify_admins(tx, kind, lead_id=lead_id, conversation_id=conversation_id, **facts)


def confirm_letters(tx: Transaction, account_id: int, letters: Mapping[int, str]) -> None:
    """Letters of ours were seen: answered, returned, or lying in the folder of what was sent.

    `letters` are Message-IDs by delivery, as their signature proves. What was uncertain has been sent; from
    now on answers to it and reports about it find their conversation. Everything else is left as it is.
    """
    rows = tx.connection.execute(
        select(Delivery.id, Delivery.message_id, Delivery.conversation_id)
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
        _remember_letter(tx, account_id, row.conversation_id, row.message_id, letter)
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


# --- making ready --------------------------------------------------------------------------------


def _prepare(
    tx: Transaction, rows: Sequence[Any], renderer: Renderer | None
) -> tuple[list[Claimed], list[tuple[Any, str]]]:
    conversations = _conversations(tx, {row.conversation_id for row in rows if row.message_id is not None})
    messages = _messages(tx, {row.message_id for row in rows if row.message_id is not None})
    files = _files(tx, set(messages))
    letters = _letters(tx, conversations) if any(c.channel == "email" for c in conversations.values()) else {}
    excluded = excluded_contacts(tx, {c.contact_id for c in conversations.values()})
    readers = _readers(tx, {row.manager_id for row in rows if row.manager_id is not None})
    ready: list[Claimed] = []
    cancelled: list[tuple[Any, str]] = []
    for row in rows:
        if row.notice is not None:
            prepared = _notice(tx, row, readers.get(row.manager_id), renderer)
        else:
            conversation, message = conversations[row.conversation_id], messages[row.message_id]
            why = _why_cancel(row, conversation, excluded)
            prepared = why or _customer_message(
                row,
                conversation,
                message,
                files.get(row.message_id, ()),
                letters.get(row.conversation_id, _LetterThread()),
            )
        if isinstance(prepared, Claimed):
            ready.append(prepared)
        else:
            cancelled.append((row, prepared))
    return ready, cancelled


def _why_cancel(row: Any, conversation: Any, excluded: dict[int, int]) -> str | None:
    if conversation.contact_id in excluded:
        return "excluded"
    if conversation.closed_at is not None:
        return conversation.closed_why or "closed"
    if (
        row.stops_on_answer
        and conversation.last_in_at is not None
        and conversation.last_in_at > row.created_at
    ):
        return "customer-wrote"
    return None


def _customer_message(
    row: Any, conversation: Any, message: Any, files: Sequence[OutboundFile], letters: _LetterThread
) -> Claimed:
    fields = message.fields or {}
    spans = tuple(
        Span(Markup(kind), offset, length, url) for kind, offset, length, url in fields.get("spans", ())
    )
    is_anew = _begins_anew(message.subject, letters.subject or conversation.subject)
    outbound = OutboundMessage(
        key=f"{row.message_id}:{row.id}",
        thread=conversation.thread,
        screen=Screen(message.text, spans),
        files=tuple(files),
        reply_to=None if is_anew else message.reply_to,
        automatic=row.is_automatic,
        subject=message.subject or letters.subject or conversation.subject,
        to=(conversation.thread.removeprefix("mail:"),) if conversation.channel == "email" else (),
        cc=tuple(fields.get("cc", ())),
        references=() if is_anew else letters.ids,
        follow_up=bool(fields.get("follow_up")),
        conversation_id=row.conversation_id,
        delivery_id=row.id,
        already_sent=tuple(row.external_ids or ()),
    )
    return Claimed(
        id=row.id,
        account_id=row.account_id,
        attempts=row.attempts + 1,
        created_at=row.created_at,
        message=outbound,
        conversation_id=row.conversation_id,
        contact_id=conversation.contact_id,
        lead_id=row.lead_id,
        message_id=row.message_id,
        manager_id=None,
        is_automatic=row.is_automatic,
        notice=None,
    )


def _notice(tx: Transaction, row: Any, reader: Any, renderer: Renderer | None) -> Claimed | str:
    if reader is None or not reader.is_active:
        return "manager-gone"
    if renderer is None:
        return "no-bot"
    facts = dict(row.notice)
    kind, silent = facts.pop("kind"), bool(facts.pop("silent", False))
    wished = NoticeRow(row.id, kind, facts, row.manager_id, row.lead_id, row.conversation_id)
    try:
        rendered = renderer(tx.connection, wished)
    except DatabaseError:
        raise
    except Exception as error:
        # One notice nobody can word must not hold up all the others.
        log.exception("a notice cannot be worded", delivery_id=row.id, kind=kind, lead_id=row.lead_id)
        return f"cannot be worded: {type(error).__name__}"
    if rendered is None:
        return "nothing-to-say"
    return Claimed(
        id=row.id,
        account_id=row.account_id,
        attempts=row.attempts + 1,
        created_at=row.created_at,
        message=OutboundMessage(
            key=f"notice:{row.id}",
            thread=str(reader.telegram_id),
            screen=rendered.screen,
            files=rendered.files,
            silent=silent,
            already_sent=tuple(row.external_ids or ()),
            edits=rendered.edits,
        ),
        conversation_id=row.conversation_id,
        contact_id=None,
        lead_id=row.lead_id,
        message_id=None,
        manager_id=row.manager_id,
        is_automatic=True,
        notice=kind,
        chat_id=reader.telegram_id,
        seen_id=rendered.seen_id,
        shows_message_id=rendered.message_id,
    )


def _conversations(tx: Transaction, ids: Collection[int]) -> dict[int, Any]:
    return {row.id: row for row in tx.connection.execute(_CONVERSATIONS, {"ids": ids})}


def _messages(tx: Transaction, ids: Collection[int]) -> dict[int, Any]:
    return {row.id: row for row in tx.connection.execute(_MESSAGES, {"ids": ids})}


def _files(tx: Transaction, message_ids: Collection[int]) -> dict[int, list[OutboundFile]]:
    found: dict[int, list[OutboundFile]] = {}
    for row in tx.connection.execute(_FILES, {"messages": message_ids}):
        found.setdefault(row.message_id, []).append(
            OutboundFile(row.kind, row.name or row.kind, row.sha256, row.reference, row.media_type)
        )
    return found


@dataclass(frozen=True, slots=True)
class _LetterThread:
    """What an answer by letter continues: the earlier letters' ids, oldest first, and what they are about."""

    ids: tuple[str, ...] = ()
    subject: str | None = None


def _letters(tx: Transaction, conversations: dict[int, Any]) -> dict[int, _LetterThread]:
    """E-mail: each thread so far, the last dozen letters of it."""
    found: dict[int, list[Any]] = {}
    for row in tx.connection.execute(
        select(Message.conversation_id, Message.external_id, Message.subject)
        .where(
            among(Message.conversation_id, [id for id, c in conversations.items() if c.channel == "email"]),
            Message.external_id.is_not(None),
            SPOKEN,
        )
        .order_by(Message.id)
    ):
        found.setdefault(row.conversation_id, []).append(row)
    return {
        id: _LetterThread(
            tuple(row.external_id for row in rows[-12:]),
            next((row.subject for row in reversed(rows) if row.subject), None),
        )
        for id, rows in found.items()
    }


def _begins_anew(subject: str | None, thread_subject: str | None) -> bool:
    """Whether a person gave a letter a subject of its own: that is a thread of its own wherever threads are
    shown.
    """
    if not subject:
        return False
    return _bare(subject) != _bare(thread_subject or "")


def _bare(subject: str) -> str:
    return _ANSWERS.sub("", subject, count=1).strip().casefold()


_ANSWERS = re.compile(r"(?:\s{0,5}(?:re|fwd?|aw|sv|отв|ha|на)(?:\[\d{1,3}\])?\s{0,5}:){1,10}", re.IGNORECASE)


def _readers(tx: Transaction, ids: Collection[int]) -> dict[int, Any]:
    return {row.id: row for row in tx.connection.execute(_READERS, {"ids": ids})}


# --- settling ------------------------------------------------------------------------------------


def _arrived(claimed: Claimed, delivered: Sequence[str]) -> dict[str, Any]:
    """The parts that did arrive, of this attempt and those before: sent again, they are left out."""
    return {"external_ids": list(dict.fromkeys((*claimed.message.already_sent, *delivered))) or None}


def _waiting_again(tx: Transaction, claimed: Claimed, wait: Postponed) -> dict[str, Any]:
    return {
        "state": DeliveryState.WAITING,
        "due_at": tx.now + (wait.retry_after or backoff(claimed.attempts)),
        "settled_at": None,
        "error": wait.reason[:500],
        **_arrived(claimed, wait.delivered),
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


def _note_sent(tx: Transaction, arrived: Sequence[tuple[Claimed, Sequence[str]]]) -> None:
    """What has arrived: to customers the conversation goes on, to managers they have seen it."""
    spoken = {claimed.conversation_id for claimed, ids in arrived if claimed.message_id is not None and ids}
    tx.update(Conversation, [{"id": id, "last_out_at": tx.now} for id in spoken if id is not None])
    tx.insert_ignoring(
        Shown,
        [
            {
                "chat_id": claimed.chat_id,
                "telegram_message_id": int(external_id),
                "account_id": claimed.account_id,
                "lead_id": claimed.lead_id,
                "conversation_id": claimed.conversation_id,
                "message_id": claimed.shows_message_id,
                "shown_at": tx.now,
                # Buttons hang on the last part; the parts above it never change.
                "screen": OF_NOTICES.get(claimed.notice or "") if external_id == external_ids[-1] else None,
            }
            for claimed, external_ids in arrived
            if claimed.chat_id is not None
            for external_id in external_ids
            if external_id.isdecimal()
        ],
    )
    for claimed, external_ids in arrived:
        if claimed.message_id is not None and external_ids:
            # The network numbers both directions in one row; the first part stands for the message.
            name = external_ids[0]
            _remember_letter(tx, claimed.account_id, claimed.conversation_id, claimed.message_id, name)
        if (
            claimed.chat_id is not None
            and claimed.seen_id is not None
            and claimed.conversation_id is not None
        ):
            tx.connection.execute(
                update(Conversation)
                .where(Conversation.id == claimed.conversation_id, Conversation.seen_id < claimed.seen_id)
                .values(seen_id=claimed.seen_id)
            )


def _remember_letter(
    tx: Transaction, account_id: int, conversation_id: int | None, message_id: int, external_id: str
) -> None:
    """What the network calls our message; a letter's id finds the conversation again when it is answered."""
    given = {"message": message_id, "conversation": conversation_id, "name": external_id}
    tx.connection.execute(_NAME, given)
    if "@" in external_id:
        tx.insert_ignoring(
            LetterId,
            [
                {
                    "account_id": account_id,
                    "letter": letter_key(external_id),
                    "conversation_id": conversation_id,
                    "message_id": message_id,
                }
            ],
        )


def _note_refused(tx: Transaction, claimed: Claimed, cause: str, reason: str) -> None:
    if claimed.manager_id is not None:
        is_gone = cause in (Cause.BLOCKED, Cause.DEACTIVATED, Cause.NOT_FOUND)
        if is_gone and set_reachable(tx, claimed.manager_id, False):
            notify_admins(tx, "manager-unreachable", manager_id=claimed.manager_id)
        return
    if cause in (Cause.BLOCKED, Cause.DEACTIVATED, Cause.NOT_FOUND):
        tx.connection.execute(
            update(Conversation)
            .where(Conversation.id == claimed.conversation_id)
            .values(closed_at=tx.now, closed_why=cause)
        )
        if claimed.contact_id is not None:
            tx.record(ContactClosed(claimed.contact_id, cause))
    _tell_author(tx, claimed, "delivery-failed", cause=cause, reason=reason[:300])


def _note_uncertain(tx: Transaction, claimed: Claimed) -> None:
    if claimed.manager_id is None:
        _tell_author(tx, claimed, "delivery-uncertain")


def _tell_author(tx: Transaction, claimed: Claimed, kind: str, **facts: Any) -> None:
    journal.note(tx, "system", kind, lead_id=claimed.lead_id, details={"delivery": claimed.id, **facts})
    tell_author(
        tx,
        kind,
        message_id=claimed.message_id,
        lead_id=claimed.lead_id,
        conversation_id=claimed.conversation_id,
        delivery_id=claimed.id,
        **facts,
    )


def _settle_abandoned(tx: Transaction) -> None:
    """Leases that have run out: the worker died between the network and us. It may have arrived; say so."""
    rows = tx.connection.execute(_ABANDONED, {"now": tx.now}).all()
    if not rows:
        return
    for row in rows:
        if row.notice is not None:
            # A manager may see the same card twice; a lead that nobody was shown would be worse.
            tx.update(
                Delivery,
                [{"id": row.id, "state": DeliveryState.WAITING, "lease_until": None, "due_at": tx.now}],
            )
            continue
        abandoned = Claimed(
            id=row.id,
            account_id=row.account_id,
            attempts=row.attempts,
            created_at=row.created_at,
            message=OutboundMessage("", "", Screen("")),
            conversation_id=row.conversation_id,
            contact_id=None,
            lead_id=row.lead_id,
            message_id=row.message_id,
            manager_id=None,
            is_automatic=row.is_automatic,
            notice=None,
        )
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
        _note_uncertain(tx, abandoned)


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
            claimed = Claimed(
                id=row.id,
                account_id=row.account_id,
                attempts=row.attempts,
                created_at=row.created_at,
                message=OutboundMessage("", "", Screen("")),
                conversation_id=row.conversation_id,
                contact_id=None,
                lead_id=row.lead_id,
                message_id=row.message_id,
                manager_id=None,
                is_automatic=False,
                notice=None,
            )
            _tell_author(tx, claimed, "delivery-failed", cause=reason, reason=reason)
    if cancelled:
        tx.hint("settled")
        tx.hint("deliveries")  # what lay behind them in their lanes is free to go


def _cancel(tx: Transaction, reason: str, *conditions: Any) -> None:
    tx.connection.execute(
        update(Delivery)
        .where(_WAITING, Delivery.message_id.is_not(None), *conditions)
        .values(state=DeliveryState.CANCELLED, error=reason, settled_at=tx.now)
    )


def waiting_count(connection: Connection) -> int:
    """How many deliveries wait, due or not."""
    return connection.execute(select(func.count()).select_from(Delivery).where(_WAITING)).scalar_one()


def close_address(tx: Transaction, kind: str, value: str, why: str) -> list[int]:
    """An address is dead for everybody who holds it; returns the contacts."""
    rows = tx.connection.execute(
        select(Address.id, Address.contact_id).where(
            Address.key == f"{kind}:{value}", Address.closed_at.is_(None)
        )
    ).all()
    tx.update(Address, [{"id": row.id, "closed_at": tx.now, "closed_why": why} for row in rows])
    return [row.contact_id for row in rows]
