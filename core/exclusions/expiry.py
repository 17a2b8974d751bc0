"""Until when: an exclusion's end as admins write it, in Russian or English."""

from __future__ import annotations

from datetime import datetime


def split_expiry(written: str, now: datetime, timezone: str) -> tuple[str, datetime | None]:
    """Divide a text into what stands before an end ("до 31.12.2026", "for 30 days") and that end.

    A date counts to the end of its day in `timezone` (an IANA name); without a year it is the next such day. A
    text without an end comes back whole with None. Raises Refusal for a day that does not exist or has passed.
    """
    raise NotImplementedError
