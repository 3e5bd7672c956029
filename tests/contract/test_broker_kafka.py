"""What is Kafka's own: it can be away and come back, and it lets nobody past an ACL."""

import logging
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import closing, suppress
from typing import Any

import pytest
from kafka.admin import KafkaAdminClient

from hub.adapters.broker import kafka as kafka_module
from hub.adapters.broker.kafka import KafkaBroker, KafkaSettings
from hub.adapters.broker.kafka_admin import cut_off_partner, grant_partner
from hub.errors import Forbidden, Invalid, Unavailable
from hub.ports import Consumer, Record
from tests.support.kafka import KafkaServer, SecureKafka

PASSWORDS = {"ngo-a": "nordlys-4417", "ngo-ab": "havblik-9025"}


def receive(consumer: Consumer, count: int) -> list[bytes]:
    """Poll until `count` values are there."""
    found: list[bytes] = []
    until = time.monotonic() + 20
    while len(found) < count and time.monotonic() < until:
        found += [record.value for record in consumer.poll(count, 0.5)]
    assert len(found) == count
    return found


def test_nothing_is_connected_before_it_is_used() -> None:
    """The hub may start before its broker, and hears at once that nobody listens."""
    with closing(KafkaBroker(KafkaSettings(bootstrap="127.0.0.1:1"))) as broker:
        began = time.monotonic()
        for act in (
            lambda: broker.publish([Record("a.to.b", b"1")]),
            lambda: broker.consumer("a.to.b", "b.reader"),
            lambda: broker.create_topics(["a.to.b"], 7),
            broker.topics,
        ):
            with pytest.raises(Unavailable):
                act()
        assert time.monotonic() - began < 2


def test_a_password_is_never_printed() -> None:
    """Not by the settings, which stand in tracebacks and logs of starts."""
    settings = KafkaSettings(bootstrap="b:1", username="hub", password=PASSWORDS["ngo-a"])
    assert PASSWORDS["ngo-a"] not in f"{settings!r} {settings}"


def test_a_killed_broker_is_unavailable_and_the_same_connection_works_when_it_is_back(
    own_kafka: KafkaServer, broker_may_die: None, caplog: pytest.LogCaptureFixture
) -> None:
    """Publish, kill, fail, restart, publish: in order, the first acknowledged ones kept."""
    caplog.set_level(logging.CRITICAL, logger="kafka")
    settings = KafkaSettings(bootstrap=own_kafka.bootstrap, timeout_s=5, session_s=6)
    topic = "aarhus.to.ngo"
    with closing(KafkaBroker(settings)) as broker:
        broker.create_topics([topic], 7)
        broker.publish([Record(topic, b"1"), Record(topic, b"2")])
        with closing(broker.consumer(topic, "ngo.reader")) as consumer:
            assert receive(consumer, 2) == [b"1", b"2"]
            consumer.commit(1)
            own_kafka.kill()
            for _ in range(2):
                began = time.monotonic()
                with pytest.raises(Unavailable):
                    broker.publish([Record(topic, b"3"), Record(topic, b"4")])
                assert time.monotonic() - began < 15
            own_kafka.restart()
            broker.publish([Record(topic, b"3"), Record(topic, b"4")])
            found = receive(consumer, 2)
            assert found == [b"3", b"4"]
            consumer.commit(3)


def test_wherever_a_broker_is_killed_what_was_acknowledged_is_read_in_order(
    own_kafka: KafkaServer, broker_may_die: None, caplog: pytest.LogCaptureFixture
) -> None:
    """One sends and one reads without a pause, each again from its own position, and three times it dies."""
    caplog.set_level(logging.CRITICAL, logger="kafka")
    settings = KafkaSettings(bootstrap=own_kafka.bootstrap, timeout_s=5, session_s=6)
    topic, size = "aarhus.to.ngo", 20
    acknowledged: list[int] = []
    found: list[int] = []
    stop = threading.Event()

    def send(broker: KafkaBroker) -> None:
        while not stop.is_set():
            if len(acknowledged) > len(found) + 10 * size:
                stop.wait(0.05)
                continue
            batch = range(len(acknowledged), len(acknowledged) + size)
            with suppress(Unavailable):
                broker.publish([Record(topic, str(n).encode()) for n in batch])
                acknowledged.extend(batch)

    def read(broker: KafkaBroker) -> None:
        while not stop.is_set() or len(set(found)) < len(acknowledged):
            with suppress(Unavailable), closing(broker.consumer(topic, "ngo.reader")) as consumer:
                while not stop.is_set() or len(set(found)) < len(acknowledged):
                    records = consumer.poll(7, 0.2)
                    found.extend(int(record.value) for record in records)
                    if records:
                        consumer.commit(records[-1].offset)

    with closing(KafkaBroker(settings)) as broker, closing(KafkaBroker(settings)) as other:
        broker.create_topics([topic], 7)
        workers = [
            threading.Thread(target=send, args=(broker,)),
            threading.Thread(target=read, args=(other,)),
        ]
        for worker in workers:
            worker.start()
        try:
            for _ in range(3):
                until = time.monotonic() + 60
                sent, got = len(acknowledged) + 3 * size, len(found) + 10
                while len(acknowledged) < sent or len(found) < got:
                    assert time.monotonic() < until, "it was never used again"
                    time.sleep(0.02)
                own_kafka.kill()
                own_kafka.restart()
        finally:
            stop.set()
            for worker in workers:
                worker.join(90)
    assert not any(worker.is_alive() for worker in workers)
    first_seen = list(dict.fromkeys(found))
    assert first_seen == list(range(len(first_seen)))
    assert len(first_seen) >= len(acknowledged) >= 9 * size


def test_a_reader_whose_group_is_made_up_anew_between_two_polls_is_in_it_again(kafka: str) -> None:
    """What its topic looks like changed, as where a broker is lost; and it asks shortly, with long pauses."""
    topic = f"t-{uuid.uuid4().hex[:8]}.to.ngo"
    with closing(KafkaBroker(KafkaSettings(bootstrap=kafka))) as broker:
        broker.create_topics([topic], 7)
        broker.publish([Record(topic, b"1")])
        with closing(broker.consumer(topic, "ngo.reader")) as consumer:
            assert receive(consumer, 1) == [b"1"]
            with KafkaAdminClient(bootstrap_servers=kafka) as admin:
                admin.create_partitions({topic: 2})
            client: Any = vars(consumer)["_client"]
            client._cluster.request_update()
            for _ in range(10):
                consumer.poll(10, 0.001)
                time.sleep(0.2)
            consumer.commit(0)
            assert broker.before({topic: "ngo.reader"}) == {topic: 0}


def test_however_many_partners_there_are_what_waits_is_asked_by_one_client(
    kafka: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A monitor asks every few seconds; each client is a connection, a login and the broker's metadata."""
    made: list[object] = []

    def counted(**settings: object) -> object:
        made.append(settings)
        return KafkaAdminClient(**settings)

    monkeypatch.setattr(kafka_module, "KafkaAdminClient", counted)
    readers = {f"t-{uuid.uuid4().hex[:8]}.to.ngo-{n}": f"ngo-{n}.adapter" for n in range(30)}
    with closing(KafkaBroker(KafkaSettings(bootstrap=kafka))) as broker:
        broker.create_topics(list(readers), 7)
        made.clear()
        assert broker.before(dict(readers)) == dict.fromkeys(readers)
        assert len(made) == 1


def test_an_unknown_topic_is_unavailable(kafka: str) -> None:
    """It is never made by using it."""
    topic = f"t-{uuid.uuid4().hex[:8]}.to.nobody"
    with closing(KafkaBroker(KafkaSettings(bootstrap=kafka, timeout_s=1))) as broker:
        with pytest.raises(Unavailable):
            broker.publish([Record(topic, b"1")])
        with pytest.raises(Unavailable):
            broker.consumer(topic, "ngo.reader")
        assert topic not in broker.topics()


def test_topics_are_made_as_the_format_says(kafka: str) -> None:
    """One partition, the broker's clock, deletion after the retention."""
    from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient

    topic = f"t-{uuid.uuid4().hex[:8]}.to.ngo"
    with closing(KafkaBroker(KafkaSettings(bootstrap=kafka))) as broker:
        broker.create_topics([topic], 3)
    with KafkaAdminClient(bootstrap_servers=kafka) as admin:
        (described,) = admin.describe_topics([topic])
        configs = admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)])
    assert len(described["partitions"]) == 1
    text = str(configs)
    for value in ("LogAppendTime", str(3 * 86_400_000), "'cleanup.policy': {'value': 'delete'"):
        assert value in text


class Site:
    """A municipality with two partners on a broker with ACLs."""

    def __init__(self, server: SecureKafka) -> None:
        """Make topics, users and rights through the hub's own tools."""
        self.server = server
        self.name = f"m{uuid.uuid4().hex[:8]}"
        self.admin = self.settings(server.admin_user, server.admin_password)
        self.hub = KafkaBroker(self.admin)
        self.hub.create_topics([f"{self.name}.{way}.{who}" for way in ("to", "from") for who in PASSWORDS], 7)
        for slug, password in PASSWORDS.items():
            grant_partner(self.admin, slug, self.name, password)
        self.hub.publish([Record(self.to(slug), slug.encode()) for slug in PASSWORDS])

    def settings(self, user: str, password: str) -> KafkaSettings:
        """Give the settings of one login."""
        return KafkaSettings(
            bootstrap=self.server.bootstrap,
            ca_path=self.server.ca_path,
            username=user,
            password=password,
            timeout_s=5,
        )

    def partner(self, slug: str) -> KafkaBroker:
        """Connect as a partner."""
        return KafkaBroker(self.settings(slug, PASSWORDS[slug]))

    def to(self, slug: str) -> str:
        """Name the topic from the hub to a partner."""
        return f"{self.name}.to.{slug}"

    def from_(self, slug: str) -> str:
        """Name the topic from a partner to the hub."""
        return f"{self.name}.from.{slug}"


@pytest.fixture(scope="module")
def site(secure_kafka: SecureKafka) -> Iterator[Site]:
    """Give a municipality of this module's own."""
    site = Site(secure_kafka)
    yield site
    site.hub.close()


def test_a_partner_reads_its_own_and_writes_its_own(site: Site) -> None:
    """Its `to` with a group that begins with its name; its `from`, which the hub reads."""
    assert site.hub.features.access_control
    with closing(site.partner("ngo-a")) as partner:
        with closing(partner.consumer(site.to("ngo-a"), "ngo-a.adapter")) as consumer:
            assert receive(consumer, 1) == [b"ngo-a"]
            consumer.commit(0)
        partner.publish([Record(site.from_("ngo-a"), b"an answer")])
        assert partner.topics() == {site.to("ngo-a"), site.from_("ngo-a")}
    with closing(site.hub.consumer(site.from_("ngo-a"), "hub.receive")) as consumer:
        assert receive(consumer, 1) == [b"an answer"]


@pytest.mark.parametrize("topic", ["to.ngo-ab", "from.ngo-a", "from.ngo-ab"])
def test_a_partner_reads_nothing_else(site: Site, topic: str) -> None:
    """Not another's topic, nor what itself or another has sent."""
    site.hub.publish([Record(f"{site.name}.{topic}", b"not for ngo-a")])
    # A writer may ask where a topic begins, so its own `from` is refused at the first read only.
    with (
        closing(site.partner("ngo-a")) as partner,
        pytest.raises(Forbidden),
        closing(partner.consumer(f"{site.name}.{topic}", "ngo-a.adapter")) as consumer,
    ):
        receive(consumer, 1)


@pytest.mark.parametrize("group", ["ngo-ab.adapter", "ngo-a", "hub.receive"])
def test_a_partner_uses_no_other_group(site: Site, group: str) -> None:
    """Else it could move another's position, and the other would never see what was skipped."""
    with (
        closing(site.partner("ngo-a")) as partner,
        closing(partner.consumer(site.to("ngo-a"), group)) as consumer,
        pytest.raises(Forbidden),
    ):
        receive(consumer, 1)


@pytest.mark.parametrize("topic", ["to.ngo-a", "to.ngo-ab", "from.ngo-ab"])
def test_a_partner_writes_nowhere_else(site: Site, topic: str) -> None:
    """What stands on a `to` topic is the hub's word; what stands on a `from` topic is its partner's."""
    with closing(site.partner("ngo-a")) as partner, pytest.raises(Forbidden):
        partner.publish([Record(f"{site.name}.{topic}", b"forged")])


def test_a_partner_makes_no_topic_and_gives_no_right(site: Site) -> None:
    """Nor changes a password."""
    theirs = site.settings("ngo-a", PASSWORDS["ngo-a"])
    with closing(KafkaBroker(theirs)) as partner, pytest.raises(Forbidden):
        partner.create_topics([f"{site.name}.to.ngo-c"], 7)
    with pytest.raises((Forbidden, Unavailable)):
        grant_partner(theirs, "ngo-c", site.name, "x")
    with pytest.raises((Forbidden, Unavailable)):
        grant_partner(theirs, "ngo-ab", site.name, "x")


def test_the_hubs_own_login_is_no_partners(site: Site) -> None:
    """Whatever it is called: not given to one with a password of its own, and not taken with one."""
    name = site.server.admin_user
    with pytest.raises(Invalid, match="HUB_KAFKA_USERNAME"):
        grant_partner(site.admin, name, site.name, "another")
    with pytest.raises(Invalid, match="HUB_KAFKA_USERNAME"):
        cut_off_partner(site.admin, name)
    with closing(KafkaBroker(site.admin)) as hub:
        assert site.to("ngo-a") in hub.topics()


def test_a_partner_that_is_cut_off_gets_nothing_more(site: Site) -> None:
    """Neither over the connection that it has, nor over a new one."""
    slug = f"gone-{uuid.uuid4().hex[:6]}"
    site.hub.create_topics([site.to(slug), site.from_(slug)], 7)
    grant_partner(site.admin, slug, site.name, "first")
    settings = site.settings(slug, "first")
    with closing(KafkaBroker(settings)) as partner:
        partner.publish([Record(site.from_(slug), b"1")])
        cut_off_partner(site.admin, slug)
        with pytest.raises(Forbidden):
            partner.publish([Record(site.from_(slug), b"2")])
    with pytest.raises(Unavailable):
        KafkaBroker(settings).topics()


def test_a_record_over_the_limit_is_the_senders_fault(kafka: str) -> None:
    """Trying again would not help, so it isn't `Unavailable`."""
    with closing(KafkaBroker(KafkaSettings(bootstrap=kafka))) as broker, pytest.raises(Invalid):
        broker.publish([Record("a.to.b", bytes(1_000_001))])
