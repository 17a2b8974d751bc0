"""Whom patterns cover: in a few statements, however many patterns and addresses there are."""

from __future__ import annotations

from collections.abc import Collection
from functools import partial
from typing import Any

from sqlalchemy import Connection, event

from core.clock import ManualClock
from core.database import Transaction
from core.desk.covering import covered_contacts
from core.desk.exclusion_lookup import would_stop
from core.desk.exclusions import Added, Result, add, covered_by
from tests.builders import a_database, a_lead, an_account, an_admin, email

ADDRESSES = (
    "a@one.ru",
    "b@mail.one.ru",
    "c@deep.mail.one.ru",
    "d@two.ru",
    "e+tag@two.ru",
    "f@another-one.ru",
)


def counted(connection: Connection, patterns: Collection[str]) -> tuple[dict[str, tuple[int, ...]], int]:
    statements: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        statements.append(statement)

    event.listen(connection, "before_cursor_execute", note)
    found = covered_contacts(connection, patterns)
    event.remove(connection, "before_cursor_execute", note)
    return found, len(statements)


async def test_sixty_domains_cost_no_more_statements_than_one_and_find_the_same(
    database_url: str, clock: ManualClock
) -> None:
    domains = ["domain:one.ru", "domain:mail.one.ru", "domain:two.ru", "domain:ru.com"]
    domains += [f"domain:spam{number}.example" for number in range(56)]
    async with a_database(database_url, clock) as database:
        form = await an_account(database, "form", "main")
        leads = [await a_lead(database, form, "Привет", email(address)) for address in ADDRESSES]
        together, statements = await database.read(lambda connection: counted(connection, domains))
        alone: dict[str, tuple[int, ...]] = {}
        for domain in domains:
            found, at_least = await database.read(partial(counted, patterns=[domain]))
            alone |= found
            assert at_least <= statements <= 6
    assert together == alone
    assert {pattern: len(ids) for pattern, ids in together.items()} == {
        "domain:one.ru": 3,
        "domain:mail.one.ru": 2,
        "domain:two.ru": 2,
    }
    assert len(leads) == len(ADDRESSES)


async def test_an_email_covers_the_addresses_with_its_tags(database_url: str, clock: ManualClock) -> None:
    async with a_database(database_url, clock) as database:
        boss, form = await an_admin(database), await an_account(database, "form", "main")
        await a_lead(database, form, "Привет", email("spam+1@bad.ru"))
        await a_lead(database, form, "Привет", email("spamer+1@bad.ru"))
        verdict = await database.read(
            lambda connection: would_stop(connection, "spam@bad.ru", "RU", clock.now())
        )
        await database.transact(lambda tx: add(tx, boss, "spam@bad.ru"))
        tagged = await database.read(
            lambda connection: would_stop(connection, "spam+2@bad.ru", "RU", clock.now())
        )
    assert verdict.covered == 1
    assert tagged.stopped_by is not None


async def test_what_is_read_beforehand_spares_the_writing_transaction_the_search(
    database_url: str, clock: ManualClock
) -> None:
    written = "@one.ru; спам\nd@two.ru\nчепуха"
    async with a_database(database_url, clock) as database:
        boss, form = await an_admin(database), await an_account(database, "form", "main")
        for address in ADDRESSES:
            await a_lead(database, form, "Привет", email(address))
        covered = await database.read(
            lambda c: covered_by(c, written, region="RU", now=clock.now(), timezone="UTC")
        )
        statements: list[str] = []

        def work(tx: Transaction) -> tuple[Result, ...]:
            def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
                statements.append(statement)

            event.listen(tx.connection, "before_cursor_execute", note)
            return add(tx, boss, written, covered=covered)

        results = await database.transact(work)
    assert [one.covered for one in results if isinstance(one, Added)] == [3, 1]
    assert statements
    assert not [statement for statement in statements if "FROM address" in statement]
