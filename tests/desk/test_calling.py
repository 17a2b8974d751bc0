"""Somebody spoke with the customer on the telephone: as good as a written answer, on both databases."""

from __future__ import annotations

from datetime import timedelta

import pytest

from core.clock import ManualClock
from core.database import Database
from core.desk import work
from core.desk.cards import Card, card
from core.desk.history import Deed, history
from core.desk.statistics import day, statistics
from core.errors import Refusal
from core.leads import assignment
from tests.builders import (
    a_database,
    a_lead,
    a_manager,
    a_message,
    an_account,
    file,
    phone,
    reason_id,
    telegram,
)


async def read(database: Database, lead_id: int) -> Card:
    found = await database.read(
        lambda connection: card(connection, lead_id, now=database.clock.now(), language_default="ru")
    )
    assert found is not None
    return found


async def test_a_call_takes_the_lead_answers_it_and_is_in_its_history(
    database_url: str, clock: ManualClock
) -> None:
    async with a_database(database_url, clock) as database:
        await a_manager(database)
        boris = await a_manager(database, "Борис")
        form = await an_account(database, "form", "main")
        lead_id = await a_lead(database, form, "Перезвоните", phone())
        clock.advance(timedelta(minutes=7))
        await database.transact(lambda tx: work.called(tx, lead_id, boris))
        called = await read(database, lead_id)
        clock.advance(timedelta(minutes=7))
        await database.transact(lambda tx: work.called(tx, lead_id, boris))
        again = await read(database, lead_id)
        told = await database.read(lambda connection: history(connection, lead_id, language="ru"))
        figures = await database.read(
            lambda connection: statistics(
                connection, *day(clock.now(), "Europe/Moscow"), "Europe/Moscow", language="ru"
            )
        )
    assert called.is_taken
    assert called.responsible is not None
    assert called.responsible.name == "Борис"
    assert (called.stage.name, called.waiting_since) == ("in_work", None)
    assert called.first_answer_at is not None
    assert again.first_answer_at == called.first_answer_at
    verbs = [(entry.verb, entry.actor_name) for entry in told.entries if isinstance(entry, Deed)]
    assert verbs == [
        ("lead-created", None),
        ("lead-taken", "Борис"),
        ("stage-entered", "Борис"),
        ("called", "Борис"),
        ("called", "Борис"),
    ]
    assert (figures.answered, figures.waiting_now) == (1, 0)
    assert figures.answer_median is not None
    assert abs(figures.answer_median - timedelta(minutes=7)) < timedelta(seconds=1)


async def test_a_call_leaves_a_colleagues_lead_theirs_and_a_later_stage_as_it_is(
    database_url: str, clock: ManualClock
) -> None:
    async with a_database(database_url, clock) as database:
        olga, boris = await a_manager(database), await a_manager(database, "Борис")
        account = await an_account(database)
        lead_id = await a_lead(database, account, "Перезвоните", telegram(), phone())
        await database.transact(lambda tx: assignment.take(tx, lead_id, olga))
        await database.transact(lambda tx: work.called(tx, lead_id, boris))
        first = await read(database, lead_id)
        await file(database, account, a_message("А ещё вопрос", telegram(), at=clock.now()))
        waits = await read(database, lead_id)
        await database.transact(lambda tx: work.called(tx, lead_id, boris))
        second = await read(database, lead_id)
    assert first.responsible is not None
    assert (first.responsible.name, first.stage.name) == (olga.name, "in_work")
    assert waits.waiting_since is not None
    assert (second.waiting_since, second.stage.name) == (None, "in_work")
    assert second.planned == ()  # nothing was written that silence could follow


async def test_whoever_was_called_does_not_wait_again_when_the_lead_is_opened_again(
    database_url: str, clock: ManualClock
) -> None:
    async with a_database(database_url, clock) as database:
        olga = await a_manager(database)
        form = await an_account(database, "form", "main")
        lead_id = await a_lead(database, form, "Перезвоните", phone())
        await database.transact(lambda tx: work.called(tx, lead_id, olga))
        reason = await reason_id(database)
        await database.transact(lambda tx: work.junk(tx, lead_id, olga, reason))
        with pytest.raises(Refusal) as closed:
            await database.transact(lambda tx: work.called(tx, lead_id, olga))
        await database.transact(lambda tx: work.reopen(tx, lead_id, olga))
        opened = await read(database, lead_id)
    assert closed.value.key == "refused-lead-closed"
    assert opened.waiting_since is None
