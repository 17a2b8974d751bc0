"""Where the edges hand things over: everything that has arrived meanwhile is filed together, then acknowledged.

While one transaction commits, the next batch gathers. Who comes alone is filed at once; after a crowd the next is
waited for, a moment, so that it is filed together and not by halves. A batch that fails is halved until the bad
message stands alone; that one is parked with its raw form and the error, and the rest goes on.
"""

from __future__ import annotations

import asyncio
import zlib
from collections import defaultdict, deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Any

import structlog
from sqlalchemy import literal_column, select

from core.channel import Received, Unreadable
from core.conversations.notices import notify_admins
from core.database import BATCH, Database, DatabaseError, Transaction, complaint, is_away
from core.files import FileStore
from core.intake.booking import INLINE_RAW, Filed, Parcel
from core.intake.filing import file_batch
from core.intake.model import Ledger, LedgerState
from core.lines.accounts import AccountRef, move_cursor

log = structlog.get_logger("intake")

TELL_PARKED = timedelta(minutes=10)  # what was parked within this time has been told already
BATCH_BYTES = 1024 * 1024
IN_HAND_POSTGRESQL = 2  # batches at once: while one waits for its commit, the other is decided
CROWD = 8  # so many in one batch, and as many are expected in the next
GATHERING = 0.015  # seconds; a batch takes a third of that before its first message


@dataclass(slots=True)
class _Waiting:
    parcel: Parcel
    filed: asyncio.Future[Filed]


@dataclass(slots=True)
class _Queue:
    """What waits to be filed for one account."""

    waiting: deque[_Waiting] = field(default_factory=deque)
    in_hand: int = 0  # batches
    expected: int = 0  # messages: as many as were filed together before
    has_come: asyncio.Event = field(default_factory=asyncio.Event)  # as many as expected


class Intake:
    """Files what the edges bring. Returns only after the commit: then, and only then, an edge acknowledges.

    `gathering` are the seconds that the next of a crowd are waited for.
    """

    def __init__(self, db: Database, store: FileStore, *, gathering: float = GATHERING) -> None:
        self._db = db
        self._store = store
        self._queues: defaultdict[int, _Queue] = defaultdict(_Queue)  # by account
        self._tasks: set[asyncio.Task[None]] = set()
        self._gathering = gathering
        self._hands = 1 if db.is_sqlite else IN_HAND_POSTGRESQL

    async def file(self, account: AccountRef, received: Received, context: str | None = None) -> Filed:
        """File one thing, together with whatever else has arrived for the account meanwhile."""
        waiting = _Waiting(await self._parcel(received, context), asyncio.get_running_loop().create_future())
        queue = self._queues[account.id]
        queue.waiting.append(waiting)
        if len(queue.waiting) >= queue.expected:
            queue.has_come.set()
        if queue.in_hand < self._hands:
            queue.in_hand += 1
            task = asyncio.create_task(self._drain(account, queue))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return await waiting.filed

    async def take(
        self, account: AccountRef, page: Sequence[Received], *, cursor: dict[str, Any] | None = None
    ) -> list[Filed]:
        """File a page in its order and remember how far the account has been read, in the same transaction."""
        parcels = [await self._parcel(received, None) for received in page]
        filed: list[Filed] = []
        for start in range(0, len(parcels), BATCH):
            last = start + BATCH >= len(parcels)
            filed += await self._file(account, parcels[start : start + BATCH], cursor if last else None)
        if not parcels and cursor is not None:
            await self._db.transact(lambda tx: move_cursor(tx, account.id, cursor))
        return filed

    @property
    def is_idle(self) -> bool:
        """Nothing is being filed now for those who brought one thing at a time."""
        return not self._tasks

    async def close(self) -> None:
        """Finish what is in hand."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def _parcel(self, received: Received, context: str | None) -> Parcel:
        if len(received.raw) <= INLINE_RAW:
            return Parcel.of(received, context)
        # Compressed like the smaller ones, off the loop; thereby no attachment's file is ever this file.
        stored = await self._store.put(await asyncio.to_thread(zlib.compress, received.raw, 1))
        return Parcel(received, None, stored.sha256, context)

    async def _drain(self, account: AccountRef, queue: _Queue) -> None:
        try:
            while queue.waiting:
                await self._gather(queue)
                if not (batch := _next_batch(queue)):
                    break  # the other hand has taken what we gathered
                queue.expected = len(batch)
                try:
                    results = await self._file(account, [waiting.parcel for waiting in batch], None)
                except Exception as error:  # noqa: BLE001 - each edge hears it and does not acknowledge
                    for waiting in batch:
                        if not waiting.filed.done():
                            waiting.filed.set_exception(error)
                    continue
                for waiting, filed in zip(batch, results, strict=True):
                    if not waiting.filed.done():
                        waiting.filed.set_result(filed)
        finally:
            queue.in_hand -= 1

    async def _gather(self, queue: _Queue) -> None:
        if queue.expected < CROWD or len(queue.waiting) >= queue.expected:
            return
        queue.has_come.clear()
        with suppress(TimeoutError):
            await asyncio.wait_for(queue.has_come.wait(), self._gathering)

    async def _file(
        self, account: AccountRef, parcels: Sequence[Parcel], cursor: dict[str, Any] | None
    ) -> list[Filed]:
        try:
            return await self._db.transact(partial(_file_page, account, parcels, cursor), bulk=True)
        except Exception as error:
            if is_away(error):
                raise  # nothing is acknowledged, the network will bring it again
            if len(parcels) == 1:
                return [await self._park(account, parcels[0], cursor, error)]
            log.warning(
                "a batch fails and is halved",
                account_id=account.id,
                size=len(parcels),
                why=complaint(error),
            )
        middle = len(parcels) // 2
        first = await self._file(account, parcels[:middle], None)
        return first + await self._file(account, parcels[middle:], cursor)

    async def _park(
        self, account: AccountRef, parcel: Parcel, cursor: dict[str, Any] | None, error: Exception
    ) -> Filed:
        log.error(
            "a message is parked",
            account_id=account.id,
            external_id=parcel.received.external_id,
            why=complaint(error),
            exc_info=None if isinstance(error, DatabaseError) else error,
        )
        received = parcel.received
        bad = Received(received.external_id, received.raw, Unreadable(complaint(error)))
        parked = Parcel(bad, parcel.body, parcel.sha256, parcel.context)
        return (await self._db.transact(partial(_file_page, account, [parked], cursor)))[0]


def _next_batch(queue: _Queue) -> list[_Waiting]:
    batch: list[_Waiting] = []
    size = 0
    while queue.waiting and len(batch) < BATCH and size < BATCH_BYTES:
        batch.append(queue.waiting.popleft())
        size += len(batch[-1].parcel.received.raw)
    return batch


def _file_page(
    account: AccountRef, parcels: Sequence[Parcel], cursor: dict[str, Any] | None, tx: Transaction
) -> list[Filed]:
    filed = file_batch(tx, account, parcels)
    if cursor is not None:
        move_cursor(tx, account.id, cursor)
    if parked := [one.ledger_id for one in filed if one.state == LedgerState.PARKED]:
        _tell_parked(tx, account, parked)
    return filed


def _tell_parked(tx: Transaction, account: AccountRef, parked: Sequence[int]) -> None:
    """The admins learn of what was not understood; of a stream of it, once in a while."""
    earlier = tx.connection.execute(
        select(Ledger.id)
        .where(
            Ledger.state == literal_column("'parked'"),
            Ledger.id < min(parked),
            Ledger.received_at > tx.now - TELL_PARKED,
        )
        .limit(1)
    ).first()
    if earlier is None:
        notify_admins(tx, "parked", account_id=account.id, ledger_id=parked[0])
