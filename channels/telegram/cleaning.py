"""Strangers' JSON and strangers' text, made safe to keep: whatever comes in, these never raise."""

from __future__ import annotations

import re
from typing import TypeAlias

MAX_TEXT = 32_768  # characters; a plain message has 4096 at most, a rich one somewhat more
MAX_LABEL = 256  # characters of one title, name or address inside a label

Json: TypeAlias = dict[str, object]


def clean_text(text: str) -> str:
    """`text` without what a database or a screen cannot hold, its lines kept, at most MAX_TEXT characters."""
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    if _UNSTORABLE.search(text):
        text = _UNSTORABLE.sub("", text)
    text = text.strip()
    return text if len(text) <= MAX_TEXT else text[: MAX_TEXT - 1] + "…"


def clean_line(value: object, limit: int = MAX_LABEL) -> str:
    """A stranger's name or title as one line of at most `limit` characters.

    Control characters, bidirectional overrides and invisible fillers are taken out: a name must not turn the
    text around it, and a name made of nothing visible is no name. Anything but a string gives "".
    """
    if not isinstance(value, str):
        return ""
    if len(value) > 4 * limit:  # what is cut away anyway is not worth cleaning
        value = value[: 4 * limit]
    if _HIDDEN.search(value):
        value = _HIDDEN.sub("", value)
    value = " ".join(value.split())
    if value and not value.strip("\u200c\u200d\ufe0f "):
        return ""
    return value if len(value) <= limit else value[: limit - 1] + "…"


def as_object(value: object) -> Json:
    """`value` if it is a JSON object, else an empty one."""
    return value if isinstance(value, dict) else {}


def as_list(value: object) -> list[object]:
    """`value` if it is a JSON array, else an empty one."""
    return value if isinstance(value, list) else []


def as_integer(value: object) -> int | None:
    """`value` if it is an integer that fits 63 bits (true and false are not integers), else None."""
    return value if type(value) is int and -(1 << 63) < value < 1 << 63 else None


def name_of(value: object) -> str:
    """How a User or a Chat is called: title, or first and last name, or @username; "" when it has none."""
    person = as_object(value)
    if title := clean_line(person.get("title"), 128):
        return title
    name = clean_line(person.get("first_name"), 64)
    if last := clean_line(person.get("last_name"), 64):
        name = f"{name} {last}" if name else last
    if not name and (username := clean_line(person.get("username"), 64)):
        return f"@{username}"
    return name


_UNSTORABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")
_HIDDEN = re.compile(
    "[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200e\u200f"
    "\u202a-\u202e\u2060-\u206f\u2800\u3164\ufeff\uffa0\ufff0-\uffff\ud800-\udfff\U000e0000-\U000e0fff]"
)
