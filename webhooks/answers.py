"""Answers in JSON, readable as they are: a field called «Телефон» is named so, not by its escapes."""

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
