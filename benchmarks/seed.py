"""A line's past by raw SQL: people who wrote long ago, each with an open lead, one message and a timer far ahead.

The same statements for both databases; only numbers and moments are written in two ways.
"""
# ruff: noqa: S608 - statements made of the names below; nothing in them comes from outside

from __future__ import annotations

from collections.abc import Mapping

FIRST = 1 << 50  # below every id that is made now, and a range of its own for each table
TABLES = ("contact", "address", "conversation", "lead", "stage_visit", "message", "ledger", "timer")
CONFIGURED = """
(SELECT a.id AS account, a.line_id AS line, a.scope AS bot, s.pipeline_id AS pipeline, s.id AS stage, r.id AS robot
FROM account a
JOIN line l ON l.id = a.line_id
JOIN stage s ON s.pipeline_id = l.pipeline_id AND s.kind = 'initial'
JOIN robot r ON r.name = 'reminder'
WHERE a.channel = 'telegram')
"""


def statements(contacts: int, *, is_sqlite: bool) -> list[str]:
    """What fills an empty line with so many contacts, in order."""
    filled = [
        _fill(table, columns, contacts, is_sqlite=is_sqlite)
        for table, columns in _columns(is_sqlite=is_sqlite).items()
    ]
    if is_sqlite:
        numbered = f"INSERT INTO counter (name, value) VALUES ('contact', {contacts}), ('lead', {contacts})"
        return ["BEGIN", *filled, numbered, "COMMIT"]
    return [*filled, f"SELECT setval('contact_number', {contacts}), setval('lead_number', {contacts})"]


def _fill(table: str, columns: Mapping[str, str], contacts: int, *, is_sqlite: bool) -> str:
    numbers = f"(SELECT n::bigint FROM generate_series(1, {contacts}) AS n)"
    if is_sqlite:
        counted = f"s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < {contacts})"
        numbers = f"(WITH RECURSIVE {counted} SELECT n FROM s)"
    names, values = ", ".join(columns), ", ".join(columns.values())
    return (
        f"INSERT INTO {table} ({names}) SELECT {values} FROM {numbers} AS given, {CONFIGURED} AS configured"
    )


def _columns(*, is_sqlite: bool) -> dict[str, dict[str, str]]:
    """Every table's columns as expressions over the number `n` of a person."""
    of = {table: f"{FIRST + (position << 44)} + n" for position, table in enumerate(TABLES)}
    then, ahead = (
        f"'{moment}.000000'" if is_sqlite else f"'{moment}+00'::timestamptz"
        for moment in ("2025-01-01 00:00:00", "2035-01-01 00:00:00")
    )
    return {
        "contact": {
            "id": of["contact"],
            "number": "n",
            "name": "'Person ' || n",
            "language": "'ru'",
            "is_client": "false",
            "wants_follow_ups": "true",
            "created_at": then,
        },
        "address": {
            "id": of["address"],
            "contact_id": of["contact"],
            "key": "'telegram:' || bot || ':' || n",
            "kind": "'telegram'",
            "value": "'' || n",
            "is_exclusive": "true",
            "is_proved": "true",
            "created_at": then,
        },
        "conversation": {
            "id": of["conversation"],
            "account_id": "account",
            "thread": "'' || n",
            "contact_id": of["contact"],
            "lead_id": of["lead"],
            "channel": "'telegram'",
            "created_at": then,
            "last_in_at": then,
            "seen_id": "0",
        },
        "lead": {
            "id": of["lead"],
            "number": "n",
            "contact_id": of["contact"],
            "line_id": "line",
            "account_id": "account",
            "channel": "'telegram'",
            "pipeline_id": "pipeline",
            "stage_id": "stage",
            "visit_id": of["stage_visit"],
            "outcome": "'open'",
            "is_repeat": "false",
            "title": "'Enquiry ' || n",
            "created_at": then,
            "active_at": then,
        },
        "stage_visit": {
            "id": of["stage_visit"],
            "lead_id": of["lead"],
            "stage_id": "stage",
            "entered_at": then,
            "entered_by": "'customer'",
        },
        "message": {
            "id": of["message"],
            "conversation_id": of["conversation"],
            "lead_id": of["lead"],
            "direction": "'in'",
            "author": "'customer'",
            "content": "'text'",
            "text": "'What does it cost? ' || n",
            "external_id": "'1'",
            "is_automatic": "false",
            "sent_at": then,
        },
        "ledger": {
            "id": of["ledger"],
            "account_id": "account",
            "external_id": "'past-' || n",
            "state": "'filed'",
            "seen": "1",
            "received_at": then,
            "message_id": of["message"],
            "lead_id": of["lead"],
        },
        "timer": {
            "id": of["timer"],
            "robot_id": "robot",
            "lead_id": of["lead"],
            "visit_id": of["stage_visit"],
            "conversation_id": of["conversation"],
            "stops_on_answer": "false",
            "due_at": ahead,
            "state": "'waiting'",
        },
        "search": {"rowid": of["contact"], "body": "'person ' || n"},
    }
