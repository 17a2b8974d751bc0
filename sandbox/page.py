"""One page that shows telephones and what goes on in them, live: for the demo, and for looking while developing.

    page = Page(title="…")
    async with TelegramSandbox(port=8080, routes=page.routes()) as telegram:
        page.show(telegram, [Phone(anna, bot, "customer"), Phone(boris, staff, "manager")])

It is plain files and one stream of events. Whatever the page is told are texts, which it shows as texts.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

from aiohttp import web

from sandbox.calls import Json
from sandbox.faults import HangUp, too_many_requests
from sandbox.page_acts import Impossible, perform, sample, upload
from sandbox.page_stream import Stream, Surroundings
from sandbox.page_view import Phone
from sandbox.telegram import TelegramSandbox

_FILES = Path(__file__).with_name("page")
_TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_LONGEST_STEP = timedelta(days=7)
_MAX_UPLOAD = 20 * 1024 * 1024
_SAFE = {
    # Nothing from elsewhere and no markup in texts: should the script ever err, the browser stops it.
    "Content-Security-Policy": "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "img-src 'self' data:; object-src 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}
# What a browser may show in place, told by its first bytes and never by its name.
_SHOWN = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"GIF8", "image/gif"),
    (b"RIFF", "image/webp"),
    (b"OggS", "audio/ogg"),
)


class Page:
    """The page. Its routes can be served before there is anything to show: it says so and waits."""

    def __init__(self) -> None:
        self._telegram: TelegramSandbox | None = None
        self._phones: dict[str, Phone] = {}
        self._around = Surroundings()
        self._shown = asyncio.Event()

    def show(
        self, telegram: TelegramSandbox, phones: Sequence[Phone], around: Surroundings | None = None
    ) -> None:
        """Show these telephones from now on, and what stands beside them."""
        self._telegram = telegram
        self._phones = {phone.key: phone for phone in phones}
        self._around = around or Surroundings()
        self._shown.set()

    def routes(self) -> list[web.RouteDef]:
        """What the page is served by, beside the Bot API."""
        return [
            web.get("/", self._index),
            web.get("/page/events", self._events),
            web.get("/page/files/{bot}/{file}", self._file),
            web.get("/page/samples/{name}", self._sample),
            web.get("/page/{name:[a-z]+\\.(?:js|css|svg)}", self._static),
            web.post("/page/act", self._act),
            web.post("/page/upload", self._upload),
        ]

    # --- what is looked at -----------------------------------------------------------------------

    async def _index(self, _: web.Request) -> web.StreamResponse:
        return _static("index.html")

    async def _static(self, request: web.Request) -> web.StreamResponse:
        return _static(request.match_info["name"])

    async def _sample(self, request: web.Request) -> web.StreamResponse:
        try:
            return _shown(sample(request.match_info["name"]))
        except LookupError as error:
            raise web.HTTPNotFound from error

    async def _file(self, request: web.Request) -> web.StreamResponse:
        bot, file_id = request.match_info["bot"], request.match_info["file"]
        found = None
        if self._telegram is not None and bot.isdecimal():
            found = self._telegram.world.files.find(file_id, int(bot))
        if found is None:
            raise web.HTTPNotFound
        return _shown(found.data)

    # --- what is done ----------------------------------------------------------------------------

    async def _act(self, request: web.Request) -> web.StreamResponse:
        # A page of another site cannot send this type without asking first, and is not answered.
        if request.content_type != "application/json":
            raise web.HTTPUnsupportedMediaType
        try:
            asked = await request.json()
        except ValueError as error:
            raise web.HTTPBadRequest from error
        if not isinstance(asked, dict):
            raise web.HTTPBadRequest
        try:
            return web.json_response(await self._do(asked))
        except Impossible as error:
            return web.json_response({"error": str(error)}, status=409)

    async def _do(self, asked: Json) -> Json:
        match asked.get("act"):
            case "time":
                return await self._let_pass(asked.get("seconds"))
            case "cut" | "busy":
                return self._break_next(str(asked["act"]))
            case "letter":
                return await self._write_letter(asked)
        phone = self._phones.get(str(asked.get("phone")))
        if phone is None:
            raise Impossible("no such telephone")
        return await perform(phone, asked)

    async def _let_pass(self, seconds: object) -> Json:
        if self._around.advance is None or not isinstance(seconds, int):
            raise Impossible("time cannot be moved here")
        await self._around.advance(min(timedelta(seconds=max(0, seconds)), _LONGEST_STEP))
        if self._telegram is not None:
            self._telegram.world.changed("clock")
        return {}

    def _break_next(self, how: str) -> Json:
        """The next message to a customer meets a fault."""
        if self._telegram is None:
            raise Impossible("there is nobody yet")
        customers = {phone.person.id for phone in self._phones.values() if phone.side == "customer"}
        fault = HangUp(after_acting=True) if how == "cut" else too_many_requests(5)
        self._telegram.fail("sendMessage", fault, where=lambda call: call.chat_id in customers)
        return {}

    async def _write_letter(self, asked: Json) -> Json:
        post, mailbox = self._around.post, self._around.mailbox
        if post is None or mailbox is None:
            raise Impossible("there is no post here")
        name, address, subject, text = (
            str(asked.get(key, "")) for key in ("name", "from", "subject", "text")
        )
        try:
            await post.writes(name, address, mailbox, subject, text)
        except (ConnectionError, ValueError) as error:
            raise Impossible(str(error)) from error
        return {}

    async def _upload(self, request: web.Request) -> web.StreamResponse:
        phone = self._phones.get(request.query.get("phone", ""))
        # A header no plain form of another site can send.
        if phone is None or "X-Page" not in request.headers:
            raise web.HTTPBadRequest
        if (request.content_length or 0) > _MAX_UPLOAD:
            raise web.HTTPRequestEntityTooLarge(_MAX_UPLOAD, request.content_length or 0)
        data = await request.read()
        try:
            await upload(phone, data, request.content_type, request.query)
        except Impossible as error:
            return web.json_response({"error": str(error)}, status=409)
        return web.json_response({})

    # --- what is told ----------------------------------------------------------------------------

    async def _events(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(
            headers={
                "Content-Type": "text/event-stream",
                "Cache-Control": "no-store",
                "X-Accel-Buffering": "no",
            }
        )
        await response.prepare(request)
        with suppress(ConnectionError, asyncio.CancelledError):
            await self._shown.wait()
            await Stream(response, self._telegram, self._phones, self._around).run()
        return response


def _static(name: str) -> web.Response:
    path = _FILES / name
    if path.parent != _FILES or not path.is_file():
        raise web.HTTPNotFound
    return web.Response(
        body=path.read_bytes(), content_type=_TYPES[path.suffix], charset="utf-8", headers=_SAFE
    )


def _shown(data: bytes) -> web.Response:
    headers = {"X-Content-Type-Options": "nosniff", "Content-Security-Policy": "default-src 'none'; sandbox"}
    for beginning, media_type in _SHOWN:
        if data.startswith(beginning):
            return web.Response(body=data, content_type=media_type, headers=headers)
    headers["Content-Disposition"] = "attachment"
    return web.Response(body=data, content_type="application/octet-stream", headers=headers)
