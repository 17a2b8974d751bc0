"""Reading a request: the parameters and files of a call, in each of the four ways Telegram takes them."""

from __future__ import annotations

import json
from urllib.parse import parse_qsl

from aiohttp import BodyPartReader, web

from sandbox.calls import ApiError, Json, Upload, bad_request
from sandbox.files import MAX_UPLOAD

MAX_BODY = MAX_UPLOAD + 1024 * 1024  # bytes: the largest file and what surrounds it
_CHUNK = 1 << 16


async def read_parameters(request: web.BaseRequest) -> tuple[Json, dict[str, Upload]]:
    """The parameters of a call, the query string's first, and its files by field.

    Raises ApiError: 400 for a body that cannot be read, 413 for one over 50 MB.
    """
    params: Json = dict(request.rel_url.query) if request.rel_url.raw_query_string else {}
    if not request.can_read_body:
        return params, {}
    kind = request.content_type
    if kind == "multipart/form-data":
        return await _multipart(request, params)
    if (request.content_length or 0) > MAX_BODY:
        raise ApiError(413, "Request Entity Too Large")
    body = await _whole(request)
    if kind == "application/json":
        if body.strip():
            params |= _json_object(body)
    elif kind in ("application/x-www-form-urlencoded", "application/octet-stream", "text/plain"):
        try:
            params |= parse_qsl(body.decode(), keep_blank_values=True)
        except UnicodeDecodeError:
            raise bad_request("strings must be encoded in UTF-8") from None
    return params, {}


async def _whole(request: web.BaseRequest) -> bytes:
    pieces: list[bytes] = []
    size = 0
    async for piece in request.content.iter_any():
        size += len(piece)
        if size > MAX_BODY:
            raise ApiError(413, "Request Entity Too Large")
        pieces.append(piece)
    return b"".join(pieces)


def _json_object(body: bytes) -> Json:
    try:
        decoded = json.loads(body)
    except ValueError:
        raise bad_request("can't parse JSON object") from None
    if not isinstance(decoded, dict):
        raise bad_request("JSON object expected in the request body")
    return decoded


async def _multipart(request: web.BaseRequest, params: Json) -> tuple[Json, dict[str, Upload]]:
    uploads: dict[str, Upload] = {}
    size = 0
    try:
        reader = await request.multipart()
        async for part in reader:
            if not isinstance(part, BodyPartReader):
                raise bad_request("can't parse multipart body: a part inside of a part")
            data, size = await _part(part, size)
            name = part.name or ""
            if part.filename is None:
                params[name] = data.decode()
            else:
                uploads[name] = Upload(part.filename, data, part.headers.get("Content-Type", ""))
    except (ValueError, AssertionError) as error:
        raise bad_request(f"can't parse multipart body: {error}") from None
    return params, uploads


async def _part(part: BodyPartReader, size: int) -> tuple[bytes, int]:
    pieces: list[bytes] = []
    while piece := await part.read_chunk(_CHUNK):
        size += len(piece)
        if size > MAX_BODY:
            raise ApiError(413, "Request Entity Too Large")
        pieces.append(bytes(piece))
    return b"".join(pieces), size
