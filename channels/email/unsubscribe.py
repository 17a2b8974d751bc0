"""The link by which a customer stops follow-ups: whose it is, and that we made it (RFC 8058)."""

from __future__ import annotations

import hashlib
import hmac


def stop_token(conversation_id: int, secret: bytes) -> str:
    """The end of the link that stops a conversation's follow-ups: its id and a signature nobody can make
    up.
    """
    signature = hmac.new(secret, f"stop:{conversation_id}".encode(), hashlib.sha256).hexdigest()[:32]
    return f"{conversation_id}-{signature}"


def read_stop_token(token: str, secret: bytes) -> int | None:
    """The conversation a token names; None for every other text, told apart in constant time."""
    number = token.partition("-")[0]
    if not (number.isascii() and number.isdecimal()) or len(number) > 19:
        return None
    expected = stop_token(int(number), secret)
    return int(number) if hmac.compare_digest(token.encode("utf-8", "replace"), expected.encode()) else None


def stop_url(public_url: str, conversation_id: int, secret: bytes) -> str:
    """The whole link, as a letter carries it."""
    return f"{public_url.rstrip('/')}/stop/{stop_token(conversation_id, secret)}"
