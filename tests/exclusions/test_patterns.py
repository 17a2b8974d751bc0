"""What an admin means by one line of the exclusion list, and under which keys somebody is looked up in it."""

from __future__ import annotations

from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.clock import ManualClock
from core.contacts.phones import parse_phone
from core.desk.exclusion_lookup import would_stop
from core.desk.exclusions import Added, add, add_pattern
from core.errors import Refusal
from core.exclusions.patterns import Pattern, parse_pattern, pattern_keys
from tests.builders import a_database, a_message, an_account, an_admin, email, file, telegram

TEN_DIGITS = "7771234567"  # an id of Telegram's, and a telephone in Kazakhstan


@given(
    st.integers(min_value=1, max_value=10**13),
    st.sampled_from(["telegram:{}", "tg:{}", "id{}", "ID {}", "Telegram id {}", "тг: {}", "tg://user?id={}"]),
)
def test_digits_that_are_said_to_be_a_telegram_id_are_never_a_telephone(number: int, spelling: str) -> None:
    assert parse_pattern(spelling.format(number)) == Pattern("telegram", str(number))


@pytest.mark.parametrize(
    ("written", "key"),
    [
        (TEN_DIGITS, f"phone:+7{TEN_DIGITS}"),
        ("тг 8 916 123-45-67", "phone:+79161234567"),
        ("telegram: +7 916 123-45-67", "phone:+79161234567"),
        ("https://t.me/Anna_P/", "username:anna_p"),
        ("www.t.me/anna_p", "username:anna_p"),
        ("@Почта.рф", "domain:xn--80a1acny.xn--p1ai"),
    ],
)
def test_the_spelling_decides_what_is_meant(written: str, key: str) -> None:
    assert parse_pattern(written).key == key


@pytest.mark.parametrize(
    ("written", "domain"),
    [
        ("example.net", "@example.net"),
        ("https://example.net/page?x=1", "@example.net"),
        ("http://www.Shop.example.net:8080", "@shop.example.net"),
        ("gmail.com", None),
        ("https://vk.com/anna", None),
        ("v1.2", None),
        ("привет", None),
    ],
)
def test_a_bare_domain_is_refused_with_the_spelling_that_would_mean_it(
    written: str, domain: str | None
) -> None:
    with pytest.raises(Refusal) as refused:
        parse_pattern(written)
    assert refused.value.arguments.get("domain") == domain
    assert refused.value.key == ("refused-pattern-bare-domain" if domain else "refused-pattern-unclear")


@pytest.mark.parametrize(
    ("written", "is_wide"),
    [
        ("@gmail.com", True),
        ("@yandex.kz", True),
        ("@Yahoo.co.uk", True),
        ("@hotmail.fr", True),
        ("@mail.com", True),
        ("@co.uk", True),
        ("@com.ua", True),
        ("@spam.gmail.com", False),
        ("@yandex.spam.example", False),
        ("@com.spam.example", False),
    ],
)
def test_what_thousands_of_strangers_write_from_is_no_pattern(written: str, is_wide: bool) -> None:
    key = ""
    try:
        parse_pattern(written)
    except Refusal as refused:
        key = refused.key
    assert key == ("refused-pattern-wide" if is_wide else "")


@given(st.text(max_size=80))
def test_whatever_is_written_is_a_pattern_or_a_refusal(written: str) -> None:
    try:
        pattern = parse_pattern(written)
    except Refusal:
        return
    assert pattern.kind in ("phone", "email", "domain", "telegram", "username")
    assert pattern.kind != "phone" or parse_phone(pattern.value) is not None


def test_an_address_with_a_tag_is_looked_up_as_its_mailbox_too_and_never_the_other_way_round() -> None:
    assert pattern_keys("email", "spam+1+x@mail.bad.ru", None) == (
        "email:spam+1+x@mail.bad.ru",
        "email:spam@mail.bad.ru",
        "domain:mail.bad.ru",
        "domain:bad.ru",
    )
    assert pattern_keys("email", "spam@bad.ru", None) == ("email:spam@bad.ru", "domain:bad.ru")
    assert pattern_keys("email", "+1@bad.ru", None)[0] == "email:+1@bad.ru"
    assert len(pattern_keys("email", "+1@bad.ru", None)) == 2


async def test_the_author_of_a_forwarded_message_stays_out_whatever_their_id(
    database_url: str, clock: ManualClock
) -> None:
    async with a_database(database_url, clock) as database:
        boss, bot = await an_admin(database), await an_account(database)
        for number in (TEN_DIGITS, "8", "79161234567"):
            pattern = Pattern("telegram", number)
            (result,) = await database.transact(partial(add_pattern, person=boss, pattern=pattern))
            (filed,) = await file(database, bot, a_message("Купите", telegram(number)))
            assert isinstance(result, Added)
            assert filed.state == "excluded", number


async def test_a_tag_in_the_address_does_not_let_an_excluded_mailbox_in(
    database_url: str, clock: ManualClock
) -> None:
    async with a_database(database_url, clock) as database:
        boss, form = await an_admin(database), await an_account(database, "form", "main")
        await database.transact(lambda tx: add(tx, boss, "spam@bad.ru\nonly+this@bad.ru"))
        states = [
            (await file(database, form, a_message("Купите", email(address))))[0].state
            for address in ("spam+1@bad.ru", "only+this@bad.ru", "only@bad.ru", "nospam+1@bad.ru")
        ]
    assert states == ["excluded", "excluded", "filed", "filed"]


async def test_a_mailbox_at_google_stays_out_however_its_dots_stand(
    database_url: str, clock: ManualClock
) -> None:
    async with a_database(database_url, clock) as database:
        boss, form = await an_admin(database), await an_account(database, "form", "main")
        await file(database, form, a_message("Раз", email("s.p.am@gmail.com")))
        await file(database, form, a_message("Два", email("sp.am+1@googlemail.com")))
        await file(database, form, a_message("Три", email("spam@example.org")))
        (result,) = await database.transact(lambda tx: add(tx, boss, "Sp.Am@Gmail.com"))
        tried = [
            await database.read(partial(would_stop, written=written, region="RU", now=clock.now()))
            for written in ("spa.m@gmail.com", "s.p.a.m+2@gmail.com", "sp.am@example.org")
        ]
        states = [
            (await file(database, form, a_message("Купите", email(address))))[0].state
            for address in (
                "spa.m@gmail.com",
                "s.p.a.m+2@gmail.com",
                "spam@googlemail.com",
                "sp.am@example.org",
            )
        ]
    assert isinstance(result, Added)
    assert (result.entry.value, result.covered) == ("spam@gmail.com", 2)
    assert [verdict.stopped_by is not None for verdict in tried] == [True, True, False]
    assert states == ["excluded", "excluded", "excluded", "filed"]
