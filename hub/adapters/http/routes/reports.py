"""For reporters: hand a social report over, and see its receipt."""

from collections.abc import Mapping
from uuid import UUID

from fastapi import APIRouter, Response

from contracts.social_report_v1 import SocialReport
from hub.adapters.http.context import Authorised, Parts, answered

router = APIRouter(tags=["reports"])


@router.post("/v1/social-reports", status_code=202)
def report(call: Authorised, parts: Parts, report: SocialReport) -> Mapping[str, object]:
    """Hand over a social report. 202: received, not yet read by a person; in danger call the duty number."""
    answer = parts.inbound.report(call.actor, report)
    ids = {name: value for name, value in answered(answer).items() if name != "case"}
    return {**ids, "status": "received", "read_by_a_person": False, "on_call": parts.on_call}


@router.get("/v1/social-reports/{report_id}/receipt")
def receipt(call: Authorised, parts: Parts, report_id: UUID, response: Response) -> Mapping[str, object]:
    """The receipt of a report of yours."""
    response.headers["Cache-Control"] = "no-store"
    return {"on_call": parts.on_call, **parts.queries.receipt(call.actor.organisation, report_id)}
