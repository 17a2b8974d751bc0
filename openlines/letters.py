"""The mailbox of the line: its edges, its channel, and what `openlines doctor` asks of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from channels.email.checking import Checked, check_imap, check_smtp
from channels.email.identity import MailIdentity
from channels.email.listener import Listener
from channels.email.mailbox import Habits, Mailbox
from channels.email.outbound import EmailChannel, ReceivingOnly
from channels.email.pacing import PacedEmail
from channels.email.reception import Arrived, Reader, Reception
from channels.email.smtp import SmtpPost
from channels.email.urls import read_imap_url, read_listen_url, read_smtp_url
from core.channel import Channel, Received
from core.errors import Misconfigured
from core.files import FileStore
from core.lines.accounts import LISTENER, MAILBOX, SENDING, AccountRef, read_cursor
from openlines.ground import plainly, secret_key
from openlines.settings import Settings

if TYPE_CHECKING:
    from openlines.application import Program
    from openlines.doctor import Finding

ALIVE_EVERY = timedelta(minutes=1)
Work = Callable[[], Coroutine[Any, Any, None]]


class Letters:
    """Everything of one process that has to do with the line's mailbox."""

    def __init__(self, program: Program, account: AccountRef) -> None:
        self._program = program
        self._account = account
        self._identity = identity_of(program.settings)
        self._post: SmtpPost | None = None
        self.listener: Listener | None = None

    def edges(self) -> list[Work]:
        """What brings letters in. Raises Misconfigured when an address in the settings is none."""
        settings, works = self._program.settings.email, []
        if settings.imap_url is not None:
            works.append(self._read_mailbox())
        if settings.listen is not None:
            reception = self._reception()
            self.listener = Listener(read_listen_url(settings.listen), [reception], self._program.clock)
            works.append(self._listen)
        return works

    def channel(self) -> Channel:
        """What sends letters; without a server for them it refuses and says why. Raises Misconfigured."""
        settings, program = self._program.settings, self._program
        if settings.email.smtp_url is None:
            return ReceivingOnly("nothing can be sent by e-mail: OPENLINES_EMAIL__SMTP_URL is not set")
        url = read_smtp_url(settings.email.smtp_url.get_secret_value(), _token(settings))
        self._post = SmtpPost(url, hostname=self._identity.domain)
        channel = EmailChannel(
            self._post,
            self._identity,
            program.clock,
            program.store.path,
            public_url=settings.public_url,
            trouble=partial(program.note_trouble, self._account, part=SENDING),
        )
        return PacedEmail(channel, program.limits, program.clock, self._identity.address)

    async def close(self) -> None:
        """Leave the mail server politely."""
        if self._post is not None:
            await self._post.close()

    def _reception(self) -> Reception:
        program = self._program
        reader = Reader(
            program.store,
            self._identity,
            self._account.scope,
            size_limit=program.settings.email.size_limit,
        )
        return Reception(program.db, program.intake, self._account, reader)

    def _read_mailbox(self) -> Work:
        program, settings, account = self._program, self._program.settings.email, self._account
        assert settings.imap_url is not None  # noqa: S101 - the caller looked
        url = read_imap_url(settings.imap_url.get_secret_value(), _token(program.settings))
        lease = f"mailbox:{account.scope}"
        program.leases[lease] = "waiting"

        async def read() -> None:
            program.leases[lease] = "held"
            try:
                cursor = await program.db.read(lambda c: read_cursor(c, account.id))
                mailbox = Mailbox(
                    url,
                    self._reception(),
                    program.clock,
                    trouble=partial(program.note_trouble, part=MAILBOX),
                    habits=Habits(folder=settings.folder, since=settings.since),
                )
                await mailbox.run(cursor)
            finally:
                program.leases[lease] = "waiting"

        return lambda: program.db.hold(lease, read)

    async def _listen(self) -> None:
        assert self.listener is not None  # noqa: S101 - made with this edge
        clock = self._program.clock
        await self.listener.start()
        try:
            while True:  # nobody may write for days, and yet all is well
                await self._program.note_trouble(self._account, None, LISTENER)
                await clock.sleep_until(clock.now() + ALIVE_EVERY)
        finally:
            await self.listener.close()


def identity_of(settings: Settings) -> MailIdentity:
    """Who the line is in the post."""
    email = settings.email
    return MailIdentity(
        email.address or "",
        secret_key(settings),
        email.name,
        frozenset(alias.strip().lower() for alias in email.aliases),
        verp=email.verp if email.verp is not None else email.listen is not None,
    )


async def understand_letter(
    account: AccountRef, store: FileStore, raw: bytes, now: datetime, settings: Settings
) -> Received:
    """What is made of a raw letter today, its files stored; for taking parked letters again."""
    reader = Reader(store, identity_of(settings), account.scope, size_limit=settings.email.size_limit)
    (ready,) = await reader.read([Arrived(raw, now)])
    return ready.received


async def examine(settings: Settings) -> AsyncIterator[Finding]:
    """Log in where letters come from and go to, as `openlines doctor` does."""
    from openlines.doctor import Finding  # the doctor asks us, not we the doctor

    def finding(what: str, checked: Checked) -> Finding:
        return Finding(what, plainly(checked.state), checked.remedy)

    email = settings.email
    if email.imap_url is None and email.listen is None:
        yield Finding("mailbox", "no letters come in", "OPENLINES_EMAIL__IMAP_URL or OPENLINES_EMAIL__LISTEN")
    if email.imap_url is not None:
        checked = await check_imap(email.imap_url.get_secret_value(), _token(settings), folder=email.folder)
        yield finding("mailbox", checked)
    if email.listen is not None:
        try:
            read_listen_url(email.listen)
            yield Finding("mail listener", f"{email.listen} while the program runs")
        except Misconfigured as error:
            yield Finding("mail listener", "no address", str(error))
    if email.smtp_url is None:
        yield Finding("outgoing mail", "no letters go out", "OPENLINES_EMAIL__SMTP_URL")
    else:
        checked = await check_smtp(
            email.smtp_url.get_secret_value(), _token(settings), sender=email.address or ""
        )
        yield finding("outgoing mail", checked)
    if email.smtp_url is not None and not settings.public_url:
        remedy = "OPENLINES_PUBLIC_URL: without it follow-ups carry no link to stop them"
        yield Finding("follow-up letters", "cannot be stopped by a click", remedy)


def _token(settings: Settings) -> str | None:
    token = settings.email.oauth_token
    return token.get_secret_value() if token is not None else None
