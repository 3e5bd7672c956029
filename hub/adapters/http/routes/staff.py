"""For tovholder, programme lead and operator: who of the staff is refused, in one case or everywhere."""

from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter
from pydantic import Field

from contracts.base import Contract
from contracts.fields import Line
from hub.adapters.http.context import Authorised, Body, Parts, Purpose, answered, command

router = APIRouter(tags=["staff"])
Slug = Annotated[str, Field(pattern=r"^[a-z0-9-]{2,40}$")]
Reason = Annotated[str, Field(min_length=3, max_length=500)]


class PersonAsked(Contract):
    """A login of an organisation, of a person or of a program, and why."""

    organisation: Slug
    person: Line
    """The login's subject."""
    reason: Reason


class BlockAsked(PersonAsked):
    """Who is, or is close to, a party."""

    name: Line


class ConsideredAsked(Contract):
    """Why nobody is to be blocked."""

    reason: Reason


@router.get("/v1/cases/{case_id}/block-list")
def block_list(call: Authorised, parts: Parts, purpose: Purpose) -> Mapping[str, object]:
    """Who is blocked from the case or from what is matched with it, and why."""
    return {"blocked": parts.queries.block_list(call.actor, call.of_case, purpose)}


@router.post("/v1/cases/{case_id}/blocks", status_code=201)
def block(call: Authorised, parts: Parts, body: Body, asked: BlockAsked) -> Mapping[str, object]:
    """Refuse a person everything in this case, in an emergency too: to that person it isn't there."""
    return answered(
        parts.hub.block_person(
            command(call, body),
            call.of_case.id,
            organisation=asked.organisation,
            person=asked.person,
            name=asked.name,
            reason=asked.reason,
        )
    )


@router.post("/v1/cases/{case_id}/blocks/lift", status_code=201)
def unblock(call: Authorised, parts: Parts, body: Body, asked: PersonAsked) -> Mapping[str, object]:
    """Let a person in again."""
    return answered(
        parts.hub.unblock_person(
            command(call, body),
            call.of_case.id,
            organisation=asked.organisation,
            person=asked.person,
            reason=asked.reason,
        )
    )


@router.post("/v1/cases/{case_id}/blocks/considered", status_code=201)
def considered(call: Authorised, parts: Parts, body: Body, asked: ConsideredAsked) -> Mapping[str, object]:
    """You asked who of the staff is close to a party, as a report said, and nobody is to be blocked."""
    return answered(parts.hub.consider_block_list(command(call, body), call.of_case.id, asked.reason))


@router.get("/v1/unanswered-cases")
def unanswered(call: Authorised, parts: Parts) -> Mapping[str, object]:
    """Cases whose coordinator is stopped or blocked. They wait in the unit until you name another."""
    cases = parts.queries.unanswered(call.actor)
    return {"cases": [{"case": str(case.id), "number": case.number} for case in cases]}


@router.post("/v1/persons/stop", status_code=201)
def stop(call: Authorised, parts: Parts, body: Body, asked: PersonAsked) -> Mapping[str, object]:
    """Answer a login nothing any more, from its next request on. What only it was to answer returns."""
    done = parts.hub.stop_person(command(call, body), asked.organisation, asked.person, asked.reason)
    return answered(done)


@router.post("/v1/persons/resume", status_code=201)
def resume(call: Authorised, parts: Parts, body: Body, asked: PersonAsked) -> Mapping[str, object]:
    """Let a login in again."""
    done = parts.hub.resume_person(command(call, body), asked.organisation, asked.person, asked.reason)
    return answered(done)
