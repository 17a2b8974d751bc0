"""What automation has before it, and what it let be: the runs of robots as people read them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, func, select

from core.automation.model import Robot, Timer, TimerState
from core.database import among, ask
from core.desk.cursors import Stretch
from core.language import in_language

LET_BE = (TimerState.SKIPPED, TimerState.CANCELLED, TimerState.FAILED)
_RUNS = (
    select(Timer.id, Robot.title, Timer.state, Timer.due_at, Timer.settled_at, Timer.reason)
    .join(Robot, Robot.id == Timer.robot_id)
    .where(Timer.lead_id == bindparam("lead"))
)
_PLANNED = (
    _RUNS.where(Timer.state == TimerState.WAITING).order_by(Timer.due_at, Timer.id).limit(bindparam("limit"))
)
_LET_BE = _RUNS.where(among(Timer.state, LET_BE))
_LAST_LET_BE = (
    _LET_BE.where(Timer.visit_id == bindparam("visit"))
    .order_by(Timer.settled_at.desc(), Timer.id.desc())
    .limit(1)
)


@dataclass(frozen=True, slots=True)
class Planned:
    """A robot's run: waiting until `due_at`, or skipped, cancelled or failed with its `reason`.

    `state` is a TimerState; `reason` a word such as "closed", "customer-wrote", "stage-left", "excluded",
    "blocked", "no-way", "condition", "too-late", "robot-off", "already-said", "called-off" (by a manager).
    Of a failed one it is the error, after "failed: " where the robot is set up wrongly.
    """

    timer_id: int
    robot: str
    state: str
    due_at: datetime
    settled_at: datetime | None
    reason: str | None


def planned(connection: Connection, lead_id: int, *, language: str, limit: int = 5) -> tuple[Planned, ...]:
    """What waits for its moment, earliest first."""
    return _read(ask(connection, _PLANNED, lead=lead_id, limit=limit), language)


def last_let_be(connection: Connection, lead_id: int, visit_id: int, *, language: str) -> Planned | None:
    """The latest run of this stay in a stage that did not happen, and why."""
    latest = ask(connection, _LAST_LET_BE, lead=lead_id, visit=visit_id)
    return next(iter(_read(latest, language)), None)


def let_be(connection: Connection, lead_id: int, stretch: Stretch, *, language: str) -> tuple[Planned, ...]:
    """Runs of a lead that did not happen, in a stretch of its history, by when they were settled.

    What a manager called off is not among them: the journal names who did it.
    """
    runs = _LET_BE.where(func.coalesce(Timer.reason, "") != "called-off")
    found = connection.execute(stretch.of(runs, Timer.settled_at, Timer.id), {"lead": lead_id})
    return _read(found.all(), language)


def _read(rows: Sequence[Any], language: str) -> tuple[Planned, ...]:
    return tuple(
        Planned(
            row.id,
            in_language(row.title, language, language),
            row.state,
            row.due_at,
            row.settled_at,
            row.reason,
        )
        for row in rows
    )
