"""Facts on how a case rests, ends and begins again. Attributes here are stored bytes: never renamed."""

from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from contracts.terms import MessageKind, SafetyLevel
from hub.aggregates.base import stored_as
from hub.aggregates.citizen_case.events.base import CaseEvent
from hub.aggregates.citizen_case.events.bases import GrantsEnded
from hub.aggregates.citizen_case.terms import (
    AgeKnownBy,
    ClosingConversation,
    ClosingReason,
    Found,
    ReopeningReason,
    SetAsideReason,
    StaysPossible,
)
from hub.aggregates.citizen_case.values import CaseState, Content, free_text, own, state_of

if TYPE_CHECKING:
    from hub.aggregates.citizen_case.case import CitizenCase


@stored_as("case.report_set_aside")
class ReportSetAside(CaseEvent):
    """A person decided that the report leads to no case here, and why."""

    KIND = MessageKind.REPORT_SET_ASIDE
    reason: SetAsideReason
    text: str

    def tells(self) -> tuple[Content, ...]:
        return (
            state_of(CaseState.SET_ASIDE),
            own("reason", {"set_aside": self.reason}),
            free_text("text", "report_set_aside.text", self.text),
        )

    def change(self, case: "CitizenCase") -> None:
        case.state = CaseState.SET_ASIDE


@stored_as("case.citizen_declined")
class CitizenDeclined(CaseEvent):
    """The citizen says no to help. Said while nobody has decided, the inquiry rests; else the state stays.

    `state` is the one that the case is in afterwards.
    """

    KIND = MessageKind.CITIZEN_DECLINED
    stays_possible: tuple[StaysPossible, ...]
    words: str
    state: CaseState

    def tells(self) -> tuple[Content, ...]:
        possible = {"stays_possible": sorted(self.stays_possible)}
        text = [free_text("words", "citizen_declined.words", self.words)] if self.words else []
        rests = [state_of(self.state)] if self.state is CaseState.SET_ASIDE else []
        return (*rests, own("stays_possible", possible), *text)

    def change(self, case: "CitizenCase") -> None:
        case.state = self.state
        case.consent_question = None


@stored_as("case.closed")
class CaseClosed(GrantsEnded):
    """The effort ended (seed 002 p. 15). The consents' grants end with it where no follow-up is agreed."""

    KIND = MessageKind.CASE_CLOSED
    reason: ClosingReason
    summary: str
    conversation: ClosingConversation
    safety_level: SafetyLevel | None
    """As judged at the end; none where the citizen has died."""
    keeps_safe: Found
    """Whether the citizen can judge and look after the own safety."""
    knows_where_to_turn: Found
    going_on: tuple[UUID, ...]
    """Referrals that go on without the case, under the follow-up."""
    follow_up_until: datetime | None

    def tells(self) -> tuple[Content, ...]:
        closing = {
            "closed": self.reason,
            "conversation": self.conversation,
            "level_judged": self.safety_level,
            "keeps_safe": self.keeps_safe,
            "knows_where_to_turn": self.knows_where_to_turn,
            "follow_up_until": self.follow_up_until.isoformat() if self.follow_up_until else None,
            "consents_ended": bool(self.grants),
        }
        return (
            state_of(CaseState.CLOSED),
            own("reason", closing),
            free_text("summary", "closed.summary", self.summary),
        )

    def change(self, case: "CitizenCase") -> None:
        super().change(case)
        case.state = CaseState.CLOSED
        case.follow_up_until = self.follow_up_until


@stored_as("case.follow_up_ended")
class FollowUpEnded(GrantsEnded):
    """The time agreed for following up is over: the consents end, and nothing new is told."""

    KIND = MessageKind.FOLLOW_UP_ENDED

    def tells(self) -> tuple[Content, ...]:
        return (own("grants", {"consents_ended": bool(self.grants)}),)

    def change(self, case: "CitizenCase") -> None:
        super().change(case)
        case.follow_up_until = None


@stored_as("case.reopened")
class CaseReopened(CaseEvent):
    """What rested or had ended begins again, with its history. Grants that ended stay ended."""

    KIND = MessageKind.CASE_REOPENED
    reason: ReopeningReason
    text: str
    state: CaseState
    """The one that it goes back to."""

    def tells(self) -> tuple[Content, ...]:
        return (
            state_of(self.state),
            own("reason", {"reopened": self.reason}),
            free_text("text", "reopened.text", self.text),
        )

    def change(self, case: "CitizenCase") -> None:
        case.state = self.state
        case.follow_up_until = None


@stored_as("case.minor_flagged")
class MinorFlagged(CaseEvent):
    """The exposed person is under 18: never an adult case, and child services' matter."""

    KIND = MessageKind.MINOR_FLAGGED
    known_by: AgeKnownBy

    def tells(self) -> tuple[Content, ...]:
        return (state_of(CaseState.MINOR), own("known_by", {"known_by": self.known_by}))

    def change(self, case: "CitizenCase") -> None:
        case.state = CaseState.MINOR
