"""E-mail addresses as keys: however an address is written, one mailbox keeps one key.

The key is lower case throughout and its domain is in the ASCII form (`xn--…`). Mail servers hand a Cyrillic
domain over in that form, people type it in letters, and SMTP without SMTPUTF8 (RFC 6531) can carry nothing
else: so the form that travels is the one that is stored, and `readable_email` gives people the letters back.
Dots and `+tags` stay: only Google ignores dots, and merging two strangers is worse than one kept twice.
"""

from __future__ import annotations

import re
from functools import lru_cache

MAX_TEXT = 65_536  # characters read of one text; what lies beyond is not searched
MAX_EMAILS = 20  # addresses taken from one text


def parse_email(text: str) -> str | None:
    """The match key of a text that holds exactly one address; None when it holds none or several.

    Takes what fields and headers contain: `Anna <a@b.ru>`, `mailto:a@b.ru?subject=…`, spaces round the @, a
    full stop after it. Syntax only (RFC 5321, 5322, 6531): nothing is asked of the network.
    """
    if len(text) <= 320 and text.isascii() and (key := _key(text.strip())):
        return key
    emails = emails_in(text)
    return emails[0] if len(emails) == 1 else None


def emails_in(text: str) -> tuple[str, ...]:
    """The keys of all addresses in a text, in order, each once, at most `MAX_EMAILS`. Never raises."""
    text = text[:MAX_TEXT].translate(_PLAIN)
    found: dict[str, None] = {}
    at = text.find("@")
    tried = 0
    while at != -1 and len(found) < MAX_EMAILS and tried < 10 * MAX_EMAILS:
        tried += 1
        local = _LOCAL.search(text[max(0, at - 80) : at])
        domain = _DOMAIN.match(text, at + 1)
        if local and domain and (key := _key(f"{local[1]}@{domain[1]}")):
            found.setdefault(key)
        at = text.find("@", at + 1)
    return tuple(found)


def readable_email(key: str) -> str:
    """A key as people read it: the domain in its own letters (`info@почта.рф`)."""
    local, at, domain = key.rpartition("@")
    if "xn--" not in domain:
        return key
    import idna

    try:
        return f"{local}{at}{idna.decode(domain)}"
    except idna.IDNAError:
        return key


# What copying from a page or a phone's keyboard brings along.
_PLAIN: dict[int, str | None] = {
    **dict.fromkeys([0xAD, 0x61C, 0xFEFF, *range(0x200B, 0x2010), *range(0x202A, 0x202F)], None),
    **dict.fromkeys(range(0x2060, 0x2070), None),
    0xFF20: "@",
    0xFF0E: ".",
    0xA0: " ",
}
# RFC 5322 atext and dots, from the first letter or digit on: what stands before it in prose are quotes and
# marks. A slash divides.
_LOCAL = re.compile(r"(?<![\w.+-])[^\w\s]{0,5}([\w+-][\w.!#$%&'*+=?^`{|}~-]{0,63})\s{0,3}$")
# The first form ends where Latin letters end: "ivan@mail.ruТелефон".
_DOMAIN = re.compile(
    r"\s{0,3}([A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,8}(?!\.?[A-Za-z0-9-]|\.\w)"
    r"|[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}(?!\.?[\w-]))"
)
# Nearly every address: lower-case ASCII without anything that needs a second look.
_ORDINARY = re.compile(
    r"[a-z0-9_+-]{1,32}(?:\.[a-z0-9_+-]{1,32}){0,3}"
    r"@(?:(?![a-z0-9-]{2}--)[a-z0-9](?:[a-z0-9-]{0,40}[a-z0-9])?\.){1,4}([a-z]{2,20})"
)
_RESERVED = frozenset({"arpa", "invalid", "local", "localhost", "onion", "test"})  # RFC 6761 and its like


@lru_cache(maxsize=8192)
def _key(address: str) -> str | None:
    if "@" not in address:
        return None
    # The validator decides alike (a test compares them) and takes fifteen times as long.
    ordinary = _ORDINARY.fullmatch(address)
    if ordinary and ordinary[1] not in _RESERVED and address.index("@") <= 64:
        return address
    # Loading the rules and the tables of IDNA takes half a tenth of a second: only who needs them pays.
    from email_validator import EmailNotValidError, validate_email

    try:
        valid = validate_email(address, check_deliverability=False)
    except EmailNotValidError:
        return None
    return f"{valid.local_part}@{valid.ascii_domain}".lower()
