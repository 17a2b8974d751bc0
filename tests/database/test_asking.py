"""A select that every batch asks gives what `execute` would give, though it is compiled once and asked as plain SQL."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, Row, bindparam, select

from core.clock import ManualClock
from core.conversations.model import Conversation, Direction, Message
from core.database import among, ask
from tests.builders import NOON, a_database, a_message, an_account, file

_MESSAGES = (
    select(
        Message.id,
        Message.text,
        Message.fields,
        Message.is_automatic,
        Message.sent_at,
        Message.edited_at,
        Conversation.id,
        Conversation.last_in_at.is_not(None),
    )
    .join(Conversation, Conversation.id == Message.conversation_id)
    .where(
        among(Message.direction, "directions"),
        Message.sent_at <= bindparam("until"),
        Message.content != "sticker",
    )
    .order_by(Message.id)
)


async def test_rows_are_those_that_executing_it_gives_of_the_same_types(
    database_url: str, clock: ManualClock
) -> None:
    asked: dict[str, Any] = {"directions": [Direction.IN], "until": NOON + timedelta(days=1)}

    def both(connection: Connection) -> tuple[Sequence[Row[Any]], Sequence[Row[Any]], Sequence[Row[Any]]]:
        later = asked | {"until": NOON - timedelta(days=1)}
        executed = connection.execute(_MESSAGES, asked).all()
        return executed, ask(connection, _MESSAGES, **asked), ask(connection, _MESSAGES, **later)

    async with a_database(database_url, clock) as database:
        account = await an_account(database)
        await file(database, account, a_message("Здравствуйте", fields={"город": "Пермь"}), a_message("Ещё"))
        executed, found, none = await database.read(both)
    assert [tuple(row) for row in found] == [tuple(row) for row in executed]
    assert [row.text for row in found] == ["Здравствуйте", "Ещё"]
    assert [list(map(type, row)) for row in found] == [list(map(type, row)) for row in executed]
    assert found[0].fields == {"город": "Пермь"}
    assert found[0].sent_at.tzinfo is not None
    assert not none


@pytest.mark.parametrize(
    "given",
    [{"directions": ["in"]}, {"directions": ["in"], "until": NOON, "limit": 5}],
    ids=["one too few", "one too many"],
)
async def test_a_value_too_few_or_too_many_is_a_mistake_and_no_answer(
    database_url: str, clock: ManualClock, given: dict[str, Any]
) -> None:
    async with a_database(database_url, clock) as database:
        with pytest.raises(TypeError, match=r"until|limit"):
            await database.read(lambda connection: ask(connection, _MESSAGES, **given))


async def test_a_statement_that_differs_with_its_values_is_refused(
    database_url: str, clock: ManualClock
) -> None:
    statement = select(Message.id).where(Message.direction.in_(("in", "out")))
    async with a_database(database_url, clock) as database:
        with pytest.raises(TypeError, match="depends on its values"):
            await database.read(lambda connection: ask(connection, statement))
