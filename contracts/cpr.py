"""CPR numbers: ten digits that begin with a possible date.

What is *not* checked, on purpose: modulus 11 (numbers without it have been given out since 2007, and people
with one must not be turned away: cpr.dk, "Personnumre uden kontrolciffer"). What is not derived, on purpose:
the sex.

A number with 60 added to its day is no number of the national register: cpr.dk ("Erstatningspersonnummer i
eksterne systemer") recommends that form for people who can't be given one, and test numbers use it as well.
"""

import re
from datetime import date
from typing import Annotated, Final

from pydantic import BeforeValidator, Field

_FORM: Final = re.compile(r"[0-9]{6}-?[0-9]{4}")
_DAYS_ADDED: Final = 60
_FIRST_TWO_CENTURIES: Final = 36
"""Seventh digit 4 or 9: up to this year the twenty-first century, after it the twentieth."""
_FIRST_THREE_CENTURIES: Final = 57
"""Seventh digit 5 to 8: up to this year the twenty-first century, after it the nineteenth."""

_WAY_OUT: Final = (
    "leave the field out and give birth_date or approximate_age when the number is not known; "
    "a replacement or test number has 60 added to its day"
)


def normalised(cpr: str) -> str:
    """The ten digits, without a hyphen. Raises `ValueError`, never with the value in it."""
    return _read(cpr)[0]


def birth_date(cpr: str) -> date:
    """The date that the number states. It may differ from the person's real date of birth."""
    return _read(cpr)[1]


def is_test(cpr: str) -> bool:
    """Whether the number is a test *or a replacement* number: 60 is added to the day.

    The digits can't tell the two apart, so this alone is no ground to refuse a report about somebody.
    """
    return int(normalised(cpr)[:2]) > _DAYS_ADDED


def refuse_test(cpr: str, *, is_replacement: bool) -> None:
    """Refuse what can only be a test number: 60 is added to its day, and nobody says that it replaces one.

    Raises `ValueError`, never with the value in it.
    """
    if is_test(cpr) and not is_replacement:
        raise ValueError(
            "a test number names nobody here; say that it is a replacement number where it is one, "
            "or leave the number out"
        )


def masked(cpr: str) -> str:
    """`ddmmåå-••••`: the only form in which a number is shown."""
    return f"{normalised(cpr)[:6]}-••••"


def _read(cpr: object) -> tuple[str, date]:
    if not isinstance(cpr, str) or _FORM.fullmatch(cpr) is None:
        raise ValueError(f"a CPR number is ten digits, with or without a hyphen after the sixth; {_WAY_OUT}")
    digits = cpr.replace("-", "")
    day, month, year = int(digits[:2]), int(digits[2:4]), int(digits[4:6])
    day -= _DAYS_ADDED if day > _DAYS_ADDED else 0
    try:
        return digits, date(_century(int(digits[6]), year) + year, month, day)
    except ValueError:
        # `from None`: the cause would quote the day and the month.
        raise ValueError(f"a CPR number begins with a possible date, ddmmyy; {_WAY_OUT}") from None


def _century(seventh: int, year: int) -> int:
    """cpr.dk, "Opbygning af CPR-nummeret": digits five to seven together tell the century."""
    match seventh:
        case 0 | 1 | 2 | 3:
            return 1900
        case 4 | 9:
            return 2000 if year <= _FIRST_TWO_CENTURIES else 1900
        case _:
            return 2000 if year <= _FIRST_THREE_CENTURIES else 1800


Cpr = Annotated[
    str,
    BeforeValidator(normalised),
    Field(description="CPR number: ten digits with a possible date; read with or without a hyphen"),
]
"""A CPR number in a message, kept as ten digits."""
