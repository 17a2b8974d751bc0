"""Telegram's MarkdownV2: every reserved character is a mark or is escaped."""

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

_RESERVED = frozenset("_*[]()~`>#+-=|{}.!")
_LANGUAGE = re.compile(r"[^\s`]*")
_TYPES = {
    "Bold": "bold",
    "Italic": "italic",
    "Underline": "underline",
    "Strikethrough": "strikethrough",
    "Spoiler": "spoiler",
    "Code": "code",
    "Pre": "pre",
    "PreCode": "pre",
    "TextUrl": "text_link",
    "CustomEmoji": "custom_emoji",
    "BlockQuote": "blockquote",
}
_ENDS = {
    "Bold": "*",
    "Underline": "__",
    "Strikethrough": "~",
    "Spoiler": "||",
    "Code": "`",
    "Pre": "```",
    "PreCode": "```",
    "TextUrl": "]",
    "CustomEmoji": "]",
}


def read_markdown_v2(source: str) -> Parsed:
    """The plain text and its entities; raises BrokenMarkup."""
    reader = _Reader(source)
    reader.read()
    return reader.text.whole(), reader.entities


class _Reader:
    """One reading of a MarkdownV2 text. Its entities nest, and a quote runs over lines that begin with >."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.text = GrowingText()
        self.entities: list[Json] = []
        self._nested: list[OpenEntity] = []
        self._position = 0
        self._line_begins = True

    def read(self) -> None:
        source = self.source
        while self._position < len(source):
            character = source[self._position]
            if self._line_begins and self._quote_line():
                continue
            self._line_begins = False
            following = source[self._position + 1 : self._position + 2]
            if character == "\\" and following and 0 < ord(following) <= 126:
                self.text.add(following)
                self._position += 2
            elif self._is_plain(character):
                self.text.add(character)
                self._position += 1
                self._line_begins = character == "\n"
            elif self._ends_here(character):
                self._end()
            elif self._expandable_mark():
                self._close_quote("expandable_blockquote")
            else:
                self._begin(character)
        if self._nested and self._nested[-1].name == "BlockQuote":
            self._close_quote()
        if self._nested:
            self._unclosed()

    def _is_plain(self, character: str) -> bool:
        if self._nested and self._nested[-1].name in ("Code", "Pre", "PreCode"):
            return character != "`"
        return character not in _RESERVED

    def _ends_here(self, character: str) -> bool:
        if not self._nested:
            return False
        name = self._nested[-1].name
        if name == "Italic":
            return character == "_" and not self.source.startswith("__", self._position)
        return name in _ENDS and self.source.startswith(_ENDS[name], self._position)

    def _begin(self, character: str) -> None:
        source, at = self.source, self._position
        argument = ""
        if source.startswith("```", at):
            name, width = "Pre", 3
            language = run_of(_LANGUAGE, source, at + 3)
            after = at + 3 + len(language)
            if language and source[after : after + 1] not in ("", "`"):
                name, argument, width = "PreCode", language, 3 + len(language)
            newline = source[at + width : at + width + 2]
            width += 2 if newline in ("\r\n", "\n\r") else 1 if newline[:1] in ("\n", "\r") else 0
        elif source.startswith("__", at):
            name, width = "Underline", 2
        elif source.startswith("||", at):
            name, width = "Spoiler", 2
        elif source.startswith("![", at):
            name, width = "CustomEmoji", 2
        else:
            single = {"_": "Italic", "*": "Bold", "~": "Strikethrough", "`": "Code", "[": "TextUrl"}
            if character not in single:
                raise BrokenMarkup(
                    f"Character '{character}' is reserved and must be escaped with the preceding '\\'"
                )
            name, width = single[character], 1
        self._nested.append(self.text.open(name, argument, at))
        self._position += width

    def _end(self) -> None:
        opened = self._nested.pop()
        self._position += len(_ENDS.get(opened.name, "_"))
        length = self.text.units - opened.offset
        entity: Json = {"type": _TYPES[opened.name], "offset": opened.offset, "length": length}
        keep = length > 0
        if opened.name == "TextUrl":
            has_link = self.source.startswith("(", self._position)
            link = self._link("a URL") if has_link else self.text.since(opened)
            keep = complete_link(entity, link) and keep
        elif opened.name == "CustomEmoji":
            if not self.source.startswith("(", self._position):
                raise BrokenMarkup("Custom emoji entity must contain a tg://emoji URL")
            entity["custom_emoji_id"] = _emoji_link(self._link("a custom emoji URL"))
        elif opened.name == "PreCode":
            entity["language"] = opened.argument
        if keep:
            self.entities.append(entity)

    def _link(self, what: str) -> str:
        source = self.source
        begin = self._position = self._position + 1
        link: list[str] = []
        while self._position < len(source) and source[self._position] != ")":
            following = source[self._position + 1 : self._position + 2]
            if source[self._position] == "\\" and following and 0 < ord(following) <= 126:
                self._position += 1
            link.append(source[self._position])
            self._position += 1
        if self._position >= len(source):
            raise BrokenMarkup(f"Can't find end of {what} at byte offset {byte_offset(source, begin)}")
        self._position += 1
        return "".join(link)

    def _quote_line(self) -> bool:
        """At the beginning of a line: begin, go on with, or end a quote. True when a mark was consumed."""
        if self._nested and self._nested[-1].name in ("Code", "Pre", "PreCode"):
            return False
        quoting = bool(self._nested) and self._nested[0].name == "BlockQuote"
        mark = "**>" if self.source.startswith("**>", self._position) else ">"
        if not self.source.startswith(mark, self._position):
            if quoting:
                self._close_quote()
            return False
        if not quoting or mark == "**>":
            if quoting:
                self._close_quote()
            if self._nested:
                return False
            self._nested.append(self.text.open("BlockQuote", "", self._position))
        self._position += len(mark)
        self._line_begins = False
        return True

    def _expandable_mark(self) -> bool:
        """Whether `||` here ends a quote and makes it expandable."""
        source, at = self.source, self._position
        if not (self._nested and self._nested[-1].name == "BlockQuote" and source.startswith("||", at)):
            return False
        rest = source[at + 2 : at + 3]
        if rest not in ("", "\n"):
            return False
        self._position += 2
        return True

    def _close_quote(self, kind: str = "blockquote") -> None:
        if self._nested[-1].name != "BlockQuote":
            self._unclosed()
        opened = self._nested.pop()
        length = self.text.units - opened.offset
        if self.text.ends_a_line and length > 0:
            length -= 1  # the line break belongs to what follows the quote
        if length > 0:
            self.entities.append({"type": kind, "offset": opened.offset, "length": length})

    def _unclosed(self) -> None:
        opened = self._nested[-1]
        where = byte_offset(self.source, opened.at)
        raise BrokenMarkup(f"Can't find end of {opened.name} entity at byte offset {where}")


def _emoji_link(link: str) -> str:
    if not link.lower().startswith("tg:"):
        raise BrokenMarkup("Custom emoji URL must have scheme tg")
    address = link[3:].removeprefix("//")
    host, _, query = address.partition("?")
    if host.partition("#")[0] != "emoji":
        raise BrokenMarkup('Custom emoji URL must have host "emoji"')
    for pair in query.partition("#")[0].split("&"):
        if pair.startswith("id="):
            return emoji_id(pair[3:])
    raise BrokenMarkup("Custom emoji URL must have an emoji identifier")
