"""The pages: log in, inbox, timeline. Every look goes through the API's own query, and is recorded."""

from pathlib import Path
from typing import Annotated, Final
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse

from contracts.terms import LookPurpose, MessageKind
from hub.adapters.http.access import TABLE, Relation, role_for
from hub.adapters.http.context import services
from hub.adapters.http.tokens import EmbeddedIssuer, NotLoggedIn
from hub.adapters.web import overview, visitors
from hub.adapters.web.entries import children_due, days
from hub.adapters.web.issuer_login import IssuerLogin
from hub.adapters.web.lines import moment
from hub.adapters.web.rendering import PageRoute, page
from hub.adapters.web.wording import Words
from hub.aggregates.citizen_case.children import waiting_notifications
from hub.errors import Corrupt, Missing

_CASE_ROUTE: Final = ("GET", "/cases/{case_id}")
_STATIC: Final = {"style.css": "text/css; charset=utf-8", "icon.svg": "image/svg+xml"}
_SEE_OTHER: Final = 303


def router(issuer: EmbeddedIssuer | None, elsewhere: IssuerLogin | None) -> APIRouter:
    """The pages. Login is at the embedded issuer or elsewhere; where neither is set up the page says so."""
    pages = APIRouter(route_class=PageRoute, include_in_schema=False)
    _open_pages(pages, "here" if issuer else "elsewhere" if elsewhere else "nowhere")
    if issuer is not None:
        _login(pages, issuer)
    elif elsewhere is not None:
        _login_elsewhere(pages, elsewhere)

    @pages.get("/")
    def inbox(request: Request) -> Response:
        """Reports that wait for a person: unread past their deadline, then most urgent. Not of whom."""
        return _inbox(request, visitors.visit(request))

    _case_pages(pages)
    return pages


def _case_pages(pages: APIRouter) -> None:
    @pages.get("/cases")
    def own(request: Request) -> Response:
        """The tovholder's own cases. Each opens for a purpose that is asked for then."""
        visit = visitors.visit(request)
        found = visit.parts.queries.own_cases(visit.actor, LookPurpose.COORDINATION)
        return page(request, "cases.html", caller=visit.caller, role=visit.role, own=found)

    @pages.post("/cases")
    def find(
        request: Request, case: Annotated[str, Form(max_length=200)], purpose: Annotated[LookPurpose, Form()]
    ) -> Response:
        """From an id, a whole link or the number of one's own case. Nothing typed stands in an address."""
        visitors.must_be_our_own_form(request)
        visit = visitors.visit(request)
        wanted = case.split("?")[0].rstrip("/ ").rpartition("/")[2].strip()
        try:
            found = UUID(wanted)
        except ValueError:
            found = visit.parts.queries.own_case(visit.actor, wanted)
        return RedirectResponse(f"/cases/{found}?{urlencode({'purpose': purpose})}", _SEE_OTHER)

    @pages.get("/cases/{case_id}")
    def case(request: Request, case_id: str, purpose: LookPurpose | None = None) -> Response:
        """The timeline. Without a purpose the page asks for one, and shows nothing of the case."""
        visit = visitors.visit(request, case_id)
        if purpose is None:
            values = {"purposes": list(LookPurpose), "chosen": LookPurpose.COORDINATION}
            return page(request, "purpose.html", caller=visit.caller, role=visit.role, **values)
        return _timeline(request, visit, purpose)


def _inbox(request: Request, visit: visitors.Visit) -> Response:
    allowed = TABLE[_CASE_ROUTE]
    may_open = any(allowed.get(r) in {Relation.UNASSIGNED, Relation.UNIT} for r in visit.caller.roles)
    waiting = [
        (
            row.case_id,
            row.row.clear["kind"],
            row.row.clear["urgency"],
            moment(row.row.clear["recorded"]),
            row.read,
            moment(over) if (over := row.row.clear["escalated"]) else None,
            # A report waits before anybody coordinates a case; what comes later lies in one.
            may_open
            if row.row.clear["kind"] == MessageKind.REPORT_RECEIVED
            else _may_open(visit, row.case_id),
        )
        for row in visit.parts.queries.inbox(visit.actor)
    ]
    due = [
        (row.case_id, moment(row.row.clear["deadline"]), _may_open(visit, row.case_id))
        for row in visit.parts.queries.notifications(visit.actor)
    ]
    unreviewed = [moment(row.row.clear["deadline"]) for row in visit.parts.queries.unreviewed(visit.actor)]
    return page(
        request,
        "inbox.html",
        caller=visit.caller,
        role=visit.role,
        waiting=waiting,
        due=due,
        unreviewed=unreviewed,
        now=visit.parts.outgoing.now(),
        purposes=list(LookPurpose),
        chosen=LookPurpose.COORDINATION,
    )


def _may_open(visit: visitors.Visit, case_id: UUID | None) -> bool:
    """Whether the visitor may open this case; a matched inquiry is part of its case."""
    if case_id is None:
        return False
    try:
        case = visit.parts.queries.case(case_id)
        main = case if case.matched_to is None else visit.parts.queries.case(case.matched_to)
    except (Corrupt, Missing):
        return False
    answered = visit.parts.barring.is_answered(main)
    return (
        role_for(*_CASE_ROUTE, visit.caller, main, visit.parts.outgoing.now(), answered=answered) is not None
    )


def _timeline(request: Request, visit: visitors.Visit, purpose: LookPurpose) -> Response:
    assert visit.case is not None, "the route names a case"
    case, parts = visit.case, visit.parts
    words = Words(visitors.words_of(request).language, parts.queries.partner_names())
    rows = parts.queries.timeline(visit.actor, case, purpose)
    kinds = {partner.slug: partner.kind for partner in parts.store.partners()}
    held = overview.warnings(rows) | case.warnings
    matched = [parts.queries.case(inquiry) for inquiry in case.inquiries]
    return page(
        request,
        "case.html",
        caller=visit.caller,
        role=visit.role,
        case=case,
        purpose=purpose,
        warnings=[name for name in overview.WARNINGS if name in held],
        overdue=case.overdue(),
        due=children_due(rows, words, [due for c in (case, *matched) for due in waiting_notifications(c)]),
        block_list=parts.queries.block_list_to_consider(case),
        unread=sum(len(c.unread_free_text()) for c in (case, *matched)),
        days=days(rows, words, kinds.get),
        level=overview.safety_level(rows),
        referrals=overview.referrals(rows, words),
        bases=overview.bases(rows, words),
        now=parts.outgoing.now(),
    )


def _open_pages(pages: APIRouter, where: str) -> None:
    @pages.get("/login")
    def login(request: Request) -> Response:
        """The login form, or the way to the issuer."""
        wanted = visitors.here(request.query_params.get("next"))
        return page(request, "login.html", next=wanted, where=where, failed=False)

    @pages.post("/logout")
    def logout(request: Request) -> Response:
        """Forget the token."""
        visitors.must_be_our_own_form(request)
        response = RedirectResponse("/login", _SEE_OTHER)
        visitors.log_out(request, response)
        return response

    @pages.get("/static/{name}")
    def static(name: str) -> Response:
        """The style sheet and the icon: nothing of anybody, so a browser may keep them a while."""
        if name not in _STATIC:
            raise Missing("there is no such file")
        content = (Path(__file__).parent / "static" / name).read_bytes()
        return Response(content, media_type=_STATIC[name], headers={"Cache-Control": "max-age=600"})


def _login(pages: APIRouter, issuer: EmbeddedIssuer) -> None:
    @pages.post("/login")
    def log_in(
        request: Request,
        username: Annotated[str, Form(max_length=200)],
        password: Annotated[str, Form(max_length=200)],
        next: Annotated[str, Form(max_length=200)] = "/",  # noqa: A002 (the form's name for it)
    ) -> Response:
        """Take a token from the embedded issuer into the cookie."""
        visitors.must_be_our_own_form(request)
        wanted = visitors.here(next)
        try:
            token = issuer.token(username, password)
        except NotLoggedIn:
            values = {"next": wanted, "where": "here", "failed": True}
            return page(request, "login.html", 401, **values)
        response = RedirectResponse(wanted, _SEE_OTHER)
        visitors.log_in(request, response, token)
        return response


def _login_elsewhere(pages: APIRouter, login: IssuerLogin) -> None:
    @pages.get("/login/issuer")
    def begin(request: Request) -> Response:
        """To the issuer."""
        wanted = visitors.here(request.query_params.get("next"))
        return login.begin(request, wanted, str(request.url_for("end")))

    @pages.get("/login/done")
    def end(request: Request) -> Response:
        """Back from the issuer. A page between, for a browser sends our cookie from our own pages alone."""
        try:
            token, wanted = login.end(request, str(request.url_for("end")))
            services(request).verifier.caller(token)
        except NotLoggedIn:
            response: Response = page(request, "login.html", 401, next="/", where="elsewhere", failed=True)
        else:
            response = page(request, "logged_in.html", next=wanted)
            response.headers["Refresh"] = f"0; url={wanted}"
            visitors.log_in(request, response, token)
        login.forget(request, response)
        return response
