"""What follows from what became of a message: the conversation goes on, its author is told, a dead end is closed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Protocol
from zlib import crc32

import structlog
from sqlalchemy import bindparam, exists, select, update
from sqlalchemy.orm import aliased

from core import journal
from core.channel import Cause, Outcome, Refused
from core.conversations.model import LEAD, Conversation, Delivery, LetterId, Message, Shown
from core.conversations.notices import notify, notify_admins, responsible_of
from core.conversations.preparing import Claimed
from core.conversations.shown import ABOUT_US, OF_NOTICES, ShownMessage, remember
from core.conversations.threads import letter_key
from core.database import Transaction, among
from core.events import Answered, AnswerFailed, ContactClosed
from core.staff import managers
from core.staff.managers import set_reachable

log = structlog.get_logger("deliveries")

GONE = (Cause.BLOCKED, Cause.DEACTIVATED, Cause.NOT_FOUND)  # the place is refused, not what was to go there
GAVE_UP = "gave_up"  # the cause of what the network has put off for too long
LATE = timedelta(minutes=10)  # whoever wrote it is shown so long what becomes of it; then by a notice
MANY = "many"  # the notice that stands for the news of many leads, see `crowds`
_OFFERS = ("new-lead", "lead-given")
_THEIRS_ALONE = ("redraw", "lead-moved-on", "lead-closed-by", "answered-by", "delivered-late")
_LEADS = select(LEAD.c.id).where(among(LEAD.c.id, "leads")).order_by(LEAD.c.id).with_for_update()
_TAKEN = aliased(Message)  # a network that counts anew must not stop what is sent from being settled
_NAME = (
    update(Message)
    .where(
        Message.id == bindparam("message"),
        Message.external_id.is_(None),
        ~exists().where(
            _TAKEN.conversation_id == bindparam("conversation"), _TAKEN.external_id == bindparam("name")
        ),
    )
    .values(external_id=bindparam("name"))
)


class Undelivered(Protocol):
    """What has to be known of a delivery to tell people about it: a claimed one, or its row."""

    @property
    def id(self) -> int: ...
    @property
    def conversation_id(self) -> int | None: ...
    @property
    def lead_id(self) -> int | None: ...
    @property
    def message_id(self) -> int | None: ...
    @property
    def manager_id(self) -> int | None: ...
    @property
    def is_automatic(self) -> bool: ...


def hold_concerned(tx: Transaction, results: Sequence[tuple[Claimed, Outcome]]) -> None:
    """Take hold of the queue if a manager proves to be gone, then of the leads that were answered, before the
    deliveries: everybody takes locks in this order.
    """
    if any(
        claimed.manager_id is not None and isinstance(outcome, Refused) and outcome.cause in GONE
        for claimed, outcome in results
    ):
        managers.hold_queue(tx)
    leads = {lead_id for claimed, _ in results for _, lead_id, _ in _answer(claimed)}
    if leads and not tx.is_sqlite:
        tx.connection.execute(_LEADS, {"leads": leads})


def note_sent(tx: Transaction, arrived: Sequence[tuple[Claimed, Sequence[str]]]) -> None:
    """What has arrived: to customers the conversation goes on, to managers they have seen it."""
    spoken = {claimed.conversation_id for claimed, ids in arrived if claimed.message_id is not None and ids}
    tx.update(Conversation, [{"id": id, "last_out_at": tx.now} for id in spoken if id is not None])
    tx.insert_ignoring(
        Shown,
        [
            {
                "chat_id": claimed.chat_id,
                "telegram_message_id": int(external_id),
                "account_id": claimed.account_id,
                "lead_id": claimed.lead_id,
                "conversation_id": claimed.conversation_id,
                "message_id": claimed.shows_message_id,
                "shown_at": tx.now,
                # Buttons hang on the last part; the parts above it never change.
                "screen": OF_NOTICES.get(claimed.notice or "") if external_id == external_ids[-1] else None,
            }
            for claimed, external_ids in arrived
            if claimed.chat_id is not None and claimed.notice not in ABOUT_US
            for external_id in external_ids
            if external_id.isdecimal()
        ],
    )
    for claimed, external_ids in arrived:
        if external_ids and (answered := _answer(claimed)):
            tx.record(*(Answered(*ids, tx.now) for ids in answered))
            if tx.now - claimed.created_at > LATE:
                _tell_late(tx, claimed)
        if claimed.message_id is not None and external_ids:
            # The network numbers both directions in one row; the first part stands for the message.
            name = external_ids[0]
            remember_letter(tx, claimed.account_id, claimed.conversation_id, claimed.message_id, name)
        if claimed.chat_id is not None and claimed.seen_id is not None:
            # Where it was said is asked of the message: a card that is given out anew names no conversation.
            said_in = select(Message.conversation_id).where(Message.id == claimed.seen_id).scalar_subquery()
            tx.connection.execute(
                update(Conversation)
                .where(Conversation.id == said_in, Conversation.seen_id < claimed.seen_id)
                .values(seen_id=claimed.seen_id)
            )


def remember_letter(
    tx: Transaction, account_id: int, conversation_id: int | None, message_id: int, external_id: str
) -> None:
    """What the network calls our message; a letter's id finds the conversation again when it is answered."""
    given = {"message": message_id, "conversation": conversation_id, "name": external_id}
    tx.connection.execute(_NAME, given)
    if "@" in external_id:
        tx.insert_ignoring(
            LetterId,
            [
                {
                    "account_id": account_id,
                    "letter": letter_key(external_id),
                    "conversation_id": conversation_id,
                    "message_id": message_id,
                }
            ],
        )


def note_failed(tx: Transaction, claimed: Undelivered, *, is_certain: bool = True) -> None:
    """What a person wrote has not arrived: the customer still waits, and no silence of theirs can be waited for."""
    tx.record(*(AnswerFailed(lead, message, is_certain) for _, lead, message in _answer(claimed)))


def note_refused(tx: Transaction, claimed: Claimed, cause: str, reason: str) -> None:
    """A final no: where the person or the manager cannot be written to any more, nobody tries again.

    A notice whose very content is refused is told to the admins: somebody must see its lead.
    """
    if claimed.manager_id is not None:
        if cause in GONE:
            _manager_gone(tx, claimed, claimed.manager_id)
        else:
            note_not_shown(tx, claimed, claimed.manager_id, cause, reason)
        return
    note_failed(tx, claimed)
    if cause in GONE:
        tx.connection.execute(
            update(Conversation)
            .where(Conversation.id == claimed.conversation_id)
            .values(closed_at=tx.now, closed_why=cause)
        )
        if claimed.contact_id is not None:
            tx.record(ContactClosed(claimed.contact_id, cause))
    tell_of(tx, claimed, "delivery-failed", cause=cause, reason=reason[:300])


def note_not_shown(tx: Transaction, claimed: Claimed, manager_id: int, cause: str, reason: str) -> None:
    """The network takes a notice in no form, or never says that it has. One that tells of this begets none itself."""
    if claimed.notice == "redraw":
        return  # whose card was deleted, or is too old, has nothing to miss
    log.error(
        "a notice has not been shown",
        delivery_id=claimed.id,
        kind=claimed.notice,
        lead_id=claimed.lead_id,
        manager_id=manager_id,
        cause=cause,
        why=reason[:300],
    )
    # An outage of days is told by itself, and not once more for each notice it has kept.
    if claimed.lead_id is None or claimed.notice == "not-shown" or cause == GAVE_UP:
        return
    notify_admins(
        tx,
        "not-shown",
        lead_id=claimed.lead_id,
        topic=f"not-shown:{claimed.lead_id}",
        manager_id=manager_id,
        reason=reason[:300],
    )


def note_without_files(tx: Transaction, claimed: Claimed, delivered: Sequence[str]) -> None:
    """A notice the network refuses for its files, once: from now on it is worded without them.

    A reply to one of the files that did arrive (`delivered`) still finds the customer.
    """
    wished = tx.connection.execute(select(Delivery.notice).where(Delivery.id == claimed.id)).scalar_one()
    tx.connection.execute(
        update(Delivery).where(Delivery.id == claimed.id).values(notice={**wished, "files": False})
    )
    note_begins_anew(tx, claimed, delivered)


def note_begins_anew(tx: Transaction, claimed: Claimed, delivered: Sequence[str]) -> None:
    """A notice is worded anew when it is tried again, and may have other parts then: none of those has arrived.

    A reply to one that did arrive (`delivered`) still finds the customer.
    """
    if claimed.chat_id is not None:
        arrived = [int(id) for id in (*claimed.message.already_sent, *delivered) if id.isdecimal()]
        what = ShownMessage(claimed.lead_id, claimed.conversation_id, claimed.shows_message_id)
        remember(tx, claimed.account_id, claimed.chat_id, dict.fromkeys(arrived), what)


def note_uncertain(tx: Transaction, claimed: Undelivered) -> None:
    """It may have arrived, or not: a person decides."""
    if claimed.manager_id is None:
        note_failed(tx, claimed, is_certain=False)
        tell_of(tx, claimed, "delivery-uncertain")


def tell_of(tx: Transaction, claimed: Undelivered, kind: str, **facts: Any) -> None:
    """Of a message to a customer that did not go as it should: its author learns, the history keeps it."""
    journal.note(tx, "system", kind, lead_id=claimed.lead_id, details={"delivery": claimed.id, **facts})
    tell_author(
        tx,
        kind,
        message_id=claimed.message_id,
        lead_id=claimed.lead_id,
        conversation_id=claimed.conversation_id,
        delivery_id=claimed.id,
        **facts,
    )


def tell_author(
    tx: Transaction,
    kind: str,
    *,
    message_id: int | None,
    lead_id: int | None,
    conversation_id: int | None,
    **facts: Any,
) -> None:
    """Whoever wrote it learns, else whoever has the lead, else the admins: somebody always does.

    Who does not work here any more, or cannot be written to, does not count.
    """
    author = tx.connection.execute(
        select(Message.author).where(Message.id == message_id)
    ).scalar_one_or_none()
    if "delivery_id" not in facts:
        facts["message_id"] = message_id
    writer = int(author.removeprefix("manager:")) if author and author.startswith("manager:") else None
    people = managers.active(tx.connection)
    reached = {person.id for person in people if person.is_reachable}
    if writer in reached:
        readers, silent = [writer], False
    elif (responsible := responsible_of(tx.connection, lead_id)) in reached:
        readers, silent = [responsible], writer is None
    else:
        readers, silent = [person.id for person in people if person.is_admin], False
    notify(tx, readers, kind, lead_id=lead_id, conversation_id=conversation_id, silent=silent, **facts)


def _tell_late(tx: Transaction, claimed: Claimed) -> None:
    tell_author(
        tx,
        "delivered-late",
        message_id=claimed.message_id,
        lead_id=claimed.lead_id,
        conversation_id=claimed.conversation_id,
        delivery_id=claimed.id,
    )


def _answer(claimed: Undelivered) -> tuple[tuple[int, int, int], ...]:
    """Conversation, lead and message of what a person wrote to a customer; nothing for anything else."""
    conversation, lead, message = claimed.conversation_id, claimed.lead_id, claimed.message_id
    if claimed.is_automatic or conversation is None or lead is None or message is None:
        return ()
    return ((conversation, lead, message),)


def _manager_gone(tx: Transaction, claimed: Claimed, manager_id: int) -> None:
    """They have blocked the bot: the admins learn it, leads merely offered to them go to others, news too."""
    if set_reachable(tx, manager_id, False):
        notify_admins(tx, "manager-unreachable", manager_id=manager_id)
    if claimed.notice in _THEIRS_ALONE or (claimed.lead_id is None and claimed.notice != MANY):
        return
    people = managers.active(tx.connection)
    here = [person.id for person in people if person.is_available and person.is_reachable]
    taken_at = tx.connection.execute(select(LEAD.c.taken_at).where(LEAD.c.id == claimed.lead_id)).scalar()
    if here and claimed.notice in _OFFERS and taken_at is None:
        return  # it is given out anew, with a card of its own
    facts = dict(tx.connection.execute(select(Delivery.notice).where(Delivery.id == claimed.id)).scalar_one())
    kind, silent = facts.pop("kind"), bool(facts.pop("silent", False))
    knows = facts.get("by")  # whoever did what is told
    if kind in _OFFERS:
        kind, knows = "new-lead", None  # whoever sees it now has not been given it
    facts.pop("files", None)  # others may take what this reader's settings refuse
    readers = here or [person.id for person in people if person.is_admin]
    conversation_id = claimed.conversation_id
    news = crc32(repr(sorted(facts.items())).encode())  # of two readers who have gone the same comes once
    topic = f"passed-on:{kind}:{claimed.lead_id or manager_id}:{conversation_id}:{news}"
    notify(
        tx,
        [reader for reader in readers if reader != knows],
        kind,
        lead_id=claimed.lead_id,
        conversation_id=conversation_id,
        topic=topic,
        silent=silent,
        **facts,
    )
