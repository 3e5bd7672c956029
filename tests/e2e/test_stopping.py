"""SIGTERM to each process with its hands full: what is under way is finished, and the rest waits.

Real processes; what they left behind is judged by the store and the topics themselves.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from uuid import uuid4

import httpx2
import pytest

from contracts.envelope import from_headers, to_headers
from contracts.inbound_v1 import Inbound
from contracts.terms import OrganisationKind
from hub.adapters.http.access import Role
from hub.aggregates.base import Actor
from hub.aggregates.citizen_case.events import ReportReceived
from hub.bootstrap import broker_of, build, initialise
from hub.operating.process import STOP_WITHIN_S
from hub.ports import Record
from hub.projections import intake
from hub.settings import Settings
from tests.support.api import clock_now
from tests.support.issuer import Issuer
from tests.support.postgres import PostgresServer
from tests.support.provision import ROOT, free_ports
from tests.support.social_reports import example
from tests.world import ON_CALL, POLICE, UNIT, World

REPORTS = 300
"""More than a process takes at a time."""
PATIENCE_S = 90.0
Condition = Callable[[], bool]


def until(holds: Condition) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline, "waited too long for another program"
        time.sleep(0.005)


class Town:
    """A hub in processes of its own; the test looks at store and broker beside them."""

    def __init__(self, settings: Settings) -> None:
        initialise(settings)
        self.settings = settings
        self.parts, self.broker = build(settings), broker_of(settings)
        self.world = World(self.parts, {}, clock_now())
        self.world.register(POLICE, OrganisationKind.POLICE, [])
        self.broker.create_topics(self.parts.outgoing.topics([UNIT, POLICE]), 7)
        given = {f"HUB_{n.upper()}": str(v) for n, v in settings.model_dump(exclude_none=True).items()}
        others = {name: value for name, value in os.environ.items() if not name.startswith("HUB_")}
        self._environment = {**others, **given, "HUB_KAFKA_PASSWORD": ""}

    @contextmanager
    def running(self, *arguments: str) -> Iterator["subprocess.Popen[str]"]:
        """Run a command of the hub; killed at the end if it still runs."""
        process = subprocess.Popen(
            [sys.executable, "-m", "hub", *arguments],
            cwd=ROOT,
            env=self._environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            yield process
        finally:
            process.kill()
            process.communicate()

    def stopped_once(self, command: str, begun: Condition) -> None:
        """Run a process until it has begun, and end it: at once, with status 0, and without a complaint."""
        with self.running(command) as process:
            until(begun)
            assert ended(process)[0] == 0

    def run_until(self, command: str, done: Condition) -> None:
        with self.running(command) as process:
            until(done)
            assert ended(process)[0] == 0

    def publish(self, count: int) -> None:
        """Reports of the police on their topic."""
        hub, identity = self.parts.identity.public, self.world.identities[POLICE]
        town, records = self.settings.municipality, []
        for _ in range(count):
            message = Inbound.report({**example(), "report_id": str(uuid4())})
            sent = identity.send(town, POLICE, uuid4(), message, hub)
            records.append(Record(f"{town}.from.{POLICE}", sent.value, to_headers(sent)))
        self.broker.publish(records)

    def waiting(self) -> int:
        """How many reports the receiver has before it."""
        town = self.settings.municipality
        topic = f"{town}.from.{POLICE}"
        before = self.broker.before({topic: f"hub.receive.{POLICE}"})[topic]
        return REPORTS if before is None else before

    def taken(self) -> int:
        return len(self.world.facts(ReportReceived))

    def sent(self, recipient: str) -> int:
        return self.broker.held(self.parts.outgoing.topic(recipient))

    def numbers(self, recipient: str) -> list[int]:
        """The numbers on a recipient's topic, as they lie there."""
        found: list[int] = []
        wanted = self.sent(recipient)
        with closing(self.broker.consumer(self.parts.outgoing.topic(recipient), f"look.{uuid4()}")) as reader:
            while len(found) < wanted:
                found += [from_headers(one.headers, one.value).number[1] for one in reader.poll(500, 1.0)]
        return found

    def shown(self) -> int:
        """How many reports wait in the unit's inbox."""
        rows = list(self.parts.views[intake.NAME].rows(UNIT))
        assert len({row.message_id for row in rows}) == len(rows)
        return len({row.clear.get("report") for row in rows} - {None})

    def close(self) -> None:
        self.parts.close()
        self.broker.close()


def ended(process: "subprocess.Popen[str]", within_s: float = STOP_WITHIN_S) -> tuple[int, str]:
    """Its status and its log, once it was told to end."""
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=within_s)
    assert "Traceback" not in err
    return process.returncode, err


@pytest.fixture(params=["sqlite and embedded", "postgresql and kafka"])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    """Give the settings of each stack."""
    on_servers = request.param == "postgresql and kafka"
    return Settings(
        data_dir=tmp_path / "hub",
        on_call=ON_CALL,
        municipality=f"by-{uuid4().hex[:10]}",
        unit=UNIT,
        database_url=request.getfixturevalue("database_url") if on_servers else "",
        kafka_bootstrap=request.getfixturevalue("kafka") if on_servers else "",
    )


def test_each_worker_finishes_what_is_under_way_and_the_next_goes_on(settings: Settings) -> None:
    """Nothing is half done, nothing lost, nothing twice."""
    with closing(Town(settings)) as town:
        town.publish(REPORTS)
        town.stopped_once("receive", lambda: town.taken() > 0)
        taken = town.taken()
        assert 0 < taken < REPORTS
        assert town.waiting() == REPORTS - taken, "what was taken in is committed to the last message"
        town.run_until("receive", lambda: town.waiting() == 0)
        assert town.taken() == REPORTS

        town.stopped_once("relay", lambda: town.sent(UNIT) > 0)
        assert 0 < town.sent(UNIT) < REPORTS
        stored = {slug: [m.sequence for m in town.world.stored(slug)] for slug in (UNIT, POLICE)}
        town.run_until("relay", lambda: all(town.sent(s) == len(n) for s, n in stored.items()))
        assert {slug: town.numbers(slug) for slug in stored} == stored, "each once, in order"

        town.stopped_once("project", lambda: town.shown() > 0)
        # All of them are one step of its own, if they have come by then: it is whole, or it is not done.
        if town.shown() < REPORTS:
            town.run_until("project", lambda: town.shown() == REPORTS)
        assert town.shown() == REPORTS


@pytest.mark.parametrize("workers", [1, 2])
def test_serve_answers_the_request_under_way(tmp_path: Path, database_url: str, workers: int) -> None:
    """Half of a report has come when it is told to end: the rest is waited for, taken in and answered."""
    with Issuer.serving("tvaers-hub") as issuer:
        issuer.add(Actor(POLICE, "Politiet", "", POLICE), Role.REPORTER)
        settings = Settings(
            data_dir=tmp_path / "hub",
            on_call=ON_CALL,
            unit=UNIT,
            issuer=issuer.url,
            database_url=database_url,
            serve_workers=workers,
        )
        (port,) = free_ports(1)
        body = json.dumps({**example(), "report_id": str(uuid4())}).encode()
        head = (
            f"POST /v1/social-reports HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {issuer.token(POLICE)}\r\n"
            f"Idempotency-Key: under-way\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        with closing(Town(settings)) as town, town.running("serve", "--port", str(port)) as process:
            until(lambda: answers(port))
            with socket.create_connection(("127.0.0.1", port)) as line:
                line.sendall(head.encode() + body[: len(body) // 2])
                time.sleep(0.5)
                process.send_signal(signal.SIGTERM)
                until(lambda: not answers(port))
                line.sendall(body[len(body) // 2 :])
                answer = line.recv(65_536)
            _, err = process.communicate(timeout=STOP_WITHIN_S)
            assert answer.startswith(b"HTTP/1.1 202"), answer
            assert (process.returncode, town.taken()) == (0, 1)
            assert "Traceback" not in err


def answers(port: int) -> bool:
    try:
        return httpx2.get(f"http://127.0.0.1:{port}/healthz").status_code == 200
    except httpx2.TransportError:
        return False


def test_a_database_that_hangs_keeps_no_process_that_is_to_end(
    tmp_path: Path, own_postgres: PostgresServer
) -> None:
    """It is left as after a crash, and says so."""
    settings = Settings(data_dir=tmp_path / "hub", on_call=ON_CALL, unit=UNIT, database_url=own_postgres.url)
    (port,) = free_ports(1)
    with Issuer.serving("tvaers-hub") as issuer:
        settings = settings.model_copy(update={"issuer": issuer.url})
        with (
            closing(Town(settings)) as town,
            town.running("serve", "--port", str(port)) as serve,
            town.running("receive") as receive,
        ):
            until(lambda: answers(port))
            town.publish(1)
            until(lambda: town.taken() == 1)
            with hanging(own_postgres), socket.create_connection(("127.0.0.1", port)) as line:
                line.sendall(b"GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n")
                time.sleep(1.0)
                begun = time.monotonic()
                for process in (serve, receive):
                    process.send_signal(signal.SIGTERM)
                for process in (serve, receive):
                    _, err = process.communicate(timeout=STOP_WITHIN_S + 5)
                    assert process.returncode == 1
                    last = json.loads(err.splitlines()[-1])
                    assert last["event"].startswith("what was under way did not end in time")
            assert time.monotonic() - begun >= STOP_WITHIN_S


@contextmanager
def hanging(server: PostgresServer) -> Iterator[None]:
    """Its processes stand still: what is asked is never answered, and no connection breaks."""
    children = Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text().split()
    stopped = [server.pid, *map(int, children)]
    for pid in stopped:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in stopped:
            os.kill(pid, signal.SIGCONT)
