"""The floor under filing: the same look-ups and rows by raw set-based SQL, without any business code.

Both databases get the statements a careful programmer would write by hand for a batch of first messages: one
select per question, one insert per table, no column that stays empty.
"""
# ruff: noqa: S608 - statements made of the names below; values are always parameters

from __future__ import annotations

import json
import sqlite3
import zlib
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, closing, contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol, TypeAlias

import asyncpg

from benchmarks.ground import Ground
from core.channel import InboundMessage, Received
from core.ids import Ids
from core.search import fold

Row: TypeAlias = tuple[Any, ...]
COLUMNS = {  # what is written of each message, in order: the table and those of its columns that hold something
    "person": ("contact", "id number name language is_client wants_follow_ups created_at"),
    "address": ("address", "id contact_id key kind value username is_exclusive is_proved created_at"),
    "words": ("search", "rowid body"),
    "conversation": (
        "conversation",
        "id account_id thread contact_id lead_id channel created_at last_in_at seen_id",
    ),
    "lead": (
        "lead",
        (
            "id number contact_id line_id account_id channel pipeline_id stage_id visit_id outcome is_repeat"
            " responsible_id title created_at waiting_since active_at"
        ),
    ),
    "visit": ("stage_visit", "id lead_id stage_id entered_at entered_by"),
    "deed": ("journal", "id at actor verb lead_id contact_id details"),
    "message": (
        "message",
        "id conversation_id lead_id direction author content text external_id is_automatic sent_at",
    ),
    "answer": ("message", "id conversation_id lead_id direction author content text is_automatic sent_at"),
    "delivery": (
        "delivery",
        (
            "id key lane account_id conversation_id lead_id message_id is_automatic stops_on_answer state due_at"
            " attempts created_at"
        ),
    ),
    "notice": (
        "delivery",
        (
            "id key lane topic account_id conversation_id lead_id manager_id notice is_automatic stops_on_answer"
            " state due_at attempts created_at"
        ),
    ),
    "timer": ("timer", "id robot_id lead_id visit_id conversation_id stops_on_answer due_at state"),
    "entry": ("ledger", "id account_id external_id state seen received_at message_id lead_id"),
    "raw": ("ledger_raw", "ledger_id body"),
}
_LOOK_UPS = (  # what has to be asked before anything is written; {} is how a list of keys is asked for
    (
        "SELECT external_id, id, message_id, lead_id FROM ledger WHERE account_id = $1 AND external_id {}",
        "updates",
    ),
    ("SELECT telegram_id FROM manager WHERE telegram_id {} AND is_active", "people"),
    ("SELECT pattern, id FROM exclusion WHERE pattern {} AND lifted_at IS NULL", "patterns"),
    (
        "SELECT id, thread, contact_id, lead_id FROM conversation WHERE account_id = $1 AND thread {}",
        "threads",
    ),
    ("SELECT contact_id FROM address WHERE key {}", "keys"),
    ("SELECT known_person, reopen_days, distribution, pipeline_id, language FROM line WHERE id = $1", "line"),
    ("SELECT id, kind FROM stage WHERE pipeline_id = $1 ORDER BY position", "pipeline"),
    (
        (
            "SELECT id FROM manager WHERE is_active AND is_available AND is_reachable"
            " ORDER BY last_given_at NULLS FIRST, position"
        ),
        None,
    ),
    (
        "SELECT id, parameters, condition FROM robot WHERE stage_id = $1 AND is_active ORDER BY position",
        "stage",
    ),
    ("SELECT id, channel FROM account WHERE channel IN ('staff', 'telegram') ORDER BY id", None),
    ("SELECT key FROM delivery WHERE key {}", "said"),
)


class Floor(Protocol):
    """The floor of one database."""

    async def file(self, batch: Sequence[Received]) -> None:
        """File a batch in one transaction."""
        ...


class Rows:
    """Makes the rows of a batch: ids and values, nothing decided."""

    def __init__(self, configured: Mapping[str, Any]) -> None:
        self._at = configured
        self._new_id = Ids(1)

    def of(
        self, batch: Sequence[Received], contact: int, lead: int, now: Any, later: Any
    ) -> dict[str, list[Row]]:
        """The rows of each kind, their human numbers ending with `contact` and `lead`."""
        at, new = self._at, self._new_id
        account, line, pipeline, stage, robot = (
            at[name] for name in ("account", "line", "pipeline", "stage", "robot")
        )
        yes, no = (1, 0) if at["sqlite"] else (True, False)
        made: dict[str, list[Row]] = {kind: [] for kind in COLUMNS}
        add = {kind: rows.append for kind, rows in made.items()}
        for i, received in enumerate(batch):
            message = received.understood
            assert isinstance(message, InboundMessage)
            address, name, text = message.sender.addresses[0], message.sender.name, message.text
            sent = _text(message.sent_at) if at["sqlite"] else message.sent_at
            manager = at["managers"][i % len(at["managers"])]
            person, thread, lead_id, visit, inbound, said, notice, entry = (new() for _ in range(8))
            answer = f"Здравствуйте! Мы получили ваше сообщение. Номер обращения: {lead - i}."
            deed = f'{{"responsible": {manager}, "repeat": false}}'
            key = f"robot:{robot}:lead:{lead_id}"
            lane, topic = f"conversation:{thread}", f"{manager}:conversation:{thread}"
            wish = '{"kind": "new-lead", "silent": false}'
            rows: dict[str, Row] = {
                "person": (person, contact - i, name, "ru", no, yes, now),
                "address": (new(), person, address.key, address.kind, address.value, address.username, yes, yes, now),
                "words": (person, fold(name)),
                "conversation": (thread, account, message.thread, person, lead_id, "telegram", now, sent, 0),
                "lead": (lead_id, lead - i, person, line, account, "telegram", pipeline, stage, visit, "open", no,
                         manager, text[:80], now, sent, now),
                "visit": (visit, lead_id, stage, now, "customer"),
                "deed": (new(), now, "customer", "lead-created", lead_id, person, deed),
                "message": (inbound, thread, lead_id, "in", "customer", "text", text, message.message_id, no, sent),
                "answer": (said, thread, lead_id, "out", at["author"], "text", answer, yes, now),
                "delivery": (new(), key, lane, account, thread, lead_id, said, yes, no, "waiting", now, 0, now),
                "notice": (notice, f"delivery:{notice}", f"staff:{manager}", topic, account, thread, lead_id, manager,
                           wish, yes, no, "waiting", now, 0, now),
                "timer": (new(), at["reminder"], lead_id, visit, thread, no, later, "waiting"),
                "entry": (entry, account, received.external_id, "filed", 1, now, inbound, lead_id),
                "raw": (entry, zlib.compress(received.raw, 1)),
            }  # fmt: skip
            for kind, row in rows.items():
                add[kind](row)
            add["words"]((inbound, fold(text)))
        return made


def _asked(configured: Mapping[str, Any], batch: Sequence[Received]) -> dict[str | None, list[Any]]:
    """What each look-up asks for."""
    messages = [received.understood for received in batch]
    addresses = [m.sender.addresses[0] for m in messages if isinstance(m, InboundMessage)]
    at = configured
    return {
        "updates": [at["account"], [received.external_id for received in batch]],
        "people": [[received.staff_id for received in batch]],
        "patterns": [
            [f"telegram:{a.value}" for a in addresses] + [f"username:{a.username}" for a in addresses]
        ],
        "threads": [at["account"], [a.value for a in addresses]],
        "keys": [[a.key for a in addresses]],
        "line": [at["line"]],
        "pipeline": [at["pipeline"]],
        "stage": [at["stage"]],
        "said": [[f"robot:{at['robot']}:lead:{a.value}" for a in addresses]],
        None: [],
    }


def _configured(fetch: Mapping[str, Any], *, is_sqlite: bool) -> dict[str, Any]:
    """The ids of the line's own rows, which any program would hold in memory."""
    return {
        **fetch,
        "managers": json.loads(fetch["managers"]),
        "author": f"robot:{fetch['robot']}",
        "sqlite": is_sqlite,
    }


_CONFIGURED = """
SELECT a.id AS account, a.line_id AS line, l.pipeline_id AS pipeline, s.id AS stage,
       (SELECT id FROM robot WHERE name = 'confirmation') AS robot,
       (SELECT id FROM robot WHERE name = 'reminder') AS reminder,
       (SELECT {} FROM manager) AS managers
FROM account a JOIN line l ON l.id = a.line_id JOIN stage s ON s.pipeline_id = l.pipeline_id AND s.kind = 'initial'
WHERE a.channel = 'telegram'
"""
_DAY = (
    "INSERT INTO ledger_day (account_id, day, received, filed, parked, excluded, ignored, duplicate)"
    " VALUES ($1, $2, $3, $3, 0, 0, 0, 0) ON CONFLICT (account_id, day) DO UPDATE SET"
    " received = ledger_day.received + excluded.received, filed = ledger_day.filed + excluded.filed"
)


class SqliteFloor:
    """The floor on an SQLite file: the driver itself, one connection, no threads."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        cursor = connection.execute(_CONFIGURED.format("json_group_array(id)"))
        names = [column[0] for column in cursor.description]
        self._at = _configured(dict(zip(names, cursor.fetchone(), strict=True)), is_sqlite=True)
        self._rows = Rows(self._at)
        self._look_ups = [
            (_numbered(sql.format(f"IN (SELECT value FROM json_each(${_last(sql)}))")), name)
            for sql, name in _LOOK_UPS
        ]
        self._inserts = {
            kind: f"INSERT INTO {table} ({names.replace(' ', ', ')}) VALUES ({', '.join('?' * len(names.split()))})"
            for kind, (table, names) in COLUMNS.items()
        }

    @classmethod
    @contextmanager
    def opened(cls, ground: Ground) -> Iterator[SqliteFloor]:
        """The floor of a database, as durable as the program's own writer."""
        with closing(sqlite3.connect(ground.path, isolation_level=None)) as connection:
            for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "cache_size=-65536"):
                connection.execute(f"PRAGMA {pragma}")
            yield cls(connection)

    async def file(self, batch: Sequence[Received]) -> None:
        """File a batch in one transaction."""
        ask = self._connection.execute
        moment = datetime.now(UTC)
        now, later = _text(moment), _text(moment + timedelta(hours=2))
        ask("BEGIN IMMEDIATE")
        asked = _asked(self._at, batch)
        for sql, name in self._look_ups:
            values = [json.dumps(value) if isinstance(value, list) else value for value in asked[name]]
            ask(sql, values).fetchall()
        contact, lead = (
            ask(
                "INSERT INTO counter (name, value) VALUES (?, ?) ON CONFLICT (name)"
                " DO UPDATE SET value = value + excluded.value RETURNING value",
                (name, len(batch)),
            ).fetchone()[0]
            for name in ("contact", "lead")
        )
        for kind, rows in self._rows.of(batch, contact, lead, now, later).items():
            self._connection.executemany(self._inserts[kind], rows)
        self._connection.executemany(
            "UPDATE manager SET last_given_at = ? WHERE id = ?", [(now, id) for id in self._at["managers"]]
        )
        ask(_numbered(_DAY), (self._at["account"], now[:10], len(batch)))
        ask("COMMIT")


class PostgresFloor:
    """The floor on PostgreSQL: the driver itself, one connection, rows as one array per column."""

    def __init__(self, connection: Any, at: dict[str, Any], kinds: Mapping[tuple[str, str], str]) -> None:
        self._connection = connection
        self._at = at
        self._rows = Rows(at)
        self._look_ups = [(sql.format(f"= ANY (${_last(sql)})"), name) for sql, name in _LOOK_UPS]
        self._inserts = {
            kind: _unnested(table, names.split(), kinds) for kind, (table, names) in COLUMNS.items()
        }

    @classmethod
    @asynccontextmanager
    async def opened(cls, ground: Ground) -> AsyncIterator[PostgresFloor]:
        """The floor of a database, over one connection."""
        connection = await asyncpg.connect(ground.url.replace("+asyncpg", ""))
        try:
            found = await connection.fetchrow(_CONFIGURED.format("json_agg(id)::text"))
            columns = await connection.fetch(
                "SELECT table_name, column_name, udt_name FROM information_schema.columns"
                " WHERE table_schema = 'public'"
            )
            kinds = {(row["table_name"], row["column_name"]): row["udt_name"] for row in columns}
            yield cls(connection, _configured(dict(found), is_sqlite=False), kinds)
        finally:
            await connection.close()

    async def file(self, batch: Sequence[Received]) -> None:
        """File a batch in one transaction."""
        connection, now = self._connection, datetime.now(UTC)
        async with connection.transaction():
            asked = _asked(self._at, batch)
            await connection.fetch(
                "SELECT pg_advisory_xact_lock(hashtextextended(key, 3049)) FROM unnest($1::text[]) AS key",
                sorted(asked["keys"][0]),
            )
            for sql, name in self._look_ups:
                await connection.fetch(sql, *asked[name])
            contact, lead = [
                (await connection.fetch(sql, len(batch)))[-1][0]
                for sql in (
                    "SELECT nextval('contact_number') FROM generate_series(1, $1)",
                    "SELECT nextval('lead_number') FROM generate_series(1, $1)",
                )
            ]
            for kind, rows in self._rows.of(batch, contact, lead, now, now + timedelta(hours=2)).items():
                await connection.execute(self._inserts[kind], *map(list, zip(*rows, strict=True)))
            await connection.execute(
                "UPDATE manager SET last_given_at = $1 WHERE id = ANY ($2)", now, self._at["managers"]
            )
            await connection.execute(_DAY, self._at["account"], now.date(), len(batch))


def _unnested(table: str, names: Sequence[str], kinds: Mapping[tuple[str, str], str]) -> str:
    arrays, fields = [], []
    for number, name in enumerate(names, start=1):
        kind = kinds[(table, name)]
        arrays.append(f"${number}::{'text' if kind == 'jsonb' else kind}[]")
        fields.append(f"c{number}::jsonb" if kind == "jsonb" else f"c{number}")
    given = ", ".join(f"c{number}" for number in range(1, len(names) + 1))
    source = f"unnest({', '.join(arrays)}) AS given({given})"
    return f"INSERT INTO {table} ({', '.join(names)}) SELECT {', '.join(fields)} FROM {source}"


def _last(sql: str) -> int:
    return 2 if "$1" in sql else 1


def _numbered(sql: str) -> str:
    return sql.replace("$", "?")


def _text(moment: datetime) -> str:
    return moment.replace(tzinfo=None).isoformat(" ", "microseconds")
