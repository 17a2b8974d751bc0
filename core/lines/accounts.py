"""Accounts: the connections of a line to its channels, how far each has been read, and what ails it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select, update

from core.database import Transaction
from core.lines.model import Account, Line

# Channels through which nobody can be answered: another way to the person is looked for.
ONE_WAY = frozenset(("form", "call"))


@dataclass(frozen=True, slots=True)
class AccountRef:
    """An account as the edges hold it: everything that filing needs and that does not change."""

    id: int
    line_id: int
    channel: str
    scope: str
    serves_staff: bool = True  # Telegram: managers work in this bot; false when they have one of their own


def ensure_account(tx: Transaction, line_id: int, channel: str, scope: str, title: str) -> AccountRef:
    """The account of a channel under its scope (the bot's id, the mailbox's address), made when it is new."""
    tx.lock_keys([f"account:{channel}:{scope}"])
    found = tx.connection.execute(
        select(Account.id, Account.line_id).where(Account.channel == channel, Account.scope == scope)
    ).first()
    if found is not None:
        return AccountRef(found.id, found.line_id, channel, scope)
    account_id = tx.new_id()
    tx.insert(
        Account,
        [
            {
                "id": account_id,
                "line_id": line_id,
                "channel": channel,
                "scope": scope,
                "title": title,
                "cursor": None,
                "last_seen_at": None,
                "trouble": None,
                "trouble_since": None,
            }
        ],
    )
    return AccountRef(account_id, line_id, channel, scope)


def account_by_id(connection: Connection, account_id: int) -> AccountRef:
    """An account as the edges hold it. Raises NoResultFound when there is none."""
    row = connection.execute(
        select(Account.id, Account.line_id, Account.channel, Account.scope).where(Account.id == account_id)
    ).one()
    return AccountRef(*row)


def line_id(connection: Connection, name: str) -> int | None:
    """The id of a line by its public name."""
    return connection.execute(select(Line.id).where(Line.name == name)).scalar_one_or_none()


def read_cursor(connection: Connection, account_id: int) -> dict[str, Any] | None:
    """How far the account has been read."""
    return connection.execute(select(Account.cursor).where(Account.id == account_id)).scalar_one_or_none()


def move_cursor(tx: Transaction, account_id: int, cursor: dict[str, Any]) -> None:
    """Remember how far the account has been read; in the transaction that files what was read."""
    tx.connection.execute(
        update(Account).where(Account.id == account_id).values(cursor=cursor, last_seen_at=tx.now)
    )


def note_alive(tx: Transaction, account_id: int) -> bool:
    """The network answered. True when the account was in trouble until now."""
    ailing = tx.connection.execute(
        select(Account.trouble_since).where(Account.id == account_id)
    ).scalar_one_or_none()
    tx.connection.execute(
        update(Account)
        .where(Account.id == account_id)
        .values(last_seen_at=tx.now, trouble=None, trouble_since=None)
    )
    return ailing is not None


def note_trouble(tx: Transaction, account_id: int, trouble: str) -> bool:
    """The network refuses or is silent. True when this is news, so that the admins are told once."""
    found = tx.connection.execute(
        select(Account.trouble).where(Account.id == account_id)
    ).scalar_one_or_none()
    if found == trouble:
        return False
    values: dict[str, Any] = {"trouble": trouble}
    if found is None:
        values["trouble_since"] = tx.now
    tx.connection.execute(update(Account).where(Account.id == account_id).values(**values))
    return True
