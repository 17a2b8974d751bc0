"""What was not understood lies there whole, and is counted."""

from __future__ import annotations

from functools import partial

from core.channel import Received, Unreadable
from core.clock import ManualClock
from core.intake.parked import counts, parked, raw
from tests.builders import a_database, a_message, an_account, file


async def test_parked_entries_are_listed_oldest_first_with_their_reason_and_raw_form(
    database_url: str, clock: ManualClock
) -> None:
    async with a_database(database_url, clock) as database:
        bot, form = await an_account(database), await an_account(database, "form", "main")
        broken = [
            Received(f"odd-{number}", b"\x00\xff" * 40, Unreadable(f"no idea {number}"))
            for number in range(5)
        ]
        filed = await file(database, bot, *broken, a_message("это понятно"))
        await file(database, form, Received("odd", b"{", Unreadable("not JSON")))
        seen: list[str | None] = []
        after: int | None = None
        while True:
            page = await database.read(partial(parked, after=after, limit=2, account_id=bot.id))
            seen += [entry.reason for entry in page.entries]
            if (after := page.next) is None:
                break
        whole = await database.read(parked)
        first = await database.read(lambda connection: raw(connection, filed[0].ledger_id))
        understood = await database.read(lambda connection: raw(connection, filed[5].ledger_id))
        nothing = await database.read(lambda connection: raw(connection, 1))
        counted = await database.read(counts)
    assert seen == [f"no idea {number}" for number in range(5)]
    assert len(whole.entries) == 6
    assert whole.entries[-1].channel == "form"
    assert first is not None
    assert (first.body, first.state, first.external_id) == (b"\x00\xff" * 40, "parked", "odd-0")
    assert understood is not None
    assert understood.state == "filed"
    assert nothing is None
    assert counted == {bot.id: 5, form.id: 1}
