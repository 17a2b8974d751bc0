"""The managers' bot's queue: what managers did in Telegram, taken in order per person; and unfinished dialogs."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection

from core.database import Transaction

ATTEMPTS = 3  # then an update is dropped, with a line in the journal


@dataclass(frozen=True, slots=True)
class Update:
    """One update of Telegram, claimed until the lease runs out."""

    id: int
    account_id: int
    person_id: int  # the sender's Telegram id
    update: dict[str, Any]
    attempts: int  # this one with them


def claim(
    tx: Transaction, account_ids: Collection[int], limit: int = 16, lease: timedelta = timedelta(seconds=60)
) -> tuple[Update, ...]:
    """Take the oldest update of each person that nobody else holds, oldest first.

    A person's next update is given only after `done` or `failed`, so what one person does happens in order.
    An update whose handling ended the process `ATTEMPTS` times is dropped instead of given again.
    """
    raise NotImplementedError


def done(tx: Transaction, update_id: int) -> None:
    """The update has been handled; it is forgotten."""
    raise NotImplementedError


def failed(tx: Transaction, update_id: int, error: str) -> bool:
    """Handling failed: it is given again a little later, or dropped after `ATTEMPTS`. True when it was dropped."""
    raise NotImplementedError


def load_dialog(connection: Connection, key: str) -> tuple[str | None, dict[str, Any]]:
    """The state and content of an unfinished dialog; (None, {}) when there is none."""
    raise NotImplementedError


def save_dialog(tx: Transaction, key: str, state: str | None, content: dict[str, Any]) -> None:
    """Remember a dialog; one without state and content is forgotten."""
    raise NotImplementedError
