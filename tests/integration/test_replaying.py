"""`hub replay --dead-letter`: what can be used now is taken in, once; what can't stays where it lies."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from uuid import uuid4

import pytest

from contracts.client.keys import Identity
from contracts.envelope import to_headers
from contracts.inbound_v1 import Inbound
from hub.adapters.broker.embedded import EmbeddedBroker
from hub.adapters.broker.kafka import KafkaBroker, KafkaSettings
from hub.aggregates.citizen_case.events import ReportReceived
from hub.operating.replaying import TakenAgain, replay
from hub.ports import Broker, Record
from hub.topics.dead_letters import DeadLetters
from hub.topics.receiving import Receiver
from tests.support.social_reports import example
from tests.world import MUNICIPALITY, POLICE, UNIT, World


@pytest.fixture(params=["embedded", "kafka"])
def broker(request: pytest.FixtureRequest, tmp_path: Path, world: World) -> Iterator[Broker]:
    """Give each broker with the topics of a municipality that is this test's alone."""
    made: Broker = EmbeddedBroker(tmp_path / "broker.db")
    if request.param == "kafka":
        made.close()
        made = KafkaBroker(KafkaSettings(bootstrap=request.getfixturevalue("kafka"), session_s=6.0))
        named = world.parts.settings.model_copy(update={"municipality": f"by-{uuid4().hex[:8]}"})
        object.__setattr__(world.parts, "settings", named)
    town = world.parts.settings.municipality
    with closing(made):
        made.create_topics([f"{town}.from.{POLICE}", f"{town}.to.{UNIT}", f"{town}.dead"], 7)
        yield made


def hand_over(world: World, broker: Broker, identity: Identity) -> None:
    """A report by the police's topic, and the receiver's try at it."""
    town = world.parts.settings.municipality
    message = Inbound.report({**example(), "report_id": str(uuid4())})
    sent = identity.send(MUNICIPALITY, POLICE, uuid4(), message, world.parts.identity.public)
    broker.publish([Record(f"{town}.from.{POLICE}", sent.value, to_headers(sent))])
    inbound = world.parts.inbound
    with closing(Receiver(broker=broker, inbound=inbound, municipality=town, partner=POLICE)) as receiver:
        while not receiver.step(1, 1.0):
            continue


def test_what_can_be_used_now_is_taken_in_once(world: World, broker: Broker) -> None:
    """A suspended partner that is let in again; a forgery stays one; what is not from a partner is left."""
    world.suspend(POLICE)
    hand_over(world, broker, world.identities[POLICE])
    hand_over(world, broker, Identity.new())
    town = world.parts.settings.municipality
    DeadLetters(broker, town).bury(Record(f"{town}.to.{UNIT}", b"sealed"), "unreadable")
    assert world.facts(ReportReceived) == []
    assert replay(world.parts, broker) == TakenAgain(taken=0, unusable=2, other=1)

    world.resume(POLICE)
    assert replay(world.parts, broker) == TakenAgain(taken=1, unusable=1, other=1)
    assert len(world.facts(ReportReceived)) == 1
    assert broker.held(f"{town}.dead") == 3

    assert replay(world.parts, broker) == TakenAgain(taken=1, unusable=1, other=1)
    assert len(world.facts(ReportReceived)) == 1
