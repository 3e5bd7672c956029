"""For the tovholder: consents, legal bases, referrals."""

from collections.abc import Mapping
from uuid import UUID

from fastapi import APIRouter
from pydantic import Field

from contracts.base import Contract
from contracts.fields import Line
from contracts.terms import BasisRule, Category, Urgency
from contracts.times import Moment
from hub.adapters.http.context import Authorised, Body, Parts, Purpose, answered, command
from hub.adapters.http.ends import Until
from hub.aggregates.citizen_case.terms import ReviewFinding
from hub.aggregates.citizen_case.values import ConsentForm

router = APIRouter(tags=["consents"])


class ConsentAsked(Contract):
    """The consent as the citizen gave it: to whom, of what, what for, until when."""

    recipients: list[str] = Field(max_length=50)
    categories: list[Category] = Field(max_length=20)
    purpose: str = Field(min_length=3, max_length=500)
    form: ConsentForm
    given_at: Moment
    ends_at: Until


class WithdrawalAsked(Contract):
    """What the citizen withdraws: everything, one recipient, or one category."""

    recipient: str | None = None
    category: Category | None = None


class LegalBasisAsked(Contract):
    """A legal basis other than consent, with its reason and who answers for it."""

    rule: BasisRule
    reason: str = Field(max_length=2000)
    answers_for: str = Field(max_length=200)
    recipients: list[str] = Field(max_length=50)
    categories: list[Category] = Field(max_length=20)
    purpose: str = Field(min_length=3, max_length=500)
    ends_at: Until


class EmergencyAsked(Contract):
    """A life is in danger: whom to tell of what, and why. Without `ends_at` it ends after 24 hours."""

    recipients: list[str] = Field(min_length=1, max_length=50)
    categories: list[Category] = Field(min_length=1, max_length=20)
    reason: str = Field(min_length=3, max_length=2000)
    answers_for: Line | None = None
    """Who answers for it afterwards; you, unless you name somebody."""
    ends_at: Until | None = None


class ReviewAsked(Contract):
    """Whether danger to life justified telling, and why you find so."""

    finding: ReviewFinding
    reason: str = Field(min_length=3, max_length=2000)


class TellingAsked(Contract):
    """When the citizen was told."""

    told_at: Moment


class ReferralAsked(Contract):
    """A referral to a partner's offer."""

    recipient: str
    offer: str = Field(min_length=2, max_length=200)
    urgency: Urgency = Urgency.ROUTINE
    answer_by: Until | None = None


class CancellationAsked(Contract):
    """Why the municipality calls the referral back."""

    reason: str = Field(pattern=r"^[a-z_]{3,40}$")


@router.post("/v1/cases/{case_id}/consents", status_code=201)
def give_consent(call: Authorised, parts: Parts, body: Body, asked: ConsentAsked) -> Mapping[str, object]:
    """Record a consent. Each new grant tells its recipient the present state of its category, once."""
    return answered(
        parts.hub.give_consent(
            command(call, body),
            call.of_case.id,
            recipients=asked.recipients,
            categories=asked.categories,
            purpose=asked.purpose,
            form=asked.form,
            given_at=asked.given_at,
            ends_at=asked.ends_at,
        )
    )


@router.post("/v1/cases/{case_id}/consents/{consent_id}/withdrawal", status_code=201)
def withdraw(
    call: Authorised, parts: Parts, body: Body, consent_id: UUID, asked: WithdrawalAsked
) -> Mapping[str, object]:
    """Withdraw: at once. Needs no If-Match and never ends as a conflict."""
    return answered(
        parts.hub.withdraw_consent(
            command(call, body),
            call.of_case.id,
            consent_id,
            recipient=asked.recipient,
            category=asked.category,
        )
    )


@router.post("/v1/cases/{case_id}/legal-bases", status_code=201)
def legal_basis(call: Authorised, parts: Parts, body: Body, asked: LegalBasisAsked) -> Mapping[str, object]:
    """Record a legal basis other than consent."""
    return answered(
        parts.hub.record_legal_basis(
            command(call, body),
            call.of_case.id,
            rule=asked.rule,
            reason=asked.reason,
            answers_for=asked.answers_for,
            recipients=asked.recipients,
            categories=asked.categories,
            purpose=asked.purpose,
            ends_at=asked.ends_at,
        )
    )


@router.post("/v1/cases/{case_id}/emergencies", status_code=201)
def emergency(call: Authorised, parts: Parts, body: Body, asked: EmergencyAsked) -> Mapping[str, object]:
    """A life is in danger: tell at once, whatever the state of the case. Ring whom `not_told` names."""
    return answered(
        parts.hub.disclose_in_emergency(
            command(call, body),
            call.of_case.id,
            recipients=asked.recipients,
            categories=asked.categories,
            reason=asked.reason,
            answers_for=asked.answers_for or call.actor.name,
            ends_at=asked.ends_at,
        )
    )


@router.get("/v1/cases/{case_id}/emergency-reviews")
def emergencies(call: Authorised, parts: Parts, purpose: Purpose) -> Mapping[str, object]:
    """What was told because a life was in danger: why, by whom, and how its review went."""
    return {"emergencies": parts.queries.to_review(call.actor, call.of_case, purpose)}


@router.post("/v1/cases/{case_id}/emergencies/{basis_id}/review", status_code=201)
def review(
    call: Authorised, parts: Parts, body: Body, basis_id: UUID, asked: ReviewAsked
) -> Mapping[str, object]:
    """You neither acted nor answer for it: was it justified? If not, it ends now and is a possible breach."""
    return answered(
        parts.hub.review_emergency(
            command(call, body), call.of_case.id, basis_id, asked.finding, asked.reason
        )
    )


@router.post("/v1/cases/{case_id}/legal-bases/{basis_id}/end", status_code=201)
def end_legal_basis(call: Authorised, parts: Parts, body: Body, basis_id: UUID) -> Mapping[str, object]:
    """End a legal basis before its time: at once. Needs no If-Match and never ends as a conflict."""
    return answered(parts.hub.end_legal_basis(command(call, body), call.of_case.id, basis_id))


@router.post("/v1/cases/{case_id}/legal-bases/{basis_id}/citizen-told", status_code=201)
def tell_citizen(
    call: Authorised, parts: Parts, body: Body, basis_id: UUID, asked: TellingAsked
) -> Mapping[str, object]:
    """You told the citizen, now that it is safe, what was told of her or him without consent."""
    return answered(parts.hub.tell_citizen(command(call, body), call.of_case.id, basis_id, asked.told_at))


@router.post("/v1/cases/{case_id}/referrals", status_code=201)
def refer(call: Authorised, parts: Parts, body: Body, asked: ReferralAsked) -> Mapping[str, object]:
    """Refer the citizen; the recipient needs a living grant for `referral`."""
    return answered(
        parts.hub.request_referral(
            command(call, body),
            call.of_case.id,
            recipient=asked.recipient,
            offer=asked.offer,
            urgency=asked.urgency,
            answer_by=asked.answer_by,
        )
    )


@router.post("/v1/cases/{case_id}/referrals/{referral_id}/cancellation", status_code=201)
def cancel(
    call: Authorised, parts: Parts, body: Body, referral_id: UUID, asked: CancellationAsked
) -> Mapping[str, object]:
    """Call a referral back."""
    return answered(
        parts.hub.cancel_referral(command(call, body), call.of_case.id, referral_id, asked.reason)
    )
