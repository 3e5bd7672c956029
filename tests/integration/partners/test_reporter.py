"""A reporter never loses a report, never hands one over twice, and never says more of it than it must."""

import json
import logging
import stat
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from contracts.message_v1 import Heartbeat
from contracts.social_report_v1 import SocialReport
from contracts.terms import OrganisationKind
from contracts.times import CLOCKS_DIFFER
from hub.adapters.partners.disk import Disk
from hub.adapters.partners.errors import BadReport, NotAllowed
from hub.adapters.partners.outbox import State
from hub.adapters.partners.reporter import KEEP_FOR, Reporter
from hub.adapters.partners.reporting import line
from hub.adapters.partners.settings import PartnerSettings
from tests.integration.partners.conftest import DUTY, Partner
from tests.integration.partners.hub import AT, ON_CALL, SimulatedHub
from tests.support.social_reports import REPORTS, SOURCES, example, put

POLICE = "01-politi-natlig-vold-i-hjemmet"
REPORT = REPORTS[POLICE]


def texts(value: object) -> Iterator[str]:
    """Every text in a JSON value."""
    match value:
        case dict():
            for inner in value.values():
                yield from texts(inner)
        case list():
            for inner in value:
                yield from texts(inner)
        case str():
            yield value


SECRETS = [text for text in texts(example()) if " " in text] + ["7403912006", "2020-05-09"]
"""The names, addresses, numbers and accounts of the report."""


@pytest.fixture
def reporter(partner: Partner, hub: SimulatedHub) -> Iterator[Reporter]:
    """Give the police's adapter."""
    (partner.folder / "drop").mkdir()
    found = Reporter.of(partner.configure(hub, drop="drop"), OrganisationKind.POLICE)
    yield found
    found.close()


def test_a_report_is_delivered_once_with_its_number(reporter: Reporter, hub: SimulatedHub) -> None:
    """The receipt says received, not read, and whom to ring."""
    before = reporter.submit(REPORT)
    assert (before.state, before.held) == (State.NOT_YET_DELIVERED, True)
    assert hub.posts == {}
    assert DUTY in line(before, DUTY)

    assert reporter.deliver() == 1
    after = reporter.one(REPORT.report_id)
    assert (after.state, after.receipt, after.on_call) == ("delivered", "received", ON_CALL)
    assert "received, not yet read by a person" in line(after, DUTY)
    assert SocialReport.model_validate_json(hub.reports[str(REPORT.report_id)]) == REPORT
    assert reporter.deliver() == 0
    assert hub.posts == {str(REPORT.report_id): 1}


def test_a_hub_that_is_down_only_delays(
    reporter: Reporter, hub: SimulatedHub, caplog: pytest.LogCaptureFixture
) -> None:
    """Not yet delivered stays so, with the duty number in sight, until it is delivered."""
    caplog.set_level(logging.DEBUG)
    hub.down = True
    reporter.submit(REPORT)
    assert reporter.step() == 0
    waiting = reporter.one(REPORT.report_id)
    assert (waiting.state, reporter.waiting()) == (State.NOT_YET_DELIVERED, 1)
    assert f"ring {DUTY}" in line(waiting, DUTY)
    hub.down = False
    assert reporter.step() == 1
    assert reporter.waiting() == 0
    assert not [secret for secret in SECRETS if secret in caplog.text]


def test_an_answer_that_is_lost_is_asked_for_again(reporter: Reporter, hub: SimulatedHub) -> None:
    """The same id goes out twice with the same bytes; the hub has one report."""
    hub.lose_answers = 1
    reporter.submit(REPORT)
    assert reporter.deliver() == 0
    assert reporter.deliver() == 1
    assert hub.posts == {str(REPORT.report_id): 2}
    assert len(hub.reports) == 1


def test_what_a_report_is_refused_for_is_shown_and_it_can_be_handed_back(
    reporter: Reporter, hub: SimulatedHub, partner: Partner
) -> None:
    """Refused for good only by the report's own fault; its body waits, sealed, for correction."""
    hub.refuse = (422, "invalid")
    reporter.submit(REPORT)
    assert reporter.deliver() == 0
    refused = reporter.one(REPORT.report_id)
    assert (refused.state, refused.held) == (State.REFUSED, True)
    assert "invalid" in (refused.note or "")
    assert f"ring {DUTY}" in line(refused, DUTY)
    target = partner.folder / "back.json"
    reporter.hand_back(REPORT.report_id, target)
    assert SocialReport.model_validate_json(target.read_text(encoding="utf-8")) == REPORT
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    with pytest.raises(NotAllowed):
        reporter.hand_back(REPORT.report_id, partner.folder / "again.json")


@pytest.mark.parametrize("status", [401, 403, 404, 409, 429, 500, 503])
def test_what_is_not_the_reports_fault_never_refuses_it(
    reporter: Reporter, hub: SimulatedHub, status: int
) -> None:
    """A login, a conflict, a wrong address or a fault over there: it waits and is tried again."""
    hub.refuse = (status, "some-slug")
    reporter.submit(REPORT)
    assert reporter.deliver() == 0
    assert reporter.one(REPORT.report_id).state is State.NOT_YET_DELIVERED
    hub.refuse = None
    assert reporter.deliver() == 1


def test_one_refused_report_holds_up_no_other(reporter: Reporter, hub: SimulatedHub) -> None:
    """Each stands for itself."""
    other = example()
    put(other, "report_id", "9a1e40b4-5815-4a99-99e2-d15364c7a5ff")
    reporter.submit(REPORT)
    reporter.submit_json(json.dumps(other))
    hub.reports[str(REPORT.report_id)] = b"somebody sent another body under this id"
    assert reporter.deliver() == 1
    assert [one.state.value for one in reporter.status()] == ["refused", "delivered"]


def test_a_later_receipt_shows_and_is_read_once(reporter: Reporter, hub: SimulatedHub) -> None:
    """Read is told when a person read it, and not before; what comes late takes nothing back."""
    reporter.submit(REPORT)
    reporter.deliver()
    hub.tell_receipt(REPORT.report_id, "read")
    assert reporter.receive() == 1
    assert reporter.receive() == 0
    hub.tell_receipt(REPORT.report_id, "received")
    reporter.step()
    assert reporter.one(REPORT.report_id).receipt == "read"
    assert "read by a person, nothing decided yet" in line(reporter.one(REPORT.report_id), DUTY)


def test_that_somebody_read_it_does_not_hide_that_it_was_taken_back(
    reporter: Reporter, hub: SimulatedHub
) -> None:
    """Its reporter took it back before anybody read it; then somebody did."""
    reporter.submit(REPORT)
    reporter.deliver()
    for status in ("retracted", "read"):
        hub.tell_receipt(REPORT.report_id, status)
    reporter.step()
    assert "taken back" in line(reporter.one(REPORT.report_id), DUTY)


def test_a_receipt_can_come_before_the_lost_answer(reporter: Reporter, hub: SimulatedHub) -> None:
    """Then the report is delivered, and nothing is sent again."""
    hub.lose_answers = 1
    reporter.submit(REPORT)
    reporter.deliver()
    hub.tell_receipt(REPORT.report_id)
    reporter.receive()
    assert reporter.deliver() == 0
    assert reporter.one(REPORT.report_id).state is State.DELIVERED
    assert hub.posts == {str(REPORT.report_id): 1}


def test_the_same_report_again_is_the_same_and_another_under_its_id_is_refused(reporter: Reporter) -> None:
    """A correction needs an id of its own, and is never swallowed."""
    reporter.submit(REPORT)
    assert reporter.submit(REPORT).state is State.NOT_YET_DELIVERED
    other = example()
    put(other, "narrative", "En anden beretning.")
    with pytest.raises(BadReport, match="another report was handed in under it"):
        reporter.submit_json(json.dumps(other))


@pytest.mark.parametrize(
    ("path", "value", "field"),
    [
        ("persons.0.cpr", "KANARIE-0101801234", "persons.0.cpr"),
        ("urgency", "KANARIE haster", "urgency"),
        ("KANARIE-felt", "KANARIE-værdi", "(an unknown field)"),
        ("told_at", "KANARIE i går", "told_at"),
        ("basis.not_for_criminal_investigation", False, "not_for_criminal_investigation"),
        ("unit.kind", "emergency_department", "basis.rule"),
    ],
)
def test_a_bad_report_is_told_by_field_and_rule_and_leaves_no_trace(
    reporter: Reporter, partner: Partner, path: str, value: Any, field: str
) -> None:
    """Never the value, nor what an unknown field was called; nothing is kept."""
    report = example()
    put(report, path, value)
    with pytest.raises(BadReport) as told:
        reporter.submit_json(json.dumps(report))
    assert any(field in problem for problem in told.value.problems)
    assert "KANARIE" not in str(told.value)
    assert told.value.__cause__ is None
    assert reporter.status() == []


@pytest.mark.parametrize("field", ["told_at", "basis.consent_given_at"])
def test_a_time_that_lies_ahead_is_refused_at_once_by_the_hubs_own_rule(
    partner: Partner, hub: SimulatedHub, field: str
) -> None:
    """More than a quarter of an hour, as the hub has it, and not only when it is delivered."""
    report = example("skadestue-mand-slaaet-af-sin-bror")
    kind = OrganisationKind.EMERGENCY_DEPARTMENT
    with closing(Reporter.of(partner.configure(hub), kind)) as reporter:
        reporter._clock = lambda: AT
        put(report, field, (AT + CLOCKS_DIFFER + timedelta(seconds=1)).isoformat())
        with pytest.raises(BadReport) as told:
            reporter.submit_json(json.dumps(report))
        assert told.value.problems == (f"{field}: lies ahead; give the time at which it happened",)
        assert reporter.status() == []
        put(report, field, (AT + CLOCKS_DIFFER).isoformat())
        assert reporter.submit_json(json.dumps(report)).state is State.NOT_YET_DELIVERED


def test_what_the_hub_refuses_is_told_with_its_field_once(reporter: Reporter, hub: SimulatedHub) -> None:
    """The hub's words begin with the field wherever it points at it."""
    hub.refuse, hub.why = (422, "invalid"), ("/told_at", "/told_at: lies ahead; give the time")
    reporter.submit(REPORT)
    reporter.deliver()
    assert reporter.one(REPORT.report_id).note == "invalid /told_at: lies ahead; give the time"
    hub.why = ("/persons/0/cpr", "the body is not what the contract says")
    other = REPORT.model_copy(update={"report_id": uuid4()})
    reporter.submit(other)
    reporter.deliver()
    assert reporter.one(other.report_id).note == " ".join(("invalid", *hub.why))


def supplement(of: UUID) -> SocialReport:
    """A report that adds to another."""
    return REPORT.model_copy(update={"report_id": uuid4(), "supplements": of})


def test_what_adds_to_a_report_that_the_hub_does_not_know_is_refused_and_handed_back(
    reporter: Reporter, hub: SimulatedHub, partner: Partner
) -> None:
    """It would wait for good: nothing that is sent later makes that report known."""
    hub.refuse, hub.why = (404, "not-found"), ("supplements", "supplements: there is no such report")
    added = supplement(uuid4())
    reporter.submit(added)
    reporter.deliver()
    refused = reporter.one(added.report_id)
    assert refused.state is State.REFUSED
    assert "supplements: the municipality knows no report of ours under this id" in line(refused, DUTY)
    reporter.hand_back(added.report_id, partner.folder / "back.json")
    assert json.loads((partner.folder / "back.json").read_text())["supplements"] == str(added.supplements)


def test_what_adds_to_a_report_that_waits_here_follows_it(reporter: Reporter, hub: SimulatedHub) -> None:
    """The hub can't know that one yet."""
    reporter.submit(REPORT)
    added = supplement(REPORT.report_id)
    reporter.submit(added)
    reporter._outbox.sent(REPORT.report_id, AT)
    reporter._clock = lambda: AT
    hub.refuse, hub.why = (404, "not-found"), ("supplements", "supplements: there is no such report")
    reporter.deliver()
    waits = reporter.one(added.report_id)
    assert (waits.state, waits.note) == (State.NOT_YET_DELIVERED, "it follows the report that it adds to")
    hub.refuse = hub.why = None
    reporter.deliver()
    assert reporter.one(added.report_id).state is State.DELIVERED


def test_the_list_shows_the_officers_own_reference_while_the_report_is_here(
    reporter: Reporter, partner: Partner, hub: SimulatedHub, caplog: pytest.LogCaptureFixture
) -> None:
    """Out of the sealed body and to the terminal: it lies nowhere in the clear, and in no log."""
    caplog.set_level(logging.DEBUG)
    reporter.submit(REPORT)
    reporter.step()
    shown = line(reporter.one(REPORT.report_id), DUTY, reporter.reference(REPORT.report_id))
    assert f"{REPORT.report_id}  {REPORT.reference}  delivered" in shown
    assert f"in danger: ring {DUTY}" in shown
    assert REPORT.reference.encode() not in partner.disk()
    assert REPORT.reference not in caplog.text
    hub.tell_receipt(REPORT.report_id, "retracted")
    reporter.step()
    assert reporter.reference(REPORT.report_id) is None


def test_another_kind_of_units_report_is_refused_here(reporter: Reporter) -> None:
    """A&E's reports go through A&E's adapter."""
    with pytest.raises(BadReport, match=r"unit\.kind"):
        reporter.submit(REPORTS["02-skadestue-samme-kvinde-en-time-senere"])


def test_what_is_dropped_is_taken_or_set_aside(reporter: Reporter, partner: Partner) -> None:
    """A file goes when its report is kept; a bad one stays with its problems beside it."""
    drop = partner.folder / "drop"
    (drop / "good.json").write_text(SOURCES[POLICE], encoding="utf-8")
    (drop / "bad.json").write_text('{"narrative": "KANARIE"}', encoding="utf-8")
    (drop / "half.tmp").write_text("{", encoding="utf-8")
    assert reporter.take_dropped() == 1
    assert sorted(path.name for path in drop.iterdir()) == ["bad.problems.txt", "bad.refused", "half.tmp"]
    assert "KANARIE" not in (drop / "bad.problems.txt").read_text(encoding="utf-8")
    assert reporter.waiting() == 1


def test_the_disk_tells_nothing_before_and_holds_nothing_after(
    reporter: Reporter, partner: Partner, hub: SimulatedHub
) -> None:
    """Sealed while it waits and for 7 days more; gone then, free pages and log included."""
    now = [datetime(2026, 11, 21, 3, tzinfo=UTC)]
    reporter._clock = lambda: now[0]
    reporter.submit(REPORT)
    sealed = reporter._outbox.body(REPORT.report_id)
    assert sealed is not None
    waiting = partner.disk()
    assert sealed[:64] in waiting
    assert not [secret for secret in SECRETS if secret.encode() in waiting]
    reporter.deliver()
    now[0] += KEEP_FOR - timedelta(seconds=1)
    reporter.step()
    kept = partner.disk()
    assert sealed[:64] in kept
    assert not [secret for secret in SECRETS if secret.encode() in kept]
    now[0] += timedelta(seconds=1)
    reporter.step()
    after = partner.disk()
    pieces = [sealed[start : start + 16] for start in range(0, len(sealed) - 16, 16)]
    assert not [piece for piece in pieces if piece in after]
    assert str(REPORT.report_id).encode() in after


def restored(hub: SimulatedHub) -> None:
    """Put back from a backup that holds no report, the hub tells its new epoch at once."""
    hub.reports.clear()
    hub.epoch += 1
    hub.control(Heartbeat(at=AT))


def test_what_was_delivered_is_handed_over_again_to_a_hub_that_was_restored(
    reporter: Reporter, partner: Partner, hub: SimulatedHub
) -> None:
    """Not yet delivered until the hub has it, though this program ends between hearing of it and sending."""
    reporter.submit(REPORT)
    reporter.deliver()
    hub.tell_receipt(REPORT.report_id, "read")
    reporter.step()
    restored(hub)
    reporter.receive()
    waiting = reporter.one(REPORT.report_id)
    assert waiting.state is State.NOT_YET_DELIVERED
    assert "put back from a backup" in line(waiting, DUTY)
    reporter.close()
    with closing(Reporter.of(PartnerSettings.load(partner.config), OrganisationKind.POLICE)) as again:
        again.step()
        again.step()
        told = again.one(REPORT.report_id)
        assert (told.state, told.receipt) == (State.DELIVERED, "received"), "nobody there has read it"
    assert SocialReport.model_validate_json(hub.reports[str(REPORT.report_id)]) == REPORT
    assert hub.posts == {str(REPORT.report_id): 2}


def test_a_receipt_of_before_the_backup_does_not_keep_it_from_being_handed_over(
    reporter: Reporter, hub: SimulatedHub
) -> None:
    """That somebody had read it came with the new epoch, in one batch: the hub knows nothing of that."""
    reporter.submit(REPORT)
    reporter.deliver()
    hub.tell_receipt(REPORT.report_id, "read")
    restored(hub)
    reporter.receive()
    assert reporter.one(REPORT.report_id).state is State.NOT_YET_DELIVERED


def test_what_was_taken_back_or_delivered_a_week_ago_is_not_handed_over_again(
    reporter: Reporter, hub: SimulatedHub
) -> None:
    """What was taken back goes from the disk at once."""
    now = [datetime(2026, 11, 21, 3, tzinfo=UTC)]
    reporter._clock = lambda: now[0]
    reporter.submit(REPORT)
    other = REPORT.model_copy(update={"report_id": uuid4()})
    reporter.deliver()
    now[0] += KEEP_FOR
    reporter.submit(other)
    reporter.deliver()
    hub.tell_receipt(other.report_id, "retracted")
    reporter.step()
    assert [one.held for one in reporter.status()] == [False, False]
    restored(hub)
    reporter.step()
    reporter.step()
    assert hub.reports == {}
    assert {one.state for one in reporter.status()} == {State.DELIVERED}


def test_the_outbox_is_for_its_owner_and_survives_a_power_cut(reporter: Reporter, partner: Partner) -> None:
    """Mode 0600; what is committed is on disk; what is deleted is overwritten."""
    reporter.submit(REPORT)
    files = list((partner.folder / "data").iterdir())
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
    disk: Disk = reporter._outbox._disk
    asked = [disk.read(f"PRAGMA {name}")[0][0] for name in ("journal_mode", "synchronous", "secure_delete")]
    assert asked == ["wal", 2, 1]


def test_a_report_on_the_topic_is_sent_again_when_no_receipt_comes(
    partner: Partner, hub: SimulatedHub, tmp_path: Path
) -> None:
    """With the Kafka profile the receipt alone says delivered; until then the body stays."""
    now = [datetime(2026, 11, 21, 3, tzinfo=UTC)]
    reporter = Reporter.of(partner.configure(hub), OrganisationKind.POLICE)
    sent: list[Any] = []
    reporter._clock = lambda: now[0]
    reporter._link.report = lambda report_id, *_: sent.append(report_id)  # type: ignore[method-assign]
    reporter.submit(REPORT)
    assert [reporter.deliver(), reporter.deliver()] == [0, 0]
    assert sent == [REPORT.report_id]
    assert reporter.one(REPORT.report_id).held
    now[0] += timedelta(minutes=16)
    reporter.deliver()
    assert sent == [REPORT.report_id] * 2
    hub.tell_receipt(REPORT.report_id)
    reporter.receive()
    assert reporter.one(REPORT.report_id).state is State.DELIVERED
    reporter.close()
