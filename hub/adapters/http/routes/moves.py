"""A case moves with its citizen: for the tovholder who asks, and for the municipality that is asked."""

from collections.abc import Mapping
from uuid import UUID

from fastapi import APIRouter

from contracts.base import Contract
from contracts.terms import MoveRefusal, MoveStatus
from hub.adapters.http.context import Authorised, Body, Parts, Position, answered, command
from hub.adapters.http.ends import Until

router = APIRouter(tags=["moves"])


class MoveAsked(Contract):
    """Which municipality is asked to take the case over, and by when."""

    recipient: str
    answer_by: Until


class MoveAnswerAsked(Contract):
    """Whether you take the case over, and why not."""

    status: MoveStatus
    reason: MoveRefusal | None = None


@router.post("/v1/cases/{case_id}/move", status_code=201)
def request(call: Authorised, parts: Parts, body: Body, asked: MoveAsked) -> Mapping[str, object]:
    """Ask the citizen's next municipality to take over; it needs a living grant for `coordination`."""
    return answered(
        parts.hub.request_move(
            command(call, body), call.of_case.id, recipient=asked.recipient, answer_by=asked.answer_by
        )
    )


@router.post("/v1/cases/{case_id}/move/{move_id}/cancellation", status_code=201)
def cancel(call: Authorised, parts: Parts, body: Body, move_id: UUID) -> Mapping[str, object]:
    """Ask no longer."""
    return answered(parts.hub.cancel_move(command(call, body), call.of_case.id, move_id))


@router.get("/v1/moves")
def moves(call: Authorised, parts: Parts, position: Position = 0) -> Mapping[str, object]:
    """Cases that you were asked to take over. Heads only: whom they are about opens thread by thread."""
    parts.wait("referrals", call.actor.organisation, position)
    rows = parts.queries.moves(call.actor.organisation)
    return {"moves": [{"message": str(r.message_id), "thread": str(r.thread), **r.clear} for r in rows]}


@router.post("/v1/threads/{thread}/moves/{move_id}/answers", status_code=201)
def answer(
    call: Authorised, parts: Parts, thread: UUID, move_id: UUID, body: Body, asked: MoveAnswerAsked
) -> Mapping[str, object]:
    """Take the case over, or say no with a reason."""
    done = parts.hub.answer_move(command(call, body), thread, move_id, asked.status, asked.reason)
    return {"position": done.position}
