"""The pace of letters: not so many at once that a mail server takes us for a spammer.

Providers publish daily limits and keep their short ones to themselves; these are a careful correspondent's.
What a server still answers with "slow down" is obeyed by the outcome's own wait.
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

ACCOUNT_GAP = timedelta(seconds=0.25)
DOMAIN_GAP = timedelta(seconds=1)
BURST = 20  # a morning's follow-ups to one provider, before the gap holds


class PacedEmail:
    """A mail channel that keeps the pace. Short waits are waited out, longer ones go back to the queue."""

    def __init__(self, channel: Channel, limits: Limits, clock: Clock, address: str) -> None:
        self._channel = channel
        self._limits = limits
        self._clock = clock
        self._address = address

    async def send(self, message: OutboundMessage) -> Outcome:
        """As the channel itself, in time."""
        domains = {address.rpartition("@")[2].lower() for address in (*message.to, *message.cc)}
        rates = [Rate(f"mailbox:{self._address}", ACCOUNT_GAP, BURST)]
        rates += [Rate(f"mail:{self._address}:{domain}", DOMAIN_GAP, BURST) for domain in sorted(domains)]
        wait = await self._limits.reserve(rates)
        if wait > PATIENCE:
            return Postponed("many letters are on their way to this provider", wait)
        if wait:
            await self._clock.sleep_until(self._clock.now() + wait)
        return await self._channel.send(message)

    async def fetch(self, reference: str, into: FileSink) -> Fetched | Refused | Postponed:
        return await self._channel.fetch(reference, into)
