"""Serves what is due until told to stop: timers, deliveries, files to fetch, housekeeping.

It wakes on a hint and looks for itself at least once a poll; the truth is in the rows.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

import structlog

from core import housekeeping
from core.automation import timers
from core.channel import Cause, Channel, Fetched, Outcome, Postponed, Refused, Uncertain
from core.conversations import deliveries, files
from core.conversations.files import Wanted
from core.conversations.preparing import Claimed, Renderer
from core.database import Database, Reading, Transaction, is_away
from core.files import PARTS, FileStore
from core.lines.accounts import SILENT
from core.lines.hours import ALWAYS, Hours
from core.outage import Outage

log = structlog.get_logger("worker")

IN_FLIGHT = 64  # deliveries on the network at once
FETCHING = 4  # files at once
POLL = timedelta(seconds=1)
HOUSEKEEPING = timedelta(minutes=10)
REFUSED_PAUSE = timedelta(minutes=1)  # before an account whose token is refused is tried again


@dataclass(frozen=True, slots=True)
class Post:
    """What the worker sends with: channels by account, and the words of notices."""

    channels: Mapping[int, Channel]
    renderer: Renderer | None = None


class Worker:
    """One worker of one process. Several on PostgreSQL share the work row by row."""

    def __init__(
        self,
        db: Database,
        post: Post,
        store: FileStore,
        *,
        retention: housekeeping.Retention | None = None,
        poll: timedelta = POLL,
        stale: timedelta = deliveries.STALE,
        hours: Hours = ALWAYS,
    ) -> None:
        self._db = db
        self._post = post
        self._store = store
        self._retention = retention or housekeeping.Retention()
        self._poll = poll
        self._stale = stale
        self._hours = hours
        self._renewed = db.clock.now()
        self._outage = Outage(db.clock, log)
        self._stopping = asyncio.Event()
        self._paused: dict[int, datetime] = {}
        self._sending: dict[asyncio.Task[Outcome], Claimed] = {}

    def stop(self) -> None:
        """Finish what is in hand, begin nothing new."""
        self._stopping.set()
        self._outage.wake()
        self._db.hints.announce(("timers", "deliveries", "files", "housekeeping"))

    @property
    def is_idle(self) -> bool:
        """Nothing is on the network now."""
        return not self._sending

    @property
    def sending(self) -> frozenset[asyncio.Task[Outcome]]:
        """What is on the network now, or waits for its slot there."""
        return frozenset(self._sending)

    async def run(self) -> None:
        """Serve until `stop`; returns when everything in hand is settled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._serve_timers())
            group.create_task(self._serve_deliveries())
            group.create_task(self._serve_files())
            group.create_task(self._serve_housekeeping())

    async def _serve_timers(self) -> None:
        while not self._stopping.is_set():
            began = self._db.clock.now()
            try:
                fired = await fire_due(self._db, self._hours)
                self._outage.is_over()
            except Exception as error:
                if await self._outage.weather(error):
                    continue
                log.exception("timers cannot be fired")
                fired = 0
            if not fired:
                await self._rest("timers", partial(timers.next_due, now=began), began)

    async def _serve_deliveries(self) -> None:
        results: list[tuple[Claimed, Outcome]] = []
        while not (self._stopping.is_set() and not self._sending and not results):
            room = 0 if self._stopping.is_set() else IN_FLIGHT - len(self._sending)
            began = self._db.clock.now()
            try:
                claimed = await self._db.transact(partial(self._turn, list(results), room))
                results.clear()
                self._outage.is_over()
            except Exception as error:
                claimed = []
                if not await self._outage.weather(error):
                    log.exception("deliveries cannot be claimed")
                    results = await self._settle_apart(results)
                    await self._db.clock.sleep_until(self._db.clock.now() + self._poll)
            for one in claimed:
                self._sending[asyncio.create_task(self._send(one))] = one
            if self._sending:
                results += await self._some_sent(
                    wait_for_more=bool(claimed) and len(self._sending) < IN_FLIGHT
                )
            elif not claimed and not results and not self._stopping.is_set():
                await self._rest("deliveries", deliveries.next_due, began)

    def _turn(self, results: list[tuple[Claimed, Outcome]], room: int, tx: Transaction) -> list[Claimed]:
        """One transaction: what has been sent is settled, what is due is claimed."""
        if results:
            deliveries.settle(tx, results)
        # Or before they were renewed: the clock has been set back, and so are the leases.
        if self._sending and not timedelta() <= tx.now - self._renewed < deliveries.LEASE / 2:
            deliveries.renew(tx, list(self._sending.values()))
            tx.after_commit.append(partial(self._note_renewed, tx.now))
        if room <= 0 or self._stopping.is_set():  # again: the transaction may have waited
            return []
        # Copied at one go: on SQLite this is the writer's thread, and the loop may pause another account meanwhile.
        paused = [account for account, until in self._paused.copy().items() if until > tx.now]
        return deliveries.claim(
            tx, room, self._post.renderer, paused=paused, stale=self._stale, hours=self._hours
        )

    def _note_renewed(self, moment: datetime) -> None:
        self._renewed = moment

    async def _settle_apart(self, results: list[tuple[Claimed, Outcome]]) -> list[tuple[Claimed, Outcome]]:
        """Settle one by one, so that a bad one keeps nobody else; returns those to be tried again.

        What cannot be settled although the database is there is left to its lease: it becomes uncertain, visibly.
        """
        for position, one in enumerate(results):
            try:
                await self._db.transact(partial(deliveries.settle, results=[one]))
            except Exception as error:
                if is_away(error):
                    return results[position:]
                log.exception("a delivery cannot be settled", delivery_id=one[0].id)
        return []

    async def _some_sent(self, *, wait_for_more: bool) -> list[tuple[Claimed, Outcome]]:
        """Wait until something has been sent, or something new may be claimed meanwhile."""
        hint = asyncio.create_task(
            self._db.hints.wait("deliveries", self._db.clock, self._db.clock.now() + self._poll)
        )
        done, _ = await asyncio.wait([*self._sending, hint], return_when=asyncio.FIRST_COMPLETED)
        if wait_for_more or done:
            await asyncio.sleep(0)  # others that end in this very turn are settled together
        hint.cancel()
        await asyncio.gather(hint, return_exceptions=True)
        finished = [task for task in self._sending if task.done()]
        return [(self._sending.pop(task), task.result()) for task in finished]

    async def _send(self, claimed: Claimed) -> Outcome:
        channel = self._post.channels.get(claimed.account_id)
        if channel is None:
            return Postponed("no channel of this process serves the account", timedelta(seconds=30))
        try:
            outcome = await channel.send(claimed.message)
        except Exception as error:
            log.exception("a channel broke", delivery_id=claimed.id, account_id=claimed.account_id)
            return Uncertain(type(error).__name__)
        log.info(
            "delivery attempted",
            delivery_id=claimed.id,
            conversation_id=claimed.conversation_id,
            lead_id=claimed.lead_id,
            outcome=type(outcome).__name__,
        )
        pause = _pause_of_account(outcome)
        if pause is not None:
            self._paused[claimed.account_id] = self._db.clock.now() + pause
        return outcome

    async def _serve_files(self) -> None:
        while not self._stopping.is_set():
            began = self._db.clock.now()
            try:
                wanted = await self._db.transact(partial(files.claim, limit=FETCHING))
                self._outage.is_over()
                if wanted:
                    brought = await asyncio.gather(*(self._fetch(one) for one in wanted))
                    await self._db.transact(partial(files.settle, results=brought))
                    continue
            except Exception as error:
                if await self._outage.weather(error):
                    continue
                log.exception("files cannot be fetched")
            await self._rest("files", files.next_due, began)

    async def _fetch(self, wanted: Wanted) -> tuple[Wanted, Fetched | Refused | Postponed]:
        channel = self._post.channels.get(wanted.account_id)
        if channel is None:
            return wanted, Postponed("no channel of this process serves the account", timedelta(minutes=1))
        try:
            sink = self._store.sink()
        except OSError as error:
            log.warning("a file cannot be kept", attachment_id=wanted.id, why=error.strerror)
            return wanted, Postponed(f"it cannot be kept: {error.strerror}")
        try:
            outcome = await channel.fetch(wanted.reference, sink)
        except OSError as error:  # of the disk: what fails on the network is an outcome
            log.warning("a file cannot be kept", attachment_id=wanted.id, why=error.strerror)
            outcome = Postponed(f"it cannot be kept: {error.strerror}")
        except Exception as error:
            log.exception("a file cannot be fetched", attachment_id=wanted.id)
            outcome = Postponed(type(error).__name__)
        if not isinstance(outcome, Fetched):
            await sink.abandon()
        return wanted, outcome

    async def _serve_housekeeping(self) -> None:
        began = self._db.clock.now()
        while not self._stopping.is_set():
            try:
                await self._in_lots(deliveries.correct_moments)
                await self._in_lots(partial(timers.correct_moments, hours=self._hours))
                if self._db.clock.now() - began >= SILENT:  # until then it is we who have not listened
                    await self._db.transact(housekeeping.tell_silence)
                await self._in_lots(partial(housekeeping.sweep, self._retention, self._store))
                await self._sweep_files()
                self._outage.is_over()
            except Exception as error:
                if await self._outage.weather(error):
                    continue
                log.exception("housekeeping failed")
            if not self._stopping.is_set():
                clock = self._db.clock
                await self._db.hints.wait("housekeeping", clock, clock.now() + HOUSEKEEPING)

    async def _in_lots(self, lot: Callable[[Transaction], int]) -> None:
        while await self._db.transact(lot, bulk=True):  # noqa: ASYNC110 - until nothing is left
            await asyncio.sleep(0)  # others take their turn between two lots

    async def _sweep_files(self) -> None:
        """Another part of the store each time, whenever the program was started."""
        part = int(self._db.clock.now().timestamp() // HOUSEKEEPING.total_seconds()) % PARTS
        try:
            await housekeeping.sweep_files(self._db, self._store, part)
        except OSError as error:
            log.warning("files cannot be swept", part=part, why=repr(error)[:300])

    async def _rest(self, hint: str, next_due: Callable[[Reading], datetime | None], began: datetime) -> None:
        """Wait for a hint, for what is due next, at most for a poll.

        What was due already when the last look `began` was passed over (its lane is busy, its account waits,
        somebody else holds it), and looking again at once would only burn.
        """
        if self._stopping.is_set():
            return
        try:
            due = await self._db.read(next_due)
        except Exception as error:
            if await self._outage.weather(error):
                return
            log.exception("what is due next cannot be read")
            due = None
        if self._stopping.is_set():  # told while we looked: the call may have been somebody else's to answer
            return
        latest = self._db.clock.now() + self._poll
        until = min(due, latest) if due is not None and due > began else latest
        await self._db.hints.wait(hint, self._db.clock, until)


async def fire_due(db: Database, hours: Hours = ALWAYS) -> int:
    """Fire one lot of due timers; returns how many. One that cannot be fired is kept with its error."""
    fire = partial(timers.fire, hours=hours)
    try:
        return await db.transact(fire)
    except Exception as error:
        if is_away(error):
            raise
        log.warning("a lot of timers fails, one by one now", error=repr(error)[:300])
    done = 0
    for timer_id in await db.transact(timers.due):
        try:
            done += await db.transact(partial(fire, only=timer_id))
        except Exception as error:
            if is_away(error):
                raise
            log.exception("a timer fails", timer_id=timer_id)
            done += await db.transact(
                partial(timers.fail, timer_id=timer_id, error=f"{type(error).__name__}: {error}")
            )
    return done


def _pause_of_account(outcome: Outcome) -> timedelta | None:
    """How long nothing of the account goes out: the network said so, or does not take our token."""
    match outcome:
        case Postponed(whole_account=True) as wait:
            return wait.retry_after
        case Refused(cause=Cause.ACCOUNT):
            return REFUSED_PAUSE
    return None
