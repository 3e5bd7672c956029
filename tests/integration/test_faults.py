"""The database or the broker is away: nothing is half done, and reports come through."""

import logging
import time
from contextlib import closing
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from contracts.terms import Category
from hub.adapters.broker.kafka import KafkaBroker, KafkaSettings
from hub.adapters.http.access import Role
from hub.errors import Unavailable
from hub.operating.working import Workers, relay_of
from tests.support.api import Api, Caller, clock_now, slug_of
from tests.support.kafka import KafkaServer
from tests.support.postgres import PostgresServer
from tests.support.social_reports import example
from tests.world import NGO, POLICE, TOVHOLDER, UNIT, World

PATIENCE_S = 60.0


def commands(api: Api, case: object) -> dict[str, tuple[Caller, str, Any]]:
    """One of each kind of what is sent in."""
    mette = api.login(TOVHOLDER.person, UNIT, Role.TOVHOLDER)
    police = api.login(POLICE, POLICE, Role.REPORTER, Role.PARTNER_SYSTEM)
    ngo = api.login(NGO, NGO, Role.PARTNER_SYSTEM)
    report = {**example(), "report_id": str(uuid4())}
    now = api.world.clock()
    consent = {
        "recipients": [NGO],
        "categories": [Category.INCIDENT],
        "purpose": "rådgivning",
        "form": "oral",
        "given_at": now.isoformat(),
        "ends_at": now.replace(year=now.year + 1).isoformat(),
    }
    level = {"level": "high", "reason": "truslerne tager til"}
    return {
        "a report": (police, "/v1/social-reports", report),
        "a consent": (mette, f"/v1/cases/{case}/consents", consent),
        "a safety level": (mette, f"/v1/cases/{case}/safety-level", level),
        "a question for keys": (ngo, "/v1/messages/head-keys", {"messages": [str(uuid4())]}),
    }


def test_with_the_database_down_nothing_is_half_done(tmp_path: Path, own_postgres: PostgresServer) -> None:
    """503 for each, under a key that is good when it is back; nothing of it stands meanwhile."""
    with closing(World.built(tmp_path / "hub", own_postgres.url, clock=clock_now())) as world:
        api, case = Api(world), world.open_case()
        asked = commands(api, case)
        keys = {what: {"Idempotency-Key": str(uuid4())} for what in asked}
        before = state(world)
        own_postgres.kill()
        for what, (who, path, body) in asked.items():
            for _ in range(2):
                answer = who.post(path, body, headers=keys[what])
                assert (answer.status_code, slug_of(answer)) == (503, "unavailable"), (what, answer.text)
                assert "Maja" not in answer.text
                assert "postgres" not in answer.text
        read = api.login("inge", UNIT, Role.CASEWORKER).get("/v1/inbox")
        assert (read.status_code, slug_of(read)) == (503, "unavailable")
        own_postgres.restart()
        until(lambda: state(world) == before)
        for what, (who, path, body) in asked.items():
            answer = who.post(path, body, headers=keys[what])
            assert answer.is_success, (what, answer.text)
            again = who.post(path, body, headers=keys[what])
            assert again.json() == answer.json(), what


def state(world: World) -> object:
    """What stands; None while nobody answers."""
    try:
        return world.parts.app.recorder.max_notification_id(), len(world.stored(UNIT)), len(world.stored(NGO))
    except Exception:
        return None


def test_with_the_broker_down_reports_are_accepted_and_delivered_later(
    tmp_path: Path, own_kafka: KafkaServer, broker_may_die: None, caplog: pytest.LogCaptureFixture
) -> None:
    """The answer is the receipt; the relay sends when there is somebody to send to, and in order."""
    caplog.set_level(logging.CRITICAL)
    settings = KafkaSettings(bootstrap=own_kafka.bootstrap, timeout_s=5, session_s=6)
    with (
        closing(World.built(tmp_path / "hub", clock=clock_now())) as world,
        closing(KafkaBroker(settings)) as broker,
    ):
        topic = world.parts.outgoing.topic(UNIT)
        broker.create_topics(world.parts.outgoing.topics([UNIT, POLICE, NGO]), 7)
        workers = Workers([relay_of(world.parts, broker)])
        workers.start()
        try:
            police = Api(world).login(POLICE, POLICE, Role.REPORTER, Role.PARTNER_SYSTEM)
            own_kafka.kill()
            numbers = []
            for _ in range(3):
                answer = police.post("/v1/social-reports", {**example(), "report_id": str(uuid4())})
                assert answer.status_code == 202, answer.text
                assert answer.json()["read_by_a_person"] is False
                numbers.append(answer.json()["number"])
            assert len(set(numbers)) == 3
            with pytest.raises(Unavailable):
                broker.consumer(topic, f"{UNIT}.test")
            own_kafka.restart()
            with closing(broker.consumer(topic, f"{UNIT}.test")) as consumer:
                wanted = [m.sealed for m in world.stored(UNIT)]
                found: list[bytes] = []
                end = time.monotonic() + PATIENCE_S
                while len(found) < len(wanted) and time.monotonic() < end:
                    found += [record.value for record in consumer.poll(50, 0.5)]
            assert list(dict.fromkeys(found)) == wanted
        finally:
            workers.stop()


def until(happened: Any) -> None:
    """Wait for what is not ours to hurry."""
    end = time.monotonic() + PATIENCE_S
    while not happened():
        assert time.monotonic() < end
        time.sleep(0.1)
