"""Our texts in Telegram's units: entities counted in UTF-16, messages of at most 4096 of them.

https://core.telegram.org/bots/api#messageentity. Marks are always sent as entities and never as a parse mode,
so that no character of a stranger's text can become markup.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace

from core.channel import Markup, Span

MAX_TEXT = 4096  # UTF-16 units of one message, after entities
MAX_CAPTION = 1024


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a text that fits into one message, with its own marks."""

    text: str
    spans: tuple[Span, ...] = ()


def split(text: str, spans: Sequence[Span] = (), limit: int = MAX_TEXT) -> tuple[Part, ...]:
    """Divide a text into parts of at most `limit` UTF-16 units (two at least).

    A part ends, in this order of preference, at a paragraph, a line, a sentence, a word; never inside a
    character, and inside what people see as one character only when that alone is longer than a part or a
    mark ends inside it. A marked stretch is cut only when it is longer than a part, and then the mark goes on
    in the next part.
    Nothing is lost but white space at the cuts and at both ends, where Telegram trims it anyway; characters
    that Telegram refuses (NUL, lone surrogates) are replaced. A text of white space alone has no parts.
    Offsets of the spans are clipped to the text; spans that mark nothing are left out.
    """
    if limit < 2:
        raise ValueError("a part holds two UTF-16 units at least")
    if _REFUSED.search(text):
        text = _REFUSED.sub("\ufffd", text)
    units = _Units(text)
    marked = [clipped for span in spans if (clipped := _clipped(span, 0, len(text)))]
    whole = _Unbroken(marked, units, limit)
    bounds: list[tuple[int, int]] = []
    start = _skip_space(text, 0)
    end = len(text.rstrip())
    while start < end:
        fit = units.fit(start, limit)
        cut = end if fit >= end else _cut(text, start, fit, whole)
        bounds.append((start, len(text[start:cut].rstrip()) + start))
        start = _skip_space(text, cut)
    return tuple(
        Part(text[a:b], tuple(inner)) for (a, b), inner in zip(bounds, _shared(marked, bounds), strict=True)
    )


def to_entities(part: Part) -> list[dict[str, object]]:
    """The marks of a part as the Bot API takes them: offsets and lengths in UTF-16 units."""
    units = _Units(part.text)
    entities: list[dict[str, object]] = []
    for span in part.spans:
        start = units.before(span.offset)
        length = units.before(span.offset + span.length) - start
        entity: dict[str, object] = {"type": span.markup.value, "offset": start, "length": length}
        if span.markup is Markup.LINK:
            entity["url"] = span.url
        entities.append(entity)
    return entities


def utf16_length(text: str) -> int:
    """How long Telegram finds a text: UTF-16 units, two for each character beyond U+FFFF."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


_REFUSED = re.compile("[\x00\ud800-\udfff]")
_ASTRAL = re.compile("[\U00010000-\U0010ffff]")


class _Units:
    """Translates between positions in a Python text and UTF-16 units."""

    def __init__(self, text: str) -> None:
        self._end = len(text)
        self._astral = [] if text.isascii() else [match.start() for match in _ASTRAL.finditer(text)]

    def before(self, position: int) -> int:
        """The units in front of a position."""
        return position + bisect_left(self._astral, position)

    def fit(self, start: int, limit: int) -> int:
        """The furthest position at which a part from `start` still has at most `limit` units."""
        room = self.before(start) + limit
        low, high = start, min(self._end, start + limit)
        while low < high:
            middle = (low + high + 1) // 2
            low, high = (middle, high) if self.before(middle) <= room else (low, middle - 1)
        return low


class _Unbroken:
    """Stretches of a text that are not to be cut: marks, and marks that overlap, which fit into one part."""

    def __init__(self, spans: Sequence[Span], units: _Units, limit: int) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []
        for span in sorted(spans, key=lambda span: (span.offset, -span.length)):
            start, end = span.offset, span.offset + span.length
            if units.before(end) - units.before(start) > limit:
                continue
            if self._ends and start < self._ends[-1]:
                joined = max(end, self._ends[-1])
                if units.before(joined) - units.before(self._starts[-1]) <= limit:
                    self._ends[-1] = joined
                    continue
                start = self._ends[
                    -1
                ]  # together too long: the later one may be cut where the first has ended
                if start >= end:
                    continue
            self._starts.append(start)
            self._ends.append(end)

    def outside(self, position: int) -> int:
        """`position`, or the beginning of the stretch it would cut."""
        at = bisect_right(self._starts, position) - 1
        return self._starts[at] if at >= 0 and self._starts[at] < position < self._ends[at] else position


def _clipped(span: Span, start: int, end: int) -> Span | None:
    """The part of a span between two positions, counted from the first; None when nothing of it is there."""
    first, last = max(span.offset, start), min(span.offset + span.length, end)
    if first >= last or (span.markup is Markup.LINK and not span.url):
        return None
    return replace(span, offset=first - start, length=last - first)


def _shared(spans: Sequence[Span], bounds: Sequence[tuple[int, int]]) -> list[list[Span]]:
    """For each part the spans in it, in their order."""
    parts: list[list[Span]] = [[] for _ in bounds]
    ends = [end for _, end in bounds]
    for span in spans:
        for at in range(bisect_right(ends, span.offset), len(bounds)):
            start, end = bounds[at]
            if start >= span.offset + span.length:
                break
            if clipped := _clipped(span, start, end):
                parts[at].append(clipped)
    return parts


def _skip_space(text: str, position: int) -> int:
    found = _NOT_SPACE.search(text, position)
    return found.start() if found else len(text)


_NOT_SPACE = re.compile(r"\S")


# --- where to cut --------------------------------------------------------------------------------


def _cut(text: str, start: int, fit: int, whole: _Unbroken) -> int:
    """Where the part that begins at `start` ends, at `fit` at the latest."""
    last = whole.outside(fit)
    if last <= start:  # what must not be cut began before this part; it is cut after all
        last, whole = fit, _NOTHING
    third, half = start + (last - start) // 3, start + (last - start) // 2
    for border, earliest in ((_PARAGRAPH, third), (_LINE, half), (_SENTENCE, half), (_WORD, start + 1)):
        if (cut := _last_border(text, border, earliest, last, whole)) is not None:
            return cut
    return _between_characters(text, start, last, whole)


_NOTHING = _Unbroken((), _Units(""), MAX_TEXT)
# Each matches a bounded length, and is looked for in one part only.
_PARAGRAPH = re.compile(r"\n[ \t\r]{0,8}\n")
_LINE = re.compile(r"\n")
_SENTENCE = re.compile(r"(?<=[.!?…。！？])[\"'»”)\]]{0,3}(?=\s)")
_WORD = re.compile(r"\s")


def _last_border(
    text: str, border: re.Pattern[str], earliest: int, last: int, whole: _Unbroken
) -> int | None:
    """The last position in [earliest, last] at which there is such a border and nothing unbroken is cut."""
    # A border may begin exactly at the last position: the white space itself need not fit.
    cut = None
    for match in border.finditer(text, earliest, min(len(text), last + 12)):
        position = match.end() if border is _SENTENCE else match.start()
        if position > last:
            break
        if position >= earliest and whole.outside(position) == position:
            cut = position
    return cut


def _between_characters(text: str, start: int, last: int, whole: _Unbroken) -> int:
    """The last border between what people see as characters that cuts nothing unbroken; else `last` itself.

    A mark may end inside such a character, and the mark counts for more: stepping back would cut it.
    """
    for position in range(last, max(start, last - _LONGEST), -1):
        if not _joined(text, position) and whole.outside(position) == position:
            return position
    return last


_LONGEST = 64  # characters; an emoji of a family with skin tones has eleven


def _joined(text: str, position: int) -> bool:
    """Whether the characters before and after a position are seen as one (after UAX #29, near enough)."""
    if not 0 < position < len(text):
        return False
    before, after = text[position - 1], text[position]
    if after < "\u0300" and before < "\u0300":
        return before == "\r" and after == "\n"
    if before == "\u200d" or after in _JOINING or unicodedata.category(after) in ("Mn", "Me", "Mc"):
        return True
    if "\u1160" <= after <= "\u11ff" and "\u1100" <= before <= "\u11ff":
        return True  # a Hangul syllable written in letters
    if _is_flag_half(before) and _is_flag_half(after):
        halves = 1
        while halves < _LONGEST and position - 1 - halves >= 0 and _is_flag_half(text[position - 1 - halves]):
            halves += 1
        return halves % 2 == 1
    return False


_JOINING = frozenset(map(chr, (0x200C, 0x200D, *range(0x1F3FB, 0x1F400), *range(0xE0020, 0xE0080))))


def _is_flag_half(character: str) -> bool:
    return "\U0001f1e6" <= character <= "\U0001f1ff"
