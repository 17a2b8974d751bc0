"""A real browser: the Chromium of the system, driven by Playwright."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from playwright.async_api import Browser, async_playwright

from tests.servers.process import NotAvailable

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# It runs as root in containers, and it is told not to call home: there is no network, and no need.
_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@asynccontextmanager
async def running_browser() -> AsyncIterator[Browser]:
    """A headless browser for the length of the block; `await browser.new_page()` is a tab of its own.

    It is the one named by OPENLINES_TEST_BROWSER (a path), else the first of the usual names on PATH.

    Raises:
        NotAvailable: there is none.
    """
    program = find_browser()
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program, args=list(_FLAGS))
        try:
            yield browser
        finally:
            await browser.close()


def find_browser() -> str:
    """The path of a Chromium.

    Raises:
        NotAvailable: there is none; the message says how to get one.
    """
    named = os.environ.get("OPENLINES_TEST_BROWSER")
    for name in [named] if named else _NAMES:
        if path := shutil.which(name):
            return path
    if named:
        raise NotAvailable(f"OPENLINES_TEST_BROWSER names {named}, which is no program.")
    raise NotAvailable(
        "There is no Chromium here. Debian: apt install chromium. "
        "Another one: OPENLINES_TEST_BROWSER=/path/to/chrome"
    )
