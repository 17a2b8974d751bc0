"""Two contacts become one person, and become two again; or a manager says that they are not one."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import exists, func, select, text, update

from core import journal, search
from core.automation import timers
from core.automation.model import Robot, Start, Timer
from core.contacts.model import Address, Contact
from core.contacts.people import lock_contacts
from core.conversations.model import Conversation, Message
from core.database import Transaction, among
from core.desk.evidence import addresses_in, holds
from core.desk.persons import has_own_name, told_apart
from core.desk.work import require_staff
from core.errors import Refusal
from core.journal import Journal
from core.leads.model import Lead, LeadOutcome
from core.staff.managers import Person


@dataclass(frozen=True, slots=True)
class Brought:
    """What one contact brought to another: enough to take it back."""

    addresses: tuple[int, ...]
    conversations: tuple[tuple[int, int | None], ...]  # with the lead each belonged to
    leads: tuple[int, ...]


def merge(tx: Transaction, contact_a: int, contact_b: int, person: Person) -> int:
    """Two contacts are one person: `contact_a` stays and gets all that the other has.

    Returns the surviving contact. Raises Refusal when one of them is gone ("refused-contact-gone") or they
    are one already ("refused-merge-one").
    """
    require_staff(tx, person)
    survivors = lock_contacts(tx, [contact_a, contact_b])
    stays, goes = _contact(tx, survivors[contact_a]), _contact(tx, survivors[contact_b])
    if stays.id == goes.id:
        raise Refusal("refused-merge-one")
    brought = absorb(tx, stays.id, goes.id)
    changes: dict[str, Any] = {}
    if not has_own_name(tx.connection, stays.id, stays.name) and goes.name:
        changes["name"] = goes.name
        search.reindex(tx, [(stays.id, goes.name)])
    if goes.is_client and not stays.is_client:
        changes["is_client"] = True
    if stays.wants_follow_ups and not goes.wants_follow_ups:
        changes["wants_follow_ups"] = False  # what one of them asked for holds for the person
    if changes:
        tx.update(Contact, [{"id": stays.id, **changes}])
    journal.note(
        tx,
        person.actor,
        "contact-merged",
        contact_id=goes.id,
        details={
            "to": stays.id,
            "addresses": brought.addresses,
            "conversations": brought.conversations,
            "leads": brought.leads,
            "name": stays.name if "name" in changes else None,
            "became_client": "is_client" in changes,
            "unsubscribed": "wants_follow_ups" in changes,
        },
    )
    journal.note(
        tx,
        person.actor,
        "contacts-merged",
        contact_id=stays.id,
        details={"contact": goes.id, "name": goes.name},
    )
    return int(stays.id)


def unmerge(tx: Transaction, contact_b: int, person: Person) -> None:
    """Undo `merge`: the merged contact gets back what it brought, and what it alone began since.

    What both wrote into one lead stays there.

    Raises Refusal ("refused-not-merged") when it is not merged.
    """
    require_staff(tx, person)
    holder = lock_contacts(tx, [contact_b])[contact_b]
    line = tx.connection.execute(
        select(Journal.at, Journal.details)
        .where(Journal.contact_id == contact_b, Journal.verb == "contact-merged")
        .order_by(Journal.id.desc())
        .limit(1)
    ).first()
    held_by = tx.connection.execute(
        select(Contact.merged_to).where(Contact.id == contact_b)
    ).scalar_one_or_none()
    if held_by is None or line is None:
        raise Refusal("refused-not-merged")
    merged = line.details
    return_brought(
        tx,
        holder,
        contact_b,
        Brought(
            tuple(merged["addresses"]),
            tuple((conversation, lead) for conversation, lead in merged["conversations"]),
            tuple(merged["leads"]),
        ),
        line.at,
    )
    changes: dict[str, Any] = {"is_client": False} if merged["became_client"] else {}
    if merged["unsubscribed"]:
        changes["wants_follow_ups"] = True
    if merged["name"] is not None:
        changes["name"] = merged["name"]
        search.reindex(tx, [(held_by, merged["name"])])
    if changes:
        tx.update(Contact, [{"id": held_by, **changes}])
    for contact_id, other in ((contact_b, held_by), (held_by, contact_b)):
        journal.note(tx, person.actor, "contact-unmerged", contact_id=contact_id, details={"contact": other})


def tell_apart(tx: Transaction, contact_a: int, contact_b: int, person: Person) -> None:
    """Two contacts are not one person, whatever they share: it is not suggested again. Said twice, it is said once.

    Raises Refusal when one of them is gone ("refused-contact-gone") or they are one ("refused-merge-one").
    """
    one, two = _two(tx, contact_a, contact_b, person)
    if not told_apart(tx.connection, one, [two]):
        for contact_id, other in ((one, two), (two, one)):
            journal.note(tx, person.actor, "told-apart", contact_id=contact_id, details={"contact": other})


def undo_tell_apart(tx: Transaction, contact_a: int, contact_b: int, person: Person) -> None:
    """Undo `tell_apart`: they may be one person after all, and the suggestion is back.

    Raises Refusal as `tell_apart`, and when nobody has told them apart ("refused-nothing-to-undo").
    """
    one, two = _two(tx, contact_a, contact_b, person)
    if not told_apart(tx.connection, one, [two]):
        raise Refusal("refused-nothing-to-undo")
    for contact_id, other in ((one, two), (two, one)):
        journal.note(tx, person.actor, "told-apart-undone", contact_id=contact_id, details={"contact": other})


def absorb(tx: Transaction, stays: int, goes: int) -> Brought:
    """Everything of one locked contact goes to another, which stands for both from now on.

    An address that both held stays where it is, on the one that is merged away: it is still found, and found
    to be the survivor's.
    """
    both = select(Address.key).where(Address.contact_id == stays)
    addresses = _ids(
        tx,
        select(Address.id).where(Address.contact_id == goes, Address.key.not_in(both)).order_by(Address.id),
    )
    conversations = tx.connection.execute(
        select(Conversation.id, Conversation.lead_id)
        .where(Conversation.contact_id == goes)
        .order_by(Conversation.id)
    ).all()
    leads = _ids(tx, select(Lead.id).where(Lead.contact_id == goes).order_by(Lead.id))
    _give(tx, goes, stays, addresses, [row.id for row in conversations], leads)
    tx.update(Contact, [{"id": goes, "merged_to": stays}])
    _ask_once(tx, stays)
    return Brought(tuple(addresses), tuple((row.id, row.lead_id) for row in conversations), tuple(leads))


def return_brought(tx: Transaction, holder: int, to: int, brought: Brought, merged_at: datetime) -> None:
    """The contact stands for itself again, with what it once brought and `holder` still has.

    What began since `merged_at` through an address of its own goes with it: a conversation, an address learned in one,
    and a lead that nobody else wrote in. What has gone back to a third person since, who had been merged into the one
    that returns, stays theirs.
    """
    came_with = dict(brought.conversations)
    threads = _theirs(tx, holder, brought.addresses, came_with)
    learned = {
        row.id for thread in threads for row in addresses_in(tx, thread)[0] if row.created_at > merged_at
    }
    conversations = [thread.id for thread in threads]
    born = _born_of(tx, holder, conversations, brought.leads)
    _give(tx, holder, to, [*brought.addresses, *learned], conversations, [*brought.leads, *born])
    _tell_own_past(tx, to, born)
    # A conversation that has gone on in a lead of the other person goes back to its own.
    strayed = tx.connection.execute(
        select(Conversation.id)
        .join(Lead, Lead.id == Conversation.lead_id)
        .where(
            among(Conversation.id, conversations),
            Conversation.contact_id == to,
            Lead.contact_id != to,
        )
    ).all()
    tx.update(Conversation, [{"id": row.id, "lead_id": came_with.get(row.id)} for row in strayed])
    # And one of the other person's that has gone on in a lead of this one is no way to this one any more.
    theirs = select(Lead.id).where(Lead.contact_id == to)
    tx.connection.execute(
        update(Conversation)
        .where(Conversation.contact_id == holder, Conversation.lead_id.in_(theirs))
        .values(lead_id=None)
    )
    tx.update(Contact, [{"id": to, "merged_to": None}])


def _theirs(tx: Transaction, holder: int, addresses: Sequence[int], came_with: Collection[int]) -> list[Any]:
    """The conversations of `holder` that came with these addresses, or are held through one of them."""
    held = tx.connection.execute(
        select(Address.kind, Address.value, Address.key).where(
            among(Address.id, addresses), Address.contact_id == holder
        )
    ).all()
    rows = tx.connection.execute(
        select(
            Conversation.id,
            Conversation.thread,
            Conversation.channel,
            Conversation.contact_id,
            Conversation.created_at,
        )
        .where(Conversation.contact_id == holder)
        .order_by(Conversation.id)
    )
    return [row for row in rows if row.id in came_with or any(holds(row, *one) for one in held)]


def _born_of(
    tx: Transaction, holder: int, conversations: Sequence[int], came_with: Sequence[int]
) -> list[int]:
    """Leads of `holder`, besides those that came with them, in which nothing was said but in these conversations."""
    said = select(Message.lead_id).where(among(Message.conversation_id, conversations))
    elsewhere = exists().where(Message.lead_id == Lead.id, ~among(Message.conversation_id, conversations))
    return _ids(
        tx,
        select(Lead.id)
        .where(Lead.contact_id == holder, Lead.id.in_(said), ~elsewhere, ~among(Lead.id, came_with))
        .order_by(Lead.id),
    )


def _tell_own_past(tx: Transaction, contact_id: int, lead_ids: Sequence[int]) -> None:
    """What was said of these leads' past may have been another person's."""
    for lead_id in lead_ids:
        before = tx.connection.execute(
            select(func.max(Lead.id)).where(
                Lead.contact_id == contact_id, Lead.id < lead_id, Lead.outcome != LeadOutcome.OPEN
            )
        ).scalar_one()
        tx.update(Lead, [{"id": lead_id, "previous_id": before, "is_repeat": before is not None}])


def _two(tx: Transaction, contact_a: int, contact_b: int, person: Person) -> tuple[int, int]:
    """Who these two are by now, both locked."""
    require_staff(tx, person)
    survivors = lock_contacts(tx, [contact_a, contact_b])
    one, two = _contact(tx, survivors[contact_a]).id, _contact(tx, survivors[contact_b]).id
    if one == two:
        raise Refusal("refused-merge-one")
    return one, two


def _ask_once(tx: Transaction, contact_id: int) -> None:
    """Two leads of one person now: whoever is silent is asked once, after the latest of our answers."""
    rows = tx.connection.execute(
        select(Timer.lead_id)
        .join(Robot, Robot.id == Timer.robot_id)
        .join(Lead, Lead.id == Timer.lead_id)
        .where(
            text("timer.state = 'waiting'"),
            Lead.contact_id == contact_id,
            Robot.start == Start.ANSWERED,
        )
        .order_by(Timer.due_at.desc(), Timer.id.desc())
    )
    leads = list(dict.fromkeys(row.lead_id for row in rows))
    for lead_id in leads[1:]:
        timers.cancel_silence(tx, lead_id, "merged")


def _give(
    tx: Transaction,
    holder: int,
    to: int,
    addresses: Sequence[int],
    conversations: Sequence[int],
    leads: Sequence[int],
) -> None:
    # Leads before conversations: so does what has arrived.
    for model, ids in ((Address, addresses), (Lead, leads), (Conversation, conversations)):
        if ids:
            tx.connection.execute(
                update(model).where(among(model.id, ids), model.contact_id == holder).values(contact_id=to)
            )


def _ids(tx: Transaction, statement: Any) -> list[int]:
    return [row[0] for row in tx.connection.execute(statement)]


def _contact(tx: Transaction, contact_id: int) -> Any:
    row = tx.connection.execute(
        select(Contact.id, Contact.name, Contact.is_client, Contact.wants_follow_ups).where(
            Contact.id == contact_id
        )
    ).first()
    if row is None:
        raise Refusal("refused-contact-gone")
    return row
