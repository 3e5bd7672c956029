"""One damaged row, one suspended partner, one absence: the rest goes on, and nothing is lost for it."""

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from contracts.client.party import Party
from contracts.envelope import BadEnvelope, Envelope, to_headers
from contracts.inbound_v1 import Inbound
from contracts.message_v1 import Receipt
from contracts.terms import Category, OrganisationKind
from hub.__main__ import resend
from hub.adapters.broker.embedded import EmbeddedBroker
from hub.adapters.http.access import Role
from hub.adapters.web.visitors import SESSION
from hub.aggregates.base import Actor
from hub.aggregates.citizen_case.events import ReportReceived
from hub.bootstrap import broker_of
from hub.errors import Conflict, Forbidden, Invalid, Missing, TamperedRow, Unavailable, UnknownKey
from hub.operating.rebuilding import rebuild
from hub.operating.working import POLL_S, Workers, projectors, receivers
from hub.ports import Record, Row
from hub.projections import disclosures
from hub.topics.following import Follower
from hub.topics.receiving import Receiver
from tests.support.api import Api, clock_now
from tests.support.carrying import carried
from tests.support.social_reports import example
from tests.world import CASEWORKER, CHILDLESS, MUNICIPALITY, NGO, POLICE, TOVHOLDER, UNIT, World

SECRET = "Maja Eksempelsen, Opdigtet Allé 7"


@pytest.fixture
def world(tmp_path: Path, store_url: str) -> Iterator[World]:
    """Give a municipality that keeps the unit's read models, at the time of the test."""
    with closing(World.built(tmp_path / "hub", store_url, clock=clock_now())) as world:
        world.identities[UNIT].save(tmp_path / "hub" / "keys" / "recipients" / UNIT)
        yield world


# --- receiving ------------------------------------------------------------------------------------------


def put(world: World, broker: EmbeddedBroker, partner: str = POLICE, **changed: Any) -> None:
    """A report from a partner on its topic."""
    message = Inbound.report({**example(), "report_id": str(uuid4()), **changed})
    identity, hub = world.identities[partner], world.parts.identity.public
    sent = identity.send(MUNICIPALITY, partner, uuid4(), message, hub)
    broker.publish([Record(f"{MUNICIPALITY}.from.{partner}", sent.value, to_headers(sent))])


def dead(broker: EmbeddedBroker) -> list[str]:
    """Why what was put aside was put aside."""
    with closing(broker.consumer(f"{MUNICIPALITY}.dead", f"look.{uuid4()}")) as consumer:
        return [dict(one.headers)["dead_reason"].decode() for one in consumer.poll(100, 0.0)]


@pytest.mark.parametrize(
    "error",
    [
        TamperedRow("altered"),
        UnknownKey("no such epoch"),
        Conflict("the case kept changing: read it again"),
        Unavailable("away"),
        OSError(5, SECRET),
        ConnectionResetError(SECRET),
        sqlite3.OperationalError(SECRET),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_report_that_may_be_taken_in_later_is_never_put_aside(
    world: World,
    broker: EmbeddedBroker,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    error: Exception,
) -> None:
    """However often it was tried."""

    def failing(*_: object) -> None:
        raise error

    put(world, broker)
    receiver = Receiver(broker=broker, inbound=world.parts.inbound, municipality=MUNICIPALITY, partner=POLICE)
    with closing(receiver):
        with monkeypatch.context() as patch:
            patch.setattr(world.parts.inbound, "take", failing)
            for _ in range(5):
                with pytest.raises(Unavailable) as caught:
                    receiver.step(10, 0.1)
                assert SECRET not in str(caught.value)
        assert receiver.step(10, 0.1) == 1
    assert dead(broker) == []
    assert len(world.facts(ReportReceived)) == 1
    assert SECRET not in caplog.text


@pytest.mark.parametrize(
    ("error", "tries"),
    [(Unavailable("away"), 2), (Conflict("kept changing"), 2), (OSError(), 2), (TamperedRow("altered"), 0)],
    ids=lambda one: type(one).__name__,
)
def test_a_refusal_that_fails_puts_the_report_aside_once(
    world: World, broker: EmbeddedBroker, monkeypatch: pytest.MonkeyPatch, error: Exception, tries: int
) -> None:
    """What passes is waited for, and the answer leaves; what does not pass stops nobody."""

    def failing(*_: object) -> None:
        raise error

    put(world, broker, urgency="snart")
    put(world, broker)
    receiver = Receiver(broker=broker, inbound=world.parts.inbound, municipality=MUNICIPALITY, partner=POLICE)
    with closing(receiver):
        with monkeypatch.context() as patch:
            patch.setattr(world.parts.inbound, "refuse", failing)
            for _ in range(tries):
                with pytest.raises(Unavailable):
                    receiver.step(10, 0.1)
            assert dead(broker) == []
            if not tries:
                assert receiver.step(10, 0.1) == 2
        assert receiver.step(10, 0.1) == (2 if tries else 0)
    assert dead(broker) == [Invalid.slug]
    assert len(world.facts(ReportReceived)) == 1
    assert len([c for c in world.controls_of(POLICE) if isinstance(c, Receipt)]) == (2 if tries else 1)


# --- opening --------------------------------------------------------------------------------------------


def damage(world: World, sql: str, *params: Any) -> None:
    """Change stored bytes behind everybody's back."""
    with world.parts.app.store.database.transaction() as execute:
        execute(sql, params)


def flipped(wraps: bytes) -> bytes:
    """The same bytes but for one in the head's."""
    return wraps[:20] + bytes([wraps[20] ^ 1]) + wraps[21:]


@pytest.mark.parametrize("how", [flipped, lambda wraps: wraps[:30], lambda wraps: wraps[:2], lambda _: b"x"])
@pytest.mark.parametrize("rebuild", [False, True])
def test_one_damaged_wrap_hides_one_message(
    world: World, caplog: pytest.LogCaptureFixture, how: Any, rebuild: bool
) -> None:
    cases = [world.report() for _ in range(3)]
    told = world.messages_of(UNIT)
    database, ids = world.parts.app.store.database, [message.message_id for message in told]
    for message, grant, wraps in world.parts.app.store.wraps_of([ids[1]]):
        damage(
            world,
            "UPDATE message_wraps SET wraps = ? WHERE message_id = ? AND grant_id = ?",
            *(how(wraps), database.uuid(message), database.uuid(grant)),
        )
    system = Actor("unit", "unit", "projection", UNIT)
    heads = world.parts.opener.heads(system, ids, rebuild=rebuild)
    assert set(heads) == set(ids) - {ids[1]}
    rows = [Row(m.message_id, uuid4(), m.sequence, {}, m.sealed) for m in told]
    seen = world.parts.opener.look(CASEWORKER, UNIT, cases[0], "timeline", "intake", rows)
    assert [row.row.message_id for row in seen] == [ids[0], *ids[2:]]
    with pytest.raises(Missing):
        world.parts.opener.open(CASEWORKER, ids[1], purpose="intake")
    assert "cannot be opened" in caplog.text


def test_without_the_key_encryption_key_nothing_is_passed_over(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A projection that was given no keys would move on behind every message, for good."""
    world.report(CHILDLESS)
    (message,) = world.messages_of(UNIT)

    def other(*_: object) -> bytes:
        raise UnknownKey("there is no key-encryption key of epoch 2")

    monkeypatch.setattr(world.parts.app.keys, "unwrap", other)
    with pytest.raises(Unavailable):
        world.parts.opener.heads(Actor("unit", "unit", "projection", UNIT), [message.message_id])


# --- queries --------------------------------------------------------------------------------------------


def spoil(world: World, stream: UUID, version: int) -> None:
    """Change a byte of one stored event; the last one before its tag, so that its key ids stay."""
    database = world.parts.app.store.database
    ((state,),) = database.read(
        "SELECT state FROM stored_events WHERE originator_id = ? AND originator_version = ?",
        [database.stream(stream), version],
    )
    damage(
        world,
        "UPDATE stored_events SET state = ? WHERE originator_id = ? AND originator_version = ?",
        *(
            bytes(state)[:-20] + bytes([state[-20] ^ 1]) + bytes(state)[-19:],
            database.stream(stream),
            version,
        ),
    )


def afresh(world: World) -> World:
    """Another process on the same store, which has read nothing yet."""
    settings = world.parts.settings
    return World.opened(settings.data_dir, world.identities, settings.database_url, clock=world.clock)


def test_one_damaged_ledger_leaves_the_inbox_to_everybody(
    world: World, broker: EmbeddedBroker, caplog: pytest.LogCaptureFixture
) -> None:
    """Its report still waits, and says that it cannot be opened."""
    cases = [world.report() for _ in range(3)]
    carried(world, broker)
    spoil(world, world.thread(cases[1], UNIT), 1)
    with closing(afresh(world)) as other:
        assert [w.case_id for w in other.parts.queries.inbox(CASEWORKER)] == [cases[0], None, cases[2]]
        assert TamperedRow.slug in caplog.text
        api = Api(other)
        inge = api.login("inge", UNIT, Role.CASEWORKER)
        waiting = inge.get("/v1/inbox").json()["waiting"]
        assert [one["case"] for one in waiting] == [str(cases[0]), None, str(cases[2])]
        page = api.client.get("/", headers={"Cookie": f"{SESSION}={inge.token}"}).text
        assert page.count("beskadiget") == 2, "the report, and the notification of the children in it"
        assert f"/cases/{cases[2]}" in page


def test_one_damaged_case_leaves_the_page_of_the_inbox_to_everybody(
    world: World, broker: EmbeddedBroker
) -> None:
    """A notification of it waits, and cannot be opened from there."""
    case, other = world.report(), world.report()
    carried(world, broker)
    spoil(world, case, 2)
    with closing(afresh(world)) as fresh:
        api = Api(fresh)
        inge = api.login("inge", UNIT, Role.CASEWORKER)
        page = api.client.get("/", headers={"Cookie": f"{SESSION}={inge.token}"})
    assert page.status_code == 200
    assert f"/cases/{other}" in page.text


@pytest.mark.parametrize("version", [1, 2])
def test_one_damaged_disclosure_leaves_the_rest_of_the_overview(
    world: World, broker: EmbeddedBroker, version: int
) -> None:
    case = world.open_case()
    world.legal_basis(case, [NGO], [Category.INCIDENT, Category.RISK])
    (message,) = world.messages_of(NGO)
    world.open_message(NGO, message)
    carried(world, broker)
    spoil(world, world.thread(case, NGO), version)
    with closing(afresh(world)) as other:
        told = other.parts.queries.disclosures(TOVHOLDER, other.case(case), "citizen_access")
    lines = {line["recipient"]: line for line in told}
    assert lines[UNIT]["disclosed"]
    assert lines[UNIT]["unreadable"] == 0
    assert len(lines[NGO]["opened"]) == 1
    assert lines[NGO if version == 2 else None]["unreadable"] == 1
    if version == 1:
        assert len(lines[None]["disclosed"]) == 1, "to whom is not known, but that it was is"


# --- following the log ----------------------------------------------------------------------------------


@pytest.mark.parametrize("version", [1, 2])
def test_a_damaged_disclosure_is_pointed_at_all_the_same(world: World, version: int) -> None:
    """Damaged before the follower came to it: it goes on, and the overview says that something is missing."""
    case = world.open_case()
    world.legal_basis(case, [NGO], [Category.INCIDENT, Category.RISK])
    spoil(world, world.thread(case, NGO), version)
    with closing(afresh(world)) as other:
        follower = Follower(other.parts.app, other.parts.views[disclosures.NAME])
        while follower.step(3):
            pass
        told = other.parts.queries.disclosures(TOVHOLDER, other.case(case), "citizen_access")
    assert {line["recipient"]: line["unreadable"] for line in told} == {
        UNIT: 0,
        NGO if version == 2 else None: 1,
    }


def test_a_follower_without_the_key_encryption_key_does_not_move(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.report()
    with closing(afresh(world)) as other:
        view = other.parts.views[disclosures.NAME]
        follower = Follower(other.parts.app, view)
        with monkeypatch.context() as patch:
            ring = vars(other.parts.app.keys)
            ring["_cache"].clear()
            vars(other.parts.app.mapper)["_ready"].clear()
            patch.setattr(ring["_kek"], "_keys", {})
            for _ in range(3):
                with pytest.raises(Unavailable):
                    follower.step(200)
            assert view.position(disclosures.OWNER) == (0, 0)
        assert follower.step(200) > 0
        assert list(view.rows(disclosures.OWNER))


# --- workers --------------------------------------------------------------------------------------------


def test_a_partner_registered_meanwhile_is_read_without_a_restart(
    world: World, broker: EmbeddedBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hub.operating.working.LOOK_S", 0.05)
    workers = Workers([], lambda known: receivers(world.parts, broker, known))
    before = threading.active_count()
    workers.start()
    try:
        world.register("nordpolitiet", OrganisationKind.POLICE)
        broker.create_topics(world.parts.outgoing.topics(["nordpolitiet"]), 7)
        put(world, broker, "nordpolitiet")
        put(world, broker)
        until = time.monotonic() + 20
        while len(world.facts(ReportReceived)) < 2:
            assert time.monotonic() < until
            time.sleep(0.05)
        names = [thread.name for thread in threading.enumerate()]
        assert names.count("receive.nordpolitiet") == names.count(f"receive.{POLICE}") == 1
    finally:
        workers.stop()
    assert threading.active_count() == before, "all have ended"


def test_a_reader_that_found_nothing_waits_on_its_topic_and_nowhere_else(
    world: World, broker: EmbeddedBroker
) -> None:
    """What came in a pause beside the topic would wait until that is over."""
    readers = [*receivers(world.parts, broker), *projectors(world.parts, broker)]
    assert {reader.name.partition(".")[0] for reader in readers} == {"receive", "project"}
    for reader in readers:
        began = time.monotonic()
        assert reader.step() == 0
        assert time.monotonic() - began > 0.5 * POLL_S, "the poll waits"
        assert reader.pause_s == 0
        reader.close()


# --- the relay ------------------------------------------------------------------------------------------


def test_resend_at_the_command_line(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = world.parts.settings
    monkeypatch.setattr("hub.__main__._settings", lambda: settings)
    for _ in range(3):
        world.report()
    with closing(broker_of(settings)) as broker, closing(world.parts.relay(broker)) as relay:
        broker.create_topics(world.parts.outgoing.topics(world.identities), 7)
        while relay.step():
            pass
    sent = len(world.stored(UNIT))
    resend(UNIT)
    resend(UNIT, epoch=1, after=sent - 1)
    out = capsys.readouterr().out
    assert [f"sent {n} messages to {UNIT} again" in out for n in (sent, 1)] == [True, True]
    world.suspend(POLICE)
    for slug in (POLICE, "ingen"):
        with pytest.raises(Missing):
            resend(slug)


# --- rebuilding -----------------------------------------------------------------------------------------


def active(world: World, slug: str, *, yes: bool) -> None:
    """Whether it is, of the unit too: it is suspended no more, but may have been."""
    world.parts.app.store.database.write("UPDATE partners SET active = ? WHERE slug = ?", [yes, slug])


def test_the_view_of_a_suspended_owner_is_not_emptied_by_a_rebuild(
    world: World, broker: EmbeddedBroker
) -> None:
    world.report()
    carried(world, broker)
    before = list(world.parts.views["intake"].rows(UNIT))
    active(world, UNIT, yes=False)
    with pytest.raises(Forbidden):
        list(rebuild(world.parts, "intake", UNIT))
    assert list(world.parts.views["intake"].rows(UNIT)) == before != []
    active(world, UNIT, yes=True)
    assert list(rebuild(world.parts, "intake", UNIT))
    assert len(list(world.parts.views["intake"].rows(UNIT))) == len(before)


def test_a_rebuild_passes_over_what_cannot_be_used(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A control message that opens and says nothing that is known is an alarm; the rest is filled in."""
    world.identities[POLICE].save(world.parts.settings.data_dir / "keys" / "recipients" / POLICE)
    for _ in range(3):
        world.report()
    list(rebuild(world.parts, "receipts", POLICE))
    before = list(world.parts.views["receipts"].rows(POLICE))
    assert len(before) == 3
    control = Party.control

    def failing(party: Party, envelope: Envelope) -> Any:
        if envelope.message_id == before[1].message_id:
            raise BadEnvelope("not a message")
        return control(party, envelope)

    monkeypatch.setattr(Party, "control", failing)
    list(rebuild(world.parts, "receipts", POLICE))
    assert list(world.parts.views["receipts"].rows(POLICE)) == [before[0], before[2]]
    assert "passed over" in caplog.text
