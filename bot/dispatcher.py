"""The managers' bot, put together: who handles what, in this order."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Any

import structlog
from aiogram import Bot, Dispatcher, F
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer
from aiogram.enums import ChatType
from aiogram.exceptions import ClientDecodeError, TelegramServerError
from aiogram.fsm.storage.base import BaseStorage
from aiogram.fsm.storage.memory import SimpleEventIsolation

from bot.consumer import LOOK, Consumer
from bot.dialogs import DialogRedis, DialogTable
from bot.handlers import (
    admin,
    availability,
    exclusions,
    files,
    inbox,
    lead,
    letters,
    person,
    reply,
    search,
    start,
    statistics,
    stopped,
)
from bot.handlers.errors import Answering, Apologising
from bot.handlers.people import Who
from bot.office import Office, Recall, Refile
from bot.texts import Texts
from core.clock import Clock
from core.database import Database
from core.files import FileStore
from core.lines.accounts import AccountRef

log = structlog.get_logger("bot")

# The order decides: commands leave a dialog, a reply to a card goes before a dialog, what nobody wants is last.
ROUTERS = (
    start.router,
    start.strangers,
    inbox.router,
    search.router,
    statistics.router,
    availability.router,
    exclusions.router,
    stopped.router,
    admin.router,
    lead.router,
    person.router,
    files.router,
    letters.router,
    reply.router,
    inbox.dialog,
    search.dialog,
    exclusions.dialog,
    reply.fallback,
)


class _Session(AiohttpSession):
    """A proxy's page of an error is Telegram's trouble like any other; the library takes it for a damaged answer."""

    def check_response(self, bot: Bot, method: Any, status_code: int, content: str) -> Any:
        try:
            return super().check_response(bot, method, status_code, content)
        except ClientDecodeError as error:
            if status_code < 500:
                raise
            raise TelegramServerError(method, f"{status_code} and no JSON") from error


def build(office: Office, storage: BaseStorage) -> Dispatcher:
    """A dispatcher over these handlers. It is fed by the consumer and never polls by itself.

    Updates of one person come one after the other (the queue gives the next only when the last is done), so the
    isolation of events inside this process is a second belt.
    """
    dispatcher = Dispatcher(
        storage=storage, events_isolation=SimpleEventIsolation(), office=office, name="staff"
    )
    dispatcher.update.outer_middleware(Who())
    for observer in (dispatcher.message, dispatcher.edited_message):
        observer.filter(F.chat.type == ChatType.PRIVATE)  # in groups the bot merely sits
        observer.outer_middleware(Apologising())
    dispatcher.callback_query.outer_middleware(Answering())
    for router in ROUTERS:
        # A router has one parent for ever; a program that builds a second bot (a test) takes it over.
        router._parent_router = None  # noqa: SLF001 - aiogram has no way to give a router back
        dispatcher.include_router(router)
    return dispatcher


async def serve(
    *,
    db: Database,
    account: AccountRef,
    token: str,
    api_url: str,
    redis_url: str | None,
    clock: Clock,
    region: str,
    timezone: str,
    language: str,
    store: FileStore,
    refile: Refile,
    recall: Recall,
    admins: Collection[int] = (),
    ready: Callable[[], None] = lambda: None,
    look: timedelta = LOOK,
    in_hand: set[asyncio.Task[None]] | None = None,
) -> None:
    """Serve the managers until cancelled; what is in hand is finished first.

    `account` is the managers' bot's account, `api_url` the base of its Bot API server, `region` and `timezone`
    the line's, `language` what people are spoken to in who have not told theirs. `refile(ledger_id)` takes an
    entry of the ledger again, `recall(ledger_ids)` reads what such entries say. `admins` are the
    Telegram ids whom the settings make admins. `ready` is called once updates are
    being taken, `look` is how long a lost wake-up call may cost; `in_hand` holds what is being handled.
    """
    async with AsyncExitStack() as stack:
        session = _Session(api=TelegramAPIServer.from_base(api_url))
        stack.push_async_callback(session.close)
        bot = Bot(token, session=session)
        storage: BaseStorage = DialogRedis(redis_url, clock) if redis_url else DialogTable(db)
        stack.push_async_callback(storage.close)
        office = Office(
            db=db,
            texts=Texts(default=language),
            clock=clock,
            account=account,
            store=store,
            refile=refile,
            recall=recall,
            region=region,
            timezone=timezone,
            admins=admins,
        )
        stack.push_async_callback(_leave_background, office)
        await asyncio.to_thread(office.texts.read)
        dispatcher = build(office, storage)
        ready()
        await Consumer(db, dispatcher, bot, account.id, look=look, in_hand=in_hand).run()


async def _leave_background(office: Office) -> None:
    for task in list(office.background):
        task.cancel()
    await asyncio.gather(*office.background, return_exceptions=True)
