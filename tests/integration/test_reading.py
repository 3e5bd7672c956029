"""Received is not read, read is not taken up (domain rule 10), on both stores."""

from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from contracts.message_v1 import Receipt, ReceiptStatus
from contracts.terms import BasisRule, Category, Escalation, MessageKind, Urgency
from hub.adapters.broker.embedded import EmbeddedBroker
from hub.adapters.http.access import Role
from hub.aggregates.base import Actor
from hub.aggregates.citizen_case.events import CaseEscalated, ReportTakenUp
from hub.aggregates.look import LookRecorded
from hub.aggregates.receipts import ReportRead
from hub.errors import NoGrant
from hub.operating.working import fire_timers
from tests.criteria import MET
from tests.support.api import Api, clock_now
from tests.support.carrying import carried
from tests.world import (
    CASEWORKER,
    HOSPITAL,
    NGO,
    ON_CALL,
    POLICE,
    SAME_WOMAN,
    UNIT,
    World,
    elsewhere,
    reporter,
)

HALF_AN_HOUR = timedelta(minutes=30)
INGE = Actor("inge", "Inge Indskriver", "caseworker", UNIT)
OLE = Actor("ole", "Ole Indskriver", "caseworker", UNIT)


@pytest.fixture
def world(tmp_path: Path, store_url: str) -> Iterator[World]:
    """Give a municipality that keeps the unit's read models, at the time of the test."""
    with closing(World.built(tmp_path / "hub", store_url, clock=clock_now())) as world:
        world.identities[UNIT].save(tmp_path / "hub" / "keys" / "recipients" / UNIT)
        yield world


def looks(world: World, case: UUID, by: Actor = INGE) -> int:
    """Somebody opens the timeline; how many entries opened."""
    return len(world.parts.queries.timeline(by, world.case(case), "intake"))


def receipts(world: World, reporter: str) -> list[ReceiptStatus]:
    return [c.status for c in world.controls_of(reporter) if isinstance(c, Receipt)]


# --- read ---------------------------------------------------------------------------------------------


def test_a_report_is_received_until_a_named_person_has_opened_it(
    world: World, broker: EmbeddedBroker
) -> None:
    """Neither the inbox, nor another case, nor the free text alone makes it read."""
    case, other = world.report(SAME_WOMAN), world.report()
    carried(world, broker)
    world.parts.queries.inbox(CASEWORKER)
    looks(world, other)
    world.parts.queries.unread_free_text(INGE, world.case(case), "intake")
    assert receipts(world, HOSPITAL) == [ReceiptStatus.RECEIVED]

    looks(world, case)

    assert receipts(world, HOSPITAL) == [ReceiptStatus.RECEIVED, ReceiptStatus.READ]
    read = next(r for r in world.facts(ReportRead) if r.case_id == case)
    assert (read.by.person, read.report_id) == ("inge", world.report_of(case))
    last = world.controls_of(HOSPITAL)[-1]
    assert isinstance(last, Receipt)
    assert last.on_call == ON_CALL
    assert set(last.model_dump(exclude_none=True)) == {
        *("control", "report_id", "number", "status", "at", "on_call")
    }


def test_a_report_is_read_once_whoever_reads_it_again_or_at_the_same_time(
    world: World, broker: EmbeddedBroker
) -> None:
    case = world.report(SAME_WOMAN)
    carried(world, broker)

    looks(world, case)
    looks(world, case, OLE)
    world.parts.committer.was_read = lambda *_: False  # type: ignore[method-assign]  # as another just began
    assert looks(world, case, OLE)

    assert [r.by.person for r in world.facts(ReportRead)] == ["inge"]
    assert receipts(world, HOSPITAL) == [ReceiptStatus.RECEIVED, ReceiptStatus.READ]


def test_reading_moves_no_version_and_a_look_is_answered_though_it_could_not_be_recorded_as_read(
    world: World, broker: EmbeddedBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A colleague's ETag holds; and what could not be put on record is put there by the next look."""
    case = world.report(SAME_WOMAN)
    carried(world, broker)
    version, commit = world.case(case).version, world.parts.committer.commit

    def broken(*_: Any) -> Any:
        raise OSError("no space left")

    monkeypatch.setattr(world.parts.committer, "commit", broken)
    assert looks(world, case)
    assert world.facts(ReportRead) == []
    assert len([x for x in world.facts(LookRecorded) if x.case_id == case]) == 1
    monkeypatch.setattr(world.parts.committer, "commit", commit)
    assert looks(world, case)

    assert len(world.facts(ReportRead)) == 1
    assert world.case(case).version == version


def test_who_reads_a_case_reads_the_reports_of_the_inquiries_matched_to_it(
    world: World, broker: EmbeddedBroker
) -> None:
    case, inquiry = world.report(), world.report(SAME_WOMAN)
    world.match(case, inquiry)
    carried(world, broker)

    looks(world, case)

    assert {r.case_id for r in world.facts(ReportRead)} == {case, inquiry}


def test_what_its_reporter_added_is_read_like_a_report(world: World, broker: EmbeddedBroker) -> None:
    case = world.report(SAME_WOMAN)
    report = world.report_of(case)
    added = world.supplement(report, SAME_WOMAN, HOSPITAL)
    carried(world, broker)

    looks(world, case)

    assert {r.report_id for r in world.facts(ReportRead)} == {report, added}
    assert receipts(world, HOSPITAL).count(ReceiptStatus.READ) == len({report, added})


# --- unread past its deadline -------------------------------------------------------------------------


def test_an_acute_report_that_nobody_has_read_escalates_to_the_top_of_the_inbox(
    world: World, broker: EmbeddedBroker
) -> None:
    """Once, also after a restart; the reporter is told nothing of it."""
    due = world.clock() + HALF_AN_HOUR
    first, acute = world.report(SAME_WOMAN), None
    world.clock.move(timedelta(minutes=5))
    acute = world.report(SAME_WOMAN)
    carried(world, broker)
    looks(world, first)
    sent = len(world.stored(HOSPITAL))

    world.clock.now = due + timedelta(minutes=5)
    fire_timers(world.parts)
    world.parts.app.store.timer_again(due + timedelta(minutes=5), acute)
    elsewhere(lambda: fire_timers(world.parts))
    carried(world, broker)

    (told,) = [e for e in world.facts(CaseEscalated) if e.what is Escalation.REPORT_UNREAD]
    assert told.of == world.report_of(acute)
    (head,) = [t.head for t in world.told(UNIT) if t.head.kind is MessageKind.ESCALATED]
    assert (head.urgency, head.refs) == (Urgency.ACUTE, {"report": told.of})
    inbox = world.parts.queries.inbox(CASEWORKER)
    assert [(w.case_id, w.read, bool(w.row.clear["escalated"])) for w in inbox] == [
        (acute, False, True),
        (first, True, False),
    ]
    assert len(world.stored(HOSPITAL)) == sent


def test_a_report_that_was_read_or_is_not_acute_never_escalates(world: World, broker: EmbeddedBroker) -> None:
    acute, _ = world.report(SAME_WOMAN), world.report()
    carried(world, broker)
    looks(world, acute)

    world.clock.move(timedelta(days=3))
    fire_timers(world.parts)

    assert Escalation.REPORT_UNREAD not in {e.what for e in world.facts(CaseEscalated)}


# --- taken up -----------------------------------------------------------------------------------------


def test_that_a_report_was_taken_up_is_told_to_its_reporter_on_a_living_grant_and_recorded(
    world: World,
) -> None:
    case = world.open_case()
    with pytest.raises(NoGrant):
        world.take_up(case)
    assert world.facts(ReportTakenUp) == []
    world.consent(case, [POLICE, NGO], [Category.COORDINATION])
    before = {who: len(world.messages_of(who)) for who in (POLICE, NGO)}

    world.take_up(case)
    world.take_up(case)

    (message,) = world.messages_of(POLICE)[before[POLICE] :]
    told = world.open_message(POLICE, message)
    assert told.head.kind is MessageKind.REPORT_TAKEN_UP
    assert told.head.refs == {"report": world.report_of(case)}
    ledger = world.ledger(case, POLICE)
    assert ledger is not None
    assert message.message_id in ledger.sources
    assert len(world.messages_of(NGO)) == before[NGO], "whoever else holds a grant for coordination"


def test_what_the_reporter_asks_says_how_far_it_has_come_while_the_basis_lives(
    world: World, broker: EmbeddedBroker
) -> None:
    case = world.open_case()
    report = world.report_of(case)
    said = [world.parts.queries.receipt(reporter(POLICE), report)["status"]]
    carried(world, broker)
    looks(world, case, Actor("tove", "Tove Tovholder", "tovholder", UNIT))
    said += [world.parts.queries.receipt(reporter(POLICE), report)["status"]]
    consent = world.consent(case, [POLICE], [Category.COORDINATION])
    world.take_up(case)
    said += [world.parts.queries.receipt(reporter(POLICE), report)["status"]]
    world.withdraw(case, consent)
    said += [world.parts.queries.receipt(reporter(POLICE), report)["status"]]

    assert said == ["received", "read", "taken_up", "read"]


def test_a_report_of_a_matched_inquiry_is_taken_up_on_a_basis_of_its_case(world: World) -> None:
    case, inquiry = world.open_case(), world.report(SAME_WOMAN)
    world.match(case, inquiry)
    world.legal_basis(case, [HOSPITAL], [Category.COORDINATION], BasisRule.AUTHORITY_DUTY)

    world.take_up(inquiry)

    kinds = [t.head.kind for t in world.told(HOSPITAL)]
    assert kinds[-1] is MessageKind.REPORT_TAKEN_UP


# --- over HTTP ----------------------------------------------------------------------------------------


def test_over_http_an_etag_survives_a_colleagues_reading(world: World, broker: EmbeddedBroker) -> None:
    case, api = world.report(SAME_WOMAN), Api(world)
    carried(world, broker)
    inge, ole = (api.login(name, UNIT, Role.CASEWORKER) for name in ("inge", "ole"))
    nobody = ole.get("/v1/inbox").json()["waiting"]
    etag = inge.get(f"/v1/cases/{case}/timeline", "intake").headers["etag"]

    ole.get(f"/v1/cases/{case}/timeline", "intake")
    opened = inge.post(f"/v1/cases/{case}/opening", {"criteria": MET}, headers={"If-Match": etag})

    assert [w["read_by_a_person"] for w in nobody] == [False]
    assert opened.status_code == 201
    assert world.facts(ReportRead)[0].by.person == "inge"


def test_over_http_a_report_is_taken_up_on_a_basis_and_refused_without(world: World) -> None:
    case, api = world.report(), Api(world)
    inge = api.login(CASEWORKER.person, UNIT, Role.CASEWORKER)
    path = f"/v1/cases/{case}/reports/{world.report_of(case)}/taking-up"

    refused = inge.post(path)
    world.legal_basis(case, [POLICE], [Category.COORDINATION], BasisRule.AUTHORITY_DUTY)
    done = inge.post(path)

    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (409, "report_id")
    assert done.status_code == 201
