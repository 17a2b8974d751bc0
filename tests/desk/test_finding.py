"""Finding people and leads by a piece of what one remembers, and all of what fits, page by page."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pytest
from sqlalchemy import text

from channels.form.inbound import normalise
from core.channel import InboundMessage
from core.clock import ManualClock
from core.database import Transaction
from core.desk.finding import MOST, find, find_page
from core.leads.answering import Draft, reply
from tests.builders import a_database, a_lead, a_manager, a_message, an_account, email, file, phone, telegram


@pytest.mark.parametrize(
    ("query", "by"),
    [
        ("4567", "phone"),
        ("916 123", "phone"),
        ("123-45-67", "phone"),
        ("8916123", "phone"),
        ("+7 916", "phone"),
        ("anna_k", "username"),
        ("Anna_K", "username"),
        ("tg:777", "telegram"),
        ("id 777", "telegram"),
        ("@firma.ru", "email"),
        ("Firma.ru", "email"),
        ("Anna.K@", "email"),
    ],
)
async def test_a_piece_of_an_address_is_enough(
    database_url: str, clock: ManualClock, query: str, by: str
) -> None:
    async with a_database(database_url, clock) as database:
        await a_manager(database)
        bot, form = await an_account(database), await an_account(database, "form", "main")
        await a_lead(database, form, "Другое", phone("+74952223344"))
        await a_lead(database, form, "Третье", email("annaxk@example.com"))
        anna = telegram(777, username="Anna_K"), phone(), email("anna.k@firma.ru")
        lead_id = await a_lead(database, bot, "Привет", *anna)
        found = await database.read(lambda connection: find(connection, query, "RU", language="ru"))
    assert [(one.lead.id if one.lead else None, one.by) for one in found] == [(lead_id, by)]


@pytest.mark.parametrize("query", ["456", "12.5", "anna_", "916_123", "45%7", "1" * 20])
async def test_too_small_a_piece_or_a_sign_of_the_search_itself_finds_nobody(
    database_url: str, clock: ManualClock, query: str
) -> None:
    async with a_database(database_url, clock) as database:
        await a_manager(database)
        bot = await an_account(database)
        await a_lead(database, bot, "Привет", telegram(777, username="Anna_K"), phone())
        assert await database.read(lambda connection: find(connection, query, "RU", language="ru")) == ()


@pytest.mark.parametrize(
    "written",
    [
        "договор № 12/2026 от мая",
        "размер 2.5х3.5 метра",
        "пишите info@firma.ru",
        "смотрите https://example.org/katalog/kuhni?x=1 там",
        "артикул АБ-123_45",
        "к 12:30, 5.12.2026",
        "файл dogovor_v2.final.pdf",
        "ООО «Ромашка-Плюс»",
        "скидка -20%",
        "<b>жирный</b> &amp; 😀смайл",
        "Ёлка-ёжик и/или т.д.",
    ],
)
async def test_what_was_written_is_found_by_itself_and_by_each_of_its_words(
    database_url: str, clock: ManualClock, written: str
) -> None:
    async with a_database(database_url, clock) as database:
        bot = await an_account(database)
        lead_id = await a_lead(database, bot, written)
        await a_lead(database, bot, "другое", telegram(2))
        for query in (written, *written.split()):
            if not any(letter.isalnum() for letter in query):
                continue
            found = await database.read(partial(find, query=query, language="ru"))
            assert [one.lead.id for one in found if one.lead] == [lead_id], query


@pytest.mark.parametrize(
    ("written", "query"),
    [
        ("Где заказ №4521?", "4521"),
        ("Где заказ №4521?", "№ 4521"),
        ("Где заказ №4521?", "заказ №45"),
        ("Где заказ № 4521?", "№4521"),
        ("Где заказ 4521?", "№4521"),
        ("Столешница 120-60", "120-60"),
        ("Столешница 120-60", "60"),
        ("Договор А-17/2 от 15.06", "17/2"),
        ("Договор А-17/2 от 15.06", "15.06"),
        ("Договор А-17/2 от 15.06", "06"),
        ("смотрел на www.firma.ru/kuhni?x=1", "kuhni"),
        ("смотрел на www.firma.ru/kuhni?x=1", "firma"),
        ("пишите anna@firma.ru", "firma"),
    ],
)
async def test_words_and_numbers_are_found_whatever_signs_stand_at_them(
    database_url: str, clock: ManualClock, written: str, query: str
) -> None:
    async with a_database(database_url, clock) as database:
        await a_manager(database)
        bot = await an_account(database)
        lead_id = await a_lead(database, bot, written, telegram(5))
        await a_lead(database, bot, "Другое", telegram(6))
        found = await database.read(lambda connection: find(connection, query, "RU", language="ru"))
    assert [one.lead.id if one.lead else None for one in found] == [lead_id]


async def test_a_letter_is_found_by_its_subject_whoever_has_written_it(
    database_url: str, clock: ManualClock
) -> None:
    async with a_database(database_url, clock) as database:
        olga, mailbox = await a_manager(database), await an_account(database, "email", "line@example.com")
        letter = a_message("Добрый день", email(), thread="mail:anna@example.org")
        assert isinstance(letter.understood, InboundMessage)
        letter = replace(letter, understood=replace(letter.understood, subject="Договор поставки"))
        lead_id = (await file(database, mailbox, letter))[0].lead_id or 0
        draft = Draft("Во вложении", subject="Счёт за кухню")
        await database.transact(lambda tx: reply(tx, olga, lead_id, draft))
        for query in ("договор поставки", "счет за кухню"):
            (found,) = await database.read(partial(find, query=query, language="ru"))
            assert found.lead is not None
            assert (found.lead.id, found.by) == (lead_id, "text")


async def test_a_form_is_found_by_the_firm_that_it_names(database_url: str, clock: ManualClock) -> None:
    async with a_database(database_url, clock) as database:
        form = await an_account(database, "form", "main")
        body = "Компания=ООО «Ромашка»&Телефон=8 916 123-45-67&Комментарий=Нужен расчёт".encode()
        post = normalise(body, "application/x-www-form-urlencoded", clock.now())
        (filed,) = await file(database, form, post)
        (found,) = await database.read(partial(find, query="ромашка", language="ru"))
    assert found.lead is not None
    assert found.lead.id == filed.lead_id


async def test_every_page_follows_the_one_before_and_nothing_that_fits_is_kept_back(
    database_url: str, clock: ManualClock
) -> None:
    async with a_database(database_url, clock) as database:
        await a_manager(database)
        form = await an_account(database, "form", "main")
        sent = [a_message("Ремонт кухни", email(f"a{number}@firma.ru")) for number in range(14)]
        leads = [one.lead_id for one in await file(database, form, *sent)]
        seen: list[int | None] = []
        skip, pages = 0, 0
        while True:
            page = await database.read(partial(find_page, query="кухни", limit=5, language="ru", skip=skip))
            assert (page.total, page.skipped) == (14, skip)
            seen += [one.lead.id if one.lead else None for one in page.found]
            pages += 1
            if page.next is None:
                break
            skip = page.next
        strange = await database.read(
            lambda connection: find_page(connection, "кухни", limit=5, language="ru", skip=99)
        )
    assert pages == 3
    assert seen == sorted(leads, key=lambda id_: id_ or 0, reverse=True)
    assert strange.skipped == 0


async def test_counting_stops_and_what_is_counted_can_be_turned_to(
    database_url: str, clock: ManualClock
) -> None:
    async with a_database(database_url, clock) as database:
        await a_manager(database)
        form = await an_account(database, "form", "main")
        sent = [a_message("Ремонт", email(f"a{number}@firma.ru")) for number in range(MOST + 5)]
        await file(database, form, *sent)
        last = await database.read(
            lambda connection: find_page(connection, "ремонт", language="ru", skip=MOST - 10)
        )
    assert (last.total, last.next, len(last.found)) == (MOST, None, 10)


async def test_a_person_without_a_lead_is_shown_with_what_they_can_be_reached_by(
    database_url: str, clock: ManualClock
) -> None:
    async with a_database(database_url, clock) as database:
        await a_manager(database)
        form = await an_account(database, "form", "main")
        lead_id = await a_lead(database, form, "Привет", phone(), email())
        other = await a_lead(database, form, "Другое", phone("+74952223344"))

        def orphan(tx: Transaction) -> None:  # what a line whose rule is "attach", or an import, leaves
            tx.connection.execute(
                text(
                    "UPDATE lead SET contact_id = (SELECT contact_id FROM lead WHERE id = :other) WHERE id = :id"
                ),
                {"id": lead_id, "other": other},
            )

        await database.transact(orphan)
        (found,) = await database.read(lambda connection: find(connection, "4567", language="ru"))
    assert found.lead is None
    assert [address.value for address in found.addresses] == ["+79161234567", "anna@example.org"]
