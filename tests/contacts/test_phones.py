"""Telephone keys: one person keeps one key however a number is written, and no other digits become one."""

from __future__ import annotations

import time

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.contacts.phones import MAX_NUMBERS, inspect_phone, parse_phone, phone_keys


def keys(text: str, region: str | None = "RU") -> list[str]:
    return [phone.e164 for phone in phone_keys(text, region)]


@pytest.mark.parametrize(
    "written",
    [
        "+7 921 555-12-34",
        "8 (921) 555-12-34",
        "8-921-555-12-34",
        "89215551234",
        "79215551234",
        "9215551234",
        "921)555.12.34",
        "+7\u00a0(921)\u00a0555‑12‑34",
        "８ ９２１ ５５５ １２ ３４",
        "٨٩٢١٥٥٥١٢٣٤",
        "8—921—555—12—34",
        "\u202a+7 921 555 12 34\u202c",
        "тел.: 8 921 555 12 34",
        "моб.89215551234",
        "Телефон8(921)5551234",
        "tel:+79215551234",
        "+8 (921) 555-12-34",
        "+89215551234",
        "+7 8 921 555 12 34",
        "+7 +7 921 555 12 34",
        "007 921 555 12 34",
        "8 9 2 1 5 5 5 1 2 3 4",
        "https://wa.me/79215551234",
        "+7-921-555-12-34 (Пётр)",
        "79215551234whatsapp",
    ],
)
def test_one_number_has_one_key_however_it_is_written(written: str) -> None:
    assert keys(written) == ["+79215551234"]


@pytest.mark.parametrize(
    ("written", "region", "key"),
    [
        ("8~10 44 20 7031 3000", "RU", "+442070313000"),
        ("8 10 44 20 7031 3000", "RU", "+442070313000"),
        ("00 49 30 123456", "RU", "+4930123456"),
        ("+49 (0)30 123456", "RU", "+4930123456"),
        ("030/123456", "DE", "+4930123456"),
        ("375 29 123-45-67", "RU", "+375291234567"),
        ("8 701 123 45 67", "RU", "+77011234567"),
        ("(212) 736-5000", "US", "+12127365000"),
        ("+44 20 7031 3000", None, "+442070313000"),
        ("+44 20 7031 3000", "ZZ", "+442070313000"),
        ("tel:736-5000;phone-context=+1-212", "RU", "+12127365000"),
        ("0800 DDA 005", "NZ", "+64800332005"),
    ],
)
def test_other_countries_are_read_as_they_dial(written: str, region: str | None, key: str) -> None:
    assert keys(written, region) == [key]


@pytest.mark.parametrize(
    ("written", "extension"),
    [
        ("8 (495) 662-12-34 доб. 45", "45"),
        ("8 (495) 662-12-34 доб45", "45"),
        ("8 (495) 662-12-34 (доб. 45)", "45"),
        ("8 (495) 662-12-34, вн. 45", "45"),
        ("84956621234#45", "45"),
        ("84956621234 x45", "45"),
        ("+7 495 6621234 ext. 45", "45"),
        ("+74956621234,,45", "45"),
        ("tel:+74956621234;ext=45", "45"),
        ("8 (495) 662-12-34", None),
    ],
)
def test_an_extension_is_kept_beside_the_key(written: str, extension: str | None) -> None:
    phone = parse_phone(written)
    assert phone is not None
    assert (phone.e164, phone.extension) == ("+74956621234", extension)


@pytest.mark.parametrize(
    "written",
    [
        "8 921 555-12-34, 8(495)662-12-34",
        "89215551234 84956621234",
        "8 921 555 12 34 8 495 662 12 34",
        "+79215551234/+74956621234",
        "+7 921 555 12 34+7 495 662 12 34",
        "9215551234 4956621234",
        "моб 8-921-555-12-34; раб. 8 (495) 662-12-34 доб. 7",
        "8 921 5551234 Анна\n8 495 6621234 офис",
    ],
)
def test_several_numbers_in_one_field_are_several_keys(written: str) -> None:
    assert keys(written) == ["+79215551234", "+74956621234"]
    assert parse_phone(written) is None


@pytest.mark.parametrize(
    "written",
    [
        "",
        "12-34-56",
        "8921555123",
        "ИНН 7707083893",
        "Наш ИНН: 7707083893, КПП 770701001",
        "4276 1234 5678 9010",
        "550e8400-e29b-41d4-a716-446655440000",
        "89215551234@mail.ru",
        "https://shop.ru/?order=89215551234",
        "https://shop.ru/89215551234/photo",
        "Встреча 30.12.2024 15:00",
        "Бюджет 89 215 551 234 руб.",
        "89.163.219.123",
        "40702810900000012345",
        "заказ №9215551234 и ещё много слов, чтобы это была обычная речь, а не поле",
        "+7 (___) ___-__-__",
        "12 Main Street",
    ],
)
def test_other_digits_are_not_a_telephone(written: str) -> None:
    assert keys(written) == []


def test_without_a_country_only_international_numbers_are_keys() -> None:
    assert keys("8 921 555-12-34", None) == []
    assert keys("8 921 555-12-34", "ZZ") == []


def test_a_number_is_found_in_the_middle_of_a_letter() -> None:
    letter = (
        "Добрый день! Заказ 1234567890 от 12.05.2024 8 921 555-12-34 так и не пришёл, ИНН 7707083893.\n"
        "Звоните после 18:00, квартира 15. Мой второй номер 4956621234, спасибо."
    )
    assert keys(letter) == ["+79215551234", "+74956621234"]


def test_what_the_system_understood_is_shown_with_all_numbers() -> None:
    assert inspect_phone("8 921 555-12-34 доб. 2, 8(495)662-12-34") == {
        "input": "8 921 555-12-34 доб. 2, 8(495)662-12-34",
        "e164": "+79215551234",
        "extension": "2",
        "others": ["+74956621234"],
    }


national_numbers = st.from_regex(r"[34789][0-9]{9}", fullmatch=True)
ways = st.sampled_from([("+7", "ZZ"), ("8", "RU"), ("7", "RU"), ("", "RU"), ("8", "KZ"), ("", "KZ")])


@given(national_numbers, ways)
def test_the_short_way_of_plus_seven_decides_as_the_plan_does(national: str, way: tuple[str, str]) -> None:
    prefix, region = way
    parsed = phonenumbers.parse(prefix + national, region)
    valid = phonenumbers.is_valid_number(parsed)
    expected = [phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)] if valid else []
    assert keys(prefix + national, region) == expected


texts = st.text(alphabet="0123456789+-() .,/доб#x~\n", max_size=80) | st.text(max_size=80)


@given(texts, st.sampled_from(["RU", "US", None]))
def test_every_key_is_a_valid_number_and_its_own_key(text: str, region: str | None) -> None:
    for phone in phone_keys(text, region):
        assert phonenumbers.is_valid_number(phonenumbers.parse(phone.e164, None))
        assert keys(phone.e164, region) == [phone.e164]


@pytest.mark.parametrize(
    "piece",
    [
        " 1",
        "1",
        "8 900 ",
        "+7",
        "8 921 5551234 ",
        "(1) ",
        "1-",
        "tel:1;",
        "тел8900 ",
        "12345 a",
        "921555123 4",
    ],
)
def test_a_long_text_costs_little(piece: str) -> None:
    text = (piece * 65_536)[:65_536]
    phone_keys("+7 921 555-12-34")  # the plans are loaded once
    began = time.process_time()
    assert len(phone_keys(text)) <= MAX_NUMBERS
    assert time.process_time() - began < 0.5
