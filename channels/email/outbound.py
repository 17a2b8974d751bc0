"""Sending letters: one message of ours, one letter, and what became of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import structlog

from channels.email.composing import Enclosure, NotALetter, Outgoing, compose
from channels.email.identity import MailIdentity
from channels.email.smtp import SmtpPost
from core.channel import (
    Cause,
    Fetched,
    FileSink,
    OutboundFile,
    OutboundMessage,
    Outcome,
    Postponed,
    Refused,
)
from core.clock import Clock

log = structlog.get_logger("mail")

LARGEST = 25 * 1024 * 1024  # bytes of files in one letter: what most providers take, and bounded memory here
PATIENCE = 3  # failures in a row before the admins hear of it
COMPOSING = 2  # letters with files made at once


class EmailChannel:
    """One mailbox, able to send: implements `core.channel.Channel`.

    `locate` finds a file of the attachment store by its `OutboundFile.path`. `public_url` is where the link
    in follow-ups leads; without it they carry none. `trouble` hears why nothing goes out, and None when it
    does again.
    """

    def __init__(
        self,
        post: SmtpPost,
        identity: MailIdentity,
        clock: Clock,
        locate: Callable[[str], Path],
        *,
        public_url: str | None = None,
        trouble: Callable[[str | None], Awaitable[None]] | None = None,
    ) -> None:
        self._post = post
        self._identity = identity
        self._clock = clock
        self._locate = locate
        self._public_url = public_url
        self._trouble = trouble
        self._failures = 0
        self._is_told = True  # an earlier process may have left a trouble behind
        self._room = asyncio.Semaphore(COMPOSING)

    async def send(self, message: OutboundMessage) -> Outcome:
        """Send one letter.

        `Sent` holds its Message-ID, which is the same at every attempt: so a letter that may have arrived
        can be recognised when it is seen. The mail servers behind ours may still return it; then a report
        comes in.
        """
        try:
            letter = await self._compose(message)
        except NotALetter as reason:
            return Refused(Cause.MALFORMED, str(reason))
        if isinstance(letter, Refused):
            return letter
        outcome = await self._post.deliver(letter, plain_sender=self._identity.address)
        await self._note(outcome)
        return outcome

    async def fetch(self, reference: str, into: FileSink) -> Fetched | Refused | Postponed:
        """Files of letters are stored when the letter is taken in; there is nothing to fetch later."""
        return Refused(Cause.NOT_FOUND, "the file was not kept when the letter came")

    async def _compose(self, message: OutboundMessage) -> Outgoing | Refused:
        if not message.files:
            return compose(message, self._identity, self._clock.now(), public_url=self._public_url)
        async with self._room:
            return await asyncio.to_thread(self._with_files, message)

    def _with_files(self, message: OutboundMessage) -> Outgoing | Refused:
        files: list[Enclosure] = []
        total = 0
        for file in message.files:
            if file.path is None:
                return Refused(Cause.MALFORMED, f"the file {file.name[:100]!r} is not in the store")
            try:
                path = self._locate(file.path)
                total += path.stat().st_size
                if total > LARGEST:
                    limit = LARGEST // 1024 // 1024
                    return Refused(Cause.TOO_LARGE, f"the files are larger than {limit} MB together")
                files.append(Enclosure(file.name, _media_type(file), path.read_bytes()))
            except (OSError, ValueError) as error:
                why = getattr(error, "strerror", None) or str(error)
                return Refused(Cause.MALFORMED, f"the file {file.name[:100]!r} cannot be read: {why}")
        return compose(message, self._identity, self._clock.now(), files=files, public_url=self._public_url)

    async def _note(self, outcome: Outcome) -> None:
        """Tell the admins what keeps letters from going out, and when they go out again."""
        why: str | None = None
        match outcome:
            case Refused(Cause.ACCOUNT, reason):
                self._failures, why = PATIENCE, reason
            case Postponed(reason, whole_account=True):
                self._failures, why = self._failures + 1, reason
            case Postponed():
                return
            case _:
                self._failures = 0
        if self._trouble is None or (why is not None and self._failures < PATIENCE):
            return
        if why is not None or self._is_told:
            self._is_told = why is not None
            await self._trouble(why)


class ReceivingOnly:
    """A mailbox that letters only come into: whoever answers is told `why` the answer cannot go out."""

    def __init__(self, why: str) -> None:
        self._why = why

    async def send(self, message: OutboundMessage) -> Outcome:
        return Refused(Cause.MALFORMED, self._why)

    async def fetch(self, reference: str, into: FileSink) -> Fetched | Refused | Postponed:
        return Refused(Cause.NOT_FOUND, self._why)


def _media_type(file: OutboundFile) -> str:
    return file.media_type or {"photo": "image/jpeg", "voice": "audio/ogg", "audio": "audio/mpeg"}.get(
        file.kind, "application/octet-stream"
    )
