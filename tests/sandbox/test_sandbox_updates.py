from __future__ import annotations

import asyncio

from sandbox.accounts import Bot
from sandbox.people import Person
from sandbox.telegram import TelegramSandbox
from tests.sandbox.conftest import BotClient


async def test_a_bot_gets_what_is_written_in_order_until_it_acknowledges(
    bot: Bot, client: BotClient, anna: Person
) -> None:
    for text in ("раз", "два", "три"):
        await anna.writes(bot, text)
    first = await client.call("getUpdates", limit=2)
    assert [update["message"]["text"] for update in first] == ["раз", "два"]
    again = await client.call("getUpdates", limit=2)
    assert again == first, "unacknowledged updates come again"
    rest = await client.call("getUpdates", offset=first[-1]["update_id"] + 1)
    assert [update["message"]["text"] for update in rest] == ["три"]
    assert rest[0]["update_id"] == first[-1]["update_id"] + 1
    assert bot.pending == 1


async def test_a_negative_offset_keeps_only_the_newest(bot: Bot, client: BotClient, anna: Person) -> None:
    for number in range(5):
        await anna.writes(bot, str(number))
    newest = await client.call("getUpdates", offset=-2)
    assert [update["message"]["text"] for update in newest] == ["3", "4"]
    assert bot.pending == 2


async def test_a_long_poll_ends_with_the_first_update(
    telegram: TelegramSandbox, bot: Bot, client: BotClient, anna: Person
) -> None:
    poll = asyncio.create_task(client.call("getUpdates", timeout=30))
    await telegram.until(lambda: bot.updates.is_polled)
    await anna.writes(bot, "проснись")
    assert [update["message"]["text"] for update in await poll] == ["проснись"]


async def test_a_poller_that_went_away_neither_takes_updates_nor_conflicts(
    telegram: TelegramSandbox, bot: Bot, client: BotClient, anna: Person
) -> None:
    poll = asyncio.create_task(client.call("getUpdates", timeout=30))
    await telegram.until(lambda: bot.updates.is_polled)
    poll.cancel()
    await telegram.until(lambda: not bot.updates.is_polled)
    await anna.writes(bot, "никто не слышал")
    assert len(await client.call("getUpdates")) == 1


async def test_of_two_pollers_the_newer_one_stays(
    telegram: TelegramSandbox, bot: Bot, client: BotClient, anna: Person
) -> None:
    older = asyncio.create_task(client.refusal("getUpdates", timeout=30))
    await telegram.until(lambda: bot.updates.is_polled)
    newer = asyncio.create_task(client.call("getUpdates", timeout=30))
    assert await older == (
        409,
        "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running",
    )
    await anna.writes(bot, "привет")
    assert len(await newer) == 1


async def test_allowed_updates_are_remembered(bot: Bot, client: BotClient, anna: Person) -> None:
    message = await anna.writes(bot, "раз")
    await anna.reacts(message, "👍")
    assert [list(update)[1] for update in await client.updates()] == ["message"], (
        "reactions only if asked for"
    )
    await client.call("getUpdates", allowed_updates=["message_reaction"])
    await anna.reacts(message)
    await anna.writes(bot, "два")
    assert [list(update)[1] for update in await client.updates()] == ["message_reaction"]
    await client.call("getUpdates", allowed_updates=[])
    await anna.writes(bot, "три")
    assert [list(update)[1] for update in await client.updates()] == ["message"]


async def test_an_update_is_what_was_true_when_it_happened(bot: Bot, client: BotClient, anna: Person) -> None:
    message = await anna.writes(bot, "опечятка")
    await anna.edits(message, "опечатка")
    first, second = await client.updates()
    assert first["message"]["text"] == "опечятка"
    assert second["edited_message"]["text"] == "опечатка"
    assert second["edited_message"]["message_id"] == first["message"]["message_id"]
    assert "edit_date" in second["edited_message"]


async def test_raw_updates_come_as_they_are(telegram: TelegramSandbox, bot: Bot, client: BotClient) -> None:
    telegram.push_raw(bot, {"purchased_paid_media": {"from": {"id": 1}, "odd": ["x"]}})
    telegram.push_raw(bot, {"update_id": 900_000_000, "never_seen": {}})
    first, second = await client.updates()
    assert first["purchased_paid_media"]["odd"] == ["x"]
    assert second == {"update_id": 900_000_000, "never_seen": {}}


async def test_each_bot_has_a_numbering_of_its_own(telegram: TelegramSandbox, bot: Bot, anna: Person) -> None:
    other = telegram.add_bot("4200002:TOKEN", "managers_bot")
    await anna.writes(other, "привет")
    assert next(iter(other.updates.pending)) == 700_000_001
    assert other.pending == 1
    assert bot.pending == 0
