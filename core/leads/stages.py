"""A stage is entered here and nowhere else: this file alone writes a lead's stage, visit and outcome."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import select, update

from core import journal
from core.contacts.people import lock_contacts
from core.conversations.model import Conversation
from core.database import Transaction, among
from core.errors import Refusal
from core.events import StageEntered, StageLeft
from core.leads.model import Lead, LeadOutcome, StageKind, StageVisit
from core.leads.pipelines import StageRef, all_reasons, all_stages, initial_stage

OUTCOMES = {
    StageKind.INITIAL: LeadOutcome.OPEN,
    StageKind.PROCESS: LeadOutcome.OPEN,
    StageKind.SUCCESS: LeadOutcome.SUCCESS,
    StageKind.FAILURE: LeadOutcome.FAILURE,
}

_CONTACTS = select(Lead.contact_id).where(among(Lead.id, "ids"))
_LEADS = (
    select(
        Lead.id,
        Lead.number,
        Lead.contact_id,
        Lead.pipeline_id,
        Lead.stage_id,
        Lead.visit_id,
        Lead.outcome,
        Lead.responsible_id,
        Lead.taken_at,
    )
    .where(among(Lead.id, "ids"))
    .order_by(Lead.id)
    .with_for_update()
)
_CONVERSATIONS = (
    select(Conversation.lead_id, Conversation.id)
    .where(among(Conversation.lead_id, "leads"))
    .order_by(Conversation.last_in_at.asc().nulls_first(), Conversation.id)
)


@dataclass(frozen=True, slots=True)
class Move:
    """One lead on its way to a stage. A failure stage wants a reason; `seen_visit` guards against old buttons.

    `occurred_at` and `is_silent` are those of what the customer did, where that is what moves it.
    """

    lead_id: int
    stage_id: int
    actor: str
    reason_id: int | None = None
    comment: str | None = None
    seen_visit: int | None = None
    occurred_at: datetime | None = None
    is_silent: bool = False


class FirstVisit(NamedTuple):
    """The beginning of a new lead's life: what its row and its first visit's row say."""

    visit_id: int
    stage_id: int
    visit: dict[str, Any]


def begin(tx: Transaction, stage: StageRef, lead_id: int, actor: str) -> FirstVisit:
    """A new lead enters its pipeline's initial stage; the caller writes the rows and records the event."""
    visit_id = tx.new_id()
    return FirstVisit(
        visit_id,
        stage.id,
        {
            "id": visit_id,
            "lead_id": lead_id,
            "stage_id": stage.id,
            "entered_at": tx.now,
            "entered_by": actor,
            "left_at": None,
        },
    )


def hold_leads(tx: Transaction, lead_ids: Sequence[int]) -> dict[int, Any]:
    """These leads as they are now, until the commit nobody else's; their contacts are locked first, as everywhere."""
    lock_contacts(tx, [row.contact_id for row in tx.ask(_CONTACTS, ids=lead_ids)])
    return {row.id: row for row in tx.ask(_LEADS, ids=lead_ids)}


def enter_stages(tx: Transaction, moves: Sequence[Move]) -> None:
    """Move leads to other stages; what was scheduled for the stays they leave is cancelled by the events.

    A lead that is in the stage already is left alone. Raises Refusal for a closed lead, a stage of another
    pipeline, a failure without a reason, or when somebody has moved the lead since the asker saw it.
    """
    leads = hold_leads(tx, [move.lead_id for move in moves])
    stages, reasons = all_stages(tx.connection), all_reasons(tx.connection)
    changed: list[tuple[Any, StageRef, Move]] = []
    for move in moves:
        lead, stage = leads[move.lead_id], stages[move.stage_id]
        if lead.stage_id == stage.id:
            continue
        if move.seen_visit is not None and lead.visit_id != move.seen_visit:
            raise Refusal("refused-lead-moved", number=lead.number)
        if lead.outcome != LeadOutcome.OPEN:
            raise Refusal("refused-lead-closed", number=lead.number)
        if stage.pipeline_id != lead.pipeline_id:
            raise Refusal("refused-stage-foreign", number=lead.number)
        if stage.kind == StageKind.FAILURE and (move.reason_id is None or move.reason_id not in reasons):
            raise Refusal("refused-reason-missing", number=lead.number)
        changed.append((lead, stage, move))
    _write(tx, changed)


def reopen(
    tx: Transaction,
    lead_id: int,
    actor: str,
    *,
    occurred_at: datetime | None = None,
    is_silent: bool = False,
) -> None:
    """A closed lead is open again, at the beginning of its pipeline. Raises Refusal when it is not closed.

    Where a customer does it, `occurred_at` is when, and `is_silent` that they have said nothing yet.
    """
    lead = hold_leads(tx, [lead_id])[lead_id]
    if lead.outcome == LeadOutcome.OPEN:
        raise Refusal("refused-lead-open", number=lead.number)
    stage = initial_stage(tx.connection, lead.pipeline_id)
    move = Move(lead.id, stage.id, actor, occurred_at=occurred_at, is_silent=is_silent)
    _write(tx, [(lead, stage, move)])


def _write(tx: Transaction, changed: Sequence[tuple[Any, StageRef, Move]]) -> None:
    if not changed:
        return
    visits, leads, lines = [], [], []
    for lead, stage, move in changed:
        visit_id = tx.new_id()
        is_closing = stage.is_closing
        visits.append(
            {
                "id": visit_id,
                "lead_id": lead.id,
                "stage_id": stage.id,
                "entered_at": tx.now,
                "entered_by": move.actor,
                "left_at": None,
            }
        )
        leads.append(
            {
                "id": lead.id,
                "stage_id": stage.id,
                "visit_id": visit_id,
                "outcome": OUTCOMES[StageKind(stage.kind)],
                "reason_id": move.reason_id,
                "reason_comment": move.comment,
                "closed_at": tx.now if is_closing else None,
                "active_at": tx.now,
            }
        )
        lines.append(
            journal.entry(
                tx,
                move.actor,
                "stage-entered",
                lead_id=lead.id,
                contact_id=lead.contact_id,
                details={
                    "from": lead.stage_id,
                    "to": stage.id,
                    "reason": move.reason_id,
                    "comment": move.comment,
                    "reopened": lead.outcome != LeadOutcome.OPEN,
                },
            )
        )
    tx.connection.execute(
        update(StageVisit)
        .where(among(StageVisit.id, [lead.visit_id for lead, *_ in changed]), StageVisit.left_at.is_(None))
        .values(left_at=tx.now)
    )
    tx.insert(StageVisit, visits)
    tx.update(Lead, leads)
    tx.insert(journal.Journal, lines)
    closed = [lead.id for lead, stage, _ in changed if stage.is_closing]
    if closed:  # nobody waits in a closed lead
        tx.connection.execute(update(Lead).where(among(Lead.id, closed)).values(waiting_since=None))
    threads = _latest_conversations(tx, [lead.id for lead, *_ in changed])
    for (lead, stage, move), visit in zip(changed, visits, strict=True):
        tx.record(StageLeft(lead.id, lead.visit_id))
        # Where a colleague opens a lead again nobody has written, and nobody is to be told that we have it.
        is_quiet = lead.outcome != LeadOutcome.OPEN and move.actor != "customer"
        conversation_id = threads.get(lead.id)
        tx.record(
            StageEntered(
                lead.id,
                visit["id"],
                stage.id,
                conversation_id,
                move.occurred_at or tx.now,
                is_quiet=is_quiet,
                is_silent=move.is_silent,
            )
        )


def _latest_conversations(tx: Transaction, lead_ids: Sequence[int]) -> dict[int, int]:
    """The conversation in which each lead was last active: where a robot of the new stage would write."""
    return {row.lead_id: row.id for row in tx.ask(_CONVERSATIONS, leads=lead_ids)}
