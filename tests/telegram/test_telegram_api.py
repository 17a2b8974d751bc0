"""The Bot API client: what is certain, what is not, and where the token never shows."""

from __future__ import annotations

import asyncio
import json
import logging
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from pydantic import SecretStr

from channels.telegram.api import Answered, ApiError, BotApi, NotSent, Unanswered, Upload

TOKEN = "42:SECRET-token_x"
Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def a_server(answer: Answer, connect_seconds: float = 10.0) -> AsyncIterator[BotApi]:
    """A Bot API that answers as the test says."""
    application = web.Application(client_max_size=10_000_000)
    application.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        async with aiohttp.ClientSession() as session:
            yield BotApi(
                SecretStr(TOKEN), f"http://127.0.0.1:{runner.addresses[0][1]}/", session, connect_seconds
            )
    finally:
        await runner.cleanup()


def saying(body: object, status: int = 200) -> Answer:
    async def answer(request: web.Request) -> web.StreamResponse:
        text = body if isinstance(body, str) else json.dumps(body)
        return web.Response(text=text, status=status)

    return answer


async def test_parameters_arrive_as_json_without_those_not_given() -> None:
    seen: list[object] = []

    async def answer(request: web.Request) -> web.StreamResponse:
        seen.append((request.path, await request.json()))
        return web.json_response({"ok": True, "result": {"message_id": 1}})

    async with a_server(answer) as api:
        assert await api.call("sendMessage", {"chat_id": 7, "text": "ы😀", "x": None}) == Answered(
            {"message_id": 1}
        )
    assert seen == [(f"/bot{TOKEN}/sendMessage", {"chat_id": 7, "text": "ы😀"})]


async def test_files_are_streamed_as_multipart_under_the_name_people_see(tmp_path: Path) -> None:
    (tmp_path / "stored").write_bytes(b"data")
    seen: list[object] = []

    async def answer(request: web.Request) -> web.StreamResponse:
        form = await request.post()
        file = form["file0"]
        assert isinstance(file, web.FileField)
        seen.append((form["chat_id"], form["media"], file.filename, file.content_type, file.file.read()))
        return web.json_response({"ok": True, "result": []})

    name = 'Смета "1"\r\nX-Evil: 1.pdf'
    async with a_server(answer) as api:
        uploads = {"file0": Upload(tmp_path / "stored", name, "application/pdf")}
        await api.call("sendMediaGroup", {"chat_id": 7, "media": [{"type": "photo"}]}, uploads)
        assert seen == [("7", '[{"type": "photo"}]', "Смета _1___X-Evil: 1.pdf", "application/pdf", b"data")]
        with pytest.raises(FileNotFoundError):
            await api.call("sendPhoto", {}, {"photo": Upload(tmp_path / "none", "x")})
    assert len(seen) == 1


@pytest.mark.parametrize(
    ("status", "body", "reply"),
    [
        (200, {"ok": True, "result": True}, Answered(True)),
        (
            400,
            {"ok": False, "error_code": 400, "description": "Bad Request: x"},
            ApiError(400, "Bad Request: x"),
        ),
        (
            429,
            {"ok": False, "error_code": 429, "description": "Too Many", "parameters": {"retry_after": 9}},
            ApiError(429, "Too Many", timedelta(seconds=9)),
        ),
        (
            429,
            {"ok": False, "error_code": 429, "description": "Too Many Requests: retry after 12"},
            ApiError(429, "Too Many Requests: retry after 12", timedelta(seconds=12)),
        ),
        (
            400,
            {
                "ok": False,
                "error_code": 400,
                "description": "up",
                "parameters": {"migrate_to_chat_id": -1005},
            },
            ApiError(400, "up", migrate_to=-1005),
        ),
        (400, {"ok": False}, ApiError(400, "")),
        (200, "<html>", Unanswered("HTTP 200 without an answer of the Bot API")),
        (200, "[" * 100_000, Unanswered("HTTP 200 without an answer of the Bot API")),
        (502, "<html>", Unanswered("HTTP 502 without an answer of the Bot API")),
        (407, "<html>", NotSent("HTTP 407 from something that is no Bot API")),
        (302, "", NotSent("HTTP 302 from something that is no Bot API")),
    ],
)
async def test_every_answer_is_read_for_what_it_is(status: int, body: object, reply: object) -> None:
    async with a_server(saying(body, status)) as api:
        assert await api.call("sendMessage") == reply


async def test_an_answer_that_does_not_come_is_unanswered_and_no_connection_is_not_sent() -> None:
    release = asyncio.Event()

    async def answer(request: web.Request) -> web.StreamResponse:
        await release.wait()
        return web.json_response({"ok": True, "result": 1})

    async with a_server(answer, connect_seconds=0.1) as api:
        assert isinstance(await api.call("sendMessage", timeout=0.1), Unanswered)
        release.set()
        assert await api.call("sendMessage") == Answered(1)


async def test_waiting_for_a_free_connection_is_not_yet_sending() -> None:
    release, arrived = asyncio.Event(), asyncio.Event()
    count = 0

    async def answer(request: web.Request) -> web.StreamResponse:
        nonlocal count
        count += 1
        arrived.set()
        await release.wait()
        return web.json_response({"ok": True, "result": 1})

    async with (
        a_server(answer) as api,
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=1)) as narrow,
    ):
        hurried = BotApi(TOKEN, api.base_url, narrow, connect_seconds=0.1)
        first = asyncio.create_task(hurried.call("sendMessage"))
        await arrived.wait()
        assert isinstance(await hurried.call("sendMessage"), NotSent)
        release.set()
        assert await first == Answered(1)
    assert count == 1


async def test_the_token_shows_nowhere(caplog: pytest.LogCaptureFixture, unused_tcp_port: int) -> None:
    shown: list[str] = []

    async def cut(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    async def nonsense(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.write(b"HTTP/1.1 nonsense \x00\r\n\r\n")
        request.transport.abort()
        return web.Response()

    with caplog.at_level(logging.DEBUG):
        for answer in (cut, nonsense, saying("<html>", 500), saying({"ok": False, "description": "no"}, 401)):
            async with a_server(answer) as api:
                shown += [repr(await api.call("getMe")), repr(api), str(api), f"{vars(type(api))}"]
                shown += [repr(await api.download("a/b", _drop, 10))]
        async with aiohttp.ClientSession() as session:
            for address in (
                f"http://127.0.0.1:{unused_tcp_port}",
                "http://nowhere.invalid",
                "http://[bad",
                "x://y",
            ):
                shown.append(repr(await BotApi(TOKEN, address, session).call("getMe")))
        try:
            BotApi("SECRET-token_x", "http://h", None)  # type: ignore[arg-type]  # never reached
        except ValueError:
            shown.append(traceback.format_exc().replace('BotApi("SECRET-token_x"', ""))
    assert len(shown) > 20
    assert not [text for text in (*shown, caplog.text) if "SECRET" in text]


async def _drop(chunk: bytes) -> None:
    pass


async def test_a_download_stops_at_its_limit_and_at_a_cut() -> None:
    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(1000):
            await response.write(b"x" * 1000)
        return response

    got = bytearray()

    async def keep(chunk: bytes) -> None:
        got.extend(chunk)

    async with a_server(endless) as api:
        assert await api.download("videos/file_1.mp4", keep, 10_000) == ApiError(
            413, "the file is longer than 10000 bytes"
        )
        assert len(got) <= 10_000
        assert await api.download("videos/file_1.mp4", _drop, 10_000_000) == Answered(1_000_000)
        for path in ("../../etc/passwd", "/var/lib/file", "a/../b"):
            assert await api.download(path, _drop, 10) == ApiError(
                404, "the server names a file outside of its folder"
            )

    async def cut(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "100"})
        await response.prepare(request)
        await response.write(b"x")
        assert request.transport is not None
        request.transport.close()
        return response

    async with a_server(cut) as api:
        assert isinstance(await api.download("a", _drop, 1000), Unanswered)


async def test_long_polling_says_what_it_wants() -> None:
    seen: list[object] = []

    async def answer(request: web.Request) -> web.StreamResponse:
        seen.append(await request.json())
        return web.json_response({"ok": True, "result": [{"update_id": 5}]})

    async with a_server(answer) as api:
        assert await api.get_updates(5, seconds=25, kinds=("message",)) == Answered([{"update_id": 5}])
        await api.get_updates(None)
    assert seen == [
        {"offset": 5, "timeout": 25, "limit": 100, "allowed_updates": ["message"]},
        {"timeout": 25, "limit": 100},
    ]
