"""The relay on a real SQLite store and the embedded broker: order, gate 2, claims, crashes, suspension."""

import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from contracts.client.keys import Identity
from contracts.client.sealed import build_message, open_control, seal_control
from contracts.envelope import Envelope, from_headers
from contracts.message_v1 import Blank, Head, Heartbeat
from contracts.terms import MessageKind, Urgency
from hub.adapters.broker.embedded import EmbeddedBroker
from hub.adapters.store.application import StoreApplication, open_store
from hub.errors import Forbidden, Invalid, NoTopic, Unavailable
from hub.gates.outgoing import Outgoing
from hub.keys.keyring import create_kek_file
from hub.operating.working import Worker, Workers
from hub.ports import Alongside, Features, NewGrant, OutMessage, PartnerRow, Record
from hub.topics.relay import CLAIMED, POSITION, STANDS_BY_S, Relay

NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
TOWN = "aarhus"


class World:
    """A store with two partners, a broker with their topics, and a relay."""

    def __init__(self, folder: Path) -> None:
        """Put it up."""
        self.now = NOW
        create_kek_file(folder / "kek.json")
        self.app: StoreApplication = open_store(
            f"sqlite:///{folder / 'hub.db'}", folder / "kek.json", folder / "fence", migrate=True
        )
        self.store = self.app.store
        self.broker = EmbeddedBroker(folder / "bus.sqlite")
        self.hub = Identity.new()
        self.partners = {slug: Identity.new() for slug in ("ngo", "police")}
        self.broker.create_topics([f"{TOWN}.to.{slug}" for slug in self.partners], 7)
        for slug in self.partners:
            self.partner(slug, active=True)
        self.relay = Relay(self.store, self.broker, self.outgoing())

    def outgoing(self) -> Outgoing:
        """Gate 2 with this world's clock."""
        return Outgoing(store=self.store, identity=self.hub, municipality=TOWN, clock=lambda: self.now)

    def write(self, **alongside: Any) -> None:
        """One transaction without events."""
        self.app.commit(alongside=Alongside(now=self.now, **alongside))

    def partner(self, slug: str, *, active: bool) -> None:
        """Add or change a partner."""
        keys = self.partners[slug].public
        self.write(partner=PartnerRow(slug, "ngo", active, keys.sealing, keys.signing))

    def grant(self, recipient: str, ends_at: datetime | None = None) -> UUID:
        """Give a grant."""
        grant = uuid4()
        _, key = self.app.keys.fresh(grant)
        self.write(new_grants=(NewGrant(grant, recipient, ends_at, key),))
        return grant

    def tell(self, recipient: str, *grants: UUID) -> UUID:
        """Write one data message that rests on the grants."""
        message_id = uuid4()
        head = Head(kind=MessageKind.CASE_OPENED, thread=uuid4(), urgency=Urgency.ROUTINE, recorded=self.now)
        sealed, _ = build_message(TOWN, recipient, message_id, head, [])
        wraps = dict.fromkeys(grants, b"not looked at here")
        self.write(messages=(OutMessage(message_id, recipient, sealed, wraps),))
        return message_id

    def control(self, recipient: str) -> UUID:
        """Write one control message."""
        message_id = uuid4()
        key = self.partners[recipient].public.sealing
        sealed = seal_control(TOWN, recipient, message_id, Heartbeat(at=self.now), key)
        self.write(messages=(OutMessage(message_id, recipient, sealed, {}),))
        return message_id

    def received(self, recipient: str) -> list[Envelope]:
        """Everything on a recipient's topic, with every signature checked."""
        with closing(self.broker.consumer(f"{TOWN}.to.{recipient}", f"{recipient}.{uuid4()}")) as consumer:
            found = [from_headers(record.headers, record.value) for record in consumer.poll(1000, 0.0)]
        for envelope in found:
            self.hub.public.verify(TOWN, recipient, envelope)
        return found

    def ids(self, recipient: str) -> list[UUID]:
        """The message ids on a recipient's topic."""
        return [envelope.message_id for envelope in self.received(recipient)]

    def is_blank(self, recipient: str, envelope: Envelope) -> bool:
        """Say whether only the number travelled."""
        key = self.partners[recipient].sealing
        return open_control(envelope.value, key, TOWN, recipient, envelope.message_id) == Blank()

    def close(self) -> None:
        """Let go of everything."""
        self.relay.close()
        self.broker.close()
        self.app.close()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Give a world of the test's own."""
    with closing(World(tmp_path)) as world:
        yield world


def test_every_recipient_gets_its_own_in_order_and_signed(world: World) -> None:
    """In batches that mix recipients, numbered per recipient without gaps; a second step finds nothing."""
    grants = {slug: world.grant(slug) for slug in world.partners}
    sent: dict[str, list[UUID]] = {"ngo": [], "police": []}
    for n in range(7):
        slug = "police" if n % 3 else "ngo"
        sent[slug].append(world.tell(slug, grants[slug]) if n % 2 else world.control(slug))
    assert [world.relay.step(3) for _ in range(4)] == [3, 3, 1, 0]
    for slug, ids in sent.items():
        assert world.ids(slug) == ids
        assert [envelope.number for envelope in world.received(slug)] == [(1, n + 1) for n in range(len(ids))]
    assert world.store.position(POSITION) == world.store.position(CLAIMED) > 0


def test_what_no_living_grant_carries_travels_as_a_blank_with_its_number(world: World) -> None:
    """One of two grants is enough; with none left the bytes stay here, whoever could open them."""
    one, two = world.grant("ngo"), world.grant("ngo")
    first, second, third = world.tell("ngo", one), world.tell("ngo", one, two), world.tell("ngo", two)
    world.write(ends_grants=(one,))
    assert world.relay.step() == 3
    found = world.received("ngo")
    assert [envelope.message_id for envelope in found] == [first, second, third]
    assert [envelope.number for envelope in found] == [(1, 1), (1, 2), (1, 3)]
    assert world.is_blank("ngo", found[0])
    assert len(found[0].value) == len(found[1].value) == 4096
    for envelope in found[1:]:
        stored = world.store.message(envelope.message_id, world.now)
        assert stored is not None
        assert envelope.value == stored.sealed


def test_an_end_in_time_ends_the_sending_too(world: World) -> None:
    """Nobody withdrew, the clock moved."""
    world.tell("ngo", world.grant("ngo", ends_at=NOW + timedelta(hours=1)))
    world.now = NOW + timedelta(hours=2)
    world.relay.step()
    (envelope,) = world.received("ngo")
    assert world.is_blank("ngo", envelope)


def test_a_withdrawal_before_the_claim_is_stored_still_counts(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The batch was read while the grant lived; the grant ends; only then is the claim stored."""
    grant = world.grant("ngo")
    world.tell("ngo", grant)
    set_position = world.store.set_position

    def late(name: str, position: int) -> None:
        if name == CLAIMED:
            world.write(ends_grants=(grant,))
        set_position(name, position)

    monkeypatch.setattr(world.store, "set_position", late)
    world.relay.step()
    (envelope,) = world.received("ngo")
    assert world.is_blank("ngo", envelope)


class FailingBroker:
    """Passes on to a real broker, and fails when told to: before it or after it has appended."""

    features = Features(access_control=False, many_consumers_per_group=False)

    def __init__(self, broker: EmbeddedBroker) -> None:
        """Work at first."""
        self.broker = broker
        self.fail: str | None = None

    def publish(self, records: Sequence[Record]) -> None:
        """Fail as told."""
        if self.fail == "after":
            self.broker.publish(records[: len(records) // 2 + 1])
        if self.fail:
            raise Unavailable("told to fail")
        self.broker.publish(records)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.broker, name)


@pytest.mark.parametrize("fail", ["before", "after"])
def test_a_failed_batch_is_claimed_and_sent_again(world: World, fail: str) -> None:
    """The position waits for every ack; the claim says what may have left; repeats keep their numbers."""
    broker = FailingBroker(world.broker)
    relay = Relay(world.store, broker, world.outgoing())
    ids = [world.control("ngo") for _ in range(4)]
    with closing(relay):
        broker.fail = fail
        with pytest.raises(Unavailable):
            relay.step()
        assert world.store.position(POSITION) == 0
        assert world.store.position(CLAIMED) == 4
        broker.fail = None
        assert relay.step() == 4
    found = world.received("ngo")
    first_of_each = {envelope.number: envelope.message_id for envelope in reversed(found)}
    assert [first_of_each[number] for number in sorted(first_of_each)] == ids
    assert len(found) == (4 if fail == "before" else 7)


def test_a_suspended_partner_is_sent_nothing_and_catches_up_afterwards(world: World) -> None:
    """Not even a blank; others go on; what was held goes first, also after a restart."""
    grant, ended = world.grant("ngo"), world.grant("ngo")
    first = world.tell("ngo", grant)
    world.relay.step()
    world.partner("ngo", active=False)
    held = [world.tell("ngo", grant), world.tell("ngo", ended), world.control("ngo")]
    other = world.control("police")
    assert world.relay.step() == 4
    assert world.ids("ngo") == [first]
    assert world.ids("police") == [other]
    assert world.relay.resend("ngo", (1, 1)) == 0

    world.write(ends_grants=(ended,))
    world.relay.close()
    with closing(Relay(world.store, world.broker, world.outgoing())) as after_restart:
        assert after_restart.step(2) == 0
        world.partner("ngo", active=True)
        later = world.control("ngo")
        assert [after_restart.step(2) for _ in range(4)] == [3, 2, 0, 0]
    assert world.ids("ngo") == [first, *held, later]
    found = world.received("ngo")
    assert [envelope.number for envelope in found] == [(1, n) for n in range(1, 6)]
    assert world.is_blank("ngo", found[2])


def test_a_partner_without_a_topic_does_not_stop_the_others(
    world: World, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is an error in the log; when the topic is there, what was passed over is sent first."""
    world.partners["gp"] = Identity.new()
    world.partner("gp", active=True)
    lost = world.control("gp")
    other = world.control("police")
    assert world.relay.step() == 2
    assert world.ids("police") == [other]
    assert "no topic" in caplog.text
    world.broker.create_topics([f"{TOWN}.to.gp"], 7)
    later = world.control("gp")
    monkeypatch.setattr(world.relay, "_retry_at", {})
    while world.relay.step():
        pass
    assert world.ids("gp") == [lost, later]
    assert world.relay.resend("gp", (0, 0)) == 2
    assert world.ids("gp") == [lost, later, lost, later]


def test_what_is_not_claimed_yet_is_not_resent(world: World) -> None:
    """Until the relay claims it, it counts as never sent."""
    world.control("ngo")
    assert world.relay.resend("ngo", (0, 0)) == 0
    world.relay.step()
    assert world.relay.resend("ngo", (0, 0)) == 1


@pytest.mark.parametrize("error", [Forbidden("no right"), NoTopic(), Invalid("too large")])
def test_a_fault_of_one_recipient_does_not_stop_the_others(
    world: World, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """Its topic was deleted, or the right to write to it taken away: it is passed over for now."""
    ids = [world.control(slug) for slug in ("ngo", "police", "ngo")]
    publish = world.broker.publish

    def refusing(records: Sequence[Record]) -> None:
        if any(record.topic.endswith("ngo") for record in records):
            raise error
        publish(records)

    with monkeypatch.context() as patch:
        patch.setattr(world.broker, "publish", refusing)
        assert world.relay.step() == 3
        assert world.relay.step() == 0
    assert world.ids("police") == [ids[1]]
    assert world.ids("ngo") == []
    monkeypatch.setattr(world.relay, "_retry_at", {})
    assert world.relay.step() == 2
    assert world.ids("ngo") == [ids[0], ids[2]]
    assert world.relay.step() == 0


def test_one_relay_at_a_time(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second waits until the first closes, and looks only now and then whether it has."""
    clock = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    world.control("ngo")
    with closing(Relay(world.store, world.broker, world.outgoing())) as second:
        assert world.relay.step() == 1
        world.control("ngo")
        assert second.step() == 0
        world.relay.close()
        assert second.step() == 0
        clock[0] += STANDS_BY_S
        assert second.step() == 1
        assert world.relay.step() == 0


@contextmanager
def running(relay: Relay) -> Iterator[None]:
    """Run a relay as a process does."""
    workers = Workers([Worker("relay", relay.step, relay.close)])
    workers.start()
    try:
        yield
    finally:
        workers.stop()


def test_it_goes_on_when_the_broker_is_back(world: World) -> None:
    """Its worker outlives an absence and sends what waited."""
    broker = FailingBroker(world.broker)
    broker.fail = "before"
    message = world.control("ngo")
    with running(Relay(world.store, broker, world.outgoing())):
        until = time.monotonic() + 10
        while world.store.position(CLAIMED) == 0 and time.monotonic() < until:
            time.sleep(0.01)
        broker.fail = None
        while not world.ids("ngo") and time.monotonic() < until:
            time.sleep(0.01)
    assert world.ids("ngo") == [message]


def test_a_message_leaves_within_a_moment(world: World) -> None:
    """Nobody wakes it: it looks every 20 ms; the limit leaves room for a slow disk."""
    with running(world.relay):
        waits = []
        for n in range(5):
            world.control("ngo")
            began = time.monotonic()
            while len(world.ids("ngo")) <= n:
                assert time.monotonic() - began < 10
                time.sleep(0.002)
            waits.append(time.monotonic() - began)
    assert sorted(waits)[2] < 0.2
