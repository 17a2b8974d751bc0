"""The IMAP edge: fetch what is new, file it, then mark it as seen; wait for more.

The place in the mailbox is (UIDVALIDITY, UID), kept in the account's cursor by the transaction that files. A
letter counts once by what it is, not by where it lies, so a mailbox that was moved, restored or read twice
doubles nothing.
"""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from typing import Any, TypeVar

import structlog

from channels.email.connection import (
    READ,
    Failure,
    Head,
    ImapConnection,
    Refused,
    complaint,
    is_about_the_letter,
)
from channels.email.fetching import LOT_BYTES, LOT_LETTERS, Fetcher
from channels.email.place import Place
from channels.email.reception import Arrived, Reception
from channels.email.urls import ImapUrl
from core.channel import Received
from core.clock import Clock
from core.lines.accounts import AccountRef

log = structlog.get_logger("mail")

T = TypeVar("T")
Trouble = Callable[[AccountRef, str | None], Awaitable[None]]

HEADS = 500  # letters looked at before any is fetched
PATIENCE = 3  # failures in a row before the admins hear of it
LONGEST_PAUSE = timedelta(minutes=5)
NO_UID = 1 << 32  # above every UID (RFC 3501, section 2.3.1.1)
MARGIN = timedelta(hours=1)  # how much older than the line a letter may be and still count as new
LOOK_AT_SENT = timedelta(minutes=5)
ALIVE_EVERY = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Habits:
    """How a mailbox is read; the defaults are what servers expect."""

    folder: str | None = None  # filed letters are moved here; None leaves them where they are, marked as seen
    since: date | None = None  # the first start also takes letters since this day; None takes only new ones
    # Seconds. RFC 2177 wants less than 29 minutes, routers less, and a customer no more than a minute or two: some
    # servers tell of nothing that came between our last look and the beginning of IDLE.
    idle: tuple[float, float] = (60.0, 90.0)
    first_idle: float = 10.0  # after something has come: more comes soon
    poll: timedelta = timedelta(seconds=60)  # where the server has no IDLE
    read_timeout: float = READ


class NotFiled(Exception):
    """The database is away: nothing was filed, so nothing is acknowledged. The mailbox itself is well."""


class Mailbox:
    """Reads one folder of one mailbox, on a thread of its own. One process does so at a time: it holds a
    lease.
    """

    def __init__(
        self,
        url: ImapUrl,
        reception: Reception,
        clock: Clock,
        *,
        trouble: Trouble,
        habits: Habits | None = None,
    ) -> None:
        self._url = url
        self._reception = reception
        self._clock = clock
        self._trouble = trouble
        self._habits = habits or Habits()
        self._name = f"{url.host}/{url.folder}"
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="imap")
        self._connected: ImapConnection | None = None
        self._place: Place | None = None
        self._looked_at_sent: datetime | None = None
        self._told_alive: datetime | None = None
        self._fetcher = Fetcher(self._call, clock, self._name, size_limit=reception.size_limit)

    async def run(self, cursor: dict[str, Any] | None) -> None:
        """Read until cancelled. `cursor` is where the account was left; None is the first start.

        Cancelling is safe at any moment: what was not filed is not marked, what was filed is known. An
        account that stays unreachable is reported to `trouble`, and so is its return.
        """
        self._place = Place.read(cursor)
        failures = 0
        is_told = True  # an earlier process may have left a trouble behind: the first success clears it
        try:
            while True:
                try:
                    await self._begin(await self._connect())
                    while True:
                        await self._settle_sent()
                        has_come = await self._catch_up()
                        is_fresh = has_come or is_told or failures > 0
                        if is_told or failures or self._is_alive_due():
                            await self._tell(None)
                            self._told_alive = self._clock.now()
                        failures, is_told = 0, False
                        await self._wait(briefly=is_fresh)
                except NotFiled as error:
                    failures += 1
                    log.error("letters cannot be filed", mailbox=self._name, why=repr(error.__cause__)[:300])
                except Exception as error:
                    failures += 1
                    why = complaint(error)
                    bug = None if isinstance(error, (Refused, *Failure)) else error
                    log.warning(
                        "mailbox interrupted", mailbox=self._name, failures=failures, why=why, exc_info=bug
                    )
                    if failures >= PATIENCE:
                        is_told = True
                        await self._tell(f"{self._url.host}: {why}")
                self._hang_up()
                await self._clock.sleep_until(self._clock.now() + _pause(failures))
        finally:
            self._hang_up()
            self._executor.shutdown(wait=False)

    # --- where we are ----------------------------------------------------------------------------

    async def _begin(self, connection: ImapConnection) -> None:
        """Find our place in the folder as it is now."""
        if self._habits.folder is not None:
            await self._call(connection.ensure_folder, self._habits.folder)
        place = self._place
        if place is None:
            await self._move(await self._first_place(connection))
            return
        is_other = place.mailbox != self._name or place.uidvalidity != connection.uidvalidity
        if is_other or 0 < connection.uidnext <= place.uid:
            log.warning(
                "the mailbox was made anew, letters are compared by content",
                mailbox=self._name,
                uidvalidity=connection.uidvalidity,
                known=place.uidvalidity,
            )
            # Whoever moves a mailbox may go on filling it for hours, so what is old is passed over from now on.
            await self._move(Place(self._name, connection.uidvalidity, 0, place.begun, old_below=NO_UID))
            return
        if place.filed:  # we may have died, or lost the connection, before they were marked
            await self._put_away(place.filed)

    async def _first_place(self, connection: ImapConnection) -> Place:
        """Behind everything that is there already, or before the first letter of the day that was asked
        for.
        """
        last = connection.uidnext - 1 if connection.uidnext else 0
        if not connection.uidnext and (known := await self._call(connection.uids_after, 0)):
            last = known[-1]
        since = self._habits.since
        if since is None:
            log.info("the mailbox is new, only what arrives from now on is taken", mailbox=self._name)
            return Place(self._name, connection.uidvalidity, last, self._clock.now())
        first = await self._call(connection.first_since, since)
        begun = datetime.combine(since, time(), UTC)
        before = last if first is None else first - 1
        return Place(self._name, connection.uidvalidity, before, begun, old_below=last + 1)

    async def _move(self, place: Place) -> None:
        await self._file([], place)

    async def _file(self, page: Sequence[Arrived | Received], place: Place) -> None:
        await _stored(self._reception.take(page, cursor=place.cursor()))
        self._place = place

    # --- what is new -----------------------------------------------------------------------------

    async def _catch_up(self) -> bool:
        """Everything behind our place, in order and in lots; whether there was anything."""
        connection, done = self._at_hand(), 0
        while uids := await self._call(connection.uids_after, self._here.uid):
            for start in range(0, len(uids), HEADS):
                group = uids[start : start + HEADS]
                await self._take(connection, group)
                done += len(group)
                if len(uids) > LOT_LETTERS:
                    left = len(uids) - start - len(group)
                    log.info("catching up", mailbox=self._name, done=done, left=left)
        if self._here.filed:
            await self._move(replace(self._here, filed=()))
        return done > 0

    def _is_alive_due(self) -> bool:
        """Whether it is time to say that the account was heard from, if only that there is nothing new."""
        return self._told_alive is None or self._clock.now() - self._told_alive >= ALIVE_EVERY

    async def _take(self, connection: ImapConnection, uids: Sequence[int]) -> None:
        heads = await self._call(partial(connection.heads, dates=uids[0] < self._here.old_below), uids)
        new = [head for head in heads if not self._is_old(head)]
        if len(new) < len(heads):
            log.info("passed over, older than the line", mailbox=self._name, letters=len(heads) - len(new))
        await self._file_lots(connection, list(self._fetcher.lots(new)))
        if self._here.uid < uids[-1]:
            await self._move(replace(self._here, uid=uids[-1]))

    async def _file_lots(self, connection: ImapConnection, lots: Sequence[Sequence[Head]]) -> None:
        """File lot after lot; while one is filed the next is fetched, unless that would hold much in
        memory.
        """
        ahead: asyncio.Task[list[tuple[Head, Arrived | Received]]] | None = None
        try:
            for lot, following in itertools.zip_longest(lots, lots[1:]):
                fetched = await (ahead or self._fetcher.fetch(connection, lot))
                ahead = None
                if following and _size(lot) + _size(following) <= 2 * LOT_BYTES:
                    ahead = asyncio.create_task(self._fetcher.fetch(connection, following))
                marked = tuple(head.uid for head, letter in fetched if isinstance(letter, Arrived))
                place = replace(self._here, uid=lot[-1].uid, filed=marked)
                await self._file([letter for _, letter in fetched], place)
                if marked:
                    await self._put_away(marked)
        finally:
            if ahead is not None:
                ahead.cancel()
                await asyncio.gather(ahead, return_exceptions=True)

    def _is_old(self, head: Head) -> bool:
        """Whether a letter was in the mailbox before it became the line's."""
        if head.uid >= self._here.old_below:
            return False
        moment = head.sent_at or head.received_at
        return moment is not None and moment < self._here.begun - MARGIN

    async def _put_away(self, uids: Sequence[int]) -> None:
        try:
            await self._call(self._at_hand().put_away, uids, self._habits.folder)
        except Failure as error:
            if not is_about_the_letter(error):
                raise
            log.warning("letters cannot be marked", mailbox=self._name, why=complaint(error))

    # --- the connection --------------------------------------------------------------------------

    async def _connect(self) -> ImapConnection:
        self._fetcher.begin()
        opening = asyncio.get_running_loop().run_in_executor(
            self._executor, partial(ImapConnection.open, self._url, read_timeout=self._habits.read_timeout)
        )
        try:
            self._connected = await asyncio.shield(opening)
        except asyncio.CancelledError:
            opening.add_done_callback(_close_unwanted)
            raise
        return self._connected

    async def _wait(self, *, briefly: bool) -> None:
        """Until something may have arrived. Some servers tell only of what comes once IDLE has begun; what
        came between our last look and that moment is found by looking again soon.
        """
        connection = self._at_hand()
        if await self._call(lambda: connection.can_idle):
            seconds = random.uniform(*self._habits.idle)  # noqa: S311 - no secret
            await self._call(connection.idle, min(seconds, self._habits.first_idle) if briefly else seconds)
        else:
            await self._clock.sleep_until(self._clock.now() + self._habits.poll)
            await self._call(connection.refresh)

    async def _settle_sent(self) -> None:
        """Letters that may have been sent: the folder of what was sent knows, where the server keeps one."""
        now = self._clock.now()
        if self._looked_at_sent is not None and now - self._looked_at_sent < LOOK_AT_SENT:
            return
        self._looked_at_sent = now
        if not (uncertain := await _stored(self._reception.uncertain())):
            return
        try:
            found = await self._call(self._at_hand().sent, list(uncertain))
        except Failure as error:
            if not is_about_the_letter(error):
                raise
            log.warning("the sent letters cannot be searched", mailbox=self._name, why=complaint(error))
            return
        if found:
            await _stored(self._reception.confirm({uncertain[letter]: letter for letter in found}))

    async def _call(self, work: Callable[..., T], *given: Any) -> T:
        """Run on the mailbox's thread. Cancelled, it hangs up: then the thread is free at once."""
        try:
            return await asyncio.get_running_loop().run_in_executor(self._executor, work, *given)
        except asyncio.CancelledError:
            if self._connected is not None:
                self._connected.hang_up()
            raise

    def _hang_up(self) -> None:
        connection, self._connected = self._connected, None
        if connection is not None:
            self._executor.submit(connection.close)

    async def _tell(self, why: str | None) -> None:
        try:
            await self._trouble(self._reception.account, why)
        except Exception:
            log.exception("the state of the mailbox cannot be told", mailbox=self._name)

    def _at_hand(self) -> ImapConnection:
        if self._connected is None:
            raise ConnectionError("not connected")
        return self._connected

    @property
    def _here(self) -> Place:
        if self._place is None:
            raise RuntimeError("no place in the mailbox yet")
        return self._place


def _size(lot: Sequence[Head]) -> int:
    return sum(head.size for head in lot)


def _pause(failures: int) -> timedelta:
    return min(timedelta(seconds=2.0 ** min(failures - 1, 10)), LONGEST_PAUSE)


async def _stored(work: Awaitable[T]) -> T:
    """What the database does; when it is away that is no fault of the mailbox."""
    try:
        return await work
    except asyncio.CancelledError:
        raise
    except Exception as error:
        raise NotFiled from error


def _close_unwanted(opening: asyncio.Future[ImapConnection]) -> None:
    if not opening.cancelled() and opening.exception() is None:
        opening.result().close()
