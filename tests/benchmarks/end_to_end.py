"""`end_to_end_p50`, `end_to_end_p99`: from a POST to the row in the NGO's read model, over Kafka.

As in production the API (`hub serve`), the relay (`hub relay`) and the projections (`hub project`) are
processes of their own, on PostgreSQL and Apache Kafka, and tokens come from an OIDC issuer, here a small one
in this process. Caseworkers change safety levels over HTTP, 50 commands a second by the clock whatever
becomes of the ones before; each is told to the unit and to an NGO whose read model the hub keeps. A command's
time runs from when it was due until its message is within the committed position of the NGO's referral view,
which moves in one transaction with the rows; this process looks every millisecond. Nothing is left out but a
warm-up.
"""

import base64
import http.client
import json
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import UUID, uuid4

import jwt
import psycopg
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hub.adapters.store.views import table_of
from hub.bootstrap import Parts, broker_of
from hub.projections import referrals
from hub.settings import Settings
from tests.benchmarks.harness import Figure, percentile
from tests.benchmarks.municipality import NGO, TOVHOLDER, consented_case, level_asked, opened, settings_on
from tests.support.postgres import fresh_database
from tests.support.provision import Daemon, free_ports

PER_SECOND = 50
WARM_UP, MEASURED = 150, 1000
CASES, SENDERS = 50, 8
LOOK_S = 0.001
START_S, END_S = 30.0, 30.0

Seen = list[tuple[float, int]]
"""When the view was first seen at which sequence."""


def measure(server: str, kafka: str) -> Iterator[Figure]:
    """Both figures."""
    with ExitStack() as stack:
        issuer = stack.enter_context(Issuer.serving())
        url = stack.enter_context(fresh_database(server))
        settings = stack.enter_context(settings_on(url, kafka, issuer.url))
        parts = stack.enter_context(opened(settings))
        cases = [consented_case(parts) for _ in range(CASES)]
        _make_topics(parts, settings)
        port = stack.enter_context(processes(settings))
        view = stack.enter_context(View.watched(url))
        view.wait_for(_last(url), START_S)
        sent = send(port, issuer.token(settings.audience), cases)
        sequences = _sequences(url)
        view.wait_for(max(sequences.values()), END_S)
        took = [1000 * (view.reached(sequences[position]) - due) for due, position in sent[WARM_UP:]]
    yield Figure("end_to_end_p50", percentile(took, 0.50), "ms")
    yield Figure("end_to_end_p99", percentile(took, 0.99), "ms")


def send(port: int, token: str, cases: Sequence[UUID]) -> list[tuple[float, int]]:
    """Send commands by the clock; for each when it was due, and its position in the log."""
    began = time.perf_counter() + 0.2
    total = WARM_UP + MEASURED
    sent: list[tuple[float, int]] = [(0.0, 0)] * total
    failures: list[BaseException] = []

    def run(first: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        try:
            for number in range(first, total, SENDERS):
                due = began + number / PER_SECOND
                time.sleep(max(0.0, due - time.perf_counter()))
                case, turn = cases[number % len(cases)], number // len(cases)
                sent[number] = (due, _post(connection, token, case, turn))
        except BaseException as error:
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(first,)) for first in range(SENDERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    return sent


def _post(connection: http.client.HTTPConnection, token: str, case: UUID, turn: int) -> int:
    """The command's position. Where the server closed an idle connection it is sent again, as one command."""
    headers = {
        "Authorization": f"Bearer {token}",
        "Idempotency-Key": str(uuid4()),
        "Content-Type": "application/json",
    }
    body = json.dumps(level_asked(turn)).encode()
    for again in (True, False):
        try:
            connection.request("POST", f"/v1/cases/{case}/safety-level", body, headers)
            answer = connection.getresponse()
            break
        except ConnectionError:
            connection.close()
            if not again:
                raise
    told = answer.read()
    assert answer.status == http.client.CREATED, f"{answer.status} {told.decode()}"
    return int(json.loads(told)["position"])


class View:
    """Watches how far the NGO's view has come."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._stop = threading.Event()
        self._seen: Seen = []
        self._thread = threading.Thread(target=self._watch)

    @classmethod
    @contextmanager
    def watched(cls, url: str) -> "Iterator[View]":
        """Watch as long as the block runs."""
        view = cls(url)
        view._thread.start()
        try:
            yield view
        finally:
            view._stop.set()
            view._thread.join()

    def wait_for(self, sequence: int, timeout_s: float) -> None:
        """Wait until the view holds that message."""
        deadline = time.monotonic() + timeout_s
        while not self._seen or self._seen[-1][1] < sequence:
            if time.monotonic() > deadline or not self._thread.is_alive():
                raise TimeoutError(f"the view stands at {self._seen[-1:]}, not at {sequence}")
            time.sleep(0.01)

    def reached(self, sequence: int) -> float:
        """When it first held that message."""
        return next(at for at, reached in self._seen if reached >= sequence)

    def _watch(self) -> None:
        sql = "SELECT sequence FROM view_positions WHERE view = %s AND owner = %s AND living"
        at = [table_of(referrals.NAME), NGO]
        last = 0
        with psycopg.connect(self._url, autocommit=True) as connection:
            while not self._stop.wait(LOOK_S):
                row = connection.execute(sql, at, prepare=True).fetchone()
                if row is not None and row[0] > last:
                    last = row[0]
                    self._seen.append((time.perf_counter(), last))


@contextmanager
def processes(settings: Settings) -> Iterator[int]:
    """The hub's processes; the port of its API."""
    (port,) = free_ports(1)
    names = (
        "municipality",
        "unit",
        "data_dir",
        "database_url",
        "kafka_bootstrap",
        "issuer",
        "audience",
        "on_call",
    )
    environment = [f"HUB_{name.upper()}={getattr(settings, name)}" for name in names]
    commands = {"serve": ["--port", str(port)], "relay": [], "project": []}
    running: list[Daemon] = []
    try:
        for name, arguments in commands.items():
            argv = ["env", *environment, sys.executable, "-m", "hub", name, *arguments]
            running.append(Daemon(argv, settings.data_dir / f"{name}.log"))
        running[0].wait_until(lambda: _answers(port), START_S)
        yield port
    finally:
        for process in running:
            process.stop()


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == http.client.OK
    except OSError:
        return False
    finally:
        connection.close()


def _make_topics(parts: Parts, settings: Settings) -> None:
    broker = broker_of(settings)
    try:
        slugs = [row.slug for row in parts.app.store.partners()]
        broker.create_topics(parts.outgoing.topics(slugs), settings.topic_retention_days)
    finally:
        broker.close()


def _last(url: str) -> int:
    return max(_sequences(url).values())


def _sequences(url: str) -> dict[int, int]:
    """The sequence of the NGO's message by the position of the command that wrote it."""
    with psycopg.connect(url) as connection:
        rows = connection.execute("SELECT position, sequence FROM messages WHERE recipient = %s", [NGO])
        return dict(rows.fetchall())


class Issuer:
    """An OIDC issuer: its discovery document, its key, and tokens for one caseworker."""

    def __init__(self) -> None:
        self._key = Ed25519PrivateKey.generate()
        documents: dict[str, Any] = {}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(documents))
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        x = base64.urlsafe_b64encode(self._key.public_key().public_bytes_raw()).rstrip(b"=").decode()
        key = {"kty": "OKP", "crv": "Ed25519", "x": x, "kid": "one", "use": "sig", "alg": "EdDSA"}
        documents["/.well-known/openid-configuration"] = {"issuer": self.url, "jwks_uri": f"{self.url}/jwks"}
        documents["/jwks"] = {"keys": [key]}

    @classmethod
    @contextmanager
    def serving(cls) -> "Iterator[Issuer]":
        """Serve as long as the block runs."""
        issuer = cls()
        thread = threading.Thread(target=issuer._server.serve_forever)
        thread.start()
        try:
            yield issuer
        finally:
            issuer._server.shutdown()
            issuer._server.server_close()
            thread.join()

    def token(self, audience: str) -> str:
        """A token of the tovholder's, for ten minutes."""
        now = int(time.time())
        claims = {
            "iss": self.url,
            "aud": audience,
            "sub": TOVHOLDER.person,
            "name": TOVHOLDER.name,
            "org": TOVHOLDER.organisation,
            "roles": [TOVHOLDER.role],
            "iat": now,
            "exp": now + 600,
        }
        return jwt.encode(claims, self._key, algorithm="EdDSA", headers={"kid": "one"})


def _handler(documents: dict[str, Any]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps(documents[self.path]).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Say nothing: figures are what is printed."""

    return Handler
