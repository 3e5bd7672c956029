"""How a broker is reached, and the few traps of kafka-python, for partners and for the hub alike.

Everything raises kafka-python's own errors; whoever uses it turns them into its own.
"""

import socket
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.errors import KafkaConnectionError, KafkaError

PARTITION: Final = 0
"""Every topic has one."""
_CONNECT_S: Final = 3.0
_JOIN_S: Final = 5.0
"""How long a poll waits for its group at most: whoever is told to end must not wait long."""
_FETCH_BYTES: Final = 4 << 20
"""Most that comes at once: several hundred messages, where kafka-python's own limit cuts batches in two."""


class _Consumer(KafkaConsumer):  # type: ignore[misc]  # kafka-python has no types
    """A member of a group that ends a join which it began.

    A join that takes longer than a poll goes on behind it. Where it was begun because the topic's metadata
    had changed, as after the loss of a broker, kafka-python 3.0.12 does not look at it again: the member
    reads on, sends no heartbeat and can commit nothing, for good.
    """

    def poll(self, timeout_ms: int = 0, max_records: int | None = None) -> Any:
        """The next records; a group that is made up anew is waited for, however short `timeout_ms` is."""
        until = time.monotonic() + _JOIN_S
        while True:
            if self._coordinator.rejoining:
                self._coordinator.request_rejoin()
            found = super().poll(timeout_ms=timeout_ms, max_records=max_records)
            if found or not self._coordinator.rejoining or time.monotonic() > until:
                return found


@dataclass(frozen=True, slots=True)
class KafkaLogin:
    """One login at one cluster. With a `username` everything goes over TLS with SCRAM-SHA-512."""

    bootstrap: str
    """`host:port`, or several with commas between."""
    ca_path: Path | None = None
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    timeout_s: float = 10.0
    """How long one send or one start may take before the broker counts as away."""
    session_s: float = 10.0
    """After how long a silent reader counts as dead and the next takes over."""

    def settings(self) -> dict[str, Any]:
        """What every kafka-python client needs."""
        common = {
            "bootstrap_servers": self.bootstrap.split(","),
            "bootstrap_timeout_ms": ms(self.timeout_s),
            "reconnect_backoff_max_ms": 1_000,
        }
        if self.username is None:
            return common
        return {
            **common,
            "security_protocol": "SASL_SSL",
            "ssl_cafile": str(self.ca_path) if self.ca_path else None,
            "sasl_mechanism": "SCRAM-SHA-512",
            "sasl_plain_username": self.username,
            "sasl_plain_password": self.password,
        }

    def reachable(self) -> None:
        """Raise at once if nobody listens: kafka-python would wait, and drop sockets without closing them."""
        for address in self.bootstrap.split(","):
            host, _, port = address.strip().rpartition(":")
            with suppress(OSError):
                socket.create_connection((host.strip("[]"), int(port)), timeout=_CONNECT_S).close()
                return
        raise KafkaConnectionError("no broker listens at the bootstrap address")

    def producer(self) -> Any:
        """An idempotent producer that waits for every in-sync replica."""
        self.reachable()
        limit = ms(self.timeout_s)
        return KafkaProducer(
            **self.settings(),
            acks="all",
            enable_idempotence=True,
            allow_auto_create_topics=False,
            max_block_ms=limit,
            request_timeout_ms=limit,
            delivery_timeout_ms=limit,
            metrics_enabled=False,
        )

    def consumer(self, topic: str, group: str) -> Any:
        """A member of a group that begins at the first record and commits only when told to."""
        self.reachable()
        consumer = _Consumer(
            **self.settings(),
            group_id=group,
            auto_offset_reset="earliest",
            enable_auto_commit=False,
            isolation_level="read_committed",
            allow_auto_create_topics=False,
            session_timeout_ms=ms(self.session_s),
            heartbeat_interval_ms=ms(self.session_s / 4),
            max_partition_fetch_bytes=_FETCH_BYTES,
            metrics_enabled=False,
        )
        try:
            # Asked outright: a kafka-python consumer that may not see a topic says nothing and waits.
            consumer.beginning_offsets([TopicPartition(topic, PARTITION)], timeout_ms=ms(self.timeout_s))
            consumer.subscribe([topic])
        except BaseException:
            consumer.close()
            raise
        return consumer

    def close_producer(self, producer: Any) -> None:
        """Stop a producer, whatever it still has under way."""
        try:
            producer.close(timeout=self.timeout_s)
        except KafkaError:
            # `close` gives up where `flush` does, and leaves its thread sending; nothing public stops it.
            producer._sender.force_close()
            producer._sender.join(self.timeout_s)


def ms(seconds: float) -> int:
    """Milliseconds, as kafka-python wants them."""
    return int(seconds * 1000)
