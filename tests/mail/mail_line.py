"""A line with a mailbox: real IMAP and SMTP servers around the real core."""

from __future__ import annotations

import asyncio
import contextlib
import imaplib
import itertools
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import select, update

from channels.email.identity import MailIdentity
from channels.email.inbound import SIZE_LIMIT
from channels.email.mailbox import Habits, Mailbox
from channels.email.reception import Reader, Reception
from channels.email.urls import read_imap_url
from core.automation.preset import ensure_line
from core.automation.reactions import Reactions
from core.clock import SystemClock
from core.conversations.model import Message
from core.database import Database
from core.files import FileStore
from core.intake.edge import Intake
from core.intake.model import Ledger, LedgerDay
from core.leads.model import Lead
from core.lines.accounts import AccountRef, ensure_account, read_cursor
from core.staff.managers import Person, active, ensure_admins
from core.staff.model import Manager
from tests.servers.imap import ImapServer

T = TypeVar("T")

ADDRESS = "line@example.com"
SECRET = b"nobody knows this"
OLGA = "olga@example.net"


@dataclass
class MailLine:
    """One line in one process: its database, its store, its intake, and who works there."""

    db: Database
    store: FileStore
    intake: Intake
    account: AccountRef
    identity: MailIdentity
    manager: Person
    troubles: list[str | None] = field(default_factory=list)

    @property
    def reception(self) -> Reception:
        return self.limited_reception()

    def limited_reception(self, size_limit: int = SIZE_LIMIT) -> Reception:
        reader = Reader(self.store, self.identity, self.account.scope, size_limit=size_limit)
        return Reception(self.db, self.intake, self.account, reader)

    async def note_trouble(self, account: AccountRef, why: str | None) -> None:
        self.troubles.append(why)

    async def cursor(self) -> dict[str, Any] | None:
        return await self.db.read(lambda c: read_cursor(c, self.account.id))

    @contextlib.asynccontextmanager
    async def reading(
        self, url: str, *, size_limit: int = SIZE_LIMIT, **habits: Any
    ) -> AsyncIterator[Mailbox]:
        """The mailbox being read from where it was left, until the end of the block."""
        clock = _Hasty()
        quick: dict[str, Any] = {"poll": timedelta(seconds=0.05), "first_idle": 0.3, "idle": (3.0, 4.0)}
        mailbox = Mailbox(
            read_imap_url(url),
            self.limited_reception(size_limit),
            clock,
            trouble=self.note_trouble,
            habits=replace(Habits(), **quick | habits),
        )
        task = asyncio.create_task(mailbox.run(await self.cursor()))
        try:
            yield mailbox
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def begin(self, url: str) -> None:
        """The first start, so that what comes next is new."""
        async with self.reading(url):
            await eventually(self.cursor)

    async def rows(self, *columns: Any) -> list[Any]:
        return await self.db.read(lambda c: list(c.execute(select(*columns)).all()))

    async def texts(self) -> list[str]:
        rows = await self.db.read(
            lambda c: c.execute(
                select(Message.text).where(Message.direction == "in").order_by(Message.sent_at, Message.id)
            ).all()
        )
        return [row.text for row in rows]

    async def wait_for(self, count: int, within: float = 20) -> list[str]:
        """The texts of what came in, once there are `count`."""

        async def enough() -> list[str] | None:
            texts = await self.texts()
            return texts if len(texts) >= count else None

        return await eventually(enough, within=within)

    async def leads(self) -> list[Any]:
        return await self.rows(Lead.id, Lead.number, Lead.title, Lead.outcome)

    async def ledger(self) -> list[tuple[str, int]]:
        return [(row.state, row.seen) for row in await self.rows(Ledger.state, Ledger.seen)]

    async def balance(self) -> tuple[int, int]:
        """What was received, and what became of it: equal, or something is lost."""
        days = await self.rows(
            LedgerDay.received,
            LedgerDay.filed,
            LedgerDay.parked,
            LedgerDay.excluded,
            LedgerDay.ignored,
            LedgerDay.duplicate,
        )
        return sum(day[0] for day in days), sum(sum(day[1:]) for day in days)


class _Hasty(SystemClock):
    """The real time, in which pauses between attempts are a hundredth as long."""

    async def sleep_until(self, moment: datetime) -> None:
        await asyncio.sleep(min(max((moment - self.now()).total_seconds(), 0) / 100, 0.1))


@contextlib.asynccontextmanager
async def a_line(url: str, folder: Path) -> AsyncIterator[MailLine]:
    async with Database.opened(url, react=Reactions(), node=0) as db:
        store = FileStore(folder / "files")

        def rows(tx: Any) -> tuple[AccountRef, Person]:
            line_id = ensure_line(tx, language="ru", timezone="Europe/Moscow")
            ensure_admins(tx, [4242], "ru")
            ensure_account(tx, line_id, "telegram", "777", "Telegram")
            account = ensure_account(tx, line_id, "email", ADDRESS, ADDRESS)
            tx.connection.execute(update(Manager).values(is_reachable=True))
            return account, active(tx.connection)[0]

        account, manager = await db.transact(rows)
        intake = Intake(db, store)
        yield MailLine(db, store, intake, account, MailIdentity(ADDRESS, SECRET, "Ромашка"), manager)
        await intake.close()


def a_letter(
    text: str,
    *,
    sender: str = f"Ольга <{OLGA}>",
    to: str = ADDRESS,
    subject: str = "Вопрос",
    message_id: str | None = None,
    at: datetime | None = None,
    files: dict[str, bytes] | None = None,
    **headers: str,
) -> bytes:
    letter = EmailMessage()
    letter["From"], letter["To"], letter["Subject"] = sender, to, subject
    letter["Date"] = format_datetime(at or datetime.now(UTC))
    letter["Message-ID"] = message_id or f"<{abs(hash((text, sender, subject)))}@example.net>"
    for name, value in headers.items():
        letter[name.replace("_", "-")] = value
    letter.set_content(text)
    for name, content in (files or {}).items():
        letter.add_attachment(content, maintype="application", subtype="octet-stream", filename=name)
    return letter.as_bytes()


def deliver(server: ImapServer, letters: Sequence[bytes], dates: Sequence[datetime] = ()) -> None:
    """Put many letters into the INBOX over one connection; `dates` are when they arrived."""
    with server.connection() as imap:
        imap.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for letter, date in itertools.zip_longest(letters, dates):
            imap.append("INBOX", "", imaplib.Time2Internaldate(date) if date else "", letter)


async def eventually(look: Callable[[], Awaitable[T | None]], *, within: float = 20) -> T:
    """What `look` finds, as soon as it finds something."""
    give_up = time.monotonic() + within
    while not (found := await look()):
        if time.monotonic() > give_up:
            raise TimeoutError(f"nothing after {within} s; the last look gave {found!r}")
        await asyncio.sleep(0.01)
    return found
