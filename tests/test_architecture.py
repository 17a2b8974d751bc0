"""What holds everywhere: who imports whom, who tells the time, who commits, what is pinned and documented."""

from __future__ import annotations

import ast
import functools
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from alembic import command
from alembic.script import ScriptDirectory
from packaging.requirements import Requirement
from packaging.version import Version
from pydantic import BaseModel
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

ROOT = Path(__file__).parents[1]
PACKAGES = ("openlines", "bot", "webhooks", "sandbox", "channels", "core")
LOCK = (ROOT / "requirements.lock").read_text()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
SETTINGS = ROOT / "openlines" / "settings.py"


# --- who imports whom -----------------------------------------------------------------------------


def test_imports_point_one_way() -> None:
    linter = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run(
        [linter, "--no-logo"], cwd=ROOT, capture_output=True, encoding="utf-8", check=False, timeout=50
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_whatever_files_a_message_is_ready_without_aiogram() -> None:
    """Also when a library brings it along, which the contracts cannot see."""
    modules = [name for package in ("core", "channels", "webhooks") for name in _modules(package)]
    program = "import sys, importlib\nfor name in sys.argv[1:]: importlib.import_module(name)\n"
    program += "sys.exit('aiogram is loaded' if 'aiogram' in sys.modules else 0)"
    done = subprocess.run(
        [sys.executable, "-c", program, *modules],
        cwd=ROOT,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stderr


# --- time and transactions ------------------------------------------------------------------------


def test_only_the_clock_asks_the_system_what_time_it_is() -> None:
    """Identifiers do too: they must not stand still with the clock of a test. Measuring durations is free."""
    asked = {("datetime", "now"), ("datetime", "utcnow"), ("datetime", "today"), ("date", "today")}
    asked |= {("time", "time"), ("time", "time_ns"), ("time", "localtime"), ("time", "gmtime")}
    found = [
        f"{path.relative_to(ROOT)}:{call.lineno}"
        for path, call in _calls()
        if path.relative_to(ROOT).as_posix() not in {"core/clock.py", "core/ids.py"}
        and _last_two(call.func) in asked
    ]
    assert found == [], "take a Clock, or the transaction's `now`"


def test_only_the_database_commits() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{call.lineno}"
        for path, call in _calls()
        if path.parent != ROOT / "core" / "database"
        and isinstance(call.func, ast.Attribute)
        and call.func.attr in {"commit", "rollback"}
    ]
    assert found == [], "hand the work to db.transact"


# --- requirements ---------------------------------------------------------------------------------


def test_every_requirement_is_locked_by_version_and_hash_and_no_registry_is_named() -> None:
    assert "://" not in LOCK
    assert "--index-url" not in LOCK
    entries = re.split(r"\n(?=\S)", LOCK.strip())
    for entry in entries:
        assert re.match(r"[a-z0-9-]+(\[[a-z0-9,-]+\])?==\S+", entry), entry
        assert "--hash=sha256:" in entry, entry


def test_the_lock_satisfies_what_the_project_asks_for() -> None:
    locked = dict(re.findall(r"^([a-z0-9-]+)(?:\[[^]]*\])?==(\S+)", LOCK, re.MULTILINE))
    asked = [*PROJECT["dependencies"], *(r for e in PROJECT["optional-dependencies"].values() for r in e)]
    for line in asked:
        requirement = Requirement(line)
        name = re.sub(r"[-_.]+", "-", requirement.name).lower()
        assert name in locked, f"{line}: run `make lock`"
        assert Version(locked[name]) in requirement.specifier, f"{line}: run `make lock`"


# --- the schema -----------------------------------------------------------------------------------


def test_the_migrations_are_one_line() -> None:
    from core.migrations import configuration

    assert len(ScriptDirectory.from_config(configuration()).get_heads()) == 1


async def test_the_migrated_schema_is_the_one_the_models_describe(database_url: str) -> None:
    from core.migrations import configuration

    def compare(connection: Connection) -> None:
        config = configuration()
        config.attributes["connection"] = connection
        command.check(config)  # raises, naming each difference

    engine = create_async_engine(database_url, poolclass=NullPool)
    async with engine.connect() as connection:
        await connection.run_sync(compare)
    await engine.dispose()


async def test_migrating_twice_changes_nothing(empty_database_url: str) -> None:
    from core.migrations import migrate

    await migrate(empty_database_url)
    before = await _schema(empty_database_url)
    await migrate(empty_database_url)
    assert before
    assert await _schema(empty_database_url) == before


# --- settings -------------------------------------------------------------------------------------

not_yet = pytest.mark.skipif(not SETTINGS.exists(), reason="there are no settings yet")


@not_yet
def test_every_setting_stands_in_the_table_of_the_readme() -> None:
    documented = set(
        re.findall(r"^\|\s*`(OPENLINES_[A-Z0-9_]+)`", (ROOT / "README.md").read_text(), re.MULTILINE)
    )
    assert set(_settings()) == documented


@not_yet
@pytest.mark.parametrize("name", [".env.example", "docker-compose.yml", "Dockerfile"])
def test_no_file_names_a_setting_that_does_not_exist(name: str) -> None:
    named = set(re.findall(r"\bOPENLINES_[A-Z0-9_]+\b", (ROOT / name).read_text()))
    assert named
    assert named <= set(_settings())


# --- reading the sources --------------------------------------------------------------------------


def _modules(package: str) -> Iterator[str]:
    for path in sorted((ROOT / package).rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        if "versions" in parts or parts[-2:] == ("migrations", "env") or parts[-1] == "__main__":
            continue  # alembic and the interpreter run these; nobody imports them
        yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@functools.cache
def _calls() -> list[tuple[Path, ast.Call]]:
    return [
        (path, node)
        for package in PACKAGES
        for path in sorted((ROOT / package).rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(), str(path)))
        if isinstance(node, ast.Call)
    ]


def _last_two(function: ast.expr) -> tuple[str, str] | None:
    """("datetime", "now") for `datetime.now` and for `dt.datetime.now`."""
    if not isinstance(function, ast.Attribute):
        return None
    owner = function.value
    name = owner.attr if isinstance(owner, ast.Attribute) else owner.id if isinstance(owner, ast.Name) else ""
    return name, function.attr


async def _schema(url: str) -> list[Any]:
    if url.startswith("sqlite"):
        query = "SELECT type, name, sql FROM sqlite_master ORDER BY 1, 2"
    else:
        query = "SELECT table_name, column_name, data_type FROM information_schema.columns"
        query += " WHERE table_schema = 'public' ORDER BY 1, 2"
    engine = create_async_engine(url, poolclass=NullPool)
    async with engine.connect() as connection:
        rows = list((await connection.exec_driver_sql(query)).all())
    await engine.dispose()
    return rows


def _settings() -> Iterator[str]:
    """The environment's name of every setting, nested ones with `__`."""
    from openlines.settings import Settings

    def walk(model: type[BaseModel], prefix: str) -> Iterator[str]:
        for name, field in model.model_fields.items():
            kinds = get_args(field.annotation) or (field.annotation,)  # also `Email | None`
            nested = [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)]
            for inner in nested:
                yield from walk(inner, f"{prefix}{name}__")
            if not nested:
                yield f"{prefix}{name}".upper()

    return walk(Settings, "openlines_")
