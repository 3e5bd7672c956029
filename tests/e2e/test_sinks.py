"""Canaries through the whole product: personal data in every field of a story played over HTTP, topics and
partners' programs, and looked for in everything that is written, sent, asked for or left behind.

Each place that is searched is searched again with a leak planted in it: the search finds them all.
"""

import base64
import io
import json
import logging
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from fastapi import HTTPException

from contracts.client.keys import Identity
from contracts.terms import Category, OrganisationKind, ReferralStatus, RejectionReason
from hub.adapters.http.access import Role
from hub.adapters.partners.errors import AdapterError
from hub.adapters.partners.ngo.adapter import Ngo
from hub.adapters.partners.reporter import Reporter
from hub.application.queries import Queries
from hub.demo import stage as staging
from hub.demo.stage import EMERGENCY, NGO, POLICE, Person, Refusal, Stage
from hub.errors import Invalid
from hub.logs import Lines, logger
from hub.operating.rebuilding import rebuild
from hub.operating.serving import app_of
from hub.settings import Settings
from tests.criteria import MET
from tests.support.canaries import forms
from tests.support.kafka import KafkaServer
from tests.support.postgres import PostgresServer
from tests.world import NIGHT, SAME_WOMAN, planted

BIRD = "Kanariefuglø"
"""Stands in every planted value; with a letter that programs escape."""
PLANTED = ("Kanariefugl", "7403912006", "6208881015", BIRD)
NEEDLES = sorted({raw for word in PLANTED for form, raw in forms(word).items()}, key=len)
TOLD = [c for c in Category if c is not Category.COORDINATION]
WAIT_S = 30.0


def leaks(haystack: bytes | str) -> list[bytes]:
    """The forms of planted words that stand in it."""
    raw = haystack.encode("utf-8", "surrogateescape") if isinstance(haystack, str) else haystack
    return [needle for needle in NEEDLES if needle in raw]


def canary(number: int) -> str:
    return f"{BIRD} {number:05d}q"


# --- what is written down along the way -------------------------------------------------------------------


@dataclass
class Seen:
    """What an operator, a proxy or a thief of logs could have."""

    logged: list[str] = field(default_factory=list)
    lines: io.StringIO = field(default_factory=io.StringIO)
    """What the hub's processes write, as they write it."""
    urls: list[bytes] = field(default_factory=list)
    refusals: list[bytes] = field(default_factory=list)
    headers: list[bytes] = field(default_factory=list)
    statuses: set[int] = field(default_factory=set)


class _Everything(logging.Handler):
    def __init__(self, into: list[str]) -> None:
        super().__init__(logging.DEBUG)
        self._into = into
        self.setFormatter(logging.Formatter("%(levelname)s %(name)s %(threadName)s %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        self._into.append(self.format(record))
        self._into.append(repr(record.__dict__))


def recording(app: Any, seen: Seen) -> Any:
    """The application, with every address asked for and every refusal kept."""

    async def recorded(scope: Any, receive: Any, send: Any) -> None:
        seen.urls.append(scope.get("raw_path", b"") + b"?" + scope.get("query_string", b""))
        failed = False

        async def kept(message: Any) -> None:
            nonlocal failed
            if message["type"] == "http.response.start":
                seen.statuses.add(message["status"])
                failed = message["status"] >= 400
                seen.headers += [name + b": " + value for name, value in message["headers"]]
            elif failed:
                seen.refusals.append(message.get("body", b""))
            await send(message)

        await app(scope, receive, kept)

    return recorded


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> Iterator[Seen]:
    """Everything that is logged by anybody from DEBUG on, and asked of the API."""
    seen = Seen()
    monkeypatch.setattr("hub.demo.stage.app_of", lambda parts, issuer: recording(app_of(parts, issuer), seen))
    handler, root = _Everything(seen.logged), logging.getLogger()
    written = logging.StreamHandler(seen.lines)
    written.setFormatter(Lines())
    names = [
        "",
        "hub",
        "partners",
        "uvicorn",
        "uvicorn.error",
        "uvicorn.access",
        "kafka",
        "httpx2",
        "httpcore2",
    ]
    before = {name: (logging.getLogger(name).level, logging.getLogger(name).propagate) for name in names}
    root.addHandler(handler)
    root.addHandler(written)
    for name in names:
        logging.getLogger(name).setLevel(logging.DEBUG)
    yield seen
    root.removeHandler(handler)
    root.removeHandler(written)
    for name, (level, propagate) in before.items():
        logging.getLogger(name).setLevel(level)
        logging.getLogger(name).propagate = propagate


# --- the story --------------------------------------------------------------------------------------------


@pytest.fixture(params=["sqlite and embedded", "postgresql and kafka"])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    """Give the settings of each stack, on servers whose disks can be searched."""
    found: dict[str, Any] = {
        "data_dir": tmp_path / "hub",
        "on_call": "112",
        "municipality": f"by-{uuid4().hex[:10]}",
    }
    if request.param == "postgresql and kafka":
        postgres: PostgresServer = request.getfixturevalue("own_postgres")
        kafka: KafkaServer = request.getfixturevalue("own_kafka")
        found |= {"database_url": postgres.url, "kafka_bootstrap": kafka.bootstrap}
    return Settings(**found)


def _receipt(program: Reporter, report_id: UUID) -> str | None:
    program.step()
    return program.one(report_id).receipt


def until(wanted: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + WAIT_S
    while not (found := wanted()):
        assert time.monotonic() < deadline, "waited too long for another program"
        time.sleep(0.02)
    return found


class Story:
    """Everything that the API and the programs can do, with a canary in every field that takes words."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self._next = 50_000
        people = stage._issuer  # logins with canaries in their names
        for name, organisation, role in (
            ("inge", stage.settings.unit, Role.CASEWORKER),
            ("mette", stage.settings.unit, Role.TOVHOLDER),
            ("drift", stage.settings.unit, Role.OPERATOR),
        ):
            people.add(name, f"kode-{name}", self.word(), organisation, [role])
            stage._passwords[name] = f"kode-{name}"
            stage.people[name] = stage._person(name)
        self.inge, self.mette, self.drift = (stage.people[n] for n in ("inge", "mette", "drift"))

    def word(self) -> str:
        self._next += 1
        return canary(self._next)

    def play(self) -> None:
        stage = self.stage
        stage.register_partners()
        self._partner()
        stage.start_workers()
        self.police, self.emergency = stage.police(), stage.emergency_department()
        self.ngo = Ngo.of(stage.partner_settings(NGO))
        stage._open.callback(self.ngo.close)
        self._reports()
        self._case()
        self._told()
        self._wrong()
        self._withdrawn()
        for view, owner in (("timeline", stage.settings.unit), ("disclosures", "hub")):
            list(rebuild(stage.parts, view, owner))

    def _partner(self) -> None:
        keys = Identity.new().public
        asked = {
            "slug": "den-nye",
            "name": self.word(),
            "kind": OrganisationKind.SHELTER,
            "categories": list(Category),
            "sealing_key": base64.b64encode(keys.sealing).decode(),
            "signing_key": base64.b64encode(keys.signing).decode(),
            "contact": {"name": self.word(), "email": f"{BIRD}@x.example", "duty_phone": self.word()},
        }
        self.drift.post("/v1/partners", asked)
        self.drift.post("/v1/partners/den-nye/suspension", {"reason": self.word()})
        self.drift.post("/v1/partners/den-nye/resumption")

    def _reports(self) -> None:
        for program, name, first in ((self.police, NIGHT, 0), (self.emergency, SAME_WOMAN, 1000)):
            report = planted(name, first).report
            kept = program.submit(report.model_copy(update={"report_id": uuid4()}))
            until(partial(_receipt, program, kept.report_id))
        waiting = until(lambda: self._waiting(2))
        self.case, self.inquiry = (w["case"] for w in waiting)

    def _waiting(self, count: int) -> Any:
        waiting = self.inge.get("/v1/inbox")["waiting"]
        return waiting if len(waiting) >= count else None

    def _case(self) -> None:
        path, other = f"/v1/cases/{self.case}", f"/v1/cases/{self.inquiry}"
        assert BIRD in str(self.inge.get(f"{path}/timeline", "intake"))
        assert BIRD in str(self.inge.post(f"{other}/could-kill", purpose="intake"))
        self.inge.post(f"{path}/candidates", purpose="intake")
        self.inge.post(f"{path}/matches", {"inquiry": self.inquiry, "reason": self.word()}, "intake")
        self.inge.post(f"{path}/matches/{self.inquiry}/undo", {"reason": self.word()}, "intake")
        self.inge.post(f"{path}/matches", {"inquiry": self.inquiry, "reason": self.word()}, "intake")
        self.inge.post(f"{path}/opening", {"criteria": MET}, "intake")
        self.inge.post(f"{path}/coordinator", {"person": "mette", "name": self.word()})
        contact = {
            "safe_contact": {
                "channel": "sms",
                "handle": self.word(),
                "code_word": self.word(),
                "must_not_know": [self.word()],
                "note": self.word(),
            },
            "phone": self.word(),
            "meeting_place": self.word(),
        }
        self.mette.post(f"{path}/safe-contact", contact)
        protection = {"protection": "special", "address": self.word()}
        self.mette.post(f"{path}/address-protection", protection)
        for of in (path, other):
            for unread in self.mette.post(f"{of}/free-text", purpose="safety")["unread"]:
                self.mette.post(f"{of}/free-text/{unread['entry']}/release")
        self._assessed()

    def _assessed(self) -> None:
        path = f"/v1/cases/{self.case}"
        asked = {
            "instrument": "sara-v3",
            "instrument_version": "3",
            "answers": {"item-1": "yes"},
            "judgement": "high",
            "reason": self.word(),
        }
        self.mette.post(f"{path}/assessments", asked)
        self.mette.post(f"{path}/safety-level", {"level": "acute", "reason": self.word()})

    def _told(self) -> None:
        path, now = f"/v1/cases/{self.case}", self.stage.parts.clock()
        consent = {
            "recipients": [NGO],
            "categories": staging.TOLD_NGO,
            "purpose": self.word(),
            "form": "written",
            "given_at": now.isoformat(),
            "ends_at": (now + timedelta(days=30)).isoformat(),
        }
        self.consent = self.mette.post(f"{path}/consents", consent)["consent"]
        basis = {
            "rule": "vital_interest",
            "reason": self.word(),
            "answers_for": self.word(),
            "recipients": ["den-nye"],
            "categories": TOLD,
            "purpose": self.word(),
            "ends_at": (now + timedelta(hours=1)).isoformat(),
        }
        self.mette.post(f"{path}/legal-bases", basis)
        referral = {"recipient": NGO, "offer": "samtale", "urgency": "urgent"}
        for _ in range(2):
            self.mette.post(f"{path}/referrals", referral)
        until(lambda: (self.ngo.receive(), len(self.ngo.inbox()) > 1)[1])
        shown = [
            self.ngo.open_message(m.message_id, person=self.word(), name=self.word(), purpose="referral")
            for m in self.ngo.messages()
        ]
        assert any(BIRD in str(part.data) for one in shown for part in one.parts), "it reads what it was told"
        first, second = (line.referral for line in self.ngo.inbox())
        self.ngo.answer(first, ReferralStatus.ACCEPTED, person=self.word(), name=self.word())
        refused = RejectionReason.NO_CAPACITY
        self.ngo.answer(second, ReferralStatus.REJECTED, person=self.word(), name=self.word(), reason=refused)
        until(lambda: (self.ngo.step(), self._answered())[1])

    def _answered(self) -> bool:
        entries = self.mette.get(f"/v1/cases/{self.case}/timeline", "coordination")["entries"]
        return {"referral_accepted", "referral_rejected"} <= {entry["kind"] for entry in entries}

    def _wrong(self) -> None:
        """Everything refused that can be, with a canary in it."""
        path, word = f"/v1/cases/{self.case}", self.word
        calls: list[tuple[Person, str, Any, str]] = [
            (
                self.mette,
                f"{path}/safety-level",
                {word(): word(), "level": word(), "reason": [word()]},
                "safety",
            ),
            (self.mette, f"{path}/opening", {"criteria": {word(): word()}}, "intake"),
            (self.mette, f"{path}/referrals", {"recipient": word(), "offer": word()}, "referral"),
            (self.mette, f"{path}/consents", {"recipients": [word()], "purpose": word()}, "referral"),
            (self.mette, f"{path}/could-kill", {}, "nysgerrighed"),
            (self.inge, f"{path}/matches", {"inquiry": word(), "reason": word()}, "intake"),
            (self.drift, "/v1/partners", {"slug": word(), "contact": {word(): [word()]}}, "intake"),
            (
                self.stage.partner_login(POLICE),
                "/v1/social-reports",
                {"persons": [{word(): word()}]},
                "intake",
            ),
            (self.stage.partner_login(NGO), "/v1/inbound", {"value": word(), word(): word()}, "intake"),
        ]
        for person, address, body, purpose in calls:
            with pytest.raises(Refusal):
                person.post(address, body, purpose)
        report = planted(NIGHT, 2000).report.model_dump(mode="json", exclude_none=True)
        police = self.stage.partner_login(POLICE)
        for name in report:
            spoiled = {**report, "report_id": str(uuid4()), name: {word(): [word()]}}
            with pytest.raises(Refusal):
                police.post("/v1/social-reports", spoiled)
        stranger = Person(self.stage.url, word(), word())
        with closing(stranger), pytest.raises(KeyError):
            stranger.get("/v1/inbox")

    def _withdrawn(self) -> None:
        path = f"/v1/cases/{self.case}"
        held = [m.message_id for m in self.ngo.messages()]
        self.mette.post(f"{path}/consents/{self.consent}/withdrawal")
        for message in held:
            with pytest.raises(AdapterError):
                self.ngo.open_message(message, person=self.word(), name=self.word(), purpose="referral")
        until(lambda: (self.ngo.step(), self._purged())[1])

    def _purged(self) -> bool:
        told = self.mette.get(f"/v1/cases/{self.case}/disclosures", "citizen_access")["told"]
        line = next(one for one in told if one["recipient"] == NGO)
        return bool(line["revoked"]) and line["revoked"][-1]["answered"] == "purged"


# --- the sinks --------------------------------------------------------------------------------------------


@dataclass
class Sinks:
    """Every place that is searched, by name."""

    stage: Stage
    seen: Seen
    capture: pytest.CaptureFixture[str]
    kafka: KafkaServer | None = None
    postgres: PostgresServer | None = None

    def found(self) -> dict[str, list[bytes]]:
        """In which of them something planted stands."""
        places = {"logs": b"\n".join(line.encode() for line in self.seen.logged)}
        places["the processes' lines"] = self.seen.lines.getvalue().encode()
        places["standard output and error"] = "".join(self.capture.readouterr()).encode()
        places["addresses asked for"] = b"\n".join(self.seen.urls)
        places["refusals"] = b"\n".join(self.seen.refusals)
        places["headers of answers"] = b"\n".join(self.seen.headers)
        places |= self._folders()
        places |= self._on_kafka() if self.kafka else self._on_embedded()
        places |= self._in_postgres() if self.postgres else self._in_sqlite()
        return {place: hits for place, raw in places.items() if (hits := leaks(raw))}

    def _folders(self) -> dict[str, bytes]:
        folder = self.stage.settings.data_dir
        partners = folder / "partners"
        theirs = {slug: _bytes_of(partners / slug / "data") for slug in (POLICE, EMERGENCY, NGO)}
        own = [path for path in folder.rglob("*") if path.is_file() and partners not in path.parents]
        names = "\n".join(str(path.relative_to(folder)) for path in folder.rglob("*"))
        return {
            **{f"disk of {slug}": raw for slug, raw in theirs.items()},
            "the hub's own files": b"".join(path.read_bytes() for path in own),
            "names of files": names.encode(),
        }

    def _on_embedded(self) -> dict[str, bytes]:
        with closing(sqlite3.connect(self.stage.settings.data_dir / "broker.db")) as db:
            topics = [topic for (topic,) in db.execute("SELECT topic FROM topics")]
            groups = [group for (group,) in db.execute('SELECT "group" FROM offsets')]
            records = db.execute("SELECT headers, value FROM records").fetchall()
        assert len(records) > 10
        headers = [bytes.fromhex(v) for h, _ in records for _, v in json.loads(h)]
        return {
            "names of topics": "\n".join(topics).encode(),
            "names of groups": "\n".join(groups).encode(),
            "headers of records": b"\n".join([*headers, *(h.encode() for h, _ in records)]),
            "values of records": b"\n".join(value for _, value in records),
        }

    def _on_kafka(self) -> dict[str, bytes]:
        from kafka import KafkaConsumer, TopicPartition
        from kafka.admin import KafkaAdminClient

        assert self.kafka is not None
        with KafkaAdminClient(**self.kafka.login()) as admin:
            topics = sorted(admin.list_topics())
            groups = [str(group) for group in admin.list_groups()]
        consumer = KafkaConsumer(**self.kafka.login(), consumer_timeout_ms=2_000, metrics_enabled=False)
        wanted = [TopicPartition(topic, 0) for topic in topics if not topic.startswith("__")]
        with closing(consumer):
            consumer.assign(wanted)
            consumer.seek_to_beginning(*wanted)
            records = list(consumer)
        assert len(records) > 10
        assert groups
        headers = [name.encode() + b"=" + value for r in records for name, value in r.headers]
        segments = sorted(self.kafka.data_dir.rglob("*.log"))
        assert len(segments) > len(PLANTED)
        return {
            "names of topics": "\n".join(topics).encode(),
            "names of groups": "\n".join(groups).encode(),
            "headers of records": b"\n".join(headers),
            "values of records": b"\n".join(r.value or b"" for r in records),
            "keys of records": b"\n".join(r.key or b"" for r in records),
            "the broker's segments": b"".join(path.read_bytes() for path in segments),
            "the broker's own log": self.kafka.log.encode(),
        }

    def _in_sqlite(self) -> dict[str, bytes]:
        with closing(sqlite3.connect(self.stage.settings.data_dir / "hub.db")) as db:
            tables = [t for (t,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            return _tables(lambda t: [tuple(r) for r in db.execute(f"SELECT * FROM {t}")], tables)  # noqa: S608 (names of our own)

    def _in_postgres(self) -> dict[str, bytes]:
        assert self.postgres is not None
        with psycopg.connect(self.postgres.url, autocommit=True) as db:
            db.execute("CHECKPOINT")
            found = db.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
            tables = _tables(lambda t: db.execute(f"SELECT * FROM {t}").fetchall(), [t for (t,) in found])  # noqa: S608 (names of our own)
        disk = b"".join(p.read_bytes() for p in self.postgres.data_dir.rglob("*") if p.is_file())
        log = (self.postgres.home / "server.log").read_bytes()
        return {**tables, "the database's disk": disk, "the database's own log": log}


def _tables(rows_of: Callable[[str], list[tuple[Any, ...]]], tables: list[str]) -> dict[str, bytes]:
    """Every column of every table, whatever the database does to large ones on its disk."""
    views = [table for table in tables if table.startswith("view_")]
    assert len(views) > 3
    found: dict[str, list[bytes]] = {"read models": [], "tables": []}
    for table in tables:
        for row in rows_of(table):
            for value in row:
                raw = bytes(value) if isinstance(value, bytes | memoryview) else str(value).encode()
                found["read models" if table in views else "tables"].append(raw)
    assert found["read models"]
    return {name: b"\n".join(raws) for name, raws in found.items()}


def _bytes_of(folder: Path) -> bytes:
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert files, folder
    return b"".join(path.read_bytes() for path in files)


# --- the test ---------------------------------------------------------------------------------------------


def test_nothing_of_anybody_stands_where_it_must_not_and_each_place_is_searched(
    settings: Settings, seen: Seen, capfd: pytest.CaptureFixture[str], request: pytest.FixtureRequest
) -> None:
    with Stage(settings) as stage:
        on_servers = bool(settings.kafka_bootstrap)
        sinks = Sinks(
            stage,
            seen,
            capfd,
            request.getfixturevalue("own_kafka") if on_servers else None,
            request.getfixturevalue("own_postgres") if on_servers else None,
        )
        Story(stage).play()

        assert sinks.found() == {}
        assert {200, 201, 401, 404, 422} <= seen.statuses, "it was really played, refusals included"
        told = [json.loads(line) for line in seen.lines.getvalue().splitlines()]
        by_topic = {"a message of a partner"} if on_servers else set()
        assert {"a command", "messages sent", *by_topic} <= {one["event"] for one in told}
        assert [one for one in told if "dropped" in one] == [], "the code gives nothing that is not allowed"

        every = _plant(sinks)
        assert set(sinks.found()) >= every


def _plant(sinks: Sinks) -> set[str]:
    """A leak in each place, as a careless change would make it; the places."""
    stage, settings = sinks.stage, sinks.stage.settings
    logging.getLogger("hub.somewhere").debug("took in %s", canary(1))
    logger("somewhere").error("took in", partner=PLANTED[0].lower(), error=PLANTED[0])
    print(canary(2))  # noqa: T201 (a careless print is what is looked for)
    anybody = Person(stage.url, "mette", "kode-mette")
    with closing(anybody):
        with suppress(Refusal):
            anybody.get("/v1/cases/" + base64.b64encode(canary(3).encode()).decode().replace("/", "_"))
        for careless in (_repeats_in_the_refusal, _repeats_in_a_header):
            with pytest.MonkeyPatch.context() as patch, suppress(Refusal):
                patch.setattr(Queries, "inbox", careless)
                anybody.get("/v1/inbox")
    for slug in (POLICE, EMERGENCY, NGO):
        path = settings.data_dir / "partners" / slug / "data" / "cache.tmp"
        path.write_bytes(canary(5).encode("utf-16-le"))
    (settings.data_dir / "keys" / "notes").write_text(canary(6))
    (settings.data_dir / f"{canary(7)}.lock").touch()
    places = {
        *(
            "logs",
            "the processes' lines",
            "standard output and error",
            "addresses asked for",
            "refusals",
            "headers of answers",
        ),
        *(f"disk of {slug}" for slug in (POLICE, EMERGENCY, NGO)),
        *("the hub's own files", "names of files", "names of topics", "names of groups"),
        *("headers of records", "values of records", "read models", "tables"),
    }
    topic = f"{settings.municipality}.to.{canary(8).encode().hex()}"
    stage.broker.create_topics([topic], 1)
    if sinks.kafka is None:
        _plant_embedded(sinks, topic)
    else:
        _plant_on_kafka(sinks.kafka, topic)
        places |= {"keys of records", "the broker's segments", "the broker's own log"}
        with (sinks.kafka.home / "server.log").open("a") as log:
            log.write(canary(9))
    database = stage.parts.app.store.database
    with database.transaction() as execute:
        one, two = database.uuid(uuid4()), database.uuid(uuid4())
        execute(
            "INSERT INTO view_timeline_v1 VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            ["plantet", 1, one, two, 1, 1, json.dumps({"who": canary(10)}), b"x"],
        )
        execute("INSERT INTO positions VALUES (?, ?)", [canary(11), 1])
    if sinks.postgres is not None:
        places |= {"the database's disk", "the database's own log"}
        with psycopg.connect(sinks.postgres.url) as db, suppress(psycopg.Error):
            db.execute(f"SELECT '{canary(12)}' FROM no_such_table")  # noqa: S608 (names of our own)
    return places


def _repeats_in_the_refusal(*_: object) -> None:
    raise Invalid(f"reason: there is none such: {canary(4)}", field="reason")


def _repeats_in_a_header(*_: object) -> None:
    raise HTTPException(404, "there is no such case", {"Location": canary(17)})


def _plant_embedded(sinks: Sinks, topic: str) -> None:
    with closing(sqlite3.connect(sinks.stage.settings.data_dir / "broker.db")) as db, db:
        headers = json.dumps([("ce_subject", canary(13).encode().hex())])
        db.execute("INSERT INTO records VALUES (?, 0, 0, ?, ?)", (topic, headers, canary(14).encode()))
        db.execute("INSERT INTO offsets VALUES (?, ?, 0)", (topic, f"lysning.{canary(15)}"))


def _plant_on_kafka(server: KafkaServer, topic: str) -> None:
    from kafka import KafkaConsumer, KafkaProducer, OffsetAndMetadata, TopicPartition

    with closing(KafkaProducer(**server.login(), metrics_enabled=False)) as producer:
        headers = [("ce_subject", canary(13).encode())]
        sent = producer.send(topic, value=canary(14).encode(), key=canary(15).encode(), headers=headers)
        sent.get(timeout=10)
    group = f"lysning.{canary(16)}"
    consumer = KafkaConsumer(
        **server.login(), group_id=group, enable_auto_commit=False, metrics_enabled=False
    )
    with closing(consumer):
        here = TopicPartition(topic, 0)
        consumer.assign([here])
        consumer.commit({here: OffsetAndMetadata(1, "", -1)})


def test_the_needles_are_all_the_forms_in_which_programs_write() -> None:
    """Of every planted word, and none so short that it is found everywhere."""
    assert min(map(len, NEEDLES)) >= 10
    for needle in (b"Kanariefugl", b"7403912006", base64.b64encode(b"7403912006")):
        assert leaks(b"before" + needle + b"after")
    assert leaks(json.dumps({"name": canary(1)}))
    assert leaks(canary(1).encode("utf-16-be"))
    assert leaks(b"x" * 100_000) == []
