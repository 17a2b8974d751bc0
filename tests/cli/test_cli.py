from __future__ import annotations

import asyncio
import csv
import hashlib
import io
import json
import os
import re
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.channel import Address, Received, Unreadable
from core.clock import ManualClock
from core.database import Database
from core.errors import Misconfigured
from core.intake.parked import parked
from openlines.__main__ import EXPORTS, INPUTS, main
from openlines.application import opened
from openlines.export import FORMULAS, cell
from openlines.settings import database_address, documented, read_settings, unknown_settings
from tests.builders import NOON, a_database, a_message, an_account, email, file, phone, telegram

Environment = Callable[..., None]


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Environment:
    """The settings of a program: nothing but a folder of its own, and what is asked for by name."""
    for name in [name for name in os.environ if name.startswith("OPENLINES_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("OPENLINES_DATA_DIR", str(tmp_path / "data"))

    def with_settings(**given: str) -> None:
        for name, value in given.items():
            monkeypatch.setenv(f"OPENLINES_{name}", value)

    return with_settings


def lines(text: str) -> list[dict[str, Any]]:
    # As many a reader divides them, who takes more than \n for the end of a line.
    return [json.loads(line) for line in text.splitlines()]


# --- help and version -----------------------------------------------------------------------------


def test_help_names_every_command_and_loads_nothing_slow() -> None:
    program = (
        "import sys; from openlines.__main__ import parser; print(parser().format_help());"
        "print([n for n in ('pydantic', 'sqlalchemy', 'aiohttp', 'aiogram', 'structlog') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    text, _, loaded = done.stdout.strip().rpartition("\n")
    assert loaded == "[]"
    for command in (
        "run",
        "demo",
        "migrate",
        "move",
        "doctor",
        "managers",
        "export",
        "inspect",
        "replay",
        "version",
    ):
        assert f"    {command} " in text


def test_no_command_is_help_and_an_unknown_one_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    assert "openlines" in capsys.readouterr().out
    with pytest.raises(SystemExit) as left:
        main(["frobnicate"])
    assert left.value.code == 2
    assert "frobnicate" in capsys.readouterr().err


def test_parts_are_chosen_by_name(capsys: pytest.CaptureFixture[str]) -> None:
    for wrong in ("chef", "", "web,chef", ","):
        with pytest.raises(SystemExit):
            main(["run", "--only", wrong])
        assert "choose from web, bot, mail, worker" in capsys.readouterr().err


def test_a_port_and_a_day_are_asked_for_as_they_are_written(capsys: pytest.CaptureFixture[str]) -> None:
    for port in ("99999", "-1", "http", "9" * 5000):
        with pytest.raises(SystemExit):
            main(["demo", f"--port={port}"])
        assert "a port is a number from 0 to 65535" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["run", "--since", "yesterday"])
    assert "a day is written 2026-03-16" in capsys.readouterr().err


def test_the_version_is_that_of_the_package(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["version"]) == 0
    assert capsys.readouterr().out == "0.1.0\n"


# --- settings -------------------------------------------------------------------------------------


WEB = "begins with https:// or http://"
SITE = "write https://shop.example, as browsers name it: without a path, a query, a fragment or a user"
SITES = (
    "a site such as https://shop.example or http://localhost:3000, each named whole; * alone is every site"
)
WEBHOOK = "wanted when OPENLINES_TELEGRAM__MODE is webhook"
BOT = {"TELEGRAM__TOKEN": "1:a", "TELEGRAM__MODE": "webhook"}
IDS = "Telegram ids, digits separated by commas"
DAYS = "a number of days from 1 to 36500"
ESCAPED = "is no address; a password with / @ : # ? or % is written escaped (%40 for @)"
LEFT_OUT = "leave out channel_binding, foo: the driver knows nothing of it"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"HTTP__PORT": "http"}, "HTTP__PORT: a number from 0 to 65535"),
        ({"HTTP__PORT": "70000"}, "HTTP__PORT: a number from 0 to 65535"),
        ({"HTTP": "8080"}, "HTTP: is set by its parts, such as OPENLINES_HTTP__…"),
        ({"HTTP": "port 8080"}, "HTTP: is set by its parts, such as OPENLINES_HTTP__…"),
        (
            {"HTTP__TRUSTED_PROXIES": "proxy"},
            "HTTP__TRUSTED_PROXIES: 'proxy' is neither an address nor a network such as 172.18.0.0/16",
        ),
        (
            {"DATABASE_URL": "mysql://localhost/x"},
            "DATABASE_URL: begins with sqlite+aiosqlite:/// or postgresql+asyncpg://",
        ),
        ({"DATABASE_URL": "postgresql://u:geheim@127.0.0.1:port/line"}, f"DATABASE_URL: {ESCAPED}"),
        ({"DATABASE_URL": "postgresql://u:geheim@127.0.0.1:70000/line"}, f"DATABASE_URL: {ESCAPED}"),
        ({"DATABASE_URL": "postgresql://u:ge@heim@127.0.0.1/line"}, f"DATABASE_URL: {ESCAPED}"),
        (
            {"DATABASE_URL": "postgresql://u:p@h/line?sslmode=require&channel_binding=require&foo=1"},
            f"DATABASE_URL: {LEFT_OUT}",
        ),
        ({"REDIS_URL": "redis://:ge/heim@localhost:6379/0"}, f"REDIS_URL: {ESCAPED}"),
        ({"REDIS_URL": "redis://localhost:port/0"}, f"REDIS_URL: {ESCAPED}"),
        ({"REDIS_URL": "localhost:6379"}, "REDIS_URL: begins with redis://, rediss:// or unix://"),
        ({"LANGUAGE": "fr"}, "LANGUAGE: ru or en"),
        ({"TIMEZONE": "Moscow"}, "TIMEZONE: an IANA time zone such as Europe/Moscow"),
        ({"REGION": "Russia"}, "REGION: two letters such as RU or GB (ISO 3166)"),
        ({"REGION": "UK"}, "REGION: two letters such as RU or GB (ISO 3166)"),
        ({"PUBLIC_URL": "line.example.com"}, f"PUBLIC_URL: {WEB}"),
        ({"ADMINS": "ivan,pyotr"}, f"ADMINS: {IDS}"),
        ({"ADMINS": "-100123"}, f"ADMINS: {IDS}"),
        ({"ADMINS": "1" * 30}, f"ADMINS: {IDS}"),
        ({"ADMINS": "[1"}, f"ADMINS: {IDS}"),
        ({"LOG_FORMAT": "xml"}, "LOG_FORMAT: text or json"),
        ({"TELEGRAM__API_URL": "telegram"}, f"TELEGRAM__API_URL: {WEB}"),
        ({"TELEGRAM__MODE": "magic"}, "TELEGRAM__MODE: polling or webhook"),
        (
            {"TELEGRAM__SECRET": "с пробелом"},
            "TELEGRAM__SECRET: Telegram takes only letters, digits, _ and -, 256 at most",
        ),
        ({"TELEGRAM__LIMITS": "perhaps"}, "TELEGRAM__LIMITS: true or false"),
        (BOT | {"TELEGRAM__SECRET": "a"}, f"PUBLIC_URL: {WEBHOOK}"),
        (
            BOT | {"TELEGRAM__SECRET": "a", "PUBLIC_URL": "http://line.example"},
            "PUBLIC_URL: Telegram brings updates to https:// only, on the ports 443, 80, 88 and 8443",
        ),
        (
            BOT | {"TELEGRAM__SECRET": "a", "PUBLIC_URL": "https://line.example:8080"},
            "PUBLIC_URL: Telegram brings updates to https:// only, on the ports 443, 80, 88 and 8443",
        ),
        (
            BOT | {"TELEGRAM__SECRET": "a", "PUBLIC_URL": "https://line.example:99999"},
            "PUBLIC_URL: Telegram brings updates to https:// only, on the ports 443, 80, 88 and 8443",
        ),
        (BOT | {"PUBLIC_URL": "https://line.example"}, f"TELEGRAM__SECRET: {WEBHOOK}"),
        (
            {"EMAIL__IMAP_URL": "imaps://user:geheim@host/INBOX"},
            "EMAIL__ADDRESS: wanted with a mailbox: the address customers write to",
        ),
        ({"EMAIL__ADDRESS": "sales"}, "EMAIL__ADDRESS: an address such as sales@example.com"),
        ({"EMAIL__NAME": "x" * 101}, "EMAIL__NAME: 100 characters at most"),
        ({"EMAIL__SINCE": "yesterday"}, "EMAIL__SINCE: a day such as 2026-03-16"),
        ({"EMAIL__VERP": "perhaps"}, "EMAIL__VERP: true or false"),
        ({"EMAIL__SIZE_LIMIT": "1"}, "EMAIL__SIZE_LIMIT: a number of bytes, 65536 or more"),
        (
            {"FORM__HONEYPOT": "[a"},
            "FORM__HONEYPOT: is neither a list separated by commas nor one in JSON",
        ),
        ({"FORM__ORIGINS": "shop.example"}, f"FORM__ORIGINS: {WEB}"),
        ({"FORM__ORIGINS": "https://Shop.example:443/contacts"}, f"FORM__ORIGINS: {SITE}"),
        ({"FORM__ORIGINS": "*, https://shop.example/?utm=1"}, f"FORM__ORIGINS: {SITE}"),
        ({"FORM__ORIGINS": "https://shop.example#top"}, f"FORM__ORIGINS: {SITE}"),
        ({"FORM__ORIGINS": "https://olga:geheim@shop.example"}, f"FORM__ORIGINS: {SITE}"),
        ({"FORM__ORIGINS": "https://*.shop.example"}, f"FORM__ORIGINS: {SITES}"),
        ({"FORM__ORIGINS": "https://shop.example:port"}, f"FORM__ORIGINS: {SITES}"),
        ({"FORM__ORIGINS": "https://shop example"}, f"FORM__ORIGINS: {SITES}"),
        ({"RETENTION__RAW_DAYS": "0"}, f"RETENTION__RAW_DAYS: {DAYS}"),
        ({"RETENTION__RAW_DAYS": "1000000"}, f"RETENTION__RAW_DAYS: {DAYS}"),
        ({"CONFIRM__MAX_AGE": "soon"}, "CONFIRM__MAX_AGE: seconds, or a time such as PT1H"),
        ({"CONFIRM__MAX_AGE": "-5"}, "CONFIRM__MAX_AGE: seconds, or a time such as PT1H"),
    ],
    ids=lambda value: None if isinstance(value, str) else " ".join(value.values()),
)
def test_a_wrong_setting_stops_every_command_and_says_its_name_and_what_it_takes(
    environment: Environment, capsys: pytest.CaptureFixture[str], given: dict[str, str], said: str
) -> None:
    environment(**given)
    assert main(["migrate"]) == 2
    assert capsys.readouterr().err == f"openlines: OPENLINES_{said}\n"


def test_all_wrong_settings_are_named_at_once(
    environment: Environment, capsys: pytest.CaptureFixture[str]
) -> None:
    environment(LANGUAGE="fr", ADMINS="a,b", RETENTION__RAW_DAYS="x", HTTP__PORT="x")
    assert main(["migrate"]) == 2
    assert capsys.readouterr().err.splitlines() == [
        "openlines: OPENLINES_LANGUAGE: ru or en",
        f"openlines: OPENLINES_ADMINS: {IDS}",
        "openlines: OPENLINES_HTTP__PORT: a number from 0 to 65535",
        f"openlines: OPENLINES_RETENTION__RAW_DAYS: {DAYS}",
    ]
    environment(**BOT, LANGUAGE="ru", ADMINS="1", RETENTION__RAW_DAYS="1", HTTP__PORT="0", EMAIL__LISTEN="x")
    assert main(["migrate"]) == 2
    assert [line.split(": ")[1] for line in capsys.readouterr().err.splitlines()] == [
        "OPENLINES_PUBLIC_URL",
        "OPENLINES_TELEGRAM__SECRET",
        "OPENLINES_EMAIL__ADDRESS",
    ]


def test_no_setting_that_is_wrong_is_told_in_the_words_of_a_library(
    environment: Environment, capsys: pytest.CaptureFixture[str]
) -> None:
    environment(**{name.removeprefix("OPENLINES_"): "?\n" * 60 for name, _, _ in documented()})
    assert main(["migrate"]) == 2
    said = capsys.readouterr().err
    assert len(said.splitlines()) > 15
    assert not re.search("input|valid|expected|pydantic|literal|value error", said, re.IGNORECASE)


@pytest.mark.parametrize("token", ["geheim", "12:", ":geheim", "1:ge/heim", "1:ge heim", "١:geheim"])
def test_what_is_no_token_is_refused_without_being_shown(
    environment: Environment, capsys: pytest.CaptureFixture[str], token: str
) -> None:
    environment(TELEGRAM__TOKEN=token, HTTP__PORT="0")
    assert main(["doctor"]) == 1
    said = capsys.readouterr().out
    assert "✗ telegram: no token" in said
    assert "heim" not in said
    assert main(["managers", "invite"]) == 2
    wrong = "OPENLINES_TELEGRAM__TOKEN: is not a bot token; @BotFather gives one like 123456:AbC…"
    assert capsys.readouterr().err == f"openlines: {wrong}\n"

    async def start() -> None:
        async with opened(read_settings()):
            pass

    with pytest.raises(Misconfigured, match=wrong):
        asyncio.run(start())


def test_lists_origins_and_addresses_are_read_as_people_write_them(environment: Environment) -> None:
    environment(
        ADMINS=" 1, 2,",
        FORM__ORIGINS="https://Shop.example/, http://localhost:3000",
        HTTP__TRUSTED_PROXIES="172.18.0.0/16,::1",
        DATABASE_URL="postgresql://u:geheim@db/line",
        PUBLIC_URL="https://line.example/",
        REGION="gb",
        CONFIRM__MAX_AGE="PT2H",
    )
    read = read_settings()
    assert read.admins == [1, 2]
    assert read.form.origins == ["https://shop.example", "http://localhost:3000"]
    assert read.http.trusted_proxies == ["172.18.0.0/16", "::1"]
    assert read.database == "postgresql+asyncpg://u:geheim@db/line"
    assert read.public_url == "https://line.example"
    assert read.region == "GB"
    assert "geheim" not in repr(read)


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ("*", "*"),
        ("HTTPS://Shop.example", "https://shop.example"),
        ("https://shop.example:443/", "https://shop.example"),
        ("http://shop.example:80", "http://shop.example"),
        ("https://shop.example:80", "https://shop.example:80"),
        ("https://пример.рф", "https://xn--e1afmkfd.xn--p1ai"),
        ("https://Магазин.Пример.РФ:8443/", "https://xn--80aairftm.xn--e1afmkfd.xn--p1ai:8443"),
        ("https://straße.example", "https://xn--strae-oqa.example"),
        ("http://192.168.0.7:3000", "http://192.168.0.7:3000"),
        ("http://[2001:0DB8::0001]:3000", "http://[2001:db8::1]:3000"),
        ('[" https://shop.example "]', "https://shop.example"),
    ],
)
def test_a_site_is_known_by_the_name_browsers_send_however_people_write_it(
    environment: Environment, written: str, sent: str
) -> None:
    environment(FORM__ORIGINS=written)
    assert read_settings().form.origins == [sent]


@pytest.mark.parametrize("written", ["9-18", "mo 09:00-18:00", "09:00-26:00"])
def test_hours_that_are_not_understood_say_how_to_write_them(
    environment: Environment, capsys: pytest.CaptureFixture[str], written: str
) -> None:
    environment(HOURS=written)
    assert main(["migrate"]) == 2
    assert re.match("openlines: OPENLINES_HOURS: .*(mon-fri 09:00-18:00|24:00)", capsys.readouterr().err)


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+asyncpg"])
def test_an_address_as_providers_of_databases_give_it_is_taken(scheme: str) -> None:
    given = f"{scheme}://u:geheim@db.example:5432/line?sslmode=require"
    assert database_address(given) == "postgresql+asyncpg://u:geheim@db.example:5432/line?ssl=require"


def test_a_mistyped_name_is_noticed_and_a_right_one_is_not() -> None:
    given = ["OPENLINES_TELEGRAM__TOKN", "OPENLINES_ADMINS", "openlines_language", "OPENLINES_HTTP", "PATH"]
    assert unknown_settings(given) == ["OPENLINES_TELEGRAM__TOKN"]


def test_every_setting_says_what_it_is_for() -> None:
    assert [name for name, _, meaning in documented() if not meaning] == []


# --- the database ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    ["postgresql://u:geheim@127.0.0.1:1/line", "sqlite:////proc/nowhere/line.db", "sqlite:////dev/null/x"],
)
@pytest.mark.parametrize("command", [["migrate"], ["export", "leads"], ["managers", "list"], ["replay"]])
def test_a_database_that_cannot_be_opened_is_told_in_one_line(
    environment: Environment, capsys: pytest.CaptureFixture[str], command: list[str], url: str
) -> None:
    environment(DATABASE_URL=url)
    assert main(command) == 2
    said = capsys.readouterr().err
    assert said.startswith("openlines: OPENLINES_DATABASE_URL: cannot be opened: ")
    assert said.count("\n") == 1
    assert "geheim" not in said


def test_a_folder_nobody_may_write_to_is_told_by_its_name(
    environment: Environment, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    environment(DATA_DIR=str(tmp_path / "file" / "data"))
    assert main(["migrate"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("openlines: OPENLINES_DATA_DIR: ")
    assert said.count("\n") == 1


def test_a_new_database_is_migrated_and_an_old_hand_says_the_same_again(
    environment: Environment, capsys: pytest.CaptureFixture[str], empty_database_url: str
) -> None:
    environment(DATABASE_URL=empty_database_url)
    for _ in range(2):
        assert main(["migrate"]) == 0
    assert capsys.readouterr().out == "The database is up to date.\n" * 2


def test_a_database_of_a_newer_version_is_left_alone(
    environment: Environment, capsys: pytest.CaptureFixture[str], sqlite_url: str
) -> None:
    async def from_the_future() -> None:
        async with Database.opened(sqlite_url) as db:
            await db.transact(
                lambda tx: tx.connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
            )

    asyncio.run(from_the_future())
    environment(DATABASE_URL=sqlite_url)
    assert main(["managers", "list"]) == 2
    assert "a newer openlines" in capsys.readouterr().err


# --- export ---------------------------------------------------------------------------------------

HOSTILE = '=HYPERLINK("http://evil.example";"Счёт")'


async def _a_working_day(url: str) -> None:
    async with a_database(url, ManualClock(NOON)) as db:
        bot, form = await an_account(db), await an_account(db, "form", "main")
        await file(
            db,
            bot,
            a_message("+7 сколько\u2028стоит\x85?", telegram(777), name=HOSTILE),
            a_message("второе", telegram(778)),
            Received("odd", b"{", Unreadable("not JSON")),
        )
        await file(
            db,
            form,
            a_message("@заявка", phone(), email(), name="-Пётр", fields={"Город": "=1+1"}),
            a_message("ничего о себе", Address("form", "click:1", proved=False)),
        )


# Names that others read: they may be added to, never renamed.
CONTRACT = {
    "leads": "number title pipeline stage outcome reason repeat contact responsible channel source fields "
    "created_at closed_at",
    "contacts": "number name addresses client",
    "messages": "conversation direction author subject text attachments at",
    "deliveries": "state attempts error",
    "ledger": "account external_id state seen received_at",
}


@pytest.mark.parametrize("what", EXPORTS)
def test_everything_is_given_back_one_object_a_line(
    environment: Environment, capsys: pytest.CaptureFixture[str], database_url: str, what: str
) -> None:
    asyncio.run(_a_working_day(database_url))
    environment(DATABASE_URL=database_url)
    assert main(["export", what]) == 0
    found = lines(capsys.readouterr().out)
    assert found
    for one in found:
        assert set(CONTRACT[what].split()) <= set(one)
    if what == "messages":
        assert {one["direction"] for one in found} == {"in", "out"}
        assert "+7 сколько" in {one["text"] for one in found if one["direction"] == "in"} | {
            one["text"][:10] for one in found
        }
    if what == "ledger":
        assert sorted(one["state"] for one in found) == ["filed", "filed", "filed", "filed", "parked"]
    if what == "contacts":
        kinds = {address["channel"] for one in found for address in one["addresses"]}
        assert kinds == {"telegram", "phone", "email"}


@pytest.mark.parametrize("what", EXPORTS)
def test_a_table_for_a_spreadsheet_has_no_formula_of_a_stranger(
    environment: Environment, tmp_path: Path, sqlite_url: str, what: str
) -> None:
    asyncio.run(_a_working_day(sqlite_url))
    environment(DATABASE_URL=sqlite_url)
    target = tmp_path / f"{what}.csv"
    assert main(["export", what, "--format", "csv", "--output", str(target)]) == 0
    assert target.read_bytes().startswith(b"\xef\xbb\xbf"), "Excel tells UTF-8 by it"
    header, *rows = list(csv.reader(io.StringIO(target.read_text("utf-8-sig"), newline=""), delimiter=";"))
    assert rows
    assert set(CONTRACT[what].split()) <= set(header)
    assert [one for row in rows for one in row if one.startswith(FORMULAS)] == []
    assert all(len(row) == len(header) for row in rows)
    if what == "contacts":
        assert f"'{HOSTILE}" in {one for row in rows for one in row}


@pytest.mark.parametrize("target", ["nowhere/leads.jsonl", "", "/dev/full"])
def test_a_file_that_cannot_be_written_is_named_in_one_line(
    environment: Environment,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    sqlite_url: str,
    target: str,
) -> None:
    asyncio.run(_a_working_day(sqlite_url))
    environment(DATABASE_URL=sqlite_url)
    assert main(["export", "leads", "--output", str(tmp_path / target)]) == 1
    said = re.sub(r"^\d+ leads\n", "", capsys.readouterr().err.rpartition("\r")[2])
    why = {"": "Is a directory", "/dev/full": "No space left on device"}.get(
        target, "No such file or directory"
    )
    assert said == f"openlines: {tmp_path / target}: {why}\n"


def test_the_last_good_export_outlives_one_that_fails(
    environment: Environment, capsys: pytest.CaptureFixture[str], tmp_path: Path, sqlite_url: str
) -> None:
    async def many_words() -> None:
        async with a_database(sqlite_url, ManualClock(NOON)) as db:
            await file(db, await an_account(db), *(a_message("слово " * 300) for _ in range(50)))

    asyncio.run(many_words())
    target = tmp_path / "kept" / "messages.jsonl"
    target.parent.mkdir()
    target.write_text("the last good one")
    export = ["export", "messages", "--output", str(target)]
    environment(DATABASE_URL="sqlite:////proc/nowhere/line.db")
    assert main(export) == 2
    assert capsys.readouterr().err.startswith("openlines: OPENLINES_DATABASE_URL: cannot be opened: ")
    assert target.read_text() == "the last good one"
    environment(DATABASE_URL=sqlite_url)
    # No file may grow beyond this: to the program it is a full disk. What SQLite shares in memory is half as large.
    program = (
        "import resource, sys; from openlines.__main__ import main;"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (65536, 65536)); sys.exit(main(sys.argv[1:]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *export], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == f"openlines: {target}: File too large"
    assert target.read_text() == "the last good one"
    assert list(target.parent.iterdir()) == [target]
    assert main(export) == 0
    assert len(lines(target.read_text())) > 50
    assert list(target.parent.iterdir()) == [target]


def test_an_export_takes_the_place_of_the_last_one_with_its_rights_and_behind_its_link(
    environment: Environment, tmp_path: Path, sqlite_url: str
) -> None:
    asyncio.run(_a_working_day(sqlite_url))
    environment(DATABASE_URL=sqlite_url)
    first, link, new = (tmp_path / name for name in ("monday.jsonl", "latest.jsonl", "new.jsonl"))
    first.write_text("the last good one\n" * 1000)
    first.chmod(0o640)
    link.symlink_to(first.name)
    assert main(["export", "leads", "--output", str(link)]) == 0
    assert link.is_symlink()
    assert len(lines(first.read_text())) == 4
    assert stat.S_IMODE(first.stat().st_mode) == 0o640
    assert main(["export", "leads", "--output", str(new)]) == 0
    assert new.read_text() == first.read_text()
    umask = os.umask(0o077)
    os.umask(umask)
    assert stat.S_IMODE(new.stat().st_mode) == 0o666 & ~umask


def test_a_pipe_is_written_to_as_it_is_and_so_is_our_own_output(
    environment: Environment, tmp_path: Path, sqlite_url: str
) -> None:
    asyncio.run(_a_working_day(sqlite_url))
    environment(DATABASE_URL=sqlite_url)
    command = [sys.executable, "-m", "openlines", "export", "leads", "--output"]
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with subprocess.Popen([*command, str(pipe)], stderr=subprocess.DEVNULL) as running:
        assert len(lines(pipe.read_text())) == 4
    assert running.returncode == 0
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    done = subprocess.run([*command, "/dev/stdout"], capture_output=True, text=True, check=True)
    assert len(lines(done.stdout)) == 4
    with (tmp_path / "kept.jsonl").open("w+") as kept:
        subprocess.run([*command, "/dev/stdout"], stdout=kept, stderr=subprocess.DEVNULL, check=True)
        assert len(lines(kept.read())) == 4, "whoever has given us the file reads it where they hold it"


def test_a_table_that_is_redirected_into_a_file_opens_in_a_spreadsheet_too(
    environment: Environment, tmp_path: Path, sqlite_url: str
) -> None:
    asyncio.run(_a_working_day(sqlite_url))
    environment(DATABASE_URL=sqlite_url)
    command = [sys.executable, "-m", "openlines", "export", "leads", "--format", "csv"]
    with (tmp_path / "leads.csv").open("wb") as table:
        subprocess.run(command, stdout=table, check=True)
    piped = subprocess.run(command, capture_output=True, check=True).stdout
    assert piped == (tmp_path / "leads.csv").read_bytes()
    assert piped.startswith(b"\xef\xbb\xbfnumber;title;")
    assert piped.count(b"\xef\xbb\xbf") == 1


@given(
    st.one_of(st.text(), st.lists(st.text()), st.dictionaries(st.text(), st.text()), st.integers(), st.none())
)
def test_no_value_is_a_formula(value: object) -> None:
    assert not cell(value).startswith(FORMULAS)


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_whoever_stops_reading_hears_no_complaint(
    environment: Environment, sqlite_url: str, unbuffered: str
) -> None:
    asyncio.run(_a_working_day(sqlite_url))
    environment(DATABASE_URL=sqlite_url)
    command = [sys.executable, "-m", "openlines", "export", "messages"]
    given = os.environ | {"PYTHONUNBUFFERED": unbuffered}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=given) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        running.stdout.close()
        assert running.stderr.read() == b""
    assert running.returncode == 1


# --- inspect --------------------------------------------------------------------------------------

UPDATE = (
    b'{"update_id": 1, "message": {"message_id": 1, "date": 1773651600, "text": "hello",'
    b' "chat": {"id": 7, "type": "private"}, "from": {"id": 7, "is_bot": false, "first_name": "A"}}}'
)
SAMPLES = {
    "telegram": (UPDATE, {"text": "hello"}),
    "email": (b"From: Anna <anna@example.org>\r\nSubject: Price\r\n\r\nhello\r\n", {"text": "hello"}),
    "reply": (b"hello\n\nOn Monday Bob wrote:\n> question\n", {}),
    "form": (b'{"name": "Anna", "phone": "+7 916 123-45-67", "message": "hello"}', {"message": "hello"}),
    "phone": (b'{"input": "8 916 123-45-67", "region": "RU"}\n', {"e164": "+79161234567"}),
}


@pytest.mark.parametrize("kind", INPUTS)
def test_what_is_understood_of_an_input_is_printed_and_nothing_is_stored(
    environment: Environment, capsys: pytest.CaptureFixture[str], tmp_path: Path, kind: str
) -> None:
    raw, expected = SAMPLES[kind]
    sample = tmp_path / "sample"
    sample.write_bytes(raw)
    assert main(["inspect", kind, str(sample), str(sample)]) == 0
    found = lines(capsys.readouterr().out)
    assert len(found) == 2
    assert expected.items() <= found[0].items(), found[0]
    assert not (tmp_path / "data").exists()


def test_an_answer_to_getupdates_is_described_update_by_update(
    environment: Environment, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    sample = tmp_path / "answer"
    sample.write_bytes(b'{"ok": true, "result": [' + UPDATE + b", " + UPDATE + b"]}")
    assert main(["inspect", "telegram", str(sample)]) == 0
    assert [one["text"] for one in lines(capsys.readouterr().out)] == ["hello", "hello"]


@given(st.binary(max_size=200), st.sampled_from(INPUTS))
@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_junk_is_described_too(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, junk: bytes, kind: str
) -> None:
    sample = tmp_path / "junk"
    sample.write_bytes(junk)
    code = main(["inspect", kind, str(sample)])
    printed = capsys.readouterr().out
    assert printed.isascii(), "what strangers wrote cannot move the cursor of a terminal"
    failed = [one for one in lines(printed) if kind == "phone" and "error" in one]
    assert code == (1 if failed else 0)


def test_telephone_numbers_are_lines_as_they_are_or_objects_with_their_country(
    environment: Environment, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    environment(REGION="GB")
    sample = tmp_path / "numbers"
    plain = "020 7946 0123\n89161234567\n\n+7 916 123-45-67 доб. 12\nabc\n"
    sample.write_text(plain + '{"input": "8 916 123-45-67", "region": "RU"}\n')
    assert main(["inspect", "phone", str(sample)]) == 0
    found = lines(capsys.readouterr().out)
    assert [one["e164"] for one in found] == ["+442079460123", None, "+79161234567", None, "+79161234567"]
    sample.write_text('020 7946 0123\n{"input":\n{"number": "1"}\n')
    assert main(["inspect", "phone", str(sample)]) == 1
    found = lines(capsys.readouterr().out)
    assert found[0]["e164"] == "+442079460123"
    assert [one["error"].removeprefix(str(sample)) for one in found[1:]] == [
        ":2: not JSON: Expecting value: line 1 column 10 (char 9)",
        ':3: not an object with "input"',
    ]


def test_a_file_that_is_not_there_is_named_and_the_others_are_read(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    sample = tmp_path / "sample"
    sample.write_bytes(SAMPLES["form"][0])
    assert main(["inspect", "form", str(tmp_path / "none"), str(tmp_path), str(sample)]) == 1
    captured = capsys.readouterr()
    assert len(lines(captured.out)) == 1
    assert f"openlines: {tmp_path / 'none'}: No such file or directory" in captured.err
    assert f"openlines: {tmp_path}: Is a directory" in captured.err


# --- replay ---------------------------------------------------------------------------------------


def test_what_was_parked_is_taken_again_once_it_is_understood(
    environment: Environment, capsys: pytest.CaptureFixture[str], database_url: str
) -> None:
    async def park() -> list[int]:
        async with a_database(database_url, ManualClock(NOON)) as db:
            bot = await an_account(db)
            understood_today = Received("1", UPDATE, Unreadable("an older version could not"))
            filed = await file(db, bot, understood_today, Received("2", b"\xff{", Unreadable("not JSON")))
            return [one.ledger_id for one in filed]

    good, bad = asyncio.run(park())
    environment(DATABASE_URL=database_url)
    assert main(["replay"]) == 1
    said = capsys.readouterr().out
    assert f"{good}  filed" in said
    assert f"{bad}  parked" in said
    assert said.endswith("1 taken, still parked: 1\n    1 × the update is not a JSON object\n")
    assert main(["export", "messages"]) == 0
    assert [one["text"] for one in lines(capsys.readouterr().out) if one["direction"] == "in"] == ["hello"]
    assert main(["replay", str(good)]) == 0
    assert f"{good}  is filed already" in capsys.readouterr().out
    assert main(["replay", "5"]) == 1
    assert "5  nothing is kept of it" in capsys.readouterr().out
    assert main(["export", "messages"]) == 0
    assert capsys.readouterr().out.count('"hello"') == 1


def test_what_still_fails_bars_nobody_behind_it(environment: Environment, database_url: str) -> None:
    """The database takes one message with a mushroom in it, and no second one."""

    async def park() -> list[int]:
        async with a_database(database_url, ManualClock(NOON)) as db:
            bot = await an_account(db)
            await db.transact(
                lambda tx: tx.connection.exec_driver_sql(
                    "CREATE UNIQUE INDEX poison ON message (direction) WHERE text LIKE '%mushroom%'"
                )
            )
            texts = enumerate((b"a mushroom", b"another mushroom", b"a daisy"))
            raw = [UPDATE.replace(b"hello", text).replace(b'_id": 1', b'_id": 1%d' % n) for n, text in texts]
            posts = [Received(f"{n}", one, Unreadable("not then")) for n, one in enumerate(raw)]
            return [one.ledger_id for one in await file(db, bot, *posts)]

    first, second, third = asyncio.run(park())
    environment(DATABASE_URL=database_url)
    done = subprocess.run(
        [sys.executable, "-m", "openlines", "replay"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    *each, summary, reason = done.stdout.splitlines()
    why = each[1].partition("parked: ")[2]
    assert re.fullmatch("IntegrityError SQLITE_CONSTRAINT_UNIQUE|UniqueViolationError 23505", why)
    assert each == [f"1/3  {first}  filed", f"2/3  {second}  parked: {why}", f"3/3  {third}  filed"]
    assert (summary, reason) == ("2 taken, still parked: 1", f"    1 × {why}")
    assert "an entry cannot be taken again" in done.stderr, "its log goes elsewhere"
    assert "mushroom" not in done.stdout + done.stderr

    async def reason_kept() -> str | None:
        async with Database.opened(database_url) as db:
            (entry,) = (await db.read(parked)).entries
            reason: str | None = entry.reason
        return reason

    assert asyncio.run(reason_kept()) == why


LETTER = (
    b"From: anna@example.org\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
    b"--b\r\n\r\nhello\r\n--b\r\nContent-Type: application/pdf\r\n"
    b"Content-Disposition: attachment; filename=a.pdf\r\n\r\nabc\r\n--b--\r\n"
)


def test_when_the_disk_fails_taking_again_stops_and_everything_waits_as_it_was(
    environment: Environment, capsys: pytest.CaptureFixture[str], tmp_path: Path, sqlite_url: str
) -> None:
    async def park() -> int:
        async with a_database(sqlite_url, ManualClock(NOON)) as db:
            mailbox = await an_account(db, "email", "line@example.com")
            (filed,) = await file(db, mailbox, Received("1", LETTER, Unreadable("not then")))
            return filed.ledger_id

    letter = asyncio.run(park())
    environment(DATABASE_URL=sqlite_url, EMAIL__ADDRESS="line@example.com")
    in_the_way = tmp_path / "data" / "files" / hashlib.sha256(b"abc").hexdigest()[:2]
    in_the_way.parent.mkdir(parents=True)
    in_the_way.write_text("")
    assert main(["replay"]) == 1
    assert capsys.readouterr().err.startswith(f"openlines: stopped at {letter}: [Errno ")
    in_the_way.unlink()
    assert main(["replay"]) == 0
    assert capsys.readouterr().out.endswith(f"{letter}  filed\n1 taken.\n")


def test_a_machine_is_known_by_the_hidden_field_however_it_is_written_and_whenever_it_is_read(
    environment: Environment, capsys: pytest.CaptureFixture[str], sqlite_url: str, tmp_path: Path
) -> None:
    async def park() -> int:
        async with a_database(sqlite_url, ManualClock(NOON)) as db:
            form = await an_account(db, "form", "main")
            raw = b'Content-Type: application/json\r\n\r\n{"message": "buy", "Fax_Number": "1"}'
            (filed,) = await file(db, form, Received("click:1", raw, Unreadable("not then")))
            return filed.ledger_id

    machine = asyncio.run(park())
    environment(DATABASE_URL=sqlite_url, FORM__HONEYPOT='["WebSite", " Fax_number ", " "]')
    assert read_settings().form.honeypot == ["website", "fax_number"]
    assert main(["replay"]) == 0
    assert capsys.readouterr().out.endswith(f"{machine}  ignored: honeypot\n1 taken.\n")
    sample = tmp_path / "form.json"
    sample.write_text('{"message": "buy", "fax_NUMBER": "1"}')
    assert main(["inspect", "form", str(sample)]) == 0
    (found,) = lines(capsys.readouterr().out)
    assert (found["kind"], found["error"]) == ("ignored", "honeypot")


def test_with_nothing_parked_there_is_nothing_to_do(
    environment: Environment, capsys: pytest.CaptureFixture[str], sqlite_url: str
) -> None:
    environment(DATABASE_URL=sqlite_url)
    assert main(["replay"]) == 0
    assert capsys.readouterr().out == "Nothing is parked.\n"


def test_what_customers_write_is_nobody_elses_to_read(environment: Environment, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    environment(DATA_DIR=str(folder))
    assert main(["migrate"]) == 0
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert (folder / "openlines.db").exists()
