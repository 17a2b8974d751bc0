"""`openlines inspect`: what the system understands of a raw input, one JSON object per line. Nothing is stored."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any


def command(given: argparse.Namespace) -> int:
    """Print what is understood of each file; 1 when one of them, or a line of numbers, cannot be read."""
    code = 0
    for name in given.files:
        try:
            raw = Path(name).read_bytes()
        except OSError as error:
            print(f"openlines: {name}: {error.strerror}", file=sys.stderr)
            code = 1
            continue
        for understood in READERS[given.kind](name, raw):
            # Strangers' text may hold anything; escaped, it cannot move the cursor of a terminal.
            print(json.dumps(understood, ensure_ascii=True, default=str))
            if given.kind == "phone" and "error" in understood:
                code = 1
    return code


def _telegram(name: str, raw: bytes) -> Iterator[dict[str, Any]]:
    from channels.telegram.inbound import describe

    try:
        update = json.loads(raw)
    except (ValueError, RecursionError) as error:
        yield {"file": name, "kind": "other", "text": "", "error": f"not JSON: {error}"}
        return
    if isinstance(update, dict) and isinstance(update.get("result"), list):
        update = update["result"]  # a whole answer to getUpdates, as curl keeps it
    for one in update if isinstance(update, list) else [update]:
        yield {"file": name, **describe(one)}


def _email(name: str, raw: bytes) -> Iterator[dict[str, Any]]:
    from channels.email.describe import describe

    yield {"file": name, **describe(raw)}


def _reply(name: str, raw: bytes) -> Iterator[dict[str, Any]]:
    from channels.email.describe import describe_reply

    yield {"file": name, **describe_reply(raw, name.lower().endswith((".html", ".htm")))}


def _form(name: str, raw: bytes) -> Iterator[dict[str, Any]]:
    from channels.form.inbound import describe
    from openlines.settings import read_settings

    settings = read_settings()
    yield {"file": name, **describe(raw, region=settings.region, honeypots=settings.form.honeypots)}


def _phone(name: str, raw: bytes) -> Iterator[dict[str, Any]]:
    """Each line a number as people write it, or `{"input": "8 916 123-45-67", "region": "RU"}`."""
    from core.contacts.phones import inspect_phone
    from openlines.settings import read_settings

    region = read_settings().region
    for number, line in enumerate(raw.decode("utf-8", "replace").splitlines(), start=1):
        if not line.strip():
            continue
        if not line.lstrip().startswith("{"):
            yield inspect_phone(line.strip(), region)
            continue
        try:
            asked = json.loads(line)
            yield inspect_phone(asked["input"], asked.get("region"))
        except (ValueError, RecursionError) as error:
            yield {**_NO_PHONE, "input": line, "error": f"{name}:{number}: not JSON: {error}"}
        except (KeyError, TypeError, AttributeError):
            yield {**_NO_PHONE, "input": line, "error": f'{name}:{number}: not an object with "input"'}


_NO_PHONE = {"input": "", "e164": None, "extension": None}

READERS: dict[str, Callable[[str, bytes], Iterator[dict[str, Any]]]] = {
    "telegram": _telegram,
    "email": _email,
    "reply": _reply,
    "form": _form,
    "phone": _phone,
}
