"""Personal data planted in every field of a whole story stands in no log, no error and no clear column.

Each search is shown to find what it looks for: a leak is planted in the sink, in every form that a program
might write it in.
"""

import base64
import json
import logging
import traceback
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import UUID, uuid4

import pytest

from contracts.client.errors import BadMessage
from contracts.inbound_v1 import (
    Inbound,
    InboundType,
    PurgeAnswer,
    PurgeOutcome,
    ReferralAnswer,
    RetentionBasis,
)
from contracts.inbound_v1 import Person as Named
from contracts.terms import BasisRule, Category, OrganisationKind, ReferralStatus, SafetyLevel, Urgency
from hub.adapters.broker.embedded import EmbeddedBroker
from hub.aggregates.base import Actor
from hub.aggregates.citizen_case.values import ConsentForm
from hub.errors import HubError
from hub.operating.working import fire_timers
from hub.projections import disclosures
from hub.topics.following import Follower
from tests.criteria import MET
from tests.integration.every_command import LATE, NEIGHBOUR, Played, TheRest, commands, fields_of_words
from tests.support.canaries import forms
from tests.support.social_reports import example, put
from tests.world import (
    BEGAN,
    HOSPITAL,
    MUNICIPALITY,
    NGO,
    NIGHT,
    PARTNERS,
    POLICE,
    SAME_WOMAN,
    SHELTER,
    UNIT,
    World,
    at,
    planted,
)

C = Category
BIRD, BIRDS = "Kanariefuglø", "Kanariefugl"
"""In every planted value; the second where only ASCII may stand."""
CPR = ("7403912006", "6208881015")
"""Of the citizen and of the perpetrator in the example of the night."""


# --- the search ---------------------------------------------------------------------------------------


LOOKED_FOR = {(word, form): raw for word in (BIRD, BIRDS, *CPR) for form, raw in forms(word).items()}


def leaks(hay: bytes) -> list[tuple[str, str]]:
    """Which planted words stand in these bytes, and in which form."""
    return [name for name, raw in LOOKED_FOR.items() if raw in hay]


def in_text(text: str) -> list[tuple[str, str]]:
    return leaks(text.encode("utf-8", "surrogatepass"))


def in_columns(world: World) -> list[tuple[str, str, str, str]]:
    """Every value of every column of every table, as the database gives it."""
    database = world.parts.app.store.database
    found = []
    for table in tables(world):
        columns = columns_of(world, table)
        for row in database.read(f"SELECT * FROM {table}"):  # noqa: S608 (names from the database itself)
            for column, value in zip(columns, row, strict=True):
                raw = bytes(value) if isinstance(value, bytes | memoryview) else str(value).encode()
                found += [(table, column, *leak) for leak in leaks(raw)]
    return found


def tables(world: World) -> list[str]:
    if world.parts.settings.database_url:
        sql = "SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema()"
    else:
        sql = "SELECT name FROM sqlite_master WHERE type = 'table'"
    return sorted(name for (name,) in world.parts.app.store.database.read(sql))


def columns_of(world: World, table: str) -> list[str]:
    database = world.parts.app.store.database
    if world.parts.settings.database_url:
        sql = (
            "SELECT column_name FROM information_schema.columns WHERE table_schema = current_schema()"
            " AND table_name = ? ORDER BY ordinal_position"
        )
        return [name for (name,) in database.read(sql, [table])]
    return [name for (name,) in database.read("SELECT name FROM pragma_table_info(?)", [table])]


def in_files(folder: Path) -> list[tuple[str, str, str]]:
    """Every byte of every file: database, write-ahead log, broker, fence, keys, locks; and every name."""
    found = []
    for path in sorted(folder.rglob("*")):
        found += [(path.name, *leak) for leak in in_text(str(path.relative_to(folder)))]
        if path.is_file():
            found += [(path.name, *leak) for leak in leaks(path.read_bytes())]
    return found


def in_records(records: list[logging.LogRecord]) -> list[tuple[str, str]]:
    """Message, arguments, everything extra, and the traceback that a handler would write."""
    found = []
    for record in records:
        text = f"{record.getMessage()} {record.__dict__!r} {logging.Formatter().format(record)}"
        found += in_text(text)
    return found


def in_error(error: BaseException) -> list[tuple[str, str]]:
    """What it says, how it prints, what hangs on it, and all that it came from."""
    chain = "".join(traceback.format_exception(error))
    return in_text(f"{error} {error!r} {error.args!r} {vars(error)!r} {chain}")


# --- the story ----------------------------------------------------------------------------------------


def bird(n: int) -> str:
    return f"{BIRD}{n:04d}"


def prose(n: int) -> str:
    """No id nor code: more than a word."""
    return f"{bird(n)} skrev det"


TOVHOLDER = Actor(f"{BIRDS}-sub-1", bird(1), "tovholder", UNIT)
CASEWORKER = Actor(f"{BIRDS}-sub-2", bird(2), "caseworker", UNIT)
ANNA = Actor(f"{BIRDS}-sub-3", bird(3), "partner_staff", NGO)


class Story:
    """Everything that the hub can do, with a canary in every field that takes words."""

    def __init__(self, world: World, broker: EmbeddedBroker) -> None:
        self.world, self.broker = world, broker
        self.keys = 0

    def by(self, who: Actor = TOVHOLDER) -> Any:
        self.keys += 1
        return self.world.command(who, key=f"{BIRDS}-key-{self.keys}", body=bird(9).encode())

    def tell(self) -> tuple[UUID, UUID]:
        """All of it; the case and the message that the NGO was told first."""
        world, hub = self.world, self.world.parts.hub
        self.register()
        case, other = self.report(NIGHT, 10), self.report(SAME_WOMAN, 5_000)
        hub.open_case(self.by(CASEWORKER), case, {**MET, f"{BIRDS}-adult": True})
        hub.assign_coordinator(self.by(CASEWORKER), case, TOVHOLDER)
        hub.match_inquiry(self.by(CASEWORKER), case, other, bird(20))
        hub.set_safe_contact(self.by(), case, {"channel": "sms", "handle": bird(21)})
        hub.set_address_protection(self.by(), case, "special", {"address": bird(22)})
        hub.assess_safety(
            self.by(),
            case,
            instrument=f"{BIRDS}-sara",
            instrument_version=f"{BIRDS}-3",
            answers={f"{BIRDS}-item": f"{BIRDS}-yes"},
            judgement=SafetyLevel.HIGH,
            reason=bird(23),
        )
        hub.change_safety_level(self.by(), case, SafetyLevel.ACUTE, bird(24))
        consent = self.consent(case)
        hub.read_free_text(self.by(), case, 2)
        hub.record_legal_basis(
            self.by(),
            case,
            rule=BasisRule.VITAL_INTEREST,
            reason=bird(26),
            answers_for=bird(27),
            recipients=[POLICE],
            categories=[C.INCIDENT],
            purpose=bird(28),
            ends_at=BEGAN + timedelta(hours=5),
        )
        referral = self.refer(case)
        self.answer(case, referral)
        words = count(40_000)
        TheRest(world, self.by, lambda: bird(next(words)), TOVHOLDER).play()
        first = world.messages_of(NGO)[0].message_id
        self.look(case)
        self.move_messages()
        hub.withdraw_consent(self.by(), case, consent, recipient=SHELTER)
        hub.unmatch_inquiry(self.by(CASEWORKER), case, other, bird(29))
        hub.cancel_referral(self.by(), case, referral, "no_answer")
        hub.withdraw_consent(self.by(), case, consent)
        self.purge(case)
        world.clock.move(timedelta(hours=6))
        fire_timers(world.parts)
        hub.suspend_partner(self.by(), SHELTER, bird(30))
        self.move_messages()
        return case, first

    def register(self) -> None:
        folder = self.world.parts.settings.data_dir / "keys" / "recipients" / UNIT
        self.world.identities[UNIT].save(folder)
        kind = PARTNERS[NGO]
        self.world.register(
            "sangfuglene", kind, name=bird(31), email=f"{BIRDS}@x.example", duty_phone=bird(32)
        )

    def report(self, name: str, first: int) -> UUID:
        """By the topic's way, so that opening, checking and taking in are all on the path."""
        report = planted(name, first).report
        by = HOSPITAL if report.unit.kind is OrganisationKind.EMERGENCY_DEPARTMENT else POLICE
        answer = self.world.send(by, Inbound.report(report.model_dump(mode="json", exclude_none=True)))
        assert answer is not None
        return UUID(answer.ids["case"])

    def consent(self, case: UUID) -> UUID:
        answer = self.world.parts.hub.give_consent(
            self.by(),
            case,
            recipients=[NGO, SHELTER],
            categories=list(Category),
            purpose=bird(25),
            form=ConsentForm.ORAL,
            given_at=BEGAN,
            ends_at=BEGAN + timedelta(days=30),
        )
        return UUID(answer.ids["consent"])

    def refer(self, case: UUID) -> UUID:
        answer = self.world.parts.hub.request_referral(
            self.by(),
            case,
            recipient=NGO,
            offer=f"{BIRDS}-tilbud",
            urgency=Urgency.ACUTE,
            answer_by=BEGAN + timedelta(days=2),
        )
        return UUID(answer.ids["referral"])

    def answer(self, case: UUID, referral: UUID) -> None:
        answer = ReferralAnswer(
            thread=self.world.thread(case, NGO),
            referral=referral,
            status=ReferralStatus.ACCEPTED,
            by=Named(person=ANNA.person, name=ANNA.name),
            at=BEGAN,
        )
        self.world.send(NGO, Inbound.of(answer))

    def purge(self, case: UUID) -> None:
        for recipient, outcome in ((NGO, PurgeOutcome.RETAINED), (SHELTER, PurgeOutcome.PURGED)):
            kept = outcome is PurgeOutcome.RETAINED
            revoked = [m for m in self.world.stored(recipient) if m.control][-1]
            answer = PurgeAnswer(
                revocation=revoked.message_id,
                thread=self.world.thread(case, recipient),
                outcome=outcome,
                basis=RetentionBasis.HEALTH_RECORD if kept else None,
                reason=bird(33) if kept else None,
            )
            self.world.send(recipient, Inbound.of(answer))

    def look(self, case: UUID) -> None:
        for message in self.world.messages_of(NGO):
            self.world.open_message(NGO, message, by=ANNA, purpose=bird(34))
        queries, loaded = self.world.parts.queries, self.world.case(case)
        queries.timeline(TOVHOLDER, loaded, bird(35))
        assert bird(21) in repr(queries.could_kill(TOVHOLDER, loaded, bird(36)))
        queries.unread_free_text(TOVHOLDER, loaded, bird(37))
        queries.candidates(TOVHOLDER, loaded, bird(38))
        queries.other_roles(TOVHOLDER, loaded, bird(40))
        queries.disclosures(TOVHOLDER, loaded, bird(39))

    def move_messages(self) -> None:
        """Relay, read models and the follower, so that broker and view tables are filled."""
        relay, projector = self.world.parts.relay(self.broker), self.world.parts.projector(self.broker, UNIT)
        while relay.step():
            pass
        relay.close()
        while projector.step(200, 0):
            pass
        projector.close()
        follower = Follower(self.world.parts.app, self.world.parts.views[disclosures.NAME])
        while follower.step(200):
            pass


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch) -> Played:
    """Give what keeps which commands are played; asked for before the world is built."""
    played = Played()
    played.watch(monkeypatch)
    return played


@pytest.fixture
def story(world: World) -> Iterator[Story]:
    """Give a story not yet told, on an embedded broker in the world's own folder."""
    with closing(EmbeddedBroker(world.parts.settings.data_dir / "broker.db")) as broker:
        broker.create_topics(
            [f"{MUNICIPALITY}.to.{slug}" for slug in (*PARTNERS, "sangfuglene", NEIGHBOUR, LATE)]
            + [f"{MUNICIPALITY}.from.{slug}" for slug in PARTNERS]
            + [f"{MUNICIPALITY}.dead"],
            1,
        )
        yield Story(world, broker)


def test_the_story_plays_every_command_with_a_canary_in_every_field_that_takes_words(
    played: Played, story: Story
) -> None:
    """What a new command, or a new field of one, would leak is not looked for until it is played here."""
    story.tell()
    assert sorted({name for name, _ in commands()} - played.commands) == []
    assert sorted({*fields_of_words()} - played.fields) == []


# --- store, broker, envelopes -------------------------------------------------------------------------


def test_no_clear_column_holds_anything_of_anybody(world: World, story: Story) -> None:
    story.tell()
    filled = [t for t in tables(world) if world.parts.app.store.database.read(f"SELECT 1 FROM {t} LIMIT 1")]  # noqa: S608 (names of our own)
    assert {"stored_events", "messages", "message_wraps", "grants", "blind_index", "partners"} <= set(filled)
    assert any("timeline" in table for table in filled)
    assert any("disclosures" in table for table in filled)
    assert in_columns(world) == []


def test_no_byte_of_any_file_holds_anything_of_anybody(world: World, story: Story) -> None:
    story.tell()
    folder = world.parts.settings.data_dir
    assert in_files(folder) == []
    story.broker.close()
    world.close()
    assert in_files(folder) == []


def test_nothing_that_leaves_holds_anything_of_anybody(world: World, story: Story) -> None:
    story.tell()
    for recipient in PARTNERS:
        for envelope in world.parts.outgoing.messages_of(recipient, 0, 0, 10_000):
            assert in_text(f"{envelope.message_id} {envelope.source} {envelope.number}") == []
            assert leaks(envelope.value) == []
    for topic in story.broker.topics():
        assert in_text(topic) == []
        reader = story.broker.consumer(topic, "test.reader")
        for record in reader.poll(10_000, 0):
            assert leaks(record.value) == []
            assert in_text(repr(record.headers)) == []
        reader.close()


@pytest.mark.parametrize("word", [BIRD, BIRDS, *CPR])
@pytest.mark.parametrize("form", sorted(forms(BIRD)))
@pytest.mark.parametrize("before", range(3))
def test_the_search_finds_a_word_in_every_form_wherever_it_begins(word: str, form: str, before: int) -> None:
    text = "x" * before + word + "0007 og mere"
    written = {
        "utf-8": text.encode(),
        "utf-16": text.encode("utf-16-le"),
        "utf-16-be": text.encode("utf-16-be"),
        "latin-1": text.encode("latin-1"),
        "hex": text.encode().hex().encode(),
        "HEX": text.encode().hex().upper().encode(),
        "json": json.dumps(text).encode(),
        "repr": repr(text.encode()).encode(),
        "url": quote(text).encode(),
    }
    as_base64 = base64.urlsafe_b64encode if "url" in form else base64.b64encode
    hay = written[form] if form in written else as_base64(text.encode())
    assert leaks(b"\x01\x02" + hay + b"\x03")


@pytest.mark.parametrize("form", ["utf-8", "hex", "json", "base64+0"])
def test_the_search_of_columns_and_files_finds_a_planted_leak(world: World, form: str) -> None:
    database = world.parts.app.store.database
    assert in_columns(world) == []
    with database.transaction() as execute:
        leak = forms(bird(1))[form].decode()
        execute("INSERT INTO positions VALUES (?, 1)", [f"mark of {leak}"])
    assert {(table, column) for table, column, *_ in in_columns(world)} == {("positions", "name")}
    if not world.parts.settings.database_url:
        assert any(name.startswith("hub.db") for name, *_ in in_files(world.parts.settings.data_dir))


def test_the_search_finds_what_a_mapper_without_a_seal_would_store(
    world: World, story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hub.adapters.store.mapper.seal", lambda _key, plaintext, _bound: plaintext)
    story.report(NIGHT, 10)
    assert ("stored_events", "state", BIRD, "utf-8") in in_columns(world)


def test_the_search_finds_a_leak_in_the_name_of_a_file(world: World) -> None:
    (world.parts.settings.data_dir / f"{bird(1)}.txt").touch()
    assert in_files(world.parts.settings.data_dir)


# --- logs ---------------------------------------------------------------------------------------------


def test_no_log_record_of_the_whole_story_holds_anything_of_anybody(
    world: World, story: Story, caplog: pytest.LogCaptureFixture
) -> None:
    with everything_logged(caplog):
        story.tell()
        logging.getLogger("hub.test").debug("the story is told")
    assert caplog.records
    assert in_records(caplog.records) == []


def test_no_log_record_of_what_goes_wrong_holds_anything_of_anybody(
    world: World, story: Story, caplog: pytest.LogCaptureFixture
) -> None:
    with everything_logged(caplog):
        case, _ = story.tell()
        for wrong in refusals(story, case).values():
            with pytest.raises((HubError, BadMessage, ValueError)):
                wrong()
        _tamper(world, case)
        Follower(world.parts.app, world.parts.views[disclosures.NAME].begin_rebuild(disclosures.OWNER)).step(
            1_000
        )
    assert any(record.name == "hub.following" for record in caplog.records)
    assert in_records(caplog.records) == []


def everything_logged(caplog: pytest.LogCaptureFixture) -> Any:
    for name in list(logging.root.manager.loggerDict):
        logging.getLogger(name).setLevel(logging.NOTSET)
    return caplog.at_level(logging.DEBUG)


def test_the_search_of_logs_finds_a_planted_leak(caplog: pytest.LogCaptureFixture) -> None:
    log = logging.getLogger("hub.test")
    leaky: list[Callable[[], None]] = [
        lambda: log.debug("told %s", bird(1)),
        lambda: log.debug("told", extra={"who": bird(1)}),
        lambda: log.debug("told %r", bird(1).encode()),
        lambda: _log_an_error(log),
    ]
    for leak in leaky:
        caplog.clear()
        with caplog.at_level(logging.DEBUG):
            leak()
        assert in_records(caplog.records)


def _log_an_error(log: logging.Logger) -> None:
    try:
        raise ValueError(bird(1))
    except ValueError:
        log.exception("went wrong")


# --- errors -------------------------------------------------------------------------------------------


def refusals(story: Story, case: UUID) -> dict[str, Callable[[], object]]:
    """Ways to be refused, each with canaries in what is sent."""
    world, hub, by = story.world, story.world.parts.hub, story.by
    later = BEGAN + timedelta(days=300)

    def sent(path: str, value: object) -> Callable[[], object]:
        report = example(NIGHT)
        put(report, path, value)
        return lambda: world.send(POLICE, Inbound.report(report))

    def consent(**words: Any) -> Callable[[], object]:
        usual = {"recipients": [NGO], "categories": [C.RISK], "purpose": bird(1), "form": ConsentForm.ORAL}
        times = {"given_at": BEGAN, "ends_at": later}
        return lambda: hub.give_consent(by(), case, **{**usual, **times, **words})

    def assess(**words: Any) -> Callable[[], object]:
        usual = {"instrument": "sara", "instrument_version": "3", "answers": {"item": "yes"}}
        judged = {"judgement": SafetyLevel.HIGH, "reason": bird(1)}
        return lambda: hub.assess_safety(by(), case, **{**usual, **judged, **words})

    def twice() -> object:
        once = by()
        hub.change_safety_level(once, case, SafetyLevel.LOW, bird(1))
        return hub.change_safety_level(
            replace(once, body=bird(2).encode()), case, SafetyLevel.RAISED, bird(1)
        )

    return {
        "an unknown field": sent("kanarie", {bird(1): bird(2)}),
        "a field named so": sent(bird(3), 1),
        "a cpr number": sent("persons.0.cpr", bird(4)),
        "another's cpr number": sent("persons.1.cpr", CPR[0]),
        "a time": sent("told_at", bird(5)),
        "a word from a closed list": sent("urgency", bird(6)),
        "a line that is two": sent("reference", f"{bird(7)}\n{bird(8)}"),
        "an account of the wrong type": sent("narrative", [bird(9)]),
        "an id": sent("persons.0.id", bird(10)),
        "a relation": sent("persons.0.relation", {"kind": bird(11), "cohabiting": "yes"}),
        "a safe contact": sent("persons.0.could_kill.safe_contact.windows.0.from_time", bird(12)),
        "an inbound of no type": lambda: world.send(
            POLICE, Inbound.model_construct(type=InboundType.REFERRAL_ANSWER, body={bird(13): bird(14)})
        ),
        "a consent to nobody known": consent(recipients=[bird(15)]),
        "a consent without a purpose": consent(purpose=" "),
        "a consent in no form": consent(form=bird(16)),
        "a consent of the future": consent(given_at=later),
        "a consent that ended": consent(ends_at=BEGAN - timedelta(days=1)),
        "a consent without a zone": consent(ends_at=datetime(2030, 1, 1)),  # noqa: DTZ001 (that is the fault)
        "a consent to the unit": consent(recipients=[UNIT]),
        "an instrument in prose": assess(instrument=prose(17)),
        "an answer in prose": assess(answers={"item": prose(18)}),
        "an item in prose": assess(answers={prose(19): "yes"}),
        "a judgement in prose": assess(judgement=bird(20)),
        "a level in prose": lambda: hub.change_safety_level(by(), case, bird(21), bird(22)),  # type: ignore[arg-type]
        "a criterion in prose": lambda: hub.open_case(
            by(), story.report(SAME_WOMAN, 9_000), {prose(23): True}
        ),
        "a case opened twice": lambda: hub.open_case(by(), case, {f"{BIRDS}-adult": True}),
        "the same tovholder": lambda: hub.assign_coordinator(by(), case, TOVHOLDER),
        "a tovholder from elsewhere": lambda: hub.assign_coordinator(by(), case, ANNA),
        "an offer in prose": lambda: hub.request_referral(
            by(), case, recipient=NGO, offer=prose(24), urgency=Urgency.ROUTINE, answer_by=None
        ),
        "a referral without a grant": lambda: story.refer(case),
        "a cancellation in prose": lambda: hub.cancel_referral(by(), case, uuid4(), bird(25)),
        "a protection in prose": lambda: hub.set_address_protection(by(), case, bird(26), {"a": bird(27)}),
        "a withdrawal of nothing": lambda: hub.withdraw_consent(by(), case, uuid4(), recipient=bird(28)),
        "a basis for nobody": lambda: hub.record_legal_basis(
            by(),
            case,
            rule=BasisRule.RETSPLEJELOV_115,
            reason=bird(29),
            answers_for=bird(30),
            recipients=[NGO],
            categories=[C.RISK],
            purpose=bird(31),
            ends_at=later,
        ),
        "a case that is none": lambda: hub.open_case(by(), uuid4(), MET),
        "an opening without a grant": lambda: world.parts.opener.open(ANNA, uuid4(), purpose=bird(32)),
        "an opening without a purpose": lambda: world.parts.opener.look(ANNA, UNIT, case, bird(33), " ", []),
        "a key with another body": twice,
        "a partner of that name": lambda: world.suspend(bird(34)),
        "a partner in a bad form": lambda: world.register(bird(35), PARTNERS[NGO], email=bird(36)),
    }


def test_no_refusal_repeats_what_was_sent(world: World, story: Story) -> None:
    case, _ = story.tell()
    for name, wrong in refusals(story, case).items():
        with pytest.raises((HubError, BadMessage)) as refused:
            wrong()
        assert in_error(refused.value) == [], name


def test_no_alarm_over_stored_bytes_repeats_them(world: World, story: Story) -> None:
    case, message = story.tell()
    _tamper(world, case)
    world.parts.app.keys.destroy(world.parts.committer.partner_id("sangfuglene"))
    for broken in (
        lambda: world.case(case),
        lambda: world.assess(case),
        lambda: world.parts.opener.open(at(NGO), message, purpose=bird(1)),
        lambda: world.parts.hub.suspend_partner(story.by(), "sangfuglene", bird(2)),
    ):
        with pytest.raises(HubError) as alarm:
            broken()
        assert in_error(alarm.value) == []


def test_the_search_of_errors_finds_a_planted_leak() -> None:
    def from_another() -> None:
        try:
            int(bird(1))
        except ValueError as error:
            raise HubError("not a number") from error

    def in_an_attribute() -> None:
        raise HubError("no such field", field=bird(1))

    def in_words() -> None:
        raise HubError(f"{CPR[0]} is no number")

    for leak in (from_another, in_an_attribute, in_words):
        with pytest.raises(HubError) as found:
            leak()
        assert in_error(found.value)


def _tamper(world: World, case: UUID) -> None:
    """One byte of the case's second event."""
    database = world.parts.app.store.database
    stream: Any = case if world.parts.settings.database_url else case.hex
    where = "WHERE originator_id = ? AND originator_version = 2"
    ((state,),) = database.read(f"SELECT state FROM stored_events {where}", [stream])  # noqa: S608 (names of our own)
    altered = bytes(state)[:-1] + bytes([bytes(state)[-1] ^ 1])
    with database.transaction(append_lock=True) as execute:
        execute(f"UPDATE stored_events SET state = ? {where}", [altered, stream])  # noqa: S608 (names of our own)
