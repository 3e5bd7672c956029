"""What is the embedded bus's own: what it says of itself, its file, and what it refuses."""

import stat
import threading
from contextlib import closing
from pathlib import Path

import pytest

from hub.adapters.broker.embedded import EmbeddedBroker
from hub.errors import Unavailable
from hub.ports import Record

TOPIC = "aarhus.to.ngo"


def test_it_says_what_it_is_not(tmp_path: Path) -> None:
    """Whoever starts it reads that there is no access control; its files are its owner's alone."""
    with closing(EmbeddedBroker(tmp_path / "bus.sqlite")) as broker:
        assert "no access control" in broker.banner
        assert not broker.features.access_control
        assert not broker.features.many_consumers_per_group
        broker.create_topics([TOPIC], 7)
        broker.publish([Record(TOPIC, b"1")])
        modes = {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir() if path.is_file()}
    assert modes == {0o600}


def test_an_unknown_topic_is_refused_and_nothing_of_the_batch_is_kept(tmp_path: Path) -> None:
    """All or nothing."""
    with closing(EmbeddedBroker(tmp_path / "bus.sqlite")) as broker:
        broker.create_topics([TOPIC], 7)
        with pytest.raises(Unavailable, match="hub topics"):
            broker.publish([Record(TOPIC, b"1"), Record("aarhus.to.nobody", b"2")])
        with pytest.raises(Unavailable, match="hub topics"):
            broker.consumer("aarhus.to.nobody", "ngo.reader")
        with closing(broker.consumer(TOPIC, "ngo.reader")) as consumer:
            assert consumer.poll(10, 0.05) == []


def test_a_closed_or_waiting_reader_cannot_commit(tmp_path: Path) -> None:
    """Only who holds the group may say what is done."""
    with closing(EmbeddedBroker(tmp_path / "bus.sqlite")) as broker:
        broker.create_topics([TOPIC], 7)
        with closing(broker.consumer(TOPIC, "ngo.reader")) as first:
            first.poll(1, 0.0)
            with closing(broker.consumer(TOPIC, "ngo.reader")) as second:
                assert second.poll(1, 0.0) == []
                with pytest.raises(Unavailable):
                    second.commit(0)
        for act in (lambda: first.commit(0), lambda: first.poll(1, 0.0)):
            with pytest.raises(Unavailable):
                act()


def test_a_disk_that_fails_is_unavailable(tmp_path: Path) -> None:
    """A closed file stands for every error of SQLite."""
    broker = EmbeddedBroker(tmp_path / "bus.sqlite")
    broker.create_topics([TOPIC], 7)
    broker.close()
    with pytest.raises(Unavailable):
        broker.publish([Record(TOPIC, b"1")])
    with pytest.raises(Unavailable):
        broker.topics()


def test_records_go_when_their_retention_is_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Offsets go on where they were."""
    now = [1_000_000.0]
    monkeypatch.setattr("hub.adapters.broker.embedded.time.time", lambda: now[0])
    with closing(EmbeddedBroker(tmp_path / "bus.sqlite")) as broker:
        broker.create_topics([TOPIC], 7)
        broker.publish([Record(TOPIC, b"old")])
        now[0] += 8 * 86_400
        broker.publish([Record(TOPIC, b"new")])
        with closing(broker.consumer(TOPIC, "ngo.reader")) as consumer:
            assert [(found.value, found.offset) for found in consumer.poll(10, 0.05)] == [(b"new", 1)]


def test_many_threads_publish_at_once(tmp_path: Path) -> None:
    """Nothing is lost, and each thread's own order is kept; two connections at once share the file."""
    with (
        closing(EmbeddedBroker(tmp_path / "bus.sqlite")) as one,
        closing(EmbeddedBroker(tmp_path / "bus.sqlite")) as two,
    ):
        one.create_topics([TOPIC], 7)

        def publish(name: int) -> None:
            for n in range(20):
                (one, two)[name % 2].publish([Record(TOPIC, f"{name}:{n}".encode())])

        threads = [threading.Thread(target=publish, args=(name,)) for name in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        with closing(one.consumer(TOPIC, "ngo.reader")) as consumer:
            found = [record.value.decode() for record in consumer.poll(500, 0.0)]
    assert len(found) == len(set(found)) == 120
    for name in range(6):
        mine = [value for value in found if value.startswith(f"{name}:")]
        assert mine == [f"{name}:{n}" for n in range(20)]
