"""What a reporter does with its own report afterwards: adds to it, takes it back. Nothing is deleted."""

from typing import Any

import pytest

from contracts.terms import Category, RetractionReason
from hub.aggregates.base import Actor
from hub.aggregates.citizen_case.case import CitizenCase
from hub.aggregates.citizen_case.events import ReportRetracted, ReportSupplemented
from hub.aggregates.citizen_case.reporter import resting_on
from hub.errors import HubError, Invalid, Missing, Replayed
from tests.given import CASEWORKER, Fact, fact, given
from tests.unit.case_facts import (
    AT_POLICE,
    BASED,
    BASIS,
    CASE_OPENED,
    CONSENT,
    CONSENTED,
    INQUIRY,
    INQUIRY_MATCHED,
    NGO,
    OPENED,
    POLICE,
    RECEIVED,
    REFERRAL,
    REFERRED,
    REPORT,
    REPORTED,
    SHELTER,
    made_up,
)

AGAIN, THIRD = made_up(20), made_up(21)
ADDED = fact(ReportSupplemented, **{**REPORTED, "report_id": AGAIN}, supplements=REPORT)
CATEGORIES = (Category.FREE_TEXT, Category.IDENTITY, Category.INCIDENT, Category.OTHER_PERSONS)


def retracted(report: Any = REPORT, versions: tuple[int, ...] = (2,), **words: Any) -> Fact:
    return fact(
        ReportRetracted,
        report_id=report,
        reason=RetractionReason.WRONG_PERSON,
        explanation="",
        versions=versions,
        categories=CATEGORIES,
        built_on={},
        **words,
    )


def take_back(*history: Fact, report: Any = REPORT, by: Actor = AT_POLICE, **words: Any) -> Any:
    asked = {"reason": RetractionReason.WRONG_PERSON, "explanation": "", "built_on": {}, **words}
    return given(*history).when(CitizenCase.retract_report, report_id=report, by=by, **asked)


# --- added to -----------------------------------------------------------------------------------------


def test_what_is_added_stands_beside_the_report() -> None:
    case = given(OPENED, RECEIVED).when(
        CitizenCase.supplement_report, supplements=REPORT, by=AT_POLICE, **{**REPORTED, "report_id": AGAIN}
    )
    case.then(ADDED)
    assert set(case.aggregate.reports) == {REPORT, AGAIN}
    assert len(case.aggregate.present_state({Category.INCIDENT})) == 2
    assert len(case.aggregate.unread_free_text()) == 2, "its free text waits like the report's"


@pytest.mark.parametrize(
    ("history", "words", "kind", "field"),
    [
        ((), {"supplements": THIRD}, Missing, "report_id"),
        ((), {"by": Actor("x", "En Anden", "reporter", SHELTER)}, Missing, "report_id"),
        ((), {"report_id": REPORT}, Replayed, "report_id"),
        ((retracted(),), {}, Missing, "supplements"),
    ],
)
def test_a_report_is_added_to_by_its_reporter_alone_and_while_it_stands(
    history: tuple[Fact, ...], words: dict[str, Any], kind: type[HubError], field: str
) -> None:
    asked = {**REPORTED, "report_id": AGAIN, "supplements": REPORT, "by": AT_POLICE, **words}
    given(OPENED, RECEIVED, *history).when(CitizenCase.supplement_report, **asked).then_raises(
        kind, field=field
    )


# --- taken back -----------------------------------------------------------------------------------------


def test_what_was_taken_back_stands_no_longer_and_is_there_all_the_same() -> None:
    outcome = take_back(OPENED, RECEIVED)
    outcome.then(retracted())
    case = outcome.aggregate
    assert [e for e in case.entries if e.version == 2] == []
    assert case.unread_free_text() == []
    assert case.cpr_numbers == frozenset()
    assert case.could_kill == [], "nobody goes to an address that was taken back"
    assert case.warnings == {"safe_contact"}, "a warning stays: it harms nobody"
    assert case.fact(2).contents["identity"]["name"] == "Mette Opdigtet"


def test_what_supplements_it_goes_with_it_and_so_do_corrections() -> None:
    from tests.unit.test_citizen_case_correcting import corrected

    outcome = take_back(OPENED, RECEIVED, ADDED, corrected(), CONSENTED)
    assert outcome.events[0].versions == (2, 3, 4)
    assert {e.version for e in outcome.aggregate.entries} == {5, 6}


def test_a_supplement_is_taken_back_alone() -> None:
    outcome = take_back(OPENED, RECEIVED, ADDED, report=AGAIN)
    outcome.then(retracted(AGAIN, (3,)))
    assert {e.version for e in outcome.aggregate.present_state({Category.INCIDENT})} == {2}


def test_twice_is_once() -> None:
    take_back(OPENED, RECEIVED, retracted()).then_nothing()


def test_that_it_was_taken_back_is_told_by_category_and_stands_nowhere_itself() -> None:
    outcome = take_back(OPENED, RECEIVED, explanation="Vi forvekslede to beboere")
    told = outcome.events[0].tells()
    assert [c.category for c in told if c.retracts] == list(CATEGORIES)
    assert [c.field for c in told if c.owner_only] == ["built_on", "explanation"]
    assert not any(e.content.retracts for e in outcome.aggregate.entries)
    assert [e.content.data["text"] for e in outcome.aggregate.unread_free_text()] == [
        "Vi forvekslede to beboere"
    ]


@pytest.mark.parametrize(
    ("words", "kind", "field"),
    [
        ({"report": THIRD}, Missing, "report_id"),
        ({"by": CASEWORKER}, Missing, "report_id"),
        ({"by": Actor("x", "En Anden", "reporter", SHELTER)}, Missing, "report_id"),
        ({"reason": "fortrudt"}, Invalid, "reason"),
    ],
)
def test_a_report_is_taken_back_by_its_reporter_alone(
    words: dict[str, Any], kind: type[HubError], field: str
) -> None:
    take_back(OPENED, RECEIVED, **words).then_raises(kind, field=field)


def test_what_was_decided_after_the_report_may_rest_on_it() -> None:
    case = given(OPENED, RECEIVED, CONSENTED, BASED, INQUIRY_MATCHED, CASE_OPENED, REFERRED).aggregate
    assert resting_on(case, 2) == {
        "bases": [
            {"consent": str(CONSENT), "recipients": sorted([NGO, SHELTER])},
            {"basis": str(BASIS), "rule": "vital_interest", "recipients": [POLICE]},
        ],
        "referrals": [{"referral": str(REFERRAL), "recipient": NGO}],
        "matches": [str(INQUIRY)],
    }
    assert resting_on(case, 7) == {"bases": [], "referrals": [], "matches": []}
