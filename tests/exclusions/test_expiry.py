"""Until when somebody is kept out, as admins write it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import Refusal
from core.exclusions.expiry import split_expiry

NOW = datetime(2026, 3, 16, 9, 0, tzinfo=UTC)  # noon in Moscow
MOSCOW = "Europe/Moscow"


def midnight(year: int, month: int, day: int) -> datetime:
    return datetime(year, month, day, 21, tzinfo=UTC)


@pytest.mark.parametrize(
    ("written", "rest", "end"),
    [
        ("спамит до 31.12.2026", "спамит", midnight(2026, 12, 31)),
        ("до 31.12.26", "", midnight(2026, 12, 31)),
        ("просил не писать; до 1/4/2026 включительно", "просил не писать", midnight(2026, 4, 1)),
        ("until 2026-12-31", "", midnight(2026, 12, 31)),
        ("по 5 мая 2026 года.", "", midnight(2026, 5, 5)),
        ("(до 5 мая)", "", midnight(2026, 5, 5)),
        ("rude till December 31st, 2027", "rude", midnight(2027, 12, 31)),
        ("until 3 Jan", "", midnight(2027, 1, 3)),
        ("до 16.03", "", midnight(2026, 3, 16)),
        ("до 29.02", "", midnight(2028, 2, 29)),
        ("@spam.ru на 30 дней", "@spam.ru", NOW + timedelta(days=30)),
        ("for 12 hours", "", NOW + timedelta(hours=12)),
        ("на неделю", "", NOW + timedelta(weeks=1)),
        ("for a month", "", NOW.replace(month=4)),
        ("НА 2 ГОДА", "", NOW.replace(year=2028)),
        ("хамит на три дня", "хамит", NOW + timedelta(days=3)),
        ("на двое суток", "", NOW + timedelta(days=2)),
        ("for two weeks", "", NOW + timedelta(weeks=2)),
        ("на 30 дн.", "", NOW + timedelta(days=30)),
        ("на 24ч", "", NOW + timedelta(hours=24)),
        ("на 2 нед", "", NOW + timedelta(weeks=2)),
        ("на полгода", "", NOW.replace(month=9)),
        ("до завтра", "", midnight(2026, 3, 17)),
        ("до конца недели", "", midnight(2026, 3, 22)),
        ("до конца месяца", "", midnight(2026, 3, 31)),
        ("until the end of the year", "", midnight(2026, 12, 31)),
        ("до 5-го мая", "", midnight(2026, 5, 5)),
        ("до: 31-12-2026", "", midnight(2026, 12, 31)),
        ("до 2026.12.31", "", midnight(2026, 12, 31)),
        ("переехал на д", "переехал на д", None),
        ("звонит до 5-10", "звонит до 5-10", None),
        ("до связи", "до связи", None),
        ("обещал на днях", "обещал на днях", None),
        ("until", "until", None),
        ("", "", None),
    ],
)
def test_an_end_is_read_in_the_ways_people_write_it(written: str, rest: str, end: datetime | None) -> None:
    assert split_expiry(written, NOW, MOSCOW) == (rest, end)


def test_a_month_from_the_last_of_january_is_the_last_of_february() -> None:
    january = datetime(2026, 1, 31, 9, tzinfo=UTC)
    assert split_expiry("на месяц", january, MOSCOW)[1] == datetime(2026, 2, 28, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    ("written", "key"),
    [
        ("до 31.02.2026", "refused-expiry-date"),
        ("until 2026-13-01", "refused-expiry-date"),
        ("на 9999 лет", "refused-expiry-date"),
        ("до 31.12.9999", "refused-expiry-date"),
        ("до 15.03.2026", "refused-expiry-past"),
        ("for 0 days", "refused-expiry-past"),
    ],
)
def test_a_day_that_does_not_exist_or_has_passed_is_refused_by_name(written: str, key: str) -> None:
    with pytest.raises(Refusal) as refused:
        split_expiry(written, NOW, MOSCOW)
    assert refused.value.key == key
    assert refused.value.arguments == {"written": written}


@given(st.text(alphabet=st.sampled_from("до по until for на 1239.-/;() дней мая st года\t\n"), max_size=80))
def test_whatever_is_written_gives_an_end_ahead_or_a_refusal(written: str) -> None:
    key: str | None = None
    try:
        rest, end = split_expiry(written, NOW, MOSCOW)
    except Refusal as refusal:
        rest, end, key = "", None, refusal.key
    assert key in (None, "refused-expiry-date", "refused-expiry-past")
    assert end is None or end > NOW
    assert len(rest) <= len(written)
