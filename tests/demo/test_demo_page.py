"""The demo's page, used as a visitor uses it: two telephones, the form, the post, the ledger, the clock."""

from __future__ import annotations

import re
from functools import partial

import aiohttp
import pytest
from playwright.async_api import Browser, FilePayload, Locator, Page, expect

from core.errors import Misconfigured
from openlines.demo import Demo, read_book, running
from tests.demo.conftest import PATIENCE, opened


def device(page: Page, side: str) -> Locator:
    return page.locator(f".device[data-side={side}]")


async def write(page: Page, side: str, text: str) -> None:
    await device(page, side).locator("textarea").fill(text)
    await device(page, side).locator(".send").click()


def said(page: Page, side: str, text: str) -> Locator:
    return device(page, side).locator(".msg:not(.mine)", has_text=text).last


async def figure(page: Page, name: str) -> int:
    return int(await page.locator(f"[data-figure={name}] b").inner_text())


async def the_book_is_even(page: Page, demo: Demo) -> None:
    book = await demo.program.db.read(partial(read_book, demo.program.clock.now()))
    await expect(page.locator("[data-figure=received] b")).to_have_text(str(book["total"]["received"]))
    await expect(page.locator("#book-even")).to_have_attribute("data-even", "true")
    parts = [await figure(page, name) for name in ("filed", "excluded", "duplicate", "ignored", "parked")]
    assert await figure(page, "received") == sum(parts)


async def test_a_customer_writes_a_manager_takes_the_lead_and_the_answer_is_read(
    page: Page, demo: Demo
) -> None:
    await write(page, "customer", "Сколько стоит ремонт кухни?")
    await expect(said(page, "customer", "Мы получили ваше сообщение")).to_be_visible(timeout=PATIENCE)
    await expect(device(page, "customer").locator(".mine .ticks")).to_have_text("✓✓")

    card = said(page, "manager", "Сколько стоит ремонт кухни?")
    await card.get_by_role("button", name="Взять").click(timeout=PATIENCE)
    await expect(device(page, "manager").locator(".toast")).to_contain_text("теперь ваш")
    await expect(card.get_by_role("button", name="Взять")).to_have_count(0)

    await card.locator(".bubble").dblclick(position={"x": 12, "y": 12})
    await write(page, "manager", "От 280 тысяч, начнём через неделю.")
    await expect(said(page, "customer", "От 280 тысяч")).to_be_visible(timeout=PATIENCE)
    await expect(device(page, "manager").locator(".mine .marks").last).to_have_text("👌", timeout=PATIENCE)
    await the_book_is_even(page, demo)


async def test_an_answer_may_be_a_voice_message_an_album_or_a_file_of_ones_own(
    page: Page, demo: Demo
) -> None:
    await write(page, "customer", "Покажете похожую кухню?")
    card = said(page, "manager", "Покажете похожую кухню?")
    await expect(card).to_be_visible(timeout=PATIENCE)
    phone, heard = device(page, "manager"), device(page, "customer").locator(".msg:not(.mine)")

    async def answer() -> None:
        await card.locator(".bubble").dblclick(position={"x": 12, "y": 12})

    await answer()
    await phone.get_by_role("button", name="Голосовое сообщение").click()
    await expect(heard.get_by_role("button", name="Голосовое")).to_be_visible(timeout=PATIENCE)

    await answer()
    await phone.locator("textarea").fill("Вот такие")
    await phone.get_by_role("button", name="Приложить").click()
    await page.get_by_role("menuitem", name="Альбом").click()
    await expect(heard.locator(".pics img")).to_have_count(3, timeout=PATIENCE)
    await expect(heard.filter(has_text="Вот такие")).to_be_visible()

    await answer()
    await phone.locator("textarea").fill("И смета")
    await phone.get_by_role("button", name="Приложить").click()
    async with page.expect_file_chooser() as chosen:
        await page.get_by_role("menuitem", name="Файл с компьютера").click()
    estimate: FilePayload = {"name": "смета.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-1.7"}
    await (await chosen.value).set_files(estimate)
    await expect(heard.filter(has_text="смета.pdf")).to_contain_text("И смета", timeout=PATIENCE)
    await expect(phone.locator("textarea")).to_have_value("")
    await expect(phone.locator(".about")).to_have_count(0)


async def test_a_form_clicked_twice_is_one_lead_and_a_letter_is_answered_by_letter(
    page: Page, demo: Demo
) -> None:
    form = page.locator("#form")
    await form.locator("[name=name]").fill("Ольга Круглова")
    await form.locator("[name=phone]").fill("8 (921) 555-01-77")
    await form.locator("[name=message]").fill("Студия, 28 метров")
    await form.get_by_role("button", name="Отправить").click()
    await expect(page.locator("#form-answer")).to_contain_text("202 · принято")
    await form.get_by_role("button", name="Отправить").click()
    await expect(page.locator("#form-answer")).to_contain_text("повтор узнан")
    await expect(said(page, "manager", "Ольга Круглова")).to_contain_text("+79215550177", timeout=PATIENCE)
    await expect(page.locator("[data-figure=duplicate] b")).to_have_text("1")

    mail = page.locator("#mail")
    await mail.locator("[name=subject]").fill("Смета")
    await mail.locator("[name=text]").fill("Пришлите, пожалуйста, смету.")
    await mail.get_by_role("button").click()
    answer = page.locator(".letter:not(.out)", has_text="Мы получили ваше сообщение")
    await expect(answer).to_contain_text("Re: Смета", timeout=PATIENCE)
    await the_book_is_even(page, demo)


async def test_what_strangers_write_stays_text(page: Page, demo: Demo) -> None:
    hostile = '<img src=x onerror="document.title=1"> <b>жирно</b> <script>document.title=2</script>'
    await write(page, "customer", hostile)
    await expect(device(page, "customer").locator(".mine .words")).to_have_text(hostile)
    await expect(said(page, "manager", "<script>")).to_be_visible(timeout=PATIENCE)
    assert await device(page, "manager").locator(".chat img").count() == 0
    assert await page.title() == "openlines"


async def test_a_day_passes_and_the_silent_customer_is_written_to(page: Page, demo: Demo) -> None:
    for idea in ("anna", "take", "reply"):
        await page.locator(f"[data-idea={idea}]").click()
        await expect(page.locator(f"[data-idea={idea}].done")).to_be_visible(timeout=PATIENCE)
    await expect(page.locator("#work")).to_contain_text("запланировано 1", timeout=PATIENCE)
    await page.get_by_role("button", name="+1 день").click()
    await expect(said(page, "customer", "Остались ли у вас вопросы?")).to_be_visible(timeout=PATIENCE)
    await expect(device(page, "customer").locator(".day").first).to_have_text("Вчера")
    alarms = device(page, "manager").locator(".msg", has_text="Нет связи")
    await expect(alarms).to_have_count(0)


async def test_each_idea_shows_what_it_says_whatever_was_tried_before(page: Page, demo: Demo) -> None:
    async def tried(idea: str) -> None:
        await page.locator(f"[data-idea={idea}]").click()
        await expect(page.locator(f"[data-idea={idea}].done")).to_be_visible(timeout=PATIENCE)

    for idea in ("anna", "take", "reply"):
        await tried(idea)
    await expect(said(page, "customer", "Кухня под ключ")).to_be_visible(timeout=PATIENCE)
    for idea in ("album", "race"):
        await tried(idea)
    # Of two who tap at once either may be the slower one, and Мария reads English.
    await expect(page.get_by_role("alertdialog")).to_contain_text(re.compile("уже ведёт|already worked by"))
    await tried("exclude")
    await expect(page.get_by_role("alertdialog")).to_have_count(0)
    await expect(device(page, "manager").locator(".toast")).to_contain_text("Вернули: новый лид")
    await expect(page.locator("#work")).to_contain_text("запланировано 0")  # Анна has written since
    await tried("day")
    await expect(said(page, "customer", "Остались ли у вас вопросы?")).to_be_visible(timeout=PATIENCE)


async def test_everything_can_be_done_by_keyboard(page: Page, demo: Demo) -> None:
    focused = page.locator(":focus")
    await page.locator("[data-idea=anna]").press("Enter")
    await expect(page.locator("[data-idea=anna].done")).to_be_focused(timeout=PATIENCE)
    await page.locator("[data-person=Борис]").press("Enter")
    await expect(page.locator("[data-person=Борис]")).to_be_focused()

    card = said(page, "manager", "Хочу обновить кухню")
    await card.get_by_role("button", name="Взять").press("Enter")
    await expect(card.get_by_role("button", name="Взять")).to_have_count(0, timeout=PATIENCE)
    await expect(card.locator(":focus")).to_have_count(1)
    while not await card.get_by_role("button", name="Ответить", exact=True).evaluate(
        "e => e.matches(':focus')"
    ):
        await page.keyboard.press("Shift+Tab")
    await expect(focused).to_have_css("opacity", "1")
    await page.keyboard.press("Enter")
    await page.keyboard.type("Сделаем за две недели")
    await page.keyboard.press("Enter")
    await expect(said(page, "customer", "Сделаем за две недели")).to_be_visible(timeout=PATIENCE)

    attach = device(page, "customer").get_by_role("button", name="Приложить")
    await attach.press("Enter")
    await page.keyboard.press("ArrowUp")
    await expect(focused).to_have_text("Геопозиция")
    await page.keyboard.press("Escape")
    await expect(attach).to_be_focused()
    await attach.press("Enter")
    await page.keyboard.press("ArrowUp")
    await page.keyboard.press("Enter")
    await expect(device(page, "customer").locator(".mine", has_text="Геопозиция")).to_be_visible()
    await expect(attach).to_be_focused()


async def test_pictures_commands_edits_and_a_blocked_bot(page: Page, demo: Demo) -> None:
    await page.locator("[data-idea=album]").click()
    await expect(device(page, "manager").locator(".pics img")).to_have_count(3, timeout=PATIENCE)

    await device(page, "manager").locator("textarea").press_sequentially("/st")
    await device(page, "manager").locator(".pop button", has_text="/stats").click()
    await expect(said(page, "manager", "Сегодня")).to_be_visible(timeout=PATIENCE)

    await write(page, "customer", "54 метра")
    bubble = device(page, "customer").locator(".msg.mine .bubble", has_text="54 метра")
    await expect(bubble).to_contain_text("✓✓", timeout=PATIENCE)  # the last that changes about it by itself
    await bubble.hover()
    await bubble.get_by_role("button", name="Изменить").click()
    await write(page, "customer", "56 метров")
    await expect(device(page, "customer").locator(".msg.mine", has_text="56 метров")).to_contain_text(
        "изменено"
    )

    await device(page, "customer").get_by_role("button", name="Ещё").click()
    await page.get_by_role("menuitem", name="Заблокировать бота").click()
    await expect(device(page, "customer").get_by_role("button", name="Разблокировать")).to_be_visible()


async def test_it_fits_a_telephone_and_speaks_english_in_the_dark(demo: Demo, browser: Browser) -> None:
    async with opened(demo, browser, width=390, locale="en-US", dark=True) as page:
        await write(page, "customer", "Hi! How much is a bathroom?")
        await expect(said(page, "customer", "Hello, John! We have your message")).to_be_visible(
            timeout=PATIENCE
        )
        tab = page.get_by_role("button", name=re.compile("^Manager"))
        await expect(tab.locator(".unread")).to_be_visible(timeout=PATIENCE)
        await tab.click()
        await expect(device(page, "manager")).to_be_visible()
        width = await page.evaluate("document.documentElement.scrollWidth")
        assert width == 390
        dark = await page.evaluate("getComputedStyle(document.body).color")
        assert sum(map(int, re.findall(r"\d+", dark)[:3])) > 600


@pytest.mark.parametrize("width", [1440, 1024])
async def test_the_tour_leads_through_everything(demo: Demo, browser: Browser, width: int) -> None:
    async with opened(demo, browser, width=width, locale="en-GB") as page:
        await page.get_by_role("button", name="Show me around").click()
        for step in range(1, 7):
            await expect(page.locator("#tour-box")).to_contain_text(f"{step} of 6")
            for idea in {1: ["john"], 2: ["take"], 3: ["reply"], 4: ["form"]}.get(step, []):
                await expect(page.locator(f"[data-idea={idea}].done")).to_be_visible(timeout=PATIENCE)
            await page.locator("#tour-box .primary").click()
        await expect(page.locator("#tour-box")).to_be_hidden()
        await expect(said(page, "customer", "A bathroom takes two weeks")).to_be_visible(timeout=PATIENCE)
        await the_book_is_even(page, demo)


async def test_the_page_is_deaf_to_other_sites_and_to_nonsense(demo: Demo) -> None:
    async with aiohttp.ClientSession(demo.url) as http:
        for body, kind, status in (
            (b"{}", "text/plain", 415),
            (b"[]", "application/json", 400),
            (b"{", "application/json", 400),
            (b'{"act": "write", "phone": "1"}', "application/json", 409),
            (b'{"act": "tap", "phone": "510001", "message": "../1", "data": 1}', "application/json", 409),
            (b'{"act": "send", "phone": "510001", "samples": ["../page.py"]}', "application/json", 409),
            (b'{"act": "time", "seconds": "1"}', "application/json", 409),
        ):
            async with http.post("/page/act", data=body, headers={"Content-Type": kind}) as answer:
                assert answer.status == status, body
        for path in ("/page/page.py", "/page/..%2fpage.py", "/page/samples/..%2fpage.py", "/page/files/1/x"):
            async with http.get(path) as answer:
                assert answer.status == 404, path


async def test_a_port_that_is_taken_is_named(demo: Demo) -> None:
    with pytest.raises(Misconfigured, match=f"{demo.telegram.port} is taken"):
        async with running(demo.telegram.port):
            pass
