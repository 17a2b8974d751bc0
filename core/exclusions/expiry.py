"""Until when: an exclusion's end as admins write it, in Russian or English."""

from __future__ import annotations

import calendar
import re
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from core.errors import Refusal

LONGEST = 500  # characters of one line that are looked at

_MONTHS = {
    stem: number
    for number, stems in enumerate(
        (
            ("январ", "янв", "jan"),
            ("феврал", "фев", "feb"),
            ("март", "мар", "mar"),
            ("апрел", "апр", "apr"),
            ("мая", "май", "may"),
            ("июн", "jun"),
            ("июл", "jul"),
            ("август", "авг", "aug"),
            ("сентябр", "сен", "sep"),
            ("октябр", "окт", "oct"),
            ("ноябр", "ноя", "nov"),
            ("декабр", "дек", "dec"),
        ),
        start=1,
    )
    for stem in stems
}
_MONTH = "|".join(sorted(_MONTHS, key=len, reverse=True))
_UNITS = (
    ("hour", "час(?:а|ов)?|hours?"),
    ("day", "день|дня|дней|сутки|суток|days?"),
    ("week", "недел[юиья]|недель|weeks?"),
    ("month", "месяц(?:а|ев)?|months?"),
    ("year", "год(?:а)?|лет|years?"),
)
_UNIT = "|".join(words for _, words in _UNITS)
_DATE = re.compile(
    rf"""(?:^|(?<=[\s,;(]))(?:до|по|until|till)\ +
    (?:
        (?P<iso_year>\d{{4}})-(?P<iso_month>\d\d?)-(?P<iso_day>\d\d?)
      | (?P<day>\d\d?)[./](?P<month>\d\d?)(?:[./](?P<year>\d{{4}}|\d\d))?
      | (?P<named_day>\d\d?)(?:st|nd|rd|th)?\ (?P<named_month>{_MONTH})\w*\.?
        (?:,?\ (?P<named_year>\d{{4}}))?
      | (?P<english_month>{_MONTH})\w*\.?\ (?P<english_day>\d\d?)(?:st|nd|rd|th)?
        (?:,?\ (?P<english_year>\d{{4}}))?
    )
    (?:\ ?(?:г\.|г|года|год))?(?:\ ?(?:включительно|inclusive))?[\s.,;)]*$""",
    re.IGNORECASE | re.VERBOSE,
)
_SPAN = re.compile(
    rf"(?:^|(?<=[\s,;(]))(?:на|for) (?:(?P<count>\d{{1,4}}|an?|one) )?(?P<unit>{_UNIT})[\s.,;)]*$",
    re.IGNORECASE,
)


def split_expiry(written: str, now: datetime, timezone: str) -> tuple[str, datetime | None]:
    """Divide a text into what stands before an end ("до 31.12.2026", "for 30 days") and that end.

    A date counts to the end of its day in `timezone` (an IANA name), so the end is the midnight after it;
    without a year it is the next such day. A text without an end comes back whole with None. Raises Refusal
    for a day that does not exist ("refused-expiry-date") or has passed ("refused-expiry-past").
    """
    text = " ".join(written[:LONGEST].split())
    if found := _DATE.search(text):
        end = _end_of_date(found, now.astimezone(ZoneInfo(timezone)).date(), timezone)
    elif found := _SPAN.search(text):
        end = _end_of_span(found, now, timezone)
    else:
        return written.strip(), None
    if end <= now:
        raise Refusal("refused-expiry-past", written=found.group().strip(" ,;.()"))
    return text[: found.start()].rstrip(" ,;("), end


def _end_of_date(found: re.Match[str], today: date, timezone: str) -> datetime:
    part = found.groupdict()
    written = found.group().strip(" ,;.()")
    year = part["iso_year"] or part["year"] or part["named_year"] or part["english_year"]
    named = part["named_month"] or part["english_month"]
    month = _MONTHS[named.lower()] if named else int(part["iso_month"] or part["month"])
    day = int(part["iso_day"] or part["day"] or part["named_day"] or part["english_day"])
    try:
        if year is not None:
            last = date(int(year) + (2000 if len(year) == 2 else 0), month, day)
        else:
            last = _next(month, day, today)
        return datetime.combine(last + timedelta(days=1), time.min, ZoneInfo(timezone)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise Refusal("refused-expiry-date", written=written) from None


def _next(month: int, day: int, today: date) -> date:
    """The next such day of the calendar; the 29th of February may be years away."""
    for year in range(today.year, today.year + 9):
        if month == 2 and day == 29 and not calendar.isleap(year):
            continue
        if (found := date(year, month, day)) >= today:
            return found
    raise ValueError("no such day")


def _end_of_span(found: re.Match[str], now: datetime, timezone: str) -> datetime:
    written = found["count"] or "1"
    count = int(written) if written.isdecimal() else 1
    unit = next(name for name, words in _UNITS if re.fullmatch(words, found["unit"], re.IGNORECASE))
    try:
        match unit:
            case "hour":
                return now + timedelta(hours=count)
            case "day":
                return now + timedelta(days=count)
            case "week":
                return now + timedelta(weeks=count)
            case "month":
                return _months_later(now, count, timezone)
            case _:
                return _months_later(now, count * 12, timezone)
    except (ValueError, OverflowError):
        raise Refusal("refused-expiry-date", written=found.group().strip(" ,;.()")) from None


def _months_later(now: datetime, months: int, timezone: str) -> datetime:
    """The same hour so many months on; the 31st becomes the last day of a shorter month."""
    local = now.astimezone(ZoneInfo(timezone))
    years, month = divmod(local.month - 1 + months, 12)
    year, month = local.year + years, month + 1
    day = min(local.day, calendar.monthrange(year, month)[1])
    return local.replace(year=year, month=month, day=day).astimezone(UTC)
