"""Where a page ended, in as few characters as a button can spare."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

LONGEST = 26  # characters of any cursor
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


def write_cursor(at: datetime, row_id: int) -> str:
    """The moment and the id of a page's last row: microseconds since 2000 and the id, in base 36."""
    return f"{_short(max(0, (at - _EPOCH) // timedelta(microseconds=1)))}.{_short(row_id)}"


def read_cursor(cursor: str | None) -> tuple[datetime, int] | None:
    """Back from `write_cursor`; None for what a strange or an old button may hold."""
    if not cursor or len(cursor) > LONGEST:
        return None
    at, _, row_id = cursor.partition(".")
    try:
        number = int(row_id, 36)
        return (_EPOCH + timedelta(microseconds=int(at, 36)), number) if 0 <= number < 1 << 63 else None
    except (ValueError, OverflowError):
        return None


def _short(number: int) -> str:
    digits = ""
    while number:
        number, digit = divmod(number, 36)
        digits = _DIGITS[digit] + digits
    return digits or "0"
