"""What happens on every message goes through indexes on both databases: no table that grows is ever read whole."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, event

from core.automation import timers
from core.channel import Kind, Sent
from core.clock import ManualClock
from core.conversations import deliveries, files
from core.conversations.notices import follow_managers_bot
from core.conversations.preparing import NoticeRow, Rendered
from core.database import Database, Reading
from core.desk.exclusions import add
from core.files import FileStore
from core.housekeeping import Retention, sweep
from core.leads.answering import Draft, reply
from core.staff import updates
from core.worker import fire_due
from tests.builders import (
    a_database,
    a_lead,
    a_manager,
    a_message,
    an_account,
    an_admin,
    email,
    file,
    phone,
    telegram,
)
from tests.looking import engines
from tests.posting import plainly

# Tables that grow with what customers write; those of the configuration may be read whole.
GROWING = (
    "address attachment contact conversation delivery journal lead ledger ledger_raw letter_id message "
    "message_version search shown stage_visit timer exclusion"
).split()
Asked = dict[str, Any]


@contextmanager
def noting(database: Database) -> Iterator[Asked]:
    """Every statement that is executed, with the parameters of its last time."""
    asked: Asked = {}

    def note(_c: object, _cursor: object, statement: str, parameters: Any, _x: object, many: bool) -> None:
        if statement.lstrip().upper().startswith(("SELECT", "UPDATE", "DELETE", "INSERT")):
            asked[statement] = parameters[0] if many else parameters

    for engine in engines(database):
        event.listen(engine, "before_cursor_execute", note)
    yield asked
    for engine in engines(database):
        event.remove(engine, "before_cursor_execute", note)


def read_whole(connection: Connection, asked: Asked) -> list[str]:
    """The growing tables that a plan reads from end to end, with the statement that does.

    Those of a test are so small that reading them whole would be cheapest: none may be read so even then.
    """
    found: list[str] = []
    postgresql = connection.dialect.name == "postgresql"
    for statement, parameters in asked.items():
        explain = "EXPLAIN " if postgresql else "EXPLAIN QUERY PLAN "
        rows = connection.exec_driver_sql(explain + statement, parameters).all()
        plan = "\n".join(str(row[-1]) for row in rows)
        pattern = (
            r"Seq Scan on (\w+)" if postgresql else r"^SCAN (\w+)(?! USING (?:COVERING )?INDEX| VIRTUAL)"
        )
        tables = {re.sub(r"_\d+$", "", table) for table in re.findall(pattern, plan, re.MULTILINE)}
        found += [f"{table}: {statement}\n{plan}" for table in sorted(tables.intersection(GROWING))]
    return found


async def test_no_table_that_grows_is_read_whole_on_the_way_of_a_message(
    database_url: str, clock: ManualClock, tmp_path: Path
) -> None:
    async with a_database(database_url, clock) as database:
        bot, form = await an_account(database), await an_account(database, "form", "main")
        mailbox = await an_account(database, "email", "line@example.com")
        olga, admin = await a_manager(database), await an_admin(database)
        lead = await a_lead(database, bot, "здравствуйте", telegram(1), phone())
        with noting(database) as asked:
            # Unknown and known people, by every way; edits; blocks; doubles.
            first = a_message("первое", telegram(2), message_id="5")
            await file(database, bot, first, a_message("второе", telegram(3)))
            await file(database, bot, first, a_message("ещё", telegram(1)))
            await file(database, bot, a_message("исправлено", telegram(2), message_id="5", kind=Kind.EDIT))
            await file(database, form, a_message("с сайта", phone(), email(), thread="form"))
            await file(database, mailbox, a_message("письмо", email(), thread="mail:anna@example.org"))
            await database.transact(partial(reply, person=olga, lead_id=lead, draft=Draft("ответ")))
            await file(database, bot, a_message("ага", telegram(1)))
            await file(database, bot, a_message("", telegram(2), kind=Kind.BLOCKED))
            # Sent, fired, fetched.
            await send_everything(database)
            clock.advance(timedelta(days=1, minutes=1))
            await fire_due(database)
            await send_everything(database)
            await database.transact(partial(deliveries.forget_called_off, keys=["robot:1:lead:2"]))
            await database.transact(lambda tx: files.claim(tx, 4))
            await database.transact(lambda tx: updates.claim(tx, [bot.id]))
            # Kept out, and swept.
            await database.transact(partial(add, person=admin, written="8 916 123-45-67"))
            await file(database, bot, a_message("снова я", telegram(1)))
            for look in (deliveries.next_due, partial(timers.next_due, now=clock.now()), files.next_due):
                await database.read(look)
            await database.transact(deliveries.correct_moments)
            await database.transact(timers.correct_moments)
            await database.transact(follow_managers_bot)
            await database.transact(partial(sweep, Retention(), FileStore(tmp_path)))
        whole = [one for one in await explained(database, asked) if not _allowed(one)]
    assert len(asked) > 60
    assert whole == [], "\n\n".join(whole)


async def explained(database: Database, asked: Asked) -> list[str]:
    """In a transaction that is taken back: an UPDATE is explained, not done."""

    class Back(Exception):
        pass

    found: list[str] = []

    def work(tx: Any) -> None:
        found.clear()
        found.extend(read_whole(tx.connection, asked))
        raise Back

    try:
        await database.transact(work)
    except Back:
        return found
    raise AssertionError("it came back")


def _allowed(found: str) -> bool:
    """Housekeeping looks through raw input from its oldest, as far as a lot."""
    return "ORDER BY ledger_raw.ledger_id" in found


async def send_everything(database: Database) -> None:
    while claimed := await database.transact(lambda tx: deliveries.claim(tx, 10, plain)):
        results = [(one, Sent((str(one.id),))) for one in claimed]
        await database.transact(partial(deliveries.settle, results=results))


def plain(connection: Reading, notice: NoticeRow) -> Rendered:
    return plainly(connection, notice)


async def test_calling_off_what_waits_for_somebody_looks_at_their_lanes_alone(
    sqlite_url: str, clock: ManualClock
) -> None:
    """And not through everything that waits: a million timers' worth may wait."""
    async with a_database(sqlite_url, clock) as database:
        with noting(database) as asked:
            await database.transact(partial(deliveries.cancel_on_answer, conversation_ids=[1]))
        statements = [one for one in asked if one.startswith("UPDATE delivery")]

        def plans(connection: Connection) -> list[str]:
            return [
                "\n".join(
                    str(row[-1])
                    for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {one}", asked[one])
                )
                for one in statements
            ]

        found = await database.read(plans)
    assert found
    for plan in found:  # what is with the network now is never more than a handful
        assert "ix_delivery_lane" in plan or "ix_delivery_sending" in plan, plan
