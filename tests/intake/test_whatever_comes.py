"""Random customers, from Telegram's JSON to the rows: however it is cut into pages, and whatever is broken in it."""

from __future__ import annotations

import copy
import json
import random
import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import make_url

from channels.telegram.inbound import normalise
from core.channel import Received
from core.clock import ManualClock
from core.contacts.model import Address, Contact
from core.conversations.model import Attachment, Conversation, Message, MessageVersion
from core.database import Database
from core.files import FileStore
from core.intake.edge import Intake
from core.intake.model import Ledger
from core.leads.model import Lead
from tests.builders import NOON, a_database, a_manager, an_account
from tests.looking import book, every

OWNER = {"id": 50, "first_name": "Хозяин"}


def a_page(chance: random.Random, length: int) -> list[dict[str, Any]]:
    """What three people, and the owner of a business account, do within some seconds; some of it comes twice."""
    return [_an_update(chance, number) for number in range(1, length + 1)]


def _an_update(chance: random.Random, number: int) -> dict[str, Any]:
    user, moment = chance.choice([1, 1, 2, 2, 3]), int(NOON.timestamp()) + number
    person: dict[str, Any] = {"id": user, "first_name": chance.choice(["Анна", "Пётр", ""])}
    if chance.random() < 0.5:
        person["username"] = chance.choice(["anna", "petr"])
    chat = {"id": user, "type": "private", "first_name": "Анна"}
    event: dict[str, Any] = {
        "message_id": chance.choice([number, 1, 2]),
        "date": moment,
        "chat": chat,
        "from": person,
    }
    earlier = {"message_id": chance.randint(1, 3), "edit_date": moment, "text": f"правка {number}"}
    own = {"phone_number": f"7916123456{chance.randint(1, 3)}", "user_id": user}
    photo = [{"file_id": f"p{chance.randint(1, 3)}", "width": 1, "height": 1}]
    told = {"new_chat_member": {"status": chance.choice(["kicked", "member"])}}
    business = {"business_connection_id": "c", "text": f"дело {number}"}
    kind, more = chance.choice(
        [
            *[("message", {"text": f"слово {chance.randint(1, 9)}"})] * 3,
            ("message", {"text": chance.choice(["/start", "/start ad_spring"])}),
            ("message", {"contact": own}),
            ("message", {"photo": photo, "media_group_id": "album"}),
            ("message", {"text": "робот", "from": person | {"is_bot": True}}),
            *[("edited_message", earlier)] * 2,
            ("my_chat_member", told),
            *[("business_message", business)] * 2,
            ("business_message", business | {"from": OWNER}),
            ("edited_business_message", business | earlier),
            ("edited_business_message", business | earlier | {"from": OWNER}),
        ]
    )
    return {"update_id": max(1, number - (chance.random() < 0.15)), kind: event | more}


def understood(update: object) -> Received:
    raw = json.dumps(update).encode()
    return normalise(json.loads(raw), raw, NOON, "1000")


async def what_became(database: Database) -> dict[str, list[Any]]:
    """Everything that is known now, without the numbers that we gave it ourselves."""
    people, leads = await every(database, Contact), await every(database, Lead)
    who = {row["id"]: place for place, row in enumerate(people)}
    which = {row["id"]: place for place, row in enumerate(leads)} | {None: None}
    threads = {row["id"]: row for row in await every(database, Conversation)}
    messages = [row for row in await every(database, Message) if not row["author"].startswith("robot")]
    names = {row["id"]: (threads[row["conversation_id"]]["thread"], row["external_id"]) for row in messages}

    def columns(row: Any, *wanted: str) -> tuple[Any, ...]:
        return tuple(row[name] for name in wanted)

    found: dict[str, list[Any]] = {
        "people": [columns(row, "name", "language") for row in people],
        "addresses": [
            (who[row["contact_id"]], *columns(row, "key", "username"))
            for row in await every(database, Address)
        ],
        "conversations": [
            (
                who[row["contact_id"]],
                which[row["lead_id"]],
                *columns(row, "thread", "last_in_at", "closed_at", "closed_why"),
            )
            for row in threads.values()
        ],
        "leads": [
            (
                who[row["contact_id"]],
                *columns(row, "title", "source", "waiting_since", "first_answer_at", "responsible_id"),
            )
            for row in leads
        ],
        "messages": [
            (
                names[row["id"]],
                which[row["lead_id"]],
                *columns(
                    row, "text", "direction", "author", "author_name", "sent_at", "edited_at", "content"
                ),
            )
            for row in messages
        ],
        "versions": [
            (names[row["message_id"]], row["text"]) for row in await every(database, MessageVersion)
        ],
        "files": [(names[row["message_id"]], row["reference"]) for row in await every(database, Attachment)],
        "ledger": [
            (names.get(row["message_id"]), *columns(row, "external_id", "state", "reason", "seen"))
            for row in await every(database, Ledger)
        ],
    }
    return {name: sorted(rows, key=repr) for name, rows in found.items()}


def pieces(page: list[Received], at_most: int) -> Iterator[list[Received]]:
    for start in range(0, len(page), at_most):
        yield page[start : start + at_most]


@pytest.mark.parametrize("seed", range(6))
async def test_however_it_is_cut_into_pages_the_same_becomes_of_it(
    sqlite_url: str, tmp_path: Path, clock: ManualClock, seed: int
) -> None:
    page = [understood(update) for update in a_page(random.Random(seed), 30)]
    became = []
    for at_most in (1, 5, len(page)):
        copied = sqlite_url.replace(".db", f"-{at_most}.db")
        shutil.copyfile(make_url(sqlite_url).database or "", make_url(copied).database or "")
        async with a_database(copied, clock) as database:
            bot, intake = await an_account(database), Intake(database, FileStore(tmp_path / "files"))
            for piece in pieces(page, at_most):
                await intake.take(bot, piece)
            became.append(await what_became(database))
            assert (await book(database)).is_even
    assert became[1] == became[0]
    assert became[2] == became[0]


BROKEN = (
    None, True, 0, -1, 777, 2**53, 2**63, -(2**63), 10**30, 1.5, 32_503_679_999, 253_402_300_799,
    "", " ", "\x00", "\ud83d", "private", "group", "/start", "kicked", "\u202e", "ы" * 40_000, "И\u0307" * 300,
    [], {}, [{}], {"id": 777}, {"id": 777000}, {"file_id": "a" * 600},
    [{"file_id": "p", "width": 2**62, "height": 2**62, "file_size": 2**62}],
)  # fmt: skip


def _broken(chance: random.Random, update: dict[str, Any]) -> dict[str, Any]:
    """The update with something else in one or two places of it."""
    broken = copy.deepcopy(update)
    for _ in range(chance.randint(1, 2)):
        place: Any = broken[next(key for key in broken if key != "update_id")]
        while isinstance(place, dict) and place:
            key = chance.choice(list(place))
            if isinstance(place[key], dict) and chance.random() < 0.7:
                place = place[key]
                continue
            place[key] = copy.deepcopy(chance.choice(BROKEN))
            break
    return broken


async def test_whatever_is_broken_in_it_stops_nothing_and_no_database_refuses_it(
    database_url: str, clock: ManualClock, tmp_path: Path
) -> None:
    chance = random.Random(1)
    async with a_database(database_url, clock) as database:
        bot, intake = await an_account(database), Intake(database, FileStore(tmp_path))
        await a_manager(database)
        for number in range(25):
            page = [_broken(chance, update) for update in a_page(chance, 6)]
            for place, update in enumerate(page):
                update["update_id"] = 100 * number + place
            await intake.take(bot, [understood(update) for update in page])
            clock.advance(timedelta(minutes=1))
        parked = [row["reason"] for row in await every(database, Ledger, Ledger.state == "parked")]
        balance = await book(database)
    assert (balance.received, balance.is_even) == (150, True)
    assert parked
    assert all(" has no chat" in why or " does not say who" in why for why in parked), parked
