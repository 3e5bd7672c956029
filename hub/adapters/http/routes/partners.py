"""For operators: partners and their agreements. No route here shows a case."""

import re
from base64 import b64decode
from collections.abc import Mapping
from typing import Annotated, Final

from fastapi import APIRouter
from pydantic import BeforeValidator, Field, WithJsonSchema

from contracts.base import Contract
from contracts.fields import Flag, Line
from contracts.terms import Category, OrganisationKind
from hub.adapters.http.context import Authorised, Body, Parts, answered, command

router = APIRouter(tags=["partners"])
_KEY: Final = re.compile(r"[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=", re.ASCII)


def _raw(value: object) -> bytes:
    if not isinstance(value, str) or not _KEY.fullmatch(value):
        raise ValueError("a key is 32 bytes in base64, which is 44 characters with the padding")
    return b64decode(value)


Key = Annotated[
    bytes,
    BeforeValidator(_raw),
    WithJsonSchema({"type": "string", "contentEncoding": "base64", "pattern": f"^{_KEY.pattern}$"}),
]


class PartnerAsked(Contract):
    """A partner with its agreement and its public keys (raw, base64)."""

    slug: str = Field(pattern=r"^[a-z0-9-]{2,40}$")
    name: str = Field(min_length=1, max_length=200)
    kind: OrganisationKind
    categories: list[Category]
    sealing_key: Key
    signing_key: Key
    contact: dict[str, str] = Field(default_factory=dict)


class AgreementAsked(Contract):
    """What its agreement lets a partner receive, and whom to ring; in the place of what stood there."""

    categories: list[Category]
    contact: dict[str, str]


class KeysAsked(Contract):
    """A partner's new public keys (raw, base64)."""

    sealing_key: Key
    signing_key: Key
    stolen: Flag = False
    """Nothing that the former key signed counts from now on."""


class LeaderAsked(Contract):
    """Who of a reporter sees the receipts of its people's reports: one login's subject, or nobody."""

    person: Line | None


class ReasonAsked(Contract):
    """Why."""

    reason: str = Field(min_length=3, max_length=500)


@router.get("/v1/partners")
def partners(_: Authorised, parts: Parts) -> Mapping[str, object]:
    """The partners there are."""
    rows = parts.store.partners()
    return {"partners": [{"slug": r.slug, "kind": r.kind, "active": r.active} for r in rows]}


@router.post("/v1/partners", status_code=201)
def register(call: Authorised, parts: Parts, body: Body, asked: PartnerAsked) -> Mapping[str, object]:
    """Register a partner."""
    return answered(
        parts.hub.register_partner(
            command(call, body),
            slug=asked.slug,
            name=asked.name,
            kind=asked.kind,
            categories=asked.categories,
            sealing_key=asked.sealing_key,
            signing_key=asked.signing_key,
            contact=asked.contact,
        )
    )


@router.post("/v1/partners/{slug}/suspension", status_code=201)
def suspend(
    call: Authorised, parts: Parts, slug: str, body: Body, asked: ReasonAsked
) -> Mapping[str, object]:
    """Stop sending to and opening for a partner, from the next request on."""
    return answered(parts.hub.suspend_partner(command(call, body), slug, asked.reason))


@router.post("/v1/partners/{slug}/resumption", status_code=201)
def resume(call: Authorised, parts: Parts, slug: str, body: Body) -> Mapping[str, object]:
    """Let a suspended partner in again."""
    return answered(parts.hub.resume_partner(command(call, body), slug))


@router.post("/v1/partners/{slug}/agreement", status_code=201)
def change_agreement(
    call: Authorised, parts: Parts, slug: str, body: Body, asked: AgreementAsked
) -> Mapping[str, object]:
    """Change what a partner may receive, and whom to ring."""
    return answered(
        parts.hub.change_agreement(
            command(call, body), slug, categories=asked.categories, contact=asked.contact
        )
    )


@router.post("/v1/partners/{slug}/keys", status_code=201)
def rotate_keys(
    call: Authorised, parts: Parts, slug: str, body: Body, asked: KeysAsked
) -> Mapping[str, object]:
    """Take a partner's new public keys. What it sent before still counts, unless a key was stolen."""
    return answered(
        parts.hub.rotate_keys(
            command(call, body),
            slug,
            sealing_key=asked.sealing_key,
            signing_key=asked.signing_key,
            stolen=asked.stolen,
        )
    )


@router.post("/v1/partners/{slug}/receipts-leader", status_code=201)
def name_receipts_leader(
    call: Authorised, parts: Parts, slug: str, body: Body, asked: LeaderAsked
) -> Mapping[str, object]:
    """Name the one leader who sees a reporter's receipts beside each report's own reporter."""
    return answered(parts.hub.name_receipts_leader(command(call, body), slug, asked.person or ""))
