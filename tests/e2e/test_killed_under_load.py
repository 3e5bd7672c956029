"""`kill -9` of every part under load: nothing acknowledged is lost, nothing is done twice, nobody helps.

Hub, relay, projections, receiver, the police's and the NGO's programs, PostgreSQL, and one of three brokers
are killed while officers report and caseworkers work; each is started again as a supervisor would. When all
have caught up an independent journal judges (`tests.e2e.journal`).
"""

import base64
import json
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from uuid import UUID, uuid4

import httpx2
import psycopg
import pytest

from contracts.terms import Category, OrganisationKind
from hub.adapters.http.access import Role
from hub.adapters.partners.ngo.adapter import Ngo
from hub.adapters.partners.outbox import State
from hub.adapters.partners.reporter import Reporter
from hub.adapters.partners.settings import PartnerSettings
from hub.aggregates.base import Actor
from hub.aggregates.citizen_case.events import ReportReceived, SafetyAssessed
from hub.aggregates.citizen_case.values import ConsentForm
from hub.bootstrap import broker_of, build, initialise
from hub.projections import timeline
from hub.settings import Settings
from hub.topics.relay import POSITION
from tests.e2e.journal import Found, Journal, faults
from tests.support.api import clock_now
from tests.support.issuer import Issuer
from tests.support.kafka import KafkaCluster
from tests.support.postgres import PostgresServer
from tests.support.provision import free_ports
from tests.support.social_reports import example
from tests.support.supervised import Supervised
from tests.world import MUNICIPALITY, NGO, POLICE, TOVHOLDER, UNIT, World

CASES = 6
SENDERS, PAUSE_S = 3, 0.3
REPORT_PAUSE_S = 1.0
HUB = ("serve", "relay", "project", "receive")
VICTIMS = (*HUB, *HUB, POLICE, NGO, "postgres", "broker")
HEAL_S = 60.0
ON_CALL = "+45 11 22 33 44"


def utc_now() -> datetime:
    return datetime.now(UTC)


class Scene:
    """One municipality in processes of its own, its two partners' programs, and the servers beneath."""

    def __init__(self, stack: ExitStack, folder: Path) -> None:
        self.folder = folder
        self.kafka = stack.enter_context(KafkaCluster())
        self.postgres = stack.enter_context(PostgresServer())
        self.issuer = stack.enter_context(Issuer.serving("tvaers-hub"))
        self.issuer.add(TOVHOLDER)
        self.settings = Settings(
            municipality=MUNICIPALITY,
            unit=UNIT,
            data_dir=folder / "hub",
            database_url=self.postgres.url,
            kafka_bootstrap=self.kafka.bootstrap,
            kafka_replication=3,
            issuer=self.issuer.url,
            on_call=ON_CALL,
        )
        (self.port,) = free_ports(1)
        initialise(self.settings)
        self.partners: dict[str, PartnerSettings] = {}
        with closing(build(self.settings)) as parts, closing(broker_of(self.settings)) as broker:
            world = World(parts, {}, clock_now())
            self._register(world, POLICE, OrganisationKind.POLICE, [])
            self._register(world, NGO, OrganisationKind.NGO, [Category.RISK])
            broker.create_topics(parts.outgoing.topics([UNIT, POLICE, NGO]), 7)
            self.cases = [consented_case(world) for _ in range(CASES)]
            self.before = len(world.facts(ReportReceived))
        hub = {name: ["hub", name] for name in HUB}
        hub["serve"] += ["--port", str(self.port)]
        programs = {
            slug: [f"hub.adapters.partners.{module}", "--config", str(folder / slug / "config.json"), "run"]
            for slug, module in ((POLICE, "police"), (NGO, "ngo"))
        }
        self.running: dict[str, Supervised] = {}
        stack.callback(self.stop)
        for name, arguments in {**hub, **programs}.items():
            self.running[name] = Supervised(name, arguments, folder / f"{name}.log", self._environment())

    def kill(self, victim: str, chance: random.Random) -> None:
        """SIGKILL one part; a server comes back after a second or two."""
        if victim == "postgres":
            self.postgres.kill()
            time.sleep(1.0)
            self.postgres.restart()
        elif victim == "broker":
            node = chance.choice(self.kafka.nodes)
            node.kill()
            time.sleep(2.0)
            node.restart()
        else:
            self.running[victim].kill()

    def stop(self) -> None:
        """End every program in order."""
        for program in self.running.values():
            program.stop()
        self.running = {}

    def _register(self, world: World, slug: str, kind: OrganisationKind, categories: list[Category]) -> None:
        world.register(slug, kind, categories)
        folder = self.folder / slug
        world.identities[slug].save(folder / "keys")
        for name in ("data", "drop"):
            (folder / name).mkdir()
        hub = world.parts.identity.public
        config = {
            "municipality": MUNICIPALITY,
            "slug": slug,
            "hub_url": f"http://127.0.0.1:{self.port}",
            "token_url": f"{self.issuer.url}/token",
            "username": slug,
            "password": self.issuer.add(Actor(slug, slug, "", slug), Role.REPORTER, Role.PARTNER_SYSTEM),
            "hub_sealing_key": base64.b64encode(hub.sealing).decode(),
            "hub_signing_key": base64.b64encode(hub.signing).decode(),
            "keys": "keys",
            "data": "data",
            "drop": "drop",
            "duty_number": ON_CALL,
            "poll_s": 0.2,
            "profile": "kafka",
            "kafka": {"bootstrap": self.kafka.bootstrap},
        }
        path = folder / "config.json"
        path.touch(mode=0o600)
        path.write_text(json.dumps(config))
        self.partners[slug] = PartnerSettings.load(path)

    def _environment(self) -> dict[str, str]:
        names = ("municipality", "unit", "data_dir", "database_url", "kafka_bootstrap", "kafka_replication")
        named = {f"HUB_{name.upper()}": str(getattr(self.settings, name)) for name in names}
        return {**named, "HUB_ISSUER": self.issuer.url, "HUB_ON_CALL": ON_CALL}


def consented_case(world: World) -> UUID:
    """A case with its tovholder, in which the NGO may be told of risk."""
    case = world.report()
    world.open(case)
    world.coordinator(case)
    world.parts.hub.give_consent(
        world.command(TOVHOLDER),
        case,
        recipients=[NGO],
        categories=[Category.RISK],
        purpose="Samtaleforløb",
        form=ConsentForm.ORAL,
        given_at=utc_now(),
        ends_at=utc_now() + timedelta(days=90),
    )
    return case


# --- load -----------------------------------------------------------------------------------------------


class Load:
    """Officers and caseworkers who go on as long as they are let, and note what they were told."""

    def __init__(self, scene: Scene, journal: Journal) -> None:
        self._scene, self._journal = scene, journal
        self._stop = threading.Event()
        self.failures: list[BaseException] = []
        works: list[Callable[[], None]] = [self._officer]
        works += [partial(self._caseworker, n) for n in range(SENDERS)]
        self._threads = [threading.Thread(target=self._guarded, args=(work,)) for work in works]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Let everybody finish what is under way."""
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:
            self.failures.append(error)

    def _officer(self) -> None:
        """Drops a report in the police program's folder: from then on it is the program's to deliver."""
        drop = self._scene.folder / POLICE / "drop"
        while not self._stop.wait(REPORT_PAUSE_S):
            report = {**example(), "report_id": str(uuid4())}
            written = drop / f"{report['report_id']}.new"
            written.write_text(json.dumps(report))
            self._journal.write("handed-in", report["report_id"])
            written.rename(written.with_suffix(".json"))

    def _caseworker(self, first: int) -> None:
        with httpx2.Client(base_url=f"http://127.0.0.1:{self._scene.port}", timeout=15) as client:
            for number in range(first, 10**6, SENDERS):
                if self._stop.wait(PAUSE_S):
                    return
                mark = f"mark-{uuid4()}"
                self._assess(client, self._scene.cases[number % CASES], mark)
                self._journal.write("acknowledged", mark)

    def _assess(self, client: httpx2.Client, case: UUID, mark: str) -> None:
        """The same request under the same key, until the hub says that it is done."""
        body = {
            "instrument": "sara-v3",
            "instrument_version": "3",
            "answers": {"item-1": "yes"},
            "judgement": "high",
            "reason": mark,
        }
        headers = {
            "Authorization": f"Bearer {self._scene.issuer.token(TOVHOLDER.person)}",
            "Idempotency-Key": mark,
        }
        deadline = time.monotonic() + HEAL_S
        while True:
            try:
                answer = client.post(f"/v1/cases/{case}/assessments", json=body, headers=headers)
            except httpx2.TransportError:
                answer = None
            if answer is not None and answer.status_code == 201:
                return
            assert answer is None or answer.status_code == 503, f"{answer.status_code} {answer.text}"
            assert time.monotonic() < deadline, "the hub never came back"
            time.sleep(0.2)


# --- what stands in the end -------------------------------------------------------------------------------


def lag(scene: Scene) -> dict[str, int]:
    """How far each part is behind."""
    with closing(build(scene.settings)) as parts, psycopg.connect(scene.settings.database_url) as connection:
        (last,) = connection.execute("SELECT max(number) FROM messages").fetchone() or (0,)
        unit = connection.execute("SELECT max(sequence) FROM messages WHERE recipient = %s", [UNIT])
        return {
            "relay": last - parts.app.store.position(POSITION),
            "project": (unit.fetchone() or (0,))[0] - parts.views[timeline.NAME].position(UNIT)[1],
            "drop": len(list((scene.folder / POLICE / "drop").iterdir())),
            POLICE: waiting_for_receipt(scene),
            NGO: len(stored(connection, NGO)) - len(held_by_ngo(scene)),
        }


def stored(connection: "psycopg.Connection[tuple[str, int]]", recipient: str) -> list[tuple[str, int]]:
    """Its messages: id and number."""
    sql = "SELECT message_id::text, sequence FROM messages WHERE recipient = %s ORDER BY sequence"
    return connection.execute(sql, [recipient]).fetchall()


def held_by_ngo(scene: Scene) -> list[str]:
    """What lies on the NGO's disk."""
    with closing(Ngo.of(scene.partners[NGO])) as ngo:
        return [str(line.message_id) for line in ngo.messages()]


def waiting_for_receipt(scene: Scene) -> int:
    """Reports that the police's own program still calls not yet delivered."""
    with closing(Reporter.of(scene.partners[POLICE], OrganisationKind.POLICE)) as reporter:
        return reporter.waiting()


def healed(scene: Scene, since: float) -> dict[str, int]:
    """What is still behind when everybody had their time; nothing where all have caught up."""
    deadline = since + HEAL_S
    while True:
        behind = {name: count for name, count in lag(scene).items() if count}
        if not behind or time.monotonic() > deadline:
            return behind
        time.sleep(0.5)


def found_in(scene: Scene) -> Found:
    """Look everywhere, past every part that was killed."""
    with closing(build(scene.settings)) as parts, psycopg.connect(scene.settings.database_url) as connection:
        world = World(parts, {}, clock_now())
        told = stored(connection, NGO)
        with closing(Reporter.of(scene.partners[POLICE], OrganisationKind.POLICE)) as police:
            receipts = [str(one.report_id) for one in police.status() if one.state is State.DELIVERED]
        return Found(
            commands=[event.reason for event in world.facts(SafetyAssessed)],
            reports=[str(event.report_id) for event in world.facts(ReportReceived)][scene.before :],
            sequences={
                "unit": [number for _, number in stored(connection, UNIT)],
                "ngo": [number for _, number in told],
                "police": [number for _, number in stored(connection, POLICE)],
            },
            told=[message for message, _ in told],
            on_disk=held_by_ngo(scene),
            shown=[row.sequence for row in parts.views[timeline.NAME].rows(UNIT)],
            receipts=receipts,
        )


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    """Give a municipality that runs."""
    with ExitStack() as stack:
        yield Scene(stack, tmp_path)


@pytest.mark.timeout(600)
def test_killed_under_load_nothing_is_lost_and_nothing_done_twice(scene: Scene) -> None:
    """A dozen kills, in an order that the seed gives."""
    seed = random.SystemRandom().randrange(10**6)
    chance = random.Random(seed)  # noqa: S311 (an order of kills, that can be played again)
    journal = Journal(scene.folder / "journal")
    load = Load(scene, journal)
    victims = list(VICTIMS)
    chance.shuffle(victims)
    for victim in victims:
        time.sleep(chance.uniform(0.5, 2.0))
        scene.kill(victim, chance)
    killed = time.monotonic()
    load.stop()
    assert load.failures == [], f"seed {seed}"
    assert healed(scene, killed) == {}, f"seed {seed}"
    assert all(scene.running[victim].starts > 1 for victim in set(VICTIMS) & scene.running.keys())
    scene.stop()
    acknowledged, handed_in = journal.noted("acknowledged"), journal.noted("handed-in")
    journal.close()
    assert len(acknowledged) > len(VICTIMS)
    assert len(handed_in) > len(VICTIMS)
    assert faults(acknowledged, handed_in, found_in(scene)) == [], f"seed {seed}"
