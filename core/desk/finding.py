"""Finding a person or a lead by whatever a manager remembers of it."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection

from core.desk.board import Row


@dataclass(frozen=True, slots=True)
class Found:
    """A lead that fits, or (with `lead` None) a contact that fits and has no lead.

    `by` says what fitted: "number", "phone", "email", "username", "telegram", "name" or "text".
    """

    contact_id: int
    contact_number: int
    contact: str
    lead: Row | None
    by: str


def find(
    connection: Connection, query: str, region: str | None = "RU", limit: int = 10, *, language: str
) -> tuple[Found, ...]:
    """Leads and people that fit the query; a lead's own number first, then newest first.

    A phone in any spelling, an e-mail, `@username`, a Telegram id, `#123`, words of names and messages, of
    which each may be cut short at its end. Case and ё make no difference.
    """
    raise NotImplementedError
