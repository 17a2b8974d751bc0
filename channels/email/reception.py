"""Where letters are taken in, whichever way they came: read, their files stored, filed together, and only
then acknowledged by whoever brought them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, TypeAlias

from channels.email.attachments import Attachment
from channels.email.identity import MailIdentity
from channels.email.inbound import SIZE_LIMIT, normalise, with_stored
from channels.email.letter import Letter, read_letter
from channels.email.threading import make_message_id, read_message_id
from core.channel import InboundMessage, Received
from core.conversations.deliveries import confirm_letters, uncertain_letters
from core.database import Database
from core.files import FileStore
from core.intake.booking import Filed
from core.intake.edge import Intake
from core.lines.accounts import AccountRef

SETTLED_WITHIN = timedelta(days=7)  # an uncertain letter older than this is not looked for any more
AT_ONCE = 1 << 20  # bytes of a file that are put down in one piece; larger ones are streamed


@dataclass(frozen=True, slots=True)
class Arrived:
    """A letter as an edge got it. `at` (aware) is when the mail server took it in."""

    raw: bytes
    at: datetime


@dataclass(frozen=True, slots=True)
class Ready:
    """A letter ready to be filed: its files are stored."""

    received: Received
    proofs: Mapping[int, str]  # our deliveries this letter shows to have left: id → Message-ID


class Reader:
    """Reads the letters of one mailbox and stores their files."""

    def __init__(
        self, store: FileStore, identity: MailIdentity, scope: str, *, size_limit: int = SIZE_LIMIT
    ) -> None:
        """`scope` names the account; a letter of more than `size_limit` bytes is not read."""
        self._store = store
        self._scope = scope
        self.identity = identity
        self.size_limit = size_limit

    async def read(self, page: Sequence[Arrived | Received]) -> list[Ready]:
        """These letters in their order. What is `Received` already (one that could not be fetched) stays as
        it is.

        Raises OSError when the store cannot keep a file.
        """
        ready = []
        for received, files, proofs in await asyncio.to_thread(self._understand_all, page):
            stored = [await self._keep(file) for file in files]
            ready.append(Ready(with_stored(received, stored) if stored else received, proofs))
        return ready

    def _understand_all(self, page: Sequence[Arrived | Received]) -> list[_Understood]:
        return [self._understand(one) if isinstance(one, Arrived) else (one, (), {}) for one in page]

    def _understand(self, letter: Arrived) -> _Understood:
        if len(letter.raw) > self.size_limit:
            return self._normalise(letter.raw, letter.at), (), {}
        try:
            read = read_letter(letter.raw)
        except Exception:  # noqa: BLE001 - a bug must not stop the mailbox: `normalise` parks what it strikes
            return self._normalise(letter.raw, letter.at), (), {}
        received = self._normalise(read, letter.at)
        files = read.attachments if isinstance(received.understood, InboundMessage) else ()
        return received, files, self._proofs(read, received)

    def _normalise(self, letter: bytes | Letter, at: datetime) -> Received:
        return normalise(
            letter,
            received_at=at,
            our_addresses=self.identity.addresses,
            our_domain=self.identity.domain,
            secret=self.identity.secret,
            scope=self._scope,
            size_limit=self.size_limit,
        )

    def _proofs(self, letter: Letter, received: Received) -> dict[int, str]:
        """Letters of ours that have come back, were answered, or are reported about: they have certainly
        left.
        """
        named = list(letter.headers.all("message-id"))[:1]
        if isinstance(message := received.understood, InboundMessage):
            named += message.references
            if message.bounce and message.bounce.original_message_id:
                named.append(message.bounce.original_message_id)
        found: dict[int, str] = {}
        for message_id in named:
            if ours := read_message_id(message_id, self.identity.secret):
                found.setdefault(ours[1], message_id.strip())
        return found

    async def _keep(self, file: Attachment) -> str:
        if file.size <= AT_ONCE:
            return (await self._store.put(b"".join(file.content()))).sha256
        sink = self._store.sink()
        try:
            for chunk in file.content():
                await sink.write(chunk)
            return (await sink.close()).sha256
        finally:
            if not sink.is_closed:
                await sink.abandon()


_Understood: TypeAlias = tuple[Received, tuple[Attachment, ...], Mapping[int, str]]


class Reception:
    """Takes in the letters of one mailbox."""

    def __init__(self, db: Database, intake: Intake, account: AccountRef, reader: Reader) -> None:
        self._db = db
        self._intake = intake
        self._reader = reader
        self.account = account

    @property
    def identity(self) -> MailIdentity:
        """Whose letters these are."""
        return self._reader.identity

    @property
    def size_limit(self) -> int:
        """Bytes of the largest letter that is read."""
        return self._reader.size_limit

    async def take(
        self, page: Sequence[Arrived | Received], *, cursor: dict[str, Any] | None = None
    ) -> list[Filed]:
        """File these letters in their order, and remember how far the mailbox has been read.

        Raises what the database raises when it is away, and OSError when a file cannot be stored: then
        nothing may be acknowledged.
        """
        return await self._intake.take(self.account, await self._ready(page), cursor=cursor)

    async def file(self, letter: Arrived) -> Filed:
        """File one letter together with whatever else arrives meanwhile. Raises as `take`."""
        (received,) = await self._ready([letter])
        return await self._intake.file(self.account, received)

    async def uncertain(self) -> dict[str, int]:
        """The Message-IDs of letters that may have been sent, and their deliveries. Raises as `take`."""
        since = self._db.clock.now() - SETTLED_WITHIN
        account_id, identity = self.account.id, self.identity
        found = await self._db.read(lambda c: uncertain_letters(c, account_id, since))
        return {
            make_message_id(conversation, delivery, identity.domain, identity.secret): delivery
            for delivery, conversation in found.items()
        }

    async def confirm(self, letters: Mapping[int, str]) -> None:
        """These letters of ours, Message-IDs by delivery, were certainly sent. Raises as `take`."""
        await self._db.transact(partial(confirm_letters, account_id=self.account.id, letters=letters))

    async def _ready(self, page: Sequence[Arrived | Received]) -> list[Received]:
        ready = await self._reader.read(page)
        if proofs := {id: letter for one in ready for id, letter in one.proofs.items()}:
            await self.confirm(proofs)
        return [one.received for one in ready]
