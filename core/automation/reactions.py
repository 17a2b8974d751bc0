"""What follows from what has happened, in the same transaction: robots, timers, notices. Rows only."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from sqlalchemy import func, select

from core.automation import timers
from core.automation.model import Start
from core.automation.robots import RobotRef, Run, perform, robots_of
from core.automation.timers import Appointment, in_hours, run_key
from core.conversations import deliveries
from core.conversations.notices import Wish, notify_all
from core.database import BATCH, Transaction, among
from core.events import (
    Answered,
    AnswerFailed,
    ContactClosed,
    CustomerWrote,
    Event,
    FirstWords,
    ManagerCame,
    ManagerLeft,
    MessageEdited,
    StageEntered,
    StageLeft,
)
from core.leads.answering import wait_still
from core.leads.assignment import give_out_waiting
from core.leads.model import Lead, LeadOutcome, StageVisit
from core.leads.opening import OPENED
from core.lines.hours import ALWAYS, Hours
from core.staff import managers

_RESPONSIBLE = select(Lead.id, Lead.responsible_id).where(among(Lead.id, "leads"))
_LAST = (
    select(Lead.contact_id, func.max(Lead.id))
    .where(among(Lead.contact_id, "contacts"))
    .group_by(Lead.contact_id)
)
_STAGES = select(Lead.id, Lead.stage_id, Lead.visit_id, Lead.outcome, Lead.waiting_since).where(
    among(Lead.id, "leads")
)
_WITH_WORDS = select(Lead.id).where(among(Lead.id, "leads"), Lead.title != OPENED)
_BY_CUSTOMERS = select(StageVisit.id).where(
    among(StageVisit.id, "visits"), StageVisit.entered_by == "customer"
)
# A timer of the lead that fires at this very moment must be settled before anybody looks whether one still waits.
_STAGES_HELD = _STAGES.order_by(Lead.id).with_for_update()


@dataclass(frozen=True, slots=True)
class Policy:
    """What automation needs to know from the settings."""

    confirm_max_age: timedelta = timedelta(hours=1)  # what is older is not confirmed: an outage, a backlog
    hours: Hours = ALWAYS  # in which customers are written to without having just written


class Reactions:
    """Automation's answer to events; handed to `Database` by the assembly, so intake does not know it."""

    def __init__(self, policy: Policy | None = None) -> None:
        self._policy = policy or Policy()

    def __call__(self, tx: Transaction, events: Sequence[Event]) -> None:
        """Answer these events. What that causes comes back as the next round."""
        spoke = [event for event in events if isinstance(event, FirstWords)]
        first = {event.lead_id for event in spoke}
        entered = [
            replace(event, is_silent=False) if event.lead_id in first else event
            for event in events
            if isinstance(event, StageEntered)
        ]
        wrote = [event for event in events if isinstance(event, CustomerWrote)]
        answered = [event for event in events if isinstance(event, Answered)]
        closed = [event for event in events if isinstance(event, ContactClosed)]
        edited = [event for event in events if isinstance(event, MessageEdited)]
        if left := [event for event in events if isinstance(event, StageLeft)]:
            timers.cancel_visits(tx, [event.visit_id for event in left], "stage-left")
            deliveries.cancel_on_leaving(tx, {event.lead_id for event in left})
        if known := [event for event in wrote if not event.is_newcomer]:
            heard = {event.conversation_id for event in known}
            timers.cancel_on_answer(tx, heard)
            deliveries.cancel_on_answer(tx, heard)
        for event in closed:
            # An exclusion is about the person; a blocked bot or a dead mailbox, about one way to them.
            timers.cancel_contacts(
                tx, [event.contact_id], event.reason, only_closed=event.reason != "excluded"
            )
            deliveries.cancel_contact(tx, event.contact_id, event.reason)
        came = [event for event in events if isinstance(event, ManagerCame | ManagerLeft)]
        gone = {event.manager_id for event in came if isinstance(event, ManagerLeft)}
        if came and give_out_waiting(tx, gone) == BATCH:
            tx.record(*came)  # there may be more
        if entered:
            self._stage_entered(tx, entered)
        if spoke:
            self._first_words(tx, spoke, entered)
        if answered:
            _await_silence(tx, answered, self._policy.hours)
        for failed in [one for one in events if isinstance(one, AnswerFailed)]:
            timers.cancel_silence(tx, failed.lead_id, "answer-failed")
            if failed.is_certain:
                wait_still(tx, failed.lead_id, failed.message_id)
        _tell_managers(tx, entered, wrote, edited, first)

    def _stage_entered(self, tx: Transaction, entered: Sequence[StageEntered]) -> None:
        robots = robots_of(tx, {event.stage_id for event in entered})
        runs: list[Run] = []
        appointments: list[Appointment] = []
        skipped: list[tuple[Run, str]] = []
        back = {event.lead_id for event in entered if event.is_silent and not event.is_new}
        worded = {row.id for row in tx.ask(_WITH_WORDS, leads=back)} if back else set()
        for event in entered:
            for robot in robots.get(event.stage_id, ()):
                is_saying = robot.action == "message"
                is_early = event.is_silent and (is_saying or event.lead_id not in worded)
                if robot.start != Start.ENTERED:
                    continue
                if is_saying and event.is_quiet:
                    continue
                if is_saying and self._is_too_late(tx, event):
                    skipped.append((_run(robot, event), "too-late"))
                elif is_early and robot.delay_seconds == 0:
                    # Nothing was asked yet: it is for the first words. A robot that has a greeting says that.
                    if is_saying and robot.parameters.get("greeting"):
                        run = _run(robot, event)
                        runs.append(run._replace(key=f"{run.key}:greeting", words="greeting"))
                elif robot.delay_seconds == 0:
                    runs.append(self._at_once(tx, robot, event))
                else:
                    appointments.append(
                        Appointment(
                            robot.id,
                            event.lead_id,
                            event.visit_id,
                            event.conversation_id,
                            in_hours(
                                robot.action,
                                tx.now + timedelta(seconds=robot.delay_seconds),
                                self._policy.hours,
                            ),
                            robot.stops_on_answer,
                        )
                    )
        timers.note_skipped(tx, skipped + _performed(tx, runs))
        timers.schedule_first(tx, appointments)

    def _first_words(
        self, tx: Transaction, spoke: Sequence[FirstWords], entered: Sequence[StageEntered]
    ) -> None:
        """What is done at once for whoever writes, is done now for those who were only greeted before."""
        leads = {row.id: row for row in tx.ask(_STAGES, leads={words.lead_id for words in spoke})}
        robots = robots_of(tx, {lead.stage_id for lead in leads.values()})
        # Where a colleague has moved the lead meanwhile, or it has just been opened again, all but words was done then.
        silent = {row.id for row in tx.ask(_BY_CUSTOMERS, visits={lead.visit_id for lead in leads.values()})}
        silent -= {event.visit_id for event in entered}
        runs: list[Run] = []
        skipped: list[tuple[Run, str]] = []
        for words in spoke:
            lead = leads[words.lead_id]
            event = StageEntered(
                lead.id,
                lead.visit_id,
                lead.stage_id,
                words.conversation_id,
                words.occurred_at,
                language=words.language,
            )
            is_too_late = self._is_too_late(tx, event)
            for robot in robots.get(lead.stage_id, ()):
                is_saying = robot.action == "message"
                if robot.start != Start.ENTERED or robot.delay_seconds:
                    continue
                if not is_saying and lead.visit_id not in silent:
                    continue
                if is_saying and is_too_late:
                    skipped.append((_run(robot, event), "too-late"))
                else:
                    runs.append(self._at_once(tx, robot, event))
        timers.note_skipped(tx, skipped + _performed(tx, runs))

    def _at_once(self, tx: Transaction, robot: RobotRef, event: StageEntered) -> Run:
        # Who writes at night is confirmed at once too, and not told "soon" where the robot knows better words.
        is_shut = "closed" in robot.parameters and self._policy.hours.next_open(tx.now) > tx.now
        return _run(robot, event)._replace(words="closed") if is_shut else _run(robot, event)

    def _is_too_late(self, tx: Transaction, event: StageEntered) -> bool:
        return tx.now - event.occurred_at > self._policy.confirm_max_age


def _performed(tx: Transaction, runs: Sequence[Run]) -> list[tuple[Run, str]]:
    """Do it; returns what a manager may wonder about. That something was said already is no news."""
    if not runs:
        return []
    results = perform(tx, runs)
    return [(run, reason) for run in runs if (reason := results[run.key]) not in (None, "already-said")]


def _run(robot: RobotRef, event: StageEntered) -> Run:
    key = run_key(robot.id, event.lead_id, f"visit:{event.visit_id}", once=robot.once_per_lead)
    return Run(
        robot,
        event.lead_id,
        event.visit_id,
        event.conversation_id,
        key,
        event.language,
        is_let_in=event.is_let_in,
    )


def _await_silence(tx: Transaction, answered: Sequence[Answered], hours: Hours) -> None:
    """We have answered: robots that wait for the silence of a customer who has not written since count from now."""
    leads = {row.id: row for row in tx.ask(_STAGES_HELD, leads={event.lead_id for event in answered})}
    robots = robots_of(tx, {lead.stage_id for lead in leads.values()})
    timers.schedule_unsaid(
        tx,
        [
            Appointment(
                robot.id,
                event.lead_id,
                leads[event.lead_id].visit_id,
                event.conversation_id,
                in_hours(robot.action, max(event.at, tx.now) + timedelta(seconds=robot.delay_seconds), hours),
                robot.stops_on_answer,
                robot.once_per_lead,
            )
            for event in answered
            if leads[event.lead_id].outcome == LeadOutcome.OPEN and leads[event.lead_id].waiting_since is None
            for robot in robots.get(leads[event.lead_id].stage_id, ())
            if robot.start == Start.ANSWERED
        ],
    )


def _tell_managers(
    tx: Transaction,
    entered: Sequence[StageEntered],
    wrote: Sequence[CustomerWrote],
    edited: Sequence[MessageEdited],
    spoke: Collection[int],
) -> None:
    born = {event.lead_id for event in entered if event.is_new}
    happened: list[CustomerWrote | MessageEdited] = [*_with_leads(tx, wrote), *edited]
    leads = born | {event.lead_id for event in happened if event.lead_id is not None}
    if not leads:
        return
    responsible = {row[0]: row[1] for row in tx.ask(_RESPONSIBLE, leads=leads)}
    everyone = managers.active(tx.connection)
    # Whoever has left, or cannot be written to, does not hear it: then the others must.
    reached = {person.id for person in everyone if person.is_reachable}
    responsible = {lead: by if by in reached else None for lead, by in responsible.items()}
    here = [person.id for person in everyone if person.is_available and person.is_reachable]
    admins = [person.id for person in everyone if person.is_admin]
    wishes: list[Wish] = []
    conversations: dict[int, int | None] = {e.lead_id: e.conversation_id for e in entered if e.is_new}
    makers = {event.lead_id: event.by for event in entered if event.is_new}
    mute = {event.lead_id for event in entered if event.is_silent}  # there will be something to read later
    told: set[tuple[int | None, str]] = set()
    for lead_id in sorted(born):
        silent = lead_id in mute or (not here and responsible[lead_id] is None)
        told_now = _to(
            lead_id, conversations[lead_id], "new-lead", responsible[lead_id], here or admins, silent
        )
        wishes += [wish for wish in told_now if wish.manager_id != makers[lead_id]]
    for event in happened:
        kind = "edited" if isinstance(event, MessageEdited) else "message"
        if kind == "message" and event.lead_id in spoke:
            kind = "new-lead"  # until now there was nothing to read on its card
        if event.lead_id is None or event.lead_id in born or (event.conversation_id, kind) in told:
            continue
        told.add((event.conversation_id, kind))
        silent = not here and responsible[event.lead_id] is None
        extra = event.message_id if kind == "edited" else None
        wishes += _to(
            event.lead_id,
            event.conversation_id,
            kind,
            responsible[event.lead_id],
            here or admins,
            silent,
            extra,
        )
    notify_all(tx, wishes)


def _with_leads(tx: Transaction, wrote: Sequence[CustomerWrote]) -> list[CustomerWrote]:
    """Who wrote without a lead (the line attaches) is shown with the last one they had: somebody must see it."""
    alone = {event.contact_id for event in wrote if event.lead_id is None}
    if not alone:
        return list(wrote)
    last = {row[0]: row[1] for row in tx.ask(_LAST, contacts=alone)}
    return [replace(e, lead_id=last.get(e.contact_id)) if e.lead_id is None else e for e in wrote]


def _to(
    lead_id: int,
    conversation_id: int | None,
    kind: str,
    responsible_id: int | None,
    otherwise: Sequence[int],
    silent: bool,
    message_id: int | None = None,
) -> list[Wish]:
    """The responsible manager, or everybody who is here while the lead is nobody's."""
    readers = [responsible_id] if responsible_id is not None else otherwise
    topic = f"message:{message_id}" if message_id is not None else f"conversation:{conversation_id}"
    facts = (("message_id", message_id),) if message_id is not None else ()
    return [Wish(reader, kind, lead_id, conversation_id, topic, facts, silent) for reader in readers]
