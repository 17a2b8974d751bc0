"""The webhook edge's other half: Telegram is told where to bring updates, and asked whether it gets through."""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog

from channels.telegram.api import Answered, ApiError, BotApi
from channels.telegram.cleaning import Json
from channels.telegram.polling import KINDS, Trouble
from core.clock import Clock
from core.lines.accounts import AccountRef

log = structlog.get_logger("telegram")

WATCH = timedelta(minutes=5)  # how often the webhook is set anew
LOOK = timedelta(minutes=1)  # how often it is looked at: what waits for a customer's silence waits for that
SHORTEST_PAUSE, LONGEST_PAUSE = timedelta(seconds=2), timedelta(minutes=1)
CONNECTIONS = 100  # at once, the most Telegram allows


class Webhook:
    """Keeps one bot's webhook set. Every process of the web edge may do so: they all say the same.

    `url` is where updates come, `secret` what Telegram sends with each of them; `trouble` is told whether
    updates get through: https://core.telegram.org/bots/api#setwebhook
    """

    def __init__(
        self, api: BotApi, account: AccountRef, clock: Clock, url: str, secret: str, *, trouble: Trouble
    ) -> None:
        self._api = api
        self._account = account
        self._clock = clock
        self._url = url
        self._secret = secret
        self._trouble = trouble

    async def run(self) -> None:
        """Set it, and set it anew from time to time, until cancelled: another program may take the bot."""
        pause, set_at = SHORTEST_PAUSE, None
        while True:
            reply = await self._api.call(
                "setWebhook",
                {
                    "url": self._url,
                    "secret_token": self._secret,
                    "allowed_updates": list(KINDS),
                    "max_connections": CONNECTIONS,
                },
            )
            if isinstance(reply, Answered):
                if set_at is None:
                    set_at = self._clock.now()
                    log.info("the webhook is set", bot=self._account.scope, url=self._url)
                pause, until = SHORTEST_PAUSE, self._clock.now() + WATCH
                while self._clock.now() < until:
                    await self._look(set_at)
                    await self._clock.sleep_until(self._clock.now() + LOOK)
                continue
            set_at = None
            log.warning("the webhook is not set", bot=self._account.scope, why=str(reply)[:200])
            refused = isinstance(reply, ApiError) and reply.code in (401, 404)
            await self._trouble(self._account, "token-refused" if refused else "webhook-refused")
            await self._clock.sleep_until(self._clock.now() + pause)
            pause = min(pause * 2, WATCH)

    async def _look(self, set_at: datetime) -> None:
        """Say how it is, and that it is well only once Telegram has brought what it held while we were away.

        On a busy line something is always on its way: after `WATCH` that is all it can be. Of a Telegram that does
        not tell how it is nothing is said.
        """
        pause, until = SHORTEST_PAUSE, self._clock.now() + WATCH
        while True:
            reply = await self._api.call("getWebhookInfo")
            is_over = self._clock.now() >= until
            if isinstance(reply, Answered) and isinstance(reply.result, dict):
                complaint = self._complaint(reply.result, set_at)
                if complaint or is_over or not reply.result.get("pending_update_count"):
                    await self._trouble(self._account, complaint)
                    return
            if is_over:
                return
            await self._clock.sleep_until(self._clock.now() + pause)
            pause = min(pause * 2, LONGEST_PAUSE)

    def _complaint(self, found: Json, set_at: datetime) -> str | None:
        """What Telegram says of its last attempts to reach us since then; None when they went well."""
        failed_at, lately = found.get("last_error_date"), self._clock.now() - WATCH
        if not isinstance(failed_at, int) or failed_at < max(lately, set_at).timestamp():
            return None
        return f"webhook-failing: {str(found.get('last_error_message'))[:150]}"
