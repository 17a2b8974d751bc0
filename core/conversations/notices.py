"""Notices: what the managers are told. A row of kind and ids; the words are made when it is sent."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Connection, select, text, update

from core.conversations.model import LEAD, WAITING_FOR_TOPIC, Delivery, DeliveryState
from core.database import Transaction, among, ask
from core.lines.accounts import IN_USE, WHOLE, is_in_parts, note_alive, note_trouble
from core.lines.model import Account
from core.staff import managers
from core.staff.model import Manager, Role

GATHERING = timedelta(seconds=1)  # parts of an album and quick second lines arrive in one notice
_REACHABLE = select(Manager.id).where(among(Manager.id, "managers"), Manager.is_reachable, Manager.is_active)
_BOTS = (
    select(Account.id, Account.channel)
    .where(among(Account.channel, ("staff", "telegram")), IN_USE)
    .order_by(Account.id)
)


class Wish(NamedTuple):
    """A notice somebody should get. `topic` makes it one while it waits: wished again, it is already there."""

    manager_id: int
    kind: str
    lead_id: int | None = None
    conversation_id: int | None = None
    topic: str | None = None
    facts: tuple[tuple[str, Any], ...] = ()
    silent: bool = False
    key: str | None = None  # what is told once; whoever wishes it looks first whether it was


def notify(
    tx: Transaction,
    manager_ids: Iterable[int],
    kind: str,
    *,
    lead_id: int | None = None,
    conversation_id: int | None = None,
    topic: str | None = None,
    silent: bool = False,
    **facts: Any,
) -> None:
    """Tell these managers something, each once. `facts` are ids and plain values the words need."""
    notify_all(
        tx,
        [
            Wish(manager_id, kind, lead_id, conversation_id, topic, tuple(facts.items()), silent)
            for manager_id in manager_ids
        ],
    )


def notify_all(tx: Transaction, wishes: Sequence[Wish]) -> None:
    """Tell many managers many things. Who has left, or never started the bot, cannot be written to: passed over."""
    if not wishes:
        return
    account_id = staff_account(tx.connection)
    if account_id is None:
        return  # no managers' bot: a line of forms and letters only, worked elsewhere
    readers = {wish.manager_id for wish in wishes}
    reachable = reachable_of(tx, readers)
    wish_deliveries(
        tx,
        [
            waiting_delivery(
                tx,
                lane=f"staff:{wish.manager_id}",
                key=wish.key,
                topic=f"{wish.manager_id}:{wish.topic}" if wish.topic else None,
                account_id=account_id,
                conversation_id=wish.conversation_id,
                lead_id=wish.lead_id,
                manager_id=wish.manager_id,
                notice={"kind": wish.kind, "silent": wish.silent, **dict(wish.facts)},
                due_at=tx.now + (GATHERING if wish.topic else timedelta()),
            )
            for wish in wishes
            if wish.manager_id in reachable
        ],
    )


def reachable_of(tx: Transaction, manager_ids: Collection[int]) -> set[int]:
    """Those of these managers who can be written to."""
    return {row[0] for row in tx.ask(_REACHABLE, managers=manager_ids)} if manager_ids else set()


def wish_deliveries(tx: Transaction, rows: Sequence[dict[str, Any]]) -> None:
    """Put these rows of `waiting_delivery` down. A topic that waits already stays one row.

    That row may be about to leave, in words made before this transaction's news can be seen: then another is needed.
    """
    tx.insert_or_hold(Delivery, rows, "topic", WAITING_FOR_TOPIC)
    if rows:
        tx.hint("deliveries")


def waiting_delivery(
    tx: Transaction,
    *,
    lane: str,
    account_id: int,
    due_at: datetime,
    key: str | None = None,
    topic: str | None = None,
    conversation_id: int | None = None,
    lead_id: int | None = None,
    message_id: int | None = None,
    manager_id: int | None = None,
    notice: dict[str, Any] | None = None,
    is_automatic: bool = True,
    stops_on_answer: bool = False,
) -> dict[str, Any]:
    """The row of something that should be sent. Without a `key` it is a wish of its own."""
    delivery_id = tx.new_id()
    return {
        "id": delivery_id,
        "key": key or f"delivery:{delivery_id}",
        "lane": lane,
        "topic": topic,
        "account_id": account_id,
        "conversation_id": conversation_id,
        "lead_id": lead_id,
        "message_id": message_id,
        "manager_id": manager_id,
        "notice": notice,
        "is_automatic": is_automatic,
        "stops_on_answer": stops_on_answer,
        "state": DeliveryState.WAITING,
        "due_at": due_at,
        "lease_until": None,
        "attempts": 0,
        "cause": None,
        "error": None,
        "external_ids": None,
        "shown": None,
        "created_at": tx.now,
        "settled_at": None,
    }


def notify_admins(tx: Transaction, kind: str, **facts: Any) -> None:
    """Tell every admin something about the installation itself."""
    admins = tx.connection.execute(select(Manager.id).where(Manager.is_active, Manager.role == Role.ADMIN))
    notify(tx, [row[0] for row in admins], kind, **facts)


def tell_trouble(tx: Transaction, account_id: int, why: str | None, part: str | None = None) -> None:
    """A part of an account is unwell, or well again (None): the admins are told when that is news.

    Without a part it is the whole account; of one that is in parts (letters) that says nothing, because each of
    them has spoken for itself, in its server's words.
    """
    if part is None:
        if is_in_parts(tx.connection, account_id):
            return
        part = WHOLE
    if why is None:
        tx.hint("timers")  # what waits for a silence there can be done now
        if note_alive(tx, account_id, part):
            _hasten(tx, account_id)
            notify_admins(tx, "account-well", account_id=account_id, part=part)
    elif note_trouble(tx, account_id, why, part):
        notify_admins(tx, "account-trouble", account_id=account_id, why=why, part=part)


def _hasten(tx: Transaction, account_id: int) -> None:
    """What could not be sent while the account was unwell has waited long enough: its pauses have grown to an hour."""
    tx.connection.execute(
        update(Delivery)
        .where(
            text("delivery.state = 'waiting'"),
            Delivery.account_id == account_id,
            Delivery.attempts > 0,
            Delivery.due_at > tx.now,
        )
        .values(due_at=tx.now)
    )
    tx.hint("deliveries")


def follow_managers_bot(tx: Transaction) -> None:
    """What managers have not been told yet goes through the bot they work in now, whichever it was wished for.

    Nothing moves when they have none: it waits for one. What another process is sending just now goes through the
    earlier bot, and through this one if it did not get there. Cards that are to be drawn anew stay in that bot.
    """
    account_id = staff_account(tx.connection)
    if account_id is None:
        return
    lanes = [f"staff:{row.id}" for row in tx.connection.execute(select(Manager.id))]
    moved = tx.connection.execute(
        update(Delivery)
        .where(
            text("delivery.state IN ('waiting', 'sending')"),  # in the words of the index over lanes
            among(Delivery.lane, lanes),
            Delivery.account_id != account_id,
        )
        # Parts that the earlier bot has brought are nothing to go on from here.
        .values(account_id=account_id, due_at=tx.now, external_ids=None)
    )
    if moved.rowcount:
        tx.hint("deliveries")


def responsible_of(connection: Connection, lead_id: int | None) -> int | None:
    """Whose lead it is."""
    found: int | None = connection.execute(
        select(LEAD.c.responsible_id).where(LEAD.c.id == lead_id)
    ).scalar_one_or_none()
    return found


def readers_of(connection: Connection, lead_id: int | None) -> list[int]:
    """Who hears of a lead: whoever has it, else everybody who is here, else the admins. Only who can be written to."""
    reached = [person for person in managers.active(connection) if person.is_reachable]
    responsible_id = responsible_of(connection, lead_id)
    if any(person.id == responsible_id for person in reached):
        return [person.id for person in reached if person.id == responsible_id]
    here = [person.id for person in reached if person.is_available]
    return here or [person.id for person in reached if person.is_admin]


def staff_account(connection: Connection) -> int | None:
    """The account of the managers' bot in use: its own where there is one, else the line's Telegram."""
    rows = ask(connection, _BOTS)
    own = [row.id for row in rows if row.channel == "staff"]
    first: list[int] = own or [row.id for row in rows]
    return first[0] if first else None
