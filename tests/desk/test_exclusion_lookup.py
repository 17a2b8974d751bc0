"""What an admin finds on the exclusion list, takes off it, and puts back."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from core.clock import ManualClock
from core.contacts.model import Contact
from core.database import Database, Transaction
from core.desk.exclusion_entries import Entry
from core.desk.exclusion_lookup import Page, Sought, entry, page, seek, still_stopping, would_stop
from core.desk.exclusions import Added, Already, add, change, lift, put_back
from core.desk.joining import merge
from core.desk.person_exclusion import exclude_person
from core.errors import Refusal
from core.intake.booking import Parcel
from core.intake.filing import file_batch
from core.lines.accounts import AccountRef
from core.staff.managers import Person
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
from tests.looking import every


async def put(database: Database, person: Person, line: str) -> Entry:
    (result,) = await database.transact(lambda tx: add(tx, person, line))
    assert isinstance(result, Added | Already)
    return result.entry


async def sought(database: Database, written: str) -> Sought:
    return await database.read(lambda c: seek(c, written, "RU", database.clock.now()))


async def test_only_the_very_pattern_is_exact_in_any_spelling_of_it(
    database_url: str, clock: ManualClock
) -> None:
    async with a_database(database_url, clock) as database:
        boss = await an_admin(database)
        called = await put(database, boss, "+7 495 123-45-55; Вася")
        named = await put(database, boss, "telegram:7771234567; Вася тоже")
        domain = await put(database, boss, "@bad.example")
        for spelling in ("8 (495) 1234555", "+74951234555"):
            assert (await sought(database, spelling)).exact == called
        for spelling in ("Telegram id 7771234567", "tg:7771234567", "id7771234567"):
            assert (await sought(database, spelling)).exact == named
        part, words = await sought(database, "555"), await sought(database, "Вася")
        digits = await sought(database, "8 495 123")
        below, nobody = await sought(database, "joe@bad.example"), await sought(database, "@nobody")
    assert (part.exact, words.exact) == (None, None)
    assert part.similar.entries == digits.similar.entries == (called,)
    assert set(words.similar.entries) == {called, named}
    assert (below.exact, below.stopped_by) == (None, domain)
    assert (nobody.exact, nobody.stopped_by, nobody.similar.entries) == (None, None, ())


async def test_a_word_of_a_comment_is_found_in_any_case_and_each_entry_on_one_page(
    database_url: str, clock: ManualClock
) -> None:
    async with a_database(database_url, clock) as database:
        boss = await an_admin(database)
        comments = ("Спам от Ерёмина", "СПАМ", "Звонят каждый день", "50% спама", "")
        put_in = [await put(database, boss, f"a{n}@x.example; {comments[n % 5]}") for n in range(20)]
        called = {one.id for n, one in enumerate(put_in) if n % 5 in (0, 1, 3)}

        async def found(query: str, after: int | None = None) -> Page:
            return await database.read(lambda c: page(c, clock.now(), after=after, limit=5, query=query))

        shown, following = [], None
        while (some := await found("спам", following)).next is not None:
            shown += [one.id for one in some.entries]
            following = some.next
            assert some.total == 12
        shown += [one.id for one in some.entries]
        assert (set(shown), shown) == (called, sorted(called, reverse=True))
        assert [(await found(query)).total for query in ("ЕРЕМИНА", "ерёмин", "0%", "A1@", "_", "нет")] == [
            4, 4, 4, 1, 0, 0,
        ]  # fmt: skip
        await database.transact(lambda tx: lift(tx, boss, put_in[0].id))
        assert (await found("еремин")).total == 3
        await put(database, boss, "@Письма.рф")
        await put(database, boss, "info@письма.рф")
        assert [(await found(query)).total for query in ("письма", "письма.рф", "@письма")] == [2, 2, 2]


async def test_whoever_is_stopped_by_another_of_their_addresses_is_not_called_free(
    database_url: str, clock: ManualClock
) -> None:
    async with a_database(database_url, clock) as database:
        boss, bot = await an_admin(database), await an_account(database)
        form = await an_account(database, "form", "main")
        lead_id = await a_lead(database, bot, "Реклама", telegram(), phone())
        await database.transact(lambda tx: exclude_person(tx, boss, lead_id))
        called = (await sought(database, "8 916 123-45-67")).exact
        assert called is not None
        await database.transact(lambda tx: lift(tx, boss, called.id))
        still = await database.read(lambda c: still_stopping(c, called, clock.now()))
        verdict = await database.read(lambda c: would_stop(c, "8 916 123-45-67", "RU", clock.now()))
        asked = await sought(database, "89161234567")
        state = (await file(database, form, a_message("Ещё", phone(), thread="x")))[0].state
    assert [one.pattern for one in still] == ["telegram:777"]
    assert state == "excluded"
    assert verdict.stopped_by is not None
    assert verdict.stopped_by.pattern == "telegram:777"
    assert asked.stopped_by == verdict.stopped_by


async def test_what_was_written_by_hand_names_what_else_stops_the_same_person_when_it_is_lifted(
    database_url: str, clock: ManualClock
) -> None:
    async with a_database(database_url, clock) as database:
        boss, bot = await an_admin(database), await an_account(database)
        await a_lead(database, bot, "Реклама", telegram(username="anna_p"), phone())
        called = await put(database, boss, "8 916 123-45-67")
        named = await put(database, boss, "@anna_p")
        mailed = await put(database, boss, "joe@bad.example")
        domain = await put(database, boss, "@bad.example")
        still = [
            await database.read(partial(still_stopping, lifted=one, now=clock.now()))
            for one in (called, named, mailed, domain)
        ]
    assert still == [(named,), (called,), (domain,), ()]


async def test_what_still_stops_somebody_excluded_from_a_card_is_named_after_a_merge_too(
    database_url: str, clock: ManualClock
) -> None:
    async with a_database(database_url, clock) as database:
        boss, bot = await an_admin(database), await an_account(database)
        leads = [await a_lead(database, bot, "Реклама", telegram(number)) for number in (1, 2)]
        stays, goes = [row["id"] for row in await every(database, Contact)]
        for lead_id in leads:
            await database.transact(partial(exclude_person, person=boss, lead_id=lead_id))
        await database.transact(lambda tx: merge(tx, stays, goes, boss))
        lifted = (await sought(database, "id 2")).exact
        assert lifted is not None
        await database.transact(lambda tx: lift(tx, boss, lifted.id))
        still = await database.read(lambda c: still_stopping(c, lifted, clock.now()))
        state = (await file(database, bot, a_message("Ещё", telegram(2))))[0].state
    assert [one.pattern for one in still] == ["telegram:1"]
    assert state == "excluded"


async def test_what_was_lifted_goes_back_as_it_was(database_url: str, clock: ManualClock) -> None:
    async with a_database(database_url, clock) as database:
        boss, olga = await an_admin(database), await a_manager(database)
        form = await an_account(database, "form", "main")
        made = await put(database, boss, "+79161234567; спам на 2 дня")
        await file(database, form, a_message("раз", phone()))
        lifted = await database.transact(lambda tx: lift(tx, boss, made.id))
        assert await database.read(lambda c: entry(c, made.id, clock.now())) is None
        back = await database.transact(lambda tx: put_back(tx, boss, made.id))
        twice = await database.transact(lambda tx: put_back(tx, boss, made.id))
        now = await database.read(lambda c: entry(c, made.id, clock.now()))
        state = (await file(database, form, a_message("два", phone())))[0].state
        await database.transact(lambda tx: lift(tx, boss, made.id))
        anew = await put(database, boss, "+79161234567; снова")
        kept = await database.transact(lambda tx: put_back(tx, boss, made.id))
        await database.transact(lambda tx: lift(tx, boss, anew.id))
        clock.advance(timedelta(days=2))
        with pytest.raises(Refusal) as over:
            await database.transact(lambda tx: put_back(tx, boss, made.id))
        with pytest.raises(Refusal) as forbidden:
            await database.transact(lambda tx: put_back(tx, olga, made.id))
    assert lifted == back == twice == now
    assert (back.hits, back.comment) == (1, "спам")
    assert state == "excluded"
    assert kept == anew
    assert (over.value.key, forbidden.value.key) == ("refused-nothing-to-undo", "refused-admins-only")


async def test_a_line_that_is_on_the_list_keeps_its_end_until_it_is_changed(
    database_url: str, clock: ManualClock
) -> None:
    end = datetime(2026, 12, 31, 21, tzinfo=UTC)
    async with a_database(database_url, clock) as database:
        boss, olga = await an_admin(database), await a_manager(database)
        made = await put(database, boss, "+79161234567; спам")
        (again,) = await database.transact(
            lambda tx: add(tx, boss, "+79161234567; хамит до 31.12.2026", timezone="Europe/Moscow")
        )
        assert isinstance(again, Already)
        changed = await database.transact(lambda tx: change(tx, boss, made.id, end, "хамит"))
        kept = await database.transact(lambda tx: change(tx, boss, made.id, None, None))
        refusals = []
        for deed in (
            partial(change, person=olga, exclusion_id=made.id, expires_at=end, comment=None),
            partial(change, person=boss, exclusion_id=made.id, expires_at=clock.now(), comment=None),
            partial(change, person=boss, exclusion_id=1, expires_at=end, comment=None),
        ):
            with pytest.raises(Refusal) as refused:
                await database.transact(deed)
            refusals.append(refused.value.key)
    assert again.entry == made
    assert (again.comment, again.expires_at) == ("хамит", end)
    assert (changed.comment, changed.expires_at) == ("хамит", end)
    assert (kept.comment, kept.expires_at) == ("хамит", None)
    assert refusals == ["refused-admins-only", "refused-expiry-past", "refused-exclusion-gone"]


async def test_a_search_of_the_list_has_pages_too(database_url: str, clock: ManualClock) -> None:
    async with a_database(database_url, clock) as database:
        boss = await an_admin(database)
        lines = "\n".join(f"spam{number}@wave.example; волна" for number in range(11))
        await database.transact(lambda tx: add(tx, boss, f"{lines}\n+79161234567"))
        seen: list[str] = []
        after: int | None = None
        while True:
            some = await database.read(partial(page, now=clock.now(), query="волна", after=after, limit=4))
            assert some.total == 11
            seen += [one.pattern for one in some.entries]
            if (after := some.next) is None:
                break
    assert len(seen) == len(set(seen)) == 11


async def test_an_address_with_a_tag_is_not_taken_for_the_mailbox_itself_when_tried(
    database_url: str, clock: ManualClock
) -> None:
    """We know her by the tag and the telephone alone: a letter from the mailbox itself is a stranger's."""
    async with a_database(database_url, clock) as database:
        boss, form = await an_admin(database), await an_account(database, "form", "main")
        await a_lead(database, form, "Привет", email("anna+shop@example.org"), phone())
        called = await put(database, boss, "8 916 123-45-67")
        verdicts = [
            await database.read(partial(would_stop, written=written, region="RU", now=clock.now()))
            for written in ("anna@example.org", "anna+shop@example.org")
        ]
        filed = [
            (await file(database, form, a_message("Ещё", email(address), thread=address)))[0].state
            for address in ("anna@example.org", "anna+shop@example.org")
        ]
    assert [verdict.stopped_by and verdict.stopped_by.id for verdict in verdicts] == [None, called.id]
    assert filed == ["filed", "excluded"]


class Untried(Exception):
    """Takes back what was filed only to see what would become of it."""


@pytest.mark.parametrize("seed", range(8))
async def test_what_a_trial_says_is_what_the_gate_does(
    database_url: str, clock: ManualClock, seed: int
) -> None:
    chance = random.Random(seed)
    emails = ("a@one.example", "a+t@one.example", "b@mail.one.example", "c+q@two.example", "c@two.example")
    known = (
        *[telegram(number, username=f"user{number}") for number in range(11111, 11114)],
        *[email(address) for address in emails],
        *[phone(f"+7916000000{number}") for number in range(3)],
    )
    spelled = {one: f"id {one.value}" if one.kind == "telegram" else one.value for one in known}
    wider = ("@one.example", "@mail.one.example", "@user11111", "@user11113")
    async with a_database(database_url, clock) as database:
        boss, form, bot = (
            await an_admin(database),
            await an_account(database, "form", "main"),
            await an_account(database),
        )
        for number in range(chance.randint(2, 7)):
            addresses = chance.sample(known, chance.randint(1, 3))
            with_telegram = sorted(addresses, key=lambda one: one.kind != "telegram")
            account = bot if with_telegram[0].kind == "telegram" else form
            thread = None if account is bot else f"form {number}"
            await file(database, account, a_message("?", *with_telegram, thread=thread))
        people = [row["id"] for row in await every(database, Contact)]
        if len(people) > 2:
            one, two = chance.sample(people, 2)
            await database.transact(lambda tx: merge(tx, one, two, boss))
        listed = chance.sample([*spelled.values(), *wider], chance.randint(1, 3))
        await database.transact(lambda tx: add(tx, boss, "\n".join(listed)))
        for address, written in spelled.items():
            verdict = await database.read(partial(would_stop, written=written, region="RU", now=clock.now()))
            account = bot if address.kind == "telegram" else form
            # Of a stranger's username nothing is known before they write.
            written_by = replace(address, username=None)
            tried = [Parcel.of(a_message("Проба", written_by, thread=f"{address.value} anew"))]
            states: list[str] = []

            def work(tx: Transaction, account: AccountRef, tried: list[Parcel], states: list[str]) -> None:
                states.append(file_batch(tx, account, tried)[0].state)
                raise Untried

            with pytest.raises(Untried):
                await database.transact(partial(work, account=account, tried=tried, states=states))
            assert (verdict.stopped_by is not None) == (states[-1] == "excluded"), (written, listed)
