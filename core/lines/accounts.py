"""Accounts: the connections of a line to its channels, how far each has been read, and what ails it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, select, update

from core.database import Transaction, among, ask
from core.lines.model import Account, Line

# Channels through which nobody can be answered: another way to the person is looked for.
ONE_WAY = frozenset(("form", "call"))
# Why nobody can be answered in a conversation whose account the settings name no more.
RETIRED = "account-retired"
IN_USE = Account.retired_at.is_(None)

# The parts of an account, each of which may ail while the others are well. A bot is one connection for everything;
# letters are read here and sent there, perhaps by different processes, and each speaks for itself.
WHOLE = "whole"
MAILBOX = "mailbox"
LISTENER = "listener"
SENDING = "sending"
SILENCE = "silence"  # nobody complains and nothing is heard either; over with the first sign of life
SILENT = timedelta(minutes=20)  # an edge hears from its network every few minutes, if only "nothing new"
IN_PARTS = frozenset(("email",))

MAILBOXES = select(Account.id, Account.line_id).where(Account.channel == "email", IN_USE).order_by(Account.id)


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
                "troubles": None,
                "trouble_since": None,
                "retired_at": None,
            }
        ],
    )
    return AccountRef(account_id, line_id, channel, scope)


def use_only(tx: Transaction, line_id: int, account_ids: Collection[int]) -> None:
    """These accounts of a line are in use from here on, its others are retired: nothing comes or goes there.

    Every process says so when it starts, of the accounts that the settings name: all processes of an installation
    share them. A retired one that is named again is in use again, as it was.
    """
    named, theirs = among(Account.id, account_ids), update(Account).where(Account.line_id == line_id)
    tx.connection.execute(theirs.where(named, ~IN_USE).values(retired_at=None))
    # What ails a retired one is nobody's concern, and would be news once it is named again.
    well = {"trouble": None, "troubles": None, "trouble_since": None}
    tx.connection.execute(theirs.where(~named, IN_USE).values(retired_at=tx.now, **well))


def account_by_id(connection: Connection, account_id: int) -> AccountRef:
    """An account as the edges hold it. Raises NoResultFound when there is none."""
    row = connection.execute(
        select(Account.id, Account.line_id, Account.channel, Account.scope).where(Account.id == account_id)
    ).one()
    of_managers = select(Account.id).where(Account.channel == "staff", IN_USE).limit(1)
    return AccountRef(*row, serves_staff=connection.execute(of_managers).first() is None)


def line_id(connection: Connection, name: str) -> int | None:
    """The id of a line by its public name."""
    return connection.execute(select(Line.id).where(Line.name == name)).scalar_one_or_none()


def mailbox_of(connection: Connection, line_id: int) -> int | None:
    """The mailbox through which a line's letters go; None when it has none."""
    return next((row.id for row in ask(connection, MAILBOXES) if row.line_id == line_id), None)


def read_cursor(connection: Connection, account_id: int) -> dict[str, Any] | None:
    """How far the account has been read."""
    return connection.execute(select(Account.cursor).where(Account.id == account_id)).scalar_one_or_none()


def move_cursor(tx: Transaction, account_id: int, cursor: dict[str, Any]) -> None:
    """Remember how far the account has been read; in the transaction that files what was read.

    It has not been heard thereby: more may wait there, see `note_alive`.
    """
    tx.connection.execute(update(Account).where(Account.id == account_id).values(cursor=cursor))


def is_in_parts(connection: Connection, account_id: int) -> bool:
    """Whether the account's ways in and out are well or ill each for itself."""
    channel = connection.execute(select(Account.channel).where(Account.id == account_id)).scalar_one_or_none()
    return channel in IN_PARTS


def note_alive(tx: Transaction, account_id: int, part: str = WHOLE) -> bool:
    """This part of the account works, and all that waited there has been read.

    True when it was in trouble until now; what ails others stays.
    """
    known = _troubles(tx, account_id)
    over = {part} if part == SENDING else {part, SILENCE}
    left = {name: why for name, why in known.items() if name not in over}
    values: dict[str, Any] = {} if part == SENDING else {"last_seen_at": tx.now}
    if len(left) < len(known):
        values |= _as_columns(left)
        if not left:
            values["trouble_since"] = None
    if values:
        tx.connection.execute(update(Account).where(Account.id == account_id).values(**values))
    return len(left) < len(known)


def note_trouble(tx: Transaction, account_id: int, trouble: str, part: str = WHOLE) -> bool:
    """The network refuses or is silent. True when this is news, so that the admins are told once."""
    known = _troubles(tx, account_id)
    if known.get(part) == trouble:
        return False
    values = _as_columns(known | {part: trouble})
    if not known:
        values["trouble_since"] = tx.now
    tx.connection.execute(update(Account).where(Account.id == account_id).values(**values))
    return True


def silent_accounts(connection: Connection, channels: Collection[str], since: datetime) -> list[int]:
    """Accounts in use of these channels that were heard from, but not `since` then, and nobody knows why."""
    rows = connection.execute(
        select(Account.id, Account.troubles).where(
            Account.channel.in_(channels), IN_USE, Account.last_seen_at < since
        )
    )
    return [row.id for row in rows if not set(row.troubles or ()) - {SENDING}]


def _troubles(tx: Transaction, account_id: int) -> dict[str, str]:
    # Locked: the processes that read and those that send each know of one part only.
    found = tx.connection.execute(
        select(Account.troubles).where(Account.id == account_id).with_for_update()
    ).scalar_one_or_none()
    return dict(found or {})


def _as_columns(troubles: dict[str, str]) -> dict[str, Any]:
    said = (f"{part}: {why}" if part not in (WHOLE, SILENCE) else why for part, why in troubles.items())
    return {"troubles": troubles or None, "trouble": "; ".join(said) or None}
