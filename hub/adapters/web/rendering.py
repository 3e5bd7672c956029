"""Every page leaves through here: templates, security headers, and problems in words instead of traces."""

from collections.abc import Callable, Coroutine
from pathlib import Path
from string import capwords
from typing import Any, Final
from urllib.parse import quote, urlencode

import jinja2
from fastapi import FastAPI, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, RedirectResponse
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

from contracts.terms import Escalation, LookPurpose, ReferralStatus, SafetyLevel, Urgency
from hub.adapters.http.access import Role
from hub.adapters.http.context import services
from hub.adapters.http.problems import problem_of_http
from hub.adapters.web import visitors
from hub.adapters.web.wording import WORDS
from hub.aggregates.citizen_case.terms import UnsafeReason
from hub.aggregates.citizen_case.values import CaseState
from hub.errors import Forbidden, HubError, Invalid, KeyDestroyed, Missing, Unavailable
from hub.logs import logger, slug_of

log = logger("web")

_HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'self'; script-src 'none'; object-src 'none'; base-uri 'none'; "
        "form-action 'self'; frame-ancestors 'none'"
    ),
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "X-Robots-Tag": "noindex",
}
_STATUS: Final[list[tuple[type[HubError], int]]] = [
    (Forbidden, 403),
    (Missing, 404),
    (Invalid, 422),
    (Unavailable, 503),
    (KeyDestroyed, 404),
]
_NOT_LOGGED_IN: Final = 401
_FORBIDDEN: Final = 403
"""For whom there are no pages at all: a case that is not theirs looks like one that is not there."""
_NO_ADDRESS: Final = frozenset({404, 405})
"""What routing says of an address: there is none, or none to be asked in this way."""
_ENVIRONMENT: Final = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_ENVIRONMENT.globals.update(
    {
        "roles": Role,
        "looks": LookPurpose,
        "urgencies": Urgency,
        "levels": SafetyLevel,
        "statuses": ReferralStatus,
        "escalations": Escalation,
        "states": CaseState,
        "unsafe": UnsafeReason,
    }
)
Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class PageRoute(APIRoute):
    """A route that answers a person: its errors are pages, and every answer has the headers."""

    def get_route_handler(self) -> Handler:
        """The route's handler, with errors turned into pages."""
        inner = super().get_route_handler()

        async def handler(request: Request) -> Response:
            try:
                response = await inner(request)
            except HTTPException as error:
                response = (
                    _to_login(request)
                    if error.status_code == _NOT_LOGGED_IN
                    else await _problem(request, error.status_code)
                )
            except RequestValidationError:
                response = await _problem(request, 422)
            except visitors.ForeignForm:
                response = await _problem(request, _FORBIDDEN, "form")
            except HubError as error:
                status = next((s for kind, s in _STATUS if isinstance(error, kind)), 500)
                response = await _problem(request, status)
            except Exception as error:
                log.error("unexpected error", error=slug_of(error))
                response = await _problem(request, 500)
            return _dressed(request, response)

        return handler


def install(app: FastAPI) -> None:
    """Answer an address that is none with a page to a browser; all else of the framework is a problem."""

    @app.exception_handler(HTTPException)
    async def no_such_address(request: Request, error: HTTPException) -> Response:
        if error.status_code not in _NO_ADDRESS or "text/html" not in request.headers.get("accept", ""):
            return problem_of_http(error)
        response = await _problem(request, 404)
        response.status_code = error.status_code
        response.headers.update(error.headers or {})
        return _dressed(request, response)


def _dressed(request: Request, response: Response) -> Response:
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    visitors.keep_language(request, response)
    return response


def page(request: Request, template: str, status: int = 200, /, **values: Any) -> HTMLResponse:
    """A page in the visitor's language."""
    words, parts = visitors.words_of(request), services(request)
    values.setdefault("caller", None)
    values.setdefault("role", None)
    values.setdefault("pages_closed", False)
    caller = values["caller"]
    values["unit"] = visitors.unit_of(request, caller) if caller else ""
    html = _ENVIRONMENT.get_template(template).render(
        w=words,
        municipality=parts.municipality_name or words("municipality", name=_of_slug(parts.municipality)),
        switch=_switch(request, words.other),
        **values,
    )
    return HTMLResponse(html, status, {"Content-Language": words.language, "Vary": "Accept-Language, Cookie"})


def _of_slug(slug: str) -> str:
    return capwords(slug.replace("-", " "))


def _switch(request: Request, language: str) -> str:
    """This page's address in the other language. What a form sent has no address: back to the start."""
    if request.method != "GET":
        return ("/login?" if request.url.path == "/login" else "/?") + urlencode({"lang": language})
    kept = {k: v for k, v in request.query_params.items() if k in {"purpose", "next"}}
    return "?" + urlencode({**kept, "lang": language})


def _to_login(request: Request) -> Response:
    """And back to the page that was asked for. What a form sent has no page to come back to.

    A language that was chosen is in its cookie by then, and no part of the page's address.
    """
    query = urlencode([(k, v) for k, v in request.query_params.multi_items() if k != "lang"])
    asked = f"{request.url.path}?{query}" if query else request.url.path
    wanted = visitors.here(asked if request.method == "GET" else None)
    return RedirectResponse("/login" if wanted == "/" else f"/login?next={quote(wanted, safe='')}", 303)


async def _problem(request: Request, status: int, what: str = "") -> Response:
    """Aside, for who asks and what their unit is called may have to be read."""
    return await run_in_threadpool(_problem_page, request, status, what)


def _problem_page(request: Request, status: int, what: str) -> Response:
    """`what` went wrong, where the status alone does not say it."""
    if f"problem.{status}" not in WORDS:
        status = 500
    caller = visitors.visitor_or_none(request)
    said = f"problem.{what or status}"
    closed = status == _FORBIDDEN and not what
    return page(request, "problem.html", status, said=said, caller=caller, pages_closed=closed)
