"""More is to be sent than the network takes at once: it leaves in its order, and nobody tries again and again."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path

import pytest

from channels.limits import ProcessLimits
from channels.telegram.pacing import PacedTelegram
from core.clock import ManualClock
from core.conversations.model import Conversation, Delivery
from core.conversations.outbound import Utterance, say
from core.database import Transaction
from tests.builders import a_database, a_message, an_account, file, telegram
from tests.looking import all_sent, every
from tests.posting import Network, at_work

MANY = 240  # eight seconds of a bot's thirty a second


# Two may meet before a bot that has no more room: they are not told of each other.
@pytest.mark.parametrize(("workers", "attempts"), [(1, 1.0), (2, 1.9)])
async def test_many_messages_at_once_are_not_tried_again_and_again(
    workers: int, attempts: float, database_url: str, clock: ManualClock, tmp_path: Path
) -> None:
    async with a_database(database_url, clock) as database:
        bot = await an_account(database)
        filed = await file(database, bot, *(a_message("?", telegram(user)) for user in range(MANY)))
        await all_sent(database)
        threads = {row["lead_id"]: row["id"] for row in await every(database, Conversation)}
        words = [
            Utterance(threads[one.lead_id], bot.id, one.lead_id, "robot:1", f"{number}")
            for number, one in enumerate(filed)
        ]

        def speak(tx: Transaction) -> None:
            say(tx, words)

        await database.transact(speak)
        network, limits = Network(), ProcessLimits(clock)  # several processes share them in Redis
        async with AsyncExitStack() as stack:
            for number in range(workers):
                paced = PacedTelegram(network, limits, clock, "1000")
                await stack.enter_async_context(at_work(database, {bot.id: paced}, tmp_path / f"{number}"))
            deadline = asyncio.get_running_loop().time() + 60
            while len(network.sent) < MANY:
                assert asyncio.get_running_loop().time() < deadline, len(network.sent)
                await asyncio.sleep(0.02)
                clock.advance(timedelta(milliseconds=100))
        rows = await every(database, Delivery, Delivery.message_id.is_not(None), Delivery.attempts > 0)
    tried = Counter(row["attempts"] for row in rows)
    assert tried.total() == MANY
    assert sum(often * times for often, times in tried.items()) <= attempts * MANY, tried
    if workers == 1:
        assert network.texts == [f"{number}" for number in range(MANY)]
