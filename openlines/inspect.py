"""`openlines inspect`: what the system understands of a raw input, one JSON object per line. Nothing is stored."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any


def command(given: argparse.Namespace) -> int:
    """Print what is understood of each file; 1 when one of them cannot be read."""
    missing = 0
    for name in given.files:
        try:
            raw = Path(name).read_bytes()
        except OSError as error:
            print(f"openlines: {name}: {error.strerror}", file=sys.stderr)
            missing = 1
            continue
        for understood in READERS[given.kind](name, raw):
            # Strangers' text may hold anything; escaped, it cannot move the cursor of a terminal.
            print(json.dumps(understood, ensure_ascii=True, default=str))
    return missing


def _telegram(name: str, raw: bytes) -> Iterator[dict[str, Any]]:
    from channels.telegram.inbound import describe

    try:
        update = json.loads(raw)
    except (ValueError, RecursionError) as error:
        yield {"file": name, "kind": "other", "text": "", "error": f"not JSON: {error}"}
        return
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

    yield {"file": name, **describe(raw)}


def _phone(name: str, raw: bytes) -> Iterator[dict[str, Any]]:
    from core.contacts.phones import inspect_phone

    for number, line in enumerate(raw.decode("utf-8", "replace").splitlines(), start=1):
        if not line.strip():
            continue
        try:
            asked = json.loads(line)
            yield inspect_phone(str(asked["input"]), asked.get("region"))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            yield {"input": line, "e164": None, "extension": None, "error": f"{name}:{number}: {error!r}"}


READERS: dict[str, Callable[[str, bytes], Iterator[dict[str, Any]]]] = {
    "telegram": _telegram,
    "email": _email,
    "reply": _reply,
    "form": _form,
    "phone": _phone,
}
