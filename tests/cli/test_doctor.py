from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from alembic.runtime.migration import MigrationContext
from pydantic import SecretStr
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from core.clock import ManualClock
from core.errors import Misconfigured
from core.migrations import migrate
from openlines.__main__ import main
from openlines.application import serve
from openlines.doctor import examine
from openlines.settings import Bot, Email, Form, Http, Settings, Telegram
from sandbox.faults import Gateway
from sandbox.telegram import TelegramSandbox
from tests.servers.redis import RedisServer
from tests.web.edge import serving

TOKEN = "1000:LINE"


@pytest.fixture
async def telegram() -> AsyncIterator[TelegramSandbox]:
    async with TelegramSandbox() as running:
        running.add_bot(TOKEN, "line_bot")
        yield running


async def findings(settings: Settings) -> dict[str, tuple[str, str | None]]:
    """Everything that was looked at: its state, and what to mend."""
    return {one.what: (one.state, one.remedy) async for one in examine(settings)}


async def revision(url: str) -> str | None:
    """Which version of the schema a database has."""
    engine = create_async_engine(url)
    try:
        async with engine.connect() as connection:
            return await connection.run_sync(lambda c: MigrationContext.configure(c).get_current_revision())
    finally:
        await engine.dispose()


async def write(url: str, statement: str) -> None:
    engine = create_async_engine(url)
    async with engine.begin() as connection:
        await connection.execute(text(statement))
    await engine.dispose()


def settings_of(folder: Path, telegram: TelegramSandbox, token: str = TOKEN, **more: object) -> Settings:
    return Settings.model_validate(
        {
            "data_dir": folder,
            "telegram": Telegram(token=SecretStr(token), api_url=telegram.url),
            "admins": [100],
            "http": Http(port=0),
            **more,
        }
    )


async def test_a_line_that_is_well_needs_nothing_mended(
    database_url: str, redis_url: str, tmp_path: Path, telegram: TelegramSandbox
) -> None:
    settings = settings_of(
        tmp_path,
        telegram,
        database_url=database_url,
        redis_url=SecretStr(redis_url),
        form=Form(key=SecretStr("key")),
    )
    found = await findings(settings)
    assert list(found) == ["data folder", "database", "web", "redis", "telegram", "site form"]
    assert [what for what, (_, remedy) in found.items() if remedy is not None] == []
    assert found["database"][0].endswith("people who work here: 1")
    assert found["site form"][0].endswith("of no site: OPENLINES_FORM__ORIGINS names them")
    assert found["telegram"][0] == "@line_bot, no updates wait"


async def test_every_ailment_is_named_with_the_setting_to_mend(
    tmp_path: Path, telegram: TelegramSandbox, redis_server: RedisServer
) -> None:
    redis_server.stop()
    settings = settings_of(
        tmp_path,
        telegram,
        token="1000:OTHER",
        database_url="postgresql+asyncpg://line:geheim@127.0.0.1:1/line",
        redis_url=SecretStr(redis_server.url),
    )
    found = await findings(settings)
    assert {what: remedy.split(":")[0] for what, (_, remedy) in found.items() if remedy} == {
        "database": "OPENLINES_DATABASE_URL",
        "redis": "OPENLINES_REDIS_URL",
        "telegram": "OPENLINES_TELEGRAM__TOKEN",
    }
    assert found["database"][0] == "PostgreSQL cannot be opened: Connection refused"
    address = redis_server.url.removeprefix("redis://").removesuffix("/0")
    assert found["redis"][0] == f"{address}: Connection refused"
    assert found["telegram"] == (
        "the token is refused (401 Unauthorized)",
        "OPENLINES_TELEGRAM__TOKEN: @BotFather knows the right one",
    )
    assert "geheim" not in str(found)
    assert "OTHER" not in str(found)


async def test_what_is_mistyped_away_or_no_token_is_said_as_the_admin_would(
    tmp_path: Path, telegram: TelegramSandbox, monkeypatch: pytest.MonkeyPatch, unused_tcp_port: int
) -> None:
    monkeypatch.setenv("OPENLINES_ADMIN", "1")
    monkeypatch.setenv("OPENLINES_COLOUR", "red")
    settings = settings_of(tmp_path, telegram, bot=Bot(token=SecretStr("geheim")))
    found = [one async for one in examine(settings)]
    mistyped = [(one.state, one.remedy) for one in found if one.what == "settings"]
    assert mistyped == [
        ("there is no setting OPENLINES_ADMIN", "OPENLINES_ADMINS, most likely"),
        ("there is no setting OPENLINES_COLOUR", "the README lists them all"),
    ]
    assert (found[-2].what, found[-2].state, found[-2].remedy) == (
        "managers' bot",
        "no token",
        "OPENLINES_BOT__TOKEN: is not a bot token; @BotFather gives one like 123456:AbC…",
    )
    nowhere = f"http://127.0.0.1:{unused_tcp_port}"
    settings.telegram.api_url = nowhere
    assert (await findings(settings))["telegram"] == (
        f"{nowhere} cannot be reached: no connection",
        "the network, or OPENLINES_TELEGRAM__API_URL",
    )


async def test_where_nobody_can_listen_is_said_before_the_start(
    tmp_path: Path, telegram: TelegramSandbox, unused_tcp_port: int, sqlite_url: str, clock: ManualClock
) -> None:
    async def web(host: str, port: int) -> tuple[str, str | None]:
        return (await findings(settings_of(tmp_path, telegram, http=Http(host=host, port=port))))["web"]

    assert await web("127.0.0.1", unused_tcp_port) == (
        f"will listen on 127.0.0.1, port {unused_tcp_port}",
        None,
    )
    state, remedy = await web("192.0.2.1", unused_tcp_port)
    assert state.startswith("192.0.2.1 cannot be listened on: ")
    assert remedy is not None
    assert remedy.startswith("OPENLINES_HTTP__HOST: an address of this machine")
    another = int(telegram.url.rpartition(":")[2])
    assert await web("127.0.0.1", another) == (
        f"port {another} cannot be had: Address already in use",
        "OPENLINES_HTTP__PORT: one above 1023 that nothing else listens on",
    )
    async with serving(sqlite_url, tmp_path, clock) as edge:
        ours = edge.client.port
        assert ours is not None
        assert await web("127.0.0.1", ours) == (f"openlines answers on 127.0.0.1, port {ours}", None)


async def test_what_cannot_be_read_in_the_data_folder_is_named(
    tmp_path: Path, telegram: TelegramSandbox
) -> None:
    (tmp_path / "secret.key").symlink_to("/nowhere/secret.key")
    settings = settings_of(tmp_path, telegram)
    state, remedy = (await findings(settings))["data folder"]
    assert state == f"{tmp_path}/secret.key is not ours to read and write"
    assert remedy is not None
    with pytest.raises(Misconfigured, match=r"OPENLINES_DATA_DIR: .*secret.key cannot be read: No such file"):
        await serve(settings)


async def test_an_address_to_take_letters_at_is_read_as_the_start_reads_it(
    tmp_path: Path, telegram: TelegramSandbox
) -> None:
    email = Email(address="sales@example.com", listen="127.0.0.1:2525")
    assert (await findings(settings_of(tmp_path, telegram, email=email)))["mail listener"] == (
        "no address",
        "OPENLINES_EMAIL__LISTEN: begins with smtp:// or lmtp://",
    )


async def test_a_file_whose_folder_is_not_there_is_named(tmp_path: Path, telegram: TelegramSandbox) -> None:
    url = f"sqlite+aiosqlite:///{tmp_path}/nowhere/line.db"
    state, remedy = (await findings(settings_of(tmp_path, telegram, database_url=url)))["database"]
    assert state == f"SQLite, and {tmp_path}/nowhere is not there or not ours to write"
    assert remedy is not None
    assert remedy.startswith("OPENLINES_DATABASE_URL: ")


async def test_what_waits_at_telegram_is_counted(tmp_path: Path, telegram: TelegramSandbox) -> None:
    settings = settings_of(tmp_path, telegram)
    (bot,) = telegram.world.bots.values()
    for state in ("1 update waits", "2 updates wait"):
        telegram.push_raw(bot, {"message": {"text": "?"}})
        assert (await findings(settings))["telegram"] == (f"@line_bot, {state}", None)


async def test_a_database_of_another_version_is_told_and_left_as_it_is(
    empty_database_url: str, tmp_path: Path
) -> None:
    settings = Settings(data_dir=tmp_path, database_url=empty_database_url, admins=[100])
    state, remedy = (await findings(settings))["database"]
    assert state.endswith("empty until the first start, people who work here: 1")
    assert remedy is None
    assert await revision(empty_database_url) is None

    await migrate(empty_database_url, "0001")
    state, remedy = (await findings(settings))["database"]
    assert state.endswith(", of an older version")
    assert remedy == "openlines migrate (the program does it by itself at start)"
    assert await revision(empty_database_url) == "0001"

    await migrate(empty_database_url)
    assert (await findings(settings))["database"][1] is None
    await write(empty_database_url, "UPDATE alembic_version SET version_num = 'later'")
    state, remedy = (await findings(settings))["database"]
    assert state.endswith(", newer than this program")
    assert remedy == "a newer openlines has been at work there: install that one"


def test_a_look_makes_no_file(tmp_path: Path) -> None:
    state, _ = asyncio.run(findings(Settings(data_dir=tmp_path, admins=[100])))["database"]
    assert state == "SQLite, empty until the first start, people who work here: 1"
    assert not list(tmp_path.iterdir())


async def test_what_is_no_database_is_said_in_a_line(tmp_path: Path) -> None:
    (tmp_path / "openlines.db").write_bytes(b"a letter to grandmother " * 100)
    state, remedy = (await findings(Settings(data_dir=tmp_path)))["database"]
    assert re.fullmatch(r"SQLite [\d.]+ cannot be opened: file is not a database", state)
    assert remedy == "OPENLINES_DATABASE_URL: the file is not ours, or we may not read it"


async def test_no_telegram_no_admins_and_a_gateway_in_between(
    tmp_path: Path, telegram: TelegramSandbox
) -> None:
    telegram.fail("getMe", Gateway())
    found = await findings(settings_of(tmp_path, telegram, admins=[]))
    assert found["telegram"][1] is not None
    assert "OPENLINES_TELEGRAM__API_URL" in found["telegram"][1]
    assert found["database"][1] is not None
    assert found["database"][1].startswith("OPENLINES_ADMINS")
    assert TOKEN not in str(found)
    found = await findings(Settings(data_dir=tmp_path))
    assert found["telegram"][0] == "no bot"


async def test_the_link_of_an_invitation_lets_one_person_in(
    tmp_path: Path,
    telegram: TelegramSandbox,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name, value in (
        ("DATA_DIR", str(tmp_path)),
        ("TELEGRAM__TOKEN", TOKEN),
        ("TELEGRAM__API_URL", telegram.url),
    ):
        monkeypatch.setenv(f"OPENLINES_{name}", value)
    # A command has an event loop of its own.
    command: Callable[..., int] = main
    assert await asyncio.to_thread(command, ["managers", "list"]) == 0
    assert capsys.readouterr().out.startswith("Nobody yet")
    assert await asyncio.to_thread(command, ["managers", "invite", "--name", "Пётр"]) == 0
    link, said = capsys.readouterr().out.splitlines()
    assert link.startswith("https://t.me/line_bot?start=i-")
    assert said == "Good for one person and seven days."
    assert await asyncio.to_thread(command, ["managers", "invite", "--admin"]) == 0
    assert capsys.readouterr().out.splitlines()[0] != link

    monkeypatch.setenv("OPENLINES_TELEGRAM__TOKEN", "1000:OTHER")
    assert await asyncio.to_thread(command, ["managers", "invite"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("openlines: OPENLINES_TELEGRAM__TOKEN: Telegram does not answer to it: ")
    assert "OTHER" not in said
    monkeypatch.delenv("OPENLINES_TELEGRAM__TOKEN")
    assert await asyncio.to_thread(command, ["managers", "invite"]) == 2
    assert "wanted" in capsys.readouterr().err
