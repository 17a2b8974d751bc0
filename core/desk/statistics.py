"""The figures of a period: what came in, how fast it was answered, what became of it, per manager too."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import Connection


@dataclass(frozen=True, slots=True)
class Share:
    """So many of something with a name (a channel, a source, a reason, a day)."""

    name: str
    count: int


@dataclass(frozen=True, slots=True)
class Day:
    """Leads of one day of the company's calendar."""

    date: date
    leads: int


@dataclass(frozen=True, slots=True)
class Performance:
    """One manager in the period. `answer_median` is of leads first answered in it."""

    manager_id: int
    name: str
    taken: int
    answered: int
    success: int
    junked: int
    open_now: int
    waiting_now: int
    answer_median: timedelta | None


@dataclass(frozen=True, slots=True)
class Statistics:
    """A period. `answer_median` is from a lead's first message to the first answer, of leads answered in it."""

    since: datetime
    until: datetime
    leads: int
    new: int
    repeat: int
    channels: tuple[Share, ...]  # largest first
    sources: tuple[Share, ...]  # the ten largest
    days: tuple[Day, ...]  # of at most 31 days; empty for longer periods
    taken: int
    answered: int
    success: int
    junked: int
    reasons: tuple[Share, ...]  # of what was junked, largest first
    open_now: int
    waiting_now: int
    unanswered_now: int  # open leads that nobody has ever answered
    excluded: int  # of whole UTC days, as the ledger counts
    parked_now: int
    answer_median: timedelta | None
    managers: tuple[Performance, ...]


def day(now: datetime, timezone: str) -> tuple[datetime, datetime]:
    """Since midnight of the company's calendar until now."""
    raise NotImplementedError


def week(now: datetime, timezone: str) -> tuple[datetime, datetime]:
    """The last seven days of the company's calendar, today with them, until now."""
    raise NotImplementedError


def statistics(
    connection: Connection, since: datetime, until: datetime, timezone: str, *, language: str
) -> Statistics:
    """The figures of [since, until). `timezone` says where a day begins; `language` names the reasons."""
    raise NotImplementedError
