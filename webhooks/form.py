"""`POST /lines/{line}/form`: a page of the company's site hands an enquiry over; 202 once it is filed."""

from __future__ import annotations

import hmac
import json
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from html import escape
from typing import TYPE_CHECKING, Any

from aiohttp import web

from channels.form.inbound import HANDSHAKE, normalise, normalise_fields
from channels.form.multipart import read_multipart
from core.channel import Received
from core.files import Sink
from webhooks.answers import answer, page
from webhooks.connections import in_time, read_body
from webhooks.refusals import route_of

if TYPE_CHECKING:
    from webhooks.application import Edge

PATH = "/lines/{line}/form"
MAX_PLAIN = 1024 * 1024  # bytes of a JSON or urlencoded form
KEY_HEADER = "X-Form-Key"


def add_routes(app: web.Application, edge: Edge) -> None:
    """The form's route and the browser's question before it."""

    async def post(request: web.Request) -> web.StreamResponse:
        account = edge.forms.get(request.match_info["line"])
        if account is None:
            raise web.HTTPNotFound(reason="there is no such line")
        _check_key(request, edge)
        received = await _read(request, edge)
        # What is parked is kept too, and seen by the admins: the visitor need not send it again.
        filed = await edge.intake.file(account, received)
        # Tilda's question wants 200: https://help-ru.tilda.cc/formsscript
        return answer({"id": str(filed.ledger_id)}, status=200 if received.understood == HANDSHAKE else 202)

    async def preflight(_: web.Request) -> web.StreamResponse:
        response = web.Response(status=204)
        response.headers["Access-Control-Allow-Methods"] = "POST"
        response.headers["Access-Control-Allow-Headers"] = f"Content-Type, {KEY_HEADER}, Idempotency-Key"
        response.headers["Access-Control-Max-Age"] = "86400"
        return response

    app.router.add_post(PATH, post)
    app.router.add_options(PATH, preflight)


def let_read(request: web.Request, response: web.StreamResponse, origins: Collection[str]) -> None:
    """Let the script of a page of the company's site read the answer, a refusal too: it says what to mend.

    https://fetch.spec.whatwg.org/#http-cors-protocol
    """
    if route_of(request) != PATH:
        return
    response.headers["Vary"] = "Origin"
    origin = request.headers.get("Origin")
    if origin and (origin in origins or "*" in origins):
        response.headers["Access-Control-Allow-Origin"] = origin


def show(request: web.Request, response: web.StreamResponse, origins: Collection[str]) -> None:
    """Write the answer as a page for a visitor whose browser a form without a script has led here.

    https://www.w3.org/TR/fetch-metadata/#sec-fetch-mode-header
    """
    if request.headers.get("Sec-Fetch-Mode") != "navigate" or route_of(request) != PATH:
        return
    if isinstance(response, web.Response) and response.text:
        origin = request.headers.get("Origin")
        back = f'<p><a href="{origin}">{origin}</a></p>' if origin in origins and origin != "*" else ""
        refusal = json.loads(response.text).get("error")
        said = _THANKS if refusal is None else f"{_NOT_SENT}<p><small>{escape(refusal)}</small></p>"
        response.body = page(said + back).encode(
            "utf-8", "replace"
        )  # a header's odd bytes may stand in a refusal
        response.content_type = "text/html"


_THANKS = "<p>Спасибо! Мы получили ваше сообщение.<br>Thank you! We have received your message.</p>"
_NOT_SENT = (
    "<p>Не отправлено. Вернитесь назад и попробуйте ещё раз.<br>Not sent. Please go back and try again.</p>"
)


def _check_key(request: web.Request, edge: Edge) -> None:
    if edge.form_key is None:
        raise web.HTTPForbidden(reason="this form takes nothing: it has no key yet")
    given = request.headers.get(KEY_HEADER) or request.query.get("key") or ""
    # Bytes: comparing text in constant time raises on anything but ASCII.
    if not hmac.compare_digest(given.encode("utf-8", "surrogatepass"), edge.form_key):
        raise web.HTTPUnauthorized(reason=f"the key in {KEY_HEADER} or ?key= is missing or wrong")


async def _read(request: web.Request, edge: Edge) -> Received:
    now = edge.clock.now()
    headers = request.headers
    about: dict[str, Any] = {
        "idempotency_key": headers.get("Idempotency-Key"),
        "region": edge.region,
        "honeypots": edge.honeypots,
        "referer": headers.get("Referer"),
        "accept_language": headers.get("Accept-Language"),
    }
    if request.content_type == "multipart/form-data":
        async with in_time(request, edge.patience):
            fields, files = await read_multipart(request.content, request.headers, lambda: _sink(edge))
        return normalise_fields(fields, files, now, **about)
    body = await read_body(request, MAX_PLAIN, edge.patience, "; send files as multipart/form-data")
    return normalise(body, headers.get("Content-Type", ""), now, **about)


@asynccontextmanager
async def _sink(edge: Edge) -> AsyncIterator[Sink]:
    sink = edge.store.sink()
    try:
        yield sink
    finally:
        if not sink.is_closed:
            await sink.abandon()
