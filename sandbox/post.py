"""A post office on this machine: people write letters to the line's server, and keep those it sends them.

async with PostOffice(now=clock.now) as post:
    settings: OPENLINES_EMAIL__SMTP_URL=smtp://127.0.0.1:{post.port}
    post.deliver_to("127.0.0.1", listener_port)
    await post.writes("Елена Орлова", "elena@client.example", "hello@lad.example", "Смета", "Здравствуйте!")
    post.letters                                    # both directions, oldest first
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from email import message_from_bytes, policy
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid, parseaddr
from types import TracebackType
from typing import Self

import aiosmtplib
from aiosmtpd.smtp import SMTP, Envelope, Session

_KEPT = 200


@dataclass(frozen=True, slots=True)
class Letter:
    """One letter as a person sees it. `mine` says that a person here wrote it, to the line."""

    address: str  # the person's own
    mine: bool
    subject: str
    text: str
    at: datetime
    letter_id: str


class PostOffice:
    """An SMTP server that keeps what it is given, and a way to write to another one."""

    def __init__(
        self,
        *,
        now: Callable[[], datetime],
        changed: Callable[[], None] = lambda: None,
        host: str = "127.0.0.1",
    ) -> None:
        self._now = now
        self._changed = changed
        self._host = host
        self._server: asyncio.Server | None = None
        self._target: tuple[str, int] | None = None
        self.letters: list[Letter] = []

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: SMTP(self, enable_SMTPUTF8=True, hostname="localhost", loop=loop), self._host, 0
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server is not None:
            self._server.close()
            with suppress(TimeoutError):
                async with asyncio.timeout(1):
                    await self._server.wait_closed()

    @property
    def port(self) -> int:
        """Where it listens. Raises RuntimeError when it does not."""
        if self._server is None:
            raise RuntimeError("the post office is closed")
        return int(self._server.sockets[0].getsockname()[1])

    def deliver_to(self, host: str, port: int) -> None:
        """The line's own server, to which people's letters are brought from now on."""
        self._target = (host, port)

    async def writes(self, name: str, address: str, to: str, subject: str, text: str) -> None:
        """Somebody writes a letter; with the subject of an earlier one of the line's, it answers that.

        Raises ConnectionError when the line takes no letters now, ValueError for what is no letter.
        """
        if self._target is None:
            raise ConnectionError("the line takes no letters yet")
        if not text.strip() or "@" not in address:
            raise ValueError("a letter has a text and an address")
        letter = EmailMessage()
        letter["From"] = Address(" ".join(name.split()), addr_spec=address.strip())
        letter["To"] = to
        letter["Subject"] = " ".join(subject.split())
        letter["Date"] = format_datetime(self._now())
        letter["Message-ID"] = make_msgid(domain="client.example")
        theirs = [one for one in self.letters if not one.mine and one.address == address.lower()]
        if theirs and subject.lower().startswith("re:"):
            letter["In-Reply-To"] = letter["References"] = theirs[-1].letter_id
        letter.set_content(text)
        host, port = self._target
        try:
            await aiosmtplib.send(letter, hostname=host, port=port, start_tls=False, timeout=20)
        except aiosmtplib.SMTPException as error:
            raise ConnectionError(str(error)) from error
        self._keep(address.lower(), letter, mine=True)

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - its name there
        """A letter from the line has come."""
        content = envelope.content
        letter = message_from_bytes(content if isinstance(content, bytes) else b"", policy=policy.default)
        for recipient in envelope.rcpt_tos:
            self._keep(recipient.lower(), letter, mine=False)
        return "250 OK"

    def _keep(self, address: str, letter: EmailMessage, *, mine: bool) -> None:
        body = letter.get_body(("plain", "html"))
        text = str(body.get_content()).strip() if body is not None else ""
        address = parseaddr(address)[1] or address
        kept = Letter(
            address, mine, str(letter["Subject"] or ""), text, self._now(), str(letter["Message-ID"] or "")
        )
        self.letters.append(kept)
        del self.letters[:-_KEPT]
        self._changed()
