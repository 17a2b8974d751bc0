"""What a database's refusal means: not now, not there, or not this."""

from __future__ import annotations

from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

# Whatever the database may raise; edges catch it without importing SQLAlchemy.
DatabaseError = SQLAlchemyError
ATTEMPTS = 5
NOT_NOW = {"40001", "40P01", "55P03"}  # serialization failure, deadlock, lock timeout
# Connection lost, out of resources, shut down or cancelled, the machine's own trouble, a standby that takes no writes,
# nobody of our name let in, no database of that name, one that is shut.
_AWAY = (
    *NOT_NOW, "08", "53", "57", "58", "25006", "28", "3D000", "55000",
    *(f"SQLITE_{name}" for name in "BUSY LOCKED FULL IOERR CANTOPEN READONLY NOMEM CORRUPT NOTADB".split()),
)  # fmt: skip


def worth_repeating(error: BaseException, attempt: int) -> bool:
    """Whether the database merely said "not now", or a unique key was taken between our look and our write."""
    if not isinstance(error, DBAPIError) or attempt >= ATTEMPTS:
        return False
    state = name_of(error)
    unique = state in ("23505", "SQLITE_CONSTRAINT_UNIQUE", "SQLITE_CONSTRAINT_PRIMARYKEY")
    return state in NOT_NOW or state.startswith("SQLITE_BUSY") or (unique and attempt <= 2)


def is_away(error: BaseException) -> bool:
    """Whether the database cannot serve now: gone, full, read-only, overloaded. What is wrong lies not in the input.

    Then nothing is acknowledged and nothing given up; everything else is the fault of what was to be written.
    """
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, (OSError, PoolTimeoutError)) or getattr(seen, "connection_invalidated", False):
            return True
        state = str(getattr(seen, "sqlstate", None) or getattr(seen, "sqlite_errorname", None) or "")
        if state.startswith(_AWAY) or type(seen).__name__ == "InterfaceError":
            return True
        seen = getattr(seen, "orig", None) or seen.__cause__
    return False


def complaint(error: BaseException) -> str:
    """What went wrong, in a line for logs and admins. A database's own words may quote what people wrote: not those."""
    if not isinstance(error, DBAPIError) or error.orig is None:
        return f"{type(error).__name__}: {error}"[:500]
    cause = error.orig.__cause__
    while cause is not None:
        if isinstance(cause, UnicodeError):  # says which character, not which text
            return f"{type(cause).__name__}: {cause}"[:500]
        cause = cause.__cause__
    return f"{type(error.orig.__cause__ or error.orig).__name__} {name_of(error)}".strip()


def name_of(error: DBAPIError) -> str:
    """The SQLSTATE, or SQLite's name of the error; empty where the driver gives none."""
    return str(getattr(error.orig, "sqlstate", None) or getattr(error.orig, "sqlite_errorname", "") or "")
