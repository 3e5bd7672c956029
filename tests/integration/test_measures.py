"""What a monitor is told: counts and times by closed words, and nothing of anybody."""

import socket
import urllib.request
from contextlib import closing
from pathlib import Path
from uuid import UUID

import pytest
from fastapi.testclient import TestClient
from prometheus_client import generate_latest

from contracts.terms import SafetyLevel
from hub.adapters.broker.embedded import EmbeddedBroker
from hub.adapters.http.access import Role
from hub.errors import Unavailable
from hub.measures import Measures
from hub.operating.condition import Condition
from hub.operating.serving import app_of
from hub.operating.working import Worker, Workers
from tests.support.api import Api, clock_now
from tests.support.provision import free_ports
from tests.world import TOVHOLDER, UNIT, World


def told(measures: Measures) -> dict[str, float]:
    """Every line: name with labels, and value."""
    lines = generate_latest(measures.registry).decode().splitlines()
    pairs = (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    return {name: float(value) for name, value in pairs}


def test_requests_are_counted_by_route_and_never_by_path(tmp_path: Path) -> None:
    """Of a case's id, a wrong path or a made-up method nothing is kept."""
    with closing(World.built(tmp_path / "hub", clock=clock_now())) as world:
        measures, api = world.parts.measures, Api(world)
        api.client = TestClient(app_of(world.parts, api.issuer))
        case: UUID = world.open_case()
        tove = api.login(TOVHOLDER.person, UNIT, Role.TOVHOLDER)
        for level in (SafetyLevel.HIGH, SafetyLevel.ACUTE, SafetyLevel.ACUTE):
            tove.post(f"/v1/cases/{case}/safety-level", {"level": level, "reason": "Truslerne tager til"})
        api.client.get(f"/v1/cases/{case}/Maja")
        api.client.request("MAJA", "/healthz")
    found = told(measures)
    route = 'method="POST",route="/v1/cases/{case_id}/safety-level"'
    assert found[f'hub_requests_total{{{route},status="201"}}'] == 2
    assert found[f'hub_requests_total{{{route},status="409"}}'] == 1
    assert found[f"hub_request_seconds_count{{{route}}}"] == 3
    everything = " ".join(found)
    assert str(case) not in everything
    assert "maja" not in everything.lower()


def test_workers_are_counted_by_name() -> None:
    """What they dealt with, and what failed."""
    measures, steps = Measures(), iter([3, 2])

    def step() -> int:
        try:
            return next(steps)
        except StopIteration:
            raise Unavailable("away") from None

    workers = Workers([Worker("relay", step)], measures=measures)
    workers.start()
    while told(measures).get('hub_worker_failures_total{worker="relay"}', 0) < 1:
        pass
    workers.stop()
    assert told(measures)['hub_handled_total{worker="relay"}'] == 5


def test_what_waits_where_is_told_at_each_question(world: World, tmp_path: Path) -> None:
    """As `hub status` tells it; while the broker is away, nothing is made up."""
    measures = Measures()
    broker = EmbeddedBroker(tmp_path / "broker.db")
    broker.create_topics(world.parts.outgoing.topics([r.slug for r in world.parts.app.store.partners()]), 7)
    measures.watch(Condition(world.parts, broker).all)
    before = told(measures)['hub_waiting{where="outbox"}']
    world.open_case()
    assert told(measures)['hub_waiting{where="outbox"}'] > before
    assert 'hub_waiting{where="dead letters"}' in told(measures)
    broker.close()
    assert 'hub_waiting{where="dead letters"}' not in told(measures)


def test_a_monitor_asks_on_a_port_of_its_own() -> None:
    """Over HTTP, as long as the process lives."""
    measures = Measures()
    measures.handled("relay", 7)
    (port,) = free_ports(1)
    stop = measures.serve(port)
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
            assert b'hub_handled_total{worker="relay"} 7.0' in answer.read()
    finally:
        stop()
    with pytest.raises(OSError):  # noqa: PT011 (whatever the system calls a port where nobody listens)
        urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5)


def test_a_port_that_is_taken_is_named_by_its_setting() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(Unavailable, match="HUB_METRICS_PORT"):
            Measures().serve(taken.getsockname()[1])


def test_keys_that_are_destroyed_are_told_by_the_fence(world: World) -> None:
    """Those of grants that ended as well, whichever process ended them. Without a fence, nothing."""
    case = world.open_case()
    consent = world.consent(case)
    before = told(world.parts.measures)["hub_keys_destroyed"]
    world.withdraw(case, consent)
    assert told(world.parts.measures)["hub_keys_destroyed"] > before
    world.parts.settings.fence_path.unlink()
    assert "hub_keys_destroyed" not in told(world.parts.measures)
