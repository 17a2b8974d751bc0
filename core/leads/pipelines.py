"""Pipelines as they are configured: stages in order, reasons for junk."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, select

from core.database import ask
from core.leads.model import JunkReason, Stage, StageKind

_STAGES = select(Stage.id, Stage.pipeline_id, Stage.name, Stage.title, Stage.kind, Stage.position).order_by(
    Stage.pipeline_id, Stage.position
)
_OF_PIPELINE = _STAGES.where(Stage.pipeline_id == bindparam("pipeline"))
_REASONS = select(JunkReason.id, JunkReason.name, JunkReason.title)
_OFFERED = _REASONS.where(JunkReason.pipeline_id == bindparam("pipeline"), JunkReason.is_active).order_by(
    JunkReason.position
)


@dataclass(frozen=True, slots=True)
class StageRef:
    """A stage as the core and the bot hold it. `title` maps a language to words."""

    id: int
    pipeline_id: int
    name: str
    title: Mapping[str, str]
    kind: str
    position: int

    @property
    def is_closing(self) -> bool:
        return self.kind in (StageKind.SUCCESS, StageKind.FAILURE)


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a lead may be given up."""

    id: int
    name: str
    title: Mapping[str, str]


def stages(connection: Connection, pipeline_id: int) -> tuple[StageRef, ...]:
    """The stages of a pipeline, in order."""
    return tuple(StageRef(*row) for row in ask(connection, _OF_PIPELINE, pipeline=pipeline_id))


def all_stages(connection: Connection) -> dict[int, StageRef]:
    """Every stage of every pipeline by id; a company has a few dozen."""
    return {row.id: StageRef(*row) for row in ask(connection, _STAGES)}


def initial_stage(connection: Connection, pipeline_id: int) -> StageRef:
    """Where new leads of a pipeline begin."""
    return next(stage for stage in stages(connection, pipeline_id) if stage.kind == StageKind.INITIAL)


def reasons(connection: Connection, pipeline_id: int) -> tuple[Reason, ...]:
    """The reasons a manager may choose from, in order."""
    return tuple(Reason(*row) for row in ask(connection, _OFFERED, pipeline=pipeline_id))


def all_reasons(connection: Connection) -> dict[int, Reason]:
    """Every reason by id, also those no longer offered: history names them."""
    return {row.id: Reason(*row) for row in ask(connection, _REASONS)}
