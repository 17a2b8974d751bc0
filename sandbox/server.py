"""The HTTP surface: `/bot<token>/<method>` and `/file/bot<token>/<path>`, as api.telegram.org has them."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from aiohttp import web

from sandbox.calls import ApiError, Call
from sandbox.faults import FaultPlan, Gateway, HangUp, Hold, RateLimiter, Refuse, Slow
from sandbox.files import MAX_DOWNLOAD
from sandbox.methods import NAMES, perform
from sandbox.requests import MAX_BODY, read_parameters

if TYPE_CHECKING:
    from sandbox.accounts import Bot
    from sandbox.calls import Json
    from sandbox.world import World

log = logging.getLogger("sandbox")
_ENCODER = json.JSONEncoder(separators=(",", ":"))
_UNAUTHORIZED = ApiError(401, "Unauthorized")
_NOT_FOUND = ApiError(404, "Not Found")
# What a bot may not ask for in its answer to a webhook's delivery.
_NOT_IN_ANSWERS = ("get", "setwebhook", "deletewebhook", "close", "logout")


class BotApiServer:
    """Answers bots. `limits` are off when None."""

    def __init__(self, world: World, faults: FaultPlan, limits: RateLimiter | None) -> None:
        self._world = world
        self._faults = faults
        self._limits = limits
        world.obey = self.obey

    def application(self, routes: Iterable[web.AbstractRouteDef] = ()) -> web.Application:
        """The aiohttp application; `routes` are further pages beside the API."""
        application = web.Application(client_max_size=MAX_BODY)
        application.add_routes(list(routes))
        application.router.add_route("*", "/bot{token}/{method}", self._api)
        application.router.add_get("/file/bot{token}/{path:.+}", self._file)
        return application

    async def obey(self, bot: Bot, answer: Json) -> None:
        """Do the one call a bot may put into its answer to a webhook's delivery; nobody hears how it went."""
        name = str(answer.get("method", "")).lower()
        if name not in NAMES or name.startswith(_NOT_IN_ANSWERS):
            return
        params = {key: value for key, value in answer.items() if key != "method"}
        call = Call(bot, NAMES[name], params, {}, self._world.now())
        try:
            call.result = await perform(self._world, call)
        except ApiError as error:
            call.error = error
        self._world.settled(call)

    async def _api(self, request: web.Request) -> web.StreamResponse:
        world = self._world
        bot = world.bots.get(request.match_info["token"])
        if bot is None:
            return _refusal(_UNAUTHORIZED)
        method = NAMES.get(request.match_info["method"].lower())
        if method is None:
            return _refusal(_NOT_FOUND)
        if self._faults and self._faults.hangs_up_unread(method):
            world.settled(Call(bot, method, {}, {}, world.now()))
            return _hang_up(request)
        try:
            params, uploads = await read_parameters(request)
        except ApiError as error:
            return _refusal(error)
        call = Call(bot, method, params, uploads, world.now())
        fault = self._faults.next_for(call) if self._faults else None
        if fault is not None:
            return await self._faulty(request, call, fault)
        return await self._answered(call)

    async def _answered(self, call: Call) -> web.Response:
        try:
            if self._limits is not None:
                self._limits.check(call, self._world.now())
            call.result = result = await perform(self._world, call)
        except ApiError as error:
            call.error = error
            return _refusal(error)
        except Exception as error:
            # A bug of ours must look like Telegram's own trouble, and be seen in the log.
            log.exception("%s failed", call.method)
            call.error = ApiError(500, f"Internal Server Error: {type(error).__name__}")
            return _refusal(call.error)
        finally:
            self._world.settled(call)
        encoded = result if isinstance(result, bytes) else _encode(result)
        return web.Response(body=b'{"ok":true,"result":' + encoded + b"}", content_type="application/json")

    async def _faulty(self, request: web.Request, call: Call, fault: Any) -> web.StreamResponse:
        match fault:
            case Refuse():
                call.error = fault.error()
                self._world.settled(call)
                return _refusal(call.error)
            case Gateway():
                self._world.settled(call)
                return web.Response(text=fault.body, status=fault.status, content_type="text/html")
            case HangUp(after_acting=after_acting):
                if after_acting:
                    await self._answered(call)
                else:
                    self._world.settled(call)
                return _hang_up(request)
            case Slow():
                answer = await self._answered(call)
                await asyncio.sleep(fault.seconds)
                return answer
            case Hold(before_acting=True):
                await self._held(call, fault)
                return await self._answered(call)
            case Hold():
                answer = await self._answered(call)
                await self._held(call, fault)
                return answer
        raise TypeError(f"unknown fault {fault!r}")

    async def _held(self, call: Call, hold: Hold) -> None:
        hold.arrived += 1
        self._world.changed("held", bot=call.bot)
        await hold.wait()

    async def _file(self, request: web.Request) -> web.StreamResponse:
        bot = self._world.bots.get(request.match_info["token"])
        if bot is None:
            return _refusal(_UNAUTHORIZED)
        stored = self._world.files.at(request.match_info["path"], self._world.now())
        if stored is None or stored.size > MAX_DOWNLOAD:
            return _refusal(_NOT_FOUND)
        return web.Response(body=stored.data, content_type="application/octet-stream")


def _encode(result: Any) -> bytes:
    return _ENCODER.encode(result).encode()


def _refusal(error: ApiError) -> web.Response:
    answer = web.Response(body=_encode(error.answer()), status=error.code, content_type="application/json")
    if error.parameters and "retry_after" in error.parameters:
        answer.headers["Retry-After"] = str(error.parameters["retry_after"])
    return answer


def _hang_up(request: web.Request) -> web.Response:
    """Cut the connection. The answer returned is never sent: there is nothing left to send it through."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()
