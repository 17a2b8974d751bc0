"""A real SMTP server that keeps what it accepts and answers as it was told."""

from __future__ import annotations

import asyncio
import threading
from collections import defaultdict, deque
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import quote

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from tests.servers.process import free_port
from tests.servers.thread import LoopThread

HANG_UP: Final = "hang up"  # cut the connection instead of answering; the letter is not kept
HANG_UP_AFTER: Final = "hang up after"  # to DATA only: keep the letter, then cut: the sender cannot know
_STAGES = ("EHLO", "AUTH", "MAIL", "RCPT", "DATA")


@dataclass(frozen=True, slots=True)
class AcceptedLetter:
    """What a client was told "250" for: the envelope and the letter's bytes, with the dots unstuffed."""

    sender: str
    recipients: tuple[str, ...]
    content: bytes


class SmtpServer:
    """One server: `with SmtpServer() as server: ...; [letter] = server.letters`.

    Its address is `url`, as `OPENLINES_EMAIL__SMTP_URL` takes it, the same after `stop` and `start`. With a
    `user` it insists on that login. `largest` is the size in bytes it announces and enforces.
    """

    def __init__(
        self, user: str | None = None, password: str = "correct horse", *, largest: int = 32 << 20
    ) -> None:
        self.user, self.password = user, password
        self.host, self.port = "127.0.0.1", free_port()
        self.letters: list[AcceptedLetter] = []
        self.connections = 0  # how many there have been
        self._largest = largest
        self._answers: defaultdict[str, deque[str]] = defaultdict(deque)
        self._refused: dict[str, str] = {}
        self._changed = threading.Condition()
        self._thread = LoopThread("smtp")
        self._listener: asyncio.Server | None = None
        self._open: set[asyncio.BaseTransport] = set()
        self.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        self._thread.close()

    @property
    def url(self) -> str:
        """`smtp://user:password@host:port`, escaped as an address must be."""
        login = f"{quote(self.user, safe='')}:{quote(self.password, safe='')}@" if self.user else ""
        return f"smtp://{login}{self.host}:{self.port}"

    def answer(self, stage: str, *replies: str) -> None:
        """Give these replies, one each, the next times a client comes to `stage`; then as usual again.

        `stage` is EHLO, AUTH, MAIL, RCPT or DATA (its end, when the letter is complete). A reply is a line,
        as "451 4.7.1 Greylisted, try again later", or `HANG_UP`, or `HANG_UP_AFTER`.
        """
        if stage not in _STAGES:
            raise ValueError(f"{stage} is none of {', '.join(_STAGES)}")
        self._answers[stage].extend(replies)

    def refuse(self, recipient: str, reply: str = "550 5.1.1 No such user") -> None:
        """Answer so to every RCPT with this address."""
        self._refused[recipient.lower()] = reply

    def wait_for(self, count: int, *, within: float = 10) -> list[AcceptedLetter]:
        """The letters, as soon as there are `count`.

        Raises:
            TimeoutError: when there are fewer after `within` seconds.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: len(self.letters) >= count, within):
                raise TimeoutError(f"{len(self.letters)} letters after {within} s, not {count}")
            return list(self.letters)

    def start(self) -> None:
        """Listen, again after `stop`. Does nothing while it runs."""
        self._thread.do(self._start())

    def stop(self) -> None:
        """Hang up on everybody in the middle of whatever they do, and refuse who calls."""
        self._thread.do(self._stop())

    async def _start(self) -> None:
        if self._listener:
            return
        loop = asyncio.get_running_loop()
        self._listener = await loop.create_server(self._protocol, self.host, self.port)

    async def _stop(self) -> None:
        listener, self._listener = self._listener, None
        if not listener:
            return
        listener.close()
        for transport in list(self._open):
            if isinstance(transport, asyncio.WriteTransport):
                transport.abort()
        await asyncio.sleep(0)

    def _protocol(self) -> SMTP:
        return _Smtp(self, self._largest)

    def _next(self, stage: str) -> str | None:
        queue = self._answers[stage]
        return queue.popleft() if queue else None

    def _keep(self, envelope: Envelope) -> None:
        content = envelope.original_content or b""
        with self._changed:
            self.letters.append(AcceptedLetter(envelope.mail_from or "", tuple(envelope.rcpt_tos), content))
            self._changed.notify_all()


class _Smtp(SMTP):
    """aiosmtpd's protocol, which counts its connections."""

    def __init__(self, server: SmtpServer, largest: int) -> None:
        super().__init__(
            _Answers(server),
            data_size_limit=largest,
            enable_SMTPUTF8=True,
            hostname="mail.example.com",
            auth_required=server.user is not None,
            auth_require_tls=False,
            auth_exclude_mechanism=["LOGIN"],  # one mechanism, so that one scripted refusal is one
            authenticator=_authenticator(server),
            loop=asyncio.get_running_loop(),
        )
        self._test = server

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._test.connections += 1
        self._test._open.add(transport)
        self._mine = transport
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        self._test._open.discard(self._mine)
        super().connection_lost(error)


class _Answers:
    """aiosmtpd's hooks (its documentation, "Handlers"): what was scripted, else what is usual."""

    def __init__(self, server: SmtpServer) -> None:
        self._server = server

    async def handle_EHLO(  # noqa: N802 (aiosmtpd's name)
        self, smtp: SMTP, session: Session, envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        scripted = self._scripted("EHLO", smtp)
        if scripted:
            return [scripted]
        session.host_name = hostname
        return responses

    async def handle_MAIL(  # noqa: N802
        self, smtp: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        scripted = self._scripted("MAIL", smtp)
        if scripted:
            return scripted
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 2.1.0 OK"

    async def handle_RCPT(  # noqa: N802
        self, smtp: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        scripted = self._scripted("RCPT", smtp) or self._server._refused.get(address.lower())
        if scripted:
            return scripted
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return "250 2.1.5 OK"

    async def handle_DATA(self, smtp: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        scripted = self._scripted("DATA", smtp)
        if scripted == HANG_UP_AFTER:
            self._server._keep(envelope)
            return _hang_up(smtp)
        if scripted:
            return scripted
        self._server._keep(envelope)
        return "250 2.0.0 OK: queued"

    def _scripted(self, stage: str, smtp: SMTP) -> str | None:
        reply = self._server._next(stage)
        return _hang_up(smtp) if reply == HANG_UP else reply


def _hang_up(smtp: SMTP) -> str:
    if isinstance(smtp.transport, asyncio.WriteTransport):
        smtp.transport.abort()
    return "421 4.3.2 Closing"  # nobody reads it


def _authenticator(server: SmtpServer) -> Any:
    def authenticate(
        smtp: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any
    ) -> AuthResult:
        scripted = server._next("AUTH")
        if scripted == HANG_UP:
            return AuthResult(success=False, handled=False, message=_hang_up(smtp))
        if scripted:
            return AuthResult(success=False, handled=False, message=scripted)
        expected = LoginPassword((server.user or "").encode(), server.password.encode())
        return AuthResult(success=data == expected, handled=False)

    return authenticate
