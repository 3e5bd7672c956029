"""Facts on a report that was not ours. Attributes here are stored bytes: they are never renamed."""

from typing import TYPE_CHECKING
from uuid import UUID

from contracts.terms import MessageKind
from hub.aggregates.base import stored_as
from hub.aggregates.citizen_case.events.base import CaseEvent
from hub.aggregates.citizen_case.events.bases import GrantsEnded
from hub.aggregates.citizen_case.values import CaseState, Content, Forwarding, own

if TYPE_CHECKING:
    from hub.aggregates.citizen_case.case import CitizenCase


@stored_as("case.report_not_ours")
class ReportNotOurs(CaseEvent):
    """The citizen lives in another municipality, which was sent what was reported, on a recorded basis."""

    KIND = MessageKind.REPORT_NOT_OURS
    recipient: str
    basis_id: UUID

    def tells(self) -> tuple[Content, ...]:
        return (own("recipient", {"recipient": self.recipient, "basis": str(self.basis_id)}),)

    def change(self, case: "CitizenCase") -> None:
        case.state = CaseState.FORWARDED
        case.forwarding = Forwarding(self.recipient, self.basis_id)


@stored_as("case.report_returned")
class ReportReturned(CaseEvent):
    """Nobody there took it over before its basis ended: it waits here again, for a person."""

    KIND = MessageKind.REPORT_RETURNED
    recipient: str

    def tells(self) -> tuple[Content, ...]:
        return (own("recipient", {"recipient": self.recipient}),)

    def change(self, case: "CitizenCase") -> None:
        case.state = CaseState.INQUIRY
        case.forwarding = None


@stored_as("case.erased")
class CaseErased(GrantsEnded):
    """Every grant ended, the owning unit's too; the keys are destroyed next, and nothing is readable then.

    `taken_over_by` keeps what it took over as its own, and is asked to drop nothing.
    """

    taken_over_by: str

    def change(self, case: "CitizenCase") -> None:
        super().change(case)
        case.state = CaseState.ERASED
