"""For the municipality: setting right what was wrong. Nothing is edited; whoever was told is told."""

from collections.abc import Mapping
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter
from pydantic import Field

from contracts.base import Contract
from contracts.fields import Line, Text
from contracts.terms import Category
from hub.adapters.http.context import Authorised, Body, Parts, Position, Purpose, answered, command

router = APIRouter(tags=["corrections"])


class CorrectionAsked(Contract):
    """Which entry was wrong, by its message and part on the timeline, and what stands instead."""

    message: UUID
    part: Annotated[int, Field(ge=1, le=0xFFFF)]
    instead: Annotated[dict[str, Any], Field(min_length=1, max_length=50)]
    """Field by field as the entry has them; null takes a field out. What is not named stands."""
    reason: Text


class ConsentCorrectionAsked(Contract):
    """What was never in the citizen's words: all of the consent, one recipient, or one category."""

    recipient: str | None = None
    category: Category | None = None
    reason: Text


class LegalBasisCorrectionAsked(Contract):
    """What was wrong of a legal basis: all of it, one recipient, or one category."""

    recipient: str | None = None
    category: Category | None = None
    reason: Text


class ForwardingAsked(Contract):
    """The municipal unit that is responsible, why you think so, and who answers for sending it on."""

    recipient: str
    reason: Text
    answers_for: Line


@router.post("/v1/cases/{case_id}/corrections", status_code=201)
def correct(call: Authorised, parts: Parts, body: Body, asked: CorrectionAsked) -> Mapping[str, object]:
    """Correct an entry. Whoever was told it is told; who may be told no more stands among the disclosures."""
    number, replaces = asked.instead.get("cpr"), bool(asked.instead.get("cpr_is_replacement"))
    parts.must_name_somebody(number, "/instead/cpr", is_replacement=replaces)
    return answered(
        parts.hub.correct_entry(
            command(call, body),
            call.of_case.id,
            message=asked.message,
            part=asked.part,
            instead=asked.instead,
            reason=asked.reason,
        )
    )


@router.post("/v1/cases/{case_id}/consents/{consent_id}/correction", status_code=201)
def correct_consent(
    call: Authorised, parts: Parts, body: Body, consent_id: UUID, asked: ConsentCorrectionAsked
) -> Mapping[str, object]:
    """A consent was recorded wrongly: what rests on it ends at once. Needs no If-Match; never a conflict."""
    return answered(
        parts.hub.correct_consent(
            command(call, body),
            call.of_case.id,
            consent_id,
            recipient=asked.recipient,
            category=asked.category,
            reason=asked.reason,
        )
    )


@router.post("/v1/cases/{case_id}/legal-bases/{basis_id}/correction", status_code=201)
def correct_legal_basis(
    call: Authorised, parts: Parts, body: Body, basis_id: UUID, asked: LegalBasisCorrectionAsked
) -> Mapping[str, object]:
    """A legal basis was recorded wrongly: what rests on it alone ends at once, as told in error.

    Needs no If-Match; never a conflict. One that notified of a child makes that due again.
    """
    return answered(
        parts.hub.correct_legal_basis(
            command(call, body),
            call.of_case.id,
            basis_id,
            recipient=asked.recipient,
            category=asked.category,
            reason=asked.reason,
        )
    )


@router.post("/v1/cases/{case_id}/forwarding", status_code=201)
def forward(call: Authorised, parts: Parts, body: Body, asked: ForwardingAsked) -> Mapping[str, object]:
    """The citizen lives in another municipality: sent there once, and erased here when it is taken over.

    What could kill is not sent: tell it by telephone first.
    """
    return answered(
        parts.hub.forward_report(
            command(call, body),
            call.of_case.id,
            recipient=asked.recipient,
            reason=asked.reason,
            answers_for=asked.answers_for,
        )
    )


@router.get("/v1/cases/{case_id}/possible-breaches")
def possible_breaches(
    call: Authorised, parts: Parts, purpose: Purpose, position: Position = 0
) -> Mapping[str, object]:
    """What may have been told without a basis, for a person to judge (GDPR art. 33), and what came of it."""
    parts.wait("disclosures", "hub", position)
    return parts.queries.possible_breaches(call.actor, call.of_case, purpose)
