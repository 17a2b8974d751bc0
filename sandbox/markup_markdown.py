"""Telegram's old Markdown: no nesting, four marks."""

from __future__ import annotations

import re

from sandbox.calls import Json
from sandbox.markup_text import BrokenMarkup, GrowingText, Parsed, byte_offset, complete_link

_LANGUAGE = re.compile(r"([^\s`]+)\s")


def read_markdown(source: str) -> Parsed:
    """The plain text and its entities; raises BrokenMarkup."""
    text = GrowingText()
    entities: list[Json] = []
    position = 0
    while position < len(source):
        character = source[position]
        if character == "\\" and source[position + 1 : position + 2] in ("_", "*", "`", "["):
            text.add(source[position + 1])
            position += 2
            continue
        if character not in "_*`[":
            text.add(character)
            position += 1
            continue
        position = _markdown_entity(source, position, text, entities)
    return text.whole(), entities


def _markdown_entity(source: str, begin: int, text: GrowingText, entities: list[Json]) -> int:
    fenced = source.startswith("```", begin)
    end_mark = "```" if fenced else "]" if source[begin] == "[" else source[begin]
    inside = begin + len(end_mark)
    language = ""
    if fenced:
        named = _LANGUAGE.match(source, inside)
        language, inside = (named.group(1), named.end()) if named else ("", inside)
        if not named and source[inside : inside + 1] == "\n":
            inside += 1
    end = source.find(end_mark, inside)
    if end < 0:
        raise BrokenMarkup(
            f"Can't find end of the entity starting at byte offset {byte_offset(source, begin)}"
        )
    kind = {"_": "italic", "*": "bold", "`": "code", "[": "text_link"}[source[begin]]
    entity: Json = {"type": "pre" if fenced else kind, "offset": text.units}
    text.add(source[inside:end])
    entity["length"] = text.units - entity["offset"]
    if language:
        entity["language"] = language
    position = end + len(end_mark)
    keep = entity["length"] > 0
    if kind == "text_link":
        link = source[inside:end]
        if source.startswith("(", position):
            close = source.find(")", position)
            if close < 0:
                raise BrokenMarkup(
                    f"Can't find end of the entity starting at byte offset {byte_offset(source, begin)}"
                )
            link, position = source[position + 1 : close], close + 1
        keep = complete_link(entity, link) and keep
    if keep:
        entities.append(entity)
    return position
