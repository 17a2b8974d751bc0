"""Texts in Telegram's units: nothing is lost, nothing is cut that should not be."""

from __future__ import annotations

import re
import time

from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from channels.telegram.markup import Part, split, to_entities, utf16_length
from core.channel import Markup, Span

ALPHABET = st.sampled_from("аб в.\n\t!?—,x😀👨‍👩‍👧🇷🇺é" + "e\u0301" + "👍🏽" + "\U000e0067")
TEXTS = st.text(ALPHABET, max_size=120) | st.text(max_size=60)


@st.composite
def marked_texts(draw: st.DrawFn) -> tuple[str, list[Span]]:
    text = draw(TEXTS)
    position = st.integers(-2, len(text) + 2)
    spans = st.builds(
        lambda markup, a, b: Span(
            markup, min(a, b), abs(a - b), "https://e.org" if markup is Markup.LINK else None
        ),
        st.sampled_from(Markup),
        position,
        position,
    )
    return text, draw(st.lists(spans, max_size=5))


def visible(text: str) -> str:
    return "".join(re.sub("[\x00\ud800-\udfff]", "\ufffd", text).split())


@settings(max_examples=200)
@given(marked_texts(), st.integers(2, 40))
def test_parts_fit_and_together_hold_everything_visible(marked: tuple[str, list[Span]], limit: int) -> None:
    text, spans = marked
    parts = split(text, spans, limit)
    assert "".join(visible(part.text) for part in parts) == visible(text)
    for part in parts:
        assert 0 < utf16_length(part.text) <= limit
        assert part.text == part.text.strip()
        assert all(0 <= span.offset < span.offset + span.length <= len(part.text) for span in part.spans)


@settings(max_examples=200)
@given(marked_texts(), st.integers(2, 40))
def test_every_marked_character_keeps_its_mark(marked: tuple[str, list[Span]], limit: int) -> None:
    text, spans = marked
    for span in spans:
        before = visible(text[max(span.offset, 0) : max(span.offset + span.length, 0)])
        pieces = [
            part.text[piece.offset : piece.offset + piece.length]
            for part in split(text, [span], limit)
            for piece in part.spans
        ]
        assert "".join(map(visible, pieces)) == before


@settings(max_examples=200)
@given(marked_texts(), st.integers(2, 40))
@example(
    ("??????????\u200d", [Span(Markup.BOLD, 0, 10)]), 10
)  # the mark ends where a joined character goes on
@example(("абвгдe\u0301", [Span(Markup.BOLD, 0, 6)]), 6)
def test_a_mark_that_fits_into_a_part_is_never_cut(marked: tuple[str, list[Span]], limit: int) -> None:
    text, spans = marked
    assume(spans)
    span = spans[0]
    inside = re.sub(
        "[\x00\ud800-\udfff]", "\ufffd", text[max(span.offset, 0) : max(span.offset + span.length, 0)]
    )
    assume(0 < utf16_length(inside) <= limit)
    assert sum(len(part.spans) for part in split(text, [span], limit)) <= 1


@settings(max_examples=100)
@given(marked_texts())
@example(("😀 жирно", [Span(Markup.BOLD, 2, 5)]))
def test_entities_mark_the_same_characters_in_utf16(marked: tuple[str, list[Span]]) -> None:
    for part in split(*marked):
        wide = part.text.encode("utf-16-le")
        for span, entity in zip(part.spans, to_entities(part), strict=True):
            offset, length = entity["offset"], entity["length"]
            assert isinstance(offset, int)
            assert isinstance(length, int)
            marked_units = wide[2 * offset : 2 * (offset + length)].decode("utf-16-le")
            assert marked_units == part.text[span.offset : span.offset + span.length]


def test_entities_carry_what_the_bot_api_asks_for() -> None:
    part = Part("😀 сайт", (Span(Markup.LINK, 2, 4, "https://e.org"), Span(Markup.LONG_QUOTE, 0, 6)))
    assert to_entities(part) == [
        {"type": "text_link", "offset": 3, "length": 4, "url": "https://e.org"},
        {"type": "expandable_blockquote", "offset": 0, "length": 7},
    ]


def test_a_short_text_is_one_part_without_the_white_space_telegram_would_trim() -> None:
    assert split("  \n привет \n", [Span(Markup.BOLD, 4, 6)]) == (Part("привет", (Span(Markup.BOLD, 0, 6),)),)
    assert split(" \n\t ") == ()
    assert split("") == ()


def test_paragraphs_are_preferred_to_lines_lines_to_sentences_sentences_to_words() -> None:
    assert [p.text for p in split("Первый абзац.\n\nВторой абзац\nего строка", limit=30)] == [
        "Первый абзац.",
        "Второй абзац\nего строка",
    ]
    assert [p.text for p in split("первая строка. да\nвторая строка", limit=22)] == [
        "первая строка. да",
        "вторая строка",
    ]
    assert [p.text for p in split("Раз два. Три четыре пять", limit=14)] == ["Раз два.", "Три четыре", "пять"]
    assert [p.text for p in split("длинноеслово ещёодно", limit=15)] == ["длинноеслово", "ещёодно"]


def test_a_part_that_fills_the_limit_exactly_is_not_cut_shorter() -> None:
    assert [len(p.text) for p in split("ы" * 4096 + " " + "ы" * 10)] == [4096, 10]
    assert [utf16_length(p.text) for p in split("😀" * 2048)] == [4096]
    assert [utf16_length(p.text) for p in split("x" + "😀" * 2048)] == [4095, 2]


def test_what_people_see_as_one_character_stays_whole() -> None:
    family, flag, tone, accent = "👨‍👩‍👧", "🇷🇺", "👍🏽", "e\u0301"
    for character in (family, flag, tone, accent):
        for limit in (13, 17, 24):
            for part in split(character * 40, limit=limit):
                assert part.text == character * (len(part.text) // len(character)), (character, limit)


def test_a_bold_name_moves_to_the_next_part_whole_and_a_long_quote_goes_on() -> None:
    text = "Клиент спрашивает: Анна-Мария Константинопольская ждёт"
    name = Span(Markup.BOLD, text.index("Анна"), len("Анна-Мария Константинопольская"))
    parts = split(text, [name], limit=32)
    assert [p.text[s.offset : s.offset + s.length] for p in parts for s in p.spans] == [
        "Анна-Мария Константинопольская"
    ]
    quote = "слово " * 30
    parts = split("Заголовок\n" + quote, [Span(Markup.LONG_QUOTE, 10, len(quote))], limit=50)
    assert len(parts) > 3
    assert all(len(part.spans) == 1 for part in parts)


def test_what_telegram_refuses_is_replaced_and_links_to_nowhere_are_left_out() -> None:
    (part,) = split("a\x00b\ud83dc", [Span(Markup.LINK, 0, 1)])
    assert part == Part("a\ufffdb\ufffdc")


def test_hostile_texts_take_no_more_than_their_length() -> None:
    for text in (
        "a" * 400_000,
        "\n" * 400_000,
        "e" + "\u0301" * 400_000,
        "🇷" * 200_000,
        ". " * 200_000,
        "\n \n" * 100_000,
    ):
        spans = [Span(Markup.BOLD, at, 7) for at in range(0, len(text), 200)]
        began = time.process_time()
        split(text, spans)
        assert time.process_time() - began < 3
