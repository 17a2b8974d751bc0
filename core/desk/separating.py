"""A conversation that was filed under the wrong person ("this is somebody else") gets one of its own."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select, update

from core import journal, search
from core.automation import timers
from core.contacts.model import Address, Contact
from core.contacts.people import lock_contacts
from core.conversations.model import Conversation, Delivery, Direction, Message
from core.database import Transaction, among
from core.desk.evidence import addresses_in, holds
from core.desk.joining import absorb
from core.desk.persons import has_own_name
from core.desk.work import failure_stage, require_staff
from core.errors import Refusal
from core.journal import Journal
from core.leads.model import JunkReason, Lead, LeadOutcome
from core.leads.opening import Leads, Opening, title_of
from core.leads.stages import Move, enter_stages
from core.lines.model import Account
from core.staff.managers import Person


@dataclass(frozen=True, slots=True)
class Separated:
    """The person a conversation now belongs to, and the lead it now has, if any (new when `is_new_lead`)."""

    contact_id: int
    lead_id: int | None
    is_new_lead: bool


def separate(tx: Transaction, conversation_id: int, person: Person) -> Separated:
    """The conversation goes to a new contact, with the address it is held through and those given in it.

    Its lead goes with it, unless other conversations of the old contact share the lead: then a new lead is
    opened for it. An address that both may have, and the old contact had before, stays with both. Raises
    Refusal when the conversation is gone ("refused-conversation-gone") or is all we have of this person
    ("refused-separate-alone").
    """
    require_staff(tx, person)
    thread = _thread(tx, conversation_id)
    old = thread.contact_id
    moved, shared = addresses_in(tx, thread)
    together = _same_person(tx, thread, [row for row in moved if row.is_exclusive])
    _refuse_if_alone(tx, old, together, [row.id for row in moved])
    names = _names_learned(tx, thread)
    new = _introduce(tx, thread, moved + shared, names[1] if names else "")
    if names:
        _call(tx, old, names[0])
    tx.connection.execute(
        update(Address).where(among(Address.id, [row.id for row in moved])).values(contact_id=new)
    )
    copies = _copy(tx, new, shared)
    lead, undo = _divide_lead(
        tx, thread, together, new, person
    )  # before conversations: so does what has arrived
    tx.connection.execute(update(Conversation).where(among(Conversation.id, together)).values(contact_id=new))
    details = {
        "conversation": conversation_id,
        "from": old,
        "to": new,
        "copies": copies,
        "old_lead": thread.lead_id,
        "name": names[1] if names else None,
        **undo,
    }
    for lead_id in {lead.lead_id, thread.lead_id} - {None}:
        journal.note(tx, person.actor, "contact-separated", lead_id=lead_id, contact_id=new, details=details)
    if lead.lead_id is None and thread.lead_id is None:
        journal.note(tx, person.actor, "contact-separated", contact_id=new, details=details)
    return lead


def rejoin(tx: Transaction, conversation_id: int, person: Person) -> None:
    """Undo `separate`: it was the same person after all. What the new contact has learned since goes along.

    A lead that was opened for the conversation is closed as a duplicate when the old one is still open.
    Raises Refusal ("refused-nothing-to-undo") when the conversation is not separated.
    """
    require_staff(tx, person)
    thread = _thread(tx, conversation_id)
    lines = tx.connection.execute(
        select(Journal.details)
        .where(Journal.contact_id == thread.contact_id, Journal.verb == "contact-separated")
        .order_by(Journal.id.desc())
    )
    details = next((row.details for row in lines if row.details["conversation"] == conversation_id), None)
    if details is None:
        raise Refusal("refused-nothing-to-undo")
    survivors = lock_contacts(tx, [details["from"], thread.contact_id])
    old, new = survivors[details["from"]], survivors[thread.contact_id]
    if old == new:
        raise Refusal("refused-nothing-to-undo")
    brought = absorb(tx, old, new)
    called = tx.connection.execute(select(Contact.name).where(Contact.id == old)).scalar_one()
    # Who has told a name of their own meanwhile keeps it.
    if (name := details.get("name")) is not None and not has_own_name(tx.connection, old, called):
        _call(tx, old, name)
    if (new_lead := details["new_lead"]) is not None:
        _close_duplicate(tx, new_lead, details["old_lead"], conversation_id, person)
    elif details["repeat"] is None:  # the lead stayed where it was, and nothing was opened beside it
        without = [id_ for id_, lead_id in brought.conversations if lead_id is None]
        tx.update(Conversation, [{"id": id_, "lead_id": details["old_lead"]} for id_ in without])
    else:
        tx.update(
            Lead,
            [
                {
                    "id": details["old_lead"],
                    "is_repeat": details["repeat"],
                    "previous_id": details["previous"],
                }
            ],
        )
    about = {"conversation": conversation_id, "from": new, "to": old}
    for lead_id in {details["old_lead"], details["new_lead"]} - {None}:
        journal.note(tx, person.actor, "contact-rejoined", lead_id=lead_id, contact_id=old, details=about)
    if details["old_lead"] is None:
        journal.note(tx, person.actor, "contact-rejoined", contact_id=old, details=about)


def _thread(tx: Transaction, conversation_id: int) -> Any:
    """The conversation, its contact locked."""
    contact_id = tx.connection.execute(
        select(Conversation.contact_id).where(Conversation.id == conversation_id)
    ).scalar_one_or_none()
    if contact_id is None:
        raise Refusal("refused-conversation-gone")
    lock_contacts(tx, [contact_id])
    return tx.connection.execute(
        select(
            Conversation.id,
            Conversation.thread,
            Conversation.channel,
            Conversation.contact_id,
            Conversation.lead_id,
            Conversation.account_id,
            Conversation.created_at,
            Account.line_id,
        )
        .join(Account, Account.id == Conversation.account_id)
        .where(Conversation.id == conversation_id)
    ).one()


def _same_person(tx: Transaction, thread: Any, exclusive: Sequence[Any]) -> list[int]:
    """The conversations that cannot be anybody else's: held through the very same messenger address."""
    rows = tx.connection.execute(
        select(Conversation.id, Conversation.thread, Conversation.channel).where(
            Conversation.contact_id == thread.contact_id
        )
    )
    return [
        row.id
        for row in rows
        if row.id == thread.id or any(holds(row, one.kind, one.value, one.key) for one in exclusive)
    ]


def _refuse_if_alone(
    tx: Transaction, contact_id: int, together: Collection[int], moved: Collection[int]
) -> None:
    conversations = tx.connection.execute(
        select(func.count()).select_from(Conversation).where(Conversation.contact_id == contact_id)
    ).scalar_one()
    addresses = tx.connection.execute(
        select(func.count()).select_from(Address).where(Address.contact_id == contact_id)
    ).scalar_one()
    if conversations == len(together) and addresses == len(moved):
        raise Refusal("refused-separate-alone")


def _names_learned(tx: Transaction, thread: Any) -> tuple[str, str] | None:
    """What its person was called before this conversation told their name, and that name."""
    lines = tx.connection.execute(
        select(Journal.details, Contact.name)
        .join(Contact, Contact.id == Journal.contact_id)
        .where(
            Journal.contact_id == thread.contact_id,
            Journal.verb == "contact-recognised",
            Journal.at == thread.created_at,
        )
    )
    return next(((row.details["was"], row.name) for row in lines if "was" in row.details), None)


def _call(tx: Transaction, contact_id: int, name: str) -> None:
    tx.update(Contact, [{"id": contact_id, "name": name}])
    search.reindex(tx, [(contact_id, name)])


def _introduce(tx: Transaction, thread: Any, addresses: Sequence[Any], name: str) -> int:
    """A new contact, called so, or as they called themselves in this conversation, else by an address."""
    named = tx.connection.execute(
        select(Message.author_name, Message.fields)
        .where(Message.conversation_id == thread.id, Message.direction == Direction.IN)
        .order_by(Message.id)
        .limit(1)
    ).first()
    if named is not None:
        # In a letter's thread it is a third person who has an author's name.
        name = (
            name
            or (named.author_name if thread.channel == "form" else None)
            or (named.fields or {}).get("name")
            or ""
        )
    name = name.strip()
    for row in addresses:
        name = name or (f"@{row.username}" if row.username else "")
    name = name or (addresses[0].value if addresses else thread.thread.rsplit(":", 1)[-1])
    contact_id = tx.new_id()
    tx.insert(
        Contact,
        [
            {
                "id": contact_id,
                "number": tx.numbers("contact", 1)[0],
                "name": name[:300],
                "language": None,
                "is_client": False,
                "wants_follow_ups": True,
                "company_id": None,
                "merged_to": None,
                "created_at": tx.now,
            }
        ],
    )
    search.index(tx, [(contact_id, name)])
    return contact_id


def _copy(tx: Transaction, contact_id: int, rows: Sequence[Any]) -> list[int]:
    copies = [
        {
            "id": tx.new_id(),
            "contact_id": contact_id,
            "key": row.key,
            "kind": row.kind,
            "value": row.value,
            "username": row.username,
            "is_exclusive": row.is_exclusive,
            "is_proved": row.is_proved,
            "closed_at": row.closed_at,
            "closed_why": row.closed_why,
            "created_at": tx.now,
        }
        for row in rows
    ]
    tx.insert(Address, copies)
    return [row["id"] for row in copies]


def _divide_lead(
    tx: Transaction, thread: Any, together: Collection[int], new: int, person: Person
) -> tuple[Separated, dict[str, Any]]:
    """The lead goes to the new contact, or a new one is opened; and what is needed to undo it."""
    undo: dict[str, Any] = {"new_lead": None, "repeat": None, "previous": None, "number": None}
    if thread.lead_id is None:
        return Separated(new, None, is_new_lead=False), undo
    lead = tx.connection.execute(
        select(
            Lead.id,
            Lead.contact_id,
            Lead.outcome,
            Lead.is_repeat,
            Lead.previous_id,
            Lead.responsible_id,
            Lead.taken_at,
            Lead.waiting_since,
            Lead.source,
        )
        .where(Lead.id == thread.lead_id)
        .with_for_update()
    ).one()
    others = tx.connection.execute(
        select(Conversation.id).where(Conversation.lead_id == lead.id, ~among(Conversation.id, together))
    ).first()
    if others is None and lead.contact_id == thread.contact_id:
        # What was said of this person's past was said of another's.
        tx.update(Lead, [{"id": lead.id, "contact_id": new, "is_repeat": False, "previous_id": None}])
        undo |= {"repeat": lead.is_repeat, "previous": lead.previous_id}
        return Separated(new, lead.id, is_new_lead=False), undo
    new_lead = _open(tx, thread, lead, new, person) if lead.outcome == LeadOutcome.OPEN else None
    tx.connection.execute(
        update(Conversation).where(among(Conversation.id, together)).values(lead_id=new_lead)
    )
    if new_lead is None:
        return Separated(new, None, is_new_lead=False), undo
    _take_along(tx, lead.id, new_lead, together)
    undo["new_lead"] = new_lead
    undo["number"] = tx.connection.execute(select(Lead.number).where(Lead.id == new_lead)).scalar_one()
    return Separated(new, new_lead, is_new_lead=True), undo


def _open(tx: Transaction, thread: Any, lead: Any, contact_id: int, person: Person) -> int:
    """A lead of the conversation's own, with the same responsible; nothing is said to the customer."""
    first = tx.connection.execute(
        select(Message.text, Message.subject, Message.sent_at)
        .where(
            Message.conversation_id == thread.id,
            Message.lead_id == lead.id,
            Message.direction == Direction.IN,
        )
        .order_by(Message.id)
        .limit(1)
    ).first()
    last_in, last_out = tx.connection.execute(
        select(Conversation.last_in_at, Conversation.last_out_at).where(Conversation.id == thread.id)
    ).one()
    leads = Leads(tx, thread.line_id)
    leads.load(())
    opened = leads.open(
        Opening(
            contact_id=contact_id,
            is_client=False,
            account_id=thread.account_id,
            channel=thread.channel,
            title=(first.subject or title_of(first.text)) if first else "",
            source=None,
            fields={},
            conversation_id=thread.id,
            occurred_at=first.sent_at if first else tx.now,
            language=None,
            set_apart_by=person.id,
        )
    )
    if opened is None:
        raise RuntimeError("a person without a past always gets a lead")
    if lead.waiting_since is not None and last_in is not None and (last_out is None or last_in > last_out):
        leads.touch(opened, last_in, waits=True)
    leads.write()
    if lead.responsible_id is not None:
        tx.update(Lead, [{"id": opened.id, "responsible_id": lead.responsible_id, "taken_at": lead.taken_at}])
    return opened.id


def _take_along(tx: Transaction, old_lead: int, new_lead: int, conversations: Collection[int]) -> None:
    """What was said there and is on its way is the new lead's; what was planned is called off."""
    tx.connection.execute(
        update(Message)
        .where(among(Message.conversation_id, conversations), Message.lead_id == old_lead)
        .values(lead_id=new_lead)
    )
    tx.connection.execute(
        update(Delivery)
        .where(
            among(Delivery.lane, [f"conversation:{id_}" for id_ in conversations]),
            Delivery.lead_id == old_lead,
            Delivery.state.in_(("waiting", "sending")),
        )
        .values(lead_id=new_lead)
    )
    timers.cancel_conversations(tx, old_lead, conversations, "separated")


def _close_duplicate(
    tx: Transaction, new_lead: int, old_lead: int, conversation_id: int, person: Person
) -> None:
    rows = {
        row.id: row
        for row in tx.connection.execute(
            select(Lead.id, Lead.outcome, Lead.pipeline_id, Lead.waiting_since).where(
                among(Lead.id, [new_lead, old_lead])
            )
        )
    }
    if rows[old_lead].outcome != LeadOutcome.OPEN or rows[new_lead].outcome != LeadOutcome.OPEN:
        return  # each has its own fate by now; they are one person's all the same
    reason = tx.connection.execute(
        select(JunkReason.id).where(
            JunkReason.pipeline_id == rows[new_lead].pipeline_id, JunkReason.name == "duplicate"
        )
    ).scalar_one_or_none()
    if reason is None:
        return
    waiting = [row.waiting_since for row in rows.values() if row.waiting_since is not None]
    tx.connection.execute(
        update(Message)
        .where(Message.conversation_id == conversation_id, Message.lead_id == new_lead)
        .values(lead_id=old_lead)
    )
    tx.connection.execute(
        update(Conversation).where(Conversation.lead_id == new_lead).values(lead_id=old_lead)
    )
    tx.update(Lead, [{"id": old_lead, "waiting_since": min(waiting, default=None)}])
    stage_id = failure_stage(tx, rows[new_lead].pipeline_id)
    enter_stages(tx, [Move(new_lead, stage_id, person.actor, reason)])
