"""Robots are rows that people edit: whatever stands in them, no customer's message and no other robot suffers."""

from __future__ import annotations

import asyncio
import itertools
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from sqlalchemy import delete, update
from sqlalchemy.util import await_only

from core.automation.model import Robot, Start, Timer
from core.automation.reactions import Reactions
from core.automation.robots import ROUNDS
from core.automation.silence import stop_follow_ups
from core.channel import Kind
from core.clock import ManualClock
from core.contacts.people import lock_contacts
from core.conversations.model import Conversation, Delivery, Message
from core.database import Database, Transaction
from core.desk.work import junk, reopen
from core.intake.booking import Parcel
from core.intake.filing import file_batch
from core.journal import Journal
from core.leads.model import Lead, StageVisit
from core.leads.stages import Move, enter_stages
from core.lines.model import KnownPerson, Line
from core.worker import fire_due
from tests.builders import (
    NOON,
    a_database,
    a_lead,
    a_manager,
    a_message,
    an_account,
    an_update,
    file,
    phone,
    reason_id,
    stage_id,
    telegram,
)
from tests.looking import counted, every, the

_positions = itertools.count()
SAY = {"text": {"ru": "Здравствуйте", "en": "Hello"}}


async def no_robots(database: Database) -> None:
    """Without those of the preset."""

    def work(tx: Transaction) -> None:
        tx.connection.execute(delete(Robot))

    await database.transact(work)


async def a_robot(database: Database, stage: str = "new", **columns: Any) -> int:
    """A robot on entering a stage, saying something at once, unless said otherwise."""
    stage_number = await stage_id(database, stage)

    def work(tx: Transaction) -> int:
        robot_id = tx.new_id()
        row: dict[str, Any] = {
            "id": robot_id,
            "name": f"robot {robot_id}",
            "title": {"ru": "Робот", "en": "Robot"},
            "stage_id": stage_number,
            "start": Start.ENTERED,
            "delay_seconds": 0,
            "action": "message",
            "parameters": SAY,
            "condition": None,
            "stops_on_answer": False,
            "once_per_lead": False,
            "late_seconds": None,
            "position": next(_positions),
            "is_active": True,
        }
        tx.insert(Robot, [row | columns])
        return robot_id

    return await database.transact(work)


async def said(database: Database) -> list[str]:
    return [row["text"] for row in await every(database, Message, Message.direction == "out")]


async def test_a_condition_decides_at_once_and_when_the_time_comes(
    database_url: str, clock: ManualClock
) -> None:
    async with a_database(database_url, clock) as database:
        bot, form = await an_account(database), await an_account(database, "form", "main")
        await no_robots(database)
        here = [["channel", "is", "telegram"], ["source", "in", ["Реклама", "site"]]]
        await a_robot(database, condition=here)
        await a_robot(database, condition=[["text", "contains", "ЕЛКА"]], delay_seconds=60)
        await file(database, bot, a_message("нужна ёлка", telegram(1), source="реклама"))
        await file(database, bot, a_message("нужна палка", telegram(2), source="друзья"))
        await file(database, form, a_message("ёлка", phone(), source="site"))
        clock.advance(timedelta(minutes=1))
        await fire_due(database)
        rows = [(row["state"], row["reason"]) for row in await every(database, Timer)]
        leads = [row["lead_id"] for row in await every(database, Delivery, Delivery.message_id.is_not(None))]
        first = (await every(database, Lead))[0]["id"]
    assert leads == [first, first]
    assert rows.count(("skipped", "condition")) == 3
    assert ("skipped", "no-way") in rows  # the form's: there is nowhere to write to


async def test_a_condition_on_the_text_looks_at_all_that_the_customer_has_written(
    database_url: str, clock: ManualClock
) -> None:
    async with a_database(database_url, clock) as database:
        bot = await an_account(database)
        await no_robots(database)
        tree = [["text", "contains", "ёлка"]]
        await a_robot(database, condition=tree, parameters={"text": {"ru": "сразу"}})
        await a_robot(database, condition=tree, delay_seconds=60, parameters={"text": {"ru": "потом"}})
        await file(database, bot, a_message("Здравствуйте!\nСколько стоит ЁЛКА?", telegram(1)))
        await file(database, bot, a_message("Здравствуйте!", telegram(2)))
        await file(database, bot, a_message("Нужна елка", telegram(2)))
        clock.advance(timedelta(minutes=1))
        await fire_due(database)
        assert sorted(await said(database)) == ["потом", "потом", "сразу"]


@pytest.mark.parametrize(
    "columns",
    [
        {"parameters": {}},
        {"parameters": {"text": "не словарь"}},
        {"parameters": {"text": {"ru": None}}},
        {"action": "notify", "parameters": {}},
        {"action": "stage", "parameters": {"stage": 12345}},
        {"action": "stage", "parameters": {"stage": "нигде"}},
        {"action": "stage", "parameters": {}},
        {"action": "stage", "parameters": {"stage": "failure"}},  # without a reason
        {"action": "неизвестно что"},
        {"condition": [["text"]]},
        {"condition": [["channel", "in", None]]},
        {"condition": [["неизвестно", "wat", 1]]},
    ],
    ids=repr,
)
@pytest.mark.parametrize("delay", [0, 60])
async def test_a_robot_set_up_wrongly_keeps_back_neither_the_message_nor_other_robots(
    sqlite_url: str, clock: ManualClock, columns: dict[str, Any], delay: int
) -> None:
    async with a_database(sqlite_url, clock) as database:
        bot = await an_account(database)
        await a_manager(database)
        await no_robots(database)
        if columns.get("parameters", {}).get("stage") == "failure":
            columns = columns | {"parameters": {"stage": await stage_id(database, "failure")}}
        wrong = await a_robot(database, delay_seconds=delay, **columns)
        await a_robot(database, delay_seconds=delay)
        filed = await file(database, bot, a_message("1", telegram(1)), a_message("2", telegram(2)))
        clock.advance(timedelta(seconds=delay))
        await fire_due(database)
        assert await said(database) == ["Здравствуйте"] * 2
        kept = await every(database, Timer, Timer.robot_id == wrong)
        assert await fire_due(database) == 0
    assert [one.state for one in filed] == ["filed", "filed"]
    assert {row["state"] for row in kept} <= {"failed", "skipped", "done"}
    if columns.get("action", "message") in ("stage", "notify") or columns.get("parameters", {}).get("text"):
        assert {row["state"] for row in kept} == {"failed"}
        assert all(row["reason"] for row in kept)


async def test_a_timer_that_breaks_the_transaction_is_kept_with_its_error_and_the_others_fire(
    database_url: str, clock: ManualClock
) -> None:
    """Not set up wrongly: the database itself refuses what it would write."""
    async with a_database(database_url, clock) as database:
        bot = await an_account(database)
        await no_robots(database)
        await a_robot(database, delay_seconds=60)
        for n in range(5):
            await file(database, bot, a_message("?", telegram(n)))
            clock.advance(timedelta(seconds=1))
        leads = await every(database, Lead)
        spoilt = leads[2]["id"]
        await a_robot(database, delay_seconds=60)

        def spoil(tx: Transaction) -> None:
            # What the robot would say of this lead has a key already, of a delivery it does not see.
            conversation = tx.connection.exec_driver_sql(
                f"SELECT contact_id FROM lead WHERE id = {spoilt}"
            ).scalar_one()
            tx.connection.exec_driver_sql(f"UPDATE contact SET name = 'x' WHERE id = {conversation}")
            trigger = (
                "CREATE TRIGGER no BEFORE INSERT ON delivery WHEN NEW.lead_id = {lead} "
                "BEGIN SELECT RAISE(ABORT, 'refused by the database'); END"
                if tx.is_sqlite
                else "ALTER TABLE delivery ADD CONSTRAINT no CHECK (lead_id <> {lead})"
            )
            tx.connection.exec_driver_sql(trigger.format(lead=spoilt))

        await database.transact(spoil)
        clock.advance(timedelta(minutes=2))
        assert await fire_due(database) == 5
        rows = {row["lead_id"]: row for row in await every(database, Timer)}
        assert await fire_due(database) == 0
    assert [rows[lead["id"]]["state"] for lead in leads] == ["done", "done", "failed", "done", "done"]
    assert rows[spoilt]["reason"]


async def test_a_robot_moves_a_lead_and_those_of_the_next_stage_answer(
    database_url: str, clock: ManualClock
) -> None:
    async with a_database(database_url, clock) as database:
        bot = await an_account(database)
        await no_robots(database)
        work = await stage_id(database, "in_work")
        await a_robot(database, action="stage", parameters={"stage": work})
        await a_robot(database, parameters={"text": {"ru": "для тех, кто остался в новых"}})
        await a_robot(database, "in_work", parameters={"text": {"ru": "взяли в работу"}})
        await a_lead(database, bot)
        row = await the(database, Lead)
        assert await said(database) == ["взяли в работу"]
        let_be = await the(database, Timer)
        stays = await every(database, StageVisit)
    assert row["stage_id"] == work
    assert (let_be["state"], let_be["reason"]) == ("skipped", "stage-left")
    assert [stay["left_at"] for stay in stays] == [NOON, None]


async def test_a_robot_gives_up_a_lead_with_its_reason(database_url: str, clock: ManualClock) -> None:
    """Who does not answer for a week, say."""
    async with a_database(database_url, clock) as database:
        bot = await an_account(database)
        await no_robots(database)
        week = 7 * 24 * 3600
        failure, reason = await stage_id(database, "failure"), await reason_id(database, "no_answer")
        given_up = {"stage": failure, "reason": reason}
        await a_robot(database, action="stage", delay_seconds=week, parameters=given_up, stops_on_answer=True)
        await a_lead(database, bot)
        clock.advance(timedelta(seconds=week))
        assert await fire_due(database) == 1
        lead = await the(database, Lead)
        run = await the(database, Timer)
    assert (run["state"], run["reason"]) == ("done", None)
    assert (lead["outcome"], lead["reason_id"], lead["closed_at"]) == ("failure", reason, clock.now())


@pytest.mark.parametrize(("once", "times"), [(True, 1), (False, 2)])
@pytest.mark.parametrize("delay", [0, 60])
async def test_a_manager_is_told_once_of_a_lead_that_comes_to_a_stage_again_where_the_rule_says_so(
    database_url: str, clock: ManualClock, delay: int, once: bool, times: int
) -> None:
    async with a_database(database_url, clock) as database:
        bot, olga = await an_account(database), await a_manager(database)
        await no_robots(database)
        says = {"text": {"ru": "Позвоните"}}
        await a_robot(
            database, "in_work", action="notify", delay_seconds=delay, parameters=says, once_per_lead=once
        )
        lead = await a_lead(database, bot)
        for stage in ("in_work", "qualified", "in_work"):
            moves = [Move(lead, await stage_id(database, stage), olga.actor)]
            await database.transact(partial(enter_stages, moves=moves))
            clock.advance(timedelta(minutes=1))
            await fire_due(database)
        told = await every(database, Delivery, Delivery.manager_id == olga.id)
    assert [row["notice"].get("text") for row in told].count("Позвоните") == times


@pytest.mark.parametrize("stage", ["success", "failure"])
@pytest.mark.parametrize("wants_more", [True, False])
async def test_robots_of_a_closing_stage_speak_to_whom_it_closes(
    database_url: str, clock: ManualClock, stage: str, wants_more: bool
) -> None:
    """«Thank you» at once; «how was it?» after a week, to whoever has not asked to be left alone."""
    async with a_database(database_url, clock) as database:
        bot, olga = await an_account(database), await a_manager(database)
        await no_robots(database)
        week = timedelta(days=7)
        await a_robot(database, stage, parameters={"text": {"ru": "Спасибо!"}})
        asks = {"text": {"ru": "Всё ли хорошо?"}}
        await a_robot(database, stage, parameters=asks, delay_seconds=int(week.total_seconds()))
        lead = await a_lead(database, bot)
        if not wants_more:
            talk = await the(database, Conversation)
            await database.transact(partial(stop_follow_ups, conversation_id=talk["id"]))
        reason = await reason_id(database) if stage == "failure" else None
        moves = [Move(lead, await stage_id(database, stage), olga.actor, reason)]
        await database.transact(partial(enter_stages, moves=moves))
        clock.advance(week)
        assert await fire_due(database) == 1
        assert await said(database) == ["Спасибо!", "Всё ли хорошо?"][: 1 + wants_more]


@pytest.mark.parametrize("happens", ["blocks us", "wants no follow-ups"])
async def test_what_robots_do_among_ourselves_goes_on_when_nothing_may_be_said_to_the_customer(
    database_url: str, clock: ManualClock, happens: str
) -> None:
    async with a_database(database_url, clock) as database:
        bot, olga = await an_account(database), await a_manager(database)
        await no_robots(database)
        await a_robot(database, delay_seconds=600)
        await a_robot(
            database, action="notify", delay_seconds=600, parameters={"text": {"ru": "Десять минут прошли"}}
        )
        await a_lead(database, bot)
        if happens == "blocks us":
            await file(database, bot, a_message("", kind=Kind.BLOCKED, content="membership"))
        else:
            talk = await the(database, Conversation)
            await database.transact(partial(stop_follow_ups, conversation_id=talk["id"]))
        clock.advance(timedelta(minutes=10))
        assert await fire_due(database) == 1
        told = await every(database, Delivery, Delivery.manager_id == olga.id)
        assert await said(database) == []
    assert [row["notice"].get("text") for row in told][-1] == "Десять минут прошли"


@pytest.mark.parametrize("length", [2, 3])
async def test_rules_that_chase_each_other_are_stopped_and_named(
    database_url: str, clock: ManualClock, length: int
) -> None:
    async with a_database(database_url, clock) as database:
        bot = await an_account(database)
        await no_robots(database)
        ring = ("new", "in_work", "qualified")[:length]
        for here, there in zip(ring, (*ring[1:], ring[0]), strict=True):
            await a_robot(
                database, here, action="stage", parameters={"stage": await stage_id(database, there)}
            )
        filed = await file(database, bot, *(a_message("?", telegram(n)) for n in range(3)))
        stopped = await every(database, Journal, Journal.verb == "automation-stopped")
        stays = await every(database, StageVisit)
    assert [one.state for one in filed] == ["filed"] * 3
    assert {row["lead_id"] for row in stopped} == {one.lead_id for one in filed}
    assert len(stopped) == 3
    assert len(stays) == 3 * (ROUNDS + 1)
    assert sum(stay["left_at"] is None for stay in stays) == 3


async def test_rules_that_chase_each_other_from_day_to_day_are_stopped_too_until_a_person_does_something(
    database_url: str, clock: ManualClock
) -> None:
    async with a_database(database_url, clock) as database:
        bot, olga = await an_account(database), await a_manager(database)
        await no_robots(database)
        for here, there in (("new", "in_work"), ("in_work", "new")):
            to = {"stage": await stage_id(database, there)}
            await a_robot(database, here, action="stage", delay_seconds=3600, parameters=to)
        lead = await a_lead(database, bot)

        async def moved(hours: int) -> int:
            before = len(await every(database, StageVisit))
            for _ in range(hours):
                clock.advance(timedelta(hours=1))
                await fire_due(database)
            return len(await every(database, StageVisit)) - before

        assert await moved(3 * ROUNDS) == ROUNDS
        stopped = await the(database, Journal, Journal.verb == "automation-stopped")
        run = (await every(database, Timer))[-1]
        assert (stopped["lead_id"], run["state"], run["reason"]) == (lead, "skipped", "circle")
        to_work = Move(lead, await stage_id(database, "in_work"), olga.actor)
        await database.transact(partial(enter_stages, moves=[to_work]))
        assert await moved(3) == 3


async def test_many_leads_in_one_page_are_no_circle(database_url: str, clock: ManualClock) -> None:
    async with a_database(database_url, clock) as database:
        bot = await an_account(database)
        await no_robots(database)
        await a_robot(database, action="stage", parameters={"stage": await stage_id(database)})
        await file(database, bot, *(a_message("?", telegram(n)) for n in range(3 * ROUNDS)))
        assert await every(database, Journal, Journal.verb == "automation-stopped") == []
        assert len(await every(database, StageVisit)) == 6 * ROUNDS


@pytest.mark.parametrize(
    ("columns", "state", "reason"),
    [
        ({"action": "notify", "parameters": {"text": {"ru": "Лид"}}}, "skipped", "nobody"),
        ({"action": "mesage"}, "failed", "failed: there is no action 'mesage'"),
    ],
)
async def test_a_robot_that_did_nothing_says_so(
    database_url: str, clock: ManualClock, columns: dict[str, Any], state: str, reason: str
) -> None:
    async with a_database(database_url, clock) as database:
        bot = await an_account(database)
        await no_robots(database)
        await a_robot(database, **columns)
        await a_lead(database, bot)
        run = await the(database, Timer)
    assert (run["state"], run["reason"]) == (state, reason)


async def test_a_lead_that_a_colleague_opens_again_greets_nobody(
    database_url: str, clock: ManualClock
) -> None:
    async with a_database(database_url, clock) as database:
        bot, olga = await an_account(database), await a_manager(database)
        await no_robots(database)
        lead = await a_lead(database, bot)
        await database.transact(partial(junk, lead_id=lead, person=olga, reason_id=await reason_id(database)))
        await a_robot(database)
        clock.advance(timedelta(days=2))
        await database.transact(partial(reopen, lead_id=lead, person=olga))
        assert await said(database) == []


async def test_leaving_a_stage_calls_off_what_was_scheduled_for_that_stay_only(
    database_url: str, clock: ManualClock
) -> None:
    async with a_database(database_url, clock) as database:
        bot = await an_account(database)
        await no_robots(database)
        await a_robot(database, delay_seconds=600)
        await a_robot(database, "in_work", delay_seconds=600)
        lead = await a_lead(database, bot)
        for stage in ("in_work", "new", "in_work"):
            clock.advance(timedelta(minutes=1))
            moves = [Move(lead, await stage_id(database, stage), "manager:1")]
            await database.transact(partial(enter_stages, moves=moves))
        rows = await every(database, Timer)
        clock.advance(timedelta(minutes=10))
        assert await fire_due(database) == 1
        assert await said(database) == ["Здравствуйте"]
    assert [(row["state"], row["reason"]) for row in rows] == [("cancelled", "stage-left")] * 3 + [
        ("waiting", None)
    ]


async def test_a_robot_that_was_edited_says_what_it_says_now(database_url: str, clock: ManualClock) -> None:
    async with a_database(database_url, clock) as database:
        bot = await an_account(database)
        await no_robots(database)
        await a_robot(database, delay_seconds=60)
        await a_lead(database, bot)

        def edit(tx: Transaction) -> None:
            tx.connection.execute(update(Robot).values(parameters={"text": {"ru": "{{ name }}, это мы"}}))

        await database.transact(edit)
        clock.advance(timedelta(minutes=1))
        await fire_due(database)
        assert await said(database) == ["Анна, это мы"]


async def test_a_robot_tells_the_manager_in_charge_and_nobody_when_there_is_none(
    database_url: str, clock: ManualClock
) -> None:
    async with a_database(database_url, clock) as database:
        bot = await an_account(database)
        await no_robots(database)
        await a_robot(database, action="notify", parameters={"text": {"ru": "Позвоните: {{ name }}"}})
        await a_lead(database, bot, "?", telegram(1))
        olga = await a_manager(database)
        await a_lead(database, bot, "?", telegram(2))
        told = [row for row in await every(database, Delivery) if row["notice"]["kind"] == "robot"]
    assert [(row["manager_id"], row["notice"]["text"]) for row in told] == [(olga.id, "Позвоните: Анна")]


async def test_whoever_only_opens_the_chat_is_told_of_by_their_first_words_and_once(
    database_url: str, clock: ManualClock
) -> None:
    async with a_database(database_url, clock) as database:
        bot, olga = await an_account(database), await a_manager(database)
        await no_robots(database)
        urgent = [["text", "contains", "срочно"]]
        await a_robot(database, action="notify", condition=urgent, parameters={"text": {"ru": "Срочный лид"}})
        to_work = {"stage": await stage_id(database)}
        await a_robot(database, action="stage", parameters=to_work)
        await file(database, bot, an_update(1, "/start"))
        assert (await the(database, Lead))["stage_id"] == await stage_id(database, "new")
        for number, words in enumerate(("Срочно нужен сайт", "Очень срочно"), 2):
            await file(database, bot, an_update(number, words))
        assert (await the(database, Lead))["stage_id"] == to_work["stage"]
        told = await every(database, Delivery, Delivery.manager_id == olga.id)
    assert [row["notice"]["text"] for row in told if row["notice"]["kind"] == "robot"] == ["Срочный лид"]


async def test_delayed_greetings_are_not_sent_to_an_old_backlog_either(
    database_url: str, clock: ManualClock
) -> None:
    async with a_database(database_url, clock) as database:
        bot = await an_account(database)
        await no_robots(database)
        await a_robot(database, delay_seconds=60)
        await file(database, bot, a_message("?", at=NOON - timedelta(days=2)))
        clock.advance(timedelta(minutes=1))
        await fire_due(database)
        assert await said(database) == []
        row = await the(database, Timer)
    assert (row["state"], row["reason"]) == ("skipped", "too-late")


async def test_a_rule_that_would_move_a_lead_steps_back_for_the_customer_who_writes_at_this_very_moment(
    postgres_url: str, clock: ManualClock
) -> None:
    """Whoever files takes hold of the person first, then of the lead and its timers: waiting would embrace."""
    async with (
        a_database(postgres_url, clock) as one,
        Database.opened(postgres_url, clock=clock, react=Reactions()) as other,
    ):
        bot = await an_account(one)
        await no_robots(one)
        to_work = {"stage": await stage_id(one)}
        await a_robot(one, action="stage", delay_seconds=60, parameters=to_work, stops_on_answer=True)
        lead = await a_lead(one, bot)
        person = (await the(one, Lead))["contact_id"]
        clock.advance(timedelta(minutes=1))
        held, go_on = asyncio.Event(), asyncio.Event()

        def writes(tx: Transaction) -> None:
            lock_contacts(tx, [person])
            held.set()
            await_only(go_on.wait())
            file_batch(tx, bot, [Parcel.of(again)])

        again = a_message("Ау!", at=clock.now())
        writing = asyncio.create_task(one.transact(writes))
        await held.wait()
        firing = asyncio.create_task(fire_due(other))
        done, _ = await asyncio.wait([firing], timeout=20)
        go_on.set()
        await asyncio.gather(writing, firing)
        assert done
        assert firing.result() == 0
        run = await the(one, Timer)
    assert (run["lead_id"], run["state"], run["reason"]) == (lead, "cancelled", "customer-wrote")


async def test_six_workers_of_two_processes_fire_each_timer_once(
    database_url: str, clock: ManualClock
) -> None:
    async with (
        a_database(database_url, clock) as one,
        Database.opened(database_url, clock=clock, react=Reactions()) as other,
    ):
        bot = await an_account(one)
        await no_robots(one)
        await a_robot(one, delay_seconds=60)
        await file(one, bot, *(a_message("?", telegram(n)) for n in range(200)))
        clock.advance(timedelta(minutes=1))

        async def work(database: Database) -> int:
            fired = 0
            while await the_rest(one):
                fired += await fire_due(database)
            return fired

        fired = await asyncio.gather(*(work(database) for database in (one, other) for _ in range(3)))
        found = await counted(one)
        done = [row["state"] for row in await every(one, Timer)]
    assert sum(fired) == 200
    assert done == ["done"] * 200
    assert found.said == 200


async def the_rest(database: Database) -> int:
    return len(await every(database, Timer, Timer.state == "waiting"))


@pytest.mark.parametrize("before", ["Нужен сайт", "/start"])
@pytest.mark.parametrize("batches", [1, 2])
async def test_who_comes_back_by_the_button_and_writes_then_is_told_of_once(
    database_url: str, clock: ManualClock, before: str, batches: int
) -> None:
    """Their lead opens again at the button; whether it has words already, or they come at the same moment."""
    async with a_database(database_url, clock) as database:
        bot, olga = await an_account(database), await a_manager(database)
        await no_robots(database)
        await database.transact(
            lambda tx: tx.connection.execute(update(Line).values(known_person=KnownPerson.REOPEN))
        )
        (filed,) = await file(database, bot, an_update(1, before))
        await database.transact(
            partial(junk, lead_id=filed.lead_id, person=olga, reason_id=await reason_id(database))
        )
        await a_robot(database, action="notify", parameters={"text": {"ru": "Снова здесь"}})
        back = [an_update(2, "/start"), an_update(3, "Вернёмся к сайту")]
        for batch in [back] if batches == 1 else [[one] for one in back]:
            await file(database, bot, *batch)
        told = await every(database, Delivery, Delivery.manager_id == olga.id)
    assert [row["notice"]["text"] for row in told if row["notice"]["kind"] == "robot"] == ["Снова здесь"]


async def test_whoever_comes_back_with_something_new_is_not_asked_how_the_last_time_was(
    database_url: str, clock: ManualClock
) -> None:
    """A question that stops on an answer, after a week in a closing stage: on the third day they write again."""
    async with a_database(database_url, clock) as database:
        bot, olga = await an_account(database), await a_manager(database)
        await no_robots(database)
        week = timedelta(days=7)
        await a_robot(database, "success", delay_seconds=int(week.total_seconds()), stops_on_answer=True)
        lead = await a_lead(database, bot)
        moves = [Move(lead, await stage_id(database, "success"), olga.actor)]
        await database.transact(partial(enter_stages, moves=moves))
        clock.advance(timedelta(days=3))
        assert await a_lead(database, bot, "Всё сломалось, помогите") != lead
        assert (await the(database, Timer))["state"] == "cancelled"
        clock.advance(week)
        await fire_due(database)
        assert await said(database) == []
