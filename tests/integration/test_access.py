"""Who may call what, in which relation to the case: every route × role × relation, against a table by hand.

A call is made in a form that is let in and then refused for what it lacks (422), so nothing changes and
*let in* can be told from *kept out* for certain.
"""

import base64
import hmac
import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import UUID, uuid4

import httpx2
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from fastapi.routing import APIRoute

from contracts.inbound_v1 import Inbound
from hub.adapters.http import app as http_app
from hub.adapters.http.access import OPEN, TABLE, Role
from hub.adapters.http.tokens import EmbeddedIssuer
from hub.aggregates.base import Actor
from hub.aggregates.look import LookRecorded
from tests.support.api import Api, Caller, as_json, clock_now, pointers, slug_of
from tests.world import NGO, NIGHT, POLICE, SAME_WOMAN, UNIT, World

R = Role
U, C, O = "unassigned", "coordinator", "another's"  # noqa: E741 (columns of a table)
RELATIONS = (U, C, O)
ALL = frozenset(RELATIONS)
INTAKE = {R.CASEWORKER: {U}, R.TOVHOLDER: {C}, R.PROGRAMME_LEAD: {U}}
BLOCK = {R.TOVHOLDER: {C}, R.PROGRAMME_LEAD: {U, C, O}}
STAFF = {R.CASEWORKER, R.TOVHOLDER, R.PROGRAMME_LEAD}

CASES: dict[str, dict[Role, set[str]]] = {
    "GET /v1/cases/{case_id}/timeline": INTAKE,
    "GET /v1/cases/{case_id}/disclosures": INTAKE,
    "POST /v1/cases/{case_id}/candidates": INTAKE,
    # Exposed in one case and perpetrator in another: nothing links the two for anybody else.
    "GET /v1/cases/{case_id}/other-roles": {R.PROGRAMME_LEAD: {U, C, O}},
    "POST /v1/cases/{case_id}/could-kill": INTAKE,
    "POST /v1/cases/{case_id}/free-text": INTAKE,
    "POST /v1/cases/{case_id}/free-text/{entry}/release": INTAKE,
    "POST /v1/cases/{case_id}/matches": INTAKE,
    "POST /v1/cases/{case_id}/matches/{inquiry}/undo": INTAKE,
    "POST /v1/cases/{case_id}/corrections": INTAKE,
    "POST /v1/cases/{case_id}/forwarding": INTAKE,
    "POST /v1/cases/{case_id}/opening": INTAKE,
    "POST /v1/cases/{case_id}/coordinator": {R.CASEWORKER: {U}, R.PROGRAMME_LEAD: {U, C, O}},
    "POST /v1/cases/{case_id}/contact": INTAKE,
    "POST /v1/cases/{case_id}/contact-attempts": INTAKE,
    "POST /v1/cases/{case_id}/information": INTAKE,
    "POST /v1/cases/{case_id}/unasked-consent": INTAKE,
    "POST /v1/cases/{case_id}/setting-aside": INTAKE,
    "POST /v1/cases/{case_id}/declining": {role: {U, C, O} for role in STAFF},
    # A case that nobody looks after any more is ended, or begun again, by the programme lead.
    "POST /v1/cases/{case_id}/closing": {**INTAKE, R.PROGRAMME_LEAD: {U, C, O}},
    "POST /v1/cases/{case_id}/reopening": {**INTAKE, R.PROGRAMME_LEAD: {U, C, O}},
    "POST /v1/cases/{case_id}/minor": INTAKE,
    # Whoever of the unit learns of a child at risk says so; the programme lead answers where nobody else can.
    "POST /v1/cases/{case_id}/child-notifications": {role: {U, C, O} for role in STAFF},
    "POST /v1/cases/{case_id}/child-notifications/{due_id}/answer": {**INTAKE, R.PROGRAMME_LEAD: {U, C, O}},
    "POST /v1/cases/{case_id}/child-notifications/{due_id}/notification": {
        **INTAKE,
        R.PROGRAMME_LEAD: {U, C, O},
    },
    "POST /v1/cases/{case_id}/cpr-number": INTAKE,
    "POST /v1/cases/{case_id}/safe-contact": INTAKE,
    "POST /v1/cases/{case_id}/reports/{report_id}/taking-up": INTAKE,
    "POST /v1/cases/{case_id}/hand-over": {R.TOVHOLDER: {C}, R.PROGRAMME_LEAD: {U, C, O}},
    # Only who was asked answers (test_handing_over).
    "POST /v1/cases/{case_id}/hand-over/{hand_over_id}/acceptance": {},
    "POST /v1/cases/{case_id}/hand-over/{hand_over_id}/declining": {},
    "POST /v1/cases/{case_id}/move": {R.TOVHOLDER: {C}, R.PROGRAMME_LEAD: {U, C, O}},
    "POST /v1/cases/{case_id}/move/{move_id}/cancellation": {R.TOVHOLDER: {C}, R.PROGRAMME_LEAD: {U, C, O}},
    "POST /v1/cases/{case_id}/substitute": {R.PROGRAMME_LEAD: {U, C, O}},
    "POST /v1/cases/{case_id}/address-protection": INTAKE,
    "POST /v1/cases/{case_id}/assessments": INTAKE,
    "POST /v1/cases/{case_id}/safety-level": INTAKE,
    "POST /v1/cases/{case_id}/consents": INTAKE,
    # Her "no" counts whoever of the unit hears it.
    "POST /v1/cases/{case_id}/consents/{consent_id}/withdrawal": {role: {U, C, O} for role in STAFF},
    "POST /v1/cases/{case_id}/consents/{consent_id}/correction": {role: {U, C, O} for role in STAFF},
    "GET /v1/cases/{case_id}/possible-breaches": {R.TOVHOLDER: {C}, R.PROGRAMME_LEAD: {U, C, O}},
    # An emergency is never blocked: the programme lead acts where the coordinator is away.
    "POST /v1/cases/{case_id}/legal-bases": {**INTAKE, R.PROGRAMME_LEAD: {U, C, O}},
    "POST /v1/cases/{case_id}/legal-bases/{basis_id}/end": {role: {U, C, O} for role in STAFF},
    "POST /v1/cases/{case_id}/legal-bases/{basis_id}/correction": {role: {U, C, O} for role in STAFF},
    "POST /v1/cases/{case_id}/legal-bases/{basis_id}/citizen-told": {
        **INTAKE,
        R.PROGRAMME_LEAD: {U, C, O},
    },
    # At three in the morning whoever of the unit is there acts, and answers for it afterwards.
    "POST /v1/cases/{case_id}/emergencies": {role: {U, C, O} for role in STAFF},
    "GET /v1/cases/{case_id}/emergency-reviews": {R.TOVHOLDER: {C}, R.PROGRAMME_LEAD: {U, C, O}},
    "POST /v1/cases/{case_id}/emergencies/{basis_id}/review": {R.PROGRAMME_LEAD: {U, C, O}},
    # Her wish is heard by whoever of the unit hears it, and answered by the programme lead.
    "POST /v1/cases/{case_id}/erasure-requests": {role: {U, C, O} for role in STAFF},
    "POST /v1/cases/{case_id}/erasure-requests/{request_id}/refusal": {R.PROGRAMME_LEAD: {U, C, O}},
    "POST /v1/cases/{case_id}/erasure-requests/{request_id}/granting": {R.PROGRAMME_LEAD: {U, C, O}},
    "GET /v1/cases/{case_id}/block-list": BLOCK,
    "POST /v1/cases/{case_id}/blocks": BLOCK,
    "POST /v1/cases/{case_id}/blocks/lift": BLOCK,
    "POST /v1/cases/{case_id}/blocks/considered": BLOCK,
    "POST /v1/cases/{case_id}/referrals": {R.TOVHOLDER: {C}},
    "POST /v1/cases/{case_id}/referrals/{referral_id}/cancellation": {R.TOVHOLDER: {C}},
    "GET /cases/{case_id}": INTAKE,
}
"""Routes that name a case: in which relation each role is let in. Whatever is not said is no."""

OTHERS: dict[str, set[Role]] = {
    "POST /v1/social-reports": {R.REPORTER},
    "GET /v1/social-reports/{report_id}/receipt": {R.REPORTER},
    "POST /v1/social-reports/{report_id}/retraction": {R.REPORTER},
    "GET /v1/messages": {R.PARTNER_SYSTEM},
    "POST /v1/messages/head-keys": {R.PARTNER_SYSTEM},
    "POST /v1/messages/{message_id}/open": {R.PARTNER_SYSTEM},
    "POST /v1/inbound": {R.PARTNER_SYSTEM},
    "GET /v1/referrals": {R.PARTNER_STAFF},
    "GET /v1/moves": {R.PARTNER_STAFF},
    "POST /v1/threads/{thread}/moves/{move_id}/answers": {R.PARTNER_STAFF},
    "GET /v1/threads/{thread}": {R.PARTNER_STAFF},
    "POST /v1/threads/{thread}/referrals/{referral_id}/answers": {R.PARTNER_STAFF},
    "GET /v1/inbox": STAFF,
    "GET /v1/hand-overs": {R.TOVHOLDER},
    "GET /v1/own-cases": {R.TOVHOLDER},
    "POST /v1/anonymous-advice": STAFF,
    "GET /v1/unanswered-cases": {R.PROGRAMME_LEAD},
    "POST /v1/persons/stop": {R.OPERATOR, R.PROGRAMME_LEAD},
    "POST /v1/persons/resume": {R.OPERATOR, R.PROGRAMME_LEAD},
    "GET /v1/partners": {*STAFF, R.OPERATOR},
    "POST /v1/partners": {R.OPERATOR},
    "POST /v1/partners/{slug}/suspension": {R.OPERATOR},
    "POST /v1/partners/{slug}/resumption": {R.OPERATOR},
    "POST /v1/partners/{slug}/agreement": {R.OPERATOR},
    "POST /v1/partners/{slug}/keys": {R.OPERATOR},
    "POST /v1/partners/{slug}/receipts-leader": {R.OPERATOR},
    "GET /": STAFF,
    "POST /cases": STAFF,
    "GET /cases": {R.TOVHOLDER},
}
"""Routes that name no case: the roles that are let in."""

WITHOUT_LOGIN = {
    "GET /healthz",
    "GET /readyz",
    "GET /v1/hub",
    "POST /token",
    "GET /login",
    "POST /login",
    "GET /login/issuer",
    "GET /login/done",
    "POST /logout",
    "GET /static/{name}",
}
PAGES = {"GET /", "POST /cases", "GET /cases", "GET /cases/{case_id}"}
"""Their token rests in a cookie, and they answer in HTML."""


@dataclass
class Town:
    """The API with a case in each relation to each role's person."""

    api: Api
    cases: dict[tuple[Role, str], list[UUID]] = field(default_factory=dict)
    """Of one role's person and one relation: a case of that relation, and an inquiry matched to one."""

    def login(self, role: Role, organisation: str = UNIT) -> Caller:
        return self.api.login(person(role), organisation, role)


def person(role: Role) -> str:
    return f"person-{role}"


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    folder = tmp_path_factory.mktemp("access")
    with closing(World.built(folder / "hub", clock=clock_now())) as world:
        town = Town(Api(world))
        for role in Role:
            for relation in RELATIONS:
                town.cases[role, relation] = _cases(world, role, relation)
        yield town


def _cases(world: World, role: Role, relation: str) -> list[UUID]:
    case, inquiry = world.report(), world.report(SAME_WOMAN)
    world.match(case, inquiry)
    if relation != U:
        name = person(role) if relation == C else "somebody-else"
        world.open(case)
        world.coordinator(case, Actor(name, "Navn Navnesen", "tovholder", UNIT))
    return [case, inquiry]


def path_of(route: str, case: UUID | None = None) -> tuple[str, str]:
    method, path = route.split(" ")
    names = {"case_id": str(case), "entry": "2", "slug": NGO, "name": "style.css"}
    named = ("report_id", "message_id", "thread", "referral_id", "consent_id", "inquiry")
    opaque = (*named, "due_id", "basis_id", "hand_over_id", "move_id", "request_id")
    return method, path.format(**names, **{name: str(uuid4()) for name in opaque})


def ask(route: str, caller: Caller, case: UUID | None = None) -> httpx2.Response:
    """Call a route with nothing that it needs beside the login; what comes after the door then says 422."""
    method, path = path_of(route, case)
    if route not in PAGES:
        return caller.call(method, path)
    form = {"case": str(uuid4()), "purpose": "intake"} if method == "POST" else None
    cookie = {"Cookie": f"tvaers_session={caller.token}"}
    return caller.client.request(method, path, headers=cookie, data=form, follow_redirects=False)


def is_let_in(route: str, answer: httpx2.Response) -> bool:
    """Whether it came past the door."""
    if answer.status_code in (403, 404):
        # A receipt that is not there has a field of its own to point at.
        return route.endswith("/receipt") and pointers(answer) == ["report_id"]
    assert answer.status_code in (200, 303, 422), (route, answer.status_code, answer.text)
    return True


# --- the whole table ----------------------------------------------------------------------------------


def test_every_route_is_in_the_table_by_hand_and_in_no_other() -> None:
    decided = {f"{method} {path}" for method, path in TABLE}
    assert decided == set(CASES) | set(OTHERS)
    assert {f"{method} {path}" for method, path in OPEN} == WITHOUT_LOGIN


@pytest.mark.parametrize("route", CASES)
def test_a_route_to_a_case_lets_in_whom_the_table_says_in_that_relation_alone(town: Town, route: str) -> None:
    wrong = []
    for role in Role:
        for relation in RELATIONS:
            expected = relation in CASES[route].get(role, set())
            for which, case in zip(("case", "matched inquiry"), town.cases[role, relation], strict=True):
                answer = ask(route, town.login(role), case)
                if is_let_in(route, answer) != expected:
                    wrong.append((role, relation, which, answer.status_code))
    assert wrong == []


@pytest.mark.parametrize("route", CASES)
def test_nobody_of_another_organisation_comes_to_a_case_whatever_the_login_says(
    town: Town, route: str
) -> None:
    """Also where the other organisation's person has the same name as the coordinator."""
    for role in Role:
        for relation, organisation in ((U, "en-anden-enhed"), (C, "en-anden-enhed"), (C, NGO)):
            answer = ask(route, town.login(role, organisation), town.cases[role, relation][0])
            assert answer.status_code == 404, (role, relation, organisation)


@pytest.mark.parametrize("route", CASES)
def test_no_and_none_are_the_same_to_the_byte(town: Town, route: str) -> None:
    """Whoever is kept out can't tell whether there is a case at all."""
    for role in Role:
        none = ask(route, town.login(role), uuid4())
        assert none.status_code == 404
        for relation in set(RELATIONS) - CASES[route].get(role, set()):
            for case in town.cases[role, relation]:
                no = ask(route, town.login(role), case)
                assert no.status_code == 404
                assert no.content == none.content
                assert no.headers == none.headers
    assert str(town.cases[R.CASEWORKER, O][0]) not in no.text


@pytest.mark.parametrize("route", CASES)
def test_what_is_no_case_id_at_all_is_none(town: Town, route: str) -> None:
    caller = town.login(R.CASEWORKER)
    none = ask(route, caller, uuid4())
    for text in ("1", "x" * 36, "00000000-0000-0000-0000-00000000000g", "%00", "é"):
        method, path = path_of(route)
        wanted = path.replace("None", text)
        cookie = {"Cookie": f"tvaers_session={caller.token}"}
        answer = caller.call(method, wanted, headers=cookie if route in PAGES else {})
        assert answer.status_code == 404, (text, answer.text)
        assert route in PAGES or answer.content == none.content


@pytest.mark.parametrize("route", OTHERS)
def test_a_route_without_a_case_lets_in_the_roles_that_the_table_says_alone(town: Town, route: str) -> None:
    homes = {R.REPORTER: POLICE, R.PARTNER_SYSTEM: NGO, R.PARTNER_STAFF: NGO}
    for role in Role:
        answer = ask(route, town.login(role, homes.get(role, UNIT)))
        assert is_let_in(route, answer) == (role in OTHERS[route]), (role, answer.status_code)
        no_such_page = route == "GET /cases" and role in OTHERS["GET /"]
        plain = answer.status_code != 404 or role in OTHERS[route] or no_such_page
        assert plain, "no case is named: 403 says it plainly, but of one page to whom others are shown"


def test_a_login_without_a_role_comes_nowhere(town: Town) -> None:
    nobody = town.api.login("nobody", UNIT)
    for route in OTHERS:
        assert ask(route, nobody).status_code == 403, route
    for route in CASES:
        for relation in RELATIONS:
            assert ask(route, nobody, town.cases[R.TOVHOLDER, relation][0]).status_code == 404, route


def test_a_login_with_two_roles_may_what_either_may_and_acts_in_that_role(town: Town) -> None:
    both = town.api.login("begge", UNIT, R.CASEWORKER, R.TOVHOLDER)
    world = town.api.world
    case = world.open_case()
    world.coordinator(case, Actor("begge", "Begge Roller", "tovholder", UNIT))
    assert both.post(f"/v1/cases/{case}/candidates", purpose="safety").status_code == 200
    assert world.facts(LookRecorded)[-1].by.role == "tovholder"
    inquiry = world.report()
    assert both.post(f"/v1/cases/{inquiry}/candidates", purpose="intake").status_code == 200
    assert world.facts(LookRecorded)[-1].by.role == "caseworker"


def test_nothing_that_was_kept_out_left_a_trace(town: Town) -> None:
    """A refused call is no look and moves no version: whoever guesses ids writes nothing into a case."""
    before = town.api.world.log()[-1][0]
    for role in Role:
        for route in CASES:
            ask(route, town.login(role), town.cases[role, O][0])
    assert town.api.world.log()[-1][0] == before


# --- a matched inquiry belongs to its case ------------------------------------------------------------


def test_the_coordinator_reads_what_could_kill_in_a_matched_inquiry_and_nobody_else_does(town: Town) -> None:
    """What A&E wrote about how she may safely be reached must not be lost with the match."""
    _, inquiry = town.cases[R.TOVHOLDER, C]
    path = f"/v1/cases/{inquiry}/could-kill"
    lethal = town.login(R.TOVHOLDER).post(path, purpose="contact")
    assert lethal.status_code == 200
    assert lethal.json()["values"]
    assert town.login(R.CASEWORKER).post(path, purpose="contact").status_code == 404
    assert town.login(R.PROGRAMME_LEAD).post(path, purpose="contact").status_code == 404


def test_a_match_undone_gives_the_inquiry_back_to_intake(town: Town) -> None:
    world = town.api.world
    case, inquiry = world.open_case(), world.report(SAME_WOMAN)
    path, inge = f"/v1/cases/{inquiry}/could-kill", town.login(R.CASEWORKER)
    assert inge.post(path, purpose="intake").status_code == 200
    world.match(case, inquiry)
    assert inge.post(path, purpose="intake").status_code == 404
    world.unmatch(case, inquiry)
    assert inge.post(path, purpose="intake").status_code == 200


# --- what a command names beside its case -------------------------------------------------------------


def test_an_inquiry_named_in_a_match_is_none_where_the_caller_may_not_see_it(town: Town) -> None:
    world, mette = town.api.world, town.login(R.TOVHOLDER)
    mine, _ = town.cases[R.TOVHOLDER, C]
    path = f"/v1/cases/{mine}/matches"
    hidden = [*town.cases[R.TOVHOLDER, O], world.open_case()]
    none = mette.post(path, {"inquiry": str(uuid4()), "reason": "samme kvinde"})
    assert none.status_code == 404
    for other in hidden:
        no = mette.post(path, {"inquiry": str(other), "reason": "samme kvinde"})
        assert no.status_code == 404
        assert no.content == none.content
    inquiry, key = (
        {"inquiry": str(world.report()), "reason": "samme kvinde"},
        {"Idempotency-Key": "match-twice"},
    )
    done = mette.post(path, inquiry, headers=key)
    assert done.status_code == 201
    again = mette.post(path, inquiry, headers=key)
    assert (again.status_code, again.json()) == (201, done.json())


# --- what belongs to one recipient ---------------------------------------------------------------------


def test_no_recipient_sees_or_opens_anothers_messages_threads_or_receipts(town: Town) -> None:
    world, api = town.api.world, town.api
    case = world.open_case()
    ours = api.login("system-unit", UNIT, R.PARTNER_SYSTEM)
    sent = [m["ce_id"] for m in ours.get("/v1/messages").json()["messages"]]
    assert sent
    assert list(ours.post("/v1/messages/head-keys", {"messages": sent[:5]}).json()["keys"]) == sent[:5]
    who = {"person": "anna", "name": "Anna", "purpose": "referral"}
    for organisation in (NGO, POLICE, "ukendt"):
        theirs = api.login(f"system-{organisation}", organisation, R.PARTNER_SYSTEM)
        found = [m["ce_id"] for m in theirs.get("/v1/messages").json()["messages"]]
        assert not set(found) & set(sent)
        assert theirs.post("/v1/messages/head-keys", {"messages": sent[:5]}).json() == {"keys": {}}
        none = theirs.post(f"/v1/messages/{uuid4()}/open", who)
        no = theirs.post(f"/v1/messages/{sent[0]}/open", who)
        assert (no.status_code, no.content) == (404, none.content)
        staff = api.login(f"staff-{organisation}", organisation, R.PARTNER_STAFF)
        thread = world.thread(case, UNIT)
        no, none = (staff.get(f"/v1/threads/{t}", "referral") for t in (thread, uuid4()))
        assert (no.status_code, no.content) == (404, none.content)
        answer = {"status": "accepted"}
        no, none = (
            staff.post(f"/v1/threads/{t}/referrals/{uuid4()}/answers", answer) for t in (thread, uuid4())
        )
        assert (no.status_code, no.content) == (404, none.content)


def test_what_is_sent_in_is_taken_as_the_logins_own_organisation_whatever_it_says(town: Town) -> None:
    world, api = town.api.world, town.api
    from contracts.envelope import to_json

    report = json.loads((world_report()).read_text())
    report["report_id"] = str(uuid4())
    envelope = world.identities[POLICE].send(
        "eksempel", POLICE, uuid4(), Inbound.report(report), world.parts.identity.public
    )
    before = world.log()[-1][0]
    other = api.login("system-ngo", NGO, R.PARTNER_SYSTEM)
    answer = other.call("POST", "/v1/inbound", content=as_json(to_json(envelope)))
    assert answer.status_code == 422
    assert world.log()[-1][0] == before


def world_report() -> Path:
    from tests.support.social_reports import FOLDER

    return FOLDER / f"{NIGHT}.json"


# --- logins that are none -----------------------------------------------------------------------------


def _tokens(town: Town) -> dict[str, str]:
    """Every way of not being logged in. The first is good, so that the rest is bad for its one reason."""
    issuer = town.api.issuer
    key: Ed25519PrivateKey = issuer._key
    now = town.api.world.clock()
    good: dict[str, Any] = {
        "iss": "urn:test:issuer",
        "aud": "tvaers-hub",
        "sub": "inge",
        "org": UNIT,
        "roles": ["caseworker"],
        "iat": now,
        "exp": now + timedelta(minutes=10),
    }

    def signed(**changed: Any) -> str:
        claims = {**good, **changed}
        return jwt.encode({k: v for k, v in claims.items() if v is not None}, key, algorithm="EdDSA")

    foreign = EmbeddedIssuer("urn:test:issuer", "tvaers-hub", town.api.world.clock, production=False)
    foreign.add("inge", "x", "Inge", UNIT, [R.CASEWORKER])
    raw = key.public_key().public_bytes_raw()
    pem = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    claims = _b64(json.dumps({**good, "iat": int(now.timestamp()), "exp": int(now.timestamp()) + 600}))
    head, _, signature = signed().split(".")
    return {
        "good": signed(),
        "expired": signed(iat=now - timedelta(minutes=20), exp=now - timedelta(minutes=10)),
        "not yet": signed(iat=now + timedelta(minutes=5), exp=now + timedelta(minutes=15)),
        "lives too long": signed(exp=now + timedelta(minutes=11)),
        "no end": signed(exp=None),
        "no beginning": signed(iat=None),
        "nobody": signed(sub=None),
        "no organisation": signed(org=None),
        "another issuer's name": signed(iss="urn:other"),
        "for somebody else": signed(aud="another"),
        "another issuer's key": foreign.token("inge", "x"),
        "other claims under a good signature": f"{head}.{claims}.{signature}",
        "no signature": f"{head}.{claims}.",
        "alg none": f"{_head('none')}.{claims}.",
        "alg None": f"{_head('None')}.{claims}.",
        "HS256 with the raw public key": _hs256(claims, raw),
        "HS256 with the public key as PEM": _hs256(claims, pem),
        "an algorithm of another kind of key": f"{_head('RS256')}.{claims}.{signature}",
        "an elliptic algorithm": f"{_head('ES256')}.{claims}.{signature}",
        "no algorithm": f"{_head(None)}.{claims}.{signature}",
        "malformed": "abc",
        "two dots": "..",
        "not base64": "a!b.c!d.e!f",
        "long": "x" * 10_000,
        "claims that are no object": f"{head}.{_b64('[1]')}.{signature}",
    }


def _b64(text: str | bytes) -> str:
    raw = text.encode() if isinstance(text, str) else text
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _head(algorithm: str | None) -> str:
    return _b64(json.dumps({"typ": "JWT"} | ({"alg": algorithm} if algorithm else {})))


def _hs256(claims: str, secret: bytes) -> str:
    signed = f"{_head('HS256')}.{claims}"
    return f"{signed}.{_b64(hmac.new(secret, signed.encode(), sha256).digest())}"


def test_whoever_is_not_logged_in_is_told_so_and_no_more(town: Town) -> None:
    tokens = _tokens(town)
    client = town.api.client
    assert Caller(client, tokens.pop("good")).get("/v1/inbox").status_code == 200
    answers = {why: Caller(client, token).get("/v1/inbox") for why, token in tokens.items()}
    assert {why: a.status_code for why, a in answers.items()} == dict.fromkeys(tokens, 401)
    assert len({a.content for a in answers.values()}) == 1, "the reasons look alike"
    for answer in answers.values():
        assert slug_of(answer) == "not-logged-in"
        assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer ", "Basic aW5nZTp4", "Token x", "bearer"])
def test_without_a_bearer_token_nobody_is_logged_in(town: Town, header: str | None) -> None:
    headers = {} if header is None else {"Authorization": header}
    assert town.api.client.get("/v1/inbox", headers=headers).status_code == 401


@pytest.mark.parametrize("route", [*CASES, *OTHERS])
def test_every_route_wants_a_login(town: Town, route: str) -> None:
    """Before it says anything of the case, and whatever else is wrong with the request."""
    method, path = path_of(route, town.cases[R.TOVHOLDER, C][0])
    if route in PAGES:
        form = {"case": str(uuid4()), "purpose": "intake"} if method == "POST" else None
        answer = town.api.client.request(method, path, data=form, follow_redirects=False)
        assert answer.status_code == 303
        wanted = path if method == "GET" and path != "/" else ""
        assert answer.headers["location"] == f"/login{wanted and '?next=' + quote(wanted, safe='')}"
    else:
        answer = town.api.client.request(method, path)
        assert answer.status_code == 401
        assert answer.content == town.api.client.get("/v1/inbox").content


@pytest.mark.parametrize("query", ["?purpose=coordination&lang=en", "?lang=en&purpose=coordination"])
def test_the_language_link_leads_back_to_its_page_after_the_login(town: Town, query: str) -> None:
    """The page waits for the login, and the language is remembered by then."""
    path = f"/cases/{town.cases[R.TOVHOLDER, C][0]}"
    answer = town.api.client.get(path + query, follow_redirects=False)
    wanted = quote(f"{path}?purpose=coordination", safe="")
    assert (answer.status_code, answer.headers["location"]) == (303, f"/login?next={wanted}")
    assert answer.cookies["tvaers_language"] == "en"
    town.api.client.cookies.clear()
    for start, location in (("/?lang=en", "/login"), ("/cases?lang=en", "/login?next=%2Fcases")):
        answer = town.api.client.get(start, follow_redirects=False)
        assert answer.headers["location"] == location
        town.api.client.cookies.clear()


def test_a_token_does_not_outlive_its_ten_minutes(town: Town) -> None:
    now = town.api.world.clock()
    late = EmbeddedIssuer(
        "urn:test:issuer", "tvaers-hub", lambda: now - timedelta(minutes=10, seconds=1), production=False
    )
    late._key = town.api.issuer._key
    late.add("inge", "x", "Inge", UNIT, [R.CASEWORKER])
    assert Caller(town.api.client, late.token("inge", "x")).get("/v1/inbox").status_code == 401


# --- a route that nobody decided about ------------------------------------------------------------------


def test_a_route_without_a_row_does_not_start(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    services = town.api.app.state.services
    router = http_app.ROUTERS[0]
    monkeypatch.setattr(router, "routes", [*router.routes, APIRoute("/v1/everything", list)])
    with pytest.raises(RuntimeError, match=r"without a row \[\('GET', '/v1/everything'\)\]"):
        http_app.create_app(services)


def test_a_row_without_a_route_does_not_start(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(TABLE, ("GET", "/v1/gone"), {R.OPERATOR: TABLE["GET", "/v1/partners"][R.OPERATOR]})
    with pytest.raises(RuntimeError, match=r"without a route \[\('GET', '/v1/gone'\)\]"):
        http_app.create_app(town.api.app.state.services)


def test_no_other_method_is_answered(town: Town) -> None:
    """A method that no row decides about is no way in, nor a way to tell whether a case is there."""
    caller = town.login(R.TOVHOLDER)
    for route in CASES:
        for method in ("PUT", "PATCH", "DELETE", "TRACE", "OPTIONS", "HEAD"):
            _, path = path_of(route, town.cases[R.TOVHOLDER, C][0])
            assert caller.call(method, path).status_code in (404, 405, 413), (method, path)
