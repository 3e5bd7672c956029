"""Reports, matching, visitation and the coordinator (seed 002 p. 4, 10-12)."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from contracts.terms import Category
from hub.aggregates.base import Actor
from hub.aggregates.citizen_case.case import CitizenCase
from hub.aggregates.citizen_case.events import (
    CaseOpened,
    CoordinatorAssigned,
    FreeTextRead,
    InquiryOpened,
    ReportReceived,
    ReportTakenUp,
)
from hub.aggregates.citizen_case.values import CaseState, Grant
from hub.aggregates.sealing import AboutPerson
from hub.errors import Conflict, Invalid, Missing, NoGrant, Replayed
from tests.criteria import MET
from tests.given import NOW, STREAM, fact, given
from tests.unit.case_facts import (
    CASE_OPENED,
    IN_INQUIRY,
    IN_OPEN_CASE,
    INQUIRY,
    MAN,
    NGO,
    OPENED,
    POLICE,
    RECEIVED,
    REPORT,
    REPORTED,
    STANDING,
    TOVHOLDER,
    UNIT,
)


def test_a_report_without_a_case_opens_an_inquiry_and_the_unit_holds_the_standing_grant() -> None:
    outcome = given().when(CitizenCase.open_inquiry, id=STREAM, unit=UNIT, standing_grant=STANDING)
    outcome.then(fact(InquiryOpened, unit=UNIT, standing_grant=STANDING))


def test_the_standing_grant_is_for_every_category_and_has_no_end() -> None:
    case = given(OPENED).aggregate
    standing = Grant(STANDING, UNIT, None, STREAM, ends_at=None)
    assert case.standing(NOW + timedelta(days=9999)) == standing
    assert case.grants_of(UNIT, NOW) == case.living_grants(NOW) == [standing]


@pytest.mark.parametrize("unit", ["", "A", "voldsteam!", "x" * 41])
def test_a_unit_is_named_by_its_slug(unit: str) -> None:
    outcome = given().when(CitizenCase.open_inquiry, id=STREAM, unit=unit, standing_grant=STANDING)
    outcome.then_raises(Invalid, field="unit")


def test_a_time_without_its_zone_is_refused() -> None:
    naive = datetime(2026, 3, 2, 3, 0)  # noqa: DTZ001 (the point)
    outcome = given().when(CitizenCase.open_inquiry, id=STREAM, unit=UNIT, standing_grant=STANDING, at=naive)
    outcome.then_raises(Invalid, field="at")


def test_a_report_is_taken_in() -> None:
    case = given(OPENED).when(CitizenCase.receive_report, **REPORTED).then(RECEIVED).aggregate
    assert case.reports == {REPORT: 2}
    assert case.persons == {MAN}
    assert case.warnings == {"safe_contact"}
    assert case.could_kill == [(2, value) for value in REPORTED["could_kill"]]
    assert case.cpr_numbers == {"0101010101"}


def test_the_cpr_number_is_the_citizens_and_nobody_elses() -> None:
    """Domain: a case without one is a case too, and nothing links other persons across cases."""
    anonymous = {
        **REPORTED,
        "contents": {"identity": {"name": "Ukendt"}},
        "others": (
            AboutPerson(MAN, {"role": "perpetrator", "contents": {"identity": {"cpr": "0202020202"}}}),
        ),
    }
    case = given(OPENED).when(CitizenCase.receive_report, **anonymous).aggregate
    assert case.cpr_numbers == frozenset()


def test_the_same_report_is_taken_in_once() -> None:
    given(OPENED, RECEIVED).when(CitizenCase.receive_report, **REPORTED).then_raises(
        Replayed, field="report_id"
    )


def test_a_report_under_section_115_never_goes_without_its_ban() -> None:
    said = {**REPORTED, "basis": {"rule": "retsplejelov_115"}}
    banned = {"rule": "retsplejelov_115", "bans": ["criminal_investigation"]}
    case = given(OPENED).when(CitizenCase.receive_report, **said)
    case.then(fact(ReportReceived, **{**REPORTED, "basis": banned}))
    assert all(e.content.bans == ("criminal_investigation",) for e in case.aggregate.entries)


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"reporter": "Politiet i Østjylland"}, "reporter"),
        ({"number": "  "}, "number"),
        ({"warnings": ("bor hos sin søster",)}, "warnings"),
        ({"contents": {"secrets": {}}}, "contents"),
        ({"contents": {"free_text": {"text": "fortælling"}}}, "contents"),
        ({"others": (AboutPerson(MAN, {"role": "neighbour", "contents": {}}),)}, "others"),
        ({"others": (AboutPerson(MAN, {"role": "exposed", "contents": {}}),)}, "others"),
        ({"others": (AboutPerson(MAN, {"role": "child", "contents": {"free_text": {}}}),)}, "contents"),
    ],
)
def test_a_report_that_cannot_be_told_by_category_is_refused(wrong: dict[str, Any], field: str) -> None:
    outcome = given(OPENED).when(CitizenCase.receive_report, **{**REPORTED, **wrong})
    outcome.then_raises(Invalid, field=field)


def test_free_text_waits_until_a_named_person_has_read_it() -> None:
    case = given(OPENED, RECEIVED).aggregate
    assert [e.version for e in case.unread_free_text()] == [2]
    assert case.present_state({Category.FREE_TEXT}) == []
    read = given(OPENED, RECEIVED).when(CitizenCase.read_free_text, entry=2)
    read.then(fact(FreeTextRead, entry=2))
    assert read.aggregate.unread_free_text() == []
    told = read.aggregate.present_state({Category.FREE_TEXT})
    assert [e.content.data["text"] for e in told] == [REPORTED["free_text"]["narrative"]]
    assert read.aggregate.contents_of(read.events[0]) == tuple(told)


def test_reading_twice_is_reading_once() -> None:
    given(OPENED, RECEIVED, fact(FreeTextRead, entry=2)).when(
        CitizenCase.read_free_text, entry=2
    ).then_nothing()


@pytest.mark.parametrize("entry", [0, 1, 3, 99])
def test_only_an_entry_with_free_text_can_be_read(entry: int) -> None:
    given(OPENED, RECEIVED, CASE_OPENED).when(CitizenCase.read_free_text, entry=entry).then_raises(
        Missing, field="entry"
    )


def test_visitation_says_yes_when_every_criterion_is_met() -> None:
    criteria = {**MET, "asked_here_too": True}
    case = given(*IN_INQUIRY).when(CitizenCase.open_case, number="7KQM-2RXD", criteria=criteria)
    case.then(fact(CaseOpened, number="7KQM-2RXD", criteria=criteria))
    assert (case.aggregate.state, case.aggregate.number) == (CaseState.OPEN, "7KQM-2RXD")


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"criteria": {}}, "criteria"),
        ({"criteria": {**MET, "not_in_shelter": False}}, "criteria"),
        ({"criteria": {**MET, "asked_here_too": False}}, "criteria"),
        ({"criteria": {"anything": True}}, "criteria"),
        *(({"criteria": {k: True for k in MET if k != left_out}}, "criteria") for left_out in MET),
        ({"criteria": {**MET, "bor på krisecenter": True}}, "criteria"),
        ({"number": ""}, "number"),
    ],
)
def test_visitation_asks_every_criterion(wrong: dict[str, Any], field: str) -> None:
    args = {"number": "7KQM-2RXD", "criteria": MET, **wrong}
    given(*IN_INQUIRY).when(CitizenCase.open_case, **args).then_raises(Invalid, field=field)


def test_one_named_professional_coordinates() -> None:
    case = given(*IN_OPEN_CASE).when(CitizenCase.assign_coordinator, coordinator=TOVHOLDER)
    case.then(fact(CoordinatorAssigned, coordinator=TOVHOLDER))
    successor = replace(TOVHOLDER, person="sub-4", name="Else Prøve")
    given(*IN_OPEN_CASE, fact(CoordinatorAssigned, coordinator=TOVHOLDER)).when(
        CitizenCase.assign_coordinator, coordinator=successor
    ).then(fact(CoordinatorAssigned, coordinator=successor))


@pytest.mark.parametrize(
    "nobody", [replace(TOVHOLDER, role="caseworker"), replace(TOVHOLDER, organisation=NGO)]
)
def test_the_coordinator_is_a_tovholder_of_the_owning_unit(nobody: Actor) -> None:
    given(*IN_OPEN_CASE).when(CitizenCase.assign_coordinator, coordinator=nobody).then_raises(
        Invalid, field="coordinator"
    )


def test_the_same_coordinator_is_not_assigned_again() -> None:
    given(*IN_OPEN_CASE, fact(CoordinatorAssigned, coordinator=TOVHOLDER)).when(
        CitizenCase.assign_coordinator, coordinator=TOVHOLDER
    ).then_raises(Conflict, field="coordinator")


def test_a_report_tells_each_person_apart() -> None:
    case = given(OPENED, RECEIVED).aggregate
    about = {(e.content.category, e.content.about) for e in case.entries}
    assert about == {
        (Category.IDENTITY, None),
        (Category.INCIDENT, None),
        (Category.OTHER_PERSONS, MAN),
        (Category.FREE_TEXT, None),
    }
    assert case.reports[REPORT] == 2
    assert REPORTED["reporter"] == POLICE


def test_an_erased_person_leaves_the_rest_of_the_report() -> None:
    """A value whose key is destroyed reads as None, and the reader goes on (domain rule 8)."""
    erased = {**REPORTED, "others": (AboutPerson(MAN, None),)}
    case = given(OPENED, fact(ReportReceived, **erased)).aggregate
    assert {e.content.category for e in case.entries} == {
        Category.IDENTITY,
        Category.INCIDENT,
        Category.FREE_TEXT,
    }
    assert case.persons == {MAN}


def test_a_report_is_taken_up_once_where_its_reporter_may_be_told() -> None:
    case, taken = given(OPENED, RECEIVED), fact(ReportTakenUp, report_id=REPORT, reporter=POLICE)
    outcome = case.when(CitizenCase.take_up_report, report_id=REPORT, may_be_told={POLICE})
    outcome.then(taken)
    again = given(OPENED, RECEIVED, taken)
    again.when(CitizenCase.take_up_report, report_id=REPORT, may_be_told={POLICE}).then_nothing()


def test_that_a_report_was_taken_up_is_told_on_a_basis_or_not_at_all() -> None:
    case = given(OPENED, RECEIVED)
    refused = case.when(CitizenCase.take_up_report, report_id=REPORT, may_be_told={NGO})
    refused.then_raises(NoGrant, field="report_id")


def test_only_a_report_of_the_case_is_taken_up() -> None:
    case = given(OPENED, RECEIVED)
    refused = case.when(CitizenCase.take_up_report, report_id=INQUIRY, may_be_told={POLICE})
    refused.then_raises(Missing, field="report_id")
