"""Problem details (RFC 9457): each names the field, the rule and the way out, and repeats nothing sent."""

from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import ValidationError
from starlette.exceptions import HTTPException

from contracts.base import UNKNOWN_FIELD, Contract
from hub.errors import (
    Conflict,
    Corrupt,
    Forbidden,
    HubError,
    Invalid,
    KeyDestroyed,
    Missing,
    NoGrant,
    Replayed,
    SameKeyOtherBody,
    StaleVersion,
    Unavailable,
)
from hub.logs import logger, slug_of

PROBLEM = "application/problem+json"
TYPE = "https://tvaers.example/problems/"
log = logger("http")
_PARAMETERS = frozenset({"path", "query", "header", "cookie"})
_NO_ID = "an id is a UUID, written as 8-4-4-4-12 hexadecimal digits"
"""In the place of the library's words, which quote the letter that it stumbles over."""

_STATUS: list[tuple[type[HubError], int]] = [
    (StaleVersion, 412),
    (SameKeyOtherBody, 422),
    (NoGrant, 409),
    (Replayed, 409),
    (Invalid, 422),
    (Forbidden, 403),
    (Missing, 404),
    (Conflict, 409),
    (Unavailable, 503),
    (KeyDestroyed, 410),
    (Corrupt, 500),
    (HubError, 500),
]


def problem(
    status: int,
    slug: str,
    title: str,
    errors: list[dict[str, str]] | None = None,
    headers: Mapping[str, str] | None = None,
    part: str | None = None,
) -> JSONResponse:
    """One problem document. `part`: what of the hub is not ready, as a monitor reads it."""
    body: dict[str, Any] = {"type": TYPE + slug, "title": title, "status": status}
    if errors:
        body["errors"] = errors
    if part:
        body["part"] = part
    return JSONResponse(body, status, headers=dict(headers or {}), media_type=PROBLEM)


def pointers(error: ValidationError | RequestValidationError) -> list[dict[str, str]]:
    """Where it is wrong and by which rule; never the input, nor an unknown field's name."""
    return [
        {"pointer": _pointer(found["loc"], found["type"]), "detail": _detail(found["type"], found["msg"])}
        for found in error.errors()
    ]


def unexpected(error: Exception) -> JSONResponse:
    """What nobody foresaw. No traceback and no text of the error: they may quote what was sent."""
    log.error("unexpected error", error=slug_of(error))
    return problem(500, "unexpected", "something went wrong in the hub; ask again under the same key")


def problem_of(error: HubError, part: str | None = None) -> JSONResponse:
    """An error of the hub; one of stored bytes is an alarm."""
    status = next(code for kind, code in _STATUS if isinstance(error, kind))
    if isinstance(error, Corrupt):
        log.error("stored bytes are not what was stored", error=error.slug)
    errors = [{"pointer": error.field, "detail": str(error)}] if error.field else None
    return problem(status, error.slug, str(error), errors, part=part)


def problem_of_http(error: HTTPException) -> JSONResponse:
    """What the framework says: nobody is logged in, or routing finds nothing."""
    slugs = {401: "not-logged-in", 404: "not-found", 405: "method-not-allowed"}
    slug = slugs.get(error.status_code, "invalid")
    return problem(error.status_code, slug, str(error.detail), headers=error.headers)


def _pointer(loc: tuple[str | int, ...], kind: str) -> str:
    """A JSON pointer; a `*` stands for what may be the sender's own word."""
    steps = list(loc)
    if steps[:1] == ["body"]:
        steps = steps[1:]
    elif steps and steps[0] in _PARAMETERS:
        return "/" + "/".join(str(step) for step in steps[:2])
    if kind == "missing" and steps:
        return f"{pointer_to(steps[:-1])}/{steps[-1]}"
    return pointer_to(steps)


def pointer_to(steps: Sequence[str | int]) -> str:
    """A JSON pointer into a body, with a `*` in the place of what is no field of ours."""
    own = _fields()
    return "".join(f"/{'*' if isinstance(step, str) and step not in own else step}" for step in steps)


def _detail(kind: str, message: str) -> str:
    return {"uuid_parsing": _NO_ID, "extra_forbidden": UNKNOWN_FIELD}.get(kind, message)


def _fields() -> frozenset[str]:
    """The names of our own contracts' fields: the only words that a pointer may repeat."""
    found, waiting = set(), [Contract]
    while waiting:
        model = waiting.pop()
        found |= set(model.model_fields)
        waiting += model.__subclasses__()
    return frozenset(found)


def install(app: FastAPI) -> None:
    """Answer every error of the hub and of validation as a problem document."""

    @app.exception_handler(HubError)
    async def hub_error(_: Request, error: HubError) -> JSONResponse:
        return problem_of(error)

    @app.exception_handler(RequestValidationError)
    async def invalid_request(_: Request, error: RequestValidationError) -> JSONResponse:
        return problem(422, "invalid", "the request is not what the contract says", pointers(error))

    @app.exception_handler(ValidationError)
    async def invalid(_: Request, error: ValidationError) -> JSONResponse:
        return problem(422, "invalid", "the body is not what the contract says", pointers(error))
