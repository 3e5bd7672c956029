"""The Kafka profile over a broker with ACLs: read, answer, fill gaps by HTTP, begin again after a failure."""

import uuid
from collections.abc import Iterator
from contextlib import ExitStack, closing

import pytest
from kafka import KafkaConsumer
from kafka.errors import RebalanceInProgressError

from contracts.client.errors import HubUnreachable, MissingMessages, NotLetIn
from contracts.client.http_profile import HttpHub
from contracts.client.inbox import START
from contracts.client.kafka_login import KafkaLogin
from contracts.client.kafka_profile import KafkaHub
from contracts.client.keys import Identity
from contracts.client.logins import Tokens, by_secret
from contracts.client.party import Party
from contracts.client.reading import read_kafka
from contracts.client.sealed import seal_control
from contracts.envelope import BadEnvelope, Envelope, from_headers, to_headers, to_json
from contracts.inbound_v1 import Inbound, Problem, ProblemReason
from contracts.message_v1 import Blank
from hub.adapters.broker.kafka import KafkaBroker, KafkaSettings
from hub.adapters.broker.kafka_admin import grant_partner
from hub.ports import Record
from tests.contract.test_envelope_http import Server
from tests.contract.test_envelope_inbox import Reader
from tests.support.kafka import SecureKafka

HUB = Identity.new()


class Site:
    """A municipality of its own with one partner, on the shared broker, and the hub's HTTP side."""

    def __init__(self, server: SecureKafka, http: Server, stack: ExitStack) -> None:
        """Make topics, user, rights and clients."""
        town, slug, password = f"m{uuid.uuid4().hex[:8]}", "lyspunktet", "nordlys-4417"
        self.party = Party(town, slug, Identity.new(), HUB.public)
        ca = server.ca_path
        admin = KafkaSettings(server.bootstrap, ca, server.admin_user, server.admin_password)
        self.broker = stack.enter_context(closing(KafkaBroker(admin)))
        self.broker.create_topics([self.party.reads, self.party.writes], 7)
        grant_partner(admin, slug, town, password)
        self.login = KafkaLogin(server.bootstrap, ca, slug, password, timeout_s=5)
        self.kafka = stack.enter_context(KafkaHub(self.login, self.party))
        self.hub = stack.enter_context(
            HttpHub(http.url, self.party, Tokens(http.url + "/token", by_secret("a", "b")))
        )
        self.listed: list[Envelope] = []
        http.answers = lambda *_: (200, {"messages": [to_json(one) for one in self.listed]})
        self.reader = Reader()
        self.all = [self.message((1, n)) for n in range(1, 6)]

    def message(self, number: tuple[int, int], hub: Identity = HUB) -> Envelope:
        """Make a control message."""
        message_id, key = uuid.uuid4(), self.party.identity.public.sealing
        sealed = seal_control(self.party.municipality, self.party.name, message_id, Blank(), key)
        return hub.numbered(self.party.municipality, self.party.name, number, message_id, sealed)

    def publish(self, *envelopes: Envelope) -> None:
        """Publish as the relay does."""
        self.broker.publish([Record(self.party.reads, one.value, to_headers(one)) for one in envelopes])

    def read(self) -> None:
        """Read until something came."""
        before = self.reader.position
        for _ in range(20):
            read_kafka(self.kafka, self.hub, self.party, self.reader, self.reader.position)
            if self.reader.position != before:
                return
        raise AssertionError("nothing came")


@pytest.fixture
def site(secure_kafka: SecureKafka) -> Iterator[Site]:
    """Give a site of the test's own."""
    with ExitStack() as stack:
        http = stack.enter_context(closing(Server()))
        yield Site(secure_kafka, http, stack)


def test_messages_are_read_once_and_go_on_where_they_were(site: Site) -> None:
    """Also by a reader that begins anew, and by one that has kept its position alone."""
    site.publish(*site.all[:2])
    site.read()
    site.publish(*site.all[1:4])
    site.read()
    site.kafka.release()
    site.publish(site.all[4])
    site.read()
    assert site.reader.taken == site.all
    assert site.reader.reported == []


def test_what_the_topic_lacks_is_pulled_over_http(site: Site) -> None:
    """At its beginning and in its middle; a number that nobody gives is an alarm, and nothing is skipped."""
    site.publish(site.all[1], site.all[3])
    with pytest.raises(MissingMessages):
        site.read()
    assert site.reader.position == START
    site.listed = site.all[:3]
    site.read()
    assert site.reader.taken == site.all[:4]


def test_a_failure_begins_again_at_what_was_committed(site: Site) -> None:
    """The handler's database was away; the same messages come again."""
    site.publish(*site.all)
    site.reader.down = True
    with pytest.raises(HubUnreachable, match="told to fail"):
        site.read()
    site.reader.down = False
    site.read()
    assert site.reader.taken == site.all


def test_poison_is_reported_on_our_own_topic_and_the_true_message_pulled(site: Site) -> None:
    """Something without headers, and something forged under a number: the reader goes on."""
    forged = site.message((1, 1), hub=Identity.new())
    site.broker.publish([Record(site.party.reads, b"\x00junk")])
    site.publish(forged)
    site.listed = site.all[:1]
    site.read()
    assert site.reader.taken == site.all[:1]
    with closing(site.broker.consumer(site.party.writes, "hub.receive")) as consumer:
        found = [record for _ in range(5) for record in consumer.poll(2, 2.0)]
    problems = []
    for record in found:
        envelope = from_headers(record.headers, record.value)
        told = HUB.receive(site.party.municipality, site.party.name, envelope, site.party.identity.public)
        problems.append(told.answer())
    assert [one.reason for one in problems if isinstance(one, Problem)] == [
        ProblemReason.BAD_ENVELOPE,
        ProblemReason.BAD_SIGNATURE,
    ]


def test_a_bad_record_stands_in_its_place(site: Site) -> None:
    """The reader sees that there was something."""
    site.broker.publish([Record(site.party.reads, b"")])
    assert [type(one) for one in site.kafka.poll(10, 0.5)] == [BadEnvelope]


def test_the_first_poll_waits_to_be_let_in_and_finds_what_is_there(site: Site) -> None:
    """However short it is: to find nothing before that would say that there is nothing."""
    site.publish(*site.all)
    assert site.kafka.poll(10, 0.2) == site.all
    assert site.kafka.poll(10, 0.2) == []


def test_while_the_group_is_made_up_anew_nothing_is_committed_and_what_comes_again_is_a_repeat(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forestalled(*_: object) -> None:
        raise RebalanceInProgressError

    site.publish(*site.all[:2])
    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(KafkaConsumer, "commit", forestalled)
        site.read()
    site.kafka.release()
    site.publish(*site.all[2:])
    site.read()
    assert site.reader.taken == site.all
    assert site.reader.reported == []


def test_what_is_sent_comes_to_the_hub_signed(site: Site) -> None:
    """One after the other, each acknowledged."""
    told = [Problem(message_id=uuid.uuid4(), reason=ProblemReason.TAMPERED) for _ in range(3)]
    for problem in told:
        site.kafka.send(uuid.uuid4(), Inbound.of(problem))
    with closing(site.broker.consumer(site.party.writes, "hub.receive")) as consumer:
        found = [record for _ in range(5) for record in consumer.poll(3, 1.0)]
    envelopes = [from_headers(record.headers, record.value) for record in found]
    keys = site.party.identity.public
    answers = [HUB.receive(site.party.municipality, site.party.name, one, keys).answer() for one in envelopes]
    assert answers == told


def test_no_broker_and_no_right_are_told_apart(site: Site) -> None:
    """One is nobody's fault, the other needs a person."""
    problem = Inbound.of(Problem(message_id=uuid.uuid4(), reason=ProblemReason.TAMPERED))
    with KafkaHub(KafkaLogin("127.0.0.1:1"), site.party) as nowhere:
        for act in (nowhere.poll, lambda: nowhere.send(uuid.uuid4(), problem)):
            with pytest.raises(HubUnreachable):
                act()
    stranger = Party(site.party.municipality, "mandecentret", Identity.new(), HUB.public)
    site.broker.create_topics([stranger.reads, stranger.writes], 7)
    with KafkaHub(site.login, stranger) as other:
        for act in (other.poll, lambda: other.send(uuid.uuid4(), problem)):
            with pytest.raises(NotLetIn):
                act()
