"""Letters come in over IMAP, whatever happens to the connection, the mailbox or us."""

from __future__ import annotations

import asyncio

from tests.mail.mail_line import MailLine, a_letter, eventually
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
