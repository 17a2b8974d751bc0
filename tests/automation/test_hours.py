"""Opening hours: read as people write them, and the next of them found through every change of the clocks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.lines.hours import ALWAYS, Hours, read_hours

BERLIN = ZoneInfo("Europe/Berlin")
WEEK = "mon-fri 09:00-18:00, sat 10:00-15:00"
minutes = st.integers(0, 24 * 60 - 1).map(lambda minute: f"{minute // 60:02}:{minute % 60:02}")
days = st.sampled_from(["", "mon ", "sun ", "fri-mon ", "tue-thu "])
weeks = st.lists(st.builds("{}{}-{}".format, days, minutes, minutes), min_size=1, max_size=3).map(", ".join)


def local(day: int, hour: int, minute: int = 0, month: int = 3) -> datetime:
    return datetime(2026, month, day, hour, minute, tzinfo=BERLIN)


moments = st.integers(0, 366 * 24 * 60 * 60).map(
    lambda second: local(1, 0, month=1).astimezone(UTC) + timedelta(seconds=second)
)


@pytest.mark.parametrize(
    ("written", "moment", "opens"),
    [
        (WEEK, local(16, 12), local(16, 12)),  # a Monday
        (WEEK, local(16, 8, 59), local(16, 9)),
        (WEEK, local(16, 18), local(17, 9)),  # the end is no longer open
        (WEEK, local(20, 17, 55), local(20, 17, 55)),
        (WEEK, local(20, 20), local(21, 10)),
        (WEEK, local(21, 15), local(23, 9)),
        ("9:00-18:00", local(22, 3), local(22, 9)),
        ("MON 9:00 - 18:00", local(16, 18), local(23, 9)),
        ("fri-mon 10:00-12:00", local(17, 10), local(20, 10)),
        ("18:00-02:00", local(17, 1, 59), local(17, 1, 59)),  # past midnight
        ("sun 18:00-02:00", local(16, 1, 59), local(16, 1, 59)),
        ("sun 18:00-02:00", local(16, 2), local(22, 18)),
        ("00:00-24:00", local(17, 0), local(17, 0)),
        ("09:00-12:00, 13:00-17:00", local(17, 12, 30), local(17, 13)),
        ("sun 02:30-03:00", local(28, 12), local(5, 2, 30, month=4)),  # on the 29th there is no such hour
        ("09:00-18:00", local(28, 20), local(29, 9)),  # and nine is an hour sooner
    ],
)
def test_the_next_opening(written: str, moment: datetime, opens: datetime) -> None:
    assert read_hours(written, BERLIN).next_open(moment.astimezone(UTC)) == opens.astimezone(UTC)


@pytest.mark.parametrize(
    "written", ["9-18", "mo 09:00-18:00", "mon-fri", "09:00-18:00;", "25:00-26:00", "09:60-10:00", "x", ","]
)
def test_what_is_not_understood_says_how_to_write_it(written: str) -> None:
    with pytest.raises(ValueError, match=r"mon-fri 09:00-18:00|00:00 to 24:00"):
        read_hours(written, BERLIN)


@given(weeks, moments)
def test_an_opening_is_open_and_nothing_before_it_is(written: str, moment: datetime) -> None:
    hours = read_hours(written, BERLIN)
    opens = hours.next_open(moment)
    assert moment <= opens <= moment + timedelta(days=15)  # the clocks may leave out the only hour of a week
    assert hours.next_open(opens) == opens
    assert opens == moment or not _is_open(hours, opens - timedelta(seconds=1))


@given(moments)
def test_without_hours_it_is_never_too_late(moment: datetime) -> None:
    assert ALWAYS.next_open(moment) == moment


def _is_open(hours: Hours, moment: datetime) -> bool:
    return hours.next_open(moment) == moment
