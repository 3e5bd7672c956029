"""Ends and deadlines as people give them: a moment with its offset, or a day, of which the end is meant."""

import re
from datetime import date
from typing import Annotated, Final

from pydantic import BeforeValidator, WithJsonSchema

from contracts.times import Moment
from hub.days import end_of_day

_DAY: Final = re.compile(r"(19|20|21)\d\d-\d\d-\d\d", re.ASCII)


def _day_ended(value: object) -> object:
    if not isinstance(value, str) or not _DAY.fullmatch(value):
        return value
    try:
        return end_of_day(date.fromisoformat(value))
    except ValueError:
        # `from None`: the cause would quote the day.
        raise ValueError("a day is one of the calendar, as in 2026-11-21") from None


Until = Annotated[
    Moment,
    BeforeValidator(_day_ended),
    WithJsonSchema(
        {
            "anyOf": [{"type": "string", "format": "date-time"}, {"type": "string", "format": "date"}],
            "description": "a moment with its offset, or a day: then its end in Denmark",
        }
    ),
]
