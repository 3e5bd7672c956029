"""Legal bases other than consent: each with its rule, its reason and who answers for it."""

from datetime import timedelta
from typing import Any

import pytest

from contracts.terms import BasisRule, Category, OrganisationKind
from hub.aggregates.citizen_case.case import CitizenCase
from hub.aggregates.citizen_case.events import CitizenTold, LegalBasisEnded, LegalBasisRecorded
from hub.aggregates.citizen_case.values import GrantTerms
from hub.errors import Conflict, Invalid, Missing
from tests.given import NOW, fact, given
from tests.unit.case_facts import (
    B1,
    BASED,
    BASIS,
    BASIS_TERMS,
    CONSENT,
    ENDS,
    IN_OPEN_CASE,
    OPENED,
    POLICE,
    UNIT,
    WHILE_MATCHED,
    made_up,
)

KINDS = {POLICE: OrganisationKind.POLICE}


def test_a_legal_basis_is_recorded_with_its_reason_and_who_answers_for_it() -> None:
    case = given(OPENED).when(CitizenCase.record_legal_basis, **BASIS_TERMS, recipient_kinds=KINDS)
    case.then(BASED)
    assert [g.grant_id for g in case.aggregate.grants_of(POLICE, NOW)] == [B1]


@pytest.mark.parametrize("field", ["reason", "answers_for", "purpose"])
def test_nothing_of_it_is_left_out(field: str) -> None:
    said = {**BASIS_TERMS, field: "  "}
    given(OPENED).when(CitizenCase.record_legal_basis, **said, recipient_kinds=KINDS).then_raises(
        Invalid, field=field
    )


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"rule": "curiosity"}, "rule"),
        ({"ends_at": None}, "ends_at"),
        ({"ends_at": NOW}, "ends_at"),
        ({"grants": ()}, "grants"),
        ({"grants": (GrantTerms(B1, UNIT, Category.RISK),)}, "recipients"),
        ({"bans": ("ikke til brug for pressen",)}, "bans"),
        ({"recipient_kinds": {}}, "recipients"),
    ],
)
def test_a_legal_basis_is_refused_where_it_is_not_complete(wrong: dict[str, Any], field: str) -> None:
    said = {**BASIS_TERMS, "recipient_kinds": KINDS, **wrong}
    given(OPENED).when(CitizenCase.record_legal_basis, **said).then_raises(Invalid, field=field)


def test_section_115_always_carries_its_ban() -> None:
    said = {**BASIS_TERMS, "rule": BasisRule.RETSPLEJELOV_115}
    case = given(OPENED).when(CitizenCase.record_legal_basis, **said, recipient_kinds=KINDS)
    case.then(fact(LegalBasisRecorded, **said, bans=("criminal_investigation",)))
    assert case.aggregate.bases[BASIS].bans == ("criminal_investigation",)


@pytest.mark.parametrize("kind", OrganisationKind)
def test_section_115_names_police_and_social_authorities_and_no_somatic_emergency_department(
    kind: OrganisationKind,
) -> None:
    said = {**BASIS_TERMS, "rule": BasisRule.RETSPLEJELOV_115}
    outcome = given(OPENED).when(CitizenCase.record_legal_basis, **said, recipient_kinds={POLICE: kind})
    if kind in {"police", "municipal_unit", "child_services", "substance_treatment"}:
        assert outcome.error is None
    else:
        outcome.then_raises(Invalid, field="recipients")


@pytest.mark.parametrize("kind", OrganisationKind)
def test_a_child_notification_goes_to_the_municipality(kind: OrganisationKind) -> None:
    said = {**BASIS_TERMS, "rule": BasisRule.CHILD_NOTIFICATION}
    outcome = given(OPENED).when(CitizenCase.record_legal_basis, **said, recipient_kinds={POLICE: kind})
    if kind in {"municipal_unit", "child_services"}:
        assert outcome.error is None
    else:
        outcome.then_raises(Invalid, field="recipients")


@pytest.mark.parametrize("kind", OrganisationKind)
def test_danger_to_life_is_never_blocked_by_the_kind_of_recipient(kind: OrganisationKind) -> None:
    outcome = given(*WHILE_MATCHED[:-2], WHILE_MATCHED[-1]).when(
        CitizenCase.record_legal_basis, **BASIS_TERMS, recipient_kinds={POLICE: kind}
    )
    outcome.then(BASED)


def test_ids_are_used_once() -> None:
    for taken in (BASIS, CONSENT):
        said = {**BASIS_TERMS, "basis_id": taken, "recipient_kinds": KINDS}
        given(*IN_OPEN_CASE).when(CitizenCase.record_legal_basis, **said).then_raises(
            Conflict, field="basis_id"
        )


def test_a_legal_basis_ends_and_its_grants_with_it() -> None:
    case = given(OPENED, BASED).when(CitizenCase.end_legal_basis, basis_id=BASIS)
    case.then(fact(LegalBasisEnded, basis_id=BASIS, grants=(B1,))).then_answers((B1,))
    assert case.aggregate.grants_of(POLICE, NOW) == []


def test_what_has_ended_ends_once() -> None:
    ended = fact(LegalBasisEnded, basis_id=BASIS, grants=(B1,))
    given(OPENED, BASED, ended).when(CitizenCase.end_legal_basis, basis_id=BASIS).then_nothing().then_answers(
        ()
    )


def test_a_legal_basis_ends_in_time_without_any_event() -> None:
    assert given(OPENED, BASED).aggregate.grants_of(POLICE, ENDS) == []


def test_a_consent_is_no_legal_basis() -> None:
    given(*IN_OPEN_CASE).when(CitizenCase.end_legal_basis, basis_id=CONSENT).then_raises(
        Missing, field="basis_id"
    )
    given(OPENED).when(CitizenCase.end_legal_basis, basis_id=made_up(1)).then_raises(
        Missing, field="basis_id"
    )


def test_the_reason_waits_until_somebody_has_read_it() -> None:
    case = given(OPENED, BASED).aggregate
    assert [e.content.data["text"] for e in case.unread_free_text()] == [BASIS_TERMS["reason"]]
    assert all("Fare" not in str(e.content.data) for e in case.present_state({Category.COORDINATION}))


def test_the_citizen_is_told_of_it_once_when_that_was_safe() -> None:
    told = given(OPENED, BASED).when(CitizenCase.tell_citizen, basis_id=BASIS, told_at=NOW)
    told.then(fact(CitizenTold, basis_id=BASIS, told_at=NOW))
    assert told.aggregate.citizen_told == {BASIS: NOW}
    again = given(OPENED, BASED, fact(CitizenTold, basis_id=BASIS, told_at=NOW))
    again.when(CitizenCase.tell_citizen, basis_id=BASIS, told_at=NOW).then_raises(Conflict, field="basis_id")


def test_the_citizen_is_told_of_a_legal_basis_that_is_and_not_ahead_of_time() -> None:
    for basis in (made_up(5), CONSENT):
        given(*IN_OPEN_CASE).when(CitizenCase.tell_citizen, basis_id=basis, told_at=NOW).then_raises(
            Missing, field="basis_id"
        )
    given(OPENED, BASED).when(
        CitizenCase.tell_citizen, basis_id=BASIS, told_at=NOW + timedelta(minutes=16)
    ).then_raises(Invalid, field="told_at")


def test_emergencies_are_what_was_told_because_a_life_was_in_danger_also_after_their_end() -> None:
    ended = fact(LegalBasisEnded, basis_id=BASIS, grants=(B1,))
    duty = fact(
        LegalBasisRecorded,
        **{**BASIS_TERMS, "basis_id": made_up(5), "rule": BasisRule.AUTHORITY_DUTY, "grants": ()},
        bans=(),
    )
    case = given(OPENED, BASED, ended, duty).aggregate
    assert [fact.basis_id for fact in case.emergencies] == [BASIS]
