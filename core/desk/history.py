"""What has happened to a lead, in order: deeds, stages, messages, automation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from sqlalchemy import Connection

from core.desk.schedule import Planned
from core.desk.messages import Said


@dataclass(frozen=True, slots=True)
class Deed:
    """A line of the journal. `facts` are its details with names instead of ids, ready for a sentence.

    `actor` is as in the journal; `actor_name` a manager's or robot's name, None for the customer and the system.
    """

    id: int
    at: datetime
    actor: str
    actor_name: str | None
    verb: str
    facts: Mapping[str, str | int | None]


@dataclass(frozen=True, slots=True)
class Message:
    """Something said, at `said.sent_at`."""

    id: int
    at: datetime
    said: Said


@dataclass(frozen=True, slots=True)
class Automation:
    """A robot's run that did not happen, and why."""

    id: int
    at: datetime
    run: Planned


Entry: TypeAlias = Deed | Message | Automation


@dataclass(frozen=True, slots=True)
class Page:
    """Some entries, oldest first; `next` is the cursor of the following page or None."""

    entries: tuple[Entry, ...]
    next: str | None


def history(
    connection: Connection, lead_id: int, after: str | None = None, limit: int = 20, *, language: str
) -> Page:
    """One page of a lead's history, oldest first; `after` is the cursor of the page before."""
    raise NotImplementedError
