"""Who is turned away, and what is refused: a line in the log for whoever looks after the machine."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import TypeAlias

import structlog
from aiohttp import web

from core.clock import Clock
from core.errors import InvalidInput

log = structlog.get_logger("http")

Network: TypeAlias = IPv4Network | IPv6Network
QUIET = timedelta(minutes=1)  # one line for the same in a minute: a stranger cannot fill the disk with them
REMEMBERED = 1_000
_OURS = ("body", "message", "Content-Type", "Content-Encoding")  # what `InvalidInput` names by a word of ours


class Refusals:
    """Notes refusals. `trusted` are the proxies whose X-Forwarded-For is believed."""

    def __init__(self, clock: Clock, trusted: Sequence[Network] = ()) -> None:
        self._clock = clock
        self._trusted = trusted
        self._noted: dict[str, datetime] = {}

    def turned_away(self, request: web.Request, status: int) -> None:
        """Log who came with a wrong key or secret, and where; once a minute for an address."""
        visitor = visitor_of(request, self._trusted)
        if self._is_news(visitor):
            log.warning("turned away", status=status, route=route_of(request), visitor=visitor)

    def refused(self, request: web.Request, error: InvalidInput) -> None:
        """Log that something could not be taken, and for which field; not of whom, who may well be a customer.

        A field that a form has named itself is not: the name may be somebody's words.
        """
        field = error.field if error.field in _OURS else "another"
        if self._is_news(f"{error.status} {field}"):
            log.warning("refused", status=error.status, route=route_of(request), field=field)

    def _is_news(self, what: str) -> bool:
        now = self._clock.now()
        if now - self._noted.get(what, now - QUIET) < QUIET:
            return False
        if len(self._noted) >= REMEMBERED:
            self._noted = {other: at for other, at in self._noted.items() if now - at < QUIET}
            if len(self._noted) >= REMEMBERED:
                return False  # a flood from everywhere: the metrics count it
        self._noted[what] = now
        return True


def route_of(request: web.Request) -> str:
    """The application's own name of what was asked for, never a stranger's path."""
    resource = request.match_info.route.resource
    return resource.canonical if resource is not None else "unknown"


def visitor_of(request: web.Request, trusted: Sequence[Network]) -> str:
    """The address of whoever asks.

    Behind proxies of ours it is the last one in X-Forwarded-For that is not itself such a proxy: everything
    left of it was written by the visitor.
    """
    visitor = request.remote or "unknown"
    forwarded = ",".join(request.headers.getall("X-Forwarded-For", ()))
    for hop in reversed(forwarded.split(",") if forwarded else ()):
        if not _is_trusted(visitor, trusted):
            break
        try:
            visitor = str(ip_address(hop.strip()))
        except ValueError:
            break
    return visitor


def _is_trusted(address: str, trusted: Sequence[Network]) -> bool:
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    return any(parsed in network for network in trusted)
