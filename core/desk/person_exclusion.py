"""Shutting one person out from their card, by every address we know, and taking that back. For admins."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import takewhile
from typing import Any

from sqlalchemy import select

from core import journal
from core.contacts.model import Address
from core.contacts.people import lock_contacts
from core.conversations.redrawing import redraw_cards
from core.database import Transaction, among
from core.desk.covering import Covered, covered_contacts, describe
from core.desk.exclusions import Wanted, enlist, take_off
from core.desk.telling import tell_closed, tell_reopened
from core.desk.work import failure_stage, lead_of, stay_with_staff
from core.errors import Refusal
from core.events import ContactClosed
from core.exclusions.model import Exclusion
from core.exclusions.patterns import mailbox_of
from core.journal import Journal
from core.leads import stages
from core.leads.answering import wait_again
from core.leads.model import JunkReason, Lead, LeadOutcome
from core.leads.stages import Move, enter_stages
from core.staff.managers import Person, require_admin

SPAM = "spam"  # the junk reason, by its name in the rules


@dataclass(frozen=True, slots=True)
class PersonExcluded:
    """Everything by which a person is now kept out; `others` are people who share one of these addresses."""

    contact_id: int
    patterns: tuple[str, ...]
    junked: tuple[int, ...]  # numbers of the leads this closed
    others: tuple[Covered, ...]


def exclude_person(
    tx: Transaction, person: Person, lead_id: int, comment: str | None = None
) -> PersonExcluded:
    """Keep the person of a lead out by every address we know, and junk their open leads as spam.

    Raises Refusal for non-admins ("refused-admins-only"), and when we know no address of the person
    ("refused-no-address").
    """
    require_admin(person)
    lead = lead_of(tx, lead_id)
    patterns = [
        f"{row.kind}:{mailbox_of(row.value) if row.kind == 'email' else row.value}"
        for row in tx.connection.execute(
            select(Address.kind, Address.value)
            .where(Address.contact_id == lead.contact_id, Address.kind != "form")
            .order_by(Address.id)
        )
    ]
    if not patterns:
        raise Refusal("refused-no-address", number=lead.number)
    new, ids = enlist(
        tx, person.actor, [Wanted(pattern, comment, None, lead.contact_id) for pattern in patterns]
    )
    open_leads = tx.connection.execute(
        select(Lead.id, Lead.number, Lead.pipeline_id, Lead.responsible_id, Lead.taken_at)
        .where(Lead.contact_id == lead.contact_id, Lead.outcome == LeadOutcome.OPEN)
        .order_by(Lead.id)
    ).all()
    tell_closed(tx, open_leads, person)
    enter_stages(
        tx,
        [
            Move(row.id, failure_stage(tx, row.pipeline_id), person.actor, _spam(tx, row), comment)
            for row in open_leads
        ],
    )
    redraw_cards(tx, [row.id for row in open_leads], but_of=person.id)
    journal.note(
        tx,
        person.actor,
        "contact-excluded",
        lead_id=lead_id,
        contact_id=lead.contact_id,
        details={
            "exclusions": sorted(ids[pattern] for pattern in new),
            "patterns": sorted(ids),
            "leads": [row.id for row in open_leads],
            "comment": comment,
        },
    )
    covered = {id_ for found in covered_contacts(tx.connection, ids).values() for id_ in found}
    tx.record(*(ContactClosed(id_, "excluded") for id_ in sorted(covered | {lead.contact_id})))
    others = describe(tx.connection, covered - {lead.contact_id})
    return PersonExcluded(
        lead.contact_id,
        tuple(ids),
        tuple(row.number for row in open_leads),
        tuple(others[id_] for id_ in sorted(others)),
    )


def undo_exclude_person(tx: Transaction, person: Person, lead_id: int) -> tuple[int, ...]:
    """Lift exactly what `exclude_person` put on the list, and reopen what it junked; returns those numbers.

    Raises Refusal for non-admins, and "refused-nothing-to-undo" when the person was not excluded from a card
    or that has been undone.
    """
    require_admin(person)
    lead = lead_of(tx, lead_id)
    held = {
        row.id
        for row in tx.connection.execute(
            select(Exclusion.id).where(Exclusion.contact_id == lead.contact_id, Exclusion.lifted_at.is_(None))
        )
    }
    done = _since_let_in(tx, lead.contact_id, held)
    if not done and not held:
        raise Refusal("refused-nothing-to-undo")
    take_off(tx, person.actor, held)
    lock_contacts(tx, [lead.contact_id])
    closed = {id_ for details in done for id_ in details["leads"]}
    junked = tx.connection.execute(
        select(Lead.id, Lead.number, Lead.responsible_id)
        .where(among(Lead.id, closed), Lead.outcome == LeadOutcome.FAILURE)
        .order_by(Lead.id)
    ).all()
    for row in junked:
        stages.reopen(tx, row.id, person.actor)
        wait_again(tx, row.id)
        if row.responsible_id is not None:  # nobody's before stays nobody's
            stay_with_staff(tx, row, person)
    tell_reopened(tx, [row.id for row in junked], person)
    redraw_cards(tx, [row.id for row in junked], but_of=person.id)
    journal.note(
        tx,
        person.actor,
        "contact-let-in",
        lead_id=lead_id,
        contact_id=lead.contact_id,
        details={
            "patterns": sorted({pattern for details in done for pattern in details["patterns"]}),
            "leads": [row.id for row in junked],
        },
    )
    return tuple(row.number for row in junked)


def _since_let_in(tx: Transaction, contact_id: int, held: set[int]) -> list[Any]:
    """What the last exclusion of this person from a card has done, unless they were let in since, and earlier ones
    that still hold: two admins may have been at it at once, or one have tapped twice.
    """
    lines = tx.connection.execute(
        select(Journal.verb, Journal.details)
        .where(Journal.contact_id == contact_id, Journal.verb.in_(("contact-excluded", "contact-let-in")))
        .order_by(Journal.id.desc())
    )
    done = [line.details for line in takewhile(lambda line: line.verb == "contact-excluded", lines)]
    return done[:1] + [details for details in done[1:] if not held.isdisjoint(details["exclusions"])]


def _spam(tx: Transaction, lead: Any) -> int:
    reason = tx.connection.execute(
        select(JunkReason.id).where(JunkReason.pipeline_id == lead.pipeline_id, JunkReason.name == SPAM)
    ).scalar_one_or_none()
    if reason is None:
        raise Refusal("refused-reason-missing", number=lead.number)
    return int(reason)
