"""For people at an organisation that receives referrals: the inbox, and answers."""

from collections.abc import Mapping
from uuid import UUID

from fastapi import APIRouter

from contracts.base import Contract
from contracts.terms import ReferralStatus, RejectionReason
from hub.adapters.http.context import Authorised, Body, Parts, Position, Purpose, command

router = APIRouter(tags=["referrals"])


class AnswerAsked(Contract):
    """How a referral goes."""

    status: ReferralStatus
    reason: RejectionReason | None = None


@router.get("/v1/referrals")
def referrals(call: Authorised, parts: Parts, position: Position = 0) -> Mapping[str, object]:
    """Where each referral to you stands. Heads only: who it is about opens message by message."""
    parts.wait("referrals", call.actor.organisation, position)
    rows = parts.queries.referrals(call.actor)
    return {"referrals": [{"message": str(r.message_id), "thread": str(r.thread), **r.clear} for r in rows]}


@router.get("/v1/threads/{thread}")
def read(call: Authorised, parts: Parts, thread: UUID, purpose: Purpose) -> Mapping[str, object]:
    """What you were told in one thread, opened for you and on record as such."""
    rows = parts.queries.thread(call.actor, thread, purpose)
    return {
        "thread": str(thread),
        "messages": [
            {
                "message": str(row.row.message_id),
                **row.row.clear,
                "parts": [part.model_dump(mode="json", exclude_none=True) for part in row.parts],
            }
            for row in rows
        ],
    }


@router.post("/v1/threads/{thread}/referrals/{referral_id}/answers", status_code=201)
def answer(
    call: Authorised, parts: Parts, thread: UUID, referral_id: UUID, body: Body, asked: AnswerAsked
) -> Mapping[str, object]:
    """Answer a referral: received, accepted, rejected with a reason, in-progress, completed."""
    done = parts.hub.answer_referral(command(call, body), thread, referral_id, asked.status, asked.reason)
    return {"position": done.position}
