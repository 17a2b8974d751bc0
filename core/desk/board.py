"""The lists of leads: mine, waiting, by stage, all, closed; page by page."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, and_, func, literal_column, or_, select

from core.contacts.model import Contact
from core.database import among
from core.desk.cursors import read_cursor, write_cursor
from core.desk.messages import unseen_counts
from core.language import in_language
from core.leads.model import Lead
from core.leads.pipelines import all_stages
from core.staff import managers
from core.staff.managers import Person

COUNTED = 1000  # a heading says "1000+" rather than count a company's whole past

# A constant, so that the indexes over open leads serve it: a parameter could be any outcome.
_OPEN = Lead.outcome == literal_column("'open'")
# A stretch of an index; for "is not null" SQLite would go through all that is open.
_WAITS = Lead.waiting_since > datetime(1970, 1, 1, tzinfo=UTC)


class View(StrEnum):
    """Which leads a list shows."""

    MINE = "mine"  # open, responsible is the reader; latest activity first
    WAITING = "waiting"  # open, the customer has written and nobody has answered; who waits longest first
    STAGE = "stage"  # in one stage; latest activity first, in a closing stage latest closed first
    ALL = "all"  # open, whoever's; latest activity first
    CLOSED = "closed"  # latest closed first


@dataclass(frozen=True, slots=True)
class Row:
    """One lead in a list."""

    id: int
    number: int
    title: str
    contact_id: int
    contact: str
    channel: str
    stage_id: int
    stage: str
    outcome: str
    responsible_id: int | None
    responsible: str | None
    is_taken: bool
    is_repeat: bool
    waiting_since: datetime | None
    created_at: datetime
    active_at: datetime
    closed_at: datetime | None
    unseen: int


@dataclass(frozen=True, slots=True)
class Page:
    """Some rows; `next` is the cursor of the following page or None. `total` stops counting at `COUNTED`."""

    rows: tuple[Row, ...]
    next: str | None  # at most 26 characters of [0-9a-z.]: it fits a button
    total: int


def leads_page(
    connection: Connection,
    *,
    person: Person,
    view: View | str,
    language: str,
    stage_id: int | None = None,
    after: str | None = None,
    limit: int = 8,
) -> Page:
    """One page of a list, after the cursor of the page before. A cursor that means nothing begins again.

    `stage_id` is needed by the view "stage" (ValueError without it).
    """
    view = View(view)
    if view is View.STAGE and stage_id is None:
        raise ValueError("the view of a stage needs the stage")
    is_closing = view is View.STAGE and _is_closing(connection, stage_id)
    belongs = _belonging(View.CLOSED if is_closing else view, person)
    if view is View.STAGE:
        belongs = and_(belongs, Lead.stage_id == stage_id)
    column: Any = Lead.active_at
    if view is View.WAITING:
        column = Lead.waiting_since
    elif view is View.CLOSED or is_closing:
        column = Lead.closed_at
    is_rising = view is View.WAITING
    page = _rows().where(belongs)
    if (cursor := read_cursor(after)) is not None:
        at, lead_id = cursor
        page = (
            page.where(column >= at, or_(column > at, Lead.id > lead_id))
            if is_rising
            else page.where(column <= at, or_(column < at, Lead.id < lead_id))
        )
    order = (column.asc(), Lead.id.asc()) if is_rising else (column.desc(), Lead.id.desc())
    found = connection.execute(page.order_by(*order).limit(limit + 1)).all()
    rows = read_rows(connection, found[:limit], language)
    following = None
    if len(found) > limit:
        last = found[limit - 1]
        following = write_cursor(getattr(last, column.key), last.id)
    return Page(rows, following, _count(connection, belongs))


def rows_of(connection: Connection, lead_ids: Collection[int], language: str) -> dict[int, Row]:
    """These leads as rows of a list."""
    found = connection.execute(_rows().where(among(Lead.id, lead_ids))).all()
    return {row.id: row for row in read_rows(connection, found, language)}


def counts(connection: Connection, person: Person) -> Mapping[str, int]:
    """How many leads each view holds (`View` → number, at most COUNTED); "stage" is left out."""
    return {view: _count(connection, _belonging(view, person)) for view in View if view is not View.STAGE}


def stage_counts(connection: Connection, pipeline_id: int) -> Mapping[int, int]:
    """How many open leads each stage of a pipeline holds now; a stage without any is left out."""
    rows = connection.execute(
        select(Lead.stage_id, func.count())
        .where(Lead.pipeline_id == pipeline_id, _OPEN)
        .group_by(Lead.stage_id)
    )
    return {row[0]: row[1] for row in rows}


def read_rows(connection: Connection, found: Any, language: str) -> tuple[Row, ...]:
    """Leads as they were selected become rows with names, titles and what nobody has seen."""
    if not found:
        return ()
    unseen = unseen_counts(connection, [row.id for row in found])
    names = managers.names(
        connection, {row.responsible_id for row in found if row.responsible_id is not None}
    )
    stages = all_stages(connection)
    return tuple(
        Row(
            id=row.id,
            number=row.number,
            title=row.title,
            contact_id=row.contact_id,
            contact=row.contact,
            channel=row.channel,
            stage_id=row.stage_id,
            stage=in_language(stages[row.stage_id].title, language, language),
            outcome=row.outcome,
            responsible_id=row.responsible_id,
            responsible=names.get(row.responsible_id),
            is_taken=row.taken_at is not None,
            is_repeat=row.is_repeat,
            waiting_since=row.waiting_since,
            created_at=row.created_at,
            active_at=row.active_at,
            closed_at=row.closed_at,
            unseen=unseen.get(row.id, 0),
        )
        for row in found
    )


def _rows() -> Any:
    columns = select(
        Lead.id,
        Lead.number,
        Lead.title,
        Lead.contact_id,
        Contact.name.label("contact"),
        Lead.channel,
        Lead.stage_id,
        Lead.outcome,
        Lead.responsible_id,
        Lead.taken_at,
        Lead.is_repeat,
        Lead.waiting_since,
        Lead.created_at,
        Lead.active_at,
        Lead.closed_at,
    )
    return columns.join(Contact, Contact.id == Lead.contact_id)


def _belonging(view: View, person: Person) -> Any:
    match view:
        case View.MINE:
            return and_(Lead.responsible_id == person.id, _OPEN)
        case View.WAITING:
            return and_(_WAITS, _OPEN)
        case View.STAGE | View.ALL:
            return _OPEN
        case View.CLOSED:
            return Lead.closed_at.is_not(None)


def _is_closing(connection: Connection, stage_id: int | None) -> bool:
    stage = all_stages(connection).get(stage_id or 0)
    return stage is not None and stage.is_closing


def _count(connection: Connection, belongs: Any) -> int:
    some = select(literal_column("1")).select_from(Lead).where(belongs).limit(COUNTED).subquery()
    return int(connection.execute(select(func.count()).select_from(some)).scalar_one())
