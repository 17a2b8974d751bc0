"""News reaches somebody: also when the manager it was meant for has blocked the bot, or has left."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from bot.notices import Notices
from bot.texts import Texts
from core.channel import Cause, Refused
from core.clock import ManualClock
from core.conversations.crowds import MANY
from core.conversations.model import Delivery
from core.database import Database
from core.desk.work import note
from core.leads.answering import Draft, reply
from core.leads.assignment import hand_over, take
from core.leads.model import Lead
from core.staff.managers import Person, remove, set_available
from tests.builders import (
    a_database,
    a_lead,
    a_manager,
    a_message,
    an_account,
    an_admin,
    an_update,
    file,
    telegram,
)
from tests.looking import all_sent, every, the
from tests.posting import Network, at_work, pass_time

BLOCKED = Refused(Cause.BLOCKED, "Forbidden: bot was blocked by the user")


async def told(database: Database, person: Person) -> list[str]:
    """The kinds of what has reached this manager."""
    rows = await every(database, Delivery, Delivery.manager_id == person.id, Delivery.state == "sent")
    return [row["notice"]["kind"] for row in rows if row["notice"]["kind"] != "redraw"]


async def work(database: Database, network: Network, account: int, clock: ManualClock, folder: Path) -> None:
    async with at_work(database, {account: network}, folder) as worker:
        await pass_time(clock, timedelta(seconds=5), worker)


async def test_a_lead_offered_to_somebody_who_has_blocked_the_bot_is_offered_to_a_colleague(
    database_url: str, clock: ManualClock, tmp_path: Path
) -> None:
    async with a_database(database_url, clock) as database:
        bot, olga = await an_account(database), await a_manager(database)
        await a_lead(database, bot)
        ivan, boss = await a_manager(database, "Иван"), await an_admin(database)
        await database.transact(partial(set_available, person=boss, available=False))
        network = Network()
        network.answers[str(olga.telegram_id)] = [BLOCKED]
        await work(database, network, bot.id, clock, tmp_path)
        assert (await the(database, Lead))["responsible_id"] == ivan.id
        assert await told(database, ivan) == ["lead-given"]
        assert await told(database, boss) == ["manager-unreachable"]


async def test_where_nobody_else_is_here_the_admins_are_shown_the_lead(
    database_url: str, clock: ManualClock, tmp_path: Path
) -> None:
    async with a_database(database_url, clock) as database:
        bot, olga = await an_account(database), await a_manager(database)
        await a_lead(database, bot)
        boss = await an_admin(database)
        await database.transact(partial(set_available, person=boss, available=False))
        network = Network()
        network.answers[str(olga.telegram_id)] = [BLOCKED]
        await work(database, network, bot.id, clock, tmp_path)
        assert sorted(await told(database, boss)) == ["manager-unreachable", "new-lead"]
        assert (await the(database, Lead))["responsible_id"] is None


async def test_what_a_customer_writes_into_the_lead_of_somebody_unreachable_is_read_by_a_colleague(
    database_url: str, clock: ManualClock, tmp_path: Path
) -> None:
    async with a_database(database_url, clock) as database:
        bot, olga = await an_account(database), await a_manager(database)
        lead = await a_lead(database, bot)
        await database.transact(partial(take, lead_id=lead, person=olga))
        await all_sent(database)
        ivan = await a_manager(database, "Иван")
        await file(database, bot, a_message("Вы тут?"))
        network = Network()
        network.answers[str(olga.telegram_id)] = [BLOCKED]
        await work(database, network, bot.id, clock, tmp_path)
        assert await told(database, ivan) == ["message"]
        assert (await the(database, Lead))["responsible_id"] == olga.id  # taken is taken


async def test_first_words_in_a_lead_that_somebody_unreachable_has_taken_are_read_by_a_colleague(
    database_url: str, clock: ManualClock, tmp_path: Path
) -> None:
    """Who had only opened the chat is taken all the same; their first words bring the card again."""
    async with a_database(database_url, clock) as database:
        bot, olga = await an_account(database), await a_manager(database)
        (filed,) = await file(database, bot, an_update(1, "/start"))
        await database.transact(partial(take, lead_id=filed.lead_id or 0, person=olga))
        await all_sent(database)
        ivan = await a_manager(database, "Иван")
        await file(database, bot, an_update(2, "Сколько стоит?"))
        network = Network()
        network.answers[str(olga.telegram_id)] = [BLOCKED]
        await work(database, network, bot.id, clock, tmp_path)
        assert await told(database, ivan) == ["new-lead"]


async def test_what_was_said_to_one_person_alone_is_said_to_nobody_else(
    database_url: str, clock: ManualClock, tmp_path: Path
) -> None:
    async with a_database(database_url, clock) as database:
        bot, olga = await an_account(database), await a_manager(database)
        lead = await a_lead(database, bot)
        await database.transact(partial(take, lead_id=lead, person=olga))
        await all_sent(database)
        ivan, boss = await a_manager(database, "Иван"), await an_admin(database)
        await database.transact(partial(hand_over, lead_id=lead, to_id=ivan.id, by=boss))
        network = Network()
        network.answers[str(olga.telegram_id)] = [BLOCKED]
        await work(database, network, bot.id, clock, tmp_path)
        assert await told(database, ivan) == ["lead-given"]  # and not that it is no longer "yours"
        assert await told(database, boss) == ["manager-unreachable"]
        # Who is handed it and cannot be told has it no more; the admins see a lead that is nobody's.
        await database.transact(partial(set_available, person=boss, available=False))
        await database.transact(partial(hand_over, lead_id=lead, to_id=ivan.id, by=boss))
        network.answers[str(ivan.telegram_id)] = [BLOCKED]
        await work(database, network, bot.id, clock, tmp_path)
        assert (await the(database, Lead))["responsible_id"] is None
        assert (await told(database, boss))[1:] == ["manager-unreachable", "new-lead"]


async def test_that_an_answer_has_arrived_late_after_all_is_of_no_concern_to_colleagues(
    database_url: str, clock: ManualClock, tmp_path: Path
) -> None:
    async with a_database(database_url, clock) as database:
        bot, olga = await an_account(database), await a_manager(database)
        lead = await a_lead(database, bot)
        await database.transact(partial(take, lead_id=lead, person=olga))
        await all_sent(database)
        ivan, boss = await a_manager(database, "Иван"), await an_admin(database)
        await database.transact(partial(reply, person=olga, lead_id=lead, draft=Draft("Сто рублей")))
        clock.advance(timedelta(minutes=11))
        network = Network()
        network.answers[str(olga.telegram_id)] = [BLOCKED]
        await work(database, network, bot.id, clock, tmp_path)
        assert (await told(database, ivan), await told(database, boss)) == ([], ["manager-unreachable"])


async def test_that_an_answer_has_failed_reaches_somebody_when_its_author_has_left(
    database_url: str, clock: ManualClock, tmp_path: Path
) -> None:
    async with a_database(database_url, clock) as database:
        bot, olga = await an_account(database), await a_manager(database)
        lead = await a_lead(database, bot)
        await all_sent(database)
        boss = await an_admin(database)
        await database.transact(partial(reply, person=olga, lead_id=lead, draft=Draft("500 рублей")))
        await database.transact(partial(remove, by=boss, manager_id=olga.id))
        network = Network()
        network.answers["777"] = [Refused(Cause.MALFORMED, "Bad Request")]
        await work(database, network, bot.id, clock, tmp_path)
        assert "delivery-failed" in await told(database, boss)


@pytest.mark.parametrize("count", [MANY - 1, MANY + 1])
async def test_the_news_of_many_leads_reaches_a_colleague_too(
    database_url: str, clock: ManualClock, tmp_path: Path, count: int
) -> None:
    """After an outage they are gathered into one notice: what is refused in it was for somebody."""
    async with a_database(database_url, clock) as database:
        bot, olga = await an_account(database), await a_manager(database)
        for user in range(1, count + 1):
            lead = await a_lead(database, bot, "Цена?", telegram(user))
            await database.transact(partial(take, lead_id=lead, person=olga))
        await all_sent(database)
        ivan = await a_manager(database, "Иван")
        for user in range(1, count + 1):
            await file(database, bot, a_message("Вы тут?", telegram(user)))
        clock.advance(timedelta(minutes=10))
        network = Network()
        network.answers[str(olga.telegram_id)] = [BLOCKED] * 100
        render = Notices(Texts(), clock, "Europe/Moscow", bot.id)
        async with at_work(database, {bot.id: network}, tmp_path, renderer=render) as worker:
            await pass_time(clock, timedelta(seconds=90), worker, leap=timedelta(seconds=5))
        kinds = await told(database, ivan)
    assert kinds.count("message") == count or "many" in kinds


async def test_each_note_on_the_lead_of_somebody_unreachable_is_read_by_a_colleague_who_did_not_write_it(
    database_url: str, clock: ManualClock, tmp_path: Path
) -> None:
    async with a_database(database_url, clock) as database:
        bot, olga = await an_account(database), await a_manager(database)
        lead = await a_lead(database, bot)
        await database.transact(partial(take, lead_id=lead, person=olga))
        await all_sent(database)
        ivan, petr = await a_manager(database, "Иван"), await a_manager(database, "Пётр")
        for words in ("звонила, ждёт", "перезвонит сама"):
            await database.transact(partial(note, lead_id=lead, person=ivan, text=words))
        network = Network()
        network.answers[str(olga.telegram_id)] = [BLOCKED, BLOCKED]
        await work(database, network, bot.id, clock, tmp_path)
        assert await told(database, ivan) == []
        assert await told(database, petr) == ["lead-noted", "lead-noted"]
