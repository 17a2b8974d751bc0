"""Connections and letters that break in the middle: the rest of the mail comes all the same."""

from __future__ import annotations

import asyncio

from core.intake import parked
from core.intake.model import Ledger
from tests.mail.cable import Cable
from tests.mail.mail_line import MailLine, a_letter, deliver
from tests.servers.imap import ImapServer


async def _parked(line: MailLine) -> list[str]:
    page = await line.db.read(parked.parked)
    return [entry.reason or "" for entry in page.entries]


async def test_a_letter_that_breaks_the_connection_each_time_is_parked_and_passed(
    line: MailLine, imap_server: ImapServer
) -> None:
    async with Cable(imap_server.url, cut_at=b"POISON") as cable:
        await line.begin(cable.url)
        letters = [a_letter(f"письмо {n}", sender=f"c{n}@example.net") for n in range(5)]
        letters.insert(2, b"Subject: POISON\r\n\r\nx")
        await asyncio.to_thread(deliver, imap_server, letters)
        async with line.reading(cable.url):
            assert sorted(await line.wait_for(5)) == [f"письмо {n}" for n in range(5)]
            await asyncio.to_thread(deliver, imap_server, [a_letter("и дальше", subject="Дальше")])
            await line.wait_for(6)
    (why,) = await _parked(line)
    assert "the connection broke each time" in why
    assert "/INBOX" in why, "an admin is told where to find it"
    poison = (await asyncio.to_thread(imap_server.uids))[2]
    assert await asyncio.to_thread(imap_server.flags, poison) == set(), "a person will find it unread"
    received, known = await line.balance()
    assert received == known


async def test_a_letter_the_server_refuses_is_parked_at_once(
    small_line: MailLine, imap_server: ImapServer
) -> None:
    await small_line.begin(imap_server.url)
    letters = [a_letter(f"письмо {n}", sender=f"c{n}@example.net") for n in range(4)]
    await asyncio.to_thread(deliver, imap_server, letters)
    uid = (await asyncio.to_thread(imap_server.uids))[1]
    async with Cable(imap_server.url, refuse=rf"UID FETCH (\d+,)*{uid}(,\d+)* \(BODY") as cable:
        async with small_line.reading(cable.url):
            assert await small_line.wait_for(3) == ["письмо 0", "письмо 2", "письмо 3"]
        assert cable.connections == 1
    (why,) = await _parked(small_line)
    assert "this one cannot be had" in why


async def test_a_connection_that_falls_silent_is_noticed(
    small_line: MailLine, imap_server: ImapServer
) -> None:
    async with Cable(imap_server.url) as cable:
        await small_line.begin(cable.url)
        async with small_line.reading(cable.url, idle=(0.2, 0.3), read_timeout=0.3):
            await asyncio.to_thread(deliver, imap_server, [a_letter("первое", subject="1")])
            await small_line.wait_for(1)
            cable.freeze()
            await asyncio.to_thread(deliver, imap_server, [a_letter("второе", subject="2")])
            assert await small_line.wait_for(2) == ["первое", "второе"]
    assert [row.seen for row in await small_line.rows(Ledger.seen)] == [1, 1]


async def test_a_cut_in_the_middle_of_a_lot_loses_and_doubles_nothing(
    line: MailLine, imap_server: ImapServer
) -> None:
    await line.begin(imap_server.url)
    letters = [a_letter(f"letter {n} END{n}", sender=f"c{n}@example.net") for n in range(30)]
    await asyncio.to_thread(deliver, imap_server, letters)
    async with Cable(imap_server.url, cut_at=b"END27", cuts=2) as cable, line.reading(cable.url):
        await line.wait_for(30)
        assert cable.connections == 3
    assert len(await line.leads()) == 30
    assert [row.seen for row in await line.rows(Ledger.seen)] == [1] * 30
