"""For reporters: hand a social report over, and see its receipt."""

from collections.abc import Mapping
from uuid import UUID

from fastapi import APIRouter

from contracts.base import Contract
from contracts.fields import Text
from contracts.message_v1 import ReceiptStatus
from contracts.social_report_v1 import SocialReport
from contracts.terms import RetractionReason
from hub.adapters.http.context import Authorised, Body, Parts, answered, command

router = APIRouter(tags=["reports"])


class RetractionAsked(Contract):
    """Why you take your report back; what you explain is read by a person of the municipality."""

    reason: RetractionReason
    explanation: Text | None = None


@router.post("/v1/social-reports", status_code=202)
def report(call: Authorised, parts: Parts, report: SocialReport) -> Mapping[str, object]:
    """Hand over a social report. 202: received, not yet read by a person; in danger call the duty number."""
    if report.supplements is not None:
        parts.queries.must_be_its_reporter(call.actor, report.supplements, "supplements")
    answer = parts.inbound.report(call.actor, report)
    ids = {name: value for name, value in answered(answer).items() if name != "case"}
    return {**ids, "status": "received", "read_by_a_person": False, "on_call": parts.on_call}


@router.post("/v1/social-reports/{report_id}/retraction", status_code=202)
def retract(
    call: Authorised, parts: Parts, report_id: UUID, body: Body, asked: RetractionAsked
) -> Mapping[str, object]:
    """Take back a report whose receipt you see. Nothing is deleted: all who were told are told."""
    parts.queries.must_be_its_reporter(call.actor, report_id, "report_id")
    answer = parts.hub.retract_report(command(call, body), report_id, asked.reason, asked.explanation or "")
    return {"number": answer.ids["number"], "position": answer.position, "status": ReceiptStatus.RETRACTED}


@router.get("/v1/social-reports/{report_id}/receipt")
def receipt(call: Authorised, parts: Parts, report_id: UUID) -> Mapping[str, object]:
    """The receipt of a report that you handed over, or as your organisation's named leader."""
    return {"on_call": parts.on_call, **parts.queries.receipt(call.actor, report_id)}
