"""Facts on the right to be forgotten. Attributes here are stored bytes: they are never renamed."""

from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from contracts.terms import Category, MessageKind
from hub.aggregates.base import stored_as
from hub.aggregates.citizen_case.events.base import CaseEvent
from hub.aggregates.citizen_case.events.bases import GrantsEnded
from hub.aggregates.citizen_case.terms import ErasureGround, KeepingRule
from hub.aggregates.citizen_case.values import CaseState, Content, ErasureRequest, own

if TYPE_CHECKING:
    from hub.aggregates.citizen_case.case import CitizenCase


@stored_as("case.erasure_requested")
class ErasureRequested(CaseEvent):
    """The citizen asked to be forgotten; it waits for an answer until `answer_by`."""

    KIND = MessageKind.ERASURE_REQUESTED
    request_id: UUID
    asked_at: datetime
    answer_by: datetime

    def tells(self) -> tuple[Content, ...]:
        words = {"erasure_asked_at": self.asked_at.isoformat(), "answer_by": self.answer_by.isoformat()}
        return (own("asked_at", {"erasure": str(self.request_id), **words}),)

    def change(self, case: "CitizenCase") -> None:
        case.erasure = ErasureRequest(self.request_id, self.answer_by)


@stored_as("case.erasure_refused")
class ErasureRefused(CaseEvent):
    """The municipality must keep the case: under which rule, and why."""

    KIND = MessageKind.ERASURE_REFUSED
    request_id: UUID
    rule: KeepingRule
    reason: str

    def tells(self) -> tuple[Content, ...]:
        text = {"field": "erasure_refused.reason", "text": self.reason}
        return (
            own("rule", {"erasure": str(self.request_id), "kept_under": self.rule}),
            Content(Category.FREE_TEXT, "reason", text, owner_only=True),
        )

    def change(self, case: "CitizenCase") -> None:
        case.erasure = None


@stored_as("case.erasure_granted")
class ErasureGranted(GrantsEnded):
    """She or he is forgotten: every grant ended, and the keys are destroyed next, so nobody is told."""

    request_id: UUID
    ground: ErasureGround
    reason: str

    def change(self, case: "CitizenCase") -> None:
        super().change(case)
        case.state = CaseState.ERASED


@stored_as("case.erased_with_case")
class ErasedWithCase(GrantsEnded):
    """The case that this inquiry was matched to is erased, and the inquiry with it."""

    case: UUID

    def change(self, case: "CitizenCase") -> None:
        super().change(case)
        case.state = CaseState.ERASED
