"""`openlines demo`: the real program on a temporary database, with a Telegram of its own, in one page."""

from __future__ import annotations

import argparse
import asyncio
import errno
import logging
import secrets
import signal
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial
from pathlib import Path

import aiohttp
from aiohttp import web
from pydantic import SecretStr
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

from core import workload
from core.clock import ShiftedClock
from core.database import Database, Reading
from core.desk.accounts import accounts
from core.errors import Misconfigured
from core.intake.balance import COUNTED, balances
from core.staff import managers
from openlines import logs
from openlines.application import Program, opened
from openlines.settings import Bot as StaffBot
from openlines.settings import Email, Form, Http, Settings, Telegram
from sandbox.accounts import Bot
from sandbox.calls import Json
from sandbox.page import Page
from sandbox.page_stream import Surroundings
from sandbox.page_view import Phone
from sandbox.people import Person
from sandbox.post import PostOffice
from sandbox.telegram import TelegramSandbox

FORM_KEY = "demo"
MAILBOX = "hello@lad.example"
_STEP = timedelta(minutes=10)
_RELAYED = ("Content-Type", "Idempotency-Key", "X-Form-Key", "Accept-Language", "Referer")


class DemoSettings(Settings):
    """Settings that nothing in the environment can reach: the demo never touches a real line."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - the library passes it by name
        init_settings: PydanticBaseSettingsSource,
        *_: object,
        **__: object,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only what is given by the program itself."""
        return (init_settings,)


@dataclass(frozen=True, slots=True)
class Cast:
    """Who plays: the line's bot, the managers' bot, and the people."""

    line: Bot
    staff: Bot
    anna: Person
    john: Person
    pyotr: Person
    boris: Person
    maria: Person

    def phones(self) -> list[Phone]:
        """Everybody's telephone."""
        customers = [Phone(person, self.line, "customer") for person in (self.anna, self.john, self.pyotr)]
        return customers + [Phone(person, self.staff, "manager") for person in (self.boris, self.maria)]


@dataclass(frozen=True, slots=True)
class Demo:
    """A running demo: where the page is, who plays, and the program behind it."""

    url: str
    telegram: TelegramSandbox
    cast: Cast
    program: Program
    clock: ShiftedClock
    at_work: asyncio.Task[None]  # ends, with its error, when the program does


def command(given: argparse.Namespace) -> int:
    """Show the page until Ctrl-C, or play the scripted day; 0 only when everything was as it should be."""
    if given.script:
        from openlines.script import play

        return play()
    logs.set_up("text")
    logging.getLogger().setLevel(logging.WARNING)
    try:
        asyncio.run(_show(given.port))
    except* Misconfigured as wrong:
        raise wrong.exceptions[0] from None
    return 0


@asynccontextmanager
async def running(port: int = 0, *, host: str = "127.0.0.1") -> AsyncIterator[Demo]:
    """The demo for the length of the block: a page at `url`, the program behind it, everybody at work.

    The page can be opened at once; the managers' bot answers a few seconds later (`program.bot_ready`).
    Raises Misconfigured when the port is taken.
    """
    clock, page = ShiftedClock(), Page()
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="openlines-demo-")))
        relay = _FormRelay(await stack.enter_async_context(aiohttp.ClientSession()))
        routes = [*page.routes(), web.post("/lines/main/form", relay.post)]
        telegram = TelegramSandbox(host=host, port=port, now=clock.now, routes=routes)
        try:
            await stack.enter_async_context(telegram)
        except OSError as error:
            why = "is taken" if error.errno == errno.EADDRINUSE else f"cannot be had: {error.strerror}"
            raise Misconfigured("--port", f"{port} {why}; --port 0 takes a free one") from error
        cast = cast_of(telegram, telegram.add_bot(_token(2), "lad_team_bot", "Лад · команда"))
        post = await stack.enter_async_context(
            PostOffice(now=clock.now, changed=lambda: telegram.world.changed("letter"))
        )
        settings = demo_settings(folder, telegram, cast, post)
        program = await stack.enter_async_context(opened(settings, clock=clock))
        around = Surroundings(
            book=lambda: program.db.read(partial(read_book, clock.now())),
            is_ready=program.bot_ready.is_set,
            advance=partial(let_pass, clock, telegram),
            form_key=FORM_KEY,
            post=post,
            mailbox=MAILBOX,
        )
        page.show(telegram, cast.phones(), around)
        at_work = asyncio.create_task(program.run())
        try:
            await _started(program, at_work)
            relay.target = f"http://127.0.0.1:{program.port}/lines/main/form"
            await come_to_work(program.db, cast)
            post.deliver_to("127.0.0.1", await _port_for_letters(program, at_work))
            yield Demo(telegram.url, telegram, cast, program, clock, at_work)
        finally:
            program.stop()
            await asyncio.gather(at_work, return_exceptions=True)


def cast_of(telegram: TelegramSandbox, staff: Bot | None = None) -> Cast:
    """Everybody who plays. Without a bot of their own the managers work in the line's."""
    line = telegram.add_bot(_token(1), "lad_remont_bot", "Лад · ремонт квартир")
    return Cast(
        line=line,
        staff=staff or line,
        anna=telegram.person(510_001, "Анна", last_name="Белова", username="anna_b", phone="+79161234567"),
        john=telegram.person(510_002, "John", last_name="Miller", language_code="en", phone="+447700900123"),
        pyotr=telegram.person(510_003, "Пётр", username="petr_k", phone="+79035550142"),
        boris=telegram.person(520_001, "Борис", username="boris_lad"),
        maria=telegram.person(520_002, "Мария", username="maria_lad", language_code="en"),
    )


def demo_settings(
    folder: Path, telegram: TelegramSandbox, cast: Cast, post: PostOffice | None = None
) -> Settings:
    """The settings of a line that plays: everything in `folder`, Telegram and the post here, Борис the admin."""
    own = cast.staff is not cast.line
    return DemoSettings(
        data_dir=folder,
        admins=[cast.boris.id],
        http=Http(port=0),
        telegram=Telegram(token=SecretStr(cast.line.token), api_url=telegram.url),
        bot=StaffBot(token=SecretStr(cast.staff.token) if own else None),
        form=Form(key=SecretStr(FORM_KEY)),
        email=Email()
        if post is None
        else Email(
            address=MAILBOX,
            listen="smtp://127.0.0.1:0",
            smtp_url=SecretStr(f"smtp://127.0.0.1:{post.port}"),
        ),
    )


async def come_to_work(db: Database, cast: Cast) -> None:
    """Борис opens the bot as the settings' admin, Мария comes in by an invitation."""
    await cast.boris.starts(cast.staff)
    await come_by_invitation(db, cast)


async def come_by_invitation(db: Database, cast: Cast) -> None:
    """Мария is invited from the console and opens the link."""
    invitation = await db.transact(lambda tx: managers.invite(tx, "console", name=cast.maria.first_name))
    await cast.maria.starts(cast.staff, invitation)


async def let_pass(clock: ShiftedClock, telegram: TelegramSandbox, by: timedelta) -> None:
    """Let time pass as it does: in steps, Telegram answering the bots meanwhile, so that nobody seems silent."""
    while by > timedelta():
        step = min(by, _STEP)
        by -= step
        clock.advance(step)
        for bot in telegram.world.bots.values():
            bot.updates.end_poll()
        with suppress(TimeoutError):  # a bot that is not polled has its reasons, and time passes all the same
            await telegram.until(lambda: all(b.updates.is_polled for b in telegram.world.bots.values()), 10)


def read_book(now: datetime, connection: Reading) -> Json:
    """What the ledger says of every account since the first day, and how the work stands."""
    rows: dict[int, dict[str, int]] = {}
    for balance in balances(connection, date.min):
        counted = rows.setdefault(balance.account_id, dict.fromkeys(COUNTED, 0))
        for name in COUNTED:
            counted[name] += getattr(balance, name)
    shown = [
        {"channel": account.channel, **rows[account.id], "even": _is_even(rows[account.id])}
        for account in accounts(connection)
        if account.id in rows
    ]
    total = {name: sum(row[name] for row in rows.values()) for name in COUNTED}
    work = workload.read(connection, now).figures()
    return {"accounts": shown, "total": total, "even": _is_even(total), "work": work}


def _token(number: int) -> str:
    return f"410000000{number}:{secrets.token_urlsafe(24)}"


def _is_even(counted: dict[str, int]) -> bool:
    return counted["received"] == sum(counted[name] for name in COUNTED if name != "received")


async def _show(port: int) -> None:
    loop, stopped = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    async with running(port) as demo:
        print(_WELCOME.format(url=demo.url), flush=True)
        stop = asyncio.create_task(stopped.wait())
        await asyncio.wait([stop, demo.at_work], return_when=asyncio.FIRST_COMPLETED)
        stop.cancel()
        if demo.at_work.done():
            demo.at_work.result()  # the program has ended by itself: with its error, if it had one


async def _started(program: Program, at_work: asyncio.Task[None]) -> None:
    ready = asyncio.create_task(program.ready.wait())
    await asyncio.wait([ready, at_work], return_when=asyncio.FIRST_COMPLETED)
    ready.cancel()
    if at_work.done():
        at_work.result()


async def _port_for_letters(program: Program, at_work: asyncio.Task[None]) -> int:
    while not at_work.done():
        if program.letters is not None and program.letters.listener is not None:
            with suppress(RuntimeError):  # it does not listen yet
                return program.letters.listener.port
        await asyncio.sleep(0.01)
    at_work.result()
    raise RuntimeError("the program has ended before it took letters")


class _FormRelay:
    """Hands the page's form over to the program's own edge, as a proxy before it would: one address to open."""

    def __init__(self, http: aiohttp.ClientSession) -> None:
        self._http = http
        self.target: str | None = None

    async def post(self, request: web.Request) -> web.StreamResponse:
        if self.target is None:
            raise web.HTTPServiceUnavailable(reason="the program is starting")
        headers = {name: request.headers[name] for name in _RELAYED if name in request.headers}
        async with self._http.post(self.target, data=await request.read(), headers=headers) as answer:
            return web.Response(
                body=await answer.read(), status=answer.status, content_type=answer.content_type
            )


_WELCOME = """
  openlines is running on this machine: the real program, a temporary database, a Telegram of its own.

      Open   {url}

  What to try there:
    · write as Анна or John and watch the card arrive on the manager's phone
    · tap "Взять" on the card, then answer by replying to it; the customer reads it at once
    · send the site form twice: one lead, and the ledger counts the duplicate
    · let a day pass: who has not answered is written to by the follow-up

  `make demo ARGS=--script` plays two days by itself and checks them.
  Ctrl-C stops; nothing is kept.
"""
