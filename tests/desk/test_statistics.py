"""The figures of a period, told against what plain arithmetic says."""

from __future__ import annotations

import random
import statistics as arithmetic
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from core.clock import ManualClock
from core.desk import work
from core.desk.exclusions import add
from core.desk.statistics import Share, day, statistics, week
from core.leads import answering
from core.leads.answering import Draft
from core.leads.assignment import hand_over, take
from tests.builders import (
    NOON,
    a_database,
    a_lead,
    a_manager,
    a_message,
    an_account,
    an_admin,
    file,
    phone,
    reason_id,
    stage_id,
    telegram,
)


@pytest.mark.parametrize("answers", [1, 2, 5, 8])
async def test_the_median_is_the_one_in_the_middle_for_everybody_and_for_each(
    database_url: str, clock: ManualClock, answers: int
) -> None:
    chance = random.Random(answers)
    waits: dict[str, list[float]] = {"Ольга": [], "Павел": []}
    async with a_database(database_url, clock) as database:
        people = [await a_manager(database), await a_manager(database, "Павел")]
        account = await an_account(database)
        for number in range(answers):
            person = people[number % 3 % 2]
            lead_id = await a_lead(database, account, "вопрос", telegram(number + 1))
            wait = chance.randrange(1, 90_000)
            clock.advance(timedelta(seconds=wait))
            await database.transact(
                partial(answering.reply, person=person, lead_id=lead_id, draft=Draft("ответ"))
            )
            waits[person.name].append(wait)
        figures = await database.read(
            lambda connection: statistics(
                connection, NOON, clock.now() + timedelta(seconds=1), "Europe/Moscow", language="ru"
            )
        )
    assert figures.answered == answers
    assert figures.answer_median == timedelta(seconds=arithmetic.median([*waits["Ольга"], *waits["Павел"]]))
    for one in figures.managers:
        expected = arithmetic.median(waits[one.name]) if waits[one.name] else None
        assert one.answer_median == (timedelta(seconds=expected) if expected is not None else None)


async def test_what_came_in_and_what_became_of_it_adds_up(database_url: str, clock: ManualClock) -> None:
    async with a_database(database_url, clock) as database:
        boss, olga = await an_admin(database), await a_manager(database)
        bot, form = await an_account(database), await an_account(database, "form", "main")
        before = await a_lead(database, bot, "вчера", telegram(1))
        reason = await reason_id(database, "no_answer")
        await database.transact(lambda tx: work.junk(tx, before, olga, reason))
        clock.advance(timedelta(days=1))
        since = clock.now()
        again = await a_lead(database, bot, "и сегодня", telegram(1))
        await file(database, bot, a_message("по рекламе", telegram(2), source="ad-7", at=clock.now()))
        await file(database, form, a_message("форма", phone(), source="ad-7", at=clock.now()))
        spam = await a_lead(database, form, "спам", phone("+79160000001"))
        too_expensive = await reason_id(database, "too_expensive")
        success = await stage_id(database, "success")
        await database.transact(lambda tx: work.junk(tx, spam, olga, too_expensive))
        await database.transact(lambda tx: answering.reply(tx, olga, again, Draft("да")))
        await database.transact(lambda tx: work.move(tx, again, olga, success))
        await database.transact(lambda tx: add(tx, boss, "+7 916 000 00 02"))
        await file(database, form, a_message("не пустят", phone("+79160000002")))
        clock.advance(timedelta(hours=1))
        figures = await database.read(
            lambda connection: statistics(connection, since, clock.now(), "Europe/Moscow", language="ru")
        )
    assert (figures.leads, figures.new, figures.repeat) == (4, 3, 1)
    assert set(figures.channels) == {Share("telegram", 2), Share("form", 2)}
    assert figures.sources == (Share("ad-7", 2),)
    assert [(one.date.isoformat(), one.leads) for one in figures.days] == [("2026-03-17", 4)]
    assert (figures.taken, figures.answered, figures.success, figures.junked) == (2, 1, 1, 1)
    assert figures.reasons == (Share("Не подошла цена", 1),)
    assert (figures.open_now, figures.waiting_now, figures.unanswered_now) == (2, 2, 2)
    assert (figures.excluded, figures.parked_now) == (1, 0)
    hers = next(one for one in figures.managers if one.name == olga.name)
    assert (hers.taken, hers.answered, hers.success, hers.junked) == (2, 1, 1, 1)
    assert sum(one.open_now for one in figures.managers) == 2


async def test_who_took_and_answered_a_lead_is_credited_though_it_was_handed_over(
    database_url: str, clock: ManualClock
) -> None:
    async with a_database(database_url, clock) as database:
        account, olga, pavel = (
            await an_account(database),
            await a_manager(database),
            await a_manager(database),
        )
        lead_id = await a_lead(database, account)
        clock.advance(timedelta(minutes=1))
        await database.transact(
            partial(answering.reply, person=olga, lead_id=lead_id, draft=Draft("500 рублей"))
        )
        await database.transact(partial(hand_over, lead_id=lead_id, to_id=pavel.id, by=olga))
        clock.advance(timedelta(minutes=1))
        figures = await database.read(
            lambda connection: statistics(connection, NOON, clock.now(), "Europe/Moscow", language="ru")
        )
    did = {one.manager_id: (one.taken, one.answered, one.answer_median) for one in figures.managers}
    assert did == {olga.id: (1, 1, timedelta(minutes=1)), pavel.id: (0, 0, None)}
    assert (figures.taken, figures.answered) == (1, 1)


async def test_an_empty_period_is_zeroes_and_no_median(database_url: str, clock: ManualClock) -> None:
    async with a_database(database_url, clock) as database:
        olga = await a_manager(database)
        since, until = week(clock.now(), "Europe/Moscow")
        figures = await database.read(
            lambda connection: statistics(connection, since, until, "Europe/Moscow", language="ru")
        )
    assert (figures.leads, figures.answered, figures.answer_median) == (0, 0, None)
    assert [one.leads for one in figures.days] == [0] * 7
    assert [one.name for one in figures.managers] == [olga.name]


def test_a_day_begins_at_the_companys_midnight_also_when_the_clocks_change() -> None:
    moscow = day(NOON, "Europe/Moscow")
    assert moscow == (datetime(2026, 3, 15, 21, tzinfo=UTC), NOON)
    # In Berlin the clocks go forward on 29 March 2026: that week has an hour less.
    evening = datetime(2026, 3, 30, 20, tzinfo=UTC)
    since, until = week(evening, "Europe/Berlin")
    assert (since, until) == (datetime(2026, 3, 23, 23, tzinfo=UTC), evening)


async def test_a_lead_taken_handed_over_and_taken_again_is_one_that_was_taken(
    database_url: str, clock: ManualClock
) -> None:
    async with a_database(database_url, clock) as database:
        bot = await an_account(database)
        olga, petr = await a_manager(database), await a_manager(database, "Пётр")
        lead = await a_lead(database, bot)
        await database.transact(partial(take, lead_id=lead, person=olga))
        await database.transact(partial(hand_over, lead_id=lead, to_id=petr.id, by=olga))
        await database.transact(partial(take, lead_id=lead, person=petr))
        clock.advance(timedelta(seconds=1))
        today = day(clock.now(), "Europe/Moscow")
        figures = await database.read(
            lambda connection: statistics(connection, *today, "Europe/Moscow", language="ru")
        )
    assert (figures.leads, figures.taken) == (1, 1)
    assert {one.name: one.taken for one in figures.managers} == {"Ольга": 1, "Пётр": 1}


async def test_what_was_stopped_yesterday_is_not_of_today(database_url: str, clock: ManualClock) -> None:
    async with a_database(database_url, clock) as database:
        admin, bot = await an_admin(database), await an_account(database)
        await database.transact(lambda tx: add(tx, admin, "telegram:777"))
        await file(database, bot, a_message("спам", telegram(777), at=clock.now()))
        stopped = []
        for _ in range(2):
            today = day(clock.now(), "Europe/Moscow")
            figures = await database.read(
                lambda connection, today=today: statistics(connection, *today, "Europe/Moscow", language="ru")
            )
            stopped.append(figures.excluded)
            clock.advance(timedelta(days=1))
    assert stopped == [1, 0]
