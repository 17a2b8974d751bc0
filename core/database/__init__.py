"""The database: tables' common ground, transactions, reads, and the only place that knows which database it is.

What happens inside a transaction is a plain function of `tx`: `await db.transact(work)` runs it, on SQLite in one
dedicated writer thread over a synchronous connection, on PostgreSQL over asyncpg. A network call inside a
transaction is thereby impossible, not merely forbidden. Statements are Core on the connection; there is no Session.
"""

from core.database.among import among
from core.database.asking import ask
from core.database.database import BATCH, Database, React, Reading, Work
from core.database.failures import ATTEMPTS, DatabaseError, complaint, is_away
from core.database.model import Id, Json, Model, UtcDateTime, partial_index
from core.database.transaction import Transaction
from core.database.writer import Writer

__all__ = [
    "ATTEMPTS",
    "BATCH",
    "Database",
    "DatabaseError",
    "Id",
    "Json",
    "Model",
    "React",
    "Reading",
    "Transaction",
    "UtcDateTime",
    "Work",
    "Writer",
    "among",
    "ask",
    "complaint",
    "is_away",
    "partial_index",
]
