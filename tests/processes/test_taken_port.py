"""A port that somebody else has is told at once."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from sandbox.telegram import TelegramSandbox
from tests.processes.running import ADMIN, LINE, OpenLines


@pytest.mark.timeout(120)
async def test_a_taken_port_is_told_before_the_bots_library_is_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPROFILEIMPORTTIME", "1")  # the process names every module it imports
    async with TelegramSandbox() as telegram:
        telegram.add_bot(LINE, "line_bot")
        server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
        port = str(server.sockets[0].getsockname()[1])
        process = await OpenLines.start(
            "run",
            DATA_DIR=str(tmp_path),
            HTTP__PORT=port,
            TELEGRAM__TOKEN=LINE,
            TELEGRAM__API_URL=telegram.url,
            ADMINS=f"[{ADMIN}]",
        )
        assert await process.ends(None) == 2
        server.close()
    imported = [line for line in process.said if line.startswith("import time:")]
    told = [line for line in process.said if line.startswith("openlines: ")]
    assert told == [f"openlines: OPENLINES_HTTP__PORT: port {port} cannot be had: Address already in use"]
    assert any(line.endswith("webhooks.application") for line in imported)
    assert not any("aiogram" in line for line in imported)
