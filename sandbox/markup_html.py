"""Telegram's HTML: a handful of tags, strict nesting, four named characters."""

from __future__ import annotations

import re

from sandbox.calls import Json
from sandbox.markup_text import (
    BrokenMarkup,
    GrowingText,
    OpenEntity,
    Parsed,
    byte_offset,
    complete_link,
    emoji_id,
    run_of,
)

_TAGS = {
    "b": "bold",
    "strong": "bold",
    "i": "italic",
    "em": "italic",
    "u": "underline",
    "ins": "underline",
    "s": "strikethrough",
    "strike": "strikethrough",
    "del": "strikethrough",
    "tg-spoiler": "spoiler",
    "span": "spoiler",
    "tg-emoji": "custom_emoji",
    "a": "text_link",
    "pre": "pre",
    "code": "code",
    "blockquote": "blockquote",
}
_NAMED = {"lt": "<", "gt": ">", "amp": "&", "quot": '"'}
_CHARACTER = re.compile(r"&(?:#(?:x([0-9a-fA-F]{1,8})|([0-9]{1,8}))|([a-zA-Z]{1,8}));?")
_HTML_STOP = re.compile(r"[<&]")
_SPACE = re.compile(r"[ \t\r\n\v\f\0]*")
_NAME_END = re.compile(r"[ \t\r\n\v\f>]")
_ATTRIBUTE = re.compile(r"[^ \t\r\n\v\f=>/\"']*")
_TOKEN = re.compile(r"[A-Za-z0-9.\-]*")


def read_html(source: str) -> Parsed:
    """The plain text and its entities; raises BrokenMarkup."""
    text = GrowingText()
    entities: list[Json] = []
    nested: list[OpenEntity] = []
    position = 0
    while position < len(source):
        stop = _HTML_STOP.search(source, position)
        if stop is None:
            text.add(source[position:])
            break
        text.add(source[position : stop.start()])
        position = stop.start()
        if source[position] == "&":
            character, position = _decoded(source, position)
            text.add(character)
        elif source.startswith("</", position):
            position = _end_tag(source, position, nested, text, entities)
        else:
            position = _start_tag(source, position, nested, text)
    if nested:
        raise BrokenMarkup(f'Can\'t find end tag corresponding to start tag "{nested[-1].name}"')
    for entity in entities:
        if entity["type"] == "code":
            entity.pop("language", None)
    return text.whole(), entities


def _decoded(source: str, position: int) -> tuple[str, int]:
    """The character behind `&...;` and where the source goes on; a bare & is itself."""
    found = _CHARACTER.match(source, position)
    if found is None:
        return "&", position + 1
    hexadecimal, decimal, name = found.groups()
    if name is not None:
        return (_NAMED[name], found.end()) if name in _NAMED else ("&", position + 1)
    code = int(hexadecimal, 16) if hexadecimal else int(decimal)
    if not 0 < code < 0x10FFFF:
        return "&", position + 1
    if 0xD800 <= code <= 0xDFFF:
        raise BrokenMarkup(
            "Text contains invalid Unicode characters after decoding HTML entities, "
            "check for unmatched surrogate code units"
        )
    return chr(code), found.end()


def _start_tag(source: str, begin: int, nested: list[OpenEntity], text: GrowingText) -> int:
    name_end = _NAME_END.search(source, begin + 1)
    if name_end is None:
        raise BrokenMarkup(f"Unclosed start tag {_at(source, begin)}")
    name = source[begin + 1 : name_end.start()].lower()
    if name not in _TAGS:
        raise BrokenMarkup(f'Unsupported start tag "{name}" {_at(source, begin)}')
    argument = ""
    position = name_end.start()
    while True:
        position = _skip_space(source, position)
        if position >= len(source):
            raise BrokenMarkup(f'Unclosed start tag "{name}" {_at(source, begin)}')
        if source[position] == ">":
            break
        attribute, value, position = _attribute(source, position, name, begin)
        if (name, attribute) == ("a", "href") or (name, attribute) == ("tg-emoji", "emoji-id"):
            argument = value
        elif (name, attribute) == ("code", "class") and value.startswith("language-"):
            argument = value.removeprefix("language-")
        elif (name, attribute) == ("span", "class") and value.startswith("tg-"):
            argument = value.removeprefix("tg-")
        elif (name, attribute) == ("blockquote", "expandable"):
            argument = "1"
    if name == "span" and argument != "spoiler":
        raise BrokenMarkup(f'Tag "span" must have class "tg-spoiler" {_at(source, begin)}')
    nested.append(text.open(name, argument, begin))
    return position + 1


def _attribute(source: str, position: int, tag: str, begin: int) -> tuple[str, str, int]:
    """One attribute of a start tag: its name, its value, and where the source goes on."""
    word = run_of(_ATTRIBUTE, source, position)
    attribute = word.lower()
    if not attribute:
        raise BrokenMarkup(f'Empty attribute name in the tag "{tag}" {_at(source, begin)}')
    position = _skip_space(source, position + len(word))
    if position >= len(source):
        raise BrokenMarkup(f'Unclosed start tag "{tag}" {_at(source, begin)}')
    if source[position] != "=":
        return attribute, "", position
    position = _skip_space(source, position + 1)
    if position >= len(source):
        raise BrokenMarkup(f'Unclosed start tag "{tag}" {_at(source, begin)}')
    if source[position] not in "\"'":
        token = run_of(_TOKEN, source, position)
        end = position + len(token)
        if end < len(source) and not _NAME_END.match(source, end):
            raise BrokenMarkup(f"Unexpected end of name token at byte offset {byte_offset(source, position)}")
        return attribute, token.lower(), end
    close = source.find(source[position], position + 1)
    if close < 0:
        raise BrokenMarkup(f"Unclosed start tag {_at(source, begin)}")
    value: list[str] = []
    position += 1
    while position < close:
        if source[position] == "&":
            character, position = _decoded(source, position)
            value.append(character)
        else:
            value.append(source[position])
            position += 1
    if close + 1 >= len(source):
        raise BrokenMarkup(f"Unclosed start tag {_at(source, begin)}")
    return attribute, "".join(value), close + 1


def _end_tag(
    source: str, begin: int, nested: list[OpenEntity], text: GrowingText, entities: list[Json]
) -> int:
    if not nested:
        raise BrokenMarkup(f"Unexpected end tag {_at(source, begin)}")
    name_end = _NAME_END.search(source, begin + 2)
    if name_end is None:
        raise BrokenMarkup(f"Unclosed end tag {_at(source, begin)}")
    name = source[begin + 2 : name_end.start()].lower()
    position = _skip_space(source, name_end.start())
    if position >= len(source) or source[position] != ">":
        raise BrokenMarkup(f"Unclosed end tag {_at(source, begin)}")
    opened = nested.pop()
    if name and name != opened.name:
        raise BrokenMarkup(
            f'Unmatched end tag {_at(source, begin)}, expected "</{opened.name}>", found "</{name}>"'
        )
    length = text.units - opened.offset
    if length > 0:
        _close_html(opened, length, text, entities)
    return position + 1


def _close_html(opened: OpenEntity, length: int, text: GrowingText, entities: list[Json]) -> None:
    kind = _TAGS[opened.name]
    entity: Json = {"type": kind, "offset": opened.offset, "length": length}
    last = entities[-1] if entities else None
    same_range = last is not None and last["offset"] == opened.offset and last["length"] == length
    match kind:
        case "text_link":
            link = opened.argument or text.since(opened)
            if not complete_link(entity, link):
                return
        case "custom_emoji":
            entity["custom_emoji_id"] = emoji_id(opened.argument)
        case "blockquote" if opened.argument:
            entity["type"] = "expandable_blockquote"
        case "pre" if same_range and last is not None and last["type"] == "code" and "language" in last:
            last["type"] = "pre"
            return
        case "code" if opened.argument:
            if same_range and last is not None and last["type"] == "pre":
                last["language"] = opened.argument
                return
            entity["language"] = opened.argument
    entities.append(entity)


def _skip_space(source: str, position: int) -> int:
    return position + len(run_of(_SPACE, source, position))


def _at(source: str, position: int) -> str:
    return f"at byte offset {byte_offset(source, position)}"
