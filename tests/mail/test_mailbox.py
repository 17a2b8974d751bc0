"""Letters come in over IMAP, whatever happens to the connection, the mailbox or us."""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from channels.email.connection import ImapConnection
from channels.email.mailbox import Mailbox
from core.conversations.model import Attachment, Message
from core.intake import parked
from tests.mail.mail_line import ADDRESS, MailLine, a_letter, deliver, eventually
from tests.servers.imap import ImapServer


async def test_a_letter_becomes_a_lead_and_is_then_marked_as_seen(
    line: MailLine, imap_server: ImapServer
) -> None:
    old = await asyncio.to_thread(imap_server.append, a_letter("Это было до вас"))
    await line.begin(imap_server.url)
    async with line.reading(imap_server.url):
        uid = await asyncio.to_thread(
            imap_server.append, a_letter("Сколько стоит доставка?", subject="Доставка")
        )
        assert await line.wait_for(1) == ["Сколько стоит доставка?"]

        async def is_seen() -> bool:
            return "\\Seen" in await asyncio.to_thread(imap_server.flags, uid)

        await eventually(is_seen)
    (lead,) = await line.leads()
    assert lead.title == "Доставка"
    assert await asyncio.to_thread(imap_server.flags, old) == set()
    assert await line.balance() == (1, 1)
    assert set(line.troubles) == {None}


async def test_the_first_start_may_go_back_to_a_day(small_line: MailLine, imap_server: ImapServer) -> None:
    now = datetime.now(UTC)
    for days in (9, 3, 2):
        sent = now - timedelta(days=days)
        letter = a_letter(f"{days} дней назад", at=sent)
        await asyncio.to_thread(partial(imap_server.append, letter, date=sent))
    async with small_line.reading(imap_server.url, since=(now - timedelta(days=4)).date()):
        assert await small_line.wait_for(2) == ["3 дней назад", "2 дней назад"]
    said = await small_line.rows(Message.direction)
    assert [row.direction for row in said] == ["in", "in"], "nothing old is confirmed"


async def test_an_outage_is_caught_up_in_order_and_nothing_old_is_confirmed(
    line: MailLine, imap_server: ImapServer
) -> None:
    await line.begin(imap_server.url)
    start = datetime.now(UTC) - timedelta(days=3)
    written = [f"письмо {number}" for number in range(120)]
    letters = [
        a_letter(text, sender=f"c{number}@example.net", at=start + timedelta(minutes=number))
        for number, text in enumerate(written)
    ]
    await asyncio.to_thread(deliver, imap_server, letters)
    async with line.reading(imap_server.url):
        assert await line.wait_for(120) == written
    assert len(await line.leads()) == 120
    said = await line.rows(Message.direction)
    assert [row for row in said if row.direction == "out"] == []
    assert await line.balance() == (120, 120)


async def test_a_mailbox_made_anew_doubles_nothing_and_brings_back_nothing_old(
    line: MailLine, imap_server: ImapServer
) -> None:
    """UIDVALIDITY changes: a move to another provider, a restored backup."""
    await line.begin(imap_server.url)
    known = a_letter("Уже у нас")
    async with line.reading(imap_server.url):
        await asyncio.to_thread(imap_server.append, known)
        await line.wait_for(1)
        await asyncio.to_thread(imap_server.clear)
        for letter in (
            a_letter("Из прошлого года", at=datetime.now(UTC) - timedelta(days=400)),
            known,
            a_letter("Пришло при переезде", subject="Новое"),
        ):
            await asyncio.to_thread(imap_server.append, letter)
        assert await line.wait_for(2) == ["Уже у нас", "Пришло при переезде"]
        await asyncio.to_thread(imap_server.append, a_letter("И дальше", subject="Дальше"))
        await line.wait_for(3)
    received, known_of = await line.balance()
    assert received == known_of == 4
    assert sorted(await line.ledger()) == [("filed", 1), ("filed", 1), ("filed", 2)]


async def test_two_fetchers_at_once_take_each_letter_once(line: MailLine, imap_server: ImapServer) -> None:
    await line.begin(imap_server.url)
    async with line.reading(imap_server.url), line.reading(imap_server.url):
        letters = [a_letter(f"письмо {n}", sender=f"c{n}@example.net") for n in range(20)]
        await asyncio.to_thread(deliver, imap_server, letters)
        await line.wait_for(20)

        async def both() -> bool:
            return (await line.balance())[0] >= 40

        await eventually(both)
    assert len(await line.leads()) == 20
    assert await line.balance() == (40, 40)


async def test_a_letter_without_an_id_is_known_again(line: MailLine, imap_server: ImapServer) -> None:
    await line.begin(imap_server.url)
    letter = a_letter("Без номера")
    letter = re.sub(rb"Message-ID: .*\n", b"", letter)
    async with line.reading(imap_server.url):
        await asyncio.to_thread(imap_server.append, letter)
        await asyncio.to_thread(imap_server.append, letter)
        await asyncio.to_thread(imap_server.append, a_letter("Другое", subject="Другое"))
        await line.wait_for(2)
    assert sorted(await line.ledger()) == [("filed", 1), ("filed", 2)]


async def test_a_reused_id_with_other_words_is_another_letter(
    small_line: MailLine, imap_server: ImapServer
) -> None:
    await small_line.begin(imap_server.url)
    async with small_line.reading(imap_server.url):
        for text in ("Первая заявка", "Вторая заявка"):
            letter = a_letter(text, message_id="<always@the.same>")
            await asyncio.to_thread(imap_server.append, letter)
        assert await small_line.wait_for(2) == ["Первая заявка", "Вторая заявка"]


async def test_a_poison_letter_is_kept_and_the_rest_goes_on(line: MailLine, imap_server: ImapServer) -> None:
    await line.begin(imap_server.url)
    async with line.reading(imap_server.url):
        for letter in (b"\x00\xff\xfe", a_letter("После яда"), b"From: a@b\r\n" * 3000 + b"\r\nhi"):
            await asyncio.to_thread(imap_server.append, letter)
        await line.wait_for(2)

        async def all_booked() -> bool:
            return (await line.balance())[0] >= 3

        await eventually(all_booked)
    states = [state for state, _ in await line.ledger()]
    assert states.count("parked") >= 1
    assert "После яда" in await line.texts()


async def test_files_are_in_the_store_before_the_letter_is_filed(
    line: MailLine, imap_server: ImapServer
) -> None:
    await line.begin(imap_server.url)
    content = bytes(range(256)) * 8192  # two megabytes: streamed
    letter = a_letter("См. вложение", files={"../../смета.pdf": content, "мелочь.txt": b"x"})
    async with line.reading(imap_server.url):
        await asyncio.to_thread(imap_server.append, letter)
        await line.wait_for(1)
    files = await line.rows(Attachment.name, Attachment.sha256, Attachment.state)
    assert {(file.name, file.state) for file in files} == {("смета.pdf", "stored"), ("мелочь.txt", "stored")}
    large = next(file for file in files if file.name == "смета.pdf")
    assert line.store.path(large.sha256).read_bytes() == content


async def test_filed_letters_may_be_moved_to_a_folder(small_line: MailLine, imap_server: ImapServer) -> None:
    await small_line.begin(imap_server.url)
    async with small_line.reading(imap_server.url, folder="Обработано"):
        await asyncio.to_thread(imap_server.append, a_letter("привет"))
        await small_line.wait_for(1)

        async def moved() -> bool:
            return await asyncio.to_thread(imap_server.uids) == []

        await eventually(moved)
        await asyncio.to_thread(imap_server.append, a_letter("ещё", subject="Ещё"))
        await small_line.wait_for(2)
    assert await small_line.balance() == (2, 2)


async def test_a_crash_between_filing_and_marking_is_made_good(
    line: MailLine, imap_server: ImapServer
) -> None:
    await line.begin(imap_server.url)
    uid = await asyncio.to_thread(imap_server.append, a_letter("привет"))
    with pytest.MonkeyPatch.context() as patch:

        async def die(mailbox: Mailbox, uids: object) -> None:
            raise asyncio.CancelledError

        patch.setattr(Mailbox, "_put_away", die)
        async with line.reading(imap_server.url):
            await line.wait_for(1)
            await asyncio.sleep(0.05)
    assert await asyncio.to_thread(imap_server.flags, uid) == set()
    async with line.reading(imap_server.url):

        async def is_seen() -> bool:
            return "\\Seen" in await asyncio.to_thread(imap_server.flags, uid)

        await eventually(is_seen)
    assert await line.ledger() == [("filed", 1)]
    assert await line.balance() == (1, 1)


async def test_the_server_may_die_at_any_moment(line: MailLine, imap_server: ImapServer) -> None:
    await line.begin(imap_server.url)
    chance = random.Random(7)
    async with line.reading(imap_server.url):
        for burst in range(6):
            letters = [a_letter(f"письмо {burst}-{n}", sender=f"c{burst}.{n}@example.net") for n in range(10)]
            await asyncio.to_thread(deliver, imap_server, letters)
            await asyncio.sleep(chance.uniform(0, 0.08))
            await asyncio.to_thread(imap_server.stop)
            await asyncio.sleep(chance.uniform(0, 0.05))
            await asyncio.to_thread(imap_server.start)
        await line.wait_for(60)
    assert len(await line.leads()) == 60
    received, known = await line.balance()
    assert received == known


async def test_we_may_die_at_any_moment(line: MailLine, imap_server: ImapServer) -> None:
    await line.begin(imap_server.url)
    letters = [a_letter(f"письмо {n}", sender=f"c{n}@example.net") for n in range(60)]
    await asyncio.to_thread(deliver, imap_server, letters)
    chance = random.Random(11)
    for _ in range(8):
        async with line.reading(imap_server.url):
            await asyncio.sleep(chance.uniform(0, 0.12))
    async with line.reading(imap_server.url):
        await line.wait_for(60)
    assert len(await line.leads()) == 60
    # Who begins anew while what the dead one wrote last is still being kept sees those letters once more.
    assert [state for state, _ in await line.ledger()] == ["filed"] * 60
    received, settled = await line.balance()
    assert received == settled


async def test_the_admins_hear_of_a_mailbox_that_stays_away_and_of_its_return(
    small_line: MailLine, imap_server: ImapServer
) -> None:
    await small_line.begin(imap_server.url)
    small_line.troubles.clear()
    async with small_line.reading(imap_server.url):
        await eventually(_told(small_line, 1))
        await asyncio.to_thread(imap_server.stop)
        await eventually(_told(small_line, 2))
        await asyncio.to_thread(imap_server.start)

        async def is_well() -> bool:
            return small_line.troubles[-1] is None

        await eventually(is_well)
    said = [why for why in small_line.troubles if why]
    assert said
    assert said[0].startswith("127.0.0.1: ")
    assert imap_server.password not in " ".join(said)


async def test_a_refused_login_says_so_without_the_password(
    small_line: MailLine, imap_server: ImapServer
) -> None:
    url = imap_server.url.replace("correct%20horse", "wrong%20horse")
    async with small_line.reading(url):
        await eventually(_told(small_line, 1))
    assert "login is refused" in (small_line.troubles[0] or "")
    assert "horse" not in (small_line.troubles[0] or "")


async def test_a_server_without_push_is_asked(small_line: MailLine, imap_server: ImapServer) -> None:
    await small_line.begin(imap_server.url)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ImapConnection, "can_idle", False)
        async with small_line.reading(imap_server.url):
            await asyncio.to_thread(imap_server.append, a_letter("привет"))
            await small_line.wait_for(1)


async def test_waiting_is_taken_up_anew_before_anybody_hangs_up(
    small_line: MailLine, imap_server: ImapServer
) -> None:
    await small_line.begin(imap_server.url)
    async with small_line.reading(imap_server.url, idle=(0.05, 0.1)):
        await asyncio.sleep(0.5)
        await asyncio.to_thread(imap_server.append, a_letter("привет"))
        await small_line.wait_for(1)
    assert set(small_line.troubles) == {None}


async def test_a_letter_too_large_is_parked_with_its_header(
    small_line: MailLine, imap_server: ImapServer
) -> None:
    await small_line.begin(imap_server.url)
    uid = await asyncio.to_thread(imap_server.append, a_letter("x" * 20_000, subject="Большое"))
    await asyncio.to_thread(imap_server.append, a_letter("маленькое"))
    async with small_line.reading(imap_server.url, size_limit=10_000):
        await small_line.wait_for(1)
    page = await small_line.db.read(parked.parked)
    assert "more than the 10000 allowed" in (page.entries[0].reason or "")
    assert await asyncio.to_thread(imap_server.flags, uid) == set(), "a person will find it unread"


async def test_our_own_letter_in_the_inbox_is_no_lead(small_line: MailLine, imap_server: ImapServer) -> None:
    await small_line.begin(imap_server.url)
    async with small_line.reading(imap_server.url):
        ours = a_letter("Мы писали", sender=ADDRESS, to="someone@example.net")
        await asyncio.to_thread(imap_server.append, ours)
        await asyncio.to_thread(imap_server.append, a_letter("клиент"))
        assert await small_line.wait_for(1) == ["клиент"]


def _told(line: MailLine, count: int) -> Callable[[], Awaitable[bool]]:
    async def told() -> bool:
        return len(line.troubles) >= count

    return told
