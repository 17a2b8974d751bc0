"""A manager answers a customer: the lead becomes theirs if it was nobody's, and the answer is on its way."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, bindparam, exists, func, or_, select, update

from core import journal
from core.channel import OutboundFile, Span
from core.contacts.people import lock_contacts
from core.conversations.model import Conversation, Delivery, DeliveryState, Direction, Message
from core.conversations.notices import waiting_delivery
from core.conversations.outbound import Utterance, say
from core.conversations.routes import Route, open_routes
from core.database import Transaction, ask
from core.errors import Refusal
from core.events import Answered
from core.exclusions.hits import excluded_contacts
from core.leads import assignment
from core.leads.model import Lead, LeadOutcome, StageKind
from core.leads.pipelines import all_stages, stages
from core.leads.stages import Move, enter_stages
from core.lines.accounts import RETIRED
from core.lines.model import Account
from core.staff import managers
from core.staff.managers import Person

_LEAD = select(
    Lead.id,
    Lead.number,
    Lead.contact_id,
    Lead.pipeline_id,
    Lead.stage_id,
    Lead.outcome,
    Lead.taken_at,
    Lead.responsible_id,
).where(Lead.id == bindparam("lead"))
_LAST_CONVERSATION = (
    select(Conversation.id)
    .where(Conversation.lead_id == bindparam("lead"), Conversation.contact_id == bindparam("contact"))
    .order_by(Conversation.last_in_at.desc().nulls_last(), Conversation.id.desc())
    .limit(1)
)


_LEADS_OF_CONVERSATION = (
    select(Lead.id, Lead.outcome)
    .join(Conversation, Conversation.contact_id == Lead.contact_id)
    .where(
        Conversation.id == bindparam("conversation"),
        or_(Lead.id == bindparam("lead"), Lead.id == Conversation.lead_id),
    )
)


@dataclass(frozen=True, slots=True)
class Draft:
    """What a manager wants said. `reply_to_message_id` is our id of the message it answers, if a certain one.

    A file's `path` is its SHA-256 in the attachment store; `reference` works only where the customer's account
    is the bot's own.
    """

    text: str
    spans: tuple[Span, ...] = ()
    files: tuple[OutboundFile, ...] = ()
    reply_to_message_id: int | None = None
    subject: str | None = None
    cc: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer on its way; its delivery tells what became of it."""

    message_id: int
    delivery_id: int
    account_id: int
    channel: str


def reply(
    tx: Transaction,
    person: Person,
    lead_id: int,
    draft: Draft,
    conversation_id: int | None = None,
    *,
    as_nobodys: bool = False,
) -> Reply:
    """Answer the customer of a lead, in `conversation_id` or where they last wrote. Of a conversation that has gone
    on in another lead since, it is that one's customer.

    An open lead that nobody has taken is taken, and moves from its first stage to the next. Raises Refusal when
    there is no way to the person, they have blocked us, they are excluded, or the text is empty; and, where the
    lead was shown to the writer `as_nobodys`, when a colleague has taken it meanwhile: they have answered too.
    """
    if not draft.text.strip() and not draft.files:
        raise Refusal("refused-reply-empty")
    lead = _lead(tx, lead_to_answer(tx.connection, lead_id, conversation_id))
    if as_nobodys and lead.taken_at is not None and lead.responsible_id != person.id:
        winner = managers.by_id(tx.connection, lead.responsible_id) if lead.responsible_id else None
        raise Refusal("refused-lead-taken", number=lead.number, name=winner.name if winner else "—")
    route = _route(tx, lead, conversation_id)
    excluded = excluded_contacts(tx, {lead.contact_id, route.contact_id})
    if excluded:
        raise Refusal("refused-excluded", number=lead.number)
    if route.closed_why is not None:
        raise Refusal("refused-conversation-closed", number=lead.number, why=route.closed_why)
    if lead.outcome == LeadOutcome.OPEN:
        take_up(tx, lead, person)
    answered = _answered(tx, draft.reply_to_message_id, route.conversation_id)
    spoken = say(
        tx,
        [
            Utterance(
                conversation_id=route.conversation_id,
                account_id=route.account_id,
                lead_id=lead.id,
                author=person.actor,
                text=draft.text,
                is_automatic=False,
                reply_to=answered,
                subject=draft.subject,
                spans=draft.spans,
                files=draft.files,
                fields={"cc": list(draft.cc)} if draft.cc else {},
            )
        ],
    )[0]
    tx.connection.execute(update(Lead).where(Lead.id == lead.id).values(waiting_since=None, active_at=tx.now))
    tx.connection.execute(
        update(Lead).where(Lead.id == lead.id, Lead.first_answer_at.is_(None)).values(first_answer_at=tx.now)
    )
    tx.record(Answered(route.conversation_id, lead.id, spoken.message_id, tx.now))
    return Reply(spoken.message_id, spoken.delivery_id, route.account_id, route.channel)


def lead_to_answer(connection: Connection, lead_id: int, conversation_id: int | None) -> int:
    """The lead that an answer in this conversation belongs to.

    A button below old words may name one that is closed by now, or another person's: then it is the one that the
    conversation has today.
    """
    if conversation_id is None:
        return lead_id
    rows = ask(connection, _LEADS_OF_CONVERSATION, conversation=conversation_id, lead=lead_id)
    # The open one first, and of two the one that was meant.
    fitting = sorted(rows, key=lambda row: (row.outcome != LeadOutcome.OPEN, row.id != lead_id))
    return fitting[0].id if fitting else lead_id


def send_again(tx: Transaction, person: Person, delivery_id: int) -> int:
    """Send once more what was refused or may not have arrived; returns the new delivery. A person decided so.

    Whoever waits for this answer waits no more, as when it was written, unless it fails again. Raises Refusal when
    it is on its way or has arrived after all, or has nowhere to go any more.
    """
    _hold(tx, delivery_id)
    row = tx.connection.execute(
        select(
            Delivery.id,
            Delivery.state,
            Delivery.account_id,
            Delivery.conversation_id,
            Delivery.lead_id,
            Delivery.message_id,
            Delivery.attempts,
            Delivery.lane,
            Delivery.external_ids,
        )
        .where(Delivery.id == delivery_id, Delivery.message_id.is_not(None))
        .with_for_update()
    ).first()
    if row is None:
        raise Refusal("refused-delivery-gone")
    if row.state not in (DeliveryState.REFUSED, DeliveryState.UNCERTAIN, DeliveryState.CANCELLED):
        raise Refusal("refused-delivery-settled")
    contact_id, retired_at = tx.connection.execute(
        select(Conversation.contact_id, Account.retired_at)
        .join(Account, Account.id == Conversation.account_id)
        .where(Conversation.id == row.conversation_id)
    ).one()
    is_excluded = bool(excluded_contacts(tx, [contact_id]))
    if is_excluded or retired_at is not None:
        number = tx.connection.execute(select(Lead.number).where(Lead.id == row.lead_id)).scalar() or 0
        if is_excluded:
            raise Refusal("refused-excluded", number=number)
        raise Refusal("refused-conversation-closed", number=number, why=RETIRED)
    again = waiting_delivery(
        tx,
        lane=row.lane,
        account_id=row.account_id,
        due_at=tx.now,
        key=f"again:{row.id}",  # tapped twice, sent once
        conversation_id=row.conversation_id,
        lead_id=row.lead_id,
        message_id=row.message_id,
        is_automatic=False,
    )
    tx.insert_ignoring(Delivery, [again | {"external_ids": row.external_ids}])
    if row.lead_id is not None:
        _answered_after_all(tx, row.lead_id, row.message_id)
    journal.note(tx, person.actor, "delivery-again", lead_id=row.lead_id, contact_id=contact_id)
    tx.hint("deliveries")
    return int(
        tx.connection.execute(select(Delivery.id).where(Delivery.key == f"again:{row.id}")).scalar_one()
    )


def wait_still(tx: Transaction, lead_id: int, message_id: int) -> None:
    """An answer has failed: the customer of an open lead waits for one as before, and it was no first answer."""
    failed = select(Message.sent_at).where(Message.id == message_id).scalar_subquery()
    written = select(func.min(Message.sent_at)).where(*_heard_answers(lead_id))
    spoken = select(func.min(journal.Journal.at)).where(*_calls(lead_id))
    answers: list[datetime | None] = [
        tx.connection.execute(first).scalar_one() for first in (written, spoken)
    ]
    heard = min((moment for moment in answers if moment is not None), default=None)
    tx.connection.execute(
        update(Lead).where(Lead.id == lead_id, Lead.first_answer_at == failed).values(first_answer_at=heard)
    )
    wait_again(tx, lead_id)


def _hold(tx: Transaction, delivery_id: int) -> None:
    """Take hold of whom a delivery was to answer, before the delivery: everybody takes locks in this order."""
    found = tx.connection.execute(
        select(Lead.id, Lead.contact_id)
        .join(Delivery, Delivery.lead_id == Lead.id)
        .where(Delivery.id == delivery_id)
    ).first()
    if found is not None:
        lock_contacts(tx, [found.contact_id])
        tx.connection.execute(select(Lead.id).where(Lead.id == found.id).with_for_update())


def _answered_after_all(tx: Transaction, lead_id: int, message_id: int) -> None:
    """An answer that had failed is on its way again: what `wait_still` took back. What robots say is no answer."""
    heard = select(Message.sent_at).where(Message.id == message_id, *_heard_answers(lead_id))
    sent_at = tx.connection.execute(heard).scalar_one_or_none()
    if sent_at is None:
        return  # or this sending, asked for by an earlier tap, has failed by now too
    wait_again(tx, lead_id)
    tx.connection.execute(
        update(Lead).where(Lead.id == lead_id, Lead.first_answer_at.is_(None)).values(first_answer_at=sent_at)
    )


def wait_again(tx: Transaction, lead_id: int) -> None:
    """The customer of an open lead waits since the first thing they wrote after our last answer that they can have.

    To speak with them on the telephone is an answer too.
    """
    written = select(func.max(Message.id)).where(*_heard_answers(lead_id))
    spoken = select(func.max(journal.Journal.id)).where(*_calls(lead_id))
    answered = max(tx.connection.execute(last).scalar_one() or 0 for last in (written, spoken))
    since = tx.connection.execute(
        select(func.min(Message.sent_at)).where(
            Message.lead_id == lead_id,
            Message.direction == Direction.IN,
            Message.is_automatic.is_(False),
            Message.id > answered,
        )
    ).scalar_one_or_none()
    tx.connection.execute(
        update(Lead).where(Lead.id == lead_id, Lead.outcome == LeadOutcome.OPEN).values(waiting_since=since)
    )


def _heard_answers(lead_id: int) -> tuple[ColumnElement[bool], ...]:
    lost = exists().where(
        Delivery.message_id == Message.id,
        Delivery.state.in_((DeliveryState.REFUSED, DeliveryState.CANCELLED)),
    )
    again = exists().where(
        Delivery.message_id == Message.id,
        Delivery.state.not_in((DeliveryState.REFUSED, DeliveryState.CANCELLED)),
    )
    return (
        Message.lead_id == lead_id,
        Message.direction == Direction.OUT,
        Message.is_automatic.is_(False),
        or_(~lost, again),  # sent again by hand, or written in the network's own app
    )


def _calls(lead_id: int) -> tuple[ColumnElement[bool], ...]:
    return (journal.Journal.lead_id == lead_id, journal.Journal.verb == "called")


def _lead(tx: Transaction, lead_id: int) -> Any:
    found = tx.ask(_LEAD, lead=lead_id)
    if not found:
        raise Refusal("refused-lead-gone")
    lock_contacts(tx, [found[0].contact_id])
    (lead,) = tx.ask(_LEAD, lead=lead_id)  # as it is now that nobody else works on it
    return lead


def _route(tx: Transaction, lead: Any, conversation_id: int | None) -> Route:
    if conversation_id is None:
        last = tx.ask(_LAST_CONVERSATION, lead=lead.id, contact=lead.contact_id)
        conversation_id = next((row.id for row in last), None)
    found = open_routes(tx, [conversation_id], is_automatic=False) if conversation_id is not None else {}
    if conversation_id is None or conversation_id not in found:
        raise Refusal("refused-no-way", number=lead.number)
    if found[conversation_id].contact_id != lead.contact_id:
        raise Refusal("refused-no-way", number=lead.number)  # it is with somebody else by now
    return found[conversation_id]


def take_up(tx: Transaction, lead: Any, person: Person) -> None:
    """Whoever answers an open lead first has it, and it goes on from its first stage to the next.

    `lead` is its locked row, with `id`, `taken_at`, `stage_id` and `pipeline_id`.
    """
    if lead.taken_at is None:
        assignment.take(tx, lead.id, person)
    stage = all_stages(tx.connection)[lead.stage_id]
    if stage.kind == StageKind.INITIAL:
        following = next(
            (s for s in stages(tx.connection, lead.pipeline_id) if s.kind == StageKind.PROCESS), None
        )
        if following is not None:
            enter_stages(tx, [Move(lead.id, following.id, person.actor)])


def _answered(tx: Transaction, message_id: int | None, conversation_id: int) -> str | None:
    if message_id is None:
        return None
    return tx.connection.execute(
        select(Message.external_id).where(
            Message.id == message_id, Message.conversation_id == conversation_id
        )
    ).scalar_one_or_none()
