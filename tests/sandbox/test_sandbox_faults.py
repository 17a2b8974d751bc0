"""Telegram in a bad mood: what is refused, cut, slow or too much, and what had happened all the same."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import aiohttp
import pytest

from core.clock import ManualClock
from sandbox.accounts import Bot
from sandbox.faults import Gateway, HangUp, RateLimits, Refuse, Slow, server_error, too_many_requests
from sandbox.people import Person
from sandbox.telegram import TelegramSandbox
from tests.sandbox.conftest import BotClient


async def test_a_refusal_comes_as_often_as_planned_and_does_nothing(
    telegram: TelegramSandbox, client: BotClient, bot: Bot, anna: Person
) -> None:
    telegram.fail("sendMessage", too_many_requests(7))
    telegram.fail("sendMessage", server_error(), times=2)
    async with client.http.post(f"{client.url}/sendMessage", json={"chat_id": 777, "text": "x"}) as response:
        assert response.status == 429
        assert response.headers["Retry-After"] == "7"
        assert await response.json() == {
            "ok": False,
            "error_code": 429,
            "description": "Too Many Requests: retry after 7",
            "parameters": {"retry_after": 7},
        }
    for _ in range(2):
        assert await client.refusal("sendMessage", chat_id=777, text="x") == (500, "Internal Server Error")
    assert len(anna.chat(bot)) == 1
    await client.call("sendMessage", chat_id=777, text="x")
    assert [call.error is None for call in telegram.calls_of("sendMessage")] == [False, False, False, True]


async def test_a_fault_may_pick_its_calls(telegram: TelegramSandbox, client: BotClient, anna: Person) -> None:
    telegram.fail(
        "sendMessage", Refuse(400, "Bad Request: odd"), where=lambda call: call.params["text"] == "odd"
    )
    await client.call("sendMessage", chat_id=777, text="even")
    assert await client.refusal("sendMessage", chat_id=777, text="odd") == (400, "Bad Request: odd")
    await client.call("sendMessage", chat_id=777, text="odd")


async def test_a_connection_cut_before_reading_delivers_nothing(
    telegram: TelegramSandbox, client: BotClient, bot: Bot, anna: Person
) -> None:
    telegram.fail("sendMessage", HangUp())
    with pytest.raises(aiohttp.ClientConnectionError):
        await client.answer("sendMessage", chat_id=777, text="x")
    assert len(anna.chat(bot)) == 1
    await client.call("sendMessage", chat_id=777, text="y")


async def test_a_connection_cut_after_acting_has_delivered(
    telegram: TelegramSandbox, client: BotClient, bot: Bot, anna: Person
) -> None:
    telegram.fail("sendMessage", HangUp(after_acting=True))
    with pytest.raises(aiohttp.ClientConnectionError):
        await client.answer("sendMessage", chat_id=777, text="дошло")
    assert anna.last(bot).text == "дошло"


async def test_a_held_answer_comes_when_it_is_released(
    telegram: TelegramSandbox, client: BotClient, bot: Bot, anna: Person
) -> None:
    after = telegram.hold("sendMessage")
    sending = asyncio.create_task(client.call("sendMessage", chat_id=777, text="раз"))
    await telegram.until(lambda: after.arrived)
    assert anna.last(bot).text == "раз"
    assert not sending.done()
    after.release()
    await sending
    before = telegram.hold("sendMessage", before_acting=True)
    sending = asyncio.create_task(client.call("sendMessage", chat_id=777, text="два"))
    await telegram.until(lambda: before.arrived)
    assert anna.last(bot).text == "раз"
    before.release()
    await sending
    assert anna.last(bot).text == "два"


async def test_a_slow_answer_and_a_page_of_the_gateway(
    telegram: TelegramSandbox, client: BotClient, bot: Bot, anna: Person
) -> None:
    telegram.fail("sendMessage", Slow(30))
    late = aiohttp.ClientTimeout(total=0.05)
    with pytest.raises(TimeoutError):
        await client.http.post(
            f"{client.url}/sendMessage", json={"chat_id": 777, "text": "дошло"}, timeout=late
        )
    assert anna.last(bot).text == "дошло"
    telegram.fail("*", Gateway())
    async with client.http.post(f"{client.url}/getMe") as response:
        assert (response.status, response.content_type) == (502, "text/html")


async def test_telegrams_limits_on_sending(clock: ManualClock) -> None:
    async with (
        TelegramSandbox(now=clock.now, limits=RateLimits()) as telegram,
        aiohttp.ClientSession() as http,
    ):
        bot = telegram.add_bot("4200001:TOKEN", "line_bot")
        client = BotClient(telegram, bot, http)
        people = [telegram.person(first_name=f"P{number}") for number in range(31)]
        for person in people:
            await person.starts(bot)
        await client.call("sendMessage", chat_id=people[0].id, text="x")
        wait = (429, "Too Many Requests: retry after 1")
        assert await client.refusal("sendMessage", chat_id=people[0].id, text="x") == wait
        for person in people[1:30]:
            await client.call("sendMessage", chat_id=person.id, text="x")
        assert await client.refusal("sendMessage", chat_id=people[30].id, text="x") == wait, (
            "30 a second in all"
        )
        await client.call("getMe")
        clock.advance(timedelta(seconds=1))
        await client.call("sendMessage", chat_id=people[30].id, text="x")
        group = await telegram.group("Продажи", people[0], bot)
        for _ in range(20):
            clock.advance(timedelta(seconds=1))
            await client.call("sendMessage", chat_id=group.id, text="x")
        assert await client.refusal("sendMessage", chat_id=group.id, text="x") == (
            429,
            "Too Many Requests: retry after 41",
        )
