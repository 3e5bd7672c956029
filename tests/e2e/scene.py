"""A municipality in processes of its own, its partners' programs, and the servers beneath."""

import base64
import json
import random
import time
from contextlib import ExitStack, closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

from contracts.terms import Category, OrganisationKind
from hub.adapters.http.access import Role
from hub.adapters.partners.settings import PartnerSettings
from hub.aggregates.base import Actor
from hub.aggregates.citizen_case.events import ReportReceived
from hub.bootstrap import broker_of, build, initialise
from hub.settings import Settings
from tests.support.api import clock_now
from tests.support.issuer import Issuer
from tests.support.kafka import KafkaCluster, KafkaServer
from tests.support.postgres import PostgresServer
from tests.support.provision import free_ports
from tests.support.supervised import Supervised
from tests.world import HOSPITAL, MUNICIPALITY, NGO, POLICE, TOVHOLDER, UNIT, World

CASES, CONSENTING, ENDING = 6, 4, 3
"""How many cases there are in which consent stands, in which it comes and goes, and in which it ends."""
FIRST_END, BETWEEN_ENDS = timedelta(seconds=20), timedelta(seconds=4)
HUB = ("serve", "relay", "project", "receive")
SECOND = "receive-2"
PROGRAMS = {POLICE: "police", HOSPITAL: "emergency_department", NGO: "ngo"}
ON_CALL = "+45 11 22 33 44"


def utc_now() -> datetime:
    return datetime.now(UTC)


class Scene:
    """One municipality, which receives in one process or in two."""

    def __init__(
        self, stack: ExitStack, folder: Path, kafka: KafkaCluster | KafkaServer, *, two_receive: bool = False
    ) -> None:
        self.folder = folder
        self.nodes = kafka.nodes if isinstance(kafka, KafkaCluster) else [kafka]
        self.postgres = stack.enter_context(PostgresServer())
        self.issuer = stack.enter_context(Issuer.serving("tvaers-hub"))
        self.issuer.add(TOVHOLDER)
        self.settings = Settings(
            municipality=MUNICIPALITY,
            unit=UNIT,
            data_dir=folder / "hub",
            database_url=self.postgres.url,
            kafka_bootstrap=kafka.bootstrap,
            kafka_replication=len(self.nodes),
            issuer=self.issuer.url,
            on_call=ON_CALL,
        )
        (self.port,) = free_ports(1)
        initialise(self.settings)
        self.partners: dict[str, PartnerSettings] = {}
        with closing(build(self.settings)) as parts, closing(broker_of(self.settings)) as broker:
            world = World(parts, {}, clock_now())
            self._register(world, POLICE, OrganisationKind.POLICE, [])
            self._register(world, HOSPITAL, OrganisationKind.EMERGENCY_DEPARTMENT, [])
            self._register(world, NGO, OrganisationKind.NGO, [Category.RISK])
            broker.create_topics(parts.outgoing.topics([UNIT, *PROGRAMS]), 7)
            self.cases = [world.open_case() for _ in range(CASES)]
            for case in self.cases:
                world.consent(case, [NGO], [Category.RISK])
            self.consenting = [world.open_case() for _ in range(CONSENTING)]
            self.ending = [str(self._ends(world, FIRST_END + n * BETWEEN_ENDS)) for n in range(ENDING)]
            self.threads = {case: world.thread(case, NGO) for case in self.consenting}
            self.before = len(world.facts(ReportReceived))
        hub = {name: ["hub", name] for name in HUB}
        hub["serve"] += ["--port", str(self.port)]
        if two_receive:
            hub[SECOND] = hub["receive"]
        programs = {
            slug: [f"hub.adapters.partners.{module}", "--config", str(folder / slug / "config.json"), "run"]
            for slug, module in PROGRAMS.items()
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
            node = chance.choice(self.nodes)
            node.kill()
            time.sleep(2.0)
            node.restart()
        else:
            self.running[victim].kill()

    def stop(self) -> None:
        """End every program in order."""
        for program in self.running.values():
            program.stop()

    def _ends(self, world: World, lasts: timedelta) -> UUID:
        """A consent of which the NGO was told something, and that ends while parts are killed."""
        case = world.open_case()
        world.assess(case)
        return world.consent(case, [NGO], [Category.RISK], lasts=lasts)

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
            "kafka": {"bootstrap": self.settings.kafka_bootstrap},
        }
        if slug == HOSPITAL:
            config |= {"profile": "http", "kafka": None}
        path = folder / "config.json"
        path.touch(mode=0o600)
        path.write_text(json.dumps(config))
        self.partners[slug] = PartnerSettings.load(path)

    def _environment(self) -> dict[str, str]:
        names = ("municipality", "unit", "data_dir", "database_url", "kafka_bootstrap", "kafka_replication")
        named = {f"HUB_{name.upper()}": str(getattr(self.settings, name)) for name in names}
        return {**named, "HUB_ISSUER": self.issuer.url, "HUB_ON_CALL": ON_CALL}
