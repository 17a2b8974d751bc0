"""Telegram's pace: 30 messages a second for a bot, one a second for a chat, twenty a minute for a group.

https://core.telegram.org/bots/faq#my-bot-is-hitting-limits-how-do-i-avoid-this. What Telegram then still refuses
with 429 is obeyed to the second.
"""

from __future__ import annotations

from datetime import timedelta

from channels.limits import PATIENCE, Limits, Rate
from core.channel import (
    Channel,
    Fetched,
    FileSink,
    OutboundMessage,
    Outcome,
    Postponed,
    Refused,
)
from core.clock import Clock

# A rate lets `span / gap + burst` through in any span: 28 + 2 in a second, 18 + 2 in a group's minute.
BOT_GAP, BOT_BURST = timedelta(seconds=1 / 28), 2
GROUP_GAP, GROUP_BURST = timedelta(seconds=60 / 18), 2
# Short bursts to one chat are allowed; three at once are a card with its pictures.
CHAT_GAP, CHAT_BURST = timedelta(seconds=1), 3


class PacedTelegram:
    """A Telegram channel that keeps the pace. Short waits are waited out, longer ones go back to the queue."""

    def __init__(self, channel: Channel, limits: Limits, clock: Clock, bot_id: str) -> None:
        self._channel = channel
        self._limits = limits
        self._clock = clock
        self._bot = bot_id

    async def send(self, message: OutboundMessage) -> Outcome:
        """As the channel itself, in time. An album counts as one message per file."""
        wait = await self._limits.reserve(self._rates(message.thread), max(1, len(message.files)))
        if wait > PATIENCE:
            # Where the bot itself has no room, what is claimed next has none either.
            of_bot = await self._limits.reserve(self._rates(message.thread)[:1], 0)
            is_full = of_bot > PATIENCE
            reason = "waiting for Telegram's limits"
            return Postponed(reason, of_bot if is_full else wait, whole_account=is_full)
        if wait:
            await self._clock.sleep_until(self._clock.now() + wait)
        outcome = await self._channel.send(message)
        if isinstance(outcome, Postponed) and outcome.retry_after is not None:
            key = f"bot:{self._bot}" if outcome.whole_account else f"chat:{self._bot}:{message.thread}"
            await self._limits.block(key, self._clock.now() + outcome.retry_after)
        return outcome

    async def fetch(self, reference: str, into: FileSink) -> Fetched | Refused | Postponed:
        """Files do not count against the limits of sending."""
        return await self._channel.fetch(reference, into)

    def _rates(self, thread: str) -> list[Rate]:
        rates = [
            Rate(f"bot:{self._bot}", BOT_GAP, BOT_BURST),
            Rate(f"chat:{self._bot}:{thread}", CHAT_GAP, CHAT_BURST),
        ]
        if thread.startswith("-"):
            rates.append(Rate(f"group:{self._bot}:{thread}", GROUP_GAP, GROUP_BURST))
        return rates
