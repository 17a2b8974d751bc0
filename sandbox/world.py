"""Everything this Telegram knows: people, bots, chats, files; and the few acts that change it.

Whatever changes goes through `World`, which tells the bots concerned (an update), the waiting tests (`until`)
and the subscribers (`changes`). Nothing here waits, so an act is whole before the next one begins.
"""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

from sandbox.accounts import Bot
from sandbox.calls import ApiError, Call, Json, bad_request
from sandbox.chats import BusinessChat, Chat, PrivateChat, Topic
from sandbox.files import FileStore, Media
from sandbox.groups import Group
from sandbox.messages import Message

if TYPE_CHECKING:
    import aiohttp

    from sandbox.business import BusinessConnection
    from sandbox.callbacks import CallbackQuery
    from sandbox.messages import Sender
    from sandbox.people import Person

T = TypeVar("T")
FORGETFUL_FILES = 1_000  # how many files a sandbox keeps that keeps no messages


@dataclass(frozen=True, slots=True)
class Change:
    """Something happened. `number` grows by one, so whoever missed some can tell.

    `kind` is message, edit, delete, reaction, pin, action, callback, callback_answer, membership, topic,
    read, commands, polling, updates, webhook, held or call; the other fields say what it concerns.
    """

    number: int
    kind: str
    chat: Chat | None = None
    message: Message | None = None
    bot: Bot | None = None
    details: Json = field(default_factory=dict)


class World:
    """The state of the sandbox.

    `now` dates messages and decides what has expired. With `keep_messages=False` nothing said is remembered
    beyond its update: for load tests. `keep_calls` bounds the log of calls.
    """

    def __init__(
        self, now: Callable[[], datetime], *, keep_messages: bool = True, keep_calls: int = 10_000
    ) -> None:
        self.now = now
        self.keep_messages = keep_messages
        self.bots: dict[str, Bot] = {}
        self.people: dict[int, Person] = {}
        self.groups: dict[int, Group] = {}
        self.migrated: dict[int, int] = {}  # a basic group's id → its supergroup's
        self.private: dict[tuple[int, int], PrivateChat] = {}  # by bot and person
        self.connections: dict[str, BusinessConnection] = {}
        self.callbacks: dict[str, CallbackQuery] = {}
        self.files = FileStore(None if keep_messages else FORGETFUL_FILES)
        self.calls: deque[Call] = deque(maxlen=keep_calls)
        self.counts: Counter[str] = Counter()  # how often each method was called, refusals too
        self.http: aiohttp.ClientSession | None = None  # what webhook deliveries go through
        self.webhook_pace = 1.0  # the waits between repeated deliveries are multiplied by this
        self.obey: Callable[[Bot, Json], Awaitable[None]] = _ignore  # a call in the answer to a delivery
        self._numbers = itertools.count(1)
        self._waiting: set[asyncio.Future[None]] = set()
        self._subscribers: list[asyncio.Queue[Change]] = []

    # --- telling ---------------------------------------------------------------------------------

    def changed(
        self,
        kind: str,
        *,
        chat: Chat | None = None,
        message: Message | None = None,
        bot: Bot | None = None,
        details: Json | None = None,
    ) -> None:
        """Wake whoever waits for a change, and tell the subscribers what it was."""
        for waiting in self._waiting:
            if not waiting.done():
                waiting.set_result(None)
        if self._subscribers:
            chat = message.chat if chat is None and message is not None else chat
            change = Change(next(self._numbers), kind, chat, message, bot, details or {})
            for queue in self._subscribers:
                if queue.full():
                    queue.get_nowait()  # the reader sees the gap in the numbers
                queue.put_nowait(change)

    async def until(self, condition: Callable[[], T], timeout: float = 20.0) -> T:  # noqa: ASYNC109 a test says how long
        """Wait until `condition()` is true, looking again at every change. Returns what it returned.

        Raises TimeoutError after `timeout` seconds, with the last calls in its text.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout
        while not (result := condition()):
            waiting: asyncio.Future[None] = loop.create_future()
            self._waiting.add(waiting)
            try:
                async with asyncio.timeout_at(deadline):
                    await waiting
            except TimeoutError:
                if result := condition():
                    return result
                raise TimeoutError(f"not within {timeout} s; {self._recent()}") from None
            finally:
                self._waiting.discard(waiting)
        return result

    @contextmanager
    def changes(self, limit: int = 1_000) -> Iterator[asyncio.Queue[Change]]:
        """Every change from now on, in a queue, until the block ends.

        A reader more than `limit` behind loses the oldest.
        """
        queue: asyncio.Queue[Change] = asyncio.Queue(limit)
        self._subscribers.append(queue)
        try:
            yield queue
        finally:
            self._subscribers.remove(queue)

    def settled(self, call: Call) -> None:
        """A call has been answered, or hung up on: it goes into the log."""
        self.counts[call.method] += 1
        self.calls.append(call)
        if self._waiting or self._subscribers:
            details: Json = {"method": call.method}
            if call.error is not None:
                details["error"] = call.error.description
            self.changed("call", bot=call.bot, details=details)

    def _recent(self) -> str:
        last = [
            f"{call.method} {'refused: ' + call.error.description if call.error else 'ok'}"
            for call in itertools.islice(reversed(self.calls), 8)
        ]
        return (
            "no bot has called anything" if not last else "the last calls, newest first: " + "; ".join(last)
        )

    # --- finding ---------------------------------------------------------------------------------

    def private_chat(self, bot: Bot, person: Person) -> PrivateChat:
        """The chat of a bot and a person; it exists from the first time somebody asks."""
        key = (bot.id, person.id)
        chat = self.private.get(key)
        if chat is None:
            chat = self.private[key] = PrivateChat(bot, person)
        return chat

    def chat_for(self, bot: Bot, raw: Any) -> Chat:
        """The chat a bot means by `chat_id`; raises ApiError when there is none."""
        if raw is None or raw == "":
            raise bad_request("chat_id is empty")
        try:
            chat_id = int(raw)
        except (TypeError, ValueError):
            name = str(raw).removeprefix("@").lower()
            for group in self.groups.values():
                if str(raw).startswith("@") and group.username and group.username.lower() == name:
                    return group
            raise bad_request("chat not found") from None
        if (person := self.people.get(chat_id)) is not None:
            return self.private_chat(bot, person)
        if (moved_to := self.migrated.get(chat_id)) is not None:
            raise ApiError(
                400,
                "Bad Request: group chat was upgraded to a supergroup chat",
                {"migrate_to_chat_id": moved_to},
            )
        found = self.groups.get(chat_id)
        if found is not None and (bot.id in found.members or bot.id in found.former):
            return found
        if any(other.id == chat_id for other in self.bots.values()):
            raise ApiError(403, "Forbidden: bots can't send messages to bots")
        raise bad_request("chat not found")

    def business_chat(self, bot: Bot, connection_id: str, raw: Any) -> BusinessChat:
        """The owner's chat with a customer; raises ApiError when either is unknown."""
        connection = self.connections.get(connection_id)
        if connection is None or connection.bot is not bot:
            raise bad_request("business connection not found")
        if raw is None or raw == "":
            raise bad_request("chat_id is empty")
        customer = self.people.get(int(raw)) if str(raw).lstrip("-").isdecimal() else None
        if customer is None or customer.id not in connection.chats:
            raise bad_request("chat not found")
        return connection.chats[customer.id]

    # --- acting ----------------------------------------------------------------------------------

    def post(
        self,
        chat: Chat,
        sender: Sender | None,
        content: Json,
        *,
        media: Media | None = None,
        reply_to: Message | None = None,
        topic: Topic | None = None,
        markup: Json | None = None,
        silent: bool = False,
        business: Json | None = None,
        service: bool = False,
    ) -> Message:
        """A message appears in a chat; the bots that may see it get it as an update."""
        chat.last_id += 1
        date = int(self.now().timestamp())
        message = Message(chat, chat.last_id, date=date, sender=sender, content=content, media=media)
        message.reply_to = reply_to
        message.topic = topic
        message.markup = markup
        message.silent = silent
        message.business = business
        message.is_service = service
        if self.keep_messages:
            chat.messages[message.id] = message
        if isinstance(chat, PrivateChat):
            if sender is not chat.bot:
                self.push(chat.bot, "message", message.payload(chat.bot), chat.id)
            elif markup is not None and "inline_keyboard" not in markup:
                chat.keyboard = message if "keyboard" in markup else None
        else:
            self.tell(message, "message")
        if self._waiting or self._subscribers:
            self.changed("message", message=message)
        return message

    def edited(self, message: Message, *, date: bool = True) -> None:
        """A message has been changed in place: date it and tell who may know."""
        if date:
            message.edited_at = int(self.now().timestamp())
        if not message.from_bot or message.business is not None:
            self.tell(message, "edited_message")
        self.changed("edit", message=message)

    def deleted(self, message: Message) -> None:
        """A message disappears. Bots are not told, except in business chats."""
        message.deleted = True
        chat = message.chat
        if message.id in chat.pinned:
            chat.pinned.remove(message.id)
        if isinstance(chat, BusinessChat) and not message.from_bot:
            connection = chat.connection
            self.push(
                connection.bot,
                "deleted_business_messages",
                {
                    "business_connection_id": connection.id,
                    "chat": chat.describe(connection.bot),
                    "message_ids": [message.id],
                },
                chat.id,
            )
        self.changed("delete", message=message)

    def tell(self, message: Message, kind: str) -> None:
        """Give the message as an update to the bots that may see it."""
        chat = message.chat
        if isinstance(chat, PrivateChat):
            if message.sender is not chat.bot:
                self.push(chat.bot, kind, message.payload(chat.bot), chat.id)
        elif isinstance(chat, BusinessChat):
            bot = chat.connection.bot
            sent_by_us = message.business is not None and "sender_business_bot" in message.business
            if chat.connection.is_enabled and not sent_by_us:
                business_kind = "business_message" if kind == "message" else "edited_business_message"
                self.push(bot, business_kind, message.payload(bot), chat.id)
        elif isinstance(chat, Group):
            for bot in chat.bots_that_see(message):
                self.push(bot, kind, message.payload(bot), chat.id)

    def push(self, bot: Bot, kind: str, payload: Json, lane: int = 0) -> None:
        """Queue one update, if the bot wants its kind."""
        if bot.updates.wants(kind):
            bot.updates.push(kind, payload, lane)

    def add_bot(self, bot: Bot) -> None:
        """Make a bot known; raises ValueError when its token or id is taken."""
        if any(bot.id == other.id for other in self.bots.values()) or bot.id in self.people:
            raise ValueError(f"there is an account with the id {bot.id} already")
        self.bots[bot.token] = bot
        bot.updates.on_poll = lambda: self.changed("polling", bot=bot)

    def add_people(self, people: Iterable[Person]) -> None:
        """Make people known; raises ValueError when an id is taken."""
        for person in people:
            if person.id in self.people or any(person.id == bot.id for bot in self.bots.values()):
                raise ValueError(f"there is an account with the id {person.id} already")
            self.people[person.id] = person

    def close(self) -> None:
        """Let go of everyone who waits."""
        for bot in self.bots.values():
            with suppress(ApiError):
                bot.updates.end_poll()
        for waiting in self._waiting:
            if not waiting.done():
                waiting.set_result(None)


async def _ignore(bot: Bot, answer: Json) -> None:
    """A world without a server obeys nobody."""
