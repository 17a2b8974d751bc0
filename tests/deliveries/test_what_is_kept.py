"""What goes when its time is over, and what stays for good."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from pathlib import Path

from sqlalchemy import update

from core.automation.model import Timer
from core.clock import ManualClock
from core.conversations.model import Delivery
from core.database import Transaction
from core.files import FileStore
from core.housekeeping import Retention, sweep
from core.leads.answering import Draft, reply
from core.lines.accounts import SILENT, note_alive
from core.lines.model import Account
from core.staff.model import Dialog
from core.worker import HOUSEKEEPING, fire_due
from tests.builders import a_database, a_lead, a_manager, an_account
from tests.looking import every, the
from tests.posting import Network, at_work, pass_time, quiet


async def test_what_customers_were_sent_stays_and_notices_timers_and_dialogs_go_in_their_time(
    database_url: str, clock: ManualClock, tmp_path: Path
) -> None:
    def all_over(tx: Transaction) -> None:
        tx.connection.execute(update(Delivery).values(state="sent", settled_at=tx.now))
        tx.insert(Dialog, [{"key": "7", "state": "note", "content": None, "updated_at": tx.now}])

    async with a_database(database_url, clock) as database:
        bot, olga = await an_account(database), await a_manager(database)
        lead = await a_lead(database, bot)
        await database.transact(partial(reply, person=olga, lead_id=lead, draft=Draft("Сто рублей")))
        clock.advance(timedelta(days=1))
        assert await fire_due(database) == 1
        await database.transact(all_over)

        async def left(after: timedelta) -> tuple[int, int, int, int]:
            clock.advance(after)
            while await database.transact(partial(sweep, Retention(), FileStore(tmp_path))):
                pass
            deliveries = await every(database, Delivery)
            notices = [row for row in deliveries if row["notice"] is not None]
            timers, dialogs = await every(database, Timer), await every(database, Dialog)
            return len(deliveries) - len(notices), len(notices), len(timers), len(dialogs)

        assert await left(timedelta(days=13)) == (2, 1, 1, 1)  # confirmation and answer; a card
        assert await left(timedelta(days=2)) == (2, 1, 1, 0)
        assert await left(timedelta(days=16)) == (2, 0, 1, 0)
        assert await left(timedelta(days=150)) == (2, 0, 0, 0)


async def test_after_a_long_stop_a_network_counts_as_silent_only_once_we_have_listened_ourselves(
    database_url: str, clock: ManualClock, tmp_path: Path
) -> None:
    async with a_database(database_url, clock) as database:
        bot = await an_account(database)
        await database.transact(partial(note_alive, account_id=bot.id))
        clock.advance(timedelta(hours=2))
        async with at_work(database, {bot.id: Network()}, tmp_path, poll=SILENT) as worker:
            await quiet(clock, worker)
            await pass_time(clock, SILENT - timedelta(minutes=1), worker)
            assert (await the(database, Account))["trouble"] is None
            await pass_time(clock, HOUSEKEEPING + timedelta(minutes=1), worker)
            assert (await the(database, Account))["trouble"] == "silent"
