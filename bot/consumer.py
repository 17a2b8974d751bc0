"""What managers did is taken from the queue and handled: each person in order, people side by side."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from functools import partial
from typing import Any

import structlog
from aiogram import Bot, Dispatcher
from pydantic import ValidationError

from core.database import Database
from core.outage import Outage
from core.staff import updates
from core.staff.updates import Overtaken, Update

log = structlog.get_logger("bot")

AT_ONCE = 16  # people served side by side
LOOK = timedelta(seconds=1)  # a wake-up call that was lost costs this long
_LEASE = timedelta(seconds=60)
_SLOWEST = 50.0  # seconds one update may take; less than the lease, so nobody else takes it meanwhile

# What is kept of an update that the library's strict models refuse: enough to answer and to be answered.
_KEPT = {
    "message": (
        "message_id", "date", "chat", "from", "text", "entities", "caption", "caption_entities", "photo",
        "document", "voice", "audio", "video", "animation", "sticker", "video_note", "location", "contact",
        "media_group_id",
    ),
    "callback_query": ("id", "from", "chat_instance", "data"),
}  # fmt: skip


class Consumer:
    """Feeds the dispatcher of one managers' bot from the table `staff_update`."""

    def __init__(
        self,
        db: Database,
        dispatcher: Dispatcher,
        bot: Bot,
        account_id: int,
        *,
        look: timedelta = LOOK,
        in_hand: set[asyncio.Task[None]] | None = None,
    ) -> None:
        self._db = db
        self._dispatcher = dispatcher
        self._bot = bot
        self._account_id = account_id
        self._look = look
        self._outage = Outage(db.clock, log)
        self._at_work: set[asyncio.Task[None]] = set() if in_hand is None else in_hand

    async def run(self) -> None:
        """Consume until cancelled; what is in hand is finished first, what is not stays in the queue."""
        try:
            while True:
                free = AT_ONCE - len(self._at_work)
                taken = await self._claim(free) if free else ()
                for update in taken:
                    task = asyncio.create_task(self._handle(update))
                    self._at_work.add(task)
                    task.add_done_callback(self._at_work.discard)
                if not taken:
                    clock = self._db.clock
                    await self._db.hints.wait("staff", clock, clock.now() + self._look)
        finally:
            if self._at_work:
                await asyncio.wait(self._at_work)

    async def _claim(self, limit: int) -> tuple[Update, ...]:
        try:
            taken = await self._db.transact(lambda tx: updates.claim(tx, [self._account_id], limit, _LEASE))
            self._outage.is_over()
        except Exception as error:
            if not await self._outage.weather(error):
                log.exception("the queue of the managers' bot cannot be read")
            return ()
        return taken

    async def _handle(self, update: Update) -> None:
        try:
            async with asyncio.timeout(_SLOWEST):
                await self._feed(update)
        except Overtaken:
            log.warning("another process has handled this update meanwhile", update_id=update.id)
        except Exception as error:  # noqa: BLE001 - logged there, with what has become of the update
            await self._failed(update, error)
        else:
            await self._settle(update, None)
        finally:
            self._db.hints.announce({"staff"})  # this person's next one may be taken now

    async def _feed(self, update: Update) -> None:
        about = {"staff_update_id": update.id, "is_last": update.attempts >= updates.ATTEMPTS}
        try:
            await self._dispatcher.feed_raw_update(self._bot, update.update, **about)
        except ValidationError:
            # Telegram knows more than the library does: a manager's words are worth a second, plainer look.
            log.warning("an update is not as the library expects", update_id=update.id)
            pared = _pared(update.update)
            await self._dispatcher.feed_raw_update(self._bot, pared, **about)

    async def _failed(self, update: Update, error: Exception) -> None:
        """It is given again, unless what it asked for is done: then only the words about it are missing."""
        try:
            waits = await self._db.read(lambda connection: updates.is_waiting(connection, update.id))
        except Exception:
            log.exception("the queue of the managers' bot cannot be read")
            waits = True
        if waits:
            log.error(
                "an update was not handled", update_id=update.id, attempt=update.attempts, exc_info=error
            )
            await self._settle(update, type(error).__name__)
        else:
            log.error("a deed is done, but it could not be shown", update_id=update.id, exc_info=error)

    async def _settle(self, update: Update, error: str | None) -> None:
        """As soon as the database takes it, as long as the lease lasts: that would bring it back much later."""
        until = self._db.clock.now() + _LEASE
        settle = updates.finished if error is None else partial(updates.failed, error=error)
        while True:
            try:
                await self._db.transact(lambda tx: settle(tx, update_id=update.id))
            except Exception as failure:
                if await self._outage.weather(failure) and self._db.clock.now() < until:
                    continue
                log.exception("an update could not be settled", update_id=update.id)
            return


def _pared(update: Mapping[str, Any]) -> dict[str, Any]:
    pared: dict[str, Any] = {"update_id": update.get("update_id", 0)}
    for kind, fields in _KEPT.items():
        event = update.get(kind)
        if not isinstance(event, dict):
            continue
        pared[kind] = {name: event[name] for name in fields if name in event}
        if kind == "message" and isinstance(replied := event.get("reply_to_message"), dict):
            pared[kind]["reply_to_message"] = _bare(replied)
        if kind == "callback_query" and isinstance(message := event.get("message"), dict):
            pared[kind]["message"] = _bare(message)
    return pared


def _bare(message: Mapping[str, Any]) -> dict[str, Any]:
    """A message as far as it is needed to point at it."""
    return {name: message[name] for name in ("message_id", "date", "chat", "text") if name in message}
