"""`python -m benchmarks.web`: the program's HTTP edge over one database, and beside it the floor of any HTTP edge.

The routes, the intake and the database are the program's; only timers, deliveries and the bot are left out, so
that what is measured is one process that takes things in.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
from pathlib import Path

from aiohttp import web

from benchmarks.customers import FORM_KEY, SECRET
from benchmarks.ground import Ground, opened
from core.clock import SystemClock
from core.database import Database, Transaction
from core.files import FileStore
from core.intake.edge import Intake
from core.lines.accounts import AccountRef, ensure_account
from webhooks.application import Edge, build


async def serve(ground: Ground, folder: Path, port: int) -> None:
    """Serve until SIGTERM."""
    async with opened(ground) as (database, telegram):
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
        application.router.add_post("/floor", _floor)
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


async def _floor(request: web.Request) -> web.Response:
    """What no HTTP edge can do without: read JSON, answer JSON."""
    return web.json_response({"id": str(len(json.loads(await request.read())))}, status=202)


if __name__ == "__main__":
    asyncio.run(
        serve(
            Ground(os.environ["BENCHMARK_DATABASE"], 0),
            Path(os.environ["BENCHMARK_FOLDER"]),
            int(os.environ["BENCHMARK_PORT"]),
        )
    )
