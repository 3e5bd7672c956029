"""For adapters, the HTTP profile: pull sealed messages, ask for keys, send in."""

import base64
from collections.abc import Mapping
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import Field

from contracts.base import Contract
from contracts.envelope import BadMessage, from_json, to_json
from contracts.fields import Flag, Line
from contracts.terms import LookPurpose
from hub.adapters.http.context import Authorised, Parts, answered
from hub.aggregates.base import Actor
from hub.errors import Invalid
from hub.gates.opening import MAX_BATCH

router = APIRouter(tags=["messages"])
After = Annotated[str, Query(pattern=r"^[0-9]{1,18}\.[0-9]{1,18}$")]


class HeadKeysAsked(Contract):
    """Which messages' heads a system wants to open."""

    messages: Annotated[list[UUID], Field(min_length=1, max_length=MAX_BATCH)]
    rebuild: Flag = False


class OpenAsked(Contract):
    """Who opens a message, and why."""

    person: Line
    name: Line
    purpose: LookPurpose
    taken_over: Flag = False


@router.get("/v1/messages")
def messages(
    call: Authorised,
    parts: Parts,
    after: After = "0.0",
    limit: Annotated[int, Query(ge=1, le=MAX_BATCH)] = 100,
) -> Mapping[str, object]:
    """Your messages after `<epoch>.<sequence>`, in order, sealed and signed as on your topic."""
    epoch, sequence = (int(n) for n in after.split("."))
    parts.outgoing.collected(call.actor.organisation, epoch, sequence)
    found = parts.outgoing.messages_of(call.actor.organisation, epoch, sequence, limit)
    return {"messages": [to_json(envelope) for envelope in found]}


@router.post("/v1/messages/head-keys")
def head_keys(call: Authorised, parts: Parts, asked: HeadKeysAsked) -> Mapping[str, object]:
    """The keys of heads. What has no living grant is left out: its content is gone."""
    found = parts.opener.heads(call.actor, asked.messages, rebuild=asked.rebuild)
    return {"keys": {str(m): base64.b64encode(key).decode() for m, key in found.items()}}


@router.post("/v1/messages/{message_id}/open")
def open_message(call: Authorised, parts: Parts, message_id: UUID, asked: OpenAsked) -> Mapping[str, object]:
    """The keys of a message's parts, for a named person, or your system when it takes the content over."""
    by = Actor(asked.person, asked.name, "partner_staff", call.actor.organisation)
    found = parts.opener.open(by, message_id, purpose=asked.purpose, taken_over=asked.taken_over)
    return {"keys": {str(n): base64.b64encode(key).decode() for n, key in found.items()}}


@router.post("/v1/inbound", status_code=202)
def inbound(call: Authorised, parts: Parts, envelope: dict[str, str]) -> Mapping[str, object]:
    """Send in: sealed to the hub and signed by you, as on your topic."""
    try:
        taken = parts.inbound.take(call.actor.organisation, from_json(envelope))
    except BadMessage as error:
        raise Invalid(str(error), field=error.slug) from None
    if taken.answer is None:
        return {"position": 0}
    ids = {name: value for name, value in answered(taken.answer).items() if name != "case"}
    return ids or {"position": 0}
