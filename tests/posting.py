"""A network that remembers what was sent and answers as it is told, and the worker that sends through it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path

from core.channel import (
    Channel,
    Fetched,
    FileSink,
    OutboundMessage,
    Outcome,
    Postponed,
    Refused,
    Screen,
    Sent,
)
from core.clock import ManualClock
from core.conversations.preparing import Rendered, Renderer
from core.database import Database, Reading
from core.files import FileStore
from core.worker import Post, Worker


class Network:
    """One account of a network. `answer` decides what becomes of each message; it may wait."""

    def __init__(self) -> None:
        self.sent: list[OutboundMessage] = []
        self.answers: dict[str, list[Outcome]] = {}  # by thread: what comes before everything is accepted
        self.held: dict[str, asyncio.Event] = {}  # by thread: nothing is answered before this is set
        self.under_way: set[str] = set()

    @property
    def texts(self) -> list[str]:
        """What was said, in the order of its arrival."""
        return [message.screen.text for message in self.sent]

    def said_to(self, thread: str) -> list[str]:
        """What one place was told."""
        return [message.screen.text for message in self.sent if message.thread == thread]

    async def send(self, message: OutboundMessage) -> Outcome:
        """As the port demands it."""
        self.under_way.add(message.thread)
        try:
            if held := self.held.get(message.thread):
                await held.wait()
            if answers := self.answers.get(message.thread):
                return answers.pop(0)
            self.sent.append(message)
            return Sent((str(10_000 + len(self.sent)),))
        finally:
            self.under_way.discard(message.thread)

    async def fetch(self, reference: str, into: FileSink) -> Fetched | Refused | Postponed:
        """A file whose bytes are its own name."""
        await into.write(reference.encode())
        return await into.close()


def plainly(_: Reading, notice: object) -> Rendered:
    """Notices in the plainest words: their kind."""
    return Rendered(Screen(getattr(notice, "kind", "?")))


@asynccontextmanager
async def at_work(
    database: Database,
    channels: dict[int, Channel],
    folder: Path,
    *,
    renderer: Renderer | None = plainly,
    poll: timedelta = timedelta(seconds=1),
) -> AsyncIterator[Worker]:
    """A worker serves until the end of the block; then it finishes what is in hand."""
    worker = Worker(database, Post(channels, renderer), FileStore(folder), poll=poll)
    task = asyncio.create_task(worker.run())
    try:
        yield worker
    finally:
        worker.stop()
        await asyncio.wait_for(task, 20)


async def until(holds: Callable[[], bool], within: float = 10) -> None:
    """Wait until it is so; the clock of the story stands still meanwhile."""
    deadline = asyncio.get_running_loop().time() + within
    while not holds():
        assert asyncio.get_running_loop().time() < deadline, "it never came true"
        await asyncio.sleep(0.005)


async def quiet(clock: ManualClock, *workers: Worker, within: float = 10) -> None:
    """Wait until every worker sleeps: nothing is on the network and all their parts wait for the clock."""
    deadline = asyncio.get_running_loop().time() + within
    calm = 0
    while calm < 3:
        asleep = all(worker.is_idle for worker in workers) and len(clock_sleepers(clock)) >= 4 * len(workers)
        calm = calm + 1 if asleep else 0
        assert asyncio.get_running_loop().time() < deadline, "it never came to rest"
        await asyncio.sleep(0.002)


def clock_sleepers(clock: ManualClock) -> list[datetime]:
    """The moments somebody waits for."""
    return [moment for moment, _, woken in clock._sleepers if not woken.done()]


async def pass_time(
    clock: ManualClock, span: timedelta, *workers: Worker, leap: timedelta = timedelta()
) -> None:
    """Let time pass from one due instant to the next, each fully served before the hands move on.

    With a `leap` the hands move on by no less: whoever wants to wake sooner is late by that much at most.
    """
    end = clock.now() + span
    while True:
        await quiet(clock, *workers)
        following = clock.next_wake
        if following is None or following >= end:
            break
        clock.advance_to(min(end, max(following, clock.now() + leap)))
    clock.advance_to(end)
    await quiet(clock, *workers)
