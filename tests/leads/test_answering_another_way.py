"""A lead is answered by another way than it came, or by an old button: it is the lead of today, and its person."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial

import pytest

from bot.screens.cards import shown_as
from core.automation.model import Timer
from core.channel import Bounce, InboundMessage, Kind, Sent
from core.clock import ManualClock
from core.conversations import deliveries
from core.conversations.model import Conversation, Delivery, Message
from core.conversations.shown import ShownMessage, look_up, remember
from core.database import Database, Transaction
from core.desk import joining, separating, work
from core.desk.cards import card
from core.desk.letters import answer_envelope
from core.desk.persons import Way
from core.errors import Refusal
from core.leads.answering import Draft, Reply, reply
from core.leads.model import Lead
from core.lines.accounts import AccountRef
from core.staff.managers import Person
from core.worker import fire_due
from tests.builders import (
    a_database,
    a_lead,
    a_manager,
    a_message,
    an_account,
    email,
    file,
    phone,
    reason_id,
    telegram,
)
from tests.looking import all_sent, every, the

DAY = timedelta(days=1)
FORM_THREAD = "phone:+79161234567"


@dataclass(slots=True)
class Returned:
    """Anna's lead from Telegram is closed; weeks later she fills in the site's form, and that makes a new one."""

    database: Database
    clock: ManualClock
    bot: AccountRef
    form: AccountRef
    olga: Person
    old: int
    new: int

    async def answers(self, text: str = "500 рублей") -> Reply:
        return await self.database.transact(
            partial(reply, person=self.olga, lead_id=self.new, draft=Draft(text))
        )

    async def closes(self, lead_id: int) -> None:
        reason = await reason_id(self.database)
        await self.database.transact(partial(work.junk, lead_id=lead_id, person=self.olga, reason_id=reason))

    async def said(self) -> list[str]:
        """What leaves for the customer now."""
        claimed = await self.database.transact(lambda tx: deliveries.claim(tx, 5, None))
        return [one.message.screen.text for one in claimed if one.notice is None]


@asynccontextmanager
async def returned(url: str, clock: ManualClock) -> AsyncIterator[Returned]:
    async with a_database(url, clock) as database:
        olga = await a_manager(database)
        bot, form = await an_account(database), await an_account(database, "form", "main")
        old = await a_lead(database, bot, "Первый вопрос", telegram(), phone())
        story = Returned(database, clock, bot, form, olga, old, 0)
        await story.closes(old)
        clock.advance(40 * DAY)
        enquiry = a_message("Заявка с сайта", phone(), thread=FORM_THREAD, at=clock.now())
        (filed,) = await file(database, form, enquiry)
        assert filed.lead_id not in (None, old)
        story.new = filed.lead_id or 0
        clock.advance(timedelta(minutes=1))
        yield story


async def test_who_replies_to_the_card_of_the_new_lead_answers_that_one(
    database_url: str, clock: ManualClock
) -> None:
    async with returned(database_url, clock) as story:
        database, olga, bot = story.database, story.olga, story.bot
        shown = await database.read(
            lambda connection: card(connection, story.new, now=clock.now(), language_default="ru")
        )
        assert shown is not None
        await database.transact(
            partial(
                remember,
                account_id=bot.id,
                chat_id=olga.telegram_id,
                telegram_message_ids=[77],
                what=shown_as(shown),
            )
        )
        about = await database.read(lambda connection: look_up(connection, bot.id, olga.telegram_id, 77))
        assert about is not None
        await database.transact(
            partial(
                reply,
                person=olga,
                lead_id=about.lead_id or 0,
                draft=Draft("Ответ"),
                conversation_id=about.conversation_id,
            )
        )
        lead = await the(database, Lead, Lead.id == story.new)
        answer = await the(database, Message, Message.text == "Ответ")
    assert answer["lead_id"] == story.new
    assert (lead["waiting_since"], lead["responsible_id"]) == (None, olga.id)
    assert lead["taken_at"] is not None


async def test_an_old_card_answers_the_customer_of_today(database_url: str, clock: ManualClock) -> None:
    async with returned(database_url, clock) as story:
        database, olga, bot = story.database, story.olga, story.bot
        talk = await the(database, Conversation, Conversation.channel == "telegram")
        await file(database, bot, a_message("И ещё в Телеграме", telegram(), at=clock.now()))
        await database.transact(
            partial(
                remember,
                account_id=bot.id,
                chat_id=olga.telegram_id,
                telegram_message_ids=[7],
                what=ShownMessage(story.old, talk["id"]),
            )
        )
        about = await database.read(lambda connection: look_up(connection, bot.id, olga.telegram_id, 7))
        # And so does the button below it, which names the lead it was drawn for.
        await database.transact(
            partial(reply, person=olga, lead_id=story.old, draft=Draft("Ответ"), conversation_id=talk["id"])
        )
        answer = await the(database, Message, Message.text == "Ответ")
        lead = await the(database, Lead, Lead.id == story.new)
    assert about is not None
    assert about.lead_id == answer["lead_id"] == story.new
    assert lead["waiting_since"] is None


async def test_the_button_of_a_conversation_that_is_somebody_elses_now_answers_their_lead(
    database_url: str, clock: ManualClock
) -> None:
    async with a_database(database_url, clock) as database:
        olga = await a_manager(database)
        bot, mailbox = await an_account(database), await an_account(database, "email", "line@example.com")
        shared = await a_lead(database, bot, "Это Анна", telegram(), email())
        clock.advance(timedelta(minutes=1))
        letter = a_message(
            "А это её муж", email(), thread="mail:anna@example.org", name="Пётр", at=clock.now()
        )
        await file(database, mailbox, letter)
        husband = (await the(database, Conversation, Conversation.channel == "email"))["id"]
        apart = await database.transact(partial(separating.separate, conversation_id=husband, person=olga))
        await database.transact(
            partial(reply, person=olga, lead_id=shared, draft=Draft("Ответ"), conversation_id=husband)
        )
        hers = await the(database, Lead, Lead.id == shared)
        his = await the(database, Lead, Lead.id == apart.lead_id)
    assert hers["waiting_since"] is not None
    assert his["waiting_since"] is None


@pytest.mark.parametrize("happens", ["the lead is closed", "the customer writes by the form"])
async def test_a_follow_up_that_goes_another_way_stays_here_as_well(
    database_url: str, clock: ManualClock, happens: str
) -> None:
    async with returned(database_url, clock) as story:
        await story.answers()
        await all_sent(story.database)
        clock.advance(DAY)
        assert await fire_due(story.database) == 1
        waiting = await every(
            story.database, Delivery, Delivery.state == "waiting", Delivery.message_id.is_not(None)
        )
        assert [row["lead_id"] for row in waiting] == [story.new]
        if happens == "the lead is closed":
            await story.closes(story.new)
        else:
            more = a_message("Да, есть вопрос", phone(), thread=FORM_THREAD, at=clock.now())
            await file(story.database, story.form, more)
        assert await story.said() == []


async def test_whoever_has_two_open_leads_and_writes_in_one_is_asked_in_neither(
    database_url: str, clock: ManualClock
) -> None:
    async with a_database(database_url, clock) as database:
        bot, mailbox = await an_account(database), await an_account(database, "email", "line@example.com")
        olga = await a_manager(database)
        one = await a_lead(database, bot)
        letter = a_message("?", email(), thread="mail:anna@example.org")
        (filed,) = await file(database, mailbox, letter)
        contacts = {row["id"]: row["contact_id"] for row in await every(database, Lead)}
        await database.transact(partial(reply, person=olga, lead_id=one, draft=Draft("500")))
        await all_sent(database)
        await database.transact(
            lambda tx: joining.merge(tx, contacts[one], contacts[filed.lead_id or 0], olga)
        )
        clock.advance(timedelta(hours=23))
        await file(
            database,
            mailbox,
            a_message("Есть вопрос", email(), thread="mail:anna@example.org", at=clock.now()),
        )
        clock.advance(timedelta(hours=2))
        await fire_due(database)
        waiting = await every(
            database, Delivery, Delivery.state == "waiting", Delivery.message_id.is_not(None)
        )
    assert waiting == []


async def test_a_lead_opened_again_is_answered_where_its_customer_has_gone_on_in_a_later_one(
    database_url: str, clock: ManualClock
) -> None:
    async with a_database(database_url, clock) as database:
        bot, olga = await an_account(database), await a_manager(database)
        reason = await reason_id(database)
        for _ in range(2):
            lead = await a_lead(database, bot)
            await database.transact(partial(work.junk, lead_id=lead, person=olga, reason_id=reason))
        first, _ = [row["id"] for row in await every(database, Lead)]
        await database.transact(partial(work.reopen, lead_id=first, person=olga))
        shown = await database.read(
            lambda connection: card(connection, first, now=clock.now(), language_default="ru")
        )
        assert shown is not None
        assert (shown.way.channel, shown.way.why_not) == ("telegram", None)
        await database.transact(partial(reply, person=olga, lead_id=first, draft=Draft("Сделаем скидку")))
        (filed,) = await file(database, bot, a_message("Тогда давайте"))
        assert filed.lead_id == first


async def test_a_lead_opened_again_keeps_to_where_its_customer_wrote_in_it(
    database_url: str, clock: ManualClock
) -> None:
    async with returned(database_url, clock) as story:
        await story.closes(story.new)
        for lead in (story.old, story.new):
            await story.database.transact(partial(work.reopen, lead_id=lead, person=story.olga))
        rows = await every(story.database, Conversation)
        assert [row["lead_id"] for row in rows] == [story.old, story.new]


async def test_a_lead_opened_again_beside_a_later_one_is_answered_where_it_was_spoken_in(
    database_url: str, clock: ManualClock
) -> None:
    async with returned(database_url, clock) as story:
        await file(story.database, story.bot, a_message("И в Телеграме", telegram(), at=clock.now()))
        await story.database.transact(partial(work.reopen, lead_id=story.old, person=story.olga))
        shown = await story.database.read(
            lambda connection: card(connection, story.old, now=clock.now(), language_default="ru")
        )
        talk = await the(story.database, Conversation, Conversation.channel == "telegram")
        assert talk["lead_id"] == story.new
        assert shown is not None
        assert (shown.way.conversation_id, shown.way.why_not) == (talk["id"], None)


async def test_whoever_waits_for_an_answer_in_one_lead_is_not_asked_in_another(
    database_url: str, clock: ManualClock
) -> None:
    async with a_database(database_url, clock) as database:
        bot, mailbox = await an_account(database), await an_account(database, "email", "line@example.com")
        olga = await a_manager(database)
        one = await a_lead(database, bot)
        await database.transact(partial(reply, person=olga, lead_id=one, draft=Draft("500")))
        clock.advance(timedelta(hours=23))
        letter = a_message("А доставка?", email(), thread="mail:anna@example.org", at=clock.now())
        (filed,) = await file(database, mailbox, letter)
        await all_sent(database)
        contacts = {row["id"]: row["contact_id"] for row in await every(database, Lead)}
        # Only now it turns out that the letter was hers.
        await database.transact(
            lambda tx: joining.merge(tx, contacts[one], contacts[filed.lead_id or 0], olga)
        )
        clock.advance(timedelta(hours=1))
        assert await fire_due(database) == 1
        waiting = await every(
            database, Delivery, Delivery.state == "waiting", Delivery.message_id.is_not(None)
        )
        run = await the(database, Timer)
    assert waiting == []
    assert (run["state"], run["reason"]) == ("skipped", "customer-wrote")


@pytest.mark.parametrize("before", ["a letter came back", "the bot was blocked"])
async def test_whoever_cannot_be_reached_any_more_and_leaves_an_e_mail_on_the_site_is_answered_there(
    database_url: str, clock: ManualClock, before: str
) -> None:
    async with a_database(database_url, clock) as database:
        olga, form = await a_manager(database), await an_account(database, "form", "main")
        mailbox, bot = await an_account(database, "email", "line@x.org"), await an_account(database)
        if before == "the bot was blocked":
            await file(database, bot, a_message("Вопрос", telegram(), phone()))
            await file(database, bot, a_message("", telegram(), kind=Kind.BLOCKED, at=clock.now()))
        else:
            await file(
                database, form, a_message("Вопрос", email("anna@gmial.com"), phone(), thread=FORM_THREAD)
            )
            claimed = await database.transact(lambda tx: deliveries.claim(tx, 5, None))
            sent = [(one, Sent(("<1@x.org>",))) for one in claimed if one.notice is None]
            await database.transact(lambda tx: deliveries.settle(tx, sent))
            report = a_message("Delivery failed", email("mailer-daemon@gmial.com"), kind=Kind.BOUNCE)
            assert isinstance(report.understood, InboundMessage)
            dead = Bounce((("anna@gmial.com", "5.1.1", True),), "<1@x.org>")
            report = replace(report, understood=replace(report.understood, bounce=dead))
            await file(database, mailbox, report)
        clock.advance(timedelta(minutes=10))
        again = a_message("Вопрос", email("anna@gmail.com"), phone(), thread=FORM_THREAD, at=clock.now())
        (filed,) = await file(database, form, again)
        lead_id = filed.lead_id or 0
        shown = await database.read(
            lambda connection: card(connection, lead_id, now=clock.now(), language_default="ru")
        )
        talk = await the(database, Conversation, Conversation.channel == "form")
        envelope = await database.read(lambda c: answer_envelope(c, lead_id, talk["id"]))
        await database.transact(partial(reply, person=olga, lead_id=lead_id, draft=Draft("500 рублей")))
        answer = await the(database, Message, Message.text == "500 рублей")
        went = await the(database, Conversation, Conversation.id == answer["conversation_id"])
    assert shown is not None
    assert (shown.way.channel, shown.way.why_not) == ("email", None)
    assert envelope is not None
    assert (envelope.to, went["thread"]) == ("anna@gmail.com", "mail:anna@gmail.com")


async def test_a_letter_goes_to_the_address_that_is_shown_the_one_left_last(
    database_url: str, clock: ManualClock
) -> None:
    async with a_database(database_url, clock) as database:
        olga, form = await a_manager(database), await an_account(database, "form", "main")
        lead_id = await a_lead(database, form, "Вопрос", email("old@example.org"), phone())
        clock.advance(timedelta(minutes=1))
        enquiry = a_message("Вопрос", phone(), email("new@example.org"), thread=FORM_THREAD, at=clock.now())
        await file(database, form, enquiry)
        await an_account(database, "email", "line@x.org")  # until now the line had no mailbox
        talk = await the(database, Conversation, Conversation.thread == FORM_THREAD)
        envelope = await database.read(lambda c: answer_envelope(c, lead_id, talk["id"]))
        await database.transact(partial(reply, person=olga, lead_id=lead_id, draft=Draft("500 рублей")))
        went = await the(database, Conversation, Conversation.channel == "email")
    assert envelope is not None
    assert (envelope.to, went["thread"]) == ("new@example.org", "mail:new@example.org")


async def test_a_card_promises_no_letter_to_an_address_under_which_we_talk_with_somebody_else(
    database_url: str, clock: ManualClock
) -> None:
    """Anna and Boris share a mailbox and a manager has set Boris apart: its letters are with Anna."""
    office = email("office@firma.ru")
    thread = f"{office.key} борис"
    async with a_database(database_url, clock) as database:
        olga, form = await a_manager(database), await an_account(database, "form", "main")
        mailbox = await an_account(database, "email", "line@x.org")
        await file(database, mailbox, a_message("Анна", office, thread="mail:office@firma.ru"))
        clock.advance(timedelta(minutes=1))
        his = a_message("Борис", office, name="Борис", thread=thread, at=clock.now())
        await file(database, form, his)
        talk = await the(database, Conversation, Conversation.thread == thread)
        apart = await database.transact(lambda tx: separating.separate(tx, talk["id"], olga))

        async def way() -> Way:
            shown = await database.read(
                lambda c: card(c, apart.lead_id or 0, now=clock.now(), language_default="ru")
            )
            assert shown is not None
            return shown.way

        def answer(tx: Transaction) -> Reply:
            return reply(tx, olga, apart.lead_id or 0, Draft("500 рублей"))

        promised = [await way()]
        with pytest.raises(Refusal, match="refused-no-way"):
            await database.transact(answer)
        clock.advance(timedelta(minutes=1))
        own = a_message("Моя", email("boris@firma.ru"), office, name="Борис", thread=thread, at=clock.now())
        await file(database, form, own)
        # A later address that is shared hides none of his own.
        promised.append(await way())
        await database.transact(answer)
        said = await the(database, Message, Message.text == "500 рублей")
        went = await the(database, Conversation, Conversation.id == said["conversation_id"])
    assert [one.why_not for one in promised] == ["email-of-another", None]
    assert went["thread"] == "mail:boris@firma.ru"
