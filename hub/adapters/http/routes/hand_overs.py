"""For tovholders: handing a case over, and who stands in; for who is asked, what waits for an answer."""

from collections.abc import Mapping
from uuid import UUID

from fastapi import APIRouter

from contracts.base import Contract
from contracts.fields import Line
from hub.adapters.http.context import Authorised, Body, Call, Parts, Position, Purpose, answered, command
from hub.adapters.http.ends import Until
from hub.aggregates.base import Actor
from hub.aggregates.citizen_case.intake import COORDINATOR_ROLE
from hub.aggregates.citizen_case.terms import HandOverReason, HandOverRefusal

router = APIRouter(tags=["hand-overs"])


class HandOverAsked(Contract):
    """Which tovholder is asked to take the case over, why, and by when the answer is wanted."""

    person: Line
    name: Line
    reason: HandOverReason
    accept_by: Until


class DecliningHandOverAsked(Contract):
    """Why not."""

    reason: HandOverRefusal


class SubstituteAsked(Contract):
    """Which tovholder stands in, and until when."""

    person: Line
    name: Line
    ends_at: Until


@router.get("/v1/hand-overs")
def hand_overs(
    call: Authorised, parts: Parts, purpose: Purpose, position: Position = 0
) -> Mapping[str, object]:
    """What you were asked to take over and have not answered. Not whom it is about: accept, and see."""
    parts.wait("hand_overs", call.actor.organisation, position)
    return {"waiting": parts.queries.hand_overs(call.actor, purpose)}


@router.get("/v1/own-cases")
def own_cases(call: Authorised, parts: Parts, purpose: Purpose) -> Mapping[str, object]:
    """The cases that you answer for or stand in for, open or not. Not whom they are about.

    `damaged`: how many that you were given cannot be read; call the programme lead.
    """
    found = parts.queries.own_cases(call.actor, purpose)
    cases = [
        {
            "case": str(case.id),
            "number": case.number,
            "state": case.state,
            "stands_in_until": until.isoformat()
            if (until := case.stands_in_until(call.actor.person))
            else None,
        }
        for case in found.cases
    ]
    return {"cases": cases, "damaged": found.damaged}


@router.post("/v1/cases/{case_id}/hand-over", status_code=201)
def request(call: Authorised, parts: Parts, body: Body, asked: HandOverAsked) -> Mapping[str, object]:
    """Ask another tovholder of your unit to take the case over. Until that is accepted nothing changes."""
    return answered(
        parts.hub.request_hand_over(
            command(call, body),
            call.of_case.id,
            to=_tovholder(call, asked.person, asked.name),
            reason=asked.reason,
            accept_by=asked.accept_by,
        )
    )


@router.post("/v1/cases/{case_id}/hand-over/{hand_over_id}/acceptance", status_code=201)
def accept(call: Authorised, parts: Parts, body: Body, hand_over_id: UUID) -> Mapping[str, object]:
    """Take the case over: you are its tovholder from now on."""
    return answered(parts.hub.accept_hand_over(command(call, body), call.of_case.id, hand_over_id))


@router.post("/v1/cases/{case_id}/hand-over/{hand_over_id}/declining", status_code=201)
def decline(
    call: Authorised, parts: Parts, body: Body, hand_over_id: UUID, asked: DecliningHandOverAsked
) -> Mapping[str, object]:
    """Say no: the case stays where it is."""
    return answered(
        parts.hub.decline_hand_over(command(call, body), call.of_case.id, hand_over_id, asked.reason)
    )


@router.post("/v1/cases/{case_id}/substitute", status_code=201)
def substitute(call: Authorised, parts: Parts, body: Body, asked: SubstituteAsked) -> Mapping[str, object]:
    """Let another tovholder act beside the one who has the case, at once, for a time."""
    stands_in = _tovholder(call, asked.person, asked.name)
    return answered(parts.hub.name_substitute(command(call, body), call.of_case.id, stands_in, asked.ends_at))


def _tovholder(call: Call, person: str, name: str) -> Actor:
    return Actor(person, name, COORDINATOR_ROLE, call.actor.organisation)
