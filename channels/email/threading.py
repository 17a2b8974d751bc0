"""Which conversation a letter continues: message ids of ours that nobody can make up.

A number in a subject can be typed by anyone, and an In-Reply-To can be forged; a letter joins a conversation
only by an id that carries our signature. The ids survive relays that change case and letters where only
References is left.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterable

from channels.email.headers import Headers, read_ids

SIGNATURE = 20  # characters of base 32: 100 bits


def make_message_id(conversation_id: int, delivery_id: int, domain: str, secret: bytes) -> str:
    """The Message-ID of one letter of ours, with its brackets, ready for the header (RFC 5322 section 3.6.4).

    The same delivery always gets the same id, so a letter that is sent twice is known as one. `domain` is
    ours; it may be changed on the way without harm. `secret` signs and is never sent.
    """
    left = f"ol.{_to_base36(conversation_id)}.{_to_base36(delivery_id)}"
    return f"<{left}.{_sign('message-id', left, secret)}@{domain.lower()}>"


def read_message_id(text: str, secret: bytes) -> tuple[int, int] | None:
    """The conversation and the delivery that an id of ours names; None for every other text.

    Forged ids are refused in constant time.
    """
    found = _OURS.fullmatch(text.strip().strip("<>").lower()[:300])
    if found is None or not _is_signed("message-id", found[1], found[4], secret):
        return None
    return int(found[2], 36), int(found[3], 36)


def make_return_path(delivery_id: int, domain: str, secret: bytes, local: str = "bounce") -> str:
    """The envelope sender of one letter of ours, so that even a report that quotes nothing names the
    delivery.
    """
    number = _to_base36(delivery_id)
    return f"{local}+{number}-{_sign('return-path', number, secret)}@{domain.lower()}"


def read_return_path(address: str, secret: bytes) -> int | None:
    """The delivery that such an address names; None for every other address, and for a forged one."""
    found = _RETURN.fullmatch(address.strip().strip("<>").lower()[:300])
    if found is None or not _is_signed("return-path", found[1], found[2], secret):
        return None
    return int(found[1], 36)


def read_references(headers: Headers) -> tuple[str, ...]:
    """The earlier letters this one answers, nearest first: In-Reply-To, then References from its end."""
    answered = [known for value in headers.all("in-reply-to") for known in read_ids(value)]
    thread = [known for value in headers.all("references") for known in read_ids(value)]
    return tuple(dict.fromkeys([*answered, *reversed(thread)]))[:100]


def find_conversation(references: Iterable[str], secret: bytes) -> tuple[int, int] | None:
    """The conversation and delivery of the nearest reference that is ours; None when none is."""
    for reference in references:
        if named := read_message_id(reference, secret):
            return named
    return None


_OURS = re.compile(
    rf"(ol\.([0-9a-z]{{1,13}})\.([0-9a-z]{{1,13}}))\.([a-z2-7]{{{SIGNATURE}}})@[^\s@<>]{{1,255}}"
)
_RETURN = re.compile(rf"[a-z0-9._-]{{1,40}}\+([0-9a-z]{{1,13}})-([a-z2-7]{{{SIGNATURE}}})@[^\s@<>]{{1,255}}")
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_LETTERS = "abcdefghijklmnopqrstuvwxyz234567"


def _sign(purpose: str, text: str, secret: bytes) -> str:
    digest = hmac.new(secret, f"openlines:{purpose}:{text}".encode(), hashlib.sha256).digest()
    number = int.from_bytes(digest[:13], "big") >> 4
    return "".join(_LETTERS[number >> shift & 31] for shift in range(0, 5 * SIGNATURE, 5))


def _is_signed(purpose: str, text: str, signature: str, secret: bytes) -> bool:
    return hmac.compare_digest(signature.encode(), _sign(purpose, text, secret).encode())


def _to_base36(number: int) -> str:
    if number < 0:
        raise ValueError("identifiers are not negative")
    digits = ""
    while number or not digits:
        number, digit = divmod(number, 36)
        digits = _DIGITS[digit] + digits
    return digits
