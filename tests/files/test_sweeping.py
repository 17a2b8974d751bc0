"""Files that nothing refers to go after a day; what anything refers to stays, whoever is at work meanwhile."""

from __future__ import annotations

import json
import os
import random
import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from sqlalchemy import Connection, update

from channels.form.inbound import UploadedFile, normalise_fields
from core.channel import InboundFile
from core.clock import ManualClock
from core.files import PARTS, FileStore
from core.housekeeping import Retention, sweep, sweep_files
from core.intake.booking import INLINE_RAW
from core.intake.edge import Intake
from core.intake.model import Ledger, LedgerState
from tests.builders import NOON, a_database, a_message, an_account

TWO_DAYS = 2 * 86400


def age(paths: Iterable[Path], seconds: float = TWO_DAYS) -> None:
    for path in paths:
        then = path.stat().st_mtime - seconds
        os.utime(path, (then, then))


def lying(store: FileStore) -> list[Path]:
    return sorted(path for path in store.incoming.parent.glob("*/*") if path.is_file())


async def test_only_what_nothing_refers_to_goes_and_only_after_a_day(
    database_url: str, clock: ManualClock, tmp_path: Path
) -> None:
    store = FileStore(tmp_path / "files")
    async with a_database(database_url, clock) as database:
        bot, form = await an_account(database), await an_account(database, "form", "main")
        intake = Intake(database, store)
        attached = await store.put(b"an attachment of a filed message")
        file = InboundFile("document", "a.pdf", stored=attached.sha256, size=attached.size)
        large = json.dumps({"text": "ы" * INLINE_RAW}).encode()
        await intake.take(bot, [replace(a_message("с файлом", files=(file,)), raw=large)])
        # A post that waits for an admin: only its raw form knows of its file.
        held = await store.put(b"what came with a post of the site")
        uploaded = UploadedFile("file", "b.pdf", "application/pdf", held.sha256, held.size)
        post = normalise_fields([("phone", "+79161234567")], [uploaded], NOON, region="RU")
        await intake.take(form, [post])
        await database.transact(
            lambda tx: tx.connection.exec_driver_sql("DELETE FROM attachment WHERE name = 'b.pdf'")
        )
        await database.transact(
            lambda tx: tx.connection.execute(
                update(Ledger).where(Ledger.account_id == form.id).values(state=LedgerState.EXCLUDED)
            )
        )
        lost = await store.put(b"of a letter that was excluded, or never committed")
        young = await store.put(b"its row is being written")
        (store.incoming / "tmpabc").write_bytes(b"a process has died over it")
        (store.incoming / "tmpdef").write_bytes(b"being written")
        age(
            path for path in lying(store) if path not in (store.path(young.sha256), store.incoming / "tmpdef")
        )
        before = lying(store)
        removed = sum([await sweep_files(database, store, part) for part in range(PARTS)])
        gone = set(before) - set(lying(store))
        assert gone == {store.path(lost.sha256), store.incoming / "tmpabc"}
        assert removed == 1

        # Once the raw form of the post is over, nothing speaks of its file.
        clock.advance(timedelta(days=31))
        while await database.transact(partial(sweep, Retention(), store)):
            pass
        for part in range(PARTS):
            await sweep_files(database, store, part)
        left = {store.path(attached.sha256), store.path(young.sha256), store.incoming / "tmpdef"}
        assert set(lying(store)) == left


async def test_a_part_without_files_and_names_that_are_none_are_passed_over(
    sqlite_url: str, clock: ManualClock, tmp_path: Path
) -> None:
    store = FileStore(tmp_path)
    (tmp_path / "00").mkdir()
    (tmp_path / "00" / "notes of the admin").write_text("mine")
    age((tmp_path / "00").iterdir())
    async with a_database(sqlite_url, clock) as database:
        assert [await sweep_files(database, store, part) for part in range(2)] == [0, 0]
    assert (tmp_path / "00" / "notes of the admin").exists()


async def test_hashes_of_attachments_are_found_by_an_index(database_url: str, clock: ManualClock) -> None:
    query = "SELECT sha256 FROM attachment WHERE sha256 IS NOT NULL AND sha256 "

    def explained(connection: Connection) -> str:
        if connection.dialect.name == "sqlite":
            ask = f"EXPLAIN QUERY PLAN {query} IN (SELECT value FROM json_each('[]'))"
        else:
            ask = f"EXPLAIN {query} = ANY (ARRAY['a', 'b'])"
        return str(connection.exec_driver_sql(ask).all())

    async with a_database(database_url, clock) as database:
        assert "ix_attachment_file" in await database.read(explained)


def test_what_is_kept_anew_while_it_is_swept_is_there_afterwards(tmp_path: Path) -> None:
    store = FileStore(tmp_path)
    content = random.Random(3).randbytes(64)
    sha256 = store._put(content).sha256
    stop = threading.Event()

    def sweeper() -> None:
        while not stop.is_set():
            store.forget([sha256], unused_since=datetime.now(UTC) - timedelta(days=1))

    thread = threading.Thread(target=sweeper)
    thread.start()
    try:
        for _ in range(1500):
            path = store.path(sha256)
            if path.exists():
                with suppress(FileNotFoundError):
                    os.utime(path, (0, 0))  # nobody has wanted it for long
            store._put(content)
            deadline = time.monotonic() + 10  # it is put back as soon as the sweeper has its turn
            while not path.exists():
                assert time.monotonic() < deadline, "whoever kept it finds it"
    finally:
        stop.set()
        thread.join()
    assert not list(store.incoming.iterdir())


async def test_what_a_failing_disk_does_not_let_go_of_is_nobodys_trouble(tmp_path: Path) -> None:
    store = FileStore(tmp_path / "files")
    sink = store.sink()
    await sink.write(b"half of it")
    (begun,) = store.incoming.iterdir()
    begun.unlink()
    begun.mkdir()  # cannot be deleted like a file
    await sink.abandon()
    assert [path.name for path in store.incoming.iterdir()] == [begun.name]
