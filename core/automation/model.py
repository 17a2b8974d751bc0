"""Robots as rows that people edit, and timers: one scheduled run of a robot for one stay in a stage."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Boolean, Index, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from core.database import Id, Model, partial_index


class Start(StrEnum):
    """What a robot's delay is counted from."""

    ENTERED = "entered"  # the lead entered the stage
    ANSWERED = "answered"  # we answered the customer, and he has been silent since


class TimerState(StrEnum):
    """What has become of a scheduled run."""

    WAITING = "waiting"
    DONE = "done"
    SKIPPED = "skipped"  # its time came and the world had changed; `reason` says how
    CANCELLED = "cancelled"  # before its time: the stage was left, the customer wrote, a manager said so
    FAILED = "failed"  # the action raised; `reason` has the error


class Robot(Model):
    """On entering a stage, after a delay, if a condition holds, do an action.

    `parameters` of the actions "message" and "notify": {"text": {"ru": "…", "en": "…"}} with `{{ name }}` placeholders;
    of "message", if wanted, also "closed", said instead outside the company's hours, and "greeting", to who has merely
    opened the chat; of "stage": {"stage": id}, and {"reason": id} where that stage is a failure.
    """

    __tablename__ = "robot"
    id: Mapped[int] = mapped_column(Id, primary_key=True, autoincrement=False)
    name: Mapped[str] = mapped_column(String(64), unique=True)
    title: Mapped[dict[str, Any]]
    stage_id: Mapped[int] = mapped_column(Id)
    start: Mapped[str] = mapped_column(String(16))
    delay_seconds: Mapped[int] = mapped_column(Integer)
    action: Mapped[str] = mapped_column(String(32))
    parameters: Mapped[dict[str, Any]]
    condition: Mapped[list[Any] | None]  # [[field, operator, value], …], all of which must hold
    stops_on_answer: Mapped[bool] = mapped_column(Boolean)  # cancelled when the customer writes
    once_per_lead: Mapped[bool] = mapped_column(Boolean)  # of what is said, to the customer or a manager
    late_seconds: Mapped[int | None] = mapped_column(Integer)  # skipped when its time passed longer ago
    position: Mapped[int] = mapped_column(Integer)
    is_active: Mapped[bool] = mapped_column(Boolean)


class Timer(Model):
    """One scheduled run of a robot for one stage visit. What was skipped or cancelled is kept with its reason."""

    __tablename__ = "timer"
    id: Mapped[int] = mapped_column(Id, primary_key=True, autoincrement=False)
    robot_id: Mapped[int] = mapped_column(Id)
    lead_id: Mapped[int] = mapped_column(Id)
    visit_id: Mapped[int] = mapped_column(Id)
    conversation_id: Mapped[int | None] = mapped_column(Id)
    stops_on_answer: Mapped[bool] = mapped_column(Boolean)
    due_at: Mapped[datetime]
    state: Mapped[str] = mapped_column(String(16))
    reason: Mapped[str | None] = mapped_column(Text)
    settled_at: Mapped[datetime | None]

    __table_args__ = (
        partial_index("ix_timer_due", "due_at", "id", where="state = 'waiting'"),
        partial_index("uq_timer_visit_robot", "visit_id", "robot_id", where="state = 'waiting'", unique=True),
        Index("ix_timer_lead", "lead_id", "id"),
        partial_index("ix_timer_settled", "settled_at", where="state <> 'waiting'"),
    )
