"""What a customer writes while the manager's notice is being made is told too, by that notice or by another."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from sqlalchemy.util import await_only

from bot.notices import Notices
from bot.texts import Texts
from core.automation.reactions import Reactions
from core.channel import Sent
from core.clock import ManualClock
from core.conversations import deliveries
from core.conversations.preparing import Claimed, NoticeRow, Rendered
from core.database import Database, Reading, Transaction
from core.events import Event
from core.intake.booking import Parcel
from core.intake.filing import file_batch
from core.lines.accounts import AccountRef
from tests.builders import a_lead, a_message, an_account, an_admin, file
from tests.looking import all_sent, until_one_waits

pytestmark = pytest.mark.timeout(60)


class Slow:
    """Automation as it is; with `wait`, the transaction it has answered for commits only after that."""

    def __init__(self) -> None:
        self.wait: asyncio.Event | None = None
        self.has_answered = asyncio.Event()
        self._react = Reactions()

    def __call__(self, tx: Transaction, events: Sequence[Event]) -> None:
        self._react(tx, events)
        wait, self.wait = self.wait, None
        if wait is not None:
            self.has_answered.set()
            await_only(wait.wait())


@dataclass
class Told:
    """Anna has a lead, and Ольга has been told of it; both may now be quick."""

    database: Database
    slow: Slow
    bot: AccountRef
    clock: ManualClock
    notices: Notices
    is_rendered: asyncio.Event = field(default_factory=asyncio.Event)

    async def writes(self, text: str) -> None:
        """Anna writes."""
        await file(self.database, self.bot, a_message(text, at=self.clock.now()))

    async def claimed(self, wait: asyncio.Event | None = None) -> list[Claimed]:
        """The notices that go out now; with `wait`, their words are made and they are not claimed before it."""

        def rendered(connection: Reading, notice: NoticeRow) -> Rendered | None:
            made = self.notices(connection, notice)
            self.is_rendered.set()
            if wait is not None:
                await_only(wait.wait())
            return made

        self.clock.advance(timedelta(seconds=5))
        return await self.database.transact(lambda tx: deliveries.claim(tx, 10, rendered))

    async def told(self) -> str:
        """What goes out to Ольга now, arrived."""
        claimed = await self.claimed()
        await self.database.transact(
            lambda tx: deliveries.settle(tx, [(one, Sent((str(one.id % 1000),))) for one in claimed])
        )
        return "\n".join(one.message.screen.text for one in claimed)


@pytest.fixture
async def line(postgres_url: str, clock: ManualClock) -> AsyncIterator[Told]:
    async with Database.opened(postgres_url, clock=clock, react=(slow := Slow())) as database:
        bot = await an_account(database)
        await an_admin(database)
        await a_lead(database, bot)
        await all_sent(database)
        yield Told(database, slow, bot, clock, Notices(Texts(), clock, "Europe/Moscow", bot.id))


async def test_a_message_that_is_about_to_be_there_is_waited_for(line: Told) -> None:
    await line.writes("раз")
    line.slow.wait = go_on = asyncio.Event()
    writing = asyncio.create_task(line.writes("два"))
    await line.slow.has_answered.wait()
    assert await line.told() == ""
    go_on.set()
    await writing
    told = await line.told()
    assert "раз" in told
    assert "два" in told


async def test_a_message_that_comes_while_the_words_are_made_is_told_next(line: Told) -> None:
    await line.writes("раз")
    go_on = asyncio.Event()
    claiming = asyncio.create_task(line.claimed(go_on))
    await line.is_rendered.wait()
    writing = asyncio.create_task(line.writes("два"))
    await until_one_waits(line.database)
    go_on.set()
    (first,) = await claiming
    assert "раз" in first.message.screen.text
    assert "два" not in first.message.screen.text
    await line.database.transact(lambda tx: deliveries.settle(tx, [(first, Sent(("1",)))]))
    await writing
    assert "два" in await line.told()


async def test_of_two_pages_at_once_neither_hides_or_repeats_the_other(line: Told) -> None:
    go_on, has_drawn = asyncio.Event(), asyncio.Event()
    slow = Parcel.of(a_message("медленно", at=line.clock.now()))

    def work(tx: Transaction) -> None:
        tx.new_id()  # a page draws its identifiers before it has got everybody in it
        has_drawn.set()
        await_only(go_on.wait())
        file_batch(tx, line.bot, [slow])

    writing = asyncio.create_task(line.database.transact(work))
    await has_drawn.wait()
    await line.writes("быстро")
    assert "быстро" in await line.told()
    go_on.set()
    await writing
    told = await line.told()
    assert "медленно" in told
    assert "быстро" not in told
