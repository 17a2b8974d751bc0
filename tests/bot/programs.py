"""The whole program on this machine's own Telegram, hurried: what stories about the managers' bot are told with."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import structlog
from pydantic import SecretStr
from sqlalchemy import Select, func, select

from core.conversations.model import Attachment, Delivery
from core.staff.model import StaffUpdate
from openlines.application import Program, opened
from openlines.settings import Bot as BotSettings
from openlines.settings import Email, Form, Http, Settings, Telegram
from sandbox.accounts import Bot
from sandbox.messages import Message
from sandbox.people import Person
from sandbox.telegram import TelegramSandbox

LINE_TOKEN = "1000:LINE"
STAFF_TOKEN = "2000:STAFF"
ADMIN = 100
FORM_KEY = "form"


class HurriedClock:
    """The real time, so many times faster: notices that gather for a second come in a twentieth of one."""

    def __init__(self, times: int = 20) -> None:
        self._times = times
        self._start, self._began = datetime(2026, 3, 16, 9, 0, tzinfo=UTC), time.monotonic()
        self._ahead = timedelta()

    def now(self) -> datetime:
        return self._start + self._ahead + timedelta(seconds=(time.monotonic() - self._began) * self._times)

    async def sleep_until(self, moment: datetime) -> None:
        if (left := (moment - self.now()).total_seconds()) > 0:
            await asyncio.sleep(left / self._times)
            await self.sleep_until(moment)

    def skip(self, *, hours: int) -> None:
        """Let that much time pass at once; who sleeps is not woken by it."""
        self._ahead += timedelta(hours=hours)


@dataclass(slots=True)
class Story:
    """A company: its bot for customers, the bot of its managers (the same one, or another), an admin, the program."""

    telegram: TelegramSandbox
    line: Bot
    staff: Bot
    admin: Person
    program: Program
    clock: HurriedClock

    async def manager(self, number: int, name: str) -> Person:
        """Somebody who has come in by an invitation."""
        person = self.telegram.person(number, name)
        sent = await self.admin.writes(self.staff, "/invite")
        # Who came in before may be announced in between.
        made = await self.admin.sees(self.staff, "?start=", after=sent)
        link = made.text.split("start=")[1].split()[0]
        await person.starts(self.staff, link)
        await person.sees(self.staff, name)
        return person

    async def answer(self, person: Person, sent: Message) -> Message:
        """The first thing the managers' bot said to this person after that message."""

        def first() -> Message | None:
            later = (m for m in person.chat(self.staff) if m.id > sent.id and m.sender is self.staff)
            return next(later, None)

        found = await self.telegram.until(first, 8.0)
        assert found is not None
        return found

    async def all_handled(self) -> None:
        """Wait until the bot is done with whatever managers did: half-done work is taken again after a long time."""
        await self._until_none(select(func.count()).select_from(StaffUpdate))

    async def all_settled(self) -> None:
        """Wait until the program knows of all it has sent that it has arrived; until then it counts as not seen."""
        await self._until_none(select(func.count()).select_from(Delivery).where(Delivery.state == "sending"))

    async def all_fetched(self) -> None:
        """Wait until the store has whatever files customers have sent."""
        await self._until_none(
            select(func.count()).select_from(Attachment).where(Attachment.state == "waiting")
        )

    async def _until_none(self, count: Select[int]) -> None:
        while await self.program.db.read(lambda connection: connection.scalar(count)):  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.02)

    def read(self, person: Person) -> str:
        """The chat as text: for looking at, and for what must not stand in it."""
        lines = []
        for message in person.chat(self.staff):
            who = "bot" if message.sender is self.staff else person.first_name
            marks = " ".join(reaction["emoji"] for own in message.reactions.values() for reaction in own)
            lines.append(f"--- {message.id} {who} [{message.kind}] {marks}\n{message.text}")
            lines += ["    " + " | ".join(f"[{b.text}]" for b in row) for row in message.buttons]
        return "\n".join(lines)


@asynccontextmanager
async def a_story(
    folder: Path,
    *,
    own_staff_bot: bool = False,
    database_url: str = "",
    redis_url: str | None = None,
    email: Email | None = None,
) -> AsyncIterator[Story]:
    """The program serves until the end of the block; with `email`, a mailbox too."""
    clock = HurriedClock()
    async with TelegramSandbox(now=clock.now) as telegram:
        line = telegram.add_bot(LINE_TOKEN, "line_bot")
        staff = telegram.add_bot(STAFF_TOKEN, "staff_bot") if own_staff_bot else line
        admin = telegram.person(ADMIN, "Ирина")
        async with running(folder, telegram, clock, own_staff_bot, database_url, redis_url, email) as program:
            await admin.starts(staff)
            await admin.sees(staff, "Вы администратор", timeout=20)
            yield Story(telegram, line, staff, admin, program, clock)


@asynccontextmanager
async def running(
    folder: Path,
    telegram: TelegramSandbox,
    clock: HurriedClock,
    own_staff_bot: bool = False,
    database_url: str = "",
    redis_url: str | None = None,
    email: Email | None = None,
    line_token: str = LINE_TOKEN,
) -> AsyncIterator[Program]:
    """The program on this Telegram; started again in the same folder it finds everything as it was."""
    settings = Settings(
        data_dir=folder,
        database_url=database_url,
        redis_url=SecretStr(redis_url) if redis_url else None,
        admins=[ADMIN],
        http=Http(port=0),
        telegram=Telegram(token=SecretStr(line_token), api_url=telegram.url, limits=False),
        bot=BotSettings(token=SecretStr(STAFF_TOKEN) if own_staff_bot else None),
        email=email or Email(),
        form=Form(key=SecretStr(FORM_KEY)),
    )
    loud = structlog.get_config()["wrapper_class"]
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    async with opened(settings, clock=clock) as program:
        running = asyncio.create_task(program.run())
        try:
            # The first bot of a process loads its library: on a busy machine that takes longer than any answer.
            ready = asyncio.create_task(program.bot_ready.wait())
            await asyncio.wait((ready, running), timeout=60, return_when=asyncio.FIRST_COMPLETED)
            ready.cancel()
            yield program
        finally:
            program.stop()
            await running
            structlog.configure(wrapper_class=loud)
