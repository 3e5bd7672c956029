"""The fact that something waited too long. Attributes here are stored bytes: they are never renamed."""

from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from contracts.terms import Escalation, MessageKind
from hub.aggregates.base import stored_as
from hub.aggregates.citizen_case.events.base import CaseEvent
from hub.aggregates.citizen_case.values import Content, Deadline, own

if TYPE_CHECKING:
    from hub.aggregates.citizen_case.case import CitizenCase


@stored_as("case.escalated")
class CaseEscalated(CaseEvent):
    """Something waited past its deadline; `of` is the id of the report, referral or request that waits, or
    of the case where a contact does.
    """

    KIND = MessageKind.ESCALATED
    what: Escalation
    of: UUID
    due: datetime

    def tells(self) -> tuple[Content, ...]:
        words = {"escalation": self.what, "of": str(self.of), "due": self.due.isoformat()}
        return (own("escalation", words),)

    def change(self, case: "CitizenCase") -> None:
        case.escalated.add(Deadline(self.what, self.of, self.due))
