"""What a manager has sent, as a draft for the customer: text with its marks, files by reference or stored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import structlog
from aiogram.exceptions import TelegramBadRequest, TelegramNetworkError, TelegramServerError
from aiogram.types import File, Message, MessageEntity
from aiohttp import ClientError
from pydantic import ValidationError

from bot.chat import Chat
from core.channel import Markup, OutboundFile, Span
from core.conversations.routes import routes
from core.errors import Refusal
from core.leads.answering import Draft
from core.staff.updates import album_parts

log = structlog.get_logger("bot")

LARGEST = 20 * 1024 * 1024  # bytes a bot may fetch: https://core.telegram.org/bots/api#getfile
_SETTLED = timedelta(seconds=1)  # when no further part has come for so long, an album is complete
_LOOKS = 5
_NAMES = {  # of what has none
    "photo": "photo.jpg",
    "voice": "voice.ogg",
    "video": "video.mp4",
    "video_note": "video.mp4",
    "animation": "animation.mp4",
    "sticker": "sticker.webp",
    "audio": "audio.mp3",
}
_KINDS = ("photo", "document", "voice", "audio", "video", "animation", "sticker", "video_note")
_MARKS = {
    "bold": Markup.BOLD,
    "italic": Markup.ITALIC,
    "code": Markup.CODE,
    "pre": Markup.CODE,
    "blockquote": Markup.QUOTE,
    "expandable_blockquote": Markup.LONG_QUOTE,
    "text_link": Markup.LINK,
}


async def draft_of(
    chat: Chat, message: Message, conversation_id: int | None, message_id: int | None, staff_update_id: int
) -> tuple[Draft, dict[int, int]]:
    """The message as an answer in this conversation, an album with all its parts: update → message of each.

    It answers `message_id`, if that is one. A file stays with Telegram where the customer writes to this very bot,
    else, and where there is no conversation yet, its bytes are fetched into the store. Raises Refusal for what
    cannot be sent to a customer, and for a file too large to fetch.
    """
    is_ours = await _is_ours(chat, conversation_id)
    draft, parts = await _part(chat, message, is_ours), {staff_update_id: message.message_id}
    for update_id, part in await _rest_of_album(chat, message, staff_update_id):
        try:
            another = Message.model_validate(part)
            further = await _part(chat, another, is_ours)
        except ValidationError as error:  # it stays in the queue, where it is looked at more plainly
            log.warning("a part of an album is not as the library expects", why=error.error_count())
            continue
        draft = _together(draft, further)
        parts[update_id] = another.message_id
    return replace(draft, reply_to_message_id=message_id), parts


def text_of(message: Message) -> tuple[str, tuple[Span, ...]]:
    """What can be read in a message, with the marks every network may know; a place or a contact in words."""
    if message.text is not None:
        return message.text, _spans(message.text, message.entities or ())
    if message.caption is not None:
        return message.caption, _spans(message.caption, message.caption_entities or ())
    if message.venue:
        place = message.venue
        return (
            f"{place.title}, {place.address}\n{_map(place.location.latitude, place.location.longitude)}",
            (),
        )
    if message.location:
        return _map(message.location.latitude, message.location.longitude), ()
    if message.contact:
        contact = message.contact
        name = " ".join(filter(None, (contact.first_name, contact.last_name)))
        return f"{name}: {contact.phone_number}", ()
    return "", ()


def words_of(message: Message) -> str:
    """What is written, where only that is kept. Raises Refusal ("refused-words") when there is more, or nothing."""
    text = text_of(message)[0].strip()
    if _kind(message) or not text:
        raise Refusal("refused-words")
    return text


def _spans(text: str, entities: Sequence[MessageEntity]) -> tuple[Span, ...]:
    """Telegram counts in UTF-16 units, we in characters."""
    if not entities:
        return ()
    characters: list[int] = []  # for each UTF-16 unit the character it belongs to
    for place, char in enumerate(text):
        characters += [place] * (2 if char > "\uffff" else 1)
    characters.append(len(text))
    last = len(characters) - 1
    spans: list[Span] = []
    for entity in entities:
        if (mark := _MARKS.get(entity.type)) is None:
            continue
        start = characters[min(max(entity.offset, 0), last)]
        end = characters[min(max(entity.offset + entity.length, 0), last)]
        if end > start:
            spans.append(Span(mark, start, end - start, entity.url if mark is Markup.LINK else None))
    return tuple(spans)


async def _part(chat: Chat, message: Message, is_ours: bool) -> Draft:
    text, spans = text_of(message)
    files: tuple[OutboundFile, ...] = ()
    if kind := _kind(message):
        files = (await _file(chat, message, kind, is_ours),)
    elif not text:
        raise Refusal("refused-content")
    return Draft(text=text, spans=spans, files=files)


def _together(draft: Draft, further: Draft) -> Draft:
    """An album's caption may stand under any of its parts, and under several."""
    before = f"{draft.text}\n" if draft.text and further.text else draft.text
    return replace(
        draft,
        text=before + further.text,
        spans=(*draft.spans, *(replace(span, offset=span.offset + len(before)) for span in further.spans)),
        files=(*draft.files, *(_numbered(file, len(draft.files) + 1) for file in further.files)),
    )


async def _rest_of_album(
    chat: Chat, message: Message, staff_update_id: int
) -> tuple[tuple[int, dict[str, Any]], ...]:
    """The further parts, which follow at once but one by one."""
    album = message.media_group_id
    if album is None:
        return ()
    parts: tuple[tuple[int, dict[str, Any]], ...] = ()
    for _ in range(_LOOKS):
        await chat.office.clock.sleep_until(chat.office.clock.now() + _SETTLED)
        known = parts
        parts = await chat.read(lambda connection: album_parts(connection, staff_update_id, album))
        if parts and len(parts) == len(known):
            break
    return parts


def _kind(message: Message) -> str | None:
    return next((kind for kind in _KINDS if getattr(message, kind, None)), None)


async def _is_ours(chat: Chat, conversation_id: int | None) -> bool:
    """Whether the answer goes out through this very bot."""
    if conversation_id is None:
        return False
    ways = await chat.read(lambda connection: routes(connection, [conversation_id]))
    way = ways.get(conversation_id)
    return way is not None and way.account_id == chat.office.account.id


async def _file(chat: Chat, message: Message, kind: str, is_ours: bool) -> OutboundFile:
    media = message.photo[-1] if message.photo and kind == "photo" else getattr(message, kind)
    name = getattr(media, "file_name", None) or _name(kind)
    media_type = getattr(media, "mime_type", None)
    if is_ours:
        return OutboundFile(kind, name, reference=media.file_id, media_type=media_type)
    if (media.file_size or 0) > LARGEST:
        raise Refusal("refused-file-too-large")
    sha256 = await _fetch(chat, media.file_id)
    # Elsewhere there are no stickers and no round videos: they go as what they are.
    elsewhere = {"sticker": "document", "video_note": "video", "animation": "video"}.get(kind, kind)
    return OutboundFile(elsewhere, name, path=sha256, media_type=media_type)


async def _fetch(chat: Chat, file_id: str) -> str:
    try:
        file: File = await chat.patiently(lambda: chat.bot.get_file(file_id))
    except (TelegramNetworkError, TelegramServerError) as error:
        raise Refusal("refused-file-unavailable") from error  # the question it answers waits for another try
    except TelegramBadRequest as error:
        key = "refused-file-too-large" if "too big" in error.message else "refused-file-unavailable"
        raise Refusal(key) from error
    if file.file_path is None:
        raise Refusal("refused-file-unavailable")
    sink = chat.office.store.sink()
    finished = False
    try:
        url = chat.bot.session.api.file_url(chat.bot.token, file.file_path)
        async for chunk in chat.bot.session.stream_content(url, timeout=60, chunk_size=65536):
            await sink.write(chunk)
        fetched = await sink.close()
        finished = True
    except (ClientError, TimeoutError) as error:
        raise Refusal("refused-file-unavailable") from error
    finally:
        if not finished:
            await sink.abandon()
    return fetched.sha256


def _numbered(file: OutboundFile, place: int) -> OutboundFile:
    """Pictures of an album have no names of their own; in a letter they must not share one."""
    if file.name not in _NAMES.values():
        return file
    stem, dot, ending = file.name.rpartition(".")
    return replace(file, name=f"{stem}-{place}{dot}{ending}")


def _name(kind: str) -> str:
    return _NAMES.get(kind, "file")


def _map(latitude: float, longitude: float) -> str:
    return f"https://www.openstreetmap.org/?mlat={latitude:.6f}&mlon={longitude:.6f}"
