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
_NUMBERS = {
    word: number
    for number, words in enumerate(
        (
            ("один", "одну", "одни", "one", "an", "a"),
            ("два", "две", "двое", "пару", "two"),
            ("три", "трое", "three"),
            ("четыре", "four"),
            ("пять", "five"),
            ("шесть", "six"),
            ("семь", "seven"),
            ("восемь", "eight"),
            ("девять", "nine"),
            ("десять", "ten"),
        ),
        start=1,
    )
    for word in words
}
_BEHIND_DIGITS = r"(?:(?<=\d)|(?<=\d\ ))"  # where a unit may be cut short
_UNITS = {
    "hour": rf"час(?:а|ов)?|hours?|{_BEHIND_DIGITS}(?:ч|h)",
    "day": rf"день|дня|дней|сутки|суток|days?|{_BEHIND_DIGITS}(?:дн|д|d)",
    "week": rf"недел[юиья]|недель|weeks?|{_BEHIND_DIGITS}(?:нед|w)",
    "month": rf"месяц(?:а|ев)?|months?|{_BEHIND_DIGITS}мес",
    "half": r"полгода|half\ a\ year",
    "year": r"год(?:а)?|лет|years?",
}
_UNIT = "|".join(f"(?P<{name}>{words})" for name, words in _UNITS.items())
_DATE = re.compile(
    rf"""(?:^|(?<=[\s,;(]))(?:до|по|until|till):?\ +
    (?:
        (?P<iso_year>\d{{4}})[-./](?P<iso_month>\d\d?)[-./](?P<iso_day>\d\d?)
      | (?P<day>\d\d?)[./](?P<month>\d\d?)(?:[./](?P<year>\d{{4}}|\d\d))?
      | (?P<dashed_day>\d\d?)-(?P<dashed_month>\d\d?)-(?P<dashed_year>\d{{4}})
      | (?P<named_day>\d\d?)(?:st|nd|rd|th|-?го)?\ (?P<named_month>{_MONTH})\w*\.?
        (?:,?\ (?P<named_year>\d{{4}}))?
      | (?P<english_month>{_MONTH})\w*\.?\ (?P<english_day>\d\d?)(?:st|nd|rd|th)?
        (?:,?\ (?P<english_year>\d{{4}}))?
      | (?P<tomorrow>завтра|tomorrow)
      | (?:конца|(?:the\ )?end\ of(?:\ the)?)\ (?:(?P<end_of_week>недели|week)|(?P<end_of_month>месяца|month)
        |(?P<end_of_year>года|year))
    )
    (?:\ ?(?:г\.|г|года|год))?(?:\ ?(?:включительно|inclusive))?[\s.,;)]*$""",
    re.IGNORECASE | re.VERBOSE,
)
_SPAN = re.compile(
    rf"""(?:^|(?<=[\s,;(]))(?:на|for)\ (?:(?P<digits>\d{{1,4}})\ ?|(?P<number>{"|".join(_NUMBERS)})\ )?
    (?:{_UNIT})[\s.,;)]*$""",
    re.IGNORECASE | re.VERBOSE,
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
    try:
        last = _last_day(found, today)
        return datetime.combine(last + timedelta(days=1), time.min, ZoneInfo(timezone)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise Refusal("refused-expiry-date", written=found.group().strip(" ,;.()")) from None


def _last_day(found: re.Match[str], today: date) -> date:
    """The last day on which it holds. Raises ValueError when there is no such day."""
    part = found.groupdict()
    if part["tomorrow"]:
        return today + timedelta(days=1)
    if part["end_of_week"]:
        return today + timedelta(days=6 - today.weekday())
    if part["end_of_month"]:
        return today.replace(day=calendar.monthrange(today.year, today.month)[1])
    if part["end_of_year"]:
        return today.replace(month=12, day=31)
    year = (
        part["iso_year"] or part["year"] or part["dashed_year"] or part["named_year"] or part["english_year"]
    )
    named = part["named_month"] or part["english_month"]
    month = (
        _MONTHS[named.lower()] if named else int(part["iso_month"] or part["month"] or part["dashed_month"])
    )
    day = int(
        part["iso_day"] or part["day"] or part["dashed_day"] or part["named_day"] or part["english_day"]
    )
    if year is None:
        return _next(month, day, today)
    return date(int(year) + (2000 if len(year) == 2 else 0), month, day)


def _next(month: int, day: int, today: date) -> date:
    """The next such day of the calendar; the 29th of February may be years away."""
    for year in range(today.year, today.year + 9):
        if month == 2 and day == 29 and not calendar.isleap(year):
            continue
        if (found := date(year, month, day)) >= today:
            return found
    raise ValueError("no such day")


def _end_of_span(found: re.Match[str], now: datetime, timezone: str) -> datetime:
    count = int(found["digits"]) if found["digits"] else _NUMBERS.get((found["number"] or "").lower(), 1)
    unit = next(name for name in _UNITS if found[name])
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
            case "half":
                return _months_later(now, 6, timezone)
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
