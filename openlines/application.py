"""The assembly: builds every part once, starts the parts asked for, and stops them without losing anything."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from importlib import import_module
from importlib.metadata import version
from ipaddress import ip_network
from typing import TYPE_CHECKING, Any

import structlog
from aiohttp import ClientSession, TCPConnector

from bot.notices import Notices
from bot.texts import Texts
from channels.limits import Limits, ProcessLimits
from channels.telegram.api import BotApi
from channels.telegram.outbound import TelegramChannel
from channels.telegram.pacing import PacedTelegram
from channels.telegram.polling import Polling
from channels.telegram.webhook import Webhook
from core.automation.reactions import Policy, Reactions
from core.channel import Channel
from core.clock import Clock, SystemClock
from core.conversations.notices import tell_trouble
from core.database import Database, DatabaseError
from core.errors import Misconfigured, OpenLinesError
from core.files import FileStore
from core.housekeeping import Retention
from core.intake.edge import Intake
from core.lines.accounts import AccountRef, read_cursor
from core.migrations import migrate
from core.migrations.moving import in_use
from core.staff import managers
from core.worker import Post, Worker
from openlines.ground import (
    Accounts,
    database_at_hand,
    ensure_rows,
    first_line,
    left_behind,
    not_listening,
    run_lock,
    secret_key,
    shared_limits,
    shown,
    sqlite_path,
)
from openlines.importing import imported
from openlines.recalling import recall
from openlines.refiling import refile
from openlines.settings import Settings, unknown_settings
from webhooks.application import Edge, build
from webhooks.connections import Listener

if TYPE_CHECKING:
    from openlines.letters import Letters

log = structlog.get_logger("openlines")

PARTS = ("web", "bot", "mail", "worker")
GRACE = 25.0  # seconds to finish what is in hand; docker-compose.yml kills after thirty
Work = Callable[[], Coroutine[Any, Any, None]]


class PartFailed(OpenLinesError):
    """A part has ended by a bug; the whole process ends, and whoever started it starts it again."""

    def __init__(self, part: str, error: Exception) -> None:
        while isinstance(error, ExceptionGroup):
            error = error.exceptions[0]
        super().__init__(f"{part} has failed: {type(error).__name__}: {first_line(error)}")


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
    poll: timedelta
    apis: dict[int, BotApi] = field(default_factory=dict)
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    worker: Worker | None = None
    letters: Letters | None = None  # the line's mailbox, when it has one
    port: int | None = None  # the HTTP edge's, once it listens
    leases: dict[str, str] = field(default_factory=dict)  # by what is leased: "held" here, or "waiting"
    ready: asyncio.Event = field(default_factory=asyncio.Event)  # everything that files is up
    bot_ready: asyncio.Event = field(default_factory=asyncio.Event)  # the managers' bot answers
    bot_in_hand: set[asyncio.Task[None]] = field(default_factory=set)  # what managers did, being handled
    _failure: OpenLinesError | None = None

    def stop(self) -> None:
        """Finish what is in hand and return from `run`."""
        self.stopping.set()
        if self.worker:
            self.worker.stop()

    async def run(self) -> None:
        """Serve until `stop`.

        A part that fails stops all of them: what is in hand is finished, then its error is raised, PartFailed
        or Misconfigured. Whoever has started the process starts it again.
        """
        works: list[tuple[str, Work]] = []
        edges: list[tuple[str, Work]] = []
        if self.accounts.email is not None:
            letters = import_module("openlines.letters")  # the mail libraries, only with a mailbox
            self.letters = letters.Letters(self, self.accounts.email)
        if "web" in self.parts:
            edges += [("web", edge) for edge in self._telegram_edges()]
            works.append(("web", self._serve_http))
        else:
            self.ready.set()
        if "mail" in self.parts:
            edges += [("mail", edge) for edge in self._mail_edges()]
        if "bot" in self.parts and self.accounts.of_managers is not None:
            edges.append(("bot", self._serve_bot))
        if "worker" in self.parts:
            self.worker = self._build_worker()
            works.append(("worker", partial(self._work, self.worker)))
        running = [asyncio.create_task(self._guarded(*edge)) for edge in edges]
        finishing = [asyncio.create_task(self._guarded(*work)) for work in works]
        try:
            await self.stopping.wait()
            # Edges may be cut off anywhere: what they have not filed they have not acknowledged.
            for task in running:
                task.cancel()
            if tasks := running + finishing:
                _, late = await asyncio.wait(tasks, timeout=GRACE)
                if late:
                    log.warning("not everything in hand could be finished", seconds=GRACE)
        finally:
            for task in running + finishing:
                task.cancel()
            await asyncio.gather(*running, *finishing, return_exceptions=True)
            await self.intake.close()
            if self.letters is not None:
                await self.letters.close()
        if self._failure is not None:
            raise self._failure

    async def _guarded(self, part: str, work: Work) -> None:
        try:
            await work()
        except Exception as error:
            if isinstance(error, Misconfigured):
                failure: OpenLinesError = error
            else:
                log.exception("a part has failed, all of them stop", part=part)
                failure = PartFailed(part, error)
                failure.__cause__ = error
            self._failure = self._failure or failure
            self.stop()

    # --- the edges -------------------------------------------------------------------------------

    def _telegram_edges(self) -> list[Work]:
        works: list[Work] = []
        accounts, telegram = self.accounts, self.settings.telegram
        if accounts.telegram is not None:
            if telegram.mode == "webhook" and telegram.secret is not None:
                url = f"{self.settings.public_url}/lines/main/telegram"
                secret = telegram.secret.get_secret_value()
                api = self.apis[accounts.telegram.id]
                webhook = Webhook(api, accounts.telegram, self.clock, url, secret, trouble=self.note_trouble)
                works.append(webhook.run)
            else:
                works.append(self._polling_of(accounts.telegram))
        if accounts.staff is not None:
            works.append(self._polling_of(accounts.staff))
        return works

    def _polling_of(self, account: AccountRef) -> Work:
        name = f"polling:{account.channel}:{account.scope}"
        self.leases[name] = "waiting"

        async def poll() -> None:
            self.leases[name] = "held"
            try:
                await poll_on()
            finally:
                self.leases[name] = "waiting"

        async def poll_on() -> None:
            log.info("polling", bot=account.scope, account_id=account.id)
            cursor = await self.db.read(lambda c: read_cursor(c, account.id))
            api = self.apis[account.id]
            polling = Polling(api, account, self.intake, self.clock, trouble=self.note_trouble)
            await polling.run((cursor or {}).get("offset"))

        return lambda: self.db.hold(name, poll)

    def _mail_edges(self) -> list[Work]:
        return self.letters.edges() if self.letters else []

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
            honeypots=settings.form.honeypots,
            region=settings.region,
            telegrams={"main": self.accounts.telegram} if self.accounts.telegram else {},
            telegram_secret=settings.telegram.secret.get_secret_value().encode()
            if settings.telegram.secret and settings.telegram.mode == "webhook"
            else None,
            trusted_proxies=[ip_network(network) for network in settings.http.trusted_proxies],
            letters_secret=secret_key(settings),
            parts=self.parts,
            leases=self.leases,
        )
        try:
            listener = await Listener.start(build(edge), settings.http.host, settings.http.port)
        except OSError as error:
            raise not_listening(settings, error) from error
        try:
            self.port = listener.port
            log.info("listening", host=settings.http.host, port=self.port, parts=list(self.parts))
            self.ready.set()
            await self.stopping.wait()
        finally:
            await listener.close()

    # --- the bot and the worker ------------------------------------------------------------------

    async def _serve_bot(self) -> None:
        await self.ready.wait()  # what keeps the edges from listening is told at once, not after the import
        # Here and not above: importing aiogram takes seconds and 100 MB, and the edges file meanwhile.
        dispatcher = await imported("bot.dispatcher")
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
            refile=partial(refile, self.db, self.store, settings),
            recall=partial(recall, self.db, self.store, settings),
            admins=frozenset(settings.admins),
            ready=self._bot_answers,
            look=self.poll,
            in_hand=self.bot_in_hand,
        )

    def _bot_answers(self) -> None:
        account = self.accounts.of_managers
        log.info("the managers' bot answers", bot=account and account.scope)
        self.bot_ready.set()

    async def _work(self, worker: Worker) -> None:
        if (
            self.accounts.of_managers is not None
        ):  # by a thread: the edges are to listen, and no notice is to wait
            await asyncio.to_thread(Texts().read)
        await worker.run()

    def _build_worker(self) -> Worker:
        channels: dict[int, Channel] = {}
        for account in (self.accounts.telegram, self.accounts.staff):
            if account is not None:
                channel: Channel = TelegramChannel(self.apis[account.id], self.store.path)
                if self.settings.telegram.limits:
                    channel = PacedTelegram(channel, self.limits, self.clock, account.scope)
                channels[account.id] = channel
        if self.letters is not None and self.accounts.email is not None:
            channels[self.accounts.email.id] = self.letters.channel()
        staff = self.accounts.of_managers
        texts = Texts(default=self.settings.language)
        renderer = Notices(texts, self.clock, self.settings.timezone, staff.id) if staff else None
        retention = Retention(raw=timedelta(days=self.settings.retention.raw_days))
        return Worker(
            self.db,
            Post(channels, renderer),
            self.store,
            retention=retention,
            poll=self.poll,
            stale=self.settings.confirm.max_age,
            hours=self.settings.open_hours,
        )

    async def note_trouble(self, account: AccountRef, why: str | None, part: str | None = None) -> None:
        """An account, or a part of it, is well (None) or not; admins are told when that is news.

        While the database is away nobody is told; the edge says it again while it lasts.
        """
        try:
            await self.db.transact(lambda tx: tell_trouble(tx, account.id, why, part))
        except (OSError, DatabaseError) as error:
            log.warning("trouble cannot be noted", account_id=account.id, why=type(error).__name__)


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
        is_sqlite = settings.database.startswith("sqlite")
        if is_sqlite and set(parts) != set(PARTS):
            raise Misconfigured(
                "OPENLINES_DATABASE_URL", "SQLite is one process: run without --only, or use PostgreSQL"
            )
        log.info("starting", version=version("openlines"), parts=list(parts), database=shown(settings))
        with database_at_hand(settings):
            if is_sqlite:
                stack.enter_context(run_lock(sqlite_path(settings.database)))
            await migrate(settings.database)
            policy = Policy(settings.confirm.max_age, settings.open_hours)
            db = await stack.enter_async_context(
                Database.opened(settings.database, clock=clock, react=Reactions(policy), node=0)
            )
            if (mistake := left_behind(settings)) and await db.read(in_use) is None:
                raise mistake
            accounts = await db.transact(lambda tx: ensure_rows(tx, settings))
        store = FileStore(settings.data_dir / "files")
        session = await stack.enter_async_context(ClientSession(connector=TCPConnector(limit=200)))
        limits: Limits = ProcessLimits(clock)
        if settings.redis_url is not None:
            shared = shared_limits(settings.redis_url.get_secret_value(), clock)
            stack.push_async_callback(shared.close)
            await shared.look()
            limits = shared
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
            poll=poll,
        )
        _bots(program)
        await _say_what_is_missing(program)
        yield program


async def serve(settings: Settings, parts: Sequence[str] = PARTS) -> None:
    """Run until SIGTERM or SIGINT; what is in hand is finished first. The second signal ends it at once."""
    async with opened(settings, parts) as program:
        loop = asyncio.get_running_loop()

        def obey(number: signal.Signals) -> None:
            if program.stopping.is_set():
                return  # twice in one breath, as `timeout` and some supervisors send it
            log.info("stopping, what is in hand is finished first", signal=number.name)
            for obeyed in (signal.SIGTERM, signal.SIGINT):
                loop.remove_signal_handler(obeyed)
            program.stop()

        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, obey, number)
        await program.run()
    log.info("stopped")


def _bots(program: Program) -> None:
    settings, accounts = program.settings, program.accounts
    for account, token in (
        (accounts.telegram, settings.telegram.token),
        (accounts.staff, settings.bot.token),
    ):
        if account is not None and token is not None:
            program.apis[account.id] = BotApi(token, settings.telegram.api_url, program.http)


async def _say_what_is_missing(program: Program) -> None:
    """What has nothing to serve waits in silence otherwise, and its owner wonders."""
    accounts, parts = program.accounts, program.parts
    if {"web", "bot"} & set(parts) and accounts.of_managers is None:
        log.warning("OPENLINES_TELEGRAM__TOKEN is not set: there is no bot for customers or managers")
    elif "bot" in parts and not await program.db.read(managers.active):
        log.warning(
            "OPENLINES_ADMINS is not set: nobody works here; `openlines managers invite --admin` mends it"
        )
    if tuple(parts) == ("mail",) and accounts.email is None:
        log.warning("OPENLINES_EMAIL__ADDRESS is not set: there is no mailbox to read")
    for name in unknown_settings(os.environ):
        log.warning("there is no such setting, mistyped?", setting=name)
