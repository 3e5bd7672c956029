"""Facts on a case that moves to another municipality. Attributes here are stored bytes: never renamed.

Where the citizen moves to could kill: it is told to that municipality and to the owning unit, to nobody else.
"""

from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar
from uuid import UUID

from contracts.terms import Category, MessageKind, MoveRefusal, MoveStatus
from hub.aggregates.base import stored_as
from hub.aggregates.citizen_case.events.base import CaseEvent
from hub.aggregates.citizen_case.values import CaseState, Content, Move

if TYPE_CHECKING:
    from hub.aggregates.citizen_case.case import CitizenCase


class MoveEvent(CaseEvent):
    """A step of a move."""

    STATUS: ClassVar[MoveStatus]
    move_id: UUID
    recipient: str

    def step(self) -> dict[str, Any]:
        """What this step tells beside the move and its status."""
        return {}

    def tells(self) -> tuple[Content, ...]:
        data = {"move": str(self.move_id), "move_status": self.STATUS, **self.step()}
        slot = f"move:{self.move_id}"
        return (Content(Category.COORDINATION, "move_id", data, slot=slot, only_for=self.recipient),)

    def change(self, case: "CitizenCase") -> None:
        case.moves[self.move_id] = replace(case.moves[self.move_id], status=self.STATUS)


@stored_as("case.move_requested")
class MoveRequested(MoveEvent):
    """The citizen's next municipality was asked to take the case over. Until it accepts, we keep the case."""

    KIND = MessageKind.CASE_MOVE_REQUESTED
    STATUS = MoveStatus.REQUESTED
    answer_by: datetime

    def step(self) -> dict[str, Any]:
        return {"moves_to": self.recipient, "answer_by": self.answer_by.isoformat()}

    def change(self, case: "CitizenCase") -> None:
        case.moves[self.move_id] = Move(self.move_id, self.recipient, self.answer_by, self.STATUS)


@stored_as("case.moved")
class CaseMoved(MoveEvent):
    """The next municipality took the case over; here nothing new begins in it."""

    KIND = MessageKind.CASE_MOVED
    STATUS = MoveStatus.ACCEPTED

    def step(self) -> dict[str, Any]:
        return {"moves_to": self.recipient}

    def change(self, case: "CitizenCase") -> None:
        super().change(case)
        case.state = CaseState.MOVED


@stored_as("case.move_declined")
class MoveDeclined(MoveEvent):
    """The next municipality said no; the case stays here."""

    KIND = MessageKind.CASE_MOVE_DECLINED
    STATUS = MoveStatus.DECLINED
    reason: MoveRefusal

    def step(self) -> dict[str, Any]:
        return {"move_declined": self.reason}


@stored_as("case.move_cancelled")
class MoveCancelled(MoveEvent):
    """We ask no longer; the case stays here."""

    KIND = MessageKind.CASE_MOVE_CANCELLED
    STATUS = MoveStatus.CANCELLED
