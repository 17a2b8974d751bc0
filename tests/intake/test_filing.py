"""Once, whatever happens: the same twice, two at once, out of order, changed, blocked, a manager's, a machine's."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import select, update

from channels.form.inbound import normalise as read_form_post
from core.automation.model import Timer
from core.automation.preset import CONFIRMATION
from core.automation.reactions import Reactions
from core.channel import CLICK, Ignored, InboundFile, InboundMessage, Kind, Received, Unreadable
from core.clock import ManualClock
from core.contacts.model import Contact
from core.conversations.model import Attachment, Conversation, Delivery, Message, MessageVersion
from core.database import Database, Transaction
from core.desk.joining import merge
from core.events import CustomerWrote, Event
from core.files import FileStore
from core.intake.balance import entries_by_state
from core.intake.booking import CLICK_WINDOW
from core.intake.edge import Intake
from core.intake.model import Ledger, LedgerDay
from core.leads.model import JunkReason, Lead, Stage
from core.leads.stages import Move, enter_stages
from core.lines.accounts import read_cursor
from core.staff.model import StaffUpdate
from tests.builders import (
    NOON,
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
from tests.looking import all_sent, book, counted, every, the


def understood(received: Received) -> InboundMessage:
    assert isinstance(received.understood, InboundMessage)
    return received.understood


def changed(received: Received, external_id: str, **changes: object) -> Received:
    """The same message as the network sends it again under another key, with these things different."""
    return replace(received, external_id=external_id, understood=replace(understood(received), **changes))  # type: ignore[arg-type]  # names are checked when it runs


@asynccontextmanager
async def two_processes(url: str, clock: ManualClock) -> AsyncIterator[tuple[Database, Database]]:
    async with a_database(url, clock) as one, Database.opened(url, clock=clock, react=Reactions()) as other:
        yield one, other


# --- once -----------------------------------------------------------------------------------------


async def test_a_page_that_comes_twice_is_counted_as_double_and_changes_nothing(
    database_url: str, clock: ManualClock
) -> None:
    async with a_database(database_url, clock) as database:
        bot = await an_account(database)
        page = [
            a_message("раз"),
            a_message("два"),
            Received("group", b"{}", Ignored("a group")),
            Received("odd", b"?", Unreadable("no idea")),
        ]
        first = await file(database, bot, *page)
        before = await counted(database)
        again = await file(database, bot, *page)
        assert await counted(database) == before
        balance = await book(database)
        seen = [entry["seen"] for entry in await every(database, Ledger)]
    assert [one.state for one in first] == ["filed", "filed", "ignored", "parked"]
    assert [one.state for one in again] == ["duplicate"] * 4
    assert [(one.ledger_id, one.lead_id) for one in again[:2]] == [
        (one.ledger_id, one.lead_id) for one in first[:2]
    ]
    assert (balance.received, balance.filed, balance.ignored, balance.parked) == (8, 2, 1, 1)
    assert (balance.duplicate, balance.is_even) == (4, True)
    assert seen == [2] * 4


async def test_the_same_update_twice_in_one_page_is_one(database_url: str, clock: ManualClock) -> None:
    async with a_database(database_url, clock) as database:
        bot = await an_account(database)
        message = a_message()
        filed = await file(database, bot, message, message, message)
        first = (await the(database, Ledger, Ledger.id == filed[0].ledger_id))["seen"]
        again = await file(database, bot, message, message)
        balance = await book(database)
        entry = await the(database, Ledger, Ledger.id == filed[0].ledger_id)
        assert (await counted(database)).messages == 1
    assert [one.state for one in filed] == ["filed", "duplicate", "duplicate"]
    assert [one.state for one in again] == ["duplicate", "duplicate"]
    assert (first, entry["seen"]) == (3, 5)
    assert balance.is_even


async def test_the_book_is_uneven_when_something_received_was_never_decided(
    database_url: str, clock: ManualClock
) -> None:
    async with a_database(database_url, clock) as database:
        bot = await an_account(database)
        await file(database, bot, a_message(), a_message())
        assert (await book(database)).is_even

        def lose(tx: Transaction) -> None:
            tx.connection.execute(update(LedgerDay).values(filed=LedgerDay.filed - 1))

        await database.transact(lose)
        balance = await book(database)
        held = await database.read(entries_by_state)
    assert not balance.is_even
    assert held == {"filed": 2}  # and the ledger itself says which figure is wrong


async def test_one_message_under_two_keys_of_the_network_stays_one(
    database_url: str, clock: ManualClock
) -> None:
    async with a_database(database_url, clock) as database:
        bot = await an_account(database)
        message = a_message(message_id="55")
        first, second = await file(database, bot, message, replace(message, external_id="another"))
        later = (await file(database, bot, replace(message, external_id="third")))[0]
        assert (await counted(database)).messages == 1
        assert (await book(database)).is_even
    assert first.state == "filed"
    assert (second.state, second.reason, second.message_id) == ("ignored", "already filed", first.message_id)
    assert (later.state, later.message_id, later.lead_id) == ("ignored", first.message_id, first.lead_id)


async def test_answers_to_letters_from_a_former_mailbox_are_one_conversation(
    database_url: str, clock: ManualClock
) -> None:
    def answer(text: str) -> Received:  # signed by us, for a conversation of another account
        return a_message(text, email(), thread="conversation:4242")

    async with a_database(database_url, clock) as database:
        mailbox = await an_account(database, "email", "new@example.com")
        filed = await file(database, mailbox, answer("Согласны"), answer("Когда начнёте?"))
        filed += await file(database, mailbox, answer("Ждём"))
        filed += await file(database, mailbox, a_message("Ау", email(), thread="mail:anna@example.org"))
        held = await the(database, Conversation)
    assert {(one.state, one.lead_id) for one in filed} == {("filed", held["lead_id"])}


async def test_ten_identical_updates_on_two_connections_at_once_are_one(
    database_url: str, clock: ManualClock
) -> None:
    async with two_processes(database_url, clock) as (one, other):
        bot = await an_account(one)
        await a_manager(one)
        message = a_message()
        filed = await asyncio.gather(*(file(db, bot, message) for db in (one, other) for _ in range(5)))
        found = await counted(one)
        balance = await book(one)
    assert sorted(page[0].state for page in filed) == ["duplicate"] * 9 + ["filed"]
    assert (found.contacts, found.leads, found.messages, found.said, found.notices) == (1, 1, 1, 1, 1)
    assert (balance.received, balance.duplicate, balance.is_even) == (10, 9, True)


async def test_what_cannot_be_read_is_one_too_when_it_comes_on_two_connections_at_once(
    database_url: str, clock: ManualClock
) -> None:
    async with two_processes(database_url, clock) as (one, other):
        bot = await an_account(one)
        odd = Received("odd", b"\xff", Unreadable("no idea"))
        await asyncio.gather(*(file(db, bot, odd) for db in (one, other) for _ in range(2)))
        balance = await book(one)
    assert (balance.parked, balance.duplicate, balance.is_even) == (1, 3, True)


async def test_different_first_messages_of_one_person_at_once_are_one_person_and_one_lead(
    database_url: str, clock: ManualClock
) -> None:
    async with two_processes(database_url, clock) as (one, other):
        bot = await an_account(one)
        people = [telegram(user) for user in range(1, 9)]
        await asyncio.gather(
            *(
                file(db, bot, a_message(f"{n}", person))
                for person in people
                for n, db in enumerate((one, other))
            )
        )
        found = await counted(one)
        assert (await book(one)).is_even
    assert (found.contacts, found.leads, found.conversations, found.messages, found.said) == (8, 8, 8, 16, 8)


async def test_a_known_person_through_two_addresses_at_once_has_one_open_lead(
    database_url: str, clock: ManualClock
) -> None:
    """Without the lock of the contact most of such pairs end in two open leads."""
    async with two_processes(database_url, clock) as (one, other):
        bot, form = await an_account(one), await an_account(one, "form", "main")
        numbers = [f"+7916123450{n}" for n in range(10)]
        for n, number in enumerate(numbers):  # each shares the phone, and is done with
            lead = (await file(one, bot, a_message("это я", telegram(n), phone(number))))[0].lead_id
            assert lead is not None
            await one.transact(partial(close, lead_id=lead))
        before = await counted(one)
        assert (before.contacts, before.open_leads) == (10, 0)
        for n, number in enumerate(numbers):
            await asyncio.gather(
                file(one, bot, a_message("снова", telegram(n))),
                file(other, form, a_message("с сайта", phone(number), thread=number)),
            )
        after = await counted(one)
    assert (after.contacts, after.leads, after.open_leads) == (10, 20, 10)


def close(tx: Transaction, lead_id: int) -> None:
    stage = tx.connection.execute(select(Stage.id).where(Stage.name == "failure")).scalar_one()
    reason = tx.connection.execute(select(JunkReason.id).where(JunkReason.name == "other")).scalar_one()
    enter_stages(tx, [Move(lead_id, stage, "system", reason)])


# --- albums, edits, business, blocks --------------------------------------------------------------


async def test_an_album_out_of_order_is_one_lead_one_confirmation_and_one_notice(
    database_url: str, clock: ManualClock
) -> None:
    async with a_database(database_url, clock) as database:
        bot = await an_account(database)
        await a_manager(database)
        parts = [
            changed(
                a_message("фото" if n else "Вот чертёж", message_id=str(100 + n)), f"part-{n}", group="album"
            )
            for n in range(10)
        ]
        order = [7, 2, 9, 0, 4, 1, 8, 3, 6, 5]
        for place in range(0, 10, 3):  # seconds apart on the network, within one for us
            await file(database, bot, *(parts[n] for n in order[place : place + 3]))
            clock.advance(timedelta(milliseconds=200))
        found = await counted(database)
        groups = {row["group"] for row in await every(database, Message, Message.direction == "in")}
    assert (found.leads, found.messages, found.said, found.notices) == (1, 10, 1, 1)
    assert groups == {"album"}


async def test_an_edit_changes_the_text_keeps_the_old_one_and_opens_nothing(
    database_url: str, clock: ManualClock
) -> None:
    async with a_database(database_url, clock) as database:
        bot = await an_account(database)
        await a_manager(database)
        message = a_message("сколко стоит", message_id="9")
        await file(database, bot, message)
        edits = [
            changed(message, "edit-1", kind=Kind.EDIT, text="сколько стоит"),
            changed(message, "edit-2", kind=Kind.EDIT, text="сколько стоит дом"),
            changed(message, "edit-3", kind=Kind.EDIT, text="сколько стоит дом"),
        ]
        filed = await file(database, bot, *edits)
        found = await counted(database)
        now = await the(database, Message, Message.direction == "in")
        before = [row["text"] for row in await every(database, MessageVersion)]
        notices = [
            row["notice"]["kind"] for row in await every(database, Delivery, Delivery.notice.is_not(None))
        ]
        assert (await book(database)).is_even
    assert [one.state for one in filed] == ["filed", "filed", "ignored"]
    assert now["text"] == "сколько стоит дом"
    assert before == ["сколко стоит", "сколько стоит"]
    assert (found.leads, found.messages, found.said) == (1, 1, 1)
    assert notices == ["new-lead", "edited"]


async def test_an_edit_in_the_page_of_its_message_and_one_of_a_message_we_never_had(
    database_url: str, clock: ManualClock
) -> None:
    async with a_database(database_url, clock) as database:
        bot = await an_account(database)
        message = a_message("первое", message_id="1")
        edit = changed(message, "edit", kind=Kind.EDIT, text="исправленное")
        orphan = changed(
            a_message("давнее, исправлено", telegram(5), message_id="2"), "orphan", kind=Kind.EDIT
        )
        filed = await file(database, bot, message, edit, orphan)
        texts = [row["text"] for row in await every(database, Message, Message.direction == "in")]
    assert [one.state for one in filed] == ["filed"] * 3
    assert texts == ["исправленное", "давнее, исправлено"]


async def test_what_comes_late_undoes_nothing_that_was_done_since(
    database_url: str, clock: ManualClock
) -> None:
    def later(seconds: int) -> datetime:
        return NOON + timedelta(seconds=seconds)

    async with a_database(database_url, clock) as database:
        bot = await an_account(database)
        message = a_message("первое", message_id="1")
        await file(database, bot, message)
        edits = [
            changed(message, f"edit-{n}", kind=Kind.EDIT, text=f"правка {n}", sent_at=later(n))
            for n in range(1, 5)
        ]
        await file(database, bot, edits[2])
        late = await file(database, bot, edits[0], edits[3], edits[1])
        await file(database, bot, a_message("и ещё", at=later(60)))
        blocked = await file(database, bot, a_message("", kind=Kind.BLOCKED, at=later(30)))
        texts = [row["text"] for row in await every(database, Message, Message.direction == "in")]
        conversation = await the(database, Conversation)
    assert [one.state for one in (*late, *blocked)] == ["ignored", "filed", "ignored", "ignored"]
    assert texts == ["правка 4", "и ещё"]
    assert conversation["closed_why"] is None


async def test_the_owners_own_messages_are_answers_and_never_leads(
    database_url: str, clock: ManualClock
) -> None:
    async with a_database(database_url, clock) as database:
        bot = await an_account(database)
        stranger = await file(
            database, bot, changed(a_message("добрый день"), "out-0", kind=Kind.OUTGOING, author="Владелец")
        )
        await a_lead(database, bot)
        assert (await the(database, Lead))["waiting_since"] is not None
        said = await file(
            database, bot, changed(a_message("добрый день"), "out-1", kind=Kind.OUTGOING, author="Владелец")
        )
        lead = await the(database, Lead)
        answer = await the(database, Message, Message.author == "owner")
        found = await counted(database)
    assert stranger[0].state == "ignored"
    assert said[0].lead_id == lead["id"]
    assert (answer["direction"], answer["author_name"]) == ("out", "Владелец")
    assert lead["waiting_since"] is None
    assert lead["first_answer_at"] == NOON
    assert (found.leads, found.messages) == (1, 1)


async def test_the_owners_own_correction_is_kept_and_is_no_news_for_managers(
    database_url: str, clock: ManualClock
) -> None:
    async with a_database(database_url, clock) as database:
        bot, _ = await an_account(database), await a_manager(database)
        await a_lead(database, bot)
        answer = changed(
            a_message("Сто рублей", message_id="70"), "out", kind=Kind.OUTGOING, author="Владелец"
        )
        await file(database, bot, answer)
        correction = changed(answer, "corrected", kind=Kind.EDIT, text="Двести рублей", automatic=True)
        await file(database, bot, correction)
        said = await the(database, Message, Message.author == "owner")
        told = [
            row["notice"]["kind"] for row in await every(database, Delivery, Delivery.notice.is_not(None))
        ]
    assert (said["text"], told) == ("Двести рублей", ["new-lead"])


async def test_whom_the_owner_has_answered_before_we_heard_is_not_told_that_somebody_will(
    database_url: str, clock: ManualClock
) -> None:
    async with a_database(database_url, clock) as database:
        bot, _ = await an_account(database), await a_manager(database)
        asked = a_message("Сколько стоит?")
        answer = changed(a_message("Сто рублей"), "out", kind=Kind.OUTGOING, author="Владелец")
        greeting = changed(a_message("Скоро отвечу", telegram(5)), "hi", kind=Kind.OUTGOING, automatic=True)
        await file(database, bot, asked, answer, a_message("Сколько стоит?", telegram(5)), greeting)
        said = await every(database, Message, Message.author.startswith("robot"))
        found = await counted(database)
        whose = {row["id"]: row["thread"] for row in await every(database, Conversation)}
    assert (found.leads, found.notices) == (2, 2)
    assert [whose[row["conversation_id"]] for row in said] == ["5"]


async def test_who_blocks_and_unblocks_us_is_known_for_it(database_url: str, clock: ManualClock) -> None:
    async with a_database(database_url, clock) as database:
        bot = await an_account(database)
        await a_lead(database, bot)
        await file(database, bot, a_message("", kind=Kind.BLOCKED, content="membership"))
        blocked = await the(database, Conversation)
        waiting = await every(
            database, Delivery, Delivery.state == "waiting", Delivery.message_id.is_not(None)
        )
        await file(database, bot, a_message("", kind=Kind.UNBLOCKED, content="membership"))
        unblocked = await the(database, Conversation)
        nobody = await file(
            database, bot, a_message("", telegram(5), kind=Kind.BLOCKED, content="membership")
        )
    assert (blocked["closed_why"], blocked["closed_at"]) == ("blocked", NOON)
    assert waiting == []  # the confirmation is not sent after somebody who left
    assert unblocked["closed_why"] is None
    assert nobody[0].state == "ignored"


async def test_who_writes_and_blocks_in_one_page_is_blocked_and_who_comes_back_in_it_is_not(
    database_url: str, clock: ManualClock
) -> None:
    async with a_database(database_url, clock) as database:
        bot = await an_account(database)
        block = partial(a_message, "", kind=Kind.BLOCKED, content="membership")
        await file(database, bot, a_message("и больше не пишите"), block())
        first = await the(database, Conversation)
        said = await the(database, Timer)
        await file(database, bot, a_message("передумал"), block(), a_message("совсем передумал"))
        second = await the(database, Conversation)
    assert first["closed_why"] == "blocked"
    assert (said["state"], said["reason"]) == ("skipped", "blocked")
    assert second["closed_why"] is None


# --- forms ----------------------------------------------------------------------------------------


async def test_a_double_click_is_one_enquiry_and_the_same_words_later_are_another(
    database_url: str, clock: ManualClock
) -> None:
    async with a_database(database_url, clock) as database:
        form = await an_account(database, "form", "main")

        def click() -> Received:
            body = '{"phone": "+79161234567", "message": "перезвоните"}'.encode()
            return read_form_post(body, "application/json", clock.now())

        first = (await file(database, form, click()))[0]
        clock.advance(CLICK_WINDOW - timedelta(seconds=1))
        double = (await file(database, form, click()))[0]
        clock.advance(timedelta(seconds=1))
        later = (await file(database, form, click()))[0]
        clock.advance(timedelta(seconds=5))
        twice = (await file(database, form, click()))[0]
        clock.advance(CLICK_WINDOW)
        third = (await file(database, form, click(), click()))[0]
        balance = await book(database)
        clock.advance(timedelta(days=30))
        month_later = (await file(database, form, click()))[0]
        found = await counted(database)
    assert month_later.state == "filed"
    assert (double.state, double.ledger_id, double.lead_id) == ("duplicate", first.ledger_id, first.lead_id)
    assert (later.state, later.lead_id) == ("filed", first.lead_id)  # a new message of the same open lead
    assert (twice.state, twice.ledger_id) == ("duplicate", later.ledger_id)
    assert third.state == "filed"
    assert (found.messages, found.leads, found.contacts) == (4, 1, 1)
    assert (balance.received, balance.filed, balance.duplicate, balance.is_even) == (6, 3, 3, True)


async def test_double_clicks_on_two_connections_at_once_are_one(
    database_url: str, clock: ManualClock
) -> None:
    async with two_processes(database_url, clock) as (one, other):
        form = await an_account(one, "form", "main")
        message = replace(a_message("перезвоните", phone()), external_id=f"{CLICK}b")
        for _ in range(3):  # the second and third time the key is taken over from an entry that is over
            await asyncio.gather(*(file(db, form, message) for db in (one, other) for _ in range(3)))
            clock.advance(CLICK_WINDOW)
        balance = await book(one)
    assert (balance.filed + balance.ignored, balance.duplicate, balance.is_even) == (3, 15, True)


async def test_one_phone_that_comes_by_two_accounts_at_once_is_one_person(
    database_url: str, clock: ManualClock
) -> None:
    async with two_processes(database_url, clock) as (one, other):
        bot, form = await an_account(one), await an_account(one, "form", "main")
        for number in range(20):
            known = phone(f"+7916{1_000_000 + number}")
            await asyncio.gather(
                file(one, bot, a_message("мой номер", telegram(5_000 + number), known)),
                file(other, form, a_message("перезвоните", known, thread=known.key)),
            )
        found = await counted(one)
    assert (found.contacts, found.leads) == (20, 20)


async def test_an_idempotency_key_is_one_enquiry_for_ever(database_url: str, clock: ManualClock) -> None:
    async with a_database(database_url, clock) as database:
        form = await an_account(database, "form", "main")
        message = replace(a_message("перезвоните", phone()), external_id="key:1")
        first = (await file(database, form, message))[0]
        clock.advance(timedelta(days=300))
        again = (await file(database, form, message))[0]
    assert (again.state, again.ledger_id) == ("duplicate", first.ledger_id)


async def test_a_file_that_replaces_another_in_an_edited_message_is_kept_and_told(
    database_url: str, clock: ManualClock
) -> None:
    async with a_database(database_url, clock) as database:
        bot, olga = await an_account(database), await a_manager(database)

        def message(kind: Kind, *names: str) -> Received:
            files = tuple(
                InboundFile("document", reference=f"id {name}", name=name, size=9) for name in names
            )
            return a_message("Договор", message_id="5", kind=kind, files=files)

        await file(database, bot, message(Kind.MESSAGE, "паспорт-1.pdf"))
        await all_sent(database)
        same = (await file(database, bot, message(Kind.EDIT, "паспорт-1.pdf")))[0]
        replaced = await file(
            database, bot, message(Kind.EDIT, "паспорт-2.pdf"), message(Kind.EDIT, "паспорт-2.pdf")
        )
        files = [row["name"] for row in await every(database, Attachment)]
        told = await every(database, Delivery, Delivery.state == "waiting", Delivery.manager_id == olga.id)
        versions = await every(database, MessageVersion)
    assert same.state == "ignored"
    assert [one.state for one in replaced] == ["filed", "ignored"]
    assert files == ["паспорт-1.pdf", "паспорт-2.pdf"]
    assert [row["notice"]["kind"] for row in told] == ["edited"]
    assert versions == []


# --- managers -------------------------------------------------------------------------------------


async def test_what_managers_do_is_handed_to_the_bot_whole_and_in_order(
    database_url: str, clock: ManualClock
) -> None:
    async with a_database(database_url, clock) as database:
        bot = await an_account(database)
        olga = await a_manager(database)
        page = [
            Received(
                f"{n}",
                b'{"n": %d}' % n,
                understood(a_message("привет", telegram(olga.telegram_id))),
                olga.telegram_id,
            )
            for n in range(3)
        ]
        filed = await file(database, bot, *page, a_message("а я клиент"))
        updates = await every(database, StaffUpdate)
        found = await counted(database)
        assert (await book(database)).is_even
    assert [one.state for one in filed] == ["ignored"] * 3 + ["filed"]
    assert [row["update"]["n"] for row in updates] == [0, 1, 2]
    assert {row["person_id"] for row in updates} == {olga.telegram_id}
    assert (found.contacts, found.leads) == (1, 1)


@pytest.mark.parametrize("staff_id", [None, 4242], ids=["unknown", "known"])
async def test_nobody_is_a_customer_of_a_bot_of_the_managers_own(
    database_url: str, clock: ManualClock, staff_id: int | None
) -> None:
    async with a_database(database_url, clock) as database:
        staff = await an_account(database, "staff", "2000")
        message = replace(a_message("я заблудился"), raw=b"{}", staff_id=staff_id)
        blocked = replace(a_message("", kind=Kind.BLOCKED), raw=b"{}", staff_id=staff_id)
        filed = await file(database, staff, message, blocked)
        found = await counted(database)
        updates = await every(database, StaffUpdate)
    assert [one.state for one in filed] == ["ignored", "ignored"]
    assert (found.contacts, found.conversations, found.leads, found.messages) == (0, 0, 0, 0)
    assert len(updates) == (2 if staff_id else 0)


# --- what is said back ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "declared", "language"),
    [
        ("Здравствуйте", None, "ru"),
        ("Здравствуйте", "en", "en"),
        ("Hello there", "en-GB", "en"),
        ("Hello there", None, "ru"),  # nothing tells: the line's language
        ("Guten Tag", "de", "en"),
        ("/start", "ru", "ru"),
        ("Привет, how much?", "uk", "en"),
    ],
)
async def test_a_confirmation_speaks_the_customers_language(
    sqlite_url: str, clock: ManualClock, text: str, declared: str | None, language: str
) -> None:
    async with a_database(sqlite_url, clock) as database:
        bot = await an_account(database)
        message = a_message(text)
        sender = replace(understood(message).sender, language=declared)
        await file(database, bot, changed(message, "1", sender=sender))
        said = await the(database, Message, Message.direction == "out")
        lead = await the(database, Lead)
    words = CONFIRMATION[language].replace('{{ name|after(", ") }}', ", Анна")
    assert said["text"] == words.replace("{{ number }}", str(lead["number"]))


async def test_an_old_backlog_is_filed_and_shown_and_not_answered(
    database_url: str, clock: ManualClock
) -> None:
    async with a_database(database_url, clock) as database:
        bot = await an_account(database)
        await a_manager(database)
        ages = [timedelta(days=3), timedelta(hours=1, seconds=1), timedelta(minutes=59)]
        await file(database, bot, *(a_message("?", telegram(n), at=NOON - age) for n, age in enumerate(ages)))
        said = await every(database, Delivery, Delivery.message_id.is_not(None))
        found = await counted(database)
        skipped = [row["reason"] for row in await every(database, Timer)]
    assert (found.leads, found.notices) == (3, 3)
    assert len(said) == 1
    assert skipped == ["too-late", "too-late"]


async def test_a_machine_opens_no_lead_and_is_not_answered(database_url: str, clock: ManualClock) -> None:
    async with a_database(database_url, clock) as database:
        mailbox = await an_account(database, "email", "line@example.com")
        await a_manager(database)
        unknown = a_message("Я в отпуске", email("away@example.org"), automatic=True)
        known = a_message("Вопрос", email("anna@example.org"), thread="mail:anna@example.org")
        away = a_message(
            "Я в отпуске", email("anna@example.org"), thread="mail:anna@example.org", automatic=True
        )
        filed = await file(database, mailbox, unknown, known, away)
        lead = await the(database, Lead)
        found = await counted(database)
    assert [one.state for one in filed] == ["ignored", "filed", "filed"]
    assert lead["waiting_since"] == NOON
    assert (found.contacts, found.leads, found.messages, found.said) == (1, 1, 2, 1)


# --- several posts at once, through the edge ------------------------------------------------------


async def test_posts_that_arrive_meanwhile_are_filed_together_each_with_its_own_result(
    database_url: str, clock: ManualClock, tmp_path: Path
) -> None:
    async with a_database(database_url, clock) as database:
        form = await an_account(database, "form", "main")
        intake = Intake(database, FileStore(tmp_path))
        posts = [a_message(f"{n}", phone(f"+791612345{n:02}")) for n in range(60)]
        filed = await asyncio.gather(*(intake.file(form, post) for post in posts))
        await intake.close()
        rows = {row["id"]: row["text"] for row in await every(database, Message, Message.direction == "in")}
        assert (await book(database)).received == 60
    assert [rows[one.message_id or 0] for one in filed] == [f"{n}" for n in range(60)]


async def test_who_comes_again_in_a_crowd_is_filed_together_and_who_comes_alone_does_not_wait(
    sqlite_url: str, clock: ManualClock, tmp_path: Path
) -> None:
    """Whoever is answered together comes back together, but never in the very same moment."""
    batches: list[int] = []

    def react(_: Transaction, events: Sequence[Event]) -> None:
        batches.append(sum(isinstance(event, CustomerWrote) for event in events))

    async with Database.opened(sqlite_url, clock=clock, react=react) as database:
        form = await an_account(database, "form", "main")
        intake = Intake(database, FileStore(tmp_path), gathering=60)

        async def post(turn: int) -> None:
            for _ in range(turn):
                await asyncio.sleep(0)
            await intake.file(form, a_message("Сколько стоит?", phone(f"+791612345{turn:02}")))

        await post(0)
        await asyncio.gather(*(post(0) for _ in range(20)))
        await asyncio.gather(*(post(turn) for turn in range(20)))
        await intake.close()
    assert batches == [1, 20, 20]


async def test_the_place_of_reading_moves_with_what_was_read(
    database_url: str, clock: ManualClock, tmp_path: Path
) -> None:
    async with a_database(database_url, clock) as database:
        bot = await an_account(database)
        intake = Intake(database, FileStore(tmp_path))
        page = [a_message(f"{n}") for n in range(300)]
        filed = await intake.take(bot, page, cursor={"offset": 301})
        cursor = await database.read(lambda c: read_cursor(c, bot.id))
    assert (len(filed), cursor) == (300, {"offset": 301})


async def test_a_message_of_somebody_merged_away_reaches_who_they_are_now(
    database_url: str, clock: ManualClock
) -> None:
    async with a_database(database_url, clock) as database:
        bot = await an_account(database)
        for user in (1, 2, 3):
            await file(database, bot, a_message("здравствуйте", telegram(user)))
        one, two, three = [row["id"] for row in await every(database, Contact)]
        admin = await an_admin(database)
        await database.transact(partial(merge, contact_a=two, contact_b=one, person=admin))
        await database.transact(partial(merge, contact_a=three, contact_b=two, person=admin))
        lead = (await file(database, bot, a_message("это снова я", telegram(1))))[0].lead_id
        thread = await the(database, Conversation, Conversation.thread == "1")
    assert thread["contact_id"] == three
    assert lead is not None
