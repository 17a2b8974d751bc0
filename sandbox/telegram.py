"""A Telegram of one's own: start it, put bots and people into it, and see what happens.

    async with TelegramSandbox() as telegram:
        bot = telegram.add_bot("1:TOKEN", "line_bot")
        anna = telegram.person(777, "Анна")
        await anna.writes(bot, "Здравствуйте!")       # the bot gets it by getUpdates or its webhook
        answer = await anna.sees(bot, "Спасибо")       # waits until the bot has answered so
        await anna.taps(answer, "Позвоните мне")       # and until it has answered the tap

Bots reach it at `telegram.url`, which is what OPENLINES_TELEGRAM__API_URL takes.
"""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter, deque
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from datetime import datetime
from types import TracebackType
from typing import Self, TypeVar

import aiohttp
from aiohttp import web

from core.clock import SystemClock
from sandbox.accounts import Bot
from sandbox.business import BusinessConnection
from sandbox.calls import Call, Json
from sandbox.faults import Fault, FaultPlan, Hold, RateLimiter, RateLimits
from sandbox.groups import Group
from sandbox.people import Person
from sandbox.server import BotApiServer
from sandbox.world import Change, World

T = TypeVar("T")
FIRST_UPDATE_ID = 700_000_001


class TelegramSandbox:
    """A Bot API server on this machine, and the people behind it.

    `port` 0 takes a free one. `now` dates messages and decides what has expired (aware, any zone).
    `keep_messages=False` forgets what is said, `keep_calls` bounds the log: for load tests. `limits` switches
    on Telegram's limits on sending. `routes` adds pages beside the API. `webhook_pace` multiplies the waits
    between repeated webhook deliveries, so that a test need not wait for seconds.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        now: Callable[[], datetime] | None = None,
        keep_messages: bool = True,
        keep_calls: int = 10_000,
        limits: RateLimits | None = None,
        routes: Iterable[web.AbstractRouteDef] = (),
        webhook_pace: float = 1.0,
        first_update_id: int = FIRST_UPDATE_ID,
    ) -> None:
        self.world = World(now or SystemClock().now, keep_messages=keep_messages, keep_calls=keep_calls)
        self.world.webhook_pace = webhook_pace
        self.faults = FaultPlan()
        self._server = BotApiServer(self.world, self.faults, RateLimiter(limits) if limits else None)
        self._routes = tuple(routes)
        self._host = host
        self._port = port
        self._first_update_id = first_update_id
        self._runner: web.AppRunner | None = None
        self._group_ids = itertools.count(1_500_000_001)
        self._person_ids = itertools.count(500_000_001)
        self._connection_ids = itertools.count(1)

    # --- running ---------------------------------------------------------------------------------

    async def start(self) -> None:
        """Listen. Raises OSError when the port is taken."""
        self.world.http = aiohttp.ClientSession()
        # A poller that goes away must not be thought to wait: its handler ends with its connection.
        runner = web.AppRunner(
            self._server.application(self._routes),
            access_log=None,
            handler_cancellation=True,
            shutdown_timeout=0.1,
        )
        self._runner = runner
        try:
            await runner.setup()
            await web.TCPSite(runner, self._host, self._port).start()
        except BaseException:
            await self.stop()
            raise
        self._port = int(runner.addresses[0][1])

    async def stop(self) -> None:
        """Let everyone who waits go, and close the door."""
        for bot in self.world.bots.values():
            if bot.webhook is not None:
                bot.webhook.stop()
        self.world.close()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None
        if self.world.http is not None:
            await self.world.http.close()
            self.world.http = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    @property
    def port(self) -> int:
        return self._port

    @property
    def url(self) -> str:
        """The base address, without a slash at the end: `http://127.0.0.1:40001`."""
        return f"http://{self._host}:{self._port}"

    # --- who is there ----------------------------------------------------------------------------

    def add_bot(self, token: str, username: str, first_name: str = "") -> Bot:
        """A bot with this token; its id stands before the colon. Raises ValueError when it is taken."""
        bot = Bot(token, username, first_name or username, self._first_update_id)
        self.world.add_bot(bot)
        return bot

    def person(
        self,
        person_id: int | None = None,
        first_name: str = "Анна",
        *,
        last_name: str | None = None,
        username: str | None = None,
        language_code: str | None = "ru",
        phone: str | None = None,
        hides_forwards: bool = False,
    ) -> Person:
        """Somebody with a telephone; an id is made up unless given. Raises ValueError when it is taken."""
        made = Person(
            self.world,
            next(self._person_ids) if person_id is None else person_id,
            first_name,
            last_name,
            username,
            language_code,
            phone,
            hides_forwards,
        )
        self.world.add_people([made])
        return made

    async def group(
        self,
        title: str,
        owner: Person,
        *members: Person | Bot,
        supergroup: bool = True,
        forum: bool = False,
        admin: bool = True,
        username: str | None = None,
    ) -> Group:
        """A group with its members. Bots in it are administrators unless `admin` is false."""
        number = next(self._group_ids)
        group_id = -1_000_000_000_000 - number if supergroup or forum else -number
        group = Group(
            self.world, group_id, title, owner, supergroup=supergroup or forum, forum=forum, username=username
        )
        self.world.groups[group_id] = group
        for member in members:
            await group.adds(member, admin=admin)
        return group

    def business(self, owner: Person, bot: Bot, *, can_reply: bool = True) -> BusinessConnection:
        """The owner lets the bot into their business account; the bot is told by `business_connection`."""
        connection_id = f"biz{next(self._connection_ids):08d}"
        connection = BusinessConnection(self.world, connection_id, owner, bot, can_reply=can_reply)
        self.world.connections[connection.id] = connection
        connection.announce()
        return connection

    # --- what went on ----------------------------------------------------------------------------

    @property
    def calls(self) -> deque[Call]:
        """The latest calls, oldest first."""
        return self.world.calls

    def calls_of(self, method: str) -> list[Call]:
        """The latest calls of one method, oldest first."""
        return [call for call in self.world.calls if call.method == method]

    @property
    def counts(self) -> Counter[str]:
        """How often each method has been called, however long ago."""
        return self.world.counts

    async def until(self, condition: Callable[[], T], timeout: float = 20.0) -> T:  # noqa: ASYNC109 a test says how long
        """Wait until the condition holds; it is looked at again whenever anything changes here.

        Raises TimeoutError after `timeout` seconds, naming the last calls.
        """
        return await self.world.until(condition, timeout)

    def changes(self, limit: int = 1_000) -> AbstractContextManager[asyncio.Queue[Change]]:
        """Everything that happens from now on, for a page that shows it.

            with telegram.changes() as changes:
                while True:
                    change = await changes.get()

        A reader more than `limit` behind loses the oldest, and sees it by the gap in `change.number`.
        """
        return self.world.changes(limit)

    # --- what goes wrong -------------------------------------------------------------------------

    def fail(
        self,
        method: str,
        fault: Fault,
        *,
        times: int = 1,
        where: Callable[[Call], bool] | None = None,
    ) -> None:
        """Let the next `times` calls of a method ("*": any) meet a fault; `where` picks among them.

        Faults, all in sandbox.faults: `too_many_requests(5)`, `server_error()`, `Refuse(...)`, `HangUp()`,
        `HangUp(after_acting=True)`, `Slow(seconds)`, `Gateway()`, `Hold()`.
        """
        self.faults.add(method, fault, times, where)

    def hold(
        self,
        method: str,
        *,
        times: int = 1,
        before_acting: bool = False,
        where: Callable[[Call], bool] | None = None,
    ) -> Hold:
        """Keep the next `times` calls of a method unanswered until `release()` on what is returned."""
        held = Hold(before_acting)
        self.fail(method, held, times=times, where=where)
        return held

    def push_raw(self, bot: Bot, update: Json) -> int:
        """Give the bot an update as it is; an `update_id` is added when it has none. Returns the id."""
        return bot.updates.push_raw(update, _lane(update))


def _lane(update: Json) -> int:
    for value in update.values():
        if isinstance(value, dict) and isinstance(chat := value.get("chat"), dict):
            return int(chat.get("id", 0))
    return 0
