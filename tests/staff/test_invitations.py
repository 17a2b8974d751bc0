"""Invitations: who comes in by a link, and who stays what they are."""

from __future__ import annotations

from functools import partial

import pytest

from bot.notices import Notices
from bot.texts import Texts
from core.clock import ManualClock
from core.conversations.model import Delivery
from core.conversations.preparing import NoticeRow
from core.database import Database, Transaction
from core.desk import newcomers
from core.errors import Refusal
from core.staff import managers
from core.staff.managers import Person
from core.staff.model import Role
from tests.builders import a_database, a_manager, an_account, an_admin
from tests.looking import every


async def opened(database: Database, link: str, telegram_id: int, name: str = "Кто-то") -> Person:
    return await database.transact(
        partial(
            managers.accept_invitation,
            payload=link,
            telegram_id=telegram_id,
            name=name,
            username=None,
            language="ru",
        )
    )


async def a_link(database: Database, by: Person, role: Role) -> str:
    return await database.transact(lambda tx: managers.invite(tx, by.actor, role=role))


@pytest.mark.parametrize("role", [Role.MANAGER, Role.ADMIN])
async def test_an_admin_who_opens_a_link_stays_an_admin_and_the_link_stays_good(
    database_url: str, clock: ManualClock, role: Role
) -> None:
    async with a_database(database_url, clock) as database:
        admin = await an_admin(database)
        link = await a_link(database, admin, role)
        assert (await opened(database, link, admin.telegram_id)).role == Role.ADMIN
        assert (await opened(database, link, 555, "Борис")).role == role
        with pytest.raises(Refusal, match="refused-invitation-used"):
            await opened(database, link, 556)


async def test_a_manager_becomes_an_admin_by_an_admins_link_once(
    database_url: str, clock: ManualClock
) -> None:
    async with a_database(database_url, clock) as database:
        admin, olga = await an_admin(database), await a_manager(database)
        link = await a_link(database, admin, Role.ADMIN)
        assert (await opened(database, link, olga.telegram_id)).is_admin
        with pytest.raises(Refusal, match="refused-invitation-used"):
            await opened(database, link, 555)


async def test_a_manager_uses_up_no_managers_link(database_url: str, clock: ManualClock) -> None:
    async with a_database(database_url, clock) as database:
        admin, olga = await an_admin(database), await a_manager(database)
        link = await a_link(database, admin, Role.MANAGER)
        assert (await opened(database, link, olga.telegram_id)).id == olga.id
        assert (await opened(database, link, 555)).role == Role.MANAGER


@pytest.mark.parametrize("role", [Role.MANAGER, Role.ADMIN])
async def test_who_is_removed_does_not_come_back_by_an_invitation_of_their_own(
    database_url: str, clock: ManualClock, role: Role
) -> None:
    async with a_database(database_url, clock) as database:
        admin, anna = await an_admin(database), await an_admin(database, "Анна")
        kept, of_another = await a_link(database, anna, role), await a_link(database, admin, role)
        await database.transact(lambda tx: managers.remove(tx, admin, anna.id))
        for telegram_id in (anna.telegram_id, 555):
            with pytest.raises(Refusal, match="refused-invitation-expired"):
                await opened(database, kept, telegram_id)
        assert await database.read(lambda c: managers.by_telegram(c, anna.telegram_id)) is None
        assert (await opened(database, of_another, anna.telegram_id)).role == role, "invited anew"


async def test_whom_the_settings_make_an_admin_is_removed_only_when_they_no_longer_do(
    database_url: str, clock: ManualClock
) -> None:
    async with a_database(database_url, clock) as database:
        admin, anna = await an_admin(database), await an_admin(database, "Анна")
        with pytest.raises(Refusal, match="refused-remove-appointed"):
            await database.transact(
                lambda tx: managers.remove(tx, admin, anna.id, appointed=[anna.telegram_id])
            )
        assert await database.read(lambda c: managers.by_telegram(c, anna.telegram_id)) == anna
        await database.transact(lambda tx: managers.remove(tx, admin, anna.id, appointed=[admin.telegram_id]))
        assert await database.read(lambda c: managers.by_telegram(c, anna.telegram_id)) is None
        await database.transact(lambda tx: managers.ensure_admins(tx, [anna.telegram_id], "ru"))
        assert await database.read(lambda c: managers.by_telegram(c, anna.telegram_id)) == anna, (
            "here, as before"
        )


async def test_the_other_admins_hear_who_came_in_and_by_whose_link_once(
    database_url: str, clock: ManualClock
) -> None:
    async with a_database(database_url, clock) as database:
        await an_account(database)
        irina, anna = await an_admin(database), await an_admin(database, "Анна")
        link = await a_link(database, anna, Role.MANAGER)

        def come_in(tx: Transaction) -> Person:
            return newcomers.come_in(tx, link, telegram_id=555, name="Борис", username=None, language="ru")

        boris = await database.transact(come_in)
        assert await database.transact(come_in) == boris, "the same link again is no news"
        told = [row for row in await every(database, Delivery) if row["notice"]["kind"] == "manager-joined"]
        assert {row["manager_id"] for row in told} == {irina.id, anna.id}
        assert len(told) == 2
        renderer = Notices(Texts(default="ru"), clock, "Europe/Moscow", 1)
        row = NoticeRow(1, 1, "manager-joined", dict(told[0]["notice"]), irina.id, None, None)
        rendered = await database.read(lambda connection: renderer(connection, row))
        assert rendered is not None
        assert rendered.screen.text == "Новый человек в команде: Борис, менеджер. Приглашение: Анна."
        made_on_the_server = await database.transact(lambda tx: managers.invite(tx, "admin", role=Role.ADMIN))
        vera = await database.transact(
            lambda tx: newcomers.come_in(
                tx, made_on_the_server, telegram_id=556, name="Вера", username=None, language="ru"
            )
        )
        told = [row for row in await every(database, Delivery) if row["notice"].get("manager_id") == vera.id]
        assert {row["manager_id"] for row in told} == {irina.id, anna.id}
        row = NoticeRow(1, 1, "manager-joined", dict(told[0]["notice"]), irina.id, None, None)
        rendered = await database.read(lambda connection: renderer(connection, row))
        assert rendered is not None
        assert rendered.screen.text.endswith("Вера, администратор. Приглашение сделано на сервере.")
