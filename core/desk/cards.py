"""The card of a lead: everything a manager should know before the first word."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from core.desk.messages import Said
from core.leads.pipelines import StageRef


@dataclass(frozen=True, slots=True)
class KnownAddress:
    """One way to reach the person. `closed_at` and `closed_why` say since when and why it takes nothing."""

    kind: str
    value: str
    username: str | None
    is_proved: bool
    closed_at: datetime | None
    closed_why: str | None


@dataclass(frozen=True, slots=True)
class Colleague:
    """A manager, as a card names them; also one who has left."""

    id: int
    name: str


@dataclass(frozen=True, slots=True)
class Earlier:
    """The person's last closed lead before this one."""

    lead_id: int
    number: int
    title: str
    outcome: str
    reason: str | None
    comment: str | None
    closed_at: datetime | None
    responsible: Colleague | None


@dataclass(frozen=True, slots=True)
class Planned:
    """A robot's run: waiting until `due_at`, or skipped, cancelled or failed with its `reason`.

    `state` is a TimerState; `reason` a word such as "closed", "customer-wrote", "stage-left", "excluded",
    "blocked", "no-way", "condition", "too-late", "robot-off", "already-said", or the error of a failed one.
    """

    timer_id: int
    robot: str
    state: str
    due_at: datetime
    settled_at: datetime | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class Recognition:
    """Why a message joined a person we knew: the address they share. `separate(conversation_id)` undoes it."""

    at: datetime
    kind: str  # of the address: phone, email, telegram, …
    value: str
    conversation_id: int
    is_separated: bool  # already undone; `rejoin(conversation_id)` brings it back


@dataclass(frozen=True, slots=True)
class Suggestion:
    """Another contact that may be the same person; `merge` makes them one."""

    contact_id: int
    number: int
    name: str
    addresses: tuple[KnownAddress, ...]


@dataclass(frozen=True, slots=True)
class Note:
    """What a manager wrote for colleagues."""

    at: datetime
    author: str
    text: str


@dataclass(frozen=True, slots=True)
class Way:
    """How the person can be answered. `why_not` is None when they can.

    `why_not`: "excluded", "blocked" or another closing reason of the conversation, "one-way" (a site form of
    somebody who left no e-mail, or there is no mailbox), "no-conversation" (entered by hand).
    """

    conversation_id: int | None
    channel: str | None
    why_not: str | None


@dataclass(frozen=True, slots=True)
class Exclusion:
    """The exclusion that keeps this person out now."""

    id: int
    pattern: str
    comment: str | None


@dataclass(frozen=True, slots=True)
class Card:
    """A lead as people see it. Titles of stage, reason and robots are in the language that was asked for."""

    id: int
    number: int
    title: str
    line_id: int
    channel: str
    account_title: str
    source: str | None
    fields: Mapping[str, str]
    contact_id: int
    contact_number: int
    contact_name: str
    is_client: bool
    addresses: tuple[KnownAddress, ...]
    missing: tuple[str, ...]  # of "name", "phone", "email": what we do not know about the person
    stage: StageRef
    stage_title: str
    visit_id: int
    fence: int  # a few digits of `visit_id` that fit a button; `work.*` take them as `seen`
    stage_since: datetime
    outcome: str
    reason: str | None
    comment: str | None
    responsible: Colleague | None
    is_taken: bool  # false: the queue merely proposed the responsible
    is_repeat: bool
    earlier: Earlier | None
    created_at: datetime
    first_answer_at: datetime | None
    waiting_since: datetime | None
    active_at: datetime
    closed_at: datetime | None
    messages: tuple[Said, ...]  # newest last
    unseen: int
    planned: tuple[Planned, ...]  # what waits, earliest first
    skipped: Planned | None  # the latest that was skipped, cancelled or failed
    recognition: Recognition | None
    suggestions: tuple[Suggestion, ...]
    notes: tuple[Note, ...]  # the newest three, newest first
    way: Way
    exclusion: Exclusion | None
    can_undo_exclusion: bool  # somebody excluded the person from a card, and it still holds


def card(
    connection: Connection, lead_id: int, *, language_default: str, language: str | None = None
) -> Card | None:
    """Everything about a lead, or None when there is none.

    `language` is the reader's; titles without it fall back to `language_default`.
    """
    raise NotImplementedError


def card_by_number(
    connection: Connection, number: int, *, language_default: str, language: str | None = None
) -> Card | None:
    """Like `card`, by the number people say."""
    raise NotImplementedError
