"""A machine starts with a clock that is hours ahead, and is set right: nothing waits for those hours to come again."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

from channels.limits import ProcessLimits, Rate
from core.channel import Postponed
from core.clock import ManualClock, SystemClock
from core.conversations import deliveries
from core.conversations.deliveries import LEASE
from core.conversations.model import Delivery
from core.leads.answering import Draft, reply
from tests.builders import NOON, a_database, a_lead, a_manager, a_message, an_account, file, telegram
from tests.looking import all_sent, the
from tests.posting import Network, at_work, pass_time, plainly, quiet

HOURS = timedelta(hours=3)


class Settable(SystemClock):
    """The machine's clock, and how much it is ahead."""

    ahead = HOURS

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@pytest.fixture
def fast() -> ManualClock:
    """A clock that is three hours ahead of the other one."""
    return ManualClock(NOON + HOURS)


async def test_managers_and_customers_hear_at_once_what_was_put_down_for_hours_later(
    database_url: str, fast: ManualClock, clock: ManualClock, tmp_path: Path
) -> None:
    async with a_database(database_url, fast) as database:
        bot, olga = await an_account(database), await a_manager(database)
        await file(database, bot, a_message("Сколько стоит?", at=fast.now()))
    async with a_database(database_url, clock) as database:
        await file(database, bot, a_message("Здравствуйте", telegram(5), at=clock.now()))
        network = Network()
        async with at_work(database, {bot.id: network}, tmp_path) as worker:
            await pass_time(clock, timedelta(seconds=3), worker)
    assert len(network.said_to(str(olga.telegram_id))) == 2
    assert [len(network.said_to(user)) for user in ("777", "5")] == [1, 1]


async def test_more_than_one_lot_of_them_is_corrected(
    sqlite_url: str, fast: ManualClock, clock: ManualClock, tmp_path: Path
) -> None:
    async with a_database(sqlite_url, fast) as database:
        bot = await an_account(database)
        await file(database, bot, *[a_message("?", telegram(user), at=fast.now()) for user in range(1, 301)])
    async with a_database(sqlite_url, clock) as database:
        network = Network()
        async with at_work(database, {bot.id: network}, tmp_path) as worker:
            await quiet(clock, worker)
    assert len(network.sent) == 300


async def test_what_a_dead_worker_had_in_hand_is_in_doubt_when_its_lease_would_have_ended(
    database_url: str, fast: ManualClock, clock: ManualClock, tmp_path: Path
) -> None:
    async with a_database(database_url, fast) as database:
        bot, olga = await an_account(database), await a_manager(database)
        lead = await a_lead(database, bot)
        await all_sent(database)
        spoken = await database.transact(partial(reply, person=olga, lead_id=lead, draft=Draft("500 рублей")))
        assert len(await database.transact(lambda tx: deliveries.claim(tx, 1, plainly))) == 1
    async with a_database(database_url, clock) as database:
        async with at_work(database, {bot.id: Network()}, tmp_path) as worker:
            await pass_time(clock, LEASE + timedelta(seconds=2), worker)
        row = await the(database, Delivery, Delivery.id == spoken.delivery_id)
    assert row["state"] == "uncertain"


async def test_a_follow_up_is_asked_a_day_after_the_clock_was_set_right_at_the_latest(
    database_url: str, clock: ManualClock, tmp_path: Path
) -> None:
    async with a_database(database_url, ManualClock(NOON + timedelta(days=365))) as database:
        bot, olga = await an_account(database), await a_manager(database)
        lead = await a_lead(database, bot)
        await database.transact(partial(reply, person=olga, lead_id=lead, draft=Draft("500 рублей")))
        await all_sent(database)
    async with a_database(database_url, clock) as database:
        network, day = Network(), timedelta(days=1)
        async with at_work(database, {bot.id: network}, tmp_path, poll=day) as worker:
            await pass_time(clock, day + timedelta(minutes=1), worker, leap=day / 24)
    assert len(network.said_to("777")) == 1


async def test_what_the_network_has_put_off_for_hours_stays_put_off(
    database_url: str, clock: ManualClock, tmp_path: Path
) -> None:
    async with a_database(database_url, clock) as database:
        bot = await an_account(database)
        await a_lead(database, bot)
        network = Network()
        network.answers["777"] = [Postponed("flood", HOURS)]
        async with at_work(database, {bot.id: network}, tmp_path) as worker:
            await quiet(clock, worker)
        async with at_work(database, {bot.id: network}, tmp_path) as worker:
            await pass_time(clock, timedelta(minutes=1), worker)
        assert network.said_to("777") == []
        assert (await the(database, Delivery))["due_at"] == NOON + HOURS


async def test_whoever_naps_while_the_clock_is_set_back_does_not_sleep_for_hours() -> None:
    clock = Settable()
    napping = asyncio.create_task(clock.sleep_until(clock.now() + timedelta(milliseconds=50)))
    await asyncio.sleep(0)
    clock.ahead = timedelta()
    await asyncio.wait_for(napping, 20)


async def test_a_chat_that_was_just_written_to_is_not_closed_until_the_old_time_comes_again() -> None:
    clock = Settable()
    limits, rates = ProcessLimits(clock), [Rate("chat", timedelta(seconds=1))]
    await limits.reserve(rates)
    await limits.block("bot", clock.now() + timedelta(seconds=5))
    clock.ahead = timedelta()
    assert await limits.reserve([*rates, Rate("bot", timedelta(seconds=1))]) == timedelta()
