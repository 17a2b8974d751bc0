"""Which calls make up one message: texts, captions, albums, buttons.

https://core.telegram.org/bots/api#sending-files, #sendmediagroup. The plan of a message never changes between
attempts, so that parts which have arrived can be counted off.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from channels.telegram.api import Upload
from channels.telegram.inbound import BUSINESS
from channels.telegram.markup import MAX_CAPTION, Part, split, to_entities, utf16_length
from core.channel import Button, OutboundFile, OutboundMessage

MAX_ALBUM = 10


@dataclass(frozen=True, slots=True)
class Step:
    """One call: a text, a file with its caption, or an album of two to ten files."""

    part: Part | None = None
    files: tuple[OutboundFile, ...] = ()
    buttons: tuple[tuple[Button, ...], ...] = ()
    reply_to: int | None = None

    @property
    def count(self) -> int:
        """How many messages the person gets by it."""
        return len(self.files) or 1


@dataclass(frozen=True, slots=True)
class Call:
    """A method of the Bot API with what goes with it."""

    method: str
    params: dict[str, object]
    uploads: dict[str, Upload]


def plan(message: OutboundMessage) -> tuple[Step, ...]:
    """Divide a message into calls, in the order a person reads them.

    A short text goes as the caption of the first file or album, a long one after all of them. Buttons hang on
    the last message; an album can have none, so its last file is then sent by itself.
    """
    screen = message.screen
    parts = split(screen.text, screen.spans)
    buttons = tuple(row for row in screen.buttons if row)
    steps = [Step(files=files) for files in _albums(message.files)]
    is_caption = bool(steps) and len(parts) == 1 and _takes_caption(steps[0], parts[0])
    if is_caption and (not buttons or (len(steps) == 1 and steps[0].count == 1)):
        steps[0] = replace(steps[0], part=parts[0])
        parts = ()
    steps += [Step(part=part) for part in parts]
    if not steps:
        return ()
    if buttons and len(steps[-1].files) > 1:
        last = steps.pop()
        steps += [replace(last, files=last.files[:-1]), Step(files=last.files[-1:])]
    steps[-1] = replace(steps[-1], buttons=buttons)
    if message.reply_to and _NUMBER.fullmatch(message.reply_to):
        steps[0] = replace(steps[0], reply_to=int(message.reply_to))
    return tuple(steps)


def destination(thread: str) -> dict[str, object] | None:
    """The place a thread names, as parameters of a call; None when it names no place in Telegram."""
    found = _THREAD.fullmatch(thread)
    if not found:
        return None
    place: dict[str, object] = {"chat_id": int(found["chat"])}
    return {**place, "business_connection_id": found["connection"]} if found["connection"] else place


def to_call(step: Step, message: OutboundMessage, place: dict[str, object]) -> Call:
    """Write one step as the Bot API takes it; `place` is the `destination` of the message."""
    params: dict[str, object] = {**place}
    if message.silent:
        params["disable_notification"] = True
    if step.reply_to:
        params["reply_parameters"] = {"message_id": step.reply_to, "allow_sending_without_reply": True}
    if step.buttons:
        params["reply_markup"] = {
            "inline_keyboard": [[_button(button) for button in row] for row in step.buttons]
        }
    uploads: dict[str, Upload] = {}
    if not step.files:
        params |= _written(step.part, "text", "entities")
        if message.automatic:
            params["link_preview_options"] = {"is_disabled": True}
        return Call("sendMessage", params, uploads)
    if len(step.files) == 1:
        file = step.files[0]
        kind = file.kind if file.kind in _METHODS else "document"
        params |= _written(step.part, "caption", "caption_entities")
        params[kind] = _media(file, "file0", uploads)
        if kind == "video":
            params["supports_streaming"] = True
        return Call(_METHODS[kind], params, uploads)
    # The caption of the one file that has any is shown below the whole album; below documents it is the last.
    captioned = len(step.files) - 1 if step.files[0].kind == "document" else 0
    params["media"] = [
        {
            "type": file.kind,
            "media": _media(file, f"file{at}", uploads),
            **(_written(step.part, "caption", "caption_entities") if at == captioned else {}),
        }
        for at, file in enumerate(step.files)
    ]
    return Call("sendMediaGroup", params, uploads)


def as_documents(step: Step) -> Step:
    """The same files as plain documents, uploaded anew: Telegram takes those whatever is in them."""
    return replace(step, files=tuple(replace(file, kind="document", reference=None) for file in step.files))


_METHODS = {
    "photo": "sendPhoto",
    "document": "sendDocument",
    "voice": "sendVoice",
    "audio": "sendAudio",
    "video": "sendVideo",
    "animation": "sendAnimation",
    "sticker": "sendSticker",
    "video_note": "sendVideoNote",
}
_ALBUMS = {"photo": "pictures", "video": "pictures", "document": "documents", "audio": "audios"}
_THREAD = re.compile(rf"(?:{BUSINESS}(?P<connection>[\w-]{{1,128}}):)?(?P<chat>-?[0-9]{{1,18}})", re.ASCII)
_NUMBER = re.compile(r"[1-9][0-9]{0,17}", re.ASCII)
_WITHOUT_CAPTION = frozenset(("sticker", "video_note"))


def _albums(files: Iterable[OutboundFile]) -> list[tuple[OutboundFile, ...]]:
    """Neighbours that Telegram shows together, at most ten in one album, the order kept."""
    albums: list[list[OutboundFile]] = []
    for file in files:
        album = _ALBUMS.get(file.kind)
        if album and albums and len(albums[-1]) < MAX_ALBUM and _ALBUMS.get(albums[-1][0].kind) == album:
            albums[-1].append(file)
        else:
            albums.append([file])
    return [tuple(album) for album in albums]


def _takes_caption(step: Step, part: Part) -> bool:
    return step.files[0].kind not in _WITHOUT_CAPTION and utf16_length(part.text) <= MAX_CAPTION


def _written(part: Part | None, text_key: str, entities_key: str) -> dict[str, object]:
    if part is None:
        return {}
    entities = to_entities(part)
    return {text_key: part.text, entities_key: entities} if entities else {text_key: part.text}


def _button(button: Button) -> dict[str, object]:
    action: dict[str, object] = {"url": button.url} if button.url else {"callback_data": button.data or ""}
    return {"text": button.text, **action}


def _media(file: OutboundFile, key: str, uploads: dict[str, Upload]) -> str:
    """How a file is named in a call: by Telegram's own identifier, else by the upload that goes with it."""
    if file.reference:
        return file.reference
    uploads[key] = Upload(Path(file.path or ""), file.name, file.media_type)
    return f"attach://{key}"
