"""A backup of yesterday is restored: what ended since stays ended, what came since comes again, numbers begin
anew. Database and keys are kept apart, as the runbook says: the fence is never restored."""

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import cast
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import sql

from contracts.client.http_profile import HttpHub
from contracts.client.inbox import START, Position, Received
from contracts.client.kafka_profile import KafkaHub
from contracts.client.party import Party
from contracts.client.reading import read_http, read_kafka
from contracts.envelope import Envelope, from_headers, to_headers
from contracts.inbound_v1 import Inbound
from contracts.message_v1 import Heartbeat, ReceiptStatus, Revoked
from contracts.social_report_v1 import SocialReport
from contracts.terms import Category, PersonRole, SafetyLevel
from hub import __main__ as command_line
from hub.adapters.broker.embedded import EmbeddedBroker
from hub.aggregates.base import Actor
from hub.aggregates.citizen_case.events import ConsentWithdrawn, ReportReceived
from hub.aggregates.citizen_case.terms import ErasureGround
from hub.errors import Conflict, Missing
from hub.operating.doctor import examine
from hub.operating.restoring import forgets, restore
from hub.ports import Consumer, Record
from hub.projections import timeline
from hub.topics.receiving import Receiver
from tests.support.social_reports import REPORTS, example
from tests.world import CASEWORKER, HOSPITAL, MUNICIPALITY, NGO, POLICE, SAME_WOMAN, UNIT, World

NO_CHILD = "skadestue-mand-slaaet-af-sin-bror"


class Town:
    """A municipality whose database can be backed up and put back, beside keys, fence and broker."""

    def __init__(self, folder: Path, url: str) -> None:
        self._folder, self._url, self._backup = folder, url, ""
        self.world = World.built(folder / "hub", url)
        self.identities = self.world.identities
        self.identities[UNIT].save(folder / "hub" / "keys" / "recipients" / UNIT)
        self.broker = EmbeddedBroker(folder / "broker.db")
        slugs = [row.slug for row in self.world.parts.app.store.partners()]
        self.broker.create_topics(self.world.parts.outgoing.topics(slugs), 7)

    def back_up(self) -> None:
        """Copy the database alone; it goes on."""
        self.world.close()
        if self._url:
            self._copy_database(self._url, self._url + "_backup")
        else:
            shutil.copy(self._folder / "hub" / "hub.db", self._folder / "backup.db")
        self._open()

    def put_back(self) -> None:
        """The database as it was backed up; nothing else is put back."""
        self.world.close()
        if self._url:
            self._backup = self._backup or self._url + "_backup"
            self._url = f"{self._url}_put_back"
            self._copy_database(self._backup, self._url)
        else:
            for left in (self._folder / "hub").glob("hub.db*"):
                left.unlink()
            shutil.copy(self._folder / "backup.db", self._folder / "hub" / "hub.db")
        self._open()

    def settle(self) -> None:
        """Everything that waits is sent, taken in and shown."""
        parts = self.world.parts
        with closing(parts.relay(self.broker)) as relay, closing(parts.projector(self.broker, UNIT)) as views:
            while relay.step() + views.step(500, 0.0):
                continue

    def shown(self) -> list[tuple[UUID, int]]:
        """The rows of the unit's timeline: message and number."""
        rows = self.world.parts.views[timeline.NAME].rows(UNIT)
        return [(row.message_id, row.sequence) for row in rows]

    def report(self) -> UUID:
        """The police hand a report over by topic, and it is taken in; its id."""
        report_id = uuid4()
        message = Inbound.report({**example(), "report_id": str(report_id)})
        hub = self.world.parts.identity.public
        sent = self.identities[POLICE].send(MUNICIPALITY, POLICE, uuid4(), message, hub)
        self.broker.publish([Record(f"{MUNICIPALITY}.from.{POLICE}", sent.value, to_headers(sent))])
        inbound = self.world.parts.inbound
        with closing(
            Receiver(broker=self.broker, inbound=inbound, municipality=MUNICIPALITY, partner=POLICE)
        ) as receiver:
            assert receiver.step(10, 1.0) == 1
        return report_id

    def reports(self) -> list[UUID]:
        return [event.report_id for event in self.world.facts(ReportReceived)]

    def broker_again(self) -> EmbeddedBroker:
        """The same, as another process opens it."""
        return EmbeddedBroker(self._folder / "broker.db")

    def close(self) -> None:
        self.world.close()
        self.broker.close()

    def _open(self) -> None:
        self.world = World.opened(self._folder / "hub", self.identities, self._url)

    def _copy_database(self, url: str, to: str) -> None:
        server = urlsplit(url)._replace(path="/postgres").geturl()
        old, new = (sql.Identifier(urlsplit(one).path.lstrip("/")) for one in (url, to))
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(new, old))


def _forget(world: World, case: UUID) -> None:
    """Its citizen asks to be forgotten, and is."""
    world.answer_for_children(case)
    asked = world.parts.hub.request_erasure(world.command(CASEWORKER), case, world.clock())
    world.parts.hub.grant_erasure(
        world.command(CASEWORKER),
        case,
        UUID(asked.ids["request"]),
        ground=ErasureGround.NO_LONGER_NEEDED,
        reason="Intet kræver, at sagen bevares",
    )


def _blind(world: World, report: SocialReport) -> bytes:
    (cpr,) = {p.cpr for p in report.persons if p.role is PersonRole.EXPOSED}
    assert cpr is not None
    return world.parts.committer.blind(PersonRole.EXPOSED, cpr)


@pytest.fixture
def town(tmp_path: Path, store_url: str) -> Iterator[Town]:
    """Give one."""
    with closing(Town(tmp_path, store_url)) as town:
        yield town


def test_what_was_withdrawn_since_the_backup_stays_withdrawn(town: Town) -> None:
    """By the fence at once, and on record when the operator says that it was restored."""
    case = town.world.open_case()
    consent = town.world.consent(case)
    town.world.level(case, SafetyLevel.HIGH)
    message = town.world.messages_of(NGO)[-1]
    assert town.world.open_message(NGO, message)
    town.back_up()
    town.world.withdraw(case, consent)
    town.put_back()
    with pytest.raises(Missing):
        town.world.open_message(NGO, message)

    found = restore(town.world.parts, town.broker)
    assert (found.ended, found.cases) == (2, 1)
    assert {event.category for event in town.world.facts(ConsentWithdrawn)} == {
        Category.INCIDENT,
        Category.RISK,
    }
    assert [g for g in town.world.case(case).grants.values() if g.recipient == NGO and not g.ended] == []
    assert any(isinstance(control, Revoked) for control in town.world.controls_of(NGO))
    town.world.level(case, SafetyLevel.ACUTE)
    assert town.world.told(NGO) == []


# --- before the operator says that it was restored ------------------------------------------------------


def _withdrawn(world: World, case: UUID, consent: UUID) -> None:
    world.withdraw(case, consent)


def _forgotten(world: World, case: UUID, _: UUID) -> None:
    _forget(world, case)


@pytest.mark.parametrize("end", [_withdrawn, _forgotten], ids=["withdrawn", "forgotten"])
@pytest.mark.parametrize("damaged", [False, True], ids=["whole", "damaged"])
def test_an_older_database_is_found_until_the_operator_says_that_it_was_restored(
    town: Town, end: Callable[[World, UUID, UUID], None], damaged: bool
) -> None:
    """Whatever serves or works begins on neither; also where a case that ended since can't be read."""
    case = town.world.open_case()
    consent = town.world.consent(case)
    town.back_up()
    end(town.world, case, consent)
    assert forgets(town.world.parts) is None
    town.put_back()
    if damaged:
        database = town.world.parts.app.store.database
        stream = database.stream(case)
        database.write("UPDATE stored_events SET state = ? WHERE originator_id = ?", [b"broken", stream])
    amiss = forgets(town.world.parts)
    assert amiss is not None
    assert "run `hub restored`" in amiss
    with closing(town.broker_again()) as broker:
        found = dict(examine(town.world.parts.settings, lambda: town.world.parts, lambda: broker))
    assert found["fence"] == amiss
    assert restore(town.world.parts, town.broker).damaged == damaged
    assert forgets(town.world.parts) is None


def test_one_that_is_put_back_once_more_is_found_though_nothing_ended(town: Town) -> None:
    """Its numbers were given since, in the epoch that the fence knows."""
    town.back_up()
    town.put_back()
    restore(town.world.parts, town.broker)
    assert forgets(town.world.parts) is None
    town.put_back()
    assert forgets(town.world.parts) is not None
    restore(town.world.parts, town.broker)
    assert forgets(town.world.parts) is None


@pytest.mark.parametrize(
    "begin",
    [
        command_line.serve,
        command_line.relay,
        command_line.project,
        command_line.receive,
        partial(command_line.resend, NGO),
        partial(command_line.replay_dead_letters, dead_letter=True),
    ],
    ids=["serve", "relay", "project", "receive", "resend", "replay"],
)
def test_nothing_serves_or_works_on_an_older_database(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, begin: Callable[[], None]
) -> None:
    """Where it would write what the restore has to come before; `hub status` still tells."""
    with closing(Town(tmp_path, "")) as town:
        settings = town.world.parts.settings
        monkeypatch.setattr(command_line, "_settings", lambda: settings)
        monkeypatch.setattr(command_line, "end_at_once", lambda: None)
        monkeypatch.setattr(command_line, "broker_of", lambda _: town.broker_again())
        case = town.world.open_case()
        consent = town.world.consent(case)
        town.back_up()
        town.world.withdraw(case, consent)
        town.put_back()
        log = town.world.log()
        with pytest.raises(Conflict, match="run `hub restored`"):
            begin()
        assert town.world.log() == log
        command_line.status()
        command_line.restored()
        assert forgets(town.world.parts) is None


# --- what was erased ------------------------------------------------------------------------------------


def test_what_was_erased_since_keeps_nothing_from_ending_again(town: Town) -> None:
    """The erased case comes first in the log; the one that was withdrawn since, after it."""
    gone, case = town.world.open_case(), town.world.open_case(SAME_WOMAN)
    consent = town.world.consent(case)
    town.back_up()
    town.world.parts.committer.destroy(town.world.case(gone))
    town.world.withdraw(case, consent)
    town.put_back()

    assert restore(town.world.parts, town.broker).cases == 1
    assert [g for g in town.world.case(case).grants.values() if g.recipient == NGO and not g.ended] == []
    assert restore(town.world.parts, town.broker).ended == 0


def test_who_was_forgotten_since_the_backup_stays_forgotten(town: Town) -> None:
    """By the fence at once; and once the operator says that it was restored, no number leads there either."""
    gone, other = town.world.report(NO_CHILD), town.world.report(NO_CHILD)
    town.world.parts.hub.block_person(
        town.world.command(CASEWORKER), gone, organisation=UNIT, person="bo", name="Bo", reason="Bror"
    )
    town.back_up()
    _forget(town.world, gone)
    town.put_back()
    with pytest.raises(Missing):
        town.world.case(gone)
    restore(town.world.parts, town.broker)
    parts = town.world.parts
    assert parts.committer.same_citizen(town.world.case(other)) == [other]
    assert parts.app.store.block_list() == []
    stored = parts.app.store.stored_key(gone)
    assert stored is not None
    assert stored.key is None, "nor does its key lie there, wrapped"


def test_what_was_erased_since_is_not_taken_in_anew(town: Town) -> None:
    """Of a report that came and was erased since the backup knows nothing, and its topic still holds it."""
    town.back_up()
    report = town.report()
    (gone,) = {event.originator_id for event in town.world.facts(ReportReceived)}
    _forget(town.world, gone)
    town.put_back()
    assert restore(town.world.parts, town.broker).read == 1
    assert town.reports() == []
    told = town.world.controls_of(POLICE)
    assert [type(control) for control in told] == [Heartbeat], "the epoch, and nothing of the report"
    reporter = Actor(POLICE, "Bodil Betjent", "reporter", POLICE)
    shown = town.world.parts.queries.receipt(reporter, report)
    assert shown["status"] == ReceiptStatus.RECEIVED


def test_its_reporters_program_may_hand_over_again_what_was_erased_since(town: Town) -> None:
    """Over HTTP too, with what was added to it: answered as before, and nothing of it is kept."""
    town.back_up()
    report = REPORTS[NO_CHILD].model_copy(update={"report_id": uuid4()})
    case = town.world.report(report=report)
    more = REPORTS[NO_CHILD].model_copy(update={"report_id": uuid4(), "supplements": report.report_id})
    reporter = Actor(HOSPITAL, report.written_by.name, "reporter", HOSPITAL)
    town.world.parts.inbound.report(reporter, more)
    _forget(town.world, case)
    town.put_back()
    restore(town.world.parts, town.broker)
    before = len(town.world.log(0))
    for again in (report, more, report):
        answer = town.world.parts.inbound.report(reporter, again)
        assert answer.ids["number"] == "-"
    assert len(town.world.log(0)) == before
    assert town.world.parts.app.store.cases_of(_blind(town.world, report)) == []
    fresh = REPORTS[NO_CHILD].model_copy(update={"report_id": uuid4()})
    assert town.world.case(town.world.report(report=fresh)).reports, "another report is another night"


def test_a_report_from_before_the_backup_is_not_called_forwarded_because_its_case_was_erased(
    town: Town,
) -> None:
    case = town.world.report(NO_CHILD)
    report = town.world.report_of(case)
    town.back_up()
    _forget(town.world, case)
    town.put_back()
    restore(town.world.parts, town.broker)
    assert town.world.parts.queries._how_far(HOSPITAL, case, report) is ReceiptStatus.RECEIVED


def test_what_partners_sent_since_is_read_again_and_happens_once(town: Town) -> None:
    """Their topics keep it for days; what the backup knows is not taken in twice."""
    before = town.report()
    town.back_up()
    since = town.report()
    town.put_back()
    assert town.reports() == [before]
    assert restore(town.world.parts, town.broker).read == 2
    assert town.reports() == [before, since]


def test_numbers_begin_anew_and_readers_go_on(town: Town) -> None:
    """A number that was given since the backup never names another message; no row is lost or shown twice."""
    case = town.world.open_case()
    town.settle()
    town.back_up()
    town.world.level(case, SafetyLevel.HIGH)
    town.settle()
    lost = town.world.stored(UNIT)[-1]
    town.put_back()
    assert restore(town.world.parts, town.broker).epoch == 2
    town.world.level(case, SafetyLevel.RAISED)
    town.settle()
    stored = town.world.stored(UNIT)
    assert [(m.epoch, m.sequence) for m in stored[-2:]] == [(2, 1), (2, 2)]
    assert lost.message_id not in {message.message_id for message in stored}
    assert sorted(town.shown()) == sorted((m.message_id, m.sequence) for m in stored if not m.control)
    assert town.world.parts.views[timeline.NAME].position(UNIT) == (2, 2)


def test_a_backup_that_is_put_back_twice_begins_no_epoch_again(town: Town) -> None:
    """Who read further in the epoch between would miss what is told up to there."""
    town.back_up()
    begun = []
    for _ in range(2):
        town.put_back()
        begun += [restore(town.world.parts, town.broker).epoch for _ in range(2)]
        town.world.report()
        assert {m.epoch for m in town.world.stored(POLICE)[-1:]} == {begun[-1]}
    assert begun == sorted(set(begun))


def test_what_lay_on_a_topic_unread_is_no_row_of_a_restored_view(town: Town) -> None:
    """Sent after the backup and not projected before the loss: nobody can open it, and nobody is shown it."""
    case = town.world.open_case()
    town.settle()
    town.back_up()
    town.world.level(case, SafetyLevel.HIGH)
    with closing(town.world.parts.relay(town.broker)) as relay:
        relay.step()
    town.put_back()
    restore(town.world.parts, town.broker)
    town.world.level(case, SafetyLevel.RAISED)
    town.settle()
    stored = town.world.stored(UNIT)
    assert sorted(town.shown()) == sorted((m.message_id, m.sequence) for m in stored if not m.control)
    assert town.world.parts.views[timeline.NAME].position(UNIT) == (2, 2)


def test_everybody_is_told_the_new_epoch_at_once(town: Town) -> None:
    """Signed, under its first number; who is suspended hears of it when let in again."""
    town.world.suspend(NGO)
    town.back_up()
    town.put_back()
    restore(town.world.parts, town.broker)
    told = {slug: town.world.stored(slug)[-1:] for slug in (UNIT, POLICE, NGO)}
    assert [[(m.epoch, m.sequence) for m in told[slug]] for slug in (UNIT, POLICE)] == [[(2, 1)]] * 2
    assert isinstance(town.world.controls_of(POLICE)[-1], Heartbeat)
    assert not [message for message in told[NGO] if message.epoch == 2]


@pytest.mark.parametrize("by_topic", [False, True], ids=["over HTTP", "by topic"])
@pytest.mark.parametrize("ahead", [False, True], ids=["as the backup", "further than the backup"])
def test_a_partners_program_goes_on_with_nothing_lost_and_nothing_twice(
    town: Town, by_topic: bool, ahead: bool
) -> None:
    """It has what it was told since the backup, too; what comes now has numbers that it has not seen."""
    case = town.world.open_case()
    town.world.consent(case)
    town.world.level(case, SafetyLevel.HIGH)
    town.settle()
    program = Program(town, by_topic=by_topic)
    program.read()
    town.back_up()
    town.world.level(case, SafetyLevel.ACUTE)
    town.settle()
    since = town.world.stored(NGO)[-1].message_id
    if ahead:
        program.read()
    town.put_back()
    restore(town.world.parts, town.broker)
    town.world.level(case, SafetyLevel.RAISED)
    town.settle()
    program.read()
    stored = [message.message_id for message in town.world.stored(NGO)]
    assert set(stored) <= set(program.seen)
    assert len(program.seen) == len(set(program.seen))
    assert (since in program.seen) == (ahead or by_topic)
    assert program.seen[-1] == stored[-1]
    assert program.position == (2, 2)


class Program:
    """A partner's program: the client's own reading, by either way."""

    def __init__(self, town: Town, *, by_topic: bool) -> None:
        self._town = town
        self._topic = by_topic
        self.position: Position = START
        self.seen: list[UUID] = []

    def apply(self, received: Sequence[Received], position: Position) -> None:
        """Keep what came, and how far."""
        self.seen += [one.envelope.message_id for one in received]
        self.position = position

    def read(self) -> None:
        """Everything that there is for it now."""
        world = self._town.world
        party = Party(MUNICIPALITY, NGO, self._town.identities[NGO], world.parts.identity.public)
        hub = cast(HttpHub, _Pulled(world))
        if not self._topic:
            while read_http(hub, party, self, self.position) != self.position:
                continue
            return
        topic, group = world.parts.outgoing.topic(NGO), f"{NGO}.adapter"
        with closing(self._town.broker.consumer(topic, group)) as consumer:
            kafka = cast(KafkaHub, _Topic(consumer))
            before = None
            while before != self.position:
                before = self.position
                read_kafka(kafka, hub, party, self, self.position)


class _Pulled:
    """`GET /v1/messages` without the HTTP."""

    def __init__(self, world: World) -> None:
        self._world = world

    def messages(self, epoch: int, after: int, limit: int) -> list[Envelope]:
        return self._world.parts.outgoing.messages_of(NGO, epoch, after, limit)


class _Topic:
    """The partner's own topic, on the embedded broker."""

    def __init__(self, consumer: Consumer) -> None:
        self._consumer = consumer
        self._done = -1

    def poll(self, limit: int, timeout_s: float) -> list[Envelope]:
        records = self._consumer.poll(limit, timeout_s)
        self._done = records[-1].offset if records else self._done
        return [from_headers(record.headers, record.value) for record in records]

    def commit(self) -> None:
        self._consumer.commit(self._done)

    def release(self) -> None:
        self._consumer.close()
