"""The list of those who are not let in: kept by admins, tried beforehand, counted, taken back."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

import pytest
from sqlalchemy import text

from core.channel import Address
from core.clock import ManualClock
from core.database import Database
from core.desk import exclusions, work
from core.desk.cards import Card, card
from core.desk.covering import OpenLead
from core.desk.exclusion_lookup import page, would_stop
from core.desk.exclusions import Added, Already, Malformed, Wanted, add, lift, read_line
from core.desk.person_exclusion import exclude_person, undo_exclude_person
from core.desk.stopped import stopped
from core.errors import Refusal
from core.leads import answering, assignment
from core.leads.answering import Draft
from core.staff import managers
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
    stage_id,
    telegram,
)


async def read(database: Database, lead_id: int) -> Card:
    found = await database.read(
        lambda connection: card(connection, lead_id, now=database.clock.now(), language_default="ru")
    )
    assert found is not None
    return found


async def test_every_line_has_its_own_result_and_a_malformed_one_stops_no_other(
    database_url: str, clock: ManualClock
) -> None:
    written = """8 (916) 123-45-67; ругается до 31.12.2026

        spam@example.com на 30 дней
        @gmail.com
        +7 916 123 45 67
        *
        @spammer; до 31.02.2026
        @rude_one; пишет ночью"""
    async with a_database(database_url, clock) as database:
        boss = await an_admin(database)
        results = await database.transact(lambda tx: add(tx, boss, written, timezone="Europe/Moscow"))
        again = await database.transact(lambda tx: add(tx, boss, "spam@example.com"))
        listed = await database.read(lambda connection: page(connection, clock.now()))
    kinds = [type(one) for one in results]
    assert kinds == [Added, Added, Malformed, Already, Malformed, Malformed, Added]
    shown = [one.entry for one in results if isinstance(one, Added)]
    assert [(one.pattern, one.comment) for one in shown] == [
        ("phone:+79161234567", "ругается"),
        ("email:spam@example.com", None),
        ("username:rude_one", "пишет ночью"),
    ]
    assert shown[0].expires_at is not None
    assert shown[0].expires_at.isoformat() == "2026-12-31T21:00:00+00:00"
    assert shown[0].created_by == boss.name
    assert [one.refusal.key for one in results if isinstance(one, Malformed)] == [
        "refused-pattern-wide",
        "refused-pattern-wildcard",
        "refused-expiry-date",
    ]
    assert [type(one) for one in again] == [Already]
    assert {one.pattern for one in listed.entries} == {one.pattern for one in shown}
    assert listed.total == 3


@pytest.mark.parametrize("line", ["@firma.ru", "anna@firma.ru", "8 916 123-45-67", "77755", "@Anna_K"])
async def test_an_exclusion_names_whom_it_covers_calls_off_what_is_planned_and_keeps_the_lead(
    database_url: str, clock: ManualClock, line: str
) -> None:
    async with a_database(database_url, clock) as database:
        boss, olga = await an_admin(database), await a_manager(database)
        bot = await an_account(database)
        known = (telegram(77755, username="anna_k"), phone(), email("anna@firma.ru"))
        lead_id = await a_lead(database, bot, "Привет", *known)
        await a_lead(database, bot, "Другой", telegram(1))
        await database.transact(lambda tx: answering.reply(tx, olga, lead_id, Draft("ответ")))
        verdict = await database.read(lambda connection: would_stop(connection, line, "RU", clock.now()))
        (added,) = await database.transact(lambda tx: add(tx, boss, line))
        lead = await read(database, lead_id)
    assert isinstance(added, Added)
    assert (verdict.stopped_by, verdict.covered) == (None, 1)
    assert added.people == verdict.people
    assert added.people[0].open_leads == (OpenLead(lead_id, lead.number),)
    assert lead.outcome == "open"
    assert lead.planned == ()
    assert lead.exclusion is not None
    assert lead.way.why_not == "excluded"
    assert not lead.can_undo_exclusion, "this was not done from the card"


async def test_a_domain_covers_its_subdomains_and_not_its_namesakes(
    database_url: str, clock: ManualClock
) -> None:
    async with a_database(database_url, clock) as database:
        boss = await an_admin(database)
        form = await an_account(database, "form", "main")
        for address in ("a@firma.ru", "b@mail.firma.ru", "c@otherfirma.ru", "d@firma.ru.com"):
            await a_lead(database, form, "Привет", email(address))
        verdict = await database.read(
            lambda connection: would_stop(connection, "@firma.ru", "RU", clock.now())
        )
        await database.transact(lambda tx: add(tx, boss, "@firma.ru"))
        below = await database.read(
            lambda connection: would_stop(connection, "x@deep.mail.firma.ru", "RU", clock.now())
        )
        narrower = await database.read(
            lambda connection: would_stop(connection, "@mail.firma.ru", "RU", clock.now())
        )
        beside = await database.read(
            lambda connection: would_stop(connection, "@otherfirma.ru", "RU", clock.now())
        )
    assert verdict.covered == 2
    assert below.stopped_by is not None
    assert narrower.stopped_by is not None
    assert below.stopped_by.pattern == narrower.stopped_by.pattern == "domain:firma.ru"
    assert beside.stopped_by is None


async def test_what_was_kept_out_is_counted_and_can_be_looked_through(
    database_url: str, clock: ManualClock
) -> None:
    async with a_database(database_url, clock) as database:
        boss = await an_admin(database)
        form = await an_account(database, "form", "main")
        await database.transact(lambda tx: add(tx, boss, "+79161234567\n+79160000002"))
        for number in range(5):
            await file(database, form, a_message(f"раз {number}", phone()))
        await file(database, form, a_message("два", phone("+79160000002")))
        listed = await database.read(
            lambda connection: page(connection, clock.now(), query="8 916 123-45-67")
        )
        (entry,) = listed.entries
        pages, after = [], None
        while True:
            some = await database.read(partial(stopped, exclusion_id=entry.id, after=after, limit=2))
            pages.append([one.ledger_id for one in some.entries])
            if (after := some.next) is None:
                break
        everything = await database.read(lambda connection: stopped(connection, limit=100))
    assert (entry.hits, entry.last_hit_at) == (5, clock.now())
    assert [len(ids) for ids in pages] == [2, 2, 1]
    assert len({ledger_id for ids in pages for ledger_id in ids}) == 5
    assert len(everything.entries) == 6
    assert everything.entries[0].pattern == "phone:+79160000002"


async def test_an_exclusion_that_is_over_lets_in_and_may_be_made_anew(
    database_url: str, clock: ManualClock
) -> None:
    async with a_database(database_url, clock) as database:
        boss = await an_admin(database)
        form = await an_account(database, "form", "main")
        await database.transact(lambda tx: add(tx, boss, "+79161234567; на 2 дня"))
        assert (await file(database, form, a_message("раз", phone())))[0].state == "excluded"
        clock.advance(timedelta(days=2))
        assert (await file(database, form, a_message("два", phone())))[0].state == "filed"
        assert (await database.read(lambda connection: page(connection, clock.now()))).total == 0
        (anew,) = await database.transact(lambda tx: add(tx, boss, "+79161234567"))
        assert isinstance(anew, Added)
        assert (await file(database, form, a_message("три", phone())))[0].state == "excluded"
        lifted = await database.transact(lambda tx: lift(tx, boss, anew.entry.id))
        await database.transact(lambda tx: lift(tx, boss, anew.entry.id))
        assert (await file(database, form, a_message("четыре", phone())))[0].state == "filed"
        with pytest.raises(Refusal) as gone:
            await database.transact(lambda tx: lift(tx, boss, 12345))
    assert lifted.pattern == "phone:+79161234567"
    assert gone.value.key == "refused-exclusion-gone"


async def test_only_admins_keep_the_list(database_url: str, clock: ManualClock) -> None:
    async with a_database(database_url, clock) as database:
        boss, olga = await an_admin(database), await a_manager(database)
        lead_id = await a_lead(database, await an_account(database))
        (added,) = await database.transact(lambda tx: add(tx, boss, "+79161234567"))
        assert isinstance(added, Added)
        for deed in (
            partial(add, person=olga, written="a@b.ru"),
            partial(lift, person=olga, exclusion_id=added.entry.id),
            partial(exclude_person, person=olga, lead_id=lead_id),
            partial(undo_exclude_person, person=olga, lead_id=lead_id),
        ):
            with pytest.raises(Refusal) as refused:
                await database.transact(deed)
            assert refused.value.key == "refused-admins-only"
        with pytest.raises(Refusal) as many:
            await database.transact(lambda tx: add(tx, boss, "a@b.ru\n" * (exclusions.LINES + 1)))
        with pytest.raises(Refusal) as empty:
            await database.transact(lambda tx: add(tx, boss, " \n "))
        with pytest.raises(Refusal) as unclear:
            await database.read(lambda connection: would_stop(connection, "777", "RU", clock.now()))
    assert unclear.value.key == "refused-pattern-unclear"
    assert (many.value.key, empty.value.key) == ("refused-exclusions-many", "refused-pattern-empty")


async def test_a_person_shut_out_from_the_card_is_let_in_again_exactly_as_they_were(
    database_url: str, clock: ManualClock
) -> None:
    async with a_database(database_url, clock) as database:
        boss, olga = await an_admin(database), await a_manager(database)
        bot, form = await an_account(database), await an_account(database, "form", "main")
        lead_id = await a_lead(database, bot, "Купите рекламу", telegram(), phone(), email("ad@firma.ru"))
        await database.transact(lambda tx: add(tx, boss, "ad@firma.ru; раньше"))
        done = await database.transact(lambda tx: exclude_person(tx, boss, lead_id, "реклама"))
        shut = await read(database, lead_id)
        assert set(done.patterns) == {"telegram:777", "phone:+79161234567", "email:ad@firma.ru"}
        assert done.junked == (shut.number,)
        assert (shut.outcome, shut.reason, shut.comment) == ("failure", "Спам или реклама", "реклама")
        assert shut.can_undo_exclusion
        assert (await file(database, bot, a_message("ещё")))[0].state == "excluded"
        assert (await file(database, form, a_message("и так", phone(), thread="x")))[0].state == "excluded"
        again = await database.transact(lambda tx: undo_exclude_person(tx, boss, lead_id))
        opened = await read(database, lead_id)
        with pytest.raises(Refusal) as twice:
            await database.transact(lambda tx: undo_exclude_person(tx, boss, lead_id))
        left = await database.read(lambda connection: page(connection, clock.now()))
        await database.transact(lambda tx: lift(tx, boss, left.entries[0].id))
        assert (await file(database, bot, a_message("можно?")))[0].lead_id == lead_id
    assert again == (shut.number,)
    assert (opened.outcome, opened.stage.name) == ("open", "new")
    assert [entry.comment for entry in left.entries] == ["раньше"], "what was there before stays there"
    assert twice.value.key == "refused-nothing-to-undo"
    assert olga.name != boss.name


async def test_who_is_let_in_again_is_not_left_to_a_manager_who_has_gone_meanwhile(
    database_url: str, clock: ManualClock
) -> None:
    async with a_database(database_url, clock) as database:
        boss, olga = await an_admin(database), await a_manager(database)
        lead_id = await a_lead(database, await an_account(database))
        await database.transact(lambda tx: assignment.take(tx, lead_id, olga))
        await database.transact(lambda tx: exclude_person(tx, boss, lead_id))
        await database.transact(lambda tx: managers.remove(tx, boss, olga.id))
        await database.transact(lambda tx: undo_exclude_person(tx, boss, lead_id))
        opened = await read(database, lead_id)
    assert opened.outcome == "open"
    assert opened.responsible is not None
    assert opened.responsible.id == boss.id


async def test_undoing_an_exclusion_leaves_alone_what_a_colleague_closed_otherwise(
    database_url: str, clock: ManualClock
) -> None:
    async with a_database(database_url, clock) as database:
        boss, olga = await an_admin(database), await a_manager(database)
        bot = await an_account(database)
        lead_id = await a_lead(database, bot)
        await database.transact(lambda tx: exclude_person(tx, boss, lead_id))
        await database.transact(lambda tx: work.reopen(tx, lead_id, olga))
        success = await stage_id(database, "success")
        await database.transact(lambda tx: work.move(tx, lead_id, olga, success))
        assert await database.transact(lambda tx: undo_exclude_person(tx, boss, lead_id)) == ()
        lead = await read(database, lead_id)
        active = await database.read(
            lambda connection: connection.execute(
                text("SELECT count(*) FROM exclusion WHERE lifted_at IS NULL")
            ).scalar_one()
        )
    assert (lead.outcome, active) == ("success", 0)


@pytest.mark.parametrize(
    ("line", "comment"),
    [
        ("8 916 123-45-67 Вася", "Вася"),
        ("Иван Петров <ivan@bad.example>", "Иван Петров"),
        ("ivan@bad.example, хамит; второй раз на 2 дня", "хамит; второй раз"),
        ("+7 916 123-45-67 до связи", "до связи"),
        ("1. +7 (916) 123-45-67", None),
        ("mailto:ivan@bad.example", None),
        ("tel:+79161234567;", None),
    ],
)
def test_words_beside_a_telephone_or_an_address_are_the_comment(line: str, comment: str | None) -> None:
    wanted = read_line(line, "RU", NOON, "Europe/Moscow")
    assert isinstance(wanted, Wanted)
    assert wanted.comment == comment


async def test_a_visitor_of_whom_a_form_tells_nothing_is_not_said_to_be_excluded(
    database_url: str, clock: ManualClock
) -> None:
    """What the form calls such a visitor is another word each time: it would keep out nobody."""
    async with a_database(database_url, clock) as database:
        boss, form = await an_admin(database), await an_account(database, "form", "main")
        lead_id = await a_lead(database, form, "Купите слона", Address("form", "click:1:2", proved=False))
        with pytest.raises(Refusal) as refused:
            await database.transact(lambda tx: exclude_person(tx, boss, lead_id))
        assert (await read(database, lead_id)).outcome == "open"
    assert refused.value.key == "refused-no-address"


async def test_who_was_excluded_twice_is_let_in_by_one_undo(database_url: str, clock: ManualClock) -> None:
    """Two admins at once, or one who taps twice: the second finds nothing left to do."""
    async with a_database(database_url, clock) as database:
        boss, other = await an_admin(database), await an_admin(database, "Павел")
        bot = await an_account(database)
        lead_id = await a_lead(database, bot)
        for admin in (boss, other):
            await database.transact(partial(exclude_person, person=admin, lead_id=lead_id))
        opened = await database.transact(lambda tx: undo_exclude_person(tx, boss, lead_id))
        now = await read(database, lead_id)
        (filed,) = await file(database, bot, a_message("Ещё вопрос"))
        with pytest.raises(Refusal) as twice:
            await database.transact(lambda tx: undo_exclude_person(tx, other, lead_id))
    assert (opened, now.outcome, now.exclusion) == ((1,), "open", None)
    assert filed.lead_id == lead_id
    assert twice.value.key == "refused-nothing-to-undo"


async def test_letting_in_from_a_card_leaves_closed_what_an_exclusion_that_was_lifted_long_ago_has_closed(
    database_url: str, clock: ManualClock
) -> None:
    async with a_database(database_url, clock) as database:
        boss, bot = await an_admin(database), await an_account(database)
        first = await a_lead(database, bot)
        await database.transact(partial(exclude_person, person=boss, lead_id=first))
        shut = await read(database, first)
        assert shut.exclusion is not None
        await database.transact(partial(lift, person=boss, exclusion_id=shut.exclusion.id))
        second = await a_lead(database, bot, "Через год")
        await database.transact(partial(exclude_person, person=boss, lead_id=second))
        await database.transact(partial(undo_exclude_person, person=boss, lead_id=second))
        assert (await read(database, first)).outcome == "failure"
        assert (await read(database, second)).outcome == "open"


async def test_an_exclusion_from_a_card_that_was_put_back_on_the_list_is_undone_from_the_card_again(
    database_url: str, clock: ManualClock
) -> None:
    async with a_database(database_url, clock) as database:
        boss, bot = await an_admin(database), await an_account(database)
        lead_id = await a_lead(database, bot)
        await database.transact(partial(exclude_person, person=boss, lead_id=lead_id))
        shut = await read(database, lead_id)
        assert shut.exclusion is not None
        await database.transact(partial(undo_exclude_person, person=boss, lead_id=lead_id))
        await database.transact(partial(exclusions.put_back, person=boss, exclusion_id=shut.exclusion.id))
        assert (await read(database, lead_id)).can_undo_exclusion
        await database.transact(partial(undo_exclude_person, person=boss, lead_id=lead_id))
        assert (await read(database, lead_id)).exclusion is None
