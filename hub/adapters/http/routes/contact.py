"""For the municipality: contact with the citizen, a no, and how a case rests, ends and begins again."""

from collections.abc import Mapping
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter
from pydantic import Field

from contracts.base import Contract
from contracts.fields import Flag, Line
from contracts.terms import SafetyLevel
from contracts.times import Moment
from hub.adapters.http.context import Authorised, Body, Parts, answered, command
from hub.adapters.http.ends import Until
from hub.adapters.http.routes.cases import Reason, SafeContactAsked
from hub.aggregates.base import Actor
from hub.aggregates.citizen_case.terms import (
    Channel,
    ClosingConversation,
    ClosingReason,
    ContactDecision,
    ContactOutcome,
    Found,
    ReopeningReason,
    SetAsideReason,
    StaysPossible,
    Topic,
    UnsafeReason,
)
from hub.errors import Invalid

router = APIRouter(tags=["contact"])
Topics = Annotated[list[Topic], Field(min_length=1, max_length=20)]


class ContactAsked(Contract):
    """Whether contact is made; where it is, by whom, by when, and how: that is kept apart and never sent."""

    decision: ContactDecision
    reason: Reason
    person: Line | None = None
    name: Line | None = None
    before: Until | None = None
    how: SafeContactAsked | None = None


class AttemptAsked(Contract):
    """An attempt to reach the citizen, and how it went."""

    channel: Channel
    outcome: ContactOutcome
    attempted_at: Moment
    text: str = Field(default="", max_length=2000)
    child_at_risk: Flag = False
    """A child is at risk: the duty to notify falls due, whatever the consents say."""


class InformationAsked(Contract):
    """What the citizen was told about, and when."""

    topics: Topics
    told_at: Moment


class UnaskedAsked(Contract):
    """Why it is unsafe to ask for the consent, and when a person looks again."""

    reason: UnsafeReason
    text: Reason
    review_at: Until


class AdviceAsked(Contract):
    """What somebody who says no name was advised about. There is no field for who it was, on purpose."""

    channel: Channel
    topics: Topics
    child_at_risk: Flag = False
    """A child is at risk: the duty to notify falls due, whatever the consents say."""


class SettingAsideAsked(Contract):
    """Why the report leads to no case here."""

    reason: SetAsideReason
    text: Reason


class DecliningAsked(Contract):
    """What the citizen who says no was told stays possible, and her or his own words."""

    stays_possible: list[StaysPossible] = Field(min_length=1, max_length=10)
    words: str = Field(default="", max_length=2000)


class ClosingAsked(Contract):
    """The closing conversation with its safety check (seed 002 p. 15), and what goes on afterwards."""

    reason: ClosingReason
    summary: Reason
    conversation: ClosingConversation
    safety_level: SafetyLevel | None = None
    keeps_safe: Found
    knows_where_to_turn: Found
    going_on: list[UUID] = Field(default_factory=list, max_length=50)
    follow_up_until: Until | None = None


class ReopeningAsked(Contract):
    """Why the case begins again."""

    reason: ReopeningReason
    text: Reason


@router.post("/v1/cases/{case_id}/contact", status_code=201)
def decide_contact(call: Authorised, parts: Parts, body: Body, asked: ContactAsked) -> Mapping[str, object]:
    """Decide whether and how contact is made, by whom and by when. Only *that* it is decided is told."""
    return answered(
        parts.hub.decide_contact(
            command(call, body),
            call.of_case.id,
            decision=asked.decision,
            how=asked.how.model_dump(mode="json", exclude_none=True) if asked.how else None,
            contact_by=_named(asked, call.actor.organisation),
            before=asked.before,
            reason=asked.reason,
        )
    )


@router.post("/v1/cases/{case_id}/contact-attempts", status_code=201)
def attempt(call: Authorised, parts: Parts, body: Body, asked: AttemptAsked) -> Mapping[str, object]:
    """Record an attempt to reach the citizen, also one that failed."""
    return answered(
        parts.hub.attempt_contact(
            command(call, body),
            call.of_case.id,
            channel=asked.channel,
            outcome=asked.outcome,
            attempted_at=asked.attempted_at,
            text=asked.text,
            child_at_risk=asked.child_at_risk,
        )
    )


@router.post("/v1/cases/{case_id}/information", status_code=201)
def inform(call: Authorised, parts: Parts, body: Body, asked: InformationAsked) -> Mapping[str, object]:
    """Record what the citizen was told about: violence, rights, and what else there is to know."""
    return answered(
        parts.hub.give_information(command(call, body), call.of_case.id, asked.topics, asked.told_at)
    )


@router.post("/v1/cases/{case_id}/unasked-consent", status_code=201)
def leave_unasked(call: Authorised, parts: Parts, body: Body, asked: UnaskedAsked) -> Mapping[str, object]:
    """It is unsafe to ask for the consent: neither a yes nor a no, and nothing is told on it."""
    return answered(
        parts.hub.leave_consent_unasked(
            command(call, body), call.of_case.id, asked.reason, asked.text, asked.review_at
        )
    )


@router.post("/v1/anonymous-advice", status_code=201)
def advise(call: Authorised, parts: Parts, body: Body, asked: AdviceAsked) -> Mapping[str, object]:
    """Advise somebody who says no name. The answer has a number to say when she or he rings again."""
    return answered(
        parts.hub.advise_anonymously(
            command(call, body),
            channel=asked.channel,
            topics=asked.topics,
            child_at_risk=asked.child_at_risk,
        )
    )


@router.post("/v1/cases/{case_id}/setting-aside", status_code=201)
def set_aside(call: Authorised, parts: Parts, body: Body, asked: SettingAsideAsked) -> Mapping[str, object]:
    """Decide that the report leads to no case here: it leaves the inbox, and can be reopened."""
    return answered(
        parts.hub.set_report_aside(command(call, body), call.of_case.id, asked.reason, asked.text)
    )


@router.post("/v1/cases/{case_id}/declining", status_code=201)
def decline(call: Authorised, parts: Parts, body: Body, asked: DecliningAsked) -> Mapping[str, object]:
    """The citizen says no to help. It withdraws no consent: ask for that, and withdraw it by itself."""
    return answered(
        parts.hub.decline(command(call, body), call.of_case.id, asked.stays_possible, asked.words)
    )


@router.post("/v1/cases/{case_id}/closing", status_code=201)
def close(call: Authorised, parts: Parts, body: Body, asked: ClosingAsked) -> Mapping[str, object]:
    """End the effort. Without an agreed follow-up its consents end at once, and what they told is revoked."""
    return answered(
        parts.hub.close_case(
            command(call, body),
            call.of_case.id,
            reason=asked.reason,
            summary=asked.summary,
            conversation=asked.conversation,
            safety_level=asked.safety_level,
            keeps_safe=asked.keeps_safe,
            knows_where_to_turn=asked.knows_where_to_turn,
            going_on=asked.going_on,
            follow_up_until=asked.follow_up_until,
        )
    )


@router.post("/v1/cases/{case_id}/reopening", status_code=201)
def reopen(call: Authorised, parts: Parts, body: Body, asked: ReopeningAsked) -> Mapping[str, object]:
    """Begin again where it stopped. Consents that ended stay ended: ask for new ones."""
    return answered(parts.hub.reopen_case(command(call, body), call.of_case.id, asked.reason, asked.text))


def _named(asked: ContactAsked, unit: str) -> Actor | None:
    """Who makes the contact."""
    if asked.person is not None and asked.name is not None:
        return Actor(asked.person, asked.name, "caseworker", unit)
    if asked.person is not None or asked.name is not None:
        raise Invalid("name: name the person by login and by name, or not at all", field="name")
    return None
