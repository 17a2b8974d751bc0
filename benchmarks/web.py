"""`python -m benchmarks.web`: the program's HTTP edge over one database, and beside it two floors of any such edge.

The routes, the intake and the database are the program's; only timers, deliveries and the bot are left out, so
that what is measured is one process that takes things in. `/echo` reads JSON and answers; `/floor` files it by the
raw SQL of `benchmarks.floor` first, many at once.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from aiohttp import web

from benchmarks.customers import FORM_KEY, SECRET
from benchmarks.floor import Floor, PostgresFloor, SqliteFloor
from benchmarks.ground import Ground, opened
from core.channel import Address, InboundMessage, Kind, Received, Sender
from core.clock import SystemClock
from core.database import Database, Transaction
from core.files import FileStore
from core.intake.edge import GATHERING, Intake
from core.lines.accounts import AccountRef, ensure_account
from webhooks.application import Edge, build


async def serve(ground: Ground, folder: Path, port: int) -> None:
    """Serve until SIGTERM."""
    async with AsyncExitStack() as stack:
        database, telegram = await stack.enter_async_context(opened(ground))
        store = FileStore(folder / "files")
        intake = Intake(database, store)
        edge = Edge(
            db=database,
            intake=intake,
            store=store,
            clock=SystemClock(),
            forms={"main": await _form(database, telegram)},
            form_key=FORM_KEY.encode(),
            telegrams={"main": telegram},
            telegram_secret=SECRET.encode(),
        )
        application = build(edge)
        application.router.add_post("/echo", _echo)
        floor = await stack.enter_async_context(_floor_of(ground))
        application.router.add_post("/floor", Raw(floor).post)
        runner = web.AppRunner(application, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port, backlog=1024).start()
        stopped = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
        await stopped.wait()
        await runner.cleanup()
        await intake.close()


async def _form(database: Database, telegram: AccountRef) -> AccountRef:
    def work(tx: Transaction) -> AccountRef:
        return ensure_account(tx, telegram.line_id, "form", "main", "main")

    return await database.transact(work)


async def _echo(request: web.Request) -> web.Response:
    """What no HTTP edge can do without: read JSON, answer JSON."""
    return web.json_response({"id": str(len(json.loads(await request.read())))}, status=202)


class Raw:
    """What no edge can do without that answers when it has filed: the same rows, and nothing decided.

    As in the program, who comes while a batch is filed goes with the next, and the next of a crowd are waited for.
    """

    def __init__(self, floor: Floor) -> None:
        self._floor = floor
        self._waiting: list[tuple[Received, asyncio.Future[None]]] = []
        self._expected = 1
        self._have_come = asyncio.Event()
        self._filing: asyncio.Task[None] | None = None

    async def post(self, request: web.Request) -> web.Response:
        """Answer once it is filed."""
        raw = await request.read()
        received = _taken(json.loads(raw), raw)
        filed = asyncio.get_running_loop().create_future()
        self._waiting.append((received, filed))
        if len(self._waiting) >= self._expected:
            self._have_come.set()
        if self._filing is None or self._filing.done():
            self._filing = asyncio.create_task(self._file())
        await filed
        return web.json_response({"id": received.external_id}, status=202)

    async def _file(self) -> None:
        while self._waiting:
            self._have_come.clear()
            if len(self._waiting) < self._expected:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._have_come.wait(), GATHERING)
            batch, self._waiting = self._waiting, []
            self._expected = len(batch)
            await self._floor.file([received for received, _ in batch])
            for _, filed in batch:
                filed.set_result(None)


def _taken(posted: dict[str, Any], raw: bytes) -> Received:
    """An update or a form, with nothing asked of it but what the rows need."""
    if "update_id" in posted:
        posted = posted["message"]
        user = posted["from"]
        person, name, username = str(user["id"]), user["first_name"], user["username"]
        text, message_id = posted["text"], str(posted["message_id"])
    else:
        person, username = posted["phone"], None
        name, text, message_id = posted["name"], posted["message"], None
    sender = Sender((Address("telegram", person, "floor", username=username),), name)
    now = datetime.now(UTC)
    message = InboundMessage(Kind.MESSAGE, person, message_id, sender, text, now)
    return Received(f"floor-{person}", raw, message)


@asynccontextmanager
async def _floor_of(ground: Ground) -> AsyncIterator[Floor]:
    if ground.url.startswith("sqlite"):
        with SqliteFloor.opened(ground) as floor:
            yield floor
    else:
        async with PostgresFloor.opened(ground) as floor:
            yield floor


if __name__ == "__main__":
    gc.freeze()  # as the program does with what it has imported: none of it ever becomes garbage
    asyncio.run(
        serve(
            Ground(os.environ["BENCHMARK_DATABASE"], 0),
            Path(os.environ["BENCHMARK_FOLDER"]),
            int(os.environ["BENCHMARK_PORT"]),
        )
    )
