"""Sending letters, seen from the mail server that gets them."""

from __future__ import annotations

import asyncio
import email
import email.policy
from collections.abc import AsyncIterator
from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from channels.email.identity import MailIdentity
from channels.email.outbound import EmailChannel
from channels.email.pacing import BURST, PacedEmail
from channels.email.smtp import SmtpPost
from channels.email.threading import read_message_id, read_return_path
from channels.email.unsubscribe import read_stop_token
from channels.email.urls import read_smtp_url
from channels.limits import ProcessLimits
from core.channel import (
    Cause,
    Markup,
    OutboundFile,
    OutboundMessage,
    Outcome,
    Postponed,
    Refused,
    Screen,
    Sent,
    Span,
    Uncertain,
)
from core.clock import ManualClock
from core.files import FileStore
from tests.mail.mail_line import ADDRESS, OLGA, SECRET
from tests.servers.smtp import HANG_UP, HANG_UP_AFTER, SmtpServer

IDENTITY = MailIdentity(ADDRESS, SECRET, "Ромашка")


class Sender:
    """A channel and the server behind it."""

    def __init__(self, server: SmtpServer, store: FileStore, clock: ManualClock) -> None:
        self.server, self.store, self.clock = server, store, clock
        self.told: list[str | None] = []
        self.post = SmtpPost(read_smtp_url(server.url), hostname="example.com", timeout=5)
        self.channel = self.channel_of(IDENTITY)

    def channel_of(self, identity: MailIdentity) -> EmailChannel:
        async def tell(why: str | None) -> None:
            self.told.append(why)

        return EmailChannel(
            self.post,
            identity,
            self.clock,
            self.store.path,
            public_url="https://line.example.com",
            trouble=tell,
        )

    async def send(self, text: str = "Здравствуйте!", **fields: Any) -> Outcome:
        return await self.channel.send(a_message(text, **fields))

    @property
    def letters(self) -> list[EmailMessage]:
        return [
            email.message_from_bytes(one.content, policy=email.policy.default) for one in self.server.letters
        ]


@pytest.fixture
async def sender(smtp_server: SmtpServer, tmp_path: Path, clock: ManualClock) -> AsyncIterator[Sender]:
    sender = Sender(smtp_server, FileStore(tmp_path / "files"), clock)
    yield sender
    await sender.post.close()


def a_message(text: str = "Здравствуйте!", **fields: Any) -> OutboundMessage:
    usual: dict[str, Any] = {"to": (OLGA,), "conversation_id": 71, "delivery_id": 2026, "automatic": False}
    fields = usual | fields
    screen = Screen(text, fields.pop("spans", ()))
    return OutboundMessage(key="1:2", thread=f"mail:{OLGA}", screen=screen, **fields)


def words(letter: EmailMessage, kind: str) -> str:
    part = letter.get_body((kind,))
    assert part is not None
    return str(part.get_content())


# --- the letter ----------------------------------------------------------------------------------


async def test_an_answer_lands_in_the_customers_thread(sender: Sender) -> None:
    outcome = await sender.send(
        "Да, <b>привезём</b> завтра",
        subject="Доставка",
        references=("<first@example.net>", "<ours@example.com>", "<last@example.net>"),
        reply_to="<last@example.net>",
        cc=("boss@example.net",),
    )
    (letter,) = sender.letters
    assert outcome == Sent((letter["Message-ID"],))
    assert read_message_id(letter["Message-ID"], SECRET) == (71, 2026)
    assert letter["Subject"] == "Re: Доставка"
    assert letter["From"] == f"Ромашка <{ADDRESS}>"
    assert (letter["To"], letter["Cc"]) == (OLGA, "boss@example.net")
    assert letter["In-Reply-To"] == "<last@example.net>"
    assert letter["References"].split() == ["<first@example.net>", "<ours@example.com>", "<last@example.net>"]
    assert words(letter, "plain").strip() == "Да, <b>привезём</b> завтра"
    assert "Да, &lt;b&gt;привезём&lt;/b&gt; завтра" in words(letter, "html")
    for header in ("Auto-Submitted", "Precedence", "List-Unsubscribe"):
        assert header not in letter
    assert sender.server.letters[0].sender == ADDRESS
    assert sender.server.letters[0].recipients == (OLGA, "boss@example.net")


async def test_the_same_delivery_is_the_same_letter_at_every_attempt(sender: Sender) -> None:
    await sender.send()
    await sender.send()
    await sender.send(delivery_id=2027)
    ids = [letter["Message-ID"] for letter in sender.letters]
    assert ids[0] == ids[1] != ids[2]
    assert sender.server.connections == 1


async def test_an_automatic_letter_says_so_and_a_follow_up_can_be_stopped(sender: Sender) -> None:
    await sender.send(automatic=True)
    await sender.send(automatic=True, follow_up=True)
    confirmation, follow_up = sender.letters
    assert confirmation["Auto-Submitted"] == "auto-replied"
    assert "AutoReply" in confirmation["X-Auto-Response-Suppress"]
    assert "List-Unsubscribe" not in confirmation
    assert follow_up["Auto-Submitted"] == "auto-generated"
    assert follow_up["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    link = str(follow_up["List-Unsubscribe"]).strip("<>")
    assert link.startswith("https://line.example.com/stop/")
    assert read_stop_token(link.rpartition("/")[2], SECRET) == 71


@pytest.mark.parametrize("evil", ["тема\r\nBcc: victim@example.org", "x\n\nbody", "x\x00\u2028Bcc: v@e.org"])
async def test_nothing_a_stranger_wrote_becomes_a_header(sender: Sender, evil: str) -> None:
    sender.channel = sender.channel_of(MailIdentity(ADDRESS, SECRET, f"Имя{evil}"))
    outcome = await sender.send(
        subject=evil,
        references=(f"<a@b>{evil}", f"{evil}", "<good@example.net>"),
        reply_to=f"<c@d{evil}>",
        cc=(f"k@example.net{evil}",),
    )
    assert isinstance(outcome, Sent)
    (letter,) = sender.letters
    assert letter["Bcc"] is None
    assert letter["References"] == "<good@example.net>"
    assert sender.server.letters[0].recipients == (OLGA,)
    assert words(letter, "plain").strip() == "Здравствуйте!"


async def test_long_ids_and_subjects_keep_their_form(sender: Sender) -> None:
    long_id = f"<{'x' * 180}@{'y' * 60}.example.net>"
    subject = "Очень длинная тема, " * 10
    await sender.send(subject=subject, references=(long_id,), reply_to=long_id)
    raw = sender.server.letters[0].content
    assert long_id.encode() in raw
    assert max(len(line) for line in raw.split(b"\r\n")) <= 998
    assert raw.isascii()
    assert sender.letters[0]["Subject"].startswith("Re: Очень длинная тема, Очень")


async def test_files_and_marks_travel(sender: Sender) -> None:
    kept = await sender.store.put(b"%PDF price")
    name = "Прайс «весна», очень длинное имя, которое не помещается в одну строку.pdf"
    await sender.send(
        "Цены тут\nцитата",
        files=(OutboundFile("document", name, kept.sha256, media_type="application/pdf"),),
        spans=(Span(Markup.LINK, 5, 3, "https://e.org/?a=1&b=2"), Span(Markup.QUOTE, 9, 6)),
    )
    (letter,) = sender.letters
    (file,) = letter.iter_attachments()
    assert (file.get_filename(), file.get_content_type()) == (name, "application/pdf")
    assert file.get_payload(decode=True) == b"%PDF price"
    assert words(letter, "plain").split("\n")[:2] == ["Цены тут (https://e.org/?a=1&b=2)", "> цитата"]
    assert '<a href="https://e.org/?a=1&amp;b=2">тут</a>' in words(letter, "html")


async def test_a_link_that_is_a_script_is_only_words(sender: Sender) -> None:
    await sender.send("нажмите", spans=(Span(Markup.LINK, 0, 7, "javascript:alert(1)"),))
    assert "javascript" not in sender.server.letters[0].content.decode()
    assert "javascript" not in words(sender.letters[0], "html")


async def test_a_file_that_is_not_there_or_too_large_is_refused_by_name(sender: Sender) -> None:
    missing = OutboundFile("document", "счёт.pdf", "0" * 64)
    assert "счёт.pdf" in getattr(await sender.send(files=(missing,)), "reason", "")
    elsewhere = OutboundFile("photo", "фото.jpg", reference="AgACAgI")
    assert isinstance(await sender.send(files=(elsewhere,)), Refused)
    assert sender.server.letters == []


async def test_each_letter_has_a_return_path_of_its_own_where_that_is_wanted(sender: Sender) -> None:
    sender.channel = sender.channel_of(MailIdentity(ADDRESS, SECRET, verp=True))
    await sender.send()
    assert read_return_path(sender.server.letters[0].sender, SECRET) == 2026
    sender.server.answer("MAIL", "553 5.7.1 Sender address rejected: not owned by user")
    assert isinstance(await sender.send(), Sent)
    assert sender.server.letters[1].sender == ADDRESS


# --- what becomes of it --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stage", "reply", "outcome", "cause"),
    [
        (
            "RCPT",
            "550 5.1.1 <olga@example.net>: Recipient address rejected: User unknown",
            Refused,
            Cause.NOT_FOUND,
        ),
        ("RCPT", "550 No such user here", Refused, Cause.NOT_FOUND),
        ("RCPT", "554 5.7.1 Message rejected due to policy", Refused, Cause.MALFORMED),
        ("RCPT", "552 5.2.2 Mailbox full", Refused, Cause.MALFORMED),
        ("RCPT", "451 4.7.1 Greylisted, try again later", Postponed, None),
        ("MAIL", "553 5.7.1 Sender address rejected: not owned by user", Refused, Cause.ACCOUNT),
        ("MAIL", "452 4.3.1 Insufficient system storage", Postponed, None),
        ("DATA", "552 5.3.4 Message size exceeds fixed limit", Refused, Cause.TOO_LARGE),
        ("DATA", "554 5.7.1 Spam message rejected", Refused, Cause.MALFORMED),
        ("DATA", "421 4.3.2 Shutting down", Postponed, None),
        ("DATA", "550 5.1.1 User unknown", Refused, Cause.NOT_FOUND),
        ("AUTH", "535 5.7.8 Authentication credentials invalid", Refused, Cause.ACCOUNT),
        ("AUTH", "454 4.7.0 Temporary authentication failure", Postponed, None),
        ("MAIL", HANG_UP, Postponed, None),
        ("RCPT", HANG_UP, Postponed, None),
        ("DATA", HANG_UP, Uncertain, None),
        ("DATA", HANG_UP_AFTER, Uncertain, None),
    ],
)
async def test_every_no_of_a_server_has_its_meaning(
    sender: Sender, stage: str, reply: str, outcome: type[Outcome], cause: Cause | None
) -> None:
    sender.server.answer(stage, reply)
    became = await sender.send()
    assert type(became) is outcome, became
    assert getattr(became, "cause", None) == cause
    assert len(sender.server.letters) == (reply == HANG_UP_AFTER)
    assert isinstance(await sender.send(), Sent), "the next letter is not harmed"


async def test_a_dead_address_in_cc_does_not_close_the_conversation(sender: Sender) -> None:
    sender.server.refuse("gone@example.net")
    outcome = await sender.send(cc=("gone@example.net",))
    assert isinstance(outcome, Refused)
    assert outcome.cause is Cause.MALFORMED
    assert "gone@example.net" in outcome.reason
    assert sender.server.letters == []


async def test_a_server_that_is_away_postpones_and_the_admins_hear_of_it(sender: Sender) -> None:
    await sender.send()
    await asyncio.to_thread(sender.server.stop)
    for _ in range(3):
        outcome = await sender.send()
        assert isinstance(outcome, Postponed)
        assert outcome.whole_account
    assert sender.told[0] is None
    assert len(sender.told) == 2
    await asyncio.to_thread(sender.server.start)
    assert isinstance(await sender.send(), Sent)
    assert sender.told[-1] is None


async def test_a_connection_that_died_while_idle_costs_no_letter(sender: Sender) -> None:
    await sender.send()
    await asyncio.to_thread(sender.server.stop)
    await asyncio.to_thread(sender.server.start)
    assert isinstance(await sender.send(), Sent)
    assert sender.server.connections == 2


async def test_many_letters_share_few_connections(sender: Sender) -> None:
    outcomes = await asyncio.gather(*(sender.send(delivery_id=number) for number in range(40)))
    assert all(isinstance(outcome, Sent) for outcome in outcomes)
    assert len(sender.server.letters) == 40
    assert sender.server.connections <= 3


async def test_a_letter_larger_than_the_server_takes_is_not_begun(tmp_path: Path, clock: ManualClock) -> None:
    with SmtpServer(largest=5000) as server:
        sender = Sender(server, FileStore(tmp_path / "files"), clock)
        outcome = await sender.send("слово " * 2000)
        assert isinstance(outcome, Refused)
        assert outcome.cause is Cause.TOO_LARGE
        await sender.post.close()


async def test_an_address_that_is_none_is_refused(sender: Sender) -> None:
    assert isinstance(await sender.send(to=("not an address",)), Refused)
    assert isinstance(await sender.send(to=()), Refused)


async def test_a_domain_in_its_own_letters_travels_in_ascii(sender: Sender) -> None:
    await sender.send(to=("info@почта.рф",))
    assert sender.server.letters[0].recipients == ("info@xn--80a1acny.xn--p1ai",)


async def test_one_provider_gets_letters_at_a_careful_pace(sender: Sender) -> None:
    paced = PacedEmail(sender.channel, ProcessLimits(sender.clock), sender.clock, ADDRESS)
    for number in range(BURST):
        assert isinstance(await paced.send(a_message(delivery_id=number)), Sent)
    hurried = asyncio.gather(*(paced.send(a_message(delivery_id=100 + n)) for n in range(4)))
    await asyncio.sleep(0)
    sender.clock.advance(timedelta(seconds=2))
    outcomes = await hurried
    assert [type(outcome) for outcome in outcomes] == [Sent, Sent, Postponed, Postponed]
    assert isinstance(await paced.send(a_message(to=("a@elsewhere.example",))), Sent)
