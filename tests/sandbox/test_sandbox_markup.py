"""The rules and the wording are Telegram's own, as tdlib and its Bot API server have them."""

from __future__ import annotations

import html
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.calls import ApiError, Json
from sandbox.entities import checked_entities, tidied
from sandbox.markup import parse
from sandbox.markup_text import utf16_length

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=80)
MARKED = st.text(st.sampled_from(list("ab _*[]()~`>#+-=|{}.!\\\n<>&;/\"'=🏟ю")), max_size=40)


def entity(kind: str, offset: int, length: int, **more: str) -> Json:
    return {"type": kind, "offset": offset, "length": length, **more}


@pytest.mark.parametrize(
    ("source", "plain", "entities"),
    [
        ("Заявка <b>№5</b>", "Заявка №5", [entity("bold", 7, 2)]),
        ("🏟<i>🏟</i>", "🏟🏟", [entity("italic", 2, 2)]),
        ("<b>a<i>b</i></b>", "ab", [entity("bold", 0, 2), entity("italic", 1, 1)]),
        ("1 &lt; 2 &amp;&amp; &quot;x&quot; &nbsp;", '1 < 2 && "x" &nbsp;', []),
        ("&#1078;&#x416;", "жЖ", []),
        ("<a href='example.com'>x</a>", "x", [entity("text_link", 0, 1, url="http://example.com/")]),
        ("<a href='javascript:alert(1)'>x</a>", "x", []),
        ("<a href='tg://user?id=7'>x</a>", "x", [{**entity("text_mention", 0, 1), "user": {"id": 7}}]),
        ('<pre><code class="language-py">x</code></pre>', "x", [entity("pre", 0, 1, language="py")]),
        ("<blockquote expandable>x</blockquote>", "x", [entity("expandable_blockquote", 0, 1)]),
        ('<span class="tg-spoiler">x</span>', "x", [entity("spoiler", 0, 1)]),
        ("<b></b>x", "x", []),
        ("<b>x</>", "x", [entity("bold", 0, 1)]),
    ],
)
def test_html_becomes_a_text_and_its_entities(source: str, plain: str, entities: list[Json]) -> None:
    assert parse(source, "html") == (plain, entities)


@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        ("1 < 2", 'Unsupported start tag "" at byte offset 2'),
        ("<script>x</script>", 'Unsupported start tag "script" at byte offset 0'),
        ("ю<br>", 'Unsupported start tag "br" at byte offset 2'),
        ("<b>unclosed", 'Can\'t find end tag corresponding to start tag "b"'),
        ("<b><i>x</b></i>", 'Unmatched end tag at byte offset 7, expected "</i>", found "</b>"'),
        ("x</b>", "Unexpected end tag at byte offset 1"),
        ("<b", "Unclosed start tag at byte offset 0"),
        ("<b>x</b", "Unclosed end tag at byte offset 4"),
        ("<span>x</span>", 'Tag "span" must have class "tg-spoiler" at byte offset 0'),
    ],
)
def test_broken_html_is_refused_in_telegrams_words(source: str, complaint: str) -> None:
    with pytest.raises(ApiError) as refusal:
        parse(source, "HTML")
    assert refusal.value.description == f"Bad Request: can't parse entities: {complaint}"


@pytest.mark.parametrize(
    ("source", "plain", "entities"),
    [
        ("*b* _i_ __u__ ~s~ ||p||", "b i u s p", ["bold", "italic", "underline", "strikethrough", "spoiler"]),
        ("`a_b` ```py\nx=1```", "a_b x=1", ["code", "pre"]),
        ("[x](http://a.ru/\\))", "x", ["text_link"]),
        (">a\n>b\nc", "a\nb\nc", ["blockquote"]),
        ("**>a\n>b||", "a\nb", ["expandable_blockquote"]),
        ("1\\.5 \\- 2\\!", "1.5 - 2!", []),
    ],
)
def test_markdown_v2_becomes_a_text_and_its_entities(source: str, plain: str, entities: list[str]) -> None:
    text, found = parse(source, "MarkdownV2")
    assert (text, [one["type"] for one in found]) == (plain, entities)


@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        ("hello.", "Character '.' is reserved and must be escaped with the preceding '\\'"),
        ("a-b", "Character '-' is reserved and must be escaped with the preceding '\\'"),
        ("*unclosed", "Can't find end of Bold entity at byte offset 0"),
        ("ю_x", "Can't find end of Italic entity at byte offset 2"),
        ("[x](http://a", "Can't find end of a URL at byte offset 4"),
        ("a > b", "Character '>' is reserved and must be escaped with the preceding '\\'"),
    ],
)
def test_broken_markdown_v2_is_refused_in_telegrams_words(source: str, complaint: str) -> None:
    with pytest.raises(ApiError) as refusal:
        parse(source, "markdownv2")
    assert refusal.value.description == f"Bad Request: can't parse entities: {complaint}"


def test_the_old_markdown_is_still_read() -> None:
    assert parse("*b* _i_ [x](http://a.ru) `c`", "Markdown")[0] == "b i x c"
    with pytest.raises(ApiError, match="Can't find end of the entity starting at byte offset 0"):
        parse("*unclosed", "Markdown")


@given(TEXTS)
def test_escaped_text_comes_through_html_unchanged(text: str) -> None:
    assert parse(html.escape(text, quote=False), "HTML") == (text, [])


@given(TEXTS)
def test_escaped_text_comes_through_markdown_v2_unchanged(text: str) -> None:
    escaped = re.sub(r"([_*\[\]()~`>#+\-=|{}.!\\])", r"\\\1", text)
    assert parse(escaped, "MarkdownV2") == (text, [])


@given(MARKED, st.sampled_from(["HTML", "MarkdownV2", "Markdown"]))
def test_whatever_is_written_is_read_or_refused_and_entities_lie_in_the_text(source: str, mode: str) -> None:
    try:
        text, entities = parse(source, mode)
    except ApiError:
        return
    assert checked_entities([e for e in entities if e["type"] != "text_link"], text) is not None


@given(TEXTS, st.data())
def test_trimming_keeps_entities_on_their_words(text: str, data: st.DataObject) -> None:
    padded = f" \n{text} \t"
    start = data.draw(st.integers(0, len(padded)))
    end = data.draw(st.integers(start, len(padded)))
    marked = padded[start:end]
    given_entities = [entity("bold", utf16_length(padded[:start]), utf16_length(marked))] if marked else []
    shown, entities = tidied(padded, given_entities)
    units = shown.encode("utf-16-le")
    for one in entities:
        if one["type"] == "bold":
            piece = units[2 * one["offset"] : 2 * (one["offset"] + one["length"])].decode("utf-16-le")
            assert piece
            assert piece in marked


@pytest.mark.parametrize(
    ("entities", "complaint"),
    [
        ([entity("bold", 100, 1)], "entity begins after the end of the text at UTF-16 offset 100"),
        (
            [entity("bold", 0, 100)],
            "entity beginning at UTF-16 offset 0 ends after the end of the text at UTF-16 offset 100",
        ),
        ([entity("bold", -1, 1)], "receive an entity with incorrect offset -1"),
        ([entity("sparkle", 0, 1)], "can't parse MessageEntity: Unsupported type specified"),
        ([entity("text_link", 0, 1, url="not-a-url")], "entity URL 'not-a-url' is invalid: Wrong HTTP URL"),
        ([entity("text_link", 0, 1, url="")], "entity URL '' is invalid: URL host is empty"),
    ],
)
def test_entities_outside_of_the_text_are_refused_in_telegrams_words(
    entities: list[Json], complaint: str
) -> None:
    with pytest.raises(ApiError) as refusal:
        checked_entities(entities, "hello")
    assert refusal.value.description == f"Bad Request: {complaint}"


def test_an_entity_may_not_cut_a_character_in_two() -> None:
    with pytest.raises(ApiError, match="in a middle of a UTF-16 symbol"):
        checked_entities([entity("bold", 1, 1)], "🏟x")


def test_telegram_finds_links_commands_and_mentions_by_itself() -> None:
    text = "/start@line_bot see https://a.ru/x, write a@b.ru or @anna about #работа, call +79991234567"
    assert [(e["type"], text[e["offset"] : e["offset"] + e["length"]]) for e in tidied(text, [])[1]] == [
        ("bot_command", "/start@line_bot"),
        ("url", "https://a.ru/x"),
        ("email", "a@b.ru"),
        ("mention", "@anna"),
        ("hashtag", "#работа"),
        ("phone_number", "+79991234567"),
    ]
