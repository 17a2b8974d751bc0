"""E-mail keys: what people write becomes one key per mailbox, and nothing else becomes one."""

from __future__ import annotations

import time

import pytest
from email_validator import EmailNotValidError, validate_email
from hypothesis import example, given, settings
from hypothesis import strategies as st

from core.contacts.emails import MAX_EMAILS, emails_in, parse_email, readable_email


@pytest.mark.parametrize(
    ("written", "key"),
    [
        ("Olga.Smirnova@Yandex.RU", "olga.smirnova@yandex.ru"),
        ("  <olga@yandex.ru> ", "olga@yandex.ru"),
        ("Ольга Смирнова <Olga@yandex.ru>", "olga@yandex.ru"),
        ("mailto:olga@yandex.ru?subject=Заявка", "olga@yandex.ru"),
        ("olga@yandex.ru.", "olga@yandex.ru"),
        ("olga @ yandex.ru", "olga@yandex.ru"),
        ("«olga@yandex.ru»", "olga@yandex.ru"),
        ("'olga@yandex.ru'", "olga@yandex.ru"),
        ("почта:olga@yandex.ru,тел. 8900", "olga@yandex.ru"),
        ("olga@yandex.ruТелефон", "olga@yandex.ru"),
        ("olga\u200b@yandex.ru", "olga@yandex.ru"),
        ("olga＠yandex．ru", "olga@yandex.ru"),
        ("o.l.ga+shop@gmail.com", "o.l.ga+shop@gmail.com"),
        ("Инфо@Завод.РФ", "инфо@xn--80aegj1b.xn--p1ai"),
        ("o'brien@mail.ie", "o'brien@mail.ie"),
    ],
)
def test_one_address_in_whatever_dress_is_one_key(written: str, key: str) -> None:
    assert parse_email(written) == key


@pytest.mark.parametrize(
    "written",
    ["", "@", "olga", "olga@", "olga@localhost", "o@shop.test", "olga@-mail.ru", "a b@", "a@mail"],
)
def test_what_is_no_address_stays_text(written: str) -> None:
    assert parse_email(written) is None
    assert emails_in(written) == ()


def test_letters_and_punycode_are_the_same_mailbox_and_people_see_letters() -> None:
    key = parse_email("info@завод.рф")
    assert key == parse_email("info@xn--80aegj1b.xn--p1ai")
    assert key is not None
    assert readable_email(key) == "info@завод.рф"
    assert readable_email("olga@yandex.ru") == "olga@yandex.ru"
    assert readable_email("a@xn--.ru") == "a@xn--.ru"


def test_two_addresses_are_not_one_but_both_are_found_in_order() -> None:
    text = "Пишите на sales@shop.ru или Boss@Shop.ru/sales@shop.ru"
    assert parse_email(text) is None
    assert emails_in(text) == ("sales@shop.ru", "boss@shop.ru")


ordinary = st.from_regex(
    r"[a-z0-9_.+-]{1,70}@[a-z0-9.-]{1,60}\.(ru|com|test|local|arpa|x1|xn--p1ai)", fullmatch=True
)


@given(ordinary)
@example("a..b@mail.ru")
@example("a.@mail.ru")
@example("a@ab--cd.ru")
@example("a@xn--p1ai.ru")
@settings(max_examples=150)
def test_the_short_way_decides_as_the_validator_does(address: str) -> None:
    try:
        expected = validate_email(address, check_deliverability=False).ascii_email
    except EmailNotValidError:
        expected = None
    if expected is not None:
        assert parse_email(address) == expected.lower()
    else:
        assert parse_email(address) != address


@given(st.text(alphabet="ab.@-+ <>,йЙ\u200b\ud800\x00", max_size=60) | st.text(max_size=60))
def test_any_text_gives_keys_that_are_keys_again(text: str) -> None:
    for key in emails_in(text):
        assert key == key.strip()
        assert key.count("@") == 1
        assert parse_email(key) is not None


@pytest.mark.parametrize("piece", ["@", "a@", "a@b.", "x@y.ru ", "a", "a@" + "b." * 400, " @ ", "'@'"])
def test_a_long_text_costs_little(piece: str) -> None:
    text = (piece * 65_536)[:65_536]
    began = time.process_time()
    assert len(emails_in(text)) <= MAX_EMAILS
    assert time.process_time() - began < 0.5
