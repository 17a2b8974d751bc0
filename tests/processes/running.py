"""openlines as its owner runs it: a process with settings in its environment and a log one can wait for."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Self

from sandbox.telegram import TelegramSandbox

LINE = "1000:LINE"
STAFF = "2000:STAFF"
ADMIN = 100
# Where compiled modules are kept: without them a process spends four seconds on compiling what it imports.
BYTECODE = Path(__file__).parents[2] / ".pytest_cache" / "bytecode"
PATIENCE = 60.0  # seconds; a machine with other work takes its time to start a process


class OpenLines:
    """One process of `openlines`."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.said: list[str] = []
        self._more = asyncio.Condition()
        self._reader = asyncio.create_task(self._read())

    @classmethod
    async def start(cls, *arguments: str, **settings: str) -> Self:
        """Start it with these arguments, and settings without their prefix; nothing else is set."""
        ours = ("OPENLINES_", "PYTHONDONTWRITEBYTECODE")
        plain = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
        plain["PYTHONPYCACHEPREFIX"] = str(BYTECODE)
        given = {f"OPENLINES_{name}": value for name, value in settings.items()}
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "openlines",
            *arguments,
            env=plain | {"OPENLINES_LOG_FORMAT": "json", "OPENLINES_HTTP__PORT": "0"} | given,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        return cls(process)

    async def _read(self) -> None:
        assert self._process.stderr is not None
        async for line in self._process.stderr:
            async with self._more:
                self.said.append(line.decode().rstrip("\n"))
                self._more.notify_all()
        async with self._more:
            self._more.notify_all()

    def events(self, name: str) -> list[dict[str, Any]]:
        """The log lines of one event."""
        found = [json.loads(line) for line in self.said if line.startswith("{")]
        return [line for line in found if line["event"] == name]

    async def says(self, event: str) -> dict[str, Any]:
        """Wait for an event in the log."""
        async with asyncio.timeout(PATIENCE), self._more:
            await self._more.wait_for(lambda: self.events(event) or self._reader.done())
        assert self.events(event), "\n".join(self.said)
        return self.events(event)[-1]

    async def ends(self, how: signal.Signals | None = signal.SIGTERM) -> int:
        """End it, or wait for its own end; its exit code."""
        if how is not None and self._process.returncode is None:
            self._process.send_signal(how)
        async with asyncio.timeout(PATIENCE):
            code = await self._process.wait()
            await self._reader
        return code

    async def destroy(self) -> None:
        """Leave nothing behind, whatever has happened."""
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()
        await self._reader


@asynccontextmanager
async def openlines(
    *arguments: str, telegram: TelegramSandbox, folder: Path, **settings: str
) -> AsyncIterator[OpenLines]:
    """A process of the line whose bot lives on this Telegram; killed at the end if it still runs."""
    process = await OpenLines.start(
        *arguments,
        **{
            "DATA_DIR": str(folder),
            "TELEGRAM__TOKEN": LINE,
            "TELEGRAM__API_URL": telegram.url,
            "ADMINS": str(ADMIN),
            **settings,
        },
    )
    try:
        yield process
    finally:
        await process.destroy()
