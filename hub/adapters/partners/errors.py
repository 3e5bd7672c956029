"""What an adapter tells its own people. No message repeats what a report or a message says.

AdapterError
├── BadSettings       the configuration file: field, rule, way out
├── BadReport         a social report that its contract refuses: every problem with its field
├── UnknownItem       no report, message or referral of that id here
├── NoLongerOpen      the hub gives no key, or the content is gone: it can no longer be opened
└── NotAllowed        this adapter's own rules say no
"""

from collections.abc import Sequence

from pydantic import ValidationError

from contracts.base import UNKNOWN_FIELD


class AdapterError(Exception):
    """Base of what a person at the partner's end is told."""


class BadSettings(AdapterError):
    """Raised when the configuration can't be used."""


class BadReport(AdapterError):
    """Raised when a report may not be handed over as it is. Nothing of it was kept or sent."""

    def __init__(self, problems: Sequence[str]) -> None:
        lines = "\n".join(f"  {problem}" for problem in problems)
        super().__init__(f"the report was not taken; correct it and submit it again:\n{lines}")
        self.problems = tuple(problems)


class UnknownItem(AdapterError):
    """Raised when an id names nothing that this adapter has."""


class NoLongerOpen(AdapterError):
    """Raised when a message can't be opened any more: withdrawn, expired, or never for us."""


class NotAllowed(AdapterError):
    """Raised when the adapter's own rules say no; the message says what to do instead."""


def problems_of(error: ValidationError) -> list[str]:
    """Field and rule of each problem, never the value; the name of an unknown field is the sender's word."""
    told: list[str] = []
    for found in error.errors(include_input=False, include_context=False, include_url=False):
        steps = [str(step) for step in found["loc"]]
        rule = str(found["msg"]).removeprefix("Value error, ")
        if found["type"] == "extra_forbidden":
            name, _, rule = UNKNOWN_FIELD.partition(": ")
            steps[-1:] = [f"({name})"]
        told += [f"{'.'.join(steps)}: {line}" if steps else line for line in rule.splitlines()]
    return told
