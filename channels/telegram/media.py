"""Readers of what comes with a file: the line that stands for it and how the file is fetched later."""

from __future__ import annotations

import re

from channels.telegram.cleaning import MAX_TEXT, as_integer, as_list, as_object, clean_line, clean_text
from channels.telegram.labels import Found, Reader, Say, after
from core.channel import InboundFile

# Bytes a bot may fetch: the "20 MB" of https://core.telegram.org/bots/api#getfile, as its server counts them.
MAX_DOWNLOAD = 20 * 1024 * 1024


def _file(kind: str, value: object, media_type: str | None = None) -> tuple[InboundFile, ...]:
    """One file of the Bot API, or none when it has no identifier to fetch it by."""
    given = as_object(value)
    reference, size = given.get("file_id"), as_integer(given.get("file_size"))
    if not isinstance(reference, str) or not (reference := clean_line(reference, 512)):
        return ()
    stated = given.get("mime_type")
    if isinstance(stated, str) and _MEDIA_TYPE.fullmatch(stated):
        media_type = stated.lower()
    name = clean_line(given.get("file_name"), 1024).replace("/", "_").replace("\\", "_")
    if len(name) > 120:  # long names lose their middle, not their extension
        name = name[:100] + "…" + name[-19:]
    return (
        InboundFile(
            kind=kind,
            reference=reference,
            name=name or None,
            media_type=media_type,
            size=size if size is not None and size >= 0 else None,
        ),
    )


def photo_file(value: object) -> tuple[InboundFile, ...]:
    """The largest of a photo's sizes that a bot may still download."""

    def area(size: object) -> tuple[bool, int, int]:
        given = as_object(size)
        weight = as_integer(given.get("file_size")) or 0
        edges = [as_integer(given.get(edge)) or 0 for edge in ("width", "height")]
        return weight <= MAX_DOWNLOAD, edges[0] * edges[1], weight

    for size in sorted(as_list(value)[:32], key=area, reverse=True):
        if found := _file("photo", size, "image/jpeg"):
            return found
    return ()


_MEDIA_TYPE = re.compile(r"[\w.+-]{1,80}/[\w.+-]{1,80}", re.ASCII)


def _photo(value: object, say: Say) -> Found | None:
    files = photo_file(value)
    return (say("photo"), files) if files else None


def _live_photo(value: object, say: Say) -> Found | None:
    files = photo_file(as_object(value).get("photo")) + _file("video", value, "video/mp4")
    return (say("live_photo"), files) if files else None


def _voice(value: object, say: Say) -> Found | None:
    length = after(_duration(as_object(value).get("duration")), mark=", ")
    return (say("voice", length), files) if (files := _file("voice", value, "audio/ogg")) else None


def _video_note(value: object, say: Say) -> Found | None:
    length = after(_duration(as_object(value).get("duration")), mark=", ")
    return (say("video_note", length), files) if (files := _file("video_note", value, "video/mp4")) else None


def _video(value: object, say: Say) -> Found | None:
    length = after(_duration(as_object(value).get("duration")), mark=", ")
    return (say("video", length), files) if (files := _file("video", value)) else None


def _audio(value: object, say: Say) -> Found | None:
    audio = as_object(value)
    title = " – ".join(filter(None, (clean_line(audio.get("performer")), clean_line(audio.get("title")))))
    line = say("audio", after(title or clean_line(audio.get("file_name")), _duration(audio.get("duration"))))
    return (line, files) if (files := _file("audio", value)) else None


def _animation(value: object, say: Say) -> Found | None:
    return (say("animation"), files) if (files := _file("animation", value, "video/mp4")) else None


def _document(value: object, say: Say) -> Found | None:
    files = _file("document", value)
    return (say("document", after(files[0].name or "")), files) if files else None


def _sticker(value: object, say: Say) -> Found | None:
    sticker = as_object(value)
    media_type = "image/webp"
    if sticker.get("is_animated"):
        media_type = "application/x-tgsticker"
    elif sticker.get("is_video"):
        media_type = "video/webm"
    files = _file("sticker", value, media_type)
    return (say("sticker", after(clean_line(sticker.get("emoji"), 32), mark=" ")), files) if files else None


def _paid_media(value: object, say: Say) -> Found | None:
    paid = as_object(value)
    files: tuple[InboundFile, ...] = ()
    for media in map(as_object, as_list(paid.get("paid_media"))[:10]):
        files += photo_file(media.get("photo")) + _file("video", media.get("video"))
        files += _file("video", media.get("live_photo"), "video/mp4")
    return say("paid_media", as_integer(paid.get("star_count")) or "?"), files


def _duration(value: object) -> str:
    seconds = as_integer(value)
    if seconds is None or not 0 <= seconds < 360_000:
        return ""
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def _rich(value: object, say: Say) -> Found | None:
    """The words of a rich message, a line for each block, and its files; 20,000 nodes are looked at."""
    words: list[str] = []
    files: tuple[InboundFile, ...] = ()
    waiting: list[object] = [value]
    for _ in range(20_000):
        if not waiting:
            break
        node = waiting.pop()
        if isinstance(node, str):
            words.append(node)
        elif isinstance(node, list):
            waiting += reversed(node[:5_000])
        elif isinstance(node, dict):
            if len(files) < 20:
                files += photo_file(node.get("photo"))
                for key, kind in _RICH_FILES.items():
                    files += _file(kind, node.get(key))
            for key in _RICH_WORDS:
                if key in _RICH_BLOCKS:
                    for block in reversed(as_list(node.get(key))[:5_000]):
                        waiting += (block, "\n")
                elif key in node:
                    waiting += (node[key], " ") if "valign" in node else (node[key],)  # a cell of a table
    text = re.sub(r"\n{2,}", "\n", clean_text("".join(words)[: 4 * MAX_TEXT]))
    return text or say("rich"), files


# Members of rich blocks that hold words, in the reverse order of reading, and those whose elements are a line
# each: https://core.telegram.org/bots/api#richmessage
_RICH_WORDS = (
    "credit",
    "caption",
    "cells",
    "items",
    "blocks",
    "summary",
    "text",
    "alternative_text",
    "expression",
)
_RICH_BLOCKS = frozenset(("cells", "items", "blocks"))
_RICH_FILES = {
    "video": "video",
    "animation": "animation",
    "document": "document",
    "audio": "audio",
    "voice_note": "voice",
}


# In order of precedence: an animation also comes as a document.
MEDIA: dict[str, Reader] = {
    "photo": _photo,
    "voice": _voice,
    "animation": _animation,
    "document": _document,
    "video": _video,
    "video_note": _video_note,
    "audio": _audio,
    "sticker": _sticker,
    "live_photo": _live_photo,
    "paid_media": _paid_media,
    "rich_message": _rich,
}
