"""For the municipality: setting right what was wrong. Nothing is edited; whoever was told is told."""

from collections.abc import Mapping
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter
from pydantic import Field

from contracts.base import Contract
from contracts.fields import Text
from hub.adapters.http.context import Authorised, Body, Parts, answered, command

router = APIRouter(tags=["corrections"])


class CorrectionAsked(Contract):
    """Which entry was wrong, by its message and part on the timeline, and what stands instead."""

    message: UUID
    part: Annotated[int, Field(ge=1, le=0xFFFF)]
    instead: Annotated[dict[str, Any], Field(min_length=1, max_length=50)]
    """Field by field as the entry has them; null takes a field out. What is not named stands."""
    reason: Text


@router.post("/v1/cases/{case_id}/corrections", status_code=201)
def correct(call: Authorised, parts: Parts, body: Body, asked: CorrectionAsked) -> Mapping[str, object]:
    """Correct an entry. Whoever was told it is told; who may be told no more stands among the disclosures."""
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
