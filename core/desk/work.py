"""What a manager does with a lead besides taking and answering it. Any manager may work any lead.

`seen` is the fence of the card under whose button the manager tapped: when somebody has moved the lead since,
the deed is refused instead of done on top of theirs.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import bindparam, or_, select, update

from core import journal
from core.automation import timers
from core.automation.model import Timer
from core.conversations import deliveries
from core.conversations.model import Conversation, Message
from core.conversations.redrawing import redraw_cards
from core.database import Transaction
from core.desk.telling import tell_closed, tell_noted, tell_reopened
from core.errors import Refusal
from core.leads import assignment, stages
from core.leads.answering import take_up, wait_again
from core.leads.model import Lead, LeadOutcome, Stage, StageKind
from core.leads.pipelines import all_stages
from core.leads.stages import Move, enter_stages, hold_leads
from core.staff.managers import Person
from core.staff.model import Manager

FENCE = 1_679_609  # the greatest prime below 36**4: four characters of a button
LONGEST_NOTE = 4000  # characters
_CONVERSATIONS = select(Conversation.id).where(Conversation.contact_id == bindparam("contact"))


def fence(visit_id: int) -> int:
    """A few digits that tell one stay in a stage from another."""
    return visit_id % FENCE


def note(tx: Transaction, lead_id: int, person: Person, text: str) -> None:
    """Write something down for colleagues; whoever works the lead is told.

    Raises Refusal when there is nothing in it ("refused-note-empty") or too much ("refused-note-long").
    """
    require_staff(tx, person)
    words = text.strip()
    if not words:
        raise Refusal("refused-note-empty")
    if len(words) > LONGEST_NOTE:
        raise Refusal("refused-note-long", length=len(words), limit=LONGEST_NOTE)
    lead = lead_of(tx, lead_id)
    journal.note(
        tx, person.actor, "note", lead_id=lead_id, contact_id=lead.contact_id, details={"text": words}
    )
    tell_noted(tx, lead, person, words)


def called(tx: Transaction, lead_id: int, person: Person) -> None:
    """Somebody has spoken with the customer on the telephone: an answer like a written one.

    An open lead that nobody has taken is taken, goes on from its first stage, and waits no longer. Robots that
    wait for silence after an answer do not begin to, and go on no longer: nothing was written that could be left
    unanswered, and whoever speaks is not silent. Raises Refusal for a closed lead.
    """
    require_staff(tx, person)
    lead = lead_of(tx, lead_id)
    if lead.outcome != LeadOutcome.OPEN:
        raise Refusal("refused-lead-closed", number=lead.number)
    take_up(tx, lead, person)
    tx.connection.execute(update(Lead).where(Lead.id == lead_id).values(waiting_since=None, active_at=tx.now))
    tx.connection.execute(
        update(Lead).where(Lead.id == lead_id, Lead.first_answer_at.is_(None)).values(first_answer_at=tx.now)
    )
    talks = [row.id for row in tx.ask(_CONVERSATIONS, contact=lead.contact_id)]
    timers.cancel_on_answer(tx, talks, "called")
    deliveries.cancel_on_answer(tx, talks, "called")
    journal.note(tx, person.actor, "called", lead_id=lead_id, contact_id=lead.contact_id)
    redraw_cards(tx, [lead_id], but_of=person.id)


def move(tx: Transaction, lead_id: int, person: Person, stage_id: int, *, seen: int | None = None) -> None:
    """Move a lead to another open or the success stage. A lead that nobody had taken becomes the mover's.

    Whose it was is told when it is thereby closed.
    Raises Refusal for a closed lead, a stage of another pipeline, a failure stage (see `junk`), or when
    somebody has moved the lead since.
    """
    require_staff(tx, person)
    lead = lead_of(tx, lead_id, seen)
    _make_theirs(tx, lead, person)
    enter_stages(tx, [Move(lead_id, stage_id, person.actor)])
    if all_stages(tx.connection)[stage_id].is_closing:
        tell_closed(tx, [lead], person)
    redraw_cards(tx, [lead_id], but_of=person.id)


def junk(
    tx: Transaction,
    lead_id: int,
    person: Person,
    reason_id: int,
    *,
    comment: str | None = None,
    seen: int | None = None,
) -> None:
    """Give a lead up, with a reason and perhaps a comment; whose it was is told. Raises Refusal as `move`."""
    require_staff(tx, person)
    lead = lead_of(tx, lead_id, seen)
    if lead.outcome != LeadOutcome.OPEN:
        raise Refusal("refused-lead-closed", number=lead.number)
    words = comment.strip()[:LONGEST_NOTE] if comment else ""
    tell_closed(tx, [lead], person)
    _make_theirs(tx, lead, person)
    stage_id = failure_stage(tx, lead.pipeline_id)
    enter_stages(tx, [Move(lead_id, stage_id, person.actor, reason_id, words or None)])
    redraw_cards(tx, [lead_id], but_of=person.id)


def reopen(tx: Transaction, lead_id: int, person: Person, *, seen: int | None = None) -> None:
    """Undo `junk` or a success: the lead is open again, at the beginning of its pipeline.

    It stays with its responsible while they work here, who is told, else it becomes the reopener's. A customer
    who was still waiting for an answer waits again. Raises Refusal when it is open, or somebody has moved it since.
    """
    require_staff(tx, person)
    lead = lead_of(tx, lead_id, seen)
    # What has gone on in a later lead that is closed too goes on in this one: or there would be no way to answer in it.
    spoken_in = select(Message.conversation_id).where(Message.lead_id == lead_id)
    going_on = select(Lead.id).where(Lead.contact_id == lead.contact_id, Lead.outcome == LeadOutcome.OPEN)
    tx.connection.execute(
        update(Conversation)
        .where(
            Conversation.contact_id == lead.contact_id,
            Conversation.id.in_(spoken_in),
            or_(Conversation.lead_id.is_(None), Conversation.lead_id.not_in(going_on)),
        )
        .values(lead_id=lead_id)
    )
    stages.reopen(tx, lead_id, person.actor)
    wait_again(tx, lead_id)
    stay_with_staff(tx, lead, person)
    tell_reopened(tx, [lead_id], person)
    redraw_cards(tx, [lead_id], but_of=person.id)


def stay_with_staff(tx: Transaction, lead: Any, person: Person) -> None:
    """A lead that is open again stays with its responsible while they work here, else it becomes this person's.

    `lead` has its `id` and `responsible_id`.
    """
    if not _works_here(tx, lead.responsible_id):
        tx.connection.execute(
            update(Lead).where(Lead.id == lead.id).values(responsible_id=person.id, taken_at=tx.now)
        )


def cancel_timer(tx: Transaction, timer_id: int, person: Person) -> None:
    """Call off what automation has scheduled.

    Raises Refusal when it has happened or is called off already ("refused-timer-settled").
    """
    require_staff(tx, person)
    if not timers.call_off(tx, timer_id):
        raise Refusal("refused-timer-settled")
    timer = tx.connection.execute(select(Timer.lead_id, Timer.robot_id).where(Timer.id == timer_id)).one()
    journal.note(
        tx, person.actor, "timer-cancelled", lead_id=timer.lead_id, details={"robot": timer.robot_id}
    )


def require_staff(tx: Transaction, person: Person) -> None:
    """Raise Refusal ("refused-not-staff") when this person was removed while their button waited."""
    if not _works_here(tx, person.id):
        raise Refusal("refused-not-staff")


def lead_of(tx: Transaction, lead_id: int, seen: int | None = None) -> Any:
    """The lead, its contact locked first as everywhere. Raises Refusal when it is gone or not as seen."""
    lead = hold_leads(tx, [lead_id]).get(lead_id)
    if lead is None:
        raise Refusal("refused-lead-gone")
    if seen is not None and fence(lead.visit_id) != seen:
        raise Refusal("refused-lead-moved", number=lead.number)
    return lead


def failure_stage(tx: Transaction, pipeline_id: int) -> int:
    """Where what is given up goes: the first failure stage of the pipeline."""
    return int(
        tx.connection.execute(
            select(Stage.id)
            .where(Stage.pipeline_id == pipeline_id, Stage.kind == StageKind.FAILURE)
            .order_by(Stage.position)
            .limit(1)
        ).scalar_one()
    )


def _make_theirs(tx: Transaction, lead: Any, person: Person) -> None:
    if lead.taken_at is None and lead.outcome == LeadOutcome.OPEN:
        assignment.take(tx, lead.id, person)


def _works_here(tx: Transaction, manager_id: int | None) -> bool:
    return (
        manager_id is not None
        and tx.connection.execute(
            select(Manager.id).where(Manager.id == manager_id, Manager.is_active)
        ).first()
        is not None
    )
