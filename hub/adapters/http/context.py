"""What every route has: the caller, the case that the route names, and the command's envelope."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Query, Request
from starlette.exceptions import HTTPException

from contracts.client.keys import PublicKeys
from contracts.cpr import refuse_test
from contracts.terms import LookPurpose
from hub.adapters.http.access import Caller, Role, role_for
from hub.adapters.http.tokens import NotLoggedIn, Verifier
from hub.adapters.http.words import must_be_words
from hub.aggregates.base import Actor
from hub.aggregates.citizen_case.case import CitizenCase
from hub.application import Answer, Hub
from hub.application.committing import Command, Known
from hub.application.inbound import Inbound
from hub.application.queries import Queries
from hub.application.waiting import Waiting
from hub.errors import Forbidden, Invalid, Missing, Unavailable
from hub.gates.barring import Barred, Barring
from hub.gates.opening import Opener
from hub.gates.outgoing import Outgoing
from hub.ports import Store

KEY_MIN, KEY_MAX = 8, 200
"""How long an Idempotency-Key may be."""
_ETAG = re.compile(r'"?([0-9]{1,18})"?', re.ASCII)
WAIT_S = 5.0
"""How long a query waits for a view."""


@dataclass(frozen=True, slots=True)
class Services:
    """The parts of the hub that routes call."""

    hub: Hub
    queries: Queries
    opener: Opener
    inbound: Inbound
    outgoing: Outgoing
    store: Store
    barring: Barring
    waiting: Waiting
    verifier: Verifier
    keys: PublicKeys
    municipality: str
    municipality_name: str
    on_call: str
    production: bool
    ready: Callable[[], None]
    """Raises `Unavailable` or `Corrupt` where the hub can't do its work."""

    def must_name_somebody(self, cpr: object, field: str, *, is_replacement: bool) -> None:
        """In production a test number names nobody. Raises `Invalid`; another type is judged elsewhere."""
        if self.production and isinstance(cpr, str):
            try:
                refuse_test(cpr, is_replacement=is_replacement)
            except ValueError as error:
                raise Invalid(f"{field.lstrip('/')}: {error}", field=field) from None

    def wait(self, view: str, owner: str, position: int) -> None:
        """Wait until the view holds the position that the caller just got.

        Raises `Unavailable`, and `Invalid` for a position that nobody can have got.
        """
        if position and position > self.waiting.reached():
            raise Invalid(
                "position: the log has not come so far; give the one that a command was answered with",
                field="/query/position",
            )
        if position and not self.waiting.until(view, owner, position, WAIT_S):
            raise Unavailable("the view has not caught up yet: ask again in a moment", field="position")

    def require_within_reach(self, call: "Call", case_id: UUID) -> None:
        """A second case that a command names must be the caller's own, or wait in the caller's own unit."""
        try:
            case = self.queries.case(case_id)
        except Missing:
            case = None
        if (
            case is None
            or case.unit != call.actor.organisation
            or not (case.coordinator is None or case.acts(call.actor.person, self.outgoing.now()))
            or case.matched_to not in {None, call.of_case.id}
            or self.barring.of(case.unit, case, [call.actor.login]).blocked
        ):
            raise Missing("there is no such case, or none for you", field="inquiry")


@dataclass(frozen=True, slots=True)
class Call:
    """One authorised call: who, in which role, on which case."""

    actor: Actor
    known: Known | None
    request: Request

    @property
    def of_case(self) -> CitizenCase:
        """The case that the route names."""
        assert self.known is not None, "the route names no case"
        return self.known.case


def services(request: Request) -> Services:
    """The services this app was made with."""
    found: Services = request.app.state.services
    return found


def bearer(request: Request) -> Caller:
    """The caller by the bearer token (RFC 6750)."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise HTTPException(401, "a bearer token is needed", {"WWW-Authenticate": "Bearer"})
    try:
        return services(request).verifier.caller(token)
    except NotLoggedIn:
        raise HTTPException(
            401, "the token is missing, expired or not ours: log in again", {"WWW-Authenticate": "Bearer"}
        ) from None


def authorised(request: Request) -> Call:
    """The call, if the table lets this caller make it; 404 for both *no* and *none* where a case is named."""
    caller = bearer(request)
    known, role = admitted(request, caller, request.path_params.get("case_id"))
    if role is None:
        if known is not None:
            raise Missing("there is no such case, or none for you", field="case")
        raise Forbidden("your role may not do this")
    return Call(Actor(caller.person, caller.name, role, caller.organisation), known, request)


def admitted(request: Request, caller: Caller, case_id: str | None) -> tuple[Known | None, Role | None]:
    """The case that the route names, and the role in which the caller may make this call.

    Raises `Missing` where there is no such case, `Forbidden` for who is stopped, before either.
    """
    parts = services(request)
    try:
        change = request.method == "POST"
        known = parts.queries.case_for(_case_id(case_id), caller.login, change=change) if case_id else None
        main = known.case if known is not None else None
        if main is not None and main.matched_to is not None:
            main = parts.queries.case(main.matched_to)
    except Missing:
        _refuse_stopped(parts.barring.of(caller.organisation, None, [caller.login]), caller.login)
        raise
    coordinator = main.coordinator.login if main is not None and main.coordinator is not None else None
    logins, read = (caller.login, coordinator or caller.login), known.barrings if known else None
    barred = parts.barring.of(caller.organisation, main, logins, read)
    _refuse_stopped(barred, caller.login)
    if caller.login in barred.blocked:
        return known, None
    # A matched inquiry is part of its case.
    answered = coordinator not in barred.stopped | barred.blocked
    path, now = request.scope["route"].path, parts.outgoing.now()
    return known, role_for(request.method, path, caller, main, now, answered=answered)


def _refuse_stopped(barred: Barred, login: str) -> None:
    if login in barred.stopped:
        raise Forbidden("your login is stopped here: call the programme lead")


def _case_id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise Missing("there is no such case, or none for you", field="case") from None


async def body_of(request: Request) -> bytes:
    """The body as it came: what the idempotency key is bound to."""
    return await request.body()


Authorised = Annotated[Call, Depends(authorised)]
Parts = Annotated[Services, Depends(services)]
Body = Annotated[bytes, Depends(body_of)]


def command(call: Call, body: bytes) -> Command:
    """The command's envelope from the request's headers. Raises `Invalid`."""
    headers = call.request.headers
    key = headers.get("idempotency-key", "")
    if not KEY_MIN <= len(key) <= KEY_MAX:
        raise Invalid(
            f"a POST needs an Idempotency-Key of {KEY_MIN} to {KEY_MAX} characters, the same when sent again",
            field="Idempotency-Key",
        )
    must_be_words(body)
    bound = call.request.method.encode() + b" " + call.request.url.path.encode() + b"\n" + body
    expected = _expected(headers.get("if-match"))
    return Command(by=call.actor, key=key, body=bound, expected=expected, known=call.known)


def _expected(etag: str | None) -> int | None:
    if etag is None:
        return None
    found = _ETAG.fullmatch(etag.strip())
    if found is None:
        raise Invalid("If-Match holds the ETag that the case was read with", field="If-Match")
    return int(found[1])


def answered(answer: Answer) -> Mapping[str, object]:
    """The body of a command's answer."""
    return {"position": answer.position, **answer.ids}


def purpose(request: Request) -> str:
    """Why the caller looks, from a closed list. A look without a purpose is refused (GDPR art. 5(1)(b))."""
    try:
        return LookPurpose(request.headers.get("hub-purpose", ""))
    except ValueError:
        raise Invalid(f"say why you look: one of {', '.join(LookPurpose)}", field="Hub-Purpose") from None


Purpose = Annotated[str, Depends(purpose)]
Position = Annotated[
    int, Query(ge=0, le=2**63 - 1, description="wait until the answer holds this position of the log")
]
