"""Times in messages: with an offset, always; and *when it happened* in the three ways that people know it."""

import re
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Final, Self
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, Field, StringConstraints, model_validator

from contracts.base import Contract

_MOMENT: Final = re.compile(
    r"(19|20|21)\d\d-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[+-]\d\d:\d\d)", re.ASCII
)
_DAY: Final = re.compile(r"(19|20|21)\d\d-\d\d-\d\d", re.ASCII)
_YEARS: Final = range(1900, 2200)
COPENHAGEN: Final = ZoneInfo("Europe/Copenhagen")
CLOCKS_DIFFER: Final = timedelta(minutes=15)
"""How far ahead of the reader's clock a time may lie before what it says lies in the future."""
LIES_AHEAD: Final = "lies ahead; give the time at which it happened"
_HOURS_MAX: Final = 24 * 366


def day_of(at: datetime) -> date:
    """The day on the wall in Denmark, whatever offset a moment is written with."""
    return at.astimezone(COPENHAGEN).date()


def _moment(value: object) -> object:
    """Numbers and times without an offset are refused; nobody guesses which clock somebody meant."""
    if isinstance(value, datetime):
        aware = value.utcoffset() is not None and value.year in _YEARS
    else:
        aware = isinstance(value, str) and _MOMENT.fullmatch(value) is not None
    if not aware:
        raise ValueError(
            "a time is written with its date and its offset from UTC, as in 2026-11-21T02:40:00+01:00; "
            "a time without an offset, or before 1900, is refused"
        )
    return value


def _day(value: object) -> object:
    plain = isinstance(value, date) and not isinstance(value, datetime) and value.year in _YEARS
    if not plain and not (isinstance(value, str) and _DAY.fullmatch(value)):
        raise ValueError("a day is written as in 2026-11-21, without a time and not before 1900")
    return value


Moment = Annotated[datetime, BeforeValidator(_moment)]
"""A point in time with its offset, as sent. Whether it is in the future is judged where there is a clock."""
Day = Annotated[date, BeforeValidator(_day)]
WallTime = Annotated[str, StringConstraints(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]
"""A time of day on the wall clock in Denmark, `HH:MM`."""


class Precision(StrEnum):
    """How exactly the time is known."""

    POINT = "point"
    PERIOD = "period"
    APPROXIMATE = "approximate"


class Happened(Contract):
    """When it happened: a point, a period, or about a time. Kept apart from when it was told and recorded."""

    precision: Precision
    at: Moment
    """The point; the start of the period; or the middle of what is meant."""
    until: Moment | None = None
    """Only for a period. Left out while it is still going on."""
    give_or_take_hours: Annotated[int, Field(strict=True, ge=1, le=_HOURS_MAX)] | None = None
    """Only, and always, for an approximate time."""

    @property
    def earliest(self) -> datetime:
        """The earliest time at which it may have begun."""
        return self.at - timedelta(hours=self.give_or_take_hours or 0)

    @model_validator(mode="after")
    def _as_its_precision_says(self) -> Self:
        if self.until is not None and self.precision is not Precision.PERIOD:
            raise ValueError("until: only a period has an end; leave it out or set precision to period")
        if self.until is not None and self.until <= self.at:
            raise ValueError(
                "until: a period ends after it begins; for one point in time set precision to point"
            )
        if (self.precision is Precision.APPROXIMATE) != (self.give_or_take_hours is not None):
            raise ValueError("give_or_take_hours: an approximate time needs it, and no other may have it")
        return self
