"""More than one notice can show has come at once: it shows the newest, and says how much was before."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

import pytest

from bot.notices import Notices
from bot.texts import Texts
from core.channel import Postponed, Sent
from core.clock import ManualClock
from core.conversations import deliveries
from core.conversations.model import Conversation, Message
from core.database import Database
from core.desk import messages
from core.leads.assignment import take
from core.lines.accounts import AccountRef
from tests.builders import a_database, a_lead, a_manager, a_message, an_account, file
from tests.looking import all_sent, every, the


async def told(database: Database, bot: AccountRef, clock: ManualClock) -> list[str]:
    """What goes out now to whoever works here, arrived."""
    clock.advance(timedelta(minutes=1))
    notices = Notices(Texts(), clock, "Europe/Moscow", bot.id)
    claimed = await database.transact(lambda tx: deliveries.claim(tx, 10, notices))
    arrived = [(one, Sent((str(one.id),))) for one in claimed]
    await database.transact(lambda tx: deliveries.settle(tx, arrived))
    return [one.message.screen.text for one in claimed if one.notice]


@pytest.mark.parametrize("apart", [timedelta(), timedelta(minutes=4)], ids=["in one go", "one by one"])
async def test_of_many_messages_the_newest_are_shown_and_those_before_are_counted(
    apart: timedelta, database_url: str, clock: ManualClock
) -> None:
    async with a_database(database_url, clock) as database:
        bot, _ = await an_account(database), await a_manager(database)
        await a_lead(database, bot)
        await all_sent(database)  # and yet nobody was shown its first message
        page = [a_message(f"строка {number:02}", at=clock.now() + apart * number) for number in range(1, 36)]
        await file(database, bot, *page)
        clock.advance(apart * 35)
        (notice,) = await told(database, bot, clock)
        shown = [number for number in range(1, 36) if f"строка {number:02}" in notice]
        assert shown[-1] == 35
        assert shown == list(range(shown[0], 36))
        assert [notice.index(f"строка {number:02}") for number in shown] == sorted(
            notice.index(f"строка {number:02}") for number in shown
        )
        assert f"… и ещё {shown[0]} сообщений раньше" in notice
        newest = (await every(database, Message, Message.text == "строка 35"))[0]["id"]
        assert (await the(database, Conversation))["seen_id"] == newest
        assert await told(database, bot, clock) == []


@pytest.mark.parametrize("apart", [timedelta(), timedelta(minutes=4)], ids=["in one go", "one by one"])
async def test_long_messages_are_passed_on_whole_and_of_more_than_anybody_reads_the_newest(
    apart: timedelta, database_url: str, clock: ManualClock
) -> None:
    async with a_database(database_url, clock) as database:
        bot, _ = await an_account(database), await a_manager(database)
        await a_lead(database, bot)
        await told(database, bot, clock)
        for count, first in ((4, 1), (6, 3)):
            page = [
                a_message(
                    f"начало {number} " + "слово " * 600 + f"конец {number}.", at=clock.now() + apart * number
                )
                for number in range(1, count + 1)
            ]
            await file(database, bot, *page)
            clock.advance(apart * count)
            (notice,) = await told(database, bot, clock)
            for number in range(1, count + 1):
                assert (f"начало {number} " in notice) == (f"конец {number}." in notice) == (number >= first)
            assert ("… и ещё 2 сообщения раньше" in notice) == (first > 1)


async def test_what_a_notice_that_was_put_off_has_shown_by_then_is_not_told_again(
    database_url: str, clock: ManualClock
) -> None:
    async with a_database(database_url, clock) as database:
        bot, olga = await an_account(database), await a_manager(database)
        lead = await a_lead(database, bot)
        await database.transact(partial(take, lead_id=lead, person=olga))
        await told(database, bot, clock)
        await file(database, bot, a_message("раз", at=clock.now()))
        clock.advance(timedelta(seconds=2))
        notices = Notices(Texts(), clock, "Europe/Moscow", bot.id)
        (put_off,) = await database.transact(lambda tx: deliveries.claim(tx, 10, notices))
        wait = Postponed("429", timedelta(seconds=30))
        await database.transact(lambda tx: deliveries.settle(tx, [(put_off, wait)]))
        await file(database, bot, a_message("два", at=clock.now()))
        (both,) = await told(database, bot, clock)
        assert ("раз" in both, "два" in both) == (True, True)
        assert await told(database, bot, clock) == []


async def test_what_only_a_colleague_has_been_shown_is_told_to_whoever_has_taken_the_lead_meanwhile(
    database_url: str, clock: ManualClock
) -> None:
    async with a_database(database_url, clock) as database:
        bot = await an_account(database)
        lead = await a_lead(database, bot)
        olga, _ = await a_manager(database), await a_manager(database, "Иван")
        await told(database, bot, clock)
        await file(database, bot, a_message("а скидка есть?", at=clock.now()))
        clock.advance(timedelta(seconds=2))
        notices = Notices(Texts(), clock, "Europe/Moscow", bot.id)
        claimed = await database.transact(lambda tx: deliveries.claim(tx, 10, notices))
        wait, came = Postponed("429", timedelta(seconds=30)), Sent(("77",))
        outcomes = [(one, wait if one.manager_id == olga.id else came) for one in claimed]
        await database.transact(lambda tx: deliveries.settle(tx, outcomes))
        await database.transact(partial(take, lead_id=lead, person=olga))  # by a reply to the card she has
        assert "а скидка есть?" in "".join(await told(database, bot, clock))


async def test_what_is_unread_is_counted_before_the_newest(database_url: str, clock: ManualClock) -> None:
    async with a_database(database_url, clock) as database:
        bot, _ = await an_account(database), await a_manager(database)
        await a_lead(database, bot, "строка 1")
        await file(database, bot, *[a_message(f"строка {number}") for number in range(2, 6)])
        conversation_id = (await the(database, Conversation))["id"]
        for limit, expected, earlier in ((2, ["строка 4", "строка 5"], 3), (5, None, 0), (9, None, 0)):
            newest, before = await database.read(
                lambda connection, limit=limit: messages.unseen(
                    connection, conversation_id, language="ru", limit=limit
                )
            )
            assert [said.text for said in newest] == (expected or [f"строка {n}" for n in range(1, 6)])
            assert before == earlier
