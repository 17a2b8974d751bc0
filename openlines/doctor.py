"""`openlines doctor`: try every setting and connection, and say what to mend."""

from __future__ import annotations

import argparse
import asyncio
import difflib
import errno
import os
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from aiohttp import ClientError, ClientSession, ClientTimeout
from pydantic import SecretStr
from sqlalchemy import text
from yarl import URL

from channels.telegram.api import Answered, ApiError, BotApi, NotSent, Reply, Unanswered
from core.errors import Misconfigured
from core.migrations import Standing, standing
from core.migrations.moving import in_use
from core.staff import managers
from openlines.ground import bot_id, first_line, left_behind, looking_at, not_listening, plainly, sqlite_path
from openlines.settings import PREFIX, Settings, documented, read_settings, unknown_settings

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
        yield Finding("settings", f"there is no setting {name}", _meant(name))
    yield _folder(settings.data_dir)
    yield await _database(settings)
    yield await _web(settings)
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
        sites = ", ".join(settings.form.origins) or "no site: OPENLINES_FORM__ORIGINS names them"
        yield Finding("site form", f"POST /lines/main/form; scripts may post from the pages of {sites}")


def _meant(name: str) -> str:
    """What whoever has mistyped a setting most likely wanted."""
    known = [setting.removeprefix(PREFIX) for setting, _, _ in documented()]
    likely = difflib.get_close_matches(name.upper().removeprefix(PREFIX), known, n=1, cutoff=0.75)
    return f"{PREFIX}{likely[0]}, most likely" if likely else "the README lists them all"


def _folder(folder: Path) -> Finding:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        probe = folder / ".doctor"
        probe.write_text("")
        probe.unlink()
    except OSError as error:
        return Finding(
            "data folder", f"{folder}: {error.strerror}", "OPENLINES_DATA_DIR: a folder we may write to"
        )
    held = [entry for entry in folder.iterdir() if entry.name != "lost+found"]  # root's, where a disk begins
    if strange := [entry.name for entry in held if not os.access(entry, os.R_OK | os.W_OK)]:
        remedy = "give it to whoever runs openlines; has another user run it here?"
        return Finding("data folder", f"{folder / min(strange)} is not ours to read and write", remedy)
    free = shutil.disk_usage(folder).free
    if free < LEAST_SPACE:
        return Finding(
            "data folder", f"{folder}: {free // 2**20} MB free", "make room: attachments are kept here"
        )
    room = f"{free // 2**30} GB" if free >= 10 * 2**30 else f"{free // 2**20} MB"
    return Finding("data folder", f"{folder.absolute()}, {room} free")


async def _database(settings: Settings) -> Finding:
    """Looks only: a database that another version runs on is left to it."""
    is_sqlite = settings.database.startswith("sqlite")
    kind, query = (
        ("SQLite", "SELECT sqlite_version()") if is_sqlite else ("PostgreSQL", "SHOW server_version")
    )
    if is_sqlite and not os.access(place := _written(sqlite_path(settings.database)), os.W_OK):
        remedy = "OPENLINES_DATABASE_URL: a file that we may write, in a folder that is there"
        return Finding("database", f"SQLite, and {place} is not there or not ours to write", remedy)
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
        what = (
            "the file is not ours, or we may not read it" if is_sqlite else "check address, user and password"
        )
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


def _written(file: Path) -> Path:
    """What must be writable: the file, or the folder in which it is to be made."""
    return file if file.exists() else file.parent


async def _web(settings: Settings) -> Finding:
    """Whether the HTTP edge can listen, or does already."""
    host, port = settings.http.host, settings.http.port
    where = f"{host}, port {port or 'that is free'}"
    try:
        server = await asyncio.get_running_loop().create_server(asyncio.Protocol, host, port)
    except OSError as error:
        if error.errno == errno.EADDRINUSE and await _is_running(host, port):
            return Finding("web", f"openlines answers on {where}")
        mistake = not_listening(settings, error)
        return Finding("web", mistake.remedy, f"{mistake.setting}: {_LISTENABLE[mistake.setting]}")
    server.close()
    return Finding("web", f"will listen on {where}")


_LISTENABLE = {
    "OPENLINES_HTTP__PORT": "one above 1023 that nothing else listens on",
    "OPENLINES_HTTP__HOST": "an address of this machine, such as 127.0.0.1, or 0.0.0.0 for all of them",
}


async def _is_running(host: str, port: int) -> bool:
    near = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - asked, not listened on
    url = URL.build(scheme="http", host=near, port=port, path="/health/live")
    try:
        async with ClientSession(timeout=ClientTimeout(3)) as session, session.get(url) as reply:
            return reply.headers.get("Server") == "openlines"
    except (ClientError, TimeoutError):
        return False


async def _redis(settings: Settings) -> Finding:
    from redis.asyncio import Redis  # only with Redis
    from redis.exceptions import RedisError

    assert settings.redis_url is not None  # noqa: S101 - the caller looked
    redis = Redis.from_url(settings.redis_url.get_secret_value(), socket_timeout=3, socket_connect_timeout=3)
    try:
        information = await redis.info("server")
        return Finding("redis", f"version {information['redis_version']}")
    except (RedisError, OSError) as error:
        return Finding("redis", first_line(error), "OPENLINES_REDIS_URL: check address and password")
    finally:
        await redis.aclose()


async def _telegram(settings: Settings) -> AsyncIterator[Finding]:
    if settings.telegram.token is None and settings.bot.token is None:
        yield Finding("telegram", "no bot", "OPENLINES_TELEGRAM__TOKEN: @BotFather gives one")
        return
    async with ClientSession() as session:
        for what, setting, token in (
            ("telegram", "OPENLINES_TELEGRAM__TOKEN", settings.telegram.token),
            ("managers' bot", "OPENLINES_BOT__TOKEN", settings.bot.token),
        ):
            if token is not None:
                state, remedy = await _bot(settings.telegram.api_url, session, setting, token)
                yield Finding(what, state, remedy)


async def _bot(url: str, session: ClientSession, setting: str, token: SecretStr) -> tuple[str, str | None]:
    try:
        bot_id(token.get_secret_value(), setting)
    except Misconfigured as error:
        return "no token", str(error)
    api = BotApi(token, url, session)
    me = await api.call("getMe", timeout=10)
    if isinstance(me, ApiError) and me.code in (401, 404):
        return f"the token is refused ({why_not(me)})", f"{setting}: @BotFather knows the right one"
    if not isinstance(me, Answered) or not isinstance(me.result, dict):
        return f"{url} cannot be reached: {why_not(me)}", "the network, or OPENLINES_TELEGRAM__API_URL"
    hook = await api.call("getWebhookInfo", timeout=10)
    information = hook.result if isinstance(hook, Answered) and isinstance(hook.result, dict) else {}
    waiting = information.get("pending_update_count", 0)
    state = f"@{me.result.get('username')}, " + {0: "no updates wait", 1: "1 update waits"}.get(
        waiting, f"{waiting} updates wait"
    )
    if information.get("url") and (trouble := information.get("last_error_message")):
        remedy = "OPENLINES_PUBLIC_URL: can it be reached from the internet?"
        return f"{state}; the last webhook failed: {trouble}", remedy
    return state, None


def why_not(reply: Reply) -> str:
    """Why the Bot API did not do what was asked, for the admin."""
    match reply:
        case ApiError(code, description):
            return f"{code} {description}"
        case NotSent(reason) | Unanswered(reason):
            # Behind the name of the exception stands what the system said, if it said anything.
            said = plainly(reason.partition(": ")[2])
            return said or ("it does not answer" if "Timeout" in reason else reason)
        case Answered():
            return "something else answers there"
