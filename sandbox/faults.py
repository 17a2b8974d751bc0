"""What can go wrong with Telegram, on request: refusals, hang-ups, slowness; and the limits on sending."""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeAlias

from sandbox.calls import ApiError, Call


@dataclass(frozen=True, slots=True)
class Refuse:
    """Telegram answers with an error and does nothing."""

    code: int
    description: str
    retry_after: int | None = None  # seconds
    migrate_to_chat_id: int | None = None

    def error(self) -> ApiError:
        parameters = {
            name: value
            for name, value in (
                ("retry_after", self.retry_after),
                ("migrate_to_chat_id", self.migrate_to_chat_id),
            )
            if value is not None
        }
        return ApiError(self.code, self.description, parameters or None)


@dataclass(frozen=True, slots=True)
class HangUp:
    """The connection is cut: before the request is read or, `after_acting`, before it is answered."""

    after_acting: bool = False


@dataclass(frozen=True, slots=True)
class Slow:
    """Telegram does what it is asked and answers so many seconds later."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Gateway:
    """Something before Telegram answers with a page that is no JSON; nothing is done."""

    status: int = 502
    body: str = "<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"


@dataclass(slots=True, eq=False)
class Hold:
    """Telegram does what it is asked (or `before_acting` not yet) and keeps the answer till `release()`."""

    before_acting: bool = False
    arrived: int = 0  # how many calls are, or were, held
    _released: asyncio.Event = field(default_factory=asyncio.Event)

    def release(self) -> None:
        """Let go of every call held, now and later."""
        self._released.set()

    async def wait(self) -> None:
        await self._released.wait()


Fault: TypeAlias = Refuse | HangUp | Slow | Gateway | Hold


def too_many_requests(retry_after: int) -> Refuse:
    """429, with the seconds to wait."""
    return Refuse(429, f"Too Many Requests: retry after {retry_after}", retry_after=retry_after)


def server_error() -> Refuse:
    """500, as Telegram answers when it is unwell."""
    return Refuse(500, "Internal Server Error")


@dataclass(slots=True)
class _Planned:
    fault: Fault
    left: int
    where: Callable[[Call], bool] | None


class FaultPlan:
    """Faults that wait for their calls, first planned first used."""

    def __init__(self) -> None:
        self._planned: dict[str, deque[_Planned]] = {}

    def add(self, method: str, fault: Fault, times: int, where: Callable[[Call], bool] | None) -> None:
        """Plan a fault for the next `times` calls of a method ("*" for any) that satisfy `where`."""
        self._planned.setdefault(method, deque()).append(_Planned(fault, times, where))

    def clear(self) -> None:
        """Forget what has not happened yet."""
        self._planned.clear()

    def hangs_up_unread(self, method: str) -> bool:
        """Whether the next fault cuts the connection before anything is read; uses it up."""
        for name in (method, "*"):
            planned = self._planned.get(name)
            if planned and planned[0].fault == HangUp() and planned[0].where is None:
                self._use(planned, planned[0])
                return True
        return False

    def next_for(self, call: Call) -> Fault | None:
        """The fault this call meets, used up by it; None when it meets none."""
        for name in (call.method, "*"):
            planned = self._planned.get(name)
            if not planned:
                continue
            for one in planned:
                if one.where is None or one.where(call):
                    self._use(planned, one)
                    return one.fault
        return None

    def __bool__(self) -> bool:
        return any(self._planned.values())

    @staticmethod
    def _use(planned: deque[_Planned], one: _Planned) -> None:
        one.left -= 1
        if one.left <= 0:
            planned.remove(one)


@dataclass(frozen=True, slots=True)
class RateLimits:
    """How much a bot may send.

    See https://core.telegram.org/bots/faq#my-bot-is-hitting-limits-how-do-i-avoid-this.
    """

    per_second: int = 30
    per_chat_per_second: int = 1
    per_group_per_minute: int = 20


class RateLimiter:
    """Counts what each bot sends, in the sandbox's time."""

    def __init__(self, limits: RateLimits) -> None:
        self._limits = limits
        self._sent: dict[tuple[int, int | None], deque[datetime]] = {}

    def check(self, call: Call, now: datetime) -> None:
        """Count a call that sends; raises ApiError 429 with the seconds to wait when it is one too many."""
        if not call.method.startswith(("send", "copy", "forward", "edit")) or call.method == "sendChatAction":
            return
        second, minute, limits = timedelta(seconds=1), timedelta(minutes=1), self._limits
        chat_id = call.chat_id
        windows: list[tuple[tuple[int, int | None], int, timedelta]] = [
            ((call.bot.id, None), limits.per_second, second)
        ]
        if chat_id is not None and chat_id < 0:
            windows.append(((call.bot.id, chat_id), limits.per_group_per_minute, minute))
        elif chat_id is not None:
            windows.append(((call.bot.id, chat_id), limits.per_chat_per_second, second))
        for key, most, window in windows:
            sent = self._sent.setdefault(key, deque())
            while sent and now - sent[0] >= window:
                sent.popleft()
            if len(sent) >= most:
                wait = max(1, math.ceil((sent[0] + window - now).total_seconds()))
                raise too_many_requests(wait).error()
        for key, _, _ in windows:
            self._sent[key].append(now)
