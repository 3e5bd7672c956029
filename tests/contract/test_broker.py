"""What every broker promises (`hub.ports.Broker`), asked of the embedded one and of Apache Kafka alike."""

import multiprocessing
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from hub.adapters.broker.embedded import EmbeddedBroker
from hub.adapters.broker.kafka import KafkaBroker, KafkaSettings
from hub.errors import Invalid, NoTopic
from hub.ports import Broker, Consumer, Record

WAIT_S = 20.0
Connect = Callable[[], Broker]


@pytest.fixture(params=["embedded", "kafka"])
def connect(request: pytest.FixtureRequest, tmp_path: Path) -> Connect:
    """Connect to the broker as one more process would."""
    if request.param == "embedded":
        return partial(EmbeddedBroker, tmp_path / "bus.sqlite")
    settings = KafkaSettings(bootstrap=request.getfixturevalue("kafka"), session_s=6.0)
    return partial(KafkaBroker, settings)


@pytest.fixture
def broker(connect: Connect) -> Iterator[Broker]:
    """Give one connection."""
    with closing(connect()) as broker:
        yield broker


@pytest.fixture
def topic(broker: Broker) -> str:
    """Make a topic of the test's own."""
    name = f"t-{uuid.uuid4().hex[:12]}.to.ngo"
    broker.create_topics([name], retention_days=7)
    return name


def send(broker: Broker, topic: str, *values: bytes) -> None:
    """Publish values without headers."""
    broker.publish([Record(topic, value) for value in values])


def receive(consumer: Consumer, count: int) -> list[Record]:
    """Poll until `count` records are there."""
    found: list[Record] = []
    until = time.monotonic() + WAIT_S
    while len(found) < count and time.monotonic() < until:
        found += consumer.poll(count - len(found), 0.5)
    assert len(found) == count
    return found


def values(records: list[Record]) -> list[bytes]:
    """Give the records' values."""
    return [record.value for record in records]


def test_records_come_in_the_order_in_which_they_were_published(broker: Broker, topic: str) -> None:
    """Across batches, with offsets that rise one by one; a poll gives no more than asked for."""
    sent = [f"{n}".encode() for n in range(300)]
    for start in range(0, 300, 100):
        send(broker, topic, *sent[start : start + 100])
    with closing(broker.consumer(topic, "ngo.reader")) as consumer:
        found = receive(consumer, 300)
        assert consumer.poll(10, 0.2) == []
    assert values(found) == sent
    assert [record.offset for record in found] == list(range(300))
    assert {record.topic for record in found} == {topic}


def test_headers_and_bytes_come_back_as_they_were(broker: Broker, topic: str) -> None:
    """Every byte, empty ones and names that stand twice included."""
    record = Record(
        topic, bytes(range(256)), (("ce_id", b"1"), ("ce_id", b"2"), ("raw", b"\x00\xff"), ("no", b""))
    )
    broker.publish([record])
    with closing(broker.consumer(topic, "ngo.reader")) as consumer:
        (found,) = receive(consumer, 1)
    assert (found.value, found.headers) == (record.value, record.headers)


def test_what_is_not_committed_comes_again(broker: Broker, topic: str) -> None:
    """A reader that stops anywhere before its commit gets the rest again, and nothing that is done."""
    send(broker, topic, b"1", b"2", b"3", b"4")
    for done, expected in (
        (None, [b"1", b"2", b"3", b"4"]),
        (1, [b"1", b"2", b"3", b"4"]),
        (None, [b"3", b"4"]),
    ):
        with closing(broker.consumer(topic, "ngo.reader")) as consumer:
            assert values(receive(consumer, len(expected))) == expected
            if done is not None:
                consumer.commit(done)


def test_groups_do_not_know_of_each_other(broker: Broker, topic: str) -> None:
    """What one group has done is new to another."""
    send(broker, topic, b"1", b"2")
    for group in ("ngo.one", "ngo.two"):
        with closing(broker.consumer(topic, group)) as consumer:
            found = receive(consumer, 2)
            assert values(found) == [b"1", b"2"]
            consumer.commit(found[-1].offset)


def test_a_second_reader_waits_and_takes_over_when_the_first_closes(connect: Connect, topic: str) -> None:
    """Two of one group never both read; what the first had not committed goes to the second."""
    with closing(connect()) as one, closing(connect()) as two:
        send(one, topic, b"1", b"2")
        with closing(two.consumer(topic, "ngo.reader")) as waiting:
            with closing(one.consumer(topic, "ngo.reader")) as first:
                receive(first, 1)
                first.commit(0)
                if not one.features.many_consumers_per_group:
                    assert waiting.poll(10, 0.3) == []
            assert values(receive(waiting, 1)) == [b"2"]
            waiting.commit(1)


def _read_and_hang(
    connect: Connect, topic: str, read: int, commit: int | None, started: "multiprocessing.synchronize.Event"
) -> None:
    consumer = connect().consumer(topic, "ngo.reader")
    receive(consumer, read)
    if commit is not None:
        consumer.commit(commit)
    started.set()
    while True:
        consumer.poll(1, 1.0)


@pytest.mark.parametrize(
    ("read", "commit", "again"),
    [
        (0, None, [b"1", b"2", b"3", b"4"]),
        (3, None, [b"1", b"2", b"3", b"4"]),
        (3, 0, [b"2", b"3", b"4"]),
        (3, 2, [b"4"]),
    ],
    ids=["before it read", "after it read", "in the middle", "after it committed all"],
)
def test_a_reader_that_is_killed_is_taken_over(
    connect: Connect, broker: Broker, topic: str, read: int, commit: int | None, again: list[bytes]
) -> None:
    """SIGKILL at any point: the next reader gets what was not committed, and nothing else."""
    send(broker, topic, b"1", b"2", b"3")
    context = multiprocessing.get_context("spawn")
    started = context.Event()
    hangs = (connect, topic, read, commit, started)
    process = context.Process(target=_read_and_hang, args=hangs, daemon=True)
    process.start()
    assert started.wait(WAIT_S)
    process.kill()
    process.join(WAIT_S)
    process.close()
    send(broker, topic, b"4")
    with closing(broker.consumer(topic, "ngo.reader")) as consumer:
        assert values(receive(consumer, len(again))) == again


def test_what_a_topic_holds_and_what_a_group_has_before_it(broker: Broker, topic: str) -> None:
    """Counted without joining the group; a group that never committed is told apart from one at the start."""

    def before() -> int | None:
        return broker.before({topic: "ngo.reader"})[topic]

    assert (broker.held(topic), before()) == (0, None)
    send(broker, topic, b"1", b"2", b"3")
    with closing(broker.consumer(topic, "ngo.reader")) as consumer:
        receive(consumer, 2)
        assert before() is None
        consumer.commit(0)
        assert (broker.held(topic), before()) == (3, 2)
        assert values(receive(consumer, 1)) == [b"3"]
        consumer.commit(2)
    assert (broker.held(topic), before()) == (3, 0)


def test_what_waits_in_several_topics_is_asked_at_once(broker: Broker, topic: str) -> None:
    """Whose topic is not there hides nobody else, and asking makes none."""
    other, none = f"{topic}.other", f"{topic}.none"
    broker.create_topics([other], 7)
    send(broker, topic, b"1", b"2")
    send(broker, other, b"1", b"2", b"3")
    with closing(broker.consumer(topic, "ngo.reader")) as consumer:
        receive(consumer, 2)
        consumer.commit(0)
    asked = {topic: "ngo.reader", other: None, none: "ngo.reader", f"{none}.2": None}
    assert broker.before(asked) == {topic: 1, other: 3, none: None, f"{none}.2": None}
    with pytest.raises(NoTopic):
        broker.held(none)
    assert none not in broker.topics()


def test_rewind_begins_at_the_first_record(broker: Broker, topic: str) -> None:
    """At once, in the middle, and after everything was committed."""
    send(broker, topic, b"1", b"2", b"3")
    with closing(broker.consumer(topic, "ngo.reader")) as consumer:
        receive(consumer, 3)
        consumer.commit(2)
        consumer.rewind()
        assert values(receive(consumer, 2)) == [b"1", b"2"]
        consumer.rewind()
        assert values(receive(consumer, 3)) == [b"1", b"2", b"3"]
    with closing(broker.consumer(topic, "ngo.reader")) as consumer:
        consumer.rewind()
        assert values(receive(consumer, 3)) == [b"1", b"2", b"3"]


def test_poison_passes_through_unharmed(broker: Broker, topic: str) -> None:
    """The broker judges nothing: what no reader can use comes through, and so does what is behind it."""
    poison = [b"", b"\x00" * 10, b'{"broken": ', b"\xff\xfe"]
    broker.publish([Record(topic, value, (("ce_id", b"\xff"),)) for value in poison])
    send(broker, topic, b"good")
    with closing(broker.consumer(topic, "ngo.reader")) as consumer:
        assert values(receive(consumer, 5)) == [*poison, b"good"]


def test_a_large_message_passes(broker: Broker, topic: str) -> None:
    """900 kB pass with what stands around them; what is over the limit is refused before anything is sent."""
    large = uuid.uuid4().bytes * 56_250
    send(broker, topic, b"before", large, b"after")
    with pytest.raises(Invalid):
        send(broker, topic, b"not this either", bytes(1_000_001))
    with closing(broker.consumer(topic, "ngo.reader")) as consumer:
        assert values(receive(consumer, 3)) == [b"before", large, b"after"]
        assert consumer.poll(1, 0.2) == []


def test_topics_are_made_once_and_only_on_purpose(broker: Broker, topic: str) -> None:
    """Making them again changes nothing; a name that does not exist is no topic."""
    send(broker, topic, b"1")
    other = topic.replace(".to.", ".from.")
    broker.create_topics([topic, other], retention_days=7)
    assert {topic, other} <= broker.topics()
    with closing(broker.consumer(topic, "ngo.reader")) as consumer:
        assert values(receive(consumer, 1)) == [b"1"]


def test_a_reader_may_come_before_the_records(broker: Broker, topic: str) -> None:
    """It waits, and gets them within a moment."""
    with closing(broker.consumer(topic, "ngo.reader")) as consumer:
        assert consumer.poll(1, 0.2) == []
        send(broker, topic, b"1")
        assert values(receive(consumer, 1)) == [b"1"]
