"""What one open page is told: everything first, then whatever changes, as a stream of events."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeAlias

from aiohttp import web

from sandbox.calls import Json
from sandbox.chats import PrivateChat
from sandbox.page_view import Phone, chat_view, commands_view, letter_view, message_view, waiting_of
from sandbox.post import PostOffice
from sandbox.telegram import TelegramSandbox
from sandbox.world import Change

Book: TypeAlias = Callable[[], Awaitable[Json]]

_LOOK = 0.5  # seconds between two looks at the books
_BEAT = 15.0  # seconds after which a silent stream says that it lives


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What stands beside the telephones, given by whoever runs the page.

    `book` reads what the program's books say, as JSON; `is_ready` whether the managers' bot answers; `advance`
    lets time pass; `form_key` is the key of the site form at `/lines/main/form`; `post` carries letters to and
    from the line's `mailbox`.
    """

    book: Book | None = None
    is_ready: Callable[[], bool] = lambda: True
    advance: Callable[[timedelta], Awaitable[None]] | None = None
    form_key: str | None = None
    post: PostOffice | None = None
    mailbox: str | None = None


class Stream:
    """What one open page is told: everything first, then whatever changes."""

    def __init__(
        self,
        response: web.StreamResponse,
        telegram: TelegramSandbox | None,
        phones: dict[str, Phone],
        around: Surroundings,
    ) -> None:
        if telegram is None:
            raise RuntimeError("a stream begins when there is something to show")
        self._response = response
        self._telegram = telegram
        self._phones = phones
        self._around = around
        self._by_chat: dict[PrivateChat, Phone] = {phone.chat: phone for phone in phones.values()}
        self._waiting = {key: waiting_of(phone) for key, phone in phones.items()}
        self._book: Json | None = None
        self._ready: bool | None = None
        self._looked = self._told = 0.0
        self._number = 0

    async def run(self) -> None:
        """Tell until the page is closed."""
        with self._telegram.changes() as changes:
            await self._tell("state", self._state())
            while True:
                try:
                    async with asyncio.timeout(_LOOK):
                        change: Change | None = await changes.get()
                except TimeoutError:
                    change = None
                if change is not None:
                    await self._tell_of(change)
                if time.monotonic() - self._looked >= _LOOK or (
                    change is not None and change.kind == "clock"
                ):
                    await self._tell_books()

    async def _tell_of(self, change: Change) -> None:
        if self._number and change.number > self._number + 1:
            await self._tell("state", self._state())  # some were lost: everything once more
        self._number = change.number
        for name, content in self._told_of(change):
            await self._tell(name, content)

    def _told_of(self, change: Change) -> Iterator[tuple[str, Json]]:
        if change.kind in ("polling", "updates"):
            yield from self._newly_taken()
        if change.kind == "clock":
            yield "clock", {"now": self._now()}
        if change.kind == "letter":
            yield "letters", {"letters": self._letters()}
        if change.kind == "commands":
            for key, phone in self._phones.items():
                if phone.bot is change.bot:
                    yield "commands", {"phone": key, "commands": commands_view(phone)}
        seen = self._by_chat.get(change.chat) if isinstance(change.chat, PrivateChat) else None
        if seen is None:
            return
        match change.kind:
            case "message" | "edit" | "reaction" if change.message is not None:
                self._waiting[seen.key] = waiting = waiting_of(seen)
                yield "message", {"phone": seen.key, "message": message_view(seen, change.message, waiting)}
            case "delete" if change.message is not None:
                yield "gone", {"phone": seen.key, "id": change.message.id}
            case "membership":
                yield "phone", seen.view()
            case "action":
                yield "action", {"phone": seen.key, "action": change.details.get("action", "")}

    def _newly_taken(self) -> Iterator[tuple[str, Json]]:
        for key, phone in self._phones.items():
            before = self._waiting[key]
            if before and (taken := before - (now := waiting_of(phone))):
                self._waiting[key] = now
                yield "taken", {"phone": key, "ids": sorted(taken)}

    async def _tell_books(self) -> None:
        self._looked = time.monotonic()
        if (ready := self._around.is_ready()) != self._ready:
            self._ready = ready
            await self._tell("ready", {"ready": ready})
        if self._around.book is not None and (book := await self._around.book()) != self._book:
            self._book = book
            await self._tell("book", book)
        if time.monotonic() - self._told > _BEAT:
            await self._tell("clock", {"now": self._now()})

    def _state(self) -> Json:
        phones = self._phones.values()
        return {
            "now": self._now(),
            "ready": self._around.is_ready(),
            "phones": [phone.view() for phone in phones],
            "chats": {phone.key: chat_view(phone) for phone in phones},
            "commands": {phone.key: commands_view(phone) for phone in phones},
            "can": {"advance": self._around.advance is not None, "book": self._around.book is not None},
            "form_key": self._around.form_key,
            "mailbox": self._around.mailbox,
            "letters": self._letters(),
        }

    def _letters(self) -> list[Json]:
        post = self._around.post
        return [] if post is None else [letter_view(letter) for letter in post.letters]

    def _now(self) -> int:
        return int(self._telegram.world.now().timestamp() * 1000)

    async def _tell(self, name: str, content: Json) -> None:
        self._told = time.monotonic()
        body = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
        await self._response.write(f"event: {name}\ndata: {body}\n\n".encode("utf-8", "replace"))
