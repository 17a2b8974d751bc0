"""What the handlers work with: the database, the words, the line's settings. Built once by the assembly."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from bot.texts import Texts, Words
from core.channel import InboundMessage
from core.clock import Clock
from core.database import Database
from core.desk.accounts import accounts
from core.desk.cards import Card, card
from core.errors import Refusal
from core.files import FileStore
from core.intake.booking import Filed
from core.lines.accounts import AccountRef
from core.staff.managers import Person, by_id

Refile = Callable[[int], Awaitable[Filed | None]]
Recall = Callable[[Sequence[int]], Awaitable[Mapping[int, InboundMessage | None]]]


@dataclass(slots=True)
class Office:
    """One managers' bot.

    `account` is its account; a customer's file of the same account is passed on by the network's reference.
    `region` reads telephones written without a country ("RU"), `timezone` is the line's (an IANA name).
    `refile(ledger_id)` takes a parked or excluded entry of the ledger again; None when it is neither any more.
    `recall(ledger_ids)` reads what such entries say from their raw input, without those whose raw input is gone.
    `admins` are the Telegram ids whom the settings make admins, and whom therefore nobody removes here.
    `background` holds what outlives an update, such as watching whether an answer has arrived; it ends with the bot.
    """

    db: Database
    texts: Texts
    clock: Clock
    account: AccountRef
    store: FileStore
    refile: Refile
    recall: Recall
    region: str
    timezone: str
    admins: Collection[int] = ()
    background: set[asyncio.Task[None]] = field(default_factory=set)

    def words(self, language: str | None) -> Words:
        """The voice for one reader, now."""
        return self.texts.words(language, self.timezone, self.clock.now())

    async def card(self, lead_id: int, words: Words) -> Card | None:
        """A lead's card in this reader's language, as it is now."""
        return await self.db.read(
            lambda connection: card(
                connection,
                lead_id,
                now=words.now,
                language_default=self.texts.default,
                language=words.language,
            )
        )

    async def card_there(self, lead_id: int, words: Words) -> Card:
        """The card of a lead that must be there. Raises Refusal ("refused-lead-gone") when it is not."""
        if (there := await self.card(lead_id, words)) is None:
            raise Refusal("refused-lead-gone")
        return there

    async def has_mailbox(self) -> bool:
        """Whether letters can be written at all."""
        return any(account.channel == "email" for account in await self.db.read(accounts))

    async def reread(self, person: Person) -> Person:
        """The person as the database has them after a change."""
        return await self.db.read(lambda connection: by_id(connection, person.id)) or person
