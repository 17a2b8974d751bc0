"""The webhook edge's other half: Telegram is told where to bring updates, and asked whether it gets through."""

from __future__ import annotations

from datetime import timedelta

import structlog

from channels.telegram.api import Answered, ApiError, BotApi
from channels.telegram.polling import KINDS, Trouble
from core.clock import Clock
from core.lines.accounts import AccountRef

log = structlog.get_logger("telegram")

WATCH = timedelta(minutes=5)  # how often the webhook is set anew and looked at
SHORTEST_PAUSE = timedelta(seconds=2)
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
        pause, is_set = SHORTEST_PAUSE, False
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
                if not is_set:
                    log.info("the webhook is set", bot=self._account.scope, url=self._url)
                pause, is_set = SHORTEST_PAUSE, True
                await self._trouble(self._account, await self._complaint())
                await self._clock.sleep_until(self._clock.now() + WATCH)
                continue
            is_set = False
            log.warning("the webhook is not set", bot=self._account.scope, why=str(reply)[:200])
            refused = isinstance(reply, ApiError) and reply.code in (401, 404)
            await self._trouble(self._account, "token-refused" if refused else "webhook-refused")
            await self._clock.sleep_until(self._clock.now() + pause)
            pause = min(pause * 2, WATCH)

    async def _complaint(self) -> str | None:
        """What Telegram says of its last attempts to reach us; None when they went well."""
        reply = await self._api.call("getWebhookInfo")
        found = reply.result if isinstance(reply, Answered) and isinstance(reply.result, dict) else {}
        failed_at = found.get("last_error_date")
        if not isinstance(failed_at, int) or failed_at < (self._clock.now() - WATCH).timestamp():
            return None
        return f"webhook-failing: {str(found.get('last_error_message'))[:150]}"
