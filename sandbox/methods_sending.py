"""sendMessage and its kin: everything that makes a new message out of what the bot gives."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

from sandbox.calls import ApiError, Call, Json, Upload, bad_request
from sandbox.contents import known_media, media_of, poll
from sandbox.destinations import destination, send
from sandbox.files import MAX_UPLOAD, Media
from sandbox.texts import caption_content, parsed_text, text_content

if TYPE_CHECKING:
    from sandbox.world import World

_ACTIONS = frozenset(
    {
        "typing",
        "upload_photo",
        "record_video",
        "upload_video",
        "record_voice",
        "upload_voice",
        "record_audio",
        "upload_audio",
        "upload_document",
        "choose_sticker",
        "find_location",
        "pick_up_location",
        "record_video_note",
        "upload_video_note",
        "cancel",
    }
)
_DICE = {"🎲": 6, "🎯": 6, "🎳": 6, "🏀": 5, "⚽": 5, "🎰": 64}
# Which of a call's parameters describe the file of each kind.
_ABOUT = {
    "photo": (),
    "document": (),
    "sticker": ("emoji",),
    "voice": ("duration",),
    "video_note": ("duration", "length"),
    "video": ("duration", "width", "height"),
    "animation": ("duration", "width", "height"),
    "audio": ("duration", "performer", "title"),
}
_ALBUM_KINDS = frozenset({"photo", "video", "document", "audio"})


def _send_message(world: World, call: Call) -> Json:
    parsed = parsed_text(call)
    if not parsed[0]:
        raise bad_request("message text is empty")
    place = destination(world, call)
    return send(world, call, place, text_content(call, parsed)).payload(call.bot)


def _send_photo(world: World, call: Call) -> Json:
    return _send_file(world, call, "photo")


def _send_document(world: World, call: Call) -> Json:
    return _send_file(world, call, "document")


def _send_video(world: World, call: Call) -> Json:
    return _send_file(world, call, "video")


def _send_animation(world: World, call: Call) -> Json:
    return _send_file(world, call, "animation")


def _send_audio(world: World, call: Call) -> Json:
    return _send_file(world, call, "audio")


def _send_voice(world: World, call: Call) -> Json:
    return _send_file(world, call, "voice")


def _send_video_note(world: World, call: Call) -> Json:
    return _send_file(world, call, "video_note")


def _send_sticker(world: World, call: Call) -> Json:
    return _send_file(world, call, "sticker")


def _send_media_group(world: World, call: Call) -> list[Json]:
    """Two to ten files as one album: one message each, all with one `media_group_id`."""
    items = call.object("media", "can't parse media JSON object")
    if not isinstance(items, list):
        raise bad_request("media must be an Array of InputMedia")
    if not items:
        raise bad_request("there are no messages to send")
    if len(items) > 10:
        raise bad_request("too many messages to send as an album")
    place = destination(world, call)
    prepared: list[tuple[Media, Json]] = []
    for item in items:
        kind = item.get("type") if isinstance(item, dict) else None
        if kind not in _ALBUM_KINDS:
            raise bad_request("can't use the media of the specified type in the album")
        part = Call(call.bot, call.method, {**item, kind: item.get("media")}, call.uploads, call.at)
        prepared.append((_media(world, part, kind), caption_content(part)))
    kinds = {media.kind for media, _ in prepared}
    if len(kinds) > 1 and not kinds <= {"photo", "video"}:
        raise bad_request("document or audio can't be mixed with other media types in the album")
    album = str(13_500_000_000_000_000 + world.counts[call.method] * 100 + len(prepared))
    return [
        send(world, call, place, {**caption, "media_group_id": album}, media).payload(call.bot)
        for media, caption in prepared
    ]


def _send_location(world: World, call: Call) -> Json:
    return send(world, call, destination(world, call), {"location": _location(call)}).payload(call.bot)


def _send_venue(world: World, call: Call) -> Json:
    location = _location(call)
    title, address = call.string("title"), call.string("address")
    if not title or not address:
        raise bad_request("venue title and address must be non-empty")
    venue = {"location": location, "title": title, "address": address}
    return send(world, call, destination(world, call), {"venue": venue, "location": location}).payload(
        call.bot
    )


def _send_contact(world: World, call: Call) -> Json:
    phone, first_name = call.string("phone_number"), call.string("first_name")
    if not phone:
        raise bad_request("phone number is empty")
    if not first_name:
        raise bad_request("first name is empty")
    contact: Json = {"phone_number": phone, "first_name": first_name}
    for extra in ("last_name", "vcard"):
        if call.string(extra):
            contact[extra] = call.string(extra)
    return send(world, call, destination(world, call), {"contact": contact}).payload(call.bot)


def _send_dice(world: World, call: Call) -> Json:
    emoji = call.string("emoji") or "🎲"
    if emoji not in _DICE:
        raise bad_request("WRONG_EMOJI")
    value = random.randint(1, _DICE[emoji])  # noqa: S311 a game, not a secret
    dice = {"emoji": emoji, "value": value}
    return send(world, call, destination(world, call), {"dice": dice}).payload(call.bot)


def _send_poll(world: World, call: Call) -> Json:
    question = call.string("question").strip()
    options = call.object("options", "can't parse options JSON object")
    if not question:
        raise bad_request("poll question must be non-empty")
    if not isinstance(options, list) or len(options) < 1:
        raise bad_request("poll must have at least 1 option")
    if len(options) > 12:
        raise bad_request("poll can't have more than 12 options")
    texts = [str(option.get("text", "")) if isinstance(option, dict) else str(option) for option in options]
    made = poll(
        f"6{world.counts[call.method]:012d}",
        question,
        texts,
        multiple=call.flag("allows_multiple_answers"),
        kind=call.string("type") or "regular",
    )
    return send(world, call, destination(world, call), {"poll": made}).payload(call.bot)


def _send_chat_action(world: World, call: Call) -> bool:
    action = call.string("action").lower()
    if action not in _ACTIONS:
        raise bad_request("wrong parameter action in request")
    place = destination(world, call)
    if world.keep_messages:
        place.chat.actions.append(action)
    world.changed("action", chat=place.chat, bot=call.bot, details={"action": action})
    return True


def input_media(world: World, call: Call, item: Json) -> tuple[Media, Json]:
    """An `InputMedia` given inside a call, with its caption: for editMessageMedia."""
    kind = item.get("type")
    if kind not in _ABOUT:
        raise bad_request("unsupported media type specified")
    part = Call(call.bot, call.method, {**item, kind: item.get("media")}, call.uploads, call.at)
    return _media(world, part, kind), caption_content(part)


def _send_file(world: World, call: Call, kind: str) -> Json:
    place = destination(world, call)
    media = _media(world, call, kind)
    content = {} if kind in ("sticker", "video_note") else caption_content(call)
    return send(world, call, place, content, media).payload(call.bot)


def _media(world: World, call: Call, kind: str) -> Media:
    """The file of a call: uploaded under its field or `attach://name`, or known already by its file_id."""
    about: Json = {}
    for field in _ABOUT[kind]:
        if field in call.params:
            value = call.params[field]
            about[field] = value if field in ("emoji", "performer", "title") else call.integer(field)
    given = call.params.get(kind)
    upload = call.uploads.get(kind)
    if isinstance(given, str) and given.startswith("attach://"):
        upload = call.uploads.get(given.removeprefix("attach://"))
        given = None
    if upload is not None:
        return _uploaded(world, upload, kind, about)
    if not given or not isinstance(given, str):
        raise bad_request(f"there is no {kind.replace('_', ' ')} in the request")
    if given.startswith(("http://", "https://")):
        # The sandbox reaches nothing outside of this machine, so every link is one Telegram could not load.
        raise bad_request("failed to get HTTP URL content")
    stored = world.files.find(given, call.bot.id)
    if stored is None:
        raise bad_request("wrong file identifier/HTTP URL specified")
    if stored.kind != kind:
        have, want = (name.replace("_", " ").title().replace(" ", "") for name in (stored.kind, kind))
        raise bad_request(f"can't use file of type {have} as {want}")
    return known_media(kind, stored, about)


def _uploaded(world: World, upload: Upload, kind: str, about: Json) -> Media:
    if not upload.data:
        raise bad_request("file must be non-empty")
    if len(upload.data) > MAX_UPLOAD:
        raise ApiError(413, "Request Entity Too Large")
    if kind == "photo" and len(upload.data) > 10 * 1024 * 1024:
        raise bad_request(f'file "{upload.name}" of size {len(upload.data)} bytes is too big for a photo')
    if kind in ("document", "audio", "video", "animation", "voice") and upload.media_type:
        about = {"mime_type": upload.media_type, **about}
    return media_of(world.files, kind, upload.data, name=upload.name or None, about=about)


def _location(call: Call) -> Json:
    latitude, longitude = call.number("latitude"), call.number("longitude")
    if "latitude" not in call.params or "longitude" not in call.params:
        raise bad_request(f"{'latitude' if 'latitude' not in call.params else 'longitude'} is empty")
    if not -90 <= latitude <= 90 or not -180 <= longitude <= 180:
        raise bad_request("wrong location specified")
    return {"latitude": latitude, "longitude": longitude}


METHODS: dict[str, Any] = {
    "sendMessage": _send_message,
    "sendPhoto": _send_photo,
    "sendDocument": _send_document,
    "sendVideo": _send_video,
    "sendAnimation": _send_animation,
    "sendAudio": _send_audio,
    "sendVoice": _send_voice,
    "sendVideoNote": _send_video_note,
    "sendSticker": _send_sticker,
    "sendMediaGroup": _send_media_group,
    "sendLocation": _send_location,
    "sendVenue": _send_venue,
    "sendContact": _send_contact,
    "sendDice": _send_dice,
    "sendPoll": _send_poll,
    "sendChatAction": _send_chat_action,
}
