"""Whatever a login sends: no fault of the hub's, and nothing of what is not its to see.

schemathesis makes requests from the OpenAPI document as each role; most are mended so that they reach what
lies behind the first check: ids of cases that are there, times that fit, partners that exist. Some name what
is somebody else's. Each request meets a real server. What comes back is judged by schemathesis's own checks,
and by a word planted in what others hold. In a second pass requests are made to violate the document, with
everything else in them mended; whatever violates it is not taken. Each judge is shown a planted fault.
"""

import base64
import json
import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal, InvalidOperation
from functools import cache
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID, uuid4

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from jsonschema import Draft202012Validator
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
)

from contracts.client.inbox import sort, take
from contracts.envelope import to_json
from contracts.inbound_v1 import Inbound
from contracts.social_report_v1 import SocialReport
from contracts.terms import Category
from hub.adapters.http import access
from hub.adapters.http.access import TABLE, Role
from hub.aggregates.base import Actor
from hub.aggregates.citizen_case.values import ConsentForm
from hub.operating.serving import Server, openapi
from hub.topics.projecting import PROJECTIONS
from tests.support.api import Api, clock_now
from tests.support.social_reports import example
from tests.world import CASEWORKER, MUNICIPALITY, NGO, POLICE, SHELTER, TOVHOLDER, UNIT, World

CHECKS = [not_a_server_error, content_type_conformance, response_schema_conformance]
"""That the status is documented is not among them: every operation documents a problem for any other, so a
status that is not meant shows as content of another type."""
ALLOWED_CALLS, OTHER_CALLS, VIOLATING_CALLS = 5, 1, 4
MENDED, AIMED_AT_OTHERS, CASE_AGAIN = 0.85, 0.2, 0.6
SHARE = 0.3
SHARE_AT_WHAT_IS_WRONG = 0.5
FOREIGN = "Kanariefuglen"
WHO = {
    Role.REPORTER: ("vagt", POLICE),
    Role.PARTNER_SYSTEM: ("system", NGO),
    Role.PARTNER_STAFF: ("anna", NGO),
    Role.CASEWORKER: (CASEWORKER.person, UNIT),
    Role.TOVHOLDER: (TOVHOLDER.person, UNIT),
    Role.PROGRAMME_LEAD: ("lise", UNIT),
    Role.OPERATOR: ("drift", UNIT),
}


@dataclass
class Site:
    """A served municipality in which another tovholder's case holds the planted words."""

    world: World
    api: Api
    url: str
    role: Role
    random: Random
    calls: Counter[str] = field(default_factory=Counter)
    leaks: list[str] = field(default_factory=list)
    foreign: dict[str, Any] = field(default_factory=dict)
    """Ids in the case that is not this login's."""
    _case: dict[str, Any] = field(default_factory=dict)

    def known(self) -> dict[str, Any]:
        """Ids of a case in which this role finds something to do, a new one now and then; or of the other."""
        if self.random.random() < AIMED_AT_OTHERS:
            return {**self.fresh(), **self.foreign}
        return self.fresh()

    def fresh(self) -> dict[str, Any]:
        """A case in which this role finds something to do, and the ids in it."""
        if self._case and self.random.random() < CASE_AGAIN:
            return self._case
        world, report = self.world, own_report()
        who, organisation = WHO[Role.REPORTER]
        by = Actor(who, "Vagthavende", "reporter", organisation)
        case = UUID(world.parts.inbound.report(by, report).ids["case"])
        if self.role is not Role.CASEWORKER or self.random.random() < 0.5:
            world.open(case)
        if self.role in (Role.TOVHOLDER, Role.PARTNER_STAFF, Role.PARTNER_SYSTEM):
            world.coordinator(case)
        opened = world.case(case).state != "inquiry"
        consent = told(world, case, NGO) if opened else uuid4()
        self._case = {
            "case_id": str(case),
            "consent_id": str(consent),
            "report_id": str(report.report_id),
            "referral_id": str(world.refer(case)) if opened else str(uuid4()),
            "basis_id": str(world.legal_basis(case, [NGO], [Category.RISK])) if opened else str(uuid4()),
            "thread": str(world.thread(case, NGO)),
            "inquiry": str(world.report(report=own_report())),
            "entry": 2,
            "slug": SHELTER,
        }
        if sent := world.stored(NGO):
            self._case["message_id"] = str(sent[-1].message_id)
        project(world)
        return self._case


def own_report() -> SocialReport:
    """A report that holds none of the planted words."""
    return SocialReport.model_validate({**example(), "report_id": str(uuid4())})


@pytest.fixture(scope="module")
def document() -> Any:
    """Give what the hub says of itself, as schemathesis reads it."""
    return schemathesis.openapi.from_dict(openapi())


@pytest.fixture(params=WHO, ids=lambda role: role.value)
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    """Give a municipality of its own for each role, and a server that is that hub."""
    with closing(World.built(tmp_path / "hub", clock=clock_now())) as world:
        api = Api(world)
        server = Server(api.app)
        server.start()
        try:
            dice = Random(request.param.value)  # noqa: S311 (the same requests each time)
            yield Site(world, api, server.url, request.param, dice, foreign=plant(world))
        finally:
            server.stop()


def told(world: World, case: UUID, recipient: str) -> UUID:
    """She lets somebody know; by the clock of tokens."""
    answer = world.parts.hub.give_consent(
        world.command(TOVHOLDER),
        case,
        recipients=[recipient],
        categories=[Category.IDENTITY, Category.INCIDENT, Category.REFERRAL],
        purpose="Henvisning",
        form=ConsentForm.ORAL,
        given_at=world.clock(),
        ends_at=world.clock() + timedelta(days=90),
    )
    return UUID(answer.ids["consent"])


def plant(world: World) -> dict[str, Any]:
    """Another tovholder's case, told to the shelter, with the planted word in its report; the ids in it."""
    report = example()
    report["persons"][0]["name"] = f"{FOREIGN} Opdigtet"
    report["narrative"] = f"{FOREIGN} i fri tekst"
    report["report_id"] = str(uuid4())
    case = world.report(report=SocialReport.model_validate(report))
    world.open(case)
    world.coordinator(case, Actor("bo", "Bo Tovholder", "tovholder", UNIT))
    consent, message = told(world, case, SHELTER), world.stored(SHELTER)[-1]
    project(world)
    return {
        "case_id": str(case),
        "inquiry": str(case),
        "consent_id": str(consent),
        "thread": str(world.thread(case, SHELTER)),
        "message_id": str(message.message_id),
    }


def project(world: World) -> None:
    """What relay and projections do, for the unit and an NGO whose read model the hub keeps."""
    parts = world.parts
    for slug in (UNIT, NGO):
        folder = parts.settings.data_dir / "keys" / "recipients" / slug
        if not folder.exists():
            world.identities[slug].save(folder)
        models = parts.models(slug, {name: parts.views[name] for name in PROJECTIONS})
        while found := parts.outgoing.messages_of(slug, *models.position(), 500):
            taken = sort(parts.party(slug), found, models.position(), whole=True)
            take(taken, models.position(), models, lambda _: None)


def calls(document: Any, role: Role) -> list[tuple[Any, bool]]:
    """Every operation, and whether the role may call it in some relation."""
    found = []
    for result in document.get_all_operations():
        operation = result.ok()
        allowed = role in TABLE.get((operation.method.upper(), operation.path), {})
        found.append((operation, allowed))
    return found


def test_no_request_is_a_fault_of_the_hubs_and_nothing_foreign_is_told(site: Site, document: Any) -> None:
    """Of what the role may ask, three in ten come through, so that more is tried than the first check."""
    judged(site, calls(document, site.role))


def judged(site: Site, asked: Sequence[tuple[Any, bool]]) -> None:
    """Send them all, and judge what came back."""
    person, organisation = WHO[site.role]
    token = site.api.login(person, organisation, site.role).token
    for operation, allowed in asked:
        play(site, operation, token, allowed=allowed)
    assert site.leaks == []
    reached = site.calls["allowed 2xx"] / site.calls["allowed"]
    assert reached >= SHARE, f"{reached:.2f} {sorted(site.calls.items())}"


def relation_forgotten(patch: pytest.MonkeyPatch, site: Site) -> None:
    """Whoever has the role may see every case."""
    patch.setattr(access, "relations", lambda *_, **__: set(access.Relation))


def handler_that_fails(patch: pytest.MonkeyPatch, site: Site) -> None:
    """Something nobody foresaw."""

    def failing(*_: object, **__: object) -> None:
        raise LookupError

    patch.setattr(type(site.world.parts.queries), "timeline", failing)


def nobody_let_in(patch: pytest.MonkeyPatch, site: Site) -> None:
    """Every request ends at the first check."""
    patch.setattr(access, "relations", lambda *_, **__: set())


def role_let_in(patch: pytest.MonkeyPatch, site: Site) -> None:
    """The table lets a role ask what is not for it."""
    timeline, other_roles = (("GET", f"/v1/cases/{{case_id}}/{what}") for what in ("timeline", "other-roles"))
    patch.setitem(TABLE, other_roles, {**TABLE[other_roles], site.role: TABLE[timeline][site.role]})


def another_status(patch: pytest.MonkeyPatch, site: Site) -> None:
    """One that the document does not know."""
    answering(patch, site, status=299)


def another_type(patch: pytest.MonkeyPatch, site: Site) -> None:
    """No JSON, whatever stands in it."""
    answering(patch, site, content_type=b"text/csv")


def another_shape(patch: pytest.MonkeyPatch, site: Site) -> None:
    """JSON, and not what the document says."""
    answering(patch, site, body=b'["another shape"]')


def answering(
    patch: pytest.MonkeyPatch,
    site: Site,
    *,
    status: int = 0,
    instead_of: tuple[int, ...] = (),
    content_type: bytes = b"",
    body: bytes = b"",
) -> None:
    """From now on every answer of the served app is changed on its way, or of some status to commands."""
    app = site.api.app.build_middleware_stack()

    async def changed(scope: Any, receive: Any, send: Any) -> None:
        changes = not instead_of

        async def sending(message: Any) -> None:
            nonlocal changes
            changes = changes or (scope["method"] == "POST" and message.get("status") in instead_of)
            if changes and message["type"] == "http.response.start":
                known = {name.lower(): value for name, value in message["headers"]}
                known |= {b"content-type": content_type} if content_type else {}
                known |= {b"content-length": str(len(body)).encode()} if body else {}
                message |= {"status": status or message["status"], "headers": list(known.items())}
            elif changes and body:
                message |= {"body": body if message.get("body") else b""}
            await send(message)

        await app(scope, receive, sending)

    patch.setattr(site.api.app, "middleware_stack", changed)


@pytest.mark.parametrize(
    "fault",
    [
        relation_forgotten,
        role_let_in,
        handler_that_fails,
        nobody_let_in,
        another_status,
        another_type,
        another_shape,
    ],
)
@pytest.mark.parametrize("site", [Role.TOVHOLDER], indirect=True, ids=["tovholder"])
def test_each_judge_catches_a_planted_fault(
    site: Site,
    document: Any,
    monkeypatch: pytest.MonkeyPatch,
    fault: Callable[[pytest.MonkeyPatch, Site], None],
) -> None:
    """On two routes, which without the fault pass: one for this role, and one not."""
    routes = ("/timeline", "/other-roles")
    asked = [one for one in calls(document, site.role) if one[0].path.endswith(routes)]
    assert sorted(allowed for _, allowed in asked) == [False, True]
    judged(site, asked * 2)
    fault(monkeypatch, site)
    with pytest.raises((AssertionError, FailureGroup)) as caught:
        judged(site, asked * 6)
    said = {
        "relation_forgotten": "get /v1/cases/{case_id}/timeline: 200",
        "handler_that_fails": "Server error",
        "nobody_let_in": "allowed 4xx",
        "role_let_in": "not for this role, and 200",
        "another_status": "Undocumented Content-Type",
        "another_type": "Undocumented Content-Type",
        "another_shape": "Response violates schema",
    }
    assert said[fault.__name__] in str(caught.value)


def play(site: Site, operation: Any, token: str, *, allowed: bool) -> None:
    """Send some requests of one kind."""
    strategy = operation.as_strategy(generation_mode=GenerationMode.POSITIVE)

    @settings(
        max_examples=ALLOWED_CALLS if allowed else OTHER_CALLS,
        phases=[Phase.generate],
        derandomize=True,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=strategy)
    def tried(case: Any) -> None:
        if site.random.random() < MENDED:
            mend(site, case)
        # Here nothing runs beside the API, so no view would come up with a position that is waited for.
        case.query = {name: value for name, value in (case.query or {}).items() if name != "position"}
        headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": str(uuid4())}
        response = case.call(base_url=site.url, headers=headers)
        judge(site, operation, response.text, response.status_code, allowed=allowed)
        case.validate_response(response, checks=CHECKS, headers=headers)

    tried()


def judge(site: Site, operation: Any, text: str, status: int, *, allowed: bool) -> None:
    """Count it, and look for what is not this login's to see."""
    kind = f"{status // 100}xx"
    site.calls[kind] += 1
    if allowed:
        site.calls["allowed"] += 1
        site.calls[f"allowed {kind}"] += 1
    elif kind == "2xx" and (operation.method.upper(), operation.path) not in access.OPEN:
        site.leaks.append(f"{operation.method} {operation.path}: not for this role, and {status}")
    if FOREIGN in text:
        site.leaks.append(f"{operation.method} {operation.path}: {status}")


def mend(site: Site, case: Any) -> None:
    """Give a request what a program would: ids that are there, times that fit, no version."""
    known, path = site.known(), case.operation.path
    for name in case.path_parameters or {}:
        if name in known:
            case.path_parameters[name] = known[name]
    for name in [name for name in case.headers or {} if name.lower() in ("if-match", "hub-purpose")]:
        del case.headers[name]
    if "/v1/cases/" in path or "/v1/threads/" in path or path in ("/v1/hand-overs", "/v1/own-cases"):
        case.headers = {**(case.headers or {}), "Hub-Purpose": "coordination"}
    case.query = {}
    if path == "/v1/social-reports":
        case.body = {**example(), "report_id": str(uuid4())}
        case.headers = {**(case.headers or {}), "Idempotency-Key": case.body["report_id"]}
    elif path == "/v1/inbound":
        report = Inbound.report({**example(), "report_id": str(uuid4())})
        identity, hub = site.world.identities[NGO], site.world.parts.identity.public
        case.body = to_json(identity.send(MUNICIPALITY, NGO, uuid4(), report, hub))
    elif isinstance(case.body, dict):
        case.body = {name: mended(site, known, name, value) for name, value in case.body.items()}


def mended(site: Site, known: dict[str, Any], name: str, value: Any) -> Any:
    """A value that a person would give, for the fields whose meaning no schema tells."""
    now = site.world.clock()
    before, later = (now - timedelta(minutes=1)).isoformat(), (now + timedelta(days=2)).isoformat()
    key = base64.b64encode(os.urandom(32)).decode()
    good: dict[str, Callable[[], Any]] = {
        "recipients": lambda: [NGO],
        "recipient": lambda: NGO,
        "categories": lambda: ["incident", "risk"],
        "given_at": lambda: before,
        "told_at": lambda: before,
        "attempted_at": lambda: before,
        "ends_at": lambda: later,
        "answer_by": lambda: later,
        "accept_by": lambda: later,
        "before": lambda: later,
        "review_at": lambda: later,
        "inquiry": lambda: known["inquiry"],
        "entry": lambda: known["entry"],
        "person": lambda: "sara",
        "name": lambda: "Sara Prøve",
        "answers_for": lambda: "Lise Leder",
        "decided_by": lambda: "Lise Leder",
        "offer": lambda: "samtaleforloeb",
        "messages": lambda: [known.get("message_id", str(uuid4()))],
        "slug": lambda: f"p-{uuid4().hex[:12]}",
        "sealing_key": lambda: key,
        "signing_key": lambda: key,
        "contact": lambda: {"name": "A", "email": "a@b.example", "duty_phone": "00 00 00 00"},
    }
    if name in good and value is not None:
        return good[name]()
    if name == "purpose":
        return "referral"
    if isinstance(value, str) and name in ("reason", "text", "summary") and len(value) < 40 and " " in value:
        return "en begrundelse"
    return value


# --- what violates the document -----------------------------------------------------------------------


def test_what_violates_the_document_is_refused_and_no_fault_of_the_hubs(site: Site, document: Any) -> None:
    """Most of it at what is wrong with it, and not before the hub has looked."""
    judged_violating(site, [operation for operation, allowed in calls(document, site.role) if allowed])


def judged_violating(site: Site, asked: Sequence[Any]) -> None:
    """Send requests that violate the document to each operation, and judge what came back."""
    person, organisation = WHO[site.role]
    token = site.api.login(person, organisation, site.role).token
    for operation in asked:
        violate(site, operation, token)
    assert site.leaks == []
    # What is no JSON at all is refused before the hub has asked who sends it.
    share = site.calls["violating 422"] / (site.calls["violating"] - site.calls["violating 400"])
    assert share >= SHARE_AT_WHAT_IS_WRONG, f"{share:.2f} {sorted(site.calls.items())}"
    assert site.calls["violating"] >= len(asked), sorted(site.calls.items())


def nothing_is_wrong_with_it(patch: pytest.MonkeyPatch, site: Site) -> None:
    """What the check of the body refuses is taken all the same."""
    taken = b'{"position": 1}'
    answering(patch, site, status=201, instead_of=(400, 422), content_type=b"application/json", body=taken)


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (nothing_is_wrong_with_it, "declining: 201, and it violates the document: body"),
        (relation_forgotten, "get /v1/cases/{case_id}/timeline: 200"),
        (handler_that_fails, "Server error"),
        (nobody_let_in, "'violating 404'"),
        (another_type, "Undocumented Content-Type"),
    ],
)
@pytest.mark.parametrize("site", [Role.TOVHOLDER], indirect=True, ids=["tovholder"])
def test_each_judge_of_violations_catches_a_planted_fault(
    site: Site,
    document: Any,
    monkeypatch: pytest.MonkeyPatch,
    fault: Callable[[pytest.MonkeyPatch, Site], None],
    said: str,
) -> None:
    """On a look and a command, which without the fault pass."""
    routes = ("/timeline", "/declining")
    asked = [
        one for one, _ in calls(document, site.role) if one.path.endswith(routes) and "hand" not in one.path
    ]
    assert len(asked) == 2
    judged_violating(site, asked * 3)
    site.calls.clear()
    fault(monkeypatch, site)
    with pytest.raises((AssertionError, FailureGroup)) as caught:
        judged_violating(site, asked * 5)
    assert said in str(caught.value)


def test_what_is_wrong_with_a_request_is_told_from_what_is_not(document: Any) -> None:
    """The judge of the judge: each of these is wrong in one place, or nowhere."""
    asked = {one.label: one for one, _ in calls(document, Role.TOVHOLDER)}
    unasked = asked["POST /v1/cases/{case_id}/declining"]
    looked = asked["GET /v1/cases/{case_id}/timeline"]
    good = b'{"stays_possible": ["later_yes"]}'
    for body, wrong in (
        (good, []),
        (b"", ["body"]),
        (b"{", ["body"]),
        (b'{"stays_possible": NaN}', ["body"]),
        (b'{"stays_possible": []}', ["body $.stays_possible"]),
        (good[:-1] + b', "more": 1}', ["body $"]),
    ):
        assert violations(unasked, Sent("/x", {"Idempotency-Key": "a-key-of-its-own"}, body)) == wrong
    for url, headers, wrong in (
        ("/x", {"Hub-Purpose": "contact"}, []),
        ("/x?position=7", {"Hub-Purpose": "contact"}, []),
        ("/x?position=seven", {"Hub-Purpose": "contact"}, ["query position"]),
        ("/x?position=-1", {"Hub-Purpose": "contact"}, ["query position"]),
        ("/x?position=1.5", {"Hub-Purpose": "contact"}, ["query position"]),
        ("/x", {}, ["header Hub-Purpose"]),
        ("/x", {"Hub-Purpose": "gossip"}, ["header Hub-Purpose"]),
    ):
        assert violations(looked, Sent(url, headers)) == wrong


@dataclass
class Sent:
    """A request as it was sent."""

    url: str
    headers: dict[str, str]
    body: bytes | None = None


def violate(site: Site, operation: Any, token: str) -> None:
    """Send some requests of one kind, made to be wrong somewhere."""

    @settings(
        max_examples=VIOLATING_CALLS,
        phases=[Phase.generate],
        derandomize=True,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=GenerationMode.NEGATIVE))
    def tried(case: Any) -> None:
        mend_around(site, case)
        headers = {"Authorization": f"Bearer {token}"}
        # Not as headers of the call: schemathesis takes those away where it made one to be missing.
        case.headers = {**case.headers, **headers}
        response = case.call(base_url=site.url)
        wrong = violations(operation, response.request)
        judge(site, operation, response.text, response.status_code, allowed=True)
        site.calls["violating"] += bool(wrong)
        site.calls[f"violating {response.status_code}"] += bool(wrong)
        if wrong and response.status_code < 400:
            what = f"{operation.method} {operation.path}: {response.status_code}"
            site.leaks.append(f"{what}, and it violates the document: {', '.join(wrong)}")
        case.validate_response(response, checks=CHECKS, headers=headers)

    try:
        tried()
    except Unsatisfiable:
        said = described(operation)
        assert not said.get("parameters"), "what takes anything can be asked wrongly"
        assert "requestBody" not in said


def mend_around(site: Site, case: Any) -> None:
    """Give the request ids that are there, and good values beside what is wrong in its body.

    Where its body is good, its query and headers are left as they are, for there it is wrong; a position that
    a view would be waited for is none, and who calls is said by the token.
    """
    known = site.known()
    for name in case.path_parameters or {}:
        if name in known:
            case.path_parameters[name] = known[name]
    case.headers = {
        n: v for n, v in (case.headers or {}).items() if n.lower() not in ("authorization", "if-match")
    }
    case.query = {n: v for n, v in (case.query or {}).items() if n != "position" or not whole(str(v))}
    if isinstance(case.body, dict):
        case.body = mended_around(site, known, case)
    if "requestBody" in described(case.operation) and not body_of(case.operation).is_valid(case.body):
        case.query = {}
        case.headers = {"Idempotency-Key": str(uuid4()), "Hub-Purpose": "coordination"}


def mended_around(site: Site, known: dict[str, Any], case: Any) -> dict[str, Any]:
    """Good values for the fields that are good; what is wrong, unknown or left out stays so."""
    schema = object_of(case.operation)
    good = whole_body(site, case.operation.path)
    body = {n: v for n, v in good.items() if n in case.body or n not in schema.get("required", ())}
    for name, value in case.body.items():
        fits = fitting(case.operation, name).is_valid(value)
        if not fits or name not in body:
            body[name] = mended(site, known, name, value) if fits else value
    return body


def whole_body(site: Site, path: str) -> dict[str, Any]:
    """What a program sends where fields make no sense one by one."""
    if path == "/v1/social-reports":
        return {**example(), "report_id": str(uuid4())}
    if path == "/v1/inbound":
        report = Inbound.report({**example(), "report_id": str(uuid4())})
        identity, hub = site.world.identities[NGO], site.world.parts.identity.public
        return to_json(identity.send(MUNICIPALITY, NGO, uuid4(), report, hub))
    return {}


def violations(operation: Any, sent: Any) -> list[str]:
    """What in a request, as it was sent, the document does not allow; of formats and paths it says nothing.

    A text may be of a format in more ways than one, and an odd path may be that of another route.
    """
    found = [*_wrong_parameters(operation, sent)]
    if "requestBody" in described(operation):
        try:
            body = json.loads(sent.body or b"", parse_constant=_no_json)
        except ValueError:
            return [*found, "body"]
        found += [f"body {error.json_path}" for error in body_of(operation).iter_errors(body)]
    return found


def _wrong_parameters(operation: Any, sent: Any) -> Iterator[str]:
    query = parse_qs(urlsplit(sent.url).query, keep_blank_values=True)
    for parameter in described(operation).get("parameters", ()):
        name, schema = parameter["name"], parameter["schema"]
        if parameter["in"] == "header":
            said = [sent.headers[name]] if name in sent.headers else []
        elif parameter["in"] == "query":
            said = query.get(name, [])
        else:
            continue
        if (not said and parameter.get("required")) or (len(said) == 1 and not _allowed(schema, said[0])):
            yield f"{parameter['in']} {name}"


def _allowed(schema: dict[str, Any], said: str | bytes) -> bool:
    """Whether a text is what a parameter may be; a number is written in digits."""
    text = (said.decode("latin-1") if isinstance(said, bytes) else said).strip()
    ways = schema.get("anyOf", [schema])
    value: Any = int(Decimal(text)) if any(w.get("type") == "integer" for w in ways) and whole(text) else text
    return any(validator(json.dumps(way)).is_valid(value) for way in ways)


def whole(text: str) -> bool:
    """Whether it is a whole number, however it is written."""
    try:
        return Decimal(text) % 1 == 0
    except InvalidOperation:
        return False


def _no_json(constant: str) -> None:
    raise ValueError(constant)


@cache
def published() -> Any:
    """The document as the hub gives it."""
    return openapi()


def described(operation: Any) -> Any:
    """What the document says of an operation."""
    return published()["paths"][operation.path][operation.method.lower()]


def object_of(operation: Any) -> Any:
    """The schema of an operation's body."""
    schema = described(operation)["requestBody"]["content"]["application/json"]["schema"]
    named = schema.get("$ref", "").rsplit("/", 1)[-1]
    return published()["components"]["schemas"][named] if named else schema


def body_of(operation: Any) -> Draft202012Validator:
    """What judges an operation's whole body."""
    return validator(json.dumps(object_of(operation)))


def fitting(operation: Any, name: str) -> Draft202012Validator:
    """What judges one field of it; an unknown one fits only where any may stand."""
    schema = object_of(operation)
    others = schema.get("additionalProperties", True)
    return validator(json.dumps(schema.get("properties", {}).get(name, others)))


@cache
def validator(schema: str) -> Draft202012Validator:
    """One for each schema; it looks at no format."""
    return Draft202012Validator({"allOf": [json.loads(schema)], "components": published()["components"]})
