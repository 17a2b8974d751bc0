"""The real program on a clock moved by hand: act, wait until nothing is on its way, move on to what is due next.

Nothing in it is patched: the program polls, files, sends and waits as ever. Only its clock stands still while
anything can still happen, and leaps when nothing can.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select, text

from core.automation.model import Timer
from core.clock import ManualClock
from core.conversations.model import Attachment, Delivery
from core.database import Reading
from core.staff.model import StaffUpdate
from openlines.application import Program, opened
from openlines.settings import Settings
from sandbox.telegram import TelegramSandbox

LEAP = timedelta(minutes=18)  # shorter than what the program itself calls a silent network
_LOOK = 0.003  # seconds of real time between two looks
_CALM = 3  # looks in a row that must see the same quiet
# Looks in a row without any movement: what is left waits for the clock. They are counted and not timed, since on
# a busy machine they take as much longer as everything else does.
_STILL = 12
# Such looks while it files or serves managers: it waits for the machine then, not for the clock.
_STILL_AT_WORK = 250
_PASSED_OVER = 3  # looks of the program itself, a second apart, that leave what is due where it is
_BEHIND = timedelta(seconds=45)  # how long to wait then
_HOPELESS = 120.0  # seconds of real time


@dataclass(frozen=True, slots=True)
class _Sight:
    """What is on its way at one look; equal sights mean that nothing has moved between them."""

    updates: int  # Telegram holds them for a bot
    filing: bool
    sending: int
    queued: int  # managers' taps and texts
    due: int  # deliveries, timers or files whose moment has come
    calls: int  # made to Telegram so far

    @property
    def is_quiet(self) -> bool:
        return not self.due and self.is_passed_over

    @property
    def is_at_work(self) -> bool:
        """Something is being filed, or what a manager did is in hand."""
        return self.filing or self.queued > 0

    @property
    def is_passed_over(self) -> bool:
        """Nothing moves. What is due stands behind something that waits: a message before it, an account."""
        return not (self.updates or self.filing or self.sending or self.queued)


class Timelapse:
    """One installation, started and stopped at will, on the `clock` and the Telegram it is given.

    `away` says that Telegram does not answer just now, so that what it holds cannot be waited for.
    """

    def __init__(self, settings: Settings, telegram: TelegramSandbox, clock: ManualClock) -> None:
        self._settings = settings
        self._telegram = telegram
        self._clock = clock
        self._stack = AsyncExitStack()
        self._at_work: asyncio.Task[None] | None = None
        self._program: Program | None = None
        self.away = False

    @property
    def program(self) -> Program:
        """The running program. Raises RuntimeError when none runs."""
        if self._program is None:
            raise RuntimeError("the program does not run now")
        return self._program

    async def start(self) -> None:
        """Start the program, on the database as it is. Returns when its edges are up, and its bot if Telegram is."""
        self._program = program = await self._stack.enter_async_context(
            opened(self._settings, clock=self._clock)
        )
        self._at_work = asyncio.create_task(program.run())
        await self._reached(program.ready)
        if not self.away:
            await self.wait_for_bot()

    async def wait_for_bot(self) -> None:
        """Let the clock run until the managers' bot answers: while Telegram was away it has waited for it."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + _HOPELESS
        while not self.program.bot_ready.is_set():
            if loop.time() > deadline:
                raise TimeoutError("the managers' bot does not come up")
            await asyncio.sleep(0.02)
            if self._clock.next_wake is not None:
                self._clock.advance(timedelta(seconds=0.2))

    async def stop(self) -> None:
        """Stop it as SIGTERM does: what is in hand is finished, everything else stays where it is."""
        program, at_work = self.program, self._at_work
        self._program = self._at_work = None
        program.stop()
        # Whatever is in hand and sleeps on the clock has to get its time.
        while at_work is not None and not at_work.done():
            self._clock.advance(timedelta(seconds=0.5))
            await asyncio.wait([at_work], timeout=0.02)
        if at_work is not None:
            at_work.result()
        await self._stack.aclose()
        self._stack = AsyncExitStack()

    async def settle(self) -> None:
        """Return when nothing is on its way any more; the clock moves only as far as that takes.

        Raises TimeoutError when there is no end to it.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + _HOPELESS
        before, calm, still, steps = None, 0, 0, 0
        while calm < _CALM and steps < _PASSED_OVER:
            if self._at_work is not None and self._at_work.done():
                self._at_work.result()
            sight = await self._sight()
            if sight != before:
                before, calm, still, steps = sight, 0, 0, 0
            elif sight.is_quiet:
                calm += 1
            elif (still := still + 1) >= (_STILL_AT_WORK if sight.is_at_work else _STILL):
                # A pause between messages, a wait that Telegram has asked for: it is the clock's turn.
                self._advance(min(self._clock.next_wake or self._clock.now(), self._clock.now() + LEAP))
                steps, still = steps + sight.is_passed_over, 0
            if loop.time() > deadline:
                raise TimeoutError(f"no end to it: {sight}")
            await asyncio.sleep(_LOOK)

    async def let_pass(self, by: timedelta) -> None:
        """Let time pass; whatever becomes due meanwhile happens at its own moment."""
        until = self._clock.now() + by
        await self.settle()
        while self._clock.now() < until:
            due = await self._next_due()
            target = min(until, self._clock.now() + LEAP)
            if due is not None:
                target = min(target, due if due > self._clock.now() else self._clock.now() + _BEHIND)
            self._advance(target)
            await self._heard()
            await self.settle()

    # --- how ---------------------------------------------------------------------------------------

    def _advance(self, moment: datetime) -> None:
        self._clock.advance_to(max(moment, self._clock.now() + timedelta(milliseconds=50)))

    async def _heard(self) -> None:
        """An empty answer to every poll, as Telegram gives it twice a minute: the accounts are known to be well."""
        if self.away:
            return
        bots = self._telegram.world.bots.values()
        for bot in bots:
            bot.updates.end_poll()
        with suppress(TimeoutError):
            await self._telegram.until(lambda: all(bot.updates.is_polled for bot in bots), 10)

    async def _sight(self) -> _Sight:
        program, now = self.program, self._clock.now()
        bots = self._telegram.world.bots.values()
        waiting = 0 if self.away else sum(bot.pending + (not bot.updates.is_polled) for bot in bots)
        sending = len(program.worker.sending) if program.worker else 0
        calls = sum(self._telegram.counts.values())
        filing = not program.intake.is_idle
        handled = len(program.bot_in_hand)
        if waiting or sending or filing or handled:  # it moves, that much is seen without asking the database
            return _Sight(waiting, filing, sending, handled, 0, calls)
        leaving, queued, *moments = await program.db.read(_rows_on_their_way)
        due = sum(moment is not None and moment <= now for moment in moments)
        return _Sight(0, False, leaving, queued, due, calls)

    async def _next_due(self) -> datetime | None:
        _, _, *moments = await self.program.db.read(_rows_on_their_way)
        return min((moment for moment in moments if moment is not None), default=None)

    async def _reached(self, event: asyncio.Event) -> None:
        reached = asyncio.create_task(event.wait())
        watched = [reached] if self._at_work is None else [reached, self._at_work]
        await asyncio.wait(watched, return_when=asyncio.FIRST_COMPLETED)
        reached.cancel()
        if self._at_work is not None and self._at_work.done():
            self._at_work.result()


_ON_THEIR_WAY = select(
    select(func.count()).select_from(Delivery).where(text("delivery.state = 'sending'")).scalar_subquery(),
    select(func.count()).select_from(StaffUpdate).scalar_subquery(),
    *(
        select(func.min(model.due_at))
        .where(text(f"{model.__tablename__}.state = 'waiting'"))
        .scalar_subquery()
        for model in (Delivery, Timer, Attachment)
    ),
)


def _rows_on_their_way(connection: Reading) -> Sequence[Any]:
    """How many deliveries and how many taps are in hand; when a delivery, a timer and a file are due."""
    return connection.execute(_ON_THEIR_WAY).one()
