"""The multipart post of a form with files: its fields in memory, its files straight into the store."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import cast

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
    files: int = 10  # an input left empty is no file, but takes the place of a field
    file_size: int = 20 * 1024 * 1024

    @property
    def lines(self) -> int:
        """Lines around the fields and files: boundaries and headers, of which browsers send six for a part."""
        return 20 * (self.fields + self.files)

    @property
    def lines_size(self) -> int:
        """Bytes of those lines: room for a long file name in every part."""
        return 2 * 1024 * (self.fields + self.files)


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
    total = empty = 0
    try:
        counted = cast(StreamReader, _Counted(content, limits))  # the reader asks for nothing else
        reader = MultipartReader(CIMultiDict(headers), counted)
        while (part := await reader.next()) is not None:
            if not isinstance(part, BodyPartReader):
                raise InvalidInput("body", "a part is itself multipart, which forms do not send")
            if part.name is None:
                raise InvalidInput("body", "a part has no name in its Content-Disposition")
            name = _written(part.name)
            if part.filename is not None:
                if file := await _read_file(part, name, open_sink, limits, len(files)):
                    files.append(file)
                    continue
                empty += 1
                if len(fields) + empty > limits.fields:
                    raise InvalidInput(_shown(name), f"more than {limits.fields} fields", 413)
                continue
            if len(fields) + empty == limits.fields:
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
    # All of it is there already: a lower limit would have the reader pause a network that is none.
    content = StreamReader(BaseProtocol(asyncio.get_running_loop()), len(body) + 1)
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
    filename = _written(part.filename or "")
    return UploadedFile(name, filename, part.headers.get("Content-Type"), fetched.sha256, fetched.size)


def _written(name: str) -> str:
    """A name in the letters of its page: an old site's are windows-1251, which the reader takes for broken UTF-8."""
    return decoded(name.encode("utf-8", "surrogateescape"))


class _Counted:
    """The body, with the lines counted that are neither field nor file.

    A body may begin with whatever a sender likes; half a million empty lines there would be read without a pause.
    """

    def __init__(self, content: StreamReader, limits: Limits) -> None:
        self._content, self._limits = content, limits
        self._lines = self._size = 0
        self.read, self.unread_data, self.at_eof = content.read, content.unread_data, content.at_eof

    async def readline(self, *, max_line_length: int | None = None) -> bytes:
        line = await self._content.readline(max_line_length=max_line_length)
        self._lines += 1
        self._size += len(line)
        if self._lines > self._limits.lines or self._size > self._limits.lines_size:
            raise InvalidInput("body", "too much stands around its fields and files", 413)
        return line


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
