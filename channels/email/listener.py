"""The SMTP and LMTP edge, for those who route mail to the line: "250" is said after the commit and not
before.

It takes letters for our own addresses and relays nothing. When the database is away it says "451", and
whoever brings the letter keeps it and tries again: so nothing can be lost between two servers (RFC 5321,
section 6.1).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Any

import structlog
from aiosmtpd.lmtp import LMTP
from aiosmtpd.smtp import SMTP, Envelope, Session

from channels.email.reception import Arrived, Reception
from channels.email.urls import LISTEN_SETTING, ListenUrl
from core.clock import Clock
from core.errors import Misconfigured

log = structlog.get_logger("mail")

CONNECTIONS = 50  # at once; others are asked to come later
LETTERS_AT_ONCE = 8  # whose bytes are held in memory at the same time
RECIPIENTS = 100  # of one letter (RFC 5321, section 4.5.3.1.8)
SILENCE = 120.0  # seconds for one command; a letter's content counts as one
LONGEST_LINE = 1 << 20  # bytes; the thousand of RFC 5321 are kept by few programs


class Listener:
    """Takes letters for these receptions, from `start` until `close`."""

    def __init__(
        self, url: ListenUrl, receptions: Sequence[Reception], clock: Clock, *, hostname: str = "openlines"
    ) -> None:
        self._url = url
        self._receptions = receptions
        self._clock = clock
        self._server: asyncio.Server | None = None
        self.hostname = hostname  # as the greeting says it
        self.connections = 0
        self.room = asyncio.Semaphore(LETTERS_AT_ONCE)  # for letters on their way into memory

    @property
    def port(self) -> int:
        """Where it listens, once it does."""
        if self._server is None or not self._server.sockets:
            raise RuntimeError("not listening")
        return int(self._server.sockets[0].getsockname()[1])

    async def start(self) -> None:
        """Listen. Raises Misconfigured when the port cannot be had."""
        # The library tells every command on this logger; addresses of strangers are no news.
        logging.getLogger("mail.log").setLevel(logging.WARNING)
        kind = _Lmtp if self._url.is_lmtp else _Smtp
        loop = asyncio.get_running_loop()
        try:
            self._server = await loop.create_server(
                lambda: kind(self, _Hooks(self)), self._url.host, self._url.port
            )
        except OSError as error:
            raise Misconfigured(
                LISTEN_SETTING, f"port {self._url.port} cannot be had: {error.strerror}"
            ) from error
        log.info("taking letters", host=self._url.host, port=self.port, lmtp=self._url.is_lmtp)

    async def run(self) -> None:
        """Listen until cancelled."""
        await self.start()
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            await self.close()

    async def close(self) -> None:
        """Take no more letters. A letter in hand has not been acknowledged and will be brought again."""
        server, self._server = self._server, None
        if server is not None:
            server.close()
            await server.wait_closed()

    def whose(self, address: str) -> Reception | None:
        """The reception of the line that has this address."""
        return next((one for one in self._receptions if one.identity.receives(address)), None)

    @property
    def size_limit(self) -> int:
        """Bytes of the largest letter anybody here takes."""
        return max((one.size_limit for one in self._receptions), default=0)

    async def take(self, envelope: Envelope) -> list[str]:
        """File a letter once per line; a reply for every recipient, in their order."""
        said: dict[int, str] = {}
        replies = []
        for recipient in envelope.rcpt_tos:
            reception = self.whose(recipient)
            if reception is None:
                replies.append(_NOT_HERE)
                continue
            if id(reception) not in said:
                said[id(reception)] = await self._file(reception, envelope, recipient)
            replies.append(said[id(reception)])
        return replies

    async def _file(self, reception: Reception, envelope: Envelope, recipient: str) -> str:
        letter = Arrived(_with_envelope(envelope, recipient), self._clock.now())
        try:
            filed = await reception.file(letter)
        except asyncio.CancelledError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, the sender keeps the letter
            log.error("a letter cannot be filed", why=repr(error)[:300])
            return "451 4.3.0 Not now, please try again later"
        return f"250 2.0.0 OK {filed.ledger_id}"


class _Hooks:
    """aiosmtpd's hooks (its documentation, "Handlers")."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener

    async def handle_RCPT(  # noqa: N802 - the library's name
        self, smtp: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if len(envelope.rcpt_tos) >= RECIPIENTS:
            return "452 4.5.3 Too many recipients"
        if self._listener.whose(address) is None:
            return _NOT_HERE
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, smtp: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        replies = await self._listener.take(envelope)
        if isinstance(smtp, _Lmtp):
            return "\r\n".join(replies)
        # One reply for all: brought again is filed once, so "not now" for one is "not now" for all.
        return min(replies, key=lambda reply: not reply.startswith("4"))

    async def handle_exception(self, error: Exception) -> str:
        log.error("an SMTP conversation broke", exc_info=error)
        return "451 4.3.0 Not now, please try again later"


class _Smtp(SMTP):
    """The library's protocol with our limits."""

    line_length_limit = LONGEST_LINE

    def __init__(self, listener: Listener, hooks: _Hooks) -> None:
        super().__init__(
            hooks,
            data_size_limit=listener.size_limit,
            enable_SMTPUTF8=True,
            hostname=listener.hostname,
            ident="openlines",
            timeout=SILENCE,
            command_call_limit={"*": 1000, "NOOP": 50, "RSET": 1000},
            auth_exclude_mechanism=["LOGIN", "PLAIN"],
            loop=asyncio.get_running_loop(),
        )
        self._listener = listener
        self._is_counted = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if self._listener.connections >= CONNECTIONS and isinstance(transport, asyncio.Transport):
            transport.write(b"421 4.3.2 Too many connections, please try again later\r\n")
            transport.close()
            return
        self._listener.connections += 1
        self._is_counted = True
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        if self._is_counted:
            self._listener.connections -= 1
            super().connection_lost(error)

    async def smtp_DATA(self, arg: str) -> None:  # noqa: N802
        async with self._listener.room:
            await super().smtp_DATA(arg)


class _Lmtp(_Smtp, LMTP):
    """LMTP (RFC 2033): after the content comes one reply for every recipient, whatever it is."""

    _awaited = 0

    async def smtp_DATA(self, arg: str) -> None:  # noqa: N802
        self._awaited = len(self.envelope.rcpt_tos) if self.envelope else 0
        try:
            await super().smtp_DATA(arg)
        finally:
            self._awaited = 0

    async def push(self, status: Any) -> None:
        is_final = isinstance(status, str) and status[:3] in ("500", "552") and self._awaited > 1
        if is_final:  # the library's own word on the content, once
            status = "\r\n".join([status] * self._awaited)
        await super().push(status)


_NOT_HERE = "550 5.7.1 We do not take letters for this address"


def _with_envelope(envelope: Envelope, recipient: str) -> bytes:
    """The letter with what only the envelope knows, as a delivering server writes it (RFC 5321, section
    4.4).
    """
    content = envelope.original_content or b""
    sender = _plain(envelope.mail_from or "")
    header = f"Return-Path: <{sender}>\r\nX-Original-To: <{_plain(recipient)}>\r\n"
    return header.encode("utf-8", "surrogateescape") + content


def _plain(address: str) -> str:
    return "".join(c for c in address.strip("<>") if c > " " and c not in "<>\x7f")[:320]
