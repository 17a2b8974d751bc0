"""Letters come in over SMTP and LMTP: acknowledged after they are filed, never relayed."""

from __future__ import annotations

import asyncio
import contextlib
import smtplib
import socket
from collections.abc import AsyncIterator, Callable
from typing import TypeVar

import pytest
from sqlalchemy.exc import OperationalError

from channels.email.listener import Listener
from channels.email.reception import Arrived, Reader, Reception
from channels.email.threading import make_return_path
from channels.email.urls import ListenUrl
from core.clock import SystemClock
from core.intake.booking import Filed
from tests.mail.mail_line import ADDRESS, OLGA, SECRET, MailLine, a_letter

T = TypeVar("T")


@contextlib.asynccontextmanager
async def listening(*receptions: Reception, lmtp: bool = False) -> AsyncIterator[int]:
    listener = Listener(ListenUrl("127.0.0.1", 0, lmtp), receptions, SystemClock())
    await listener.start()
    try:
        yield listener.port
    finally:
        await listener.close()


async def over_smtp(port: int, work: Callable[[smtplib.SMTP], T]) -> T:
    def run() -> T:
        with smtplib.SMTP("127.0.0.1", port, timeout=20) as client:
            return work(client)

    return await asyncio.to_thread(run)


async def test_a_letter_is_a_lead_before_its_sender_hears_250(line: MailLine) -> None:
    letter = a_letter("Здравствуйте, сколько стоит?")
    async with listening(line.reception) as port:
        await over_smtp(port, lambda c: c.sendmail(OLGA, [ADDRESS], letter))
        assert await line.texts() == ["Здравствуйте, сколько стоит?"]
        await over_smtp(port, lambda c: c.sendmail(OLGA, [ADDRESS], letter))
    assert await line.ledger() == [("filed", 2)]
    assert await line.balance() == (2, 2)


async def test_nothing_is_relayed(small_line: MailLine) -> None:
    async with listening(small_line.reception) as port:
        with pytest.raises(smtplib.SMTPRecipientsRefused) as refused:
            await over_smtp(port, lambda c: c.sendmail(OLGA, ["victim@example.org"], a_letter("привет")))
    assert refused.value.recipients["victim@example.org"][0] == 550
    assert await small_line.texts() == []


@pytest.mark.parametrize(
    "address", [ADDRESS.upper(), "line+spring@example.com", make_return_path(17, "example.com", SECRET)]
)
async def test_our_address_may_be_written_in_other_ways(small_line: MailLine, address: str) -> None:
    async with listening(small_line.reception) as port:
        await over_smtp(port, lambda c: c.sendmail(OLGA, [address], a_letter("привет", to=address)))
    assert await small_line.texts() == ["привет"]


async def test_a_letter_to_two_of_our_addresses_is_one_letter(small_line: MailLine) -> None:
    async with listening(small_line.reception) as port:
        await over_smtp(port, lambda c: c.sendmail(OLGA, [ADDRESS, "line+a@example.com"], a_letter("привет")))
    assert await small_line.ledger() == [("filed", 1)]


class _Away(Reception):
    """A reception whose database is away."""

    async def file(self, letter: Arrived) -> Filed:
        raise OperationalError("the server closed the connection", None, OSError())


def away(line: MailLine) -> Reception:
    return _Away(line.db, line.intake, line.account, Reader(line.store, line.identity, line.account.scope))


async def test_while_the_database_is_away_the_sender_keeps_the_letter(small_line: MailLine) -> None:
    async with listening(away(small_line)) as port:
        with pytest.raises(smtplib.SMTPDataError) as refused:
            await over_smtp(port, lambda c: c.sendmail(OLGA, [ADDRESS], a_letter("привет")))
    assert refused.value.smtp_code == 451
    assert "OperationalError" not in str(refused.value.smtp_error)


async def test_a_letter_that_is_too_large_is_announced_and_refused(small_line: MailLine) -> None:
    reception = small_line.limited_reception(10_000)
    async with listening(reception) as port:

        def work(client: smtplib.SMTP) -> tuple[str, int]:
            client.ehlo()
            announced = client.esmtp_features["size"]
            client.mail(OLGA)
            client.rcpt(ADDRESS)
            return announced, client.data(b"Subject: x\r\n\r\n" + b"x" * 70 + b"\r\n" + b"y\r\n" * 9000)[0]

        assert await over_smtp(port, work) == ("10000", 552)
        await over_smtp(port, lambda c: c.sendmail(OLGA, [ADDRESS], a_letter("короче")))
    assert await small_line.texts() == ["короче"]


def lmtp(port: int, recipients: list[str], letter: bytes) -> list[str]:
    """What an LMTP server answers after the content, line by line."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        file = connection.makefile("rb")

        def say(command: bytes) -> str:
            connection.sendall(command + b"\r\n")
            while True:
                reply = file.readline().decode()
                if reply[3:4] != "-":
                    return reply.strip()

        file.readline()
        say(b"LHLO here.example.com")
        say(f"MAIL FROM:<{OLGA}>".encode())
        accepted = [r for r in recipients if say(f"RCPT TO:<{r}>".encode()).startswith("250")]
        say(b"DATA")
        connection.sendall(letter.replace(b"\n", b"\r\n") + b"\r\n.\r\n")
        replies = [file.readline().decode().strip() for _ in accepted]
        assert say(b"QUIT").startswith("221")
        return replies


async def test_lmtp_answers_for_every_recipient(small_line: MailLine) -> None:
    recipients = [ADDRESS, "stranger@example.com", "line+b@example.com"]
    async with listening(small_line.reception, lmtp=True) as port:
        replies = await asyncio.to_thread(lmtp, port, recipients, a_letter("привет"))
    assert [reply[:3] for reply in replies] == ["250", "250"]
    async with listening(away(small_line), lmtp=True) as port:
        replies = await asyncio.to_thread(lmtp, port, recipients, a_letter("ещё"))
    assert [reply[:3] for reply in replies] == ["451", "451"]
    tight = small_line.limited_reception(99)
    async with listening(tight, lmtp=True) as port:
        replies = await asyncio.to_thread(lmtp, port, recipients, a_letter("x" * 200))
    assert [reply[:3] for reply in replies] == ["552", "552"]
    assert await small_line.texts() == ["привет"]


async def test_a_report_to_our_return_path_brings_an_empty_sender(small_line: MailLine) -> None:
    """The envelope says what a letter's headers do not: nobody may be answered."""
    letter = a_letter("Я в отпуске до понедельника", subject="Отпуск")
    async with listening(small_line.reception) as port:
        await over_smtp(port, lambda c: c.sendmail("", [ADDRESS], letter))
    assert await small_line.leads() == []
    assert await small_line.ledger() == [("ignored", 1)]
