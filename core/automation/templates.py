"""Texts that people edit, with places to fill in.

`{{ name }}`, `{{ name|default("friend") }}` and `{{ name|after(", ") }}`.

A template engine made for programmers would let a text run for a minute or read what it should not; this one
only fills in. An unknown place is an error when the text is saved, never when it is sent.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from core.errors import InvalidInput

PLACES = ("name", "number", "company")
_PLACE = re.compile(r"\{\{\s*(\w+)\s*(?:\|\s*(\w+)\(\"([^\"]*)\"\)\s*)?\}\}")
_FILTERS = ("default", "after")


def render(template: str, values: Mapping[str, str]) -> str:
    """The text with its places filled in. `default("…")` stands in for what is empty; `after("…")` puts its words
    before what is not.
    """

    def fill(match: re.Match[str]) -> str:
        name, verb, words = match.groups()
        value = values.get(name, "")
        if verb == "default":
            return value or words
        if verb == "after":
            return words + value if value else ""
        return value

    return _PLACE.sub(fill, template)


def check(template: str, field: str = "text") -> None:
    """Raise InvalidInput when a place or its filter is unknown, naming it."""
    for match in _PLACE.finditer(template):
        name, verb, _ = match.groups()
        if name not in PLACES:
            raise InvalidInput(field, f"unknown place {{{{ {name} }}}}; there are: {', '.join(PLACES)}")
        if verb is not None and verb not in _FILTERS:
            raise InvalidInput(field, f"unknown filter {verb}; there are: {', '.join(_FILTERS)}")
    rest = _PLACE.sub("", template)
    if "{{" in rest or "}}" in rest:
        raise InvalidInput(field, 'a place is written {{ name }} or {{ name|default("…") }}')


def first_name(name: str) -> str:
    """How to address a person: the first word of the name when it is one; nothing for an address or a nickname."""
    word = name.strip().split(" ")[0].strip(",.") if name.strip() else ""
    return word if len(word) > 1 and word.replace("-", "").isalpha() and word[0].isupper() else ""
