"""Commands on referrals (henvisning, seed 002 p. 13-14); the words and steps are FHIR Task's.

Rules, as sentences: nobody is referred to without a living grant for `referral`. Only the one that was asked
answers. Only the municipality cancels.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from contracts.terms import CancellationReason, Category, ReferralStatus, RejectionReason, Urgency
from hub.aggregates.base import Actor
from hub.aggregates.citizen_case.events import (
    ReferralAccepted,
    ReferralCancelled,
    ReferralCompleted,
    ReferralEvent,
    ReferralReceived,
    ReferralRejected,
    ReferralRequested,
    ReferralStarted,
)
from hub.aggregates.citizen_case.transitions import must_be_a_step, must_be_legal
from hub.aggregates.citizen_case.values import Referral
from hub.aggregates.guards import after, coded, one_of, slug
from hub.errors import Conflict, Invalid, Missing, NoGrant

if TYPE_CHECKING:
    from hub.aggregates.citizen_case.case import CitizenCase

ANSWERS: Mapping[ReferralStatus, str] = {
    ReferralStatus.RECEIVED: "receive_referral",
    ReferralStatus.ACCEPTED: "accept_referral",
    ReferralStatus.REJECTED: "reject_referral",
    ReferralStatus.IN_PROGRESS: "start_referral",
    ReferralStatus.COMPLETED: "complete_referral",
}
"""Which command a partner's answer asks for."""


def request_referral(
    self: "CitizenCase",
    *,
    referral_id: UUID,
    recipient: str,
    offer: str,
    urgency: Urgency,
    answer_by: datetime | None,
    by: Actor,
    at: datetime,
) -> None:
    """Refer the citizen to an offer of a partner, who is asked to answer by a time."""
    must_be_legal(self, "request_referral")
    now = self.moment(at)
    if referral_id in self.referrals:
        raise Conflict("referral_id: is taken in this case; make a new one", field="referral_id")
    slug("recipient", recipient)
    coded("offer", offer)
    one_of("urgency", urgency, Urgency)
    if answer_by is not None:
        after("answer_by", answer_by, now)
    if not any(g.category is Category.REFERRAL for g in self.grants_of(recipient, now)):
        raise NoGrant(
            "recipient: no living grant carries a referral there; ask the citizen's consent for it",
            field="recipient",
        )
    self.trigger_event(
        ReferralRequested,
        referral_id=referral_id,
        recipient=recipient,
        offer=offer,
        urgency=urgency,
        answer_by=answer_by,
        by=by,
        timestamp=now,
    )


def receive_referral(self: "CitizenCase", *, referral_id: UUID, by: Actor, at: datetime) -> None:
    """The partner's system has it. Received is not read (domain rule 10)."""
    _step(self, "receive_referral", ReferralReceived, referral_id, by=by, at=at)


def accept_referral(self: "CitizenCase", *, referral_id: UUID, by: Actor, at: datetime) -> None:
    """A person at the partner accepted it."""
    _step(self, "accept_referral", ReferralAccepted, referral_id, by=by, at=at)


def reject_referral(self: "CitizenCase", *, referral_id: UUID, reason: str, by: Actor, at: datetime) -> None:
    """A person at the partner said no, with a reason from a closed list."""
    given = one_of("reason", reason, RejectionReason)
    _step(self, "reject_referral", ReferralRejected, referral_id, by=by, at=at, reason=str(given))


def start_referral(self: "CitizenCase", *, referral_id: UUID, by: Actor, at: datetime) -> None:
    """The offer began."""
    _step(self, "start_referral", ReferralStarted, referral_id, by=by, at=at)


def complete_referral(self: "CitizenCase", *, referral_id: UUID, by: Actor, at: datetime) -> None:
    """The offer ended as planned."""
    _step(self, "complete_referral", ReferralCompleted, referral_id, by=by, at=at)


def cancel_referral(self: "CitizenCase", *, referral_id: UUID, reason: str, by: Actor, at: datetime) -> None:
    """The municipality called it back, with a reason from a closed list."""
    given = one_of("reason", reason, CancellationReason)
    _step(self, "cancel_referral", ReferralCancelled, referral_id, by=by, at=at, reason=str(given))


def answer_referral(
    self: "CitizenCase",
    *,
    referral_id: UUID,
    status: ReferralStatus,
    reason: str | None = None,
    by: Actor,
    at: datetime,
) -> None:
    """A partner's answer as it comes in: the step that its status names. A reason goes with a no, only."""
    if status not in ANSWERS:
        raise Invalid(f"status: an answer is one of {', '.join(ANSWERS)}", field="status")
    if (status is ReferralStatus.REJECTED) != (reason is not None):
        raise Invalid("reason: needed when status is rejected, and only then", field="reason")
    words = {} if reason is None else {"reason": reason}
    getattr(self, ANSWERS[status])(referral_id=referral_id, by=by, at=at, **words)


def not_the_one_who_may(referral: Referral, unit: str, by: Actor, command: str) -> str | None:
    """Why this organisation may not take the step; None where it may."""
    if command == "cancel_referral":
        return None if by.organisation == unit else "only the municipality cancels; answer it instead"
    return None if by.organisation == referral.recipient else "no such referral was sent to you"


def _step(
    case: "CitizenCase",
    command: str,
    event: type[ReferralEvent],
    referral_id: UUID,
    *,
    by: Actor,
    at: datetime,
    **words: Any,
) -> None:
    must_be_legal(case, command)
    referral = case.referrals.get(referral_id)
    if referral is None:
        raise Missing("referral_id: there is no such referral, or none for you", field="referral_id")
    if why_not := not_the_one_who_may(referral, case.unit, by, command):
        raise Missing(f"referral_id: {why_not}", field="referral_id")
    must_be_a_step(referral.status, command)
    case.trigger_event(event, referral_id=referral_id, by=by, timestamp=case.moment(at), **words)
