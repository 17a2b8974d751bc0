"""Texts with marks, built piece by piece, so that what strangers wrote is plain text wherever it stands."""

from __future__ import annotations

import re
from typing import Self

from core.channel import Button, Markup, Screen, Span

LONGEST = 4096  # UTF-16 units of one Telegram message
# Control characters, and the marks that turn the direction of whatever follows them.
_UNWANTED = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
# Telegram makes every "/word" a command that a tap sends in the reader's name.
_COMMAND = re.compile(r"(?<![\w/])/(?=[A-Za-z0-9_])")
_LINES = re.compile(r"\n{3,}")


def plain(text: str) -> str:
    """Strangers' text as it may be shown: nothing invisible in it, and nothing that a tap would execute."""
    return _LINES.sub("\n\n", _COMMAND.sub("/\u2060", _UNWANTED.sub("", text.replace("\r\n", "\n")))).strip()


def line_of(text: str | None, limit: int = 200) -> str:
    """Strangers' text on one line."""
    return shortened(" ".join(plain(text or "").split()), limit)


def units(text: str) -> int:
    """The length of a text as Telegram counts it, in UTF-16 units."""
    return len(text) + sum(char > "\uffff" for char in text)


def shortened(text: str, limit: int) -> str:
    """The text cut to at most `limit` UTF-16 units, at a word where that is near, with an ellipsis."""
    if units(text) <= limit:
        return text
    left, cut = max(limit - 1, 0), 0
    for char in text:
        left -= 2 if char > "\uffff" else 1
        if left < 0:
            break
        cut += 1
    head = text[:cut]
    if (border := head.rfind(" ", max(cut - 20, 1))) > 0:
        head = head[:border]
    return head.rstrip() + "…" if limit > 0 else ""


class Rich:
    """A text in the making. Everything added is literal; only marks given here become markup."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._spans: list[Span] = []
        self._length = 0
        self.units = 0

    def add(self, text: str, *marks: Markup, url: str | None = None) -> Self:
        """Append a text under these marks; an empty one leaves no trace."""
        if text:
            for mark in marks:
                self._spans.append(Span(mark, self._length, len(text), url if mark is Markup.LINK else None))
            self._parts.append(text)
            self._length += len(text)
            self.units += units(text)
        return self

    def line(self, text: str = "", *marks: Markup) -> Self:
        """Append a text on a line of its own."""
        if self._parts:
            self.add("\n")
        return self.add(text, *marks)

    def gap(self) -> Self:
        """Leave one line empty before what follows."""
        return self.add("\n") if self._parts else self

    def extend(self, other: Rich) -> Self:
        """Append another text with its marks."""
        self._spans += [Span(s.markup, s.offset + self._length, s.length, s.url) for s in other._spans]
        self._parts += other._parts
        self._length += other._length
        self.units += other.units
        return self

    def cut(self, limit: int) -> Self:
        """Leave at most `limit` UTF-16 units, with their marks."""
        text = shortened("".join(self._parts), limit)
        self._spans = [
            Span(span.markup, span.offset, min(span.length, len(text) - span.offset), span.url)
            for span in self._spans
            if span.offset < len(text)
        ]
        self._parts, self._length, self.units = [text], len(text), units(text)
        return self

    def screen(self, *rows: tuple[Button, ...]) -> Screen:
        """The finished text over its rows of buttons; empty rows are left out."""
        return Screen("".join(self._parts), tuple(self._spans), tuple(row for row in rows if row))
