"""The files Telegram holds: uploaded by people and bots, known to each bot under ids of its own."""

from __future__ import annotations

import base64
import binascii
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sandbox.calls import Json

MAX_DOWNLOAD = 20 * 1024 * 1024  # bytes a bot may fetch (https://core.telegram.org/bots/api#getfile)
MAX_UPLOAD = 50 * 1024 * 1024  # bytes a bot may send
LINK_LIFETIME = timedelta(hours=1)  # how long a link from getFile works at least

_FOLDERS = {
    "photo": ("photos", "jpg"),
    "video": ("videos", "mp4"),
    "animation": ("animations", "mp4"),
    "audio": ("music", "mp3"),
    "voice": ("voice", "oga"),
    "video_note": ("video_notes", "mp4"),
    "sticker": ("stickers", "webp"),
    "document": ("documents", "bin"),
    "thumbnail": ("thumbnails", "jpg"),
}
_PREFIXES = {
    "photo": "AgAC",
    "video": "BAAC",
    "animation": "CgAC",
    "audio": "CQAC",
    "voice": "AwAC",
    "video_note": "DQAC",
    "sticker": "CAAC",
    "document": "BQAC",
    "thumbnail": "AAMC",
}
MEDIA_KINDS = tuple(kind for kind in _FOLDERS if kind != "thumbnail")


@dataclass(slots=True, eq=False)
class StoredFile:
    """One file at Telegram. `data` may be shorter than `size`: a test may claim what it does not hold."""

    unique_id: str
    kind: str
    data: bytes
    size: int
    path: str
    link_until: datetime | None = None

    def id_for(self, bot_id: int) -> str:
        """The file's id as one bot knows it; another bot's id for the same file is another."""
        hidden = base64.urlsafe_b64encode(f"{bot_id}.{self.unique_id}".encode()).decode().rstrip("=")
        return _PREFIXES[self.kind] + hidden


@dataclass(slots=True, eq=False)
class Media:
    """A file in a message: what it is shown as, and what Telegram says about it.

    `kind` is the message's field (photo, document, ...); `about` holds duration, width, file_name, mime_type.
    """

    kind: str
    file: StoredFile
    about: Json = field(default_factory=dict)
    thumbnail: StoredFile | None = None

    @property
    def data(self) -> bytes:
        return self.file.data

    @property
    def size(self) -> int:
        return self.file.size

    @property
    def name(self) -> str | None:
        """The file's name, where its kind has one."""
        name = self.about.get("file_name")
        return str(name) if name is not None else None

    @property
    def media_type(self) -> str | None:
        kind = self.about.get("mime_type")
        return str(kind) if kind is not None else None

    def for_bot(self, bot_id: int) -> Json:
        """The message's fields for this file, with the ids under which this bot may fetch it."""
        entry = _entry(self.file, bot_id)
        if self.kind == "photo":
            small = {**_entry(self.thumbnail or self.file, bot_id), "width": 90, "height": 67}
            return {"photo": [small, {**entry, **self.about}]}
        entry |= self.about
        if self.thumbnail is not None:
            entry["thumbnail"] = {**_entry(self.thumbnail, bot_id), "width": 90, "height": 67}
        fields: Json = {self.kind: entry}
        if self.kind == "animation":
            fields["document"] = entry  # as Telegram does, for clients that know no animations
        return fields


class FileStore:
    """Every file of the sandbox. With `limit`, the oldest are forgotten: for load tests."""

    def __init__(self, limit: int | None = None) -> None:
        self._files: OrderedDict[str, StoredFile] = OrderedDict()
        self._by_path: dict[str, StoredFile] = {}
        self._limit = limit
        self._count = 0

    def add(self, kind: str, data: bytes, size: int | None = None, name: str | None = None) -> StoredFile:
        """Keep a file. `size` in bytes may exceed the data, to speak of a big file without having it."""
        self._count += 1
        folder, extension = _FOLDERS[kind]
        if name and "." in name and name.rpartition(".")[2].isalnum():
            extension = name.rpartition(".")[2][:10].lower()
        unique = f"AQAD{self._count:08x}"
        path = f"{folder}/file_{self._count}.{extension}"
        stored = StoredFile(unique, kind, data, len(data) if size is None else size, path)
        self._files[unique] = stored
        self._by_path[path] = stored
        if self._limit is not None and len(self._files) > self._limit:
            _, oldest = self._files.popitem(last=False)
            del self._by_path[oldest.path]
        return stored

    def find(self, file_id: str, bot_id: int) -> StoredFile | None:
        """The file one bot knows under this id; None for odd ids and for those of other bots."""
        hidden = file_id[4:]
        try:
            decoded = base64.urlsafe_b64decode(hidden + "=" * (-len(hidden) % 4)).decode("ascii")
        except (binascii.Error, UnicodeError, ValueError):
            return None
        owner, _, unique = decoded.partition(".")
        stored = self._files.get(unique) if owner == str(bot_id) else None
        return stored if stored is not None and stored.id_for(bot_id) == file_id else None

    def at(self, path: str, now: datetime) -> StoredFile | None:
        """The file behind a link that getFile has given out, while the link works."""
        stored = self._by_path.get(path)
        if stored is None or stored.link_until is None or now >= stored.link_until:
            return None
        return stored


def _entry(stored: StoredFile, bot_id: int) -> Json:
    return {
        "file_id": stored.id_for(bot_id),
        "file_unique_id": stored.unique_id,
        "file_size": stored.size,
    }
