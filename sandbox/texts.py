"""The text or caption of a call, parsed, checked and measured in Telegram's order."""

from __future__ import annotations

from sandbox.calls import Call, Json, bad_request
from sandbox.entities import checked_entities, tidied
from sandbox.markup import parse
from sandbox.markup_text import utf16_length

MAX_TEXT = 4096  # UTF-16 units, after the entities are taken out
MAX_CAPTION = 1024


def parsed_text(call: Call, field: str = "text") -> tuple[str, list[Json] | None]:
    """The first half, before Telegram looks at the chat: the text with its markup read.

    The entities are None when the bot gave them as a list, which is checked later, by `finished_text`.
    """
    text = call.string(field)
    if "\x00" in text or not _is_unicode(text):
        raise bad_request("strings must be encoded in UTF-8")
    mode = call.string("parse_mode")
    if mode:
        return parse(text, mode)
    return text, None


def finished_text(
    call: Call, parsed: tuple[str, list[Json] | None], field: str = "text"
) -> tuple[str, list[Json]]:
    """The second half, after the chat has been found: entities checked, white space trimmed, links found.

    Raises ApiError 400 for bad entities, for a text with nothing to read, and for one that is too long.
    """
    text, entities = parsed
    if entities is None:
        given = "entities" if field == "text" else "caption_entities"
        entities = checked_entities(call.object(given, "can't parse entities JSON object"), text)
    text, entities = tidied(text, entities)
    if field == "text":
        if not text:
            raise bad_request("text must be non-empty")
        if utf16_length(text) > MAX_TEXT:
            raise bad_request("message is too long")
    elif utf16_length(text) > MAX_CAPTION:
        raise bad_request("message caption is too long")
    return text, entities


def text_content(call: Call, parsed: tuple[str, list[Json] | None]) -> Json:
    """The fields of a text message."""
    text, entities = finished_text(call, parsed)
    content: Json = {"text": text}
    if entities:
        content["entities"] = entities
    preview = call.object("link_preview_options", "can't parse link preview options JSON object")
    if isinstance(preview, dict):
        content["link_preview_options"] = preview
    elif call.flag("disable_web_page_preview"):
        content["link_preview_options"] = {"is_disabled": True}
    return content


def caption_content(call: Call) -> Json:
    """The fields of a caption; nothing when there is none."""
    caption, entities = finished_text(call, parsed_text(call, "caption"), "caption")
    if not caption:
        return {}
    content: Json = {"caption": caption}
    if entities:
        content["caption_entities"] = entities
    if call.flag("show_caption_above_media"):
        content["show_caption_above_media"] = True
    return content


def _is_unicode(text: str) -> bool:
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
