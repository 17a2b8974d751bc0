"""The managers' bot as managers live it: the whole program, on this machine's own Telegram."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import make_url, update

from core.lines.model import Distribution, Line
from sandbox.faults import HangUp, Refuse, server_error, too_many_requests
from sandbox.messages import Message
from sandbox.people import Person
from sandbox.telegram import TelegramSandbox
from tests.bot.programs import ADMIN, LINE_TOKEN, HurriedClock, Story, a_story, running
from tests.servers.postgres import PostgresServer

pytestmark = pytest.mark.timeout(120)


@pytest.fixture(params=[False, True], ids=["one bot", "two bots"])
async def either_story(request: pytest.FixtureRequest, folder: Path) -> AsyncIterator[Story]:
    """With one bot for both, and with a bot of the managers' own."""
    async with a_story(folder, own_staff_bot=request.param) as told:
        yield told


def a_customer(story: Story, name: str = "Анна") -> Person:
    return story.telegram.person(777, name, username="anna_p", phone="+79161234567")


def buttons_of(message: Message) -> list[str]:
    return [button.text for row in message.buttons for button in row]


def reactions(message: object) -> list[str]:
    given = getattr(message, "reactions", {})
    return [one["emoji"] for own in given.values() for one in own]


async def test_a_lead_arrives_is_taken_and_answered_and_its_manager_sees_that_it_was_sent(
    either_story: Story,
) -> None:
    story, anna = either_story, a_customer(either_story)
    await anna.writes(story.line, "Здравствуйте! Сколько стоит сайт?")
    card = await story.admin.sees(story.staff, "🆕 Новый лид № 1")
    assert "Анна" in card.text
    assert "@anna_p" in card.text
    assert "Не хватает: телефона, почты" in card.text
    assert "Сколько стоит сайт?" in card.marked("blockquote")[0]
    toast = await story.admin.taps(card, "Взять")
    assert toast.text == "Лид № 1 теперь ваш."
    await story.telegram.until(lambda: "Ваш лид" in card.text)
    assert not any("Взять" in button.text for row in card.buttons for button in row)
    sent = await story.admin.writes(story.staff, "Добрый день! От 100 тысяч.", reply_to=card)
    await anna.sees(story.line, "От 100 тысяч")
    await story.telegram.until(lambda: reactions(sent) == ["👌"])
    answer = await story.answer(story.admin, await story.admin.writes(story.staff, "/leads"))
    assert "Анна" in answer.text
    assert "В работе" in answer.text


async def test_an_edit_is_told_also_where_the_card_has_gone_to_a_colleague(story: Story) -> None:
    boris = await story.manager(101, "Борис")
    blocked = Refuse(403, "Forbidden: bot was blocked by the user")
    story.telegram.fail("sendMessage", blocked, where=lambda call: "100 метров" in str(call.params))
    anna = story.telegram.person(777, "Анна")
    asked = await anna.writes(story.line, "Сколько стоит ремонт 100 метров?")
    await story.telegram.until(lambda: "100 метров" in story.read(boris) + story.read(story.admin))
    await story.all_settled()
    await anna.edits(asked, "Сколько стоит ремонт 10 метров?")
    await story.telegram.until(lambda: "✏️" in story.read(boris) + story.read(story.admin), 8)


async def test_an_answer_to_a_lead_nobody_had_takes_it_and_says_so(story: Story) -> None:
    anna = a_customer(story)
    await anna.writes(story.line, "Есть кто?")
    card = await story.admin.sees(story.staff, "Новый лид")
    sent = await story.admin.writes(story.staff, "Да, слушаю.", reply_to=card)
    line = await story.admin.sees(story.staff, "✓ Отправлено")
    assert "Лид № 1 теперь ваш, стадия «В работе»" in line.text
    assert line.reply_to is sent
    again = await story.admin.writes(
        story.staff, "Пишите сюда.", reply_to=line
    )  # the line answers the customer too
    await anna.sees(story.line, "Пишите сюда.")
    await story.telegram.until(lambda: reactions(again) == ["👌"])


async def test_who_answers_before_telegram_has_told_us_that_the_card_came_is_understood(story: Story) -> None:
    held = story.telegram.hold("sendMessage", where=lambda call: "Новый лид" in str(call.params.get("text")))
    anna = a_customer(story)
    await anna.writes(story.line, "Здравствуйте, вы открыты?")
    card = await story.admin.sees(story.staff, "Новый лид № 1")
    sent = await story.admin.writes(story.staff, "Да, до восьми", reply_to=card)
    await story.telegram.until(lambda: not story.staff.pending)
    await asyncio.sleep(0.3)  # six of the hurried clock's: time enough to be told that it is unknown
    held.release()
    await anna.sees(story.line, "Да, до восьми")
    await story.telegram.until(lambda: reactions(sent) == ["👌"])


async def test_quick_answers_arrive_in_the_order_they_were_written(story: Story) -> None:
    anna = a_customer(story)
    await anna.writes(story.line, "Расскажите")
    card = await story.admin.sees(story.staff, "Новый лид")
    for number in range(1, 7):
        await story.admin.writes(story.staff, f"шаг {number}", reply_to=card)
    await anna.sees(story.line, "шаг 6")
    heard = [message.text for message in anna.chat(story.line) if message.text.startswith("шаг")]
    assert heard == [f"шаг {number}" for number in range(1, 7)]


async def test_of_two_who_tap_at_once_one_wins_and_the_other_learns_who(story: Story) -> None:
    boris = await story.manager(101, "Борис")
    await a_customer(story).writes(story.line, "Кто поможет?")
    await story.admin.sees(story.staff, "Новый лид")
    cards = [
        (person, await story.answer(person, await person.writes(story.staff, "/lead 1")))
        for person in (story.admin, boris)
    ]
    toasts = await asyncio.gather(*(person.taps(card, "Взять") for person, card in cards))
    assert sorted(toast.alert for toast in toasts) == [False, True]
    lost = next(place for place, toast in enumerate(toasts) if toast.alert)
    winner = cards[1 - lost][0].first_name
    assert toasts[lost].text == f"Лид № 1 уже ведёт {winner}."
    await story.telegram.until(lambda: f"Ведёт: {winner}" in cards[lost][1].text)


async def test_a_button_that_no_longer_applies_says_so_and_shows_the_card_of_today(story: Story) -> None:
    await a_customer(story).writes(story.line, "Здравствуйте")
    card = await story.admin.sees(story.staff, "Новый лид")
    await story.admin.taps(card, "Стадия")
    choice = await story.telegram.until(lambda: card if "куда перевести" in card.text else None)
    other = await story.answer(story.admin, await story.admin.writes(story.staff, "/lead 1"))
    await story.admin.taps(other, "Стадия")
    await story.telegram.until(lambda: "куда перевести" in other.text)
    assert (await story.admin.taps(other, "Квалифицирована")).text == "Лид № 1: «Квалифицирована»."
    assert choice is not None
    toast = await story.admin.taps(choice, "В работе")
    assert toast.alert
    assert "изменился" in toast.text
    await story.telegram.until(lambda: "Квалифицирована" in card.text)


async def test_an_unfinished_dialog_and_old_buttons_survive_a_restart(tmp_path: Path) -> None:
    clock = HurriedClock()
    async with TelegramSandbox(now=clock.now) as telegram:
        bot = telegram.add_bot(LINE_TOKEN, "line_bot")
        admin, anna = telegram.person(ADMIN, "Ирина"), telegram.person(777, "Анна")
        async with running(tmp_path, telegram, clock):
            await admin.starts(bot)
            await admin.sees(bot, "Вы администратор", timeout=20)
            await anna.writes(bot, "Здравствуйте")
            card = await admin.sees(bot, "Новый лид")
            await admin.taps(card, "Ответить")
            await admin.sees(bot, "Что ответить?")
        async with running(tmp_path, telegram, clock):
            await admin.writes(bot, "Мы перезапустились, но помним о вас")
            await anna.sees(bot, "помним о вас", timeout=20)
            assert (await admin.taps(card, "История")).text == ""
            await telegram.until(lambda: "История лида № 1" in card.text)
            await admin.writes(bot, "а это уже никому")
            await admin.sees(bot, "никому не ушло")
            assert not any("никому" in message.text for message in anna.chat(bot))


async def test_who_answered_while_the_program_was_away_is_not_asked_whether_questions_are_left(
    tmp_path: Path,
) -> None:
    clock = HurriedClock()
    async with TelegramSandbox(now=clock.now) as telegram:
        line, admin, anna = (
            telegram.add_bot(LINE_TOKEN, "line_bot"),
            telegram.person(ADMIN, "Ирина"),
            telegram.person(777, "Анна"),
        )
        async with running(tmp_path, telegram, clock):
            await admin.starts(line)
            await anna.writes(line, "Сколько стоит сайт?")
            await admin.writes(line, "Сто тысяч", reply_to=await admin.sees(line, "Новый лид"))
            await anna.sees(line, "Сто тысяч")
        clock.skip(hours=25)
        await anna.writes(line, "А за месяц успеете?")
        telegram.fail("getUpdates", server_error(), times=3)  # it takes a while until the line can read
        async with running(tmp_path, telegram, clock):
            await admin.sees(line, "А за месяц успеете?")
        assert not [message for message in anna.chat(line) if "вопросы" in message.text]


async def test_a_dialog_left_alone_for_half_a_day_sends_nothing(story: Story) -> None:
    anna = a_customer(story)
    await anna.writes(story.line, "Здравствуйте")
    card = await story.admin.sees(story.staff, "Новый лид")
    await story.admin.taps(card, "Ответить")
    await story.admin.sees(story.staff, "Что ответить?")
    await story.all_handled()
    story.clock.skip(hours=13)
    await story.admin.writes(story.staff, "не туда")
    await story.admin.sees(story.staff, "слишком давно")
    assert "не туда" not in [message.text for message in anna.chat(story.line)]


async def test_what_is_meant_for_nobody_goes_to_nobody_and_is_never_met_with_silence(story: Story) -> None:
    anna = a_customer(story)
    await anna.writes(story.line, "Здравствуйте")
    await story.admin.sees(story.staff, "Новый лид")
    greeting = next(m for m in story.admin.chat(story.staff) if "администратор" in m.text)
    for sent in (
        await story.admin.writes(story.staff, "просто текст"),
        await story.admin.writes(story.staff, "ответ на приветствие", reply_to=greeting),
        await story.admin.sends_voice(story.staff),
        await story.admin.writes(story.staff, "/nosuchcommand"),
    ):
        answer = await story.answer(story.admin, sent)
        assert "никому не уш" in answer.text or "Такой команды нет" in answer.text
    found = await story.admin.sees(story.staff, "Это сообщение никому не ушло")
    assert found.buttons
    assert len([m for m in anna.chat(story.line) if m.from_bot]) == 1  # the confirmation alone


async def test_a_customer_who_has_blocked_us_is_named_and_nothing_is_claimed_to_be_sent(story: Story) -> None:
    anna = a_customer(story)
    await anna.writes(story.line, "Здравствуйте")
    card = await story.admin.sees(story.staff, "Новый лид")
    await story.telegram.until(lambda: len(anna.chat(story.line)) == 2)
    blocked = Refuse(403, "Forbidden: bot was blocked by the user")
    story.telegram.fail("sendMessage", blocked, where=lambda call: "Ответ" in str(call.params))
    sent = await story.admin.writes(story.staff, "Ответ", reply_to=card)
    notice = await story.admin.sees(story.staff, "Лид № 1: не доставлено")
    assert "Клиент заблокировал бота" in notice.text
    await story.telegram.until(lambda: reactions(sent) == ["👎"])
    await story.admin.writes(story.staff, "Ещё ответ", reply_to=card)
    await story.admin.sees(story.staff, "Ответить по лиду № 1 нельзя: клиент заблокировал бота")


async def test_what_may_not_have_arrived_is_called_so_and_a_person_decides(story: Story) -> None:
    anna = a_customer(story)
    await anna.writes(story.line, "Здравствуйте")
    card = await story.admin.sees(story.staff, "Новый лид")
    await story.telegram.until(lambda: len(anna.chat(story.line)) == 2)
    await story.admin.taps(card, "Взять")
    story.telegram.fail(
        "sendMessage", HangUp(after_acting=True), where=lambda call: "Дошло?" in str(call.params)
    )
    await story.admin.writes(story.staff, "Дошло?", reply_to=card)
    notice = await story.admin.sees(story.staff, "неизвестно, дошло ли", timeout=10)
    assert (await story.admin.taps(notice, "Отправить ещё раз")).text == "Отправляем ещё раз."
    await story.telegram.until(lambda: [m.text for m in anna.chat(story.line)].count("Дошло?") == 2)
    await story.admin.sees(story.staff, "✓ Отправлено")


async def test_an_answer_that_took_long_is_said_to_have_arrived_once_it_has(story: Story) -> None:
    anna = a_customer(story)
    await anna.writes(story.line, "Здравствуйте")
    card = await story.admin.sees(story.staff, "Новый лид")
    await story.telegram.until(lambda: len(anna.chat(story.line)) == 2)
    await story.admin.taps(card, "Взять")
    story.telegram.fail("sendMessage", too_many_requests(20), where=lambda call: "Сто" in str(call.params))
    await story.admin.writes(story.staff, "Сто рублей", reply_to=card)
    await story.admin.sees(story.staff, "Ещё отправляется. Скажу, чем кончится.")
    story.clock.skip(hours=1)
    notice = await story.admin.sees(story.staff, "Лид № 1: ответ дошёл")
    assert "Сто рублей" in notice.text
    assert [[button.text for button in row] for row in notice.buttons] == [["Карточка"]]
    assert [m.text for m in anna.chat(story.line)].count("Сто рублей") == 1


async def test_files_go_both_ways_also_between_two_bots(either_story: Story) -> None:
    story, anna = either_story, a_customer(either_story)
    await anna.sends_photo(story.line, data=b"\x89PNG picture", caption="Вот фото")
    card = await story.admin.sees(story.staff, "Новый лид")
    pictures = [m for m in story.admin.chat(story.staff) if m.files and m.sender is story.staff]
    if not pictures:  # between two bots the file is fetched first
        await story.telegram.until(lambda: "Файлы" in str(card.buttons))
        for _ in range(20):
            toast = await story.admin.taps(card, "Файлы: 1")
            if not toast.text:
                break
            await asyncio.sleep(0.1)
        pictures = [m for m in story.admin.chat(story.staff) if m.files and m.sender is story.staff]
    assert pictures[-1].files[0].data == b"\x89PNG picture"
    await story.admin.sends(story.staff, "voice", data=b"OggS voice", reply_to=pictures[-1])
    await story.telegram.until(lambda: any(m.kind == "voice" for m in anna.chat(story.line)))
    heard = next(m for m in anna.chat(story.line) if m.kind == "voice")
    assert heard.files[0].data == b"OggS voice"
    await story.admin.sends_album(story.staff, [b"1", b"2", b"3"])
    await story.admin.sees(story.staff, "никому не ушло")


async def test_an_album_arrives_as_one(either_story: Story) -> None:
    story = either_story
    anna = a_customer(story)
    await anna.writes(story.line, "Покажите работы")
    card = await story.admin.sees(story.staff, "Новый лид")
    await story.admin.taps(card, "Ответить")
    await story.admin.sees(story.staff, "Что ответить?")
    await story.admin.sends_album(story.staff, [b"1", b"2", b"3"], caption="Наши работы")
    await story.telegram.until(lambda: sum(bool(m.files) for m in anna.chat(story.line)) == 3)
    shown = [m for m in anna.chat(story.line) if m.files]
    assert len({m.content["media_group_id"] for m in shown}) == 1
    assert [m.text for m in shown] == ["Наши работы", "", ""]
    assert "никому не ушло" not in story.read(story.admin)
    # The same by a reply, through two bots: the parts are fetched, and still come as one.
    relayed = await anna.writes(story.line, "Ещё!")
    relay = await story.admin.sees(story.staff, "Ещё!")
    await story.admin.sends_album(story.staff, [b"4", b"5"], reply_to=relay)
    await story.telegram.until(
        lambda: (
            sum(
                bool(m.files)
                for m in anna.chat(
                    story.line,
                )
            )
            == 5
        )
    )
    later = [m for m in anna.chat(story.line) if m.files and m.id > relayed.id]
    assert len({m.content["media_group_id"] for m in later}) == 1
    assert [file.data for m in later for file in m.files] == [b"4", b"5"]


async def test_a_file_that_cannot_be_fetched_at_once_is_still_the_answer_that_was_asked_for(
    folder: Path,
) -> None:
    async with a_story(folder, own_staff_bot=True) as story:
        anna = a_customer(story)
        await anna.writes(story.line, "Расскажите")
        card = await story.admin.sees(story.staff, "Новый лид")
        await story.admin.taps(card, "Ответить")
        await story.admin.sees(story.staff, "Что ответить?")
        story.telegram.fail("getFile", Refuse(502, "Bad Gateway"))
        sent = await story.admin.sends(story.staff, "voice", data=b"OggS voice")
        await story.telegram.until(lambda: reactions(sent) == ["👌"])
        assert [m.kind for m in anna.chat(story.line)][-1] == "voice"
        # And where it cannot be had at all, the question waits for another try.
        await story.admin.taps(card, "Ответить")
        await story.admin.sees(story.staff, "Что ответить?", after=sent)
        story.telegram.fail("getFile", Refuse(502, "Bad Gateway"), times=4)
        sent = await story.admin.sends(story.staff, "voice", data=b"OggS other")
        await story.admin.sees(story.staff, "Не удалось получить файл", after=sent)
        sent = await story.admin.writes(story.staff, "Тогда словами")
        await anna.sees(story.line, "Тогда словами")


async def test_marks_and_emoji_of_an_answer_keep_their_places(story: Story) -> None:
    anna = a_customer(story)
    await anna.writes(story.line, "Сколько?")
    card = await story.admin.sees(story.staff, "Новый лид")
    text = "😀😀 Ровно сто, подробнее здесь"
    await story.admin.writes(
        story.staff,
        text,
        reply_to=card,
        entities=[
            {"type": "bold", "offset": 11, "length": 3},
            {"type": "text_link", "offset": 16, "length": 9, "url": "https://example.com/price"},
        ],
    )
    answer = await anna.sees(story.line, "Ровно сто")
    assert answer.marked("bold") == ["сто"]
    assert answer.marked("text_link") == ["подробнее"]


async def test_strangers_text_is_never_markup_nor_a_command_on_a_managers_screen(story: Story) -> None:
    anna = story.telegram.person(777, "<b>Анна</b> \u202e_x_", username="anna_p")
    await anna.writes(story.line, "*жирно* <i>курсив</i> [ссылка](https://evil.example) /away")
    card = await story.admin.sees(story.staff, "Новый лид")
    seen = card.text.replace("\u2060", "")  # what parts a slash from its word is not to be seen
    assert "<b>Анна</b> _x_" in seen
    assert "<i>курсив</i> [ссылка](https://evil.example)" in seen
    assert "\u202e" not in card.text
    assert not card.marked("text_link")
    assert not card.marked("bot_command")


async def test_a_second_message_comes_to_its_manager_with_all_that_is_new(story: Story) -> None:
    anna = a_customer(story)
    await anna.writes(story.line, "Здравствуйте")
    card = await story.admin.sees(story.staff, "Новый лид")
    await story.admin.taps(card, "Взять")
    await anna.writes(story.line, "вопрос первый")
    await anna.writes(story.line, "вопрос второй")
    relayed = await story.admin.sees(story.staff, "вопрос второй")
    assert relayed.text.startswith("💬 Лид № 1 · Анна")
    assert "вопрос первый\nвопрос второй" in relayed.text
    edited = await anna.writes(story.line, "приду в пять")
    await story.admin.sees(story.staff, "приду в пять")
    await anna.edits(edited, "приду в шесть")
    notice = await story.admin.sees(story.staff, "сообщение изменили")
    assert "Было: приду в пять" in notice.text
    assert "приду в шесть" in notice.text


async def test_junk_with_a_comment_is_remembered_when_the_person_comes_back(story: Story) -> None:
    anna = a_customer(story)
    await anna.writes(story.line, "Сделаете за рубль?")
    card = await story.admin.sees(story.staff, "Новый лид")
    await story.admin.taps(card, "В отказ")
    await story.telegram.until(lambda: "почему отказ" in card.text)
    await story.admin.taps(card, "С комментарием…")
    await story.telegram.until(lambda: "напишите комментарий" in card.text)
    await story.admin.taps(card, "Не подошла цена")
    await story.admin.sees(story.staff, "Напишите комментарий")
    await story.admin.writes(story.staff, "хотела за рубль")
    closed = await story.admin.sees(story.staff, "«хотела за рубль»")
    assert "Отказ" in closed.text
    await anna.writes(story.line, "А за два?")
    again = await story.admin.sees(story.staff, "🔁 Повторный лид № 2")
    assert "лид № 1, отказ (Не подошла цена)" in again.text
    assert "«хотела за рубль»" in again.text
    # Whoever answers the old card answers the customer of today.
    await story.admin.writes(story.staff, "За два можно", reply_to=closed)
    await anna.sees(story.line, "За два можно")
    await story.admin.sees(story.staff, "Лид № 2 теперь ваш")


async def test_a_lead_opened_again_beside_a_later_one_is_answered_where_its_customer_writes(
    story: Story,
) -> None:
    anna = a_customer(story)
    await anna.writes(story.line, "Сколько стоит сайт?")
    card = await story.admin.sees(story.staff, "Новый лид № 1")
    await story.admin.taps(card, "В отказ")
    await story.telegram.until(lambda: "почему отказ" in card.text)
    await story.admin.taps(card, "Спам")
    await story.telegram.until(lambda: "Закрыт" in card.text)
    await anna.writes(story.line, "Я не спам!")
    later = await story.admin.sees(story.staff, "Повторный лид № 2")
    await story.admin.taps(card, "Открыть снова")
    await story.telegram.until(lambda: "Закрыт" not in card.text)
    assert "Ответить нельзя" not in card.text
    await story.admin.taps(card, "Ответить")
    await story.admin.sees(story.staff, "Кому: Анна, лид № 1")
    await story.admin.writes(story.staff, "Простите нас. Сто тысяч.")
    await anna.sees(story.line, "Сто тысяч")
    await story.admin.writes(story.staff, "Ответили в первом", reply_to=later)
    await anna.sees(story.line, "Ответили в первом")


async def test_a_note_and_handing_over(story: Story) -> None:
    boris = await story.manager(101, "Борис")
    await story.answer(story.admin, await story.admin.writes(story.staff, "/away"))
    await a_customer(story).writes(story.line, "Здравствуйте")
    card = await boris.sees(story.staff, "Новый лид")
    await boris.taps(card, "Взять")
    await boris.taps(card, "Заметка")
    await boris.sees(story.staff, "увидят только сотрудники")
    await boris.writes(story.staff, "любит кофе")
    await boris.sees(story.staff, "Записано")
    await boris.taps(card, "Передать")
    await story.telegram.until(lambda: "кому передать" in card.text)
    assert (await boris.taps(card, "Ирина")).text == "Передано: Ирина."
    given = await story.admin.sees(story.staff, "Борис передаёт вам лид")
    assert "любит кофе" in given.text
    await story.admin.taps(given, "История")
    await story.telegram.until(lambda: "лид передан, теперь Ирина" in given.text)


async def test_admins_keep_the_exclusions_and_managers_do_not(story: Story) -> None:
    boris, anna = await story.manager(101, "Борис"), a_customer(story)
    refused = await story.answer(boris, await boris.writes(story.staff, "/exclude anna@example.com"))
    assert refused.text == "Это могут только администраторы."
    await story.admin.writes(story.staff, "/exclude")
    await story.admin.sees(story.staff, "Кого не пускать?")
    lines = "8 916 123-45-67; достал\n@mail.ru\nспам@@\n@anna_p на 30 дней"
    results = await story.answer(story.admin, await story.admin.writes(story.staff, lines))
    assert "+79161234567 в списке" in results.text
    assert "слишком многим людям" in results.text
    assert "@anna_p в списке" in results.text
    await anna.writes(story.line, "Это я")
    verdict = await story.answer(story.admin, await story.admin.writes(story.staff, "/check @anna_p"))
    assert "не пройдёт" in verdict.text
    listing = await story.answer(story.admin, await story.admin.writes(story.staff, "/exclusions"))
    assert "«достал»" in listing.text
    await story.telegram.until(lambda: "Новый лид" not in story.read(story.admin))
    await story.admin.taps(listing, "Что остановлено")
    await story.telegram.until(lambda: "@anna_p" in listing.text and "Вернуть 1" in str(listing.buttons))
    assert "Это я" in listing.text
    assert (await story.admin.taps(listing, "Вернуть 1")).text == "Вернули: новый лид № 1, Анна"
    card = await story.admin.sees(story.staff, "Новый лид")
    assert "Это я" in card.text
    lifted = await story.answer(story.admin, await story.admin.writes(story.staff, "/include @anna_p"))
    assert lifted.text == "@anna_p больше не в списке, сообщения снова приходят."


async def test_a_person_excluded_from_a_card_is_let_in_again_by_one_button(story: Story) -> None:
    anna = a_customer(story)
    await anna.writes(story.line, "Купите рекламу")
    card = await story.admin.sees(story.staff, "Новый лид")
    await story.admin.taps(card, "Исключить")
    await story.telegram.until(lambda: "Исключить: Анна?" in card.text)
    await story.admin.taps(card, "Да, исключить")
    await story.telegram.until(lambda: "Отказ" in card.text)
    sent = await story.admin.writes(story.staff, "ответ", reply_to=card)
    assert "в списке исключений" in (await story.answer(story.admin, sent)).text
    await story.admin.taps(card, "Снять исключение")
    await story.telegram.until(lambda: "Новая" in card.text)
    await story.admin.writes(story.staff, "извините", reply_to=card)
    await anna.sees(story.line, "извините")


async def test_somebody_removed_is_a_stranger_with_dead_buttons(either_story: Story) -> None:
    story = either_story
    boris = await story.manager(101, "Борис")
    mine = await story.answer(boris, await boris.writes(story.staff, "/leads"))
    people = await story.answer(story.admin, await story.admin.writes(story.staff, "/managers"))
    await story.admin.taps(people, "Борис")
    await story.telegram.until(lambda: "Убрать из сотрудников" in str(people.buttons))
    await story.admin.taps(people, "Убрать из сотрудников")
    await story.telegram.until(lambda: "Да, убрать" in str(people.buttons))
    await story.admin.taps(people, "Да, убрать")
    toast = await boris.taps(mine, "По стадиям")
    assert toast.text == "Эта кнопка для сотрудников, а вас сейчас нет в списке."
    used = await story.admin.sees(story.staff, "1 сотрудник")
    assert "Борис" not in used.text


async def test_whom_the_settings_make_an_admin_is_not_removed_in_the_bot(story: Story) -> None:
    boris = story.telegram.person(101, "Борис")
    sent = await story.admin.writes(story.staff, "/invite admin")
    await boris.starts(
        story.staff, (await story.answer(story.admin, sent)).text.split("start=")[1].split()[0]
    )
    await boris.sees(story.staff, "Вы администратор")
    people = await story.answer(boris, await boris.writes(story.staff, "/managers"))
    await boris.taps(people, "Ирина")
    await story.telegram.until(lambda: "Убрать из сотрудников" in str(people.buttons))
    toast = await boris.taps(people, "Убрать из сотрудников")
    assert toast.text == (
        "Этого человека назначает администратором настройка OPENLINES_ADMINS. Сначала уберите оттуда "
        f"id {ADMIN} и перезапустите программу, потом уберите человека здесь."
    )
    assert "Да, убрать" not in str(people.buttons)
    await removed(story, "Борис")  # whom only an invitation made one


@pytest.mark.parametrize("refused", [False, True])
async def test_the_menu_of_somebody_removed_goes_and_they_go_also_where_it_stays(
    story: Story, refused: bool
) -> None:
    await story.manager(101, "Борис")
    menu = ('{"chat_id": 101, "type": "chat"}', "")
    await story.telegram.until(lambda: menu in story.staff.commands)
    if refused:
        story.telegram.fail("deleteMyCommands", Refuse(400, "Bad Request: chat not found"))
    await removed(story, "Борис")
    tried = story.telegram.calls_of
    await story.telegram.until(
        lambda: tried("deleteMyCommands") and (menu in story.staff.commands) is refused
    )


async def removed(story: Story, name: str) -> None:
    """The admin removes this person, and sees that they are alone now."""
    people = await story.answer(story.admin, await story.admin.writes(story.staff, "/managers"))
    await story.admin.taps(people, name)
    await story.telegram.until(lambda: "Убрать из сотрудников" in str(people.buttons))
    await story.admin.taps(people, "Убрать из сотрудников")
    await story.telegram.until(lambda: "Да, убрать" in str(people.buttons))
    toast = await story.admin.taps(people, "Да, убрать")
    assert toast.text == f"{name} больше не в списке сотрудников."
    await story.telegram.until(lambda: "1 сотрудник" in people.text)


async def test_a_stranger_at_the_managers_own_bot_gets_one_polite_sentence(folder: Path) -> None:
    async with a_story(folder, own_staff_bot=True) as story:
        stranger = story.telegram.person(555, "Ник", language_code="en")
        answer = await story.answer(stranger, await stranger.writes(story.staff, "hi"))
        assert answer.text.startswith("Hello! This bot is for the staff only.")
        answer = await story.answer(stranger, await stranger.starts(story.staff, "i-phone15"))
        assert answer.text.startswith("Hello! This bot is for the staff only.")
        answer = await story.answer(stranger, await stranger.starts(story.staff, "i-" + "x" * 32))
        assert "no such invitation" in answer.text
        assert not any("лид" in m.text.lower() for m in story.admin.chat(story.staff)[2:])


async def test_admins_learn_who_outside_the_team_has_let_the_bot_into_their_business_account(
    story: Story,
) -> None:
    """Anybody can, once @BotFather allows it; what their customers write is kept all the same."""
    story.telegram.business(story.admin, story.line)
    stranger = story.telegram.business(story.telegram.person(666, "<b>Пётр", last_name="Чужой"), story.line)
    told = await story.admin.sees(story.staff, "подключил бота к своему бизнес-аккаунту")
    assert "<b>Пётр Чужой · id 666" in told.text
    stranger.announce()  # what the bot may do there is changed, or it is put out and let in: that is no news
    stranger.announce()
    await a_customer(story).writes(stranger, "Здравствуйте")
    await story.admin.sees(story.staff, "Новый лид", after=told)
    assert [m.text.count("подключил бота") for m in story.admin.chat(story.staff)].count(1) == 1


async def test_a_link_that_begins_like_an_invitation_brings_a_customer(story: Story) -> None:
    anna = a_customer(story)
    await anna.starts(story.line, "i-phone15")
    await anna.writes(story.line, "Есть в синем?")
    card = await story.admin.sees(story.staff, "Есть в синем?")
    assert "Telegram · i-phone15" in card.text
    boris = await story.manager(101, "Борис")
    greeted = await story.answer(boris, await boris.starts(story.staff, "i-phone15"))
    assert "Борис" in greeted.text
    assert not any("приглашени" in message.text for message in anna.chat(story.line))


async def test_an_invitation_made_after_a_start_without_telegram_is_a_link_to_the_bot(tmp_path: Path) -> None:
    clock = HurriedClock()
    async with TelegramSandbox(now=clock.now) as telegram:
        bot, admin = telegram.add_bot(LINE_TOKEN, "line_bot"), telegram.person(ADMIN, "Ирина")
        telegram.fail("getMe", Refuse(502, "Bad Gateway"), times=6)
        async with running(tmp_path, telegram, clock):
            await admin.starts(bot)
            await admin.sees(bot, "Вы администратор")
            await admin.writes(bot, "/invite")
            assert "https://t.me/line_bot?start=i-" in (await admin.sees(bot, "Приглашение")).text


async def test_each_person_reads_their_own_language(story: Story) -> None:
    greeting = next(m for m in story.admin.chat(story.staff) if "администратор" in m.text)
    await story.admin.taps(greeting, "English")
    await story.telegram.until(lambda: "You are an admin" in greeting.text)
    await a_customer(story).writes(story.line, "Здравствуйте")
    card = await story.admin.sees(story.staff, "New lead 1")
    assert "Missing: a phone, an e-mail" in card.text
    commands = await story.telegram.until(
        lambda: [call for call in story.telegram.calls if call.method == "setMyCommands"]
    )
    assert "my leads and who is waiting" in str(commands[-1].params)


async def test_figures_search_and_ledger_answer(story: Story) -> None:
    await a_customer(story).writes(story.line, "Нужен жёлтый сайт")
    await story.admin.sees(story.staff, "Новый лид")
    for command, expected in (
        ("/find ЖЕЛТЫЙ", "1 совпадение"),
        ("/find @anna_p", "№ 1 · Анна"),
        ("/find Лид № 1", "№ 1 · Анна"),
        ("/find ничего такого", "ничего не нашлось"),
        ("/lead 99", "Такого лида нет."),
        ("/lead", "Какой лид?"),
        ("/stats", "1 лид: 1 новый, 0 повторных"),
        ("/ledger", "Сходится."),
        ("/back", "С возвращением!"),
        ("/help", "Как здесь работать"),
    ):
        answer = await story.answer(story.admin, await story.admin.writes(story.staff, command))
        assert expected in answer.text, command
    waiting = await story.answer(story.admin, await story.admin.writes(story.staff, "/leads"))
    await story.admin.taps(waiting, "По стадиям")
    await story.telegram.until(lambda: "По стадиям" in waiting.text)
    await story.admin.taps(waiting, "Новая · 1")
    await story.telegram.until(lambda: "Стадия «Новая» · 1" in waiting.text)
    await story.admin.taps(waiting, "№ 1")
    await story.telegram.until(lambda: story.admin.last(story.staff).text.startswith("Лид № 1"))


async def test_an_update_the_library_refuses_is_still_heard(story: Story) -> None:
    story.telegram.push_raw(
        story.staff,
        {
            "message": {
                "message_id": 4000,
                "date": 1_773_651_600,
                "chat": {"id": ADMIN, "type": "private", "first_name": "Ирина"},
                "from": {"id": ADMIN, "is_bot": False, "first_name": "Ирина"},
                "text": "/away",
                "paid_media": "something of next year",
            }
        },
    )
    await story.admin.sees(story.staff, "Вы отошли")


async def test_a_bug_is_an_apology_with_a_reference_and_nothing_internal(folder: Path) -> None:
    async with a_story(folder) as story:
        with closing(sqlite3.connect(folder / "openlines.db")) as database:
            database.execute("ALTER TABLE exclusion RENAME TO gone")
        answer = await story.answer(story.admin, await story.admin.writes(story.staff, "/exclusions"))
        assert "Что-то пошло не так" in answer.text
        assert "exclusion" not in answer.text
        with closing(sqlite3.connect(folder / "openlines.db")) as database:
            database.execute("ALTER TABLE gone RENAME TO exclusion")
        answer = await story.answer(story.admin, await story.admin.writes(story.staff, "/exclusions"))
        assert "Список пуст" in answer.text


async def test_who_has_done_what_cannot_be_shown_is_not_asked_to_do_it_again(folder: Path) -> None:
    async with a_story(folder) as story:
        anna = a_customer(story)
        await anna.writes(story.line, "Сколько стоит доставка?")
        card = await story.admin.sees(story.staff, "Сколько стоит доставка?")
        with closing(sqlite3.connect(folder / "openlines.db")) as database:
            database.execute(
                "CREATE TRIGGER breaks AFTER INSERT ON message WHEN NEW.author LIKE 'manager:%' "
                "BEGIN UPDATE stage SET title = '{'; END"
            )
        sent = await story.admin.writes(story.staff, "Триста рублей", reply_to=card)
        assert (await story.answer(story.admin, sent)).text.startswith("Сделано, повторять не нужно")
        await anna.sees(story.line, "Триста рублей")


async def test_a_database_that_is_away_for_a_moment_costs_a_manager_no_answer_and_no_second_one(
    tmp_path: Path, postgres: PostgresServer, postgres_url: str
) -> None:
    async with a_story(tmp_path, database_url=postgres_url) as story:
        anna = a_customer(story)
        await anna.writes(story.line, "Сколько стоит доставка?")
        card = await story.admin.sees(story.staff, "Сколько стоит доставка?")

        def is_full(times: int) -> None:
            """So often there is no room for a manager's answer."""
            postgres.execute(
                f"""
                DROP SEQUENCE IF EXISTS tries CASCADE;
                CREATE SEQUENCE tries;
                CREATE OR REPLACE FUNCTION fill() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                  IF NEW.author LIKE 'manager:%' AND nextval('tries') <= {times} THEN
                    RAISE EXCEPTION 'full' USING ERRCODE = 'disk_full';
                  END IF;
                  RETURN NEW;
                END $$;
                CREATE OR REPLACE TRIGGER full_disk BEFORE INSERT ON message FOR EACH ROW EXECUTE FUNCTION fill();
                """,
                make_url(postgres_url).database or "",
            )

        is_full(times=2)
        await story.admin.writes(story.staff, "Триста рублей", reply_to=card)
        await anna.sees(story.line, "Триста рублей")
        is_full(times=100)
        sent = await story.admin.writes(story.staff, "И бесплатно от тысячи", reply_to=card)
        await story.admin.sees(story.staff, "Попробуйте ещё раз", after=sent)
        is_full(times=0)
        await story.admin.writes(story.staff, "И бесплатно от двух тысяч", reply_to=card)
        await anna.sees(story.line, "двух тысяч")
        await story.all_handled()
    assert "пошло не так" not in story.read(story.admin).partition("от тысячи")[0]
    assert [message.text for message in anna.chat(story.line) if message.sender is story.line][-2:] == [
        "Триста рублей",
        "И бесплатно от двух тысяч",
    ]


async def test_without_redis_a_dialog_is_refused_and_a_reply_to_the_card_still_works(
    folder: Path, redis_server: object
) -> None:
    url = str(getattr(redis_server, "url"))  # noqa: B009 - the fixture's type lives with the tests' servers
    async with a_story(folder, redis_url=url) as story:
        anna = a_customer(story)
        await anna.writes(story.line, "Здравствуйте")
        card = await story.admin.sees(story.staff, "Новый лид")
        await story.admin.taps(card, "Ответить")
        await story.admin.sees(story.staff, "Что ответить?")
        await story.admin.writes(story.staff, "через Redis")
        await anna.sees(story.line, "через Redis")
        getattr(redis_server, "stop")()  # noqa: B009
        toast = await story.admin.taps(card, "Ответить", timeout=15)
        assert "Ответьте прямо на карточку" in toast.text
        await story.admin.writes(story.staff, "без Redis", reply_to=card)
        await anna.sees(story.line, "без Redis", timeout=15)


async def test_the_bot_works_on_postgresql_as_well(tmp_path: Path, postgres_url: str) -> None:
    async with a_story(tmp_path, database_url=postgres_url) as story:
        anna = a_customer(story)
        await anna.writes(story.line, "Здравствуйте")
        card = await story.admin.sees(story.staff, "Новый лид")
        await story.admin.taps(card, "Взять")
        sent = await story.admin.writes(story.staff, "Добрый день", reply_to=card)
        await anna.sees(story.line, "Добрый день")
        await story.telegram.until(lambda: reactions(sent) == ["👌"])
        for command in ("/leads", "/find анна", "/stats", "/exclusions", "/ledger", "/managers"):
            answer = await story.answer(story.admin, await story.admin.writes(story.staff, command))
            assert "Что-то пошло не так" not in answer.text, command


async def test_two_who_may_be_one_are_asked_about_once_and_the_answer_can_be_taken_back(story: Story) -> None:
    anna, boris = a_customer(story), story.telegram.person(778, "Борис", phone="+79161234567")
    await anna.writes(story.line, "Здравствуйте")
    await anna.sends_contact(story.line)
    await story.admin.sees(story.staff, "Новый лид № 1")
    await boris.writes(story.line, "Добрый день")
    await boris.sends_contact(story.line)
    await story.admin.sees(story.staff, "Новый лид № 2")
    await story.telegram.until(lambda: "+7" in story.read(story.admin).split("Новый лид № 2")[1])
    card = await story.answer(story.admin, await story.admin.writes(story.staff, "/lead 2"))
    assert "Похоже, это тот же человек: Анна" in card.text
    assert (await story.admin.taps(card, "Разные люди")).text.startswith("Запомнили")
    await story.telegram.until(lambda: "Похоже" not in card.text)
    assert not any("Объединить" in button.text for row in card.buttons for button in row)
    await story.admin.taps(card, "История")
    await story.telegram.until(lambda: "Ирина: это не Анна, а другой человек" in card.text)
    await story.admin.taps(card, "Возможно, это Анна")
    await story.telegram.until(lambda: "Похоже, это тот же человек: Анна" in card.text)


async def everybody_is_offered(story: Story) -> None:
    """The line shows every new lead to all who are here."""
    await story.program.db.transact(
        lambda tx: tx.connection.execute(update(Line).values(distribution=Distribution.ALL))
    )


async def test_when_one_takes_the_cards_of_the_others_change_without_a_tap(either_story: Story) -> None:
    story, anna = either_story, a_customer(either_story)
    boris = await story.manager(101, "Борис")
    await everybody_is_offered(story)
    await anna.writes(story.line, "Кто поможет?")
    hers, his = [await person.sees(story.staff, "Новый лид № 1") for person in (story.admin, boris)]
    await anna.writes(story.line, "Ау!")
    relays = [await person.sees(story.staff, "Ау!") for person in (story.admin, boris)]
    assert all(buttons_of(message)[0] == "✋ Взять" for message in (hers, his, *relays))
    await boris.taps(his, "Взять")
    await story.telegram.until(lambda: "Ведёт: Борис" in hers.text)
    assert "✋ Взять" not in buttons_of(hers)
    assert "Передать" in buttons_of(hers)  # an admin's right
    # Words that were passed on stay; whose lead it is stands on the way to the card.
    await story.telegram.until(lambda: "Карточка · ведёт Борис" in buttons_of(relays[0]))
    assert "✋ Взять" not in buttons_of(relays[0])
    assert "Ау!" in relays[0].text
    # Handed over: who has it now is told, the old card of the new one and the giver's are right.
    await boris.taps(his, "Передать")
    await story.telegram.until(lambda: "кому передать" in his.text)
    await boris.taps(his, "Ирина")
    await story.telegram.until(lambda: "Предложен вам" in hers.text)
    assert "✋ Взять" in buttons_of(hers)
    assert "Предложен: Ирина" in his.text
    # Taken by answering: nobody tapped, so all cards are drawn anew, one's own too.
    await story.admin.writes(story.staff, "Я помогу", reply_to=hers)
    await story.telegram.until(lambda: "Ведёт: Ирина" in his.text and "Ваш лид" in hers.text)
    assert "Передать" not in buttons_of(his)
    # Closed.
    await story.admin.taps(hers, "В отказ")
    await story.telegram.until(lambda: "почему отказ" in hers.text)
    await story.admin.taps(hers, "Спам")
    await story.telegram.until(lambda: "Закрыт" in his.text)
    assert "↩️ Открыть снова" in buttons_of(his)
    await story.telegram.until(lambda: "Карточка · лид закрыт" in buttons_of(relays[1]))


async def test_whose_lead_an_admin_gives_to_somebody_else_is_told(story: Story) -> None:
    boris = await story.manager(101, "Борис")
    await everybody_is_offered(story)
    await a_customer(story).writes(story.line, "Кто поможет?")
    hers, his = [await person.sees(story.staff, "Новый лид № 1") for person in (story.admin, boris)]
    await boris.taps(his, "Взять")
    await story.telegram.until(lambda: "Ведёт: Борис" in hers.text)
    await story.admin.taps(hers, "Передать")
    await story.telegram.until(lambda: "кому передать" in hers.text)
    await story.admin.taps(hers, "Ирина")
    told = await boris.sees(story.staff, "Лид № 1 теперь не ваш")
    assert "Лид забирает Ирина" in told.text
    await story.telegram.until(lambda: "Предложен: Ирина" in his.text)


async def test_a_choice_somebody_is_making_is_not_drawn_over(story: Story) -> None:
    boris = await story.manager(101, "Борис")
    await everybody_is_offered(story)
    await a_customer(story).writes(story.line, "Здравствуйте")
    hers, his = [await person.sees(story.staff, "Новый лид № 1") for person in (story.admin, boris)]
    await boris.taps(his, "История")
    await story.telegram.until(lambda: "История лида" in his.text)
    other = await story.answer(boris, await boris.writes(story.staff, "/lead 1"))
    await story.admin.taps(hers, "Взять")
    await story.telegram.until(lambda: "Ведёт: Ирина" in other.text)
    await story.all_handled()
    assert "История лида" in his.text


async def test_what_somebody_opens_while_their_card_is_being_drawn_anew_stays_open(story: Story) -> None:
    boris = await story.manager(101, "Борис")
    await everybody_is_offered(story)
    await a_customer(story).writes(story.line, "Здравствуйте")
    hers, his = [await person.sees(story.staff, "Новый лид № 1") for person in (story.admin, boris)]
    drawing = story.telegram.hold(
        "editMessageText", before_acting=True, where=lambda call: call.params["chat_id"] == boris.id
    )
    await story.admin.taps(hers, "Взять")
    await story.telegram.until(lambda: drawing.arrived)
    tap = asyncio.create_task(boris.taps(his, "История"))
    with pytest.raises(TimeoutError):  # it waits for its turn
        await story.telegram.until(lambda: "История лида" in his.text, timeout=0.2)
    drawing.release()
    await tap
    await story.all_handled()
    assert "История лида" in his.text


async def test_who_blocks_the_bot_keeps_no_lead_that_was_merely_offered(story: Story) -> None:
    boris = await story.manager(101, "Борис")
    assert (
        "Вы отошли" in (await story.answer(story.admin, await story.admin.writes(story.staff, "/away"))).text
    )
    await a_customer(story).writes(story.line, "Ремонт кухни")
    await boris.sees(story.staff, "Ремонт кухни")
    await story.answer(story.admin, await story.admin.writes(story.staff, "/back"))
    await boris.blocks(story.staff)
    await story.admin.sees(story.staff, "Бот не может написать сотруднику")
    await story.admin.sees(story.staff, "Ремонт кухни")
