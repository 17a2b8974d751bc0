"""What Telegram does to a text before it keeps it: checks the entities, trims, and finds more by itself."""

from __future__ import annotations

import re
from typing import Any

from sandbox.calls import Json, bad_request
from sandbox.links import NoLink, checked_link
from sandbox.markup_text import in_order, utf16_length

_TYPES = frozenset(
    {
        "mention",
        "hashtag",
        "cashtag",
        "bot_command",
        "url",
        "email",
        "phone_number",
        "bold",
        "italic",
        "underline",
        "strikethrough",
        "spoiler",
        "blockquote",
        "expandable_blockquote",
        "code",
        "pre",
        "text_link",
        "text_mention",
        "custom_emoji",
        "date_time",
    }
)
# Telegram finds these itself and takes no one's word for them.
_FOUND = frozenset({"mention", "hashtag", "cashtag", "bot_command", "url", "email", "phone_number"})
_OPAQUE = frozenset({"code", "pre", "text_link", "text_mention", "url", "email"})
_SPACE = " \t\n\r\v\f\u00a0\u200b\u2060\ufeff"
_HINTS = re.compile(r"[/@#$+]|\.\w")
_PATTERNS = (
    ("url", re.compile(r"https?://[^\s<>\"]{1,2048}", re.IGNORECASE)),
    (
        "email",
        re.compile(r"(?<![\w.+-])[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{2,63}){1,4}"),
    ),
    (
        "url",
        re.compile(
            r"(?<![\w.@/-])(?:[a-z0-9-]{1,63}\.){1,5}"
            r"(?:com|org|net|info|biz|io|me|ru|su|by|kz|ua|de|fr|uk|рф)(?![\w-])(?::\d{1,5})?(?:[/?#][^\s<>\"]{0,2048})?",
            re.IGNORECASE,
        ),
    ),
    ("bot_command", re.compile(r"(?<![\w/.])/[A-Za-z0-9_]{1,64}(?:@[A-Za-z0-9_]{3,32})?(?![\w/])")),
    ("mention", re.compile(r"(?<!\w)@[A-Za-z][A-Za-z0-9_]{3,31}(?!\w)")),
    ("hashtag", re.compile(r"(?<!\w)#(?=\w*[^\W\d])\w{1,256}")),
    ("cashtag", re.compile(r"(?<!\w)\$[A-Z]{1,8}(?!\w)")),
    ("phone_number", re.compile(r"(?<!\w)\+\d{9,15}(?!\w)")),
)


def checked_entities(given: Any, text: str) -> list[Json]:
    """The entities a bot gave, in order.

    Raises ApiError 400 in Telegram's words for offsets outside of the text, unknown types and bad links.
    """
    if not given:
        return []
    if not isinstance(given, list):
        raise bad_request("can't parse entities: expected an Array of MessageEntity")
    length = utf16_length(text)
    units = _unit_boundaries(text)
    kept: list[Json] = []
    for entity in given:
        if not isinstance(entity, dict):
            raise bad_request("can't parse MessageEntity: expected an Object")
        kind, offset, size = entity.get("type"), entity.get("offset"), entity.get("length")
        if kind not in _TYPES:
            raise bad_request("can't parse MessageEntity: Unsupported type specified")
        if not isinstance(offset, int) or not isinstance(size, int):
            missing = "offset" if not isinstance(offset, int) else "length"
            raise bad_request(f"can't parse MessageEntity: Can't find field \"{missing}\"")
        _check_span(offset, size, length, units)
        if size == 0 or kind in _FOUND:
            continue
        clean: Json = {"type": kind, "offset": offset, "length": size}
        if kind == "text_link":
            link = checked_link(str(entity.get("url", "")))
            if isinstance(link, NoLink):
                raise bad_request(f"entity URL '{entity.get('url', '')}' is invalid: {link.reason}")
            clean["url"] = link
        for extra in ("user", "language", "custom_emoji_id", "unix_time", "date_time_format"):
            if extra in entity:
                clean[extra] = entity[extra]
        kept.append(clean)
    return in_order(kept)


def _check_span(offset: int, size: int, length: int, units: frozenset[int] | None) -> None:
    if offset < 0 or offset > 10_000_000:
        raise bad_request(f"receive an entity with incorrect offset {offset}")
    if size < 0 or size > 10_000_000:
        raise bad_request(f"receive an entity with incorrect length {size}")
    if size == 0:
        return
    if offset >= length:
        raise bad_request(f"entity begins after the end of the text at UTF-16 offset {offset}")
    end = offset + size
    if end > length:
        raise bad_request(
            f"entity beginning at UTF-16 offset {offset} "
            f"ends after the end of the text at UTF-16 offset {end}"
        )
    if units is not None and (offset in units or end in units):
        where = "begins" if offset in units else "ends"
        raise bad_request(
            f"entity beginning at UTF-16 offset {offset} {where} in a middle of a UTF-16 symbol"
        )


def tidied(text: str, entities: list[Json]) -> tuple[str, list[Json]]:
    """The text as Telegram keeps it: trimmed, with the links, mentions and commands it finds in it."""
    stripped = text.rstrip(_SPACE)
    if len(stripped) != len(text) and entities:
        end = utf16_length(stripped)
        entities = [_clipped(entity, end) for entity in entities if entity["offset"] < end]
    text = stripped.lstrip(_SPACE)
    if (shift := len(stripped) - len(text)) and entities:
        entities = [
            _shifted(entity, shift) for entity in entities if entity["offset"] + entity["length"] > shift
        ]
    if _HINTS.search(text):
        entities = in_order(entities + _found(text, entities))
    return text, entities


def _unit_boundaries(text: str) -> frozenset[int] | None:
    """The UTF-16 offsets that lie in the middle of a character; None when every character is one unit."""
    if len(text) == utf16_length(text):
        return None
    inside: set[int] = set()
    offset = 0
    for character in text:
        if character > "\uffff":
            inside.add(offset + 1)
            offset += 1
        offset += 1
    return frozenset(inside)


def _clipped(entity: Json, end: int) -> Json:
    return {**entity, "length": min(entity["length"], end - entity["offset"])}


def _shifted(entity: Json, by: int) -> Json:
    # What is trimmed at the beginning is white space, one unit per character.
    start = max(entity["offset"] - by, 0)
    return {**entity, "offset": start, "length": entity["offset"] + entity["length"] - by - start}


def _found(text: str, entities: list[Json]) -> list[Json]:
    """Links, addresses, commands, mentions and tags, outside of code and of each other."""
    taken = [(e["offset"], e["offset"] + e["length"]) for e in entities if e["type"] in _OPAQUE]
    found: list[Json] = []
    astral = len(text) != utf16_length(text)
    for kind, pattern in _PATTERNS:
        fresh: list[tuple[int, int]] = []
        for match in pattern.finditer(text):
            piece = match.group().rstrip(".,;:!?)]}»…") if kind == "url" else match.group()
            start = utf16_length(text[: match.start()]) if astral else match.start()
            end = start + (utf16_length(piece) if astral else len(piece))
            if not any(start < other_end and other < end for other, other_end in taken):
                found.append({"type": kind, "offset": start, "length": end - start})
                fresh.append((start, end))
        taken += fresh
    return found
