"""Send limits that several processes share in Redis. While Redis is away, each process keeps its own."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from channels.limits import PATIENCE, ProcessLimits, Rate
from core.clock import Clock

log = structlog.get_logger("limits")

ALONE = timedelta(seconds=5)  # before Redis is asked again: nobody waits for it at every message

# The server's own time, so that the clocks of several machines need not agree.
_NOW = """
local t = redis.call('TIME')
local now = tonumber(t[1]) + tonumber(t[2]) / 1000000
local function at(key) return tonumber(redis.call('GET', key) or '0') end
local function remember(key, moment)
  redis.call('SET', key, string.format('%.6f', moment), 'PX', math.ceil(math.max(moment - now, 0) * 1000) + 1000)
end
"""
_RESERVE = (
    _NOW
    + """
local count, rates, wait = tonumber(ARGV[2]), #KEYS / 2, 0
for i = 1, rates do
  local gap, burst = tonumber(ARGV[2 * i + 1]), tonumber(ARGV[2 * i + 2])
  wait = math.max(wait, at(KEYS[i]) - (burst - 1) * gap - now, at(KEYS[rates + i]) - now)
end
if wait <= tonumber(ARGV[1]) then
  for i = 1, rates do
    remember(KEYS[i], math.max(at(KEYS[i]), now + wait) + count * tonumber(ARGV[2 * i + 1]))
  end
end
return string.format('%.6f', wait)
"""
)
_BLOCK = _NOW + "remember(KEYS[1], math.max(at(KEYS[1]), now + tonumber(ARGV[1])))"


class RedisLimits:
    """Limits of all processes on one Redis.

    `clock` measures how long to do without a Redis that is away; the limits themselves run on the server's time.
    """

    def __init__(self, redis: Redis, clock: Clock, prefix: str = "openlines:{limits}:") -> None:
        self._prefix = prefix  # the braces keep all keys on one node of a cluster
        self._alone = ProcessLimits(clock)
        self._alone_until: datetime | None = None
        self._clock = clock
        self._redis = redis
        self._reserve = redis.register_script(_RESERVE)
        self._block = redis.register_script(_BLOCK)

    async def reserve(self, rates: Sequence[Rate], count: int = 1) -> timedelta:
        if self._is_away:
            return await self._alone.reserve(rates, count)
        names = [self._prefix + rate.key for rate in rates]
        arguments: list[float | int] = [PATIENCE.total_seconds(), count]
        for rate in rates:
            arguments += [rate.gap.total_seconds(), rate.burst]
        try:
            waited = await self._reserve(keys=[*names, *(_blocked(name) for name in names)], args=arguments)
        except (RedisError, OSError) as error:
            self._note_away(error)
            return await self._alone.reserve(rates, count)
        self._note_here()
        return timedelta(seconds=float(waited))

    async def block(self, key: str, until: datetime) -> None:
        await self._alone.block(key, until)
        if self._is_away:
            return
        left = max((until - self._clock.now()).total_seconds(), 0.0)
        try:
            await self._block(keys=[_blocked(self._prefix + key)], args=[left])
        except (RedisError, OSError) as error:
            self._note_away(error)
        else:
            self._note_here()

    async def look(self) -> None:
        """See whether Redis is there, and say so when it is not: nobody is stopped by it."""
        try:
            await self._redis.ping()
        except (RedisError, OSError) as error:
            self._note_away(error)

    async def close(self) -> None:
        """Let go of the connections."""
        await self._redis.aclose()

    @property
    def _is_away(self) -> bool:
        return self._alone_until is not None and self._clock.now() < self._alone_until

    def _note_away(self, error: Exception) -> None:
        if self._alone_until is None:
            why = f"{type(error).__name__}: {error}"[:100]
            log.warning("redis is away, this process keeps the send limits alone", why=why)
        self._alone_until = self._clock.now() + ALONE

    def _note_here(self) -> None:
        if self._alone_until is not None:
            log.info("redis is back, the send limits are shared again")
            self._alone_until = None


def _blocked(name: str) -> str:
    return f"{name}:blocked"
