"""Invitations: who comes in by a link, and who stays what they are."""

from __future__ import annotations

from functools import partial

import pytest

from core.clock import ManualClock
from core.database import Database
from core.errors import Refusal
from core.staff import managers
from core.staff.managers import Person
from core.staff.model import Role
from tests.builders import a_database, a_manager, an_admin


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
