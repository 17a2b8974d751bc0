"""When the company is at work: what is said to a customer later than at once waits for it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_MIDNIGHT = 24 * 60
_PART = re.compile(
    r"(?:(?P<first>[a-z]{3})(?:\s*-\s*(?P<last>[a-z]{3}))?\s+)?"
    r"(?P<opens>\d{1,2}:\d\d)\s*-\s*(?P<closes>\d{1,2}:\d\d)"
)


@dataclass(frozen=True, slots=True)
class Hours:
    """The hours of a week: for each day from Monday on, spans of minutes after midnight. Without a week: always."""

    zone: ZoneInfo
    week: tuple[tuple[tuple[int, int], ...], ...] = ()

    def next_open(self, moment: datetime) -> datetime:
        """The moment itself when the company is at work then, else when it is next."""
        if self._is_open(moment):
            return moment
        return min(
            opening for opening in self._openings(moment) if opening > moment and self._is_open(opening)
        )

    def _is_open(self, moment: datetime) -> bool:
        if not self.week:
            return True
        local = moment.astimezone(self.zone)
        minute = local.hour * 60 + local.minute
        return any(opens <= minute < closes for opens, closes in self.week[local.weekday()])

    def _openings(self, moment: datetime) -> Iterator[datetime]:
        today = moment.astimezone(self.zone).date()
        # Two weeks: an hour that the clocks leave out once may be the only one of its week.
        for day in (today + timedelta(days=days) for days in range(15)):
            for opens, _ in self.week[day.weekday()]:
                for fold in (0, 1):  # in autumn an hour comes twice
                    local = datetime.combine(day, time(*divmod(opens, 60), fold=fold), self.zone)
                    yield local.astimezone(UTC)


def read_hours(written: str, zone: ZoneInfo) -> Hours:
    """Hours as people write them: "mon-fri 09:00-18:00, sat 10:00-15:00"; without a day it is every day.

    What ends before it begins goes on past midnight. Raises ValueError that says how to write it.
    """
    spans: list[set[tuple[int, int]]] = [set() for _ in DAYS]
    for part in written.lower().split(","):
        found = _PART.fullmatch(part.strip())
        first, last = (
            (found["first"] or "mon", found["last"] or found["first"] or "sun") if found else ("", "")
        )
        if not found or first not in DAYS or last not in DAYS:
            raise ValueError(
                f"{part.strip()!r} is not understood: write mon-fri 09:00-18:00, sat 10:00-15:00"
            )
        opens, closes = _minute(found["opens"]) % _MIDNIGHT, _minute(found["closes"])
        day, until = DAYS.index(first), DAYS.index(last)
        for number in range(day, day + (until - day) % 7 + 1):
            if opens < closes:
                spans[number % 7].add((opens, closes))
            else:
                spans[number % 7].add((opens, _MIDNIGHT))
                spans[(number + 1) % 7].add((0, closes))
    return Hours(zone, tuple(tuple(sorted(day)) for day in spans))


def _minute(written: str) -> int:
    hour, minute = map(int, written.split(":"))
    if minute > 59 or hour * 60 + minute > _MIDNIGHT:
        raise ValueError(f"{written} is no time of a day, which goes from 00:00 to 24:00")
    return hour * 60 + minute


ALWAYS = Hours(ZoneInfo("UTC"))
