"""One person or two: merged, separated, and all of it taken back."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from functools import partial

import pytest
from sqlalchemy import select, text
from sqlalchemy.util import await_only

from core.clock import ManualClock
from core.contacts.model import Address, Contact
from core.conversations.model import Conversation, Delivery
from core.database import Database, Transaction
from core.desk import joining, separating, work
from core.desk.cards import Card, card
from core.desk.finding import find
from core.desk.history import Deed, history
from core.errors import Refusal
from core.leads import answering
from core.leads.answering import Draft
from core.leads.model import Lead
from core.worker import fire_due
from tests.builders import (
    a_database,
    a_lead,
    a_manager,
    a_message,
    an_account,
    email,
    file,
    phone,
    reason_id,
    telegram,
)
from tests.looking import all_sent, every, the


async def read(database: Database, lead_id: int) -> Card:
    found = await database.read(
        lambda connection: card(connection, lead_id, now=database.clock.now(), language_default="ru")
    )
    assert found is not None
    return found


async def contact_of(database: Database, lead_id: int) -> int:
    return (await read(database, lead_id)).contact_id


async def world(database: Database) -> list[tuple[object, ...]]:
    """Whose every address, conversation and lead is, to compare before and after."""
    statements = (
        select(Address.id, Address.key, Address.contact_id).order_by(Address.id),
        select(Conversation.id, Conversation.contact_id, Conversation.lead_id).order_by(Conversation.id),
        select(Lead.id, Lead.contact_id, Lead.is_repeat, Lead.previous_id).order_by(Lead.id),
        select(Contact.id, Contact.name, Contact.is_client, Contact.wants_follow_ups).order_by(Contact.id),
    )
    return await database.read(
        lambda connection: [tuple(row) for statement in statements for row in connection.execute(statement)]
    )


async def test_two_contacts_become_one_who_is_known_by_the_addresses_of_both(
    database_url: str, clock: ManualClock
) -> None:
    async with a_database(database_url, clock) as database:
        olga = await a_manager(database)
        bot, form = await an_account(database), await an_account(database, "form", "main")
        in_telegram = await a_lead(database, bot, "Привет", telegram())
        in_form = await a_lead(database, form, "Заявка", phone(), email())
        before = await world(database)
        anna, other = await contact_of(database, in_telegram), await contact_of(database, in_form)
        survivor = await database.transact(lambda tx: joining.merge(tx, anna, other, olga))
        merged = await read(database, in_form)
        with pytest.raises(Refusal) as again:
            await database.transact(lambda tx: joining.merge(tx, anna, other, olga))
        # Whoever writes from an address of either is this person now.
        clock.advance(timedelta(minutes=1))
        filed = await file(database, form, a_message("И ещё", phone(), thread="another", at=clock.now()))
        assert await contact_of(database, filed[0].lead_id or 0) == anna
        await database.transact(lambda tx: joining.unmerge(tx, other, olga))
        after = await world(database)
        with pytest.raises(Refusal) as twice:
            await database.transact(lambda tx: joining.unmerge(tx, other, olga))
    assert survivor == anna
    assert merged.contact_id == anna
    assert sorted(a.kind for a in merged.addresses) == ["email", "phone", "telegram"]
    assert (again.value.key, twice.value.key) == ("refused-merge-one", "refused-not-merged")
    assert set(before) <= set(after), "everybody has again what they brought"


async def test_an_address_both_held_is_found_and_is_the_survivors(
    database_url: str, clock: ManualClock
) -> None:
    async with a_database(database_url, clock) as database:
        olga = await a_manager(database)
        bot, form = await an_account(database), await an_account(database, "form", "main")
        first = await a_lead(database, bot, "Раз", telegram(1), phone("+79160000001"))
        second = await a_lead(database, bot, "Два", telegram(2), phone("+79160000002"))
        # Both numbers in one form fit two people: a third is made, and the merge is suggested.
        both = await a_lead(database, form, "Три", phone("+79160000001"), phone("+79160000002"))
        suggested = await read(database, both)
        assert {s.contact_id for s in suggested.suggestions} == {
            await contact_of(database, first),
            await contact_of(database, second),
        }
        for other in suggested.suggestions:
            await database.transact(
                partial(
                    joining.merge, contact_a=suggested.contact_id, contact_b=other.contact_id, person=olga
                )
            )
        merged = await read(database, both)
        filed = await file(database, form, a_message("Четыре", phone("+79160000001"), thread="new"))
        assert filed[0].lead_id is not None
        assert await contact_of(database, filed[0].lead_id) == merged.contact_id
    assert merged.suggestions == ()
    assert sorted(a.value for a in merged.addresses) == ["+79160000001", "+79160000002", "1", "2"]


async def test_two_people_of_whom_somebody_said_so_are_not_suggested_again_until_that_is_undone(
    database_url: str, clock: ManualClock
) -> None:
    async with a_database(database_url, clock) as database:
        olga = await a_manager(database)
        bot, form = await an_account(database), await an_account(database, "form", "main")
        first = await a_lead(database, bot, "Раз", telegram(1), phone("+79160000001"))
        second = await a_lead(database, bot, "Два", telegram(2), phone("+79160000002"))
        both = await a_lead(database, form, "Три", phone("+79160000001"), phone("+79160000002"))
        one, two, third = [await contact_of(database, lead) for lead in (first, second, both)]
        apart = partial(joining.tell_apart, contact_a=third, contact_b=one, person=olga)
        for _ in range(2):  # a double tap is one answer
            await database.transact(apart)
        assert [s.contact_id for s in (await read(database, both)).suggestions] == [two]
        # It holds from the other side, in a later lead, and for whoever they have become since.
        await database.transact(partial(joining.merge, contact_a=two, contact_b=third, person=olga))
        again = await file(database, form, a_message("Снова", phone("+79160000001"), phone("+79160000002")))
        assert (await read(database, again[0].lead_id or both)).suggestions == ()
        await database.transact(partial(joining.unmerge, contact_b=third, person=olga))
        page = await database.read(lambda connection: history(connection, both, language="ru", limit=50))
        told = [one for one in page.entries if isinstance(one, Deed) and one.verb == "told-apart"]
        assert [(line.actor_name, line.facts["contact"]) for line in told] == [("Ольга", one)]
        undo = partial(joining.undo_tell_apart, contact_a=third, contact_b=one, person=olga)
        await database.transact(undo)
        assert {s.contact_id for s in (await read(database, both)).suggestions} == {one, two}
        with pytest.raises(Refusal, match="refused-nothing-to-undo"):
            await database.transact(undo)
        page = await database.read(lambda connection: history(connection, both, language="ru", limit=50))
        told = [one for one in page.entries if isinstance(one, Deed) and one.verb.startswith("told-apart")]
        assert [(line.verb, line.facts.get("contact")) for line in told] == [
            ("told-apart", None),
            ("told-apart-undone", None),
        ]
        await database.transact(apart)
        await database.transact(partial(joining.merge, contact_a=third, contact_b=one, person=olga))
        with pytest.raises(Refusal, match="refused-merge-one"):
            await database.transact(apart)


async def test_of_two_people_told_apart_nothing_is_suggested_when_more_of_one_turns_out_to_be_the_others(
    database_url: str, clock: ManualClock
) -> None:
    async with a_database(database_url, clock) as database:
        olga = await a_manager(database)
        bot, form = await an_account(database), await an_account(database, "form", "main")
        boris = await a_lead(database, form, "Борис", phone("+79160000001"), email("office@firma.ru"))
        anna = await a_lead(database, bot, "Анна", telegram(1))
        await file(database, bot, a_message("мой номер", telegram(1), phone("+79160000001")))
        one, two = await contact_of(database, anna), await contact_of(database, boris)
        assert [s.contact_id for s in (await read(database, anna)).suggestions] == [two]
        await database.transact(partial(joining.tell_apart, contact_a=one, contact_b=two, person=olga))
        await file(database, bot, a_message("и почта", telegram(1), email("office@firma.ru")))
        page = await database.read(lambda connection: history(connection, anna, language="ru", limit=50))
    assert [e.verb for e in page.entries if isinstance(e, Deed)].count("merge-suggested") == 1


async def test_somebody_else_gets_a_contact_with_the_lead_and_rejoining_undoes_it(
    database_url: str, clock: ManualClock
) -> None:
    async with a_database(database_url, clock) as database:
        olga = await a_manager(database)
        form = await an_account(database, "form", "main")
        # Anna leaves a form; it is junked; a month later somebody writes from her address.
        first = await a_lead(database, form, "Заявка от Анны", email("office@firma.ru"), phone())
        mail = await an_account(database, "email", "line@x.org")
        reason = await reason_id(database)
        await database.transact(lambda tx: work.junk(tx, first, olga, reason))
        clock.advance(timedelta(days=40))
        letter = a_message(
            "Это Борис", email("office@firma.ru"), thread="mail:office@firma.ru", name="Борис", at=clock.now()
        )
        filed = await file(database, mail, letter)
        lead_id = filed[0].lead_id or 0
        before, was = await world(database), await read(database, lead_id)
        assert was.recognition is not None
        assert (was.recognition.kind, was.recognition.value) == ("email", "office@firma.ru")
        assert (was.is_repeat, was.earlier is not None) == (True, True)
        clock.advance(timedelta(minutes=1))
        thread = was.recognition.conversation_id
        result = await database.transact(lambda tx: separating.separate(tx, thread, olga))
        now = await read(database, lead_id)
        assert (result.lead_id, result.is_new_lead, result.contact_id) == (lead_id, False, now.contact_id)
        assert now.contact_id != was.contact_id
        assert (now.is_repeat, now.earlier) == (False, None), "another's past is not theirs"
        assert [a.value for a in now.addresses] == ["office@firma.ru"]
        assert now.recognition is not None
        assert now.recognition.is_separated
        old = await read(database, first)
        assert sorted(a.kind for a in old.addresses) == ["email", "phone"], "she had the address before"
        # The next letter of the thread is the other person's.
        await file(
            database,
            mail,
            a_message("Борис снова", email("office@firma.ru"), thread="mail:office@firma.ru", at=clock.now()),
        )
        assert (await read(database, lead_id)).messages[-1].text == "Борис снова"
        clock.advance(timedelta(minutes=1))
        await database.transact(lambda tx: separating.rejoin(tx, thread, olga))
        again = await read(database, lead_id)
        after = await world(database)
        with pytest.raises(Refusal) as twice:
            await database.transact(lambda tx: separating.rejoin(tx, thread, olga))
    assert (again.contact_id, again.is_repeat) == (was.contact_id, True)
    assert again.recognition is not None
    assert not again.recognition.is_separated
    assert set(before) <= set(after)
    assert twice.value.key == "refused-nothing-to-undo"


@pytest.mark.parametrize("channel", ["form", "email"])
async def test_a_name_that_was_told_by_somebody_else_goes_with_them_and_comes_back_with_them(
    database_url: str, clock: ManualClock, channel: str
) -> None:
    async with a_database(database_url, clock) as database:
        olga, form = await a_manager(database), await an_account(database, "form", "main")
        account = form if channel == "form" else await an_account(database, "email", "line@x.org")
        office = email("office@firma.ru")
        await file(database, form, a_message("Перезвоните", office, phone(), name="", thread="a"))
        clock.advance(timedelta(minutes=1))
        filed = await file(database, account, a_message("Это Борис", office, name="Борис", thread="b"))
        talk = (await the(database, Conversation, Conversation.thread == "b"))["id"]

        async def names() -> list[str]:
            return [row["name"] for row in await every(database, Contact, Contact.merged_to.is_(None))]

        seen = [await names()]
        clock.advance(timedelta(minutes=1))
        apart = await database.transact(lambda tx: separating.separate(tx, talk, olga))
        seen.append(await names())
        found = await database.read(lambda c: find(c, "борис", language="ru"))
        clock.advance(timedelta(minutes=1))
        await database.transact(lambda tx: separating.rejoin(tx, talk, olga))
        seen.append(await names())
    assert filed[0].state == "filed"
    assert seen == [["Борис"], ["office@firma.ru", "Борис"], ["Борис"]]
    assert {one.contact_id for one in found} == {apart.contact_id}


async def test_a_name_that_comes_back_takes_nobodys_own_name(database_url: str, clock: ManualClock) -> None:
    async with a_database(database_url, clock) as database:
        olga, form = await a_manager(database), await an_account(database, "form", "main")
        office = email("office@firma.ru")
        await file(database, form, a_message("Перезвоните", office, phone(), name="", thread="a"))
        clock.advance(timedelta(minutes=1))
        await file(database, form, a_message("Это Борис", office, name="Борис", thread="b"))
        talk = (await the(database, Conversation, Conversation.thread == "b"))["id"]
        clock.advance(timedelta(minutes=1))
        await database.transact(lambda tx: separating.separate(tx, talk, olga))
        clock.advance(timedelta(minutes=1))
        await file(database, form, a_message("Это Анна", phone(), name="Анна", thread="c"))
        clock.advance(timedelta(minutes=1))
        await database.transact(lambda tx: separating.rejoin(tx, talk, olga))
        names = [row["name"] for row in await every(database, Contact, Contact.merged_to.is_(None))]
    assert names == ["Анна"]


async def test_a_letter_we_began_teaches_nothing_about_who_answers_it(
    database_url: str, clock: ManualClock
) -> None:
    async with a_database(database_url, clock) as database:
        olga = await a_manager(database)
        form, mail = (
            await an_account(database, "form", "main"),
            await an_account(database, "email", "line@x.org"),
        )
        lead_id = await a_lead(database, form, "Заявка от Анны", email("office@firma.ru"), phone())
        clock.advance(timedelta(hours=1))
        answer = a_message(
            "Я не Анна", email("office@firma.ru"), thread="mail:office@firma.ru", at=clock.now()
        )
        filed = await file(database, mail, answer)
        assert filed[0].lead_id == lead_id
        lead = await read(database, lead_id)
        thread = next(one.conversation_id for one in lead.messages if one.text == "Я не Анна")
        result = await database.transact(lambda tx: separating.separate(tx, thread, olga))
        hers, theirs = await read(database, lead_id), await read(database, result.lead_id or 0)
    assert sorted(a.kind for a in hers.addresses) == ["email", "phone"]
    assert [a.kind for a in theirs.addresses] == ["email"], "the phone of her form stays hers"


async def test_a_lead_that_two_conversations_share_stays_and_the_other_person_gets_one_of_their_own(
    database_url: str, clock: ManualClock
) -> None:
    async with a_database(database_url, clock) as database:
        olga = await a_manager(database)
        bot, form = await an_account(database), await an_account(database, "form", "main")
        shared = await a_lead(database, bot, "Это Анна", telegram(), phone())
        clock.advance(timedelta(minutes=1))
        filed = await file(
            database,
            form,
            a_message(
                "Это её муж", phone(), thread="phone:+79161234567", name="Пётр", fields={"name": "Пётр"}
            ),
        )
        assert filed[0].lead_id == shared
        lead = await read(database, shared)
        husband = next(one for one in lead.messages if one.text == "Это её муж").conversation_id
        clock.advance(timedelta(minutes=1))
        result = await database.transact(lambda tx: separating.separate(tx, husband, olga))
        assert result.is_new_lead
        assert result.lead_id is not None
        his, hers = await read(database, result.lead_id), await read(database, shared)
        assert (his.contact_name, his.title) == ("Пётр", "Это её муж")
        assert [one.text for one in his.messages] == ["Это её муж"], "and nobody greets him automatically"
        assert "Это её муж" not in [one.text for one in hers.messages]
        assert his.responsible == hers.responsible
        told = await database.read(lambda connection: history(connection, shared, language="ru"))
        deeds = {entry.verb: entry.facts for entry in told.entries if isinstance(entry, Deed)}
        assert deeds["contact-separated"] == {"from": "Анна", "name": "Пётр", "lead": his.number}
        clock.advance(timedelta(minutes=1))
        await database.transact(lambda tx: separating.rejoin(tx, husband, olga))
        together, duplicate = await read(database, shared), await read(database, result.lead_id)
    assert "Это её муж" in [one.text for one in together.messages]
    assert (duplicate.outcome, duplicate.reason) == ("failure", "Повтор")
    assert together.contact_id == duplicate.contact_id == hers.contact_id


async def test_who_was_set_apart_from_a_lead_that_is_closed_can_be_rejoined_too(
    database_url: str, clock: ManualClock
) -> None:
    async with a_database(database_url, clock) as database:
        olga = await a_manager(database)
        bot, form = await an_account(database), await an_account(database, "form", "main")
        shared = await a_lead(database, bot, "Это Анна", telegram(), phone())
        clock.advance(timedelta(minutes=1))
        await file(database, form, a_message("Это её муж", phone(), thread="phone:+79161234567", name="Пётр"))
        messages = (await read(database, shared)).messages
        husband = next(one for one in messages if one.text == "Это её муж").conversation_id
        reason = await reason_id(database)
        await database.transact(lambda tx: work.junk(tx, shared, olga, reason))
        before = await world(database)
        result = await database.transact(lambda tx: separating.separate(tx, husband, olga))
        assert (result.lead_id, result.is_new_lead) == (None, False), "nothing is open for anybody"
        await database.transact(lambda tx: separating.rejoin(tx, husband, olga))
        after = await world(database)
    assert set(before) <= set(after)


async def test_a_person_of_whom_we_have_nothing_else_cannot_be_separated_from_themselves(
    database_url: str, clock: ManualClock
) -> None:
    async with a_database(database_url, clock) as database:
        olga = await a_manager(database)
        lead = await read(database, await a_lead(database, await an_account(database)))
        thread = lead.messages[0].conversation_id
        before = await world(database)
        with pytest.raises(Refusal) as alone:
            await database.transact(lambda tx: separating.separate(tx, thread, olga))
        with pytest.raises(Refusal) as gone:
            await database.transact(lambda tx: separating.separate(tx, 12345, olga))
        assert await world(database) == before
    assert (alone.value.key, gone.value.key) == ("refused-separate-alone", "refused-conversation-gone")


async def test_an_answer_planned_for_a_separated_conversation_is_called_off(
    database_url: str, clock: ManualClock
) -> None:
    async with a_database(database_url, clock) as database:
        olga = await a_manager(database)
        bot, form = await an_account(database), await an_account(database, "form", "main")
        shared = await a_lead(database, form, "Заявка", phone(), email())
        await file(database, bot, a_message("Это я", telegram(), phone()))
        await database.transact(lambda tx: answering.reply(tx, olga, shared, Draft("Сто рублей")))
        planned = (await read(database, shared)).planned
        assert len(planned) == 1
        thread = next(
            one.conversation_id for one in (await read(database, shared)).messages if one.text == "Это я"
        )
        await database.transact(lambda tx: separating.separate(tx, thread, olga))
        lead = await read(database, shared)
    assert lead.planned == ()
    assert lead.skipped is not None
    assert lead.skipped.reason == "separated"


async def test_two_managers_who_merge_the_same_people_at_once_merge_them_once(
    database_url: str, clock: ManualClock
) -> None:
    async with a_database(database_url, clock) as database:
        olga, pavel = await a_manager(database), await a_manager(database, "Павел")
        bot = await an_account(database)
        one = await contact_of(database, await a_lead(database, bot, "Раз", telegram(1)))
        two = await contact_of(database, await a_lead(database, bot, "Два", telegram(2)))
        results = await asyncio.gather(
            database.transact(lambda tx: joining.merge(tx, one, two, olga)),
            database.transact(lambda tx: joining.merge(tx, two, one, pavel)),
            return_exceptions=True,
        )
        standing = await database.read(
            lambda connection: connection.execute(
                text("SELECT count(*) FROM contact WHERE merged_to IS NULL")
            ).scalar_one()
        )
    refusals = [result for result in results if isinstance(result, Refusal)]
    assert [refusal.key for refusal in refusals] == ["refused-merge-one"]
    assert standing == 1


async def test_whoever_is_taken_out_of_a_chain_of_merges_keeps_their_own(
    database_url: str, clock: ManualClock
) -> None:
    async with a_database(database_url, clock) as database:
        bot, olga = await an_account(database), await a_manager(database)
        for user in (1, 2, 3):
            await file(database, bot, a_message("?", telegram(user), name=f"№ {user}"))
        before = await world(database)
        contacts = await database.read(lambda c: c.execute(select(Contact.id).order_by(Contact.id)).all())
        first, second, third = (row.id for row in contacts)
        await database.transact(lambda tx: joining.merge(tx, first, second, olga))
        await database.transact(lambda tx: joining.merge(tx, third, first, olga))
        await database.transact(lambda tx: joining.unmerge(tx, second, olga))
        await database.transact(lambda tx: joining.unmerge(tx, first, olga))
        assert await world(database) == before


async def test_who_had_two_leads_is_asked_once_after_they_are_one(
    database_url: str, clock: ManualClock
) -> None:
    async with a_database(database_url, clock) as database:
        bot, mailbox = await an_account(database), await an_account(database, "email", "line@example.com")
        olga = await a_manager(database)
        one = await a_lead(database, bot)
        filed = await file(database, mailbox, a_message("?", email(), thread="mail:anna@example.org"))
        other = filed[0].lead_id or 0
        for lead in (one, other):
            await database.transact(
                partial(answering.reply, person=olga, lead_id=lead, draft=Draft("500 рублей"))
            )
            clock.advance(timedelta(minutes=1))
        await all_sent(database)
        stays, goes = await contact_of(database, one), await contact_of(database, other)
        await database.transact(lambda tx: joining.merge(tx, stays, goes, olga))
        clock.advance(timedelta(days=1))
        assert await fire_due(database) == 1
        asked = await every(database, Delivery, Delivery.state == "waiting", Delivery.message_id.is_not(None))
        assert [row["lead_id"] for row in asked] == [other]


async def test_a_letter_that_comes_while_a_manager_says_whose_it_is_goes_where_they_said(
    postgres_url: str, clock: ManualClock
) -> None:
    thread = "mail:boris@example.org"
    async with a_database(postgres_url, clock) as database:
        bot, mailbox = await an_account(database), await an_account(database, "email", "line@example.com")
        olga = await a_manager(database)
        lead = await a_lead(database, bot, "Вот мой номер", telegram(1), phone())
        await file(database, mailbox, a_message("Я другой", email("boris@example.org"), thread=thread))
        clock.advance(timedelta(hours=1))
        stays = await contact_of(database, lead)
        rows = await every(database, Conversation, Conversation.thread == thread)
        await database.transact(lambda tx: joining.merge(tx, stays, rows[0]["contact_id"], olga))
        conversation = rows[0]["id"]

        async def separate() -> int:
            def slowly(tx: Transaction) -> int:
                found = separating.separate(tx, conversation, olga)
                tx.connection.execute(text("SELECT pg_sleep(0.5)"))
                return found.contact_id

            return await database.transact(slowly)

        async def comes_in() -> None:
            # It has read whose the conversation was, and waits for the contact until the manager is done.
            await database.read(lambda c: c.execute(text("SELECT pg_sleep(0.2)")))
            written = a_message("Ещё вопрос", email("boris@example.org"), thread=thread, at=clock.now())
            await file(database, mailbox, written)

        other, _ = await asyncio.gather(separate(), comes_in())
        row = await the(database, Conversation, Conversation.thread == thread)
        assert row["contact_id"] == other
        assert (await read(database, row["lead_id"])).contact_id == other


async def test_after_a_merge_is_undone_neither_is_answered_or_filed_for_the_other(
    database_url: str, clock: ManualClock
) -> None:
    """Anna had nothing open, so what she wrote meanwhile went on in Boris's lead."""
    async with a_database(database_url, clock) as database:
        olga, bot = await a_manager(database), await an_account(database)
        anna = await a_lead(database, bot, "Анна", telegram(1))
        reason = await reason_id(database)
        await database.transact(partial(work.junk, lead_id=anna, person=olga, reason_id=reason))
        clock.advance(timedelta(minutes=1))
        boris = await a_lead(database, bot, "Борис", telegram(2))
        stays, goes = await contact_of(database, anna), await contact_of(database, boris)
        await database.transact(lambda tx: joining.merge(tx, stays, goes, olga))
        clock.advance(timedelta(minutes=1))
        (meanwhile,) = await file(database, bot, a_message("Это Анна", telegram(1), at=clock.now()))
        await database.transact(lambda tx: joining.unmerge(tx, goes, olga))
        await all_sent(database)
        answer = await database.transact(
            lambda tx: answering.reply(tx, olga, boris, Draft("Борис, вот ваш договор"))
        )
        sent = await the(database, Delivery, Delivery.id == answer.delivery_id)
        talk = await the(database, Conversation, Conversation.id == sent["conversation_id"])
        way = (await read(database, boris)).way
        clock.advance(timedelta(minutes=1))
        page = await file(
            database,
            bot,
            a_message("Борис пишет", telegram(2), at=clock.now()),
            a_message("Анна пишет", telegram(1), at=clock.now()),
        )
    assert meanwhile.lead_id == boris
    assert (talk["thread"], way.conversation_id) == ("2", talk["id"])
    assert page[0].lead_id == boris
    assert page[1].lead_id not in (None, boris, anna)


async def test_a_letter_that_began_while_two_were_one_is_the_writers_after_the_merge_is_undone(
    database_url: str, clock: ManualClock
) -> None:
    """Boris had given his address; he first wrote from it when he was taken for Anna."""
    thread = "mail:boris@example.org"
    async with a_database(database_url, clock) as database:
        olga, bot = await a_manager(database), await an_account(database)
        mailbox = await an_account(database, "email", "line@example.com")
        anna = await a_lead(database, bot, "Анна", telegram(1))
        boris = await a_lead(database, bot, "Борис", telegram(2), email("boris@example.org"))
        stays, goes = await contact_of(database, anna), await contact_of(database, boris)
        await database.transact(lambda tx: joining.merge(tx, stays, goes, olga))
        clock.advance(timedelta(minutes=1))
        letter = a_message("Я же Борис", email("boris@example.org"), thread=thread, at=clock.now())
        await file(database, mailbox, letter)
        await database.transact(lambda tx: joining.unmerge(tx, goes, olga))
        await all_sent(database)
        answer = await database.transact(
            lambda tx: answering.reply(tx, olga, anna, Draft("Анна, вот ваш договор"))
        )
        sent = await the(database, Delivery, Delivery.id == answer.delivery_id)
        talk = await the(database, Conversation, Conversation.id == sent["conversation_id"])
        clock.advance(timedelta(minutes=1))
        again = a_message("Что с заказом?", email("boris@example.org"), thread=thread, at=clock.now())
        (filed,) = await file(database, mailbox, again)
    assert talk["thread"] == "1"
    assert filed.lead_id == boris


async def test_a_lead_that_one_of_two_opened_while_they_were_one_is_theirs_after_the_merge_is_undone(
    database_url: str, clock: ManualClock
) -> None:
    async with a_database(database_url, clock) as database:
        olga, bot, reason = await a_manager(database), await an_account(database), await reason_id(database)
        boris = await a_lead(database, bot, "Борис", telegram(2))
        anna = await a_lead(database, bot, "Анна", telegram(1))
        stays, goes = await contact_of(database, anna), await contact_of(database, boris)
        for lead in (anna, boris):
            await database.transact(partial(work.junk, lead_id=lead, person=olga, reason_id=reason))
        await database.transact(lambda tx: joining.merge(tx, stays, goes, olga))
        clock.advance(timedelta(minutes=1))
        (meanwhile,) = await file(database, bot, a_message("Борис: кухня", telegram(2), at=clock.now()))
        await database.transact(lambda tx: joining.unmerge(tx, goes, olga))
        lead_id = meanwhile.lead_id or 0
        shown = await read(database, lead_id)
        row = await the(database, Lead, Lead.id == lead_id)
        clock.advance(timedelta(minutes=1))
        (filed,) = await file(database, bot, a_message("Ну как?", telegram(2), at=clock.now()))
    assert (shown.contact_id, shown.way.why_not) == (goes, None)
    assert (row["previous_id"], row["is_repeat"]) == (boris, True), "another's past is not theirs"
    assert filed.lead_id == lead_id


async def test_a_telephone_that_one_of_two_gave_while_they_were_one_is_theirs_after_the_merge_is_undone(
    database_url: str, clock: ManualClock
) -> None:
    async with a_database(database_url, clock) as database:
        olga, bot = await a_manager(database), await an_account(database)
        anna = await a_lead(database, bot, "Анна", telegram(1))
        boris = await a_lead(database, bot, "Борис", telegram(2))
        stays, goes = await contact_of(database, anna), await contact_of(database, boris)
        await database.transact(lambda tx: joining.merge(tx, stays, goes, olga))
        clock.advance(timedelta(minutes=1))
        for user, given in ((1, "+79160000001"), (2, "+79160000002")):
            shared = a_message(given, telegram(user), phone(given), content="contact", at=clock.now())
            await file(database, bot, shared)
        await database.transact(lambda tx: joining.unmerge(tx, goes, olga))
        hers, his = (await read(database, anna)).addresses, (await read(database, boris)).addresses
    assert [address.value for address in hers] == ["1", "+79160000001"]
    assert [address.value for address in his] == ["2", "+79160000002"]


@pytest.mark.parametrize("deed", ["unmerge", "separate"])
async def test_whoever_makes_two_persons_of_one_never_embraces_with_an_answer_that_arrives(
    postgres_url: str, clock: ManualClock, deed: str
) -> None:
    """What has arrived takes hold of the lead first, then of the conversation that goes on."""
    async with a_database(postgres_url, clock) as one, Database.opened(postgres_url, clock=clock) as other:
        olga, bot = await a_manager(one), await an_account(one)
        anna = await a_lead(one, bot, "Анна", telegram(1))
        clock.advance(timedelta(minutes=1))
        boris = await a_lead(one, bot, "Борис", telegram(2))
        stays, goes = await contact_of(one, anna), await contact_of(one, boris)
        await one.transact(lambda tx: joining.merge(tx, stays, goes, olga))
        talk = (await the(one, Conversation, Conversation.lead_id == boris))["id"]
        held, go_on = asyncio.Event(), asyncio.Event()
        runs: list[str] = []

        def arrives(tx: Transaction) -> None:
            runs.append("arrives")
            tx.connection.execute(select(Lead.id).where(Lead.id == boris).with_for_update())
            held.set()
            await_only(go_on.wait())
            tx.update(Conversation, [{"id": talk, "last_out_at": tx.now}])

        def divides(tx: Transaction) -> None:
            runs.append("divides")
            if deed == "unmerge":
                joining.unmerge(tx, goes, olga)
            else:
                separating.separate(tx, talk, olga)

        arriving = asyncio.create_task(one.transact(arrives))
        await held.wait()
        dividing = asyncio.create_task(other.transact(divides))
        await asyncio.wait([dividing], timeout=0.5)
        go_on.set()
        await asyncio.gather(arriving, dividing)
    assert runs == ["arrives", "divides"]
