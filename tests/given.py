"""The domain in sentences: `given(facts).when(command, …).then(facts)`, `.then_raises(…)`, `.then_nothing()`.

A fact is an event without its envelope. Beside what a test says, each command is checked for three things:
replay gives the state that it leaves, what it did to a copy is nowhere else, and an error names its field and
repeats nothing that was sent.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from eventsourcing.domain import Aggregate, AggregateCreated

from hub.adapters.store.standing import copied
from hub.aggregates.base import Actor, project
from hub.errors import HubError

STREAM = UUID("00000000-0000-4000-8000-000000000001")
BEGAN = datetime(2026, 3, 2, 3, 0, tzinfo=UTC)
NOW = BEGAN + timedelta(days=1)
CASEWORKER = Actor("sub-17", "Birgit Prøve", "caseworker", "voldsteam")
_ENVELOPE = {"originator_id", "originator_version", "originator_topic", "timestamp", "by"}


Fact = tuple[type[Any], dict[str, Any]]


def fact(event: type[Any], **attributes: Any) -> Fact:
    """A fact for `given` and `then`. `by` and `at` may be said where they matter."""
    return event, attributes


def _events(history: tuple[Fact, ...]) -> Iterator[Any]:
    for version, (event, attributes) in enumerate(history, 1):
        rest = {"by": CASEWORKER, **attributes}
        at = rest.pop("at", BEGAN + timedelta(minutes=version))
        if issubclass(event, AggregateCreated):
            rest["originator_topic"] = event.TOPIC.partition(".")[0]  # type: ignore[attr-defined]
        yield event(originator_id=STREAM, originator_version=version, timestamp=at, **rest)


class given:  # noqa: N801 (it begins a sentence)
    """What has happened; nothing at all for a command that makes a new aggregate."""

    def __init__(self, *history: Fact) -> None:
        self.history = tuple(_events(history))
        self.aggregate: Any = project(None, self.history)

    def when(
        self, command: Callable[..., Any], /, *, by: Actor = CASEWORKER, at: datetime = NOW, **args: Any
    ) -> "Outcome":
        standing = self.aggregate
        self.aggregate = None if standing is None else copied(standing)
        target = () if standing is None else (self.aggregate,)
        try:
            result = command(*target, by=by, at=at, **args)
        except HubError as error:
            assert not (target and self.aggregate.pending_events), "refused, and yet something happened"
            return Outcome(self.aggregate, (), None, error, args)
        assert project(None, self.history) == standing, "changed what its copy shares with another"
        aggregate = result if isinstance(result, Aggregate) else self.aggregate
        events = tuple(aggregate.collect_events())
        assert project(None, (*self.history, *events)) == aggregate, "replay gives another state"
        return Outcome(aggregate, events, result, None, args)


@dataclass
class Outcome:
    aggregate: Any
    events: tuple[Any, ...]
    result: Any
    error: HubError | None
    args: dict[str, Any]

    def then(self, *expected: Fact) -> "Outcome":
        if self.error:
            raise self.error
        happened = [(type(e), {k: v for k, v in vars(e).items() if k not in _ENVELOPE}) for e in self.events]
        assert happened == list(expected)
        return self

    then_nothing = then

    def then_answers(self, expected: Any) -> "Outcome":
        assert self.result == expected
        return self

    def then_raises(self, kind: type[HubError], *, field: str) -> None:
        assert type(self.error) is kind, self.error
        assert self.error.field == field
        assert str(self.error).startswith(f"{field}: ")
        assert [said for said in _prose(self.args) if said in str(self.error)] == []


def _prose(sent: Any) -> Iterator[str]:
    """Every text and id that was sent, closed words aside."""
    inner = sent.values() if isinstance(sent, dict) else sent if isinstance(sent, list | tuple) else ()
    for part in inner:
        yield from _prose(part)
    if isinstance(sent, str | UUID) and not isinstance(sent, StrEnum) and len(str(sent)) > 3:
        yield str(sent)
