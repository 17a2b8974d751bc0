"""Answers: in JSON, readable as it is («Телефон» is named so, not by its escapes), or a page for somebody's browser."""

from __future__ import annotations

import json
from collections.abc import Mapping

from aiohttp import web


def answer(
    content: Mapping[str, object], status: int = 200, headers: Mapping[str, str] | None = None
) -> web.Response:
    """An answer with this content as a JSON object in UTF-8."""
    # Half of a pair of surrogates, which a stranger may send, is no text; JSON writes it as `\ud83d`, so do we.
    body = json.dumps(content, ensure_ascii=False).encode("utf-8", "backslashreplace")
    return web.Response(
        body=body, status=status, headers=headers, content_type="application/json", charset="utf-8"
    )


def page(body: str) -> str:
    """A page of ours; `body` is HTML."""
    return (
        '<!doctype html><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        "<title>openlines</title><style>body{font:18px/1.5 system-ui;max-width:32em;margin:15vh auto;padding:0 1em}"
        f"button{{font:inherit;padding:.5em 1.2em}}small{{color:#767676}}</style>{body}"
    )
