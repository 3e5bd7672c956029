"""What every aggregate and event of the hub shares: topics that last, an actor, and no clock.

**Under which key an event is sealed** (the store's mapper relies on this; docs/format.md section 2): the one
whose id is the event's `case_id` if it has one, else its `sealed_under` if it has one, else its
`originator_id`. So a case and a partner are sealed under their own stream's key, a ledger, receipt or look
under its case's, and a batch of deliveries, which spans cases, under its partner's.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar
from uuid import UUID

from eventsourcing.domain import Aggregate, DomainEvent
from eventsourcing.utils import register_topic

TOPICS: dict[str, type[Any]] = {}
"""Every topic that may stand in the store, and its class. The mapper resolves topics here and nowhere
else, so that a topic from outside can never name a module to import."""

STREAMS: dict[str, type[Aggregate]] = {}
"""The topics of aggregates, as `originator_topic` names them in the first event of a stream."""

E = TypeVar("E", bound=type[DomainEvent])
R = TypeVar("R", bound=type[Aggregate])
A = TypeVar("A", bound=Aggregate)


def stored_as(topic: str) -> Callable[[E], E]:
    """Give an event class the topic under which it is stored for good, `<noun>.<past_tense>`."""

    def register(cls: E) -> E:
        if topic in TOPICS:
            raise ValueError(f"topic {topic} is taken by {TOPICS[topic].__name__}")
        cls.TOPIC = topic  # type: ignore[attr-defined]
        TOPICS[topic] = cls
        register_topic(topic, cls)
        return cls

    return register


def stream_of(topic: str) -> Callable[[R], R]:
    """Give an aggregate class its topic, a noun.

    Set after the class is made: the library gives every class with a `TOPIC` in its body a `Created` event
    without one, and then refuses it.
    """

    def register(cls: R) -> R:
        if topic in STREAMS:
            raise ValueError(f"topic {topic} is taken by {STREAMS[topic].__name__}")
        cls.TOPIC = topic  # type: ignore[attr-defined]
        STREAMS[topic] = cls
        register_topic(topic, cls)
        return cls

    return register


@dataclass(frozen=True, slots=True)
class Actor:
    """Who did it, in which role, for which organisation (slug). `person` is the login's subject."""

    person: str
    name: str
    role: str
    organisation: str

    @property
    def login(self) -> str:
        """How the block list names the person; the same subject elsewhere is somebody else."""
        return login_of(self.organisation, self.person)


def login_of(organisation: str, person: str) -> str:
    """A person's login as the block list names it. A slug holds no colon, so no two look alike."""
    return f"{organisation}:{person}"


class Event(Aggregate.Event):
    """A past-tense fact, with who made it so."""

    TOPIC: ClassVar[str]
    KEPT: ClassVar[bool] = False
    """Whether the aggregate keeps the fact itself: then most of it is read later, or never, and the store
    opens it at first touch. How the aggregate stands after it is what `change` assigns."""
    by: Actor


@dataclass(frozen=True)
class Lone(DomainEvent):
    """A past-tense fact that is a stream of its own: receipts and looks (design: *Receipts*).

    Writing one blocks nobody and moves no version. The library's `save` takes it as it is.
    """

    TOPIC: ClassVar[str]
    VERSION: ClassVar[int] = 1
    by: Actor

    @property
    def id(self) -> UUID:
        """The stream."""
        return self.originator_id

    @property
    def pending_events(self) -> list["Lone"]:
        """What is there to save, as an aggregate would answer: itself."""
        return [self]


def project(aggregate: A | None, events: Iterable[Any]) -> A | None:
    """Fold events into an aggregate: the library's projector without its protocol check per event.

    That check is half of the time of a load (reference/performance.md, finding 5). `modified_on` is not moved
    by facts that their aggregate keeps: each has its time in it, and none need be opened for that.
    """
    version = -1 if aggregate is None else aggregate.version
    for event in events:
        if aggregate is not None and event.KEPT and event.originator_version == version + 1:
            event.apply(aggregate)
            version += 1
            aggregate.version = version
        else:
            aggregate = event.mutate(aggregate)
            version = -1 if aggregate is None else aggregate.version
    return aggregate
