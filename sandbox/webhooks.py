"""Webhook deliveries: real HTTP to the bot's address, repeated until the bot says 200.

Updates of one chat go one after another; different chats go side by side, up to `max_connections`. A failed
delivery is repeated at once, then after 2, 4, 8 ... 60 seconds, as in telegram-bot-api's WebhookActor.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Coroutine
from typing import TYPE_CHECKING

import aiohttp

from sandbox.calls import Json
from sandbox.updates import Update

if TYPE_CHECKING:
    from sandbox.accounts import Bot
    from sandbox.world import World

DELIVERY_TIMEOUT = 60.0  # seconds
MAX_DELAY = 60.0


class Webhook:
    """One bot's webhook while it is set."""

    def __init__(self, world: World, bot: Bot, url: str, secret: str, max_connections: int) -> None:
        self.url = url
        self.secret = secret
        self.max_connections = max_connections
        self.last_error: tuple[int, str] | None = None  # Unix seconds and the text of getWebhookInfo
        self._world = world
        self._bot = bot
        self._lanes: dict[int, deque[Update]] = {}
        self._ready: deque[int] = deque()  # lanes whose first update may go now
        self._in_flight = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._timers: set[asyncio.TimerHandle] = set()
        self._fails: dict[int, int] = {}  # by update
        self._stopped = False

    def is_set_to(self, url: str, secret: str, max_connections: int) -> bool:
        """Whether setting it so would change anything."""
        return (self.url, self.secret, self.max_connections) == (url, secret, max_connections)

    def start(self) -> None:
        """Begin with what waits already."""
        self._bot.updates.on_push = self._queue
        for update in self._bot.updates.pending.values():
            self._queue(update)

    def stop(self) -> None:
        """Deliver nothing more; what was not acknowledged stays in the bot's queue."""
        self._stopped = True
        self._bot.updates.on_push = None
        for timer in self._timers:
            timer.cancel()
        for task in self._tasks:
            task.cancel()

    def _queue(self, update: Update) -> None:
        # An update of no chat waits for nobody.
        lane = update.lane or -update.id
        waiting = self._lanes.get(lane)
        if waiting is not None:
            waiting.append(update)
            return
        self._lanes[lane] = deque([update])
        self._ready.append(lane)
        self._go()

    def _go(self) -> None:
        while self._ready and self._in_flight < self.max_connections and not self._stopped:
            self._in_flight += 1
            self._spawn(self._deliver(self._ready.popleft()))

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _deliver(self, lane: int) -> None:
        update = self._lanes[lane][0]
        retry_after = 0.0
        if update.id in self._bot.updates.pending:
            error, retry_after, answer = await self._post(update)
        else:
            error, answer = "", None  # dropped meanwhile by drop_pending_updates
        self._in_flight -= 1
        if error:
            now = int(self._world.now().timestamp())
            self.last_error = (now, error)
            self._again(lane, update, retry_after)
        else:
            self._settle(lane, update)
            if answer is not None:
                await self._world.obey(self._bot, answer)
        self._world.changed("webhook", bot=self._bot, details={"update_id": update.id, "error": error})
        self._go()

    async def _post(self, update: Update) -> tuple[str, float, Json | None]:
        """The error text (empty when taken), how long the bot asks to wait, and a call in the answer."""
        http = self._world.http
        if http is None:
            return "Connection closed", 0.0, None
        headers = {"Content-Type": "application/json"}
        if self.secret:
            headers["X-Telegram-Bot-Api-Secret-Token"] = self.secret
        try:
            async with http.post(
                self.url,
                data=update.encoded,
                headers=headers,
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=DELIVERY_TIMEOUT),
            ) as response:
                body = await response.content.read(1 << 20)
                if 200 <= response.status < 300:
                    return "", 0.0, _call_in(body)
                asked = response.headers.get("Retry-After", "")
                wait = float(asked) if asked.isdecimal() else 0.0
                return f"Wrong response from the webhook: {response.status} {response.reason}", wait, None
        except TimeoutError:
            return "Read timeout expired", 0.0, None
        except aiohttp.ClientConnectorError:
            return "Connection refused", 0.0, None
        except aiohttp.ClientError:
            return "Connection closed", 0.0, None

    def _settle(self, lane: int, update: Update) -> None:
        self._bot.updates.pending.pop(update.id, None)
        self._fails.pop(update.id, None)
        waiting = self._lanes[lane]
        waiting.popleft()
        if waiting:
            self._ready.append(lane)
        else:
            del self._lanes[lane]

    def _again(self, lane: int, update: Update, retry_after: float) -> None:
        fails = self._fails[update.id] = self._fails.get(update.id, 0) + 1
        delay = retry_after or (0.0 if fails == 1 else min(2.0 ** (fails - 1), MAX_DELAY))
        loop = asyncio.get_running_loop()

        def ready() -> None:
            self._timers.discard(timer)
            self._ready.append(lane)
            self._go()

        timer = loop.call_later(delay * self._world.webhook_pace, ready)
        self._timers.add(timer)


def _call_in(body: bytes) -> Json | None:
    if not body.startswith(b"{"):
        return None
    try:
        answer = json.loads(body)
    except ValueError:
        return None
    return answer if isinstance(answer, dict) and "method" in answer else None
