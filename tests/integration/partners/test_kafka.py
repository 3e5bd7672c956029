"""The same adapters over Apache Kafka: their own topics to read and write, keys asked for over HTTP."""

from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import KafkaAdminClient

from contracts.client.keys import PublicKeys
from contracts.envelope import from_headers, to_headers
from contracts.inbound_v1 import PurgeAnswer, ReferralAnswer
from contracts.message_v1 import Revoked
from contracts.terms import Category, OrganisationKind, ReferralStatus
from hub.adapters.partners.ngo.adapter import Ngo
from hub.adapters.partners.outbox import State
from hub.adapters.partners.reporter import Reporter
from tests.integration.partners.conftest import Partner
from tests.integration.partners.hub import MUNICIPALITY, SimulatedHub, part
from tests.support.social_reports import REPORTS

REPORT = REPORTS["01-politi-natlig-vold-i-hjemmet"]


class Topics:
    """The hub's end of one partner's two topics."""

    def __init__(self, bootstrap: str, hub: SimulatedHub) -> None:
        """Make both topics."""
        self._hub = hub
        self._to, self._from = (f"{MUNICIPALITY}.{way}.{hub.slug}" for way in ("to", "from"))
        with KafkaAdminClient(bootstrap_servers=bootstrap) as admin:
            shape = {"num_partitions": 1, "replication_factor": 1}
            admin.create_topics({self._to: shape, self._from: shape}, wait_for_metadata=True)
        self._producer = KafkaProducer(bootstrap_servers=bootstrap, acks="all", enable_idempotence=True)
        self._consumer = KafkaConsumer(bootstrap_servers=bootstrap, group_id=None)
        self._consumer.assign([TopicPartition(self._from, 0)])
        self._consumer.seek_to_beginning()
        self._told = 0

    def relay(self) -> None:
        """Publish what the hub told since."""
        for envelope in self._hub.topic[self._told :]:
            headers = list(to_headers(envelope))
            self._producer.send(self._to, value=envelope.value, headers=headers, partition=0).get(timeout=20)
        self._told = len(self._hub.topic)

    def take_in(self) -> None:
        """Take in what the partner wrote."""
        for records in self._consumer.poll(timeout_ms=500).values():
            for record in records:
                envelope = from_headers(record.headers, record.value)
                keys: PublicKeys = self._hub.partner
                message = self._hub.identity.receive(MUNICIPALITY, self._hub.slug, envelope, keys)
                self._hub.inbound.setdefault(envelope.message_id, message)

    def close(self) -> None:
        """Let go of the broker."""
        self._producer.close()
        self._consumer.close()


@pytest.fixture
def topics(kafka: str, hub: SimulatedHub) -> Iterator[Topics]:
    """Give topics of this test's own partner, for the broker is shared."""
    hub.slug = f"partner-{uuid4().hex[:8]}"
    made = Topics(kafka, hub)
    yield made
    made.close()


def over_kafka(kafka: str, hub: SimulatedHub) -> dict[str, Any]:
    """The settings that choose the profile."""
    return {"slug": hub.slug, "profile": "kafka", "kafka": {"bootstrap": kafka}}


def until(step: Callable[[], object], true: Callable[[], bool]) -> None:
    """Step until it is so; a reader first joins its group."""
    for _ in range(60):
        step()
        if true():
            return
    pytest.fail("it never came")


def test_a_report_is_delivered_when_its_receipt_came(
    kafka: str, topics: Topics, hub: SimulatedHub, partner: Partner
) -> None:
    """On the topic is not yet delivered."""
    reporter = Reporter.of(partner.configure(hub, **over_kafka(kafka, hub)), OrganisationKind.POLICE)
    reporter.submit(REPORT)
    assert reporter.deliver() == 0
    assert reporter.one(REPORT.report_id).state is State.NOT_YET_DELIVERED
    until(topics.take_in, lambda: REPORT.report_id in hub.inbound)
    assert hub.inbound[REPORT.report_id].body["reference"] == REPORT.reference
    assert hub.posts == {}
    hub.tell_receipt(REPORT.report_id)
    topics.relay()
    until(reporter.step, lambda: reporter.one(REPORT.report_id).state is State.DELIVERED)
    assert not reporter.one(REPORT.report_id).held
    reporter.close()


def test_a_referral_is_read_answered_and_purged(
    kafka: str, topics: Topics, hub: SimulatedHub, partner: Partner
) -> None:
    """What the HTTP profile does, by the same handler; a reader that starts again goes on where it was."""
    settings = partner.configure(hub, **over_kafka(kafka, hub))
    referral, thread = uuid4(), uuid4()
    message = hub.tell(part(Category.IDENTITY, "KANARIE"), thread=thread, referral=referral)
    topics.relay()
    ngo = Ngo.of(settings)
    until(ngo.receive, lambda: bool(ngo.inbox()))
    opened = ngo.open_message(message, person="li-7", name="Anne Prøve", purpose="referral")
    assert opened.parts[0].data == {"text": "KANARIE"}
    ngo.answer(referral, ReferralStatus.ACCEPTED, person="li-7", name="Anne Prøve")
    ngo.send()
    ngo.close()
    hub.control(Revoked(thread=thread, messages=(message,)))
    topics.relay()
    again = Ngo.of(settings)
    until(again.receive, lambda: not again.messages())
    again.close()
    until(topics.take_in, lambda: len(hub.inbound) == 2)
    assert [type(one) for one in hub.answers()] == [ReferralAnswer, PurgeAnswer]
