"""Days and deadlines by the clock and the calendar in Denmark."""

from datetime import UTC, date, datetime, timedelta

import pytest

from contracts.times import COPENHAGEN, day_of
from hub.days import after_working_days, end_of_day, is_working_day

AUTUMN, SPRING = date(2026, 10, 25), date(2027, 3, 28)
"""The nights in which the clock is put back, and forward."""


def here(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=COPENHAGEN)


@pytest.mark.parametrize(
    ("day", "ends", "hours"),
    [
        (AUTUMN, "2026-10-25T23:00+00:00", 25),
        (SPRING, "2027-03-28T22:00+00:00", 23),
        (date(2026, 12, 1), "2026-12-01T23:00+00:00", 24),
        (date(2026, 7, 1), "2026-07-01T22:00+00:00", 24),
    ],
)
def test_a_day_ends_at_midnight_in_denmark_whatever_the_clock_does_in_it(
    day: date, ends: str, hours: int
) -> None:
    assert end_of_day(day) == datetime.fromisoformat(ends)
    assert end_of_day(day).tzinfo is UTC
    assert end_of_day(day) - end_of_day(day - timedelta(days=1)) == timedelta(hours=hours)


def test_the_hour_that_comes_twice_is_one_day_and_two_moments() -> None:
    first, second = (datetime.fromisoformat(f"2026-10-25T02:30:00+0{n}:00") for n in (2, 1))
    assert second - first == timedelta(hours=1)
    assert day_of(first) == day_of(second) == AUTUMN
    assert day_of(datetime(2026, 10, 25, 23, 0, tzinfo=UTC)) == AUTUMN + timedelta(days=1)


def test_the_hour_that_never_comes_leaves_the_day_what_it_is() -> None:
    before, after = (datetime.fromisoformat(f"2027-03-28T0{h}:59:00+00:00") for h in (0, 1))
    assert [at.astimezone(COPENHAGEN).hour for at in (before, after)] == [1, 3]
    assert day_of(before) == day_of(after) == SPRING


@pytest.mark.parametrize(
    "holiday",
    [
        "2026-01-01",  # nytårsdag
        "2026-04-02",  # skærtorsdag
        "2026-04-03",  # langfredag
        "2026-04-06",  # 2. påskedag
        "2026-05-14",  # Kristi himmelfartsdag
        "2026-05-25",  # 2. pinsedag
        "2026-12-25",  # juledag
        "2026-11-21",  # a Saturday
        "2026-11-22",  # a Sunday
    ],
)
def test_no_work_is_done_on_holidays_and_at_weekends(holiday: str) -> None:
    assert not is_working_day(date.fromisoformat(holiday))


def test_store_bededag_is_a_working_day_since_2024_and_so_are_days_that_are_agreed_locally() -> None:
    assert not is_working_day(date(2023, 5, 5))
    for day in (date(2024, 4, 26), date(2026, 5, 1), date(2026, 6, 5), date(2026, 12, 24)):
        assert is_working_day(day)


@pytest.mark.parametrize(
    ("begins", "count", "last"),
    [
        ("2026-11-23T09:00", 3, date(2026, 11, 26)),
        ("2026-11-27T23:59", 1, date(2026, 11, 30)),  # over a weekend
        ("2026-04-01T12:00", 3, date(2026, 4, 9)),  # over Easter: five days on which nobody works
        ("2026-10-23T12:00", 1, date(2026, 10, 26)),  # over the night in which the clock is put back
        ("2027-03-24T12:00", 1, date(2027, 3, 30)),  # over Easter, and the night in which it goes forward
        ("2026-12-31T12:00", 1, date(2027, 1, 4)),
    ],
)
def test_a_deadline_in_working_days_ends_with_the_last_of_them(begins: str, count: int, last: date) -> None:
    assert after_working_days(here(begins), count) == end_of_day(last)


def test_the_day_on_which_a_deadline_begins_is_the_one_in_denmark() -> None:
    """Half past eleven on Sunday night in UTC is Monday here: the first working day is Tuesday."""
    assert after_working_days(datetime(2026, 11, 29, 23, 30, tzinfo=UTC), 1) == end_of_day(date(2026, 12, 1))
