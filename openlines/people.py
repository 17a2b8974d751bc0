"""`openlines managers`: who works here, and how somebody comes in."""

from __future__ import annotations

import argparse
import asyncio

from aiohttp import ClientSession

from channels.telegram.api import Answered, BotApi
from core.errors import Misconfigured
from core.staff import managers
from core.staff.model import Role
from openlines.doctor import why_not
from openlines.ground import bot_id, opened_database
from openlines.settings import Settings, read_settings


def command(given: argparse.Namespace) -> int:
    """List the managers, or print a one-time link."""
    settings = read_settings()
    return asyncio.run(_list(settings) if given.deed == "list" else _invite(settings, given))


async def _list(settings: Settings) -> int:
    async with opened_database(settings) as db:
        people = await db.read(managers.active)
    if not people:
        print("Nobody yet: `openlines managers invite --admin` makes a link.")
    for person in people:
        marks = [person.role, "here" if person.is_available else "away"]
        if not person.is_reachable:
            marks.append("has not started the bot")
        handle = f"@{person.username}" if person.username else str(person.telegram_id)
        print(f"{person.name}  {handle}  {', '.join(marks)}")
    return 0


async def _invite(settings: Settings, given: argparse.Namespace) -> int:
    setting = "OPENLINES_BOT__TOKEN" if settings.bot.token else "OPENLINES_TELEGRAM__TOKEN"
    token = settings.staff_token
    if token is None:
        raise Misconfigured(setting, "wanted: the invitation is a link to the managers' bot")
    bot_id(token.get_secret_value(), setting)
    async with ClientSession() as session:
        reply = await BotApi(token, settings.telegram.api_url, session).call("getMe")
    told = reply.result if isinstance(reply, Answered) and isinstance(reply.result, dict) else {}
    name = told.get("username")
    if name is None:
        raise Misconfigured(setting, f"Telegram does not answer to it: {why_not(reply)}")
    role = Role.ADMIN if given.admin else Role.MANAGER
    async with opened_database(settings) as db:
        payload = await db.transact(lambda tx: managers.invite(tx, "admin", role=role, name=given.name))
    print(f"https://t.me/{name}?start={payload}")
    print("Good for one person and seven days.")
    return 0
