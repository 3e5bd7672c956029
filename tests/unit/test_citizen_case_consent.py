"""Consent: given to named organisations, for named categories, for a purpose, for a time; and taken back."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from contracts.terms import Category
from hub.aggregates.citizen_case.case import CitizenCase
from hub.aggregates.citizen_case.events import ConsentExpired, ConsentGiven, ConsentWithdrawn
from hub.aggregates.citizen_case.values import GrantTerms
from hub.errors import Conflict, Invalid, Missing
from tests.given import BEGAN, NOW, Fact, fact, given
from tests.unit.case_facts import (
    BASED,
    BASIS,
    CONSENT,
    CONSENT_TERMS,
    CONSENTED,
    ENDS,
    I1,
    I2,
    IN_INQUIRY,
    IN_OPEN_CASE,
    MAN,
    NGO,
    OPENED,
    R1,
    R2,
    RECEIVED,
    SHELTER,
    TERMS,
    UNIT,
    WHILE_MATCHED,
    made_up,
)

STATES = {"inquiry": IN_INQUIRY, "matched": WHILE_MATCHED, "open": IN_OPEN_CASE}


def withdrawn(*grants: UUID, recipient: str | None = None, category: Category | None = None) -> Fact:
    return fact(ConsentWithdrawn, consent_id=CONSENT, recipient=recipient, category=category, grants=grants)


def test_a_consent_gives_one_grant_for_each_recipient_and_category() -> None:
    case = given(OPENED).when(CitizenCase.give_consent, **CONSENT_TERMS).then(CONSENTED).aggregate
    assert [(g.grant_id, g.category) for g in case.grants_of(NGO, NOW)] == [
        (R1, Category.REFERRAL),
        (I1, Category.IDENTITY),
    ]
    assert {g.ends_at for g in case.grants_of(SHELTER, NOW)} == {ENDS}


@pytest.mark.parametrize("ahead", [timedelta(0), timedelta(minutes=15)])
def test_a_consent_may_be_recorded_as_it_is_given(ahead: timedelta) -> None:
    """Also by a clock that is a quarter of an hour fast, and no more."""
    said = {**CONSENT_TERMS, "given_at": NOW + ahead}
    given(OPENED).when(CitizenCase.give_consent, **said).then(fact(ConsentGiven, **said))


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"ends_at": None}, "ends_at"),
        ({"ends_at": NOW}, "ends_at"),
        ({"ends_at": datetime(2027, 1, 1)}, "ends_at"),  # noqa: DTZ001 (the point)
        ({"given_at": NOW + timedelta(minutes=15, seconds=1)}, "given_at"),
        ({"grants": ()}, "grants"),
        ({"grants": (TERMS[0], TERMS[0])}, "grants"),
        ({"grants": (TERMS[0], GrantTerms(made_up(1), NGO, Category.REFERRAL))}, "grants"),
        ({"grants": (GrantTerms(made_up(1), "Havnen i Nord", Category.REFERRAL),)}, "recipients"),
        ({"grants": (GrantTerms(made_up(1), UNIT, Category.REFERRAL),)}, "recipients"),
        ({"grants": (GrantTerms(made_up(1), NGO, "address"),)}, "categories"),  # type: ignore[arg-type]
        ({"purpose": "\t"}, "purpose"),
        ({"form": "thought"}, "form"),
    ],
)
def test_a_consent_says_to_whom_what_why_and_until_when(wrong: dict[str, Any], field: str) -> None:
    given(OPENED).when(CitizenCase.give_consent, **{**CONSENT_TERMS, **wrong}).then_raises(
        Invalid, field=field
    )


def test_the_perpetrator_is_never_a_recipient() -> None:
    """Nor is any other person of the case, though a person's id would pass for a slug."""
    to_him = (GrantTerms(made_up(1), str(MAN), Category.IDENTITY),)
    given(OPENED, RECEIVED).when(CitizenCase.give_consent, **{**CONSENT_TERMS, "grants": to_him}).then_raises(
        Invalid, field="recipients"
    )


def test_what_could_kill_is_in_no_category_that_can_be_granted() -> None:
    assert not {"address", "shelter", "safe_contact", "meeting_place", "safety_plan"} & set(Category)


def test_ids_are_used_once() -> None:
    case = given(OPENED, CONSENTED)
    case.when(CitizenCase.give_consent, **CONSENT_TERMS).then_raises(Conflict, field="consent_id")
    again = {**CONSENT_TERMS, "consent_id": made_up(1)}
    case.when(CitizenCase.give_consent, **again).then_raises(Conflict, field="grants")


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize(
    ("recipient", "category", "ended"),
    [
        (None, None, (R1, I1, R2, I2)),
        (NGO, None, (R1, I1)),
        (None, Category.IDENTITY, (I1, I2)),
        (SHELTER, Category.REFERRAL, (R2,)),
    ],
)
def test_withdrawal_ends_exactly_what_is_taken_back_in_every_state(
    state: str, recipient: str | None, category: Category | None, ended: tuple[UUID, ...]
) -> None:
    outcome = given(*STATES[state]).when(
        CitizenCase.withdraw_consent, consent_id=CONSENT, recipient=recipient, category=category
    )
    outcome.then(withdrawn(*ended, recipient=recipient, category=category)).then_answers(ended)
    living = {g.grant_id for g in outcome.aggregate.living_grants(NOW)}
    assert living & {R1, I1, R2, I2} == {R1, I1, R2, I2} - set(ended)


@pytest.mark.parametrize("state", STATES)
def test_what_was_taken_back_can_be_taken_back_again_and_nothing_happens(state: str) -> None:
    case = given(*STATES[state], withdrawn(R1, I1, R2, I2))
    case.when(CitizenCase.withdraw_consent, consent_id=CONSENT).then_nothing().then_answers(())
    case.when(CitizenCase.withdraw_consent, consent_id=CONSENT, recipient=NGO).then_nothing()
    case.when(CitizenCase.withdraw_consent, consent_id=CONSENT, category=Category.IDENTITY).then_nothing()


def test_the_rest_of_a_consent_can_be_taken_back_later() -> None:
    given(*IN_OPEN_CASE, withdrawn(R1, I1, recipient=NGO)).when(
        CitizenCase.withdraw_consent, consent_id=CONSENT
    ).then(withdrawn(R2, I2)).then_answers((R2, I2))


def test_a_consent_that_ran_out_can_still_be_taken_back() -> None:
    """Before its end is recorded: her "no" does not wait for a timer."""
    case = given(*IN_OPEN_CASE).when(
        CitizenCase.withdraw_consent, consent_id=CONSENT, at=ENDS + timedelta(days=1)
    )
    case.then(withdrawn(R1, I1, R2, I2))


def test_whoever_withdraws_learns_when_nothing_of_the_kind_was_ever_given() -> None:
    case = given(*IN_OPEN_CASE)
    case.when(CitizenCase.withdraw_consent, consent_id=made_up(1)).then_raises(Missing, field="consent_id")
    case.when(CitizenCase.withdraw_consent, consent_id=BASIS).then_raises(Missing, field="consent_id")
    case.when(CitizenCase.withdraw_consent, consent_id=CONSENT, recipient="ukendt-ngo").then_raises(
        Missing, field="recipient"
    )
    case.when(CitizenCase.withdraw_consent, consent_id=CONSENT, category=Category.RISK).then_raises(
        Missing, field="category"
    )


def test_a_withdrawal_leaves_other_bases_alone() -> None:
    case = given(*IN_OPEN_CASE, withdrawn(R1, I1, R2, I2)).aggregate
    assert BASED in IN_OPEN_CASE
    assert [g.basis_id for g in case.living_grants(NOW) if g.recipient != UNIT] == [BASIS]


def test_a_consent_ends_in_time_without_any_event() -> None:
    case = given(*IN_OPEN_CASE).aggregate
    assert case.grants_of(NGO, ENDS - timedelta(microseconds=1)) != []
    assert case.grants_of(NGO, ENDS) == []


def test_the_end_in_time_is_recorded_and_does_everything_that_a_withdrawal_does() -> None:
    outcome = given(*IN_OPEN_CASE).when(CitizenCase.expire_consent, consent_id=CONSENT, at=ENDS)
    outcome.then(fact(ConsentExpired, consent_id=CONSENT, grants=(R1, I1, R2, I2)))
    outcome.then_answers((R1, I1, R2, I2))
    assert outcome.aggregate.grants_of(NGO, BEGAN) == []


def test_a_consent_does_not_expire_before_its_end() -> None:
    early = ENDS - timedelta(seconds=1)
    given(*IN_OPEN_CASE).when(CitizenCase.expire_consent, consent_id=CONSENT, at=early).then_raises(
        Conflict, field="consent_id"
    )


def test_what_was_withdrawn_expires_into_nothing() -> None:
    case = given(*IN_OPEN_CASE, withdrawn(R1, I1, R2, I2))
    case.when(CitizenCase.expire_consent, consent_id=CONSENT, at=ENDS).then_nothing().then_answers(())


def test_a_clock_moved_back_revives_no_consent() -> None:
    """ "Now" is the later of the clock and the latest time in the log."""
    late = fact(ConsentExpired, consent_id=made_up(1), grants=(), at=ENDS + timedelta(days=1))
    case = given(OPENED, CONSENTED, late)
    outcome = case.when(
        CitizenCase.give_consent,
        **{
            **CONSENT_TERMS,
            "consent_id": made_up(2),
            "grants": (GrantTerms(made_up(3), NGO, Category.RISK),),
            "ends_at": ENDS + timedelta(hours=1),
        },
        at=NOW,
    )
    outcome.then_raises(Invalid, field="ends_at")
    assert case.aggregate.moment(NOW) == case.aggregate.latest_time == ENDS + timedelta(days=1)


def test_a_consent_tells_its_end_and_whom_it_names_but_no_grant_ids() -> None:
    told = given(OPENED, CONSENTED).aggregate.entries[-1].content
    assert told.category is Category.COORDINATION
    assert told.data["recipients"] == [NGO, SHELTER]
    assert told.data["ends_at"] == ENDS.isoformat()
    assert str(R1) not in str(told.data)


def test_a_new_consent_may_follow_a_withdrawn_one() -> None:
    anew = {
        **CONSENT_TERMS,
        "consent_id": made_up(1),
        "grants": (GrantTerms(made_up(2), NGO, Category.REFERRAL),),
    }
    case = given(OPENED, CONSENTED, withdrawn(R1, I1, R2, I2)).when(CitizenCase.give_consent, **anew)
    case.then(fact(ConsentGiven, **anew))
    assert [g.grant_id for g in case.aggregate.grants_of(NGO, NOW)] == [made_up(2)]
