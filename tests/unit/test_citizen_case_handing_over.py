"""Handing over, and standing in: somebody is responsible at every moment (seed 002 p. 10)."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from contracts.terms import Escalation
from hub.aggregates.base import Actor
from hub.aggregates.citizen_case.case import CitizenCase
from hub.aggregates.citizen_case.events import (
    CoordinatorAssigned,
    HandOverAccepted,
    HandOverDeclined,
    HandOverRequested,
    SubstituteNamed,
)
from hub.aggregates.citizen_case.terms import HandOverReason, HandOverRefusal
from hub.aggregates.citizen_case.values import Deadline
from hub.errors import Conflict, Invalid, Missing
from tests.given import NOW, fact, given
from tests.unit.case_facts import (
    ANOTHER,
    AT_NGO,
    CLOSED,
    COORDINATED,
    ENDS,
    HAND_OVER,
    HANDED,
    IN_OPEN_CASE,
    TOVHOLDER,
    UNIT,
    made_up,
)

LEAD = Actor("sub-9", "Lea Leder", "programme_lead", UNIT)
THIRD = Actor("sub-5", "Tilde Tredje", "tovholder", UNIT)
WITH_TOVHOLDER = (*IN_OPEN_CASE, COORDINATED)
ASKED = (*WITH_TOVHOLDER, HAND_OVER)
WANTED: dict[str, Any] = {
    "hand_over_id": HANDED,
    "to": ANOTHER,
    "reason": HandOverReason.ABSENCE,
    "accept_by": ENDS,
}
A_WEEK = NOW + timedelta(days=7)


def test_until_somebody_accepts_the_tovholder_is_who_it_was() -> None:
    outcome = given(*WITH_TOVHOLDER).when(CitizenCase.request_hand_over, by=TOVHOLDER, **WANTED)
    outcome.then(fact(HandOverRequested, **WANTED))
    case = outcome.aggregate
    assert case.coordinator == TOVHOLDER
    assert (case.acts(TOVHOLDER.person, NOW), case.acts(ANOTHER.person, NOW)) == (True, False)


def test_who_accepts_is_responsible_from_then_on_and_who_was_is_not_any_more() -> None:
    outcome = given(*ASKED).when(CitizenCase.accept_hand_over, hand_over_id=HANDED, by=ANOTHER)
    outcome.then(fact(HandOverAccepted, hand_over_id=HANDED, coordinator=ANOTHER))
    case = outcome.aggregate
    assert (case.coordinator, case.hand_over) == (ANOTHER, None)
    assert (case.acts(TOVHOLDER.person, NOW), case.acts(ANOTHER.person, NOW)) == (False, True)


def test_a_late_yes_is_a_yes() -> None:
    late = ENDS + timedelta(days=1)
    outcome = given(*ASKED).when(CitizenCase.accept_hand_over, hand_over_id=HANDED, by=ANOTHER, at=late)
    outcome.then(fact(HandOverAccepted, hand_over_id=HANDED, coordinator=ANOTHER))


def test_who_declines_leaves_the_case_where_it_was() -> None:
    no: dict[str, Any] = {"hand_over_id": HANDED, "reason": HandOverRefusal.CONFLICT_OF_INTEREST}
    outcome = given(*ASKED).when(CitizenCase.decline_hand_over, by=ANOTHER, **no)
    outcome.then(fact(HandOverDeclined, **no))
    assert (outcome.aggregate.coordinator, outcome.aggregate.hand_over) == (TOVHOLDER, None)


@pytest.mark.parametrize(
    "by", [TOVHOLDER, LEAD, THIRD, AT_NGO, replace(ANOTHER, organisation="en-anden-enhed")]
)
def test_nobody_but_who_was_asked_answers(by: Actor) -> None:
    case = given(*ASKED)
    accept = case.when(CitizenCase.accept_hand_over, hand_over_id=HANDED, by=by)
    accept.then_raises(Missing, field="hand_over_id")
    no: dict[str, Any] = {"hand_over_id": HANDED, "reason": HandOverRefusal.ABSENCE}
    case.when(CitizenCase.decline_hand_over, by=by, **no).then_raises(Missing, field="hand_over_id")


def test_what_was_asked_is_answered_once() -> None:
    done = given(*ASKED, fact(HandOverDeclined, hand_over_id=HANDED, reason=HandOverRefusal.ABSENCE))
    done.when(CitizenCase.accept_hand_over, hand_over_id=HANDED, by=ANOTHER).then_raises(
        Missing, field="hand_over_id"
    )


def test_a_new_request_takes_the_place_of_the_one_that_waits() -> None:
    again = {**WANTED, "hand_over_id": made_up(121), "to": THIRD}
    case = given(*ASKED, fact(HandOverRequested, **again, by=TOVHOLDER))
    case.when(CitizenCase.accept_hand_over, hand_over_id=HANDED, by=ANOTHER).then_raises(
        Missing, field="hand_over_id"
    )
    taken = case.when(CitizenCase.accept_hand_over, hand_over_id=made_up(121), by=THIRD)
    taken.then(fact(HandOverAccepted, hand_over_id=made_up(121), coordinator=THIRD))


@pytest.mark.parametrize(
    ("words", "kind", "field"),
    [
        ({"to": LEAD}, Invalid, "to"),
        ({"to": replace(ANOTHER, organisation="en-anden-enhed")}, Invalid, "to"),
        ({"to": TOVHOLDER}, Conflict, "to"),
        ({"accept_by": NOW}, Invalid, "accept_by"),
        ({"reason": "fordi hun bor hos sin søster"}, Invalid, "reason"),
    ],
)
def test_only_another_tovholder_of_the_unit_is_asked_by_a_time_and_without_prose(
    words: dict[str, Any], kind: Any, field: str
) -> None:
    case = given(*WITH_TOVHOLDER)
    asked = case.when(CitizenCase.request_hand_over, by=TOVHOLDER, **{**WANTED, **words})
    asked.then_raises(kind, field=field)


def test_what_nobody_has_is_not_handed_over() -> None:
    case = given(*IN_OPEN_CASE)
    case.when(CitizenCase.request_hand_over, by=LEAD, **WANTED).then_raises(Conflict, field="to")
    alone = case.when(CitizenCase.name_substitute, substitute=ANOTHER, ends_at=A_WEEK, by=LEAD)
    alone.then_raises(Conflict, field="substitute")


def test_what_nobody_accepts_comes_back_to_the_unit() -> None:
    def waiting(*history: Any) -> list[Deadline]:
        return given(*history).aggregate.deadlines(acute_read_within=timedelta(0))  # type: ignore[no-any-return]

    due = Deadline(Escalation.HAND_OVER_UNACCEPTED, HANDED, ENDS)
    assert due in waiting(*ASKED)
    assert due not in waiting(*ASKED, fact(HandOverAccepted, hand_over_id=HANDED, coordinator=ANOTHER))
    assert due not in waiting(*ASKED, fact(CoordinatorAssigned, coordinator=THIRD))
    assert due in waiting(*ASKED, CLOSED)


def test_a_substitute_acts_at_once_beside_the_tovholder_and_until_the_end() -> None:
    named: dict[str, Any] = {"substitute": ANOTHER, "ends_at": A_WEEK}
    outcome = given(*WITH_TOVHOLDER).when(CitizenCase.name_substitute, by=LEAD, **named)
    outcome.then(fact(SubstituteNamed, **named))
    case = outcome.aggregate
    assert case.coordinator == TOVHOLDER
    assert (case.acts(TOVHOLDER.person, NOW), case.acts(ANOTHER.person, NOW)) == (True, True)
    assert not case.acts(ANOTHER.person, A_WEEK)


def test_whoever_stood_in_does_so_no_longer_once_there_is_a_new_tovholder() -> None:
    stands_in = (*WITH_TOVHOLDER, fact(SubstituteNamed, substitute=ANOTHER, ends_at=A_WEEK))
    case = given(*stands_in).when(CitizenCase.assign_coordinator, coordinator=THIRD, by=LEAD).aggregate
    assert not case.acts(ANOTHER.person, NOW)
    assert not case.acts(TOVHOLDER.person, NOW)
    assert case.acts(THIRD.person, NOW)


@pytest.mark.parametrize(
    ("words", "kind", "field"),
    [
        ({"substitute": LEAD}, Invalid, "substitute"),
        ({"substitute": TOVHOLDER}, Conflict, "substitute"),
        ({"ends_at": NOW}, Invalid, "ends_at"),
    ],
)
def test_only_another_tovholder_of_the_unit_stands_in_and_never_without_an_end(
    words: dict[str, Any], kind: Any, field: str
) -> None:
    named: dict[str, Any] = {"substitute": ANOTHER, "ends_at": A_WEEK, **words}
    given(*WITH_TOVHOLDER).when(CitizenCase.name_substitute, by=LEAD, **named).then_raises(kind, field=field)
