"""Of a forwarded letter nothing is lost that somebody could read in it."""

from __future__ import annotations

import re
from email.message import EmailMessage
from html import escape

from hypothesis import given
from hypothesis import strategies as st

from channels.email.letter import read_letter

LINES = st.lists(st.text("абвгдежз abcdefg", max_size=30), max_size=8)


def forwarded(plain: str, html: str, subject: str = "Fwd: Запрос") -> bytes:
    message = EmailMessage()
    message["From"] = "anna@example.org"
    message["Subject"] = subject
    message.set_content(plain)
    message.add_alternative(f"<body>{html}</body>", subtype="html")
    return message.as_bytes()


@given(LINES, LINES)
def test_every_word_of_either_form_is_in_the_whole_text(plain: list[str], html: list[str]) -> None:
    paragraphs = "".join(f"<p>{escape(line)}</p>" for line in html)
    whole = read_letter(forwarded("\n".join(plain), paragraphs)).whole_text
    words = set(re.findall(r"\w{2,}", " ".join([*plain, *html])))
    assert words <= set(re.findall(r"\w{2,}", whole))


def test_words_that_only_the_html_shows_stand_below_and_are_not_said_twice() -> None:
    letter = read_letter(
        forwarded(
            "Посмотрите, пожалуйста.\n\nСколько стоит доставка?\n",
            "<p>Посмотрите, <b>пожалуйста</b>.</p><p>Сколько стоит доставка?</p><p>Нужна в среду.</p>",
        )
    )
    assert letter.whole_text == "Посмотрите, пожалуйста.\n\nСколько стоит доставка?\n\nНужна в среду."
    assert letter.new_text == "Посмотрите, пожалуйста.\n\nСколько стоит доставка?"


def test_two_forms_of_one_letter_are_one_text() -> None:
    plain = "Посмотрите *сюда* <https://example.org/a?b=1>.\n\n1. раз\n2. два\n"
    html = (
        '<p>Посмотрите <b>сюда</b> <a href="https://example.org/a?b=1">сюда</a>.</p><ol><li>раз<li>два</ol>'
    )
    assert read_letter(forwarded(plain, html)).whole_text == plain.strip()


def test_a_sentence_that_only_says_the_letter_is_in_html_is_nobodys_words() -> None:
    plain, question = "Your mail program does not support HTML.", "Сколько стоит доставка в Тверь? " * 10
    assert read_letter(forwarded(plain, f"<p>{question}</p>")).whole_text == question.strip()
