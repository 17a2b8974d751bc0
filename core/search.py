"""Search by people: one index over names and messages, folded so that case and ё make no difference.

SQLite's `lower` and `LIKE` know no Cyrillic, hence FTS5 there and `simple` text search on PostgreSQL. A row's id
is the id of the contact or message it came from: identifiers are unique over all tables.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, text

from core.database import Transaction

LONGEST = 4000  # characters of one text that are searchable
_WORD = re.compile(r"[^\W_]+")


def fold(words: str) -> str:
    """What two spellings of the same words have in common: case, ё and е, compatibility forms, "№" or none."""
    # Its compatibility form is "No", which would make one word of it and its number.
    return unicodedata.normalize("NFKC", words.replace("№", " ")).casefold().replace("ё", "е")


def bare(words: str) -> str:
    """Folded words and nothing between them: PostgreSQL takes a link or "12/2026" for one word, "120-60" for a -60."""
    return " ".join(_WORD.findall(fold(words)))


def said(words: str, subject: str | None, fields: Mapping[str, Any] | None) -> str:
    """What a message is found by: besides its words its subject, which its lead is called by, and the firm it names."""
    if not (subject or fields):
        return words
    return "\n".join(filter(None, (subject, (fields or {}).get("company"), words)))


def index(tx: Transaction, entries: Sequence[tuple[int, str]]) -> None:
    """Make texts findable under the ids of their rows."""
    kept = fold if tx.is_sqlite else bare
    rows = [(id, kept(words[:LONGEST])) for id, words in entries if words and words.strip()]
    if not rows:
        return
    if tx.is_sqlite:
        tx.run("INSERT INTO search (rowid, body) VALUES (?, ?)", rows)
    else:
        ids, bodies = [row[0] for row in rows], [row[1] for row in rows]
        tx.run(
            "INSERT INTO search (rowid, body) SELECT * FROM unnest($1::bigint[], $2::text[])", (ids, bodies)
        )


def reindex(tx: Transaction, entries: Sequence[tuple[int, str]]) -> None:
    """Replace what is findable under these ids: a name or a text has changed."""
    forget(tx, [id for id, _ in entries])
    index(tx, entries)


def forget(tx: Transaction, ids: Sequence[int]) -> None:
    """Make rows unfindable."""
    if not ids:
        return
    if tx.is_sqlite:
        tx.run("DELETE FROM search WHERE rowid = ?", [(id,) for id in ids])
    else:
        tx.run("DELETE FROM search WHERE rowid = ANY ($1::bigint[])", (list(ids),))


def find(connection: Connection, query: str, limit: int = 200) -> list[int]:
    """Ids of contacts and messages that hold every word of the query, each as a beginning; newest first."""
    words = _WORD.findall(fold(query))[:8]
    if not words:
        return []
    if connection.dialect.name == "sqlite":
        match = " ".join(f'"{word}"*' for word in words)
        statement = text(
            "SELECT rowid FROM search WHERE search MATCH :match ORDER BY rowid DESC LIMIT :limit"
        )
    else:
        match = " & ".join(f"{word}:*" for word in words)
        statement = text(
            "SELECT rowid FROM search WHERE to_tsvector('simple', body) @@ to_tsquery('simple', :match)"
            # Not by the bare key: the planner would walk it backwards and parse every text for a rare word.
            " ORDER BY rowid + 0 DESC LIMIT :limit"
        )
    return [row[0] for row in connection.execute(statement, {"match": match, "limit": limit})]
