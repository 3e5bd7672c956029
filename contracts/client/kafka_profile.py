"""The Kafka profile: read our own `to` topic, write our own `from` topic. Keys are asked for over HTTP.

A reader that fails begins again at what it committed: `release` after every error but a message's own.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final, Self
from uuid import UUID

from kafka import OffsetAndMetadata, TopicPartition
from kafka.errors import AuthorizationError, CommitFailedError, KafkaError, RebalanceInProgressError

from contracts.client.errors import HubUnreachable, NotLetIn
from contracts.client.kafka_login import PARTITION, KafkaLogin, ms
from contracts.client.party import Party
from contracts.envelope import BadEnvelope, Envelope, from_headers, to_headers
from contracts.inbound_v1 import Inbound

_FORBIDDEN: Final = 403
_JOIN_S: Final = 5.0
"""Whoever stands by while another reads is not let in, and asks again."""


class KafkaHub:
    """The hub as a partner's system meets it on the broker. Reading is for one thread, sending for any."""

    def __init__(self, login: KafkaLogin, party: Party) -> None:
        """Connect to nothing yet."""
        self._login = login
        self._party = party
        self._here = TopicPartition(party.reads, PARTITION)
        self._lock = threading.Lock()
        self._producer: Any = None
        self._consumer: Any = None
        self._done = -1

    def poll(self, limit: int = 100, timeout_s: float = 0.2) -> list[Envelope | BadEnvelope]:
        """The next messages in order; an error stands in the place of what is no message.

        The first waits to be let into the group, and to have read to the end: before that, to find nothing
        says nothing.
        """
        with _unreachable():
            joins_until = 0.0
            if self._consumer is None:
                self._consumer = self._login.consumer(self._party.reads, f"{self._party.name}.adapter")
                joins_until = time.monotonic() + _JOIN_S
            while True:
                records = self._consumer.poll(timeout_ms=ms(timeout_s), max_records=limit)
                if records or time.monotonic() >= joins_until or self._is_at_the_end():
                    break
        found = records.get(self._here, ())
        if found:
            self._done = found[-1].offset
        return [_envelope(record) for record in found]

    def _is_at_the_end(self) -> bool:
        if not self._consumer.assignment():
            return False
        end: int = self._consumer.end_offsets([self._here])[self._here]
        position: int = self._consumer.position(self._here)
        return position >= end

    def commit(self) -> None:
        """All that was polled is done.

        While the group is made up anew nothing can be committed: what then comes again is a repeat, to
        whoever keeps the number of what was taken in.
        """
        if self._consumer is not None and self._done >= 0:
            with _unreachable(), suppress(RebalanceInProgressError, CommitFailedError):
                self._consumer.commit({self._here: OffsetAndMetadata(self._done + 1, "", -1)})

    def release(self) -> None:
        """Leave the group; the next poll begins at what is committed."""
        consumer, self._consumer, self._done = self._consumer, None, -1
        if consumer is not None:
            with suppress(KafkaError):
                consumer.close(autocommit=False)

    def send(self, message_id: UUID, inbound: Inbound) -> None:
        """Send sealed and signed; returns when every replica has it. Under the same id it happens once."""
        envelope = self._party.sealed(message_id, inbound)
        with self._lock, _unreachable():
            if self._producer is None:
                self._producer = self._login.producer()
            try:
                self._producer.send(
                    self._party.writes,
                    value=envelope.value,
                    headers=list(to_headers(envelope)),
                    partition=PARTITION,
                ).get(timeout=self._login.timeout_s + 1)
            except BaseException:
                self._drop_producer()
                raise

    def close(self) -> None:
        """Leave the group and let go of connections."""
        self.release()
        with self._lock:
            self._drop_producer()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _drop_producer(self) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            self._login.close_producer(producer)


def _envelope(record: Any) -> Envelope | BadEnvelope:
    try:
        return from_headers(record.headers, record.value or b"")
    except BadEnvelope as error:
        return error


@contextmanager
def _unreachable() -> Iterator[None]:
    try:
        yield
    except AuthorizationError as error:
        raise NotLetIn(_FORBIDDEN, "forbidden", "the broker does not let this login do that") from error
    except KafkaError as error:
        raise HubUnreachable(f"the broker does not answer ({type(error).__name__})") from error
