"""We answered, he is silent for a day: asked once whether anything is left. Everything that can come between, comes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import RowMapping, select, update

from core.automation.model import Robot, Timer
from core.automation.reactions import Policy
from core.automation.silence import stop_follow_ups
from core.automation.timers import correct_moments, next_due
from core.channel import Kind, Postponed, Sent
from core.clock import ManualClock
from core.contacts.model import Contact
from core.conversations import deliveries
from core.conversations.model import Conversation, Delivery, Message
from core.database import Database, Transaction
from core.desk.exclusions import add
from core.desk.work import called
from core.leads.answering import Draft, reply, send_again
from core.leads.stages import Move, enter_stages
from core.lines.accounts import AccountRef, note_alive
from core.lines.hours import read_hours
from core.staff.managers import Person
from core.worker import fire_due
from tests.builders import (
    a_database,
    a_lead,
    a_manager,
    a_message,
    an_account,
    an_admin,
    email,
    file,
    phone,
    reason_id,
    stage_id,
    telegram,
)
from tests.looking import all_sent, every, robot_id, the
from tests.posting import Network, at_work, pass_time, plainly, quiet, until

DAY = timedelta(days=1)


@dataclass(slots=True)
class Answered:
    """A customer has asked, a manager has answered; nothing else has happened."""

    database: Database
    bot: AccountRef
    olga: Person
    lead: int

    async def answer(self, text: str = "От 10 000 рублей") -> None:
        await self.database.transact(partial(reply, person=self.olga, lead_id=self.lead, draft=Draft(text)))

    async def follow_up(self) -> RowMapping:
        return await the(self.database, Timer, Timer.robot_id == await robot_id(self.database, "follow_up"))

    async def waiting(self) -> list[str]:
        """What waits to be sent to the customer."""
        rows = await every(
            self.database, Delivery, Delivery.state == "waiting", Delivery.message_id.is_not(None)
        )
        return [row["key"].split(":")[0] for row in rows]


@asynccontextmanager
async def answered(url: str, clock: ManualClock, policy: Policy | None = None) -> AsyncIterator[Answered]:
    async with a_database(url, clock, policy) as database:
        bot = await an_account(database)
        olga = await a_manager(database)
        lead = await a_lead(database, bot, "вот мой номер", telegram(), phone())
        story = Answered(database, bot, olga, lead)
        await story.answer()
        await all_sent(database)
        yield story


async def test_after_a_day_of_silence_the_customer_is_asked_once(
    database_url: str, clock: ManualClock
) -> None:
    async with answered(database_url, clock) as story:
        clock.advance(DAY - timedelta(seconds=1))
        assert await fire_due(story.database) == 0
        clock.advance(timedelta(seconds=1))
        assert await fire_due(story.database) == 1
        assert await story.waiting() == ["robot"]
        await all_sent(story.database)
        await story.answer("Ещё что-нибудь?")  # answered anew, silent anew: he is not asked a second time
        await all_sent(story.database)
        clock.advance(DAY)
        assert await fire_due(story.database) == 0  # nor does a card promise it
        assert await story.waiting() == []


async def test_nobody_is_asked_at_night_nor_at_the_weekend(database_url: str, clock: ManualClock) -> None:
    """Answered on Thursday evening: asked on Monday morning, and also by a worker that was away till then."""
    hours = read_hours("mon-thu 09:00-18:00", ZoneInfo("Europe/Moscow"))
    monday = clock.now() + timedelta(days=7) - timedelta(hours=3)  # 09:00 in Moscow
    clock.advance(3 * DAY + timedelta(hours=8))
    async with answered(database_url, clock, Policy(hours=hours)) as story:
        assert (await story.follow_up())["due_at"] == monday  # a card promises what will be
        # Later than any delay from now, and put down by a clock that is right.
        assert await story.database.transact(partial(correct_moments, hours=hours)) == 0
        clock.advance(monday - clock.now() + timedelta(hours=9))
        assert await fire_due(story.database, hours) == 1  # it is evening again
        assert await story.waiting() == []
        assert (await story.follow_up())["due_at"] == monday + DAY
        clock.advance(timedelta(hours=15))
        assert await fire_due(story.database, hours) == 1
        assert await story.waiting() == ["robot"]


@pytest.mark.parametrize("is_tried", [True, False], ids=["put off", "behind what was put off"])
@pytest.mark.parametrize(("away", "left"), [(timedelta(minutes=5), ["robot"]), (timedelta(hours=9), [])])
async def test_what_cannot_leave_until_night_is_asked_no_more(
    database_url: str, clock: ManualClock, away: timedelta, left: list[str], is_tried: bool
) -> None:
    hours = read_hours("09:00-13:00", ZoneInfo("Europe/Moscow"))  # now it is noon there
    async with answered(database_url, clock, Policy(hours=hours)) as story:
        clock.advance(DAY)
        assert await fire_due(story.database, hours) == 1

        def try_to_send(tx: Transaction) -> None:
            tried = deliveries.claim(tx, 9, plainly, hours=hours)
            deliveries.settle(tx, [(one, Postponed("its server is away", away)) for one in tried])

        if is_tried:
            await story.database.transact(try_to_send)
        clock.advance(away)
        claimed = await story.database.transact(lambda tx: deliveries.claim(tx, 9, plainly, hours=hours))
        assert ["robot" for one in claimed if one.message.follow_up] == left


async def test_what_a_person_sends_all_the_same_at_night_goes_out_though_it_is_put_off(
    database_url: str, clock: ManualClock
) -> None:
    hours = read_hours("09:00-13:00", ZoneInfo("Europe/Moscow"))
    async with answered(database_url, clock, Policy(hours=hours)) as story:
        clock.advance(DAY)
        await fire_due(story.database, hours)
        clock.advance(timedelta(hours=9))
        assert not await story.database.transact(lambda tx: deliveries.claim(tx, 9, plainly, hours=hours))
        asked = await the(story.database, Delivery, Delivery.state == "cancelled")
        await story.database.transact(partial(send_again, person=story.olga, delivery_id=asked["id"]))
        for outcome in (Postponed("its server is away", timedelta(minutes=5)), Sent(("1",))):
            (one,) = await story.database.transact(lambda tx: deliveries.claim(tx, 9, plainly, hours=hours))
            await story.database.transact(partial(deliveries.settle, results=[(one, outcome)]))
            clock.advance(timedelta(minutes=5))


@pytest.mark.parametrize(
    ("hours", "said"), [("13:00-18:00", "как только откроемся"), ("09:00-18:00", "скоро ответим")]
)
async def test_who_writes_at_night_is_confirmed_at_once_and_not_told_soon(
    database_url: str, clock: ManualClock, hours: str, said: str
) -> None:
    policy = Policy(hours=read_hours(hours, ZoneInfo("Europe/Moscow")))
    async with a_database(database_url, clock, policy) as database:
        await a_lead(database, await an_account(database), "не спится", telegram())
        ((text,),) = await database.read(
            lambda connection: connection.execute(
                select(Message.text)
                .join(Delivery, Delivery.message_id == Message.id)
                .where(Delivery.state == "waiting")
            ).all()
        )
        assert said in text


async def test_a_second_answer_puts_the_question_off(database_url: str, clock: ManualClock) -> None:
    async with answered(database_url, clock) as story:
        clock.advance(timedelta(hours=20))
        await story.answer("И ещё: доставка бесплатно")
        await all_sent(story.database)
        clock.advance(timedelta(hours=20))
        assert await fire_due(story.database) == 0
        clock.advance(timedelta(hours=4))
        assert await fire_due(story.database) == 1


@pytest.mark.parametrize(
    "what", ["writes", "speaks", "leaves", "closes", "excluded", "blocks", "unsubscribes", "off"]
)
async def test_whatever_comes_between_calls_it_off_with_its_reason(
    database_url: str, clock: ManualClock, what: str
) -> None:
    async with answered(database_url, clock) as story:
        await happen(story, what)
        row = await story.follow_up()
        state = row["state"]
        await all_sent(story.database)
        clock.advance(DAY)
        await fire_due(story.database)
        assert await story.waiting() == []
        row = await story.follow_up()
    reasons = {
        "writes": "customer-wrote",
        "speaks": "called",
        "leaves": "stage-left",
        "closes": "stage-left",
        "excluded": "excluded",
        "blocks": "blocked",
        "unsubscribes": "unsubscribed",
        "off": "robot-off",
    }
    assert row["reason"] == reasons[what]
    assert state == ("waiting" if what == "off" else "cancelled")


@pytest.mark.parametrize(
    "what", ["writes", "speaks", "leaves", "closes", "excluded", "blocks", "unsubscribes"]
)
async def test_also_while_the_question_waits_to_be_sent(
    database_url: str, clock: ManualClock, what: str, tmp_path: Path
) -> None:
    async with answered(database_url, clock) as story:
        clock.advance(DAY)
        await fire_due(story.database)
        assert await story.waiting() == ["robot"]
        await happen(story, what)
        network = Network()
        async with at_work(story.database, {story.bot.id: network}, tmp_path) as worker:
            await quiet(clock, worker)
        key = f"robot:{await robot_id(story.database, 'follow_up')}:lead:{story.lead}"
        row = await the(story.database, Delivery, Delivery.key == key)
    assert row["state"] == "cancelled"
    assert [text for text in network.said_to("777") if "вопросы" in text] == []


@pytest.mark.parametrize("what", ["writes", "leaves", "an outage"])
async def test_a_question_called_off_before_it_left_is_asked_after_the_next_silence(
    database_url: str, clock: ManualClock, what: str, tmp_path: Path
) -> None:
    async with answered(database_url, clock) as story:
        clock.advance(DAY)
        await fire_due(story.database)
        if what == "an outage":
            clock.advance(DAY + timedelta(seconds=1))
        else:
            await happen(story, what)
        network = Network()
        async with at_work(story.database, {story.bot.id: network}, tmp_path) as worker:
            await quiet(clock, worker)
            assert network.said_to("777") == []
            if what == "leaves":
                moves = [Move(story.lead, await stage_id(story.database), story.olga.actor)]
                await story.database.transact(partial(enter_stages, moves=moves))
            await story.answer("Что решили?")
            await quiet(clock, worker)
        clock.advance(DAY)
        assert await fire_due(story.database) == 1
        assert await story.waiting() == ["robot"]


@pytest.mark.parametrize("delivered", [(), ("55",)])
async def test_a_question_that_was_with_the_network_is_asked_again_only_where_no_part_of_it_arrived(
    database_url: str, clock: ManualClock, delivered: tuple[str, ...], tmp_path: Path
) -> None:
    async with answered(database_url, clock) as story:
        clock.advance(DAY)
        await fire_due(story.database)
        network = Network()
        network.held["777"] = asyncio.Event()
        network.answers["777"] = [Postponed("later", timedelta(minutes=5), delivered=delivered)]
        async with at_work(story.database, {story.bot.id: network}, tmp_path) as worker:
            await until(lambda: "777" in network.under_way)
            await happen(story, "writes")
            network.held["777"].set()
            await quiet(clock, worker)
            await story.answer("Пожалуйста")
            await quiet(clock, worker)
        clock.advance(DAY)
        await fire_due(story.database)
        assert await story.waiting() == ([] if delivered else ["robot"])


async def test_a_question_that_a_person_has_sent_although_it_was_called_off_is_not_asked_again(
    database_url: str, clock: ManualClock
) -> None:
    async with answered(database_url, clock) as story:
        clock.advance(DAY)
        await fire_due(story.database)
        await happen(story, "writes")
        called_off = await the(story.database, Delivery, Delivery.state == "cancelled")
        await story.database.transact(partial(send_again, person=story.olga, delivery_id=called_off["id"]))
        await story.answer("Что решили?")
        await all_sent(story.database)
        clock.advance(DAY)
        assert await fire_due(story.database) == 0


async def test_a_confirmation_that_came_too_late_is_not_said_when_its_stage_is_entered_again(
    database_url: str, clock: ManualClock, tmp_path: Path
) -> None:
    async with a_database(database_url, clock) as database:
        bot, olga = await an_account(database), await a_manager(database)
        lead = await a_lead(database, bot)
        clock.advance(timedelta(hours=2))
        network = Network()
        async with at_work(database, {bot.id: network}, tmp_path) as worker:
            await quiet(clock, worker)
            await database.transact(partial(reply, person=olga, lead_id=lead, draft=Draft("500 рублей")))
            await database.transact(
                partial(enter_stages, moves=[Move(lead, await stage_id(database, "new"), olga.actor)])
            )
            await quiet(clock, worker)
        assert network.said_to("777") == ["500 рублей"]


async def test_a_machine_that_answers_while_the_question_is_put_off_does_not_call_it_off(
    database_url: str, clock: ManualClock, tmp_path: Path
) -> None:
    async with answered(database_url, clock) as story:
        clock.advance(DAY)
        await fire_due(story.database)
        network = Network()
        network.answers["777"] = [Postponed("later", timedelta(minutes=5))]
        async with at_work(story.database, {story.bot.id: network}, tmp_path) as worker:
            await quiet(clock, worker)
            clock.advance(timedelta(minutes=1))
            await file(story.database, story.bot, a_message("Я в отпуске", at=clock.now(), automatic=True))
            await pass_time(clock, timedelta(minutes=5), worker, leap=timedelta(seconds=10))
        assert len(network.said_to("777")) == 1


async def test_a_machine_that_answers_us_is_no_answer(database_url: str, clock: ManualClock) -> None:
    async with answered(database_url, clock) as story:
        await file(story.database, story.bot, a_message("Я в отпуске", automatic=True))
        clock.advance(DAY)
        assert await fire_due(story.database) == 1
        assert await story.waiting() == ["robot"]


async def test_what_is_too_late_is_let_be_and_says_so(database_url: str, clock: ManualClock) -> None:
    """The program was down for a week: nobody is asked about a talk he has forgotten."""
    async with answered(database_url, clock) as story:
        clock.advance(DAY + timedelta(days=3, seconds=1))
        await fire_due(story.database)
        row = await story.follow_up()
        assert await story.waiting() == []
    assert (row["state"], row["reason"]) == ("skipped", "too-late")


async def test_who_has_written_before_our_answer_arrives_is_not_waited_for_in_silence(
    database_url: str, clock: ManualClock, tmp_path: Path
) -> None:
    """Nor does a card promise a question to somebody who waits for an answer."""
    async with answered(database_url, clock) as story:
        network = Network()
        network.held["777"] = asyncio.Event()
        async with at_work(story.database, {story.bot.id: network}, tmp_path) as worker:
            await story.answer("И ещё: доставка бесплатно")
            await until(lambda: "777" in network.under_way)
            await happen(story, "writes")
            network.held["777"].set()
            await quiet(clock, worker)
        assert [row["reason"] for row in await every(story.database, Timer)] == ["customer-wrote"]


@pytest.mark.parametrize("away", [timedelta(seconds=10), DAY])
@pytest.mark.parametrize("comes", ["nothing", "the answer"])
async def test_nobody_is_silent_as_long_as_their_network_has_not_been_heard(
    database_url: str, clock: ManualClock, comes: str, away: timedelta
) -> None:
    """The program, or the network, was away: what the customer has written meanwhile lies there and comes first."""
    async with answered(database_url, clock) as story:
        clock.advance(DAY - timedelta(seconds=5))
        await story.database.transact(partial(note_alive, account_id=story.bot.id))
        clock.advance(away)
        assert await fire_due(story.database) == 0
        assert await story.database.read(partial(next_due, now=clock.now())) is None
        if comes == "the answer":
            await happen(story, "writes")
        await story.database.transact(partial(note_alive, account_id=story.bot.id))
        assert await fire_due(story.database) == (1 if comes == "nothing" else 0)
        assert await story.waiting() == (["robot"] if comes == "nothing" else [])


async def test_nothing_about_a_lead_is_said_to_somebody_else_whatever_has_become_of_the_conversation(
    database_url: str, clock: ManualClock
) -> None:
    async with answered(database_url, clock) as story:
        await file(story.database, story.bot, a_message("другой", telegram("778"), name="Борис"))
        await all_sent(story.database)
        boris = await the(story.database, Contact, Contact.name == "Борис")
        theirs = update(Conversation).where(Conversation.thread == "777").values(contact_id=boris["id"])
        await story.database.transact(lambda tx: tx.connection.execute(theirs))
        clock.advance(DAY)
        await fire_due(story.database)
        assert await story.waiting() == []


async def test_a_block_in_one_network_calls_nothing_off_in_another(
    database_url: str, clock: ManualClock
) -> None:
    async with a_database(database_url, clock) as database:
        bot, mailbox = await an_account(database), await an_account(database, "email", "line@example.com")
        olga = await a_manager(database)
        lead = await a_lead(database, bot, "привет", telegram(), phone(), email())
        clock.advance(timedelta(minutes=1))
        thread = "mail:anna@example.org"
        await file(database, mailbox, a_message("и письмом", email(), thread=thread, at=clock.now()))
        await database.transact(partial(reply, person=olga, lead_id=lead, draft=Draft("отвечаю письмом")))
        await file(database, bot, a_message("", kind=Kind.BLOCKED, content="membership"))
        rows = await every(database, Delivery, Delivery.state == "waiting", Delivery.message_id.is_not(None))
        letter = await the(database, Conversation, Conversation.thread == thread)
        timer = await the(database, Timer, Timer.state == "waiting")
    assert {row["conversation_id"] for row in rows} == {letter["id"]}
    assert timer["conversation_id"] == letter["id"]


async def happen(story: Answered, what: str) -> None:
    database = story.database
    match what:
        case "writes":
            await file(database, story.bot, a_message("спасибо, подумаю"))
        case "speaks":
            await database.transact(partial(called, lead_id=story.lead, person=story.olga))
        case "leaves":
            moves = [Move(story.lead, await stage_id(database, "qualified"), story.olga.actor)]
            await database.transact(partial(enter_stages, moves=moves))
        case "closes":
            failure = await stage_id(database, "failure")
            moves = [Move(story.lead, failure, story.olga.actor, await reason_id(database))]
            await database.transact(partial(enter_stages, moves=moves))
        case "excluded":
            admin = await an_admin(database)
            await database.transact(partial(add, person=admin, written="+7 916 123-45-67"))
        case "blocks":
            await file(database, story.bot, a_message("", kind=Kind.BLOCKED, content="membership"))
        case "unsubscribes":
            thread = await the(database, Conversation)
            await database.transact(partial(stop_follow_ups, conversation_id=thread["id"]))
        case "off":

            def off(tx: Transaction) -> None:
                tx.connection.execute(update(Robot).where(Robot.name == "follow_up").values(is_active=False))

            await database.transact(off)
