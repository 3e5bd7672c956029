"""The HTTP profile against a server that answers as it is told: requests, tokens, refusals, absence."""

import base64
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs
from uuid import uuid4

import pytest

from contracts.client.errors import HubUnreachable, MissingMessages, NotLetIn, NotNow, NotThere, Refused
from contracts.client.http_profile import HttpHub
from contracts.client.inbox import START
from contracts.client.keys import Identity
from contracts.client.logins import Tokens, by_secret
from contracts.client.party import Party
from contracts.client.reading import read_http
from contracts.envelope import from_json, to_json
from contracts.inbound_v1 import Inbound, Problem, ProblemReason
from tests.contract.test_envelope_inbox import HUB, PARTY, Reader, control, data

Answer = tuple[int, Any]


class Server:
    """An HTTP server on the loopback. `answers` gives the answer to each request that it sees."""

    def __init__(self) -> None:
        """Start it; tokens are handed out, everything else is 404."""
        self.seen: list[tuple[str, str, dict[str, str], bytes]] = []
        self.lives_s = 600
        self.issued = 0
        self.answers: Callable[[str, str, bytes], Answer] = lambda *_: (404, {})
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.answer()

            def do_POST(self) -> None:
                self.answer()

            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                status, found = outer.answer(self.command, self.path, dict(self.headers), body)
                raw = found if isinstance(found, bytes) else json.dumps(found).encode()
                self.send_response(status)
                self.send_header("content-length", str(len(raw)))
                self.end_headers()
                self.wfile.write(raw)

            def log_message(self, *_: Any) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._http.server_port}"

    def answer(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Answer:
        """Note the request and answer it."""
        self.seen.append((method, path, {name.lower(): text for name, text in headers.items()}, body))
        if path.endswith("/token"):
            self.issued += 1
            return 200, {"access_token": f"token-{self.issued}", "expires_in": self.lives_s}
        return self.answers(method, path, body)

    def close(self) -> None:
        """Stop it."""
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()


@pytest.fixture
def server() -> Iterator[Server]:
    """Give a server of the test's own."""
    with closing(Server()) as server:
        yield server


@pytest.fixture
def hub(server: Server) -> Iterator[HttpHub]:
    """Give a client of it."""
    tokens = Tokens(server.url + "/issuer/token", by_secret("ngo-system", "hemmeligt"))
    with HttpHub(server.url, PARTY, tokens) as hub:
        yield hub


def test_messages_are_pulled_in_order(server: Server, hub: HttpHub) -> None:
    """After a number, with the token of our client credentials."""
    sent = [data((1, 8)), control((1, 9))]
    server.answers = lambda *_: (200, {"messages": [to_json(one) for one in sent]})
    assert hub.messages(1, 7, limit=50) == sent
    token, pull = server.seen
    assert (token[0], token[1]) == ("POST", "/issuer/token")
    assert parse_qs(token[3].decode()) == {
        "grant_type": ["client_credentials"],
        "client_id": ["ngo-system"],
        "client_secret": ["hemmeligt"],
    }
    assert (pull[0], pull[1]) == ("GET", "/v1/messages?after=1.7&limit=50")
    assert pull[2]["authorization"] == "Bearer token-1"


def test_keys_are_asked_for_by_system_and_by_person(server: Server, hub: HttpHub) -> None:
    """Heads in a batch; a message by a named person with a purpose."""
    message_id, key = uuid4(), bytes(range(32))
    text = base64.b64encode(key).decode()
    server.answers = lambda _m, path, _b: (200, {"keys": {"2" if "open" in path else str(message_id): text}})
    assert hub.head_keys([message_id], rebuild=True) == {message_id: key}
    assert hub.open(message_id, "m-17", "Mona Opdigtet", "referral", taken_over=True) == {2: key}
    heads, opened = server.seen[1:]
    assert json.loads(heads[3]) == {"messages": [str(message_id)], "rebuild": True}
    assert opened[1] == f"/v1/messages/{message_id}/open"
    assert json.loads(opened[3]) == {
        "person": "m-17",
        "name": "Mona Opdigtet",
        "purpose": "referral",
        "taken_over": True,
    }


def test_what_is_sent_is_sealed_to_the_hub(server: Server, hub: HttpHub) -> None:
    """As on the topic; a report goes with its id as idempotency key."""
    server.answers = lambda *_: (202, {"position": 7})
    message_id, problem = uuid4(), Problem(message_id=uuid4(), reason=ProblemReason.TAMPERED)
    assert hub.send(message_id, Inbound.of(problem)) == {"position": 7}
    envelope = from_json(json.loads(server.seen[-1][3]))
    assert envelope.message_id == message_id
    assert HUB.receive(PARTY.municipality, PARTY.name, envelope, PARTY.identity.public).answer() == problem
    report_id = uuid4()
    assert hub.report(report_id, {"report_id": str(report_id)}) == {"position": 7}
    assert server.seen[-1][1] == "/v1/social-reports"
    assert server.seen[-1][2]["idempotency-key"] == str(report_id)


def test_a_token_is_kept_until_half_a_minute_before_its_end(server: Server) -> None:
    """By a clock that the test moves."""
    now = [0.0]
    with closing(Tokens(server.url + "/token", by_secret("a", "b"), clock=lambda: now[0])) as tokens:
        assert [tokens(), tokens()] == ["token-1", "token-1"]
        now[0] = 569.0
        assert tokens() == "token-1"
        now[0] = 570.0
        assert tokens() == "token-2"


def test_one_fresh_token_is_tried_when_the_hub_does_not_know_ours(server: Server, hub: HttpHub) -> None:
    """Rights or keys may be new; if it says no again, it means it."""
    server.answers = lambda *_: (200, {"messages": []}) if server.issued > 1 else (401, {})
    assert hub.messages(*START) == []
    assert server.issued == 2
    server.answers = lambda *_: (401, {"type": "https://x/problems/not-logged-in"})
    with pytest.raises(NotLetIn) as refused:
        hub.messages(*START)
    assert (refused.value.problem, server.issued) == ("not-logged-in", 3)


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (403, NotLetIn),
        (404, NotThere),
        (410, NotThere),
        (409, NotNow),
        (412, NotNow),
        (422, Refused),
        (301, Refused),
        (408, HubUnreachable),
        (429, HubUnreachable),
        (500, HubUnreachable),
        (503, HubUnreachable),
    ],
)
def test_a_no_is_told_apart_from_not_now(
    server: Server, hub: HttpHub, status: int, error: type[Exception]
) -> None:
    """What the hub means goes on as a typed error with its own slug, pointer and words."""
    problem = {
        "type": "https://tvaers.example/problems/no-grant",
        "title": "look again",
        "errors": [{"pointer": "/body/status", "detail": "x"}],
    }
    server.answers = lambda *_: (status, problem)
    with pytest.raises(error) as raised:
        hub.send(uuid4(), Inbound.report({}))
    assert type(raised.value) is error
    if isinstance(raised.value, Refused):
        assert (raised.value.status, raised.value.problem) == (status, "no-grant")
        assert (raised.value.detail, raised.value.pointer) == ("look again", "/body/status")


@pytest.mark.parametrize(
    "odd",
    [
        b"<html>",
        b"[]",
        {},
        {"messages": [{"ce_id": "x"}]},
        {"messages": 7},
        {"keys": {"1": "AAAA"}},
        {"keys": []},
    ],
)
def test_an_answer_that_is_none_is_taken_for_an_absent_hub(server: Server, hub: HttpHub, odd: Any) -> None:
    """A proxy's page, another service at the address: try again later, and believe nothing."""
    server.answers = lambda *_: (200, odd)
    with pytest.raises(HubUnreachable):
        hub.messages(*START)
    with pytest.raises(HubUnreachable):
        hub.open(uuid4(), "m", "M", "referral")


def test_nobody_there(server: Server) -> None:
    """Neither hub nor issuer: one kind of error."""
    gone = "http://127.0.0.1:1"
    with (
        HttpHub(gone, PARTY, Tokens(server.url + "/token", by_secret("a", "b"))) as hub,
        pytest.raises(HubUnreachable),
    ):
        hub.messages(*START)
    with HttpHub(server.url, PARTY, Tokens(gone, by_secret("a", "b"))) as hub, pytest.raises(HubUnreachable):
        hub.messages(*START)


def test_reading_goes_on_from_the_position(server: Server, hub: HttpHub) -> None:
    """Batch by batch; at the end the position stays."""
    sent = [data((1, 1)), control((1, 2)), data((2, 1))]

    def answer(_method: str, path: str, _body: bytes) -> Answer:
        epoch, sequence = (int(n) for n in parse_qs(path.partition("?")[2])["after"][0].split("."))
        return 200, {"messages": [to_json(one) for one in sent if one.number > (epoch, sequence)][:2]}

    server.answers = answer
    reader = Reader()
    position = START
    for expected in ((1, 2), (2, 1), (2, 1)):
        position = read_http(hub, PARTY, reader, position)
        assert position == expected
    assert reader.taken == sent


def test_a_hole_in_the_hubs_list_is_an_alarm(server: Server, hub: HttpHub) -> None:
    """What came before it is taken in; forged bytes are reported, and hide what stands behind them."""
    first, third = data((1, 1)), data((1, 3))
    server.answers = lambda *_: (200, {"messages": [to_json(first), to_json(third)]})
    reader = Reader()
    with pytest.raises(MissingMessages):
        read_http(hub, PARTY, reader, START)
    assert (reader.taken, reader.position) == ([first], (1, 1))

    forged = control((1, 2), hub=Identity.new())
    server.answers = lambda method, *_: (200, {"messages": [to_json(forged)]} if method == "GET" else {})
    with pytest.raises(MissingMessages):
        read_http(hub, PARTY, reader, reader.position)
    envelope = from_json(json.loads(server.seen[-1][3]))
    told = HUB.receive(PARTY.municipality, PARTY.name, envelope, PARTY.identity.public).answer()
    assert told == Problem(message_id=forged.message_id, reason=ProblemReason.BAD_SIGNATURE)


def test_a_party_prints_no_key() -> None:
    """Nor do tokens print their secret."""
    party = Party("eksempel", "lyspunktet", Identity.new(), HUB.public)
    assert "PRIVATE" not in repr(party)
    with closing(Tokens("http://127.0.0.1:1", by_secret("a", "hemmeligt"))) as tokens:
        assert "hemmeligt" not in repr(tokens)
