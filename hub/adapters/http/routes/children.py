"""For the municipality: children at risk, and citizens who are under 18."""

from collections.abc import Mapping
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter
from pydantic import Field

from contracts.base import Contract
from contracts.fields import Line
from contracts.terms import Category
from contracts.times import Moment
from hub.adapters.http.context import Authorised, Body, Parts, answered, command
from hub.adapters.http.ends import Until
from hub.adapters.http.routes.cases import Reason
from hub.aggregates.citizen_case.children import NOTIFIED_OF
from hub.aggregates.citizen_case.terms import NotificationDecision, NotNotifiedReason

router = APIRouter(tags=["children"])


class ChildAtRiskAsked(Contract):
    """Which entry of the timeline says that a child is at risk."""

    entry: Annotated[int, Field(strict=True, ge=1, le=1_000_000)]


class AnswerAsked(Contract):
    """Told already, by the hub at once or another way: when, and in words whom. Or not told, and why."""

    decision: NotificationDecision
    decided_by: Line
    notified_at: Moment | None = None
    reason: NotNotifiedReason | None = None
    text: str = Field(default="", max_length=2000)


class NotificationAsked(Contract):
    """Whom to tell now, of what, and who decided it."""

    recipient: str
    decided_by: Line
    text: Reason
    categories: list[Category] = Field(default_factory=lambda: list(NOTIFIED_OF), min_length=1, max_length=20)
    ends_at: Until | None = None


@router.post("/v1/cases/{case_id}/child-notifications", status_code=201)
def child_at_risk(
    call: Authorised, parts: Parts, body: Body, asked: ChildAtRiskAsked
) -> Mapping[str, object]:
    """A child is at risk, as you read it in an entry: a notification is due, whatever the consents say."""
    return answered(parts.hub.observe_child_at_risk(command(call, body), call.of_case.id, asked.entry))


@router.post("/v1/cases/{case_id}/child-notifications/{due_id}/answer", status_code=201)
def answer(
    call: Authorised, parts: Parts, body: Body, due_id: UUID, asked: AnswerAsked
) -> Mapping[str, object]:
    """Answer for a notification that is due. Nothing else ever takes it away."""
    return answered(
        parts.hub.answer_child_notification(
            command(call, body),
            call.of_case.id,
            due_id,
            decision=asked.decision,
            decided_by=asked.decided_by,
            notified_at=asked.notified_at,
            reason=asked.reason,
            text=asked.text,
        )
    )


@router.post("/v1/cases/{case_id}/child-notifications/{due_id}/notification", status_code=201)
def notify(
    call: Authorised, parts: Parts, body: Body, due_id: UUID, asked: NotificationAsked
) -> Mapping[str, object]:
    """Tell child services now: the answer, its legal basis and the message in one."""
    return answered(
        parts.hub.notify_child_services(
            command(call, body),
            call.of_case.id,
            due_id,
            recipient=asked.recipient,
            decided_by=asked.decided_by,
            text=asked.text,
            categories=asked.categories,
            ends_at=asked.ends_at,
        )
    )


@router.post("/v1/cases/{case_id}/minor", status_code=201)
def minor(call: Authorised, parts: Parts, body: Body) -> Mapping[str, object]:
    """You found out that the citizen is under 18: a matter for child services, never an adult case."""
    return answered(parts.hub.find_minor(command(call, body), call.of_case.id))
