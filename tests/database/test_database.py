"""Transactions: once or not at all, again when the database says "not now", in an order that is fair to people."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Collection
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection, make_url, text
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.ext.asyncio import create_async_engine
from structlog.testing import capture_logs

from core.clock import ManualClock
from core.contacts.model import Contact
from core.database import ATTEMPTS, Database, Transaction, Writer, among, is_away
from core.database.postgresql import hold_lease, listen
from core.hints import Hints
from core.leads.model import Pipeline
from tests.builders import NOON, a_database
from tests.database.wire import wire_to
from tests.servers.postgres import PostgresServer
from tests.servers.process import free_port


def a_pipeline(tx: Transaction, name: str) -> int:
    tx.insert(Pipeline, [{"id": (pipeline_id := tx.new_id()), "name": name, "title": {"ru": name}}])
    return pipeline_id


def names(connection: Connection) -> set[str]:
    return {row[0] for row in connection.execute(text("SELECT name FROM pipeline"))} - {"leads"}


def names_of(tx: Transaction) -> set[str]:
    return names(tx.connection)


# --- again ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", ["40001", "40P01", "55P03"])
async def test_work_runs_again_when_the_database_says_not_now(postgres_url: str, state: str) -> None:
    runs = 0

    def work(tx: Transaction) -> int:
        nonlocal runs
        runs += 1
        if runs < ATTEMPTS:
            raise_in_database(tx, state)
        return a_pipeline(tx, "done")

    async with Database.opened(postgres_url) as database:
        await database.transact(work)
        assert await database.read(names) == {"done"}
    assert runs == ATTEMPTS


async def test_work_is_given_up_when_the_database_says_not_now_for_ever(postgres_url: str) -> None:
    runs = 0

    def work(tx: Transaction) -> None:
        nonlocal runs
        runs += 1
        raise_in_database(tx, "40001")

    async with Database.opened(postgres_url) as database:
        with pytest.raises(DBAPIError) as failed:
            await database.transact(work)
    assert runs == ATTEMPTS
    assert is_away(failed.value)  # a page of messages is not parked for it


async def test_a_key_taken_meanwhile_is_tried_twice_more_and_the_second_look_sees_it(
    database_url: str,
) -> None:
    runs = 0

    def work(tx: Transaction) -> None:
        nonlocal runs
        runs += 1
        a_pipeline(tx, "taken" if runs < 3 else "free")

    def always(tx: Transaction) -> None:
        nonlocal runs
        runs += 1
        a_pipeline(tx, "taken")

    async with Database.opened(database_url) as database:
        await database.transact(lambda tx: a_pipeline(tx, "taken"))
        await database.transact(work)
        assert await database.read(names) == {"taken", "free"}
        assert runs == 3
        runs = 0
        with pytest.raises(IntegrityError):
            await database.transact(always)
    assert runs == 3


@pytest.mark.parametrize("how", ["transact", "read"])
async def test_what_fails_is_told_without_what_was_written(database_url: str, how: str) -> None:
    written = "сколько стоит"

    def ask(connection: Connection) -> None:
        connection.execute(text("SELECT * FROM nowhere WHERE text = :said"), {"said": written})

    async with Database.opened(database_url) as database:
        with pytest.raises(DBAPIError, match="nowhere") as failed:
            await (database.read(ask) if how == "read" else database.transact(lambda tx: ask(tx.connection)))
    assert written not in str(failed.value)
    assert written not in str(failed.value.__cause__)


async def test_other_broken_rules_of_the_schema_are_bugs_and_not_tried_again(database_url: str) -> None:
    runs = 0

    def work(tx: Transaction) -> None:
        nonlocal runs
        runs += 1
        tx.insert(Pipeline, [{"id": tx.new_id(), "name": None, "title": {"ru": "?"}}])

    async with Database.opened(database_url) as database:
        with pytest.raises(IntegrityError) as failed:
            await database.transact(work)
    assert runs == 1
    assert not is_away(failed.value)


def raise_in_database(tx: Transaction, state: str) -> None:
    tx.connection.exec_driver_sql(f"DO $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '{state}'; END $$")


# --- whole or not at all --------------------------------------------------------------------------


async def test_what_fails_after_a_commit_neither_undoes_it_nor_keeps_others_from_it(
    database_url: str, clock: ManualClock
) -> None:
    called: list[str] = []

    def fails() -> None:
        raise OSError(28, "No space left on device")

    def work(tx: Transaction) -> str:
        tx.after_commit += [fails, lambda: called.append("after")]
        tx.hint("deliveries")
        a_pipeline(tx, "kept")
        return "done"

    async with Database.opened(database_url, clock=clock) as database:
        heard = asyncio.create_task(database.hints.wait("deliveries", clock, NOON + timedelta(hours=1)))
        with capture_logs() as said:
            assert await database.transact(work) == "done"
        assert called == ["after"]
        assert await database.read(names) == {"kept"}
        async with asyncio.timeout(5):
            await heard
    assert [(one["event"], one["log_level"]) for one in said] == [("a call after a commit failed", "error")]
    assert said[0]["exc_info"]


async def test_a_rollback_takes_hints_and_calls_along(database_url: str, clock: ManualClock) -> None:
    called: list[str] = []

    def work(tx: Transaction) -> None:
        tx.hint("deliveries")
        tx.after_commit.append(lambda: called.append("after"))
        raise ValueError("never mind")

    async with Database.opened(database_url, clock=clock) as database:
        with pytest.raises(ValueError, match="never mind"):
            await database.transact(work)
        heard = asyncio.create_task(database.hints.wait("deliveries", clock, NOON + timedelta(hours=1)))
        await asyncio.sleep(0.05)
        assert not heard.done()
        await database.transact(lambda tx: tx.hint("deliveries"))
        await asyncio.wait_for(heard, 5)
    assert called == []


async def test_async_work_is_refused_and_writes_nothing(database_url: str) -> None:
    async def work(tx: Transaction) -> None:
        a_pipeline(tx, "never")

    async with Database.opened(database_url) as database:
        with pytest.raises(TypeError, match="plain function"):
            await database.transact(work)
        assert await database.read(names) == set()


async def test_a_moment_without_a_zone_is_refused_wherever_it_is_given(database_url: str) -> None:
    naive = datetime(2026, 3, 16, 9, 0)  # noqa: DTZ001 - that is what is refused

    def write(tx: Transaction) -> None:
        row = {"id": 1, "number": 1, "name": "", "language": None, "is_client": False}
        row |= {"wants_follow_ups": True, "company_id": None, "merged_to": None, "created_at": naive}
        tx.insert(Contact, [row])

    def ask(connection: Connection) -> None:
        connection.execute(Contact.__table__.select().where(Contact.created_at < naive))

    async with Database.opened(database_url) as database:
        with pytest.raises(ValueError, match="without a time zone"):
            await database.transact(write)
        with pytest.raises(Exception, match="without a time zone"):
            await database.read(ask)


async def test_a_read_cannot_write(database_url: str) -> None:
    async with Database.opened(database_url) as database:
        with pytest.raises(DBAPIError):
            await database.read(lambda c: c.execute(text("DELETE FROM pipeline")))


async def test_what_is_begun_is_finished_though_its_caller_leaves(database_url: str) -> None:
    """On SQLite the writer's thread goes on; on PostgreSQL the transaction is shielded."""
    begun, released = threading.Event(), threading.Event()

    def work(tx: Transaction) -> None:
        begun.set()
        if tx.is_sqlite:
            assert released.wait(10)
        else:
            tx.connection.execute(text("SELECT pg_sleep(0.2)"))
        a_pipeline(tx, "finished")

    async with Database.opened(database_url) as database:
        caller = asyncio.create_task(database.transact(work))
        await until(begun.is_set)
        caller.cancel()
        with pytest.raises(asyncio.CancelledError):
            await caller
        released.set()
    async with Database.opened(database_url) as database:
        assert await database.read(names) == {"finished"}


async def test_what_is_still_queued_never_runs_when_its_caller_leaves(database_url: str) -> None:
    busy, released = threading.Event(), threading.Event()

    def occupy(tx: Transaction) -> None:
        busy.set()
        if tx.is_sqlite:
            assert released.wait(10)
        else:
            tx.connection.execute(text("SELECT pg_sleep(0.3)"))

    async with Database.opened(database_url) as database:
        before = [asyncio.create_task(database.transact(occupy)) for _ in range(12)]
        await until(busy.is_set)
        await asyncio.sleep(0.05)  # on PostgreSQL: every connection is taken
        queued = asyncio.create_task(database.transact(lambda tx: a_pipeline(tx, "never")))
        await asyncio.sleep(0.01)
        queued.cancel()
        with pytest.raises(asyncio.CancelledError):
            await queued
        released.set()
        await asyncio.gather(*before)
        await database.transact(lambda tx: a_pipeline(tx, "after"))
        assert await database.read(names) == {"after"}


# --- the writer's lanes ---------------------------------------------------------------------------


async def test_people_pass_a_waiting_batch_but_at_most_eight_of_them(sqlite_url: str) -> None:
    busy, released = threading.Event(), threading.Event()
    order: list[str] = []

    def occupy(_: Transaction) -> None:
        busy.set()
        assert released.wait(10)

    async with Database.opened(sqlite_url) as database:
        first = asyncio.create_task(database.transact(occupy))
        await until(busy.is_set)
        batches = [
            asyncio.create_task(database.transact(lambda _: order.append("batch"), bulk=True))
            for _ in range(2)
        ]
        await asyncio.sleep(0)
        people = [
            asyncio.create_task(database.transact(lambda _: order.append("person")))
            for _ in range(2 * Writer.FAIR + 3)
        ]
        await asyncio.sleep(0.05)
        released.set()
        await asyncio.gather(first, *batches, *people)
    expected = ["person"] * Writer.FAIR + ["batch"]
    assert order == expected + expected + ["person"] * 3


def test_sqlites_log_stays_short_while_writing_never_pauses(tmp_path: Path) -> None:
    path = tmp_path / "line.db"
    writer = Writer(str(path), pause=0.01, long=20)

    def a_page_or_two(connection: Connection) -> None:
        connection.exec_driver_sql("INSERT INTO note VALUES (hex(randomblob(3000)))")
        connection.commit()

    def the_table(connection: Connection) -> None:
        connection.exec_driver_sql("CREATE TABLE note (body TEXT)")
        connection.commit()

    try:
        writer.submit(the_table, bulk=False).result()
        for done in [writer.submit(a_page_or_two, bulk=True) for _ in range(2_000)]:
            done.result()
        log = path.with_name("line.db-wal").stat().st_size
        written = writer.submit(
            lambda c: c.exec_driver_sql("PRAGMA page_count").scalar_one(), bulk=False
        ).result()
    finally:
        writer.close()
    assert written > 3_000
    assert log < written * 4096 / 4


# --- wake-up calls and leases ---------------------------------------------------------------------


async def test_a_hint_wakes_the_other_process_too(postgres_url: str, clock: ManualClock) -> None:
    async with (
        Database.opened(postgres_url, clock=clock) as one,
        Database.opened(postgres_url, clock=clock) as other,
    ):
        await until_listening(one, 2)
        waiting = [
            asyncio.create_task(database.hints.wait("deliveries", clock, NOON + timedelta(hours=1)))
            for database in (one, other)
        ]
        await one.transact(lambda tx: tx.hint("deliveries"))
        await asyncio.wait_for(asyncio.gather(*waiting), 5)


async def test_a_lost_connection_of_the_listener_is_opened_anew(
    postgres_url: str, clock: ManualClock
) -> None:
    async with (
        Database.opened(postgres_url, clock=clock) as one,
        Database.opened(postgres_url, clock=clock) as other,
    ):
        lost = await until_listening(one, 2)
        await one.transact(
            lambda tx: [
                tx.connection.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": pid}) for pid in lost
            ]
        )
        await until_listening(one, 2, but=lost, within=10)
        heard = asyncio.create_task(other.hints.wait("staff", clock, NOON + timedelta(hours=1)))
        await one.transact(lambda tx: tx.hint("staff"))
        await asyncio.wait_for(heard, 5)


async def test_a_lease_has_one_holder_and_passes_on_when_it_is_let_go(postgres_url: str) -> None:
    holders: list[str] = []

    async def hold(database: Database, name: str) -> None:
        async def body() -> None:
            holders.append(name)
            await asyncio.Event().wait()

        await database.hold("polling:1", body, retry_seconds=0.05)

    async with Database.opened(postgres_url) as one, Database.opened(postgres_url) as other:
        first = asyncio.create_task(hold(one, "one"))
        await until(lambda: holders == ["one"])
        second = asyncio.create_task(hold(other, "other"))
        await asyncio.sleep(0.3)
        assert holders == ["one"]
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        await until(lambda: holders == ["one", "other"])
        second.cancel()
        await asyncio.gather(second, return_exceptions=True)


async def test_a_lost_connection_ends_what_ran_under_the_lease_and_asks_for_it_anew(
    postgres_url: str,
) -> None:
    told: list[str] = []

    async def body() -> None:
        told.append("begun")
        try:
            await asyncio.Event().wait()
        finally:
            told.append("ended")

    async with Database.opened(postgres_url) as database:
        holder = asyncio.create_task(database.hold("polling:1", body, retry_seconds=0.05))
        await until(lambda: told == ["begun"])
        await database.transact(
            lambda tx: tx.connection.execute(
                text("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'")
            )
        )
        await until(lambda: told == ["begun", "ended", "begun"])
        holder.cancel()
        await asyncio.gather(holder, return_exceptions=True)
    assert told[-1] == "ended"


async def test_a_holder_that_is_frozen_loses_the_lease_and_is_told_when_it_thaws(postgres_url: str) -> None:
    told: list[str] = []
    frozen, thawed = threading.Event(), threading.Event()

    async def freeze() -> (
        None
    ):  # all of its process stands still, as on a machine that sleeps or has no power
        told.append("frozen begins")
        frozen.set()
        thawed.wait(20)
        try:
            await asyncio.Event().wait()
        finally:
            told.append("frozen ends")

    async def hold_and_freeze() -> None:
        async with Database.opened(postgres_url) as database:
            holder = asyncio.create_task(
                database.hold("polling:1", freeze, retry_seconds=0.05, silent_seconds=0.5)
            )
            await until(lambda: "frozen ends" in told, 30)
            holder.cancel()
            await asyncio.gather(holder, return_exceptions=True)

    async def body() -> None:
        told.append("other begins")
        await asyncio.Event().wait()

    process = asyncio.create_task(asyncio.to_thread(asyncio.run, hold_and_freeze()))
    try:
        await until(frozen.is_set)
        async with Database.opened(postgres_url) as database:
            other = asyncio.create_task(database.hold("polling:1", body, retry_seconds=0.05))
            await until(lambda: "other begins" in told, 10)
            thawed.set()
            await process
            other.cancel()
            await asyncio.gather(other, return_exceptions=True)
    finally:
        thawed.set()
    assert told == ["frozen begins", "other begins", "frozen ends"]


async def test_a_connection_on_which_nothing_comes_any_more_is_given_up_and_others_are_made(
    postgres_url: str, clock: ManualClock
) -> None:
    """The server's machine is gone without a word, and another one is there at its address."""
    told: list[str] = []

    def slowly(tx: Transaction) -> None:
        tx.connection.execute(text("SELECT pg_sleep(0.1)"))

    async def body() -> None:
        told.append("begun")
        try:
            await asyncio.Event().wait()
        finally:
            told.append("ended")

    async with (
        wire_to(postgres_url) as wire,
        Database.opened(wire.url, clock=clock, patience=1) as database,
    ):
        holder = asyncio.create_task(database.hold("polling:1", body, retry_seconds=0.05))
        await until(lambda: told == ["begun"])
        await wake_up_calls_come(database)
        await asyncio.gather(*(database.transact(slowly) for _ in range(8)))
        wire.freeze()
        async with asyncio.timeout(5):
            with pytest.raises(Exception) as failed:  # noqa: PT011 - which, is what is asked below
                await database.transact(lambda tx: a_pipeline(tx, "never"))
        assert is_away(failed.value)
        # The others are dead as well, and nobody has to find that out of each, or to wait until each is closed.
        await asyncio.wait_for(database.transact(lambda tx: a_pipeline(tx, "back")), 10)
        await until(lambda: told == ["begun", "ended", "begun"], 10)
        await wake_up_calls_come(database)
        holder.cancel()
        await asyncio.gather(holder, return_exceptions=True)


async def test_a_holder_that_hears_nothing_stops_when_others_may_begin(
    postgres_url: str, clock: ManualClock
) -> None:
    told: list[str] = []

    async def body() -> None:
        told.append("begun")
        try:
            await asyncio.Event().wait()
        finally:
            told.append("ended")

    async with wire_to(postgres_url) as wire, Database.opened(wire.url, clock=clock) as database:
        holder = asyncio.create_task(database.hold("polling:1", body, retry_seconds=0.05, silent_seconds=0.5))
        await until(lambda: told == ["begun"])
        wire.freeze()
        await until(lambda: told == ["begun", "ended"])
        holder.cancel()
        await asyncio.gather(holder, return_exceptions=True)
        await wire.roll_up()


async def test_leases_and_wake_up_calls_outlast_a_time_when_every_connection_is_busy(
    postgres_url: str, clock: ManualClock
) -> None:
    engine = create_async_engine(postgres_url, pool_size=2, max_overflow=0, pool_timeout=0.05)
    hints, held = Hints(), asyncio.Event()

    async def body() -> None:
        held.set()
        await asyncio.Event().wait()

    async with engine.connect(), engine.connect() as busy:
        waiting = [
            asyncio.create_task(listen(engine, hints, 60)),
            asyncio.create_task(hold_lease(engine, "polling:1", body, 0.05, 20)),
        ]
        await asyncio.sleep(0.2)
        assert not [task for task in waiting if task.done()]
        await busy.close()
        await asyncio.wait_for(held.wait(), 5)
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    await engine.dispose()


# --- identifiers ----------------------------------------------------------------------------------


async def test_two_processes_never_make_the_same_identifier(postgres_url: str) -> None:
    async with Database.opened(postgres_url) as one, Database.opened(postgres_url) as other:
        made = [database.new_id() for _ in range(20_000) for database in (one, other)]
    assert len(set(made)) == len(made)
    assert made[0::2] == sorted(made[0::2])
    assert all(0 < number < 1 << 63 for number in made)


async def test_a_command_beside_the_running_program_makes_other_identifiers(sqlite_url: str) -> None:
    async with (
        Database.opened(sqlite_url, node=0) as running,
        Database.opened(sqlite_url) as command,
    ):
        made = [database.new_id() for _ in range(5_000) for database in (running, command)]
    assert len(set(made)) == len(made)


# --- is it there ----------------------------------------------------------------------------------


async def test_a_database_that_cannot_be_reached_is_away() -> None:
    database = Database(f"postgresql+asyncpg://nobody@127.0.0.1:{free_port()}/nothing")
    with pytest.raises(OSError, match=r"Connect|connect") as failed:
        await database.transact(names_of)
    await database.close()
    assert is_away(failed.value)


async def test_a_server_that_stops_is_away_and_comes_back(
    postgres_url: str, postgres: PostgresServer
) -> None:
    async with Database.opened(postgres_url) as database:
        await database.transact(names_of)
        postgres.stop()
        try:
            with pytest.raises(Exception) as failed:  # noqa: PT011 - which, is what is asked below
                await database.transact(lambda tx: a_pipeline(tx, "never"))
        finally:
            postgres.start()
        assert is_away(failed.value)
        # Every connection of the pool is dead now; nobody who asks has to know.
        await database.transact(lambda tx: a_pipeline(tx, "back"))
        assert await database.read(names) == {"back"}


async def test_a_database_that_lets_us_in_no_more_is_away(
    postgres_url: str, postgres: PostgresServer
) -> None:
    """Shut for a restore, put under another name meanwhile, or the password is changed here and not yet there."""
    name = make_url(postgres_url).database
    stranger = Database(make_url(postgres_url).set(username="stranger").render_as_string())
    with pytest.raises(Exception) as failed:  # noqa: PT011 - which, is what is asked below
        await stranger.transact(names_of)
    assert is_away(failed.value)
    await stranger.close()
    async with Database.opened(postgres_url) as database:
        await database.transact(lambda tx: a_pipeline(tx, "before"))
        postgres.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
        everybody = f"SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = '{name}'"
        postgres.execute(everybody)
        with pytest.raises(Exception) as failed:  # noqa: PT011
            await database.transact(names_of)
        assert is_away(failed.value)
        postgres.execute(f'ALTER DATABASE "{name}" RENAME TO "{name}_aside"')
        with pytest.raises(Exception) as failed:  # noqa: PT011
            await database.read(names)
        assert is_away(failed.value)
        postgres.execute(f'ALTER DATABASE "{name}_aside" RENAME TO "{name}"')
        postgres.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')
        assert await database.read(names) == {"before"}


async def test_a_full_disk_is_away(sqlite_url: str, clock: ManualClock) -> None:
    async with a_database(sqlite_url, clock) as database:

        def fill(tx: Transaction) -> None:
            pages = tx.connection.exec_driver_sql("PRAGMA page_count").scalar_one()
            tx.connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
            for number in range(500):
                tx.insert(Pipeline, [{"id": tx.new_id(), "name": f"{number}", "title": {"ru": "я" * 2000}}])

        with pytest.raises(DBAPIError) as failed:
            await database.transact(fill)
        assert is_away(failed.value)
        assert await database.read(names) == set()


async def test_what_the_database_cannot_write_is_the_inputs_fault(postgres_url: str) -> None:
    async with Database.opened(postgres_url) as database:
        for odd in ("\ud800", "\x00"):
            with pytest.raises(Exception) as failed:  # noqa: PT011 - which, is what is asked below
                await database.transact(lambda tx, odd=odd: a_pipeline(tx, odd))
            assert not is_away(failed.value), odd


async def test_another_program_that_holds_the_file_is_waited_for(sqlite_url: str) -> None:
    path = sqlite_url.split("///", 1)[1]
    async with Database.opened(sqlite_url) as database:
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            waiting = asyncio.create_task(database.transact(lambda tx: a_pipeline(tx, "patient")))
            await asyncio.sleep(0.2)
            assert not waiting.done()
            other.execute("COMMIT")
        await asyncio.wait_for(waiting, 10)
        assert await database.read(names) == {"patient"}


async def test_keys_are_looked_up_as_they_are_whatever_stands_in_them(database_url: str) -> None:
    odd = ["'; DROP TABLE pipeline; --", '"', "\\", "ё", "a,b", "{}", "\n", "💬", "%", ""]
    async with Database.opened(database_url) as database:
        await database.transact(lambda tx: [a_pipeline(tx, name) for name in odd])
        found = await database.read(
            lambda c: {
                row[0]
                for row in c.execute(
                    Pipeline.__table__.select()
                    .with_only_columns(Pipeline.name)
                    .where(among(Pipeline.name, odd))
                )
            }
        )
        nothing = await database.read(
            lambda c: c.execute(Pipeline.__table__.select().where(among(Pipeline.name, []))).all()
        )
    assert found == set(odd)
    assert nothing == []


async def until(holds: Callable[[], bool], within: float = 5) -> None:
    deadline = asyncio.get_running_loop().time() + within
    while not holds():
        assert asyncio.get_running_loop().time() < deadline, "it never came true"
        await asyncio.sleep(0.01)


async def wake_up_calls_come(database: Database, within: float = 10) -> None:
    """Wait until one is heard that went through PostgreSQL."""
    heard = asyncio.create_task(
        database.hints.wait("staff", database.clock, database.clock.now() + timedelta(hours=1))
    )
    async with asyncio.timeout(within):
        while not heard.done():
            await database.transact(lambda tx: tx.hint("staff"))
            await asyncio.sleep(0.02)


async def until_listening(
    database: Database, count: int, *, but: Collection[int] = (), within: float = 5
) -> set[int]:
    """The processes of PostgreSQL for whoever listens, once there are so many; `but` are those that are going."""
    deadline = asyncio.get_running_loop().time() + within
    asked = text(
        "SELECT pid FROM pg_stat_activity WHERE query LIKE 'LISTEN%' AND datname = current_database()"
    )
    while True:
        found = {row.pid for row in await database.read(lambda c: c.execute(asked).all())}.difference(but)
        if len(found) >= count:
            return found
        assert asyncio.get_running_loop().time() < deadline, "nobody listens"
        await asyncio.sleep(0.02)
