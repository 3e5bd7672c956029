"""What stands in each event, pinned (docs/format.md section 3): its fields, their types, and closed lists.

The state is JSON with the attribute names of the class. Where a field is renamed, dropped or added, or a code
of a closed list renamed, what was stored can't be read any more, while all stays green that writes and reads
with the class of the day.

`events.txt` holds a line for each topic and `class_version`, and one for each code. A line never changes and
is never taken out: an event that holds something else gets a higher `class_version`, an upcaster and a line.
"""

import dataclasses
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from types import NoneType
from typing import Any, ClassVar, get_args, get_origin, get_type_hints

from hub.aggregates.registry import TOPICS

PINNED = Path(__file__).with_name("events.txt")
STREAM = {"originator_id", "originator_version"}


def test_every_event_and_code_is_pinned_as_it_is() -> None:
    pinned = set(PINNED.read_text(encoding="utf-8").splitlines())
    assert sorted(set(lines(TOPICS)) - pinned) == [], "add these, for good"


def test_no_event_that_was_stored_has_changed_and_no_code_is_gone() -> None:
    """Of what has a higher version now the older lines stay, and its upcasters read them."""
    now = set(lines(TOPICS))
    gone = [line for line in PINNED.read_text(encoding="utf-8").splitlines() if line not in now]
    assert [line for line in gone if not upcast(line)] == []


def test_every_line_stands_once() -> None:
    found = PINNED.read_text(encoding="utf-8").splitlines()
    assert len(found) == len(set(found))


def test_what_these_tests_look_for_they_find() -> None:
    """A field renamed or of another type, and a code renamed, each change a line."""

    class Colour(StrEnum):
        RED = "red"

    @dataclasses.dataclass(frozen=True)
    class Painted:
        colour: Colour
        hours: tuple[int, ...]
        by: str | None = None
        class_version: ClassVar[int] = 1

    told = "house.painted@1 colour: Colour, hours: tuple[int, ...], by: str | None"
    assert list(lines({"house.painted": Painted})) == ["Colour red", told]
    assert upcast(told, {"house.painted": Painted}) is False
    Painted.class_version = 2
    assert upcast(told, {"house.painted": Painted}) is True
    assert "house.painted@2" in "".join(lines({"house.painted": Painted}))


def upcast(line: str, topics: dict[str, type[Any]] = TOPICS) -> bool:
    """Whether the line is of an event that has a higher version now."""
    topic, _, version = line.partition(" ")[0].partition("@")
    return topic in topics and int(version) < class_version(topics[topic])


def lines(topics: dict[str, type[Any]]) -> Iterator[str]:
    """Of each code of each closed list, then of each event, in the order of their names."""
    shown = {topic: fields(event_class, STREAM) for topic, event_class in topics.items()}
    lists = sorted({found for event in topics.values() for found in closed(event)}, key=lambda e: e.__name__)
    yield from (f"{codes.__name__} {code.value}" for codes in lists for code in codes)
    yield from (f"{topic}@{class_version(topics[topic])} {shown[topic]}" for topic in sorted(shown))


def class_version(event_class: type[Any]) -> int:
    version: int = getattr(event_class, "class_version", 1)
    return version


def fields(kind: type[Any], apart: frozenset[str] | set[str] = frozenset()) -> str:
    hints = get_type_hints(kind)
    return ", ".join(
        f"{f.name}: {named(hints[f.name])}" for f in dataclasses.fields(kind) if f.name not in apart
    )


def named(hint: Any) -> str:
    """A type as the state has it: a value with the fields that it has."""
    if hint in (Ellipsis, NoneType, Any):
        return {Ellipsis: "...", NoneType: "None", Any: "Any"}[hint]
    if isinstance(hint, type) and dataclasses.is_dataclass(hint):
        return f"{hint.__name__}({fields(hint)})"
    if not get_args(hint):
        return str(hint.__name__)
    inner = [named(arg) for arg in get_args(hint)]
    return (
        f"{get_origin(hint).__name__}[{', '.join(inner)}]"
        if get_origin(hint) in (tuple, dict)
        else " | ".join(inner)
    )


def closed(hint: Any) -> Iterator[type[StrEnum]]:
    """The closed lists in a type, or in the fields of a class."""
    if dataclasses.is_dataclass(hint):
        for inner in get_type_hints(hint).values():
            yield from closed(inner)
    elif isinstance(hint, type) and issubclass(hint, StrEnum):
        yield hint
    for arg in get_args(hint):
        yield from closed(arg)
