"""A cable between a mail client and its server that can be cut, frozen, encrypted, or made to lie."""

from __future__ import annotations

import asyncio
import contextlib
import re
import ssl
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit


class Cable:
    """Connects to `url` for whoever connects to `self.url`.

    `cut_at` breaks the connection as soon as the server sends these bytes, at most `cuts` times; `refuse`
    answers "NO" in the server's place to every command that matches; `freeze` lets nothing through any
    more, and tells nobody. With `tls` the client's end is encrypted, and the address says so.
    """

    def __init__(
        self,
        url: str,
        *,
        cut_at: bytes | None = None,
        cuts: int = 1000,
        refuse: str | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._parts = urlsplit(url)
        self._cut_at = cut_at
        self._cuts = cuts
        self._tls = tls
        self._refuse = re.compile(refuse.encode()) if refuse else None
        self._frozen = asyncio.Event()
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.connections = 0

    @property
    def url(self) -> str:
        assert self._server is not None
        port = self._server.sockets[0].getsockname()[1]
        login = self._parts.netloc.rpartition("@")[0]
        host = "localhost" if self._tls else "127.0.0.1"
        scheme = self._parts.scheme + ("s" if self._tls else "")
        return self._parts._replace(scheme=scheme, netloc=f"{login}@{host}:{port}").geturl()

    def freeze(self) -> None:
        """Silence on all connections there are; new ones work."""
        self._frozen.set()
        self._frozen = asyncio.Event()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._connect, "127.0.0.1", 0, ssl=self._tls)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        frozen = self._frozen
        try:
            there, back = await asyncio.open_connection(self._parts.hostname, self._parts.port)
        except OSError:
            writer.transport.abort()
            return
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._up(reader, back, writer, frozen))
                group.create_task(self._down(there, writer, frozen))
        except* (ConnectionError, asyncio.CancelledError):
            pass  # cut, or rolled up at the end of the test
        finally:
            for end in (writer, back):
                end.transport.abort()
                with contextlib.suppress(OSError, asyncio.CancelledError):
                    await end.wait_closed()

    async def _up(
        self,
        reader: asyncio.StreamReader,
        back: asyncio.StreamWriter,
        writer: asyncio.StreamWriter,
        frozen: asyncio.Event,
    ) -> None:
        while line := await reader.readline():
            if frozen.is_set():
                continue
            if self._refuse and self._refuse.search(line):
                writer.write(line.split()[0] + b" NO [SERVERBUG] this one cannot be had\r\n")
                continue
            back.write(line)
        raise ConnectionResetError

    async def _down(
        self, there: asyncio.StreamReader, writer: asyncio.StreamWriter, frozen: asyncio.Event
    ) -> None:
        while chunk := await there.read(1 << 16):
            if frozen.is_set():
                continue
            if self._cut_at and self._cut_at in chunk and self._cuts > 0:
                self._cuts -= 1
                writer.write(chunk[: chunk.index(self._cut_at)])
                raise ConnectionResetError
            writer.write(chunk)
        raise ConnectionResetError
