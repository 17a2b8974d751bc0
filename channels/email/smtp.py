"""A few connections to the server that takes our letters, kept open while there is something to send.

What became of a letter is told stage by stage, because that decides whether it may be sent again: until its
content has begun to travel it certainly did not arrive; after that only the server's answer tells.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from dataclasses import replace
from datetime import timedelta

import structlog
from aiosmtplib import (
    SMTP,
    SMTPAuthenticationError,
    SMTPDataError,
    SMTPException,
    SMTPHeloError,
    SMTPRecipientRefused,
    SMTPResponseException,
    SMTPSenderRefused,
    SMTPServerDisconnected,
    SMTPTimeoutError,
)

from channels.email.composing import Outgoing
from channels.email.refusals import Stage, outcome_of
from channels.email.urls import Security, SmtpUrl
from core.channel import Cause, Outcome, Postponed, Refused, Sent, Uncertain

log = structlog.get_logger("mail")

CONNECTIONS = 3  # at once; providers allow a mailbox five to ten
IDLE = 25.0  # seconds a connection is kept without work
LETTERS = 100  # over one connection, then a new one: many servers stop there
# Together shorter than a delivery's lease of two minutes, or somebody else would settle it meanwhile.
FOR_A_PLACE = 15.0  # seconds to wait for a free connection
BEFORE_CONTENT = 30.0  # seconds for everything up to the letter's content
FOR_CONTENT = 65.0  # seconds for the content and the server's answer to it
LONGEST_PAUSE = timedelta(minutes=5)  # for an account whose server cannot be reached


class SmtpPost:
    """Hands letters to one server."""

    def __init__(
        self, url: SmtpUrl, *, hostname: str, connections: int = CONNECTIONS, timeout: float = BEFORE_CONTENT
    ) -> None:
        """`hostname` is how we introduce ourselves; `timeout` is for everything before a letter's content."""
        self._url = url
        self._hostname = hostname
        self._timeout = timeout
        self._places = asyncio.Semaphore(connections)
        self._idle: deque[_Kept] = deque()
        self._sweeping: asyncio.Task[None] | None = None
        self._failures = 0  # connections in a row that came to nothing

    async def deliver(self, letter: Outgoing, *, plain_sender: str) -> Outcome:
        """Hand over one letter. `plain_sender` is used when the server will not have its own return path.

        Returns Sent with the Message-ID, Postponed or Refused for what certainly did not arrive, Uncertain
        when the connection broke after its content had begun to travel.
        """
        try:
            async with asyncio.timeout(FOR_A_PLACE):
                await self._places.acquire()
        except TimeoutError:
            return Postponed("all connections are busy", timedelta(seconds=5))
        try:
            return await self._attempt(letter, plain_sender)
        finally:
            self._places.release()
            self._sweep_later()

    async def close(self) -> None:
        """Leave every server politely."""
        if self._sweeping is not None:
            self._sweeping.cancel()
        while self._idle:
            await _leave(self._idle.popleft().client)

    async def _attempt(self, letter: Outgoing, plain_sender: str) -> Outcome:
        while True:
            kept = self._take_idle()
            try:
                async with asyncio.timeout(self._timeout):
                    client = (
                        kept.client
                        if kept
                        else await connect(self._url, hostname=self._hostname, seconds=self._timeout)
                    )
                    kept = kept or _Kept(client)
                    outcome = await self._introduce(client, letter, plain_sender)
            except (SMTPException, OSError, TimeoutError) as error:
                if kept is not None:
                    kept.client.close()
                    if kept.letters:  # it had been idle, and the server has left meanwhile
                        continue
                self._failures += 1
                return _no_connection(error, self._failures)
            self._failures = 0
            if outcome is None:
                outcome = await self._content(client, letter)
            await self._keep(kept)
            return outcome

    async def _introduce(self, client: SMTP, letter: Outgoing, plain_sender: str) -> Outcome | None:
        """Everything before the content; None when the server wants to have it."""
        size = len(letter.content)
        with_size = client.supports_extension("size")
        largest = client.esmtp_extensions.get("size", "").strip()
        if largest.isdecimal() and 0 < int(largest) < size:
            return Refused(Cause.TOO_LARGE, f"the letter has {size} bytes, the server takes {largest}")
        options = [f"SIZE={size}"] if with_size else []
        try:
            try:
                await client.mail(letter.sender, options=options)
            except SMTPSenderRefused as refused:
                if letter.sender == plain_sender or refused.code < 500:
                    raise
                log.warning("the server does not take return paths of ours", said=_said(refused))
                await client.mail(plain_sender, options=options)
        except SMTPSenderRefused as refused:
            return await self._refused(client, Stage.SENDER, refused)
        for number, recipient in enumerate(letter.recipients):
            try:
                await client.rcpt(recipient)
            except SMTPRecipientRefused as refused:
                stage = Stage.COPY if number and recipient != letter.recipients[0] else Stage.RECIPIENT
                return await self._refused(client, stage, refused, recipient)
        return None

    async def _content(self, client: SMTP, letter: Outgoing) -> Outcome:
        try:
            await client.data(letter.content, timeout=FOR_CONTENT)
        except SMTPDataError as refused:
            return await self._refused(client, Stage.CONTENT, refused)
        except (SMTPServerDisconnected, SMTPTimeoutError, OSError) as error:
            client.close()
            return Uncertain(f"the server did not answer after the content: {type(error).__name__}")
        return Sent((letter.message_id,))

    async def _refused(
        self, client: SMTP, stage: Stage, refused: SMTPResponseException, recipient: str = ""
    ) -> Outcome:
        outcome = outcome_of(stage, refused.code, _said(refused))
        if refused.code == 421:
            client.close()
        elif client.is_connected:
            with contextlib.suppress(SMTPException, OSError):
                await client.rset()
        if stage is Stage.COPY and isinstance(outcome, Refused):
            return replace(outcome, reason=f"{recipient}: {outcome.reason}"[:500])
        return outcome

    def _take_idle(self) -> _Kept | None:
        while self._idle:
            kept = self._idle.pop()
            if kept.client.is_connected and time.monotonic() - kept.used_at < IDLE:
                return kept
            kept.client.close()
        return None

    async def _keep(self, kept: _Kept) -> None:
        kept.letters += 1
        kept.used_at = time.monotonic()
        if kept.client.is_connected and kept.letters < LETTERS:
            self._idle.append(kept)
        else:
            await _leave(kept.client)

    def _sweep_later(self) -> None:
        if self._idle and (self._sweeping is None or self._sweeping.done()):
            self._sweeping = asyncio.create_task(self._sweep())

    async def _sweep(self) -> None:
        """Say goodbye to connections nobody has needed for a while."""
        while self._idle:
            await asyncio.sleep(max(0.1, self._idle[0].used_at + IDLE - time.monotonic()))
            while self._idle and time.monotonic() - self._idle[0].used_at >= IDLE:
                await _leave(self._idle.popleft().client)


async def connect(url: SmtpUrl, *, hostname: str, seconds: float) -> SMTP:
    """A client that is connected, has greeted and is logged in. `seconds` are for each step of it.

    Raises SMTPException, OSError or TimeoutError when that cannot be; SMTPAuthenticationError when the
    login is refused.
    """
    login = url.login
    token = login.token() if login else None

    async def current_token() -> str:
        return token or ""

    client = SMTP(
        hostname=url.host,
        port=url.port,
        username=login.user if login else None,
        password=login.password if login and token is None else None,
        oauth_token_generator=current_token if token is not None else None,
        local_hostname=hostname,
        timeout=seconds,
        use_tls=url.security is Security.TLS,
        start_tls=url.security is Security.STARTTLS,
    )
    try:
        await client.connect()
        if client.is_ehlo_or_helo_needed:
            await _greet(client)
    except BaseException:
        client.close()
        raise
    return client


class _Kept:
    """An open connection, and how much it has been used."""

    __slots__ = ("client", "letters", "used_at")

    def __init__(self, client: SMTP) -> None:
        self.client = client
        self.letters = 0
        self.used_at = time.monotonic()


def _no_connection(error: BaseException, failures: int) -> Outcome:
    """Nothing has left yet, whatever it was; and other letters of the account need not try at once."""
    if isinstance(error, SMTPAuthenticationError) and error.code >= 500:
        return Refused(Cause.ACCOUNT, f"the login is refused: {_said(error)}")
    if isinstance(error, SMTPResponseException):
        why = f"{error.code} {_said(error)}"[:300]
    else:
        why = " ".join(str(error).split())[:200] or type(error).__name__
    wait = min(timedelta(seconds=5.0 * 2 ** min(failures - 1, 6)), LONGEST_PAUSE)
    return Postponed(f"the mail server: {why}", wait, whole_account=True)


def _said(error: SMTPResponseException) -> str:
    return " ".join(str(error.message).split())[:300]


async def _greet(client: SMTP) -> None:
    try:
        await client.ehlo()
    except SMTPHeloError as error:
        if error.code == 421:
            raise
        await client.helo()


async def _leave(client: SMTP) -> None:
    try:
        if client.is_connected:
            await client.quit(timeout=5)
    except (SMTPException, OSError, TimeoutError):
        pass  # it is over either way
    finally:
        client.close()
