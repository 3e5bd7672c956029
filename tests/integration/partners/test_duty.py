"""With the hub, the broker or both down: what was kept stays, says *not yet delivered*, and whom to ring."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from contracts.client.errors import HubUnreachable
from contracts.client.keys import Identity
from contracts.message_v1 import Receipt
from contracts.terms import Category, OrganisationKind, ReferralStatus
from hub.adapters.partners.duty import ASK_AGAIN_AFTER
from hub.adapters.partners.ngo import __main__ as ngo_program
from hub.adapters.partners.ngo.adapter import Ngo
from hub.adapters.partners.outbox import State
from hub.adapters.partners.reporter import Reporter
from hub.adapters.partners.reporting import line
from hub.adapters.partners.reporting import main as report
from tests.integration.partners.conftest import DUTY, Partner
from tests.integration.partners.hub import ON_CALL, SimulatedHub, part
from tests.integration.partners.test_kafka import Topics, over_kafka, until
from tests.support.social_reports import REPORTS, SOURCES

NIGHT = "01-politi-natlig-vold-i-hjemmet"
REPORT = REPORTS[NIGHT]
KINDS = [OrganisationKind.POLICE, OrganisationKind.EMERGENCY_DEPARTMENT]
OF_ITS_KIND = {KINDS[0]: NIGHT, KINDS[1]: "02-skadestue-samme-kvinde-en-time-senere"}
NOBODY = "127.0.0.1:1"
Captured = pytest.CaptureFixture[str]


class Clock:
    """Time that a test moves."""

    def __init__(self) -> None:
        self.now = datetime(2026, 12, 1, 3, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def topics(kafka: str, hub: SimulatedHub) -> Iterator[Topics]:
    """Give topics of this test's own partner, for the broker is shared."""
    hub.slug = f"partner-{uuid4().hex[:8]}"
    made = Topics(kafka, hub)
    yield made
    made.close()


def waiting(reporter: Reporter) -> str:
    """The one report, as its officer or nurse sees it."""
    (one,) = reporter.status()
    assert one.state is State.NOT_YET_DELIVERED
    assert one.held
    return line(one, reporter.duty_number(one))


@pytest.mark.parametrize("kind", KINDS)
def test_before_the_first_contact_a_program_knows_whom_to_ring(
    partner: Partner, hub: SimulatedHub, capsys: Captured, kind: OrganisationKind
) -> None:
    """Police and A&E alike: the hub is down from the first minute on."""
    partner.configure(hub)
    hub.down = True
    source = partner.folder / "report.json"
    source.write_text(SOURCES[OF_ITS_KIND[kind]], encoding="utf-8")
    assert report(kind, ["--config", str(partner.config), "submit", str(source)]) == 0
    told = capsys.readouterr().out
    assert "not_yet_delivered" in told
    assert f"ring {DUTY}" in told


def test_over_http_a_hub_that_is_down_only_delays_and_the_last_number_stands(
    partner: Partner, hub: SimulatedHub
) -> None:
    """The number that the hub gave while it was there, also after the program was started again."""
    settings = partner.configure(hub)
    reporter = Reporter.of(settings, KINDS[0])
    reporter.step()
    reporter.close()
    hub.down = True
    again = Reporter.of(settings, KINDS[0])
    again.submit(REPORT)
    again.step()
    assert f"ring {ON_CALL}" in waiting(again)
    hub.down = False
    again.step()
    (one,) = again.status()
    assert one.state is State.DELIVERED
    again.close()


@pytest.mark.parametrize("hub_down", [False, True], ids=["broker down", "both down"])
def test_over_kafka_a_broker_that_is_down_only_delays(
    partner: Partner, hub: SimulatedHub, hub_down: bool
) -> None:
    settings = partner.configure(hub, **over_kafka(NOBODY, hub))
    hub.down = hub_down
    reporter = Reporter.of(settings, KINDS[1])
    reporter.submit(REPORTS[OF_ITS_KIND[KINDS[1]]])
    reporter.step()
    shown = waiting(reporter)
    assert f"ring {DUTY}" in shown
    assert "does not answer" in shown
    reporter.close()


def test_over_kafka_a_hub_that_is_down_only_delays_the_receipt(
    kafka: str, topics: Topics, hub: SimulatedHub, partner: Partner
) -> None:
    """On the topic is not delivered: until the receipt is there the duty number stands beside it."""
    reporter = Reporter.of(partner.configure(hub, **over_kafka(kafka, hub)), KINDS[0])
    hub.down = True
    reporter.submit(REPORT)
    reporter.step()
    until(topics.take_in, lambda: REPORT.report_id in hub.inbound)
    assert f"ring {DUTY}" in waiting(reporter)
    receipt = {"report_id": REPORT.report_id, "number": "1", "status": "received", "at": REPORT.told_at}
    hub.control(Receipt.model_validate(receipt))
    topics.relay()
    until(reporter.step, lambda: reporter.one(REPORT.report_id).state is State.DELIVERED)
    reporter.close()


@pytest.mark.parametrize("hub_down", [False, True], ids=["broker down", "both down"])
def test_an_ngos_answer_waits_and_says_whom_to_ring(
    partner: Partner, hub: SimulatedHub, capsys: Captured, hub_down: bool
) -> None:
    referral = uuid4()
    hub.tell(part(Category.IDENTITY, "Maja"), thread=uuid4(), referral=referral)
    ngo = Ngo.of(partner.configure(hub))
    ngo.receive()
    ngo.close()
    partner.configure(hub, **over_kafka(NOBODY, hub))
    hub.down = hub_down
    who = ["--person", "li-7", "--name", "Anne Prøve"]
    answered = ngo_program.main(["--config", str(partner.config), "answer", str(referral), "accept", *who])
    shown = capsys.readouterr().out
    assert answered == 0
    assert f"answered accepted (not yet delivered, ring {ON_CALL})" in shown


def test_an_ngos_answer_goes_by_its_topic_while_the_hub_gives_no_keys(
    kafka: str, topics: Topics, hub: SimulatedHub, partner: Partner
) -> None:
    referral = uuid4()
    hub.tell(part(Category.IDENTITY, "Maja"), thread=uuid4(), referral=referral)
    topics.relay()
    ngo = Ngo.of(partner.configure(hub, **over_kafka(kafka, hub)))
    until(ngo.receive, lambda: bool(ngo.inbox()))
    ngo.answer(referral, ReferralStatus.ACCEPTED, person="li-7", name="Anne Prøve")
    hub.down = True
    hub.tell(part(Category.IDENTITY, "Maja"), thread=uuid4())
    topics.relay()

    def asks_in_vain() -> bool:
        try:
            ngo.receive()
        except HubUnreachable:
            return True
        return False

    until(lambda: None, asks_in_vain)
    until(topics.take_in, lambda: bool(hub.inbound))
    assert [one.status for one in hub.answers() if hasattr(one, "status")] == ["accepted"]
    ngo.close()


def test_the_number_is_asked_for_now_and_then_and_taken_from_the_agreed_hub_alone(
    partner: Partner, hub: SimulatedHub
) -> None:
    clock, settings = Clock(), partner.configure(hub)
    reporter = Reporter(settings, KINDS[0], Reporter.of(settings, KINDS[0])._link, clock)
    reporter.step()
    hub.on_call = "00 10 00 55"
    reporter.step()
    assert reporter.duty_number() == ON_CALL
    clock.now += ASK_AGAIN_AFTER
    reporter.step()
    assert reporter.duty_number() == "00 10 00 55"
    hub.on_call, hub.identity = "00 66 66 66", Identity.new()
    clock.now += timedelta(days=1)
    reporter.step()
    assert reporter.duty_number() == "00 10 00 55"
    reporter.close()


def test_a_number_that_can_not_be_read_falls_back_on_the_settings(
    partner: Partner, hub: SimulatedHub
) -> None:
    settings = partner.configure(hub)
    reporter = Reporter.of(settings, KINDS[0])
    for written in (b"\xff\xfe", b"", b"two\nlines"):
        Path(settings.data / "duty-number").write_bytes(written)
        assert reporter.duty_number() == DUTY
    reporter.close()
