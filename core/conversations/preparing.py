"""What was claimed is made ready to send: the message and what it continues, or the notice in its reader's words."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeAlias

import structlog
from sqlalchemy import Connection, exists, select

from core.channel import Markup, OutboundFile, OutboundMessage, Screen, Span
from core.conversations.model import SPOKEN, Attachment, Conversation, Delivery, Direction, Message
from core.database import DatabaseError, Transaction, among
from core.exclusions.hits import excluded_contacts, excluded_emails
from core.lines.accounts import RETIRED
from core.lines.hours import Hours
from core.lines.model import Account
from core.staff.model import Manager

log = structlog.get_logger("deliveries")

LATEST = timedelta(days=1)  # a follow-up that could not leave for so long, leaves no more
PROMPTLY = timedelta(minutes=1)  # nor one that could not so soon, once the company is closed

_CONVERSATIONS = (
    select(
        Conversation.id,
        Conversation.thread,
        Conversation.channel,
        Conversation.contact_id,
        Conversation.subject,
        Conversation.closed_at,
        Conversation.closed_why,
        Account.retired_at,
    )
    .join(Account, Account.id == Conversation.account_id)
    .where(among(Conversation.id, "ids"))
)
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
# What a person wrote after it was wished; a machine that answers for them (out of office) has read nothing.
_WROTE = select(Delivery.id).where(
    among(Delivery.id, "ids"),
    exists().where(
        Message.conversation_id == Delivery.conversation_id,
        Message.id > Delivery.message_id,
        Message.direction == Direction.IN,
        Message.is_automatic.is_(False),
    ),
)
_READERS = select(Manager.id, Manager.telegram_id, Manager.is_active).where(among(Manager.id, "ids"))


@dataclass(frozen=True, slots=True)
class NoticeRow:
    """A notice as it was wished: what the renderer makes words of."""

    delivery_id: int
    account_id: int
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


def prepare(
    tx: Transaction, rows: Sequence[Any], renderer: Renderer | None, stale: timedelta, hours: Hours
) -> tuple[list[Claimed], list[tuple[Any, str]]]:
    """The world is read again for these rows: what is ready to send, and what has become pointless, with its reason."""
    conversations = _conversations(tx, {row.conversation_id for row in rows if row.message_id is not None})
    messages = _messages(tx, {row.message_id for row in rows if row.message_id is not None})
    copies = _copies(tx, messages)
    files = _files(tx, set(messages))
    letters = _letters(tx, conversations) if any(c.channel == "email" for c in conversations.values()) else {}
    excluded = excluded_contacts(tx, {c.contact_id for c in conversations.values()})
    wrote = _answered(tx, {row.id for row in rows if row.stops_on_answer})
    readers = _readers(tx, {row.manager_id for row in rows if row.manager_id is not None})
    is_closed = hours.next_open(tx.now) > tx.now
    ready: list[Claimed] = []
    cancelled: list[tuple[Any, str]] = []
    for row in rows:
        if row.notice is not None:
            prepared = _notice(tx, row, readers.get(row.manager_id), renderer)
        else:
            conversation, message = conversations[row.conversation_id], messages[row.message_id]
            latest = stale  # "we have your message" may not come later than this
            if (message.fields or {}).get("follow_up"):
                # A question may, but not at night, nor wait for the morning: in its lane answers come behind it.
                latest = PROMPTLY if is_closed else LATEST
            why = _why_cancel(row, conversation, excluded, wrote, tx.now - row.created_at, latest)
            prepared = why or _customer_message(
                row,
                conversation,
                message,
                files.get(row.message_id, ()),
                copies[row.message_id],
                letters.get(row.conversation_id, _LetterThread()),
            )
        if isinstance(prepared, Claimed):
            ready.append(prepared)
        else:
            cancelled.append((row, prepared))
    return ready, cancelled


def _why_cancel(
    row: Any,
    conversation: Any,
    excluded: dict[int, int],
    wrote: Collection[int],
    age: timedelta,
    latest: timedelta,
) -> str | None:
    if conversation.contact_id in excluded:
        return "excluded"
    if conversation.closed_at is not None:
        return conversation.closed_why or "closed"
    if conversation.retired_at is not None:
        return RETIRED
    if row.id in wrote:
        return "customer-wrote"
    if row.is_automatic and not row.external_ids and age > latest:
        return "too-late"
    return None


def _customer_message(
    row: Any,
    conversation: Any,
    message: Any,
    files: Sequence[OutboundFile],
    copies: tuple[str, ...],
    letters: _LetterThread,
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
        cc=copies,
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
    wished = NoticeRow(row.id, row.account_id, kind, facts, row.manager_id, row.lead_id, row.conversation_id)
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
    return {row.id: row for row in tx.ask(_CONVERSATIONS, ids=ids)}


def _answered(tx: Transaction, ids: Collection[int]) -> set[int]:
    """Those of these deliveries after which their reader has written."""
    return {row.id for row in tx.ask(_WROTE, ids=ids)} if ids else set()


def _messages(tx: Transaction, ids: Collection[int]) -> dict[int, Any]:
    return {row.id: row for row in tx.ask(_MESSAGES, ids=ids)}


def _copies(tx: Transaction, messages: Mapping[int, Any]) -> dict[int, tuple[str, ...]]:
    """Who else gets each letter; whoever has been excluded since it was written is taken off it."""
    wanted = {id: tuple((row.fields or {}).get("cc", ())) for id, row in messages.items()}
    excluded = excluded_emails(tx, {address for copies in wanted.values() for address in copies})
    let_in = {id: tuple(one for one in copies if one not in excluded) for id, copies in wanted.items()}
    tx.update(
        Message,
        [
            {"id": id, "fields": {**messages[id].fields, "cc": list(copies)}}
            for id, copies in let_in.items()
            if copies != wanted[id]
        ],
    )
    return let_in


def _files(tx: Transaction, message_ids: Collection[int]) -> dict[int, list[OutboundFile]]:
    found: dict[int, list[OutboundFile]] = {}
    for row in tx.ask(_FILES, messages=message_ids):
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
    return {row.id: row for row in tx.ask(_READERS, ids=ids)}
