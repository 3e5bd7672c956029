"""A report is taken back where it was handed in: kept, sent after the report, shown until it is answered."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from uuid import uuid4

import pytest

from contracts.inbound_v1 import Person, ReportRetraction
from contracts.message_v1 import Heartbeat
from contracts.terms import OrganisationKind, RetractionReason
from hub.adapters.partners.errors import NotAllowed, UnknownItem
from hub.adapters.partners.outbox import State
from hub.adapters.partners.reporter import Reporter
from hub.adapters.partners.reporting import line
from hub.adapters.partners.reporting import main as program
from hub.adapters.partners.settings import PartnerSettings
from tests.integration.partners.conftest import DUTY, Partner
from tests.integration.partners.hub import AT, SimulatedHub
from tests.support.social_reports import REPORTS

REPORT = REPORTS["01-politi-natlig-vold-i-hjemmet"]
WHO = {"person": "po-7", "name": "Per Opdigtet"}
WHY = RetractionReason.WRONG_PERSON
Captured = pytest.CaptureFixture[str]


@pytest.fixture
def reporter(partner: Partner, hub: SimulatedHub) -> Iterator[Reporter]:
    """Give the police's adapter, with a report in it."""
    with closing(Reporter.of(partner.configure(hub), OrganisationKind.POLICE)) as found:
        found.submit(REPORT)
        yield found


def shown(reporter: Reporter) -> str:
    """The report as `status` shows it."""
    return line(reporter.one(REPORT.report_id), DUTY)


def test_a_delivered_report_is_taken_back_once_by_a_named_person(
    reporter: Reporter, hub: SimulatedHub
) -> None:
    """Why, and by whom; until the receipt says so it is sent and not answered."""
    reporter.step()
    for _ in range(2):
        reporter.retract(REPORT.report_id, WHY, **WHO, explanation="Vi tog fejl af to søstre")
        assert "taking it back: not yet delivered" in shown(reporter)
        assert f"ring {DUTY}" in shown(reporter)
    assert reporter.waiting() == 1
    reporter.step()
    reporter.retract(REPORT.report_id, WHY, **WHO)
    reporter.step()
    (told,) = hub.answers()
    assert isinstance(told, ReportRetraction)
    assert (told.report_id, told.reason, told.by) == (REPORT.report_id, WHY, Person(**WHO))
    assert told.explanation == "Vi tog fejl af to søstre"
    assert "taking it back: sent, not yet answered" in shown(reporter)
    hub.tell_receipt(REPORT.report_id, "retracted")
    reporter.step()
    assert "taken back" in shown(reporter)
    assert "taking it back" not in shown(reporter)
    assert reporter.retract(REPORT.report_id, WHY, **WHO).receipt == "retracted"
    reporter.step()
    assert (len(hub.answers()), reporter.waiting()) == (1, 0)


def test_it_waits_on_disk_for_the_hub_and_for_its_report(
    reporter: Reporter, partner: Partner, hub: SimulatedHub
) -> None:
    """Sealed like a report; nothing of it is sent before the report is there; a new start goes on."""
    reporter.retract(REPORT.report_id, WHY, **WHO, explanation="KANARIE")
    hub.down = True
    reporter.step()
    assert reporter.one(REPORT.report_id).state is State.NOT_YET_DELIVERED
    assert b"KANARIE" not in partner.disk()
    hub.down = False
    assert reporter.deliver_retractions() == 0
    assert hub.inbound == {}
    assert reporter.deliver() == 1
    hub.down = True
    reporter.step()
    assert "taking it back: not yet delivered (the municipality's hub does not answer" in shown(reporter)
    reporter.close()
    hub.down = False
    with closing(Reporter.of(PartnerSettings.load(partner.config), OrganisationKind.POLICE)) as again:
        again.step()
        assert len(hub.answers()) == 1
        hub.tell_receipt(REPORT.report_id, "retracted")
        again.step()
    assert b"po-7" not in partner.disk()


def test_a_hub_that_was_restored_before_it_answered_is_told_again(
    reporter: Reporter, hub: SimulatedHub
) -> None:
    """It may have forgotten both; the report comes first."""
    reporter.step()
    reporter.retract(REPORT.report_id, WHY, **WHO)
    reporter.step()
    hub.inbound.clear()
    hub.reports.clear()
    hub.epoch += 1
    hub.control(Heartbeat(at=AT))
    reporter.step()
    assert "taking it back: not yet delivered" in shown(reporter)
    reporter.step()
    assert (len(hub.reports), len(hub.answers())) == (1, 1)


@pytest.mark.parametrize(
    ("status", "slug", "final"),
    [(404, "not-found", False), (409, "conflict", False), (403, "forbidden", False), (422, "invalid", True)],
)
def test_what_the_hub_says_no_to_for_good_is_shown_and_can_be_said_anew(
    reporter: Reporter, hub: SimulatedHub, status: int, slug: str, final: bool
) -> None:
    """A login, a busy case or a wrong address is not for good."""
    reporter.step()
    reporter.retract(REPORT.report_id, WHY, **WHO)
    hub.refuse = (status, slug)
    reporter.deliver_retractions()
    assert f"taking it back: {'refused' if final else 'not yet delivered'} (" in shown(reporter)
    assert slug in shown(reporter)
    assert f"ring {DUTY}" in shown(reporter)
    hub.refuse = None
    reporter.retract(REPORT.report_id, WHY, **WHO)
    reporter.step()
    assert len(hub.answers()) == 1


def test_what_cannot_be_taken_back_says_why(reporter: Reporter, hub: SimulatedHub) -> None:
    """One that is not here, one that the municipality refused, and a name that is none."""
    with pytest.raises(UnknownItem):
        reporter.retract(uuid4(), WHY, **WHO)
    with pytest.raises(NotAllowed, match="name: "):
        reporter.retract(REPORT.report_id, WHY, person="po-7", name=" ")
    reporter.retract(REPORT.report_id, WHY, **WHO)
    hub.refuse = (422, "invalid")
    reporter.step()
    hub.refuse = None
    with pytest.raises(NotAllowed, match="hand-back"):
        reporter.retract(REPORT.report_id, WHY, **WHO)
    reporter.step()
    assert hub.inbound == {}
    assert "taking it back" not in shown(reporter)
    assert reporter.waiting() == 0


def test_the_command(partner: Partner, hub: SimulatedHub, capsys: Captured, tmp_path: Path) -> None:
    """The explanation comes from a file: what is typed stands in a shell's history."""
    why = tmp_path / "why.txt"
    why.write_text("KANARIE Maja\n", encoding="utf-8")
    words = ["--config", str(partner.config)]
    with closing(Reporter.of(partner.configure(hub), OrganisationKind.POLICE)) as reporter:
        reporter.submit(REPORT)
        reporter.step()
        taken = ["retract", str(REPORT.report_id), "--person", "po-7", "--name", "Per Opdigtet"]
        taken += ["--reason", "wrong_person", "--explanation", str(why)]
        assert program(OrganisationKind.POLICE, [*words, *taken]) == 0
        told = capsys.readouterr()
        assert "taking it back: not yet delivered" in told.out
        assert "KANARIE" not in told.out + told.err
        reporter.step()
        (said,) = hub.answers()
        assert isinstance(said, ReportRetraction)
        assert said.explanation == "KANARIE Maja"
        why.write_bytes("KANARIE å".encode("latin-1"))
        other = REPORT.model_copy(update={"report_id": uuid4()})
        reporter.submit(other)
    taken[1] = str(other.report_id)
    assert program(OrganisationKind.POLICE, [*words, *taken]) == 1
    told = capsys.readouterr()
    assert "--explanation: the file is no text in UTF-8" in told.err
    assert "KANARIE" not in told.out + told.err
