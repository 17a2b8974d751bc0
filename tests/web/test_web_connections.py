"""Connections of strangers: silence is closed, slowness bounded, a crowd gives way, and others are served meanwhile."""

from __future__ import annotations

import asyncio
import gzip
import io
import json
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from core.clock import ManualClock
from core.files import FileStore
from core.intake.edge import Intake
from core.lines.accounts import AccountRef
from tests.builders import a_database, an_account
from tests.web.edge import FORM, HOOK, KEY, SECRET
from webhooks.application import Edge, build
from webhooks.connections import Listener, most_connections

JSON = '{"message": "Здравствуйте"}'.encode()


@dataclass(frozen=True, slots=True)
class Line:
    """The edge as the program serves it."""

    port: int
    form: AccountRef
    close: Callable[[], Awaitable[None]]

    async def connects(self, said: bytes = b"") -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Somebody who says this and then nothing."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(said)
        return reader, writer

    async def hears(self, said: bytes) -> tuple[int, bytes]:
        """The status and body of the answer to this."""
        reader, writer = await self.connects(said)
        async with asyncio.timeout(20):
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
            body = await reader.readexactly(length)
        writer.close()
        return int(head.split()[1]), body


@asynccontextmanager
async def listening(
    url: str,
    folder: Path,
    clock: ManualClock,
    *,
    header: float = 60,
    most: int | None = None,
    patience: float = 60,
) -> AsyncIterator[Line]:
    async with a_database(url, clock) as db:
        form, bot, store = await an_account(db, "form", "main"), await an_account(db), FileStore(folder)
        edge = Edge(
            db=db,
            intake=Intake(db, store),
            store=store,
            clock=clock,
            forms={"main": form},
            form_key=KEY.encode(),
            telegrams={"main": bot},
            telegram_secret=SECRET.encode(),
            patience=patience,
        )
        listener = await Listener.start(build(edge), "127.0.0.1", 0, header=header, most=most, linger=0.5)
        try:
            yield Line(listener.port, form, listener.close)
        finally:
            await listener.close()
            await edge.intake.close()


def a_post(body: bytes, path: str = FORM, *headers: str, length: int | None = None) -> bytes:
    kind = (
        ()
        if any(header.startswith("Content-Type") for header in headers)
        else ("Content-Type: application/json",)
    )
    lines = [
        f"POST {path} HTTP/1.1",
        "Host: x",
        f"X-Form-Key: {KEY}",
        f"X-Telegram-Bot-Api-Secret-Token: {SECRET}",
        f"Content-Length: {len(body) if length is None else length}",
        *kind,
        *headers,
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def chunked(body: bytes, *headers: str) -> bytes:
    head = a_post(b"", FORM, "Transfer-Encoding: chunked", *headers).replace(b"Content-Length: 0\r\n", b"")
    return head + body


async def test_who_says_nothing_or_half_a_header_is_closed_and_who_asks_again_in_time_is_not(
    sqlite_url: str, tmp_path: Path, clock: ManualClock
) -> None:
    async with listening(sqlite_url, tmp_path, clock, header=0.5) as line:
        silent = [
            await line.connects(said) for said in (b"", b"GET /", b"POST /lines/main/form HTTP/1.1\r\nHo")
        ]
        reader, writer = await line.connects()
        for _ in range(4):  # longer than the time for one header
            writer.write(b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n")
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
            await asyncio.wait_for(reader.readuntil(b"}"), 5)
            await asyncio.sleep(0.2)
        async with asyncio.timeout(10):
            for closed, _ in silent:
                assert await closed.read() == b""
            assert await reader.read() == b"", "who asks nothing more is closed too"


@pytest.mark.parametrize(
    "said",
    [
        a_post(b"{", length=100),
        a_post(b"{", HOOK, length=100),
        a_post(b"--b\r\nContent", FORM, "Content-Type: multipart/form-data; boundary=b", length=9_000),
    ],
)
async def test_a_body_that_does_not_come_is_not_waited_for(
    said: bytes, sqlite_url: str, tmp_path: Path, clock: ManualClock
) -> None:
    async with listening(sqlite_url, tmp_path, clock, patience=0.3) as line:
        status, told = await line.hears(said)
        assert status == 408
        assert json.loads(told)["field"] == "body"


async def test_a_large_file_over_a_slow_network_arrives(
    sqlite_url: str, tmp_path: Path, clock: ManualClock
) -> None:
    head = b'--b\r\nContent-Disposition: form-data; name="f"; filename="a.bin"\r\n\r\n'
    tail = b"\r\n--b--\r\n"
    pieces = [b"x" * 20_000] * 12
    kind = "Content-Type: multipart/form-data; boundary=b"
    length = len(head) + sum(map(len, pieces)) + len(tail)
    async with listening(sqlite_url, tmp_path, clock, patience=0.4) as line:
        reader, writer = await line.connects(a_post(head, FORM, kind, length=length))
        for piece in pieces:  # three times as long as a body that stands still is waited for
            await asyncio.sleep(0.1)
            writer.write(piece)
        writer.write(tail)
        assert (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 20)).startswith(b"HTTP/1.1 202")


async def test_who_is_still_sending_when_the_edge_closes_is_heard_to_the_end(
    sqlite_url: str, tmp_path: Path, clock: ManualClock
) -> None:
    async with listening(sqlite_url, tmp_path, clock) as line:
        reader, writer = await line.connects(a_post(JSON[:10], length=len(JSON)))
        assert (await line.hears(a_post(JSON)))[0] == 202  # by now the other is heard too
        closing = asyncio.ensure_future(line.close())
        for _ in range(20):
            await asyncio.sleep(0)
        writer.write(JSON[10:])
        assert (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 3)).startswith(b"HTTP/1.1 202")
        await asyncio.wait_for(closing, 3)
        writer.close()


async def test_of_a_crowd_of_silent_connections_the_oldest_give_way_to_whoever_has_something_to_say(
    sqlite_url: str, tmp_path: Path, clock: ManualClock
) -> None:
    async with listening(sqlite_url, tmp_path, clock, most=20) as line:
        crowd = [await line.connects(b"GET /") for _ in range(200)]
        for _ in range(3):
            assert (await line.hears(a_post(JSON)))[0] == 202
            assert (await line.hears(b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n"))[0] == 200
        await asyncio.sleep(0.1)
        assert sum(reader.at_eof() for reader, _ in crowd) >= 180


async def test_when_all_connections_are_at_work_the_newest_is_told_to_come_later(
    sqlite_url: str, tmp_path: Path, clock: ManualClock
) -> None:
    async with listening(sqlite_url, tmp_path, clock, most=5) as line:
        working = [await line.connects(a_post(b"{", length=100)) for _ in range(5)]
        await asyncio.sleep(0.2)
        assert await line.hears(a_post(JSON)) == (503, b"")
        working[0][1].write(b" " * 97 + b"}}")  # no JSON, but whole: its connection is free again
        assert (await working[0][0].readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 400")
        assert (await line.hears(a_post(JSON)))[0] == 202
        for _, writer in working:  # else the edge would wait for them when it closes, as it should
            writer.transport.abort()


@pytest.mark.parametrize("path", [FORM, HOOK])
@pytest.mark.parametrize("content", [b"\r\n" * 2_000_000, JSON])
async def test_what_is_packed_is_refused_before_it_is_unpacked(
    path: str, content: bytes, sqlite_url: str, tmp_path: Path, clock: ManualClock
) -> None:
    kinds = ("Content-Type: multipart/form-data; boundary=b", "Content-Type: application/json")
    async with listening(sqlite_url, tmp_path, clock) as line:
        for kind in kinds:
            started = time.process_time()
            status, told = await line.hears(
                a_post(gzip.compress(content), path, "Content-Encoding: gzip", kind)
            )
            assert (status, json.loads(told)["field"]) == (415, "Content-Encoding")
            assert time.process_time() - started < 0.5
        assert (await line.hears(a_post(JSON, FORM, "Content-Encoding: identity")))[0] == 202


@pytest.mark.parametrize(
    "said",
    [
        a_post(JSON, FORM, "Content-Encoding: gzip"),
        chunked(b"ZZ\r\nwhat is this\r\n"),
        chunked(b'5\r\n{"a":x\r\n\r\n0\r\n\r\n'),
        b"GET / HTTP/1.1\r\nHost: x\r\nX-Words: \x00\xd0\xbf\xd1\x80\xd0\xb8\xd0\xb2\xd0\xb5\xd1\x82\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: -5\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00" * 20 + b"\r\n\r\n",
    ],
)
async def test_what_a_stranger_breaks_is_a_400_or_415_for_them_and_no_traceback_for_us(
    said: bytes, sqlite_url: str, tmp_path: Path, clock: ManualClock
) -> None:
    written, root = io.StringIO(), logging.getLogger()
    handler = logging.StreamHandler(written)
    root.addHandler(handler)
    try:
        async with listening(sqlite_url, tmp_path, clock) as line:
            assert (await line.hears(said))[0] in (400, 415)
            assert (await line.hears(a_post(JSON)))[0] == 202
    finally:
        root.removeHandler(handler)
    assert written.getvalue() == ""


@pytest.mark.parametrize("descriptors", [64, 256, 1024, 4096, 1_048_576])
def test_connections_leave_descriptors_for_everything_else(descriptors: int) -> None:
    most = most_connections(descriptors)
    assert 16 <= most <= 4096
    assert 2 * most <= descriptors, "each may have a file open besides"
    assert descriptors - 2 * most >= min(256, descriptors // 2)
