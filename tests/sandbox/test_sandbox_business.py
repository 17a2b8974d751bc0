from __future__ import annotations

from datetime import timedelta

from core.clock import ManualClock
from sandbox.accounts import Bot
from sandbox.people import Person
from sandbox.telegram import TelegramSandbox
from tests.sandbox.conftest import BotClient


async def test_a_business_chat_reaches_the_bot_from_both_sides(
    telegram: TelegramSandbox, client: BotClient, bot: Bot, anna: Person
) -> None:
    owner = telegram.person(900, "Владелец")
    connection = telegram.business(owner, bot)
    written = await anna.writes(connection, "Есть в наличии?")
    await connection.owner_writes(anna, "Сейчас посмотрю", reply_to=written)
    told, theirs, own = await client.updates()
    assert told["business_connection"]["id"] == connection.id
    assert told["business_connection"]["is_enabled"] is True
    for update, author in ((theirs, 777), (own, 900)):
        message = update["business_message"]
        assert message["business_connection_id"] == connection.id
        assert message["chat"]["id"] == 777
        assert message["from"]["id"] == author
    answer = await client.call(
        "sendMessage",
        business_connection_id=connection.id,
        chat_id=777,
        text="Есть",
        reply_to_message_id=written.id,
    )
    assert answer["from"]["id"] == 900, "the bot speaks in the owner's name"
    assert answer["sender_business_bot"]["id"] == bot.id
    assert [message.text for message in anna.chat(connection)] == [
        "Есть в наличии?",
        "Сейчас посмотрю",
        "Есть",
    ]
    assert await client.updates() == [], "what the bot itself sent does not come back"
    assert [message.text for message in anna.chat(bot)] == ["/start"], "another chat than the bot's own"


async def test_edits_and_deletions_of_a_business_chat_are_told(
    telegram: TelegramSandbox, client: BotClient, bot: Bot, anna: Person
) -> None:
    connection = telegram.business(telegram.person(900, "Владелец"), bot)
    written = await anna.writes(connection, "пять")
    await anna.edits(written, "шесть")
    await anna.deletes(written)
    edited, deleted = (await client.updates())[2:]
    assert edited["edited_business_message"]["text"] == "шесть"
    assert deleted["deleted_business_messages"]["message_ids"] == [written.id]


async def test_a_bot_may_edit_what_it_said_in_the_owners_name(
    telegram: TelegramSandbox, client: BotClient, bot: Bot, anna: Person
) -> None:
    connection = telegram.business(telegram.person(900, "Владелец"), bot)
    await anna.writes(connection, "?")
    place = {"business_connection_id": connection.id, "chat_id": 777}
    sent = await client.call("sendMessage", **place, text="раз")
    await client.call("editMessageText", **place, message_id=sent["message_id"], text="два")
    assert anna.last(connection).text == "два"


async def test_a_connection_that_ended_is_told_and_takes_nothing(
    telegram: TelegramSandbox, client: BotClient, bot: Bot, anna: Person
) -> None:
    connection = telegram.business(telegram.person(900, "Владелец"), bot)
    await anna.writes(connection, "раз")
    await connection.disconnects()
    await anna.writes(connection, "два")
    updates = await client.updates()
    assert [list(update)[1] for update in updates] == [
        "business_connection",
        "business_message",
        "business_connection",
    ]
    assert updates[-1]["business_connection"]["is_enabled"] is False
    refusal = await client.refusal("sendMessage", business_connection_id=connection.id, chat_id=777, text="x")
    assert refusal == (400, "Bad Request: BUSINESS_CONNECTION_NOT_ALLOWED")


async def test_a_day_after_the_customers_last_message_a_bot_may_not_write_to_them(
    telegram: TelegramSandbox, client: BotClient, bot: Bot, anna: Person, clock: ManualClock
) -> None:
    connection = telegram.business(telegram.person(900, "Владелец"), bot)
    place = {"business_connection_id": connection.id, "chat_id": 777, "text": "?"}
    missing = (400, "Bad Request: BUSINESS_PEER_USAGE_MISSING")
    await anna.writes(connection, "раз")
    clock.advance(timedelta(days=1))
    await client.call("sendMessage", **place)
    clock.advance(timedelta(seconds=1))
    assert await client.refusal("sendMessage", **place) == missing
