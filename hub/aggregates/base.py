"""What every aggregate and event of the hub shares: topics that last, an actor, and no clock."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

from eventsourcing.domain import Aggregate, CanMutateAggregate

TOPICS: dict[str, type[Any]] = {}
"""Every topic that may stand in the store, and its class. The mapper resolves topics here and nowhere
else, so that a topic from outside can never name a module to import."""


def stored_as(topic: str) -> Any:
    """Give an event class the topic under which it is stored for good, `<noun>.<past_tense>`."""

    def register(cls: type[Any]) -> type[Any]:
        if topic in TOPICS:
            raise ValueError(f"topic {topic} is taken by {TOPICS[topic].__name__}")
        cls.TOPIC = topic
        TOPICS[topic] = cls
        return cls

    return register


@dataclass(frozen=True, slots=True)
class Actor:
    """Who did it, in which role, for which organisation (slug). `person` is the login's subject."""

    person: str
    name: str
    role: str
    organisation: str


class Event(Aggregate.Event):
    """A past-tense fact, with who made it so."""

    TOPIC: ClassVar[str]
    by: Actor


A = TypeVar("A", bound=Aggregate)


def project(aggregate: A | None, events: Iterable[CanMutateAggregate[Any]]) -> A | None:
    """Fold events into an aggregate: the library's projector without its protocol check per event.

    That check is half of the time of a load (reference/performance.md, finding 5).
    """
    for event in events:
        aggregate = event.mutate(aggregate)
    return aggregate
