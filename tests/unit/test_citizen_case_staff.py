"""The block list of named persons: who is close to a party, and whether anybody has asked."""

from typing import Any

from hub.aggregates.citizen_case.case import CitizenCase
from hub.aggregates.citizen_case.events import (
    BlockListConsidered,
    CoordinatorAssigned,
    PersonBlocked,
    PersonUnblocked,
    ReportReceived,
)
from hub.aggregates.citizen_case.values import Blocked
from hub.errors import Conflict, Invalid, Missing
from tests.given import Fact, fact, given
from tests.unit.case_facts import (
    BLOCK,
    IN_OPEN_CASE,
    NGO,
    OPENED,
    PERSON_BLOCKED,
    REPORTED,
    TOVHOLDER,
    UNIT,
    made_up,
)

WHO: dict[str, Any] = {"organisation": NGO, "person": "sub-90"}
STAFF_INVOLVED: Fact = fact(ReportReceived, **{**REPORTED, "report_id": made_up(7), "staff_involved": True})


def test_a_person_is_blocked_by_name_with_a_reason_and_the_entry_tells_nobody() -> None:
    blocked = given(*IN_OPEN_CASE).when(CitizenCase.block_person, **BLOCK, reason="Bror til en part")
    blocked.then(fact(PersonBlocked, blocked=Blocked(**BLOCK, reason="Bror til en part")))
    assert set(blocked.aggregate.blocked) == {"havnen:sub-90"}
    assert [e.tells() for e in blocked.events] == [()]
    given(*IN_OPEN_CASE).when(CitizenCase.block_person, **BLOCK, reason=" ").then_raises(
        Invalid, field="reason"
    )


def test_a_person_is_blocked_once_and_let_in_again_with_a_reason() -> None:
    case = (*IN_OPEN_CASE, PERSON_BLOCKED)
    given(*case).when(CitizenCase.block_person, **BLOCK, reason="Igen").then_raises(Conflict, field="person")
    lifted = given(*case).when(CitizenCase.unblock_person, **WHO, reason="En anden af samme navn")
    lifted.then(fact(PersonUnblocked, **WHO, reason="En anden af samme navn"))
    assert lifted.aggregate.blocked == {}
    given(*IN_OPEN_CASE).when(CitizenCase.unblock_person, **WHO, reason="Fejl").then_raises(
        Missing, field="person"
    )


def test_the_same_subject_at_another_organisation_is_somebody_else() -> None:
    given(*IN_OPEN_CASE, PERSON_BLOCKED).when(
        CitizenCase.unblock_person, organisation="politi-oest", person="sub-90", reason="Fejl"
    ).then_raises(Missing, field="person")


def test_a_report_that_says_that_staff_are_involved_asks_until_somebody_has_decided() -> None:
    asked = given(OPENED, STAFF_INVOLVED)
    assert asked.aggregate.block_list_to_consider
    nobody = asked.when(CitizenCase.consider_block_list, reason="Ingen hos os kender parterne")
    nobody.then(fact(BlockListConsidered, reason="Ingen hos os kender parterne"))
    assert not nobody.aggregate.block_list_to_consider
    assert not given(OPENED, STAFF_INVOLVED, PERSON_BLOCKED).aggregate.block_list_to_consider
    assert given(OPENED, STAFF_INVOLVED, PERSON_BLOCKED, STAFF_INVOLVED).aggregate.block_list_to_consider


def test_whoever_is_blocked_is_named_coordinator_neither_of_the_case_nor_of_what_is_matched_to_it() -> None:
    block = {"organisation": UNIT, "person": TOVHOLDER.person, "name": TOVHOLDER.name, "reason": "Søster"}
    given(*IN_OPEN_CASE, fact(PersonBlocked, blocked=Blocked(**block))).when(
        CitizenCase.assign_coordinator, coordinator=TOVHOLDER
    ).then_raises(Conflict, field="coordinator")
    case = given(*IN_OPEN_CASE)
    case.when(CitizenCase.assign_coordinator, coordinator=TOVHOLDER, blocked=[TOVHOLDER.login]).then_raises(
        Conflict, field="coordinator"
    )
    case.when(CitizenCase.assign_coordinator, coordinator=TOVHOLDER).then(
        fact(CoordinatorAssigned, coordinator=TOVHOLDER)
    )
