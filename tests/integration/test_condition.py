"""`hub status` and `/readyz`: what an operator is told is so."""

from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from contracts.topics import from_topic
from hub.adapters.broker.embedded import EmbeddedBroker
from hub.bootstrap import build
from hub.errors import NoKek, Unavailable
from hub.operating.condition import Condition
from hub.operating.working import receivers
from hub.ports import Broker, Record, Waits
from hub.projections import disclosures
from hub.topics.dead_letters import DeadLetters
from hub.topics.following import Follower
from tests.support.api import Api, clock_now, slug_of
from tests.world import NGO, UNIT, World


@pytest.fixture
def world(tmp_path: Path, store_url: str) -> Iterator[World]:
    """Give a municipality that keeps the unit's read models."""
    with closing(World.built(tmp_path / "hub", store_url)) as world:
        world.identities[UNIT].save(tmp_path / "hub" / "keys" / "recipients" / UNIT)
        yield world


def told(world: World, broker: Broker) -> dict[str, Waits]:
    return {waits.what: waits for waits in Condition(world.parts, broker).all()}


def test_the_units_view_counts_also_where_its_keys_are_gone(world: World, tmp_path: Path) -> None:
    """Nothing takes it in then, and *0* would look like an empty inbox."""
    folder = world.parts.settings.data_dir / "keys" / "recipients" / UNIT
    folder.rename(folder.with_name("away"))
    world.report()
    with closing(EmbeddedBroker(tmp_path / "broker.db")) as broker:
        broker.create_topics(world.parts.outgoing.topics([UNIT]), 7)
        waiting = next(
            w for w in Condition(world.parts, broker).views() if w.what == f"view intake of {UNIT}"
        )
        assert waiting.count == len(world.stored(UNIT)) > 0


def test_what_waits_is_counted_and_how_long(world: World, tmp_path: Path) -> None:
    """Before anything was sent; a minute on; and when everybody has caught up."""
    with closing(EmbeddedBroker(tmp_path / "broker.db")) as broker:
        slugs = [row.slug for row in world.parts.app.store.partners()]
        broker.create_topics(world.parts.outgoing.topics(slugs), 7)
        world.consent(world.open_case())
        world.clock.move(timedelta(minutes=1))
        before = told(world, broker)
        everything = sum(len(world.stored(slug)) for slug in slugs)
        assert (before["outbox"].count, before["outbox"].seconds) == (everything, 60)
        waiting = before[f"view timeline of {UNIT}"]
        assert (waiting.count, waiting.seconds) == (len(world.stored(UNIT)), 60)
        assert before["view disclosures"].count == world.parts.app.recorder.max_notification_id()
        assert before[f"uncollected by {NGO}"].count == len(world.stored(NGO)) > 0

        with (
            closing(world.parts.relay(broker)) as relay,
            closing(world.parts.projector(broker, UNIT)) as views,
        ):
            relay.step()
            views.step(500, 1.0)
        Follower(world.parts.app, world.parts.views[disclosures.NAME]).step(1000)
        after = told(world, broker)
        assert {w.count for name, w in after.items() if not name.startswith("uncollected")} == {0}
        assert {w.seconds for w in after.values()} == {None}
        assert after[f"uncollected by {NGO}"].count == len(world.stored(NGO))


def test_what_a_partner_pulled_past_is_collected(world: World, tmp_path: Path) -> None:
    """By the number that it asks after; never by what it was given and may have lost."""
    case = world.open_case()
    world.consent(case)
    world.assess(case)
    numbers = [message.sequence for message in world.stored(NGO)]
    outgoing = world.parts.outgoing
    outgoing.messages_of(NGO, 0, 0, 100)
    assert outgoing.uncollected(NGO) == len(numbers) > 1
    outgoing.collected(NGO, 1, numbers[0])
    assert outgoing.uncollected(NGO) == len(numbers) - 1
    outgoing.collected(NGO, 1, numbers[-1])
    outgoing.collected(NGO, 1, numbers[0])
    assert outgoing.uncollected(NGO) == 0


def test_what_a_partner_sent_shows_until_it_is_taken_in(world: World, broker: Broker) -> None:
    """All of it where its receiver never began, and what came since where it did."""
    topic = from_topic(world.parts.settings.municipality, NGO)
    where = f"not taken in from {NGO}"
    assert told(world, broker)[where].count == 0
    assert f"not taken in from {UNIT}" not in told(world, broker), "it is the hub itself"
    broker.publish([Record(topic, b"1"), Record(topic, b"2")])
    assert told(world, broker)[where].count == 2
    (receiver,) = [w for w in receivers(world.parts, broker) if w.name == f"receive.{NGO}"]
    assert receiver.step() == 2
    assert told(world, broker)[where].count == 0
    broker.publish([Record(topic, b"3")])
    assert told(world, broker)[where].count == 1
    receiver.close()


def test_a_dead_letter_shows(world: World, tmp_path: Path) -> None:
    """Until its topic drops it."""
    with closing(EmbeddedBroker(tmp_path / "broker.db")) as broker:
        broker.create_topics(world.parts.outgoing.topics([UNIT]), 7)
        DeadLetters(broker, world.parts.settings.municipality).bury(Record("x", b"sealed"), "unreadable")
        assert told(world, broker)["dead letters"].count == 1


def test_ready_where_it_can_take_a_report_in(tmp_path: Path, store_url: str) -> None:
    """Without any login, and without a broker."""
    with closing(World.built(tmp_path / "hub", store_url, clock=clock_now())) as world:
        answer = Api(world).client.get("/readyz")
        assert (answer.status_code, answer.json()) == (200, {"status": "ready"})


def test_not_ready_while_the_database_is_away(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """503, and nothing of where it is."""

    def away(*_: object) -> None:
        raise Unavailable("the database does not answer: try again")

    api = Api(world)
    monkeypatch.setattr(world.parts.app.store.database, "read", away)
    answer = api.client.get("/readyz")
    assert (answer.status_code, slug_of(answer)) == (503, "unavailable")
    assert answer.json()["part"] == "database"


def test_not_ready_while_no_report_is_taken_for_want_of_room(tmp_path: Path, store_url: str) -> None:
    """Withdrawals still are, so the part is named."""
    with closing(World.built(tmp_path / "hub", store_url, clock=clock_now())) as world:
        settings = world.parts.settings.model_copy(update={"disk_reserve": 2**62})
        with closing(build(settings, clock=world.clock)) as parts:
            answer = Api(World(parts, world.identities, world.clock)).client.get("/readyz")
    assert (answer.status_code, slug_of(answer), answer.json()["part"]) == (503, "no-room", "disk")
    assert "no report is taken" in answer.json()["title"]


def test_not_ready_where_the_keys_open_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Which is another one's to mend than a database that is away."""

    def wrong(*_: object) -> None:
        raise NoKek("there is no key-encryption key of epoch 2")

    api = Api(world)
    monkeypatch.setattr(world.parts.app.keys, "_read", wrong)
    answer = api.client.get("/readyz")
    assert (answer.status_code, answer.json()["part"]) == (500, "keys")
