"""Whose lead it is: given evenly, in order or to nobody; taken by one of two; waiting until somebody comes."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from functools import partial

import pytest
from sqlalchemy import update
from sqlalchemy.util import await_only
from structlog.testing import capture_logs

from bot.notices import Notices
from bot.texts import Texts
from core.automation.reactions import Reactions
from core.channel import Cause, Refused, Sent
from core.clock import ManualClock
from core.conversations import deliveries
from core.conversations.model import Delivery
from core.database import Database, Transaction
from core.errors import Refusal
from core.intake.booking import Parcel
from core.intake.filing import file_batch
from core.journal import Journal
from core.leads.answering import Draft, reply
from core.leads.assignment import hand_over, take
from core.leads.model import Lead
from core.lines.model import Distribution, Line
from core.staff import managers
from core.staff.managers import Person
from core.staff.model import Manager
from tests.builders import a_database, a_lead, a_manager, a_message, an_account, an_admin, file, telegram
from tests.looking import all_sent, every, the, until_one_waits


async def distribute(database: Database, how: Distribution) -> None:
    def work(tx: Transaction) -> None:
        tx.connection.execute(update(Line).values(distribution=how))

    await database.transact(work)


async def away(database: Database, person: Person) -> None:
    await database.transact(partial(managers.set_available, person=person, available=False))


async def back(database: Database, person: Person) -> None:
    await database.transact(partial(managers.set_available, person=person, available=True))


async def responsibles(database: Database) -> list[int | None]:
    return [row["responsible_id"] for row in await every(database, Lead)]


async def test_leads_are_given_evenly_within_a_page_and_between_pages(
    database_url: str, clock: ManualClock
) -> None:
    async with a_database(database_url, clock) as database:
        bot = await an_account(database)
        people = [await a_manager(database, name) for name in ("Ольга", "Пётр", "Яна")]
        await file(database, bot, *(a_message("?", telegram(n)) for n in range(5)))
        clock.advance(timedelta(minutes=1))
        await file(database, bot, *(a_message("?", telegram(n)) for n in range(5, 9)))
        given = await responsibles(database)
    assert given[:6] == [person.id for person in people] * 2
    assert set(Counter(given).values()) == {3}


async def test_a_strict_line_gives_to_the_first_who_is_here(database_url: str, clock: ManualClock) -> None:
    async with a_database(database_url, clock) as database:
        bot = await an_account(database)
        olga, petr = await a_manager(database), await a_manager(database, "Пётр")
        await distribute(database, Distribution.STRICT)
        await file(database, bot, *(a_message("?", telegram(n)) for n in range(3)))
        assert await responsibles(database) == [olga.id] * 3
        await away(database, olga)
        await file(database, bot, a_message("?", telegram(3)))
        assert (await responsibles(database))[3:] == [petr.id]


async def test_a_line_for_all_gives_to_nobody_and_tells_everybody_who_is_here(
    database_url: str, clock: ManualClock
) -> None:
    async with a_database(database_url, clock) as database:
        bot = await an_account(database)
        olga, petr, yana = [await a_manager(database, name) for name in ("Ольга", "Пётр", "Яна")]
        await distribute(database, Distribution.ALL)
        await away(database, yana)
        await a_lead(database, bot)
        told = {row["manager_id"] for row in await every(database, Delivery, Delivery.notice.is_not(None))}
        await back(database, yana)  # who comes finds it in the list; it is given to nobody
        assert await responsibles(database) == [None]
    assert told == {olga.id, petr.id}


async def test_when_nobody_is_here_leads_wait_and_are_given_out_oldest_first(
    database_url: str, clock: ManualClock
) -> None:
    async with a_database(database_url, clock) as database:
        bot = await an_account(database)
        olga, petr = await a_manager(database), await a_manager(database, "Пётр")
        admin = await an_admin(database)
        for person in (olga, petr, admin):
            await away(database, person)
        for n in range(3):
            await file(database, bot, a_message("?", telegram(n)))
            clock.advance(timedelta(minutes=1))
        waiting = await responsibles(database)
        told = await every(database, Delivery, Delivery.notice.is_not(None))
        await back(database, petr)
        given = await responsibles(database)
        cards = await every(database, Delivery, Delivery.manager_id == petr.id)
        leads = await every(database, Lead)
    assert waiting == [None] * 3
    # Admins see that something waits, without a sound.
    assert {row["manager_id"] for row in told} == {admin.id}
    assert all(row["notice"]["silent"] for row in told)
    assert given == [petr.id] * 3
    assert [row["lead_id"] for row in cards] == [row["id"] for row in leads]
    assert {row["notice"]["kind"] for row in cards} == {"new-lead"}


async def test_leads_that_wait_are_shared_among_those_who_come_and_not_given_twice(
    database_url: str, clock: ManualClock
) -> None:
    async with a_database(database_url, clock) as database:
        bot = await an_account(database)
        people = [await a_manager(database, name) for name in ("Ольга", "Пётр")]
        for person in people:
            await away(database, person)
        await file(database, bot, *(a_message("?", telegram(n)) for n in range(300)))  # more than one lot
        await asyncio.gather(*(back(database, person) for person in people))
        given = Counter(await responsibles(database))
        lines = await every(database, Journal, Journal.verb == "lead-given")
    assert sum(given.values()) == 300
    assert None not in given
    assert len({row["lead_id"] for row in lines}) == len(lines) == 300


@pytest.mark.parametrize("first", ["the lead", "the manager"])
@pytest.mark.parametrize("happens", ["comes", "leaves"])
async def test_a_lead_that_comes_at_the_moment_a_manager_comes_or_leaves_is_given_to_who_is_there(
    postgres_url: str, clock: ManualClock, happens: str, first: str
) -> None:
    async with (
        a_database(postgres_url, clock) as one,
        Database.opened(postgres_url, clock=clock, react=Reactions()) as other,
    ):
        bot, admin = await an_account(one), await an_admin(one)
        olga = await a_manager(one)
        if happens == "comes":
            await away(one, olga)
            await away(one, admin)
        await distribute(one, Distribution.STRICT)
        await one.transact(lambda tx: tx.update(Manager, [{"id": olga.id, "position": 0}]))
        await a_lead(one, bot, "?", telegram(1))  # waits already, or is Olga's
        parcel = Parcel.of(a_message())
        moves: list[Callable[[Transaction], object]] = [
            partial(file_batch, account=bot, parcels=[parcel]),
            partial(managers.set_available, person=olga, available=True)
            if happens == "comes"
            else partial(managers.remove, by=admin, manager_id=olga.id),
        ]
        if first == "the manager":
            moves.reverse()
        done, go_on = asyncio.Event(), asyncio.Event()

        def begin(tx: Transaction) -> None:
            moves[0](tx)
            done.set()
            await_only(go_on.wait())  # what it does is not to be seen yet

        with capture_logs() as told:
            beginning = asyncio.create_task(one.transact(begin))
            await done.wait()
            following = asyncio.create_task(other.transact(moves[1]))
            await until_one_waits(one)
            go_on.set()
            await asyncio.gather(beginning, following)
        assert await responsibles(one) == [olga.id if happens == "comes" else admin.id] * 2
    assert [line["event"] for line in told] == []  # neither embraced the other


async def test_whoever_steps_away_as_it_is_found_that_they_have_blocked_the_bot_embraces_with_nobody(
    postgres_url: str, clock: ManualClock
) -> None:
    """What was sent is settled with the leads it answered; who steps away gives theirs out."""
    async with (
        a_database(postgres_url, clock) as one,
        Database.opened(postgres_url, clock=clock, react=Reactions()) as other,
    ):
        bot, petr, olga = await an_account(one), await a_manager(one, "Пётр"), await a_manager(one)
        lead = await a_lead(one, bot)
        await all_sent(one)
        await one.transact(partial(reply, person=petr, lead_id=lead, draft=Draft("500 рублей")))
        await one.transact(partial(hand_over, lead_id=lead, to_id=olga.id, by=petr))
        clock.advance(timedelta(minutes=1))
        renderer = Notices(Texts(default="ru"), clock, "Europe/Moscow", bot.id)
        sent = await one.transact(lambda tx: deliveries.claim(tx, 9, renderer))
        results = [(row, Sent(("1",)) if row.message_id else Refused(Cause.BLOCKED, "403")) for row in sent]
        done, go_on = asyncio.Event(), asyncio.Event()

        def steps_away(tx: Transaction) -> None:
            managers.set_available(tx, olga, False)
            done.set()
            await_only(go_on.wait())

        with capture_logs() as told:
            leaving = asyncio.create_task(one.transact(steps_away))
            await done.wait()
            settling = asyncio.create_task(other.transact(partial(deliveries.settle, results=results)))
            await until_one_waits(one)
            go_on.set()
            await asyncio.gather(leaving, settling)
    assert {type(outcome) for _, outcome in results} == {Sent, Refused}
    assert [line["event"] for line in told] == []


async def test_parallel_processes_give_as_evenly_as_one(database_url: str, clock: ManualClock) -> None:
    """Also by a clock that stands still, or was set back: it is the order that counts."""
    async with (
        a_database(database_url, clock) as one,
        Database.opened(database_url, clock=clock, react=Reactions()) as other,
    ):
        bot = await an_account(one)
        people = [await a_manager(one, name) for name in ("Ольга", "Пётр", "Яна")]
        ahead = {"id": people[0].id, "last_given_at": clock.now() + timedelta(days=1)}
        await one.transact(lambda tx: tx.update(Manager, [ahead]))
        await asyncio.gather(
            *(file(database, bot, a_message("?", telegram(n))) for n, database in enumerate([one, other] * 6))
        )
        given = Counter(await responsibles(one))
    assert given == dict.fromkeys((person.id for person in people), 4)


@pytest.mark.parametrize("how", ["greets", "unblocks", "joins", "is named again"])
async def test_whoever_starts_the_bot_unblocks_it_or_comes_in_is_given_what_waits(
    database_url: str, clock: ManualClock, how: str
) -> None:
    async with a_database(database_url, clock) as database:
        bot = await an_account(database)
        lead = await a_lead(database, bot)
        if how == "joins":
            payload = await database.transact(partial(managers.invite, by="admin"))
            person = await database.transact(
                lambda tx: managers.accept_invitation(
                    tx, payload, telegram_id=5, name="Яна", username=None, language="ru"
                )
            )
        elif how == "is named again":
            person = await a_manager(database)
            await database.transact(lambda tx: tx.update(Manager, [{"id": person.id, "is_active": False}]))
            await database.transact(lambda tx: managers.ensure_admins(tx, [person.telegram_id], "ru"))
        else:
            person = await a_manager(database)
            await database.transact(lambda tx: tx.update(Manager, [{"id": person.id, "is_reachable": False}]))
            if how == "greets":
                await database.transact(lambda tx: managers.greet(tx, person, name="Ольга", username=None))
            else:
                await database.transact(lambda tx: managers.set_reachable(tx, person.id, True))
        row = await the(database, Lead)
        card = await the(database, Delivery, Delivery.notice.is_not(None))
    assert (row["id"], row["responsible_id"]) == (lead, person.id)
    assert (card["manager_id"], card["notice"]["kind"]) == (person.id, "new-lead")


async def test_who_has_never_started_the_bot_or_has_left_is_given_nothing_and_others_hear_instead(
    database_url: str, clock: ManualClock
) -> None:
    async with a_database(database_url, clock) as database:
        bot = await an_account(database)
        olga = await a_manager(database)
        lead = await a_lead(database, bot)
        admin = await an_admin(database)
        petr = await a_manager(database, "Пётр")
        await database.transact(lambda tx: tx.update(Manager, [{"id": petr.id, "is_reachable": False}]))
        await database.transact(partial(managers.remove, by=admin, manager_id=olga.id))
        await all_sent(database)
        await file(database, bot, a_message("ещё вопрос"))  # into the lead of somebody who has left
        other = await file(database, bot, a_message("новый", telegram(5)))
        told = await every(database, Delivery, Delivery.state == "waiting", Delivery.notice.is_not(None))
        rows = {row["id"]: row["responsible_id"] for row in await every(database, Lead)}
    assert {(row["manager_id"], row["lead_id"]) for row in told} == {
        (admin.id, lead),
        (admin.id, other[0].lead_id),
    }
    assert rows[other[0].lead_id or 0] == admin.id


async def test_who_steps_away_keeps_what_they_have_taken_and_what_was_merely_offered_goes_to_others(
    database_url: str, clock: ManualClock
) -> None:
    async with a_database(database_url, clock) as database:
        bot, olga = await an_account(database), await a_manager(database)
        offered, taken, given = [await a_lead(database, bot, "?", telegram(n)) for n in range(3)]
        await database.transact(partial(take, lead_id=taken, person=olga))
        await away(database, olga)
        assert await responsibles(database) == [None, olga.id, None], (
            "nobody is here: they wait for who comes first"
        )
        petr, anna = await a_manager(database, "Пётр"), await a_manager(database, "Анна")
        await back(database, petr)
        await away(database, anna)
        await database.transact(partial(hand_over, lead_id=given, to_id=olga.id, by=petr))
        await back(database, petr)
        await away(database, olga)  # she is: another tap on a button left over says nothing new
        assert await responsibles(database) == [petr.id, olga.id, olga.id], (
            "what a colleague gives them is theirs"
        )
        told = await every(database, Delivery, Delivery.manager_id == petr.id, Delivery.lead_id == offered)
    assert [row["notice"]["kind"] for row in told] == ["new-lead"]


async def test_leads_of_a_manager_who_is_removed_go_back_to_the_queue(
    database_url: str, clock: ManualClock
) -> None:
    async with a_database(database_url, clock) as database:
        bot = await an_account(database)
        olga = await a_manager(database)
        first, second = [await a_lead(database, bot, "?", telegram(n)) for n in range(2)]
        await database.transact(partial(take, lead_id=second, person=olga))
        admin = await an_admin(database)
        await database.transact(partial(managers.remove, by=admin, manager_id=olga.id))
        rows = {row["id"]: row for row in await every(database, Lead)}
        told = [
            (row["lead_id"], row["notice"]["kind"])
            for row in await every(database, Delivery, Delivery.manager_id == admin.id)
        ]
    assert {row["responsible_id"] for row in rows.values()} == {admin.id}
    assert (rows[first]["taken_at"], rows[second]["taken_at"]) == (None, None)
    assert told == [(first, "lead-given"), (second, "lead-given")]


async def test_on_a_line_for_all_everybody_hears_once_that_leads_are_free_again(
    database_url: str, clock: ManualClock
) -> None:
    async with a_database(database_url, clock) as database:
        bot = await an_account(database)
        olga, petr, admin = (
            await a_manager(database),
            await a_manager(database, "Пётр"),
            await an_admin(database),
        )
        leads = [await a_lead(database, bot, "?", telegram(n)) for n in range(3)]
        every_line = update(Line).values(distribution=Distribution.ALL)
        await database.transact(lambda tx: tx.connection.execute(every_line))
        everyones = update(Lead).values(responsible_id=olga.id, taken_at=clock.now())
        await database.transact(lambda tx: tx.connection.execute(everyones))
        await database.transact(partial(managers.remove, by=admin, manager_id=olga.id))
        rows = {row["id"]: row["responsible_id"] for row in await every(database, Lead)}
        told = [
            (row["manager_id"], row["notice"]["count"])
            for row in await every(database, Delivery, Delivery.notice.is_not(None))
            if row["notice"]["kind"] == "leads-free"
        ]
    assert rows == dict.fromkeys(leads)
    assert told == [(petr.id, 3), (admin.id, 3)]


# --- taking and handing over ----------------------------------------------------------------------


async def test_of_two_who_take_at_once_one_wins_and_the_other_learns_who(
    database_url: str, clock: ManualClock
) -> None:
    async with (
        a_database(database_url, clock) as one,
        Database.opened(database_url, clock=clock, react=Reactions()) as other,
    ):
        bot = await an_account(one)
        olga, petr = await a_manager(one), await a_manager(one, "Пётр")
        for n in range(8):
            lead = await a_lead(one, bot, "?", telegram(n))
            results = await asyncio.gather(
                one.transact(partial(take, lead_id=lead, person=olga)),
                other.transact(partial(take, lead_id=lead, person=petr)),
                return_exceptions=True,
            )
            (refused,) = [result for result in results if result is not None]
            row = await the(one, Lead, Lead.id == lead)
            winner = olga if row["responsible_id"] == olga.id else petr
            assert isinstance(refused, Refusal)
            assert (refused.key, refused.arguments["name"]) == ("refused-lead-taken", winner.name)
        lines = await every(one, Journal, Journal.verb == "lead-taken")
    assert len(lines) == 8


async def test_taking_ones_own_lead_again_changes_nothing(database_url: str, clock: ManualClock) -> None:
    async with a_database(database_url, clock) as database:
        bot = await an_account(database)
        olga = await a_manager(database)
        lead = await a_lead(database, bot)
        await database.transact(partial(take, lead_id=lead, person=olga))
        before = await the(database, Lead)
        clock.advance(timedelta(minutes=1))
        await database.transact(partial(take, lead_id=lead, person=olga))
        assert await the(database, Lead) == before
        with pytest.raises(Refusal, match="refused-lead-gone"):
            await database.transact(partial(take, lead_id=12345, person=olga))


async def test_a_lead_is_handed_over_by_who_has_it_or_an_admin_and_the_new_one_is_told(
    database_url: str, clock: ManualClock
) -> None:
    async with a_database(database_url, clock) as database:
        bot = await an_account(database)
        olga, petr = await a_manager(database), await a_manager(database, "Пётр")
        admin = await an_admin(database)
        lead = await a_lead(database, bot)
        await database.transact(partial(take, lead_id=lead, person=olga))
        with pytest.raises(Refusal) as foreign:
            await database.transact(partial(hand_over, lead_id=lead, to_id=petr.id, by=petr))
        with pytest.raises(Refusal) as nobody:
            await database.transact(partial(hand_over, lead_id=lead, to_id=999, by=olga))
        await database.transact(partial(hand_over, lead_id=lead, to_id=petr.id, by=olga))
        given = await the(database, Lead)
        told = await every(database, Delivery, Delivery.manager_id == petr.id)
        await database.transact(partial(hand_over, lead_id=lead, to_id=olga.id, by=admin))
        assert (await the(database, Lead))["responsible_id"] == olga.id
        await database.transact(partial(take, lead_id=lead, person=olga))
        await database.transact(partial(hand_over, lead_id=lead, to_id=petr.id, by=admin))
        lost = await every(database, Delivery, Delivery.manager_id == olga.id)
    assert lost[-1]["notice"] == {"kind": "lead-moved-on", "silent": False, "by": admin.id, "to": petr.id}
    assert (foreign.value.key, foreign.value.arguments["name"]) == ("refused-lead-taken", "Ольга")
    assert nobody.value.key == "refused-manager-gone"
    assert (given["responsible_id"], given["taken_at"]) == (petr.id, None)
    assert [row["notice"]["kind"] for row in told] == ["lead-given"]


async def test_a_lead_is_not_handed_to_somebody_the_bot_cannot_write_to(
    database_url: str, clock: ManualClock
) -> None:
    async with a_database(database_url, clock) as database:
        bot = await an_account(database)
        olga = await a_manager(database)
        lead = await a_lead(database, bot)
        petr = await a_manager(database, "Пётр")
        await database.transact(partial(managers.set_reachable, manager_id=petr.id, reachable=False))
        await database.transact(partial(take, lead_id=lead, person=olga))
        with pytest.raises(Refusal, match="refused-manager-unreachable"):
            await database.transact(partial(hand_over, lead_id=lead, to_id=petr.id, by=olga))
        assert (await the(database, Lead))["responsible_id"] == olga.id
