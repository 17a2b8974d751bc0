"""A form is no way to write to strangers in the company's name: anybody can type anybody's address into it."""

from __future__ import annotations

import email
import email.policy
import json
from collections import Counter
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import update

from channels.email.composing import compose
from channels.email.identity import MailIdentity
from channels.form.inbound import normalise
from core.automation.model import Timer
from core.channel import Received
from core.clock import ManualClock
from core.contacts.model import Address
from core.conversations.deliveries import claim
from core.conversations.model import Conversation, Delivery
from core.conversations.routes import TOO_MANY_TYPED, TYPED_AT_MOST
from core.database import Database, Transaction
from core.leads.answering import Draft, reply
from core.leads.model import Lead
from core.lines.accounts import AccountRef
from tests.builders import NOON, a_database, a_manager, an_account, file
from tests.looking import every

BAIT = "Выиграйте миллион http://evil.example/win"
LINE = MailIdentity("sales@company.example", b"secret", name="Ромашка")


def a_post(number: int, at: datetime = NOON, **fields: str) -> Received:
    fields = {"email": f"victim{number}@third.example", "message": f"Вопрос {number}"} | fields
    return normalise(json.dumps(fields).encode(), "application/json", at)


async def a_form_and_a_mailbox(database: Database) -> AccountRef:
    """A line whose site has a form, and which can answer by letter; returns the form."""
    form = await an_account(database, "form", "main")
    await an_account(database, "email", "sales@x.ru")
    return form


async def letters(database: Database) -> list[email.message.EmailMessage]:
    """Everything that would leave now, as a mail program shows it."""
    claimed = await database.transact(lambda tx: claim(tx, 10_000, None))
    composed = [compose(one.message, LINE, NOON) for one in claimed if one.notice is None]
    return [email.message_from_bytes(one.content, policy=email.policy.default) for one in composed]


async def to_customers(database: Database) -> int:
    return len(await every(database, Delivery, Delivery.message_id.is_not(None)))


async def reasons(database: Database) -> Counter[str | None]:
    return Counter(row["reason"] for row in await every(database, Timer, Timer.state == "skipped"))


async def test_nothing_that_was_typed_beside_an_address_goes_there_as_a_subject(
    database_url: str, clock: ManualClock
) -> None:
    async with a_database(database_url, clock) as database:
        form = await a_form_and_a_mailbox(database)
        await file(database, form, a_post(1, subject=BAIT, name="evil.example", message=BAIT))
        (letter,) = await letters(database)
        assert letter["To"] == "victim1@third.example"
        assert letter["Subject"] == "Ромашка"
        assert "evil.example" not in letter.as_string()
        body = letter.get_body(("plain",))
        assert body is not None
        assert "evil.example" not in body.get_content()
        assert (await every(database, Lead))[0]["title"] == BAIT, "the managers see it"


async def test_beyond_a_hundred_new_addresses_an_hour_a_typed_one_gets_no_letter_and_the_card_knows_why(
    database_url: str, clock: ManualClock
) -> None:
    async with a_database(database_url, clock) as database:
        form = await a_form_and_a_mailbox(database)
        posts = [a_post(number) for number in range(TYPED_AT_MOST + 30)]
        for start in range(0, len(posts), 40):  # within a batch and from one to the next
            await file(database, form, *posts[start : start + 40])
        assert await to_customers(database) == TYPED_AT_MOST
        assert (await reasons(database))[TOO_MANY_TYPED] == 30
        assert len(await every(database, Lead)) == len(posts), "every enquiry is filed all the same"
        # Whoever of them is answered by a person hears from us.
        manager = await a_manager(database)
        unheard = (await every(database, Timer, Timer.reason == TOO_MANY_TYPED))[0]["lead_id"]
        await database.transact(lambda tx: reply(tx, manager, unheard, Draft("Здравствуйте")))
        assert await to_customers(database) == TYPED_AT_MOST + 1
        clock.advance(timedelta(hours=1, minutes=1))
        await file(database, form, a_post(1_000, clock.now()))
        assert await to_customers(database) == TYPED_AT_MOST + 2


async def test_a_proved_address_is_written_to_however_many_were_typed(
    database_url: str, clock: ManualClock
) -> None:
    async with a_database(database_url, clock) as database:
        form = await an_account(database, "form", "main")
        await file(database, form, a_post(7, message="Первый вопрос"))
        await database.transact(
            lambda tx: tx.connection.execute(update(Address).values(is_proved=True)).rowcount
        )
        await database.transact(
            lambda tx: tx.connection.execute(update(Lead).values(outcome="failure")).rowcount
        )
        await an_account(database, "email", "sales@x.ru")
        await file(database, form, *[a_post(number) for number in range(100, 100 + TYPED_AT_MOST + 1)])
        assert await to_customers(database) == TYPED_AT_MOST
        await file(database, form, a_post(7, message="Второй вопрос"))
        assert await to_customers(database) == TYPED_AT_MOST + 1


async def test_an_hour_with_more_conversations_than_are_looked_through_is_a_flood(
    sqlite_url: str, clock: ManualClock
) -> None:
    async with a_database(sqlite_url, clock) as database:
        form = await a_form_and_a_mailbox(database)
        await file(database, form, a_post(1))
        (known,) = await every(database, Conversation, Conversation.channel == "form")
        hour = 3_600_000 << 22  # in identifiers
        for start in range(0, 5_000, 500):
            await database.transact(partial(_others, dict(known), start, -hour))
        await file(database, form, a_post(4))
        assert await to_customers(database) == 2, "those of an hour ago are not looked at"
        for start in range(5_000, 10_000, 500):
            await database.transact(partial(_others, dict(known), start, 0))
        await file(database, form, a_post(2))
        assert (await reasons(database))[TOO_MANY_TYPED] == 1
        clock.advance(timedelta(hours=2))
        await file(database, form, a_post(3, clock.now()))
        assert (await reasons(database))[TOO_MANY_TYPED] == 1
        assert await to_customers(database) == 3


def _others(known: dict[Any, Any], start: int, earlier: int, tx: Transaction) -> int:
    """Five hundred conversations like this one, with other people."""
    others = [
        {"id": tx.new_id() + earlier, "thread": f"other {number}"} for number in range(start, start + 500)
    ]
    tx.insert(Conversation, [known | other for other in others])
    return len(others)
