"""Telegram's chats begin with a button: whoever has only pressed it is greeted, and their first words are confirmed."""

from __future__ import annotations

import json
from datetime import timedelta
from functools import partial

from sqlalchemy import update

from bot.screens.conversation import shown_text
from bot.texts import Texts
from channels.telegram.inbound import normalise
from core.automation.preset import ensure_line
from core.channel import Received
from core.clock import ManualClock
from core.conversations.model import Delivery, Message
from core.database import Database, Transaction
from core.desk import work
from core.leads.model import Lead
from core.lines.model import KnownPerson, Line
from core.staff.managers import Person
from tests.builders import NOON, a_database, a_manager, a_message, an_account, file, reason_id, telegram
from tests.looking import all_sent, every, the


def pressed_start(number: int = 9_001, payload: str = "") -> Received:
    """Telegram's update for the Start button, with the payload of a link."""
    person = {"id": 777, "is_bot": False, "first_name": "Анна", "language_code": "ru"}
    message = {
        "message_id": number,
        "date": int(NOON.timestamp()),
        "chat": {"id": 777, "type": "private", "first_name": "Анна"},
        "from": person,
        "text": f"/start {payload}".strip(),
    }
    update = {"update_id": number, "message": message}
    return normalise(update, json.dumps(update).encode(), NOON, "1000")


async def said(database: Database) -> list[str]:
    return [row["text"] for row in await every(database, Message, Message.direction == "out")]


async def told(database: Database, person: Person) -> list[tuple[str, bool]]:
    """What waits for the manager: its kind, and whether it comes without a sound."""
    rows = await every(database, Delivery, Delivery.manager_id == person.id, Delivery.state == "waiting")
    return [(row["notice"]["kind"], row["notice"]["silent"]) for row in rows]


async def test_who_opens_the_chat_is_greeted_and_their_first_words_are_confirmed(
    database_url: str, clock: ManualClock
) -> None:
    async with a_database(database_url, clock) as database:
        bot, olga = await an_account(database), await a_manager(database)
        await file(database, bot, pressed_start(payload="ad_spring"))
        opened = await the(database, Lead)
        assert (opened["waiting_since"], opened["source"]) == (None, "ad_spring")
        assert [text.partition("! ")[2] for text in await said(database)] == [
            "Напишите, что вас интересует, и мы ответим здесь."
        ]
        assert await told(database, olga) == [("new-lead", True)]
        await all_sent(database)
        clock.advance(timedelta(minutes=1))
        await file(database, bot, pressed_start(9_002))  # and again: a second tap says nothing either
        await all_sent(database)
        asked = a_message("Сколько стоит доставка?", at=clock.now())
        await file(database, bot, asked)
        lead = await the(database, Lead)
        assert (lead["title"], lead["waiting_since"]) == ("Сколько стоит доставка?", clock.now())
        assert "Мы получили ваше сообщение" in (await said(database))[-1]
        assert await told(database, olga) == [("new-lead", False)]
        await all_sent(database)
        await file(database, bot, a_message("Ау!"))
        assert len(await said(database)) == 2
        assert await told(database, olga) == [("message", False)]


async def test_who_writes_before_we_have_seen_them_come_is_confirmed_and_not_greeted(
    database_url: str, clock: ManualClock
) -> None:
    async with a_database(database_url, clock) as database:
        bot, olga = await an_account(database), await a_manager(database)
        await file(database, bot, pressed_start(), a_message("Сколько стоит?"))
        lead = await the(database, Lead)
        texts = await said(database)
        assert (lead["title"], lead["waiting_since"]) == ("Сколько стоит?", NOON)
        assert len(texts) == 1
        assert "Мы получили" in texts[0]
        assert await told(database, olga) == [("new-lead", False)]


async def test_who_tells_no_language_is_answered_in_the_one_that_the_settings_name_now(
    database_url: str, clock: ManualClock
) -> None:
    async with a_database(database_url, clock) as database:
        bot = await an_account(database)
        await file(database, bot, a_message("+7 900 123-45-67"))
        await database.transact(partial(ensure_line, language="en", timezone="Europe/London"))
        await file(database, bot, a_message("42", telegram("778")))
        first, then = await said(database)
    assert "Мы получили" in first
    assert "We have your message" in then


async def test_every_link_somebody_comes_by_is_seen_and_the_first_one_is_the_source(
    database_url: str, clock: ManualClock
) -> None:
    async with a_database(database_url, clock) as database:
        bot = await an_account(database)
        links = [pressed_start(9_001), pressed_start(9_002, "ad_spring"), pressed_start(9_003, "sku-42")]
        for link in links:
            await file(database, bot, link)
        await file(database, bot, a_message("Сколько стоит?"), pressed_start(9_004, "sku-43"))
        lead = await the(database, Lead)
        said_by_her = await every(database, Message, Message.direction == "in")
    assert (lead["source"], lead["title"]) == ("ad_spring", "Сколько стоит?")
    words = Texts().words("ru", "Europe/Moscow", NOON)
    assert [shown_text(words, message["text"]) for message in said_by_her] == [
        "▶️ открывает чат с ботом",
        "▶️ открывает чат с ботом по ссылке «ad_spring»",
        "▶️ открывает чат с ботом по ссылке «sku-42»",
        "Сколько стоит?",
        "▶️ открывает чат с ботом по ссылке «sku-43»",
    ]


async def test_words_that_come_in_long_after_they_were_written_are_not_confirmed(
    database_url: str, clock: ManualClock
) -> None:
    async with a_database(database_url, clock) as database:
        bot = await an_account(database)
        await file(database, bot, pressed_start())
        clock.advance(timedelta(hours=3))
        await file(database, bot, a_message("Сколько стоит?", telegram(777), at=NOON + timedelta(minutes=1)))
        assert len(await said(database)) == 1


async def test_a_lead_given_up_for_its_silence_that_opens_again_is_about_the_words_that_open_it(
    database_url: str, clock: ManualClock
) -> None:
    def reopening(tx: Transaction) -> None:
        tx.connection.execute(update(Line).values(known_person=KnownPerson.REOPEN))

    async with a_database(database_url, clock) as database:
        bot, olga = await an_account(database), await a_manager(database)
        await database.transact(reopening)
        (opened,) = await file(database, bot, pressed_start())
        give_up = partial(work.junk, lead_id=opened.lead_id, person=olga, reason_id=await reason_id(database))
        await database.transact(give_up)
        (again,) = await file(database, bot, pressed_start(9_002))  # says no more than the first time
        assert len(await said(database)) == 1
        await database.transact(give_up)
        await all_sent(database)
        clock.advance(timedelta(hours=3))
        (old,) = await file(database, bot, a_message("Сколько стоит дом?", at=NOON))
        lead = await the(database, Lead)
        assert (lead["id"], lead["title"], lead["outcome"]) == (opened.lead_id, "Сколько стоит дом?", "open")
        assert again.lead_id == old.lead_id == opened.lead_id
        assert len(await said(database)) == 1  # it took three hours to come
        assert await told(database, olga) == [("new-lead", False)]
