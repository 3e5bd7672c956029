"""A consent that was recorded wrongly is not withdrawn: some of it was never in her or his words."""

from datetime import timedelta
from typing import Any

import pytest

from contracts.terms import Category
from hub.aggregates.citizen_case.case import CitizenCase
from hub.aggregates.citizen_case.events import ConsentCorrected, ConsentWithdrawn
from hub.errors import HubError, Invalid, Missing
from tests.given import BEGAN, fact, given
from tests.unit.case_facts import (
    BASED,
    CONSENT,
    CONSENTED,
    I1,
    I2,
    IN_OPEN_CASE,
    INQUIRY,
    INQUIRY_MATCHED,
    NGO,
    OPENED,
    POLICE,
    R1,
    R2,
    RECEIVED,
    SHELTER,
    WHILE_MATCHED,
    made_up,
)

WHY = "Hun nævnte aldrig krisecentret"


def corrected(
    grants: tuple[Any, ...],
    struck: tuple[Any, ...],
    recipient: str | None = None,
    category: Category | None = None,
) -> Any:
    return fact(
        ConsentCorrected,
        grants=grants,
        consent_id=CONSENT,
        recipient=recipient,
        category=category,
        struck=struck,
        reason=WHY,
    )


@pytest.mark.parametrize(
    ("recipient", "category", "ends"),
    [
        (None, None, (R1, I1, R2, I2)),
        (SHELTER, None, (R2, I2)),
        (None, Category.IDENTITY, (I1, I2)),
        (NGO, Category.REFERRAL, (R1,)),
    ],
)
@pytest.mark.parametrize("history", [IN_OPEN_CASE, WHILE_MATCHED])
def test_exactly_what_was_never_said_ends(
    history: tuple[Any, ...], recipient: str | None, category: Category | None, ends: tuple[Any, ...]
) -> None:
    outcome = given(*history).when(
        CitizenCase.correct_consent, consent_id=CONSENT, recipient=recipient, category=category, reason=WHY
    )
    outcome.then(corrected(ends, ends, recipient, category)).then_answers(ends)
    assert outcome.aggregate.struck == set(ends)


def test_what_was_withdrawn_before_is_struck_all_the_same() -> None:
    """It was told while it lived, and nobody had said so."""
    withdrawn = fact(ConsentWithdrawn, grants=(R2, I2), consent_id=CONSENT, recipient=SHELTER, category=None)
    outcome = given(*IN_OPEN_CASE, withdrawn).when(
        CitizenCase.correct_consent, consent_id=CONSENT, recipient=SHELTER, reason=WHY
    )
    outcome.then(corrected((), (R2, I2), SHELTER)).then_answers(())


def test_twice_is_once_and_never_a_conflict() -> None:
    case = given(*IN_OPEN_CASE, corrected((R2, I2), (R2, I2), SHELTER))
    case.when(CitizenCase.correct_consent, consent_id=CONSENT, recipient=SHELTER, reason=WHY).then_nothing()


@pytest.mark.parametrize(
    ("words", "kind", "field"),
    [
        ({"recipient": POLICE}, Missing, "recipient"),
        ({"category": Category.RISK}, Missing, "category"),
        ({"consent_id": made_up(5)}, Missing, "consent_id"),
        ({"reason": " "}, Invalid, "reason"),
    ],
)
def test_what_the_consent_never_named_is_missing(
    words: dict[str, Any], kind: type[HubError], field: str
) -> None:
    asked = {"consent_id": CONSENT, "reason": WHY, **words}
    given(*IN_OPEN_CASE).when(CitizenCase.correct_consent, **asked).then_raises(kind, field=field)


def test_why_it_was_wrong_waits_to_be_read_and_is_the_units_alone() -> None:
    outcome = given(*IN_OPEN_CASE).when(CitizenCase.correct_consent, consent_id=CONSENT, reason=WHY)
    told = outcome.events[0].tells()
    assert [(c.category, c.owner_only) for c in told] == [
        (Category.COORDINATION, True),
        (Category.FREE_TEXT, True),
    ]


def test_a_match_undone_is_a_mistake_with_the_bases_recorded_meanwhile() -> None:
    case = given(OPENED, RECEIVED, INQUIRY_MATCHED, CONSENTED)
    outcome = case.when(CitizenCase.unmatch_inquiry, inquiry=INQUIRY, reason="En anden")
    (mistake,) = outcome.aggregate.mistakes
    assert (mistake.other, mistake.bases) == (INQUIRY, {CONSENT})
    assert (mistake.since, mistake.until) == (BEGAN + timedelta(minutes=3), outcome.events[0].timestamp)
    assert given(OPENED, RECEIVED, CONSENTED, INQUIRY_MATCHED, BASED).aggregate.mistakes == []
