"""`POST /lines/{line}/telegram`: Telegram brings an update; 200 only after it is filed, so it is brought again else."""

from __future__ import annotations

import hmac
import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from aiohttp import web
from pydantic_core import from_json

from channels.telegram.inbound import normalise
from webhooks.connections import read_body

if TYPE_CHECKING:
    from webhooks.application import Edge

MAX_UPDATE = 1024 * 1024  # bytes; the largest real ones are some tens of kilobytes
SECRET_HEADER = "X-Telegram-Bot-Api-Secret-Token"  # noqa: S105 - the header's name, https://core.telegram.org/bots/api#setwebhook


def add_routes(app: web.Application, edge: Edge) -> None:
    """The webhook's route."""

    async def post(request: web.Request) -> web.StreamResponse:
        account = edge.telegrams.get(request.match_info["line"])
        given = request.headers.get(SECRET_HEADER, "").encode("utf-8", "surrogatepass")
        if account is None or edge.telegram_secret is None:
            raise web.HTTPNotFound(reason="there is no such line")
        if not hmac.compare_digest(given, edge.telegram_secret):
            raise web.HTTPUnauthorized(reason="the secret token is missing or wrong")
        raw = await read_body(request, MAX_UPDATE, edge.patience)
        await edge.intake.file(account, normalise(_update(raw), raw, edge.clock.now(), account.scope))
        return web.Response()

    app.router.add_post("/lines/{line}/telegram", post)


def _update(raw: bytes) -> Any:
    with suppress(ValueError):
        return from_json(raw)  # reads nearly all of them, in a third of the time
    with suppress(ValueError, RecursionError):
        return json.loads(raw)  # half a surrogate, a byte order mark
    return None  # parked with its bytes: answering with an error would only bring it again
