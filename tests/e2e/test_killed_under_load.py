"""`kill -9` of every part under load: nothing acknowledged is lost, nothing is done twice, nobody helps.

Each part is killed while reports come, cases are worked on, and consents are given, used and withdrawn; each
is started again as a supervisor would. When all have caught up an independent journal judges
(`tests.e2e.journal`).
"""

import json
import random
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest

from contracts.terms import OrganisationKind
from contracts.topics import from_topic
from hub.adapters.partners.ngo.adapter import Ngo
from hub.adapters.partners.outbox import ReportStatus, State
from hub.adapters.partners.reporter import Reporter
from hub.aggregates.citizen_case.events import (
    ConsentExpired,
    ConsentGiven,
    ConsentWithdrawn,
    ReportReceived,
    SafetyAssessed,
)
from hub.aggregates.receipts import Opened, Purged
from hub.bootstrap import broker_of, build
from hub.errors import Unavailable
from hub.operating.condition import Condition
from hub.ports import Record
from hub.projections import timeline
from hub.topics.dead_letters import DeadLetters
from hub.topics.projecting import PROJECTIONS
from tests.e2e.journal import Found, Journal, closed, faults, of
from tests.e2e.load import HEAL_S, LOOK_S, Load, keys_given
from tests.e2e.scene import HUB, PROGRAMS, SECOND, Scene, utc_now
from tests.support.api import clock_now
from tests.support.kafka import KafkaCluster, KafkaServer
from tests.world import HOSPITAL, MUNICIPALITY, NGO, POLICE, UNIT, World

VICTIMS = (*HUB, *HUB, *PROGRAMS, "postgres", "broker")
ALL_KINDS = ("withdrawn", "ended", "opened")
"""What the load does besides, each at least once."""
REPORTERS = {POLICE: OrganisationKind.POLICE, HOSPITAL: OrganisationKind.EMERGENCY_DEPARTMENT}
FEW, START_S, WORK_S = 3, 180.0, 2.0
SOON = timedelta(minutes=2)
"""What ends in time under load ends before; no other deadline of a case is as near."""
BEHIND = {
    "outbox",
    "view disclosures",
    *(f"view {name} of {UNIT}" for name in PROJECTIONS),
    f"not taken in from {POLICE}",
    "dead letters",
}
"""Where something waits when nothing runs any more, something happens in a case, and a partner sends."""


# --- what is behind ---------------------------------------------------------------------------------------


def lag(scene: Scene, condition: Condition) -> dict[str, int]:
    """What is behind: what `hub status` tells, what is still to end, what waits in the partners' programs."""
    told = {waits.what: waits.count for waits in condition.all()}
    with psycopg.connect(scene.settings.database_url) as connection:
        due = connection.execute("SELECT count(*) FROM timers WHERE due < %s", [utc_now() + SOON])
        told["to end"] = (due.fetchone() or (0,))[0]
    for slug in REPORTERS:
        told[f"drop of {slug}"] = len(list((scene.folder / slug / "drop").iterdir()))
        told[f"receipts of {slug}"] = len(outbox(scene, slug)) - len(receipts(scene, slug))
    with closing(Ngo.of(scene.partners[NGO])) as ngo:
        told[f"answers of {NGO}"] = len(ngo.store.outgoing())
    return {what: count for what, count in told.items() if count}


@contextmanager
def asked(scene: Scene) -> Iterator[Callable[[], dict[str, int]]]:
    """Give what tells the lag; a part that does not answer yet is behind, too."""
    with closing(build(scene.settings)) as parts, closing(broker_of(scene.settings)) as broker:
        condition = Condition(parts, broker)

        def told() -> dict[str, int]:
            try:
                return lag(scene, condition)
            except Unavailable:
                return {"status": 1}

        yield told


def healed(scene: Scene, since: float) -> dict[str, int]:
    """What is still behind when everybody had their time; nothing where all have caught up."""
    deadline = since + HEAL_S
    with asked(scene) as told:
        while (behind := told()) and time.monotonic() < deadline:
            time.sleep(0.5)
    return behind


def left_behind(scene: Scene) -> set[str]:
    """What is noticed when nothing runs any more, something happens in a case, and a partner sends waste."""
    with closing(build(scene.settings)) as parts, closing(broker_of(scene.settings)) as broker:
        World(parts, {}, clock_now()).assess(scene.cases[0])
        broker.publish([Record(from_topic(MUNICIPALITY, POLICE), b"waste")])
        DeadLetters(broker, MUNICIPALITY).bury(Record("x", b"waste"), "bad_envelope")
    with asked(scene) as told:
        return set(told())


# --- what stands in the end -------------------------------------------------------------------------------


def stored(connection: "psycopg.Connection[tuple[str, int, bool]]", slug: str) -> list[tuple[str, int, bool]]:
    """A recipient's messages: id, number, and whether it is a revocation or the like."""
    sql = "SELECT message_id::text, sequence, control FROM messages WHERE recipient = %s ORDER BY sequence"
    return connection.execute(sql, [slug]).fetchall()


def told_under(world: World, connection: "psycopg.Connection[tuple[str, str]]") -> dict[str, str]:
    """The messages to the NGO, by the consent whose grant opens them."""
    consents = {
        str(grant.grant_id): str(event.consent_id)
        for event in world.facts(ConsentGiven)
        for grant in event.grants
    }
    wraps = connection.execute("SELECT message_id::text, grant_id::text FROM message_wraps").fetchall()
    return {message: consents[grant] for message, grant in wraps if grant in consents}


def outbox(scene: Scene, slug: str) -> list[ReportStatus]:
    """The reports of a reporter, as its own program knows them."""
    with closing(Reporter.of(scene.partners[slug], REPORTERS[slug])) as reporter:
        return reporter.status()


def receipts(scene: Scene, slug: str) -> list[str]:
    """Those of which it holds a receipt."""
    return [str(one.report_id) for one in outbox(scene, slug) if one.state is State.DELIVERED]


def found_in(scene: Scene, noted: list[tuple[str, str]]) -> Found:
    """Look everywhere, past every part that was killed."""
    with (
        closing(build(scene.settings)) as parts,
        psycopg.connect(scene.settings.database_url) as connection,
        closing(Ngo.of(scene.partners[NGO])) as ngo,
    ):
        world = World(parts, {}, clock_now())
        to_ngo, under = stored(connection, NGO), told_under(world, connection)
        return Found(
            commands=[event.reason for event in world.facts(SafetyAssessed)][len(scene.ending) :],
            reports=[str(event.report_id) for event in world.facts(ReportReceived)][scene.before :],
            withdrawals=[str(event.consent_id) for event in world.facts(ConsentWithdrawn)],
            ends=[str(event.consent_id) for event in world.facts(ConsentExpired)],
            looks=[str(event.message_id) for event in world.facts(Opened) if event.recipient == NGO],
            sequences={
                "unit": [number for _, number, _ in stored(connection, UNIT)],
                **{slug: [number for _, number, _ in stored(connection, slug)] for slug in PROGRAMS},
            },
            told=[message for message, _, control in to_ngo if not control],
            under=under,
            given=list(keys_given(scene, closed(noted, under))),
            on_disk=[str(line.message_id) for line in ngo.messages()],
            revocations=[message for message, _, control in to_ngo if control],
            purges=[str(event.revocation) for event in world.facts(Purged) if event.recipient == NGO],
            shown=[row.sequence for row in parts.views[timeline.NAME].rows(UNIT)],
            receipts=[report for slug in REPORTERS for report in receipts(scene, slug)],
        )


@contextmanager
def under_load(
    folder: Path, kafka: KafkaCluster | KafkaServer, *, two_receive: bool = False
) -> Iterator[tuple[Scene, Journal]]:
    """Give a municipality at work; what is killed then catches up in time, and the journal finds no fault."""
    with ExitStack() as stack:
        scene = Scene(stack, folder, kafka, two_receive=two_receive)
        journal = stack.enter_context(closing(Journal(folder / "journal")))
        load = stack.enter_context(closing(Load(scene, journal)))
        yield scene, journal
        seen_by = time.monotonic() + HEAL_S
        while not all(of(kind, journal.noted()) for kind in ALL_KINDS) and time.monotonic() < seen_by:
            time.sleep(LOOK_S)  # On a busy machine it takes a while until somebody at the NGO has looked.
        killed = time.monotonic()
        load.close()
        assert load.failures == []
        assert healed(scene, killed) == {}
        noted = journal.noted()
        assert min(len(of(kind, noted)) for kind in ("acknowledged", "handed-in")) > len(VICTIMS)
        assert all(of(kind, noted) for kind in ALL_KINDS)
        found = found_in(scene, noted)
        scene.stop()
        assert faults(noted, found) == []
        assert left_behind(scene) == BEHIND, "the oracle of the lag notices what is planted"


@pytest.mark.timeout(600)
def test_killed_under_load_nothing_is_lost_and_nothing_done_twice(tmp_path: Path) -> None:
    """A dozen kills, in an order that the journal's seed gives."""
    seed = random.SystemRandom().randrange(10**6)
    chance = random.Random(seed)  # noqa: S311 (an order of kills, that can be played again)
    victims = list(VICTIMS)
    chance.shuffle(victims)
    with KafkaCluster() as kafka, under_load(tmp_path, kafka) as (scene, journal):
        journal.write("seed", str(seed))
        for victim in victims:
            time.sleep(chance.uniform(0.5, 2.0))
            scene.kill(victim, chance)
    assert all(program.starts > 1 for program in scene.running.values())


# --- the common small installation ------------------------------------------------------------------------


def receiver_of(scene: Scene, slug: str) -> str:
    """Which of the two took in what a partner sent last."""

    def last(name: str) -> str:
        lines = (json.loads(line) for line in scene.running[name].log().splitlines() if line[:1] == "{")
        return max((line["at"] for line in lines if line.get("partner") == slug), default="")

    return max(("receive", SECOND), key=last)


@pytest.mark.timeout(600)
@pytest.mark.usefixtures("broker_may_die")
def test_killed_under_load_a_lone_broker_and_one_of_two_receivers(
    tmp_path: Path, own_kafka: KafkaServer
) -> None:
    """The other receiver takes over what the dead one had; the broker comes back as a supervisor has it."""
    chance = random.Random(0)  # noqa: S311 (there is one broker to choose from)
    with under_load(tmp_path, own_kafka, two_receive=True) as (scene, _):
        deadline = time.monotonic() + START_S
        while len(receipts(scene, POLICE)) < FEW:
            assert time.monotonic() < deadline, "no report came in"
            time.sleep(LOOK_S)
        scene.running[receiver_of(scene, POLICE)].abandon()
        time.sleep(WORK_S)
        scene.kill("broker", chance)
        time.sleep(WORK_S)
