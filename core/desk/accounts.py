"""How the connections to the networks are, as admins read it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select

from core.lines.accounts import IN_USE
from core.lines.model import Account


@dataclass(frozen=True, slots=True)
class AccountState:
    """One account: when its network was last heard, and what ails it since when."""

    id: int
    channel: str
    title: str
    last_seen_at: datetime | None
    trouble: str | None
    trouble_since: datetime | None


def accounts(connection: Connection) -> tuple[AccountState, ...]:
    """Every account in use, in the order they were connected."""
    columns = (
        Account.id,
        Account.channel,
        Account.title,
        Account.last_seen_at,
        Account.trouble,
        Account.trouble_since,
    )
    rows = connection.execute(select(*columns).where(IN_USE).order_by(Account.id))
    return tuple(AccountState(*row) for row in rows)
