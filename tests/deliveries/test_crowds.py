"""More has come than anybody can read one by one: late and many, it is told in one notice; in time, each by itself."""

from __future__ import annotations

from datetime import timedelta

from bot.notices import Notices
from bot.texts import Texts
from core.channel import Sent
from core.clock import ManualClock
from core.conversations import deliveries
from core.conversations.crowds import MANY
from core.conversations.preparing import Claimed
from core.database import Database
from core.desk.board import View, leads_page
from core.lines.accounts import AccountRef
from tests.builders import a_database, a_lead, a_manager, a_message, an_account, file, telegram


async def told(database: Database, account: AccountRef, clock: ManualClock) -> list[Claimed]:
    """What the managers are told until nothing is left, as Telegram takes it."""
    renderer = Notices(Texts(default="ru"), clock, "Europe/Moscow", account.id)
    heard: list[Claimed] = []
    while due := await database.transact(lambda tx: deliveries.claim(tx, 100, renderer)):
        await database.transact(
            lambda tx, due=due: deliveries.settle(tx, [(one, Sent((str(one.id % 2**31),))) for one in due])
        )
        heard += [one for one in due if one.manager_id is not None]
    # What was gathered leaves one notice behind, for the next look.
    if again := await database.transact(lambda tx: deliveries.claim(tx, 100, renderer)):
        heard += [one for one in again if one.manager_id is not None]
    return heard


async def test_after_an_outage_a_crowd_of_leads_is_one_notice_and_all_of_them_are_in_the_list(
    database_url: str, clock: ManualClock
) -> None:
    async with a_database(database_url, clock) as database:
        account = await an_account(database)
        olga = await a_manager(database)
        known = await a_lead(database, account, "Первый", telegram(1))
        clock.advance(timedelta(seconds=5))
        assert [one.lead_id for one in await told(database, account, clock)] == [known]
        for user in range(2, MANY + 2):
            await a_lead(database, account, "Сколько стоит?", telegram(user))
        await file(database, account, a_message("А доставка?", telegram(1)))
        clock.advance(timedelta(hours=1))
        (heard,) = await told(database, account, clock)
        page = await database.read(
            lambda connection: leads_page(connection, person=olga, view=View.MINE, language="ru")
        )
        clock.advance(timedelta(hours=1))
        later = await a_lead(database, account, "Ещё один", telegram(999))
        clock.advance(timedelta(seconds=5))
        assert [one.lead_id for one in await told(database, account, clock)] == [later]
    assert heard.message.screen.text == (
        f"📥 Накопилось много\n{MANY} новых лидов\nновые сообщения в 1 лиде\n\n"
        "По одному показывать их не буду: всё есть в списках."
    )
    assert [button.text for row in heard.message.screen.buttons for button in row] == ["Ждут ответа", "Мои"]
    assert page.total == MANY + 1


async def test_what_comes_in_time_is_told_one_by_one_however_much_it_is(
    database_url: str, clock: ManualClock
) -> None:
    async with a_database(database_url, clock) as database:
        account = await an_account(database)
        await a_manager(database)
        leads = [
            await a_lead(database, account, "Сколько стоит?", telegram(user)) for user in range(MANY + 5)
        ]
        clock.advance(timedelta(seconds=5))
        assert [one.lead_id for one in await told(database, account, clock)] == leads


async def test_a_few_that_are_late_are_told_one_by_one(database_url: str, clock: ManualClock) -> None:
    async with a_database(database_url, clock) as database:
        account = await an_account(database)
        await a_manager(database)
        leads = [await a_lead(database, account, "Здравствуйте", telegram(user)) for user in range(MANY - 1)]
        clock.advance(timedelta(hours=1))
        assert [one.lead_id for one in await told(database, account, clock)] == leads
