"""Russian mail as it comes: unlabelled, mislabelled, cut in the middle of a letter."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.email.addresses import read_addresses
from channels.email.attachments import safe_name
from channels.email.charset import clean_line, clean_text, decode
from channels.email.headers import decode_words, parameters

TEXT = "Здравствуйте! Сколько стоит доставка шкафа до Твери?"
PAGES = ["windows-1251", "koi8-r", "cp866", "iso8859-5", "utf-8"]


@pytest.mark.parametrize("real", PAGES)
@pytest.mark.parametrize(
    "label", [None, "us-ascii", "iso-8859-1", "utf-8", "x-nothing", "windows-1251", "koi8-r", "idna"]
)
def test_cyrillic_is_read_whatever_the_label_says(real: str, label: str | None) -> None:
    assert decode(TEXT.encode(real), label) == TEXT


@pytest.mark.parametrize("text", ["Привет", "Заказ", "СРОЧНО", "ООО Ромашка", "Юлия", "Щукин", "Иван Петров"])
@pytest.mark.parametrize("page", ["windows-1251", "koi8-r"])
def test_short_names_are_read_without_a_label(text: str, page: str) -> None:
    assert decode(text.encode(page)) == text


@pytest.mark.parametrize("text", ["Grüße aus München", "Café, voilà", "mañana señor", "på två språk"])
@pytest.mark.parametrize("label", [None, "iso-8859-1", "windows-1252", "utf-8"])
def test_western_letters_do_not_become_cyrillic(text: str, label: str | None) -> None:
    assert decode(text.encode("cp1252"), label) == text


@given(st.binary(max_size=300), st.one_of(st.none(), st.text(max_size=20), st.sampled_from(PAGES)))
def test_any_bytes_under_any_label_become_clean_text(data: bytes, label: str | None) -> None:
    text = clean_text(decode(data, label))
    assert "\x00" not in text
    text.encode("utf-8")


def test_an_encoded_subject_cut_anywhere_is_put_together() -> None:
    subject = "Очень длинная тема письма о шкафах"
    encoded = base64.b64encode(subject.encode()).decode()
    for place in range(1, len(encoded)):
        assert decode_words(f"=?utf-8?B?{encoded[:place]}?=\t=?utf-8?B?{encoded[place:]}?=") == subject
    cut = subject.encode()[:21], subject.encode()[21:]  # in the middle of a letter
    words = " ".join(f"=?UTF-8?B?{base64.b64encode(part).decode()}?=" for part in cut)
    assert decode_words(words) == subject


def test_a_subject_never_becomes_two_headers() -> None:
    assert decode_words("=?utf-8?Q?a=0D=0ABcc:_victim@example.org?=") == "a Bcc: victim@example.org"
    assert clean_line("a\x00b\u202ec\u2028d") == "abc d"


@pytest.mark.parametrize(
    ("value", "address", "name"),
    [
        ('"Петров, Иван" <IVAN@Example.RU>', "ivan@example.ru", "Петров, Иван"),
        ("Петров, Иван <ivan@example.ru>", "ivan@example.ru", "Петров, Иван"),
        ("=?utf-8?B?0JjQstCw0L0=?= <ivan@example.ru>", "ivan@example.ru", "Иван"),
        ("=?utf-8?B?0JjQstCw0L0gPGl2YW5AZS5ydT4=?=", "ivan@e.ru", "Иван"),
        ("ivan@example.ru (Иван)", "ivan@example.ru", "Иван"),
        ("<<ivan@example.ru>>", "ivan@example.ru", ""),
        ("Иван [mailto:ivan@example.ru]", "ivan@example.ru", "Иван"),
        ("Клиенты: ivan@example.ru;", "ivan@example.ru", ""),
        ("'Иван' <ivan@example.ru>", "ivan@example.ru", "Иван"),
    ],
)
def test_addresses_are_read_however_they_are_written(value: str, address: str, name: str) -> None:
    first = read_addresses(value)[0]
    assert (first.address, first.name) == (address, name)


@pytest.mark.parametrize(
    "value", ["undisclosed-recipients:;", "", "Иван", "<>", "power user@", "a b c@example.ru <"]
)
def test_what_is_no_address_gives_none_or_a_real_one(value: str) -> None:
    assert all("@" in box.address and " " not in box.address for box in read_addresses(value))


@given(st.text(max_size=300))
def test_any_header_gives_safe_names_and_addresses(value: str) -> None:
    for box in read_addresses(value):
        assert not set("\r\n\x00<> ") & set(box.address)
        assert box.name == clean_line(box.name)
    parameters(value)


@given(st.text(max_size=300), st.sampled_from(["image/png", "application/pdf", "x/y", "message/rfc822"]))
def test_any_file_name_is_safe(written: str, media_type: str) -> None:
    name = safe_name(written, media_type)
    assert name
    assert name not in (".", "..")
    assert not name.startswith(".")
    assert not set('/\\\x00\r\n<>:"|?*') & set(name)
    assert len(name) <= 130
    assert len(name.encode()) <= 255


def test_the_extension_survives_a_long_name_and_a_path_does_not() -> None:
    assert safe_name("ш" * 300 + ".docx", "x/y").endswith("ш.docx")
    assert safe_name("C:\\Users\\Иван\\счёт.pdf", "application/pdf") == "счёт.pdf"
    assert safe_name("../../etc/passwd", "x/y") == "passwd"
    assert safe_name("CON.txt", "text/plain") == "_CON.txt"
    assert safe_name("", "image/png") == "image.png"
