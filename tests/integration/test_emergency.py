"""Danger to life is told at once, in every state, by whoever of the unit is there (domain rule 6)."""

from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest

from contracts.message_v1 import Revoked
from contracts.terms import Category, MoveStatus, OrganisationKind
from hub.adapters.http.access import Role
from hub.aggregates.citizen_case.events import LegalBasisRecorded
from hub.aggregates.citizen_case.legal_basis import EMERGENCY_LASTS
from hub.aggregates.citizen_case.values import CaseState
from tests.support.api import Api, clock_now, pointers
from tests.world import NGO, POLICE, SAME_WOMAN, TOVHOLDER, UNIT, World, at, of_a_girl

EMERGENCY = {
    "recipients": [POLICE],
    "categories": ["identity", "incident"],
    "reason": "Han er på vej med en kniv",
}


@pytest.fixture
def world(tmp_path: Path, store_url: str) -> Iterator[World]:
    """Give a municipality at the time of the test."""
    with closing(World.built(tmp_path / "hub", store_url, clock=clock_now())) as world:
        yield world


def _matched(world: World) -> UUID:
    case, inquiry = world.open_case(), world.report(SAME_WOMAN)
    world.match(case, inquiry)
    return inquiry


def _aside(world: World) -> UUID:
    case = world.report()
    world.set_aside(case)
    return case


def _closed(world: World) -> UUID:
    case = world.open_case()
    world.close_case(case)
    return case


def _forwarded(world: World) -> UUID:
    world.register("naboen", OrganisationKind.MUNICIPAL_UNIT)
    case = world.report()
    world.read_free_text(case)
    world.answer_for_children(case)
    world.forward(case, "naboen")
    return case


def _moved(world: World) -> UUID:
    world.register("naboen", OrganisationKind.MUNICIPAL_UNIT)
    case = world.open_case()
    world.consent(case, ["naboen"], [Category.COORDINATION])
    asked = world.parts.hub.request_move(
        world.command(TOVHOLDER), case, recipient="naboen", answer_by=world.clock() + EMERGENCY_LASTS
    )
    world.parts.hub.answer_move(
        world.command(at("naboen")),
        world.thread(case, "naboen"),
        UUID(asked.ids["move"]),
        MoveStatus.ACCEPTED,
        None,
    )
    return case


IN: dict[CaseState, Callable[[World], UUID]] = {
    CaseState.INQUIRY: lambda world: world.report(),
    CaseState.MATCHED: _matched,
    CaseState.OPEN: lambda world: world.open_case(),
    CaseState.SET_ASIDE: _aside,
    CaseState.CLOSED: _closed,
    CaseState.FORWARDED: _forwarded,
    CaseState.MOVED: _moved,
    CaseState.MINOR: lambda world: world.report(report=of_a_girl()),
}


def test_every_state_but_the_moment_of_erasure_is_tried() -> None:
    assert set(IN) == set(CaseState) - {CaseState.ERASED}


@pytest.mark.parametrize("state", IN)
def test_anybody_of_the_unit_tells_at_once_in_every_state(world: World, state: CaseState) -> None:
    """Whoever coordinates the case: it opens at the police, for a day where nobody said otherwise."""
    api, case = Api(world), IN[state](world)
    assert world.case(case).state is state
    for n, role in enumerate((Role.CASEWORKER, Role.TOVHOLDER, Role.PROGRAMME_LEAD), 1):
        someone = api.login(f"vagt-{role}", UNIT, role)
        done = someone.post(f"/v1/cases/{case}/emergencies", EMERGENCY)
        assert (done.status_code, list(done.json())) == (201, ["position", "basis"])
        basis = world.facts(LegalBasisRecorded)[-1]
        assert basis.answers_for == f"Vagt-{role}"
        assert basis.ends_at == world.clock() + EMERGENCY_LASTS
        assert world.told_categories(POLICE) == {Category.IDENTITY, Category.INCIDENT}
        assert len(world.case(case).emergencies) == n


def test_an_emergency_goes_past_an_agreement_and_says_whom_it_could_not_tell(world: World) -> None:
    """Nobody is left in the belief that a suspended partner was told."""
    world.suspend(NGO)
    world.register("naboen", world.parts.committer.partner(NGO).kind, [])
    api, case = Api(world), world.open_case()
    asked = {**EMERGENCY, "recipients": [POLICE, NGO, "naboen"]}
    inge = api.login("inge", UNIT, Role.CASEWORKER)
    done = inge.post(f"/v1/cases/{case}/emergencies", asked)
    assert done.json()["not_told"] == NGO
    assert world.told(POLICE)
    assert world.told("naboen")
    world.resume(NGO)
    assert world.told(NGO) == []


def test_it_ends_when_a_person_says_so_and_else_in_time(world: World) -> None:
    api, case = Api(world), world.open_case()
    inge = api.login("inge", UNIT, Role.CASEWORKER)
    first = inge.post(f"/v1/cases/{case}/emergencies", EMERGENCY).json()["basis"]
    assert inge.post(f"/v1/cases/{case}/legal-bases/{first}/end").status_code == 201
    assert world.told(POLICE) == []
    assert [c for c in world.controls_of(POLICE) if isinstance(c, Revoked)]
    assert inge.post(f"/v1/cases/{case}/legal-bases/{case}/end").status_code == 404

    inge.post(f"/v1/cases/{case}/emergencies", EMERGENCY)
    assert world.told(POLICE)
    world.clock.move(EMERGENCY_LASTS)
    assert world.told(POLICE) == []


def test_the_disclosures_show_each_emergency_for_review_and_when_the_citizen_was_told(world: World) -> None:
    """The citizen is told when that is safe; until then it says that she was not."""
    api, case = Api(world), world.open_case()
    lead = api.login("lise", UNIT, Role.PROGRAMME_LEAD)
    tove = api.login("tove", UNIT, Role.TOVHOLDER)
    basis = lead.post(f"/v1/cases/{case}/emergencies", EMERGENCY).json()["basis"]

    (shown,) = tove.get(f"/v1/cases/{case}/disclosures", "supervision").json()["emergencies"]
    assert (shown["basis"], shown["review"], shown["living"]) == (basis, "due", True)
    assert (shown["by"], shown["recipients"], shown["citizen_told_at"]) == ("Lise", [POLICE], None)

    told_at = (world.clock() - timedelta(minutes=5)).isoformat()
    path = f"/v1/cases/{case}/legal-bases/{basis}/citizen-told"
    assert tove.post(path, {"told_at": told_at}).status_code == 201
    (shown,) = tove.get(f"/v1/cases/{case}/disclosures", "supervision").json()["emergencies"]
    assert shown["citizen_told_at"] is not None
    again = tove.post(path, {"told_at": told_at})
    assert (again.status_code, pointers(again)) == (409, ["basis_id"])
