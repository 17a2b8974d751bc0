"""`/stop/{token}`: one click in a follow-up letter, and no further follow-ups come (RFC 8058)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

from channels.email.unsubscribe import read_stop_token
from core.automation.silence import stop_follow_ups
from webhooks.answers import page

if TYPE_CHECKING:
    from webhooks.application import Edge


def add_routes(app: web.Application, edge: Edge) -> None:
    """GET asks (mail scanners follow links), POST stops: so says RFC 8058, section 3.2."""

    async def ask(request: web.Request) -> web.Response:
        _conversation(request, edge)
        return web.Response(text=page(_QUESTION), content_type="text/html")

    async def stop(request: web.Request) -> web.Response:
        conversation_id = _conversation(request, edge)
        await edge.db.transact(lambda tx: stop_follow_ups(tx, conversation_id))
        return web.Response(text=page(_DONE), content_type="text/html")

    app.router.add_get("/stop/{token}", ask)
    app.router.add_post("/stop/{token}", stop)


def _conversation(request: web.Request, edge: Edge) -> int:
    secret = edge.letters_secret
    found = read_stop_token(request.match_info["token"], secret) if secret is not None else None
    if found is None:
        raise web.HTTPNotFound(reason="there is nothing here")
    return found


_QUESTION = (
    "<p>Больше не присылать напоминаний?<br>Stop sending reminders?</p>"
    '<form method="post"><button>Да / Yes</button></form>'
)
_DONE = "<p>Готово: напоминаний больше не будет.<br>Done: no more reminders.</p>"
