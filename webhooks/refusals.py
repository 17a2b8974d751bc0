"""Who is turned away for a wrong key or secret: a line in the log for whoever looks after the machine."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import TypeAlias

import structlog
from aiohttp import web

from core.clock import Clock

log = structlog.get_logger("http")

Network: TypeAlias = IPv4Network | IPv6Network
QUIET = timedelta(minutes=1)  # one line per address and minute: a stranger cannot fill the disk with them
REMEMBERED = 1_000


class Refusals:
    """Notes refusals. `trusted` are the proxies whose X-Forwarded-For is believed."""

    def __init__(self, clock: Clock, trusted: Sequence[Network] = ()) -> None:
        self._clock = clock
        self._trusted = trusted
        self._noted: dict[str, datetime] = {}

    def note(self, request: web.Request, status: int) -> None:
        """Log who was turned away, and where; once a minute for an address."""
        visitor, now = visitor_of(request, self._trusted), self._clock.now()
        if now - self._noted.get(visitor, now - QUIET) < QUIET:
            return
        if len(self._noted) >= REMEMBERED:
            self._noted = {other: at for other, at in self._noted.items() if now - at < QUIET}
            if len(self._noted) >= REMEMBERED:
                return  # a flood from everywhere: the metrics count it
        self._noted[visitor] = now
        resource = request.match_info.route.resource
        log.warning("turned away", status=status, route=resource and resource.canonical, visitor=visitor)


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
