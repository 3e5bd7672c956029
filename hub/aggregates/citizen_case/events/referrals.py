"""Facts on referrals. Attributes here are stored bytes: they are never renamed."""

from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar
from uuid import UUID

from contracts.terms import Category, MessageKind, ReferralStatus, Urgency
from hub.aggregates.base import stored_as
from hub.aggregates.citizen_case.events.base import CaseEvent
from hub.aggregates.citizen_case.values import Content, Referral

if TYPE_CHECKING:
    from hub.aggregates.citizen_case.case import CitizenCase


class ReferralEvent(CaseEvent):
    """A step of a referral (henvisning); the words are FHIR Task's."""

    STATUS: ClassVar[ReferralStatus]
    SLOT: ClassVar[str] = "referral-answer"
    """The last step replaces the one before it, never the request: that alone tells offer and deadline."""
    referral_id: UUID

    def step(self) -> dict[str, Any]:
        """What this step tells beside the referral and its status."""
        return {}

    def tells(self) -> tuple[Content, ...]:
        data = {"referral": str(self.referral_id), "status": self.STATUS, **self.step()}
        return (Content(Category.REFERRAL, "referral_id", data, slot=f"{self.SLOT}:{self.referral_id}"),)

    def change(self, case: "CitizenCase") -> None:
        referral = case.referrals[self.referral_id]
        case.referrals[self.referral_id] = replace(referral, status=self.STATUS)


@stored_as("case.referral_requested")
class ReferralRequested(ReferralEvent):
    """The citizen was referred to an offer of a partner, who is asked to answer by a time."""

    KIND = MessageKind.REFERRAL_REQUESTED
    STATUS = ReferralStatus.REQUESTED
    SLOT = "referral"
    recipient: str
    offer: str
    urgency: Urgency
    answer_by: datetime | None

    def step(self) -> dict[str, Any]:
        return {
            "recipient": self.recipient,
            "offer": self.offer,
            "answer_by": self.answer_by.isoformat() if self.answer_by else None,
        }

    def change(self, case: "CitizenCase") -> None:
        case.referrals[self.referral_id] = Referral(
            self.referral_id, self.recipient, self.offer, self.STATUS, self.answer_by
        )


@stored_as("case.referral_received")
class ReferralReceived(ReferralEvent):
    """The partner's system has it. Received is not read."""

    KIND = MessageKind.REFERRAL_RECEIVED
    STATUS = ReferralStatus.RECEIVED


@stored_as("case.referral_accepted")
class ReferralAccepted(ReferralEvent):
    """A person at the partner accepted it."""

    KIND = MessageKind.REFERRAL_ACCEPTED
    STATUS = ReferralStatus.ACCEPTED


@stored_as("case.referral_rejected")
class ReferralRejected(ReferralEvent):
    """A person at the partner said no, with a reason from a closed list."""

    KIND = MessageKind.REFERRAL_REJECTED
    STATUS = ReferralStatus.REJECTED
    reason: str

    def step(self) -> dict[str, Any]:
        return {"reason": self.reason}


@stored_as("case.referral_started")
class ReferralStarted(ReferralEvent):
    """The offer began."""

    KIND = MessageKind.REFERRAL_IN_PROGRESS
    STATUS = ReferralStatus.IN_PROGRESS


@stored_as("case.referral_completed")
class ReferralCompleted(ReferralEvent):
    """The offer ended as planned."""

    KIND = MessageKind.REFERRAL_COMPLETED
    STATUS = ReferralStatus.COMPLETED


@stored_as("case.referral_cancelled")
class ReferralCancelled(ReferralEvent):
    """The municipality called it back, with a reason from a closed list."""

    KIND = MessageKind.REFERRAL_CANCELLED
    STATUS = ReferralStatus.CANCELLED
    reason: str

    def step(self) -> dict[str, Any]:
        return {"reason": self.reason}
