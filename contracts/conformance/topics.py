"""The played hub's Kafka side: topics of its own on a broker that is given, and what stands on them."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final

from kafka import KafkaConsumer, TopicPartition
from kafka.admin import KafkaAdminClient
from kafka.errors import KafkaError

from contracts.client.kafka_login import PARTITION, KafkaLogin
from contracts.conformance.hub import AT, PlayedHub
from contracts.envelope import BadEnvelope, Envelope, from_headers, to_headers
from contracts.message_v1 import Receipt
from contracts.topics import from_topic, to_topic

_TIMEOUT_S: Final = 20.0
_LOOK_S: Final = 0.3


class Topics:
    """A partner's two topics. What comes on its `from` is taken in by the hub."""

    def __init__(self, bootstrap: str, hub: PlayedHub, group: str) -> None:
        """Make the topics; raises kafka-python's errors."""
        self.bootstrap = bootstrap
        self._hub = hub
        self._login = KafkaLogin(bootstrap, timeout_s=_TIMEOUT_S)
        self._to = to_topic(hub.municipality, hub.partner)
        self._from = from_topic(hub.municipality, hub.partner)
        self._group = group
        self._published: list[Envelope] = []
        admin = KafkaAdminClient(**self._login.settings())
        try:
            shape = {"num_partitions": 1, "replication_factor": 1}
            admin.create_topics({self._to: shape, self._from: shape}, wait_for_metadata=True)
        finally:
            admin.close()
        self._count = 0
        self._producer = self._login.producer()
        self._stop = threading.Event()
        self._away = False
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self._offsets: Any = None
        self._looked = 0.0

    def publish(self, envelope: Envelope) -> None:
        """Send one, and keep it to be sent again."""
        self._send(envelope)
        self._published.append(envelope)

    def again(self) -> None:
        """Send everything once more, as a relay does that was killed before it wrote its position down."""
        for envelope in list(self._published):
            self._send(envelope)

    def stray(self) -> None:
        """Put a record between the messages that is none: somebody's tool wrote to the wrong topic."""
        self._producer.send(self._to, value=b"hello", partition=PARTITION).get(timeout=_TIMEOUT_S)
        self._count += 1

    @contextmanager
    def gone(self) -> Iterator[None]:
        """For a while nobody takes in what the partner writes; the broker keeps it."""
        self._away = True
        try:
            yield
        finally:
            self._away = False

    def caught_up(self) -> bool:
        """Whether the partner's group has committed all that there is."""
        if time.monotonic() - self._looked < _LOOK_S:
            return False
        self._looked = time.monotonic()
        if self._offsets is None:
            self._offsets = KafkaConsumer(
                **self._login.settings(),
                group_id=self._group,
                enable_auto_commit=False,
                metrics_enabled=False,
            )
        with suppress(KafkaError):
            return (self._offsets.committed(TopicPartition(self._to, PARTITION)) or 0) >= self._count
        return False

    def close(self) -> None:
        """Stop, and take the topics away."""
        self._stop.set()
        self._reader.join(_TIMEOUT_S)
        if self._offsets is not None:
            self._offsets.close(autocommit=False)
        self._login.close_producer(self._producer)
        admin = KafkaAdminClient(**self._login.settings())
        with suppress(KafkaError):
            admin.delete_topics([self._to, self._from])
        admin.close()

    def _send(self, envelope: Envelope) -> None:
        self._producer.send(
            self._to, value=envelope.value, headers=list(to_headers(envelope)), partition=PARTITION
        ).get(timeout=_TIMEOUT_S)
        self._count += 1

    def _read(self) -> None:
        consumer = KafkaConsumer(
            **self._login.settings(),
            group_id=None,
            auto_offset_reset="earliest",
            enable_auto_commit=False,
            metrics_enabled=False,
        )
        consumer.assign([TopicPartition(self._from, PARTITION)])
        try:
            while not self._stop.is_set():
                if self._away:
                    time.sleep(_LOOK_S)
                    continue
                for records in consumer.poll(timeout_ms=100).values():
                    for record in records:
                        self._take(record)
        finally:
            consumer.close(autocommit=False)

    def _take(self, record: Any) -> None:
        if record.key is not None:
            self._hub.wrong.append(("section 7", "a record has no key"))
        before = set(self._hub.reports)
        try:
            self._hub.take(from_headers(record.headers, record.value or b""))
        except BadEnvelope as error:
            self._hub.wrong.append(("section 2", f"what was sent is no envelope: {error}"))
        for report_id in set(self._hub.reports) - before:
            told = self._hub.receipt(report_id)
            self._hub.control(Receipt.model_validate({**told, "report_id": report_id, "at": AT}))
