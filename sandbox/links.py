"""What Telegram takes for a link, and how it writes it."""

from __future__ import annotations

import re
from dataclasses import dataclass

_LINK = re.compile(r"(?:([A-Za-z][A-Za-z0-9+.\-]*):(//)?)?([^/?#\s]*)([^\s]*)")
_HOST = re.compile(r"(?:[^@/\s]*@)?([^:@/\s]+)(?::(\d{1,5}))?")
_USER = re.compile(r"tg:(?://)?user\?(?:[^#]*&)?id=(\d{1,19})(?:[&#]|$)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class NoLink:
    """Why a text is no link, in Telegram's words."""

    reason: str


def checked_link(link: str) -> str | NoLink:
    """The link as Telegram keeps it: with a scheme, and with a slash after a bare host.

    http, https, tg, ton and tonsite links are taken (LinkManager::check_link in tdlib); the rest is NoLink.
    """
    link = link.strip()
    found = _LINK.fullmatch(link)
    if found is None:
        return NoLink("Wrong HTTP URL")
    scheme, slashes, host, rest = found.groups()
    scheme = (scheme or "http").lower()
    if scheme in ("tg", "ton", "tonsite"):
        return f"{scheme}://{host}{rest}" if host else NoLink(f"Wrong {scheme} URL")
    if found.group(1) is not None and slashes is None:
        # `example.com:80/x` reads like a scheme and is a host with a port.
        if rest or not host[:5].isdigit():
            return NoLink("Unsupported URL protocol")
        scheme, host = "http", f"{found.group(1)}:{host}"
    if scheme not in ("http", "https"):
        return NoLink("Unsupported URL protocol")
    if not host:
        return NoLink("URL host is empty")
    named = _HOST.fullmatch(host)
    # The sandbox serves this machine: tests put buttons to local pages, which Telegram itself would refuse.
    if named is None or ("." not in named.group(1) and scheme == "http" and found.group(1) is None):
        return NoLink("Wrong HTTP URL")
    return f"{scheme}://{host}{rest or '/'}"


def linked_user(link: str) -> int | None:
    """The id in `tg://user?id=...`, which makes a mention of the link."""
    found = _USER.match(link.strip())
    return int(found.group(1)) if found else None
