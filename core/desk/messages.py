"""What was said, as people read it: both directions, with files and what became of each delivery."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection


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
    """One message. `author` is "customer", "manager:<id>", "robot:<id>" or "owner"; `author_name` is for reading.

    `author_name` is the manager's name, a robot's title in the card's language, or a third person of the thread;
    None where the contact wrote. `is_seen` is false for what came in and no manager was shown.
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


def latest(connection: Connection, lead_id: int, *, language: str, limit: int = 10) -> tuple[Said, ...]:
    """The newest messages of a lead in both directions, oldest of them first."""
    raise NotImplementedError


def unseen(
    connection: Connection, conversation_id: int, *, language: str, limit: int = 30
) -> tuple[Said, ...]:
    """What came into a conversation since a manager was last shown it, oldest first: the oldest `limit`."""
    raise NotImplementedError


def message(connection: Connection, message_id: int, *, language: str) -> Said | None:
    """One message."""
    raise NotImplementedError


def versions(connection: Connection, message_id: int) -> Sequence[tuple[datetime, str]]:
    """What a message said before each edit, oldest first: (until when, the text)."""
    raise NotImplementedError
