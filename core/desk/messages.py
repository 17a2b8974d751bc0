"""What was said, as people read it: both directions, with files and what became of each delivery."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, bindparam, func, select
from sqlalchemy.orm import aliased

from core.automation.model import Robot
from core.conversations.model import (
    Attachment,
    Conversation,
    Delivery,
    Direction,
    FileState,
    Message,
    MessageVersion,
)
from core.database import among, ask
from core.language import in_language
from core.staff import managers

_HAS_MORE = and_(Message.whole_text.is_not(None), Message.whole_text != Message.text).label("has_more")

_FILE = (  # the message, then a `File` in its order
    Attachment.message_id,
    Attachment.id,
    Attachment.kind,
    Attachment.state,
    Attachment.name,
    Attachment.media_type,
    Attachment.size,
    Attachment.sha256,
    Attachment.reference,
    Attachment.account_id,
    Attachment.error,
)


_MESSAGES = select(
    Message.id,
    Message.conversation_id,
    Message.direction,
    Message.author,
    Message.author_name,
    Message.content,
    Message.text,
    Message.subject,
    Message.external_id,
    Message.reply_to,
    Message.group,
    Message.is_automatic,
    Message.fields,
    Message.sent_at,
    Message.edited_at,
    _HAS_MORE,
    Conversation.channel,
    Conversation.seen_id,
).join(Conversation, Conversation.id == Message.conversation_id)
_BY_ID = _MESSAGES.where(among(Message.id, "ids"))
_NEWEST = (
    _MESSAGES.where(Message.lead_id == bindparam("lead"))
    .order_by(Message.id.desc())
    .limit(bindparam("limit"))
)
_IS_UNSEEN = and_(
    Message.conversation_id == bindparam("conversation"),
    Message.id > Conversation.seen_id,
    Message.direction == Direction.IN,
)
_UNSEEN = _MESSAGES.where(_IS_UNSEEN).order_by(Message.id.desc()).limit(bindparam("limit"))
_UNSEEN_BEFORE = (
    select(func.count(Message.id))
    .join(Conversation, Conversation.id == Message.conversation_id)
    .where(_IS_UNSEEN, Message.id < bindparam("before"))
)
_UNSEEN_COUNTS = (
    select(Conversation.lead_id, func.count(Message.id))
    .join(Message, Message.conversation_id == Conversation.id)
    .where(
        among(Conversation.lead_id, "leads"),
        Message.id > Conversation.seen_id,
        Message.direction == Direction.IN,
    )
    .group_by(Conversation.lead_id)
)
_COUNTED = (
    select(func.count(Message.id.distinct()), func.count(Attachment.id))
    .join(Attachment, Attachment.message_id == Message.id, isouter=True)
    .where(Message.lead_id == bindparam("lead"))
)
_ROBOTS = select(Robot.id, Robot.title).where(among(Robot.id, "ids"))
_FILES = select(*_FILE).where(among(Attachment.message_id, "messages")).order_by(Attachment.id)
_TARGET, _BEFORE = aliased(Message), aliased(Message)
_ANSWERED = (
    select(Message.id, _TARGET.text)
    .join(
        _TARGET,
        and_(_TARGET.conversation_id == Message.conversation_id, _TARGET.external_id == Message.reply_to),
    )
    .where(
        among(Message.id, "ids"),
        _TARGET.id
        != select(func.max(_BEFORE.id))
        .where(_BEFORE.conversation_id == Message.conversation_id, _BEFORE.id < Message.id)
        .scalar_subquery(),
    )
)
_DISPATCHES = (
    select(
        Delivery.message_id,
        Delivery.id,
        Delivery.state,
        Delivery.attempts,
        Delivery.cause,
        Delivery.error,
        Delivery.due_at,
        Delivery.settled_at,
    )
    .where(among(Delivery.message_id, "messages"))
    .order_by(Delivery.id)  # what was sent again counts by its last delivery
)


@dataclass(frozen=True, slots=True)
class File:
    """A file of a message. `state` is a FileState; `reference` works only through `account_id`'s own bot."""

    id: int
    kind: str
    state: str
    name: str | None
    media_type: str | None
    size: int | None
    sha256: str | None
    reference: str | None
    account_id: int
    error: str | None

    @property
    def is_empty(self) -> bool:
        """Whether it came with nothing in it: Telegram takes no such file."""
        return self.state == FileState.STORED and self.size == 0


@dataclass(frozen=True, slots=True)
class Dispatch:
    """What became of an outgoing message: its latest delivery. `state` is a DeliveryState."""

    id: int
    state: str
    attempts: int
    cause: str | None
    error: str | None
    due_at: datetime
    settled_at: datetime | None


@dataclass(frozen=True, slots=True)
class Said:
    """One message. `author` is "customer", "manager:<id>", "robot:<id>" or "owner".

    `author_name` is for reading: a manager's name, a robot's title, a third person of the thread; None where
    the contact wrote. `is_seen` is false for what came in and no manager was shown.
    """

    id: int
    conversation_id: int
    channel: str
    direction: str
    author: str
    author_name: str | None
    content: str
    text: str
    subject: str | None
    external_id: str | None
    reply_to: str | None
    group: str | None
    is_automatic: bool
    is_seen: bool
    sent_at: datetime
    edited_at: datetime | None
    files: tuple[File, ...]
    dispatch: Dispatch | None
    copies: tuple[str, ...] = ()  # e-mail: who else got it
    has_more: bool = False  # e-mail: `letters.whole_letter` has more than `text`, quotes or what comes after
    fields: Mapping[str, str] = field(default_factory=dict)  # what a form or a network told besides
    answers: str | None = None  # what a customer's message replies to, where that is not the one just before


def latest(connection: Connection, lead_id: int, *, language: str, limit: int = 10) -> tuple[Said, ...]:
    """The newest messages of a lead in both directions, oldest of them first."""
    return _read(connection, ask(connection, _NEWEST, lead=lead_id, limit=limit), language)


def unseen(
    connection: Connection, conversation_id: int, *, language: str, limit: int = 30
) -> tuple[tuple[Said, ...], int]:
    """What came into a conversation since a manager was last shown it, and how much came before that.

    The newest `limit` messages, oldest of them first.
    """
    waiting = ask(connection, _UNSEEN, conversation=conversation_id, limit=limit)
    newest = _read(connection, waiting, language)
    if len(waiting) < limit:
        return newest, 0
    before = min(row.id for row in waiting)
    ((earlier,),) = ask(connection, _UNSEEN_BEFORE, conversation=conversation_id, before=before)
    return newest, earlier


def message(connection: Connection, message_id: int, *, language: str) -> Said | None:
    """One message."""
    return next(iter(_read(connection, ask(connection, _BY_ID, ids=[message_id]), language)), None)


def among_ids(connection: Connection, ids: Collection[int], *, language: str) -> tuple[Said, ...]:
    """These messages, in the order in which they were said."""
    return _read(connection, ask(connection, _BY_ID, ids=ids), language) if ids else ()


def unseen_counts(connection: Connection, lead_ids: Sequence[int]) -> dict[int, int]:
    """How many messages came into each of these leads' conversations that no manager was shown."""
    rows = ask(connection, _UNSEEN_COUNTS, leads=lead_ids)
    return {int(row[0] or 0): row[1] for row in rows}


def counted(connection: Connection, lead_id: int) -> tuple[int, int]:
    """How many messages a lead has in both directions, and how many files in them."""
    ((spoken, files),) = ask(connection, _COUNTED, lead=lead_id)
    return spoken, files


def files(
    connection: Connection, lead_id: int, before: int | None = None, *, limit: int = 10
) -> tuple[tuple[File, ...], int]:
    """The latest files of a lead, oldest of them first, and how many there are before them.

    `before` is the id of the first file of the page that was shown last.
    """
    of_lead = Message.lead_id == lead_id
    if before is not None:
        of_lead &= Attachment.id < before
    rows = connection.execute(
        select(*_FILE)
        .join(Message, Message.id == Attachment.message_id)
        .where(of_lead)
        .order_by(Attachment.id.desc())
        .limit(limit)
    ).all()
    latest = tuple(File(*row[1:]) for row in reversed(rows))
    if len(latest) < limit:
        return latest, 0
    earlier = connection.execute(
        select(func.count())
        .select_from(Attachment)
        .join(Message, Message.id == Attachment.message_id)
        .where(Message.lead_id == lead_id, Attachment.id < latest[0].id)
    ).scalar_one()
    return latest, earlier


def versions(connection: Connection, message_id: int) -> Sequence[tuple[datetime, str]]:
    """What a message said before each edit, oldest first: (until when, the text)."""
    rows = connection.execute(
        select(MessageVersion.replaced_at, MessageVersion.text)
        .where(MessageVersion.message_id == message_id)
        .order_by(MessageVersion.id)
    )
    return [(row.replaced_at, row.text) for row in rows]


def author_names(connection: Connection, authors: Collection[str], language: str) -> Mapping[str, str]:
    """How to name these authors: managers by name, robots by title; nobody else is in the answer."""
    ids: dict[str, dict[int, str]] = {"manager": {}, "robot": {}}
    for author in authors:
        kind, _, number = author.partition(":")
        if kind in ids and number.isdecimal():
            ids[kind][int(number)] = author
    names: dict[str, str] = {}
    if ids["manager"]:
        for id, name in managers.names(connection, list(ids["manager"])).items():
            names[ids["manager"][id]] = name
    if ids["robot"]:
        for row in ask(connection, _ROBOTS, ids=list(ids["robot"])):
            names[ids["robot"][row.id]] = in_language(row.title, language, language)
    return names


def copies_of(fields: Mapping[str, Any] | None) -> tuple[str, ...]:
    """Who else got a letter: ours keep a list of addresses, those that came a line of them."""
    copies = (fields or {}).get("cc") or ()
    if isinstance(copies, str):
        copies = copies.split(",")
    return tuple(copy for copy in (str(one).strip() for one in copies) if copy)


def _read(connection: Connection, rows: Sequence[Any], language: str) -> tuple[Said, ...]:
    if not rows:
        return ()
    ids = [row.id for row in rows]
    files = _files(connection, ids)
    dispatches = _dispatches(connection, [row.id for row in rows if row.direction == Direction.OUT])
    # Our own answers name what the manager had before them, and a letter always answers one.
    answers = [r.id for r in rows if r.reply_to and r.direction == Direction.IN and r.channel != "email"]
    answered = _answered(connection, answers)
    names = author_names(connection, {row.author for row in rows}, language)
    said = [
        Said(
            id=row.id,
            conversation_id=row.conversation_id,
            channel=row.channel,
            direction=row.direction,
            author=row.author,
            author_name=names.get(row.author) or row.author_name,
            content=row.content,
            text=row.text,
            subject=row.subject,
            external_id=row.external_id,
            reply_to=row.reply_to,
            group=row.group,
            is_automatic=row.is_automatic,
            is_seen=row.direction == Direction.OUT or row.id <= row.seen_id,
            sent_at=row.sent_at,
            edited_at=row.edited_at,
            files=tuple(files.get(row.id, ())),
            dispatch=dispatches.get(row.id),
            copies=copies_of(row.fields),
            has_more=bool(row.has_more),
            fields={name: value for name, value in (row.fields or {}).items() if isinstance(value, str)},
            answers=answered.get(row.id),
        )
        for row in rows
    ]
    return tuple(sorted(said, key=lambda one: (one.sent_at, one.id)))


def _files(connection: Connection, message_ids: Collection[int]) -> dict[int, list[File]]:
    found: dict[int, list[File]] = {}
    for row in ask(connection, _FILES, messages=message_ids):
        found.setdefault(row.message_id, []).append(File(*row[1:]))
    return found


def _answered(connection: Connection, message_ids: Collection[int]) -> dict[int, str]:
    """What these messages reply to, where it is not the message just before: that needs no words."""
    if not message_ids:
        return {}
    rows = ask(connection, _ANSWERED, ids=message_ids)
    return {row.id: row.text for row in rows}


def _dispatches(connection: Connection, message_ids: Collection[int]) -> dict[int, Dispatch]:
    if not message_ids:
        return {}
    rows = ask(connection, _DISPATCHES, messages=message_ids)
    return {row.message_id: Dispatch(*row[1:]) for row in rows}
