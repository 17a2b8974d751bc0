"""What a message can hold besides a text, as Telegram describes it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sandbox.calls import Json
from sandbox.entities import tidied
from sandbox.files import FileStore, Media, StoredFile
from sandbox.messages import Message
from sandbox.samples import PICTURE

_ABOUT: dict[str, Json] = {
    "photo": {"width": 1280, "height": 960},
    "video": {
        "width": 1280,
        "height": 720,
        "duration": 5,
        "mime_type": "video/mp4",
        "file_name": "video.mp4",
    },
    "animation": {
        "width": 320,
        "height": 240,
        "duration": 2,
        "mime_type": "video/mp4",
        "file_name": "animation.mp4",
    },
    "audio": {"duration": 120, "mime_type": "audio/mpeg", "file_name": "track.mp3"},
    "voice": {"duration": 3, "mime_type": "audio/ogg"},
    "video_note": {"length": 240, "duration": 4},
    "sticker": {"width": 512, "height": 512, "type": "regular", "is_animated": False, "is_video": False},
    "document": {"mime_type": "application/octet-stream", "file_name": "file"},
}
_NAMED = frozenset({"video", "animation", "audio", "document"})


@dataclass(frozen=True, slots=True)
class Item:
    """One part of an album: photo, video, document or audio."""

    kind: str = "photo"
    data: bytes = PICTURE
    name: str | None = None
    caption: str | None = None


def media_of(
    files: FileStore,
    kind: str,
    data: bytes,
    *,
    name: str | None = None,
    size: int | None = None,
    about: Json,
) -> Media:
    """Store a file and describe it. Raises ValueError for a kind no message has."""
    if kind not in _ABOUT:
        raise ValueError(f"no message holds a {kind!r}; there are {', '.join(_ABOUT)}")
    described = {**_ABOUT[kind], **about}
    if name is not None and kind in _NAMED:
        described["file_name"] = name
    stored = files.add(kind, data, size, described.get("file_name"))
    thumbnail: StoredFile | None = files.add("thumbnail", data[:1024]) if kind in ("photo", "video") else None
    return Media(kind, stored, described, thumbnail)


def known_media(kind: str, stored: StoredFile, about: Json) -> Media:
    """A file Telegram has already, shown once more."""
    return Media(kind, stored, {**_ABOUT[kind], **about})


def captioned(caption: str | None) -> Json:
    """The fields of a caption; nothing when there is none."""
    if not caption:
        return {}
    shown, entities = tidied(caption, [])
    return {"caption": shown, "caption_entities": entities} if entities else {"caption": shown}


def poll(
    poll_id: str, question: str, options: Sequence[str], *, multiple: bool = False, kind: str = "regular"
) -> Json:
    """The `Poll` of the Bot API, without a vote yet."""
    return {
        "id": poll_id,
        "question": question,
        "options": [
            {"text": option, "voter_count": 0, "persistent_id": str(number)}
            for number, option in enumerate(options)
        ],
        "total_voter_count": 0,
        "is_closed": False,
        "is_anonymous": True,
        "type": kind,
        "allows_multiple_answers": multiple,
        "allows_revoting": True,
        "members_only": False,
    }


def forward_origin(message: Message) -> Json:
    """Where a forwarded message came from; a person who hides their forwards is only a name."""
    earlier: Json | None = message.content.get("forward_origin")
    if earlier is not None:
        return earlier
    sender = message.sender
    if sender is None:
        return {"type": "hidden_user", "date": message.date, "sender_user_name": "?"}
    if getattr(sender, "hides_forwards", False):
        return {"type": "hidden_user", "date": message.date, "sender_user_name": sender.first_name}
    return {"type": "user", "date": message.date, "sender_user": sender.describe()}


def full_chat(described: Json) -> Json:
    """What `getChat` adds to a `Chat`."""
    full: Json = {
        **described,
        "accent_color_id": 0,
        "max_reaction_count": 11,
        "accepted_gift_types": dict.fromkeys(
            (
                "unlimited_gifts",
                "limited_gifts",
                "unique_gifts",
                "premium_subscription",
                "gifts_from_channels",
            ),
            False,
        ),
    }
    if described["type"] == "private":
        full["active_usernames"] = [described["username"]] if "username" in described else []
    else:
        full["permissions"] = dict.fromkeys(
            (
                "can_send_messages",
                "can_send_audios",
                "can_send_documents",
                "can_send_photos",
                "can_send_videos",
                "can_send_video_notes",
                "can_send_voice_notes",
                "can_send_polls",
                "can_send_other_messages",
                "can_add_web_page_previews",
                "can_invite_users",
            ),
            True,
        )
    return full
