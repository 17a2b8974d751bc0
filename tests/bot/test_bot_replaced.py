"""The settings name another bot than before: managers go on in it, and nothing waits for the one that is gone."""

from __future__ import annotations

from pathlib import Path

import pytest

from sandbox.accounts import Bot
from sandbox.calls import Call
from sandbox.faults import Refuse
from sandbox.people import Person
from sandbox.telegram import TelegramSandbox
from tests.bot.programs import ADMIN, LINE_TOKEN, STAFF_TOKEN, HurriedClock, running

pytestmark = pytest.mark.timeout(120)
OTHER_TOKEN = "3000:OTHER"
GONE = "бот или ящик, куда он писал, больше не подключён"
AWAY = Refuse(500, "Internal Server Error")


async def test_a_bot_of_the_managers_own_is_given_up_and_cards_come_in_the_bot_of_the_line(
    folder: Path,
) -> None:
    clock = HurriedClock()
    async with TelegramSandbox(now=clock.now) as telegram:
        line, staff = telegram.add_bot(LINE_TOKEN, "line_bot"), telegram.add_bot(STAFF_TOKEN, "staff_bot")
        admin, anna = telegram.person(ADMIN, "Ирина"), telegram.person(777, "Анна")
        async with running(folder, telegram, clock, own_staff_bot=True):
            await admin.starts(staff)
            await admin.sees(staff, "Вы администратор")
            await writes_and_no_card_comes(telegram, anna, line, staff)
        await admin.starts(line)
        async with running(folder, telegram, clock):
            await admin.sees(line, "Новый лид № 1")
            await telegram.person(778, "Пётр").writes(line, "А логотип?")
            card = await admin.sees(line, "Новый лид № 2")
            assert "А логотип?" in card.text
            first = await admin.sees(line, "Новый лид № 1")
            await admin.writes(line, "Сто тысяч", reply_to=first)
            await anna.sees(line, "Сто тысяч")
        assert not [message for message in admin.chat(staff) if "Новый лид" in message.text]


async def test_another_bot_of_the_line_brings_the_cards_and_the_customers_of_the_earlier_one_wait_for_it(
    folder: Path,
) -> None:
    clock = HurriedClock()
    async with TelegramSandbox(now=clock.now) as telegram:
        line, other = telegram.add_bot(LINE_TOKEN, "line_bot"), telegram.add_bot(OTHER_TOKEN, "other_bot")
        admin, anna = telegram.person(ADMIN, "Ирина"), telegram.person(777, "Анна")
        async with running(folder, telegram, clock):
            await admin.starts(line)
            await admin.sees(line, "Вы администратор")
            await writes_and_no_card_comes(telegram, anna, line, line)
        await admin.starts(other)
        async with running(folder, telegram, clock, line_token=OTHER_TOKEN):
            card = await admin.sees(other, "Новый лид № 1")
            assert f"Ответить нельзя: {GONE}" in card.text
            await admin.writes(other, "Сто тысяч", reply_to=card)
            refusal = await admin.sees(other, "Ответить по лиду № 1 нельзя")
            assert "больше не подключён" in refusal.text
            await telegram.person(778, "Пётр").writes(other, "А логотип?")
            assert "А логотип?" in (await admin.sees(other, "Новый лид № 2")).text
        assert not [message for message in anna.chat(line) if "Сто тысяч" in message.text]
        telegram.faults.clear()
        async with running(folder, telegram, clock):
            sent = await admin.writes(line, "/lead 1")
            card = await admin.sees(line, "Сколько стоит сайт?", after=sent)
            assert GONE not in card.text
            await admin.writes(line, "Сто тысяч", reply_to=card)
            await anna.sees(line, "Сто тысяч")


async def writes_and_no_card_comes(
    telegram: TelegramSandbox, customer: Person, line: Bot, managers: Bot
) -> None:
    """The customer has their confirmation; the manager's card Telegram puts off again and again."""

    def brings_a_card(call: Call) -> bool:
        return call.bot is managers and "Новый лид" in str(call.params)

    telegram.fail("sendMessage", AWAY, times=1_000, where=brings_a_card)
    await customer.writes(line, "Сколько стоит сайт?")
    await customer.sees(line, customer.first_name)
    await telegram.until(lambda: any(map(brings_a_card, telegram.calls_of("sendMessage"))))
