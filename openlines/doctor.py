"""`openlines doctor`: try every setting and connection, and say what to mend."""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from aiohttp import ClientSession
from sqlalchemy import text

from channels.telegram.api import Answered, ApiError, BotApi
from core.errors import Misconfigured
from core.migrations import Standing, standing
from core.migrations.moving import in_use
from core.staff import managers
from openlines.ground import bot_id, first_line, left_behind, looking_at, sqlite_path
from openlines.settings import Settings, read_settings, unknown_settings

LEAST_SPACE = 500 * 1024 * 1024  # bytes


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at. `remedy` says what to do; None when all is well."""

    what: str
    state: str
    remedy: str | None = None


def command(_: argparse.Namespace) -> int:
    """Print what was found; 0 only when nothing is to be mended."""
    settings = read_settings()
    return asyncio.run(_report(settings))


async def _report(settings: Settings) -> int:
    ill = 0
    async for finding in examine(settings):
        print(f"{'✓' if finding.remedy is None else '✗'} {finding.what}: {finding.state}")
        if finding.remedy is not None:
            print(f"    {finding.remedy}")
            ill += 1
    print(f"\n{ill} to mend." if ill else "\nAll is well.")
    return 1 if ill else 0


async def examine(settings: Settings) -> AsyncIterator[Finding]:
    """Look at everything the settings name, one finding after the other."""
    for name in unknown_settings(os.environ):
        yield Finding("settings", f"{name} is none", "mistyped? the README lists them all")
    yield _folder(settings.data_dir)
    yield await _database(settings)
    if settings.redis_url is not None:
        yield await _redis(settings)
    async for finding in _telegram(settings):
        yield finding
    if settings.email.address:
        from openlines.letters import examine as examine_mail  # only with a mailbox

        async for finding in examine_mail(settings):
            yield finding
    if settings.form.key is None:
        yield Finding("site form", "shut (OPENLINES_FORM__KEY is not set)")
    else:
        yield Finding("site form", f"POST /lines/main/form on port {settings.http.port}")


def _folder(folder: Path) -> Finding:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / ".doctor"
        probe.write_text("")
        probe.unlink()
    except OSError as error:
        return Finding(
            "data folder", f"{folder}: {error.strerror}", "OPENLINES_DATA_DIR: a folder we may write to"
        )
    free = shutil.disk_usage(folder).free
    if free < LEAST_SPACE:
        return Finding(
            "data folder", f"{folder}: {free // 2**20} MB free", "make room: attachments are kept here"
        )
    return Finding("data folder", f"{folder.absolute()}, {free // 2**30} GB free")


async def _database(settings: Settings) -> Finding:
    """Looks only: a database that another version runs on is left to it."""
    is_sqlite = settings.database.startswith("sqlite")
    kind, query = (
        ("SQLite", "SELECT sqlite_version()") if is_sqlite else ("PostgreSQL", "SHOW server_version")
    )
    found, people, is_new = Standing.EMPTY, set[int](), True
    try:
        if not is_sqlite or sqlite_path(settings.database).exists():
            async with looking_at(settings) as connection:
                kind += f" {(await connection.execute(text(query))).scalar_one()}"
                found = await connection.run_sync(standing)
                if found is Standing.CURRENT:
                    people = {person.telegram_id for person in await connection.run_sync(managers.active)}
                    is_new = await connection.run_sync(in_use) is None
    except Misconfigured as error:
        what = "the file is not ours, or we may not read it" if is_sqlite else "address, user, password"
        return Finding("database", f"{kind} {error.remedy}", f"{error.setting}: {what}")
    if found is Standing.NEWER:
        remedy = "a newer openlines has been at work there: install that one"
        return Finding("database", f"{kind}, newer than this program", remedy)
    if found is Standing.OLDER:
        remedy = "openlines migrate (the program does it by itself at start)"
        return Finding("database", f"{kind}, of an older version", remedy)
    if is_new and (mistake := left_behind(settings)):
        return Finding("database", f"{kind}, new", f"{mistake.setting} {mistake.remedy}")
    state = f"{kind}, empty until the first start" if found is Standing.EMPTY else kind
    admitted = people | set(settings.admins)  # those are, once it runs
    if not admitted:
        remedy = "OPENLINES_ADMINS: your Telegram id, or `openlines managers invite --admin`"
        return Finding("database", f"{state}, nobody works here yet", remedy)
    return Finding("database", f"{state}, people who work here: {len(admitted)}")


async def _redis(settings: Settings) -> Finding:
    from redis.asyncio import Redis  # only with Redis
    from redis.exceptions import RedisError

    assert settings.redis_url is not None  # noqa: S101 - the caller looked
    redis = Redis.from_url(settings.redis_url.get_secret_value(), socket_timeout=3, socket_connect_timeout=3)
    try:
        information = await redis.info("server")
        return Finding("redis", f"version {information['redis_version']}")
    except (RedisError, OSError) as error:
        return Finding("redis", first_line(error), "OPENLINES_REDIS_URL: address and password")
    finally:
        await redis.aclose()


async def _telegram(settings: Settings) -> AsyncIterator[Finding]:
    tokens = [
        ("OPENLINES_TELEGRAM__TOKEN", settings.telegram.token),
        ("OPENLINES_BOT__TOKEN", settings.bot.token),
    ]
    if all(token is None for _, token in tokens):
        yield Finding("telegram", "no bot", "OPENLINES_TELEGRAM__TOKEN: @BotFather gives one")
        return
    async with ClientSession() as session:
        for setting, token in tokens:
            if token is None:
                continue
            try:
                bot_id(token.get_secret_value(), setting)
                api = BotApi(token, settings.telegram.api_url, session)
            except (Misconfigured, ValueError) as error:
                yield Finding("telegram", "no token", f"{setting}: {error}")
                continue
            me = await api.call("getMe", timeout=10)
            if isinstance(me, ApiError) and me.code in (401, 404):
                yield Finding("telegram", me.description, f"{setting}: the token is refused; ask @BotFather")
                continue
            if not isinstance(me, Answered) or not isinstance(me.result, dict):
                yield Finding(
                    "telegram", str(me), "no way to Telegram: the network, or OPENLINES_TELEGRAM__API_URL"
                )
                continue
            hook = await api.call("getWebhookInfo", timeout=10)
            information = hook.result if isinstance(hook, Answered) and isinstance(hook.result, dict) else {}
            waiting = information.get("pending_update_count", 0)
            state = f"@{me.result.get('username')}, {waiting} updates wait"
            if trouble := information.get("last_error_message"):
                yield Finding(
                    "telegram", f"{state}; last webhook failed: {trouble}", "OPENLINES_PUBLIC_URL: reachable?"
                )
            else:
                yield Finding("telegram", state)
