"""What automation has before it, and what it let be: the runs of robots as people read them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, select

from core.automation.model import Robot, Timer, TimerState
from core.desk.cursors import Stretch
from core.language import in_language

LET_BE = (TimerState.SKIPPED, TimerState.CANCELLED, TimerState.FAILED)


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
    waiting = (
        _runs()
        .where(Timer.lead_id == lead_id, Timer.state == TimerState.WAITING)
        .order_by(Timer.due_at, Timer.id)
        .limit(limit)
    )
    return _read(connection, waiting, language)


def last_let_be(connection: Connection, lead_id: int, visit_id: int, *, language: str) -> Planned | None:
    """The latest run of this stay in a stage that did not happen, and why."""
    latest = (
        _runs()
        .where(Timer.lead_id == lead_id, Timer.visit_id == visit_id, Timer.state.in_(LET_BE))
        .order_by(Timer.settled_at.desc(), Timer.id.desc())
        .limit(1)
    )
    return next(iter(_read(connection, latest, language)), None)


def let_be(connection: Connection, lead_id: int, stretch: Stretch, *, language: str) -> tuple[Planned, ...]:
    """Runs of a lead that did not happen, in a stretch of its history, by when they were settled.

    What a manager called off is not among them: the journal names who did it.
    """
    runs = _runs().where(
        Timer.lead_id == lead_id,
        Timer.state.in_(LET_BE),
        func.coalesce(Timer.reason, "") != "called-off",
    )
    return _read(connection, stretch.of(runs, Timer.settled_at, Timer.id), language)


def _runs() -> Any:
    columns = select(Timer.id, Robot.title, Timer.state, Timer.due_at, Timer.settled_at, Timer.reason)
    return columns.join(Robot, Robot.id == Timer.robot_id)


def _read(connection: Connection, statement: Any, language: str) -> tuple[Planned, ...]:
    return tuple(
        Planned(
            row.id,
            in_language(row.title, language, language),
            row.state,
            row.due_at,
            row.settled_at,
            row.reason,
        )
        for row in connection.execute(statement)
    )
