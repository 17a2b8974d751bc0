"""Mail addresses out of headers: `"Иван Петров" <ivan@example.ru>` and everything people's programs make of
it.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from channels.email.charset import clean_line
from channels.email.headers import decode_words

MANY = 500  # addresses of one header that are read
NAME = 200  # characters of a name that are kept
WORDS = 64  # words, quotes and commas before an address of which its name is made


@dataclass(frozen=True, slots=True)
class Mailbox:
    """One address of a header: `address` in lower case, `name` as people read it, perhaps empty."""

    address: str
    name: str


def read_addresses(value: str) -> list[Mailbox]:
    """The mailboxes of an unfolded From, To, Cc or Reply-To value; those without a usable address are left
    out.

    Accepts what RFC 5322 section 3.4 allows (groups, comments, quoted names) and what it does not: several
    addresses without brackets, a name with an unquoted comma, a whole mailbox inside of an encoded word.
    """
    mailboxes = _read(value)
    if not mailboxes and "=?" in value:
        mailboxes = _read(decode_words(value))
    return mailboxes


def is_address(text: str) -> bool:
    """Whether a mail could go there: `local@domain` without spaces, brackets or controls."""
    return len(text) <= 254 and _WHOLE.fullmatch(text) is not None


def find_address(text: str) -> str | None:
    """The first address inside of some text, in lower case."""
    found = _ANYWHERE.search(text)
    return found[0].strip(".").lower() if found else None


_ATOM = r"[^\s<>()\[\],;:@\"\\\x00-\x20\x7f]"
_WHOLE = re.compile(rf"(?:{_ATOM}+|\"[^\"\\\x00-\x1f]{{1,62}}\")@{_ATOM}+")
_ANYWHERE = re.compile(rf"{_ATOM}{{1,64}}@{_ATOM}{{1,200}}")
_TOKEN = re.compile(
    r'"(?:[^"\\]|\\.){0,300}"|=\?[^?\s]{1,40}\?[bBqQ]\?[^?]{0,500}\?=|<[^<>]{0,1000}>|'
    r'\((?:[^()\\]|\\.){0,300}\)|[,;]|[^"<>(),;=]+|.',
    re.DOTALL,
)


def _read(value: str) -> list[Mailbox]:
    found: list[Mailbox] = []
    before: deque[str] = deque(maxlen=WORDS)  # what stands there without an address so far, commas too
    words: list[str] = []  # since the last comma: only they are looked through, so the work stays linear
    comments: list[str] = []
    angle = ""

    def close() -> None:
        nonlocal angle
        mailbox = _mailbox(angle, before, "".join(words), " ".join(comments))
        if mailbox is not None:
            found.append(mailbox)
            before.clear()
        else:
            before.extend(word for word in words if before or word.strip())
            if before:
                before.append(",")  # an unquoted comma inside of a name: `Петров, Иван <ivan@...>`
        words.clear()
        comments.clear()
        angle = ""

    for piece in _TOKEN.findall(value):
        if piece in {",", ";"}:
            close()
            if piece == ";":
                before.clear()
        elif piece.startswith("<") and len(piece) > 1:
            if angle and (before or words):  # two mailboxes without a comma between them
                close()
            angle = piece[1:-1]
        elif piece.startswith("(") and len(piece) > 1:
            comments.append(piece[1:-1])
        else:
            if angle and piece.strip():
                close()
            words.append(piece)
        if len(found) >= MANY:
            return found
    close()
    return found


def _mailbox(angle: str, before: Iterable[str], words: str, comment: str) -> Mailbox | None:
    address = _address(angle) if angle else None
    if address is not None:
        name = _GROUP.sub("", "".join(before) + words)
    else:
        inside = _ANYWHERE.search(words)
        if inside is None:
            return None
        address = _address(inside[0].strip("."))
        name = ("".join(before) + words[: inside.start()] + " " + words[inside.end() :]).strip(" \t<>[]'\"")
        name = _GROUP.sub("", re.sub(r"[\[(<]?mailto:$", "", name, flags=re.IGNORECASE))
    if address is None:
        return None
    return Mailbox(address, _name(name) or _name(comment))


# From the first of several spaces only: a thousand of them before no dot cost a thousand steps, not their square.
_SPACED = re.compile(r"(?<!\s)\s*([@.])\s*")
_GROUP = re.compile(r'^\s*[^":=<]{1,80}:\s*')


def _address(text: str) -> str | None:
    text = _SPACED.sub(r"\1", text.strip())  # not across words: `power user@…` is nobody's address
    if "=?" in text:
        text = decode_words(text)
    text = text.strip("<>'\"`,;").removeprefix("mailto:").removeprefix("MAILTO:").rstrip(".").lower()
    if ":" in text:  # an obsolete route, `@relay:ivan@example.ru`
        text = text.rpartition(":")[2]
    if not is_address(text):
        return None
    return text if clean_line(text, 254) == text else None


def _name(text: str) -> str:
    text = _QUOTED.sub(lambda match: _ESCAPE.sub(r"\1", match[1]), text[:2000].strip())
    text = decode_words(text).strip(" \t\"'`,;<>")
    return clean_line(text, NAME)


_QUOTED = re.compile(r'"((?:[^"\\]|\\.){0,300})"', re.DOTALL)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
