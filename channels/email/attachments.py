"""The files of a letter: under names that are safe anywhere and unique in the letter, their bytes read on
demand.
"""

from __future__ import annotations

import mimetypes
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from channels.email.charset import clean_line
from channels.email.headers import decode_words
from channels.email.mime import Part

FILES = 500  # files of one letter
NAME = 120  # characters of a file name; in UTF-8 at most 240 bytes, which every file system takes


@dataclass(frozen=True, slots=True)
class Attachment:
    """One file. `content` gives its bytes in chunks, as often as it is called, without keeping them."""

    name: str
    media_type: str
    size: int  # bytes, decoded
    inline: bool  # shown inside of the text: a picture in a signature, a pasted screenshot
    part: Part = field(repr=False, compare=False)

    def content(self) -> Iterator[bytes]:
        """The decoded bytes, chunk by chunk, for whoever stores them."""
        return self.part.content()


def read_attachments(parts: list[Part]) -> tuple[tuple[Attachment, ...], int]:
    """The files that these leaf parts are, with safe and unique names, and how many were left out."""
    taken: dict[str, int] = {}
    files: list[Attachment] = []
    for part in parts[:FILES]:
        size = sum(len(chunk) for chunk in part.content())
        name = _unique(safe_name(_own_name(part), part.media_type), taken)
        inline = part.disposition != "attachment" and (
            "content-id" in part.headers or part.disposition == "inline"
        )
        files.append(Attachment(name, part.media_type, size, inline, part))
    return tuple(files), max(0, len(parts) - FILES)


def safe_name(written: str, media_type: str) -> str:
    """A file name out of what a stranger wrote: no folder, no control or reordering mark, bounded, never
    empty.

    Names that mean a device on Windows or hide the file elsewhere are changed; the extension survives
    shortening. Where there is no name, the media type gives one.
    """
    name = clean_line(re.split(r"[/\\]", written)[-1], 1000)
    name = _FORBIDDEN.sub("_", name).strip(" .")
    stem, dot, extension = name.rpartition(".")
    if not dot or not stem or len(extension) > 16 or " " in extension:
        stem, extension = name, ""
    if not stem:
        main = media_type.partition("/")[0]
        stem = {"image": "image", "audio": "audio", "video": "video", "message": "letter"}.get(
            main, "attachment"
        )
    if not extension and not written.strip():
        extension = _extension(media_type)
    if stem.split(".")[0].upper() in _DEVICES:
        stem = "_" + stem
    tail = "." + extension if extension else ""
    stem = stem[: NAME - len(tail)]
    while len((stem + tail).encode("utf-8")) > 2 * NAME:
        stem = stem[:-1]
    return stem.rstrip(" .") + tail


_FORBIDDEN = re.compile(r'[<>:"|?*\x00-\x1f]')
_DEVICES = frozenset(
    ["CON", "PRN", "AUX", "NUL", *(f"COM{n}" for n in range(10)), *(f"LPT{n}" for n in range(10))]
)


def _own_name(part: Part) -> str:
    if part.file_name:
        return decode_words(part.file_name)
    if part.message is not None:
        subject = clean_line(part.message.headers.text("subject"), 80)
        return re.sub(r"[/\\]", "_", subject) + ".eml" if subject else ""
    location = part.headers.get("content-location")
    if location and not part.media_type.startswith("text/") and re.search(r"\.\w{2,5}$", location):
        return decode_words(location.rpartition("/")[2])
    return (
        decode_words(part.headers.get("content-description"))[:80]
        if part.media_type == "message/rfc822"
        else ""
    )


def _extension(media_type: str) -> str:
    if media_type == "message/rfc822":
        return "eml"
    if media_type == "application/ms-tnef":
        return "dat"
    return (mimetypes.guess_extension(media_type) or "").removeprefix(".")


def _unique(name: str, taken: dict[str, int]) -> str:
    """The name, with a number when the letter already has one that differs at most in case."""
    key = name.casefold()
    if key not in taken:
        taken[key] = 1
        return name
    stem, dot, extension = name.rpartition(".")
    if not dot:
        stem, extension = name, ""
    while True:
        taken[key] += 1
        tail = f" ({taken[key]})" + (f".{extension}" if dot else "")
        numbered = stem[: NAME - len(tail)] + tail
        if numbered.casefold() not in taken:
            taken[numbered.casefold()] = 1
            return numbered
