"""The assembly: builds every part once, starts the parts asked for, and stops them without losing anything."""

from __future__ import annotations

import asyncio
import fcntl
import os
import secrets
import signal
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import structlog
from aiohttp import ClientSession, TCPConnector, web

from bot.notices import Notices
from bot.texts import Texts
from channels.limits import Limits, ProcessLimits, RedisLimits
from channels.telegram.api import Answered, ApiError, BotApi
from channels.telegram.outbound import TelegramChannel
from channels.telegram.pacing import PacedTelegram
from channels.telegram.polling import KINDS, Polling
from core.automation.preset import ensure_line
from core.automation.reactions import Policy, Reactions
from core.channel import Channel
from core.clock import Clock, SystemClock
from core.conversations.notices import tell_trouble
from core.database import Database, Transaction
from core.errors import Misconfigured
from core.files import FileStore
from core.housekeeping import Retention
from core.intake.edge import Intake
from core.lines.accounts import AccountRef, ensure_account, read_cursor
from core.migrations import migrate
from core.staff.managers import ensure_admins
from core.worker import Post, Worker
from openlines.refiling import refile
from openlines.settings import Settings
from webhooks.application import Edge, build

if TYPE_CHECKING:
    from redis.asyncio import Redis

log = structlog.get_logger("openlines")

PARTS = ("web", "bot", "mail", "worker")
WATCH = timedelta(minutes=5)  # how often the webhook is looked at
Work = Callable[[], Coroutine[Any, Any, None]]


@dataclass(frozen=True, slots=True)
class Accounts:
    """The accounts the settings ask for, as rows."""

    line_id: int
    form: AccountRef
    telegram: AccountRef | None = None
    staff: AccountRef | None = None  # the managers' bot, when it has a token of its own
    email: AccountRef | None = None

    @property
    def of_managers(self) -> AccountRef | None:
        """The account of the managers' bot."""
        return self.staff or self.telegram


@dataclass(slots=True)
class Program:
    """One process of openlines. `start` it within `opened`, then `run` until told to stop."""

    settings: Settings
    parts: Sequence[str]
    clock: Clock
    db: Database
    store: FileStore
    accounts: Accounts
    intake: Intake
    http: ClientSession
    limits: Limits
    redis: Redis | None
    poll: timedelta
    apis: dict[int, BotApi] = field(default_factory=dict)
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    worker: Worker | None = None
    port: int | None = None  # the HTTP edge's, once it listens
    ready: asyncio.Event = field(default_factory=asyncio.Event)  # everything that files is up
    bot_ready: asyncio.Event = field(default_factory=asyncio.Event)  # the managers' bot answers

    def stop(self) -> None:
        """Finish what is in hand and return from `run`."""
        self.stopping.set()
        if self.worker:
            self.worker.stop()

    async def run(self) -> None:
        """Serve until `stop`. A part that fails takes the process down: whoever started it starts it again."""
        works: list[Work] = []
        edges: list[Work] = []
        if "web" in self.parts:
            edges += self._telegram_edges()
            works.append(self._serve_http)
        if "mail" in self.parts:
            edges += self._mail_edges()
        if "bot" in self.parts and self.accounts.of_managers is not None:
            edges.append(self._serve_bot)
        if "worker" in self.parts:
            self.worker = self._build_worker()
            works.append(self.worker.run)
        async with asyncio.TaskGroup() as group:
            running = [group.create_task(work()) for work in edges]
            for work in works:
                group.create_task(work())
            if "web" not in self.parts:
                self.ready.set()
            await self.stopping.wait()
            # Edges may be cut off anywhere: what they have not filed they have not acknowledged.
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)
            await self.intake.close()

    # --- the edges -------------------------------------------------------------------------------

    def _telegram_edges(self) -> list[Work]:
        works: list[Work] = []
        accounts, telegram = self.accounts, self.settings.telegram
        if accounts.telegram is not None:
            if telegram.mode == "webhook":
                works.append(self._announce_webhook)
            else:
                works.append(self._polling_of(accounts.telegram))
        if accounts.staff is not None:
            works.append(self._polling_of(accounts.staff))
        return works

    def _polling_of(self, account: AccountRef) -> Work:
        async def poll() -> None:
            api = self.apis[account.id]
            # A webhook left behind by another installation would make every poll a conflict.
            await api.call("deleteWebhook")
            cursor = await self.db.read(lambda c: read_cursor(c, account.id))
            polling = Polling(api, account, self.intake, self.clock, trouble=self.note_trouble)
            await polling.run((cursor or {}).get("offset"))

        return lambda: self.db.hold(f"polling:{account.channel}:{account.scope}", poll)

    async def _announce_webhook(self) -> None:
        settings, account = self.settings, self.accounts.telegram
        if account is None or settings.telegram.secret is None:
            return
        pause = timedelta(seconds=2)
        while True:
            reply = await self.apis[account.id].call(
                "setWebhook",
                {
                    "url": f"{(settings.public_url or '').rstrip('/')}/lines/main/telegram",
                    "secret_token": settings.telegram.secret.get_secret_value(),
                    "allowed_updates": list(KINDS),
                    "max_connections": 100,
                },
            )
            if isinstance(reply, Answered):
                # Set anew from time to time: another installation may have taken the bot meanwhile.
                await self.note_trouble(account, await self._webhook_complaint(account))
                await self.clock.sleep_until(self.clock.now() + WATCH)
                continue
            log.warning("the webhook is not set", why=str(reply)[:200])
            refused = isinstance(reply, ApiError) and reply.code in (401, 404)
            await self.note_trouble(account, "token-refused" if refused else "webhook-refused")
            await self.clock.sleep_until(self.clock.now() + pause)
            pause = min(pause * 2, WATCH)

    async def _webhook_complaint(self, account: AccountRef) -> str | None:
        """What Telegram says of its last attempts to reach us; None when they went well."""
        reply = await self.apis[account.id].call("getWebhookInfo")
        found = reply.result if isinstance(reply, Answered) and isinstance(reply.result, dict) else {}
        failed_at = found.get("last_error_date")
        if not isinstance(failed_at, int) or failed_at < (self.clock.now() - WATCH).timestamp():
            return None
        return f"webhook-failing: {str(found.get('last_error_message'))[:150]}"

    def _mail_edges(self) -> list[Work]:
        return []

    async def _serve_http(self) -> None:
        settings = self.settings
        edge = Edge(
            db=self.db,
            intake=self.intake,
            store=self.store,
            clock=self.clock,
            forms={"main": self.accounts.form},
            form_key=settings.form.key.get_secret_value().encode() if settings.form.key else None,
            form_origins=frozenset(settings.form.origins),
            honeypots=frozenset(settings.form.honeypot),
            region=settings.region,
            telegrams={"main": self.accounts.telegram} if self.accounts.telegram else {},
            telegram_secret=settings.telegram.secret.get_secret_value().encode()
            if settings.telegram.secret and settings.telegram.mode == "webhook"
            else None,
            letters_secret=secret_key(settings),
            parts=self.parts,
        )
        runner = web.AppRunner(build(edge), handle_signals=False, access_log=None, shutdown_timeout=10)
        await runner.setup()
        try:
            site = web.TCPSite(runner, settings.http.host, settings.http.port, backlog=1024)
            try:
                await site.start()
            except OSError as error:
                raise Misconfigured(
                    "OPENLINES_HTTP__PORT", f"port {settings.http.port} cannot be had: {error.strerror}"
                ) from error
            self.port = runner.addresses[0][1]
            log.info("listening", host=settings.http.host, port=self.port, parts=list(self.parts))
            self.ready.set()
            await self.stopping.wait()
        finally:
            await runner.cleanup()

    # --- the bot and the worker ------------------------------------------------------------------

    async def _serve_bot(self) -> None:
        # Here and not above: importing aiogram takes seconds and 100 MB, and the edges file meanwhile.
        dispatcher = await asyncio.to_thread(import_module, "bot.dispatcher")
        account, token, settings = self.accounts.of_managers, self.settings.staff_token, self.settings
        if account is None or token is None:
            return
        await dispatcher.serve(
            db=self.db,
            account=account,
            token=token.get_secret_value(),
            api_url=settings.telegram.api_url,
            redis_url=settings.redis_url.get_secret_value() if settings.redis_url else None,
            clock=self.clock,
            region=settings.region,
            timezone=settings.timezone,
            language=settings.language,
            store=self.store,
            refile=partial(refile, self.db, self.store, settings, ask_gate=False),
            ready=self.bot_ready.set,
            look=self.poll,
        )

    def _build_worker(self) -> Worker:
        channels: dict[int, Channel] = {}
        for account in (self.accounts.telegram, self.accounts.staff):
            if account is not None:
                channel: Channel = TelegramChannel(self.apis[account.id], self.store.path)
                if self.settings.telegram.limits:
                    channel = PacedTelegram(channel, self.limits, self.clock, account.scope)
                channels[account.id] = channel
        managers = self.accounts.of_managers
        texts = Texts(default=self.settings.language)
        renderer = Notices(texts, self.clock, self.settings.timezone, managers.id) if managers else None
        retention = Retention(raw=timedelta(days=self.settings.retention.raw_days))
        return Worker(self.db, Post(channels, renderer), self.store, retention=retention, poll=self.poll)

    async def note_trouble(self, account: AccountRef, why: str | None) -> None:
        """An account is well (None) or not; admins are told when that is news."""
        await self.db.transact(lambda tx: tell_trouble(tx, account.id, why))


@asynccontextmanager
async def opened(
    settings: Settings,
    parts: Sequence[str] = PARTS,
    *,
    clock: Clock | None = None,
    poll: timedelta = timedelta(seconds=1),
) -> AsyncIterator[Program]:
    """A program ready to run: the database migrated, the rows of the settings made, connections at hand.

    Raises Misconfigured when a setting is wrong or another process runs on the same SQLite file.
    """
    clock = clock or SystemClock()
    async with AsyncExitStack() as stack:
        if settings.database.startswith("sqlite"):
            if set(parts) != set(PARTS):
                raise Misconfigured(
                    "OPENLINES_DATABASE_URL", "SQLite is one process: run without --only, or use PostgreSQL"
                )
            stack.enter_context(_run_lock(Path(settings.database.split("///", 1)[1])))
        await migrate(settings.database)
        policy = Policy(confirm_max_age=settings.confirm.max_age)
        db = await stack.enter_async_context(
            Database.opened(settings.database, clock=clock, react=Reactions(policy), node=0)
        )
        store = FileStore(settings.data_dir / "files")
        accounts = await db.transact(lambda tx: ensure_rows(tx, settings))
        session = await stack.enter_async_context(ClientSession(connector=TCPConnector(limit=200)))
        redis = _redis(settings)
        if redis is not None:
            stack.push_async_callback(redis.aclose)
        limits: Limits = RedisLimits(redis, clock) if redis is not None else ProcessLimits(clock)
        program = Program(
            settings=settings,
            parts=parts,
            clock=clock,
            db=db,
            store=store,
            accounts=accounts,
            intake=Intake(db, store),
            http=session,
            limits=limits,
            redis=redis,
            poll=poll,
        )
        _bots(program)
        yield program


@asynccontextmanager
async def opened_database(settings: Settings) -> AsyncIterator[Database]:
    """The database for a command that does one thing beside the running program."""
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    await migrate(settings.database)
    policy = Policy(confirm_max_age=settings.confirm.max_age)
    async with Database.opened(settings.database, react=Reactions(policy)) as db:
        yield db


async def serve(settings: Settings, parts: Sequence[str] = PARTS) -> None:
    """Run until SIGTERM or SIGINT; what is in hand is finished first."""
    async with opened(settings, parts) as program:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, program.stop)
        await program.run()
        log.info("stopped")


def ensure_rows(tx: Transaction, settings: Settings) -> Accounts:
    """The line, its accounts and its admins, as the settings name them."""
    line_id = ensure_line(tx, language=settings.language, timezone=settings.timezone)
    ensure_admins(tx, settings.admins, settings.language)
    telegram = staff = email = None
    if token := settings.telegram.token:
        scope = bot_id(token.get_secret_value(), "OPENLINES_TELEGRAM__TOKEN")
        telegram = ensure_account(tx, line_id, "telegram", scope, "Telegram")
    if token := settings.bot.token:
        scope = bot_id(token.get_secret_value(), "OPENLINES_BOT__TOKEN")
        if telegram is None or scope != telegram.scope:
            staff = ensure_account(tx, line_id, "staff", scope, "Telegram")
    if settings.email.address:
        address = settings.email.address.strip().lower()
        email = ensure_account(tx, line_id, "email", address, address)
    form = ensure_account(tx, line_id, "form", "main", "main")
    return Accounts(line_id, form, telegram, staff, email)


def bot_id(token: str, setting: str) -> str:
    """The bot's id, which every token begins with. Raises Misconfigured for what is no token, never showing it."""
    number, colon, rest = token.partition(":")
    if not (colon and number.isdecimal() and rest):
        raise Misconfigured(setting, "is not a bot token; @BotFather gives one like 123456:AbC…")
    return number


def secret_key(settings: Settings) -> bytes:
    """What signs letters' ids and links: the setting, else a key made once and kept beside the data."""
    if settings.secret_key is not None:
        return settings.secret_key.get_secret_value().encode()
    path = settings.data_dir / "secret.key"
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_bytes()
    with os.fdopen(handle, "wb") as file:
        file.write(secrets.token_hex(32).encode())
    return path.read_bytes()


def _bots(program: Program) -> None:
    settings, accounts = program.settings, program.accounts
    for account, token in (
        (accounts.telegram, settings.telegram.token),
        (accounts.staff, settings.bot.token),
    ):
        if account is not None and token is not None:
            program.apis[account.id] = BotApi(token, settings.telegram.api_url, program.http)


def _redis(settings: Settings) -> Redis | None:
    if settings.redis_url is None:
        return None
    from redis.asyncio import Redis
    from redis.asyncio.retry import Retry
    from redis.backoff import NoBackoff

    # The library's own patience is ten silent retries: a dead Redis would cost four seconds a call.
    return Redis.from_url(
        settings.redis_url.get_secret_value(),
        socket_timeout=1,
        socket_connect_timeout=1,
        retry=Retry(NoBackoff(), 1),
    )


class _run_lock:  # noqa: N801 - a context manager, used like a function
    """One running program per SQLite file; commands may write beside it."""

    def __init__(self, database: Path) -> None:
        self._path = database.with_name(database.name + ".lock")
        self._file: IO[str] | None = None

    def __enter__(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._file = self._path.open("w")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._file.close()
            raise Misconfigured(
                "OPENLINES_DATABASE_URL", f"another openlines runs on {self._path.with_suffix('')}"
            ) from None

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()
