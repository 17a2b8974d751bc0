"""The HTTP edge over a real database, and a client that asks it: what its stories are told with."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from aiohttp.test_utils import TestClient, TestServer
from sqlalchemy import select

from core.clock import ManualClock
from core.database import Database
from core.files import FileStore
from core.intake.edge import Intake
from core.intake.model import Ledger
from core.lines.accounts import AccountRef
from tests.builders import a_database, an_account
from webhooks.application import Edge, build

KEY = "site-key"
SECRET = "telegram-secret"
LETTERS = b"letters-secret"
FORM = "/lines/main/form"
HOOK = "/lines/main/telegram"
SIGNED = {"X-Telegram-Bot-Api-Secret-Token": SECRET}
KEYED = {"X-Form-Key": KEY}


@dataclass(frozen=True, slots=True)
class Web:
    """The edge, and somebody who asks it."""

    client: TestClient[Any, Any]
    db: Database
    store: FileStore
    form: AccountRef
    bot: AccountRef

    async def states(self) -> list[str]:
        """What became of everything that came in, in its order."""
        query = select(Ledger.state).order_by(Ledger.id)
        return await self.db.read(lambda c: [str(row[0]) for row in c.execute(query)])

    async def error(self, path: str, **request: Any) -> tuple[int, dict[str, str]]:
        """The status and body of a refused post."""
        async with self.client.post(path, **request) as answer:
            return answer.status, await answer.json()


@asynccontextmanager
async def serving(url: str, folder: Path, clock: ManualClock, **changes: Any) -> AsyncIterator[Web]:
    """The edge serves until the end of the block; `changes` are fields of `Edge`."""
    async with a_database(url, clock) as db:
        form, bot = await an_account(db, "form", "main"), await an_account(db)
        store = FileStore(folder / "files")
        edge = Edge(
            db=db,
            intake=Intake(db, store),
            store=store,
            clock=clock,
            forms={"main": form},
            form_key=KEY.encode(),
            form_origins=frozenset({"https://shop.example"}),
            telegrams={"main": bot},
            telegram_secret=SECRET.encode(),
            letters_secret=LETTERS,
            parts=("web",),
        )
        async with TestClient(TestServer(build(replace(edge, **changes)))) as client:
            yield Web(client, db, store, form, bot)
            await edge.intake.close()
