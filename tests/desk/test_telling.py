"""Whoever works a lead hears what colleagues do with it, and nobody hears of their own deeds."""

from __future__ import annotations

from functools import partial

import pytest

from core.clock import ManualClock
from core.conversations.model import Delivery
from core.database import Database, Transaction
from core.desk import work
from core.desk.person_exclusion import exclude_person, undo_exclude_person
from core.desk.telling import tell_answered
from core.leads.answering import Draft, reply
from core.leads.assignment import take
from core.staff.managers import Person
from tests.builders import (
    a_database,
    a_lead,
    a_manager,
    an_account,
    an_admin,
    reason_id,
    stage_id,
    telegram,
)
from tests.looking import every


async def told(database: Database, person: Person) -> list[dict[str, object]]:
    """What this person is told of others' deeds."""
    rows = await every(database, Delivery, Delivery.manager_id == person.id)
    kinds = ("lead-closed-by", "lead-reopened-by", "lead-noted", "answered-by")
    return [row["notice"] for row in rows if row["notice"]["kind"] in kinds]


async def answers(database: Database, lead_id: int, person: Person) -> int:
    """This person answers the customer, as the bot does it; the message."""

    def work_(tx: Transaction) -> int:
        said = reply(tx, person, lead_id, Draft("Да"))
        tell_answered(tx, lead_id, person, said.message_id)
        return said.message_id

    return await database.transact(work_)


async def test_whose_lead_a_colleague_closes_is_told_and_the_closer_is_not(
    database_url: str, clock: ManualClock
) -> None:
    async with a_database(database_url, clock) as database:
        bot, olga, petr = await an_account(database), await a_manager(database), await a_manager(database)
        lead, reason = await a_lead(database, bot), await reason_id(database)
        await database.transact(partial(take, lead_id=lead, person=olga))
        await database.transact(partial(work.junk, lead_id=lead, person=petr, reason_id=reason))
        assert await told(database, olga) == [{"kind": "lead-closed-by", "silent": False, "by": petr.id}]
        assert await told(database, petr) == []


async def test_whose_lead_a_colleague_opens_again_is_told_and_who_opens_their_own_is_not(
    database_url: str, clock: ManualClock
) -> None:
    async with a_database(database_url, clock) as database:
        bot, olga, petr = await an_account(database), await a_manager(database), await a_manager(database)
        lead, reason = await a_lead(database, bot), await reason_id(database)
        await database.transact(partial(take, lead_id=lead, person=olga))
        for opener in (olga, petr):
            await database.transact(partial(work.junk, lead_id=lead, person=olga, reason_id=reason))
            await database.transact(partial(work.reopen, lead_id=lead, person=opener))
        assert await told(database, olga) == [{"kind": "lead-reopened-by", "silent": False, "by": petr.id}]
        assert await told(database, petr) == []


@pytest.mark.parametrize("stage", ["in_work", "success"])
async def test_a_colleagues_move_is_told_when_it_closes_the_lead(
    database_url: str, clock: ManualClock, stage: str
) -> None:
    async with a_database(database_url, clock) as database:
        bot, olga, petr = await an_account(database), await a_manager(database), await a_manager(database)
        lead, to = await a_lead(database, bot), await stage_id(database, stage)
        await database.transact(partial(take, lead_id=lead, person=olga))
        await database.transact(partial(work.move, lead_id=lead, person=petr, stage_id=to))
        assert len(await told(database, olga)) == (stage == "success")


async def test_ones_own_closing_and_a_lead_merely_offered_are_told_to_nobody(
    database_url: str, clock: ManualClock
) -> None:
    async with a_database(database_url, clock) as database:
        bot, olga, petr = await an_account(database), await a_manager(database), await a_manager(database)
        reason = await reason_id(database)
        own, offered = await a_lead(database, bot), await a_lead(database, bot, "Здравствуйте", telegram(778))
        await database.transact(partial(take, lead_id=own, person=olga))
        await database.transact(partial(work.junk, lead_id=own, person=olga, reason_id=reason))
        await database.transact(partial(work.junk, lead_id=offered, person=petr, reason_id=reason))
        assert await told(database, olga) == []
        assert await told(database, petr) == []


async def test_whose_lead_a_colleague_notes_something_on_reads_it(
    database_url: str, clock: ManualClock
) -> None:
    async with a_database(database_url, clock) as database:
        bot, olga, petr = await an_account(database), await a_manager(database), await a_manager(database)
        lead = await a_lead(database, bot)
        await database.transact(partial(work.note, lead_id=lead, person=petr, text="ничья ещё"))
        await database.transact(partial(take, lead_id=lead, person=olga))
        for author in (olga, petr):
            await database.transact(partial(work.note, lead_id=lead, person=author, text="звонил, ждёт"))
        noted = {"kind": "lead-noted", "silent": False, "by": petr.id, "text": "звонил, ждёт"}
        assert await told(database, olga) == [noted]
        assert await told(database, petr) == []


async def test_an_admin_who_excludes_a_person_and_lets_them_in_again_closes_and_opens_leads_of_whom_is_told(
    database_url: str, clock: ManualClock
) -> None:
    async with a_database(database_url, clock) as database:
        bot, olga, admin = await an_account(database), await a_manager(database), await an_admin(database)
        lead = await a_lead(database, bot)
        await database.transact(partial(take, lead_id=lead, person=olga))
        await database.transact(partial(exclude_person, person=admin, lead_id=lead))
        await database.transact(partial(undo_exclude_person, person=admin, lead_id=lead))
        kinds = [notice["kind"] for notice in await told(database, olga)]
        assert kinds == ["lead-closed-by", "lead-reopened-by"]


async def test_whose_customer_a_colleague_answers_reads_it_without_a_sound(
    database_url: str, clock: ManualClock
) -> None:
    async with a_database(database_url, clock) as database:
        bot, olga, petr = await an_account(database), await a_manager(database), await a_manager(database)
        lead = await a_lead(database, bot)
        await database.transact(partial(take, lead_id=lead, person=olga))
        own, theirs = [await answers(database, lead, person) for person in (olga, petr)]
        assert own != theirs
        assert await told(database, olga) == [
            {"kind": "answered-by", "silent": True, "by": petr.id, "message_id": theirs}
        ]
        assert await told(database, petr) == []
