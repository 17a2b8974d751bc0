"""Where a page ended, in as few characters as a button can spare."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import and_, or_

LONGEST = 26  # characters of any cursor
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True, slots=True)
class Stretch:
    """At most `limit` rows of something that is told in time: before `place`, after it, or the latest of all.

    `place` is the moment and the id of a row that stands on the page one comes from.
    """

    limit: int
    place: tuple[datetime, int] | None = None
    is_after: bool = False

    def of(self, rows: Any, at: Any, row_id: Any) -> Any:
        """A select of such rows, narrowed to the stretch; the rows nearest to `place` come first."""
        if self.place is not None:
            moment, number = self.place
            beyond = (at > moment, row_id > number) if self.is_after else (at < moment, row_id < number)
            rows = rows.where(or_(beyond[0], and_(at == moment, beyond[1])))
        order = (at, row_id) if self.is_after else (at.desc(), row_id.desc())
        return rows.order_by(*order).limit(self.limit)


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
