"""The small types that messages are made of. Their errors name what is wrong, never what was sent."""

import unicodedata
from collections.abc import Iterable
from typing import Annotated, Final, TypeVar
from uuid import UUID

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints

from contracts.base import Contract

TEXT_MAX: Final = 10_000
LINE_MAX: Final = 200
_LAYOUT: Final = frozenset("\n\r\t")

Item = TypeVar("Item")


class Personal(Contract):
    """A part that holds personal data: printing it, in a log or a traceback, shows its type and no value."""

    def __repr_args__(self) -> Iterable[tuple[str | None, object]]:
        return ()

    def __str__(self) -> str:
        return repr(self)


def no_control(text: str) -> str:
    """The text, if a person may have written it. Raises `ValueError`."""
    if any(unicodedata.category(letter) == "Cc" and letter not in _LAYOUT for letter in text):
        raise ValueError("control characters are not allowed; line breaks and tabs are")
    return text


def _one_line(text: str) -> str:
    if any(unicodedata.category(letter) in {"Cc", "Zl", "Zp"} for letter in text):
        raise ValueError("this field is one line; longer accounts belong in narrative")
    return text


def _uuid(value: object) -> object:
    """The library's own message would quote the letter that it stumbles over."""
    if isinstance(value, UUID):
        return value
    if isinstance(value, str):
        try:
            found = UUID(value)
        except ValueError:
            found = None
        if found is not None and str(found) == value.lower():
            return found
    raise ValueError("an id is a UUID, written as 8-4-4-4-12 hexadecimal digits")


def _distinct(items: tuple[Item, ...]) -> tuple[Item, ...]:
    if len(set(items)) != len(items):
        raise ValueError("the same entry stands here twice; name each once")
    return items


Id = Annotated[UUID, BeforeValidator(_uuid)]
Line = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=LINE_MAX),
    AfterValidator(_one_line),
]
"""A name or a reference: one line, never an account."""
Text = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=TEXT_MAX),
    AfterValidator(no_control),
]
"""Free text. It hides addresses, so a named person reads it before it is told (domain rule 5)."""
Flag = Annotated[bool, Field(strict=True)]
"""True or false and nothing that resembles them."""
Count = Annotated[int, Field(strict=True, ge=0, le=1_000)]
Once = AfterValidator(_distinct)
"""Marks a list that holds no entry twice."""
