"""Lists of leads, and finding one in them."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection, event, text

from core.clock import ManualClock
from core.database import Database, Transaction
from core.desk import work
from core.desk.board import Page, View, counts, leads_page, stage_counts
from core.desk.cursors import LONGEST, read_cursor, write_cursor
from core.desk.finding import Found, find
from core.leads import answering, assignment
from core.leads.answering import Draft
from core.staff.managers import Person
from tests.builders import (
    NOON,
    a_database,
    a_lead,
    a_manager,
    a_message,
    an_account,
    email,
    file,
    phone,
    reason_id,
    stage_id,
    telegram,
)


async def whole(database: Database, person: Person, view: View, stage: int | None = None) -> list[int]:
    """Every lead of a list, page by page of two."""
    seen: list[int] = []
    after: str | None = None
    for _ in range(20):
        page: Page = await database.read(
            partial(leads_page, person=person, view=view, language="ru", stage_id=stage, after=after, limit=2)
        )
        assert page.next is None or re.fullmatch(rf"[0-9a-z.]{{1,{LONGEST}}}", page.next)
        seen += [row.id for row in page.rows]
        if (after := page.next) is None:
            assert page.total == len(seen)
            return seen
    raise AssertionError("the pages never end")


async def test_every_list_shows_each_of_its_leads_once_whatever_the_page(
    database_url: str, clock: ManualClock
) -> None:
    async with a_database(database_url, clock) as database:
        olga, pavel = await a_manager(database), await a_manager(database, "Павел")
        account = await an_account(database)
        leads = []
        for user in range(1, 8):
            leads.append(await a_lead(database, account, f"вопрос {user}", telegram(user)))
            clock.advance(timedelta(minutes=user % 2))  # some of them in the same instant
        for lead in leads[:5]:
            await database.transact(partial(assignment.hand_over, lead_id=lead, to_id=olga.id, by=olga))
        clock.advance(timedelta(minutes=1))
        await database.transact(lambda tx: answering.reply(tx, olga, leads[0], Draft("ответ")))
        reason = await reason_id(database)
        await database.transact(lambda tx: work.junk(tx, leads[6], pavel, reason))
        new, in_work, failure = [await stage_id(database, name) for name in ("new", "in_work", "failure")]
        mine = await whole(database, olga, View.MINE)
        waiting = await whole(database, olga, View.WAITING)
        everything = await whole(database, olga, View.ALL)
        assert await whole(database, olga, View.CLOSED) == [leads[6]]
        assert await whole(database, olga, View.STAGE, in_work) == [leads[0]]
        assert await whole(database, olga, View.STAGE, failure) == [leads[6]]
        heading = await database.read(lambda connection: counts(connection, olga))
        pipeline = await database.read(
            lambda connection: connection.execute(text("SELECT id FROM pipeline")).scalar_one()
        )
        by_stage = await database.read(lambda connection: stage_counts(connection, pipeline))
    assert mine[0] == leads[0], "what was worked last stands first"
    assert set(mine) >= set(leads[:5])
    assert waiting == leads[1:6], "who waits longest stands first"
    assert set(everything) == set(leads[:6])
    assert heading == {"mine": len(mine), "waiting": 5, "all": 6, "closed": 1}
    assert by_stage == {new: 5, in_work: 1}


async def test_a_row_names_people_and_stages_and_counts_what_nobody_has_seen(
    database_url: str, clock: ManualClock
) -> None:
    async with a_database(database_url, clock) as database:
        olga = await a_manager(database)
        account = await an_account(database)
        await file(database, account, a_message("раз"), a_message("два"))
        page = await database.read(
            lambda connection: leads_page(connection, person=olga, view="mine", language="en", after="что-то")
        )
    (row,) = page.rows
    assert (row.contact, row.stage, row.responsible, row.is_taken) == ("Анна", "New", "Ольга", False)
    assert (row.unseen, row.title, row.waiting_since) == (2, "раз", NOON)


@pytest.mark.parametrize(
    ("query", "by"),
    [
        ("#{number}", "number"),
        ("8 (916) 123-45-67", "phone"),
        ("+7 916 1234567", "phone"),
        ("ANNA@example.org", "email"),
        ("@anna_k", "username"),
        ("https://t.me/Anna_K", "username"),
        ("77755", "telegram"),
        ("анна семен", "name"),
        ("СЕМЕНОВА", "name"),
        ("чертеж моторн", "text"),
        ("ещё", "text"),
    ],
)
async def test_a_lead_is_found_by_whatever_a_manager_remembers(
    database_url: str, clock: ManualClock, query: str, by: str
) -> None:
    async with a_database(database_url, clock) as database:
        await a_manager(database)
        account = await an_account(database)
        form = await an_account(database, "form", "main")
        await a_lead(database, account, "Совсем другое", telegram(1))
        known = (telegram(77755, username="Anna_K"), phone(), email())
        filed = await file(
            database, account, a_message("Чертёж моторной лодки еще нужен", *known, name="Анна Семёнова")
        )
        await file(database, form, a_message("Только спросить", email("anna@example.com"), name="Борис"))
        number = await database.read(
            lambda connection: connection.execute(
                text("SELECT number FROM lead WHERE id = :id"), {"id": filed[0].lead_id}
            ).scalar_one()
        )
        asked = query.format(number=number)
        found: tuple[Found, ...] = await database.read(
            lambda connection: find(connection, asked, "RU", 5, language="ru")
        )
    assert [one.lead.id if one.lead else None for one in found] == [filed[0].lead_id]
    assert found[0].by == by
    assert found[0].contact == "Анна Семёнова"


async def test_a_person_without_any_lead_is_found_too_and_nonsense_finds_nothing(
    database_url: str, clock: ManualClock
) -> None:
    async with a_database(database_url, clock) as database:
        await a_manager(database)
        lead_id = await a_lead(database, await an_account(database), "Здравствуйте", telegram(5), phone())
        moved = text("UPDATE lead SET contact_id = :other WHERE id = :id")

        def orphan(tx: Transaction) -> None:  # what an import of bare contacts leaves
            tx.connection.execute(
                text(
                    "INSERT INTO contact (id, number, name, is_client, wants_follow_ups, created_at)"
                    " SELECT id + 1, number + 100, 'Пётр', is_client, wants_follow_ups, created_at FROM contact"
                )
            )
            other = tx.connection.execute(text("SELECT max(id) FROM contact")).scalar_one()
            tx.connection.execute(moved, {"other": other, "id": lead_id})

        await database.transact(orphan)
        by_phone = await database.read(lambda connection: find(connection, "8 916 123 45 67", language="ru"))
        nothing = [
            await database.read(partial(find, query=query, language="ru"))
            for query in ("", "  ", '"*', "' OR 1=1 --", "@" * 300, "(((", "№")
        ]
    assert [(one.contact, one.lead, one.by) for one in by_phone] == [("Анна", None, "phone")]
    assert nothing == [()] * 7


@given(
    st.datetimes(
        min_value=NOON.replace(year=2000, tzinfo=None), max_value=NOON.replace(year=2199, tzinfo=None)
    ),
    st.integers(min_value=0, max_value=(1 << 63) - 1),
)
def test_a_cursor_comes_back_as_it_went_and_fits_a_button(at: datetime, row_id: int) -> None:
    moment = at.replace(tzinfo=NOON.tzinfo)
    written = write_cursor(moment, row_id)
    assert len(written) <= LONGEST
    assert read_cursor(written) == (moment, row_id)


@given(st.text(max_size=40))
def test_a_strange_cursor_is_none_or_a_place_never_an_error(cursor: str) -> None:
    assert read_cursor(cursor) is None or len(cursor) <= LONGEST


PLANS = {
    View.MINE: "ix_lead_mine",
    View.WAITING: "ix_lead_waiting",
    View.CLOSED: "ix_lead_closed",
}


@pytest.mark.parametrize("view", sorted(PLANS))
async def test_a_list_is_read_through_its_index(sqlite_url: str, clock: ManualClock, view: View) -> None:
    """On SQLite, whose planner says what it does whatever the size of a table."""
    async with a_database(sqlite_url, clock) as database:
        olga = await a_manager(database)

        def plan_of(connection: Connection) -> str:
            asked: list[tuple[str, Any]] = []

            def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
                asked.append((statement, parameters))

            event.listen(connection, "before_cursor_execute", note)
            leads_page(connection, person=olga, view=view, language="ru", after=write_cursor(NOON, 7))
            event.remove(connection, "before_cursor_execute", note)
            statement, parameters = next(one for one in asked if one[0].startswith("SELECT lead.id"))
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
            return "\n".join(str(row[3]) for row in plan)

        plan = await database.read(plan_of)
    assert PLANS[view] in plan, plan
    assert "TEMP B-TREE" not in plan, plan
