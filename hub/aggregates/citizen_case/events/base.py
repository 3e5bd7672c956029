"""What every fact of a case knows."""

from typing import TYPE_CHECKING, ClassVar

from contracts.terms import MessageKind
from hub.aggregates.base import Event
from hub.aggregates.citizen_case.values import Content
from hub.aggregates.sealing import CouldKill

if TYPE_CHECKING:
    from hub.aggregates.citizen_case.case import CitizenCase


class CaseEvent(Event):
    """A fact in a case. `KIND` is None where nothing is told of it as such."""

    KEPT = True
    KIND: ClassVar[MessageKind | None] = None

    def tells(self) -> tuple[Content, ...]:
        """What this fact tells, by category."""
        return ()

    def could_kill_values(self) -> tuple[CouldKill, ...]:
        """What this fact says that could kill: it is told to nobody, and a named person fetches it."""
        return ()

    def apply(self, aggregate: "CitizenCase") -> None:
        """Keep the fact for what it tells, then assign what it changes."""
        aggregate.keep(self)
        self.change(aggregate)

    def change(self, case: "CitizenCase") -> None:
        """Assign what this fact changes; no guard, no clock, no look-up elsewhere."""
