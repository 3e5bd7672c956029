"""A legal basis that was recorded wrongly has not ended: on some of it nothing should have been told."""

from typing import Any

import pytest

from contracts.terms import Category
from hub.aggregates.citizen_case.case import CitizenCase
from hub.aggregates.citizen_case.events import (
    CaseErased,
    LegalBasisCorrected,
    LegalBasisEnded,
    LegalBasisRecorded,
    ReportNotOurs,
    ReportReturned,
)
from hub.aggregates.citizen_case.values import CaseState, GrantTerms
from hub.errors import HubError, Invalid, Missing
from tests.given import fact, given
from tests.unit.case_facts import (
    B1,
    BASIS,
    BASIS_TERMS,
    CONSENT,
    CONSENTED,
    NGO,
    OPENED,
    POLICE,
    RECEIVED,
    SHELTER,
    STANDING,
    WHILE_MATCHED,
    made_up,
)

WHY = "Reglen gælder ikke krisecentret"
B2, B3, B4 = (made_up(n) for n in range(220, 223))
TERMS = (
    GrantTerms(B1, POLICE, Category.INCIDENT),
    GrantTerms(B2, POLICE, Category.RISK),
    GrantTerms(B3, SHELTER, Category.INCIDENT),
    GrantTerms(B4, SHELTER, Category.RISK),
)
RECORDED = fact(LegalBasisRecorded, **{**BASIS_TERMS, "grants": TERMS}, bans=())
IN_CASE = (OPENED, RECEIVED, CONSENTED, RECORDED)
SENT = fact(ReportNotOurs, recipient=POLICE, basis_id=BASIS)


def corrected(
    grants: tuple[Any, ...],
    struck: tuple[Any, ...],
    recipient: str | None = None,
    category: Category | None = None,
) -> Any:
    return fact(
        LegalBasisCorrected,
        grants=grants,
        basis_id=BASIS,
        recipient=recipient,
        category=category,
        struck=struck,
        reason=WHY,
    )


@pytest.mark.parametrize(
    ("recipient", "category", "ends"),
    [
        (None, None, (B1, B2, B3, B4)),
        (SHELTER, None, (B3, B4)),
        (None, Category.RISK, (B2, B4)),
        (POLICE, Category.INCIDENT, (B1,)),
    ],
)
@pytest.mark.parametrize("history", [IN_CASE, (*WHILE_MATCHED[:3], RECORDED, WHILE_MATCHED[-1])])
def test_exactly_what_was_wrong_ends(
    history: tuple[Any, ...], recipient: str | None, category: Category | None, ends: tuple[Any, ...]
) -> None:
    outcome = given(*history).when(
        CitizenCase.correct_legal_basis, basis_id=BASIS, recipient=recipient, category=category, reason=WHY
    )
    outcome.then(corrected(ends, ends, recipient, category)).then_answers(ends)
    assert outcome.aggregate.struck == set(ends)


def test_what_had_ended_before_is_struck_all_the_same() -> None:
    """It was told while it lived, and nobody had said so."""
    ended = fact(LegalBasisEnded, grants=(B1, B2, B3, B4), basis_id=BASIS)
    outcome = given(*IN_CASE, ended).when(CitizenCase.correct_legal_basis, basis_id=BASIS, reason=WHY)
    outcome.then(corrected((), (B1, B2, B3, B4))).then_answers(())


def test_twice_is_once_and_never_a_conflict() -> None:
    case = given(*IN_CASE, corrected((B3, B4), (B3, B4), SHELTER))
    said: dict[str, Any] = {"basis_id": BASIS, "recipient": SHELTER, "reason": WHY}
    case.when(CitizenCase.correct_legal_basis, **said).then_nothing()


def test_also_of_a_case_that_is_erased() -> None:
    gone = fact(CaseErased, grants=(STANDING,), taken_over_by=POLICE)
    outcome = given(*IN_CASE, SENT, gone).when(CitizenCase.correct_legal_basis, basis_id=BASIS, reason=WHY)
    outcome.then(corrected((B1, B2, B3, B4), (B1, B2, B3, B4)))


@pytest.mark.parametrize(
    ("words", "kind", "field"),
    [
        ({"recipient": NGO}, Missing, "recipient"),
        ({"category": Category.WISHES}, Missing, "category"),
        ({"basis_id": made_up(5)}, Missing, "basis_id"),
        ({"basis_id": CONSENT}, Missing, "basis_id"),
        ({"reason": " "}, Invalid, "reason"),
    ],
)
def test_what_it_never_named_is_missing(words: dict[str, Any], kind: type[HubError], field: str) -> None:
    asked = {"basis_id": BASIS, "reason": WHY, **words}
    given(*IN_CASE).when(CitizenCase.correct_legal_basis, **asked).then_raises(kind, field=field)


def test_what_was_forwarded_on_it_waits_here_again() -> None:
    """Forwarded whole or not at all, so one category is enough, and the others end with it."""
    outcome = given(*IN_CASE, SENT).when(
        CitizenCase.correct_legal_basis, basis_id=BASIS, category=Category.RISK, reason=WHY
    )
    outcome.then(
        corrected((B2, B4), (B2, B4), category=Category.RISK),
        fact(LegalBasisEnded, basis_id=BASIS, grants=(B1, B3)),
        fact(ReportReturned, recipient=POLICE),
    )
    assert (outcome.aggregate.state, outcome.aggregate.forwarding) == (CaseState.INQUIRY, None)


def test_why_it_was_wrong_waits_to_be_read_and_is_the_units_alone() -> None:
    outcome = given(*IN_CASE).when(CitizenCase.correct_legal_basis, basis_id=BASIS, reason=WHY)
    told = outcome.events[0].tells()
    assert [(c.category, c.owner_only) for c in told] == [
        (Category.COORDINATION, True),
        (Category.FREE_TEXT, True),
    ]
