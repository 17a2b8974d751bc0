"""Whose lead it is: the queue proposes, a manager takes or hands over, nobody's leads wait and are given out."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from sqlalchemy import and_, literal_column, or_, select, update

from core import journal
from core.conversations.notices import Wish, notify, notify_all
from core.conversations.redrawing import redraw_cards
from core.database import BATCH, Transaction, among
from core.errors import Refusal
from core.leads.model import Lead, LeadOutcome
from core.lines.model import Distribution, Line
from core.staff import managers
from core.staff.managers import Person
from core.staff.model import Manager

_NEVER = datetime.min.replace(tzinfo=UTC)


class Proposal(NamedTuple):
    """For one new lead: the former responsible, if there was one."""

    former_id: int | None = None


def propose(tx: Transaction, distribution: str, proposals: Sequence[Proposal]) -> list[int | None]:
    """Who gets each of these new leads: the former responsible when available, else the line's queue.

    `even` gives to whoever has waited longest for a lead; `strict` to the first who is here; `all` to nobody:
    everyone sees it and the first to take it has it. None also when nobody is here; such leads wait visibly.
    """
    if distribution == Distribution.ALL:
        return [None] * len(proposals)
    everybody = managers.hold_queue(tx)
    here = [row for row in everybody if row.is_available and row.is_reachable]
    here.sort(key=lambda row: (row.last_given_at or _NEVER, row.position))
    if distribution == Distribution.STRICT:
        here.sort(key=lambda row: row.position)
    queue = [row.id for row in here]
    if not queue:
        return [None] * len(proposals)
    chosen: list[int | None] = []
    given: dict[int, int] = {}
    for order, proposal in enumerate(proposals):
        former = proposal.former_id
        manager_id = former if former is not None and former in queue else queue[0]
        if distribution == Distribution.EVEN:
            queue.remove(manager_id)
            queue.append(manager_id)
        given[manager_id] = order
        chosen.append(manager_id)
    # After everybody's last turn, also where the clock was ahead then: it is the order that counts.
    latest = max(row.last_given_at or _NEVER for row in everybody)
    since = max(tx.now, latest + timedelta(microseconds=1))
    tx.update(
        Manager,
        [{"id": id, "last_given_at": since + timedelta(microseconds=order)} for id, order in given.items()],
    )
    return chosen


def take(tx: Transaction, lead_id: int, person: Person) -> None:
    """Accept a lead. One of two who tap at once wins; the other gets a Refusal that says who.

    Taking one's own lead again changes nothing.
    """
    taken = tx.connection.execute(
        update(Lead)
        .where(Lead.id == lead_id, Lead.outcome == LeadOutcome.OPEN, Lead.taken_at.is_(None))
        .values(responsible_id=person.id, taken_at=tx.now, active_at=tx.now)
    )
    if taken.rowcount == 1:
        journal.note(tx, person.actor, "lead-taken", lead_id=lead_id)
        redraw_cards(tx, [lead_id], but_of=person.id)
        return
    lead = tx.connection.execute(
        select(Lead.number, Lead.outcome, Lead.responsible_id).where(Lead.id == lead_id)
    ).first()
    if lead is None:
        raise Refusal("refused-lead-gone")
    if lead.outcome != LeadOutcome.OPEN:
        raise Refusal("refused-lead-closed", number=lead.number)
    if lead.responsible_id != person.id:
        winner = managers.by_id(tx.connection, lead.responsible_id) if lead.responsible_id else None
        raise Refusal("refused-lead-taken", number=lead.number, name=winner.name if winner else "—")


def hand_over(tx: Transaction, lead_id: int, to_id: int, by: Person) -> None:
    """Give a lead to a colleague, who is told. Its own responsible or an admin may; else Refusal.

    Whoever worked it and is not asked, because an admin decides, is told too.
    """
    lead = tx.connection.execute(
        select(Lead.number, Lead.outcome, Lead.responsible_id, Lead.taken_at)
        .where(Lead.id == lead_id)
        .with_for_update()
    ).first()
    if lead is None:
        raise Refusal("refused-lead-gone")
    if lead.outcome != LeadOutcome.OPEN:
        raise Refusal("refused-lead-closed", number=lead.number)
    if lead.taken_at is not None and lead.responsible_id != by.id and not by.is_admin:
        winner = managers.by_id(tx.connection, lead.responsible_id) if lead.responsible_id else None
        raise Refusal("refused-lead-taken", number=lead.number, name=winner.name if winner else "—")
    to = managers.by_id(tx.connection, to_id)
    if to is None or to_id not in {person.id for person in managers.active(tx.connection)}:
        raise Refusal("refused-manager-gone")
    if not to.is_reachable and to_id != by.id:
        raise Refusal("refused-manager-unreachable", name=to.name)
    tx.connection.execute(
        update(Lead).where(Lead.id == lead_id).values(responsible_id=to_id, taken_at=None, active_at=tx.now)
    )
    journal.note(
        tx, by.actor, "lead-handed-over", lead_id=lead_id, details={"from": lead.responsible_id, "to": to_id}
    )
    if to_id != by.id:
        notify(tx, [to_id], "lead-given", lead_id=lead_id, by=by.id)
    if lead.taken_at is not None and lead.responsible_id not in (by.id, to_id):
        notify(tx, [lead.responsible_id], "lead-moved-on", lead_id=lead_id, by=by.id, to=to_id)
    redraw_cards(tx, [lead_id], but_of=by.id)


def give_out_waiting(tx: Transaction, left: Collection[int] = ()) -> int:
    """Give out the open leads that are nobody's, or of somebody who has left, oldest first; returns how many.

    So are those merely offered to somebody who cannot be written to, or who is among those that have `left` just now:
    what a colleague hands to somebody who is away stays with them. Nobody here: what was left behind waits like the
    others. At most `BATCH` at once.
    """
    gone = select(Manager.id).where(~Manager.is_active)
    deaf = select(Manager.id).where(~Manager.is_reachable)
    rows = tx.connection.execute(
        select(Lead.id, Lead.responsible_id, Line.distribution)
        .join(Line, Line.id == Lead.line_id)
        .where(
            literal_column("lead.outcome = 'open'"),  # a constant, so that the partial index serves it
            or_(
                and_(Lead.responsible_id.is_(None), Line.distribution != Distribution.ALL),
                Lead.responsible_id.in_(gone),
                and_(
                    Lead.taken_at.is_(None),
                    or_(Lead.responsible_id.in_(deaf), among(Lead.responsible_id, left)),
                ),
            ),
        )
        .order_by(Lead.created_at, Lead.id)
        .limit(BATCH)
        .with_for_update(of=Lead)
    ).all()
    given: dict[int, int | None] = {}
    for distribution in Distribution:
        waiting = [row.id for row in rows if row.distribution == distribution]
        if waiting:
            given |= zip(waiting, propose(tx, distribution, [Proposal()] * len(waiting)), strict=True)
    changed = [row for row in rows if given[row.id] != row.responsible_id]
    tx.update(Lead, [{"id": row.id, "responsible_id": given[row.id], "taken_at": None} for row in changed])
    tx.insert(
        journal.Journal,
        [
            journal.entry(tx, "system", "lead-given", lead_id=row.id, details={"to": given[row.id]})
            for row in changed
            if given[row.id] is not None
        ],
    )
    # One that was somebody's already has a history, which the card shows.
    notify_all(
        tx,
        [
            Wish(manager_id, "new-lead" if row.responsible_id is None else "lead-given", row.id)
            for row in changed
            if (manager_id := given[row.id]) is not None
        ],
    )
    if freed := [row for row in changed if row.distribution == Distribution.ALL]:
        # Each was somebody's, who has left: now it is offered to all, once for all of them.
        here = [one.id for one in managers.active(tx.connection) if one.is_available and one.is_reachable]
        notify(tx, here, "leads-free", count=len(freed))
    redraw_cards(tx, [row.id for row in changed])
    return len(changed)
