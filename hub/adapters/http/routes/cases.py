"""For the municipality: the inbox, the case, its timeline."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import Field

from contracts.base import Contract
from contracts.cpr import Cpr
from contracts.fields import Flag, Line
from contracts.social_report_persons_v1 import SafeContact
from contracts.terms import AddressProtection, SafetyLevel
from hub.adapters.http.context import (
    Authorised,
    Body,
    Call,
    Parts,
    Position,
    Purpose,
    answered,
    command,
)
from hub.aggregates.base import Actor
from hub.aggregates.citizen_case.case import CitizenCase
from hub.application.queries import Waiting
from hub.gates.opening import OpenedRow

router = APIRouter(tags=["cases"])
Reason = Annotated[str, Field(min_length=3, max_length=2000)]


class MatchAsked(Contract):
    """Which inquiry is about the same citizen, and why you think so."""

    inquiry: UUID
    reason: Reason


class UndoAsked(Contract):
    """Why the match was a mistake."""

    reason: Reason


class OpeningAsked(Contract):
    """The inclusion criteria as visitation found them: `adult`, `exposed_in_close_relation`, `not_in_shelter`
    (seed 002 p. 4), and whatever the municipality asks beside them."""

    criteria: Annotated[
        dict[str, Flag],
        Field(examples=[{"adult": True, "exposed_in_close_relation": True, "not_in_shelter": True}]),
    ]


class CoordinatorAsked(Contract):
    """Who becomes tovholder."""

    person: Line
    name: Line


class CprNumberAsked(Contract):
    """The number that the citizen was given; a replacement number, which looks as a test number, says so."""

    cpr: Cpr
    is_replacement: Flag = False


class SafeContactAsked(Contract):
    """How the citizen may safely be contacted, and where one can meet."""

    safe_contact: SafeContact
    phone: str | None = Field(default=None, max_length=200)
    meeting_place: str | None = Field(default=None, max_length=200)


class AddressProtectionAsked(Contract):
    """The protection and the address that it protects."""

    protection: AddressProtection
    address: str | None = Field(default=None, max_length=200)


class AssessmentAsked(Contract):
    """A risk assessment: answers by the instrument's own item ids, and your judgement. Never a total."""

    instrument: str = Field(min_length=2, max_length=40)
    instrument_version: str = Field(min_length=1, max_length=40)
    answers: dict[str, str] = Field(min_length=1, max_length=200)
    judgement: SafetyLevel
    reason: Reason
    child_at_risk: Flag = False
    """A child is at risk: the duty to notify falls due, whatever the consents say."""


class SafetyLevelAsked(Contract):
    """The safety level, and why it changed."""

    level: SafetyLevel
    reason: Reason
    child_at_risk: Flag = False
    """A child is at risk: the duty to notify falls due, whatever the consents say."""


@router.get("/v1/inbox")
def inbox(call: Authorised, parts: Parts, position: Position = 0) -> Mapping[str, object]:
    """Reports that wait for a person, child notifications for an answer, emergencies for their review.

    First the reports that nobody has read past their deadline, then the most urgent.

    That a report was taken back waits until a named person has seen it on the case's timeline, whatever was
    decided before; `read_by_a_person` of it says whether one has.

    Not whom they are about.

    `case` is null where the stored bytes that say which case it is cannot be read: tell the programme lead.
    """
    parts.wait("intake", call.actor.organisation, position)
    waiting = parts.queries.inbox(call.actor)
    due = parts.queries.notifications(call.actor)
    return {
        "waiting": _listed(waiting),
        "child_notifications": _listed(due),
        "emergencies_to_review": _listed(parts.queries.unreviewed(call.actor)),
    }


@router.get("/v1/cases/{case_id}/timeline")
def timeline(
    call: Authorised, parts: Parts, purpose: Purpose, response: Response, position: Position = 0
) -> Mapping[str, object]:
    """The cross-sector timeline, matched inquiries with it. The look is recorded before you see it."""
    parts.wait("timeline", call.actor.organisation, position)
    rows = parts.queries.timeline(call.actor, call.of_case, purpose)
    _versioned(call, response)
    return {
        "case": str(call.of_case.id),
        "state": call.of_case.state,
        "number": call.of_case.number,
        "warnings": sorted(call.of_case.warnings),
        "unasked_consent": _unasked(call.of_case),
        "overdue": [
            {"what": d.what, "of": str(d.of), "due": d.due.isoformat()} for d in call.of_case.overdue()
        ],
        "block_list_to_consider": parts.queries.block_list_to_consider(call.of_case),
        "entries": [_entry(row) for row in rows],
    }


@router.post("/v1/cases/{case_id}/could-kill")
def could_kill(call: Authorised, parts: Parts, purpose: Purpose) -> Mapping[str, object]:
    """Address, safe contact and the like: fetched by you, with a purpose, on record. Never sent anywhere."""
    return {"values": parts.queries.could_kill(call.actor, call.of_case, purpose)}


@router.post("/v1/cases/{case_id}/free-text")
def free_text(call: Authorised, parts: Parts, purpose: Purpose) -> Mapping[str, object]:
    """Free text that nobody has read against what could kill: read it, then release it, entry by entry."""
    return {"unread": parts.queries.unread_free_text(call.actor, call.of_case, purpose)}


@router.post("/v1/cases/{case_id}/free-text/{entry}/release", status_code=201)
def release_free_text(call: Authorised, parts: Parts, body: Body, entry: int) -> Mapping[str, object]:
    """You read it: nothing in it gives away where she or he is. From now on it may be told as `free_text`."""
    return answered(parts.hub.read_free_text(command(call, body), call.of_case.id, entry))


@router.post("/v1/cases/{case_id}/candidates")
def candidates(call: Authorised, parts: Parts, purpose: Purpose) -> Mapping[str, object]:
    """Other cases of your unit in which the same CPR number is the exposed person's. You decide."""
    return {"cases": [str(c) for c in parts.queries.candidates(call.actor, call.of_case, purpose)]}


@router.get("/v1/cases/{case_id}/other-roles")
def other_roles(call: Authorised, parts: Parts, purpose: Purpose) -> Mapping[str, object]:
    """Cases in which somebody exposed here is the perpetrator, or the other way round. Not who it is.

    For the programme lead alone: nothing links the two for anybody else, so keep it out of both cases.
    """
    return {"cases": parts.queries.other_roles(call.actor, call.of_case, purpose)}


@router.post("/v1/cases/{case_id}/reports/{report_id}/taking-up", status_code=201)
def take_up(call: Authorised, parts: Parts, body: Body, report_id: UUID) -> Mapping[str, object]:
    """You took the report up, and its reporter is told so: needs a living grant for `coordination`."""
    return answered(parts.hub.take_up_report(command(call, body), call.of_case.id, report_id))


@router.post("/v1/cases/{case_id}/matches", status_code=201)
def match(call: Authorised, parts: Parts, body: Body, asked: MatchAsked) -> Mapping[str, object]:
    """The inquiry is about the same citizen: a fact in both, never a copy, and it can be undone."""
    parts.require_within_reach(call, asked.inquiry)
    return answered(
        parts.hub.match_inquiry(command(call, body), call.of_case.id, asked.inquiry, asked.reason)
    )


@router.post("/v1/cases/{case_id}/matches/{inquiry}/undo", status_code=201)
def unmatch(
    call: Authorised, parts: Parts, body: Body, inquiry: UUID, asked: UndoAsked
) -> Mapping[str, object]:
    """The match was a mistake."""
    return answered(parts.hub.unmatch_inquiry(command(call, body), call.of_case.id, inquiry, asked.reason))


@router.post("/v1/cases/{case_id}/opening", status_code=201)
def open_case(call: Authorised, parts: Parts, body: Body, asked: OpeningAsked) -> Mapping[str, object]:
    """Visitation said yes: the inquiry is a case."""
    return answered(parts.hub.open_case(command(call, body), call.of_case.id, asked.criteria))


@router.post("/v1/cases/{case_id}/coordinator", status_code=201)
def coordinator(call: Authorised, parts: Parts, body: Body, asked: CoordinatorAsked) -> Mapping[str, object]:
    """Name the tovholder."""
    named = Actor(asked.person, asked.name, "tovholder", call.actor.organisation)
    return answered(parts.hub.assign_coordinator(command(call, body), call.of_case.id, named))


@router.post("/v1/cases/{case_id}/cpr-number", status_code=201)
def cpr_number(call: Authorised, parts: Parts, body: Body, asked: CprNumberAsked) -> Mapping[str, object]:
    """The citizen was given another CPR number. Both find the case from now on."""
    parts.must_name_somebody(asked.cpr, "/cpr", is_replacement=asked.is_replacement)
    return answered(
        parts.hub.change_cpr_number(
            command(call, body), call.of_case.id, asked.cpr, is_replacement=asked.is_replacement
        )
    )


@router.post("/v1/cases/{case_id}/safe-contact", status_code=201)
def safe_contact(call: Authorised, parts: Parts, body: Body, asked: SafeContactAsked) -> Mapping[str, object]:
    """Agree how she or he may safely be contacted. Only *that* it exists is ever told."""
    rules = asked.model_dump(mode="json", exclude_none=True)
    return answered(parts.hub.set_safe_contact(command(call, body), call.of_case.id, rules))


@router.post("/v1/cases/{case_id}/address-protection", status_code=201)
def address_protection(
    call: Authorised, parts: Parts, body: Body, asked: AddressProtectionAsked
) -> Mapping[str, object]:
    """Set or lift name and address protection."""
    address = {"address": asked.address} if asked.address else {}
    return answered(
        parts.hub.set_address_protection(command(call, body), call.of_case.id, asked.protection, address)
    )


@router.post("/v1/cases/{case_id}/assessments", status_code=201)
def assess(call: Authorised, parts: Parts, body: Body, asked: AssessmentAsked) -> Mapping[str, object]:
    """Record a risk assessment."""
    return answered(
        parts.hub.assess_safety(
            command(call, body),
            call.of_case.id,
            instrument=asked.instrument,
            instrument_version=asked.instrument_version,
            answers=asked.answers,
            judgement=asked.judgement,
            reason=asked.reason,
            child_at_risk=asked.child_at_risk,
        )
    )


@router.post("/v1/cases/{case_id}/safety-level", status_code=201)
def safety_level(call: Authorised, parts: Parts, body: Body, asked: SafetyLevelAsked) -> Mapping[str, object]:
    """Change the safety level."""
    return answered(
        parts.hub.change_safety_level(
            command(call, body),
            call.of_case.id,
            asked.level,
            asked.reason,
            child_at_risk=asked.child_at_risk,
        )
    )


@router.get("/v1/cases/{case_id}/disclosures")
def disclosures(
    call: Authorised, parts: Parts, purpose: Purpose, position: Position = 0
) -> Mapping[str, object]:
    """Who was told what, when and on which basis; who opened it; who purged, retained, or is silent.

    `emergencies` are reviewed by the programme lead, and the citizen is told of each when that is safe.
    """
    parts.wait("disclosures", "hub", position)
    told = parts.queries.disclosures(call.actor, call.of_case, purpose)
    return {"told": told, "emergencies": parts.queries.emergencies(call.of_case)}


def _unasked(case: CitizenCase) -> dict[str, str] | None:
    """Neither a yes nor a no: without a consent nothing may be told."""
    if (question := case.consent_question) is None:
        return None
    return {"reason": question.reason, "review_at": question.review_at.isoformat()}


def _listed(found: Sequence[Waiting]) -> list[dict[str, object]]:
    return [
        {
            "case": str(w.case_id) if w.case_id else None,
            **({} if w.read is None else {"read_by_a_person": w.read}),
            **w.row.clear,
        }
        for w in found
    ]


def _versioned(call: Call, response: Response) -> None:
    response.headers["ETag"] = f'"{call.of_case.version}"'


def _entry(row: OpenedRow) -> dict[str, Any]:
    return {
        "message": str(row.row.message_id),
        **row.row.clear,
        "parts": [
            {"part": n, **part.model_dump(mode="json", exclude_none=True)}
            for n, part in zip(row.numbers, row.parts, strict=True)
        ],
    }
