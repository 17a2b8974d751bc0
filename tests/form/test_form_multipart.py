"""The multipart post: fields in order, files straight into a store, limits before memory."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import ClientSession, FormData, web
from aiohttp.test_utils import TestServer
from hypothesis import given
from hypothesis import strategies as st

from channels.form.inbound import UploadedFile, describe
from channels.form.multipart import Limits, read_multipart, read_saved
from core.channel import Fetched, FileSink
from core.errors import InvalidInput


class Folder:
    """A store of files in a folder; a sink that is left without being closed leaves nothing behind."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.largest_chunk = 0

    @asynccontextmanager
    async def open_sink(self) -> AsyncIterator[FileSink]:
        sink = _Sink(self)
        try:
            yield sink
        finally:
            sink.part.unlink(missing_ok=True)


class _Sink:
    def __init__(self, folder: Folder) -> None:
        self.folder = folder
        self.part = folder.path / f"{id(self)}.part"
        self.hash = hashlib.sha256()
        self.size = 0

    async def write(self, chunk: bytes) -> None:
        self.folder.largest_chunk = max(self.folder.largest_chunk, len(chunk))
        with self.part.open("ab") as file:
            file.write(chunk)
        self.hash.update(chunk)
        self.size += len(chunk)

    async def close(self) -> Fetched:
        self.part.touch()
        self.part.rename(self.folder.path / self.hash.hexdigest())
        return Fetched(self.hash.hexdigest(), self.size)


async def sent(
    form: FormData, folder: Folder, limits: Limits | None = None
) -> tuple[list[tuple[str, str]], list[UploadedFile]]:
    """What a real server understands of what a real client sends."""
    outcome: list[tuple[list[tuple[str, str]], list[UploadedFile]] | InvalidInput] = []

    async def take(request: web.Request) -> web.Response:
        try:
            fields, files = await read_multipart(request.content, request.headers, folder.open_sink, limits)
            outcome.append(([*fields], files))
        except InvalidInput as refused:
            outcome.append(refused)
        return web.Response()

    app = web.Application()
    app.router.add_post("/", take)
    async with TestServer(app) as server, ClientSession() as client:
        await client.post(server.make_url("/"), data=form)
    if isinstance(outcome[0], InvalidInput):
        raise outcome[0]
    return outcome[0]


async def test_fields_and_files_arrive_in_order_and_files_lie_in_the_store(tmp_path: Path) -> None:
    form = FormData(quote_fields=False)  # as browsers write names
    form.add_field("Имя", "Ольга")
    form.add_field("план", b"x" * 300_000, filename="план.pdf", content_type="application/pdf")
    form.add_field("phone", "89215551234")
    form.add_field("empty", b"", filename="")
    folder = Folder(tmp_path)
    fields, files = await sent(form, folder)
    assert fields == [("Имя", "Ольга"), ("phone", "89215551234")]
    assert [(f.field, f.name, f.media_type, f.size) for f in files] == [
        ("план", "план.pdf", "application/pdf", 300_000)
    ]
    assert (tmp_path / files[0].stored).read_bytes() == b"x" * 300_000
    assert folder.largest_chunk < 300_000


@pytest.mark.parametrize(
    ("limits", "field", "reason"),
    [
        (Limits(file_size=1_000), "b", "longer than 1000 bytes"),
        (Limits(files=1), "b", "more than 1 files"),
        (Limits(fields=1), "d", "more than 1 fields"),
        (Limits(field_size=2), "c", "longer than 2 bytes"),
        (Limits(fields_size=5), "d", "longer than 5 bytes"),
    ],
)
async def test_beyond_a_limit_nothing_half_written_stays(
    tmp_path: Path, limits: Limits, field: str, reason: str
) -> None:
    form = FormData()
    form.add_field("a", b"small", filename="a.txt")
    form.add_field("b", b"x" * 200_000, filename="b.txt")
    form.add_field("c", "ccc")
    form.add_field("d", "d" * 10)
    with pytest.raises(InvalidInput) as refused:
        await sent(form, Folder(tmp_path), limits)
    assert (refused.value.status, refused.value.field) == (413, field)
    assert reason in refused.value.reason
    assert not [name for name in os.listdir(tmp_path) if name.endswith(".part")]


GOOD = (
    b'--X\r\nContent-Disposition: form-data; name="phone"\r\n\r\n89215551234\r\n'
    b'--X\r\nContent-Disposition: form-data; name="f"; filename="a.pdf"\r\n\r\n%PDF\r\n--X--\r\n'
)


def test_the_names_of_an_old_sites_fields_and_files_are_read_as_they_are_written() -> None:
    body = (
        '--X\r\nContent-Disposition: form-data; name="Телефон"\r\n\r\n89215551234\r\n'
        '--X\r\nContent-Disposition: form-data; name="Вопрос"\r\n\r\nСколько?\r\n'
        '--X\r\nContent-Disposition: form-data; name="f"; filename="Смета.pdf"\r\n\r\n%PDF\r\n--X--\r\n'
    )
    for charset in ("cp1251", "utf-8"):
        told = describe(body.encode(charset))
        assert (told["phone"], told["message"]) == (["+79215551234"], "Сколько?")
        assert told["files"] == ["Смета.pdf"]


def test_a_saved_multipart_post_is_described() -> None:
    shown = describe(GOOD)
    assert (shown["phone"], shown["files"]) == (["+79215551234"], ["a.pdf"])


@pytest.mark.parametrize("content_type", ["multipart/form-data", "multipart/form-data; boundary=" + "x" * 90])
async def test_a_body_without_a_boundary_is_refused(content_type: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        await read_saved(GOOD, content_type)
    assert refused.value.status == 400


# aiohttp warns of a damaged header and gives the part no name; we refuse it.
@pytest.mark.filterwarnings("ignore::aiohttp.multipart.BadContentDispositionHeader")
@pytest.mark.filterwarnings("ignore::aiohttp.multipart.BadContentDispositionParam")
@given(st.integers(0, len(GOOD)), st.integers(0, len(GOOD)), st.binary(max_size=20))
def test_any_damage_is_read_or_refused(start: int, end: int, junk: bytes) -> None:
    refused = asyncio.run(_refusal(GOOD[:start] + junk + GOOD[end:]))
    if refused:
        assert refused.status in (400, 413)
        assert refused.reason.isprintable()


async def _refusal(body: bytes) -> InvalidInput | None:
    try:
        await read_saved(body, "multipart/form-data; boundary=X")
    except InvalidInput as refused:
        return refused
    return None
