"""SQL that goes past SQLAlchemy to SQLite's driver: its errors are SQLAlchemy's, and who listens hears it."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import event, select
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError, ProgrammingError

from core.clock import ManualClock
from core.contacts.model import Contact
from core.database import Transaction, ask, complaint
from core.database.plain import fetch
from tests.builders import NOON, a_database

_NAMES = select(Contact.name).order_by(Contact.id)


def _contact(tx: Transaction, name: str, number: int) -> dict[str, Any]:
    return {
        "id": tx.new_id(),
        "number": number,
        "name": name,
        "is_client": False,
        "wants_follow_ups": True,
        "created_at": NOON,
    }


async def test_what_the_database_refuses_is_told_without_what_people_wrote(
    database_url: str, clock: ManualClock
) -> None:
    async with a_database(database_url, clock) as database:
        with pytest.raises(IntegrityError) as refused:
            await database.transact(
                lambda tx: tx.insert(Contact, [_contact(tx, "Тайна Анны", 7), _contact(tx, "Тайна Олега", 7)])
            )
        assert await database.read(lambda connection: ask(connection, _NAMES)) == ()
    assert "Тайна" not in str(refused.value)
    assert "Тайна" not in complaint(refused.value)
    assert "UNIQUE" in complaint(refused.value).upper()


async def test_a_mistake_in_the_sql_is_the_same_error_on_both(database_url: str, clock: ManualClock) -> None:
    async with a_database(database_url, clock) as database:
        with pytest.raises(DBAPIError) as wrong:
            await database.read(lambda connection: fetch(connection, "SELECT nothing FROM nowhere", ()))
    assert isinstance(wrong.value, OperationalError if database.is_sqlite else ProgrammingError)
    assert "nowhere" in str(wrong.value)


async def test_who_listens_to_what_is_executed_hears_all_of_it_and_only_while_listening(
    database_url: str, clock: ManualClock
) -> None:
    heard: list[str] = []

    def work(tx: Transaction) -> tuple[list[str], list[str]]:
        def note(_c: object, _cursor: object, statement: str, *_: object) -> None:
            heard.append(statement)

        tx.insert(Contact, [_contact(tx, "Анна", 1)])
        event.listen(tx.connection, "before_cursor_execute", note)
        tx.insert(Contact, [_contact(tx, "Олег", 2)])
        listening = [row.name for row in tx.ask(_NAMES)]
        event.remove(tx.connection, "before_cursor_execute", note)
        return listening, [row.name for row in tx.ask(_NAMES)]

    async with a_database(database_url, clock) as database:
        listening, alone = await database.transact(work)
    assert listening == alone == ["Анна", "Олег"]
    assert [statement.split()[0] for statement in heard] == ["INSERT", "SELECT"]
