"""For the municipality: contact with the citizen, a no, and how a case rests, ends and begins again."""

from collections.abc import Mapping
from uuid import UUID

from fastapi import APIRouter
from pydantic import Field

from contracts.base import Contract
from contracts.terms import SafetyLevel
from contracts.times import Moment
from hub.adapters.http.context import Authorised, Body, Parts, answered, command
from hub.adapters.http.routes.cases import Reason
from hub.aggregates.citizen_case.terms import (
    ClosingConversation,
    ClosingReason,
    Found,
    ReopeningReason,
    SetAsideReason,
    StaysPossible,
)

router = APIRouter(tags=["contact"])


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
    follow_up_until: Moment | None = None


class ReopeningAsked(Contract):
    """Why the case begins again."""

    reason: ReopeningReason
    text: Reason


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
