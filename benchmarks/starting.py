"""The program from a cold start: how soon it answers, files, and talks to a manager; and what it weighs at rest.

Beside each time stands what no program in its place could do without: Python itself, or importing its libraries.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.customers import FORM_KEY, TOKEN, form_post
from benchmarks.figures import Figure, Promise
from benchmarks.ground import folder
from benchmarks.programs import ROOT, Child, answers, running, surroundings
from sandbox.telegram import TelegramSandbox
from tests.servers.process import free_port

ADMIN = 900_001
LIBRARIES = "import sqlalchemy.ext.asyncio, aiosqlite, aiohttp.web, pydantic_settings"
SCHEMA = f"{LIBRARIES}, alembic.command"
BOT = f"{LIBRARIES}, aiogram"
REST = 3.0  # seconds after which a started program has nothing to do any more


def figures(*, quick: bool) -> Iterator[Figure]:
    """`--help`, ready to file, the bot answers, memory without and with the bot."""
    rounds = 2 if quick else 5
    took, bare = zip(*((_help(), _python("pass")) for _ in range(rounds)), strict=True)
    yield Figure("openlines --help", "s", Promise(below=0.4), took, bare, note="floor: Python itself")
    first, again, resting, making, bare = zip(
        *((*_ready(), _python(SCHEMA), _python(LIBRARIES)) for _ in range(rounds)), strict=True
    )
    yield Figure(
        "cold start until the first form is filed",
        "s",
        Promise(below=1.5),
        first,
        making,
        note="a new folder: the schema is made on the way; floor: importing the libraries that it takes",
    )
    yield Figure("… started again, its schema there", "s", Promise(below=1.5), again, bare)
    yield Figure("memory at rest without the bot", "MB", Promise(below=100), resting, note="started again")
    answered, resting, bare = zip(
        *((*asyncio.run(_bot_answers()), _python(BOT)) for _ in range(rounds)), strict=True
    )
    yield Figure(
        "cold start until the bot answers a manager",
        "s",
        Promise(below=6),
        answered,
        bare,
        note="floor: importing the same libraries and aiogram alone",
    )
    yield Figure("memory at rest with the bot", "MB", Promise(below=260), resting)


def _help() -> float:
    began = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "openlines", "--help"],
        cwd=ROOT,
        env=surroundings(),
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return time.perf_counter() - began


def _python(code: str) -> float:
    """Seconds of a Python that does this and no more."""
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], env=surroundings(), check=True)
    return time.perf_counter() - began


def _settings(place: Path, port: int) -> dict[str, str]:
    return {
        "OPENLINES_DATA_DIR": str(place),
        "OPENLINES_HTTP__PORT": str(port),
        "OPENLINES_FORM__KEY": FORM_KEY,
    }


def _ready() -> tuple[float, float, float]:
    """Seconds until 202 in a new folder, and started again in it; megabytes a little later."""
    with folder() as place:
        first, _ = _started(place, rest=0)
        again, memory = _started(place, rest=REST)
    return first, again, memory


def _started(place: Path, rest: float) -> tuple[float, float]:
    port, body = free_port(), form_post()
    url, headers = (
        f"http://127.0.0.1:{port}/lines/main/form",
        {"X-Form-Key": FORM_KEY, "Content-Type": "application/json"},
    )
    began = time.perf_counter()
    with running("openlines", "run", settings=_settings(place, port), said=place / "log") as program:
        program.wait_until(lambda: answers(url, body, headers) == 202)
        took = time.perf_counter() - began
        time.sleep(rest)
        return took, program.memory


async def _bot_answers() -> tuple[float, float]:
    """Seconds until a manager who has written /start sees an answer, and megabytes a little later."""
    with folder() as place:
        async with TelegramSandbox() as telegram:
            bot = telegram.add_bot(TOKEN, "line_bot")
            admin = telegram.person(ADMIN, "Ирина")
            settings = _settings(place, free_port()) | {
                "OPENLINES_TELEGRAM__TOKEN": TOKEN,
                "OPENLINES_TELEGRAM__API_URL": telegram.url,
                "OPENLINES_ADMINS": str(ADMIN),
            }
            await admin.starts(bot)
            began = time.perf_counter()
            with running("openlines", "run", settings=settings, said=place / "log") as program:
                await _until_answered(telegram, program)
                took = time.perf_counter() - began
                await asyncio.sleep(REST)
                return took, program.memory


async def _until_answered(telegram: TelegramSandbox, program: Child) -> None:
    try:
        await telegram.until(lambda: telegram.counts["sendMessage"], timeout=60)
    except TimeoutError as error:
        raise RuntimeError(program.said.read_text(errors="replace")[-2000:]) from error
