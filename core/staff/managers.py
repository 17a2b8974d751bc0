"""Managers: who they are, how they come in, whether they are here."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, bindparam, func, select, update

from core import journal
from core.database import Transaction, among, ask
from core.errors import Refusal
from core.events import ManagerCame, ManagerLeft
from core.staff import invitations
from core.staff.model import Invitation, Manager, Role

INVITATION_LIFE = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Person:
    """A manager or admin, as the bot and the core hold them."""

    id: int
    telegram_id: int
    name: str
    username: str | None
    language: str
    role: str
    is_available: bool
    is_reachable: bool

    @property
    def is_admin(self) -> bool:
        return self.role == Role.ADMIN

    @property
    def actor(self) -> str:
        """How the journal and messages name this person."""
        return f"manager:{self.id}"


_COLUMNS = (
    Manager.id,
    Manager.telegram_id,
    Manager.name,
    Manager.username,
    Manager.language,
    Manager.role,
    Manager.is_available,
    Manager.is_reachable,
)
_ACTIVE = select(*_COLUMNS).where(Manager.is_active).order_by(Manager.position, Manager.id)
_BY_TELEGRAM = select(*_COLUMNS).where(Manager.telegram_id == bindparam("telegram_id"), Manager.is_active)
_BY_ID = select(*_COLUMNS).where(Manager.id == bindparam("manager"))
_NAMES = select(Manager.id, Manager.name).where(among(Manager.id, "ids"))
_QUEUE = (
    select(Manager.id, Manager.position, Manager.last_given_at, Manager.is_available, Manager.is_reachable)
    .where(Manager.is_active)
    .order_by(Manager.id)
    .with_for_update(key_share=True)
)
_STAFF = select(Manager.telegram_id).where(among(Manager.telegram_id, "telegram_ids"), Manager.is_active)


def active(connection: Connection) -> tuple[Person, ...]:
    """Everybody who works here now, in the order of the queue."""
    rows = ask(connection, _ACTIVE)
    return tuple(Person(*row) for row in rows)


def hold_queue(tx: Transaction) -> Sequence[Any]:
    """Everybody's row, until the commit nobody else's: for whoever gives leads, and whoever comes or goes.

    So somebody who comes or goes at this very moment does so before, or finds what was given.
    """
    return tx.ask(_QUEUE)


def by_telegram(connection: Connection, telegram_id: int) -> Person | None:
    """The active manager with this Telegram id."""
    rows = ask(connection, _BY_TELEGRAM, telegram_id=telegram_id)
    return Person(*rows[0]) if rows else None


def by_id(connection: Connection, manager_id: int) -> Person | None:
    """A manager by id, also one who has left: history names them."""
    rows = ask(connection, _BY_ID, manager=manager_id)
    return Person(*rows[0]) if rows else None


def names(connection: Connection, ids: Collection[int]) -> dict[int, str]:
    """Names of managers, also of those who have left."""
    return {row.id: row.name for row in ask(connection, _NAMES, ids=ids)}


def staff_among(tx: Transaction, telegram_ids: Collection[int]) -> set[int]:
    """Which of these Telegram ids belong to active managers."""
    if not telegram_ids:
        return set()
    return {row[0] for row in tx.ask(_STAFF, telegram_ids=telegram_ids)}


def ensure_admins(tx: Transaction, telegram_ids: Sequence[int], language: str) -> None:
    """The people named in the settings are admins; they become reachable when they start the bot."""
    tx.lock_keys(["staff"])
    known = {
        row.telegram_id: row
        for row in tx.connection.execute(
            select(Manager.telegram_id, Manager.id, Manager.role, Manager.is_active).where(
                among(Manager.telegram_id, telegram_ids)
            )
        )
    }
    for telegram_id in telegram_ids:
        if (row := known.get(telegram_id)) is None:
            _admit(tx, telegram_id, f"id {telegram_id}", None, language, Role.ADMIN, is_reachable=False)
        elif not row.is_active:
            hold_queue(tx)
            back = {"role": Role.ADMIN, "is_active": True, "is_available": True}
            tx.connection.execute(update(Manager).where(Manager.id == row.id).values(**back))
            tx.record(ManagerCame(row.id))
        elif row.role != Role.ADMIN:
            tx.connection.execute(update(Manager).where(Manager.id == row.id).values(role=Role.ADMIN))


def invite(
    tx: Transaction,
    by: str,
    *,
    role: Role = Role.MANAGER,
    name: str | None = None,
    life: timedelta = INVITATION_LIFE,
) -> str:
    """Make a one-time invitation; returns the payload of its `/start` link. Only a hash of it is kept.

    `by` is the actor who invites; rights are the caller's to check when it is a person (see `require_admin`).
    """
    token = invitations.new_token()
    tx.insert(
        Invitation,
        [
            {
                "id": tx.new_id(),
                "token_hash": _hash(token),
                "role": role,
                "name": name,
                "created_by": by,
                "created_at": tx.now,
                "expires_at": tx.now + life,
                "used_at": None,
                "used_by": None,
            }
        ],
    )
    journal.note(tx, by, "manager-invited", details={"role": role, "name": name})
    return invitations.PREFIX + token


def accept_invitation(
    tx: Transaction, payload: str, *, telegram_id: int, name: str, username: str | None, language: str
) -> Person:
    """Let the bearer of an invitation in. Raises Refusal when it is unknown, used or expired.

    Nobody loses rights by it: for somebody who works here and may do as much already, nothing changes, and the
    invitation stays good for whom it was meant. It is used up by a newcomer, or by a manager whom it makes an admin.
    """
    tx.lock_keys(["staff"])
    token = payload.removeprefix(invitations.PREFIX)
    invitation = tx.connection.execute(
        select(Invitation.id, Invitation.role, Invitation.expires_at, Invitation.used_at).where(
            Invitation.token_hash == _hash(token)
        )
    ).first()
    present = by_telegram(tx.connection, telegram_id)
    if present and (
        invitation is None or invitation.used_at or present.is_admin or invitation.role == present.role
    ):
        return present
    if invitation is None:
        raise Refusal("refused-invitation-unknown")
    if invitation.used_at is not None:
        raise Refusal("refused-invitation-used")
    if invitation.expires_at <= tx.now:
        raise Refusal("refused-invitation-expired")
    hold_queue(tx)
    known = tx.connection.execute(
        select(Manager.id).where(Manager.telegram_id == telegram_id)
    ).scalar_one_or_none()
    if known is None:
        known = _admit(tx, telegram_id, name, username, language, Role(invitation.role), is_reachable=True)
    else:
        tx.connection.execute(
            update(Manager)
            .where(Manager.id == known)
            .values(role=invitation.role, is_active=True, is_reachable=True, is_available=True, name=name)
        )
    tx.connection.execute(
        update(Invitation).where(Invitation.id == invitation.id).values(used_at=tx.now, used_by=known)
    )
    journal.note(tx, f"manager:{known}", "manager-joined", details={"name": name})
    tx.record(ManagerCame(known))
    person = by_id(tx.connection, known)
    if person is None:
        raise RuntimeError("a manager just written cannot be read")
    return person


def inviter(connection: Connection, manager_id: int) -> Person | None:
    """By whose invitation somebody last came in; None when it was made on the command line, or there was none."""
    actor = connection.execute(
        select(Invitation.created_by)
        .where(Invitation.used_by == manager_id)
        .order_by(Invitation.used_at.desc(), Invitation.id.desc())
        .limit(1)
    ).scalar_one_or_none()
    kind, _, number = (actor or "").partition(":")
    return by_id(connection, int(number)) if kind == "manager" and number.isdecimal() else None


def greet(tx: Transaction, person: Person, *, name: str, username: str | None) -> None:
    """A manager has started the bot, so it may write to them; their name is as Telegram shows it now."""
    hold_queue(tx)
    tx.connection.execute(
        update(Manager).where(Manager.id == person.id).values(is_reachable=True, name=name, username=username)
    )
    tx.record(ManagerCame(person.id))


def set_available(tx: Transaction, person: Person, available: bool) -> None:
    """`/back` and `/away`: whether the queue gives this person new leads, and leaves them what it has offered."""
    hold_queue(tx)
    changed = tx.connection.execute(
        update(Manager)
        .where(Manager.id == person.id, Manager.is_available != available)
        .values(is_available=available)
    )
    if changed.rowcount == 1:
        journal.note(tx, person.actor, "manager-back" if available else "manager-away")
        tx.record(ManagerCame(person.id) if available else ManagerLeft(person.id))


def set_language(tx: Transaction, person: Person, language: str) -> None:
    """What the bot speaks to this person."""
    tx.connection.execute(update(Manager).where(Manager.id == person.id).values(language=language))


def set_reachable(tx: Transaction, manager_id: int, reachable: bool) -> bool:
    """Whether the bot can write to this person: false when they have blocked it. True when that is news."""
    hold_queue(tx)
    changed = tx.connection.execute(
        update(Manager)
        .where(Manager.id == manager_id, Manager.is_reachable != reachable)
        .values(is_reachable=reachable)
    )
    if changed.rowcount == 1:
        tx.record(ManagerCame(manager_id) if reachable else ManagerLeft(manager_id))
    return changed.rowcount == 1


def remove(tx: Transaction, by: Person, manager_id: int, *, appointed: Collection[int] = ()) -> None:
    """A manager leaves: their row stays, they are a stranger again. Raises Refusal as `require_removable`.

    The invitations they have made and nobody has used end with it: one of them would be their way back.
    """
    require_removable(tx.connection, by, manager_id, appointed)
    tx.lock_keys(["staff"])
    hold_queue(tx)
    tx.connection.execute(
        update(Manager).where(Manager.id == manager_id).values(is_active=False, is_available=False)
    )
    tx.connection.execute(
        update(Invitation)
        .where(
            Invitation.created_by == f"manager:{manager_id}",
            Invitation.used_at.is_(None),
            Invitation.expires_at > tx.now,
        )
        .values(expires_at=tx.now)
    )
    journal.note(tx, by.actor, "manager-removed", details={"manager": manager_id})
    tx.record(ManagerLeft(manager_id))


def require_removable(
    connection: Connection, by: Person, manager_id: int, appointed: Collection[int]
) -> None:
    """Raise Refusal unless this admin may remove this manager: nobody removes themselves.

    Nor whom the settings have `appointed` (Telegram ids): they would be back with the next start, see `ensure_admins`.
    """
    require_admin(by)
    if by.id == manager_id:
        raise Refusal("refused-remove-oneself")
    person = by_id(connection, manager_id)
    if person is not None and person.telegram_id in appointed:
        raise Refusal("refused-remove-appointed", id=str(person.telegram_id))


def require_admin(person: Person) -> None:
    """Raise Refusal unless the person is an admin. Rights are checked here, not by hiding buttons."""
    if not person.is_admin:
        raise Refusal("refused-admins-only")


def _admit(
    tx: Transaction,
    telegram_id: int,
    name: str,
    username: str | None,
    language: str,
    role: Role,
    *,
    is_reachable: bool,
) -> int:
    manager_id = tx.new_id()
    last: int | None = tx.connection.execute(select(func.max(Manager.position))).scalar_one()
    row: dict[str, Any] = {
        "id": manager_id,
        "telegram_id": telegram_id,
        "name": name,
        "username": username,
        "language": language,
        "role": role,
        "is_available": True,
        "is_active": True,
        "is_reachable": is_reachable,
        "position": (last or 0) + 1,
        "last_given_at": None,
        "created_at": tx.now,
    }
    tx.insert(Manager, [row])
    return manager_id


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
