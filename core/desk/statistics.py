"""The figures of a period: what came in, how fast it was answered, what became of it, per manager too."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Subquery, Text, case, cast, func, literal, literal_column, select

from core.conversations.model import Direction, Message
from core.intake.model import Ledger, LedgerDay
from core.journal import Journal
from core.language import in_language
from core.leads.model import Lead, LeadOutcome
from core.leads.pipelines import all_reasons
from core.staff import managers

SOURCES = 10
DAYS = 31  # longer periods are not divided into days

_OPEN = Lead.outcome == literal_column("'open'")  # a constant, so that the indexes over open leads serve it


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
    """One manager in the period: what they took and answered themselves, what became of the leads they have.

    `answer_median` is of leads first answered in the period.
    """

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
    """A period. `answer_median`: from a lead's birth to its first answer, of leads first answered in it."""

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
    excluded: int  # of the UTC days of these dates, as the ledger counts
    parked_now: int
    answer_median: timedelta | None
    managers: tuple[Performance, ...]


def day(now: datetime, timezone: str) -> tuple[datetime, datetime]:
    """Since midnight of the company's calendar until now."""
    return _midnight(now.astimezone(ZoneInfo(timezone)).date(), timezone), now


def week(now: datetime, timezone: str) -> tuple[datetime, datetime]:
    """The last seven days of the company's calendar, today with them, until now."""
    today = now.astimezone(ZoneInfo(timezone)).date()
    return _midnight(today - timedelta(days=6), timezone), now


def statistics(
    connection: Connection, since: datetime, until: datetime, timezone: str, *, language: str
) -> Statistics:
    """The figures of [since, until). `timezone` says where a day begins; `language` names the reasons."""
    channels, new, repeat = _came_in(connection, since, until)
    taken, answers = _taken(connection, since, until), _answers(connection, since, until)
    counted = connection.execute(select(answers.c.who, func.count()).group_by(answers.c.who))
    answered = {_manager(row[0]): row[1] for row in counted}
    success, junked, reasons = _closed(connection, since, until, language)
    now = _now(connection)
    return Statistics(
        since=since,
        until=until,
        leads=new + repeat,
        new=new,
        repeat=repeat,
        channels=_shares(channels),
        sources=_sources(connection, since, until),
        days=_days(connection, since, until, timezone),
        taken=_all_taken(connection, since, until),
        answered=sum(answered.values()),
        success=sum(success.values()),
        junked=sum(junked.values()),
        reasons=_shares(reasons),
        open_now=sum(row.open for row in now.values()),
        waiting_now=sum(row.waiting for row in now.values()),
        unanswered_now=sum(row.unanswered for row in now.values()),
        excluded=_excluded(connection, since, until, timezone),
        parked_now=connection.execute(
            select(func.count()).select_from(Ledger).where(Ledger.state == literal_column("'parked'"))
        ).scalar_one(),
        answer_median=_medians(connection, answers, literal("all")).get("all"),
        managers=_performances(connection, answers, taken, answered, success, junked, now),
    )


def _midnight(of: date, timezone: str) -> datetime:
    return datetime.combine(of, time.min, ZoneInfo(timezone)).astimezone(UTC)


def _within(column: Any, since: datetime, until: datetime) -> Any:
    return (column >= since) & (column < until)


def _came_in(connection: Connection, since: datetime, until: datetime) -> tuple[Counter[str], int, int]:
    channels: Counter[str] = Counter()
    totals = {False: 0, True: 0}
    rows = connection.execute(
        select(Lead.channel, Lead.is_repeat, func.count().label("leads"))
        .where(_within(Lead.created_at, since, until))
        .group_by(Lead.channel, Lead.is_repeat)
    )
    for row in rows:
        channels[row.channel] += row.leads
        totals[row.is_repeat] += row.leads
    return channels, totals[False], totals[True]


def _sources(connection: Connection, since: datetime, until: datetime) -> tuple[Share, ...]:
    rows = connection.execute(
        select(Lead.source, func.count().label("leads"))
        .where(_within(Lead.created_at, since, until), Lead.source.is_not(None))
        .group_by(Lead.source)
        .order_by(func.count().desc(), Lead.source)
        .limit(SOURCES)
    )
    return tuple(Share(row.source or "", row.leads) for row in rows)


def _days(connection: Connection, since: datetime, until: datetime, timezone: str) -> tuple[Day, ...]:
    zone = ZoneInfo(timezone)
    first = since.astimezone(zone).date()
    last = (until - timedelta(microseconds=1)).astimezone(zone).date()
    count = (last - first).days + 1
    if not 0 < count <= DAYS:
        return ()
    days = []
    for number in range(count):
        of = first + timedelta(days=number)
        begins, ends = _midnight(of, timezone), _midnight(of + timedelta(days=1), timezone)
        leads = connection.execute(
            select(func.count())
            .select_from(Lead)
            .where(_within(Lead.created_at, max(begins, since), min(ends, until)))
        ).scalar_one()
        days.append(Day(of, leads))
    return tuple(days)


def _taken(connection: Connection, since: datetime, until: datetime) -> dict[int | None, int]:
    """Leads by who took them, whoever has them now."""
    leads = select(Journal.actor, func.count(Journal.lead_id.distinct())).where(*_takings(since, until))
    return {_manager(row[0]): row[1] for row in connection.execute(leads.group_by(Journal.actor))}


def _all_taken(connection: Connection, since: datetime, until: datetime) -> int:
    """Leads that were taken, each once: one that was handed over and taken again is of two managers."""
    leads = select(func.count(Journal.lead_id.distinct())).where(*_takings(since, until))
    return int(connection.execute(leads).scalar_one())


def _takings(since: datetime, until: datetime) -> tuple[Any, ...]:
    # In the words of the index.
    return literal_column("journal.verb = 'lead-taken'"), _within(Journal.at, since, until)


def _answers(connection: Connection, since: datetime, until: datetime) -> Subquery:
    """Leads first answered in the period: `who` wrote it (whose lead it is, where that was no letter of ours: a call,
    the network's own app), and the `seconds` it took.
    """
    if connection.dialect.name == "sqlite":
        seconds = (func.julianday(Lead.first_answer_at) - func.julianday(Lead.created_at)) * 86400.0
    else:
        seconds = func.extract("epoch", Lead.first_answer_at - Lead.created_at)
    author = (
        select(func.min(Message.author))
        .where(
            Message.lead_id == Lead.id,
            Message.sent_at == Lead.first_answer_at,
            Message.direction == Direction.OUT,
            Message.author.like("manager:%"),
        )
        .scalar_subquery()
    )
    theirs = literal("manager:") + cast(Lead.responsible_id, Text)
    return (
        select(func.coalesce(author, theirs).label("who"), seconds.label("seconds"))
        .where(_within(Lead.first_answer_at, since, until))
        .subquery()
    )


def _manager(actor: str | None) -> int | None:
    return int(actor.removeprefix("manager:")) if actor and actor.startswith("manager:") else None


def _closed(
    connection: Connection, since: datetime, until: datetime, language: str
) -> tuple[Counter[int | None], Counter[int | None], Counter[str]]:
    titles = all_reasons(connection)
    success: Counter[int | None] = Counter()
    junked: Counter[int | None] = Counter()
    reasons: Counter[str] = Counter()
    rows = connection.execute(
        select(Lead.outcome, Lead.reason_id, Lead.responsible_id, func.count().label("leads"))
        .where(_within(Lead.closed_at, since, until))
        .group_by(Lead.outcome, Lead.reason_id, Lead.responsible_id)
    )
    for row in rows:
        if row.outcome == LeadOutcome.SUCCESS:
            success[row.responsible_id] += row.leads
            continue
        junked[row.responsible_id] += row.leads
        if row.reason_id in titles:
            reasons[in_language(titles[row.reason_id].title, language, language)] += row.leads
    return success, junked, reasons


def _now(connection: Connection) -> dict[int | None, Any]:
    rows = connection.execute(
        select(
            Lead.responsible_id,
            func.count().label("open"),
            func.count(Lead.waiting_since).label("waiting"),
            func.sum(case((Lead.first_answer_at.is_(None), 1), else_=0)).label("unanswered"),
        )
        .where(_OPEN)
        .group_by(Lead.responsible_id)
    )
    return {row.responsible_id: row for row in rows}


def _excluded(connection: Connection, since: datetime, until: datetime, timezone: str) -> int:
    # By the reader's dates: in UTC their midnight may lie in the day before.
    first, last = since.astimezone(ZoneInfo(timezone)).date(), until.astimezone(UTC).date()
    stopped = select(func.coalesce(func.sum(LedgerDay.excluded), 0))
    return int(connection.execute(stopped.where(LedgerDay.day.between(first, last))).scalar_one())


def _medians(connection: Connection, answered: Subquery, who: Any) -> dict[str | None, timedelta]:
    """The median time to the first answer of each group of leads.

    The rows in the middle of each group are its one or two: those whose doubled place is between the count
    and two more.
    """
    placed = select(
        who.label("who"),
        answered.c.seconds,
        func.row_number().over(partition_by=who, order_by=answered.c.seconds).label("place"),
        func.count().over(partition_by=who).label("size"),
    ).subquery()
    rows = connection.execute(
        select(placed.c.who, func.avg(placed.c.seconds).label("median"))
        .where(placed.c.place * 2 >= placed.c.size, placed.c.place * 2 <= placed.c.size + 2)
        .group_by(placed.c.who)
    )
    return {row.who: timedelta(seconds=max(0.0, round(float(row.median), 3))) for row in rows}


def _performances(
    connection: Connection,
    answers: Subquery,
    taken: Mapping[int | None, int],
    answered: Mapping[int | None, int],
    success: Mapping[int | None, int],
    junked: Mapping[int | None, int],
    now: Mapping[int | None, Any],
) -> tuple[Performance, ...]:
    """Everybody who works here, then those who have left and did something in the period."""
    medians = {_manager(who): median for who, median in _medians(connection, answers, answers.c.who).items()}
    names = {person.id: person.name for person in managers.active(connection)}
    others: Sequence[int] = sorted(
        {id_ for counted in (taken, answered, success, junked, now) for id_ in counted if id_ is not None}
        - set(names)
    )
    if others:
        names |= managers.names(connection, others)
    return tuple(
        Performance(
            manager_id,
            name,
            taken.get(manager_id, 0),
            answered.get(manager_id, 0),
            success.get(manager_id, 0),
            junked.get(manager_id, 0),
            now[manager_id].open if manager_id in now else 0,
            now[manager_id].waiting if manager_id in now else 0,
            medians.get(manager_id),
        )
        for manager_id, name in names.items()
    )


def _shares(counted: Counter[str]) -> tuple[Share, ...]:
    return tuple(Share(name, count) for name, count in counted.most_common())
