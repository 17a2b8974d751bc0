"""The card of a lead: what a manager sees before the first word."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

import pytest

from core.channel import InboundFile
from core.clock import ManualClock
from core.conversations.model import Conversation
from core.database import Database
from core.desk import messages, work
from core.desk.cards import Card, card, card_by_number
from core.errors import Refusal
from core.leads import answering, assignment
from core.leads.answering import Draft
from core.staff import managers
from core.staff.model import Role
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


async def read(database: Database, lead_id: int, language: str = "ru") -> Card:
    found = await database.read(
        lambda connection: card(
            connection, lead_id, now=database.clock.now(), language_default="ru", language=language
        )
    )
    assert found is not None
    return found


async def test_a_new_lead_shows_who_wrote_what_and_what_we_do_not_know(
    database_url: str, clock: ManualClock
) -> None:
    async with a_database(database_url, clock) as database:
        olga = await a_manager(database)
        account = await an_account(database)
        photo = InboundFile("photo", reference="file-1", media_type="image/jpeg", size=1024)
        filed = await file(
            database,
            account,
            a_message(
                "Вот чертёж", telegram(username="Anna_K"), content="photo", files=(photo,), source="ad-7"
            ),
        )
        lead = await read(database, filed[0].lead_id or 0)
    assert (lead.contact_name, lead.title, lead.source, lead.channel) == (
        "Анна",
        "Вот чертёж",
        "ad-7",
        "telegram",
    )
    assert lead.account_title == "telegram 1000"
    assert [(a.kind, a.value, a.username) for a in lead.addresses] == [("telegram", "777", "anna_k")]
    assert lead.missing == ("phone", "email")
    assert (lead.stage.name, lead.stage_title, lead.outcome) == ("new", "Новая", "open")
    assert lead.responsible is not None
    assert (lead.responsible.name, lead.is_taken) == (olga.name, False)
    assert lead.waiting_since == NOON
    assert lead.unseen == 1
    assert (lead.way.channel, lead.way.why_not) == ("telegram", None)
    said = [(one.direction, one.author.split(":")[0], one.is_seen) for one in lead.messages]
    assert said == [("in", "customer", False), ("out", "robot", True)]
    (attached,) = lead.messages[0].files
    assert (attached.kind, attached.reference, attached.state) == ("photo", "file-1", "waiting")
    confirmation = lead.messages[1]
    assert confirmation.author_name == "Подтверждение"
    assert confirmation.dispatch is not None
    assert confirmation.dispatch.state == "waiting"


async def test_a_repeat_lead_tells_how_the_last_one_ended(database_url: str, clock: ManualClock) -> None:
    async with a_database(database_url, clock) as database:
        olga = await a_manager(database)
        account = await an_account(database)
        first = await a_lead(database, account)
        reason = await reason_id(database, "too_expensive")
        await database.transact(lambda tx: work.junk(tx, first, olga, reason, comment=" дорого "))
        clock.advance(timedelta(days=40))
        second = await a_lead(database, account, "А если со скидкой?")
        lead = await read(database, second, "en")
        closed = await read(database, first)
    assert lead.is_repeat
    assert lead.earlier is not None
    assert lead.earlier.lead_id == first
    assert (lead.earlier.outcome, lead.earlier.reason) == ("failure", "The price did not suit")
    assert lead.earlier.comment == "дорого"
    assert lead.earlier.responsible is not None
    assert lead.earlier.responsible.name == olga.name
    assert (closed.outcome, closed.reason, closed.waiting_since) == ("failure", "Не подошла цена", None)


async def test_the_card_says_what_automation_will_do_and_what_it_let_be(
    database_url: str, clock: ManualClock
) -> None:
    async with a_database(database_url, clock) as database:
        olga = await a_manager(database)
        account = await an_account(database)
        lead_id = await a_lead(database, account)
        await database.transact(lambda tx: answering.reply(tx, olga, lead_id, Draft("Сто рублей")))
        answered = await read(database, lead_id)
        assert [run.robot for run in answered.planned] == ["Напоминание после молчания"]
        assert answered.planned[0].due_at == NOON + timedelta(hours=24)
        assert (answered.waiting_since, answered.first_answer_at) == (None, NOON)
        clock.advance(timedelta(minutes=5))
        await file(database, account, a_message("Спасибо, подумаю", at=clock.now()))
        wrote_back = await read(database, lead_id)
    assert wrote_back.planned == ()
    assert wrote_back.skipped is not None
    assert (wrote_back.skipped.state, wrote_back.skipped.reason) == ("cancelled", "customer-wrote")
    assert [one.text for one in wrote_back.messages][-2:] == ["Сто рублей", "Спасибо, подумаю"]


async def test_a_manager_calls_off_what_was_planned_once(database_url: str, clock: ManualClock) -> None:
    async with a_database(database_url, clock) as database:
        olga = await a_manager(database)
        account = await an_account(database)
        lead_id = await a_lead(database, account)
        await database.transact(lambda tx: answering.reply(tx, olga, lead_id, Draft("Сто рублей")))
        timer = (await read(database, lead_id)).planned[0].timer_id
        await database.transact(lambda tx: work.cancel_timer(tx, timer, olga))
        with pytest.raises(Refusal) as again:
            await database.transact(lambda tx: work.cancel_timer(tx, timer, olga))
        lead = await read(database, lead_id)
    assert again.value.key == "refused-timer-settled"
    assert lead.skipped is not None
    assert lead.skipped.reason == "called-off"


async def test_notes_are_for_colleagues_and_the_newest_three_are_on_the_card(
    database_url: str, clock: ManualClock
) -> None:
    async with a_database(database_url, clock) as database:
        olga = await a_manager(database)
        lead_id = await a_lead(database, await an_account(database))
        for text in ("первая", "вторая", "третья", "четвёртая"):
            await database.transact(partial(work.note, lead_id=lead_id, person=olga, text=text))
        with pytest.raises(Refusal) as empty:
            await database.transact(lambda tx: work.note(tx, lead_id, olga, " \n "))
        lead = await read(database, lead_id)
    assert [(note.author, note.text) for note in lead.notes] == [
        (olga.name, "четвёртая"),
        (olga.name, "третья"),
        (olga.name, "вторая"),
    ]
    assert empty.value.key == "refused-note-empty"


async def test_a_form_of_somebody_without_an_email_cannot_be_answered_and_the_card_says_so(
    database_url: str, clock: ManualClock
) -> None:
    async with a_database(database_url, clock) as database:
        await a_manager(database)
        form = await an_account(database, "form", "main")
        only_phone = await a_lead(database, form, "Перезвоните", phone())
        with_email = await a_lead(database, form, "Напишите", email())
        before = await read(database, with_email)
        await an_account(database, "email", "line@example.org")
        after = await read(database, with_email)
        without = await read(database, only_phone)
    assert before.way.why_not == "no-mailbox"
    assert (after.way.channel, after.way.why_not) == ("email", None)
    assert without.way.why_not == "one-way"
    assert without.missing == ("email",)


async def test_what_was_shown_is_seen(database_url: str, clock: ManualClock) -> None:
    async with a_database(database_url, clock) as database:
        await a_manager(database)
        account = await an_account(database)
        filed = await file(database, account, a_message("раз"), a_message("два"), a_message("три"))
        lead_id = filed[0].lead_id or 0
        lead = await read(database, lead_id)
        conversation = lead.messages[0].conversation_id
        incoming = [one for one in lead.messages if one.direction == "in"]
        await database.transact(
            lambda tx: tx.update(Conversation, [{"id": conversation, "seen_id": incoming[1].id}])
        )
        later = await read(database, lead_id)
    assert (lead.unseen, later.unseen) == (3, 1)
    assert [one.is_seen for one in later.messages if one.direction == "in"] == [True, True, False]


async def test_a_card_is_found_by_the_number_people_say(database_url: str, clock: ManualClock) -> None:
    async with a_database(database_url, clock) as database:
        await a_manager(database)
        lead = await read(database, await a_lead(database, await an_account(database)))
        found = await database.read(
            lambda connection: [
                card_by_number(connection, number, now=NOON, language_default="ru")
                for number in (lead.number, 0, -1, 10**12)
            ]
        )
    assert found[0] is not None
    assert found[0].id == lead.id
    assert found[1:] == [None, None, None]


async def test_an_old_button_does_not_undo_what_a_colleague_did_meanwhile(
    database_url: str, clock: ManualClock
) -> None:
    async with a_database(database_url, clock) as database:
        olga, pavel = await a_manager(database), await a_manager(database, "Павел")
        lead_id = await a_lead(database, await an_account(database))
        seen = (await read(database, lead_id)).fence
        qualified, in_work = await stage_id(database, "qualified"), await stage_id(database)
        await database.transact(lambda tx: work.move(tx, lead_id, pavel, qualified, seen=seen))
        with pytest.raises(Refusal) as moved:
            await database.transact(lambda tx: work.move(tx, lead_id, olga, in_work, seen=seen))
        lead = await read(database, lead_id)
    assert moved.value.key == "refused-lead-moved"
    assert lead.stage.name == "qualified"
    assert lead.responsible is not None
    assert (lead.responsible.name, lead.is_taken) == ("Павел", True)


async def test_giving_up_can_be_undone_and_the_customer_waits_again(
    database_url: str, clock: ManualClock
) -> None:
    async with a_database(database_url, clock) as database:
        olga = await a_manager(database)
        account = await an_account(database)
        lead_id = await a_lead(database, account)
        await database.transact(lambda tx: answering.reply(tx, olga, lead_id, Draft("Сто рублей")))
        clock.advance(timedelta(hours=1))
        await file(database, account, a_message("А доставка?", at=clock.now()))
        reason = await reason_id(database)
        await database.transact(lambda tx: work.junk(tx, lead_id, olga, reason))
        with pytest.raises(Refusal) as closed:
            await database.transact(lambda tx: work.junk(tx, lead_id, olga, reason))
        await database.transact(lambda tx: work.reopen(tx, lead_id, olga))
        with pytest.raises(Refusal) as opened:
            await database.transact(lambda tx: work.reopen(tx, lead_id, olga))
        lead = await read(database, lead_id)
    assert (closed.value.key, opened.value.key) == ("refused-lead-closed", "refused-lead-open")
    assert (lead.outcome, lead.stage.name) == ("open", "new")
    assert lead.waiting_since == NOON + timedelta(hours=1)
    assert [one.author.split(":")[0] for one in lead.messages].count("robot") == 1, "nobody is greeted twice"


async def test_somebody_who_was_removed_can_do_nothing_with_old_buttons(
    database_url: str, clock: ManualClock
) -> None:
    async with a_database(database_url, clock) as database:
        boss, olga = await a_manager(database, "Ирина", Role.ADMIN), await a_manager(database)
        lead_id = await a_lead(database, await an_account(database))
        await database.transact(lambda tx: assignment.take(tx, lead_id, olga))
        await database.transact(lambda tx: managers.remove(tx, boss, olga.id))
        with pytest.raises(Refusal) as refused:
            await database.transact(lambda tx: work.note(tx, lead_id, olga, "ещё я"))
    assert refused.value.key == "refused-not-staff"


async def test_files_and_messages_are_counted_and_reached_beyond_what_the_card_holds(
    database_url: str, clock: ManualClock
) -> None:
    async with a_database(database_url, clock) as database:
        await a_manager(database)
        account = await an_account(database)
        album = tuple(InboundFile("photo", reference=f"file-{number}") for number in range(2))
        filed = [
            await file(database, account, a_message(f"чертёж {number}", files=album, at=clock.now()))
            for number in range(13)
        ]
        await file(database, account, a_message("и ещё слово"), a_message("и ещё"))
        lead_id = filed[0][0].lead_id or 0
        lead = await read(database, lead_id)
        pages, before = [], None
        while True:
            page, earlier = await database.read(
                partial(messages.files, lead_id=lead_id, before=before, limit=10)
            )
            pages.append((len(page), earlier))
            before = page[0].id
            if not earlier:
                break
    assert len(lead.messages) == 10
    assert (lead.spoken, lead.files) == (16, 26)  # with the confirmation
    assert pages == [(10, 16), (10, 6), (6, 0)]
