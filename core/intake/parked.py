"""What was not understood, or failed: kept raw, shown to admins, taken again when the cause is mended."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection


@dataclass(frozen=True, slots=True)
class Parked:
    """One parked entry of the ledger."""

    ledger_id: int
    account_id: int
    channel: str
    account_title: str
    external_id: str
    reason: str | None
    seen: int
    received_at: datetime


@dataclass(frozen=True, slots=True)
class Page:
    """Some entries, oldest first; `next` is the id after which the following page begins."""

    entries: tuple[Parked, ...]
    next: int | None


@dataclass(frozen=True, slots=True)
class Raw:
    """The raw form of an entry: its bytes, or (`sha256`) the file of the store that holds them."""

    ledger_id: int
    account_id: int
    external_id: str
    state: str
    body: bytes | None
    sha256: str | None
    context: str | None


def parked(
    connection: Connection, after: int | None = None, limit: int = 20, *, account_id: int | None = None
) -> Page:
    """The parked entries, oldest first."""
    raise NotImplementedError


def raw(connection: Connection, ledger_id: int) -> Raw | None:
    """The raw form of an entry of any state; None when there is no such entry or it was not kept."""
    raise NotImplementedError


def counts(connection: Connection) -> dict[int, int]:
    """How many entries of each account are parked now; accounts without any are left out."""
    raise NotImplementedError
