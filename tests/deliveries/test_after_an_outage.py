"""What an outage of the network leaves behind: notices that may not have come, pauses that have grown long."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select

from bot.notices import Notices
from bot.texts import Texts
from core.channel import Outcome, Postponed, Sent, Uncertain
from core.clock import ManualClock
from core.conversations import deliveries
from core.conversations.deliveries import NOTICE_ATTEMPTS
from core.conversations.model import Delivery, DeliveryState
from core.conversations.notices import tell_trouble
from core.conversations.preparing import Claimed
from core.database import Database
from tests.builders import a_database, a_lead, an_account, an_admin


async def claimed(database: Database, account_id: int, clock: ManualClock) -> list[Claimed]:
    renderer = Notices(Texts(default="ru"), clock, "Europe/Moscow", account_id)
    return await database.transact(lambda tx: deliveries.claim(tx, 10, renderer))


async def settled(database: Database, what: list[Claimed], outcome: Outcome) -> None:
    await database.transact(lambda tx: deliveries.settle(tx, [(one, outcome) for one in what]))


async def states(database: Database, *, notices: bool) -> list[str]:
    kind = Delivery.notice.is_not(None) if notices else Delivery.message_id.is_not(None)
    found = select(Delivery.state).where(kind).order_by(Delivery.id)
    return await database.read(lambda connection: [row[0] for row in connection.execute(found)])


async def test_a_card_of_which_nobody_knows_whether_it_came_is_shown_again(
    database_url: str, clock: ManualClock
) -> None:
    async with a_database(database_url, clock) as database:
        account = await an_account(database)
        await an_admin(database)
        await a_lead(database, account)
        clock.advance(timedelta(seconds=5))
        for attempt in range(1, NOTICE_ATTEMPTS):
            notices = [one for one in await claimed(database, account.id, clock) if one.manager_id]
            assert len(notices) == 1, attempt
            await settled(database, notices, Uncertain("500"))
            assert DeliveryState.WAITING in await states(database, notices=True)
            clock.advance(timedelta(hours=2))
        last = [one for one in await claimed(database, account.id, clock) if one.manager_id]
        await settled(database, last, Uncertain("500"))
        assert DeliveryState.UNCERTAIN in await states(database, notices=True)
        told: list[str] = []
        while notices := await claimed(database, account.id, clock):
            await settled(database, notices, Sent((f"{len(told) + 1}",)))
            told += [one.message.screen.text for one in notices]
            clock.advance(timedelta(seconds=2))
        assert told[-1].startswith(
            "⚠️ Telegram не принял уведомление о лиде № 1"
        )  # somebody must see the lead


async def test_a_customer_is_never_written_to_again_on_a_guess(database_url: str, clock: ManualClock) -> None:
    async with a_database(database_url, clock) as database:
        account = await an_account(database)
        await a_lead(database, account)
        confirmation = await claimed(database, account.id, clock)
        assert len(confirmation) == 1
        await settled(database, confirmation, Uncertain("500"))
        assert await states(database, notices=False) == [DeliveryState.UNCERTAIN]


async def test_when_an_account_is_well_again_what_has_waited_goes_out_at_once(
    database_url: str, clock: ManualClock
) -> None:
    async with a_database(database_url, clock) as database:
        account = await an_account(database)
        await a_lead(database, account)
        for _ in range(8):
            await settled(database, await claimed(database, account.id, clock), Postponed("no connection"))
            clock.advance(timedelta(minutes=5))
        await settled(database, await claimed(database, account.id, clock), Postponed("no connection"))
        await database.transact(lambda tx: tell_trouble(tx, account.id, "unreachable"))
        clock.advance(timedelta(seconds=1))
        assert await claimed(database, account.id, clock) == []
        await database.transact(lambda tx: tell_trouble(tx, account.id, None))
        again = await claimed(database, account.id, clock)
        assert len(again) == 1
        await settled(database, again, Sent(("1",)))
        assert await states(database, notices=False) == [DeliveryState.SENT]
