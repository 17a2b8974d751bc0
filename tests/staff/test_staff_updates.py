"""The bot's queue: in order for each person, never twice at once, never in the way of others."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from functools import partial

import pytest
from sqlalchemy import text

from core import journal
from core.clock import ManualClock
from core.database import Database, Transaction
from core.staff.model import StaffUpdate
from core.staff.updates import (
    ATTEMPTS,
    Overtaken,
    Update,
    claim,
    done,
    failed,
    finished,
    load_dialog,
    save_dialog,
)
from tests.builders import a_database

LEASE = timedelta(seconds=60)


async def tapped(database: Database, *people: int, account_id: int = 1) -> list[int]:
    """Each of these people does something, in this order; the ids of what they did."""

    def work(tx: Transaction) -> list[int]:
        ids = [tx.new_id() for _ in people]
        tx.insert(
            StaffUpdate,
            [
                {
                    "id": update_id,
                    "account_id": account_id,
                    "person_id": person,
                    "update": {"update_id": number},
                    "received_at": tx.now,
                    "lease_until": None,
                    "attempts": 0,
                }
                for number, (update_id, person) in enumerate(zip(ids, people, strict=True))
            ],
        )
        return ids

    return await database.transact(work)


async def taken(database: Database, accounts: Sequence[int] = (1,), limit: int = 16) -> tuple[Update, ...]:
    return await database.transact(partial(claim, account_ids=accounts, limit=limit, lease=LEASE))


async def test_of_each_person_only_the_oldest_is_given_until_it_is_done(
    database_url: str, clock: ManualClock
) -> None:
    async with a_database(database_url, clock) as database:
        first, second, others = await tapped(database, 10, 10, 20)
        given = await taken(database)
        assert [(update.id, update.person_id) for update in given] == [(first, 10), (others, 20)]
        assert given[1].update == {"update_id": 2}
        assert await taken(database) == ()
        await database.transact(lambda tx: done(tx, first))
        assert [update.id for update in await taken(database)] == [second]


async def test_many_who_take_at_once_never_take_the_same_nor_change_the_order(
    database_url: str, clock: ManualClock
) -> None:
    async with a_database(database_url, clock) as database:
        await tapped(database, *[number % 5 for number in range(40)])
        handled: dict[int, list[int]] = {}

        async def consume() -> None:
            for _ in range(30):
                for update in await taken(database, limit=2):
                    handled.setdefault(update.person_id, []).append(update.id)
                    await database.transact(partial(done, update_id=update.id))

        await asyncio.gather(*[consume() for _ in range(4)])
    assert sum(len(ids) for ids in handled.values()) == 40
    assert all(ids == sorted(ids) for ids in handled.values())


async def test_what_a_dead_process_held_is_given_again_and_dropped_when_it_kills_each_time(
    database_url: str, clock: ManualClock
) -> None:
    async with a_database(database_url, clock) as database:
        poison, after = await tapped(database, 10, 10)
        for attempt in range(1, ATTEMPTS + 1):
            given = await taken(database)
            assert [(update.id, update.attempts) for update in given] == [(poison, attempt)]
            clock.advance(LEASE)
        assert await taken(database) == ()
        assert [update.id for update in await taken(database)] == [after]
        dropped = await database.read(
            lambda connection: connection.execute(
                text("SELECT count(*) FROM journal WHERE verb = 'staff-update-dropped'")
            ).scalar_one()
        )
    assert dropped == 1


async def test_what_fails_is_given_again_a_little_later_and_in_the_end_dropped(
    database_url: str, clock: ManualClock
) -> None:
    async with a_database(database_url, clock) as database:
        (update_id,) = await tapped(database, 10)
        for attempt in range(1, ATTEMPTS + 1):
            assert len(await taken(database)) == 1
            was_dropped = await database.transact(lambda tx: failed(tx, update_id, "Telegram said no"))
            assert was_dropped == (attempt == ATTEMPTS)
            assert await taken(database) == (), "not at once"
            clock.advance(timedelta(seconds=30))
        assert await taken(database) == ()


async def test_of_two_processes_with_the_same_update_only_one_does_what_it_asks_for(
    database_url: str, clock: ManualClock
) -> None:
    async with a_database(database_url, clock) as database:
        (update_id,) = await tapped(database, 10)
        assert len(await taken(database)) == 1
        clock.advance(LEASE)  # the first process was paused for so long
        assert len(await taken(database)) == 1

        def deed(tx: Transaction) -> None:
            journal.note(tx, "manager:1", "note", details={"text": "сделано"})
            done(tx, update_id)

        outcomes = await asyncio.gather(*(database.transact(deed) for _ in range(2)), return_exceptions=True)
        assert sorted(type(outcome).__name__ for outcome in outcomes) == ["NoneType", "Overtaken"]
        with pytest.raises(Overtaken):
            await database.transact(deed)
        await database.transact(lambda tx: finished(tx, update_id))  # says no more than that it is over
        deeds = await database.read(
            lambda connection: connection.execute(
                text("SELECT count(*) FROM journal WHERE verb = 'note'")
            ).scalar_one()
        )
    assert deeds == 1


async def test_another_bots_updates_are_left_alone(database_url: str, clock: ManualClock) -> None:
    async with a_database(database_url, clock) as database:
        (elsewhere,) = await tapped(database, 10, account_id=2)
        assert await taken(database) == ()
        # Nor do they keep anybody waiting: nobody may serve that bot any more.
        (here,) = await tapped(database, 10)
        assert [update.id for update in await taken(database)] == [here]
        assert [update.id for update in await taken(database, accounts=(1, 2))] == [elsewhere]


async def test_an_unfinished_dialog_is_remembered_until_it_is_finished(
    database_url: str, clock: ManualClock
) -> None:
    async with a_database(database_url, clock) as database:
        assert await database.read(lambda connection: load_dialog(connection, "1:2")) == (None, {})
        for content in ({"lead": 7}, {"lead": 7, "текст": "ё"}):
            await database.transact(partial(save_dialog, key="1:2", state="answer", content=content))
            assert await database.read(lambda connection: load_dialog(connection, "1:2")) == (
                "answer",
                content,
            )
        await database.transact(lambda tx: save_dialog(tx, "1:2", None, {}))
        assert await database.read(lambda connection: load_dialog(connection, "1:2")) == (None, {})
