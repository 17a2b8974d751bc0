"""Small files of every kind, for people who send something without saying what."""

from __future__ import annotations

import base64

# A picture of one pixel (PNG), complete: a browser shows it and a library reads it.
PICTURE = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)

SAMPLES: dict[str, bytes] = {
    "photo": PICTURE,
    "sticker": PICTURE,
    "document": b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n",
    "voice": b"OggS\x00\x02" + bytes(64),
    "audio": b"ID3\x03\x00\x00\x00\x00\x00\x00" + bytes(64),
    "video": b"\x00\x00\x00\x18ftypmp42" + bytes(64),
    "video_note": b"\x00\x00\x00\x18ftypmp42" + bytes(64),
    "animation": b"\x00\x00\x00\x18ftypmp42" + bytes(64),
}
