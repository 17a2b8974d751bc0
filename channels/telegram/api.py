"""A small client of the Bot API: one method call, one reply, and no doubt about what is not known.

https://core.telegram.org/bots/api#making-requests. Expected failures are values. They keep apart what decides
whether a message may be sent again: the server said no (`ApiError`), the request never left this machine
(`NotSent`), it left and no answer came (`Unanswered`). The token stands in every address of the Bot API, so
no address and no text of a network error ever leaves this file.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import BinaryIO, Protocol, TypeAlias
from urllib.parse import quote

from aiohttp import (
    ClientConnectorError,
    ClientError,
    ClientSession,
    ClientTimeout,
    ConnectionTimeoutError,
    FormData,
    InvalidURL,
)

MAX_REPLY = 64 * 1024 * 1024  # bytes; a page of a hundred updates is far below


@dataclass(frozen=True, slots=True)
class Answered:
    """The server did it; `result` is what the method returns."""

    result: object


@dataclass(frozen=True, slots=True)
class ApiError:
    """The server refused: https://core.telegram.org/bots/api#responseparameters"""

    code: int
    description: str
    retry_after: timedelta | None = None
    migrate_to: int | None = None


@dataclass(frozen=True, slots=True)
class NotSent:
    """No connection was made, or a gateway turned the request away: nothing has happened at the server."""

    reason: str


@dataclass(frozen=True, slots=True)
class Unanswered:
    """The request left, and what came back is no answer: it may have been carried out."""

    reason: str


Failure: TypeAlias = ApiError | NotSent | Unanswered
Reply: TypeAlias = Answered | Failure


class Secret(Protocol):
    """A value that shows itself only when asked, such as pydantic's SecretStr."""

    def get_secret_value(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Upload:
    """A file of ours to go with a call, under the name the receiver shall see."""

    path: Path
    name: str
    media_type: str | None = None


class BotApi:
    """The Bot API for one token, over a session that many may share.

    `base_url` is the server (`https://api.telegram.org` or one's own), `session` an open aiohttp session
    whose connector holds the connections; the owner of the session closes it. `connect_seconds` is how long
    to wait for a connection, be it for a free one of the session's. Raises ValueError when the token does not
    look like one, without repeating it.
    """

    def __init__(
        self, token: str | Secret, base_url: str, session: ClientSession, connect_seconds: float = 10.0
    ) -> None:
        secret = token if isinstance(token, str) else token.get_secret_value()
        if not _TOKEN.fullmatch(secret):
            raise ValueError("a bot token is digits, a colon, and letters, digits, - or _")
        self.bot_id = secret.partition(":")[0]
        self.base_url = base_url.rstrip("/")
        self._methods = f"{self.base_url}/bot{secret}/"
        self._files = f"{self.base_url}/file/bot{secret}/"
        self._session = session
        self._connect_seconds = connect_seconds

    def __repr__(self) -> str:
        return f"BotApi(bot {self.bot_id})"

    async def call(
        self,
        method: str,
        params: Mapping[str, object] | None = None,
        files: Mapping[str, Upload] | None = None,
        timeout: float = 30.0,  # noqa: ASYNC109 - aiohttp keeps it, and tells a late answer from no connection
    ) -> Reply:
        """Call one method.

        `params` are JSON values; those that are None are left out. `files` go as multipart under their keys,
        streamed from the disk. `timeout` is how long to wait for the answer once connected, in seconds.
        Raises OSError when a file of ours cannot be opened; nothing is sent then.
        """
        given = {key: value for key, value in (params or {}).items() if value is not None}
        limits = ClientTimeout(total=timeout + self._connect_seconds, connect=self._connect_seconds)
        with ExitStack() as opened:
            if files:
                handles = await asyncio.to_thread(_opened, files, opened)
                form = _form(given, files, handles)
                return await self._post(method, limits, form=form)
            return await self._post(method, limits, body=json.dumps(given).encode())

    async def get_updates(
        self, offset: int | None, *, seconds: int = 25, limit: int = 100, kinds: Sequence[str] | None = None
    ) -> Reply:
        """Wait at most `seconds` for updates from `offset` on, which acknowledges all before it.

        `kinds` are the allowed_updates the server remembers, None leaves them. The result is a list of
        updates as JSON: https://core.telegram.org/bots/api#getupdates
        """
        params = {
            "offset": offset,
            "timeout": seconds,
            "limit": limit,
            "allowed_updates": kinds and list(kinds),
        }
        return await self.call("getUpdates", params, timeout=seconds + 15)

    async def download(
        self, file_path: str, write: Callable[[bytes], Awaitable[None]], limit: int
    ) -> Answered | Failure:
        """Stream a file that getFile has named, handing each chunk to `write`.

        Returns Answered with its size in bytes; ApiError 413 as soon as it proves longer than `limit`; what
        `write` has taken by then is not the file. What `write` raises goes on to the caller.
        """
        if file_path.startswith("/") or ".." in file_path.split("/"):
            return ApiError(404, "the server names a file outside of its folder")
        limits = ClientTimeout(total=None, connect=self._connect_seconds, sock_read=30)
        size = 0
        try:
            response = await self._session.get(
                self._files + quote(file_path), timeout=limits, allow_redirects=False, raise_for_status=False
            )
        except _NETWORK as error:
            return _failure(error)
        async with response:
            if response.status != 200:
                return ApiError(response.status, "the file is not there")
            while True:
                try:
                    chunk = await response.content.readany()
                except _NETWORK as error:
                    return Unanswered(_why(error))
                if not chunk:
                    return Answered(size)
                size += len(chunk)
                if size > limit:
                    return ApiError(413, f"the file is longer than {limit} bytes")
                await write(chunk)

    async def _post(
        self, method: str, limits: ClientTimeout, *, body: bytes | None = None, form: FormData | None = None
    ) -> Reply:
        try:
            async with self._session.post(
                self._methods + method,
                data=form if body is None else body,
                headers=_JSON if body is not None else None,
                timeout=limits,
                allow_redirects=False,
                raise_for_status=False,
            ) as response:
                text = bytearray()
                async for chunk in response.content.iter_any():
                    text += chunk
                    if len(text) > MAX_REPLY:
                        return Unanswered("the answer is too long")
                return _read(response.status, bytes(text))
        except _NETWORK as error:
            return _failure(error)


_TOKEN = re.compile(r"[0-9]{1,20}:[A-Za-z0-9_-]{1,128}")
_JSON = {"Content-Type": "application/json"}
_NETWORK = (ClientError, TimeoutError, OSError)


def _read(status: int, text: bytes) -> Reply:
    try:
        answer = json.loads(text)
    except (ValueError, RecursionError):
        answer = None
    if not isinstance(answer, dict) or "ok" not in answer:
        # A gateway in between spoke, and what it says of itself must never count as the person's refusal.
        if status == 413:
            return ApiError(status, "Request Entity Too Large")
        if 300 <= status < 500 or status == 503:
            return NotSent(f"HTTP {status} from something that is no Bot API")
        return Unanswered(f"HTTP {status} without an answer of the Bot API")
    if answer["ok"] is True:
        return Answered(answer.get("result"))
    code, parameters = answer.get("error_code"), answer.get("parameters")
    description = answer.get("description")
    description = description if isinstance(description, str) else ""
    given = parameters if isinstance(parameters, dict) else {}
    wait, moved = given.get("retry_after"), given.get("migrate_to_chat_id")
    if not isinstance(wait, int) and (told := re.search(r"retry after ([0-9]{1,9})", description)):
        wait = int(told[1])
    return ApiError(
        code if isinstance(code, int) else status,
        description[:500],
        timedelta(seconds=min(max(wait, 1), 86_400)) if isinstance(wait, int) else None,
        moved if isinstance(moved, int) else None,
    )


def _failure(error: Exception) -> NotSent | Unanswered:
    # Everything else may strike after the first byte was on its way, a connection found closed included.
    if isinstance(error, ClientConnectorError | ConnectionTimeoutError | InvalidURL):
        return NotSent(_why(error))
    return Unanswered(_why(error))


def _why(error: Exception) -> str:
    """What happened, without the words of the error itself: they may hold the address and so the token."""
    number = error.os_error if isinstance(error, ClientConnectorError) else error
    reason = number.strerror if isinstance(number, OSError) and isinstance(number.strerror, str) else ""
    return f"{type(error).__name__}: {reason}" if reason and "://" not in reason else type(error).__name__


def _opened(files: Mapping[str, Upload], opened: ExitStack) -> dict[str, BinaryIO]:
    return {key: opened.enter_context(upload.path.open("rb")) for key, upload in files.items()}


def _form(
    params: Mapping[str, object], files: Mapping[str, Upload], handles: Mapping[str, BinaryIO]
) -> FormData:
    # Telegram shows the file name as it stands: percent-encoding would show to the receiver.
    form = FormData(quote_fields=False, default_to_multipart=True)
    for key, value in params.items():
        form.add_field(key, value if isinstance(value, str) else json.dumps(value))
    for key, upload in files.items():
        form.add_field(
            key,
            handles[key],
            filename=_UNSAFE.sub("_", upload.name)[-120:] or "file",
            content_type=upload.media_type or "application/octet-stream",
        )
    return form


_UNSAFE = re.compile('[\x00-\x1f\x7f"\\\\/\u2028\u2029\ud800-\udfff]')
