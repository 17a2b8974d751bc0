"""A message of a person finds its lead, or opens one: new, repeat, or a junked one again."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import and_, bindparam, func, select, update

from core import journal
from core.conversations.redrawing import redraw_cards
from core.database import Transaction, among
from core.events import FirstWords, StageEntered
from core.leads import stages
from core.leads.assignment import Proposal, propose
from core.leads.model import Lead, LeadOutcome, Stage, StageKind, StageVisit
from core.leads.pipelines import StageRef
from core.lines.model import KnownPerson, Line

OPENED = "/start"  # the title of a lead whose customer has opened the chat and said nothing yet
TITLE = 80  # characters of a lead's title taken from the first message
_RULE = (
    select(
        Line.known_person,
        Line.reopen_days,
        Line.distribution,
        Stage.id,
        Stage.pipeline_id,
        Stage.name,
        Stage.title,
        Stage.kind,
        Stage.position,
    )
    .join(Stage, and_(Stage.pipeline_id == Line.pipeline_id, Stage.kind == StageKind.INITIAL))
    .where(Line.id == bindparam("line"))
)
_LEAD = select(
    Lead.id,
    Lead.contact_id,
    Lead.responsible_id,
    Lead.active_at,
    Lead.waiting_since,
    Lead.visit_id,
    Lead.title,
    Lead.source,
)
_OPEN = _LEAD.where(among(Lead.contact_id, "contacts"), Lead.outcome == LeadOutcome.OPEN).order_by(Lead.id)
_LATEST_CLOSED = (
    select(func.max(Lead.id))
    .where(among(Lead.contact_id, "contacts"), Lead.outcome != LeadOutcome.OPEN)
    .group_by(Lead.contact_id)
)
_CLOSED = select(Lead.contact_id, Lead.id, Lead.outcome, Lead.responsible_id, Lead.closed_at).where(
    Lead.id.in_(_LATEST_CLOSED)
)


@dataclass(slots=True)
class OpenLead:
    """A lead that takes messages, while a batch is being filed."""

    id: int
    contact_id: int
    responsible_id: int | None
    active_at: datetime
    waiting_since: datetime | None
    visit_id: int
    title: str
    source: str | None
    is_new: bool = False

    @property
    def is_silent(self) -> bool:
        """The customer opened the chat, and has said nothing yet."""
        return self.title == OPENED


class Opening(NamedTuple):
    """What a new lead is born from."""

    contact_id: int
    is_client: bool
    account_id: int
    channel: str
    title: str
    source: str | None
    fields: Mapping[str, str]
    conversation_id: int
    occurred_at: datetime
    language: str | None
    set_apart_by: int | None = None  # the manager whose doing it is: no news to them or to the customer
    is_let_in: bool = False  # the exclusions were asked about the person in this very transaction


@dataclass(frozen=True, slots=True)
class _Closed:
    id: int
    outcome: str
    responsible_id: int | None
    closed_at: datetime


@dataclass(slots=True)
class Leads:
    """Every lead a batch may touch. Loaded after the contacts are locked, so that nobody opens one meanwhile."""

    tx: Transaction
    line_id: int
    _open: dict[int, list[OpenLead]] = field(default_factory=dict)
    _by_id: dict[int, OpenLead] = field(default_factory=dict)
    _closed: dict[int, _Closed] = field(default_factory=dict)
    _births: list[tuple[OpenLead, Opening, _Closed | None]] = field(default_factory=list)
    _touched: dict[int, OpenLead] = field(default_factory=dict)
    _answered: dict[int, datetime] = field(default_factory=dict)
    _rule: Any = None

    def load(self, contact_ids: Collection[int]) -> None:
        """Read what these people have open, and what they last had."""
        tx = self.tx
        (self._rule,) = tx.ask(_RULE, line=self.line_id)
        if not contact_ids:
            return
        for row in tx.ask(_OPEN, contacts=contact_ids):
            lead = OpenLead(*row)
            self._open.setdefault(lead.contact_id, []).append(lead)
            self._by_id[lead.id] = lead
        for last in tx.ask(_CLOSED, contacts=contact_ids):
            self._closed[last.contact_id] = _Closed(
                last.id, last.outcome, last.responsible_id, last.closed_at
            )

    def find(self, contact_id: int, conversation_lead: int | None) -> OpenLead | None:
        """The open lead a message belongs to: its conversation's, else the person's latest active one."""
        lead = self._by_id.get(conversation_lead) if conversation_lead is not None else None
        if lead is not None and lead.contact_id == contact_id:
            return lead
        known = self._open.get(contact_id)
        return max(known, key=lambda lead: (lead.active_at, lead.id)) if known else None

    def open(self, opening: Opening) -> OpenLead | None:
        """A lead for somebody who has nothing open, by the line's rule for known people; None with `attach`."""
        before = self._closed.get(opening.contact_id)
        if (before or opening.is_client) and self._rule.known_person == KnownPerson.ATTACH:
            return None
        if (
            before
            and self._rule.known_person == KnownPerson.REOPEN
            and before.outcome == LeadOutcome.FAILURE
            and before.closed_at > self.tx.now - timedelta(days=self._rule.reopen_days)
        ):
            return self._reopen(opening, before)
        lead = OpenLead(
            self.tx.new_id(),
            opening.contact_id,
            None,
            self.tx.now,
            None,
            0,
            opening.title,
            opening.source,
            is_new=True,
        )
        self._births.append((lead, opening, before))
        self._remember(lead)
        return lead

    def touch(self, lead: OpenLead, sent_at: datetime, *, waits: bool) -> None:
        """The customer wrote into a lead: it is active, and waits for an answer unless a machine wrote."""
        lead.active_at = self.tx.now
        if waits and lead.waiting_since is None:
            lead.waiting_since = sent_at
        self._touched[lead.id] = lead

    def speaks(self, lead: OpenLead, title: str, words: FirstWords) -> None:
        """Who had merely opened the chat says what the lead is about; in one batch with that, it is born with it."""
        lead.title = title
        self._touched[lead.id] = lead
        if not lead.is_new:
            self.tx.record(words)

    def answered(self, lead: OpenLead, at: datetime) -> None:
        """The company answered from the network's own app: the first answer ends the wait for one."""
        self._answered.setdefault(lead.id, at)

    def write(self) -> None:
        """Put down the leads that are born and those that were touched; record what happened."""
        tx = self.tx
        if self._births:
            self._bear()
        tx.update(
            Lead,
            [
                {
                    "id": lead.id,
                    "active_at": lead.active_at,
                    "waiting_since": lead.waiting_since,
                    "title": lead.title,
                    "source": lead.source,
                }
                for lead in self._touched.values()
                if not lead.is_new
            ],
        )
        for lead_id, at in sorted(self._answered.items()):
            tx.connection.execute(
                update(Lead)
                .where(Lead.id == lead_id, Lead.first_answer_at.is_(None))
                .values(first_answer_at=at)
            )

    def _bear(self) -> None:
        tx = self.tx
        stage = StageRef(*tuple(self._rule)[3:])
        responsible = propose(
            tx,
            self._rule.distribution,
            [Proposal(before.responsible_id if before else None) for _, _, before in self._births],
        )
        numbers = tx.numbers("lead", len(self._births))
        rows, visits, lines, entered = [], [], [], []
        for (lead, opening, before), manager_id, number in zip(
            self._births, responsible, numbers, strict=True
        ):
            first = stages.begin(tx, stage, lead.id, "customer")
            lead.responsible_id, lead.visit_id = manager_id, first.visit_id
            is_repeat = before is not None or opening.is_client
            rows.append(
                {
                    "id": lead.id,
                    "number": number,
                    "contact_id": opening.contact_id,
                    "line_id": self.line_id,
                    "account_id": opening.account_id,
                    "channel": opening.channel,
                    "pipeline_id": stage.pipeline_id,
                    "stage_id": first.stage_id,
                    "visit_id": first.visit_id,
                    "outcome": LeadOutcome.OPEN,
                    "reason_id": None,
                    "reason_comment": None,
                    "is_repeat": is_repeat,
                    "previous_id": before.id if before else None,
                    "responsible_id": manager_id,
                    "taken_at": None,
                    "title": lead.title,
                    "source": lead.source,
                    "fields": dict(opening.fields) or None,
                    "created_at": tx.now,
                    "first_answer_at": None,
                    "waiting_since": lead.waiting_since,
                    "active_at": lead.active_at,
                    "closed_at": None,
                }
            )
            visits.append(first.visit)
            lines.append(
                journal.entry(
                    tx,
                    "customer",
                    "lead-created",
                    lead_id=lead.id,
                    contact_id=opening.contact_id,
                    details={"responsible": manager_id, "repeat": is_repeat},
                )
            )
            entered.append(
                StageEntered(
                    lead.id,
                    first.visit_id,
                    first.stage_id,
                    opening.conversation_id,
                    opening.occurred_at,
                    is_new=True,
                    # Whom the owner has answered from a telephone before we heard needs no word that we will.
                    is_quiet=opening.set_apart_by is not None or lead.id in self._answered,
                    by=opening.set_apart_by,
                    language=opening.language,
                    is_silent=lead.is_silent,
                    is_let_in=opening.is_let_in,
                )
            )
        tx.insert(Lead, rows)
        tx.insert(StageVisit, visits)
        tx.insert(journal.Journal, lines)
        tx.record(*entered)

    def _reopen(self, opening: Opening, before: _Closed) -> OpenLead:
        stages.reopen(
            self.tx,
            before.id,
            "customer",
            occurred_at=opening.occurred_at,
            is_silent=opening.title == OPENED,
        )
        row = self.tx.connection.execute(_LEAD.where(Lead.id == before.id)).one()
        lead = OpenLead(*row)
        # Whose it was may have left, or be away: it is offered anew, to them first.
        (lead.responsible_id,) = propose(self.tx, self._rule.distribution, [Proposal(before.responsible_id)])
        self.tx.update(Lead, [{"id": lead.id, "responsible_id": lead.responsible_id, "taken_at": None}])
        redraw_cards(self.tx, [lead.id])
        del self._closed[opening.contact_id]
        self._remember(lead)
        return lead

    def _remember(self, lead: OpenLead) -> None:
        self._open.setdefault(lead.contact_id, []).append(lead)
        self._by_id[lead.id] = lead


def title_of(text: str) -> str:
    """A lead's title: the first line of what was written, cut at a word; empty when it says nothing."""
    lines = text.lstrip()[: 4 * TITLE].splitlines()
    first = lines[0].rstrip() if lines else ""
    if first.startswith("/") and " " not in first:
        return ""  # a command, such as the /start every conversation with a bot begins with, is about nothing
    if len(first) <= TITLE:
        return first
    return first[:TITLE].rsplit(" ", 1)[0].rstrip(" ,.;:") + "…"
