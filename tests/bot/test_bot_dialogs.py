"""What the managers' bot waits for, and what it says of what it has done: the whole program, on its own Telegram."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import select

from bot.screens.exclusions import person_excluded
from bot.texts import Texts
from core.desk.person_exclusion import PersonExcluded
from core.journal import Journal
from sandbox.faults import Fault, Gateway, HangUp, Refuse, too_many_requests
from sandbox.messages import Message
from sandbox.people import Person
from tests.bot.programs import Story, a_story

pytestmark = pytest.mark.timeout(120)


async def a_lead(story: Story, text: str = "Здравствуйте, сколько стоит сайт?") -> tuple[Person, Message]:
    """Anna has written; the admin's card of lead 1."""
    anna = story.telegram.person(777, "Анна", username="anna_p", phone="+79161234567")
    await anna.writes(story.line, text)
    await story.admin.sees(story.staff, "Новый лид № 1")
    await story.telegram.until(lambda: len(anna.chat(story.line)) == 2)  # she has her confirmation
    return anna, await said_to(story, "/lead 1")


async def said_to(story: Story, text: str, person: Person | None = None) -> Message:
    """What the bot answers to this."""
    person = person or story.admin
    return await story.answer(person, await person.writes(story.staff, text))


def buttons_of(message: Message) -> list[str]:
    return [button.text for row in message.buttons for button in row]


async def test_a_question_that_was_left_says_so_and_the_next_message_is_for_the_last_one(
    story: Story,
) -> None:
    anna, card = await a_lead(story)
    await story.admin.taps(card, "Ответить")
    first = await story.admin.sees(story.staff, "Следующее сообщение уйдёт клиенту")
    await story.admin.taps(card, "Заметка")
    second = await story.admin.sees(story.staff, "Напишите заметку")
    await story.telegram.until(lambda: first.text == "Отменено: ответ по лиду № 1, Анна")
    assert buttons_of(first) == []
    await story.admin.writes(story.staff, "перезвонить в пять")
    await story.admin.sees(story.staff, "Записано")
    await story.telegram.until(lambda: buttons_of(second) == [])
    assert "перезвонить" not in str([message.text for message in anna.chat(story.line)])


@pytest.mark.parametrize("command", ["/stats", "/leads", "/away", "/find анна", "/exclusions", "/managers"])
async def test_whoever_does_something_else_has_left_the_question(story: Story, command: str) -> None:
    _, card = await a_lead(story)
    await story.admin.taps(card, "Заметка")
    question = await story.admin.sees(story.staff, "Напишите заметку")
    await said_to(story, command)
    await story.telegram.until(lambda: question.text == "Отменено: заметка к лиду № 1, Анна")
    assert buttons_of(question) == []
    assert "никому не ушло" in (await said_to(story, "просто текст")).text


async def test_an_old_cancel_leaves_the_question_of_today_alone(story: Story) -> None:
    _, card = await a_lead(story)
    await story.admin.taps(card, "Ответить")
    first = await story.admin.sees(story.staff, "Следующее сообщение уйдёт клиенту")
    breaks(story, "editMessageText", 1)  # so it keeps its button
    await story.admin.taps(card, "Заметка")
    second = await story.admin.sees(story.staff, "Напишите заметку")
    await story.all_handled()
    assert (await story.admin.taps(first, "Отмена")).text == "Этот вопрос уже закрыт."
    await story.telegram.until(lambda: buttons_of(first) == [])
    assert buttons_of(second) == ["Отмена"]
    assert "Записано" in (await said_to(story, "заметка всё-таки")).text


async def test_a_cancelled_question_says_what_was_cancelled(story: Story) -> None:
    _, card = await a_lead(story)
    await story.admin.taps(card, "Ответить")
    question = await story.admin.sees(story.staff, "Следующее сообщение уйдёт клиенту")
    assert (await story.admin.taps(question, "Отмена")).text == "Отменено."
    await story.telegram.until(lambda: question.text == "Отменено: ответ по лиду № 1, Анна")
    assert buttons_of(question) == []
    assert "никому не ушло" in (await said_to(story, "просто текст")).text


async def test_who_answers_the_card_instead_of_the_question_has_answered(story: Story) -> None:
    anna, card = await a_lead(story)
    await story.admin.taps(card, "Ответить")
    question = await story.admin.sees(story.staff, "Следующее сообщение уйдёт клиенту")
    await story.admin.writes(story.staff, "Сто тысяч", reply_to=card)
    await anna.sees(story.line, "Сто тысяч")
    await story.telegram.until(lambda: buttons_of(question) == [])
    assert "Отменено" not in question.text


@pytest.mark.parametrize("asked", ["Заметка", "В отказ", "/exclude", "/check"])
async def test_who_replies_to_the_card_while_words_for_no_customer_are_waited_for_is_asked_for_whom(
    story: Story, asked: str
) -> None:
    anna, card = await a_lead(story)
    if asked.startswith("/"):
        await story.admin.writes(story.staff, asked)
    else:
        await story.admin.taps(card, asked)
    if asked == "В отказ":
        await story.telegram.until(lambda: "почему отказ" in card.text)
        await story.admin.taps(card, "С комментарием…")
        await story.telegram.until(lambda: "напишите комментарий" in card.text)
        await story.admin.taps(card, "Спам")
    question = await story.admin.sees(story.staff, "Пришлите" if asked.startswith("/") else "Напишите")
    sent = await story.admin.writes(story.staff, "скидку ей не давать", reply_to=card)
    assert "Никому не ушло: вы ещё не ответили на мой вопрос" in (await story.answer(story.admin, sent)).text
    assert buttons_of(question) == ["Отмена"]
    await story.admin.taps(question, "Отмена")
    await story.admin.writes(story.staff, "Скидок у нас нет", reply_to=card)
    await anna.sees(story.line, "Скидок у нас нет")
    assert all("не давать" not in message.text for message in anna.chat(story.line))


async def test_a_note_on_an_old_lead_that_replies_to_its_card_is_asked_for_whom_it_is(
    story: Story,
) -> None:
    anna, card = await a_lead(story)
    await story.admin.taps(card, "В отказ")
    await story.telegram.until(lambda: "почему отказ" in card.text)
    await story.admin.taps(card, "Спам")
    await story.telegram.until(lambda: "Закрыт" in card.text)
    await anna.writes(story.line, "Я передумала")
    await story.admin.sees(story.staff, "лид № 2")
    old = await said_to(story, "/lead 1")
    await story.admin.taps(old, "Заметка")
    question = await story.admin.sees(story.staff, "Напишите заметку к лиду № 1")
    sent = await story.admin.writes(story.staff, "скидку ей не давать", reply_to=old)
    assert "Никому не ушло: вы ещё не ответили на мой вопрос" in (await story.answer(story.admin, sent)).text
    assert buttons_of(question) == ["Отмена"]
    await story.admin.writes(story.staff, "Без скидок")
    await story.admin.sees(story.staff, "Записано")
    assert all("не давать" not in message.text for message in anna.chat(story.line))


@pytest.mark.parametrize(
    ("button", "asked", "reply"),
    [
        ("В отказ", "почему отказ", "торгуется без денег"),
        ("Передать", "кому передать", "Борису"),
        ("Стадия", "куда перевести", "в работу"),
        ("Исключить", "Исключить: Анна?", "да"),
    ],
)
async def test_what_replies_to_a_question_below_a_card_is_no_word_to_the_customer(
    story: Story, button: str, asked: str, reply: str
) -> None:
    anna, card = await a_lead(story)
    await story.admin.taps(card, button)
    await story.telegram.until(lambda: asked in card.text)
    await story.all_handled()
    sent = await story.admin.writes(story.staff, reply, reply_to=card)
    assert "никому не ушёл" in (await story.answer(story.admin, sent)).text
    await story.admin.taps(card, "Назад")
    await story.telegram.until(lambda: "сколько стоит сайт" in card.text)
    await story.all_handled()
    await story.admin.writes(story.staff, "Сто тысяч", reply_to=card)
    await anna.sees(story.line, "Сто тысяч")
    assert reply not in [message.text for message in anna.chat(story.line)]


async def notes(story: Story, verb: str = "note") -> int:
    rows = await story.program.db.read(
        lambda connection: connection.execute(select(Journal.id).where(Journal.verb == verb)).all()
    )
    return len(rows)


def breaks(story: Story, method: str, times: int, fault: Fault | None = None) -> None:
    """The connection breaks so many times when the bot speaks to the admin, or what is named happens to it."""
    story.telegram.fail(
        method, fault or HangUp(), times=times, where=lambda call: call.chat_id == story.admin.id
    )


@pytest.mark.parametrize("fault", [HangUp(), Gateway()], ids=["cut off", "a page of the proxy before it"])
async def test_a_note_whose_confirmation_meets_trouble_is_written_once_and_confirmed(
    story: Story, fault: Fault
) -> None:
    _, card = await a_lead(story)
    await story.admin.taps(card, "Заметка")
    await story.admin.sees(story.staff, "Напишите заметку")
    await story.all_handled()
    breaks(story, "sendMessage", 1, fault)
    sent = await story.admin.writes(story.staff, "просил перезвонить")
    assert "Записано" in (await story.answer(story.admin, sent)).text
    assert await notes(story) == 1
    assert "никому не ушло" not in story.read(story.admin)


@pytest.mark.parametrize(
    ("fault", "times"), [(HangUp(), 4), (too_many_requests(40), 1)], ids=["cut off", "told to wait"]
)
async def test_a_question_that_keeps_its_button_costs_no_answer(
    story: Story, fault: Fault, times: int
) -> None:
    anna, card = await a_lead(story)
    await story.admin.taps(card, "Ответить")
    question = await story.admin.sees(story.staff, "Следующее сообщение уйдёт клиенту")
    breaks(story, "editMessageReplyMarkup", times, fault)
    await story.admin.writes(story.staff, "Сто тысяч")
    await anna.sees(story.line, "Сто тысяч")
    await story.all_handled()
    assert (await story.admin.taps(question, "Отмена")).text == "Этот вопрос уже закрыт."


async def test_a_note_that_cannot_be_confirmed_at_all_is_not_taken_for_something_else(story: Story) -> None:
    _, card = await a_lead(story)
    await story.admin.taps(card, "Заметка")
    await story.admin.sees(story.staff, "Напишите заметку")
    await story.all_handled()
    breaks(story, "sendMessage", 4)
    await story.admin.writes(story.staff, "просил перезвонить")
    await story.all_handled()
    await asyncio.sleep(1)  # twenty of the hurried clock's: time enough to be given again
    assert await notes(story) == 1
    assert "никому не ушло" not in story.read(story.admin)


async def test_an_invitation_whose_words_are_cut_off_is_made_once(story: Story) -> None:
    await story.all_handled()
    breaks(story, "sendMessage", 4)
    await story.admin.writes(story.staff, "/invite")
    await story.all_handled()
    await asyncio.sleep(1)
    assert await notes(story, "manager-invited") == 1


async def test_a_language_whose_confirmation_is_cut_off_is_not_switched_back(story: Story) -> None:
    await story.all_handled()
    breaks(story, "sendMessage", 4)
    await story.admin.writes(story.staff, "/language")
    await story.all_handled()
    await asyncio.sleep(1)
    assert "How this works" in (await said_to(story, "/help")).text


async def test_a_lead_handed_over_is_handed_over_once_however_the_network_is(story: Story) -> None:
    boris = await story.manager(101, "Борис")
    _, card = await a_lead(story)
    await story.admin.taps(card, "Передать")
    await story.telegram.until(lambda: "кому передать" in card.text)
    await story.all_handled()
    breaks(story, "editMessageText", 4)
    await story.admin.taps(card, "Борис")
    await boris.sees(story.staff, "Ирина передаёт вам лид")
    await story.all_handled()
    await asyncio.sleep(1)
    assert [message.text for message in boris.chat(story.staff)].count("Ирина передаёт вам лид") <= 1
    assert await notes(story, "lead-handed-over") == 1


def reactions(message: Message) -> list[str]:
    return [one["emoji"] for own in message.reactions.values() for one in own]


async def test_an_uncertain_answer_is_not_called_a_failure_and_sent_again_it_is_well(story: Story) -> None:
    anna, card = await a_lead(story)
    await story.admin.taps(card, "Взять")
    story.telegram.fail(
        "sendMessage", HangUp(after_acting=True), where=lambda call: "Дошло?" in str(call.params)
    )
    sent = await story.admin.writes(story.staff, "Дошло?", reply_to=card)
    notice = await story.admin.sees(story.staff, "неизвестно, дошло ли", timeout=10)
    await story.telegram.until(lambda: reactions(sent) == ["🤔"])
    await story.admin.taps(notice, "Отправить ещё раз")
    await story.telegram.until(lambda: reactions(sent) == ["👌"])
    assert [message.text for message in anna.chat(story.line)].count("Дошло?") == 2
    # What is said as a reply to one's own words goes to the customer as before.
    await story.admin.writes(story.staff, "Это я ещё раз", reply_to=sent)
    await anna.sees(story.line, "Это я ещё раз")


async def test_whose_lead_a_colleague_answers_closes_and_reopens_reads_who_it_was(story: Story) -> None:
    boris = await story.manager(101, "Борис")
    anna, card = await a_lead(story)
    await story.admin.taps(card, "Взять")
    his = await said_to(story, "/lead 1", boris)
    await boris.writes(story.staff, "Я подскажу <b>цену</b>", reply_to=his)
    told = await story.admin.sees(story.staff, "Лид № 1: клиенту отвечает Борис")
    assert "Я подскажу <b>цену</b>" in told.text.replace("\u2060", "")
    sent = await story.admin.writes(story.staff, "Откуда такая цена?", reply_to=told)
    assert "никому не ушёл" in (await story.answer(story.admin, sent)).text
    await story.admin.taps(told, "Ответить")
    await story.admin.sees(story.staff, "Следующее сообщение уйдёт клиенту")
    await story.admin.writes(story.staff, "А я продолжу")
    await anna.sees(story.line, "А я продолжу")
    assert all("Откуда" not in message.text for message in anna.chat(story.line))
    his = await said_to(story, "/lead 1", boris)
    await boris.taps(his, "В отказ")
    await story.telegram.until(lambda: "почему отказ" in his.text)
    await boris.taps(his, "Спам")
    told = await story.admin.sees(story.staff, "Лид № 1 закрывает Борис: Спам")
    await story.admin.taps(told, "Карточка")
    assert "закрывает" not in story.read(boris)
    await boris.taps(his, "Открыть снова")
    told = await story.admin.sees(story.staff, "Лид снова открывает Борис")
    assert "Ваш лид" in told.text
    await story.admin.writes(story.staff, "Мы вернулись к вам", reply_to=told)
    await anna.sees(story.line, "Мы вернулись к вам")


async def test_what_replies_to_a_note_or_to_what_a_colleague_did_is_not_for_the_customer(
    story: Story,
) -> None:
    boris = await story.manager(101, "Борис")
    anna, card = await a_lead(story)
    await story.admin.taps(card, "Взять")
    await story.admin.taps(card, "Заметка")
    await story.admin.sees(story.staff, "увидят только сотрудники")
    await story.admin.writes(story.staff, "торгуется")
    noted = await story.admin.sees(story.staff, "Записано")
    answer = await story.answer(
        story.admin, await story.admin.writes(story.staff, "и грубит", reply_to=noted)
    )
    assert "никому не ушёл" in answer.text
    his = await said_to(story, "/lead 1", boris)
    await boris.taps(his, "Заметка")
    await boris.sees(story.staff, "увидят только сотрудники")
    await boris.writes(story.staff, "Уступим <b>ей</b>?")
    told = await story.admin.sees(story.staff, "📝 Лид № 1: заметку пишет Борис · Анна")
    assert "Уступим <b>ей</b>?" in told.marked("blockquote")[0].replace("\u2060", "")
    answer = await story.answer(story.admin, await story.admin.writes(story.staff, "нет", reply_to=told))
    assert "никому не ушёл" in answer.text
    await story.admin.taps(told, "Заметка")
    await boris.taps(his, "В отказ")
    await story.telegram.until(lambda: "почему отказ" in his.text)
    await boris.taps(his, "С комментарием…")
    await story.telegram.until(lambda: "напишите комментарий" in his.text)
    await boris.taps(his, "Спам")
    await boris.sees(story.staff, "Напишите комментарий")
    await boris.writes(story.staff, "реклама")
    closed = await boris.sees(story.staff, "Лид № 1 закрыт.")
    told = await story.admin.sees(story.staff, "Лид № 1 закрывает Борис: Спам")
    for person, shown in ((boris, closed), (story.admin, told)):
        answer = await story.answer(person, await person.writes(story.staff, "Точно спам?", reply_to=shown))
        assert "никому не ушёл" in answer.text
    assert len(anna.chat(story.line)) == 2  # what she wrote, and the confirmation


async def test_who_cannot_be_written_to_can_be_called_or_given_up_from_where_it_is_told(story: Story) -> None:
    anna, card = await a_lead(story)
    await anna.sends_contact(story.line)
    await anna.writes(story.line, "Вот мой номер")
    await story.admin.sees(story.staff, "Вот мой номер")
    await story.admin.taps(card, "Взять")
    blocked = Refuse(403, "Forbidden: bot was blocked by the user")
    story.telegram.fail("sendMessage", blocked, where=lambda call: "Сто тысяч" in str(call.params))
    await story.admin.writes(story.staff, "Сто тысяч", reply_to=card)
    notice = await story.admin.sees(story.staff, "Лид № 1: не доставлено")
    assert "Можно позвонить: +7 916 123-45-67" in notice.text
    assert buttons_of(notice)[-2:] == ["В отказ", "Карточка"]
    await story.admin.writes(story.staff, "Ау", reply_to=card)
    refused = await story.admin.sees(story.staff, "нельзя: клиент заблокировал бота")
    assert "Можно позвонить: +7 916 123-45-67" in refused.text
    await story.admin.taps(refused, "В отказ")
    await story.telegram.until(lambda: "почему отказ" in refused.text)
    await story.admin.taps(refused, "Спам")
    await story.telegram.until(lambda: refused.text.startswith("Лид № 1 · Отказ"))


async def test_a_question_answered_with_what_cannot_be_sent_waits_for_another_try(story: Story) -> None:
    anna, card = await a_lead(story)
    await story.admin.taps(card, "Ответить")
    question = await story.admin.sees(story.staff, "Следующее сообщение уйдёт клиенту")
    await story.admin.sends_poll(story.staff, "Когда?", ["Сегодня", "Завтра"])
    await story.admin.sees(story.staff, "Такое клиенту не переслать")
    assert buttons_of(question) == ["Отмена"]
    await story.admin.writes(story.staff, "Сто тысяч")
    await anna.sees(story.line, "Сто тысяч")


async def test_a_lead_is_found_however_its_number_is_written(story: Story) -> None:
    await a_lead(story)
    for written in ("/LEAD 1", "/lead1", "/Lead_1", "/lead № 1"):
        assert (await said_to(story, written)).text.startswith("Лид № 1 · Новая"), written
    for written in ("1", "№ 1", "лид 1", "Лид №1"):
        offered = await said_to(story, written)
        assert "никому не ушло" in offered.text
        assert buttons_of(offered)[0] == "Лид № 1", written
    assert "Лид № 7" not in buttons_of(await said_to(story, "7"))


async def test_which_lead_is_asked_and_the_next_message_is_the_answer(story: Story) -> None:
    anna, card = await a_lead(story)
    question = await said_to(story, "/lead")
    assert question.text == "Какой лид? Пришлите номер, например: 12"
    assert buttons_of(question)[-1] == "Отмена"
    assert (await said_to(story, "не знаю")).text == question.text
    assert (await said_to(story, "№ 1")).text.startswith("Лид № 1 · Новая")
    # A reply to a card is an answer to its customer all the same.
    await said_to(story, "/lead")
    await story.admin.writes(story.staff, "Добрый день", reply_to=card)
    await anna.sees(story.line, "Добрый день")


async def test_a_comment_on_a_lead_that_has_moved_meanwhile_is_refused_with_the_card_as_it_is(
    story: Story,
) -> None:
    boris = await story.manager(101, "Борис")
    _, card = await a_lead(story)
    theirs = await said_to(story, "/lead 1", boris)
    await story.admin.taps(card, "В отказ")
    await story.telegram.until(lambda: "С комментарием…" in buttons_of(card))
    await story.admin.taps(card, "С комментарием…")
    await story.telegram.until(lambda: "напишите комментарий" in card.text)
    await story.admin.taps(card, "Не подошла цена")
    await story.admin.sees(story.staff, "Напишите комментарий")
    await boris.taps(theirs, "Стадия")
    await story.telegram.until(lambda: "куда перевести" in theirs.text)
    await boris.taps(theirs, "В работе")
    no = await said_to(story, "хотела за рубль")
    assert no.text.startswith("Лид № 1 изменился")
    shown = await story.answer(story.admin, no)
    assert "В работе" in shown.text
    assert "В отказ" in buttons_of(shown)


async def test_what_is_no_text_is_refused_as_a_note_or_a_comment_and_the_question_waits(story: Story) -> None:
    _, card = await a_lead(story)
    await story.admin.taps(card, "Заметка")
    await story.admin.sees(story.staff, "увидят только сотрудники")
    sent = await story.admin.sends_photo(story.staff, caption="договор")
    assert "не сохраняются" in (await story.answer(story.admin, sent)).text
    assert "Записано" in (await said_to(story, "договор подписан")).text
    await story.admin.taps(card, "В отказ")
    await story.telegram.until(lambda: "почему отказ" in card.text)
    await story.admin.taps(card, "С комментарием…")
    await story.telegram.until(lambda: "напишите комментарий" in card.text)
    await story.admin.taps(card, "Спам")
    await story.admin.sees(story.staff, "Напишите комментарий")
    sent = await story.admin.sends_voice(story.staff)
    assert "не сохраняются" in (await story.answer(story.admin, sent)).text
    assert (await said_to(story, "реклама")).text == "Лид № 1 закрыт."
    await story.telegram.until(lambda: "«реклама»" in card.text)


async def test_an_edit_is_told_what_it_does_not_change(story: Story) -> None:
    _, card = await a_lead(story)
    await story.admin.taps(card, "Заметка")
    question = await story.admin.sees(story.staff, "увидят только сотрудники")
    note = await story.admin.writes(story.staff, "скупой", reply_to=question)
    noted = await story.admin.sees(story.staff, "Записано")
    await story.admin.edits(note, "щедрый")
    assert "не меняет заметку" in (await story.admin.sees(story.staff, "Правка", after=noted)).text
    nobodys = await story.admin.writes(story.staff, "спасибо", reply_to=noted)
    told = await story.admin.sees(story.staff, "никому не ушёл", after=nobodys)
    await story.admin.edits(nobodys, "не за что")
    answer = await story.admin.writes(story.staff, "Сто тысяч", reply_to=card)
    await story.telegram.until(lambda: reactions(answer) == ["👌"])
    await story.admin.edits(answer, "Двести тысяч")
    await story.admin.sees(story.staff, "Правка не меняет то, что уже ушло клиенту", after=answer)
    assert not [m for m in story.admin.chat(story.staff) if told.id < m.id < answer.id]


async def test_an_edit_of_any_part_of_an_album_is_told_that_the_customer_has_it_as_it_was(
    story: Story,
) -> None:
    anna, card = await a_lead(story)
    parts = await story.admin.sends_album(story.staff, [b"1", b"2"], caption="Наши работы", reply_to=card)
    await story.telegram.until(lambda: sum(bool(one.files) for one in anna.chat(story.line)) == 2)
    await story.admin.edits(parts[1], "Вот эта дороже")
    await story.admin.sees(story.staff, "Правка не меняет то, что уже ушло клиенту", after=parts[1])


async def test_a_note_that_is_refused_is_followed_by_the_card(story: Story) -> None:
    _, card = await a_lead(story)
    await story.admin.taps(card, "Заметка")
    await story.admin.sees(story.staff, "Напишите заметку")
    no = await said_to(story, "да " * 1360)
    assert no.text.startswith("Слишком длинная заметка")
    assert "Заметка" in buttons_of(await story.answer(story.admin, no))


async def test_an_answer_that_a_colleague_was_quicker_than_is_refused_with_the_card(folder: Path) -> None:
    async with a_story(folder, own_staff_bot=True) as story:
        boris = await story.manager(101, "Борис")
        anna, card = await a_lead(story)
        theirs = await said_to(story, "/lead 1", boris)
        await story.admin.taps(card, "Ответить")
        await story.admin.sees(story.staff, "Следующее сообщение уйдёт клиенту")
        held = story.telegram.hold("getFile")  # the picture takes its time to come
        sent = await story.admin.sends_photo(story.staff, caption="Вот цены")
        await story.telegram.until(lambda: held.arrived)
        await boris.taps(theirs, "Взять")
        held.release()
        no = await story.answer(story.admin, sent)
        assert no.text == "Лид № 1 уже ведёт Борис."
        assert "Борис" in (await story.answer(story.admin, no)).text
        assert all("цены" not in message.text for message in anna.chat(story.line))


async def test_who_began_to_answer_a_lead_that_a_colleague_has_answered_since_is_told_and_decides(
    story: Story,
) -> None:
    boris = await story.manager(101, "Борис")
    anna, card = await a_lead(story)
    his = await said_to(story, "/lead 1", boris)
    await boris.taps(his, "Ответить")
    await boris.sees(story.staff, "Следующее сообщение уйдёт клиенту")
    await story.admin.writes(story.staff, "Сто тысяч", reply_to=card)
    await anna.sees(story.line, "Сто тысяч")
    sent = await boris.writes(story.staff, "Двести тысяч")
    no = await story.answer(boris, sent)
    assert no.text == "Лид № 1 уже ведёт Ирина."
    now = await story.answer(boris, no)
    assert "Сто тысяч" in now.text
    await boris.taps(now, "Ответить")
    await boris.sees(story.staff, "Следующее сообщение уйдёт клиенту", after=now)
    await boris.writes(story.staff, "И ещё пять за доставку")
    await anna.sees(story.line, "за доставку")
    assert all("Двести" not in message.text for message in anna.chat(story.line))


async def test_letters_are_spoken_of_only_where_there_is_a_mailbox(story: Story) -> None:
    shown = await said_to(story, "/help")
    assert "/write" not in shown.text
    assert "письмом" not in shown.text
    assert "нет почтового ящика" in (await said_to(story, "/write")).text
    menus = [call for call in story.telegram.calls if call.method == "setMyCommands"]
    assert menus
    assert all('"write"' not in str(call.params) for call in menus)


async def test_who_is_to_be_removed_is_named_so_that_it_reads_well(story: Story) -> None:
    await story.manager(101, "Борис")
    people = await said_to(story, "/managers")
    await story.admin.taps(people, "Борис")
    await story.telegram.until(lambda: "Убрать из сотрудников" in buttons_of(people))
    await story.admin.taps(people, "Убрать из сотрудников")
    await story.telegram.until(lambda: "Убрать из сотрудников: Борис?" in people.text)


@pytest.mark.parametrize(
    ("language", "said"),
    [("ru", "Анна: исключены 2 адреса."), ("en", "Анна is excluded: 2 addresses.")],
)
def test_who_was_excluded_is_named(language: str, said: str) -> None:
    words = Texts().words(language, "Europe/Moscow", datetime(2026, 3, 16, tzinfo=UTC))
    done = PersonExcluded(1, ("phone:+79161234567", "telegram:777"), (1,), ())
    assert person_excluded(words, done, "Анна") == said


async def test_a_mistyped_command_is_no_answer_to_a_customer(story: Story) -> None:
    anna, card = await a_lead(story)
    await story.admin.taps(card, "Ответить")
    await story.admin.sees(story.staff, "Следующее сообщение уйдёт клиенту")
    assert "Такой команды нет" in (await said_to(story, "/stast")).text
    await story.admin.writes(story.staff, "Сто тысяч")
    await anna.sees(story.line, "Сто тысяч")
    mistyped = await story.admin.writes(story.staff, "/jnuk спам", reply_to=card)
    await story.admin.sees(story.staff, "Такой команды нет", after=mistyped)
    await story.admin.writes(story.staff, "Ждём вас", reply_to=card)
    await anna.sees(story.line, "Ждём вас")
    assert not [
        message.text for message in anna.chat(story.line) if message.text.startswith(("/stast", "/jnuk"))
    ]


async def test_what_replies_to_something_else_is_not_the_answer_that_was_asked_for(story: Story) -> None:
    anna, card = await a_lead(story)
    listed = await said_to(story, "/leads")
    await story.admin.taps(card, "Ответить")
    await story.admin.sees(story.staff, "Следующее сообщение уйдёт клиенту")
    sent = await story.admin.writes(story.staff, "Борису: мастер завтра", reply_to=listed)
    said = await story.answer(story.admin, sent)
    assert "Отправлено" not in said.text
    await story.admin.writes(story.staff, "Анна, мастер будет в среду")
    await anna.sees(story.line, "в среду")
    assert all("Борису" not in message.text for message in anna.chat(story.line))
