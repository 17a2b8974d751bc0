"""Send limits: how long to wait for a slot that several rates allow at once, in one process or in several.

The generic cell rate algorithm over several keys taken together: a message to a group counts against the bot, the
chat and the group, and reserves its place in all of them or in none. Kept libraries limit one key at a time and read
their own clock, so a reservation cannot span keys there nor run on ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from core.clock import Clock

log = structlog.get_logger("limits")

PATIENCE = timedelta(seconds=2)  # a longer wait goes back to the delivery's row instead of holding a worker


@dataclass(frozen=True, slots=True)
class Rate:
    """At most one per `gap` for `key`, of which `burst` may come at once."""

    key: str
    gap: timedelta
    burst: int = 1


class Limits(Protocol):
    """Where slots are reserved."""

    async def reserve(self, rates: Sequence[Rate]) -> timedelta:
        """How long until the slot: zero or up to `PATIENCE`, and the slot is taken. Longer: nothing is taken."""
        ...

    async def block(self, key: str, until: datetime) -> None:
        """The network said wait: nothing for this key before then."""
        ...


class ProcessLimits:
    """Limits of one process, on its clock."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._next: dict[str, float] = {}  # key → when the theoretical next slot arrives

    async def reserve(self, rates: Sequence[Rate]) -> timedelta:
        now = self._clock.now().timestamp()
        if len(self._next) > 10_000:  # chats nobody has written to for a while need no memory
            self._next = {key: at for key, at in self._next.items() if at > now}
        wait = 0.0
        for rate in rates:
            due = max(self._next.get(rate.key, 0.0), now)
            wait = max(wait, due - (rate.burst - 1) * rate.gap.total_seconds() - now)
        if wait > PATIENCE.total_seconds():
            return timedelta(seconds=wait)
        for rate in rates:
            due = max(self._next.get(rate.key, 0.0), now)
            self._next[rate.key] = max(due, now + wait) + rate.gap.total_seconds()
        return timedelta(seconds=max(wait, 0.0))

    async def block(self, key: str, until: datetime) -> None:
        self._next[key] = max(self._next.get(key, 0.0), until.timestamp())


# The server's own time, so that the clocks of several machines need not agree.
_RESERVE = """
local t = redis.call('TIME')
local now = tonumber(t[1]) + tonumber(t[2]) / 1000000
local wait, patience, due = 0, tonumber(ARGV[1]), {}
for i, key in ipairs(KEYS) do
  local gap, burst = tonumber(ARGV[2 * i]), tonumber(ARGV[2 * i + 1])
  due[i] = math.max(tonumber(redis.call('GET', key) or '0'), now)
  wait = math.max(wait, due[i] - (burst - 1) * gap - now)
end
if wait <= patience then
  for i, key in ipairs(KEYS) do
    local next = math.max(due[i], now + wait) + tonumber(ARGV[2 * i])
    redis.call('SET', key, string.format('%.6f', next), 'PX', math.ceil((next - now) * 1000) + 1000)
  end
end
return string.format('%.6f', wait)
"""


class RedisLimits:
    """Limits several processes share. While Redis is away each process keeps its own."""

    def __init__(self, redis: Redis, clock: Clock, prefix: str = "openlines:{limits}:") -> None:
        self._redis = redis
        self._prefix = prefix
        self._alone = ProcessLimits(clock)
        self._clock = clock
        self._reserve = redis.register_script(_RESERVE)

    async def reserve(self, rates: Sequence[Rate]) -> timedelta:
        arguments: list[float | int] = [PATIENCE.total_seconds()]
        for rate in rates:
            arguments += [rate.gap.total_seconds(), rate.burst]
        try:
            waited = await self._reserve(keys=[self._prefix + rate.key for rate in rates], args=arguments)
            return timedelta(seconds=float(waited))
        except (RedisError, OSError) as error:
            log.warning("redis is away, this process limits alone", why=type(error).__name__)
            return await self._alone.reserve(rates)

    async def block(self, key: str, until: datetime) -> None:
        left = (until - self._clock.now()).total_seconds()
        await self._alone.block(key, until)
        try:
            seconds, micros = await self._redis.time()
            due = seconds + micros / 1_000_000 + left
            await self._redis.set(self._prefix + key, f"{due:.6f}", px=max(int(left * 1000), 1) + 1000)
        except (RedisError, OSError) as error:
            log.warning("redis is away, this process limits alone", why=type(error).__name__)
