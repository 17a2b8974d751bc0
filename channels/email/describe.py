"""What the system understands of a letter, as plain data: for `openlines inspect email` and `inspect reply`."""

from __future__ import annotations

from channels.email.charset import decode
from channels.email.quoting import new_text
from channels.email.text import read_html, read_plain


def describe_reply(raw: bytes, is_html: bool) -> dict[str, object]:
    """The new part of one body: `new_text`, empty when everything in it is quoted."""
    text = decode(raw)
    return {"new_text": new_text(read_html(text) if is_html else read_plain(text))}
