"""What the three readers of markup share: the growing text, the open entities, links."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TypeAlias

from sandbox.calls import Json
from sandbox.links import checked_link, linked_user

Parsed: TypeAlias = tuple[str, list[Json]]


class BrokenMarkup(Exception):
    """The markup cannot be read; the text says where."""


@dataclass(slots=True)
class OpenEntity:
    """An entity whose end has not been seen."""

    name: str
    argument: str
    at: int  # where it begins in the source, in characters
    offset: int  # where it begins in the result, in UTF-16 units
    piece: int  # where it begins in the result, in pieces


class GrowingText:
    """The plain text while it grows, with its length in UTF-16 units."""

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self.units = 0

    def add(self, piece: str) -> None:
        self._pieces.append(piece)
        self.units += utf16_length(piece)

    def open(self, name: str, argument: str, at: int) -> OpenEntity:
        """An entity that begins here."""
        return OpenEntity(name, argument, at, self.units, len(self._pieces))

    def since(self, opened: OpenEntity) -> str:
        """What has been added since the entity began."""
        return "".join(self._pieces[opened.piece :])

    @property
    def ends_a_line(self) -> bool:
        return bool(self._pieces) and self._pieces[-1].endswith("\n")

    def whole(self) -> str:
        return "".join(self._pieces)


def utf16_length(text: str) -> int:
    """How many UTF-16 units a text has: what Telegram counts."""
    return len(text) if text.isascii() else len(text) + sum(1 for character in text if character > "\uffff")


def byte_offset(text: str, position: int) -> int:
    """Where a character stands in the UTF-8 form of the text: what Telegram's complaints count."""
    return len(text[:position].encode("utf-8", "surrogatepass"))


def run_of(pattern: re.Pattern[str], text: str, position: int) -> str:
    """What the pattern matches from here; empty when it matches nothing."""
    found = pattern.match(text, position)
    return found.group() if found else ""


def in_order(entities: list[Json]) -> list[Json]:
    """Outer entities before inner ones, as Telegram returns them."""
    return sorted(entities, key=lambda entity: (entity["offset"], -entity["length"]))


def complete_link(entity: Json, link: str) -> bool:
    """Put the link into the entity; false when it is no link, and then Telegram silently drops the entity."""
    if (user_id := linked_user(link)) is not None:
        entity["type"] = "text_mention"
        entity["user"] = {"id": user_id}
        return True
    checked = checked_link(link)
    if isinstance(checked, str):
        entity["url"] = checked
        return True
    return False


def emoji_id(text: str) -> str:
    """A custom emoji's id; raises BrokenMarkup when it is none."""
    if not text.isdecimal() or text.startswith("0") or int(text) >= 1 << 63:
        raise BrokenMarkup("Invalid custom emoji identifier specified")
    return text
