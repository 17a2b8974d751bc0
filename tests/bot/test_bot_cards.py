"""Cards as managers use them: whom to call, what was said and sent long ago, who filled in a form again."""

from __future__ import annotations

import aiohttp
import pytest

from sandbox.messages import Message
from sandbox.people import Person
from tests.bot.programs import FORM_KEY, Story

pytestmark = pytest.mark.timeout(120)


async def from_the_site(story: Story, **fields: str) -> None:
    url = f"http://127.0.0.1:{story.program.port}/lines/main/form?key={FORM_KEY}"
    async with aiohttp.ClientSession() as session, session.post(url, json=fields) as answer:
        assert answer.status == 202, await answer.text()


def rows_of(message: Message) -> list[list[str]]:
    return [[button.text for button in row] for row in message.buttons]


def buttons_of(message: Message) -> list[str]:
    return [label for row in rows_of(message) for label in row]


async def test_a_form_with_nothing_but_a_telephone_is_called_and_is_then_answered(story: Story) -> None:
    await from_the_site(story, name="Иван", phone="8 916 123-45-67", message="Нужна кухня")
    card = await story.admin.sees(story.staff, "🆕 Новый лид № 1")
    assert "📞 Написать некуда, позвоните: +7 916 123-45-67" in card.text
    assert "Ответить нельзя" not in card.text
    assert rows_of(card)[0] == ["✋ Взять", "📞 Созвонились"]
    toast = await story.admin.taps(card, "Созвонились")
    assert toast.text == "Записано: созвонились. Лид № 1 больше не ждёт ответа."
    await story.telegram.until(lambda: "Ваш лид" in card.text)
    assert "В работе" in card.text
    list_ = await story.answer(story.admin, await story.admin.writes(story.staff, "/leads"))
    assert "⏱" not in list_.text
    await story.admin.taps(card, "История")
    await story.telegram.until(lambda: "📞 Ирина: разговор по телефону" in card.text)


async def test_a_second_form_of_the_same_telephone_can_be_called_back_from_where_it_is_shown(
    story: Story,
) -> None:
    await from_the_site(story, name="Иван", phone="8 916 123-45-67", message="Нужна кухня")
    await story.admin.sees(story.staff, "Новый лид")
    await from_the_site(story, name="Иван", phone="8 916 123-45-67", message="И шкаф")
    again = await story.admin.sees(story.staff, "И шкаф")
    assert rows_of(again)[0] == ["✋ Взять", "📞 Созвонились", "Карточка"]
    await story.admin.taps(again, "Созвонились")
    await story.telegram.until(lambda: "✋ Взять" not in buttons_of(again))
    assert "И шкаф" in again.text


async def test_an_address_that_we_cannot_write_to_for_want_of_a_mailbox_is_not_called_missing(
    story: Story,
) -> None:
    await from_the_site(story, name="Анна", email="anna@example.org", message="Сколько стоит?")
    card = await story.admin.sees(story.staff, "Новый лид")
    assert "🚫 Ответить нельзя: у линии нет почтового ящика" in card.text
    assert "📞 Созвонились" not in buttons_of(card)


async def test_every_file_of_a_lead_can_be_had_again_and_also_by_whom_it_is_handed_to(story: Story) -> None:
    anna = story.telegram.person(777, "Анна", username="anna_p")
    for number in range(12):
        await anna.sends_document(story.line, f"чертёж {number}".encode())
    for number in range(11):
        await anna.writes(story.line, f"слово {number}")
    await story.telegram.until(lambda: "слово 10" in story.read(story.admin))
    boris = await story.manager(101, "Борис")
    card = await story.answer(boris, await boris.writes(story.staff, "/lead 1"))
    assert "📎 Файлы: 12" in buttons_of(card)
    assert "… и ещё 14 сообщений раньше" in card.text
    await boris.taps(card, "Файлы")
    more = await boris.sees(story.staff, "было ещё 2 файла")
    assert documents(story, boris) == [f"чертёж {number}" for number in range(2, 12)]
    await boris.taps(more, "Показать ещё")
    await story.telegram.until(lambda: len(documents(story, boris)) == 12)
    assert documents(story, boris)[-2:] == ["чертёж 0", "чертёж 1"]
    await story.telegram.until(lambda: not more.buttons)


async def test_history_opens_where_one_is_now_and_leads_back_to_the_beginning(story: Story) -> None:
    anna = story.telegram.person(777, "Анна")
    await anna.sends_document(story.line, b"%PDF", "смета.pdf", caption="Вот смета")
    for number in range(1, 20):
        await anna.writes(story.line, f"слово {number}.")
    card = await story.admin.sees(story.staff, "Новый лид")
    await story.telegram.until(lambda: "слово 19." in story.read(story.admin))
    await story.admin.taps(card, "История")
    await story.telegram.until(lambda: "слово 19." in card.text)
    assert rows_of(card) == [["‹ Раньше"], ["‹ Назад", "📎 Файлы: 1"]]
    await story.admin.taps(card, "Раньше")
    await story.telegram.until(lambda: "слово 1." in card.text)
    assert "← Анна: Вот смета 📎 Файл: смета.pdf" in card.text
    assert rows_of(card) == [["Позже ›"], ["‹ Назад", "📎 Файлы: 1"]]
    await story.admin.taps(card, "Позже")
    await story.telegram.until(lambda: "слово 19." in card.text)


async def test_another_name_in_a_second_form_is_seen_and_can_be_made_another_person(story: Story) -> None:
    await from_the_site(story, name="Иван", phone="8 916 123-45-67", message="Нужна кухня", city="Тула")
    card = await story.admin.sees(story.staff, "Новый лид № 1")
    assert "city: Тула" in card.text
    await from_the_site(
        story, name="Ольга", phone="+7 916 123-45-67", message="Ещё раз", city="Тула", budget="200 000"
    )
    again = await story.admin.sees(story.staff, "Ещё раз")
    lines = again.text.splitlines()
    assert lines[0] == "💬 Лид № 1 · Иван, форма на сайте"
    assert lines[1] == "🔗 Другое имя, тот же телефон: Ольга"
    assert lines[2].startswith("Ольга, ")
    assert lines[3:] == ["Ещё раз", "budget: 200 000"]
    assert rows_of(again) == [["✋ Взять", "📞 Созвонились", "Карточка"], ["Это другой человек"]]
    whole = await story.answer(story.admin, await story.admin.writes(story.staff, "/lead 1"))
    assert whole.text.count("city: Тула") == 1
    assert "🔗 Другое имя, тот же телефон: Ольга" in whole.text
    assert "\nОльга, " in whole.text
    assert ["Это другой человек"] in rows_of(whole)
    await story.admin.taps(again, "Это другой человек")
    await story.telegram.until(lambda: "Лид № 2" in again.text)
    assert "Ольга\n+79161234567" in again.text
    assert "Нужна кухня" not in again.text
    assert "🤖" not in again.text  # what automation does not say to somebody set apart is no news
    first = await story.answer(story.admin, await story.admin.writes(story.staff, "/lead 1"))
    assert "Ещё раз" not in first.text
    # From now on each of the two goes on where they were.
    await from_the_site(story, name="ольга", phone="89161234567", message="И шкаф")
    assert "Лид № 2 · Ольга" in (await story.admin.sees(story.staff, "И шкаф")).text
    assert "Новый лид № 2" not in story.read(story.admin)  # who set them apart has the card before them


async def test_who_was_made_another_person_is_rejoined_from_the_card_that_shows_it(story: Story) -> None:
    await from_the_site(story, name="Иван", phone="8 916 123-45-67", message="Нужна кухня")
    await story.admin.sees(story.staff, "Новый лид № 1")
    await from_the_site(story, name="Ольга", phone="+7 916 123-45-67", message="Ещё раз")
    again = await story.admin.sees(story.staff, "Ещё раз")
    await story.admin.taps(again, "Это другой человек")
    await story.telegram.until(lambda: "Лид № 2" in again.text)
    assert (await story.admin.taps(again, "Всё-таки тот же")).text == "Снова один человек."
    await story.telegram.until(lambda: "Повтор" in again.text)  # its own lead is closed as a duplicate
    assert not any("Всё-таки" in label for row in rows_of(again) for label in row)
    first = await story.answer(story.admin, await story.admin.writes(story.staff, "/lead 1"))
    assert "Ещё раз" in first.text


async def test_the_same_name_in_a_second_form_goes_on_without_a_question(story: Story) -> None:
    await from_the_site(story, name="Иван", phone="8 916 123-45-67", message="Нужна кухня")
    await story.admin.sees(story.staff, "Новый лид № 1")
    await from_the_site(story, name="иван ", phone="89161234567", budget="200 000")
    again = await story.admin.sees(story.staff, "budget: 200 000")
    assert again.text.count("200 000") == 1
    assert "🔗" not in again.text
    assert "Это другой человек" not in buttons_of(again)


async def test_what_an_answer_of_the_customer_answers_is_said_unless_it_stands_just_before(
    story: Story,
) -> None:
    anna = story.telegram.person(777, "Анна")
    await anna.writes(story.line, "Здравствуйте")
    card = await story.admin.sees(story.staff, "Новый лид")
    await story.admin.writes(story.staff, "Вам удобно в пять?", reply_to=card)
    five = await anna.sees(story.line, "в пять")
    await story.admin.writes(story.staff, "Или в шесть?", reply_to=card)
    six = await anna.sees(story.line, "в шесть")
    await story.all_handled()
    await anna.writes(story.line, "да", reply_to=six)
    # The card may show the new words first; what is waited for is the message that tells them.
    assert "в ответ на" not in (await story.admin.sees(story.staff, "Telegram\nда")).text
    await story.all_settled()
    await anna.writes(story.line, "лучше так", reply_to=five)
    answer = await story.admin.sees(story.staff, "Telegram\n↩")
    assert answer.text.splitlines()[1:] == ["↩ в ответ на: «Вам удобно в пять?»", "лучше так"]
    whole = await story.answer(story.admin, await story.admin.writes(story.staff, "/lead 1"))
    assert whole.text.count("в ответ на") == 1


async def test_a_card_says_nothing_twice(story: Story) -> None:
    await from_the_site(
        story,
        name="Иван",
        phone="8 916 123-45-67 доб. 12",
        message="Нужна кухня",
        utm_source="yandex",
        utm_campaign="spring",
        utm_term="кухни",
    )
    card = await story.admin.sees(story.staff, "Новый лид № 1")
    facts = card.text.split("\n\n")[0].splitlines()
    assert facts[1:4] == ["Иван", "+79161234567 доб. 12", "Форма на сайте · yandex / spring"]
    assert facts[-2:] == ["📞 Написать некуда, позвоните: +7 916 123-45-67 доб. 12", "utm_term: кухни"]
    assert "Не отправлено автоматически" not in card.text


async def test_of_a_message_that_is_too_long_for_a_card_everything_can_be_read(story: Story) -> None:
    anna = story.telegram.person(777, "Анна")
    await anna.writes(story.line, "Слово " * 660 + "и конец.")
    card = await story.admin.sees(story.staff, "Новый лид № 1")
    assert "и конец." not in card.text
    await story.admin.taps(card, "Всё сообщение")
    whole = await story.admin.sees(story.staff, "и конец.")
    assert whole.text.startswith("💬 Анна, ")
    await story.admin.writes(story.staff, "Прочитала", reply_to=whole)
    await anna.sees(story.line, "Прочитала")
    await anna.writes(story.line, "Начало. " + "слово " * 680 + "конец.")
    last = await story.admin.sees(story.staff, "конец.", after=whole)
    assert last.text.startswith("Начало.")
    first = await story.admin.sees(story.staff, "💬 Лид № 1 · Анна, Telegram")
    assert (last.id > first.id, first.buttons) == (True, [])
    assert "✍️ Ответить" in buttons_of(last)
    await story.all_settled()
    await story.admin.writes(story.staff, "И это", reply_to=first)
    await anna.sees(story.line, "И это")
    await from_the_site(story, name="Иван", phone="8 916 123-45-67", message="Слово " * 2500 + "и всё.")
    card = await story.admin.sees(story.staff, "Новый лид № 2")
    await story.admin.taps(card, "Всё сообщение")
    file = await story.telegram.until(lambda: story.admin.last(story.staff).files)
    assert file[0].name == "message-2.txt"
    assert file[0].data.decode().rstrip().endswith("и всё.")


async def test_somebody_without_any_address_has_none_on_the_card(story: Story) -> None:
    await from_the_site(story, message="аноним")
    card = await story.admin.sees(story.staff, "Новый лид № 1")
    assert "click" not in card.text
    assert card.text.splitlines()[2] == "Форма на сайте"
    assert "🚫 Ответить нельзя: он не оставил адреса, по которому можно ответить" in card.text


async def test_a_lead_closed_with_a_comment_is_one_card_and_one_line(story: Story) -> None:
    anna = story.telegram.person(777, "Анна")
    await anna.writes(story.line, "Сделаете за рубль?")
    card = await story.admin.sees(story.staff, "Новый лид")
    await story.admin.taps(card, "В отказ")
    await story.telegram.until(lambda: "почему отказ" in card.text)
    await story.admin.taps(card, "С комментарием…")
    await story.telegram.until(lambda: "напишите комментарий" in card.text)
    await story.admin.taps(card, "Не подошла цена")
    await story.admin.sees(story.staff, "Напишите комментарий")
    done = await story.answer(story.admin, await story.admin.writes(story.staff, "хотела за рубль"))
    assert (done.text, rows_of(done)) == ("Лид № 1 закрыт.", [["Карточка"]])
    await story.telegram.until(lambda: "«хотела за рубль»" in card.text)


def documents(story: Story, person: Person) -> list[str]:
    """What the files say that this person has in the chat with the managers' bot."""
    return [message.media.data.decode() for message in person.chat(story.staff) if message.media is not None]
