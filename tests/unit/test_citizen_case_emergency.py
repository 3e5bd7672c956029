"""What was told because a life was in danger is reviewed by another, and is not forgotten (domain rule 6)."""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from contracts.terms import BasisRule, Escalation
from hub.aggregates.citizen_case.case import CitizenCase
from hub.aggregates.citizen_case.emergency import REVIEW_WITHIN
from hub.aggregates.citizen_case.events import EmergencyReviewed, LegalBasisEnded
from hub.aggregates.citizen_case.terms import ReviewFinding
from hub.aggregates.citizen_case.values import Deadline
from hub.errors import Conflict, Forbidden, Invalid, Missing
from tests.given import BEGAN, CASEWORKER, NOW, Fact, fact, given
from tests.unit.case_facts import B1, BASED, BASIS, BASIS_TERMS, CONSENT, CONSENTED, OPENED, POLICE, made_up

LEAD = replace(CASEWORKER, person="sub-lead", name="Lise Leder", role="programme_lead")
JUSTIFIED: dict[str, Any] = {
    "basis_id": BASIS,
    "finding": ReviewFinding.JUSTIFIED,
    "reason": "Han var på vej med en kniv",
    "by": LEAD,
}
NOT_JUSTIFIED = {**JUSTIFIED, "finding": ReviewFinding.NOT_JUSTIFIED, "reason": "Faren var ovre"}
DUE = Deadline(Escalation.EMERGENCY_UNREVIEWED, BASIS, BEGAN + REVIEW_WITHIN)


def _review(said: dict[str, Any], *ended: UUID) -> Fact:
    return fact(EmergencyReviewed, **{k: v for k, v in said.items() if k != "by"}, grants=ended)


def waiting(case: CitizenCase) -> list[Deadline]:
    return case.deadlines(acute_read_within=timedelta(minutes=30))


def test_one_that_was_justified_is_on_record_and_ends_nothing() -> None:
    outcome = given(OPENED, BASED).when(CitizenCase.review_emergency, **JUSTIFIED)
    outcome.then(_review(JUSTIFIED))
    assert [g.grant_id for g in outcome.aggregate.grants_of(POLICE, NOW)] == [B1]


def test_one_that_was_not_justified_ends_at_once() -> None:
    outcome = given(OPENED, BASED).when(CitizenCase.review_emergency, **NOT_JUSTIFIED)
    outcome.then(_review(NOT_JUSTIFIED, B1))
    assert outcome.aggregate.grants_of(POLICE, NOW) == []


def test_one_that_has_ended_is_reviewed_all_the_same() -> None:
    over = fact(LegalBasisEnded, basis_id=BASIS, grants=(B1,))
    outcome = given(OPENED, BASED, over).when(CitizenCase.review_emergency, **NOT_JUSTIFIED)
    outcome.then(_review(NOT_JUSTIFIED))


@pytest.mark.parametrize(
    "who",
    [
        CASEWORKER,
        replace(LEAD, name=BASIS_TERMS["answers_for"]),
        replace(LEAD, name=f" {BASIS_TERMS['answers_for'].upper().replace(' ', '  ')} "),
        replace(LEAD, person=BASIS_TERMS["answers_for"]),
    ],
    ids=["who acted", "who answers for it", "the same name as written otherwise", "named by the login"],
)
def test_nobody_reviews_what_is_their_own(who: Any) -> None:
    case = given(OPENED, BASED)
    case.when(CitizenCase.review_emergency, **{**JUSTIFIED, "by": who}).then_raises(Forbidden, field="by")


def test_a_name_is_the_same_however_its_letters_are_put_together() -> None:
    """One keyboard sends å as one letter, another as a and a ring."""
    told = fact(BASED[0], **{**BASED[1], "answers_for": "A\u030ase Ågård"})
    who = replace(LEAD, name="\u00c5se A\u030aga\u030ard")
    case = given(OPENED, told)
    case.when(CitizenCase.review_emergency, **{**JUSTIFIED, "by": who}).then_raises(Forbidden, field="by")


def test_who_answers_for_it_is_known_by_a_login_that_bore_the_name_in_this_case() -> None:
    """Married since, and listed under another name: still the same login."""
    before = replace(LEAD, name=BASIS_TERMS["answers_for"])
    opened = fact(OPENED[0], **{**OPENED[1], "by": before})
    case = given(opened, BASED)
    case.when(CitizenCase.review_emergency, **JUSTIFIED).then_raises(Forbidden, field="by")


def test_it_is_reviewed_once() -> None:
    case = given(OPENED, BASED, _review(JUSTIFIED))
    case.when(CitizenCase.review_emergency, **NOT_JUSTIFIED).then_raises(Conflict, field="basis_id")


@pytest.mark.parametrize(
    ("wrong", "error", "field"),
    [
        ({"reason": " "}, Invalid, "reason"),
        ({"finding": "perhaps"}, Invalid, "finding"),
        ({"basis_id": CONSENT}, Missing, "basis_id"),
        ({"basis_id": made_up(77)}, Missing, "basis_id"),
    ],
)
def test_a_review_that_is_none(wrong: dict[str, Any], error: Any, field: str) -> None:
    case = given(OPENED, CONSENTED, BASED)
    case.when(CitizenCase.review_emergency, **{**JUSTIFIED, **wrong}).then_raises(error, field=field)


def test_another_legal_basis_is_no_emergency() -> None:
    other = fact(BASED[0], **{**BASED[1], "rule": BasisRule.AUTHORITY_DUTY})
    case = given(OPENED, other)
    case.when(CitizenCase.review_emergency, **JUSTIFIED).then_raises(Missing, field="basis_id")
    assert waiting(case.aggregate) == []


def test_an_emergency_waits_for_its_review_a_week_and_then_escalates_once() -> None:
    case = given(OPENED, fact(BASED[0], **BASED[1], at=BEGAN))
    assert waiting(case.aggregate) == [DUE]
    late: dict[str, Any] = {"what": DUE.what, "of": DUE.of, "due": DUE.due}
    outcome = case.when(CitizenCase.escalate, at=DUE.due, **late)
    assert waiting(outcome.aggregate) == []
    assert outcome.aggregate.overdue() == [DUE], "it waits on"
    done = given(OPENED, BASED, _review(JUSTIFIED)).aggregate
    assert waiting(done) == done.overdue() == []
