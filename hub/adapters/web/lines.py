"""One line of a part as a person reads it, and the plain ways to make one."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from contracts import social_report_terms_v1 as report
from hub.adapters.web.wording import Words

Names = Mapping[str, str]
"""What the other persons of the page are called, by their id in the case: `Barn 1`."""


@dataclass(frozen=True, slots=True)
class Fact:
    """One line: a label and what stands there. `text` is a professional's or the citizen's own words."""

    label: str
    value: str
    grave: bool = False
    text: bool = False


Render = Callable[[Any, Words, Names], Iterator[Fact]]


def moment(value: object) -> datetime:
    """A time as messages write it."""
    found = datetime.fromisoformat(str(value))
    if found.tzinfo is None:
        raise ValueError("a time without an offset")
    return found


def plain(label: str) -> Render:
    """The word or number itself."""

    def render(value: Any, words: Words, _: Names) -> Iterator[Fact]:
        if not isinstance(value, str | int):
            raise TypeError("a word or a number was expected")
        yield Fact(words(label), str(value))

    return render


def one(label: str, closed: type[StrEnum]) -> Render:
    """One value of a closed list."""

    def render(value: Any, words: Words, _: Names) -> Iterator[Fact]:
        yield Fact(words(label), words.label(closed, value))

    return render


def many(label: str, closed: type[StrEnum]) -> Render:
    """Several values of a closed list."""

    def render(value: Any, words: Words, _: Names) -> Iterator[Fact]:
        yield Fact(words(label), words.labels(closed, value))

    return render


def flag(label: str) -> Render:
    """Yes or no."""

    def render(value: Any, words: Words, _: Names) -> Iterator[Fact]:
        if not isinstance(value, bool):
            raise TypeError("yes or no was expected")
        yield Fact(words(label), words("value.yes" if value else "value.no"))

    return render


def time(label: str) -> Render:
    """A point in time."""

    def render(value: Any, words: Words, _: Names) -> Iterator[Fact]:
        yield Fact(words(label), words.when(moment(value)))

    return render


def limit(label: str) -> Render:
    """A point in time until which something holds or may wait."""

    def render(value: Any, words: Words, _: Names) -> Iterator[Fact]:
        yield Fact(words(label), words.limit(moment(value)))

    return render


def signed(label: str) -> Render:
    """A named professional with the title."""

    def render(value: Any, words: Words, _: Names) -> Iterator[Fact]:
        yield Fact(words(label), f"{value['name']}, {value['title']}")

    return render


def danger(label: str, closed: type[StrEnum], inside: str) -> Render:
    """An answer and its signs: grave where it is yes, or where signs were seen."""

    def render(value: Any, words: Words, _: Names) -> Iterator[Fact]:
        signs = value.get(inside, [])
        line = words.label(report.Answer, value["answer"])
        line += f": {words.labels(closed, signs)}" if signs else ""
        yield Fact(words(label), line, grave=value["answer"] == "yes" or bool(signs))

    return render


def organisation(label: str) -> Render:
    """An organisation by its slug."""

    def render(value: Any, words: Words, _: Names) -> Iterator[Fact]:
        if not isinstance(value, str):
            raise TypeError("a slug was expected")
        yield Fact(words(label), words.organisation(value))

    return render


def organisations(label: str) -> Render:
    """Several of them."""

    def render(value: Any, words: Words, _: Names) -> Iterator[Fact]:
        yield Fact(words(label), words.organisations(value))

    return render
