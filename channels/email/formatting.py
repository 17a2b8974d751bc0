"""What we write as a letter shows it: plain text, and the same as clean HTML. Strangers' words stay words
in both.
"""

from __future__ import annotations

import html
import itertools
import re
from collections.abc import Sequence

from channels.email.charset import clean_text
from core.channel import Markup, Screen, Span

_QUOTES = (Markup.QUOTE, Markup.LONG_QUOTE)
_TAGS = {Markup.BOLD: "b", Markup.ITALIC: "i", Markup.CODE: "code"}
_SAFE_URL = re.compile(r"(?:https?|mailto|tel):[^\s\x00-\x1f<>\"]{1,2000}", re.IGNORECASE)
_QUOTE_STYLE = "margin:0 0 0 .8ex;border-left:1px solid #ccc;padding-left:1ex"


def to_plain(screen: Screen) -> str:
    """The text, with the addresses of links beside their words and quotes behind `>`."""
    text, spans = screen.text, _inside(screen)
    for span in sorted(spans, key=lambda one: one.offset + one.length, reverse=True):
        end = span.offset + span.length
        words = text[span.offset : end]
        if (
            span.markup is Markup.LINK
            and span.url
            and _SAFE_URL.fullmatch(span.url)
            and span.url not in words
        ):
            text = f"{text[:end]} ({span.url}){text[end:]}"
            spans = [_longer(one, end, len(span.url) + 3) for one in spans]
    for span in sorted(spans, key=lambda one: one.offset, reverse=True):
        if span.markup in _QUOTES:
            end = span.offset + span.length
            quoted = "\n".join(f"> {line}" for line in text[span.offset : end].split("\n"))
            before, after = text[: span.offset], text[end:]
            before += "\n" if before and not before.endswith("\n") else ""
            text = before + quoted + ("\n" if after and not after.startswith("\n") else "") + after
    return clean_text(text)


def to_html(screen: Screen) -> str:
    """A whole HTML document: nothing in it but words, links and the marks they were given."""
    text, spans = screen.text, _inside(screen)
    quotes = sorted((one for one in spans if one.markup in _QUOTES), key=lambda one: one.offset)
    inline = [one for one in spans if one.markup not in _QUOTES]
    blocks: list[str] = []
    place = 0
    for quote in quotes:
        if quote.offset < place:
            continue  # inside of the one before
        blocks.append(_block(text, place, quote.offset, inline))
        end = quote.offset + quote.length
        blocks.append(
            f'<blockquote style="{_QUOTE_STYLE}">{_block(text, quote.offset, end, inline)}</blockquote>'
        )
        place = end + 1 if text[end : end + 1] == "\n" else end
    blocks.append(_block(text, place, len(text), inline))
    body = "".join(blocks)
    return (
        f'<!DOCTYPE html>\n<html><head><meta charset="utf-8"></head><body dir="auto">{body}</body></html>\n'
    )


def _block(text: str, start: int, end: int, spans: Sequence[Span]) -> str:
    if start >= end:
        return ""
    edges = {start, end}
    for span in spans:
        edges.update(edge for edge in (span.offset, span.offset + span.length) if start < edge < end)
    ordered = sorted(edges)
    pieces = [
        _piece(text[a:b], [one for one in spans if one.offset <= a and b <= one.offset + one.length])
        for a, b in itertools.pairwise(ordered)
    ]
    return f"<div>{''.join(pieces)}</div>"


def _piece(words: str, spans: Sequence[Span]) -> str:
    shown = html.escape(clean_text(words)).replace("\n", "<br>\n")
    for span in spans:
        if span.markup is Markup.LINK:
            if span.url and _SAFE_URL.fullmatch(span.url):
                shown = f'<a href="{html.escape(span.url)}">{shown}</a>'
        elif tag := _TAGS.get(span.markup):
            shown = f"<{tag}>{shown}</{tag}>"
    return shown


def _inside(screen: Screen) -> list[Span]:
    """The spans that lie within the text and mark something."""
    return [
        span
        for span in screen.spans
        if span.length > 0 and span.offset >= 0 and span.offset + span.length <= len(screen.text)
    ]


def _longer(span: Span, place: int, by: int) -> Span:
    """The same stretch after `by` characters were put in at `place`."""
    if span.offset >= place:
        return Span(span.markup, span.offset + by, span.length, span.url)
    if span.offset + span.length >= place and span.markup in _QUOTES:
        return Span(span.markup, span.offset, span.length + by, span.url)
    return span
