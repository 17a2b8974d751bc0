"""The stage of the scripted day: the people, the program, the clock, and what has been expected so far."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Any, TypeAlias

import aiohttp

from bot.callbacks import Action, tap
from core import export
from core.clock import ManualClock
from openlines.demo import FORM_KEY, Cast
from openlines.timelapse import Timelapse
from openlines.transcript import Transcript
from sandbox.callbacks import CallbackAnswer
from sandbox.calls import Json
from sandbox.messages import Message
from sandbox.people import Person
from sandbox.telegram import TelegramSandbox

_SOON = timedelta(seconds=4)
_PATIENCE = 60.0  # seconds of real time, on a machine that has much else to do

Scene: TypeAlias = Callable[["Day"], Awaitable[None]]


class Day:
    """The stage of the day: the people, the program, and what has been expected so far."""

    def __init__(
        self,
        telegram: TelegramSandbox,
        cast: Cast,
        clock: ManualClock,
        lapse: Timelapse,
        transcript: Transcript,
        http: aiohttp.ClientSession,
    ) -> None:
        self.telegram = telegram
        self.cast = cast
        self.clock = clock
        self.lapse = lapse
        self.transcript = transcript
        self.failures: list[str] = []
        self.forms_sent = 0
        self._http = http
        self._scene = ""

    # --- going on ------------------------------------------------------------------------------------

    async def play(self, scene: Scene) -> None:
        """Play one scene; an act that is not possible is a failure of the day, and the next scene is played."""
        self._scene = (scene.__doc__ or scene.__name__).splitlines()[0].rstrip(".")
        self.transcript.heading(self._scene)
        try:
            await scene(self)
            await self.passes(_SOON)
        except (LookupError, TimeoutError, ValueError) as error:
            self.expect(False, f"the scene cannot be played: {error}")

    def ends(self, title: str) -> None:
        """The scenes are over; what is expected from now on is expected of the whole."""
        self._scene = title
        self.transcript.heading(title)

    async def passes(self, by: timedelta = _SOON) -> None:
        """Let time pass, and print what it brings."""
        await self.lapse.let_pass(by)
        self.transcript.catch_up()

    def expect(self, good: object, what: str) -> None:
        """Something must be so."""
        self.transcript.catch_up()
        self.transcript.verdict(bool(good), what)
        if not good:
            self.failures.append(f"{self._scene}: {what}")

    # --- customers -----------------------------------------------------------------------------------

    async def writes(self, person: Person, text: str) -> Message:
        """Somebody writes to the line."""
        said = await person.writes(self.cast.line, text)
        await self.passes()
        return said

    def heard(self, person: Person, text: str) -> int:
        """How many messages with this text the line has sent to somebody."""
        return _said(person.chat(self.cast.line), text)

    async def sends_form(self, key: str, **fields: str) -> tuple[int, Json]:
        """The site's page posts its form; the status and what it was told."""
        self.forms_sent += 1
        url = f"http://127.0.0.1:{self.lapse.program.port}/lines/main/form"
        headers = {"X-Form-Key": FORM_KEY, "Idempotency-Key": key, "Accept-Language": "ru"}
        async with self._http.post(url, json=fields, headers=headers) as answer:
            told: Json = await answer.json()
            return answer.status, told

    # --- managers ------------------------------------------------------------------------------------

    @property
    def managers(self) -> tuple[Person, Person]:
        return self.cast.boris, self.cast.maria

    def told(self, manager: Person, text: str) -> int:
        """How many messages with this text the managers' bot has sent to one of them."""
        return _said(manager.chat(self.cast.staff), text)

    def card(self, text: str, action: Action, *, of: Person | None = None) -> tuple[Person, Message]:
        """The newest message with this text and such a button, and whose it is. Raises LookupError for none."""
        found = [
            (message.date, message.id, manager, message)
            for manager in ((of,) if of is not None else self.managers)
            for message in manager.chat(self.cast.staff)
            if message.from_bot and text in message.text and button(message, action) is not None
        ]
        if not found:
            raise LookupError(f"no manager has a message with {text!r} and the button {action.name}")
        _, _, manager, message = max(found, key=lambda one: one[:2])
        return manager, message

    async def taps(self, manager: Person, message: Message, action: Action, text: str = "") -> CallbackAnswer:
        """A manager taps a button: the first that does `action`, and says `text`. Returns what is shown to them."""
        label = button(message, action, text)
        if label is None:
            raise LookupError(f"no button {action.name} {text!r} under {message!r}")
        query = manager.press(message, label)
        await self.passes()
        if query.answer is None:
            raise TimeoutError(f"the tap on {action.name} was not answered")
        return query.answer

    async def says(self, manager: Person, text: str, *, reply_to: Message | None = None) -> Message:
        """A manager writes to the bot, or answers a customer by replying to a card. Returns the bot's last word."""
        await manager.writes(self.cast.staff, text, reply_to=reply_to)
        await self.passes()
        return manager.last(self.cast.staff)

    # --- the program's own books -----------------------------------------------------------------------

    async def rows(self, what: str) -> list[dict[str, Any]]:
        """Everything of one kind, as `openlines export` gives it."""
        page, _ = export.PAGES[what]
        return [row for _, row in await self.lapse.program.db.read(lambda connection: page(connection, 0))]

    async def filed(self, text: str) -> None:
        """Wait until a message is in the books: Telegram, which is away, cannot tell what it has still to give.

        Raises TimeoutError when it is not.
        """
        async with asyncio.timeout(_PATIENCE):
            while all(m["text"] != text for m in await self.rows("messages")):  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.01)

    async def lead(self, name: str) -> dict[str, Any]:
        """The newest lead of a person, by name. Raises LookupError when there is none."""
        found = [lead for lead in await self.rows("leads") if name in str(lead["contact_name"])]
        if not found:
            raise LookupError(f"{name} has no lead")
        return found[-1]

    async def leads_of(self, name: str) -> int:
        """How many leads a person has had."""
        return sum(name in str(lead["contact_name"]) for lead in await self.rows("leads"))


def _said(chat: Sequence[Message], text: str) -> int:
    return sum(text in message.text for message in chat if message.from_bot)


def button(message: Message, action: Action, text: str = "") -> str | None:
    """The data of the first button under a message that does `action` and says `text`; None when there is none."""
    for row in message.buttons:
        for shown in row:
            meant = tap(shown.data)
            if meant is not None and meant.action is action and text in shown.text:
                return shown.data
    return None
