"""Letters out of a mailbox, lot by lot; one that cannot be had is told in its place and holds up nobody
else.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from functools import partial
from hashlib import sha256
from typing import Any

import structlog

from channels.email.connection import Failure, Head, ImapConnection, complaint, is_about_the_letter
from channels.email.reception import Arrived
from core.channel import Received, Unreadable
from core.clock import Clock

log = structlog.get_logger("mail")

LOT_LETTERS = 50
LOT_BYTES = 1 << 20  # a larger letter goes alone
STRIKES = 3  # how often one letter may break the connection


class Fetcher:
    """Fetches letters, and remembers which of them make trouble."""

    def __init__(
        self, call: Callable[..., Awaitable[Any]], clock: Clock, mailbox: str, *, size_limit: int
    ) -> None:
        """`call` runs a function of the connection on its thread; `mailbox` is its name for people."""
        self._call = call
        self._clock = clock
        self._mailbox = mailbox
        self._size_limit = size_limit
        self._has_fetched = False  # over this connection: what it refuses now is the letter's own fault
        self._careful: set[int] = set()  # letters of a lot that failed: fetched one by one
        self._strikes: Counter[int] = Counter()

    def begin(self) -> None:
        """There is a new connection, which has yet to show that it gives letters."""
        self._has_fetched = False

    def lots(self, heads: Sequence[Head]) -> Iterator[list[Head]]:
        """Divide letters into lots that are fetched at once: bounded in number and bytes, doubtful ones
        alone.
        """
        lot: list[Head] = []
        size = 0
        for head in heads:
            too_large = head.size > self._size_limit
            alone = too_large or head.uid in self._careful or self._strikes[head.uid] > 0
            if lot and (alone or len(lot) == LOT_LETTERS or size + head.size > LOT_BYTES):
                yield lot
                lot, size = [], 0
            lot.append(head)
            size += head.size
            if alone:
                size = LOT_BYTES
        if lot:
            yield lot

    async def fetch(
        self, connection: ImapConnection, lot: Sequence[Head]
    ) -> list[tuple[Head, Arrived | Received]]:
        """The letters of a lot. Raises what breaks the connection; what is one letter's fault is told in
        its place.
        """
        if len(lot) == 1:
            letter = await self._fetch_one(connection, lot[0])
            return [(lot[0], letter)] if letter else []
        try:
            bodies = await self._call(connection.letters, [head.uid for head in lot])
        except Failure as error:
            self._careful = {head.uid for head in lot}
            if not is_about_the_letter(error):
                raise
            log.warning(
                "a lot cannot be fetched, one by one now", mailbox=self._mailbox, why=complaint(error)
            )
            bodies = {}
        fetched: list[tuple[Head, Arrived | Received]] = []
        for head in lot:
            if (body := bodies.pop(head.uid, None)) is not None:
                self._has_fetched = True
                fetched.append((head, self._arrived(head, body)))
            elif (letter := await self._fetch_one(connection, head)) is not None:
                fetched.append((head, letter))
        return fetched

    async def _fetch_one(self, connection: ImapConnection, head: Head) -> Arrived | Received | None:
        """One letter, or what stands for it; None when it is gone from the mailbox."""
        if self._strikes[head.uid] >= STRIKES:
            return self._unfetched(connection, head, "the connection broke each time it was fetched")
        try:
            if head.size > self._size_limit:
                return self._too_large(head, await self._call(connection.header, head.uid))
            body = (await self._call(connection.letters, [head.uid])).get(head.uid)
            if body is None and not await self._call(partial(connection.heads, dates=False), [head.uid]):
                return None
        except Failure as error:
            if is_about_the_letter(error) and self._has_fetched:
                return self._unfetched(connection, head, complaint(error))
            self._strikes[head.uid] += 1
            raise
        if body is None:
            return self._unfetched(connection, head, "the server gives no content for it")
        self._has_fetched = True
        self._strikes.pop(head.uid, None)
        return self._arrived(head, body)

    def _arrived(self, head: Head, body: bytes) -> Arrived:
        now = self._clock.now()
        return Arrived(body, min(head.received_at or now, now))

    def _unfetched(self, connection: ImapConnection, head: Head, why: str) -> Received:
        """Parked without its content. It stays unseen in the mailbox, where a person can look at it."""
        log.error("a letter cannot be fetched", mailbox=self._mailbox, uid=head.uid, why=why)
        where = f"letter {head.uid} of {self._mailbox}, {head.size} bytes"
        key = f"uid:{connection.uidvalidity}:{head.uid}:{self._mailbox}"
        return Received(key[:200], b"", Unreadable(f"{where}: {why}"))

    def _too_large(self, head: Head, header: bytes) -> Received:
        """Parked with its header only; likewise left unseen."""
        why = f"the letter has {head.size} bytes, more than the {self._size_limit} allowed"
        key = sha256(header + str(head.size).encode()).hexdigest()
        return Received(key, header, Unreadable(f"{why}; it is number {head.uid} in {self._mailbox}"))
