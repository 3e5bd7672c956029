"""Who looks at a page, and in which language. The token rests in a cookie that no script can read."""

import re
import sqlite3
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from eventsourcing.persistence import PersistenceError
from fastapi import Request, Response
from starlette.exceptions import HTTPException

from hub.adapters.http.access import Caller, Role, role_for
from hub.adapters.http.context import Services, admitted, services
from hub.adapters.http.tokens import LIFETIME, NotLoggedIn
from hub.adapters.web.wording import LANGUAGES, Words
from hub.aggregates.base import Actor
from hub.aggregates.citizen_case.case import CitizenCase
from hub.errors import Forbidden, HubError, Missing, Unavailable

SESSION: Final = "tvaers_session"
LANGUAGE: Final = "tvaers_language"
_LANGUAGE_LASTS_S: Final = 365 * 24 * 3600
_HERE: Final = re.compile(r"/(cases(/[0-9a-f-]{36}(\?purpose=[a-z_]{1,30})?)?)?")
_NO_SUCH: Final = "there is no such case, or none for you"


class ForeignForm(Forbidden):
    """Another site made the visitor's browser send this."""


@dataclass(frozen=True, slots=True)
class Visit:
    """One authorised look: who, in which role, at which case."""

    caller: Caller
    actor: Actor
    role: Role
    case: CitizenCase | None
    parts: Services


def visit(request: Request, case_id: str | None = None) -> Visit:
    """The visit, if the table of access allows it; 404 for both *no* and *none*, of a case or a page.

    Raises `Forbidden` for whose role has no pages at all.
    """
    parts, caller = services(request), visitor(request)
    known, role = admitted(request, caller, case_id)
    if role is None and known is not None:
        raise Missing(_NO_SUCH, field="case")
    if role is None and role_for("GET", "/", caller, None, parts.outgoing.now()) is not None:
        raise Missing("there is no such page, or none for you")
    if role is None:
        raise Forbidden("your role has no pages here")
    actor = Actor(caller.person, caller.name, role, caller.organisation)
    return Visit(caller, actor, role, known.case if known else None, parts)


def visitor(request: Request) -> Caller:
    """Whose cookie it is. Raises 401."""
    try:
        return services(request).verifier.caller(request.cookies.get(SESSION, ""))
    except NotLoggedIn:
        raise HTTPException(401, "log in") from None


def visitor_or_none(request: Request) -> Caller | None:
    """The same, for pages that are open to all; also where nobody can tell just now who it is."""
    try:
        return visitor(request)
    except (HTTPException, Unavailable):
        return None


def unit_of(request: Request, caller: Caller) -> str:
    """What the visitor's organisation is called; its slug where that can't be read just now."""
    try:
        return services(request).queries.partner_name(caller.organisation)
    except (HubError, PersistenceError, sqlite3.Error, OSError):
        return caller.organisation


def log_in(request: Request, response: Response, token: str) -> None:
    """Keep the token in the cookie for as long as it lives."""
    response.set_cookie(
        SESSION,
        token,
        max_age=int(LIFETIME.total_seconds()),
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )


def log_out(request: Request, response: Response) -> None:
    """Forget the token."""
    response.delete_cookie(SESSION, httponly=True, samesite="strict", secure=request.url.scheme == "https")


def must_be_our_own_form(request: Request) -> None:
    """Refuse a form that another site made the browser send; a login would change hands unnoticed.

    Browsers say whence a form comes in `Sec-Fetch-Site`; older ones in `Origin`, which reads `null` where, as
    on our pages, no referrer is sent.
    """
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin", "null")
    foreign = origin != "null" and urlsplit(origin).netloc != request.headers.get("host")
    if site not in {"same-origin", "none"} if site else foreign:
        raise ForeignForm("this form was sent by another site")


def here(path: str | None) -> str:
    """Where to go after login: one of our own pages, whatever the address asks for."""
    return path if path is not None and _HERE.fullmatch(path) else "/"


def words_of(request: Request) -> Words:
    """The words in the language that was chosen, or that the browser asks for; else Danish."""
    chosen = request.query_params.get("lang") or request.cookies.get(LANGUAGE)
    if chosen in LANGUAGES:
        return Words(chosen)
    for wanted in request.headers.get("accept-language", "").split(","):
        code = wanted.split(";")[0].strip().lower().split("-")[0]
        if code in LANGUAGES:
            return Words(code)
    return Words(LANGUAGES[0])


def keep_language(request: Request, response: Response) -> None:
    """Remember a language that was chosen just now."""
    if (chosen := request.query_params.get("lang")) in LANGUAGES:
        response.set_cookie(
            LANGUAGE,
            chosen,
            max_age=_LANGUAGE_LASTS_S,
            httponly=True,
            samesite="lax",
            secure=request.url.scheme == "https",
        )
