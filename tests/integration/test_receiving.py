"""What partners write to their own topics, on both brokers: taken in once, put aside sealed, never lost."""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from contracts.client.kafka_login import KafkaLogin
from contracts.client.keys import Identity
from contracts.envelope import Envelope, to_headers
from contracts.inbound_v1 import (
    Inbound,
    Person,
    Problem,
    ProblemReason,
    PurgeAnswer,
    PurgeOutcome,
    ReferralAnswer,
)
from contracts.message_v1 import Receipt, ReceiptStatus
from contracts.terms import Category, ReferralStatus
from hub.adapters.broker.embedded import EmbeddedBroker
from hub.adapters.broker.kafka import KafkaBroker, KafkaSettings
from hub.aggregates.citizen_case.events import ReferralAccepted, ReportReceived
from hub.aggregates.receipts import Purged
from hub.application.partners import ON_ITS_WAY
from hub.errors import HubError, Unavailable
from hub.operating.working import Worker, Workers
from hub.ports import Broker, Record
from hub.topics.receiving import Receiver
from tests.support.postgres import PostgresServer
from tests.support.social_reports import example
from tests.world import HOSPITAL, MUNICIPALITY, NGO, OPERATOR, POLICE, World

SECRETS = (b"Maja", b"Opdigtet", b"7403912006")
CLOSED = {
    *(reason.value for reason in ProblemReason),
    *(f"reported:{reason.value}" for reason in ProblemReason),
    *("invalid", "forbidden", "not-found", "conflict", "illegal-transition", "idempotency-key-reused"),
    "unexpected",
}
"""The only words that stand beside a message that was put aside."""
WAIT_S = 10.0


@dataclass
class Hall:
    """A municipality with a broker, whose topics carry a name of this test's own."""

    world: World
    broker: Broker
    name: str

    def __post_init__(self) -> None:
        topics = [f"{self.name}.from.{slug}" for slug in (POLICE, HOSPITAL, NGO)]
        self.broker.create_topics([*topics, f"{self.name}.dead"], 1)
        self._receivers: dict[str, Receiver] = {}

    def sealed(
        self, partner: str, message: Inbound, message_id: UUID | None = None, identity: Identity | None = None
    ) -> Envelope:
        """What the partner's own program would send."""
        identity, hub = identity or self.world.identities[partner], self.world.parts.identity.public
        return identity.send(MUNICIPALITY, partner, message_id or uuid4(), message, hub)

    def publish(self, partner: str, *envelopes: Envelope | Record) -> None:
        """Put it on the partner's topic, whatever it is."""
        topic = f"{self.name}.from.{partner}"
        self.broker.publish(
            [
                Record(topic, one.value, to_headers(one)) if isinstance(one, Envelope) else one
                for one in envelopes
            ]
        )

    def receiver(self, partner: str) -> Receiver:
        if partner not in self._receivers:
            self._receivers[partner] = self.new_receiver(partner)
        return self._receivers[partner]

    def new_receiver(self, partner: str) -> Receiver:
        return Receiver(
            broker=self.broker, inbound=self.world.parts.inbound, municipality=self.name, partner=partner
        )

    def receive(self, partner: str, wanted: int) -> int:
        """Step until as many came, and once more, for nothing may come twice."""
        found, until = 0, time.monotonic() + WAIT_S
        while found < wanted and time.monotonic() < until:
            found += self._step(partner)
        return found + self._step(partner)

    def _step(self, partner: str) -> int:
        """One step; while Kafka gives the group out anew, what was read comes again."""
        try:
            return self.receiver(partner).step(10, 0.1)
        except Unavailable as error:
            if "Rebalance" not in str(error):
                raise
            return 0

    def dead(self) -> list[tuple[str, Record]]:
        """What was put aside, with its reason."""
        found: list[Record] = []
        consumer = self.broker.consumer(f"{self.name}.dead", f"hub.look.{uuid4().hex}")
        with closing(consumer):
            until = time.monotonic() + 1.0
            while time.monotonic() < until:
                if records := consumer.poll(50, 0.2):
                    found += records
                elif found:
                    break
        return [(dict(one.headers)["dead_reason"].decode(), one) for one in found]

    def close(self) -> None:
        for receiver in self._receivers.values():
            receiver.close()
        self.broker.close()


def report(**changed: Any) -> Inbound:
    return Inbound.report({**example(), "report_id": str(uuid4()), **changed})


@pytest.fixture(params=["embedded", "kafka"])
def broker(request: pytest.FixtureRequest, tmp_path: Path) -> Broker:
    if request.param == "embedded":
        return EmbeddedBroker(tmp_path / "broker.db")
    return KafkaBroker(KafkaSettings(request.getfixturevalue("kafka")))


@pytest.fixture
def hall(tmp_path: Path, broker: Broker) -> Iterator[Hall]:
    with (
        closing(World.built(tmp_path / "hub")) as world,
        closing(Hall(world, broker, f"t-{uuid4().hex[:12]}")) as hall,
    ):
        yield hall


# --- what is good ---------------------------------------------------------------------------------------


def test_a_report_is_taken_in_once_however_often_it_comes(hall: Hall) -> None:
    sent = hall.sealed(POLICE, report())
    hall.publish(POLICE, sent, sent)
    assert hall.receive(POLICE, 2) == 2
    hall.publish(POLICE, sent)
    assert hall.receive(POLICE, 1) == 1
    assert len(hall.world.facts(ReportReceived)) == 1
    (receipt,) = hall.world.controls_of(POLICE)
    assert isinstance(receipt, Receipt)
    assert receipt.status is ReceiptStatus.RECEIVED
    assert hall.dead() == []


def test_the_same_report_sealed_anew_is_the_same_report(hall: Hall) -> None:
    """A reporter that lost its own record of the first sending sends it under another message id."""
    one = report()
    hall.publish(POLICE, hall.sealed(POLICE, one), hall.sealed(POLICE, one))
    assert hall.receive(POLICE, 2) == 2
    assert len(hall.world.facts(ReportReceived)) == 1


def test_answers_and_purges_are_taken_in(hall: Hall) -> None:
    world = hall.world
    case = world.open_case()
    consent = world.consent(case, [NGO], [Category.INCIDENT, Category.REFERRAL])
    referral, thread = world.refer(case), world.thread(case, NGO)
    answer = ReferralAnswer(
        thread=thread,
        referral=referral,
        status=ReferralStatus.ACCEPTED,
        by=Person(person="anna", name="Anna Ansat"),
        at=world.clock(),
    )
    hall.publish(NGO, hall.sealed(NGO, Inbound.of(answer)))
    assert hall.receive(NGO, 1) == 1
    (accepted,) = world.facts(ReferralAccepted)
    assert (accepted.by.person, accepted.by.organisation) == ("anna", NGO)
    world.withdraw(case, consent)
    revocation = next(m for m in world.stored(NGO) if m.control).message_id
    purged = PurgeAnswer(revocation=revocation, thread=thread, outcome=PurgeOutcome.PURGED)
    hall.publish(NGO, hall.sealed(NGO, Inbound.of(purged)))
    assert hall.receive(NGO, 1) == 1
    assert [fact.revocation for fact in world.facts(Purged)] == [revocation]
    assert hall.dead() == []


# --- what is bad ----------------------------------------------------------------------------------------


def test_what_can_never_be_used_is_put_aside_still_sealed_and_the_next_is_taken_in(hall: Hall) -> None:
    world = hall.world
    good, topic = report(), f"{hall.name}.from.{POLICE}"
    sent = hall.sealed(POLICE, good)
    bad: list[tuple[str, Envelope | Record]] = [
        ("bad_signature", replace(sent, value=sent.value[:-1] + bytes([sent.value[-1] ^ 1]))),
        ("bad_signature", replace(sent, message_id=uuid4())),
        ("bad_signature", hall.sealed(POLICE, good, identity=world.identities[HOSPITAL])),
        ("bad_signature", hall.sealed(HOSPITAL, good)),
        ("bad_envelope", Record(topic, b"garbage", ())),
        ("bad_envelope", Record(topic, b"", (("ce_id", b"\xff\xfe"),))),
        ("bad_envelope", Record(topic, sent.value, (*to_headers(sent), ("ce_id", b"again")))),
        ("bad_signature", Record(topic, b"\x00" * 4096, to_headers(sent))),
        ("invalid", hall.sealed(POLICE, report(urgency="snart"))),
        ("invalid", hall.sealed(POLICE, report(persons=[]))),
        ("invalid", hall.sealed(POLICE, Inbound.report({"report_id": "ingen"}))),
        ("reported:tampered", hall.sealed(POLICE, Inbound.of(_problem()))),
        ("not-found", hall.sealed(POLICE, Inbound.of(_purge_of_nothing()))),
    ]
    hall.publish(POLICE, *(one for _, one in bad), hall.sealed(POLICE, good))
    assert hall.receive(POLICE, len(bad) + 1) == len(bad) + 1
    assert len(world.facts(ReportReceived)) == 1, "the good one behind them"
    dead = hall.dead()
    assert [reason for reason, _ in dead] == [reason for reason, _ in bad]
    assert {reason for reason, _ in dead} <= CLOSED
    for (_, record), (_, one) in zip(dead, bad, strict=True):
        assert record.value == one.value, "as it came, still sealed"
        said = dict(record.headers)
        assert said["dead_topic"].decode() == topic
        assert int(said["dead_offset"]) >= 0
        everything = record.value + repr(record.headers).encode()
        assert not [secret for secret in SECRETS if secret in everything]


def test_a_record_too_large_to_be_put_aside_whole_stops_nothing(tmp_path: Path, kafka: str) -> None:
    """Kafka takes a little more than the hub ever sends. What cannot be copied lies where it came."""
    broker = KafkaBroker(KafkaSettings(kafka))
    with (
        closing(World.built(tmp_path / "hub")) as world,
        closing(Hall(world, broker, f"t-{uuid4().hex[:12]}")) as hall,
    ):
        login = KafkaLogin(kafka)
        producer = login.producer()
        headers = list(to_headers(hall.sealed(POLICE, report())))
        topic = f"{hall.name}.from.{POLICE}"
        producer.send(topic, value=b"x" * 1_020_000, headers=headers, partition=0).get(timeout=10)
        login.close_producer(producer)
        hall.publish(POLICE, hall.sealed(POLICE, report()))
        assert hall.receive(POLICE, 2) == 2
        assert len(world.facts(ReportReceived)) == 1
        ((reason, record),) = hall.dead()
        assert (reason, record.value) == ("bad_signature", b"")
        said = dict(record.headers)
        assert (said["dead_topic"].decode(), said["dead_offset"]) == (topic, b"0")


def _problem() -> Problem:
    return Problem(message_id=uuid4(), reason=ProblemReason.TAMPERED)


def _purge_of_nothing() -> PurgeAnswer:
    return PurgeAnswer(revocation=uuid4(), thread=uuid4(), outcome=PurgeOutcome.PURGED)


def test_a_report_that_is_refused_is_answered_for_silence_would_look_like_received(hall: Hall) -> None:
    refused, other = report(urgency="snart"), report()
    sent = hall.sealed(POLICE, refused)
    hall.publish(POLICE, sent, sent, hall.sealed(POLICE, other))
    assert hall.receive(POLICE, 3) == 3
    found = [c for c in hall.world.controls_of(POLICE) if isinstance(c, Receipt)]
    told = {str(c.report_id): c.status for c in found}
    assert told == {
        refused.body["report_id"]: ReceiptStatus.REFUSED,
        other.body["report_id"]: ReceiptStatus.RECEIVED,
    }
    assert len(found) == 2, "once, however often it came"


def test_a_partner_that_is_suspended_is_put_aside_and_gets_no_answer(hall: Hall) -> None:
    """What it sent is not lost: it is there for a person to look at, and the sender keeps it undelivered."""
    hall.world.suspend(POLICE)
    sent = hall.sealed(POLICE, report())
    hall.publish(POLICE, sent)
    assert hall.receive(POLICE, 1) == 1
    assert [reason for reason, _ in hall.dead()] == ["forbidden"]
    assert hall.world.facts(ReportReceived) == []
    assert hall.world.controls_of(POLICE) == []
    hall.world.resume(POLICE)
    hall.publish(POLICE, sent)
    assert hall.receive(POLICE, 1) == 1
    assert len(hall.world.facts(ReportReceived)) == 1


# --- what is nobody's fault -----------------------------------------------------------------------------


def test_a_report_that_could_not_be_taken_in_just_now_comes_again(
    hall: Hall, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the middle of a batch: what is before it stays done, it and what is behind it comes again."""
    sent = [hall.sealed(POLICE, report()) for _ in range(4)]
    take, away = hall.world.parts.inbound.take, [True]

    def flaky(partner: str, envelope: Envelope) -> Any:
        if envelope.message_id == sent[1].message_id and away:
            raise Unavailable("the database did not answer")
        return take(partner, envelope)

    monkeypatch.setattr(hall.world.parts.inbound, "take", flaky)
    hall.publish(POLICE, *sent)
    with pytest.raises(Unavailable):
        hall.receive(POLICE, 4)
    for _ in range(2):
        # Still away: the same record, and none that is behind it.
        with pytest.raises(Unavailable):
            hall.receive(POLICE, 3)
    assert len(hall.world.facts(ReportReceived)) == 1
    away.clear()
    assert hall.receive(POLICE, 3) == 3
    assert len(hall.world.facts(ReportReceived)) == 4
    assert hall.dead() == []


def test_what_nobody_foresaw_is_tried_again_and_then_put_aside(
    hall: Hall, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """One message that breaks the hub must neither be lost at once nor stop what is behind it for ever."""
    poison, good = hall.sealed(POLICE, report()), hall.sealed(POLICE, report())
    take, tries = hall.world.parts.inbound.take, []

    def broken(partner: str, envelope: Envelope) -> Any:
        if envelope.message_id == poison.message_id:
            tries.append(1)
            raise RuntimeError("Maja Eksempelsen, Opdigtet Allé 7")
        return take(partner, envelope)

    monkeypatch.setattr(hall.world.parts.inbound, "take", broken)
    hall.publish(POLICE, poison, good)
    until = time.monotonic() + WAIT_S
    while not hall.world.facts(ReportReceived) and time.monotonic() < until:
        with suppress(HubError):
            hall.receiver(POLICE).step(10, 0.1)
    assert len(hall.world.facts(ReportReceived)) == 1
    assert [reason for reason, _ in hall.dead()] == ["unexpected"]
    assert len(tries) > 1
    assert "Maja" not in caplog.text
    assert "Opdigtet" not in caplog.text


def test_a_receiver_that_is_started_again_goes_on_where_the_last_one_was(hall: Hall) -> None:
    hall.publish(POLICE, hall.sealed(POLICE, report()), hall.sealed(POLICE, report()))
    assert hall.receive(POLICE, 2) == 2
    hall.receiver(POLICE).close()
    hall._receivers.clear()
    hall.publish(POLICE, hall.sealed(POLICE, report()))
    assert hall.receive(POLICE, 1) == 1
    assert len(hall.world.facts(ReportReceived)) == 3


def test_a_database_that_was_away_loses_no_report(tmp_path: Path, own_postgres: PostgresServer) -> None:
    """SIGKILL, as a crash would: what came meanwhile is taken in when it is back."""
    with closing(World.built(tmp_path / "hub", own_postgres.url)) as world:
        hall = Hall(world, EmbeddedBroker(tmp_path / "broker.db"), "t-away")
        with closing(hall):
            hall.publish(POLICE, hall.sealed(POLICE, report()))
            assert hall.receive(POLICE, 1) == 1
            worker = Workers([Worker("receive.politiet", lambda: hall.receiver(POLICE).step(10, 0.05))])
            worker.start()
            try:
                own_postgres.kill()
                hall.publish(POLICE, *(hall.sealed(POLICE, report()) for _ in range(3)))
                time.sleep(1.0)
                own_postgres.restart()
                _until(lambda: len(world.facts(ReportReceived)) == 4)
            finally:
                worker.stop()
            assert hall.dead() == []


def test_a_worker_outlives_what_nobody_foresaw_and_writes_nothing_of_it(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """Its thread would end unseen, with a traceback that quotes, and reports would lie unread."""
    steps: list[int] = []

    def step() -> int:
        steps.append(1)
        if len(steps) < 3:
            raise RuntimeError("Maja Eksempelsen")
        return 0

    workers = Workers([Worker("receive.politiet", step, pause_s=0.01)])
    with caplog.at_level(logging.DEBUG):
        workers.start()
        _until(lambda: len(steps) > 5)
        workers.stop()
    assert "RuntimeError" in caplog.text
    assert "receive.politiet" in caplog.text
    shown = capfd.readouterr()
    assert "Maja" not in caplog.text + shown.out + shown.err


def _until(holds: Callable[[], bool]) -> None:
    until = time.monotonic() + 20
    while True:
        with suppress(HubError):
            if holds():
                return
        assert time.monotonic() < until, "waited too long"
        time.sleep(0.05)


# --- new keys of a partner ----------------------------------------------------------------------------


def rotate(hall: Hall, *, stolen: bool) -> Identity:
    """The police's new keys, registered with the municipality."""
    new = Identity.new()
    hall.world.parts.hub.rotate_keys(
        hall.world.command(OPERATOR),
        POLICE,
        sealing_key=new.public.sealing,
        signing_key=new.public.signing,
        stolen=stolen,
    )
    return new


def test_what_a_partner_signed_before_it_had_new_keys_still_counts(hall: Hall) -> None:
    """As long as it may be on its way; what comes under the new keys counts at once."""
    hall.publish(POLICE, hall.sealed(POLICE, report()))
    new = rotate(hall, stolen=False)
    hall.publish(POLICE, hall.sealed(POLICE, report(), identity=new))
    assert hall.receive(POLICE, 2) == 2
    assert len(hall.world.facts(ReportReceived)) == 2

    hall.world.clock.move(ON_ITS_WAY)
    hall.publish(POLICE, hall.sealed(POLICE, report()))
    assert hall.receive(POLICE, 1) == 1
    assert [reason for reason, _ in hall.dead()] == ["bad_signature"]


def test_nothing_signed_with_a_stolen_key_counts_any_more(hall: Hall) -> None:
    """From the moment that the municipality is told."""
    hall.publish(POLICE, hall.sealed(POLICE, report()))
    rotate(hall, stolen=True)
    assert hall.receive(POLICE, 1) == 1
    assert [reason for reason, _ in hall.dead()] == ["bad_signature"]
    assert hall.world.facts(ReportReceived) == []
