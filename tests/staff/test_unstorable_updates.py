"""What a manager sends reaches the bot, whatever characters Telegram's JSON brings it in."""

from __future__ import annotations

import json
from datetime import timedelta
from functools import partial
from typing import Any

from channels.telegram.inbound import normalise
from core.clock import ManualClock
from core.database import Database
from core.intake.booking import Parcel
from core.intake.filing import file_batch
from core.lines.accounts import AccountRef
from core.staff.updates import claim, done
from tests.builders import NOON, a_database, a_manager, an_account


def _an_update(number: int, telegram_id: int) -> dict[str, Any]:
    person = {"id": telegram_id, "is_bot": False, "first_name": "Ольга"}
    chat = {"id": telegram_id, "type": "private"}
    message = {"message_id": number, "date": 1_773_651_600, "from": person, "chat": chat, "text": "TEXT"}
    return {"update_id": number, "message": message | {"TEXT": ["TEXT", 1.5, None, True]}}


async def _through(database: Database, account: AccountRef, raw: bytes) -> dict[str, Any]:
    """What the bot gets of an update that Telegram brings in these bytes."""
    received = normalise(json.loads(raw), raw, NOON, account.scope)
    filed = await database.transact(lambda tx: file_batch(tx, account, [Parcel.of(received)]))
    assert [one.state for one in filed] == ["ignored"], filed
    (update,) = await database.transact(
        partial(claim, account_ids=[account.id], limit=5, lease=timedelta(seconds=60))
    )
    await database.transact(lambda tx: done(tx, update.id))
    return update.update


def _length(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass"))


async def test_half_an_emoji_or_a_nul_in_a_managers_message_parks_nothing(
    database_url: str, clock: ManualClock
) -> None:
    async with a_database(database_url, clock) as database:
        account, manager = await an_account(database), await a_manager(database)
        cases = {
            r"\ud83d": "\ufffd",
            r"a\u0000b": "a\ufffdb",
            r"\ud83d\ude00 да": "😀 да",
            r"\\ud83d": r"\ud83d",
        }
        for number, (written, read) in enumerate(cases.items(), start=1):
            update = _an_update(number, manager.telegram_id)
            raw = json.dumps(update).replace("TEXT", written).encode()
            got = await _through(database, account, raw)
            assert got["message"]["text"] == read
            sent = json.loads(f'"{written}"')
            assert _length(read) == _length(sent), "what Telegram says of places in it stays true"
            assert got["message"][read] == [read, 1.5, None, True]
