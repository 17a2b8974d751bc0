"""Leads, the pipelines they move through, and every stay in every stage."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Boolean, ForeignKey, Index, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from core.database import Id, Model, partial_index


class StageKind(StrEnum):
    """What a stage means to the pipeline."""

    INITIAL = "initial"
    PROCESS = "process"
    SUCCESS = "success"
    FAILURE = "failure"


class LeadOutcome(StrEnum):
    """How a lead stands; what its stage means."""

    OPEN = "open"
    SUCCESS = "success"
    FAILURE = "failure"


class Pipeline(Model):
    """An ordered set of stages: one initial, any in process, one success, one or more failures."""

    __tablename__ = "pipeline"
    id: Mapped[int] = mapped_column(Id, primary_key=True, autoincrement=False)
    name: Mapped[str] = mapped_column(String(64), unique=True)
    title: Mapped[dict[str, Any]]  # language → words


class Stage(Model):
    """A step of a pipeline."""

    __tablename__ = "stage"
    id: Mapped[int] = mapped_column(Id, primary_key=True, autoincrement=False)
    pipeline_id: Mapped[int] = mapped_column(ForeignKey("pipeline.id"))
    name: Mapped[str] = mapped_column(String(64))
    title: Mapped[dict[str, Any]]
    kind: Mapped[str] = mapped_column(String(16))
    position: Mapped[int] = mapped_column(Integer)

    __table_args__ = (Index("uq_stage_name", "pipeline_id", "name", unique=True),)


class JunkReason(Model):
    """Why a lead may be given up. Shown when the person writes again."""

    __tablename__ = "junk_reason"
    id: Mapped[int] = mapped_column(Id, primary_key=True, autoincrement=False)
    pipeline_id: Mapped[int] = mapped_column(ForeignKey("pipeline.id"))
    name: Mapped[str] = mapped_column(String(64))
    title: Mapped[dict[str, Any]]
    position: Mapped[int] = mapped_column(Integer)
    is_active: Mapped[bool] = mapped_column(Boolean)

    __table_args__ = (Index("uq_junk_reason_name", "pipeline_id", "name", unique=True),)


class Lead(Model):
    """An enquiry being qualified. Its stage is written by `core/leads/stages.py` alone.

    Lines, pipelines and stages are named without a foreign key: on PostgreSQL every new lead would otherwise
    lock the same few rows of configuration.
    """

    __tablename__ = "lead"
    id: Mapped[int] = mapped_column(Id, primary_key=True, autoincrement=False)
    number: Mapped[int] = mapped_column(Integer, unique=True)
    contact_id: Mapped[int] = mapped_column(ForeignKey("contact.id"))
    line_id: Mapped[int] = mapped_column(Id)
    account_id: Mapped[int] = mapped_column(Id)  # the account of the first message
    channel: Mapped[str] = mapped_column(String(16))
    pipeline_id: Mapped[int] = mapped_column(Id)
    stage_id: Mapped[int] = mapped_column(Id)
    visit_id: Mapped[int] = mapped_column(Id)
    outcome: Mapped[str] = mapped_column(String(16))
    reason_id: Mapped[int | None] = mapped_column(Id)
    reason_comment: Mapped[str | None] = mapped_column(Text)
    is_repeat: Mapped[bool] = mapped_column(Boolean)
    previous_id: Mapped[int | None] = mapped_column(Id)  # the closed lead before this one
    responsible_id: Mapped[int | None] = mapped_column(Id)
    taken_at: Mapped[
        datetime | None
    ]  # when the responsible accepted it; before that the queue merely proposed
    title: Mapped[str] = mapped_column(Text)
    source: Mapped[str | None] = mapped_column(Text)
    fields: Mapped[dict[str, Any] | None]
    created_at: Mapped[datetime]
    first_answer_at: Mapped[datetime | None]
    waiting_since: Mapped[datetime | None]  # the customer has written and nobody has answered
    active_at: Mapped[datetime]  # when anything last happened
    closed_at: Mapped[datetime | None]

    __table_args__ = (
        Index("ix_lead_contact", "contact_id", "id"),
        partial_index("ix_lead_mine", "responsible_id", "active_at", "id", where="outcome = 'open'"),
        partial_index("ix_lead_stage", "stage_id", "active_at", "id", where="outcome = 'open'"),
        partial_index("ix_lead_waiting", "waiting_since", "id", where="outcome = 'open'"),
        partial_index("ix_lead_open", "active_at", "id", where="outcome = 'open'"),
        partial_index("ix_lead_closed", "closed_at", where="closed_at IS NOT NULL"),
        partial_index("ix_lead_taken", "taken_at", where="taken_at IS NOT NULL"),
        partial_index("ix_lead_answered", "first_answer_at", where="first_answer_at IS NOT NULL"),
        Index("ix_lead_created", "created_at"),
    )


class StageVisit(Model):
    """One stay of a lead in a stage; whatever is scheduled for that stay hangs on it."""

    __tablename__ = "stage_visit"
    id: Mapped[int] = mapped_column(Id, primary_key=True, autoincrement=False)
    lead_id: Mapped[int] = mapped_column(ForeignKey("lead.id"), index=True)
    stage_id: Mapped[int] = mapped_column(Id)
    entered_at: Mapped[datetime]
    entered_by: Mapped[str] = mapped_column(String(40))
    left_at: Mapped[datetime | None]
