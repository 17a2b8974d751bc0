"""Who may hold a connection, and for how long: silence is closed, and there is room for the next visitor."""

from __future__ import annotations

import asyncio
import logging
import resource
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import cast

import structlog
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from core.errors import InvalidInput

log = structlog.get_logger("http")

# Connections with the request that is being answered; who is not among them has sent no whole header, or reads no
# answer.
AT_WORK: web.AppKey[dict[web.RequestHandler, web.Request]] = web.AppKey("at work", dict)

# Seconds for a header to come, and for the next request on a connection that is kept. Well above what a telephone
# on a bad network needs; what proxies wait for a backend's next request differs too much to be longer than all.
HEADER = 15.0
LINGER = 10.0  # seconds
BODY = 60.0  # seconds for a body to come, or as long as it comes this fast:
PACE = 1024  # bytes a second, a bad mobile connection
UNDER_WAY = 10.0  # seconds for bodies on their way when the edge closes
MOST = 4096  # connections at once, however many descriptors there are
KEPT_BACK = 256  # descriptors for the database, Telegram (200 connections at most), mail and logs
BACKLOG = 1024  # connections that the system holds ready
AT_ONCE = 64  # of them taken in one go: each is a descriptor before anybody can refuse it
_BUSY = (
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
)


def most_connections(descriptors: int) -> int:
    """How many connections are held at once where a process may have so many descriptors.

    A visitor who sends a file takes two: the connection and the file.
    """
    return min(MOST, max(descriptors // 4, (descriptors - KEPT_BACK) // 2))


class Listener:
    """The HTTP edge while it listens."""

    def __init__(
        self,
        runner: web.AppRunner,
        server: asyncio.Server,
        at_work: Mapping[web.RequestHandler, web.Request],
    ) -> None:
        self._runner, self._server, self._at_work = runner, server, at_work
        self.port: int = server.sockets[0].getsockname()[1]

    @classmethod
    async def start(
        cls,
        app: web.Application,
        host: str,
        port: int,
        *,
        header: float = HEADER,
        most: int | None = None,
        linger: float = LINGER,
    ) -> Listener:
        """Serve `app` there; `port` 0 takes a free one. Raises OSError when it cannot be listened on.

        A connection whose header is not complete within `header` seconds is closed, and so is one on which as
        long no next request comes. With `most` connections open (by default as many as the process has
        descriptors for) the one that has been silent longest gives way to the newest; when all are at work, the
        newest is refused. Of a body that was refused the rest is read for `linger` seconds, so that its sender gets
        to read the answer.
        """
        runner = web.AppRunner(
            app,
            handle_signals=False,
            access_log=None,
            shutdown_timeout=5,
            keepalive_timeout=header,
            lingering_time=linger,
            auto_decompress=False,  # a kilobyte would become a gigabyte before anybody has looked at it
            logger=_logger,
        )
        await runner.setup()
        most, at_work = most or most_connections(_descriptors()), app.get(AT_WORK, {})
        try:
            door = _Door(runner, at_work, most)
            loop = asyncio.get_running_loop()
            server = await loop.create_server(door.newcomer, host, port, backlog=AT_ONCE)
        except BaseException:
            await runner.cleanup()
            raise
        for listening in server.sockets:
            with (
                listening.dup() as same
            ):  # the system's queue may be longer than what is taken from it at once
                same.listen(BACKLOG)
        return cls(runner, server, at_work)

    async def close(self) -> None:
        """Take nobody else, answer those who have asked; what of their bodies is on its way is waited for."""
        self._server.close()
        # The runner hears nothing more once it cleans up, and would wait for them in vain.
        bodies = [request.content.wait_eof() for request in self._at_work.values()]
        with suppress(TimeoutError):
            async with asyncio.timeout(UNDER_WAY):
                await asyncio.gather(*bodies, return_exceptions=True)
        await self._runner.cleanup()


@asynccontextmanager
async def in_time(request: web.Request, seconds: float = BODY, pace: int = PACE) -> AsyncIterator[None]:
    """Read the body of a request within this block.

    It may take `seconds`, and as many again whenever `pace` bytes a second have come meanwhile: a large file over
    a slow network arrives, and who only holds the connection open is sent away. Raises `InvalidInput` 408.
    """
    loop, content = asyncio.get_running_loop(), request.content
    limit, timer = asyncio.timeout(None), None

    def look(before: int) -> None:
        nonlocal timer
        if content.total_bytes - before < pace * seconds:
            limit.reschedule(loop.time())
        else:
            timer = loop.call_later(seconds, look, content.total_bytes)

    timer = loop.call_later(seconds, look, content.total_bytes)
    try:
        async with limit:
            yield
    except TimeoutError:
        if not limit.expired():
            raise
        raise InvalidInput("body", f"has not come within {seconds:.0f} seconds", 408) from None
    finally:
        timer.cancel()


async def read_body(request: web.Request, most: int, seconds: float, advice: str = "") -> bytes:
    """The whole body, within the time that `in_time` gives.

    Raises `InvalidInput`: 413 beyond `most` bytes, with the `advice`; 408 when it does not come.
    """
    content = request.content
    if request.content_length is not None and request.content_length > most:
        raise _too_long(most, advice)
    if content.is_eof():  # as most: it came with the header
        body = content.read_nowait()
        if len(body) > most:
            raise _too_long(most, advice)
        return body
    gathered = bytearray()
    async with in_time(request, seconds):
        async for chunk in content.iter_any():
            gathered += chunk
            if len(gathered) > most:
                raise _too_long(most, advice)
    return bytes(gathered)


def _too_long(most: int, advice: str) -> InvalidInput:
    return InvalidInput("body", f"longer than {most} bytes{advice}", 413)


class _Door:
    """Counts who is inside."""

    def __init__(
        self, runner: web.AppRunner, at_work: Mapping[web.RequestHandler, web.Request], most: int
    ) -> None:
        self._runner, self._at_work, self._most = runner, at_work, most
        self._told = -60.0

    def newcomer(self) -> asyncio.Protocol:
        return _Newcomer(self)

    def let_in(self, transport: asyncio.Transport) -> None:
        server = self._runner.server
        if server is None or not self._has_room(server):
            transport.write(_BUSY)
            transport.close()
            return
        connection = server()
        transport.set_protocol(connection)
        connection.connection_made(transport)

    def _has_room(self, server: web.Server) -> bool:
        inside = server.connections
        if len(inside) < self._most:
            return True
        inside = [connection for connection in inside if connection.connected]
        if len(inside) < self._most:
            return True
        silent = next((connection for connection in inside if connection not in self._at_work), None)
        if time.monotonic() - self._told >= 60:
            self._told = time.monotonic()
            log.warning("too many connections", most=self._most, refused=silent is None)
        if silent is None:
            return False
        silent.force_close()
        return True


class _Newcomer(asyncio.Protocol):
    """A connection of which nothing is known yet."""

    def __init__(self, door: _Door) -> None:
        self._door = door

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._door.let_in(cast(asyncio.Transport, transport))  # what a server's connections are


def _descriptors() -> int:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return 2 * (MOST + KEPT_BACK) if soft == resource.RLIM_INFINITY else soft


class _NotOurs(logging.Filter):
    """What is no HTTP has its answer, a 400; in our log it would be a traceback with a stranger's words."""

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        return not isinstance(error, HttpProcessingError | web.RequestPayloadError)


_logger = logging.getLogger("aiohttp.server")
_logger.addFilter(_NotOurs())
