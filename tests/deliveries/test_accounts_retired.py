"""The settings name another bot or mailbox: what is new goes through it, and nothing waits for the one that is gone."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
from sqlalchemy import Connection, RowMapping

from core.clock import ManualClock
from core.conversations.deliveries import claim
from core.conversations.model import Conversation, Delivery
from core.conversations.notices import follow_managers_bot, notify
from core.database import Database, Transaction
from core.desk.accounts import accounts
from core.desk.cards import Card, card
from core.desk.letters import recipients, written_envelope
from core.errors import Refusal
from core.housekeeping import WATCHED
from core.leads.answering import Draft, reply, send_again
from core.leads.writing import write
from core.lines.accounts import SILENT, AccountRef, note_alive, note_trouble, silent_accounts, use_only
from core.staff.managers import Person
from tests.builders import a_database, a_lead, a_manager, a_message, an_account, email, file, telegram
from tests.looking import every, the
from tests.posting import plainly

FORM = "посетитель-7"


async def settings_name(database: Database, *named: AccountRef) -> None:
    """The program starts with settings that name these accounts and no others."""

    def start(tx: Transaction) -> None:
        use_only(tx, named[0].line_id, [one.id for one in named])
        follow_managers_bot(tx)

    await database.transact(start)


async def answer(database: Database, olga: Person, lead_id: int) -> int:
    answered = await database.transact(lambda tx: reply(tx, olga, lead_id, Draft("Сто тысяч")))
    return answered.delivery_id


async def shown(database: Database, lead_id: int) -> Card:
    def look(connection: Connection) -> Card | None:
        return card(connection, lead_id, now=database.clock.now(), language_default="ru", language="ru")

    found = await database.read(look)
    assert found is not None
    return found


async def told(database: Database, olga: Person) -> list[RowMapping]:
    """What waits for her."""
    return await every(database, Delivery, Delivery.manager_id == olga.id, Delivery.state == "waiting")


async def said(database: Database, account: AccountRef) -> list[RowMapping]:
    """What goes to customers through this account."""
    ours = (Delivery.account_id == account.id, Delivery.message_id.is_not(None))
    return await every(database, Delivery, *ours)


def from_the_form(text: str) -> Any:
    return a_message(text, email("anna@example.org"), thread=FORM)


async def test_what_a_manager_has_not_been_told_yet_moves_to_the_bot_of_today_and_is_told_once(
    database_url: str, clock: ManualClock
) -> None:
    async with a_database(database_url, clock) as database:
        olga = await a_manager(database)
        line, staff = await an_account(database), await an_account(database, "staff", "2000")
        await a_lead(database, line)
        await database.transact(lambda tx: notify(tx, [olga.id], "leads-free", topic="free", count=1))
        waiting = await told(database, olga)
        assert {row["account_id"] for row in waiting} == {staff.id}
        await settings_name(database, line)
        moved = await told(database, olga)
        assert [row["id"] for row in moved] == [row["id"] for row in waiting]
        assert {row["account_id"] for row in moved} == {line.id}
        assert {row["due_at"] for row in moved} == {clock.now()}
        await database.transact(lambda tx: notify(tx, [olga.id], "leads-free", topic="free", count=2))
        assert len(await told(database, olga)) == len(moved)


async def test_without_any_bot_what_managers_were_to_be_told_waits_for_the_next(
    database_url: str, clock: ManualClock
) -> None:
    async with a_database(database_url, clock) as database:
        olga, line = await a_manager(database), await an_account(database)
        form = await an_account(database, "form", "main")
        await a_lead(database, line)
        await settings_name(database, form)
        await database.transact(lambda tx: notify(tx, [olga.id], "leads-free", count=1))
        (waiting,) = await told(database, olga)
        assert waiting["account_id"] == line.id
        other = await an_account(database, scope="3000")
        await settings_name(database, form, other)
        (waiting,) = await told(database, olga)
        assert waiting["account_id"] == other.id


async def test_who_wrote_to_the_bot_that_is_gone_cannot_be_answered_until_it_is_named_again(
    database_url: str, clock: ManualClock
) -> None:
    async with a_database(database_url, clock) as database:
        olga, line = await a_manager(database), await an_account(database)
        lead = await a_lead(database, line)
        waiting = await answer(database, olga, lead)
        other = await an_account(database, scope="3000")
        await settings_name(database, other)
        assert (await shown(database, lead)).way.why_not == "account-retired"
        with pytest.raises(Refusal, match="refused-conversation-closed") as refused:
            await answer(database, olga, lead)
        assert refused.value.arguments["why"] == "account-retired"
        for _ in range(2):  # its confirmation lies before it
            await database.transact(lambda tx: claim(tx, 100, plainly))
        cancelled = await the(database, Delivery, Delivery.id == waiting)
        assert (cancelled["state"], cancelled["error"]) == ("cancelled", "account-retired")
        failed = [row for row in await told(database, olga) if row["notice"]["kind"] == "delivery-failed"]
        assert [(row["account_id"], row["notice"]["cause"]) for row in failed] == [
            (other.id, "account-retired")
        ]
        with pytest.raises(Refusal, match="refused-conversation-closed"):
            await database.transact(lambda tx: send_again(tx, olga, waiting))
        await settings_name(database, line)
        assert (await shown(database, lead)).way.why_not is None
        await database.transact(lambda tx: send_again(tx, olga, waiting))
        await answer(database, olga, lead)


async def test_who_has_written_to_the_bot_of_today_too_is_answered_there(
    database_url: str, clock: ManualClock
) -> None:
    async with a_database(database_url, clock) as database:
        olga, line = await a_manager(database), await an_account(database)
        lead = await a_lead(database, line, "Здравствуйте", telegram(), email())
        other = await an_account(database, scope="3000")
        await settings_name(database, other)
        known = telegram(scope="3000")
        (filed,) = await file(database, other, a_message("Это снова я", known, email()))
        assert filed.lead_id == lead
        (before, now) = await every(database, Conversation)
        assert (before["account_id"], now["account_id"]) == (line.id, other.id)
        earlier = await database.transact(lambda tx: reply(tx, olga, lead, Draft("Да"), before["id"]))
        assert earlier.account_id == other.id


async def test_letters_go_through_the_mailbox_of_today(database_url: str, clock: ManualClock) -> None:
    async with a_database(database_url, clock) as database:
        olga, form = await a_manager(database), await an_account(database, "form", "main")
        old = await an_account(database, "email", "sales@old.example")
        (first,) = await file(database, form, from_the_form("Первый вопрос"))
        assert len(await said(database, old)) == 1
        new = await an_account(database, "email", "sales@new.example")
        await settings_name(database, form, new)
        (second,) = await file(database, form, from_the_form("Второй вопрос"))
        assert first.lead_id == second.lead_id
        boris = a_message("Вопрос", email("boris@example.org"), name="Борис", thread="другой")
        (third,) = await file(database, form, boris)
        (confirmation,) = await said(database, new)
        assert confirmation["lead_id"] == third.lead_id
        lead = first.lead_id or 0
        assert (await shown(database, lead)).way.channel == "email"
        await answer(database, olga, lead)
        await database.transact(lambda tx: write(tx, olga, lead, Draft("Ещё письмо"), "anna@example.org"))
        assert len(await said(database, new)) == 3
        assert await database.read(lambda c: recipients(c, lead)) == ("anna@example.org",)
        envelope = await database.read(lambda c: written_envelope(c, lead, "anna@example.org"))
        thread = await the(database, Conversation, Conversation.id == envelope.conversation_id)
        assert thread["account_id"] == new.id


async def test_without_a_mailbox_in_the_settings_nobody_is_written_to_by_letter(
    database_url: str, clock: ManualClock
) -> None:
    async with a_database(database_url, clock) as database:
        form = await an_account(database, "form", "main")
        mailbox = await an_account(database, "email", "sales@old.example")
        await settings_name(database, form)
        (filed,) = await file(database, form, from_the_form("Вопрос"))
        lead = filed.lead_id or 0
        assert await said(database, mailbox) == []
        assert (await shown(database, lead)).way.why_not == "no-mailbox"
        with pytest.raises(Refusal, match="refused-no-mailbox"):
            await database.read(lambda c: recipients(c, lead))


async def test_nobody_is_alarmed_by_an_account_that_the_settings_name_no_more(
    database_url: str, clock: ManualClock
) -> None:
    async with a_database(database_url, clock) as database:
        line, other = await an_account(database), await an_account(database, scope="3000")
        for account in (line, other):
            await database.transact(partial(note_alive, account_id=account.id))
        await database.transact(lambda tx: note_trouble(tx, line.id, "token-refused"))
        await settings_name(database, other)
        clock.advance(SILENT * 2)
        since = clock.now() - SILENT
        assert await database.read(lambda c: silent_accounts(c, WATCHED, since)) == [other.id]
        assert [one.id for one in await database.read(accounts)] == [other.id]
        await settings_name(database, line, other)
        assert [one.trouble for one in await database.read(accounts)] == [None, None]
        assert await database.transact(lambda tx: note_trouble(tx, line.id, "token-refused"))
