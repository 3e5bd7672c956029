"""A report that is not ours is forwarded once, and erased here once it was taken over there."""

from typing import Any

import pytest

from contracts.terms import OrganisationKind
from hub.aggregates.citizen_case.case import CitizenCase
from hub.aggregates.citizen_case.events import (
    CaseErased,
    FreeTextRead,
    LegalBasisEnded,
    ReportNotOurs,
    ReportReturned,
)
from hub.aggregates.citizen_case.values import CaseState
from hub.errors import Conflict, HubError, IllegalTransition, Invalid, Missing
from tests.given import Fact, fact, given
from tests.unit.case_facts import (
    B1,
    BASED,
    BASIS,
    CHILD_AT_RISK,
    CONSENT,
    CONSENTED,
    INQUIRY_MATCHED,
    OPENED,
    POLICE,
    RECEIVED,
    REVIEWED,
    STANDING,
    made_up,
)

READ = fact(FreeTextRead, entry=2)
SENT = fact(ReportNotOurs, recipient=POLICE, basis_id=BASIS)
"""Who is told stands in the basis; here it is whoever the facts at hand name."""


def find(*history: Fact, **words: Any) -> Any:
    asked = {"basis_id": BASIS, "kind": OrganisationKind.MUNICIPAL_UNIT, **words}
    return given(*history).when(CitizenCase.find_not_ours, **asked)


def test_it_goes_to_whom_the_basis_names_and_is_ours_until_it_is_taken_over() -> None:
    outcome = find(OPENED, RECEIVED, BASED, READ, REVIEWED)
    outcome.then(SENT)
    case = outcome.aggregate
    assert case.state is CaseState.FORWARDED
    assert case.standing(case.latest_time) is not None
    assert [c.owner_only for c in outcome.events[0].tells()] == [True]


@pytest.mark.parametrize(
    ("history", "words", "kind", "field"),
    [
        ((READ,), {"kind": OrganisationKind.NGO}, Invalid, "recipient"),
        ((READ,), {"basis_id": made_up(30)}, Missing, "basis_id"),
        ((READ, CONSENTED), {"basis_id": CONSENT}, Missing, "basis_id"),
        ((), {}, Conflict, "entry"),
        ((READ, INQUIRY_MATCHED), {}, Conflict, "inquiry"),
        ((READ, CHILD_AT_RISK), {}, Conflict, "notifications"),
        ((READ,), {}, Conflict, "emergencies"),
        ((READ, SENT), {}, IllegalTransition, "state"),
    ],
)
def test_it_is_forwarded_once_whole_and_with_nothing_left_behind(
    history: tuple[Fact, ...], words: dict[str, Any], kind: type[HubError], field: str
) -> None:
    find(OPENED, RECEIVED, BASED, *history, **words).then_raises(kind, field=field)


def test_what_nobody_took_over_waits_here_again_when_the_basis_ends() -> None:
    outcome = given(OPENED, RECEIVED, BASED, READ, SENT).when(CitizenCase.end_legal_basis, basis_id=BASIS)
    outcome.then(fact(LegalBasisEnded, grants=(B1,), basis_id=BASIS), fact(ReportReturned, recipient=POLICE))
    assert (outcome.aggregate.state, outcome.aggregate.forwarding) == (CaseState.INQUIRY, None)


def test_erasing_ends_every_grant_and_the_units_own() -> None:
    outcome = given(OPENED, RECEIVED, CONSENTED, BASED, REVIEWED, READ, SENT).when(CitizenCase.erase)
    (erased,) = outcome.events
    assert isinstance(erased, CaseErased)
    assert set(erased.grants) == set(outcome.aggregate.grants) >= {STANDING, B1}
    assert erased.taken_over_by == POLICE
    assert outcome.aggregate.living_grants(outcome.aggregate.latest_time) == []


@pytest.mark.parametrize(
    ("came", "field"), [((), "emergencies"), ((REVIEWED, CHILD_AT_RISK), "notifications")]
)
def test_what_waits_for_a_person_is_not_erased_with_it(came: tuple[Fact, ...], field: str) -> None:
    case = given(OPENED, RECEIVED, BASED, READ, SENT, *came)
    case.when(CitizenCase.erase).then_raises(Conflict, field=field)
