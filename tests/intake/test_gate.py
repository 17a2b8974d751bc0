"""Exclusion comes before every side effect: nobody kept out leaves more behind than a line in the book."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import update

from core.channel import Address, Kind, Received
from core.clock import ManualClock
from core.contacts.model import Contact
from core.conversations.deliveries import claim
from core.conversations.model import Conversation, Delivery
from core.conversations.threads import SIGNED
from core.database import Database, Transaction
from core.desk import messages
from core.desk.exclusions import add, lift
from core.exclusions.model import Exclusion
from core.files import FileStore
from core.intake.booking import Filed
from core.intake.edge import Intake
from core.intake.model import Ledger
from core.journal import Journal
from core.leads.answering import Draft, reply
from core.staff.managers import Person
from openlines.refiling import refile
from openlines.settings import Settings
from tests.builders import (
    a_database,
    a_lead,
    a_manager,
    a_message,
    an_account,
    an_admin,
    an_update,
    email,
    file,
    phone,
    telegram,
)
from tests.looking import Counted, all_sent, book, counted, every, the

NOTHING = Counted(0, 0, 0, 0, 0, 0, 0)


async def exclude(database: Database, admin: Person, text: str) -> None:
    """As an admin writes it."""
    await database.transact(partial(add, person=admin, written=text, region="RU", timezone="Europe/Moscow"))


@pytest.mark.parametrize(
    ("pattern", "address"),
    [
        ("8 (916) 123-45-67", phone("+79161234567")),
        ("Spam@Example.org", email("spam@example.org")),
        ("@example.org", email("anybody@mail.example.org")),
        ("777123", telegram(777123)),
        ("@Spammer", telegram(5, username="sPAMMER")),
    ],
)
async def test_nobody_kept_out_leaves_anything_but_a_line_in_the_book(
    database_url: str, clock: ManualClock, pattern: str, address: Address
) -> None:
    async with a_database(database_url, clock) as database:
        bot = await an_account(database)
        admin = await an_admin(database)
        await exclude(database, admin, pattern)
        before = await every(database, Journal)
        kinds = [a_message("куплю", address), a_message("куплю", address, kind=Kind.EDIT)]
        kinds.append(a_message("", address, kind=Kind.BLOCKED))
        filed = await file(database, bot, *kinds)
        assert await counted(database) == NOTHING
        assert len(await every(database, Journal)) == len(before)
        exclusion = await the(database, Exclusion)
        balance = await book(database)
        entries = await every(database, Ledger)
    assert [one.state for one in filed] == ["excluded"] * 3
    assert (exclusion["hits"], exclusion["last_hit_at"]) == (3, clock.now())
    assert (balance.received, balance.excluded, balance.is_even) == (3, 3, True)
    assert {row["exclusion_id"] for row in entries} == {exclusion["id"]}


async def test_one_key_of_somebody_known_keeps_out_all_of_them(database_url: str, clock: ManualClock) -> None:
    """Excluded by the phone, he writes from Telegram, where he once shared it."""
    async with a_database(database_url, clock) as database:
        bot, mailbox = await an_account(database), await an_account(database, "email", "line@example.com")
        await a_manager(database)
        admin = await an_admin(database)
        await a_lead(database, bot, "вот мой номер", telegram(777), phone(), email("anna@example.org"))
        await exclude(database, admin, "+7 916 123-45-67")
        before = await counted(database)
        filed = [
            await file(database, bot, a_message("ещё вопрос", telegram(777))),
            await file(database, mailbox, a_message("письмом", email("anna@example.org"), thread="mail:a")),
            await file(database, bot, a_message("сестра с того же номера", telegram(888), phone())),
        ]
        assert await counted(database) == before
        other = await file(database, bot, a_message("я тут ни при чём", telegram(999)))
    assert [page[0].state for page in filed] == ["excluded"] * 3
    assert other[0].state == "filed"


async def test_who_is_kept_out_does_not_come_in_by_another_persons_conversation(
    database_url: str, clock: ManualClock
) -> None:
    """Boris is excluded by his telephone; by mail he answers a letter of ours to Anna, of which he got a copy."""
    async with a_database(database_url, clock) as database:
        mailbox, form = (
            await an_account(database, "email", "line@example.com"),
            await an_account(database, "form", "main"),
        )
        admin = await an_admin(database)
        await a_lead(database, form, "Заявка", email("boris@example.net"), phone())
        anna = await a_lead(database, mailbox, "Здравствуйте", email("anna@example.org"))
        talk = await the(database, Conversation, Conversation.lead_id == anna)
        await exclude(database, admin, "+7 916 123-45-67")
        into = f"{SIGNED}{talk['id']}"
        states = [
            (await file(database, mailbox, a_message("И я", email(address), thread=into)))[0].state
            for address in ("boris@example.net", "viktor@example.net", "anna@example.org")
        ]
    assert states == ["excluded", "filed", "filed"]


async def test_what_waited_for_somebody_is_off_when_they_are_excluded(
    database_url: str, clock: ManualClock
) -> None:
    async with a_database(database_url, clock) as database:
        bot = await an_account(database)
        admin = await an_admin(database)
        await a_lead(database, bot)
        await a_lead(database, bot, "здравствуйте", telegram(88888))
        await exclude(database, admin, "id 88888")
        said = await every(database, Delivery, Delivery.message_id.is_not(None))
    assert [(row["state"], row["error"]) for row in said] == [("waiting", None), ("cancelled", "excluded")]


async def test_a_letter_that_waits_goes_without_its_copy_to_somebody_excluded_meanwhile(
    database_url: str, clock: ManualClock
) -> None:
    async with a_database(database_url, clock) as database:
        mailbox, admin = (
            await an_account(database, "email", "line@example.com"),
            await an_admin(database),
        )
        lead = await a_lead(database, mailbox, "Пришлите договор", email("anna@example.org"))
        await all_sent(database)
        draft = Draft("Вот он", cc=("boss@example.net", "joe@bad.example"))
        said = await database.transact(lambda tx: reply(tx, admin, lead, draft))
        await exclude(database, admin, "@bad.example")
        (claimed,) = await database.transact(lambda tx: claim(tx, 10, None))
        shown = await database.read(lambda c: messages.message(c, said.message_id, language="ru"))
    assert (claimed.message.to, claimed.message.cc) == (("anna@example.org",), ("boss@example.net",))
    assert shown is not None
    assert shown.copies == ("boss@example.net",), "the card does not say that it went to him"


async def test_an_exclusion_that_has_ended_or_was_lifted_keeps_nobody_out(
    database_url: str, clock: ManualClock
) -> None:
    async with a_database(database_url, clock) as database:
        bot = await an_account(database)
        admin = await an_admin(database)
        await exclude(database, admin, "id 77777 на 2 дня\nid 88888")
        states = []
        for _ in range(2):
            page = await file(database, bot, a_message("1", telegram(77777)), a_message("2", telegram(88888)))
            states.append([one.state for one in page])
            clock.advance(timedelta(days=2, seconds=1))
        entry = await the(database, Exclusion, Exclusion.pattern == "telegram:88888")
        await database.transact(partial(lift, person=admin, exclusion_id=entry["id"]))
        page = await file(database, bot, a_message("3", telegram(88888)))
        assert (await book(database)).is_even
    assert states == [["excluded", "excluded"], ["filed", "excluded"]]
    assert page[0].state == "filed"


async def test_what_was_stopped_can_be_let_in_by_an_admin_once(
    database_url: str, clock: ManualClock, tmp_path: Path
) -> None:
    settings, store = Settings(data_dir=tmp_path), FileStore(tmp_path / "files")
    async with a_database(database_url, clock) as database:
        bot = await an_account(database)
        admin = await an_admin(database)
        await exclude(database, admin, "id 77777")
        (stopped,) = await Intake(database, store).take(bot, [an_update(1, "Я исправился", user=77777)])
        restored = await refile(database, store, settings, stopped.ledger_id)
        again = await refile(database, store, settings, stopped.ledger_id)
        found = await counted(database)
        balance = await book(database)
        next_one = (await file(database, bot, a_message("и ещё", telegram(77777))))[0]
        states = [row["state"] for row in await every(database, Delivery, Delivery.message_id.is_not(None))]
    assert stopped.state == "excluded"
    assert restored is not None
    assert (restored.state, again) == ("filed", None)
    assert (found.contacts, found.leads, found.messages) == (1, 1, 1)
    assert (balance.received, balance.filed, balance.excluded, balance.is_even) == (1, 1, 0, True)
    assert next_one.state == "excluded"  # the exclusion itself stands
    assert "waiting" not in states  # and nothing is said to them


async def test_what_cannot_be_let_in_today_says_why_and_can_be_tried_again(
    database_url: str, clock: ManualClock, tmp_path: Path
) -> None:
    settings, store = Settings(data_dir=tmp_path), FileStore(tmp_path / "files")
    async with a_database(database_url, clock) as database:
        bot = await an_account(database)
        await exclude(database, await an_admin(database), "id 77777")
        page = [an_update(n, f"{n}", user=77777) for n in (1, 2)]
        one, other = await Intake(database, store).take(bot, page)
        await database.transact(
            lambda tx: tx.connection.exec_driver_sql("CREATE UNIQUE INDEX poison ON message (direction)")
        )
        await refile(database, store, settings, one.ledger_id)
        failed = await refile(database, store, settings, other.ledger_id)
        waits = await the(database, Ledger, Ledger.id == other.ledger_id)
        balance = await book(database)
        await database.transact(lambda tx: tx.connection.exec_driver_sql("DROP INDEX poison"))
        restored = await refile(database, store, settings, other.ledger_id)
    assert failed is not None
    assert (failed.state, failed.lead_id) == ("parked", None)
    assert failed.reason
    assert waits["state"] == "excluded"
    assert (balance.filed, balance.excluded, balance.is_even) == (1, 1, True)
    assert restored is not None
    assert restored.state == "filed"


async def test_a_bad_row_in_the_list_stops_neither_the_queue_nor_everybody(
    database_url: str, clock: ManualClock
) -> None:
    """However it came there: by hand, by an import, by an older version."""
    async with a_database(database_url, clock) as database:
        bot = await an_account(database)
        admin = await an_admin(database)
        await exclude(database, admin, "id 77777\nid 88888\nid 99999")

        def spoil(tx: Transaction) -> None:
            for old, new in (("77777", "*"), ("88888", ""), ("99999", "%")):
                tx.connection.execute(
                    update(Exclusion)
                    .where(Exclusion.pattern == f"telegram:{old}")
                    .values(pattern=f"telegram:{new}" if new else "")
                )

        await database.transact(spoil)
        filed: list[Filed] = await file(
            database, bot, a_message("1", telegram(1)), a_message("2", telegram(2))
        )
    assert [one.state for one in filed] == ["filed", "filed"]


async def test_a_page_full_of_those_kept_out_costs_their_hits_and_nothing_else(
    database_url: str, clock: ManualClock
) -> None:
    async with a_database(database_url, clock) as database:
        bot = await an_account(database)
        admin = await an_admin(database)
        await exclude(database, admin, "id 77777")
        flood: list[Received] = [a_message(f"{n}", telegram(77777)) for n in range(256)]
        filed = await file(database, bot, *flood, a_message("настоящий вопрос", telegram(1)))
        found = await counted(database)
        exclusion = await the(database, Exclusion)
        people = await every(database, Contact)
    assert [one.state for one in filed[-2:]] == ["excluded", "filed"]
    assert (found.leads, len(people), exclusion["hits"]) == (1, 1, 256)
