"""An answer counts when it has arrived: until then nobody is asked whether it was enough."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import update
from sqlalchemy.util import await_only

from core.automation import timers
from core.automation.model import Timer
from core.channel import Cause, Outcome, Postponed, Refused, Sent, Uncertain
from core.clock import ManualClock
from core.conversations import deliveries
from core.conversations.model import Delivery
from core.database import Database, Transaction
from core.desk.work import called
from core.leads.answering import Draft, reply, send_again
from core.leads.model import Lead
from core.lines.accounts import AccountRef
from core.staff.managers import Person
from core.worker import fire_due
from tests.builders import NOON, a_database, a_lead, a_manager, a_message, an_account, email, file, telegram
from tests.looking import all_sent, every, the, until_one_waits
from tests.posting import Network, at_work, pass_time, quiet, until

DAY = timedelta(days=1)


@dataclass
class Asked:
    """Anna has asked and has her confirmation; nobody has answered yet."""

    database: Database
    bot: AccountRef
    olga: Person
    lead: int
    clock: ManualClock
    folder: Path
    network: Network

    async def answer(self, *outcomes: Outcome) -> None:
        """Olga answers, and the network says this."""
        self.network.answers["777"] = list(outcomes)
        await self.database.transact(
            partial(reply, person=self.olga, lead_id=self.lead, draft=Draft("500 рублей"))
        )
        await self.pass_time(timedelta(seconds=1))

    async def pass_time(self, span: timedelta) -> None:
        """The program runs so long; timers fire, messages go, to an hour."""
        channels = {self.bot.id: self.network}
        async with at_work(self.database, channels, self.folder, poll=DAY) as worker:
            await pass_time(self.clock, span, worker, leap=DAY / 24)

    async def waits_since(self) -> tuple[datetime | None, datetime | None]:
        """Since when she waits, and when she was first answered."""
        row = await the(self.database, Lead)
        return row["waiting_since"], row["first_answer_at"]

    @property
    def heard(self) -> list[str]:
        return self.network.said_to("777")


@pytest.fixture
async def asked(database_url: str, clock: ManualClock, tmp_path: Path) -> AsyncIterator[Asked]:
    async with a_database(database_url, clock) as database:
        bot, olga = await an_account(database), await a_manager(database)
        lead = await a_lead(database, bot)
        await all_sent(database)
        yield Asked(database, bot, olga, lead, clock, tmp_path, Network())


async def test_after_an_answer_that_was_refused_the_customer_waits_and_is_asked_nothing(asked: Asked) -> None:
    await asked.answer(Refused(Cause.MALFORMED, "Bad Request"))
    assert await asked.waits_since() == (NOON, None)
    await asked.pass_time(DAY + timedelta(hours=1))
    assert asked.heard == []
    refused = await the(asked.database, Delivery, Delivery.state == "refused")
    await asked.database.transact(partial(send_again, person=asked.olga, delivery_id=refused["id"]))
    await asked.pass_time(timedelta(hours=1))
    assert asked.heard == ["500 рублей"]


async def test_a_chat_that_takes_nothing_now_is_written_to_again(asked: Asked) -> None:
    """A business account: a day after the customer's last message a bot may not write there, until they write again."""
    shut = Refused(Cause.SHUT, "Bad Request: BUSINESS_PEER_USAGE_MISSING")
    await asked.answer(shut)
    assert await asked.waits_since() == (NOON, None)
    *_, told = await every(asked.database, Delivery, Delivery.manager_id == asked.olga.id)
    assert told["notice"]["cause"] == "shut"
    await asked.answer()  # nobody is told that the customer is gone
    assert asked.heard == ["500 рублей"]


async def test_whoever_gets_a_refused_answer_after_all_waits_no_more_and_is_asked_after_a_day_of_silence(
    asked: Asked,
) -> None:
    await asked.answer(Refused(Cause.MALFORMED, "Bad Request"))
    refused = await the(asked.database, Delivery, Delivery.state == "refused")
    asked.clock.advance(timedelta(minutes=5))
    await asked.database.transact(partial(send_again, person=asked.olga, delivery_id=refused["id"]))
    await asked.pass_time(timedelta(hours=1))
    assert asked.heard == ["500 рублей"]
    assert await asked.waits_since() == (None, NOON)
    await asked.pass_time(DAY)
    assert len(asked.heard) == 2
    assert [row["state"] for row in await every(asked.database, Timer)] == ["cancelled", "done"]


async def test_whoever_wrote_after_a_refused_answer_that_is_sent_again_waits_since_then(asked: Asked) -> None:
    await asked.answer(Refused(Cause.MALFORMED, "Bad Request"))
    refused = await the(asked.database, Delivery, Delivery.state == "refused")
    asked.clock.advance(timedelta(minutes=5))
    asked_at = asked.clock.now()
    await file(asked.database, asked.bot, a_message("А доставка?", at=asked_at))
    await asked.database.transact(partial(send_again, person=asked.olga, delivery_id=refused["id"]))
    await asked.pass_time(timedelta(seconds=1))
    assert await asked.waits_since() == (asked_at, NOON)


async def test_an_answer_refused_twice_leaves_the_customer_waiting_however_often_it_is_tapped(
    asked: Asked,
) -> None:
    await asked.answer(*[Refused(Cause.MALFORMED, "Bad Request")] * 2)
    refused = await the(asked.database, Delivery, Delivery.state == "refused")
    for _ in range(2):
        await asked.database.transact(partial(send_again, person=asked.olga, delivery_id=refused["id"]))
        await asked.pass_time(timedelta(minutes=1))
        assert await asked.waits_since() == (NOON, None)
    assert asked.heard == []


async def test_an_answer_that_may_not_have_arrived_is_not_followed_by_a_question(asked: Asked) -> None:
    await asked.answer(Uncertain("the connection broke"))
    await asked.pass_time(DAY + timedelta(hours=1))
    assert asked.heard == []


async def test_silence_is_counted_from_the_arrival_of_a_late_answer(asked: Asked) -> None:
    await asked.answer(Postponed("the network is away", timedelta(hours=30)))
    await asked.pass_time(timedelta(hours=30))
    assert asked.heard == ["500 рублей"]
    await asked.pass_time(timedelta(hours=23))
    assert asked.heard == ["500 рублей"]
    await asked.pass_time(timedelta(hours=2))
    assert len(asked.heard) == 2
    skipped = [row["reason"] for row in await every(asked.database, Timer) if row["state"] == "skipped"]
    assert skipped == ["answer-on-its-way"]


async def test_a_second_answer_that_fails_leaves_the_first_one_standing(asked: Asked) -> None:
    await asked.answer()
    asked.clock.advance(timedelta(hours=1))
    await file(asked.database, asked.bot, a_message("А доставка?", at=asked.clock.now()))
    asked_at = asked.clock.now()
    await asked.answer(Refused(Cause.MALFORMED, "Bad Request"))
    assert await asked.waits_since() == (asked_at, NOON)


async def test_a_call_stays_the_first_answer_when_a_letter_before_it_turns_out_lost(asked: Asked) -> None:
    await asked.database.transact(
        partial(reply, person=asked.olga, lead_id=asked.lead, draft=Draft("500 рублей"))
    )
    asked.clock.advance(timedelta(minutes=1))
    called_at = asked.clock.now()
    await asked.database.transact(partial(called, lead_id=asked.lead, person=asked.olga))
    asked.network.answers["777"] = [Refused(Cause.MALFORMED, "Bad Request")]
    await asked.pass_time(timedelta(seconds=1))
    assert await asked.waits_since() == (None, called_at)


async def test_an_answer_that_arrives_while_its_follow_up_is_due_is_followed_by_another(
    postgres_url: str, clock: ManualClock
) -> None:
    async with a_database(postgres_url, clock) as database:
        bot, olga = await an_account(database), await a_manager(database)
        lead = await a_lead(database, bot)
        await all_sent(database)
        await database.transact(partial(reply, person=olga, lead_id=lead, draft=Draft("ответ")))
        (claimed,) = await database.transact(lambda tx: deliveries.claim(tx, 1, None))
        await database.transact(lambda tx: tx.connection.execute(update(Timer).values(due_at=tx.now)))
        fired, go_on = asyncio.Event(), asyncio.Event()

        def fire(tx: Transaction) -> int:
            count = timers.fire(tx)
            fired.set()
            await_only(go_on.wait())  # the transaction stays open meanwhile
            return count

        firing = asyncio.create_task(database.transact(fire))
        await fired.wait()
        arriving = asyncio.create_task(
            database.transact(lambda tx: deliveries.settle(tx, [(claimed, Sent(("1",)))]))
        )
        await until_one_waits(database)
        go_on.set()
        assert await firing == 1
        await arriving
        assert [(row["state"], row["reason"]) for row in await every(database, Timer)] == [
            ("skipped", "answer-on-its-way"),
            ("waiting", None),
        ]


@pytest.mark.parametrize("known_by", ["another conversation", "a letter dated before the question"])
async def test_a_question_that_the_network_puts_off_is_not_asked_when_the_customer_wrote_meanwhile(
    database_url: str, clock: ManualClock, tmp_path: Path, known_by: str
) -> None:
    async with a_database(database_url, clock) as database:
        bot, mailbox = await an_account(database), await an_account(database, "email", "line@example.com")
        olga = await a_manager(database)
        thread = "mail:anna@example.org"
        if known_by == "another conversation":
            lead, place, account = (
                await a_lead(database, bot, "Добрый день", telegram(777), email()),
                "777",
                bot,
            )
        else:
            filed = await file(database, mailbox, a_message("Добрый день", email(), thread=thread))
            lead, place, account = filed[0].lead_id or 0, thread, mailbox
        await database.transact(partial(reply, person=olga, lead_id=lead, draft=Draft("ответ")))
        await all_sent(database)
        clock.advance(DAY)
        await fire_due(database)
        network = Network()
        network.held[place] = asyncio.Event()
        network.answers[place] = [Postponed("later", timedelta(seconds=30))]
        async with at_work(database, {account.id: network}, tmp_path) as worker:
            await until(lambda: place in network.under_way)
            written = clock.now() - timedelta(minutes=1)
            await file(database, mailbox, a_message("Да, есть", email(), thread=thread, at=written))
            network.held[place].set()
            await quiet(clock, worker)
            await pass_time(clock, timedelta(seconds=40), worker)
        assert network.said_to(place) == []


@pytest.mark.parametrize(
    ("outcome", "hours"),
    [(Postponed("the server is away", timedelta(minutes=70)), 3), (Refused(Cause.ACCOUNT, "no token"), 3)],
)
async def test_what_an_outage_has_kept_for_an_hour_is_not_confirmed_any_more(
    database_url: str, clock: ManualClock, tmp_path: Path, outcome: Outcome, hours: int
) -> None:
    async with a_database(database_url, clock) as database:
        bot = await an_account(database)
        await a_lead(database, bot)
        network = Network()
        network.answers["777"] = [outcome] * 2
        for _ in range(hours):
            async with at_work(database, {bot.id: network}, tmp_path, poll=timedelta(hours=1)) as worker:
                await quiet(clock, worker)
            clock.advance(timedelta(hours=1))
        row = await the(database, Delivery, Delivery.message_id.is_not(None))
    assert network.said_to("777") == []
    assert (row["state"], row["error"]) == ("cancelled", "too-late")
