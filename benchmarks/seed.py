"""A line's past by raw SQL: people who wrote long ago, each with an open lead, one message and a timer far ahead.

The same statements for both databases; only numbers are made in two ways.
"""

from __future__ import annotations

FIRST = 1 << 50  # below every id that is made now, and a range of its own for each table
LONG_AGO = "2025-01-01 00:00:00.000000"
FAR_AHEAD = "2035-01-01 00:00:00.000000"
TABLES = ("contact", "address", "conversation", "lead", "visit", "message", "ledger", "timer")


def statements(contacts: int, *, is_sqlite: bool) -> list[str]:
    """What fills an empty line with so many contacts, in order."""
    numbers = (
        f"(WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < {contacts}) SELECT n FROM s)"
        if is_sqlite
        else f"(SELECT n::bigint FROM generate_series(1, {contacts}) AS n)"
    )
    id = {table: f"{FIRST + (i << 44)} + n" for i, table in enumerate(TABLES)}
    now = f"'{LONG_AGO}'" if is_sqlite else f"'{LONG_AGO}+00'::timestamptz"
    ahead = f"'{FAR_AHEAD}'" if is_sqlite else f"'{FAR_AHEAD}+00'::timestamptz"
    source = f"FROM {numbers} AS given, (SELECT a.id AS account, a.line_id AS line, a.scope AS bot, l.pipeline_id" \
        " AS pipeline, s.id AS stage, r.id AS robot FROM account a JOIN line l ON l.id = a.line_id" \
        " JOIN stage s ON s.pipeline_id = l.pipeline_id AND s.kind = 'initial'" \
        " JOIN robot r ON r.name = 'reminder' WHERE a.channel = 'telegram') AS configured"
    filled = [
        f"INSERT INTO contact (id, number, name, language, is_client, wants_follow_ups, created_at)"
        f" SELECT {id['contact']}, n, 'Person ' || n, 'ru', false, true, {now} {source}",
        f"INSERT INTO address (id, contact_id, key, kind, value, is_exclusive, is_proved, created_at)"
        f" SELECT {id['address']}, {id['contact']}, 'telegram:' || bot || ':' || n, 'telegram', '' || n, true, true,"
        f" {now} {source}",
        f"INSERT INTO conversation (id, account_id, thread, contact_id, lead_id, channel, created_at, last_in_at,"
        f" seen_id) SELECT {id['conversation']}, account, '' || n, {id['contact']}, {id['lead']}, 'telegram', {now},"
        f" {now}, 0 {source}",
        f"INSERT INTO lead (id, number, contact_id, line_id, account_id, channel, pipeline_id, stage_id, visit_id,"
        f" outcome, is_repeat, title, created_at, active_at) SELECT {id['lead']}, n, {id['contact']}, line, account,"
        f" 'telegram', pipeline, stage, {id['visit']}, 'open', false, 'Enquiry ' || n, {now}, {now} {source}",
        f"INSERT INTO stage_visit (id, lead_id, stage_id, entered_at, entered_by) SELECT {id['visit']}, {id['lead']},"
        f" stage, {now}, 'customer' {source}",
        f"INSERT INTO message (id, conversation_id, lead_id, direction, author, content, text, external_id,"
        f" is_automatic, sent_at) SELECT {id['message']}, {id['conversation']}, {id['lead']}, 'in', 'customer', 'text',"
        f" 'What does it cost? ' || n, '1', false, {now} {source}",
        f"INSERT INTO ledger (id, account_id, external_id, state, seen, received_at, message_id, lead_id)"
        f" SELECT {id['ledger']}, account, 'past-' || n, 'filed', 1, {now}, {id['message']}, {id['lead']} {source}",
        f"INSERT INTO timer (id, robot_id, lead_id, visit_id, conversation_id, stops_on_answer, due_at, state)"
        f" SELECT {id['timer']}, robot, {id['lead']}, {id['visit']}, {id['conversation']}, false, {ahead}, 'waiting'"
        f" {source}",
        f"INSERT INTO search (rowid, body) SELECT {id['contact']}, 'person ' || n {source}",
    ]
    if is_sqlite:
        numbered = f"INSERT INTO counter (name, value) VALUES ('contact', {contacts}), ('lead', {contacts})"
        return ["BEGIN", *filled, numbered, "COMMIT"]
    return [*filled, f"SELECT setval('contact_number', {contacts}), setval('lead_number', {contacts})"]
