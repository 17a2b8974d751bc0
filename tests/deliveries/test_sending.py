"""Claimed, sent, settled: in order, without waiting for others, as the network says, and honest when unsure."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import event
from sqlalchemy.util import await_only

from core.automation.reactions import Reactions
from core.channel import Cause, Moved, OutboundMessage, Outcome, Postponed, Refused, Screen, Sent, Uncertain
from core.clock import ManualClock
from core.conversations import deliveries
from core.conversations.deliveries import GIVE_UP, LEASE
from core.conversations.model import Conversation, Delivery, Message
from core.conversations.notices import notify
from core.conversations.outbound import Utterance, say
from core.conversations.outcomes import hold_concerned
from core.conversations.preparing import NoticeRow, Rendered
from core.database import Database, Reading, Transaction
from core.desk.exclusions import add
from core.errors import Refusal
from core.intake.booking import Parcel
from core.intake.filing import file_batch
from core.leads.answering import Draft, reply, send_again
from core.lines.accounts import AccountRef
from core.lines.model import Account
from core.staff.managers import Person
from core.staff.model import Manager
from core.worker import IN_FLIGHT, REFUSED_PAUSE
from tests.builders import (
    a_database,
    a_lead,
    a_manager,
    a_message,
    an_account,
    an_admin,
    file,
    phone,
    telegram,
)
from tests.looking import all_sent, engines, every, the, until_one_waits
from tests.posting import Network, at_work, clock_sleepers, pass_time, plainly, quiet, until


@asynccontextmanager
async def a_conversation(
    url: str, clock: ManualClock
) -> AsyncIterator[tuple[Database, AccountRef, Person, int]]:
    """A customer's lead and a manager, with nothing on its way any more."""
    async with a_database(url, clock) as database:
        bot, olga = await an_account(database), await a_manager(database)
        lead = await a_lead(database, bot)
        await all_sent(database)
        yield database, bot, olga, lead


@asynccontextmanager
async def two_conversations(
    url: str, clock: ManualClock
) -> AsyncIterator[tuple[Database, AccountRef, Person, int, int]]:
    """The leads of the customers 1 and 2 and their manager, with nothing on its way any more."""
    async with a_database(url, clock) as database:
        bot, olga = await an_account(database), await a_manager(database)
        one, two = [await a_lead(database, bot, "?", telegram(user)) for user in (1, 2)]
        await all_sent(database)
        yield database, bot, olga, one, two


async def answer(database: Database, person: Person, lead: int, text: str = "Добрый день") -> int:
    spoken = await database.transact(partial(reply, person=person, lead_id=lead, draft=Draft(text)))
    return spoken.delivery_id


async def state(database: Database, delivery_id: int) -> tuple[str, str | None, str | None]:
    return await database.read(lambda c: deliveries.state_of(c, delivery_id))


async def told(database: Database, person: Person) -> list[str]:
    """Kinds of the notices this manager was to get, oldest first."""
    rows = await every(database, Delivery, Delivery.manager_id == person.id)
    return [row["notice"]["kind"] for row in rows]


# --- order ----------------------------------------------------------------------------------------


async def test_of_two_who_answer_a_lead_that_nobody_had_one_is_told_who_was_first(
    database_url: str, clock: ManualClock
) -> None:
    async with a_database(database_url, clock) as database:
        bot, olga, ivan = await an_account(database), await a_manager(database), await a_manager(database)
        lead = await a_lead(database, bot)
        both = [
            partial(reply, lead_id=lead, draft=Draft("Да"), as_nobodys=True, person=one)
            for one in (olga, ivan)
        ]
        done = await asyncio.gather(*(database.transact(one) for one in both), return_exceptions=True)
        refused = [one.key for one in done if isinstance(one, Refusal)]
        spoken = await every(database, Message, Message.author.like("manager:%"))
    assert (refused, len(spoken)) == (["refused-lead-taken"], 1)


async def test_order_holds_in_a_conversation_and_conversations_do_not_wait_for_each_other(
    database_url: str, clock: ManualClock, tmp_path: Path
) -> None:
    async with two_conversations(database_url, clock) as (database, bot, olga, slow, quick):
        for n in range(3):
            for lead in (slow, quick):
                await answer(database, olga, lead, f"{n}")
        network = Network()
        network.held["1"] = asyncio.Event()
        async with at_work(database, {bot.id: network}, tmp_path):
            await until(lambda: len(network.said_to("2")) == 3)
            assert network.said_to("1") == []
            network.held["1"].set()
            await until(lambda: len(network.said_to("1")) == 3)
    assert network.said_to("1") == network.said_to("2") == ["0", "1", "2"]


async def test_a_postponed_message_holds_its_lane_and_no_other(
    database_url: str, clock: ManualClock, tmp_path: Path
) -> None:
    async with two_conversations(database_url, clock) as (database, bot, olga, one, two):
        network = Network()
        network.answers["1"] = [Postponed("Too Many Requests", timedelta(seconds=30))]
        first = await answer(database, olga, one, "первое")
        await answer(database, olga, one, "второе")
        await answer(database, olga, two, "другому")
        async with at_work(database, {bot.id: network}, tmp_path) as worker:
            await quiet(clock, worker)
            assert network.texts == ["другому"]
            assert await state(database, first) == ("waiting", None, "Too Many Requests")
            await pass_time(clock, timedelta(seconds=29), worker)
            assert network.texts == ["другому"]
            await pass_time(clock, timedelta(seconds=2), worker)
    assert network.said_to("1") == ["первое", "второе"]


async def test_a_wait_of_the_whole_account_holds_everything_of_it_and_only_that(
    database_url: str, clock: ManualClock, tmp_path: Path
) -> None:
    async with a_database(database_url, clock) as database:
        bot, other = await an_account(database), await an_account(database, "telegram", "2000")
        olga = await a_manager(database)
        leads = [await a_lead(database, bot, "?", telegram(user)) for user in (1, 2)]
        await file(database, other, a_message("?", telegram(3, scope="2000")))
        theirs = (await file(database, other, a_message("?", telegram(3, scope="2000"))))[0].lead_id
        await all_sent(database)
        network, another = Network(), Network()
        network.answers["1"] = [Postponed("Too Many Requests", timedelta(seconds=60), whole_account=True)]
        await answer(database, olga, leads[0], "раз")
        async with at_work(database, {bot.id: network, other.id: another}, tmp_path) as worker:
            await quiet(clock, worker)
            await answer(database, olga, leads[1], "два")
            await answer(database, olga, theirs or 0, "три")
            await pass_time(clock, timedelta(seconds=59), worker)
            assert (network.texts, another.texts) == ([], ["три"])
            await pass_time(clock, timedelta(seconds=2), worker)
    assert sorted(network.texts) == ["два", "раз"]


async def test_what_cannot_go_out_now_is_looked_at_once_a_poll_and_not_in_a_circle(
    database_url: str, clock: ManualClock, tmp_path: Path
) -> None:
    """A due message of a paused account, or behind one that another process has in hand, burns no processor."""
    async with a_conversation(database_url, clock) as (database, bot, olga, lead):
        await answer(database, olga, lead, "раз")
        await database.transact(lambda tx: deliveries.claim(tx, 1, plainly))  # by somebody else, who is busy
        await answer(database, olga, lead, "два")
        clock.advance(timedelta(seconds=5))
        looks = 0

        def look(tx: Transaction, *arguments: object) -> None:
            nonlocal looks
            looks += "delivery" in str(arguments[1])

        for engine in engines(database):
            event.listen(engine, "before_cursor_execute", look)
        async with at_work(database, {bot.id: Network()}, tmp_path) as worker:
            await quiet(clock, worker)
            before = looks
            await asyncio.sleep(0.3)
            assert looks == before
            await pass_time(clock, timedelta(seconds=10), worker)
            assert before < looks < before + 10 * 8


# --- what networks answer -------------------------------------------------------------------------


@pytest.mark.parametrize("cause", [Cause.BLOCKED, Cause.DEACTIVATED, Cause.NOT_FOUND])
async def test_a_place_that_is_gone_is_closed_and_the_author_learns_it(
    database_url: str, clock: ManualClock, tmp_path: Path, cause: Cause
) -> None:
    async with a_conversation(database_url, clock) as (database, bot, olga, lead):
        first = await answer(database, olga, lead, "первое")
        second = await answer(database, olga, lead, "второе")
        network = Network()
        network.answers["777"] = [Refused(cause, "Forbidden")]
        async with at_work(database, {bot.id: network}, tmp_path) as worker:
            await quiet(clock, worker)
        thread = await the(database, Conversation)
        failed = [kind for kind in await told(database, olga) if kind == "delivery-failed"]
        assert await state(database, first) == ("refused", cause, "Forbidden")
        assert (await state(database, second))[::2] == ("cancelled", cause)
        with pytest.raises(Refusal, match="refused-conversation-closed"):
            await answer(database, olga, lead)
    assert thread["closed_why"] == cause
    assert len(failed) == 2  # of each message: nothing that a person wrote disappears in silence
    assert network.said_to("777") == []


@pytest.mark.parametrize("cause", [Cause.TOO_LARGE, Cause.MALFORMED])
async def test_a_message_the_network_does_not_take_fails_alone(
    database_url: str, clock: ManualClock, tmp_path: Path, cause: Cause
) -> None:
    async with a_conversation(database_url, clock) as (database, bot, olga, lead):
        first, _ = await answer(database, olga, lead, "первое"), await answer(database, olga, lead, "второе")
        network = Network()
        network.answers["777"] = [Refused(cause, "Bad Request")]
        async with at_work(database, {bot.id: network}, tmp_path) as worker:
            await quiet(clock, worker)
        assert (await state(database, first))[:2] == ("refused", cause)
        assert (await the(database, Conversation))["closed_at"] is None
    assert network.said_to("777") == ["второе"]


async def test_a_group_that_became_a_supergroup_is_followed_once_and_never_into_somebody_elses(
    database_url: str, clock: ManualClock, tmp_path: Path
) -> None:
    async with two_conversations(database_url, clock) as (database, bot, olga, one, two):
        network = Network()
        network.answers["1"] = [Moved("-100500")]
        network.answers["2"] = [Moved("-100500")]
        first = await answer(database, olga, one, "первому")
        async with at_work(database, {bot.id: network}, tmp_path) as worker:
            await quiet(clock, worker)
            second = await answer(database, olga, two, "второму")
            await quiet(clock, worker)
            assert (await state(database, first))[0] == "sent"
            assert (await state(database, second))[:2] == ("refused", Cause.NOT_FOUND)
        threads = {row["thread"] for row in await every(database, Conversation)}
    assert threads == {"-100500", "2"}
    assert network.said_to("-100500") == ["первому"]


async def test_a_refused_token_pauses_its_account_tells_the_admins_once_and_loses_nothing(
    database_url: str, clock: ManualClock, tmp_path: Path
) -> None:
    async with a_database(database_url, clock) as database:
        bot, staff = await an_account(database), await an_account(database, "staff", "2000")
        admin = await an_admin(database)
        lead = await a_lead(database, bot)
        await all_sent(database)
        network, own = Network(), Network()
        network.answers["777"] = [Refused(Cause.ACCOUNT, "Unauthorized")] * 2
        first = await answer(database, admin, lead, "раз")
        await answer(database, admin, lead, "два")
        async with at_work(database, {bot.id: network, staff.id: own}, tmp_path) as worker:
            await quiet(clock, worker)
            assert (await state(database, first))[0] == "waiting"
            assert (await the(database, Account, Account.id == bot.id))["trouble"] == "token-refused"
            await pass_time(clock, REFUSED_PAUSE * 2 + timedelta(seconds=3), worker)
    assert network.texts == ["раз", "два"]
    assert own.texts.count("account-trouble") == 1


async def test_what_nobody_took_for_three_days_is_given_up_and_said(
    database_url: str, clock: ManualClock, tmp_path: Path
) -> None:
    async with a_conversation(database_url, clock) as (database, bot, olga, lead):
        network = Network()
        network.answers["777"] = [Postponed("no connection")] * 1000
        sent = await answer(database, olga, lead)
        async with at_work(database, {bot.id: network}, tmp_path, poll=timedelta(minutes=30)) as worker:
            await quiet(clock, worker)
            tries = 1000 - len(network.answers["777"])
            clock.advance(GIVE_UP)
            await pass_time(clock, timedelta(hours=2), worker)
        assert (await state(database, sent))[:2] == ("refused", "gave_up")
        assert (await told(database, olga))[-1] == "delivery-failed"
    assert tries == 1


@pytest.mark.parametrize(("minutes", "news"), [(9, []), (11, ["delivered-late"])])
async def test_whoever_wrote_what_arrived_late_learns_it_however_often_the_program_began_anew(
    database_url: str, clock: ManualClock, tmp_path: Path, minutes: int, news: list[str]
) -> None:
    async with a_conversation(database_url, clock) as (database, bot, olga, lead):
        before = await told(database, olga)
        sent = await answer(database, olga, lead)
        clock.advance(timedelta(minutes=minutes))
        async with at_work(database, {bot.id: Network()}, tmp_path) as worker:
            await quiet(clock, worker)
        assert (await state(database, sent))[0] == "sent"
        assert (await told(database, olga))[len(before) :] == news


def test_pauses_grow_from_seconds_to_an_hour() -> None:
    pauses = [deliveries.backoff(attempts) for attempts in range(1, 40)]
    assert pauses[:3] == [timedelta(seconds=2), timedelta(seconds=4), timedelta(seconds=8)]
    assert pauses == sorted(pauses)
    assert max(pauses) == timedelta(hours=1)


# --- unsure ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["says so", "raises"])
async def test_what_may_have_arrived_is_shown_as_such_and_sent_again_only_by_a_person_and_once(
    database_url: str, clock: ManualClock, tmp_path: Path, how: str
) -> None:
    class Broken(Network):
        async def send(self, message: OutboundMessage) -> Outcome:
            if message.thread == "777" and not self.sent:
                self.sent.append(message)  # it did arrive
                if how == "raises":
                    raise RuntimeError("a bug of ours")
                return Uncertain("no answer")
            return await super().send(message)

    async with a_conversation(database_url, clock) as (database, bot, olga, lead):
        sent = await answer(database, olga, lead)
        network = Broken()
        async with at_work(database, {bot.id: network}, tmp_path, poll=timedelta(seconds=30)) as worker:
            await pass_time(clock, LEASE * 3, worker)
            assert (await state(database, sent))[0] == "uncertain"
            assert len(network.said_to("777")) == 1
            again = [
                await database.transact(partial(send_again, person=olga, delivery_id=sent)) for _ in range(2)
            ]
            await quiet(clock, worker)
        assert "delivery-uncertain" in await told(database, olga)
        assert (await state(database, again[0]))[0] == "sent"
        with pytest.raises(Refusal, match="refused-delivery-settled"):
            await database.transact(partial(send_again, person=olga, delivery_id=again[0]))
    assert again[0] == again[1]
    assert len(network.said_to("777")) == 2


async def test_a_file_that_takes_longer_than_a_lease_is_sent_once_and_is_certain(
    database_url: str, clock: ManualClock, tmp_path: Path
) -> None:
    async with a_database(database_url, clock) as database:
        bot, olga = await an_account(database), await a_manager(database)
        lead = await a_lead(database, bot)
        await all_sent(database)
        delivery = await answer(database, olga, lead)
        network = Network()
        network.held["777"] = asyncio.Event()
        async with at_work(database, {bot.id: network}, tmp_path) as worker:
            await until(lambda: "777" in network.under_way)
            async with at_work(database, {bot.id: network}, tmp_path):  # who would take what is abandoned
                for _ in range(12):
                    clock.advance(LEASE / 4)
                    await until(lambda: sum(one > clock.now() for one in clock_sleepers(clock)) >= 8)
                network.held["777"].set()
                await quiet(clock, worker)
        assert await state(database, delivery) == ("sent", None, None)
        assert network.texts == ["Добрый день"]


async def test_a_worker_that_dies_between_claim_and_settle_leaves_doubt_and_no_double(
    database_url: str, clock: ManualClock, tmp_path: Path
) -> None:
    async with a_conversation(database_url, clock) as (database, bot, olga, lead):
        sent = await answer(database, olga, lead)
        await database.transact(lambda tx: notify(tx, [olga.id], "robot", lead_id=lead))
        dead = await database.transact(lambda tx: deliveries.claim(tx, 10, plainly))
        assert len(dead) == 2  # and nobody settles them
        network = Network()
        async with at_work(database, {bot.id: network}, tmp_path, poll=timedelta(seconds=30)) as worker:
            await pass_time(clock, LEASE, worker)
            assert (await state(database, sent))[0] == "sending"
            await pass_time(clock, timedelta(seconds=61), worker)
        assert (await state(database, sent))[0] == "uncertain"
        assert await told(database, olga) == ["new-lead", "robot", "delivery-uncertain"]
    assert network.said_to("777") == []
    # A manager rather sees a card twice than not at all.
    assert "robot" in network.said_to(str(olga.telegram_id))


async def test_a_late_answer_of_a_worker_that_was_thought_dead_ends_the_doubt_and_nothing_else(
    database_url: str, clock: ManualClock
) -> None:
    async with a_conversation(database_url, clock) as (database, _, olga, lead):
        one = await answer(database, olga, lead)
        (slow,) = await database.transact(lambda tx: deliveries.claim(tx, 1, plainly))
        clock.advance(LEASE + timedelta(seconds=1))
        await database.transact(lambda tx: deliveries.claim(tx, 1, None))
        assert (await state(database, one))[0] == "uncertain"
        await database.transact(
            lambda tx: deliveries.settle(tx, [(slow, Refused(Cause.BLOCKED, "Forbidden"))])
        )
        assert (await state(database, one))[0] == "uncertain"
        await database.transact(lambda tx: deliveries.settle(tx, [(slow, Sent(("9",)))]))
        assert (await state(database, one))[0] == "sent"
        await database.transact(lambda tx: deliveries.settle(tx, [(slow, Uncertain("?"))]))
        assert (await state(database, one))[0] == "sent"


async def test_a_notice_taken_over_by_another_worker_is_not_settled_by_the_first(
    database_url: str, clock: ManualClock
) -> None:
    async with a_database(database_url, clock) as database:
        await an_account(database)
        olga = await a_manager(database)
        await database.transact(lambda tx: notify(tx, [olga.id], "robot"))
        (first,) = await database.transact(lambda tx: deliveries.claim(tx, 1, plainly))
        clock.advance(LEASE + timedelta(seconds=1))
        (second,) = await database.transact(lambda tx: deliveries.claim(tx, 1, plainly))
        assert first.id == second.id
        await database.transact(lambda tx: deliveries.settle(tx, [(first, Refused(Cause.BLOCKED, "x"))]))
        assert (await state(database, first.id))[0] == "sending"
        await database.transact(lambda tx: deliveries.settle(tx, [(second, Sent(("5",)))]))
        assert (await state(database, first.id))[0] == "sent"


# --- before it goes -------------------------------------------------------------------------------


async def test_who_is_excluded_while_an_answer_waits_does_not_get_it_and_its_author_learns_why(
    database_url: str, clock: ManualClock, tmp_path: Path
) -> None:
    async with a_database(database_url, clock) as database:
        bot = await an_account(database)
        olga, admin = await a_manager(database), await an_admin(database)
        lead = await a_lead(database, bot, "мой номер", telegram(), phone())
        await all_sent(database)
        sent = await answer(database, olga, lead)
        await database.transact(partial(add, person=admin, written="+7 916 123-45-67"))
        network = Network()
        async with at_work(database, {bot.id: network}, tmp_path) as worker:
            await quiet(clock, worker)
        assert (await state(database, sent))[::2] == ("cancelled", "excluded")
        assert "delivery-failed" in await told(database, olga)
        with pytest.raises(Refusal, match="refused-excluded"):
            await answer(database, olga, lead)
        with pytest.raises(Refusal, match="refused-excluded"):
            await database.transact(partial(send_again, person=olga, delivery_id=sent))
    assert network.said_to("777") == []


async def test_a_row_that_slipped_past_the_first_look_is_stopped_at_the_second(
    database_url: str, clock: ManualClock
) -> None:
    """Written at the very moment of the exclusion, in a transaction that did not see it."""
    async with a_database(database_url, clock) as database:
        bot = await an_account(database)
        olga, admin = await a_manager(database), await an_admin(database)
        lead = await a_lead(database, bot, "мой номер", telegram(), phone())
        thread = (await the(database, Conversation))["id"]
        await all_sent(database)
        await database.transact(partial(add, person=admin, written="+7 916 123-45-67"))
        utterance = Utterance(thread, bot.id, lead, olga.actor, "Добрый день", is_automatic=False)
        (spoken,) = await database.transact(lambda tx: say(tx, [utterance]))
        claimed = await database.transact(lambda tx: deliveries.claim(tx, 10, None))
        assert [one for one in claimed if one.message_id is not None] == []
        assert (await state(database, spoken.delivery_id))[::2] == ("cancelled", "excluded")


async def test_a_notice_is_worded_when_it_is_sent_and_one_nobody_can_word_holds_up_no_other(
    database_url: str, clock: ManualClock, tmp_path: Path
) -> None:
    def words(connection: Reading, notice: NoticeRow) -> Rendered | None:
        if notice.kind == "odd":
            raise KeyError("no such word")
        if notice.kind == "empty":
            return None
        lead = connection.exec_driver_sql("SELECT title FROM lead").scalar_one()
        return Rendered(Screen(f"{notice.kind}: {lead}"))

    async with a_database(database_url, clock) as database:
        bot = await an_account(database)
        olga = await a_manager(database)
        lead = await a_lead(database, bot, "старое")
        await all_sent(database)
        for kind in ("odd", "empty", "robot"):
            await database.transact(partial(notify, manager_ids=[olga.id], kind=kind, lead_id=lead))

        def rename(tx: Transaction) -> None:
            tx.connection.exec_driver_sql("UPDATE lead SET title = 'новое'")

        await database.transact(rename)
        network = Network()
        async with at_work(database, {bot.id: network}, tmp_path, renderer=words) as worker:
            await quiet(clock, worker)
        rows = (await every(database, Delivery, Delivery.manager_id == olga.id))[-3:]
    assert network.texts == ["robot: новое"]
    assert [(row["state"], row["error"]) for row in rows] == [
        ("cancelled", "cannot be worded: KeyError"),
        ("cancelled", "nothing-to-say"),
        ("sent", None),
    ]
    assert rows[2]["shown"] == "robot: новое"


async def test_a_manager_who_blocked_the_bot_is_given_nothing_more_and_the_admins_hear_of_it_once(
    database_url: str, clock: ManualClock, tmp_path: Path
) -> None:
    async with a_database(database_url, clock) as database:
        bot = await an_account(database)
        olga = await a_manager(database)
        admin = await an_admin(database)
        for _ in range(3):
            await database.transact(lambda tx: notify(tx, [olga.id], "robot"))
        network = Network()
        network.answers[str(olga.telegram_id)] = [Refused(Cause.BLOCKED, "Forbidden")] * 3
        async with at_work(database, {bot.id: network}, tmp_path) as worker:
            await quiet(clock, worker)
        await a_lead(database, bot)
        reachable = (await the(database, Manager, Manager.id == olga.id))["is_reachable"]
        assert (await told(database, admin)).count("manager-unreachable") == 1
        assert (await told(database, olga)).count("new-lead") == 0
    assert reachable is False


async def test_what_a_network_numbers_anew_is_settled_all_the_same(
    database_url: str, clock: ManualClock, tmp_path: Path
) -> None:
    """A chat begun anew, a server set up again: the number we are told is taken by an older message."""
    async with a_database(database_url, clock) as database:
        bot = await an_account(database)
        olga = await a_manager(database)
        lead = (await file(database, bot, a_message("?", message_id="10001")))[0].lead_id
        await all_sent(database)
        sent = await answer(database, olga, lead or 0)
        network = Network()  # its first number is 10001
        async with at_work(database, {bot.id: network}, tmp_path) as worker:
            await quiet(clock, worker)
        assert (await state(database, sent))[0] == "sent"
        numbers = [row["external_id"] for row in await every(database, Message)]
    assert numbers.count("10001") == 1


async def test_one_result_that_cannot_be_written_keeps_no_other_from_being_settled(
    database_url: str, clock: ManualClock, tmp_path: Path
) -> None:
    class Odd(Network):
        async def send(self, message: OutboundMessage) -> Outcome:
            sent = await super().send(message)
            return Sent(("\x00\ud800",)) if message.thread == "1" else sent

    async with a_database(database_url, clock) as database:
        bot = await an_account(database)
        olga = await a_manager(database)
        leads = [await a_lead(database, bot, "?", telegram(user)) for user in (1, 2, 3)]
        await all_sent(database)
        sent = [await answer(database, olga, lead) for lead in leads]
        network = Odd()
        async with at_work(database, {bot.id: network}, tmp_path, poll=timedelta(seconds=30)) as worker:
            await pass_time(clock, LEASE + timedelta(minutes=2), worker)
            found = [(await state(database, one))[0] for one in sent]
    assert found[1:] == ["sent", "sent"]
    assert found[0] == "uncertain"  # it left, and that is all that can be said


# --- many, and the end ----------------------------------------------------------------------------


async def test_six_workers_of_two_processes_send_each_message_once_and_in_order(
    database_url: str, clock: ManualClock, tmp_path: Path
) -> None:
    async with (
        a_database(database_url, clock) as one,
        Database.opened(database_url, clock=clock, react=Reactions()) as other,
    ):
        bot = await an_account(one)
        filed = await file(one, bot, *(a_message("?", telegram(user)) for user in range(40)))
        await all_sent(one)
        threads = {row["lead_id"]: row for row in await every(one, Conversation)}

        def speak(tx: Transaction) -> None:
            say(
                tx,
                [
                    Utterance(threads[page.lead_id]["id"], bot.id, page.lead_id, "robot:1", f"{n}")
                    for n in range(5)
                    for page in filed
                ],
            )

        await one.transact(speak)
        network = Network()
        post: dict[int, Network] = {bot.id: network}
        folders = [tmp_path / f"{n}" for n in range(6)]
        async with (
            at_work(one, {**post}, folders[0]),
            at_work(one, {**post}, folders[1]),
            at_work(one, {**post}, folders[2]),
            at_work(other, {**post}, folders[3]),
            at_work(other, {**post}, folders[4]),
            at_work(other, {**post}, folders[5]),
        ):
            deadline = asyncio.get_running_loop().time() + 30
            while len(network.sent) < 200:
                assert asyncio.get_running_loop().time() < deadline, len(network.sent)
                await asyncio.sleep(0.02)
                clock.advance(timedelta(milliseconds=20))
        rows = await every(one, Delivery, Delivery.message_id.is_not(None))
    assert Counter(row["state"] for row in rows) == {"sent": 240}
    assert all(network.said_to(f"{user}") == ["0", "1", "2", "3", "4"] for user in range(40))


async def test_whoever_writes_as_an_answer_arrives_embraces_with_nobody(
    postgres_url: str, clock: ManualClock
) -> None:
    """What has arrived takes hold of the lead first, then of the conversation: so does what comes in."""
    async with a_database(postgres_url, clock) as one, Database.opened(postgres_url, clock=clock) as other:
        bot, olga = await an_account(one), await a_manager(one)
        lead = await a_lead(one, bot)
        await all_sent(one)
        await answer(one, olga, lead)
        (sent,) = await one.transact(lambda tx: deliveries.claim(tx, 9, None))
        results = [(sent, Sent(("1",)))]
        held, go_on = asyncio.Event(), asyncio.Event()
        runs: list[str] = []

        def arrives(tx: Transaction) -> None:
            runs.append("arrives")
            hold_concerned(tx, results)
            held.set()
            await_only(go_on.wait())
            deliveries.settle(tx, results)

        def comes_in(tx: Transaction) -> None:
            runs.append("comes in")
            file_batch(tx, bot, [Parcel.of(a_message("А завтра?"))])

        arriving = asyncio.create_task(one.transact(arrives))
        await held.wait()
        coming = asyncio.create_task(other.transact(comes_in))
        await until_one_waits(one)
        go_on.set()
        await asyncio.gather(arriving, coming)
    assert runs == ["arrives", "comes in"]


async def test_stopping_settles_what_is_on_the_network_and_begins_nothing_new(
    database_url: str, clock: ManualClock, tmp_path: Path
) -> None:
    async with a_database(database_url, clock) as database:
        bot = await an_account(database)
        olga = await a_manager(database)
        leads = [await a_lead(database, bot, "?", telegram(user)) for user in (1, 2)]
        await all_sent(database)
        network = Network()
        network.held["1"] = asyncio.Event()
        first = await answer(database, olga, leads[0])
        async with at_work(database, {bot.id: network}, tmp_path) as worker:
            await until(lambda: "1" in network.under_way)
            worker.stop()
            await until(lambda: not database._running)  # a look that had begun before it was told
            second = await answer(database, olga, leads[1])
            await asyncio.sleep(0.05)
            network.held["1"].set()
        assert (await state(database, first))[0] == "sent"
        assert (await state(database, second))[0] == "waiting"


async def test_a_flood_in_one_conversation_leaves_room_for_the_others(
    database_url: str, clock: ManualClock, tmp_path: Path
) -> None:
    async with two_conversations(database_url, clock) as (database, bot, olga, busy, calm):
        for n in range(IN_FLIGHT + 5):
            await answer(database, olga, busy, f"{n}")
        await answer(database, olga, calm, "вам")
        network = Network()
        network.held["1"] = asyncio.Event()
        async with at_work(database, {bot.id: network}, tmp_path):
            await until(lambda: network.said_to("2") == ["вам"])
            network.held["1"].set()
