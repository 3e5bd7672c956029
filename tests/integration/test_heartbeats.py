"""Heartbeats: an end that was lost shows within the hour; nothing is told twice, whatever was restarted."""

import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from contracts.message_v1 import Heartbeat
from contracts.terms import SafetyLevel
from hub.adapters.broker.embedded import EmbeddedBroker
from hub.projections import timeline
from hub.topics.heartbeats import QUIET, Heartbeats
from tests.world import NGO, PARTNERS, UNIT, World

MOMENT = timedelta(seconds=1)


def watching(world: World) -> Heartbeats:
    return Heartbeats(world.parts.app.store, world.parts.hub, world.parts.clock)


def beats(world: World, slug: str) -> int:
    return sum(isinstance(control, Heartbeat) for control in world.controls_of(slug))


@pytest.fixture
def quiet(world: World) -> Heartbeats:
    """Give what has seen everybody's last number just now."""
    world.consent(world.open_case())
    watch = watching(world)
    assert watch.step() == 0
    return watch


def test_who_was_sent_nothing_for_an_hour_is_told_that_nothing_was_missed(
    world: World, quiet: Heartbeats
) -> None:
    """Under the next number, and again an hour after that."""
    last = world.stored(NGO)[-1].sequence
    world.clock.move(QUIET - MOMENT)
    assert quiet.step() == 0
    world.clock.move(MOMENT)
    assert quiet.step() == len(PARTNERS)
    assert world.stored(NGO)[-1].sequence == last + 1
    for _ in range(3):
        quiet.step()
    assert {beats(world, slug) for slug in PARTNERS} == {1}
    world.clock.move(QUIET)
    quiet.step()
    assert beats(world, NGO) == 2


def test_who_was_sent_something_is_told_nothing_yet(world: World, quiet: Heartbeats) -> None:
    world.clock.move(QUIET - MOMENT)
    world.level(world.open_case(), SafetyLevel.HIGH)
    quiet.step()
    world.clock.move(MOMENT)
    quiet.step()
    assert beats(world, NGO) == 1
    assert beats(world, UNIT) == 0


def test_a_heartbeat_follows_a_number_once_whoever_asks(world: World, quiet: Heartbeats) -> None:
    """Two processes, and one that was restarted."""
    other = watching(world)
    other.step()
    world.clock.move(QUIET)
    assert quiet.step() > 0
    other.step()
    assert beats(world, NGO) == 1


def test_a_suspended_partner_is_told_nothing(world: World, quiet: Heartbeats) -> None:
    world.suspend(NGO)
    world.clock.move(QUIET)
    quiet.step()
    assert beats(world, NGO) == 0
    assert beats(world, UNIT) == 1


def test_an_end_that_was_lost_shows_and_is_filled(
    world: World, broker: EmbeddedBroker, tmp_path: Path
) -> None:
    """A broker that lost the last message of a topic: at the heartbeat the reader asks for what it missed."""
    world.identities[UNIT].save(world.parts.settings.data_dir / "keys" / "recipients" / UNIT)
    case = world.open_case()
    parts, watch = world.parts, watching(world)
    with closing(parts.relay(broker)) as relay, closing(parts.projector(broker, UNIT)) as views:
        world.level(case, SafetyLevel.HIGH)
        relay.step()
        lost = world.stored(UNIT)[-1].message_id
        with closing(sqlite3.connect(tmp_path / "broker.db")) as db, db:
            of = [parts.outgoing.topic(UNIT)] * 2
            db.execute(
                'DELETE FROM records WHERE topic = ? AND "offset" ='
                ' (SELECT max("offset") FROM records WHERE topic = ?)',
                of,
            )
        while views.step(500, 0.1):
            continue
        watch.step()
        assert lost not in {row.message_id for row in parts.views[timeline.NAME].rows(UNIT)}
        world.clock.move(QUIET)
        watch.step()
        relay.step()
        while views.step(500, 0.1):
            continue
    assert lost in {row.message_id for row in parts.views[timeline.NAME].rows(UNIT)}
