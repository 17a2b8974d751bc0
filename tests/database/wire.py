"""A wire to the tests' PostgreSQL on which, from one moment on, nothing comes any more and nobody is told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from sqlalchemy import make_url


class Wire:
    """Connects whoever connects to `url` with the database at another address."""

    def __init__(self, url: str) -> None:
        self._to = make_url(url)
        self._frozen = asyncio.Event()
        self._connections: set[asyncio.Task[None]] = set()
        self.url = ""

    def freeze(self) -> None:
        """Silence on all connections there are; new ones work."""
        self._frozen.set()
        self._frozen = asyncio.Event()

    async def connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry to and fro until an end lets go."""
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)
        frozen = self._frozen
        there, back = await asyncio.open_unix_connection(f"{self._to.query['host']}/.s.PGSQL.5432")

        async def carry(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
            while chunk := await source.read(1 << 16):
                if not frozen.is_set():
                    target.write(chunk)
            if source is there and frozen.is_set():
                await asyncio.Event().wait()  # that the server lets go does not come through either
            raise ConnectionResetError

        try:
            with suppress(ConnectionError):
                await asyncio.gather(carry(reader, back), carry(there, writer))
        finally:
            for end in (writer, back):
                end.transport.abort()

    async def listen(self) -> asyncio.Server:
        """Be there for whoever connects to `url`, which is known from here on."""
        server = await asyncio.start_server(self.connect, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        address = self._to.set(host="127.0.0.1", port=port, query={})
        self.url = address.render_as_string(hide_password=False)
        return server

    async def roll_up(self) -> None:
        """Let go of every connection."""
        for task in self._connections:
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)


@asynccontextmanager
async def wire_to(url: str) -> AsyncIterator[Wire]:
    """A wire that is there until the end of the block."""
    wire = Wire(url)
    server = await wire.listen()
    try:
        yield wire
    finally:
        server.close()
        await wire.roll_up()
