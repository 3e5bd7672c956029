"""Received, read, taken up: later and separate, and each shown where the officer or the nurse looks for it.

The programs run as processes, over HTTP and over Apache Kafka; keys are asked for over HTTP in both.
"""

import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from unittest.mock import patch
from uuid import uuid4

import pytest

from contracts.inbound_v1 import Problem, PurgeAnswer, PurgeOutcome, ReportRetraction
from contracts.message_v1 import Erased, Revoked
from contracts.social_report_v1 import SocialReport
from contracts.terms import Category, MessageKind, OrganisationKind
from hub.adapters.partners.reporter import Reporter
from hub.adapters.partners.reporting import main as report
from tests.integration.partners.conftest import Partner
from tests.integration.partners.hub import ON_CALL, SimulatedHub, part
from tests.integration.partners.test_kafka import Topics, over_kafka
from tests.integration.partners.traces import found, left_of
from tests.support.social_reports import REPORTS

EXAMPLES = {
    "police": "01-politi-natlig-vold-i-hjemmet",
    "emergency_department": "02-skadestue-samme-kvinde-en-time-senere",
}
REPORT = REPORTS[EXAMPLES["police"]]


@dataclass
class House:
    """A reporter's house: its program and its way to the hub."""

    kind: str
    partner: Partner
    hub: SimulatedHub
    topics: Topics | None
    capsys: pytest.CaptureFixture[str]

    @property
    def program(self) -> list[str]:
        return [
            sys.executable,
            "-m",
            f"hub.adapters.partners.{self.kind}",
            "--config",
            str(self.partner.config),
        ]

    @contextmanager
    def running(self) -> Iterator[None]:
        with subprocess.Popen([*self.program, "run"], stderr=subprocess.PIPE, text=True) as process:
            try:
                yield
            finally:
                process.terminate()
                _, err = process.communicate(timeout=30)
        assert process.returncode == 0
        assert "Traceback" not in err

    def status(self) -> str:
        """What the list says."""
        self.capsys.readouterr()
        assert report(OrganisationKind(self.kind), ["--config", str(self.partner.config), "status"]) == 0
        return self.capsys.readouterr().out

    def carried(self, true: Callable[[], bool]) -> None:
        """Wait until it is so; over Kafka, with what is on the topics carried meanwhile."""
        for _ in range(400):
            if self.topics is not None:
                self.topics.relay()
                self.topics.take_in()
            if true():
                return
            time.sleep(0.05)
        pytest.fail("it never came")

    def shows(self, words: str) -> None:
        """The list comes to say this of its one report, with the duty number."""
        self.carried(lambda: words in self.status())
        (shown,) = self.status().splitlines()
        assert f"in danger: ring {ON_CALL}" in shown


@pytest.fixture(params=["police", "emergency_department"])
def kind(request: pytest.FixtureRequest) -> str:
    """Give each program in turn."""
    return str(request.param)


@pytest.fixture(params=["http", "kafka"])
def house(
    request: pytest.FixtureRequest,
    kind: str,
    partner: Partner,
    hub: SimulatedHub,
    capsys: pytest.CaptureFixture[str],
) -> Iterator[House]:
    """Give a reporter's house over each profile."""
    if request.param == "http":
        partner.configure(hub)
        yield House(kind, partner, hub, None, capsys)
        return
    kafka: str = request.getfixturevalue("kafka")
    hub.slug = f"partner-{uuid4().hex[:8]}"
    partner.configure(hub, **over_kafka(kafka, hub))
    with closing(Topics(kafka, hub)) as topics:
        yield House(kind, partner, hub, topics, capsys)


def submitted(house: House) -> SocialReport:
    handed_in = REPORTS[EXAMPLES[house.kind]].model_copy(update={"report_id": uuid4()})
    source = house.partner.folder / "report.json"
    source.write_text(handed_in.model_dump_json(exclude_none=True), encoding="utf-8")
    subprocess.run([*house.program, "submit", str(source)], check=True, capture_output=True, timeout=30)
    return handed_in


def test_sent_received_read_taken_up_and_no_more_than_is_so(house: House) -> None:
    """Each is shown when it is told, and taken up for as long as its basis lives."""
    handed_in = submitted(house)
    assert "not_yet_delivered" in house.status()
    hub = house.hub
    with house.running():
        if house.topics is not None:
            house.carried(lambda: handed_in.report_id in hub.inbound)
            assert "not_yet_delivered" in house.status()
            assert "sent, not yet answered" in house.status()
            hub.tell_receipt(handed_in.report_id)
        house.shows("received, not yet read by a person")
        hub.tell_receipt(handed_in.report_id, "read")
        house.shows("read by a person, nothing decided yet")
        revoked = hub.tell_taken_up(handed_in.report_id)
        house.shows("taken up by a person")
        revocation = hub.control(revoked)
        house.shows("read by a person, nothing decided yet")
        house.carried(lambda: any(isinstance(one, PurgeAnswer) for one in hub.answers()))
    (answer,) = hub.answers()
    assert isinstance(answer, PurgeAnswer)
    assert (answer.revocation, answer.thread) == (revocation, revoked.thread)
    assert answer.outcome is PurgeOutcome.PURGED
    disk = house.partner.disk()
    assert found([revoked.thread.bytes], disk) == 0
    assert left_of(next(one.value for one in hub.topic if one.message_id == revoked.messages[0]), disk) == 0
    assert hub.looks == [], "its people opened nothing, and nothing says that one did"


def test_each_program_takes_a_report_back_over_each_profile(house: House) -> None:
    """From the command line to the receipt that says so."""
    handed_in = submitted(house)
    hub, words = house.hub, ["--person", "p-7", "--name", "Per Opdigtet", "--reason", "sent_twice"]
    with house.running():
        if house.topics is not None:
            house.carried(lambda: handed_in.report_id in hub.inbound)
            hub.tell_receipt(handed_in.report_id)
        house.shows("received, not yet read by a person")
        retract = [*house.program, "retract", str(handed_in.report_id), *words]
        subprocess.run(retract, check=True, capture_output=True, timeout=30)
        house.shows("taking it back: sent, not yet answered")
        house.carried(lambda: any(isinstance(one, ReportRetraction) for one in hub.answers()))
        hub.tell_receipt(handed_in.report_id, "retracted")
        house.shows(", taken back")
    (told,) = hub.answers()
    assert isinstance(told, ReportRetraction)
    assert (told.report_id, told.by.person) == (handed_in.report_id, "p-7")


# --- in this process, over HTTP -----------------------------------------------------------------------


@pytest.fixture
def reporter(partner: Partner, hub: SimulatedHub) -> Iterator[Reporter]:
    """Give the police's adapter, with one report delivered."""
    with closing(Reporter.of(partner.configure(hub), OrganisationKind.POLICE)) as made:
        made.submit(REPORT)
        made.deliver()
        yield made


def shown(reporter: Reporter) -> str | None:
    return reporter.one(REPORT.report_id).receipt


def test_what_was_revoked_is_never_shown_though_it_comes_later(reporter: Reporter, hub: SimulatedHub) -> None:
    """Though the hub should give a key: the list of what is closed is kept for good (BYTES.md R6)."""
    message_id, sealed = hub.build(
        part(Category.COORDINATION, "taken up"),
        thread=(thread := uuid4()),
        report=REPORT.report_id,
        kind=MessageKind.REPORT_TAKEN_UP,
    )
    hub.control(Revoked(thread=thread, parts={message_id: (1,)}))
    hub.number(message_id, sealed)
    reporter.step()
    assert shown(reporter) == "received"
    assert hub.key_batches == []


def test_erased_is_dropped_and_answered_too(reporter: Reporter, hub: SimulatedHub) -> None:
    revoked = hub.tell_taken_up(REPORT.report_id)
    reporter.step()
    assert shown(reporter) == "taken_up"
    hub.control(Erased(thread=revoked.thread, messages=revoked.messages))
    reporter.step()
    assert shown(reporter) == "received"
    assert [type(one) for one in hub.answers()] == [PurgeAnswer]


def test_what_may_not_be_opened_any_more_is_not_kept(
    reporter: Reporter, hub: SimulatedHub, partner: Partner
) -> None:
    """The basis ended before anybody asked."""
    (message_id,) = hub.tell_taken_up(REPORT.report_id).messages
    hub.keys.pop(message_id)
    reporter.step()
    assert shown(reporter) == "received"
    assert left_of(hub.topic[-1].value, partner.disk()) == 0


def test_a_reporter_keeps_nothing_else_of_what_it_is_told(
    reporter: Reporter, hub: SimulatedHub, partner: Partner
) -> None:
    """Her words are for the people whom she let know, and this program is none of them."""
    hub.tell(
        part(Category.WISHES, "KANARIE"),
        thread=uuid4(),
        report=REPORT.report_id,
        kind=MessageKind.PRESENT_STATE,
    )
    reporter.step()
    assert shown(reporter) == "received"
    assert left_of(hub.topic[-1].value, partner.disk()) == 0


def test_while_the_hub_is_away_it_waits_and_so_does_the_answer(reporter: Reporter, hub: SimulatedHub) -> None:
    """Over Kafka the topic may be there when the hub is not: nothing is lost or shown too early."""
    revoked = hub.tell_taken_up(REPORT.report_id)
    reporter.receive()
    hub.down = True
    reporter.step()
    assert shown(reporter) == "received"
    hub.down = False
    reporter.step()
    assert shown(reporter) == "taken_up"
    hub.control(revoked)
    reporter.receive()
    hub.down = True
    reporter.step()
    assert shown(reporter) == "received"
    assert hub.answers() == []
    hub.down = False
    reporter.step()
    reporter.step()
    assert [type(one) for one in hub.answers()] == [PurgeAnswer]


def test_the_answer_waits_until_what_was_revoked_is_off_the_disk(
    reporter: Reporter, hub: SimulatedHub, partner: Partner
) -> None:
    """Another program reads the file: what was deleted may lie in its log."""
    hub.control(hub.tell_taken_up(REPORT.report_id))
    with closing(sqlite3.connect(partner.folder / "data" / "outbox.db")) as other:
        other.execute("BEGIN")
        other.execute("SELECT * FROM reports").fetchone()
        reporter.step()
        assert hub.answers() == []
    reporter.step()
    assert [type(one) for one in hub.answers()] == [PurgeAnswer]


def test_a_head_that_can_not_be_used_is_told_and_passed_over(reporter: Reporter, hub: SimulatedHub) -> None:
    """The next one is shown all the same."""
    spoilt, sealed = hub.build(
        part(Category.COORDINATION, "x"), thread=uuid4(), kind=MessageKind.REPORT_TAKEN_UP
    )
    hub.number(spoilt, bytes([*sealed[:20], sealed[20] ^ 1, *sealed[21:]]))
    hub.tell_taken_up(REPORT.report_id)
    reporter.step()
    reporter.step()
    assert shown(reporter) == "taken_up"
    assert hub.answers() == [Problem(message_id=spoilt, reason="tampered")]


def test_killed_between_the_key_and_the_disk_it_asks_again(reporter: Reporter, hub: SimulatedHub) -> None:
    """What came is here until it is known what it says."""
    hub.tell_taken_up(REPORT.report_id)
    reporter.receive()
    with (
        patch.object(reporter._outbox, "opened", side_effect=KeyboardInterrupt),
        pytest.raises(KeyboardInterrupt),
    ):
        reporter.open_heads()
    assert shown(reporter) == "received"
    reporter.open_heads()
    assert shown(reporter) == "taken_up"
    assert [len(batch) for batch in hub.key_batches] == [1, 1]
