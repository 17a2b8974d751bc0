"""Telegram's three kinds of markup, read into a plain text and its entities.

The rules and the wording of the complaints are those of tdlib's MessageEntity.cpp, as its tests state them.
Entity offsets and lengths count UTF-16 units; the offsets in complaints count UTF-8 bytes.
"""

from __future__ import annotations

from sandbox.calls import bad_request
from sandbox.markup_html import read_html
from sandbox.markup_markdown import read_markdown
from sandbox.markup_markdown_v2 import read_markdown_v2
from sandbox.markup_text import BrokenMarkup, Parsed, in_order


def parse(text: str, parse_mode: str) -> Parsed:
    """The plain text and its entities.

    `parse_mode` is HTML, MarkdownV2, Markdown (the old one) or empty, in any case. Raises ApiError 400 with
    "can't parse entities: ..." for broken markup and "unsupported parse_mode" for an unknown name.
    """
    match parse_mode.lower():
        case "" | "none":
            return text, []
        case "html":
            read = read_html
        case "markdownv2":
            read = read_markdown_v2
        case "markdown":
            read = read_markdown
        case _:
            raise bad_request("unsupported parse_mode")
    try:
        plain, entities = read(text)
    except BrokenMarkup as error:
        raise bad_request(f"can't parse entities: {error}") from None
    return plain, in_order(entities)
