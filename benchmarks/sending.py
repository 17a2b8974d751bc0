"""Deliveries on their way: claimed, sent to the sandbox in another process, settled."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from aiohttp import ClientSession, TCPConnector
from sqlalchemy import select

from benchmarks.customers import TOKEN
from benchmarks.figures import Figure, Promise
from benchmarks.ground import FEW, Ground, folder, opened, postgres_grounds, sqlite_ground
from benchmarks.programs import sandbox
from channels.telegram.api import BotApi
from channels.telegram.outbound import TelegramChannel
from core.conversations.deliveries import waiting_count
from core.conversations.model import Conversation, Delivery, DeliveryState
from core.conversations.outbound import Utterance, say
from core.database import BATCH, Database, Transaction
from core.files import FileStore
from core.worker import Post, Worker


def figures(*, quick: bool) -> Iterator[Figure]:
    """On both databases, Telegram's send limits off."""
    with folder() as place, sandbox(range(1, FEW + 1), place) as address:
        with sqlite_ground(FEW) as ground:
            yield asyncio.run(_measured("SQLite", ground, address, place, quick=quick))
        with postgres_grounds(FEW) as (ground,):
            yield asyncio.run(_measured("PostgreSQL", ground, address, place, quick=quick))


async def _measured(name: str, ground: Ground, address: str, place: Path, *, quick: bool) -> Figure:
    rounds, count = (2, 500) if quick else (4, 2_000)
    rates, floor = list[float](), list[float]()
    async with (
        opened(ground) as (database, account),
        ClientSession(connector=TCPConnector(limit=200)) as http,
    ):
        store = FileStore(place / "files")
        api = BotApi(TOKEN, address, http)
        post = Post({account.id: TelegramChannel(api, store.path)})
        for _ in range(rounds):
            for start in range(0, count, BATCH):
                await database.transact(partial(_say, start=start, end=min(start + BATCH, count)))
            worker = Worker(database, post, store)
            began = time.perf_counter()
            serving = asyncio.create_task(worker.run())
            await _until_sent(database)
            worker.stop()
            await serving
            rates.append(count / (time.perf_counter() - began))
            floor.append(await _without_database(api, count))
        sent = await database.read(lambda c: len(c.execute(_SENT).all()))
        assert sent == rounds * count, f"{sent} of {rounds * count} were sent"
    note = "floor: the same calls to the sandbox, 64 at once, without a database"
    return Figure(f"deliveries settled, {name}", "/s", Promise(at_least=400), rates, floor, note=note)


async def _until_sent(database: Database) -> None:
    while await database.read(waiting_count):  # noqa: ASYNC110 - what is measured should not be hooked into
        await asyncio.sleep(0.05)


_SENT = select(Delivery.id).where(Delivery.state == DeliveryState.SENT)


def _say(tx: Transaction, start: int, end: int) -> None:
    """Something to say to each of these people, in turn over all conversations."""
    rows = tx.connection.execute(
        select(Conversation.id, Conversation.account_id, Conversation.lead_id)
        .order_by(Conversation.id)
        .limit(FEW)
    ).all()
    chosen = [rows[number % len(rows)] for number in range(start, end)]
    say(
        tx,
        [
            Utterance(
                row.id, row.account_id, row.lead_id, "robot:1", "Здравствуйте! Остались ли у вас вопросы?"
            )
            for row in chosen
        ],
    )


async def _without_database(api: BotApi, count: int) -> float:
    waiting = iter(range(count))

    async def caller() -> None:
        for number in waiting:
            await api.call(
                "sendMessage", {"chat_id": number % FEW + 1, "text": "Здравствуйте! Остались ли вопросы?"}
            )

    began = time.perf_counter()
    await asyncio.gather(*(caller() for _ in range(64)))
    return count / (time.perf_counter() - began)
