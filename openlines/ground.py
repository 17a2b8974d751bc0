"""What a program stands on before any part of it runs: the database, the rows of the settings, keys and locks."""

from __future__ import annotations

import errno
import fcntl
import os
import re
import secrets
import sqlite3
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, closing, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, TYPE_CHECKING
from urllib.parse import quote

from sqlalchemy import make_url
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.pool import NullPool

from core.automation.preset import ensure_line
from core.automation.reactions import Policy, Reactions
from core.clock import Clock
from core.conversations.notices import follow_managers_bot
from core.database import Database, DatabaseError, Transaction
from core.errors import Misconfigured
from core.lines.accounts import AccountRef, ensure_account, use_only
from core.migrations import NewerSchema, migrate
from core.staff.managers import ensure_admins
from openlines.settings import SQLITE_FILE, Settings

if TYPE_CHECKING:
    from channels.redis_limits import RedisLimits


@dataclass(frozen=True, slots=True)
class Accounts:
    """The accounts the settings ask for, as rows."""

    line_id: int
    form: AccountRef
    telegram: AccountRef | None = None
    staff: AccountRef | None = None  # the managers' bot, when it has a token of its own
    email: AccountRef | None = None

    @property
    def of_managers(self) -> AccountRef | None:
        """The account of the managers' bot."""
        return self.staff or self.telegram


@asynccontextmanager
async def opened_database(settings: Settings) -> AsyncIterator[Database]:
    """The database for a command that does one thing beside the running program."""
    async with AsyncExitStack() as stack:
        with database_at_hand(settings):
            await migrate(settings.database)
            policy = Policy(settings.confirm.max_age, settings.open_hours)
            db = await stack.enter_async_context(Database.opened(settings.database, react=Reactions(policy)))
        yield db


@asynccontextmanager
async def looking_at(settings: Settings) -> AsyncIterator[AsyncConnection]:
    """A connection that can change nothing, not even make the file. Raises Misconfigured when there is none."""
    url = make_url(settings.database)
    if url.get_backend_name() == "sqlite":
        file = f"file:{quote(str(sqlite_path(settings.database).absolute()))}"
        url = url.set(database=file, query={"mode": "ro", "uri": "true"})
    engine = create_async_engine(url, poolclass=NullPool, hide_parameters=True)
    try:
        async with engine.connect() as connection:
            yield await connection.execution_options(postgresql_readonly=True)
    except (OSError, DatabaseError) as error:
        raise Misconfigured("OPENLINES_DATABASE_URL", f"cannot be opened: {first_line(error)}") from error
    finally:
        await engine.dispose()


def ensure_rows(tx: Transaction, settings: Settings) -> Accounts:
    """The line, its accounts and its admins, as the settings name them; accounts they name no more are retired."""
    line_id = ensure_line(tx, language=settings.language, timezone=settings.timezone)
    ensure_admins(tx, settings.admins, settings.language)
    telegram = staff = email = None
    if token := settings.telegram.token:
        scope = bot_id(token.get_secret_value(), "OPENLINES_TELEGRAM__TOKEN")
        telegram = ensure_account(tx, line_id, "telegram", scope, "Telegram")
    if token := settings.bot.token:
        scope = bot_id(token.get_secret_value(), "OPENLINES_BOT__TOKEN")
        if telegram is None or scope != telegram.scope:
            staff = ensure_account(tx, line_id, "staff", scope, "Telegram")
            telegram = telegram and replace(telegram, serves_staff=False)
    if settings.email.address:
        address = settings.email.address.strip().lower()
        email = ensure_account(tx, line_id, "email", address, address)
    form = ensure_account(tx, line_id, "form", "main", "main")
    use_only(tx, line_id, [one.id for one in (telegram, staff, email, form) if one is not None])
    follow_managers_bot(tx)
    return Accounts(line_id, form, telegram, staff, email)


def bot_id(token: str, setting: str) -> str:
    """The bot's id, which every token begins with. Raises Misconfigured for what is no token, never showing it."""
    found = _TOKEN.fullmatch(token)
    if found is None:
        raise Misconfigured(setting, "is not a bot token; @BotFather gives one like 123456:AbC…")
    return found[1]


_TOKEN = re.compile("([0-9]{1,20}):[A-Za-z0-9_-]{1,128}")  # what channels.telegram.api takes for one


def secret_key(settings: Settings) -> bytes:
    """What signs letters' ids and links: the setting, else a key made once and kept beside the data.

    Raises Misconfigured when it cannot be read.
    """
    if settings.secret_key is not None:
        return settings.secret_key.get_secret_value().encode()
    path = settings.data_dir / "secret.key"
    if not path.exists():
        handle, name = tempfile.mkstemp(dir=settings.data_dir, prefix=".secret.")
        with os.fdopen(handle, "w") as file:
            file.write(secrets.token_hex(32))
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            os.link(name, path)  # whole or not at all, and the first of several processes wins
        os.unlink(name)
    try:
        return path.read_bytes()
    except OSError as error:
        raise Misconfigured("OPENLINES_DATA_DIR", f"{path} cannot be read: {error.strerror}") from error


def sqlite_path(url: str) -> Path:
    """The file an SQLite database lies in."""
    return Path(url.split("///", 1)[1])


def left_behind(settings: Settings) -> Misconfigured | None:
    """What is wrong when the database of the settings is new: an SQLite file full of leads lies in DATA_DIR.

    The line would begin anew, and with the first message it takes in it would be too late to move.
    """
    old = settings.data_dir.absolute() / SQLITE_FILE
    if settings.database == f"sqlite+aiosqlite:///{old}" or not old.is_file():
        return None
    try:
        with closing(sqlite3.connect(f"file:{quote(str(old))}?mode=ro", uri=True)) as connection:
            (leads,) = connection.execute("SELECT count(*) FROM lead").fetchone()
    except sqlite3.Error:
        return None  # whatever it is, it is no line
    if not leads:
        return None
    remedy = f"is a new database, and {old} holds {leads:,} leads: `openlines move {old}` takes them along"
    return Misconfigured("OPENLINES_DATABASE_URL", f"{remedy}; to begin anew, put that file away")


def shown(settings: Settings) -> str:
    """The database's address without its password."""
    return make_url(settings.database).render_as_string(hide_password=True)


@contextmanager
def database_at_hand(settings: Settings) -> Iterator[None]:
    """Around opening it: a database that cannot be opened is a setting to be mended, told in one line."""
    try:
        _ensure_folder(settings.data_dir)
        if settings.database.startswith("sqlite"):
            # Tried here first: the asynchronous driver's thread outlives a failure and complains after us.
            with closing(sqlite3.connect(sqlite_path(settings.database))) as connection:
                connection.execute("PRAGMA schema_version")
        yield
    except NewerSchema as error:
        remedy = f"a newer openlines has been at work there: install that one ({first_line(error)})"
        raise Misconfigured("OPENLINES_DATABASE_URL", remedy) from error
    except (OSError, DatabaseError, sqlite3.Error) as error:
        raise Misconfigured("OPENLINES_DATABASE_URL", f"cannot be opened: {first_line(error)}") from error


def not_listening(settings: Settings, error: OSError) -> Misconfigured:
    """What is wrong when the HTTP edge cannot listen where it shall."""
    why = os.strerror(error.errno) if error.errno and error.errno > 0 else str(error.strerror)
    if error.errno in (errno.EADDRINUSE, errno.EACCES):
        return Misconfigured("OPENLINES_HTTP__PORT", f"port {settings.http.port} cannot be had: {why}")
    return Misconfigured("OPENLINES_HTTP__HOST", f"{settings.http.host} cannot be listened on: {why}")


def _ensure_folder(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)  # what customers write is nobody else's to read
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        remedy = f"{folder} is no folder we may write to: {error.strerror}"
        raise Misconfigured("OPENLINES_DATA_DIR", remedy) from error


def first_line(error: Exception) -> str:
    """What an error says, as one short line for the admin."""
    said = str(getattr(error, "orig", None) or error).strip()
    return plainly(said.splitlines()[0][:200]) if said else type(error).__name__


def plainly(said: str) -> str:
    """What a library says of a connection that was not made, without asyncio's way of putting it."""
    if redis := _REDIS.match(said):
        return f"{redis[2]}: {os.strerror(int(redis[1]))}"
    parts = _CONNECTING.sub(_why_not_made, said).removeprefix("Multiple exceptions: ").split(", ")
    return ", ".join(dict.fromkeys(parts))  # a host with two addresses says it twice


_REDIS = re.compile(r"Error (\d+) connecting to (.+?)\. ")
_CONNECTING = re.compile(r"(?:\[Errno (\d+)\] )?Connect call failed \([^()]*\)")


def _why_not_made(found: re.Match[str]) -> str:
    return os.strerror(int(found[1])) if found[1] else "no connection"


class run_lock:  # noqa: N801 - a context manager, used like a function
    """One running program per SQLite file; commands may write beside it."""

    def __init__(self, database: Path) -> None:
        self._path = database.with_name(database.name + ".lock")
        self._file: IO[str] | None = None

    def __enter__(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._file = self._path.open("w")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._file.close()
            raise Misconfigured(
                "OPENLINES_DATABASE_URL", f"another openlines runs on {self._path.with_suffix('')}"
            ) from None

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()


def shared_limits(url: str, clock: Clock) -> RedisLimits:
    """Send limits shared by all processes, over a Redis that nobody waits for long."""
    from redis.asyncio import Redis  # a quarter of a second, only for those who use it
    from redis.asyncio.retry import Retry
    from redis.backoff import NoBackoff

    from channels.redis_limits import RedisLimits

    # The library's own patience is ten silent retries: a dead Redis would cost four seconds a call.
    client = Redis.from_url(url, socket_timeout=1, socket_connect_timeout=1, retry=Retry(NoBackoff(), 1))
    return RedisLimits(client, clock)
