"""What people do with the telephones of the page: each act is one call of the page's script."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

from sandbox.calls import Json
from sandbox.contents import Item
from sandbox.messages import Message
from sandbox.page_view import Phone

SAMPLES = Path(__file__).with_name("samples")
_PATIENCE = 20.0  # seconds a tap may stay unanswered before the page stops waiting for it
_ABOUT: dict[str, Json] = {"voice": {"duration": 3}, "document": {"mime_type": "image/png"}}
_KINDS = {"image": "photo", "audio": "audio", "video": "video"}

Act: TypeAlias = Callable[[Phone, Json], Awaitable[Json]]


class Impossible(Exception):
    """The telephone cannot do that now; the text is for whoever looks at the page."""


async def perform(phone: Phone, asked: Json) -> Json:
    """Do what the page asks of one telephone; returns what it is told.

    Raises Impossible when the telephone cannot do it, be it because the page asks for nonsense.
    """
    act = _ACTS.get(str(asked.get("act")))
    if act is None:
        raise Impossible("no such act")
    try:
        return await act(phone, asked)
    except (LookupError, ValueError, TypeError) as error:
        raise Impossible(str(error)) from error


async def upload(phone: Phone, data: bytes, media_type: str, asked: Mapping[str, str]) -> None:
    """Send a file from the visitor's own machine. Raises Impossible when the telephone cannot."""
    kind = _KINDS.get(media_type.partition("/")[0], "document")
    about: dict[str, Any] = {"mime_type": media_type} if kind != "photo" else {}
    name, caption = asked.get("name", "file")[-100:], asked.get("caption") or None
    try:
        answered = _answered(phone, asked)
        await phone.person.sends(
            phone.bot, kind, data=data, name=name, caption=caption, reply_to=answered, **about
        )
    except (LookupError, ValueError) as error:
        raise Impossible(str(error)) from error


def sample(name: str) -> bytes:
    """One of the files that come with the sandbox. Raises LookupError for any other name."""
    if name not in _SAMPLE_NAMES:
        raise LookupError(f"no sample {name!r}")
    return (SAMPLES / name).read_bytes()


async def _write(phone: Phone, asked: Json) -> Json:
    text = str(asked.get("text", "")).strip()
    answered = _answered(phone, asked)
    for start in range(0, len(text), 4000):  # Telegram's own programs divide a long text as well
        await phone.person.writes(phone.bot, text[start : start + 4000], reply_to=answered)
    return {}


async def _start(phone: Phone, asked: Json) -> Json:
    await phone.person.starts(phone.bot, asked.get("payload") or None)
    return {}


async def _send(phone: Phone, asked: Json) -> Json:
    answered = _answered(phone, asked)
    caption = str(asked.get("caption") or "") or None
    names = [str(name) for name in asked["samples"]]
    kind = str(asked.get("as") or "photo")
    if len(names) > 1:
        parts = [Item(data=sample(name)) for name in names]
        await phone.person.sends_album(phone.bot, parts, caption, reply_to=answered)
    else:
        await phone.person.sends(
            phone.bot,
            kind,
            data=sample(names[0]),
            name=names[0],
            caption=caption,
            reply_to=answered,
            **_ABOUT.get(kind, {}),
        )
    return {}


async def _contact(phone: Phone, asked: Json) -> Json:
    await phone.person.sends_contact(phone.bot, reply_to=_answered(phone, asked))
    return {}


async def _location(phone: Phone, _: Json) -> Json:
    await phone.person.sends_location(phone.bot)
    return {}


async def _tap(phone: Phone, asked: Json) -> Json:
    message = _message(phone, asked["message"])
    try:
        answer = await phone.person.taps(message, str(asked["data"]), timeout=_PATIENCE)
    except TimeoutError:
        return {"late": True}
    return {"text": answer.text, "alert": answer.alert, "url": answer.url}


async def _edit(phone: Phone, asked: Json) -> Json:
    message = _message(phone, asked["message"])
    text = str(asked.get("text", "")).strip()
    if not text:
        raise ValueError("Telegram keeps no empty text")
    await phone.person.edits(message, text)
    return {}


async def _block(phone: Phone, asked: Json) -> Json:
    if asked.get("blocked"):
        await phone.person.blocks(phone.bot)
    else:
        await phone.person.unblocks(phone.bot)
    return {}


def _answered(phone: Phone, asked: Mapping[str, Any]) -> Message | None:
    return _message(phone, int(asked["reply_to"])) if asked.get("reply_to") else None


def _message(phone: Phone, number: object) -> Message:
    found = phone.chat.find(number) if isinstance(number, int) else None
    if found is None:
        raise LookupError("the message is gone")
    return found


_SAMPLE_NAMES = frozenset({"bath.jpg", "kitchen.jpg", "plan.png", "room.jpg", "voice.ogg"})
_ACTS: dict[str, Act] = {
    "write": _write,
    "start": _start,
    "send": _send,
    "contact": _contact,
    "location": _location,
    "tap": _tap,
    "edit": _edit,
    "block": _block,
}
