"""The demo as a visitor has it, and its page open in a real browser."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from playwright.async_api import Browser, Page, expect

import bot.dispatcher  # noqa: F401 - loaded here once; a program that starts alone loads it while it files
from openlines.demo import Demo, running

PATIENCE = 20_000  # milliseconds, on a machine that has much else to do


@pytest.fixture
async def demo() -> AsyncIterator[Demo]:
    """The whole demo on a free port, with nobody having said anything yet."""
    async with running() as demo:
        yield demo


@pytest.fixture
async def page(demo: Demo, browser: Browser) -> AsyncIterator[Page]:
    """The demo's page in Russian on a wide screen; an error of its script fails the test."""
    async with opened(demo, browser) as page:
        yield page


@asynccontextmanager
async def opened(
    demo: Demo, browser: Browser, *, width: int = 1440, locale: str = "ru-RU", dark: bool = False
) -> AsyncIterator[Page]:
    """The page, once its bot answers. Fails when its script does, or when it asks anybody else for anything."""
    context = await browser.new_context(
        viewport={"width": width, "height": 900},
        locale=locale,
        timezone_id="Europe/Moscow",
        color_scheme="dark" if dark else "light",
    )
    page = await context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
    page.on("request", lambda asked: errors.append(asked.url) if not asked.url.startswith(demo.url) else None)
    await page.goto(demo.url)
    await expect(page.locator("body[data-ready=true]")).to_be_attached(timeout=PATIENCE)
    yield page
    await context.close()
    assert errors == []
