"""`openlines export`: everything of one kind, one object per line, as JSON or as a table for a spreadsheet."""

from __future__ import annotations

import argparse
import asyncio
import csv
import json
import sys
from collections.abc import Iterable
from io import TextIOWrapper
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

    Raises NotWritten when the file cannot be made, or its disk is full.
    """
    settings = read_settings()
    try:
        if given.output:
            encoding = "utf-8-sig" if given.format == "csv" else "utf-8"  # Excel tells UTF-8 by its mark
            with open(given.output, "w", encoding=encoding, newline="") as file:
                return asyncio.run(_export(settings, given.what, given.format, file, progress=True))
        if isinstance(sys.stdout, TextIOWrapper):
            sys.stdout.reconfigure(encoding="utf-8", newline="")
        code = asyncio.run(_export(settings, given.what, given.format, sys.stdout, progress=False))
        sys.stdout.flush()
    except ConnectionError:  # a database's, or whoever read our output has gone
        raise
    except OSError as error:
        raise NotWritten(f"{given.output or 'standard output'}: {error.strerror}") from error
    return code


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
