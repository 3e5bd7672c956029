"""Safety: contact, address protection, assessment and level (seed 002 p. 9, 12; domain rule 5)."""

from typing import Any

import pytest

from contracts.terms import Category, SafetyLevel
from hub.aggregates.citizen_case.case import CitizenCase
from hub.aggregates.citizen_case.events import (
    AddressProtectionSet,
    SafeContactSet,
    SafetyAssessed,
    SafetyLevelChanged,
)
from hub.aggregates.sealing import CouldKill
from hub.errors import Conflict, Invalid
from tests.given import Fact, fact, given
from tests.unit.case_facts import OPENED, RECEIVED, REPORTED, made_up

RULES = CouldKill({"channel": "sms", "code_word": "havebog"})
HOME = CouldKill({"address": "Opdigtet Allé 7"})
ASSESSMENT: dict[str, Any] = {
    "assessment_id": made_up(1),
    "instrument": "patriarch",
    "instrument_version": "2.0",
    "answers": {"1": "yes", "2": "unknown"},
    "judgement": SafetyLevel.HIGH,
    "reason": "Truslerne er konkrete",
}


def level(now: SafetyLevel, before: SafetyLevel | None) -> Fact:
    return fact(SafetyLevelChanged, level=now, previous=before, reason="Ny vurdering")


def test_safe_contact_is_kept_apart_and_only_its_existence_is_told() -> None:
    outcome = given(OPENED).when(CitizenCase.set_safe_contact, rules=RULES)
    outcome.then(fact(SafeContactSet, rules=RULES))
    case = outcome.aggregate
    assert case.could_kill == [(2, RULES)]
    told = [e.content.data for e in case.contents_of(outcome.events[0])]
    assert told == [{"warnings": ["safe_contact"]}]


@pytest.mark.parametrize("nothing", [{}, None])
def test_safe_contact_says_how(nothing: dict[str, Any] | None) -> None:
    given(OPENED).when(CitizenCase.set_safe_contact, rules=CouldKill(nothing)).then_raises(
        Invalid, field="rules"
    )


def test_the_latest_rules_replace_the_former_in_what_is_told_and_never_in_what_is_kept() -> None:
    later = CouldKill({"channel": "none_is_safe"})
    case = given(OPENED, fact(SafeContactSet, rules=RULES), fact(SafeContactSet, rules=later)).aggregate
    assert [e.version for e in case.present_state({Category.IDENTITY})] == [3]
    assert case.could_kill == [(2, RULES), (3, later)]


def test_an_address_protection_is_told_and_the_address_is_not() -> None:
    outcome = given(OPENED).when(CitizenCase.set_address_protection, protection="name_address", address=HOME)
    outcome.then(fact(AddressProtectionSet, protection="name_address", address=HOME))
    case = outcome.aggregate
    assert case.warnings == {"protected_address"}
    assert "Allé" not in str(case.entries)


def test_an_address_protection_can_be_lifted() -> None:
    protected = fact(AddressProtectionSet, protection="special", address=HOME)
    outcome = given(OPENED, RECEIVED, protected).when(
        CitizenCase.set_address_protection, protection="none", address=HOME
    )
    assert outcome.aggregate.warnings == {"safe_contact"}
    assert [e.content.data for e in outcome.aggregate.contents_of(outcome.events[0])] == [{"warnings": []}]


def test_protection_is_a_word_from_a_closed_list() -> None:
    given(OPENED).when(
        CitizenCase.set_address_protection, protection="hos søsteren", address=HOME
    ).then_raises(Invalid, field="protection")


def test_what_could_kill_is_in_nothing_that_a_case_tells() -> None:
    case = given(
        OPENED,
        RECEIVED,
        fact(SafeContactSet, rules=RULES),
        fact(AddressProtectionSet, protection="special", address=HOME),
    ).aggregate
    told = str(case.present_state(set(Category)))
    lethal = [text for _, value in case.could_kill for text in (value.value or {}).values()]
    assert len(lethal) == 5
    assert [text for text in lethal if text in told] == []


def test_an_assessment_holds_answers_by_id_and_the_judgement() -> None:
    outcome = given(OPENED).when(CitizenCase.assess_safety, **ASSESSMENT)
    outcome.then(fact(SafetyAssessed, **ASSESSMENT))
    told = [e.content for e in outcome.aggregate.contents_of(outcome.events[0])]
    assert [c.category for c in told] == [Category.RISK]
    assert ASSESSMENT["reason"] not in str(told)


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"instrument": "SARA version 3"}, "instrument"),
        ({"instrument_version": ""}, "instrument_version"),
        ({"answers": {}}, "answers"),
        ({"answers": {"1": "Ja, han har truet hende med kniv"}}, "answers"),
        ({"answers": {"Har han truet dig?": "yes"}}, "answers"),
        ({"judgement": "dangerous"}, "judgement"),
        ({"reason": " "}, "reason"),
    ],
)
def test_an_assessment_is_refused_where_it_is_not_structured(wrong: dict[str, Any], field: str) -> None:
    given(OPENED).when(CitizenCase.assess_safety, **{**ASSESSMENT, **wrong}).then_raises(Invalid, field=field)


@pytest.mark.parametrize(
    "name",
    ["total", "Sum", "SCORE", "points", "total_score", "sum-total", "samlet_score", "pointsum", "score2"],
)
def test_a_computed_total_is_never_kept(name: str) -> None:
    said = {**ASSESSMENT, "answers": {"1": "yes", name: "17"}}
    given(OPENED).when(CitizenCase.assess_safety, **said).then_raises(Invalid, field="answers")


def test_every_assessment_stays_in_the_present_state() -> None:
    again = {**ASSESSMENT, "assessment_id": made_up(2)}
    case = given(OPENED, fact(SafetyAssessed, **ASSESSMENT), fact(SafetyAssessed, **again)).aggregate
    assert [e.version for e in case.present_state({Category.RISK})] == [2, 3]


def test_the_level_changes_with_a_reason_and_says_what_it_was() -> None:
    high = level(SafetyLevel.HIGH, None)
    given(OPENED).when(CitizenCase.change_safety_level, level=SafetyLevel.HIGH, reason="Ny vurdering").then(
        high
    )
    given(OPENED, high).when(
        CitizenCase.change_safety_level, level=SafetyLevel.LOW, reason="Ny vurdering"
    ).then(level(SafetyLevel.LOW, SafetyLevel.HIGH))


def test_the_level_is_one_and_the_last_one_stands() -> None:
    case = given(OPENED, level(SafetyLevel.HIGH, None), level(SafetyLevel.LOW, SafetyLevel.HIGH)).aggregate
    assert case.safety_level is SafetyLevel.LOW
    assert [e.content.data["level"] for e in case.present_state({Category.RISK})] == [SafetyLevel.LOW]


def test_the_level_does_not_change_to_itself() -> None:
    given(OPENED, level(SafetyLevel.HIGH, None)).when(
        CitizenCase.change_safety_level, level=SafetyLevel.HIGH, reason="Igen"
    ).then_raises(Conflict, field="level")


@pytest.mark.parametrize(("wrong", "field"), [({"level": "extreme"}, "level"), ({"reason": ""}, "reason")])
def test_a_level_is_a_word_with_a_reason(wrong: dict[str, Any], field: str) -> None:
    said = {"level": SafetyLevel.ACUTE, "reason": "Ny vurdering", **wrong}
    given(OPENED).when(CitizenCase.change_safety_level, **said).then_raises(Invalid, field=field)


def test_reports_are_never_replaced() -> None:
    second = {**REPORTED, "report_id": made_up(3)}
    case = given(OPENED, RECEIVED, (RECEIVED[0], second)).aggregate
    assert [e.version for e in case.present_state({Category.INCIDENT})] == [2, 3]
