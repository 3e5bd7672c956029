"""The HTTP API. A route without a row in the access table does not start."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated

from fastapi import FastAPI, Form, Request, Response
from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.middleware.base import RequestResponseEndpoint
from starlette.routing import BaseRoute

from contracts.client.logins import ASSERTION_TYPE
from hub.adapters.http import problems
from hub.adapters.http.access import OPEN, TABLE
from hub.adapters.http.context import Parts, Services
from hub.adapters.http.documented import Documented
from hub.adapters.http.routes import (
    cases,
    children,
    consents,
    contact,
    corrections,
    erasures,
    hand_overs,
    messages,
    moves,
    partners,
    referrals,
    reports,
    staff,
)
from hub.adapters.http.tokens import LIFETIME, EmbeddedIssuer, NotLoggedIn
from hub.adapters.web import pages, rendering
from hub.adapters.web.issuer_login import IssuerLogin
from hub.errors import HubError, NoRoom, Unavailable
from hub.logs import logger

_FOR_CASES = (cases, children, contact, consents, corrections, erasures, hand_overs, moves, staff)
ROUTERS = [m.router for m in (reports, messages, referrals, *_FOR_CASES, partners)]
MAX_BODY_BYTES = 256 * 1024
_METHODS = frozenset({"GET", "HEAD", "POST"})
log = logger("http")
SUMMARY = "Tværs: coordination of help for adults exposed to violence in close relations"


class TokenAsked(BaseModel):
    """A person's name and password, or a system's assertion; what else a form says counts for nothing."""

    username: str = ""
    password: str = ""
    client_assertion_type: str = ""
    client_assertion: str = ""


Answered = Callable[[str, str, int, float], None]
"""Told of every request: method, route as the table has it, status, seconds."""


def create_app(
    parts: Services | None,
    issuer: EmbeddedIssuer | None = None,
    answered: Answered = lambda *_: None,
    login: IssuerLogin | None = None,
) -> FastAPI:
    """The API over these services (None: for its OpenAPI document alone).

    `issuer` adds `/token`, for demonstrations and tests; `login` lets people log in to the pages elsewhere.
    """
    app = Documented(
        title="Tværs",
        version="1.0.0",
        summary=SUMMARY,
        docs_url=None,
        redoc_url=None,
        telemetry={
            "tracing": False,
            "metrics": False,
            "logs": False,
            "operation_spans": False,
            "auto_configure": False,
        },
    )
    app.state.services = parts
    problems.install(app)
    rendering.install(app)
    _edge(app, answered)
    routers = [*ROUTERS, pages.router(issuer, login)]
    for router in routers:
        app.include_router(router)
    _open_routes(app)
    if issuer is not None:
        _token_route(app, issuer)
    app.documented = [*app.routes, *(route for router in routers for route in router.routes)]
    _every_route_has_a_row(app.documented)
    return app


def _open_routes(app: FastAPI) -> None:
    @app.get("/healthz", tags=["operation"])
    def healthz() -> Mapping[str, str]:
        """The process lives."""
        return {"status": "ok"}

    @app.get("/readyz", tags=["operation"], response_model=Mapping[str, str])
    def readyz(parts: Parts) -> Mapping[str, str] | Response:
        """The process can take a report in: its database answers, its keys open what is there, it has room.

        The broker is not asked: without it reports are taken in all the same, and sent later. `part` of the
        problem names what is not ready: `database`, the `keys`, or the `disk`, on which what may not wait is
        still written.
        """
        try:
            parts.ready()
        except HubError as error:
            return problems.problem_of(error, _part(error))
        return {"status": "ready"}

    @app.get("/v1/hub", tags=["messages"])
    def hub(parts: Parts) -> Mapping[str, str]:
        """The hub's public keys (raw, hex) and duty number. Compare them with what you were given."""
        return {
            "municipality": parts.municipality,
            "sealing_key": parts.keys.sealing.hex(),
            "signing_key": parts.keys.signing.hex(),
            "on_call": parts.on_call,
        }


def _part(error: HubError) -> str:
    """What is not ready."""
    if isinstance(error, NoRoom):
        return "disk"
    return "database" if isinstance(error, Unavailable) else "keys"


def _token_route(app: FastAPI, issuer: EmbeddedIssuer) -> None:
    @app.post("/token", tags=["login"])
    def token(asked: Annotated[TokenAsked, Form()]) -> Mapping[str, object]:
        """A token of the embedded issuer, for demonstrations and tests."""
        try:
            if asked.client_assertion_type == ASSERTION_TYPE:
                found = issuer.token_of_system(asked.client_assertion)
            else:
                found = issuer.token(asked.username, asked.password)
        except NotLoggedIn:
            raise HTTPException(401, "no such login") from None
        lives_s = int(LIFETIME.total_seconds())
        return {"access_token": found, "token_type": "Bearer", "expires_in": lives_s}


def _edge(app: FastAPI, answered: Answered) -> None:
    @app.middleware("http")
    async def edge(request: Request, call_next: RequestResponseEndpoint) -> Response:
        began = time.perf_counter()
        response = _too_large(request)
        try:
            response = response or await call_next(request)
        except Exception as error:
            # Caught here, for what comes past the application a server writes to its log, with all it quotes.
            response = problems.unexpected(error)
        response.headers.setdefault("Cache-Control", "no-store")
        _say(request, response.status_code, time.perf_counter() - began, answered)
        return response


def _say(request: Request, status: int, seconds: float, answered: Answered) -> None:
    """One line a request, and one count: by its route, for its path holds ids."""
    route = getattr(request.scope.get("route"), "path", "none")
    method = request.method if request.method in _METHODS else "other"
    log.info("a request", method=method, route=route, status=status, ms=round(1000 * seconds, 1))
    answered(method, route, status, seconds)


def _too_large(request: Request) -> Response | None:
    """A problem unless the body's length is known beforehand and within the limit."""
    headers = request.headers
    length = headers.get("content-length")
    # With chunks the length in front of them counts for nothing (RFC 9112 section 6.3).
    known = length is not None and "transfer-encoding" not in headers
    if request.method != "POST" or (known and int(length or 0) <= MAX_BODY_BYTES):
        return None
    return problems.problem(
        413, "too-large", f"a body needs a Content-Length of at most {MAX_BODY_BYTES} bytes, and no chunks"
    )


def _every_route_has_a_row(found: Sequence[BaseRoute]) -> None:
    """Refuse to start with a route that nobody decided who may call, or a row for no route."""
    routes = {
        (method, route.path)
        for route in found
        if isinstance(route, APIRoute)
        for method in route.methods or ()
    }
    undecided = routes - TABLE.keys() - OPEN
    dangling = TABLE.keys() - routes
    if undecided or dangling:
        raise RuntimeError(
            f"access table and routes differ: without a row {sorted(undecided)}, "
            f"without a route {sorted(dangling)}"
        )
