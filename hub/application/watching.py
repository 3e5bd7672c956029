"""Every command, watched in one place: timed, counted, and told in one line, however it ends."""

from collections.abc import Callable
from functools import wraps
from inspect import getmembers, isfunction, signature
from time import perf_counter
from typing import Any, Final

from hub.application import Hub
from hub.application.committing import Command
from hub.errors import Corrupt, HubError, NoKek, TamperedRow, UnknownKey
from hub.logs import logger
from hub.measures import Measures

log = logger("commands")
DONE: Final = "done"
NOTHING: Final = "nothing"
"""It was done before, or not due: counted, and no line is made of it."""
UNEXPECTED: Final = "unexpected"
_ALARMS: Final = {UNEXPECTED, *(kind.slug for kind in (Corrupt, TamperedRow, UnknownKey, NoKek))}
COMMANDS: Final = tuple(
    name
    for name, method in getmembers(Hub, isfunction)
    if not name.startswith("_") and "command" in signature(method).parameters
)


def watched(hub: Hub, measures: Measures) -> Hub:
    """The same hub; whoever asks it for a command is watched, its own parts among them."""
    for name in COMMANDS:
        setattr(hub, name, _watched(name, getattr(hub, name), measures))
    return hub


def _watched(name: str, method: Callable[..., Any], measures: Measures) -> Callable[..., Any]:
    @wraps(method)
    def call(command: Command, *arguments: Any, **named: Any) -> Any:
        begun, outcome, told = perf_counter(), UNEXPECTED, {}
        try:
            answer = method(command, *arguments, **named)
            outcome = NOTHING if answer is None else DONE
            told = {} if answer is None else {"position": answer.position}
        except HubError as error:
            outcome = error.slug
            raise
        finally:
            seconds = perf_counter() - begun
            measures.command(name, outcome, seconds)
            if outcome != NOTHING:
                tell = log.error if outcome in _ALARMS else log.info
                ms = round(1000 * seconds, 1)
                tell("a command", command=name, outcome=outcome, role=command.by.role, ms=ms, **told)
        return answer

    return call
