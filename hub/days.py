"""Days in Denmark: where one ends, and which are working days. UTC inside, Europe/Copenhagen for days.

Public holidays are those of the library `holidays` (country DK), which follows the Danish law on them: store
bededag is none since 2024. Whether an office is closed on other days (5 June, 24 December) is
agreed locally, so those count as working days.
"""

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Final

import holidays

from contracts.times import COPENHAGEN, day_of

_SATURDAY: Final = 5
_DAY: Final = timedelta(days=1)


def end_of_day(day: date) -> datetime:
    """The moment in UTC at which the day is over in Denmark; it may have 23 or 25 hours."""
    return datetime.combine(day + _DAY, time(), COPENHAGEN).astimezone(UTC)


def is_working_day(day: date) -> bool:
    """Monday to Friday, and no public holiday."""
    return day.weekday() < _SATURDAY and day not in _holidays(day.year)


def after_working_days(at: datetime, count: int) -> datetime:
    """The end of the last of so many working days; the day on which it begins does not count."""
    day = day_of(at)
    while count:
        day += _DAY
        count -= is_working_day(day)
    return end_of_day(day)


@lru_cache(maxsize=8)
def _holidays(year: int) -> frozenset[date]:
    return frozenset(holidays.country_holidays("DK", years=year))
