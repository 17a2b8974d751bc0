"""Unfinished dialogs: what the next message of a manager is meant for. Kept in the database, or in Redis.

A dialog that cannot be read counts as none, so what a manager writes then goes to nobody; one that cannot be
written is refused. A failing Redis may thus cost a manager a tap, but never sends a text to the wrong person.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any, TypeVar

import structlog
from aiogram.fsm.state import State, StatesGroup
from aiogram.fsm.storage.base import BaseStorage, DefaultKeyBuilder, StateType, StorageKey
from aiogram.fsm.storage.redis import RedisStorage
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError

from core.clock import Clock
from core.database import Database
from core.errors import Refusal
from core.staff.updates import load_dialog, save_dialog

log = structlog.get_logger("bot")

T = TypeVar("T")
SILENT = timedelta(seconds=15)  # before a Redis that kept silent is asked again
KEPT = timedelta(days=7)  # how long Redis remembers a dialog
FRESH = timedelta(hours=12)  # a dialog begun earlier has been forgotten by the person: it is asked again


class Writing(StatesGroup):
    """What the next message is."""

    answer = State()  # to the customer of the lead
    note = State()  # to colleagues, on the lead
    comment = State()  # why the lead is given up
    exclusion = State()  # lines for the exclusion list
    inclusion = State()  # who comes off the exclusion list
    check = State()  # whom to try against the exclusion list
    search = State()  # what to look for
    lead = State()  # whose card to show
    recipient = State()  # whom to write a letter to
    subject = State()  # of a letter
    copy = State()  # who else gets a letter
    letter = State()  # the text of a letter begun from a lead's card


class DialogTable(BaseStorage):
    """Dialogs in the database, where no Redis is configured."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def set_state(self, key: StorageKey, state: StateType = None) -> None:
        name, written = _name(key), state.state if isinstance(state, State) else state
        await self._db.transact(
            lambda tx: save_dialog(tx, name, written, load_dialog(tx.connection, name)[1])
        )

    async def get_state(self, key: StorageKey) -> str | None:
        return (await self._db.read(lambda connection: load_dialog(connection, _name(key))))[0]

    async def set_data(self, key: StorageKey, data: Mapping[str, Any]) -> None:
        name, content = _name(key), dict(data)
        await self._db.transact(
            lambda tx: save_dialog(tx, name, load_dialog(tx.connection, name)[0], content)
        )

    async def get_data(self, key: StorageKey) -> dict[str, Any]:
        return (await self._db.read(lambda connection: load_dialog(connection, _name(key))))[1]

    async def close(self) -> None:
        """The database is closed by whoever opened it."""


class DialogRedis(RedisStorage):
    """Dialogs in Redis, shared by several processes of the bot.

    One that keeps silent is left alone for a while: every tap asks it several times, and would wait for each.
    """

    def __init__(self, url: str, clock: Clock) -> None:
        client = Redis.from_url(url, socket_timeout=2, socket_connect_timeout=2, retry=Retry(NoBackoff(), 1))
        super().__init__(
            client, DefaultKeyBuilder(prefix="openlines", with_bot_id=True), state_ttl=KEPT, data_ttl=KEPT
        )
        self._clock = clock
        self._silent_until: datetime | None = None

    async def set_state(self, key: StorageKey, state: StateType = None) -> None:
        await self._asked(partial(super().set_state, key, state))

    async def get_state(self, key: StorageKey) -> str | None:
        try:
            return await self._asked(partial(super().get_state, key))
        except Refusal:
            return None

    async def set_data(self, key: StorageKey, data: Mapping[str, Any]) -> None:
        await self._asked(partial(super().set_data, key, data))

    async def get_data(self, key: StorageKey) -> dict[str, Any]:
        try:
            return await self._asked(partial(super().get_data, key))
        except Refusal:
            return {}

    async def _asked(self, call: Callable[[], Awaitable[T]]) -> T:
        """What Redis answers. Raises Refusal while it is away."""
        if self._silent_until is not None and self._clock.now() < self._silent_until:
            raise Refusal("refused-dialogs-down")
        self._silent_until = None
        try:
            return await call()
        except (RedisError, OSError) as error:
            if isinstance(error, TimeoutError | RedisTimeoutError):
                self._silent_until = self._clock.now() + SILENT
            log.warning("dialogs cannot be kept", why=type(error).__name__)
            raise Refusal("refused-dialogs-down") from error


def _name(key: StorageKey) -> str:
    return f"{key.bot_id}:{key.chat_id}:{key.user_id}:{key.destiny}"
