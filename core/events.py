"""What can happen: facts recorded on a transaction, answered by automation inside that same transaction."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class StageEntered:
    """A lead has begun a stay in a stage; robots of that stage are due."""

    lead_id: int
    visit_id: int
    stage_id: int
    conversation_id: int | None
    occurred_at: datetime  # when the cause happened outside, e.g. when the customer wrote
    is_new: bool = False  # the lead was born with this visit
    is_quiet: bool = False  # colleagues did it among themselves: nobody expects a word to the customer
    by: int | None = None  # the manager whose doing it is: they have it before them
    language: str | None = None  # what the customer reads, when the cause told
    is_silent: bool = False  # the customer opened the chat, and has said nothing yet
    is_let_in: bool = (
        False  # in this transaction the exclusions were asked about all that is known of the person
    )


@dataclass(frozen=True, slots=True)
class StageLeft:
    """A stay is over; whatever was scheduled for it is cancelled."""

    lead_id: int
    visit_id: int


@dataclass(frozen=True, slots=True)
class FirstWords:
    """Somebody who had merely opened the chat says what they want; what waited for that is due."""

    lead_id: int
    conversation_id: int
    occurred_at: datetime
    language: str | None


@dataclass(frozen=True, slots=True)
class CustomerWrote:
    """A person wrote into a conversation; follow-ups that wait for silence are cancelled."""

    conversation_id: int
    contact_id: int
    lead_id: int | None
    message_id: int
    is_newcomer: bool  # nobody we knew before: nothing of theirs waits


@dataclass(frozen=True, slots=True)
class MessageEdited:
    """A person changed what they wrote; whoever reads the lead sees the new text."""

    conversation_id: int
    lead_id: int | None
    message_id: int


@dataclass(frozen=True, slots=True)
class Answered:
    """Somebody answered the customer: as it is written, and once more as it arrives. Silence counts from the later."""

    conversation_id: int
    lead_id: int
    message_id: int
    at: datetime


@dataclass(frozen=True, slots=True)
class AnswerFailed:
    """A person's answer did not arrive, or (`is_certain` false) nobody knows; no silence can be waited for."""

    lead_id: int
    message_id: int
    is_certain: bool = True


@dataclass(frozen=True, slots=True)
class ContactClosed:
    """Nothing may or can be sent to this person any more: excluded, or they blocked us."""

    contact_id: int
    reason: str


@dataclass(frozen=True, slots=True)
class ManagerCame:
    """Somebody can be given leads from now on: came back, came in, started the bot."""

    manager_id: int


@dataclass(frozen=True, slots=True)
class ManagerLeft:
    """Somebody does not work here any more, cannot be written to, or is away.

    The open leads they had are given out, of the latter two those that were merely offered to them.
    """

    manager_id: int


Event: TypeAlias = (
    StageEntered
    | StageLeft
    | FirstWords
    | CustomerWrote
    | MessageEdited
    | Answered
    | AnswerFailed
    | ContactClosed
    | ManagerCame
    | ManagerLeft
)
