"""A file that Telegram does not take keeps no lead from its managers: the whole program, on this machine's Telegram."""

from __future__ import annotations

import aiohttp
import pytest

from sandbox.faults import Refuse
from sandbox.messages import Message
from tests.bot.programs import FORM_KEY, Story

pytestmark = pytest.mark.timeout(120)
NO_VOICES = Refuse(400, "Bad Request: VOICE_MESSAGES_FORBIDDEN")
NOT_HERE = "Файл здесь показать не получилось, попробуйте кнопку «Файлы»."


async def a_form_with(story: Story, **files: bytes) -> None:
    form = aiohttp.FormData({"name": "Анна", "phone": "+79161234567", "message": "Проект во вложении"})
    for name, content in files.items():
        form.add_field("file", content, filename=f"{name}.pdf", content_type="application/pdf")
    url = f"http://127.0.0.1:{story.program.port}/lines/main/form?key={FORM_KEY}"
    async with aiohttp.ClientSession() as session, session.post(url, data=form) as answer:
        assert answer.status == 202, await answer.text()


def labels(message: Message) -> list[str]:
    return [button.text for row in message.buttons for button in row]


async def test_a_form_with_an_empty_file_is_a_card_that_says_so(story: Story) -> None:
    await a_form_with(story, plan=b"", draft=b"%PDF")
    card = await story.admin.sees(story.staff, "Новый лид № 1")
    assert "Проект во вложении" in card.text
    assert "📎 Файл: plan.pdf (0 байт, показать нечего)" in card.text
    assert [file.data for file in card.files] == [b"%PDF"]
    toast = await story.admin.taps(card, "Файлы: 2")
    assert toast.text == "Не удалось получить: 1"


async def test_a_voice_message_to_a_manager_who_takes_none_is_a_card_and_comes_as_a_document_when_asked_for(
    story: Story,
) -> None:
    story.telegram.fail("sendVoice", NO_VOICES, times=100)
    anna = story.telegram.person(777, "Анна")
    await anna.sends_voice(story.line, b"OggS")
    card = await story.admin.sees(story.staff, "Новый лид № 1")
    assert NOT_HERE in card.text
    assert "Файлы: 1" in " ".join(labels(card))
    await story.all_fetched()
    await story.admin.taps(card, "Файлы")
    await story.telegram.until(lambda: story.admin.last(story.staff).kind == "document")


async def test_further_words_with_a_file_telegram_does_not_take_are_shown_without_it(story: Story) -> None:
    anna = story.telegram.person(777, "Анна")
    await anna.writes(story.line, "Здравствуйте")
    card = await story.admin.sees(story.staff, "Новый лид № 1")
    await story.admin.taps(card, "Взять")
    await story.all_settled()
    story.telegram.fail("sendDocument", Refuse(400, "Bad Request: FILE_PARTS_INVALID"))
    await anna.sends_document(story.line, b"%PDF", "смета.pdf", caption="Вот смета")
    shown = await story.admin.sees(story.staff, "Вот смета")
    assert shown.kind == "text"
    assert NOT_HERE in shown.text
    assert "📎 Файлы: 1" in labels(shown)
