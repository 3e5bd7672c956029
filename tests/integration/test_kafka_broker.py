"""The broker itself, before any code of ours: messages go round, and nobody reads or writes past an ACL."""

import uuid
from contextlib import closing
from itertools import islice
from typing import Any

import pytest
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import (
    ACL,
    ACLOperation,
    ACLPermissionType,
    KafkaAdminClient,
    ResourcePattern,
    ResourceType,
    ScramMechanism,
    UserScramCredentialUpsertion,
)
from kafka.errors import (
    GroupAuthorizationFailedError,
    KafkaTimeoutError,
    TopicAuthorizationFailedError,
)

from tests.support.kafka import KafkaServer, SecureKafka

ONE_PARTITION = {"num_partitions": 1, "replication_factor": 1}
PASSWORDS = {"havn-a": "nordlys-4417", "havn-b": "havblik-9025"}


def test_a_message_comes_back_with_its_headers_and_the_brokers_time(kafka: str) -> None:
    """Value and headers come back byte for byte, with no key, and the time is the broker's."""
    login = {"bootstrap_servers": kafka}
    topic = f"t-{uuid.uuid4().hex}"
    with KafkaAdminClient(**login) as admin:
        admin.create_topics(
            {topic: {**ONE_PARTITION, "configs": {"message.timestamp.type": "LogAppendTime"}}}
        )

    sent = publish(login, topic, b"sealed", [("ce_id", b"1"), ("signature", b"\x00\xff")])

    (record,) = consume(login, topic, f"{topic}.reader")
    assert (record.key, record.value) == (None, b"sealed")
    assert record.headers == [("ce_id", b"1"), ("signature", b"\x00\xff")]
    assert (record.offset, record.timestamp) == (sent.offset, sent.timestamp)
    assert record.timestamp_type == 1  # LogAppendTime


def test_a_topic_is_never_made_by_using_it(kafka: str) -> None:
    """Auto-creation is off: a misspelt topic is an error, not a new place for messages."""
    topic = f"t-{uuid.uuid4().hex}"
    producer = KafkaProducer(bootstrap_servers=kafka, max_block_ms=500)
    with closing(producer), pytest.raises(KafkaTimeoutError):
        producer.send(topic, value=b"lost")
    with KafkaAdminClient(bootstrap_servers=kafka) as admin:
        assert topic not in admin.list_topics()


def test_what_was_acknowledged_survives_a_kill(own_kafka: KafkaServer) -> None:
    """A broker killed right after its ack has the message when it is back, on the same address."""
    with KafkaAdminClient(**own_kafka.login()) as admin:
        admin.create_topics({"kept": ONE_PARTITION})
    publish(own_kafka.login(), "kept", b"before", [])

    own_kafka.kill()
    own_kafka.restart()

    publish(own_kafka.login(), "kept", b"after", [])
    values = [record.value for record in consume(own_kafka.login(), "kept", "reader", count=2)]
    assert values == [b"before", b"after"]


class Partners:
    """Two partner organisations, each with rights to its own `to` and `from` topic and nothing else."""

    def __init__(self, broker: SecureKafka) -> None:
        """Make users, topics and ACLs under a municipality of their own."""
        self.broker = broker
        self.municipality = f"m{uuid.uuid4().hex[:8]}"
        with KafkaAdminClient(**broker.login()) as admin:
            for partner, password in PASSWORDS.items():
                # One at a time: the answer holds an error text per user, or None.
                change = UserScramCredentialUpsertion(partner, ScramMechanism.SCRAM_SHA_512, password)
                assert admin.alter_user_scram_credentials([change]) == {partner: None}
                admin.create_topics({self.to(partner): ONE_PARTITION, self.from_(partner): ONE_PARTITION})
                rights = [
                    allow(partner, ACLOperation.READ, ResourceType.TOPIC, self.to(partner)),
                    allow(partner, ACLOperation.READ, ResourceType.GROUP, self.group(partner)),
                    allow(partner, ACLOperation.WRITE, ResourceType.TOPIC, self.from_(partner)),
                ]
                assert not admin.create_acls(rights)["failed"]
        publish(broker.login(), self.to("havn-a"), b"sealed for a", [("ce_id", b"1")])
        publish(broker.login(), self.to("havn-b"), b"sealed for b", [("ce_id", b"2")])

    def to(self, partner: str) -> str:
        """The topic from the hub to *partner*."""
        return f"{self.municipality}.to.{partner}"

    def from_(self, partner: str) -> str:
        """The topic from *partner* to the hub."""
        return f"{self.municipality}.from.{partner}"

    def group(self, partner: str) -> str:
        """The consumer group that *partner* reads with."""
        return f"{self.municipality}.{partner}"

    def login(self, partner: str) -> dict[str, Any]:
        """The partner's own login."""
        return self.broker.login(partner, PASSWORDS[partner])


@pytest.fixture(scope="module")
def partners(secure_kafka: SecureKafka) -> Partners:
    """Give two partners on the broker with ACLs."""
    return Partners(secure_kafka)


def test_a_partner_reads_its_own_topic_with_its_own_group(partners: Partners) -> None:
    """The way it is meant to be."""
    (record,) = consume(partners.login("havn-a"), partners.to("havn-a"), partners.group("havn-a"))
    assert record.value == b"sealed for a"


def test_a_partner_writes_its_own_from_topic_and_the_hub_reads_it(partners: Partners) -> None:
    """The way back."""
    publish(partners.login("havn-a"), partners.from_("havn-a"), b"an answer", [])
    (record,) = consume(partners.broker.login(), partners.from_("havn-a"), f"{partners.municipality}.hub")
    assert record.value == b"an answer"


def test_a_partner_cannot_read_anothers_topic(partners: Partners) -> None:
    """Neither with its own group nor without one."""
    with pytest.raises(TopicAuthorizationFailedError):
        consume(partners.login("havn-a"), partners.to("havn-b"), partners.group("havn-a"))
    with pytest.raises(TopicAuthorizationFailedError):
        consume(partners.login("havn-a"), partners.to("havn-b"), None)


def test_a_partner_cannot_read_what_it_writes(partners: Partners) -> None:
    """WRITE is not READ: a stolen login does not show what the partner has reported."""
    with pytest.raises(TopicAuthorizationFailedError):
        consume(partners.login("havn-a"), partners.from_("havn-a"), partners.group("havn-a"))


def test_a_partner_cannot_join_anothers_group(partners: Partners) -> None:
    """Else it could move the other's position, and the other would never see what was skipped."""
    with pytest.raises(GroupAuthorizationFailedError):
        consume(partners.login("havn-a"), partners.to("havn-a"), partners.group("havn-b"))


@pytest.mark.parametrize("topic_of", ["havn-a", "havn-b"])
def test_a_partner_cannot_write_to_a_topic_that_the_hub_speaks_on(partners: Partners, topic_of: str) -> None:
    """Not even its own: what stands there is the hub's word."""
    with pytest.raises(TopicAuthorizationFailedError):
        publish(partners.login("havn-a"), partners.to(topic_of), b"forged", [])


def test_a_partner_cannot_create_a_topic(partners: Partners) -> None:
    """Topics are the hub's to make."""
    topic = partners.to("ngo-c")
    with KafkaAdminClient(**partners.login("havn-a")) as admin, pytest.raises(TopicAuthorizationFailedError):
        admin.create_topics({topic: ONE_PARTITION})


def test_a_partner_does_not_see_that_others_are_there(partners: Partners) -> None:
    """The list of topics is the list of partners, and holds its own alone."""
    with KafkaAdminClient(**partners.login("havn-a")) as admin:
        assert set(admin.list_topics()) == {partners.to("havn-a"), partners.from_("havn-a")}


def test_a_wrong_password_is_refused(partners: Partners) -> None:
    """The broker refuses at once; kafka-python takes it for a broken line and tries until its time is up."""
    login = partners.broker.login("havn-a", PASSWORDS["havn-b"])
    with pytest.raises(KafkaTimeoutError):
        KafkaAdminClient(**login, bootstrap_timeout_ms=1_000)
    assert "Authentication failed during authentication due to invalid credentials" in partners.broker.log


def allow(partner: str, operation: Any, kind: Any, name: str) -> Any:
    """Build the ACL that lets *partner* do *operation* on exactly *name*."""
    return ACL(f"User:{partner}", "*", operation, ACLPermissionType.ALLOW, ResourcePattern(kind, name))


def publish(login: dict[str, Any], topic: str, value: bytes, headers: list[tuple[str, bytes]]) -> Any:
    """Send one message and wait for the broker's ack."""
    with closing(KafkaProducer(**login, max_block_ms=10_000)) as producer:
        return producer.send(topic, value=value, headers=headers).get(timeout=10)


def consume(login: dict[str, Any], topic: str, group: str | None, count: int = 1) -> list[Any]:
    """Read *count* messages from the start of the one partition, with *group* or without any."""
    settings = {"auto_offset_reset": "earliest", "enable_auto_commit": False, "consumer_timeout_ms": 10_000}
    with closing(KafkaConsumer(**login, group_id=group, **settings)) as consumer:
        # Asked outright, because a kafka-python consumer that may not read a topic says nothing and waits.
        consumer.beginning_offsets([TopicPartition(topic, 0)])
        consumer.subscribe([topic])
        return list(islice(consumer, count))
