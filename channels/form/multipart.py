"""The multipart post of a form with files: its fields in memory, its files straight into the store."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass

from aiohttp import BodyPartReader, MultipartReader, StreamReader
from aiohttp.base_protocol import BaseProtocol
from aiohttp.http_exceptions import BadHttpMessage
from multidict import CIMultiDict

from channels.form.decoding import MAX_BODY, MAX_FIELDS, MAX_VALUE, Fields, decoded
from channels.form.inbound import UploadedFile
from core.channel import Fetched, FileSink
from core.errors import InvalidInput

CHUNK = 64 * 1024  # bytes read at once


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one post may bring. Sizes are bytes."""

    fields: int = MAX_FIELDS
    field_size: int = MAX_VALUE
    fields_size: int = MAX_BODY
    files: int = 10
    file_size: int = 20 * 1024 * 1024


async def read_multipart(
    content: StreamReader,
    headers: Mapping[str, str],
    open_sink: Callable[[], AbstractAsyncContextManager[FileSink]],
    limits: Limits | None = None,
) -> tuple[Fields, list[UploadedFile]]:
    """Read a `multipart/form-data` body as it arrives; no file is ever in memory whole.

    `open_sink` gives a place for one file; leaving its context without `close()` must discard what was
    written (the file was too large, the sender hung up). Returns the fields and the files in the order in
    which they came.

    Raises `InvalidInput`: 413 beyond the limits, 400 for a body that is no multipart. A broken connection
    raises what aiohttp raises.
    """
    limits = limits or Limits()
    fields: list[tuple[str, str]] = []
    files: list[UploadedFile] = []
    total = 0
    try:
        reader = MultipartReader(CIMultiDict(headers), content)
        while (part := await reader.next()) is not None:
            if not isinstance(part, BodyPartReader):
                raise InvalidInput("body", "a part is itself multipart, which forms do not send")
            name = part.name
            if name is None:
                raise InvalidInput("body", "a part has no name in its Content-Disposition")
            if part.filename is not None:
                if file := await _read_file(part, name, open_sink, limits, len(files)):
                    files.append(file)
                continue
            if len(fields) == limits.fields:
                raise InvalidInput(_shown(name), f"more than {limits.fields} fields", 413)
            value = await _read_field(part, name, limits.field_size)
            total += len(name) + len(value)
            if total > limits.fields_size:
                raise InvalidInput(
                    _shown(name), f"the fields are longer than {limits.fields_size} bytes", 413
                )
            fields.append((name, decoded(value, part.get_charset("utf-8"))))
    except (ValueError, RuntimeError, AssertionError, KeyError, BadHttpMessage) as error:
        raise InvalidInput("body", f"not multipart: {_shown(' '.join(str(error).split()))}") from error
    return fields, files


async def read_saved(body: bytes, content_type: str) -> tuple[Fields, list[UploadedFile]]:
    """The same for a post saved to disk, whose files are only measured and named by their hash."""
    content = StreamReader(BaseProtocol(asyncio.get_running_loop()), 2**16)
    content.feed_data(body)
    content.feed_eof()
    return await read_multipart(content, {"Content-Type": content_type}, _measuring)


async def _read_field(part: BodyPartReader, name: str, limit: int) -> bytes:
    value = bytearray()
    while chunk := await part.read_chunk(CHUNK):
        value += chunk
        if len(value) > limit:
            raise InvalidInput(_shown(name), f"longer than {limit} bytes", 413)
    return bytes(value)


async def _read_file(
    part: BodyPartReader,
    name: str,
    open_sink: Callable[[], AbstractAsyncContextManager[FileSink]],
    limits: Limits,
    before: int,
) -> UploadedFile | None:
    """One file into the store; None for a file input that was left empty."""
    chunk = await part.read_chunk(CHUNK)
    if not chunk and not part.filename:
        return None
    if before == limits.files:
        raise InvalidInput(_shown(name), f"more than {limits.files} files", 413)
    size = 0
    async with open_sink() as sink:
        while chunk:
            size += len(chunk)
            if size > limits.file_size:
                raise InvalidInput(_shown(name), f"a file is longer than {limits.file_size} bytes", 413)
            await sink.write(chunk)
            chunk = await part.read_chunk(CHUNK)
        fetched = await sink.close()
    return UploadedFile(name, part.filename, part.headers.get("Content-Type"), fetched.sha256, fetched.size)


def _shown(name: str) -> str:
    return "".join(letter if letter.isprintable() else " " for letter in name[:100]).strip() or "body"


class _Measure:
    """A sink that keeps nothing."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self._size = 0

    async def write(self, chunk: bytes) -> None:
        self._hash.update(chunk)
        self._size += len(chunk)

    async def close(self) -> Fetched:
        return Fetched(self._hash.hexdigest(), self._size)


@asynccontextmanager
async def _measuring() -> AsyncIterator[FileSink]:
    yield _Measure()
