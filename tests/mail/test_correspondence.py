"""Whole stories: a letter in, a lead, an answer out, and what comes of it."""

from __future__ import annotations

import asyncio
import contextlib
import email
import email.policy
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from sqlalchemy import select, update

from channels.email.outbound import EmailChannel
from channels.email.smtp import SmtpPost
from channels.email.urls import read_smtp_url
from core.automation.model import Robot, Start, Timer
from core.automation.robots import AUTOMATIC_AT_MOST
from core.contacts.model import Address, Contact
from core.conversations.model import Conversation, Delivery, Message
from core.database import Transaction
from core.errors import Refusal
from core.leads import answering
from core.leads.answering import Draft, Reply
from core.leads.model import Lead, Stage
from core.leads.writing import letter_addresses, write
from core.worker import Post, Worker
from tests.mail.mail_line import ADDRESS, OLGA, MailLine, a_letter, eventually
from tests.servers.imap import ImapServer
from tests.servers.smtp import HANG_UP, HANG_UP_AFTER, SmtpServer
from webhooks.application import Edge, build

HOME = "https://line.example.com"


@dataclass
class Office:
    """A line that reads its mailbox and sends."""

    line: MailLine
    imap: ImapServer
    smtp: SmtpServer

    async def arrives(self, *letters: bytes) -> None:
        for letter in letters:
            await asyncio.to_thread(self.imap.append, letter)

    async def sent(self, count: int) -> list[EmailMessage]:
        """The letters that have gone out, once there are `count`."""
        letters = await asyncio.to_thread(self.smtp.wait_for, count)
        return [email.message_from_bytes(one.content, policy=email.policy.default) for one in letters]

    async def reply(self, text: str, **fields: Any) -> Reply:
        (lead, *_) = await self.line.leads()
        draft = Draft(text, **fields)
        return await self.line.db.transact(lambda tx: answering.reply(tx, self.line.manager, lead.id, draft))

    async def delivery(self, id: int, state: str) -> Any:
        """A delivery, once it is in this state."""

        async def reached() -> Any | None:
            rows = await self.line.db.read(
                lambda c: c.execute(
                    select(Delivery.state, Delivery.cause, Delivery.error).where(Delivery.id == id)
                ).all()
            )
            return rows[0] if rows[0].state == state else None

        return await eventually(reached)

    async def notices(self, kind: str) -> list[dict[str, Any]]:
        rows = await self.line.rows(Delivery.notice)
        return [row.notice for row in rows if row.notice and row.notice["kind"] == kind]


@pytest.fixture
async def office(line: MailLine, imap_server: ImapServer, smtp_server: SmtpServer) -> AsyncIterator[Office]:
    async with an_office(line, imap_server, smtp_server) as opened:
        yield opened


@contextlib.asynccontextmanager
async def an_office(line: MailLine, imap: ImapServer, smtp: SmtpServer) -> AsyncIterator[Office]:
    await line.begin(imap.url)
    await line.db.transact(lambda tx: tx.connection.execute(update(Robot).values(is_active=False)))
    post = SmtpPost(read_smtp_url(smtp.url), hostname="example.com", timeout=5)
    channel = EmailChannel(post, line.identity, line.db.clock, line.store.path, public_url=HOME)
    worker = Worker(line.db, Post({line.account.id: channel}), line.store, poll=timedelta(seconds=0.05))
    working = asyncio.create_task(worker.run())
    try:
        async with line.reading(imap.url):
            yield Office(line, imap, smtp)
    finally:
        worker.stop()
        await working
        await post.close()


def an_answer(to: EmailMessage, text: str, **fields: Any) -> bytes:
    """What the customer's program makes of a reply to our letter."""
    return a_letter(text, subject=str(to["Subject"]), In_Reply_To=str(to["Message-ID"]), **fields)


async def test_a_letter_an_answer_and_an_answer_to_that_are_one_conversation(office: Office) -> None:
    first = a_letter("Привезёте в субботу?", subject="Доставка", message_id="<first@example.net>")
    await office.arrives(first)
    await office.line.wait_for(1)
    await office.reply("Да, до обеда")
    (answer,) = await office.sent(1)
    assert answer["To"] == OLGA
    assert answer["Subject"] == "Re: Доставка"
    assert answer["In-Reply-To"] == "<first@example.net>"
    assert "Auto-Submitted" not in answer
    await office.arrives(an_answer(answer, "Отлично, ждём"))
    await office.line.wait_for(2)
    await office.reply("До встречи!")
    (_, second) = await office.sent(2)
    assert second["References"].split()[:2] == ["<first@example.net>", answer["Message-ID"]]
    assert len(await office.line.leads()) == 1
    assert len(await office.line.rows(Conversation.id)) == 1
    assert len(await office.line.rows(Message.id)) == 4


async def test_an_answer_from_another_address_comes_to_the_same_lead_and_is_answered_at_the_first(
    office: Office,
) -> None:
    """Somebody else answers in the thread: shown as another sender, and not answered in the customer's place."""
    await office.arrives(a_letter("Привезёте в субботу?", subject="Доставка"))
    await office.line.wait_for(1)
    await office.reply("Да, до обеда")
    (answer,) = await office.sent(1)
    await office.arrives(an_answer(answer, "А мне можно в воскресенье?", sender="Пётр <petr@example.net>"))
    await office.line.wait_for(2)
    said = await office.line.rows(Message.text, Message.author_name, Message.direction)
    others = {row.text: row.author_name for row in said if row.direction == "in"}
    assert others == {
        "Привезёте в субботу?": None,
        "А мне можно в воскресенье?": "Пётр <petr@example.net>",
    }
    await office.reply("Можно")
    (_, second) = await office.sent(2)
    assert second["To"] == OLGA
    assert len(await office.line.leads()) == 1
    held = await office.line.rows(Address.contact_id, Address.value)
    assert len({row.contact_id for row in held}) == 2, "the customer does not get the other one's address"


async def test_a_strangers_reference_opens_nobodys_conversation(office: Office) -> None:
    await office.arrives(a_letter("Секретный вопрос", message_id="<guessable@example.net>"))
    await office.line.wait_for(1)
    forged = a_letter(
        "Что она писала?",
        sender="mallory@example.org",
        subject="Re: Вопрос",
        In_Reply_To="<guessable@example.net>",
    )
    await office.arrives(forged)
    await office.line.wait_for(2)
    assert len(await office.line.rows(Conversation.id)) == 2
    assert len(await office.line.leads()) == 2


async def test_a_subject_of_its_own_begins_a_thread_and_copies_are_sent(office: Office) -> None:
    await office.arrives(a_letter("Вопрос", subject="Доставка"))
    await office.line.wait_for(1)
    await office.reply("Договор во вложении", subject="Договор № 5", cc=("boss@example.net",))
    (letter,) = await office.sent(1)
    assert letter["Subject"] == "Договор № 5"
    assert letter["Cc"] == "boss@example.net"
    assert "In-Reply-To" not in letter
    await office.arrives(an_answer(letter, "Подписали"))
    await office.line.wait_for(2)
    assert len(await office.line.leads()) == 1
    await office.reply("Спасибо")
    assert (await office.sent(2))[1]["Subject"] == "Re: Договор № 5"


def a_report(returned: EmailMessage, status: str, said: str, action: str = "failed") -> bytes:
    return (
        f"From: MAILER-DAEMON@mx.example.com\nTo: {ADDRESS}\nSubject: Undelivered Mail Returned to Sender\n"
        f"Date: Mon, 16 Mar 2026 09:00:00 +0000\nMessage-ID: <report-{abs(hash(status + said))}@mx.example.com>\n"
        'MIME-Version: 1.0\nContent-Type: multipart/report; report-type=delivery-status; boundary="b"\n\n'
        "--b\nContent-Type: text/plain\n\nI'm sorry.\n\n"
        "--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx.example.com\n\n"
        f"Final-Recipient: rfc822; {OLGA}\nAction: {action}\nStatus: {status}\n"
        f"Diagnostic-Code: smtp; {said}\n\n"
        f"--b\nContent-Type: text/rfc822-headers\n\nMessage-ID: {returned['Message-ID']}\n"
        f"Subject: x\n\n--b--\n"
    ).encode()


async def test_a_letter_that_comes_back_closes_the_address_and_its_author_learns(office: Office) -> None:
    await office.arrives(a_letter("Вопрос"))
    await office.line.wait_for(1)
    reply = await office.reply("Ответ")
    (letter,) = await office.sent(1)
    await office.delivery(reply.delivery_id, "sent")
    await office.arrives(a_report(letter, "4.4.1", "421 connection timed out", action="delayed"))
    await office.arrives(a_report(letter, "5.1.1", "550 5.1.1 User unknown"))
    settled = await office.delivery(reply.delivery_id, "refused")
    assert settled.cause == "bounced"
    (address,) = await office.line.rows(Address.closed_why)
    assert address.closed_why == "bounced"
    (notice,) = await office.notices("delivery-failed")
    assert "5.1.1" in notice["reason"]
    assert len(await office.line.leads()) == 1
    with pytest.raises(Refusal, match="refused-conversation-closed"):
        await office.reply("Ещё раз")
    await office.arrives(an_answer(letter, "Её нет на месте", sender="Пётр <petr@example.net>"))
    await office.line.wait_for(2)
    with pytest.raises(Refusal, match="refused-conversation-closed"):
        await office.reply("Передайте ей")  # it would still go to the dead address
    await office.arrives(a_letter("Почта снова работает", subject="Я тут"))
    await office.line.wait_for(3)
    closed = await office.line.rows(Address.closed_why)
    assert {row.closed_why for row in closed} == {None}
    await office.reply("Рады слышать")
    await office.sent(2)


async def test_a_letter_refused_for_its_look_is_told_and_the_address_stays_open(office: Office) -> None:
    await office.arrives(a_letter("Вопрос"))
    await office.line.wait_for(1)
    reply = await office.reply("Ответ")
    (letter,) = await office.sent(1)
    await office.delivery(reply.delivery_id, "sent")
    await office.arrives(a_report(letter, "5.7.1", "554 5.7.1 Message looks like spam"))
    await office.delivery(reply.delivery_id, "refused")
    assert len(await office.notices("delivery-failed")) == 1
    (address,) = await office.line.rows(Address.closed_at)
    assert address.closed_at is None
    await office.reply("Другими словами")
    await office.sent(2)


async def test_a_report_that_quotes_nothing_is_tied_by_its_return_path(
    line: MailLine, imap_server: ImapServer, smtp_server: SmtpServer
) -> None:
    line.identity = replace(line.identity, verp=True)
    async with an_office(line, imap_server, smtp_server) as office:
        await office.arrives(a_letter("Вопрос"))
        await line.wait_for(1)
        reply = await office.reply("Ответ")
        await office.sent(1)
        await office.delivery(reply.delivery_id, "sent")
        returned = a_letter(
            f"This is the mail system.\n\n<{OLGA}>: host mx said: 550 5.1.1 User unknown\n",
            sender="MAILER-DAEMON@mx.example.com",
            to=smtp_server.letters[0].sender,
            subject="Undelivered Mail Returned to Sender",
        )
        await office.arrives(returned)
        assert (await office.delivery(reply.delivery_id, "refused")).cause == "bounced"


async def test_a_letter_that_may_have_left_is_uncertain_until_it_is_answered(office: Office) -> None:
    await office.arrives(a_letter("Вопрос"))
    await office.line.wait_for(1)
    office.smtp.answer("DATA", HANG_UP_AFTER)
    reply = await office.reply("Ответ")
    await office.delivery(reply.delivery_id, "uncertain")
    (letter,) = await office.sent(1)
    await asyncio.sleep(0.2)
    assert len(office.smtp.letters) == 1, "nothing is sent again on a guess"
    await office.arrives(an_answer(letter, "Получила, спасибо"))
    await office.delivery(reply.delivery_id, "sent")
    assert len(await office.line.leads()) == 1


async def test_a_copy_of_our_own_letter_settles_a_doubt_and_is_no_message(office: Office) -> None:
    """Whoever has themselves in Bcc, or a provider that puts what was sent into the INBOX."""
    await office.arrives(a_letter("Вопрос"))
    await office.line.wait_for(1)
    office.smtp.answer("DATA", HANG_UP_AFTER)
    reply = await office.reply("Ответ")
    await office.delivery(reply.delivery_id, "uncertain")
    await office.arrives(office.smtp.letters[0].content)
    await office.delivery(reply.delivery_id, "sent")
    assert len(await office.line.rows(Message.id)) == 2


async def test_a_server_that_is_away_delays_and_loses_nothing(office: Office) -> None:
    await office.arrives(a_letter("Вопрос"))
    await office.line.wait_for(1)
    office.smtp.answer("RCPT", "451 4.7.1 Greylisted")
    reply = await office.reply("Ответ")
    await office.delivery(reply.delivery_id, "sent")
    assert len(office.smtp.letters) == 1


async def test_an_automatic_answer_to_ours_opens_nothing_and_is_not_answered(office: Office) -> None:
    await _confirm_at_once(office)
    await office.arrives(a_letter("Вопрос"))
    await office.line.wait_for(1)
    (confirmation,) = await office.sent(1)
    assert confirmation["Auto-Submitted"] == "auto-replied"
    await office.arrives(an_answer(confirmation, "Я в отпуске", Auto_Submitted="auto-replied"))
    await office.line.wait_for(2)
    await asyncio.sleep(0.2)
    assert len(office.smtp.letters) == 1
    assert len(await office.line.leads()) == 1


async def test_two_machines_that_greet_each_other_stop(office: Office) -> None:
    """Their letters look like a person's: neither a header nor an address gives them away."""

    def more(tx: Transaction) -> None:
        stage = tx.connection.execute(select(Stage.id).where(Stage.name == "new")).scalar_one()
        row = dict(tx.rows(select(*Robot.__table__.columns).where(Robot.stage_id == stage).limit(1))[0])
        row |= {"start": Start.ENTERED, "delay_seconds": 0, "action": "message", "is_active": True}
        row |= {"parameters": {"text": {"ru": "Мы вас услышали", "en": "We heard you"}}, "condition": None}
        robots = [row | {"id": tx.new_id(), "name": f"greeting-{n}", "position": n} for n in range(7)]
        tx.insert(Robot, robots)

    await office.line.db.transact(more)
    await office.arrives(a_letter("Здравствуйте"))
    await office.line.wait_for(1)
    await office.sent(AUTOMATIC_AT_MOST)
    await asyncio.sleep(0.2)
    assert len(office.smtp.letters) == AUTOMATIC_AT_MOST


async def test_a_follow_up_is_stopped_by_one_click(office: Office) -> None:
    await office.line.db.transact(
        lambda tx: tx.connection.execute(
            update(Robot).where(Robot.start == Start.ANSWERED).values(is_active=True, delay_seconds=0)
        )
    )
    await office.line.db.transact(_follow_up_in_work)
    await office.arrives(a_letter("Вопрос"))
    await office.line.wait_for(1)
    await office.reply("Ответ")
    (_, follow_up) = await office.sent(2)
    assert follow_up["Auto-Submitted"] == "auto-generated"
    assert follow_up["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    path = str(follow_up["List-Unsubscribe"]).strip("<>").removeprefix(HOME)
    line = office.line
    edge = Edge(
        db=line.db,
        intake=line.intake,
        store=line.store,
        clock=line.db.clock,
        letters_secret=line.identity.secret,
    )
    app: web.Application = build(edge)
    async with TestClient(TestServer(app)) as browser:
        looked = await browser.get(path)
        assert looked.status == 200
        (person,) = await line.rows(Contact.wants_follow_ups)
        assert person.wants_follow_ups, "a scanner of links is no click"
        clicked = await browser.post(path, data={"List-Unsubscribe": "One-Click"})
        assert clicked.status == 200
        assert (await browser.post(f"{path}0")).status == 404
    (person,) = await line.rows(Contact.wants_follow_ups)
    assert not person.wants_follow_ups
    await office.reply("И ещё")
    await office.sent(3)
    await eventually(_all_settled(office))
    assert len(office.smtp.letters) == 3


async def test_a_letter_is_begun_from_the_card_of_a_lead(office: Office) -> None:
    """The person came some other way and left an address."""
    line = office.line

    def from_telegram(tx: Transaction) -> int:
        return int(tx.connection.execute(select(Lead.id)).scalar_one())

    await office.arrives(a_letter("Вопрос", subject="Доставка"))
    await line.wait_for(1)
    lead_id = await line.db.read(lambda c: c.execute(select(Lead.id)).scalar_one())
    contact_id = (await line.rows(Contact.id))[0].id

    def another_address(tx: Transaction) -> None:
        row = dict(tx.rows(select(*Address.__table__.columns))[0])
        value = "olga@work.example"
        tx.insert(Address, [row | {"id": tx.new_id(), "value": value, "key": f"email:{value}"}])

    await line.db.transact(another_address)
    assert await line.db.read(lambda c: letter_addresses(c, lead_id)) == ["olga@work.example", OLGA]
    draft = Draft("Пишу на рабочий адрес", subject="Предложение")
    await line.db.transact(lambda tx: write(tx, line.manager, lead_id, draft))
    (letter,) = await office.sent(1)
    assert (letter["To"], letter["Subject"]) == ("olga@work.example", "Предложение")
    assert "In-Reply-To" not in letter
    await office.arrives(an_answer(letter, "Да, это я", sender="olga@work.example"))
    await line.wait_for(2)
    assert len(await line.leads()) == 1
    assert {row.contact_id for row in await line.rows(Conversation.contact_id)} == {contact_id}
    with pytest.raises(Refusal, match="refused-no-way"):
        await line.db.transact(lambda tx: write(tx, line.manager, lead_id, draft, "victim@example.org"))


def _all_settled(office: Office) -> Any:
    async def settled() -> bool:
        states = [row.state for row in await office.line.rows(Timer.state)]
        return "waiting" not in states

    return settled


def _follow_up_in_work(tx: Transaction) -> None:
    """The follow-up of the stage in which an answered lead is, due at once."""
    stage = tx.connection.execute(select(Stage.id).where(Stage.name == "in_work")).scalar_one()
    tx.connection.execute(
        update(Robot)
        .where(Robot.start == Start.ANSWERED)
        .values(stage_id=stage, delay_seconds=0, condition=None)
    )


async def _confirm_at_once(office: Office) -> None:
    await office.line.db.transact(
        lambda tx: tx.connection.execute(
            update(Robot).where(Robot.start == Start.ENTERED).values(is_active=True, delay_seconds=0)
        )
    )


async def test_the_time_of_a_letter_is_when_it_was_written_unless_that_cannot_be(office: Office) -> None:
    now = datetime.now(UTC)
    await office.arrives(
        a_letter("вчера", subject="1", at=now - timedelta(days=1)),
        a_letter("завтра", subject="2", at=now + timedelta(days=1)),
    )
    await office.line.wait_for(2)
    said = {row.text: row.sent_at for row in await office.line.rows(Message.text, Message.sent_at)}
    assert abs(said["вчера"] - (now - timedelta(days=1))) < timedelta(seconds=2)
    assert abs(said["завтра"] - now) < timedelta(minutes=1)


async def test_the_folder_of_what_was_sent_settles_a_doubt(
    line: MailLine, imap_server: ImapServer, smtp_server: SmtpServer
) -> None:
    async with an_office(line, imap_server, smtp_server) as office:
        await office.arrives(a_letter("Вопрос"))
        await line.wait_for(1)
        smtp_server.answer("DATA", HANG_UP_AFTER, HANG_UP)
        sure, unsure = await office.reply("Ответ"), await office.reply("Ещё ответ")
        await office.delivery(sure.delivery_id, "uncertain")
        await office.delivery(unsure.delivery_id, "uncertain")
    with contextlib.suppress(RuntimeError):
        await asyncio.to_thread(imap_server.create, "Sent")
    kept = smtp_server.letters[0].content
    await asyncio.to_thread(lambda: imap_server.append(kept, mailbox="Sent"))
    async with line.reading(imap_server.url):
        await office.delivery(sure.delivery_id, "sent")
        await office.arrives(a_letter("И снова я", subject="Снова"))
        await line.wait_for(2)
    await office.delivery(unsure.delivery_id, "uncertain")
