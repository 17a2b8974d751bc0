"""`openlines move`: take everything along from the database used so far into the one the settings name now."""

from __future__ import annotations

import argparse
import asyncio
import sys
from contextlib import ExitStack
from pathlib import Path

from core.errors import Misconfigured
from core.migrations.moving import move
from openlines.ground import database_at_hand, run_lock, sqlite_path
from openlines.settings import database_address, read_settings

_TOLD = {"lead": "leads", "contact": "people", "message": "messages", "attachment": "attachments"}


def command(given: argparse.Namespace) -> int:
    """Move; returns when the new database holds everything. Raises NotMoved, and Misconfigured where an address is
    none or a program still works with the file.
    """
    settings = read_settings()
    source, target = _address(given.source), settings.database
    if _place(source) == _place(target):
        raise Misconfigured(
            "OPENLINES_DATABASE_URL", "is where everything is already: set it to the new database"
        )
    with ExitStack() as stack:
        for url in (source, target):
            if url.startswith("sqlite"):
                stack.enter_context(run_lock(sqlite_path(url)))
        stack.enter_context(database_at_hand(settings))
        try:
            copied = asyncio.run(move(source, target, _progress))
        finally:
            _progress_ends()
    print("Moved: " + ", ".join(f"{copied[table]:,} {name}" for table, name in _TOLD.items()) + ".")
    print(f"The old database is as it was. Files and keys stay in {settings.data_dir.absolute()}:")
    print("every part of the program, on whatever machine, needs that folder.")
    return 0


def _address(source: str) -> str:
    """The address of the database to move from, which may be given as a mere file."""
    try:
        url = database_address(source if "://" in source else f"sqlite:///{source}")
    except ValueError as error:
        raise Misconfigured("FROM", f"is an SQLite file, or {error}") from None
    if url.startswith("sqlite") and not sqlite_path(url).is_file():
        raise Misconfigured("FROM", f"there is no file {sqlite_path(url)}")
    return url


def _place(url: str) -> str | Path:
    return sqlite_path(url).resolve() if url.startswith("sqlite") else url


def _progress(table: str, rows: int) -> None:
    if sys.stderr.isatty():
        print(f"\r\x1b[K{table}: {rows:,}", end="", file=sys.stderr, flush=True)


def _progress_ends() -> None:
    if sys.stderr.isatty():
        print("\r\x1b[K", end="", file=sys.stderr, flush=True)
