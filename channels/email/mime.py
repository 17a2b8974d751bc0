"""The parts of a letter, found without copying it.

A part is a stretch of the raw bytes; nothing is decoded until it is asked for, so a letter of 30 MB costs
little more memory than itself. The standard library's parser keeps several copies and looks at every line
once for every open multipart, which lets a small hostile letter stop the machine; it is not used. Nesting,
the number of parts and what is decoded as text are bounded, and what was left out is counted.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from channels.email.headers import Headers, parameters, read_headers

DEPTH = 24  # multiparts within multiparts
PARTS = 1000  # parts of one letter
TEXT = 1 << 20  # bytes of one text part that are read
CHUNK = 1 << 18  # bytes handled at a time when a file is decoded


@dataclass(slots=True)
class Part:
    """One part: `raw[start:end]` is its body as it came, still in its transfer encoding."""

    raw: bytes = field(repr=False)
    headers: Headers = field(repr=False)
    start: int
    end: int
    media_type: str  # lower case, `text/plain` when none is given
    parameters: Mapping[str, str]
    disposition: str  # "attachment", "inline" or ""
    file_name: str  # as the sender wrote it, not safe for anything; empty when there is none
    parts: list[Part] = field(default_factory=list)
    message: Part | None = None  # what a message/rfc822 holds
    header_start: int = 0

    @property
    def encoding(self) -> str:
        """The transfer encoding as named, in lower case: `base64`, `quoted-printable`, `7bit`, ..."""
        return self.headers.get("content-transfer-encoding").split(";")[0].strip(" \t\"'").lower()

    @property
    def multipart(self) -> bool:
        return bool(self.parts)

    def content(self) -> Iterator[bytes]:
        """The body decoded, in chunks. What is not base64 inside of base64 is passed over (RFC 2045, 6.8)."""
        encoding = self.encoding
        if encoding == "base64":
            yield from _from_base64(self.raw, self.start, self.end)
        elif encoding == "quoted-printable":
            yield binascii.a2b_qp(self.raw[self.start : self.end])
        elif encoding in _UUENCODED:
            yield _from_uuencode(self.raw[self.start : self.end])
        else:
            for start in range(self.start, self.end, CHUNK):
                yield self.raw[start : min(start + CHUNK, self.end)]

    def beginning(self, limit: int = TEXT) -> bytes:
        """The first bytes of the decoded body, at most `limit`."""
        if self.encoding == "quoted-printable":
            return binascii.a2b_qp(self.raw[self.start : min(self.end, self.start + 3 * limit)])[:limit]
        taken = bytearray()
        for chunk in self.content():
            taken += chunk
            if len(taken) >= limit:
                break
        return bytes(taken[:limit])

    def walk(self) -> Iterator[Part]:
        """This part and all those inside of it, but not those of attached letters, in order."""
        waiting = [self]
        while waiting:
            part = waiting.pop()
            yield part
            waiting.extend(reversed(part.parts))


@dataclass(slots=True)
class Budget:
    """What is left of the parts one letter may have, and how many were not looked at."""

    parts: int = PARTS
    omitted: int = 0


def read_part(raw: bytes, budget: Budget) -> Part:
    """The whole letter as a tree of parts; never raises. `raw` must have LF or CRLF line ends."""
    return _read(raw, 0, len(raw), DEPTH, "text/plain", budget)


def _read(raw: bytes, start: int, end: int, depth: int, usual_type: str, budget: Budget) -> Part:
    headers, body = read_headers(raw, start, end)
    media_type, given = parameters(headers.get("content-type"))
    media_type = re.sub(r"\s+", "", media_type)
    if not _MEDIA_TYPE.fullmatch(media_type):
        media_type = usual_type if not media_type or not _TEXT_TYPE.match(media_type) else "text/plain"
    disposition, more = parameters(headers.get("content-disposition"))
    disposition = "attachment" if disposition == "attachment" else "inline" if disposition == "inline" else ""
    part = Part(
        raw,
        headers,
        min(body, end),
        end,
        media_type,
        given,
        disposition,
        more.get("filename") or given.get("name") or more.get("name") or given.get("filename", ""),
        header_start=start,
    )
    if media_type.startswith("multipart/"):
        _divide(part, depth, budget)
    elif media_type in _LETTERS and depth > 0 and part.encoding not in ("base64", "quoted-printable"):
        part.message = _read(raw, _skip_blank(raw, part.start, end), end, depth - 1, "text/plain", budget)
    return part


_MEDIA_TYPE = re.compile(r"[\w!#$&^.+-]{1,80}/[\w!#$&^.+-]{1,100}")
_TEXT_TYPE = re.compile(r"text\b|plain\b")
_LETTERS = frozenset({"message/rfc822", "message/global", "message/news"})
_UUENCODED = frozenset({"x-uuencode", "uuencode", "x-uue", "uue"})


def _divide(part: Part, depth: int, budget: Budget) -> None:
    """Find the parts of a multipart. Without a usable boundary the one that the body shows is taken."""
    raw = part.raw
    boundary = part.parameters.get("boundary", "").strip().encode("utf-8", "surrogateescape")[:200]
    places = list(_delimiters(raw, part.start, part.end, boundary, budget)) if boundary else []
    if not places and (shown := _SHOWN.search(raw, part.start, min(part.end, part.start + CHUNK))):
        places = list(_delimiters(raw, part.start, part.end, shown[1].rstrip(), budget))
    usual = "message/rfc822" if part.media_type == "multipart/digest" else "text/plain"
    if not places or depth <= 0:
        part.media_type = "text/plain" if depth > 0 else "application/octet-stream"
        return
    for number, (_, after, closing) in enumerate(places):
        if closing:
            continue
        end = places[number + 1][0] if number + 1 < len(places) else part.end
        if budget.parts <= 0:
            budget.omitted += 1
            continue
        budget.parts -= 1
        part.parts.append(_read(raw, after, max(after, end), depth - 1, usual, budget))


# A delimiter line followed by a header, in a multipart that does not name its boundary or names another.
_SHOWN = re.compile(rb"(?:^|\n)--([!-~][^\r\n]{2,100})\r?\n(?:content-[a-z-]+[ \t]*:|\r?\n)", re.IGNORECASE)


def _delimiters(
    raw: bytes, start: int, end: int, boundary: bytes, budget: Budget
) -> Iterator[tuple[int, int, bool]]:
    """Where delimiter lines begin, where the next part begins, and whether the line closes the multipart."""
    mark = b"--" + boundary
    position = start
    found = 0
    while (place := raw.find(mark, position, end)) >= 0:
        position = place + len(mark)
        if place > start and raw[place - 1 : place] != b"\n":
            continue
        rest = _REST.match(raw, position, end)
        if rest is None:
            continue
        # The line end before a delimiter belongs to the delimiter (RFC 2046, 5.1.1).
        before = place - 2 if raw[max(start, place - 2) : place] == b"\r\n" else max(start, place - 1)
        position = rest.end()
        yield before, position, bool(rest[1])
        found += 1
        if found > 4 * PARTS:
            budget.omitted += raw.count(mark, position, end)
            return


_REST = re.compile(rb"(--)?[ \t]*(?:\r?\n|\Z)")


def _skip_blank(raw: bytes, start: int, end: int) -> int:
    blank = _BLANKS.match(raw, start, end)
    return blank.end() if blank else start


_BLANKS = re.compile(rb"(?:[ \t]*\r?\n){0,10}")


def _from_base64(raw: bytes, start: int, end: int) -> Iterator[bytes]:
    kept = b""
    for place in range(start, end, CHUNK):
        kept += raw[place : min(place + CHUNK, end)].translate(None, _NOT_BASE64)
        if b"=" in kept:
            # Several base64 texts one after another, each with its own padding.
            pieces = _PADDING.split(kept) if kept.count(b"=") < 100 else [kept.replace(b"=", b"")]
            for piece in pieces[:-1]:
                yield _whole_base64(piece)
            kept = pieces[-1]
        whole = len(kept) - len(kept) % 4
        yield binascii.a2b_base64(kept[:whole])
        kept = kept[whole:]
    yield _whole_base64(kept)


_NOT_BASE64 = bytes(
    set(range(256)) - set(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=")
)
_PADDING = re.compile(rb"=+")


def _whole_base64(text: bytes) -> bytes:
    if len(text) % 4 == 1:
        text = text[:-1]
    return binascii.a2b_base64(text + b"=" * (-len(text) % 4))


def _from_uuencode(data: bytes) -> bytes:
    decoded = bytearray()
    for line in data.splitlines():
        if line.startswith(b"begin ") or not line.strip():
            continue
        if line.strip() == b"end":
            break
        try:
            decoded += binascii.a2b_uu(line)
        except binascii.Error:
            continue
    return bytes(decoded)
