"""The card of a lead: everything a manager should know before the first word."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, select

from core.contacts.model import Contact
from core.database import among, ask
from core.desk import messages, schedule
from core.desk.exclusion_entries import Entry, holding
from core.desk.letters import reachable
from core.desk.messages import Said
from core.desk.persons import (
    KnownAddress,
    Recognition,
    Suggestion,
    Way,
    addresses_of,
    conversations,
    missing,
    recognition,
    suggestions,
    way,
)
from core.desk.schedule import Planned
from core.desk.work import fence
from core.exclusions.hits import contact_patterns
from core.journal import Journal
from core.language import in_language
from core.leads.model import Lead, LeadOutcome, StageVisit
from core.leads.pipelines import StageRef, all_reasons, all_stages
from core.lines.model import Account
from core.staff import managers

MESSAGES = 10  # how much of the conversation a card holds
NOTES = 3
_TOLD = ("contact-recognised", "contact-separated", "contact-rejoined", "merge-suggested", "note")
_LEAD = (
    select(
        Lead.id,
        Lead.number,
        Lead.title,
        Lead.line_id,
        Lead.channel,
        Lead.source,
        Lead.fields,
        Lead.contact_id,
        Lead.stage_id,
        Lead.visit_id,
        Lead.outcome,
        Lead.reason_id,
        Lead.reason_comment,
        Lead.responsible_id,
        Lead.taken_at,
        Lead.is_repeat,
        Lead.created_at,
        Lead.first_answer_at,
        Lead.waiting_since,
        Lead.active_at,
        Lead.closed_at,
        Contact.number.label("contact_number"),
        Contact.name.label("contact_name"),
        Contact.is_client,
        Account.title.label("account_title"),
        StageVisit.entered_at,
    )
    .join(Contact, Contact.id == Lead.contact_id)
    .join(Account, Account.id == Lead.account_id)
    .join(StageVisit, StageVisit.id == Lead.visit_id)
    .where(Lead.id == bindparam("lead"))
)
_JOURNAL = (
    select(Journal.id, Journal.at, Journal.actor, Journal.verb, Journal.details)
    .where(Journal.lead_id == bindparam("lead"), among(Journal.verb, _TOLD))
    .order_by(Journal.id.desc())
)
_EARLIER = (
    select(
        Lead.id,
        Lead.number,
        Lead.title,
        Lead.outcome,
        Lead.reason_id,
        Lead.reason_comment,
        Lead.closed_at,
        Lead.responsible_id,
    )
    .where(
        Lead.contact_id == bindparam("contact"),
        Lead.id < bindparam("lead"),
        Lead.outcome != LeadOutcome.OPEN,
    )
    .order_by(Lead.id.desc())
    .limit(1)
)


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
class Note:
    """What a manager wrote for colleagues."""

    at: datetime
    author: str
    text: str


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
    messages: tuple[Said, ...]  # the latest of all, newest last
    unseen: int
    planned: tuple[Planned, ...]  # what waits, earliest first
    skipped: Planned | None  # the latest that was skipped, cancelled or failed
    recognition: Recognition | None
    suggestions: tuple[Suggestion, ...]
    notes: tuple[Note, ...]  # the newest three, newest first
    way: Way
    exclusion: Entry | None  # what keeps this person out now
    can_undo_exclusion: bool  # somebody excluded the person from a card, and it still holds
    letters_to: tuple[str, ...] = ()  # where a letter can go, latest address first; empty without a mailbox
    spoken: int = 0  # messages of the lead in both directions, also those that are not in `messages`
    files: int = 0  # of all its messages

    @property
    def awaits_taking(self) -> bool:
        """Whether the lead is open and nobody has made it theirs; whoever answers it first does."""
        return self.outcome == "open" and not self.is_taken


def card(
    connection: Connection,
    lead_id: int,
    *,
    now: datetime,
    language_default: str,
    language: str | None = None,
) -> Card | None:
    """Everything about a lead, or None when there is none.

    `language` is the reader's; titles without it fall back to `language_default`. `now` decides which
    exclusions still hold.
    """
    lead = _lead(connection, lead_id)
    if lead is None:
        return None
    words = language or language_default
    stage = all_stages(connection)[lead.stage_id]
    reasons = {
        reason.id: in_language(reason.title, words, language_default)
        for reason in all_reasons(connection).values()
    }
    addresses = addresses_of(connection, [lead.contact_id]).get(lead.contact_id, ())
    threads = conversations(connection, lead_id)
    told = _told(connection, lead_id)
    earlier = _earlier(connection, lead)
    colleagues = managers.names(
        connection, {row.responsible_id for row in (lead, earlier) if row and row.responsible_id is not None}
    )
    exclusion = _exclusion(connection, lead.contact_id, now)
    spoken, files = messages.counted(connection, lead_id)
    has_email = any(address.kind == "email" for address in addresses)
    letters_to = reachable(connection, lead_id) if has_email else ()
    return Card(
        id=lead.id,
        number=lead.number,
        title=lead.title,
        line_id=lead.line_id,
        channel=lead.channel,
        account_title=lead.account_title,
        source=lead.source,
        fields=lead.fields or {},
        contact_id=lead.contact_id,
        contact_number=lead.contact_number,
        contact_name=lead.contact_name,
        is_client=lead.is_client,
        addresses=addresses,
        missing=missing(lead.contact_name, addresses),
        stage=stage,
        stage_title=in_language(stage.title, words, language_default),
        visit_id=lead.visit_id,
        fence=fence(lead.visit_id),
        stage_since=lead.entered_at,
        outcome=lead.outcome,
        reason=reasons.get(lead.reason_id),
        comment=lead.reason_comment,
        responsible=_colleague(lead.responsible_id, colleagues),
        is_taken=lead.taken_at is not None,
        is_repeat=lead.is_repeat,
        earlier=earlier
        and Earlier(
            earlier.id,
            earlier.number,
            earlier.title,
            earlier.outcome,
            reasons.get(earlier.reason_id),
            earlier.reason_comment,
            earlier.closed_at,
            _colleague(earlier.responsible_id, colleagues),
        ),
        created_at=lead.created_at,
        first_answer_at=lead.first_answer_at,
        waiting_since=lead.waiting_since,
        active_at=lead.active_at,
        closed_at=lead.closed_at,
        messages=messages.latest(connection, lead_id, language=words, limit=MESSAGES),
        unseen=messages.unseen_counts(connection, [lead_id]).get(lead_id, 0),
        planned=schedule.planned(connection, lead_id, language=words),
        skipped=schedule.last_let_be(connection, lead_id, lead.visit_id, language=words),
        recognition=recognition(told, threads),
        suggestions=suggestions(connection, told, lead.contact_id),
        notes=_notes(connection, told, words),
        way=way(connection, lead.line_id, threads, addresses, letters_to, is_excluded=exclusion is not None),
        exclusion=exclusion,
        can_undo_exclusion=exclusion is not None and exclusion.contact_id == lead.contact_id,
        letters_to=letters_to,
        spoken=spoken,
        files=files,
    )


def card_by_number(
    connection: Connection,
    number: int,
    *,
    now: datetime,
    language_default: str,
    language: str | None = None,
) -> Card | None:
    """Like `card`, by the number people say."""
    if not 0 < number < 1 << 31:
        return None
    lead_id = connection.execute(select(Lead.id).where(Lead.number == number)).scalar_one_or_none()
    if lead_id is None:
        return None
    return card(connection, lead_id, now=now, language_default=language_default, language=language)


def _lead(connection: Connection, lead_id: int) -> Any:
    rows = ask(connection, _LEAD, lead=lead_id)
    return rows[0] if rows else None


def _told(connection: Connection, lead_id: int) -> Sequence[Any]:
    """What the journal has for the card, newest first."""
    return ask(connection, _JOURNAL, lead=lead_id)


def _earlier(connection: Connection, lead: Any) -> Any:
    rows = ask(connection, _EARLIER, contact=lead.contact_id, lead=lead.id)
    return rows[0] if rows else None


def _colleague(manager_id: int | None, names: Mapping[int, str]) -> Colleague | None:
    return Colleague(manager_id, names.get(manager_id, "")) if manager_id is not None else None


def _notes(connection: Connection, told: Sequence[Any], language: str) -> tuple[Note, ...]:
    newest = [line for line in told if line.verb == "note"][:NOTES]
    names = messages.author_names(connection, {line.actor for line in newest}, language)
    return tuple(Note(line.at, names.get(line.actor, line.actor), line.details["text"]) for line in newest)


def _exclusion(connection: Connection, contact_id: int, now: datetime) -> Entry | None:
    patterns = contact_patterns(connection, [contact_id]).get(contact_id, set())
    held = holding(connection, patterns, now)
    # One made from this person's card comes first: that is the one with an undo.
    return min(held, key=lambda entry: (entry.contact_id != contact_id, entry.id), default=None)
