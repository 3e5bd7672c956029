"""`relay`, `project`: messages a second to Kafka and from it, beside the bare clients with the same bytes.

**relay**, ours: `Relay.step` as `hub relay` runs it: the outbox is read, the batch claimed, the grants asked
again (gate 2), each message signed, sent with `acks=all`, and the position stored after the acks. The limit:
a kafka-python producer with the same settings that sends the same values and headers, as many at once.

**project**, ours: `Projector.step` as `hub project` runs it: the records are read, each signature is checked,
head keys are asked for (gate 3, on record), heads opened, rows of every view written with the position, the
offset committed. The limit: a kafka-python consumer with the same settings that reads the same records.
"""

import itertools
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from typing import Any

from contracts.client.kafka_login import PARTITION
from contracts.envelope import to_headers
from hub.bootstrap import Parts, broker_of, kafka_settings
from hub.gates.opening import MAX_BATCH
from hub.operating.working import LIMIT
from hub.ports import Broker
from tests.benchmarks.harness import Figure, side_by_side
from tests.benchmarks.municipality import NGO, opened, settings_on
from tests.benchmarks.telling import Teller
from tests.support.postgres import fresh_database

ROUNDS, MESSAGES = 5, 1000
POLL_MS = 100
END_S = 60.0


def measure(server: str, kafka: str) -> Iterator[Figure]:
    """Both figures."""
    with ExitStack() as stack:
        url = stack.enter_context(fresh_database(server))
        settings = stack.enter_context(settings_on(url, kafka))
        parts = stack.enter_context(opened(settings))
        broker = stack.enter_context(closing(broker_of(settings)))
        slugs = [row.slug for row in parts.app.store.partners()]
        bare = f"{settings.municipality}.bare"
        broker.create_topics([*parts.outgoing.topics(slugs), bare], settings.topic_retention_days)
        # A round ends behind its last step, which may bring half as much again.
        Teller(parts).tell(2 * MESSAGES * (ROUNDS + 1))
        relay = stack.enter_context(closing(parts.relay(broker)))
        ours = rounds_of(lambda: relay.step(LIMIT))
        producer = kafka_settings(settings).producer()
        stack.callback(producer.close)
        limit = rounds_of(_bare_producer(parts, producer, bare))
        ours(), limit()
        yield side_by_side("relay", "messages/s", ours, limit, ROUNDS)
        while relay.step(LIMIT):
            """What is left: steps overshoot a round."""
        yield _project(parts, broker, kafka_settings(settings), stack)


def _project(parts: Parts, broker: Broker, login: Any, stack: ExitStack) -> Figure:
    projector = stack.enter_context(closing(parts.projector(broker, NGO)))
    consumer = login.consumer(parts.outgoing.topic(NGO), "bare")
    stack.callback(consumer.close)
    ours = rounds_of(lambda: projector.step(MAX_BATCH, POLL_MS / 1000))
    limit = rounds_of(lambda: _taken(consumer))
    ours(), limit()
    return side_by_side("project", "messages/s", ours, limit, ROUNDS)


def rounds_of(step: Callable[[], int]) -> Callable[[], float]:
    """Steps until a round's messages are dealt with: messages a second."""

    def run() -> float:
        done, began = 0, time.perf_counter()
        while done < MESSAGES:
            done += step()
            if time.perf_counter() > began + END_S:
                raise TimeoutError(f"{done} of {MESSAGES} messages in {END_S} s")
        return done / (time.perf_counter() - began)

    return run


def _bare_producer(parts: Parts, producer: Any, topic: str) -> Callable[[], int]:
    envelopes = parts.outgoing.messages_of(NGO, 1, 0, LIMIT)
    records = [(envelope.value, list(to_headers(envelope))) for envelope in envelopes]

    def send() -> int:
        sent = [producer.send(topic, value=v, headers=h, partition=PARTITION) for v, h in records]
        for future in sent:
            future.get(timeout=END_S)
        return len(sent)

    return send


def _taken(consumer: Any) -> int:
    polled = consumer.poll(timeout_ms=POLL_MS, max_records=MAX_BATCH)
    return len(list(itertools.chain.from_iterable(polled.values())))
