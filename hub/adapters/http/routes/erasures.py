"""For the municipality: a citizen asks to be forgotten, and the programme lead answers."""

from collections.abc import Mapping
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter
from pydantic import Field

from contracts.base import Contract
from contracts.fields import Flag
from contracts.times import Moment
from hub.adapters.http.context import Authorised, Body, Parts, answered, command
from hub.aggregates.citizen_case.terms import ErasureGround, KeepingRule

router = APIRouter(tags=["erasures"])
Reason = Annotated[str, Field(min_length=3, max_length=2000)]


class ErasureAsked(Contract):
    """When the citizen asked."""

    asked_at: Moment


class RefusalAsked(Contract):
    """The rule under which the case must be kept (GDPR art. 17(3)), and why it applies."""

    rule: KeepingRule
    reason: Reason


class GrantingAsked(Contract):
    """The ground on which it is granted (GDPR art. 17(1)), and why it applies; the reason is erased too."""

    ground: ErasureGround
    reason: Reason
    breaches_considered: Flag = False
    """You judged the possible breaches, and documented outside the hub what must be (GDPR art. 33(5))."""


@router.post("/v1/cases/{case_id}/erasure-requests", status_code=201)
def ask(call: Authorised, parts: Parts, body: Body, asked: ErasureAsked) -> Mapping[str, object]:
    """She or he asks to be forgotten. It erases nothing: the programme lead answers within a month."""
    return answered(parts.hub.request_erasure(command(call, body), call.of_case.id, asked.asked_at))


@router.post("/v1/cases/{case_id}/erasure-requests/{request_id}/refusal", status_code=201)
def refuse(
    call: Authorised, parts: Parts, body: Body, request_id: UUID, asked: RefusalAsked
) -> Mapping[str, object]:
    """The law requires that the case is kept: on record, so that it can be said to her or him."""
    return answered(
        parts.hub.refuse_erasure(command(call, body), call.of_case.id, request_id, asked.rule, asked.reason)
    )


@router.post("/v1/cases/{case_id}/erasure-requests/{request_id}/granting", status_code=201)
def grant(
    call: Authorised, parts: Parts, body: Body, request_id: UUID, asked: GrantingAsked
) -> Mapping[str, object]:
    """Erase the case and all that is matched with it, everywhere and for good. It cannot be undone.

    Whoever was told is asked to drop it. Asked again it answers 404: there is no such case any more.
    """
    return answered(
        parts.hub.grant_erasure(
            command(call, body),
            call.of_case.id,
            request_id,
            ground=asked.ground,
            reason=asked.reason,
            breaches_considered=asked.breaches_considered,
        )
    )
