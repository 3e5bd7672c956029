"""Bad input over HTTP: every refusal is a problem document that names field and rule, repeats nothing that
was sent, and leaves everything as it was. On both stores."""

import base64
import json
import logging
import socket
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from uuid import UUID, uuid4

import httpx2
import pytest
from pydantic import TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from contracts.base import Contract
from contracts.client.keys import Identity
from contracts.client.sealed import seal_inbound
from contracts.client.signing import inbound_signed, sign
from contracts.envelope import Envelope, source, to_json
from contracts.inbound_v1 import Inbound
from hub.adapters.http.access import Role
from hub.adapters.http.app import MAX_BODY_BYTES
from hub.operating.serving import Server
from tests.criteria import MET
from tests.integration.conftest import STORES
from tests.support.api import Api, Caller, as_json, clock_now, pointers, slug_of
from tests.support.postgres import fresh_database
from tests.support.social_reports import example
from tests.world import MUNICIPALITY, NGO, POLICE, SHELTER, TOVHOLDER, UNIT, World

CANARY = "Lækagefuglen Opdigtet Allé 7"
LEAKS = (CANARY, json.dumps(CANARY)[1:-1], "Lækagefuglen", "L\\u00e6kagefuglen", "Opdigtet")
NOW = datetime.now(UTC)
PAST, SOON, LATER = NOW - timedelta(days=2), NOW + timedelta(hours=1), NOW + timedelta(days=30)


@dataclass
class Desk:
    """The API with an open case, its coordinator, and the others who send things in."""

    api: Api
    case: UUID
    mette: Caller
    operator: Caller
    police: Caller
    ngo: Caller

    @property
    def world(self) -> World:
        return self.api.world

    @property
    def path(self) -> str:
        return f"/v1/cases/{self.case}"

    def state(self) -> tuple[int, int, int]:
        """What must not move: the case's version, the log, and the messages."""
        log = self.world.parts.app.recorder.max_notification_id() or 0
        return self.world.case(self.case).version, log, len(self.world.stored(UNIT))


@pytest.fixture(scope="module", params=STORES)
def desk(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    folder = tmp_path_factory.mktemp("problems") / "hub"
    if request.param == "sqlite":
        with closing(World.built(folder, clock=clock_now())) as world:
            yield _desk(world)
        return
    with (
        fresh_database(request.getfixturevalue("postgres")) as url,
        closing(World.built(folder, url, clock=clock_now())) as world,
    ):
        yield _desk(world)


def _desk(world: World) -> Desk:
    api = Api(world)
    systems = [api.login(slug, slug, Role.REPORTER, Role.PARTNER_SYSTEM) for slug in (POLICE, NGO)]
    return Desk(
        api,
        world.open_case(),
        api.login(TOVHOLDER.person, UNIT, Role.TOVHOLDER),
        api.login("drift", UNIT, Role.OPERATOR),
        *systems,
    )


def told_nothing(answer: httpx2.Response) -> None:
    shown = answer.text + json.dumps(dict(answer.headers))
    assert not [leak for leak in LEAKS if leak in shown], answer.text


def refused(desk: Desk, answer: httpx2.Response, status: int, slug: str, *at: str) -> None:
    """The answer is that problem, at those places, with nothing of what was sent in it."""
    assert (answer.status_code, slug_of(answer)) == (status, slug), answer.text
    assert pointers(answer) == list(at), answer.text
    told_nothing(answer)


@pytest.fixture
def moves() -> None:
    """Asked for by a test that also does something good, and looks itself at what stands."""


@pytest.fixture(autouse=True)
def nothing_moves(request: pytest.FixtureRequest) -> Iterator[None]:
    """After every test of this file the case, the log and the messages are as they were."""
    if "desk" not in request.fixturenames or "moves" in request.fixturenames:
        yield
        return
    desk: Desk = request.getfixturevalue("desk")
    before = desk.state()
    yield
    assert desk.state() == before


# --- the body -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("said", ["yes", 1, {"adult": "yes"}, {"adult": 1}])
def test_true_and_false_are_themselves_in_every_body(said: object) -> None:
    """As the document says; what resembles them could be a mistake."""
    found: list[tuple[str, str, TypeAdapter[Any]]] = [
        (model.__name__, name, TypeAdapter(said_of(field)))
        for model in every(Contract)
        for name, field in model.model_fields.items()
        if "bool" in repr(field.annotation)
    ]
    assert {"stolen", "taken_over", "criteria", "child_at_risk"} <= {name for _, name, _ in found}
    taken = []
    for model, name, reads in found:
        try:
            reads.validate_python(said)
        except ValidationError:
            continue
        taken.append((model, name))
    assert taken == []


def said_of(field: FieldInfo) -> Any:
    return Annotated[(field.annotation, *field.metadata)] if field.metadata else field.annotation


def every(model: type[Contract]) -> Iterator[type[Contract]]:
    for kind in model.__subclasses__():
        yield kind
        yield from every(kind)


@pytest.mark.parametrize("letter", ["\x00", "\x07", "\x1b", "\x7f", "\x85"], ids=ascii)
def test_a_control_character_is_refused_in_every_text(desk: Desk, letter: str) -> None:
    """No person writes one, and a database may refuse it."""
    word, mette = f"tru{letter}sler", desk.mette
    bad: list[tuple[str, Any, str]] = [
        ("safety-level", {**LEVEL, "reason": word}, "/reason"),
        ("assessments", {**ASSESSED, "answers": {"item-1": word}}, "/answers/*"),
        ("assessments", {**ASSESSED, "answers": {word: "yes"}}, "/answers/*"),
        ("safe-contact", {"safe_contact": {"channel": "sms"}, "phone": word}, "/phone"),
        ("blocks", {"organisation": NGO, "person": word, "name": "Bo", "reason": "Bror"}, "/person"),
    ]
    for what, body, field in bad:
        refused(desk, mette.post(f"{desk.path}/{what}", body), 422, "invalid", field)


def test_line_breaks_and_tabs_are_words(desk: Desk, moves: None) -> None:
    assert desk.mette.post(
        f"{desk.path}/safety-level", {**LEVEL, "reason": "Et\r\nto\ttre \\u0000"}
    ).is_success


LEVEL = {"level": "high", "reason": "truslerne tager til"}
ASSESSED = {
    "instrument": "sara-v3",
    "instrument_version": "3",
    "answers": {"item-1": "yes"},
    "judgement": "high",
    "reason": "Samlet vurdering",
}


def test_an_instrument_is_named_in_danish_letters(desk: Desk, moves: None) -> None:
    body = {**ASSESSED, "instrument": "spørgeskema", "answers": {"trussel-på-livet": "måske"}}
    assert desk.mette.post(f"{desk.path}/assessments", body).status_code == 201
    prose = {**ASSESSED, "instrument": "hun bor nu hos sin mor"}
    refused(desk, desk.mette.post(f"{desk.path}/assessments", prose), 422, "invalid", "instrument")


BODIES: list[tuple[str, Any, tuple[str, ...]]] = [
    ("an unknown field", {**LEVEL, CANARY: CANARY}, ("/*",)),
    ("a missing field", {"level": "high"}, ("/reason",)),
    ("nothing", {}, ("/level", "/reason")),
    ("another type", {**LEVEL, "reason": [CANARY]}, ("/reason",)),
    ("a word that is not on the list", {**LEVEL, "level": CANARY}, ("/level",)),
    ("too short", {**LEVEL, "reason": "x"}, ("/reason",)),
    ("too long", {**LEVEL, "reason": CANARY * 200}, ("/reason",)),
    ("a list", [CANARY], ("",)),
    ("a string", CANARY, ("",)),
    ("null", None, ("",)),
    ("half a letter", {**LEVEL, "reason": "\ud800 half a letter"}, ("/reason",)),
]


@pytest.mark.parametrize(("why", "body", "at"), BODIES, ids=[why for why, _, _ in BODIES])
def test_a_body_that_is_not_what_the_contract_says(
    desk: Desk, why: str, body: Any, at: tuple[str, ...]
) -> None:
    content = json.dumps(body).encode()
    headers = {"Content-Type": "application/json"}
    answer = desk.mette.post(f"{desk.path}/safety-level", content=content, headers=headers)
    refused(desk, answer, 422, "invalid", *at)


NO_JSON: dict[str, bytes] = {
    "no JSON": f'{{"level": "{CANARY}'.encode(),
    "not UTF-8": b'{"level": "\xe6\xf8\xe5"}',
    "nothing at all": b"",
    "two documents": b'{"level": "low"} {"level": "high"}',
    "10,000 lists in each other": b"[" * 10_000 + b"]" * 10_000,
    "10,000 objects in each other": b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
    "120,000 lists that never end": b"[" * 120_000,
    "a number of 100,000 digits": b'{"level": ' + b"9" * 100_000 + b"}",
}


@pytest.mark.parametrize("why", NO_JSON)
@pytest.mark.parametrize("kind", ["application/json", "text/plain", ""])
def test_what_is_no_json_is_refused_whatever_it_is_said_to_be(desk: Desk, why: str, kind: str) -> None:
    headers = {"Content-Type": kind} if kind else {}
    answer = desk.mette.post(f"{desk.path}/safety-level", content=NO_JSON[why], headers=headers)
    assert answer.status_code in (400, 422), answer.text
    assert slug_of(answer) == "invalid"
    told_nothing(answer)


def test_a_report_nested_too_deep_is_refused_over_http_and_when_sealed(desk: Desk) -> None:
    deep: Any = "x"
    for _ in range(300):
        deep = {"a": deep}
    report = {**example(), "report_id": str(uuid4()), "persons": deep}
    refused(desk, desk.police.post("/v1/social-reports", report), 422, "invalid", "/persons")
    plain = b'{"type": "social_report", "body": ' + b'{"a":' * 10_000 + b"1" + b"}" * 10_000 + b"}"
    answer = desk.police.post("/v1/inbound", to_json(_sealed(desk, POLICE, plain)))
    assert (answer.status_code, slug_of(answer)) == (422, "invalid"), answer.text


def test_of_an_unknown_field_it_is_told_where_and_what_to_do(desk: Desk) -> None:
    """Not by its name, which is the sender's own word."""
    answer = desk.mette.post(f"{desk.path}/safety-level", {**LEVEL, CANARY: CANARY})
    unknown = "an unknown field: leave it out, or correct its name"
    assert answer.json()["errors"] == [{"pointer": "/*", "detail": unknown}]
    sent = to_json(_sent(desk, POLICE, _report(**{CANARY: CANARY})))
    answer = desk.police.post("/v1/inbound", sent)
    refused(desk, answer, 422, "invalid", "body")
    assert answer.json()["title"] == unknown


def test_what_names_a_field_is_never_repeated_either(desk: Desk) -> None:
    """Where an object's keys are the sender's own words, a pointer would repeat them."""
    asked = {
        "opening": {"criteria": {CANARY: CANARY}},
        "assessments": {
            "instrument": "sara-v3",
            "instrument_version": "3",
            "answers": {CANARY: [CANARY]},
            "judgement": "high",
            "reason": "samlet vurdering",
        },
    }
    for what, body in asked.items():
        answer = desk.mette.post(f"{desk.path}/{what}", body)
        assert (answer.status_code, slug_of(answer)) == (422, "invalid"), answer.text
        assert pointers(answer) == ["/criteria/*" if what == "opening" else "/answers/*"]
        told_nothing(answer)
    partner = {**_partner("ny-partner"), "contact": {CANARY: [CANARY]}}
    answer = desk.operator.post("/v1/partners", partner)
    refused(desk, answer, 422, "invalid", "/contact/*")


@pytest.mark.parametrize("what", ["é" * 36, "x", "0" * 33, f"{CANARY[:20]}-0000-4000-8000-000000000001"])
def test_an_id_that_is_none_is_not_quoted_by_a_letter_of_it(desk: Desk, what: str) -> None:
    staff = desk.api.login("staff", NGO, Role.PARTNER_STAFF)
    answers = [
        desk.mette.post(f"{desk.path}/matches", {"inquiry": what, "reason": "samme kvinde"}),
        desk.mette.post(f"{desk.path}/consents/{what}/withdrawal", {}),
        staff.get(f"/v1/threads/{what}", "referral"),
        desk.ngo.post(f"/v1/messages/{what}/open", {"person": "a", "name": "A", "purpose": "referral"}),
        desk.ngo.post("/v1/messages/head-keys", {"messages": [what]}),
        desk.police.get(f"/v1/social-reports/{what}/receipt"),
    ]
    for answer in answers:
        assert (answer.status_code, slug_of(answer)) == (422, "invalid"), answer.text
        told_nothing(answer)
        details = json.dumps([e["detail"] for e in answer.json()["errors"]])
        assert "`" not in details, "the library quotes the letter that it stumbles over"


# --- the size -----------------------------------------------------------------------------------------


def test_a_body_over_the_limit_is_refused_unread(desk: Desk) -> None:
    body = as_json({**LEVEL, "reason": "x" * MAX_BODY_BYTES})
    answer = desk.mette.post(f"{desk.path}/safety-level", content=body)
    refused(desk, answer, 413, "too-large")


def test_a_body_of_unknown_length_is_refused(desk: Desk) -> None:
    chunks: Callable[[], Iterator[bytes]] = lambda: iter([as_json(LEVEL)])  # noqa: E731
    refused(desk, desk.mette.post(f"{desk.path}/safety-level", content=chunks()), 413, "too-large")


def test_the_limit_also_holds_for_whoever_is_not_logged_in(desk: Desk) -> None:
    for path in ("/token", "/login", "/v1/inbound"):
        answer = desk.api.client.post(path, content=b"x" * (MAX_BODY_BYTES + 1))
        refused(desk, answer, 413, "too-large")


@pytest.fixture
def server(desk: Desk) -> Iterator[Server]:
    found = Server(desk.api.app)
    found.start()
    yield found
    found.stop()


def _raw(server: Server, request: bytes) -> bytes:
    """What the server answers to these bytes; it may stop listening half way."""
    host, port = server.url.removeprefix("http://").split(":")
    answer = b""
    with socket.create_connection((host, int(port)), timeout=10) as link:
        with suppress(OSError):
            link.sendall(request)
        with suppress(OSError):
            while piece := link.recv(65536):
                answer += piece
    return answer


def test_no_length_can_be_claimed_that_is_not_kept(desk: Desk, server: Server) -> None:
    """A length in front of chunks would let any size past the limit (RFC 9112, section 6.3)."""
    head = (
        f"POST {desk.path}/safety-level HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
        f"Authorization: Bearer {desk.mette.token}\r\nIdempotency-Key: {uuid4()}\r\n"
        "Content-Type: application/json\r\n"
    ).encode()
    chunk = as_json(LEVEL)
    chunked = (
        b"Transfer-Encoding: chunked\r\n\r\n" + f"{len(chunk):x}\r\n".encode() + chunk + b"\r\n0\r\n\r\n"
    )
    for claimed in (b"Content-Length: 5\r\n" + chunked, chunked):
        assert b" 413 " in _raw(server, head + claimed).split(b"\r\n")[0]
    for length in (b"-1", b"+5", b"5, 6", b"x", b"\xb2", b"9" * 40, b"1e3"):
        status = _raw(server, head + b"Content-Length: " + length + b"\r\n\r\n").split(b"\r\n")[0]
        assert b" 413 " in status or b" 400 " in status, (length, status)


# --- headers ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["", "1234567", "x" * 201, f"{CANARY} " * 20])
def test_an_idempotency_key_is_needed_and_has_a_length(desk: Desk, key: str) -> None:
    headers: dict[str, Any] = {"Idempotency-Key": key.encode()}
    answer = desk.mette.post(f"{desk.path}/safety-level", LEVEL, headers=headers)
    refused(desk, answer, 422, "invalid", "Idempotency-Key")


def test_the_same_key_with_another_body_is_refused_and_with_the_same_is_the_same(
    desk: Desk, moves: None
) -> None:
    headers = {"Idempotency-Key": str(uuid4())}
    path = f"{desk.path}/safety-level"
    done = desk.mette.post(path, {"level": "raised", "reason": "første"}, headers=headers)
    assert done.status_code == 201
    after = desk.state()
    again = desk.mette.post(path, {"level": "raised", "reason": "første"}, headers=headers)
    assert (again.status_code, again.json()) == (201, done.json())
    other = desk.mette.post(path, {"level": "low", "reason": CANARY}, headers=headers)
    refused(desk, other, 422, "idempotency-key-reused")
    elsewhere = desk.mette.post(f"{desk.path}/could-kill", headers=headers, purpose="contact")
    assert elsewhere.status_code == 200, "a look is no command, and takes no key"
    assert desk.world.case(desk.case).version == after[0]


def test_a_stale_version_is_refused(desk: Desk) -> None:
    version = desk.world.case(desk.case).version
    for stale in (version - 1, version + 1, 0, 10**17):
        answer = desk.mette.post(f"{desk.path}/safety-level", LEVEL, headers={"If-Match": f'"{stale}"'})
        refused(desk, answer, 412, "stale-version", "If-Match")


@pytest.mark.parametrize("etag", ["abc", "²", "-1", "1.0", 'W/"1"', "*", "", '""', "9" * 5000, "٣".encode()])
def test_an_if_match_that_is_no_version_of_ours_is_refused(desk: Desk, etag: str | bytes) -> None:
    raw = etag if isinstance(etag, bytes) else etag.encode("latin-1")
    answer = desk.mette.post(f"{desk.path}/safety-level", LEVEL, headers={"If-Match": raw})
    refused(desk, answer, 422, "invalid", "If-Match")


def test_the_version_that_was_read_is_taken(desk: Desk) -> None:
    """The other side of it: the ETag of a read is what If-Match wants (RFC 9110, section 13.1.1)."""
    etag = f'"{desk.world.case(desk.case).version}"'
    body = {"level": "high", "reason": "x"}
    answer = desk.mette.post(f"{desk.path}/safety-level", body, headers={"If-Match": etag})
    refused(desk, answer, 422, "invalid", "/reason")


@pytest.mark.parametrize("purpose", [None, "", CANARY.encode("utf-8"), "nysgerrighed"])
def test_a_look_without_a_purpose_from_the_list_is_refused(desk: Desk, purpose: str | bytes | None) -> None:
    headers: dict[str, Any] = {} if purpose is None else {"Hub-Purpose": purpose}
    for method, what in (("GET", "timeline"), ("GET", "disclosures"), ("POST", "could-kill")):
        answer = desk.mette.call(method, f"{desk.path}/{what}", headers=headers)
        refused(desk, answer, 422, "invalid", "Hub-Purpose")


@pytest.mark.parametrize("purpose", [None, "", "nosy", "REFERRAL", CANARY])
def test_a_message_is_opened_for_a_purpose_from_the_list_alone(desk: Desk, purpose: str | None) -> None:
    """What a citizen reads of who looked and why is the same seven words, whoever looked."""
    unit = desk.api.login("unit-system", UNIT, Role.PARTNER_SYSTEM)
    who = {"person": "anna", "name": "Anna", **({} if purpose is None else {"purpose": purpose})}
    message = desk.world.stored(UNIT)[0].message_id
    refused(desk, unit.post(f"/v1/messages/{message}/open", who), 422, "invalid", "/purpose")


@pytest.mark.parametrize("position", ["-1", "x", "1.5", str(2**63), str(10**40), "9" * 5000, CANARY])
def test_a_position_that_is_none_is_refused(desk: Desk, position: str) -> None:
    caseworker = desk.api.login("inge", UNIT, Role.CASEWORKER)
    staff = desk.api.login("staff", NGO, Role.PARTNER_STAFF)
    for answer in (
        caseworker.get("/v1/inbox", params={"position": position}),
        desk.mette.get(f"{desk.path}/timeline", "safety", params={"position": position}),
        desk.mette.get(f"{desk.path}/disclosures", "safety", params={"position": position}),
        staff.get("/v1/referrals", params={"position": position}),
    ):
        refused(desk, answer, 422, "invalid", "/query/position")


def test_a_position_that_the_log_has_not_reached_is_refused(desk: Desk, moves: None) -> None:
    """It was answered to nobody: it is another hub's, or one from before a backup was put back."""
    inge = desk.api.login("inge", UNIT, Role.CASEWORKER)
    desk.world.project()
    done = desk.mette.post(f"{desk.path}/safety-level", LEVEL).json()["position"]
    desk.world.project()
    assert inge.get("/v1/inbox", params={"position": done}).status_code == 200
    last = desk.world.log()[-1][0]
    assert done < last
    for position in (last + 1, 2**63 - 1):
        answer = inge.get("/v1/inbox", params={"position": position})
        refused(desk, answer, 422, "invalid", "/query/position")


@pytest.mark.parametrize("after", ["", "1", "1.", "-1.0", "1.2.3", "9" * 19 + ".0", f"0.{CANARY}"])
def test_a_number_to_read_after_that_is_none_is_refused(desk: Desk, after: str) -> None:
    answer = desk.ngo.get("/v1/messages", params={"after": after})
    refused(desk, answer, 422, "invalid", "/query/after")
    answer = desk.ngo.get("/v1/messages", params={"after": f"{'9' * 18}.{'9' * 18}"})
    assert (answer.status_code, answer.json()) == (200, {"messages": []})


def test_letters_that_a_database_cannot_hold_are_no_fault_of_the_hub(desk: Desk) -> None:
    """PostgreSQL takes no NUL in text; who sends one is told, on either store."""
    nul = f"{CANARY}\x00"
    who = {"person": nul, "name": "Anna", "purpose": "referral"}
    message = desk.world.stored(UNIT)[0].message_id
    unit = desk.api.login("unit-system", UNIT, Role.PARTNER_SYSTEM)
    answers = [
        unit.post(f"/v1/messages/{message}/open", who),
        desk.mette.post(f"{desk.path}/consents", _consent(recipients=[nul])),
        desk.mette.post(f"{desk.path}/referrals", {"recipient": nul, "offer": "samtale"}),
        desk.operator.post("/v1/partners/%00/suspension", {"reason": "prøve"}),
    ]
    for answer in answers:
        assert answer.status_code in (404, 409, 422), answer.text
        slug_of(answer)
        told_nothing(answer)


# --- consents, referrals, transitions -----------------------------------------------------------------


def _consent(**changed: Any) -> dict[str, Any]:
    asked = {
        "recipients": [NGO],
        "categories": ["incident"],
        "purpose": "rådgivning",
        "form": "oral",
        "given_at": PAST.isoformat(),
        "ends_at": LATER.isoformat(),
    }
    return {name: value for name, value in {**asked, **changed}.items() if value != "left out"}


CONSENTS: list[tuple[str, dict[str, Any], int, str, str]] = [
    ("for nobody", {"recipients": []}, 422, "invalid", "grants"),
    ("of nothing", {"categories": []}, 422, "invalid", "grants"),
    ("without an end", {"ends_at": "left out"}, 422, "invalid", "/ends_at"),
    ("with an end that is null", {"ends_at": None}, 422, "invalid", "/ends_at"),
    ("that has ended", {"ends_at": (NOW - timedelta(hours=1)).isoformat()}, 422, "invalid", "ends_at"),
    ("that ends at a time of no zone", {"ends_at": "2030-01-01T00:00:00"}, 422, "invalid", "/ends_at"),
    ("that ends never", {"ends_at": "9999-12-31T23:59:59Z"}, 422, "invalid", "/ends_at"),
    ("given tomorrow", {"given_at": LATER.isoformat()}, 422, "invalid", "given_at"),
    ("for nothing", {"purpose": ""}, 422, "invalid", "/purpose"),
    ("for three spaces", {"purpose": "   "}, 422, "invalid", "purpose"),
    ("in no form", {"form": CANARY}, 422, "invalid", "/form"),
    ("to an unknown partner", {"recipients": ["ingen-saadan"]}, 404, "not-found", "recipient"),
    ("to somebody's words", {"recipients": [CANARY]}, 404, "not-found", "recipient"),
    ("of an unknown category", {"categories": [CANARY]}, 422, "invalid", "/categories/0"),
    ("of what could kill", {"categories": ["could_kill"]}, 422, "invalid", "/categories/0"),
    ("to the same twice", {"recipients": [NGO, NGO]}, 422, "invalid", "grants"),
]


@pytest.mark.parametrize(("why", "changed", "status", "slug", "at"), CONSENTS, ids=[c[0] for c in CONSENTS])
def test_a_consent_that_is_none(
    desk: Desk, why: str, changed: dict[str, Any], status: int, slug: str, at: str
) -> None:
    answer = desk.mette.post(f"{desk.path}/consents", _consent(**changed))
    refused(desk, answer, status, slug, at)


def test_a_referral_needs_a_living_grant(desk: Desk) -> None:
    for recipient in (NGO, SHELTER):
        asked = {"recipient": recipient, "offer": "samtaleforloeb"}
        answer = desk.mette.post(f"{desk.path}/referrals", asked)
        refused(desk, answer, 409, "no-grant", "recipient")


def test_a_referral_holds_no_prose(desk: Desk) -> None:
    """An offer's code travels unread: words in it would hide an address (domain rule 5)."""
    answer = desk.mette.post(f"{desk.path}/referrals", {"recipient": NGO, "offer": CANARY})
    refused(desk, answer, 422, "invalid", "offer")


def test_a_step_that_the_state_does_not_allow(desk: Desk) -> None:
    """On an open case of the programme lead's own unit: a second opening."""
    tovholder = desk.mette.post(f"{desk.path}/opening", {"criteria": MET})
    refused(desk, tovholder, 409, "illegal-transition", "state")


def test_what_the_case_never_had_can_be_neither_withdrawn_nor_cancelled(desk: Desk) -> None:
    refused(
        desk,
        desk.mette.post(f"{desk.path}/consents/{uuid4()}/withdrawal", {}),
        404,
        "not-found",
        "consent_id",
    )
    cancelled = {"reason": "no_longer_wanted"}
    answer = desk.mette.post(f"{desk.path}/referrals/{uuid4()}/cancellation", cancelled)
    assert answer.status_code in (404, 422)
    refused(desk, desk.mette.post(f"{desk.path}/free-text/9999/release"), 404, "not-found", "entry")
    answer = desk.mette.post(f"{desk.path}/free-text/{CANARY}/release")
    refused(desk, answer, 422, "invalid", "/path/entry")


# --- partners -----------------------------------------------------------------------------------------


def _partner(known_as: str, **changed: Any) -> dict[str, Any]:
    keys = Identity.new().public
    return {
        "slug": known_as,
        "name": "Ny Partner",
        "kind": "ngo",
        "categories": ["incident"],
        "sealing_key": base64.b64encode(keys.sealing).decode(),
        "signing_key": base64.b64encode(keys.signing).decode(),
        "contact": {"name": "Vagten", "email": "vagt@ny.example", "duty_phone": "00 00 00 00"},
        **changed,
    }


def test_a_partner_that_is_registered_again_under_the_same_key_is_registered_once(
    desk: Desk, moves: None
) -> None:
    asked, key = _partner("en-ny"), {"Idempotency-Key": str(uuid4())}
    done = desk.operator.post("/v1/partners", asked, headers=key)
    assert done.status_code == 201
    again = desk.operator.post("/v1/partners", asked, headers=key)
    assert (again.status_code, again.json()) == (201, done.json())
    other = desk.operator.post("/v1/partners", {**asked, "name": CANARY}, headers=key)
    refused(desk, other, 422, "idempotency-key-reused")


@pytest.mark.parametrize(
    ("changed", "at"),
    [
        ({"slug": CANARY}, "/slug"),
        ({"kind": CANARY}, "/kind"),
        ({"sealing_key": CANARY}, "/sealing_key"),
        ({"signing_key": base64.b64encode(b"short").decode()}, "/signing_key"),
        ({"categories": [CANARY]}, "/categories/0"),
        ({"name": ""}, "/name"),
    ],
)
def test_a_partner_that_is_none(desk: Desk, changed: dict[str, Any], at: str) -> None:
    refused(desk, desk.operator.post("/v1/partners", _partner("ny", **changed)), 422, "invalid", at)


def test_a_partner_that_is_there_or_is_not(desk: Desk) -> None:
    refused(desk, desk.operator.post("/v1/partners", _partner(NGO)), 409, "conflict", "slug")
    for what in ("suspension", "resumption"):
        answer = desk.operator.post(f"/v1/partners/ingen-saadan/{what}", {"reason": CANARY})
        refused(desk, answer, 404, "not-found", "recipient")


def test_a_partner_with_the_key_of_another(desk: Desk) -> None:
    theirs = desk.world.identities[NGO].public
    for name, key in (("sealing_key", theirs.sealing), ("signing_key", theirs.signing)):
        asked = _partner("ny", **{name: base64.b64encode(key).decode()})
        refused(desk, desk.operator.post("/v1/partners", asked), 409, "conflict", name)


def test_a_suspended_partner_is_told_nothing_and_sends_nothing(desk: Desk, moves: None) -> None:
    desk.world.suspend(NGO)
    try:
        before = desk.state()
        assert desk.ngo.get("/v1/messages").json() == {"messages": []}
        report = Inbound.report({**example(), "report_id": str(uuid4())})
        refused(desk, desk.ngo.post("/v1/inbound", to_json(_sent(desk, NGO, report))), 403, "forbidden")
        asked = {"recipient": NGO, "offer": "samtaleforloeb"}
        refused(desk, desk.mette.post(f"{desk.path}/referrals", asked), 409, "no-grant", "recipient")
        assert desk.state() == before
    finally:
        desk.world.resume(NGO)


def test_the_unit_is_not_suspended(desk: Desk) -> None:
    """Its reports would come to nobody."""
    answer = desk.operator.post(f"/v1/partners/{UNIT}/suspension", {"reason": CANARY})
    refused(desk, answer, 422, "invalid", "slug")


# --- what partners send in ----------------------------------------------------------------------------


def _sealed(desk: Desk, partner: str, plain: bytes, message_id: UUID | None = None) -> Envelope:
    """Any bytes at all, sealed to the hub and signed by the partner as they should be."""
    from contracts.client import sealed as sealing

    message_id, hub = message_id or uuid4(), desk.world.parts.identity.public
    info = sealing.bound(b"tvaers-inbound-1", MUNICIPALITY, partner, message_id)
    value = sealing._hpke_seal(plain, hub.sealing, info)
    signed = inbound_signed(value, municipality=MUNICIPALITY, partner=partner, message_id=message_id)
    key = desk.world.identities[partner].signing
    return Envelope(message_id, source(MUNICIPALITY, partner), sign(key, signed), value)


def _sent(desk: Desk, partner: str, message: Inbound, message_id: UUID | None = None) -> Envelope:
    identity, hub = desk.world.identities[partner], desk.world.parts.identity.public
    return identity.send(MUNICIPALITY, partner, message_id or uuid4(), message, hub)


def _report(**changed: Any) -> Inbound:
    return Inbound.report({**example(), "report_id": str(uuid4()), **changed})


def test_envelopes_that_are_none(desk: Desk) -> None:
    good = to_json(_sent(desk, POLICE, _report()))
    spoiled: dict[str, tuple[Any, str]] = {
        "no value": ({**good, "value": None}, "/*"),
        "no envelope": ([], ""),
        "another's name": ({**good, "ce_source": f"urn:tvaers:{MUNICIPALITY}:{NGO}"}, "bad-signature"),
        "another municipality": ({**good, "ce_source": "urn:tvaers:anden:politiet"}, "bad-signature"),
        "words for a name": ({**good, "ce_source": CANARY}, "bad-envelope"),
        "words for an id": ({**good, "ce_id": CANARY}, "bad-envelope"),
        "another id": ({**good, "ce_id": str(uuid4())}, "bad-signature"),
        "no id": ({k: v for k, v in good.items() if k != "ce_id"}, "bad-envelope"),
        "a short signature": ({**good, "ce_signature": good["ce_signature"][:-4]}, "bad-envelope"),
        "no base64": ({**good, "value": CANARY}, "bad-envelope"),
        "garbage": ({**good, "value": base64.b64encode(CANARY.encode() * 200).decode()}, "bad-signature"),
        "nothing sealed": ({**good, "value": ""}, "bad-signature"),
        "an outbound one": ({**good, "ce_epoch": "1", "ce_sequence": "1"}, "bad-envelope"),
        "another version": ({**good, "ce_specversion": "9"}, "bad-envelope"),
    }
    for why, (envelope, at) in spoiled.items():
        answer = desk.police.post("/v1/inbound", envelope)
        assert (answer.status_code, slug_of(answer)) == (422, "invalid"), (why, answer.text)
        assert pointers(answer) == [at], (why, answer.text)
        told_nothing(answer)


def test_a_good_signature_over_what_cannot_be_used(desk: Desk) -> None:
    """Signed by the partner itself, and still nothing that the contract knows."""
    hub = desk.world.parts.identity.public
    message_id = uuid4()
    value = seal_inbound(MUNICIPALITY, NGO, message_id, _report(), hub.sealing)
    signed = inbound_signed(value, municipality=MUNICIPALITY, partner=POLICE, message_id=message_id)
    signature = sign(desk.world.identities[POLICE].signing, signed)
    others_seal = Envelope(message_id, source(MUNICIPALITY, POLICE), signature, value)
    problem = Inbound.report({"x": CANARY})
    spoiled: dict[str, Envelope] = {
        "sealed under another's name": others_seal,
        "no JSON": _sealed(desk, POLICE, CANARY.encode()),
        "another shape": _sealed(desk, POLICE, json.dumps({CANARY: CANARY}).encode()),
        "another type": _sealed(desk, POLICE, json.dumps({"type": CANARY, "body": {}}).encode()),
        "a report that is none": _sent(desk, POLICE, problem),
        "a report with an unknown field": _sent(desk, POLICE, _report(**{CANARY: CANARY})),
        "a report with a word off the list": _sent(desk, POLICE, _report(urgency=CANARY)),
        "a report with another id's shape": _sent(desk, POLICE, _report(report_id=CANARY)),
        "an answer that is none": _sealed(
            desk, POLICE, json.dumps({"type": "referral_answer", "body": {"thread": CANARY}}).encode()
        ),
        "a purge that is none": _sealed(
            desk, POLICE, json.dumps({"type": "purge_answer", "body": {"outcome": CANARY}}).encode()
        ),
    }
    for why, envelope in spoiled.items():
        answer = desk.police.post("/v1/inbound", to_json(envelope))
        assert (answer.status_code, slug_of(answer)) == (422, "invalid"), (why, answer.text)
        told_nothing(answer)


def test_answers_to_what_was_never_sent(desk: Desk) -> None:
    by = {"person": "anna", "name": CANARY}
    thread = str(desk.world.thread(desk.case, UNIT))
    sent = {
        "referral_answer": {
            "thread": thread,
            "referral": str(uuid4()),
            "status": "accepted",
            "by": by,
            "at": PAST.isoformat(),
        },
        "purge_answer": {"revocation": str(uuid4()), "thread": thread, "outcome": "purged"},
    }
    for kind, body in sent.items():
        plain = json.dumps({"type": kind, "body": body}).encode()
        answer = desk.ngo.post("/v1/inbound", to_json(_sealed(desk, NGO, plain)))
        refused(desk, answer, 404, "not-found", "thread")


def test_a_message_is_taken_in_once_for_ever(desk: Desk, moves: None) -> None:
    report, message_id = _report(), uuid4()
    envelope = _sent(desk, POLICE, report, message_id)
    first = desk.police.post("/v1/inbound", to_json(envelope))
    assert first.status_code == 202
    after = desk.state()
    again = desk.police.post("/v1/inbound", to_json(envelope))
    assert (again.status_code, again.json()) == (202, first.json())
    # The same report by another way, or sealed anew, is the same report.
    anew = desk.police.post("/v1/inbound", to_json(_sent(desk, POLICE, report)))
    assert anew.json() == first.json()
    direct = desk.police.post("/v1/social-reports", dict(report.body))
    assert direct.json()["number"] == first.json()["number"]
    other = {**report.body, "narrative": CANARY}
    for key in (report.body["report_id"], str(uuid4())):
        same_id = desk.police.post("/v1/social-reports", other, headers={"Idempotency-Key": str(key)})
        refused(desk, same_id, 422, "idempotency-key-reused", "/report_id")
        assert "send this one under a new report_id" in same_id.text
        assert "Idempotency-Key" not in same_id.text, "another key would change nothing"
    # Somebody who caught it cannot send it as their own.
    stolen = desk.ngo.post("/v1/inbound", to_json(envelope))
    refused(desk, stolen, 422, "invalid", "bad-signature")
    renamed = replace(envelope, source=source(MUNICIPALITY, NGO))
    refused(desk, desk.ngo.post("/v1/inbound", to_json(renamed)), 422, "invalid", "bad-signature")
    assert desk.state() == after


def test_a_report_of_another_kind_of_unit_is_refused(desk: Desk) -> None:
    report = example("02-skadestue-samme-kvinde-en-time-senere")
    answer = desk.police.post("/v1/social-reports", {**report, "report_id": str(uuid4())})
    refused(desk, answer, 422, "invalid", "/unit/kind")


def test_every_field_of_a_report_is_refused_without_repeating_it(desk: Desk) -> None:
    """Each field in turn holds what it must not; no refusal repeats it, nor what stands in the others."""
    secrets = ("Maja Eksempelsen", "7403912006", "Opdigtet", "00 31 00 99")
    for name in example():
        for wrong in (CANARY, [CANARY], {CANARY: CANARY}, 10**30, None):
            report = {**example(), "report_id": str(uuid4()), name: wrong}
            if name in ("reference", "narrative") and wrong == CANARY:
                continue
            answer = desk.police.post("/v1/social-reports", report)
            assert (answer.status_code, slug_of(answer)) == (422, "invalid"), (name, answer.text)
            told_nothing(answer)
            assert not [s for s in secrets if s in answer.text], (name, answer.text)


# --- the rest -----------------------------------------------------------------------------------------


def test_what_is_not_there_and_what_is_not_allowed_are_problems_too(desk: Desk) -> None:
    refused(desk, desk.mette.get(f"/v1/{CANARY}"), 404, "not-found")
    refused(desk, desk.mette.call("DELETE", desk.path + "/timeline"), 405, "method-not-allowed")
    refused(desk, desk.api.client.post("/token", data={"username": CANARY}), 401, "not-logged-in")
    wrong = {"username": CANARY, "password": CANARY}
    refused(desk, desk.api.client.post("/token", data=wrong), 401, "not-logged-in")


def test_what_goes_wrong_inside_is_told_to_nobody(
    desk: Desk, server: Server, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Not to the caller, and not to the log: a traceback quotes what was under way."""

    def broken(*_: object, **__: object) -> None:
        raise ValueError(CANARY)

    monkeypatch.setattr(desk.world.parts.queries, "inbox", broken)
    caseworker = desk.api.login("inge", UNIT, Role.CASEWORKER)
    loggers = [logging.getLogger(name) for name in ("uvicorn", "uvicorn.error", "uvicorn.access")]
    for logger in loggers:
        monkeypatch.setattr(logger, "propagate", True)
    with caplog.at_level(logging.DEBUG), httpx2.Client(base_url=server.url) as client:
        answer = client.get("/v1/inbox", headers={"Authorization": f"Bearer {caseworker.token}"})
        server.stop()
    refused(desk, answer, 500, "unexpected")
    written = caplog.text + "".join(str(record.__dict__) for record in caplog.records)
    assert "unexpected error" in caplog.text
    assert not [leak for leak in LEAKS if leak in written]


def test_no_answer_is_kept_by_a_cache(desk: Desk) -> None:
    """A browser, a proxy or a phone's disk must not keep that somebody looked, nor what."""
    caseworker = desk.api.login("inge", UNIT, Role.CASEWORKER)
    answers = [
        caseworker.get("/v1/inbox"),
        caseworker.get("/v1/partners"),
        desk.ngo.get("/v1/messages"),
        desk.mette.get("/v1/inbox", headers={"Authorization": "Bearer x"}),
        caseworker.get(f"{desk.path}/timeline", "intake"),
        desk.mette.get(f"/v1/cases/{uuid4()}/timeline", "intake"),
    ]
    assert {a.headers.get("cache-control") for a in answers} == {"no-store"}
