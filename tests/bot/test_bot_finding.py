"""Finding in the bot: by what one remembers, page by page."""

from __future__ import annotations

from sandbox.messages import Message
from tests.bot.programs import Story


def labels(message: Message) -> list[str]:
    return [button.text for row in message.buttons for button in row]


async def said(story: Story, text: str) -> Message:
    return await story.answer(story.admin, await story.admin.writes(story.staff, text))


async def test_fourteen_that_fit_are_shown_in_two_pages_and_lists_lead_back_to_their_start(
    story: Story,
) -> None:
    for number in range(14):
        await story.telegram.person(5000 + number, f"Клиент{number}").writes(story.line, "Ремонт кухни")
    await story.telegram.until(lambda: "№ 14" in story.read(story.admin), timeout=60)
    found = await said(story, "/find кухни")
    assert found.text.startswith("«кухни»: 14 совпадений, первые 10")
    assert "№ 5" in labels(found)
    assert "№ 4" not in labels(found)
    await story.admin.taps(found, "Дальше ›")
    await story.telegram.until(lambda: "14 совпадений, 11–14" in found.text)
    assert labels(found) == ["№ 4", "№ 3", "№ 2", "№ 1", "‹ В начало"]
    await story.admin.taps(found, "‹ В начало")
    await story.telegram.until(lambda: "первые 10" in found.text)
    waiting = await said(story, "/leads")
    assert "‹ В начало" not in labels(waiting)
    await story.admin.taps(waiting, "Дальше ›")
    await story.telegram.until(lambda: "‹ В начало" in labels(waiting))
    await story.admin.taps(waiting, "‹ В начало")
    await story.telegram.until(lambda: "‹ В начало" not in labels(waiting))
    nothing = await said(story, "/find такого нет")
    await story.admin.taps(nothing, "Найти")
    await story.admin.sees(story.staff, "Что искать?")
    again = await said(story, "Клиент13")
    assert "1 совпадение" in again.text
