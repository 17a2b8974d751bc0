"""Timers: what is scheduled for a stay in a stage, cancelled with it, and fired once. All the SQL about time."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, exists, func, or_, select, text, update

from core.automation.model import Robot, Start, Timer, TimerState
from core.automation.robots import FAILED, Run, already_said, perform, robots_by_id
from core.contacts.model import Contact
from core.conversations.deliveries import AHEAD, forget_called_off
from core.conversations.model import Conversation
from core.database import BATCH, Transaction, among, ask
from core.leads.model import Lead
from core.lines.accounts import IN_USE
from core.lines.hours import ALWAYS, Hours
from core.lines.model import Account

_WAITING = text("timer.state = 'waiting'")  # a constant, so that the partial indexes serve it
_OF_VISITS = select(Timer.visit_id, Timer.robot_id, Timer.id).where(among(Timer.visit_id, "visits"), _WAITING)
# Until its network has been heard, an answer may lie there: whether the customer was silent nobody knows yet.
_UNHEARD = exists().where(
    Conversation.id == Timer.conversation_id,
    Account.id == Conversation.account_id,
    IN_USE,
    Account.last_seen_at < Timer.due_at,
)
_MAY_FIRE = ~(Timer.stops_on_answer & _UNHEARD)
_DUE = (
    select(
        Timer.id,
        Timer.robot_id,
        Timer.lead_id,
        Timer.visit_id,
        Timer.conversation_id,
        Timer.due_at,
    )
    .where(_WAITING, Timer.due_at <= bindparam("now"), _MAY_FIRE)
    .order_by(Timer.due_at, Timer.id)
    .limit(bindparam("limit"))
    .with_for_update(skip_locked=True)
)
_ONE = _DUE.where(Timer.id == bindparam("only"))
_DUE_TOO_LATE = (
    select(Timer.id, Robot.delay_seconds, Robot.action)
    .join(Robot, Robot.id == Timer.robot_id)
    .where(_WAITING, Timer.due_at > bindparam("latest"))
    .order_by(Timer.due_at, Timer.id)
    .limit(BATCH)
    .with_for_update(of=Timer, skip_locked=True)
)
_LONGEST_DELAY = select(func.max(Robot.delay_seconds))
_CANCEL = (
    update(Timer)
    .where(_WAITING)
    .values(state=TimerState.CANCELLED, reason=bindparam("why"), settled_at=bindparam("now"))
)
_CANCEL_OF_VISITS = _CANCEL.where(among(Timer.visit_id, "visits"))
_OF_PERSONS = (
    select(Lead.id)
    .join(Conversation, Conversation.contact_id == Lead.contact_id)
    .where(among(Conversation.id, "conversations"))
)
_CANCEL_ON_ANSWER = _CANCEL.where(Timer.lead_id.in_(_OF_PERSONS), Timer.stops_on_answer)
# With its person, whom a robot that moves the lead takes hold of: others hold them before the lead and its timers.
_FREE = (
    select(Lead.id)
    .join(Contact, Contact.id == Lead.contact_id)
    .where(among(Lead.id, "leads"))
    .with_for_update(of=(Contact, Lead), skip_locked=True, key_share=True)
)
_NEXT = (
    select(Timer.due_at)
    .where(_WAITING, or_(Timer.due_at > bindparam("now"), _MAY_FIRE))
    .order_by(Timer.due_at)
    .limit(1)
)


class Appointment(NamedTuple):
    """A robot's run to be scheduled."""

    robot_id: int
    lead_id: int
    visit_id: int
    conversation_id: int | None
    due_at: datetime
    stops_on_answer: bool
    once_per_lead: bool = False


def schedule_first(tx: Transaction, appointments: Sequence[Appointment]) -> None:
    """Put runs down for later, of stays that have only just begun: nothing waits for them yet."""
    tx.insert(Timer, [_waiting(tx, appointment) for appointment in appointments])
    if appointments:
        tx.hint("timers")


def schedule(tx: Transaction, appointments: Sequence[Appointment]) -> None:
    """Put runs down for later. One that waits already for the same stay is moved to the new moment instead."""
    if not appointments:
        return
    waiting = {
        (row.visit_id, row.robot_id): row.id
        for row in tx.ask(_OF_VISITS, visits={a.visit_id for a in appointments})
    }
    rows: list[dict[str, Any]] = []
    moved: list[dict[str, Any]] = []
    # Answered twice at once: one run, counted from the later answer.
    latest = {(one.visit_id, one.robot_id): one for one in sorted(appointments, key=lambda one: one.due_at)}
    for appointment in latest.values():
        if timer_id := waiting.get((appointment.visit_id, appointment.robot_id)):
            moved.append(
                {
                    "id": timer_id,
                    "due_at": appointment.due_at,
                    "conversation_id": appointment.conversation_id,
                }
            )
        else:
            rows.append(_waiting(tx, appointment))
    tx.insert(Timer, rows)
    tx.update(Timer, moved)
    tx.hint("timers")


def schedule_unsaid(tx: Transaction, appointments: Sequence[Appointment]) -> None:
    """As `schedule`, without what is said once per lead and was said: no card should promise it again.

    What was called off before it left was not said: it is for the next silence.
    """
    keys = {
        one: run_key(one.robot_id, one.lead_id, "", once=True) for one in appointments if one.once_per_lead
    }
    said = already_said(tx, keys.values()) if keys else set()
    said -= forget_called_off(tx, said) if said else set()
    schedule(tx, [one for one in appointments if keys.get(one) not in said])


def note_skipped(tx: Transaction, skipped: Sequence[tuple[Run, str]]) -> None:
    """What should have happened at once and did not is kept with its reason, like any run whose time came."""
    tx.insert(
        Timer,
        [
            {
                "id": tx.new_id(),
                "robot_id": run.robot.id,
                "lead_id": run.lead_id,
                "visit_id": run.visit_id,
                "conversation_id": run.conversation_id,
                "stops_on_answer": run.robot.stops_on_answer,
                "due_at": tx.now,
                "state": _state(reason),
                "reason": reason,
                "settled_at": tx.now,
            }
            for run, reason in skipped
        ],
    )


def cancel_visits(tx: Transaction, visit_ids: Collection[int], reason: str) -> None:
    """The stage is left: nothing scheduled for that stay happens any more."""
    tx.connection.execute(_CANCEL_OF_VISITS, {"visits": visit_ids, "why": reason, "now": tx.now})


def cancel_on_answer(
    tx: Transaction, conversation_ids: Collection[int], reason: str = "customer-wrote"
) -> None:
    """The customers of these have been heard: what waited for their silence is off, in every lead of theirs."""
    heard = {"conversations": conversation_ids, "why": reason, "now": tx.now}
    tx.connection.execute(_CANCEL_ON_ANSWER, heard)


def cancel_silence(tx: Transaction, lead_id: int, reason: str) -> None:
    """Our answer did not arrive, so nobody is silent."""
    waiting = select(Robot.id).where(Robot.start == Start.ANSWERED)
    _cancel(tx, reason, Timer.lead_id == lead_id, Timer.robot_id.in_(waiting))


def cancel_conversations(
    tx: Transaction, lead_id: int, conversation_ids: Collection[int], reason: str
) -> None:
    """What was to be said in these conversations for this lead is off."""
    _cancel(tx, reason, Timer.lead_id == lead_id, among(Timer.conversation_id, conversation_ids))


def call_off(tx: Transaction, timer_id: int) -> bool:
    """A person does not want it; false when it has happened, or was called off already."""
    return _cancel(tx, "called-off", Timer.id == timer_id) == 1


def cancel_contacts(
    tx: Transaction, contact_ids: Collection[int], reason: str, *, only_closed: bool = False
) -> None:
    """Nothing may be said to these people any more; `only_closed`: not where they have closed a conversation.

    What robots do among ourselves (a lead moved on, a manager told) goes on.
    """
    leads = select(Lead.id).where(among(Lead.contact_id, contact_ids))
    sayings = select(Robot.id).where(Robot.action == "message")
    conditions: list[Any] = [Timer.lead_id.in_(leads), Timer.robot_id.in_(sayings)]
    if only_closed:
        closed = select(Conversation.id).where(
            among(Conversation.contact_id, contact_ids), Conversation.closed_at.is_not(None)
        )
        conditions.append(Timer.conversation_id.in_(closed))
    _cancel(tx, reason, *conditions)


def due(tx: Transaction, limit: int = BATCH) -> list[int]:
    """The timers that `fire` would take now, for whoever takes them one by one."""
    return [row.id for row in tx.ask(_DUE, now=tx.now, limit=limit)]


def in_hours(action: str, moment: datetime, hours: Hours) -> datetime:
    """When a robot may do then what it does: who has not just written is not written to at night."""
    return hours.next_open(moment) if action == "message" else moment


def fire(tx: Transaction, limit: int = BATCH, *, only: int | None = None, hours: Hours = ALWAYS) -> int:
    """Fire what is due: look at the world again, act and settle in this one transaction. Returns how many.

    What would be said outside of `hours` is put off until they begin. What waits for a customer's silence waits until
    their network has been heard since it fell due: after a stop or an outage their answer comes first. `only` fires one
    timer alone, if it is due still. A timer held by somebody else (its lead is being worked on this instant) is passed
    over, never waited for: waiting would embrace with whoever holds the lead and is cancelling its timers.
    """
    if only is None:
        rows = tx.ask(_DUE, now=tx.now, limit=limit)
    else:
        rows = tx.ask(_ONE, now=tx.now, only=only, limit=1)
    if not rows:
        return 0
    if not tx.is_sqlite:
        free = {row[0] for row in tx.ask(_FREE, leads={row.lead_id for row in rows})}
        rows = [row for row in rows if row.lead_id in free]
    robots = robots_by_id(tx, {row.robot_id for row in rows})
    runs: list[Run] = []
    reasons: dict[int, str | None] = {}
    keys: dict[int, str] = {}
    put_off: list[dict[str, Any]] = []
    for row in rows:
        robot = robots.get(row.robot_id)
        if robot is None:
            reasons[row.id] = "robot-off"
        elif robot.late_seconds is not None and tx.now - row.due_at > timedelta(seconds=robot.late_seconds):
            reasons[row.id] = "too-late"
        elif (due_at := in_hours(robot.action, tx.now, hours)) > tx.now:
            put_off.append({"id": row.id, "due_at": due_at})
        else:
            keys[row.id] = run_key(robot.id, row.lead_id, f"timer:{row.id}", once=robot.once_per_lead)
            runs.append(Run(robot, row.lead_id, row.visit_id, row.conversation_id, keys[row.id]))
    results = perform(tx, runs) if runs else {}
    reasons |= {id: results[key] for id, key in keys.items()}
    tx.update(Timer, put_off)
    tx.update(
        Timer,
        [
            {
                "id": id,
                "state": _state(reason),
                "reason": reason,
                "settled_at": tx.now,
            }
            for id, reason in reasons.items()
        ],
    )
    return len(rows)


def fail(tx: Transaction, timer_id: int, error: str) -> int:
    """A timer cannot be fired: keep it with its error, so that it does not block those behind it."""
    failed = tx.connection.execute(
        update(Timer)
        .where(_WAITING, Timer.id == timer_id)
        .values(state=TimerState.FAILED, reason=error[:500], settled_at=tx.now)
    )
    return failed.rowcount


def correct_moments(tx: Transaction, hours: Hours = ALWAYS) -> int:
    """What is due later than any robot's delay from now was put down by a clock that was ahead: it counts from now.

    What waits for the next opening of `hours` is not due too late.

    Returns how many rows of one lot were wrong, 0 when none is left.
    """
    longest = tx.connection.execute(_LONGEST_DELAY).scalar_one() or 0
    latest = hours.next_open(tx.now + timedelta(seconds=longest)) + AHEAD
    rows = tx.ask(_DUE_TOO_LATE, latest=latest)
    tx.update(
        Timer,
        [
            {
                "id": row.id,
                "due_at": in_hours(row.action, tx.now + timedelta(seconds=row.delay_seconds), hours),
            }
            for row in rows
        ],
    )
    return len(rows)


def next_due(connection: Connection, now: datetime) -> datetime | None:
    """When the earliest waiting timer is due, of those that wait for nothing else."""
    rows = ask(connection, _NEXT, now=now)
    return rows[0].due_at if rows else None


def run_key(robot_id: int, lead_id: int, occasion: str, *, once: bool) -> str:
    """The key of what a robot says: one per lead, or one per occasion."""
    return f"robot:{robot_id}:lead:{lead_id}" if once else f"robot:{robot_id}:{occasion}"


def _waiting(tx: Transaction, appointment: Appointment) -> dict[str, Any]:
    return {
        "id": tx.new_id(),
        "robot_id": appointment.robot_id,
        "lead_id": appointment.lead_id,
        "visit_id": appointment.visit_id,
        "conversation_id": appointment.conversation_id,
        "stops_on_answer": appointment.stops_on_answer,
        "due_at": appointment.due_at,
        "state": TimerState.WAITING,
        "reason": None,
        "settled_at": None,
    }


def _state(reason: str | None) -> TimerState:
    if reason is None:
        return TimerState.DONE
    return TimerState.FAILED if reason.startswith(FAILED) else TimerState.SKIPPED


def _cancel(tx: Transaction, reason: str, *conditions: Any) -> int:
    cancelled = tx.connection.execute(_CANCEL.where(*conditions), {"why": reason, "now": tx.now})
    return cancelled.rowcount
