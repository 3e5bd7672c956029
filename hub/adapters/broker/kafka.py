"""Apache Kafka as the broker, through kafka-python.

What acknowledged means: every in-sync replica has it (`acks=all`), written once by an idempotent producer.
One record that fails closes the producer, for after that nobody knows what is still under way; the caller
sends again from its own position, and readers drop repeats by number.
"""

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final

from kafka import OffsetAndMetadata, TopicPartition
from kafka.admin import KafkaAdminClient, OffsetSpec
from kafka.errors import (
    AuthorizationError,
    CoordinatorLoadInProgressError,
    CoordinatorNotAvailableError,
    KafkaError,
    MessageSizeTooLargeError,
    NotCoordinatorError,
    UnknownTopicOrPartitionError,
)

from contracts.client.kafka_login import PARTITION, KafkaLogin, ms
from hub.errors import Forbidden, Invalid, NoTopic, Unavailable
from hub.ports import Consumer, Features, Record

VALUE_BYTES_MAX: Final = 1_000_000
"""A little under `max.message.bytes` as Kafka sets it, for headers and framing."""
_LEAVE_S: Final = 3.0
"""How long a group is waited for when it is left; after that it finds out by itself."""
_COORDINATOR_S: Final = 0.1
_DAY_MS: Final = 86_400_000
_DURABLE_REPLICAS: Final = 3


@dataclass(frozen=True, slots=True)
class KafkaSettings(KafkaLogin):
    """The hub's own login."""

    replication_factor: int = 1

    def admin(self) -> Any:
        """A client for topics, users and rights; use it in `with`."""
        self.reachable()
        return KafkaAdminClient(**self.settings(), request_timeout_ms=ms(self.timeout_s))


class KafkaBroker:
    """The `Broker` port on Apache Kafka. Nothing is connected before it is used, so it can start first."""

    banner = "Apache Kafka"

    def __init__(self, settings: KafkaSettings) -> None:
        """Keep the settings."""
        self._settings = settings
        self._lock = threading.Lock()
        self._producer: Any = None
        self.features = Features(
            access_control=settings.username is not None,
            many_consumers_per_group=True,
            survives_node_loss=settings.replication_factor >= _DURABLE_REPLICAS,
        )

    def create_topics(self, topics: Sequence[str], retention_days: int) -> None:
        """Create those that do not exist: one partition, the broker's clock, deletion after the retention."""
        configs = {
            "message.timestamp.type": "LogAppendTime",
            "cleanup.policy": "delete",
            "retention.ms": str(retention_days * _DAY_MS),
        }
        replicas = self._settings.replication_factor
        if replicas >= _DURABLE_REPLICAS:
            configs["min.insync.replicas"] = "2"
        shape = {"num_partitions": 1, "replication_factor": replicas, "configs": configs}
        with told(), self._settings.admin() as admin:
            if missing := sorted(set(topics) - set(admin.list_topics())):
                admin.create_topics(dict.fromkeys(missing, shape), wait_for_metadata=True)

    def topics(self) -> set[str]:
        """The topics that this login may see."""
        with told(), self._settings.admin() as admin:
            return set(admin.list_topics())

    def publish(self, records: Sequence[Record]) -> None:
        """Send all without waiting, then wait for every ack."""
        for record in records:
            if len(record.value) > VALUE_BYTES_MAX:
                raise Invalid(f"a record holds at most {VALUE_BYTES_MAX} bytes", field="value")
        with self._lock, told():
            if self._producer is None:
                self._producer = self._settings.producer()
            try:
                sent = [
                    self._producer.send(
                        record.topic, value=record.value, headers=list(record.headers), partition=PARTITION
                    )
                    for record in records
                ]
                for future in sent:
                    future.get(timeout=self._settings.timeout_s + 1)
            except BaseException:
                self._drop_producer()
                raise

    def consumer(self, topic: str, group: str) -> Consumer:
        """A reader; while another reader of the group lives it gets nothing."""
        with told():
            return _KafkaConsumer(self._settings, topic, group)

    def held(self, topic: str) -> int:
        """How many records the topic holds now."""
        count = self.before({topic: None})[topic]
        if count is None:
            raise NoTopic()
        return count

    def before(self, readers: Mapping[str, str | None]) -> dict[str, int | None]:
        """By topic, how many records its reader has before it; on one connection, and no group is joined."""
        with told(), self._settings.admin() as admin:
            places = {t: TopicPartition(t, PARTITION) for t in set(readers) & set(admin.list_topics())}
            groups: dict[str, list[TopicPartition]] = {}
            for topic, place in places.items():
                if (group := readers[topic]) is not None:
                    groups.setdefault(group, []).append(place)
            first = admin.list_partition_offsets(dict.fromkeys(places.values(), OffsetSpec.EARLIEST))
            committed = self._committed(admin, groups) if groups else {}
            end = admin.list_partition_offsets(dict.fromkeys(places.values(), OffsetSpec.LATEST))
        counts: dict[str, int | None] = dict.fromkeys(readers)
        for topic, place in places.items():
            group = readers[topic]
            reached = first[place].offset if group is None else _reached(committed[group], place)
            if reached is not None:
                counts[topic] = end[place].offset - max(first[place].offset, reached)
        return counts

    def close(self) -> None:
        """Let go of the producer. Consumers close themselves."""
        with self._lock:
            self._drop_producer()

    def _committed(self, admin: Any, groups: Mapping[str, list[TopicPartition]]) -> Any:
        """What groups have committed. A broker that has just begun does not know yet who keeps a group."""
        until = time.monotonic() + self._settings.timeout_s
        while True:
            try:
                return admin.list_group_offsets(groups)
            except (CoordinatorNotAvailableError, CoordinatorLoadInProgressError, NotCoordinatorError):
                if time.monotonic() > until:
                    raise
                time.sleep(_COORDINATOR_S)

    def _drop_producer(self) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            self._settings.close_producer(producer)


def _reached(committed: Mapping[TopicPartition, Any], place: TopicPartition) -> int | None:
    """The offset that a group goes on from; Kafka writes -1 where it never committed one."""
    offset = committed[place].offset if place in committed else -1
    return offset if offset >= 0 else None


class _KafkaConsumer:
    def __init__(self, settings: KafkaSettings, topic: str, group: str) -> None:
        self._here = TopicPartition(topic, PARTITION)
        self._rewind = False
        self._client = settings.consumer(topic, group)

    def poll(self, limit: int, timeout_s: float) -> list[Record]:
        """The next records; empty when none came in time, or another reader holds the partition."""
        with told():
            found = self._client.poll(timeout_ms=ms(timeout_s), max_records=limit)
            if self._rewind and self._here in self._client.assignment():
                # Only who holds the partition can go back in it; what came from further on is dropped.
                self._client.seek_to_beginning(self._here)
                self._rewind = False
                found = self._client.poll(timeout_ms=ms(timeout_s), max_records=limit)
        return [
            Record(one.topic, one.value, tuple(one.headers), one.offset) for one in found.get(self._here, ())
        ]

    def commit(self, offset: int) -> None:
        """Store that everything up to and with `offset` is done; `Unavailable` if another took over."""
        with told():
            self._client.commit({self._here: OffsetAndMetadata(offset + 1, "", -1)})

    def rewind(self) -> None:
        """Go back to the first record; what is committed stays until the next commit."""
        self._rewind = True

    def close(self) -> None:
        """Leave the group, so that the next reader need not wait."""
        with suppress(KafkaError):
            self._client.close(autocommit=False, timeout_ms=ms(_LEAVE_S))


@contextmanager
def told() -> Iterator[None]:
    """Turn the library's errors into ours. Their text is left out: it may quote a whole request."""
    try:
        yield
    except AuthorizationError as error:
        raise Forbidden("the broker does not let this login do that: see its rights") from error
    except MessageSizeTooLargeError as error:
        raise Invalid("a record is larger than the broker takes", field="value") from error
    except UnknownTopicOrPartitionError as error:
        raise NoTopic() from error
    except KafkaError as error:
        raise Unavailable(f"the broker does not answer ({type(error).__name__})") from error
