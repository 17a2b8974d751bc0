"""The exclusions as an admin keeps them in the bot: every answer names the next step, every deed can be taken back."""

from __future__ import annotations

import pytest

from sandbox.messages import Message
from tests.bot.programs import Story

TEN_DIGITS = 7771234567  # a Telegram id that would make a telephone


def labels(message: Message) -> list[str]:
    return [button.text for row in message.buttons for button in row]


async def said(story: Story, text: str) -> Message:
    return await story.answer(story.admin, await story.admin.writes(story.staff, text))


async def test_who_wrote_a_forwarded_message_stays_out_and_what_was_stopped_is_read_and_restored(
    story: Story,
) -> None:
    boris = story.telegram.person(TEN_DIGITS, "Борис")
    advertised = await boris.writes(story.line, "Реклама! Купите слона")
    await story.admin.sees(story.staff, "Новый лид")
    forwarded = await story.admin.forwards(advertised, story.staff)
    offer = await story.answer(story.admin, forwarded)
    await story.admin.taps(offer, "Исключить отправителя")
    results = await story.admin.sees(story.staff, "в списке · бессрочно")
    assert f"Telegram id {TEN_DIGITS} в списке" in results.text
    assert "открыт лид № 1" in results.text
    assert "Лид № 1" in labels(results)
    await boris.writes(story.line, "Слоны ещё остались")
    await story.telegram.until(lambda: not story.line.pending)  # stopped, and only then acknowledged
    listing = await said(story, "/exclusions")
    await story.admin.taps(listing, "Что остановлено")
    await story.telegram.until(lambda: "Слоны ещё остались" in listing.text)
    assert "1. Борис, Telegram" in listing.text
    toast = await story.admin.taps(listing, "Вернуть 1")
    assert toast.text == "Вернули: сообщение теперь в лиде № 1, Борис"
    await story.telegram.until(lambda: "по-прежнему не пройдут" in listing.text)
    await story.admin.sees(story.staff, "💬 Лид № 1")  # the news of it, or it would come between what follows
    assert labels(listing) == ["Лид № 1", f"Убрать Telegram id {TEN_DIGITS}", "Список исключений"]
    assert "Остановленных сообщений нет." in listing.text
    await story.admin.taps(listing, "Убрать Telegram id")
    lifted = await story.admin.sees(story.staff, "больше не в списке")
    await story.telegram.until(lambda: "Убрать" not in str(labels(listing)))
    await story.admin.taps(lifted, "Вернуть в список")
    await story.telegram.until(lambda: "Кто добавил" in lifted.text)
    again = await said(story, f"/include tg:{TEN_DIGITS}")
    assert "больше не в списке" in again.text


async def test_only_the_very_pattern_is_taken_off_and_anything_else_is_asked_about(story: Story) -> None:
    added = await said(story, "/exclude +7 495 123-45-55; Вася\nbad@one.example; Вася\n@bad.example")
    assert added.text.count("бессрочно") == 3
    part = await said(story, "/include 555")
    assert part.text.startswith("Точно такого в списке нет. Убрать +74951234555?")
    several = await said(story, "/include вася")
    assert several.text.startswith("Подходит несколько. Что убрать?")
    assert labels(several)[:2] == ["Убрать +74951234555", "Убрать bad@one.example"]
    other = await said(story, "/include joe@bad.example")
    assert "joe@bad.example в списке нет, но не пускает @bad.example." in other.text
    assert (await said(story, "/include @nobody")).text == "@nobody нет в списке."
    assert (await said(story, "/exclusions")).text.startswith("Исключения · 3"), "nothing was lifted so far"
    await story.admin.taps(several, "Убрать +74951234555")
    await story.telegram.until(lambda: "+74951234555 больше не в списке" in several.text)
    await said(story, "/include")
    asked = story.admin.last(story.staff)
    assert asked.text.startswith("Кого убрать из списка?")
    lifted = await said(story, "@bad.example")
    assert "@bad.example больше не в списке" in lifted.text
    await story.admin.taps(lifted, "Вернуть в список")
    await story.telegram.until(lambda: "«" not in lifted.text and lifted.text.startswith("@bad.example"))
    left = await said(story, "/exclusions")
    assert left.text.startswith("Исключения · 2")


async def test_ends_and_comments_are_said_as_they_were_understood_and_changed_by_a_button(
    story: Story,
) -> None:
    first = await said(story, "/exclude @one.example; до 31.12.2026\n@two.example; до пятницы")
    assert "@one.example в списке · по 31 декабря включительно" in first.text
    assert "@two.example в списке · бессрочно\n«до пятницы»" in first.text
    again = await said(story, "/exclude @two.example; спам до 31.12.2026\n@one.example")
    assert "@two.example уже в списке · бессрочно" in again.text
    assert again.text.count("остались прежними") == 1
    toast = await story.admin.taps(again, "@two.example: по 31 декабря включительно, «спам»")
    assert toast.text == "@two.example: записано."
    changed = await story.admin.sees(story.staff, "Кто добавил")
    assert "«спам»\nпо 31 декабря включительно" in changed.text
    bare = await said(story, "/exclude https://example.net/page")
    assert "напишите @example.net" in bare.text
    await said(story, "/check")
    verdict = await said(story, "joe@three.example")
    assert "joe@three.example проходит" in verdict.text
    await story.admin.taps(verdict, "🚫 Исключить")
    assert "joe@three.example в списке" in (await story.admin.sees(story.staff, "🚫 joe@three")).text


async def test_the_list_and_its_search_have_pages_and_a_way_back_to_the_first(story: Story) -> None:
    lines = "\n".join(f"spam{number}@wave.example; волна" for number in range(10))
    await said(story, f"/exclude {lines}\n+79161234567")
    found = await said(story, "/exclusions волна")
    assert found.text.startswith("Исключения: «волна» · 10")
    assert "‹ В начало" not in labels(found)
    await story.admin.taps(found, "Дальше ›")
    await story.telegram.until(lambda: "spam8@wave.example" in found.text)
    assert found.text.startswith("Исключения: «волна» · 10")
    assert "Дальше ›" not in labels(found)
    await story.admin.taps(found, "spam8@wave.example")
    await story.telegram.until(lambda: "Убрать из списка" in labels(found))
    await story.admin.taps(found, "Список исключений")
    await story.telegram.until(lambda: "«волна» · 10" in found.text)
    await story.admin.taps(found, "Дальше ›")
    await story.telegram.until(lambda: "‹ В начало" in labels(found))
    await story.admin.taps(found, "‹ В начало")
    await story.telegram.until(lambda: "spam0@wave.example" in found.text)


async def test_the_card_of_somebody_on_the_list_has_the_button_that_takes_them_off_it(story: Story) -> None:
    boris = story.telegram.person(7771234567, "Борис")
    await boris.writes(story.line, "Здравствуйте")
    await story.admin.sees(story.staff, "Новый лид")
    await said(story, "/exclude id 7771234567")
    shown = await said(story, "/lead 1")
    assert "Ответить нельзя: человек в списке исключений" in shown.text
    assert "Ответить" not in str(labels(shown))
    toast = await story.admin.taps(shown, "Убрать Telegram id 7771234567")
    assert toast.text == "Telegram id 7771234567 больше не в списке, сообщения снова приходят."
    await story.telegram.until(lambda: "исключений" not in shown.text and "Ответить" in str(labels(shown)))
    lifted = await story.admin.sees(story.staff, "больше не в списке")
    assert labels(lifted)[0] == "↩️ Вернуть в список"


async def test_a_list_that_an_admin_forwards_of_their_own_is_read_as_written(story: Story) -> None:
    """Kept among the saved messages: it says whom to exclude, and not that its author is."""
    listed = await story.admin.writes(story.staff, "spam@one.example\nspam@two.example")
    await story.answer(story.admin, listed)
    await said(story, "/exclude")
    results = await story.answer(story.admin, await story.admin.forwards(listed, story.staff))
    assert "spam@one.example в списке" in results.text
    assert "spam@two.example в списке" in results.text


@pytest.mark.parametrize("command", ["/exclude", "/check", "/include"])
async def test_words_that_the_bot_has_passed_on_do_not_say_who_is_meant_when_they_are_forwarded(
    story: Story, command: str
) -> None:
    spammer = story.telegram.person(777, "Купи слона", username="slon")
    shy = story.telegram.person(778, "Тихоня", hides_forwards=True)
    await spammer.writes(story.line, "Звоните +7 916 123-45-67")
    card = await story.admin.sees(story.staff, "Новый лид № 1")
    theirs = await shy.writes(story.line, "Это я")
    await story.admin.sees(story.staff, "Новый лид № 2")
    await said(story, command)
    no = await story.answer(story.admin, await story.admin.forwards(card, story.staff))
    assert no.text.startswith("Это переслано от бота")
    await said(story, command)
    no = await story.answer(story.admin, await story.admin.forwards(theirs, story.staff))
    assert "скрыл свой аккаунт" in no.text
    assert "Список пуст" in (await said(story, "/exclusions")).text
    plain = await story.answer(story.admin, await story.admin.forwards(card, story.staff))
    assert not any("Исключить отправителя" in b.text for row in plain.buttons for b in row)
