"""Facts on handing a case over and standing in. Attributes here are stored bytes: they are never renamed."""

from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from contracts.terms import Category, MessageKind
from hub.aggregates.base import Actor, stored_as
from hub.aggregates.citizen_case.events.base import CaseEvent
from hub.aggregates.citizen_case.events.intake import CoordinatorEvent
from hub.aggregates.citizen_case.terms import HandOverReason, HandOverRefusal
from hub.aggregates.citizen_case.values import Content, HandOver, Substitute, own

if TYPE_CHECKING:
    from hub.aggregates.citizen_case.case import CitizenCase


@stored_as("case.hand_over_requested")
class HandOverRequested(CaseEvent):
    """Another tovholder of the unit was asked to take the case over. Nothing has changed hands."""

    KIND = MessageKind.HAND_OVER_REQUESTED
    hand_over_id: UUID
    to: Actor
    reason: HandOverReason
    accept_by: datetime

    def tells(self) -> tuple[Content, ...]:
        words = {"hand_over_to": self.to.name, "hand_over": self.reason}
        return (own("to", {**words, "accept_by": self.accept_by.isoformat()}),)

    def change(self, case: "CitizenCase") -> None:
        case.hand_over = HandOver(self.hand_over_id, self.to, self.reason, self.accept_by, self.by)


@stored_as("case.hand_over_accepted")
class HandOverAccepted(CoordinatorEvent):
    """Whoever was asked took the case over, and is its tovholder."""

    hand_over_id: UUID


@stored_as("case.hand_over_declined")
class HandOverDeclined(CaseEvent):
    """Whoever was asked said no; the tovholder stays who it was."""

    KIND = MessageKind.HAND_OVER_DECLINED
    hand_over_id: UUID
    reason: HandOverRefusal

    def tells(self) -> tuple[Content, ...]:
        return (own("reason", {"declined_by": self.by.name, "hand_over_declined": self.reason}),)

    def change(self, case: "CitizenCase") -> None:
        case.hand_over = None


@stored_as("case.substitute_named")
class SubstituteNamed(CaseEvent):
    """Another tovholder stands in for a time. Who may know the tovholder may know whom to ask meanwhile."""

    KIND = MessageKind.SUBSTITUTE_NAMED
    substitute: Actor
    ends_at: datetime

    def tells(self) -> tuple[Content, ...]:
        words = {"substitute": self.substitute.name, "ends_at": self.ends_at.isoformat()}
        return (Content(Category.COORDINATION, "substitute", words, slot="substitute"),)

    def change(self, case: "CitizenCase") -> None:
        case.substitute = Substitute(self.substitute, self.ends_at)
