"""`openlines export`: everything of one kind, one object per line, as JSON or as a table for a spreadsheet."""

from __future__ import annotations

import argparse
import asyncio
import csv
import json
import os
import stat
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from io import TextIOWrapper
from tempfile import TemporaryDirectory
from typing import IO, Any

from core.errors import OpenLinesError
from core.export import PAGES, Page
from openlines.ground import opened_database
from openlines.settings import Settings, read_settings

# A spreadsheet takes a cell that begins with one of these for a formula: https://owasp.org/www-community/attacks/CSV_Injection
FORMULAS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
# Readers that divide by lines divide here too; and a terminal obeys some of these.
_ESCAPES = {code: f"\\u{code:04x}" for code in (*range(0x7F, 0xA0), 0x2028, 0x2029)}


class NotWritten(OpenLinesError):
    """The export cannot be written where it was asked for."""


def command(given: argparse.Namespace) -> int:
    """Write the export to a file or to standard output; progress goes to standard error.

    Raises NotWritten when the file cannot be made, or its disk is full; an earlier one is then as it was.
    """
    settings = read_settings()
    encoding = "utf-8-sig" if given.format == "csv" else "utf-8"  # Excel tells UTF-8 by its mark
    try:
        if given.output:
            with _instead_of(given.output, encoding) as file:
                return asyncio.run(_export(settings, given.what, given.format, file, progress=True))
        if isinstance(sys.stdout, TextIOWrapper):
            sys.stdout.reconfigure(encoding=encoding, newline="")
        code = asyncio.run(_export(settings, given.what, given.format, sys.stdout, progress=False))
        sys.stdout.flush()
    except ConnectionError:  # a database's, or whoever read our output has gone
        raise
    except OSError as error:
        raise NotWritten(f"{given.output or 'standard output'}: {error.strerror}") from error
    return code


@contextmanager
def _instead_of(path: str, encoding: str) -> Iterator[IO[str]]:
    """A file that takes the place of the one at `path` when the block ends well, and is gone when it does not.

    What is no ordinary file, such as a pipe, is written to as it is. Raises OSError as opening and writing do.
    """
    former = _former(path)
    if former and not stat.S_ISREG(former.st_mode):
        with open(path, "w", encoding=encoding, newline="") as file:
            yield file
        return
    if former:
        os.close(os.open(path, os.O_WRONLY))  # what may not be written may not be replaced either
    path = os.path.realpath(path) if os.path.islink(path) else path  # the link stays, what it leads to is new
    with TemporaryDirectory(dir=os.path.dirname(path) or ".", prefix=".openlines-export-") as aside:
        beside = os.path.join(aside, "unfinished")
        with open(beside, "w", encoding=encoding, newline="") as file:
            yield file
            file.flush()
            if former:
                _take_after(former, file.fileno())
            os.fsync(file.fileno())
        os.replace(beside, path)


def _former(path: str) -> os.stat_result | None:
    """What is at `path` now."""
    # Whoever has redirected our output into an ordinary file holds it open: it is written to, not replaced.
    is_ours = path.startswith(("/dev/", "/proc/")) and os.path.islink(path)
    try:
        return os.lstat(path) if is_ours else os.stat(path)
    except FileNotFoundError:
        return None


def _take_after(former: os.stat_result, file: int) -> None:
    """Give an open file the owner and the rights of the one it replaces."""
    with suppress(PermissionError):  # only the superuser gives files away
        os.fchown(file, former.st_uid, former.st_gid)
    os.fchmod(file, stat.S_IMODE(former.st_mode))


async def _export(settings: Settings, what: str, form: str, file: IO[str], *, progress: bool) -> int:
    page, columns = PAGES[what]
    writer = csv.writer(file, delimiter=";") if form == "csv" else None
    if writer:
        writer.writerow(columns)
    after, written = 0, 0
    try:
        async with opened_database(settings) as db:
            while True:
                rows = await db.read(_reading(page, after))
                if not rows:
                    return 0
                after = rows[-1][0]
                for _, row in rows:
                    if writer:
                        writer.writerow([cell(row.get(column)) for column in columns])
                    else:
                        line = json.dumps(row, ensure_ascii=False, default=str).translate(_ESCAPES)
                        file.write(line + "\n")
                written += len(rows)
                if progress:
                    print(f"\r{written} {what}", end="", file=sys.stderr, flush=True)
    finally:
        if progress and written:
            print(file=sys.stderr)


def _reading(page: Page, after: int) -> Any:
    return lambda connection: page(connection, after)


def cell(value: Any) -> str:
    """A value as a cell of a spreadsheet: what a stranger wrote can never be a formula in it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | dict):
        text = "; ".join(_plain(part) for part in _parts(value))
    else:
        text = str(value)
    return "'" + text if text.startswith(FORMULAS) else text


def _parts(value: Any) -> Iterable[Any]:
    return value if isinstance(value, list) else [f"{name}: {part}" for name, part in value.items()]


def _plain(part: Any) -> str:
    return str(part.get("value") or part.get("name") or part) if isinstance(part, dict) else str(part)
