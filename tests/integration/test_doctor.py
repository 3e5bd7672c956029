"""`hub doctor` finds what is planted, says what to do, and says nothing where all is well."""

import json
import os
import re
import socketserver
import ssl
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import psycopg
import pytest
from kafka.admin import ACLOperation, ResourceType
from pydantic import SecretStr

from contracts.terms import Category
from hub.adapters.broker.embedded import EmbeddedBroker
from hub.adapters.broker.kafka import KafkaBroker, KafkaSettings
from hub.adapters.broker.kafka_admin import grant_partner
from hub.aggregates.citizen_case.values import ConsentForm
from hub.bootstrap import Parts, build, kafka_settings
from hub.errors import Unavailable
from hub.operating import doctor
from hub.ports import Broker
from hub.settings import Settings
from tests.integration.test_kafka_broker import allow
from tests.support.api import clock_now
from tests.support.issuer import Issuer
from tests.support.kafka import SecureKafka
from tests.support.tls import Authority
from tests.world import MUNICIPALITY, NGO, TOVHOLDER, UNIT, World


@pytest.fixture
def world(tmp_path: Path, store_url: str) -> Iterator[World]:
    """Give a municipality at the time of the test."""
    with closing(World.built(tmp_path / "hub", store_url, clock=clock_now())) as world:
        world.identities[UNIT].save(tmp_path / "hub" / "keys" / "recipients" / UNIT)
        for path in (tmp_path / "hub" / "fence", tmp_path / "hub" / "keys"):
            path.chmod(0o700)
        (tmp_path / "hub" / "fence" / "destroyed").chmod(0o600)
        made_for(tmp_path / "hub")
        yield world


def made_for(folder: Path, municipality: str = MUNICIPALITY) -> None:
    """What `hub init` writes last of all."""
    (folder / "hub.json").write_text(json.dumps({"municipality": municipality, "unit": UNIT}))


def consent(world: World, case: UUID) -> UUID:
    """A consent given now."""
    answer = world.parts.hub.give_consent(
        world.command(TOVHOLDER),
        case,
        recipients=[NGO],
        categories=[Category.RISK],
        purpose="Samtaleforløb",
        form=ConsentForm.ORAL,
        given_at=world.clock(),
        ends_at=world.clock() + timedelta(days=90),
    )
    return UUID(answer.ids["consent"])


def topics(world: World) -> list[str]:
    return world.parts.outgoing.topics([row.slug for row in world.parts.app.store.partners()])


def amiss(world: World, broker: Broker, **settings: object) -> dict[str, str]:
    """What it finds, by check; with other settings where they are said."""
    parts = world.parts
    if settings:
        parts = build(Settings(**{**parts.settings.model_dump(), **settings}), clock=world.clock)
    try:
        return {
            name: found
            for name, found in doctor.examine(parts.settings, lambda: parts, lambda: broker)
            if found is not None
        }
    finally:
        if settings:
            parts.close()


def looked(parts: Parts, broker: Broker) -> dict[str, str]:
    every = doctor.examine(parts.settings, lambda: parts, lambda: broker)
    return {name: found for name, found in every if found is not None}


def test_where_all_is_well_it_finds_nothing(world: World, broker: EmbeddedBroker) -> None:
    """On a hub that was just made."""
    assert amiss(world, broker) == {}


def test_one_check_that_breaks_stops_no_other(
    world: World, broker: EmbeddedBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And its text, which may quote a password, is left out."""

    def broken() -> datetime:
        raise OSError("postgresql://hub:hemmelig@db")

    monkeypatch.setattr(world.parts.app.store.database, "now", broken)
    found = amiss(world, broker, disk_reserve=2**62)
    assert found.keys() == {"disk"}
    assert amiss(world, broker) == {"clock: database": "could not be looked at (OSError)"}


def test_a_setting_that_is_none(
    world: World, broker: EmbeddedBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(os.environ, "HUB_PRODUKTION", "true")
    assert "HUB_PRODUKTION" in amiss(world, broker)["settings"]


@pytest.mark.parametrize("path", ["keys/kek.json", "keys/hub/signing.pem", "fence/destroyed", "keys"])
def test_keys_that_others_may_read(world: World, broker: EmbeddedBroker, path: str) -> None:
    place = world.parts.settings.data_dir / path
    place.chmod(place.stat().st_mode | 0o040)
    found = amiss(world, broker)["keys: files"]
    assert f"{place}: chmod" in found


def test_the_units_keys_that_are_gone(world: World, broker: EmbeddedBroker) -> None:
    """Without them no report comes to the inbox, and nothing else would say so."""
    folder = world.parts.settings.data_dir / "keys" / "recipients" / UNIT
    folder.rename(folder.with_name("away"))
    assert "put your copy of `keys/` back" in amiss(world, broker)["keys: files"]


def test_the_unit_that_was_suspended_before_that_was_refused(world: World, broker: EmbeddedBroker) -> None:
    """Reports would be acknowledged, and come to nobody's inbox."""
    database = world.parts.app.store.database
    database.write("UPDATE partners SET active = FALSE WHERE slug = ?", [UNIT])
    assert amiss(world, broker) == {
        "unit": f"{UNIT} is suspended: reports are taken in, and nobody sees them: "
        f"run `hub partner resume {UNIT}`"
    }


def test_whom_the_hub_was_made_for_that_is_gone(world: World, broker: EmbeddedBroker) -> None:
    """Without it nothing refuses another municipality, whose topics must not be made."""
    path = world.parts.settings.made_for_path
    path.unlink()
    for settings in ({}, {"municipality": "en-anden"}):
        assert amiss(world, broker, **settings) == {
            "keys: files": f"{path} is missing: put your copy of it back, or run `hub init` with the "
            "HUB_MUNICIPALITY and HUB_UNIT that the hub was made with"
        }


def test_a_fence_that_was_put_back_from_an_older_copy(world: World, broker: EmbeddedBroker) -> None:
    case = world.open_case()
    world.withdraw(case, consent(world, case))
    (world.parts.settings.data_dir / "fence" / "destroyed").write_text("")
    assert "shrunk" in amiss(world, broker)["keys: open the database"]


def test_a_fence_that_was_put_back_before_the_process_began(world: World, broker: EmbeddedBroker) -> None:
    """Then nobody saw it shrink: the database knows better, and `hub migrate` tells it."""
    case = world.open_case()
    fence = world.parts.settings.fence_path
    before = fence.read_bytes()
    world.withdraw(case, consent(world, case))
    fence.write_bytes(before)
    with closing(build(world.parts.settings, clock=world.clock)) as parts:
        found = looked(parts, broker)
        assert found.keys() == {"fence"}
        assert "newest copy" in found["fence"]
        assert parts.app.keys.fence_in() > 0
        assert parts.app.keys.fence_in() == 0
        assert looked(parts, broker) == {}


def test_with_the_database_away_all_else_is_looked_at(world: World, broker: EmbeddedBroker) -> None:
    def away() -> Parts:
        raise psycopg.OperationalError("connection to hub:hemmelig@db failed")

    found = dict(doctor.examine(world.parts.settings, away, lambda: broker))
    rule = "does not answer" if world.parts.settings.database_url else "can't be used"
    assert rule in (found["database"] or "")
    assert "hemmelig" not in str(found)
    assert [name for name, one in found.items() if one is None] == [
        "settings",
        "keys: files",
        "disk",
        "broker",
    ]


def test_with_the_broker_away_all_else_is_looked_at(world: World, broker: EmbeddedBroker) -> None:
    def away() -> Broker:
        raise Unavailable("the broker does not answer")

    found = dict(doctor.examine(world.parts.settings, lambda: world.parts, away))
    assert [name for name, one in found.items() if one is not None] == ["broker"]
    assert {"fence", "clock: database", "database: rights"} <= found.keys()


def test_clocks_that_are_apart(world: World, broker: EmbeddedBroker, monkeypatch: pytest.MonkeyPatch) -> None:
    """The database's, and the log's last word."""
    late = datetime.now(UTC) + timedelta(minutes=5)
    monkeypatch.setattr(world.parts.app.store.database, "now", lambda: late)
    assert "300 s apart" in amiss(world, broker)["clock: database"]
    world.clock.move(timedelta(hours=1))
    world.open_case()
    assert "ahead of our clock: set it by NTP" in amiss(world, broker)["clock: log"]


def test_a_disk_that_is_nearly_full(world: World, broker: EmbeddedBroker) -> None:
    assert "nearly full" in amiss(world, broker, disk_reserve=2**62)["disk"]


def test_topics_that_are_missing(world: World, tmp_path: Path) -> None:
    """Named, with the command that makes them."""
    with closing(EmbeddedBroker(tmp_path / "empty.db")) as broker:
        broker.create_topics(topics(world)[1:], 7)
        found = amiss(world, broker)["broker: topics"]
    assert found == f"missing: {topics(world)[0]}: run `hub topics`"


@pytest.mark.parametrize(
    ("shape", "says"),
    [
        ({"num_partitions": 2, "replication_factor": 1}, "2 partitions"),
        (
            {"num_partitions": 1, "replication_factor": 1, "configs": {"cleanup.policy": "compact"}},
            "compacted",
        ),
        ({"num_partitions": 1, "replication_factor": 1}, "fewer replicas"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_topic_that_would_lose_something(
    tmp_path: Path, kafka: str, shape: dict[str, object], says: str
) -> None:
    """Made by another hand than `hub topics`."""
    town = f"by-{uuid4().hex[:8]}"
    replicas = 2 if "replicas" in says else 1
    with closing(World.built(tmp_path / "hub", clock=clock_now())) as world:
        made_for(tmp_path / "hub", town)
        login = KafkaSettings(bootstrap=kafka)
        wanted = [topic.replace(MUNICIPALITY, town, 1) for topic in topics(world)]
        with closing(KafkaBroker(login)) as broker:
            with login.admin() as admin:
                admin.create_topics({wanted[0]: shape}, wait_for_metadata=True)
            broker.create_topics(wanted, 7)
            found = amiss(world, broker, kafka_bootstrap=kafka, municipality=town, kafka_replication=replicas)
    assert says in found["broker: topics"]
    assert found["broker: topics"].startswith(wanted[0] if replicas == 1 else town)


def test_an_issuer_that_is_away_or_another(world: World, broker: EmbeddedBroker) -> None:
    away = amiss(world, broker, issuer="http://127.0.0.1:9")["issuer"]
    assert away.endswith("does not answer: is it running at http://127.0.0.1:9? See HUB_ISSUER")
    with Issuer.serving("tvaers-hub") as issuer:
        assert amiss(world, broker, issuer=issuer.url) == {}
        elsewhere = amiss(world, broker, issuer=f"{issuer.url}/realm")["issuer"]
        assert elsewhere == (
            f"what runs at {issuer.url}/realm answered 400 where an issuer says who it is "
            "(/.well-known/openid-configuration): see HUB_ISSUER"
        )
        found = amiss(world, broker, issuer=issuer.url.replace("127.0.0.1", "localhost"))
        assert "knows itself" in found["issuer"]


def test_a_login_that_may_not_write(tmp_path: Path, database_url: str) -> None:
    """On PostgreSQL; the table is named."""
    with closing(World.built(tmp_path / "hub", database_url)) as world:
        world.identities[UNIT].save(tmp_path / "hub" / "keys" / "recipients" / UNIT)
        role = "r_" + urlsplit(database_url).path.lstrip("/")
        everything = "SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public"
        with psycopg.connect(database_url, autocommit=True) as connection:
            for statement in (
                f"CREATE ROLE {role} LOGIN",
                f"GRANT {everything} TO {role}",
                f"REVOKE INSERT ON messages FROM {role}",
            ):
                connection.execute(statement.encode())
        try:
            limited = database_url.replace("hub@", f"{role}@")
            with closing(EmbeddedBroker(tmp_path / "broker.db")) as broker:
                found = amiss(world, broker, database_url=limited)
            assert "may not write messages" in found["database: rights"]
        finally:
            with psycopg.connect(database_url, autocommit=True) as connection:
                connection.execute(f"DROP OWNED BY {role}; DROP ROLE {role}".encode())


def test_rights_and_certificates_on_the_broker(
    tmp_path: Path, secure_kafka: SecureKafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A partner without its rights, one with a right too many, and certificates that end soon."""
    with closing(World.built(tmp_path / "hub", clock=clock_now())) as world:
        world.identities[UNIT].save(tmp_path / "hub" / "keys" / "recipients" / UNIT)
        made_for(tmp_path / "hub")
        login = {
            "kafka_bootstrap": secure_kafka.bootstrap,
            "kafka_ca": secure_kafka.ca_path,
            "kafka_username": secure_kafka.admin_user,
            "kafka_password": secure_kafka.admin_password,
        }
        settings = Settings(**{**world.parts.settings.model_dump(), **login})
        kafka = kafka_settings(settings)
        with closing(KafkaBroker(kafka)) as broker:
            broker.create_topics(topics(world), 7)
            found = amiss(world, broker, **login)
            assert found["broker: rights"].split(":")[0].endswith("lacks a right")
            assert "broker: certificates" not in found

            slugs = [row.slug for row in world.parts.app.store.partners() if row.slug != UNIT]
            for slug in slugs:
                grant_partner(kafka, slug, world.parts.settings.municipality, "hemmeligt-nok")
            found = amiss(world, broker, **login)
            assert not found.keys() & {"broker: rights", "broker: certificates", "broker: topics"}

            with kafka.admin() as admin:
                to_another = f"{world.parts.settings.municipality}.to.{slugs[1]}"
                admin.create_acls([allow(slugs[0], ACLOperation.READ, ResourceType.TOPIC, to_another)])
            found = amiss(world, broker, **login)
            assert f"{slugs[0]} has a right that it should not have" in found["broker: rights"]

            monkeypatch.setattr(doctor, "EXPIRES_SOON", timedelta(days=90))
            assert "ends in 59 days: renew it" in amiss(world, broker, **login)["broker: certificates"]


@contextmanager
def shows(certificate: Path) -> Iterator[str]:
    """Something that listens with TLS; its address."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)

    class Greets(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with suppress(OSError), context.wrap_socket(self.request, server_side=True):
                pass

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Greets) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield "{}:{}".format(*server.server_address)
        server.shutdown()


def test_what_is_amiss_with_the_brokers_certificates_is_said_with_its_mend(tmp_path: Path) -> None:
    """Over, signed by somebody else, not there, and a file that is none."""
    ours, other = Authority(), Authority("another")
    ca, others = ours.write_certificate(tmp_path / "ca.pem"), other.write_certificate(tmp_path / "other.pem")
    (tmp_path / "words.pem").write_text("no certificate")
    over = ours.write_server(tmp_path / "over.pem", timedelta(minutes=-1))
    with shows(over) as address:
        assert re.fullmatch(
            rf"the certificate of {address} ended on [0-9-]{{10}}: renew it", told(address, ca)
        )
    with shows(ours.write_server(tmp_path / "server.pem")) as address:
        assert told(address, ca) == "nothing"
        assert "is not trusted" in told(address, others)
        assert "name who signed it in HUB_KAFKA_CA" in told(address, others)
    assert "is the broker running there?" in told("127.0.0.1:1", ca)
    for no_file in (tmp_path / "none.pem", tmp_path / "words.pem"):
        assert f"{no_file} is no file of certificates" in told(address, no_file)


def test_an_issuers_certificate_that_ends_is_told_before_nobody_can_log_in(
    world: World, broker: EmbeddedBroker, tmp_path: Path
) -> None:
    """A login meets one that is over, or signed by somebody unknown, as an issuer that is away."""
    ours = Authority()
    for lasts, said in ((timedelta(minutes=-1), "ended on"), (timedelta(days=3, hours=1), "ends in 3 days")):
        with shows(ours.write_server(tmp_path / "issuer.pem", lasts)) as address:
            found = amiss(world, broker, issuer=f"https://{address}")
            assert f"the certificate of {address} {said}" in found["issuer"]
    with shows(ours.write_server(tmp_path / "good.pem")) as address:
        found = amiss(world, broker, issuer=f"https://{address}")
        assert "certificate of" not in found["issuer"]
        away = amiss(world, broker, issuer="https://127.0.0.1:9")["issuer"]
        assert found["issuer"] == away.replace("127.0.0.1:9", address)


def told(address: str, ca: Path) -> str:
    """What doctor says of the certificates."""

    def away() -> Any:
        raise Unavailable("away: start it")

    settings = Settings(
        on_call="112",
        kafka_bootstrap=address,
        kafka_ca=ca,
        kafka_username="hub",
        kafka_password=SecretStr("hemmeligt-nok"),
    )
    found = dict(doctor.examine(settings, away, away))
    return found["broker: certificates"] or "nothing"
