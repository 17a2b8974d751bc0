"""The headers of a letter as they really come: folded, doubled, in raw 8-bit, encoded words cut in two.

The standard library's `policy.default` raises on some of these and loses raw 8-bit text for good, and its
older parser takes memory we do not have; so the bytes are kept and every header is decoded when asked for.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import unquote_to_bytes

from channels.email.charset import clean_line, decode

BLOCK = 1 << 20  # bytes of one header section that are looked at
FIELDS = 2000  # header fields of one section
VALUE = 1 << 16  # bytes of one value; a To with thousands of people is read as far as this
WORDS = 1 << 14  # characters of one value in which encoded words are sought


class Headers:
    """The header fields of a letter or a part, in order, undecoded."""

    __slots__ = ("_values",)

    def __init__(self, fields: list[tuple[str, bytes]]) -> None:
        self._values: dict[str, list[bytes]] = {}
        for name, value in fields:
            self._values.setdefault(name, []).append(value)

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def __len__(self) -> int:
        """How many different headers there are."""
        return len(self._values)

    def raw(self, name: str) -> bytes | None:
        """The first value under the lower-case `name` as bytes, still folded; None when there is none."""
        values = self._values.get(name)
        return values[0] if values else None

    def get(self, name: str) -> str:
        """The first value under `name`, unfolded, its encoded words as they are; empty when there is none."""
        values = self._values.get(name)
        return unfold(values[0]) if values else ""

    def all(self, name: str) -> list[str]:
        """Every value under `name`, unfolded, in order."""
        return [unfold(value) for value in self._values.get(name, ())]

    def text(self, name: str) -> str:
        """The first value under `name` decoded for people: one line, without controls."""
        return decode_words(self.get(name))


def read_headers(raw: bytes, start: int, end: int) -> tuple[Headers, int]:
    """The header section that begins at `start`, and where the body after it begins.

    Lines that are no header do not hide those that follow; when none follows before the next blank line, the
    blank line was forgotten and the body begins there.
    """
    fields: list[tuple[str, bytes]] = []
    position, stop = start, min(end, start + BLOCK)
    if start == 0 and (blank := _LEADING.match(raw)):  # blank lines above the very first header
        position = start = blank.end()
    while position < stop and len(fields) < FIELDS:
        if field := _FIELD.match(raw, position, stop):
            fields.append((field[1].lower().decode("ascii"), field[2][:VALUE]))
            position = field.end()
            continue
        if blank := _BLANK.match(raw, position, stop):
            return Headers(fields), blank.end()
        line = _LINE.match(raw, position, stop)
        position_after = line.end() if line else stop
        if position == start and raw.startswith((b"From ", b">From "), position):  # an mbox separator
            position = start = position_after
            continue
        following = _BLANK_LINE.search(raw, position, min(stop, position + 8192))
        known = _KNOWN.search(
            raw, position_after, following.start() + 1 if following else min(stop, position + 8192)
        )
        if known is None:
            return Headers(fields), position
        position = known.start()
    return Headers(fields), min(position, end)


_FIELD = re.compile(rb"([!-9;-~]{1,120})[ \t]*:([^\r\n]*(?:\r?\n[ \t][^\r\n]*)*)(?:\r?\n|\r|\Z)")
_BLANK = re.compile(rb"[ \t]*(?:\r?\n|\r)")
_BLANK_LINE = re.compile(rb"\n[ \t]*\r?\n")
_KNOWN = re.compile(
    rb"^(?:from|to|cc|subject|date|message-id|mime-version|content-[a-z-]+|received|reply-to|return-path|"
    rb"references|in-reply-to|sender|x-[a-z-]+)[ \t]*:",
    re.IGNORECASE | re.MULTILINE,
)
_LEADING = re.compile(rb"(?:[ \t]*\r?\n){1,10}(?=[!-9;-~]{1,120}:)")
_LINE = re.compile(rb"[^\n]*\n?")


def unfold(value: bytes) -> str:
    """The value on one line. Raw 8-bit bytes, which no standard allows and many senders use, are decoded."""
    text = value.decode("ascii") if value.isascii() and b"\x1b" not in value else decode(value)
    return (_FOLD.sub("", text) if "\n" in text or "\r" in text else text).strip(" \t")


_FOLD = re.compile(r"\r?\n|\r")


def decode_words(text: str) -> str:
    """Decode the encoded words of RFC 2047 in an unfolded header value; one clean line comes back.

    Done as the best mail programs do it rather than as the letter of the standard: words that follow each
    other are joined as bytes, because senders cut letters of several bytes in two; base64 that is cut at any
    place is joined before it is decoded; a word that lacks its end is decoded as far as it goes.
    """
    text = text[:WORDS]
    if "=?" not in text:
        return clean_line(text)
    pieces: list[str] = []
    run = bytearray()  # bytes of adjacent words of one charset
    charset, pending, position = "", "", 0
    for word in _WORD.finditer(text):
        between = text[position : word.start()]
        name, encoding, payload = word[1].lower(), word[2].lower(), word[3]
        if pending and (between.strip() or encoding != "b" or name != charset):
            run += _base64(pending)
            pending = ""
        if between.strip() or name != charset:
            pieces.append(decode(bytes(run), charset))
            run.clear()
            pieces.append(between if between.strip() or position == 0 else "")
        charset, position = name, word.end()
        if encoding == "q":
            run += binascii.a2b_qp(payload.encode("utf-8", "replace"), header=True)
            continue
        pending += _NOT_BASE64.sub("", payload)
        if len(pending) % 4 == 0 or pending.endswith("="):
            run += _base64(pending)
            pending = ""
    run += _base64(pending)
    pieces.append(decode(bytes(run), charset))
    pieces.append(text[position:])
    return clean_line("".join(pieces))


_WORD = re.compile(
    r"=\?([\w.:-]{1,40})(?:\*[\w-]{1,20})?\?([bBqQ])\?((?:[^?]|"
    r"\?(?!=)){0,2000}?)(?:\?=(?![0-9A-Fa-f]{2}[^\s=])|\Z)"
)
_NOT_BASE64 = re.compile(r"[^A-Za-z0-9+/=]+")


def _base64(text: str) -> bytes:
    text = text.rstrip("=")
    if len(text) % 4 == 1:  # one stray character carries no whole byte
        text = text[:-1]
    try:
        return binascii.a2b_base64(text + "=" * (-len(text) % 4))
    except binascii.Error:
        return b""


def parameters(value: str) -> tuple[str, Mapping[str, str]]:
    """A value such as `text/plain; charset="utf-8"; name*0*=...` as its main word and its parameters.

    Names are lower case. Understands RFC 2231 (sections, percent-encoding, charsets) and, because mail
    programs write it, RFC 2047 inside of quotes. Never raises; the first of several equal names counts.
    """
    main, _, rest = value[:VALUE].partition(";")
    plain: dict[str, str] = {}
    sections: dict[str, dict[int, tuple[str, bool]]] = {}
    for found in _PARAMETER.finditer(";" + rest):
        name, text = found[1].lower(), found[2].strip()
        if text.startswith('"'):
            text = _ESCAPED.sub(r"\1", text[1:-1] if len(text) > 1 and text.endswith('"') else text[1:])
        if "*" not in name:
            plain.setdefault(name, text)
        elif section := _SECTION.fullmatch(name):
            numbered = sections.setdefault(section[1], {})
            if len(numbered) < 1000:
                numbered.setdefault(int(section[2] or 0), (text, bool(section[3]) or not section[2]))
    for name, numbered in sections.items():
        plain[name] = _join_sections(numbered)
    return main.strip().lower(), plain


_PARAMETER = re.compile(r';\s*([^\s=;"]{1,80})\s*=\s*("(?:[^"\\]|\\.)*"|[^;]*)', re.DOTALL)
_ESCAPED = re.compile(r'\\(["\\])')
_SECTION = re.compile(r"([^*]+)\*(\d{1,4})?(\*)?")


def _join_sections(numbered: dict[int, tuple[str, bool]]) -> str:
    """Join the sections of one parameter (RFC 2231 sections 3 and 4): the first names the charset for all."""
    charset: str | None = None
    whole = b""
    for place, number in enumerate(sorted(numbered)):
        text, encoded = numbered[number]
        if place == 0 and encoded and text.count("'") >= 2:
            charset, _, text = text.split("'", 2)
        whole += unquote_to_bytes(text) if encoded else text.encode("utf-8", "replace")
    return decode(whole, charset)


def read_date(text: str) -> datetime | None:
    """The moment a Date header names, aware; None when it names none (RFC 5322 section 3.3, and worse)."""
    text = re.sub(r"\s+", " ", text[:200]).strip()
    if not text:
        return None
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError, AttributeError):
        try:
            moment = datetime.fromisoformat(text)
        except (ValueError, OverflowError):
            return None
    try:
        return (moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def read_ids(text: str) -> list[str]:
    """The message ids in a Message-ID, In-Reply-To or References value, in order, each as `<left@right>`.

    Copes with folds inside of an id, with commas between them and with lost brackets; prose around them
    ("Your message of Monday") is left out. At most 100: the first and the latest.
    """
    found: list[str] = []
    for match in _IDS.finditer(text[:VALUE]):
        inner = match[1] if match[1] is not None else match[2]
        parts = inner.split() if inner.count("@") > 1 else ["".join(inner.split())]
        found += [f"<{clean}>" for part in parts if (clean := clean_line(part, 500).strip("<>"))]
    found = list(dict.fromkeys(found))
    return found if len(found) <= 100 else [found[0], *found[-99:]]


_IDS = re.compile(r"<([^<>]{1,1000})>|([^\s<>,;\"()]{1,500}@[^\s<>,;\"()]{1,500})")
