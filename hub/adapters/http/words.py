"""Words of a body that are none: control characters, which no person writes and a database may refuse."""

import json
import re
from collections.abc import Iterator
from typing import Any, Final

from contracts.fields import no_control
from hub.adapters.http.problems import pointer_to
from hub.errors import Invalid

_MAY_HOLD_ONE: Final = re.compile(rb"\\u00[0189]|\\u007f|\\[bf]|\x7f|\xc2[\x80-\x9f]", re.IGNORECASE)
"""JSON writes most of them escaped: a body without any of these holds none, and is not read again."""
Step = str | int


def must_be_words(body: bytes) -> None:
    """Refuse a JSON body with a control character in any of its texts, at the field that holds it."""
    if not _MAY_HOLD_ONE.search(body):
        return
    for steps, text in _texts(json.loads(body), ()):
        try:
            no_control(text)
        except ValueError as error:
            raise Invalid(str(error), field=pointer_to(steps)) from None


def _texts(value: Any, steps: tuple[Step, ...]) -> Iterator[tuple[tuple[Step, ...], str]]:
    match value:
        case str():
            yield steps, value
        case list():
            for number, item in enumerate(value):
                yield from _texts(item, (*steps, number))
        case dict():
            for name, item in value.items():
                yield (*steps, name), name
                yield from _texts(item, (*steps, name))
