"""Danger to life is told at once, in every state, by whoever of the unit is there (domain rule 6)."""

from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import httpx2
import pytest

from contracts.message_v1 import Revoked
from contracts.terms import Category, Escalation, MoveStatus, OrganisationKind
from hub.adapters.http.access import Role
from hub.aggregates.citizen_case.emergency import REVIEW_WITHIN
from hub.aggregates.citizen_case.events import CaseEscalated, LegalBasisRecorded
from hub.aggregates.citizen_case.legal_basis import EMERGENCY_LASTS
from hub.aggregates.citizen_case.values import CaseState
from hub.aggregates.look import Looked, LookRecorded
from hub.operating.working import fire_timers
from hub.projections import disclosures
from hub.topics.following import Follower
from tests.integration.test_staff import brought_up, page
from tests.support.api import Api, Caller, clock_now, pointers
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


# --- reviewed -----------------------------------------------------------------------------------------


@pytest.fixture
def told(world: World) -> tuple[UUID, str]:
    """Give an open case in which the caseworker told the police because a life was in danger."""
    api, case = Api(world), world.open_case()
    inge = api.login("inge", UNIT, Role.CASEWORKER)
    return case, inge.post(f"/v1/cases/{case}/emergencies", EMERGENCY).json()["basis"]


def follow(world: World) -> None:
    """The overview of disclosures takes in what was written."""
    follower = Follower(world.parts.app, world.parts.views[disclosures.NAME])
    while follower.step(500):
        pass


def _reviewed(caller: Caller, told: tuple[UUID, str], finding: str) -> httpx2.Response:
    said = {"finding": finding, "reason": "Set på vagtens notater"}
    return caller.post(f"/v1/cases/{told[0]}/emergencies/{told[1]}/review", said)


def test_the_programme_lead_reviews_it_whoever_coordinates_the_case(
    world: World, told: tuple[UUID, str]
) -> None:
    api = Api(world)
    lise, tove = (
        api.login("lise", UNIT, Role.PROGRAMME_LEAD),
        api.login("tove", UNIT, Role.TOVHOLDER),
    )
    world.project()
    (waits,) = lise.get("/v1/inbox").json()["emergencies_to_review"]
    assert (waits["case"], waits["emergency"]) == (str(told[0]), told[1])
    (shown,) = lise.get(f"/v1/cases/{told[0]}/emergency-reviews", "supervision").json()["emergencies"]
    assert (shown["review"], shown["reason"]) == ("due", EMERGENCY["reason"])
    assert world.facts(LookRecorded)[-1].what is Looked.EMERGENCIES

    assert _reviewed(tove, told, "justified").status_code == 404
    assert _reviewed(lise, told, "justified").status_code == 201
    again = _reviewed(lise, told, "not_justified")
    assert (again.status_code, pointers(again)) == (409, ["basis_id"])

    (shown,) = tove.get(f"/v1/cases/{told[0]}/disclosures", "supervision").json()["emergencies"]
    assert (shown["review"], shown["reviewed"]["by"], shown["living"]) == ("justified", "Lise", True)
    assert world.told(POLICE)
    world.project()
    assert lise.get("/v1/inbox").json()["emergencies_to_review"] == []


def test_who_acted_does_not_review_it(world: World) -> None:
    api, case = Api(world), world.open_case()
    lise = api.login("lise", UNIT, Role.PROGRAMME_LEAD)
    basis = lise.post(f"/v1/cases/{case}/emergencies", EMERGENCY).json()["basis"]
    refused = _reviewed(lise, (case, basis), "justified")
    assert (refused.status_code, pointers(refused)) == (403, ["by"])


def test_one_that_was_not_justified_opens_no_more_and_is_a_possible_breach(
    world: World, told: tuple[UUID, str]
) -> None:
    lise = Api(world).login("lise", UNIT, Role.PROGRAMME_LEAD)
    assert world.told(POLICE)
    assert _reviewed(lise, told, "not_justified").status_code == 201
    assert world.told(POLICE) == []
    assert [c for c in world.controls_of(POLICE) if isinstance(c, Revoked)]
    follow(world)
    breaches = lise.get(f"/v1/cases/{told[0]}/possible-breaches", "supervision").json()["possible_breaches"]
    assert {b["recipient"] for b in breaches} == {POLICE}
    assert {cause for b in breaches for cause in b["causes"]} == {"emergency_not_justified"}
    assert {b["revoked"]["reason"] for b in breaches} == {"disclosed_in_error"}
    assert any(b["opened"] for b in breaches), "who opened it meanwhile is a matter of the breach"


@pytest.mark.parametrize(("finding", "shown"), [("not_justified", True), ("justified", False)])
def test_the_page_shows_of_one_that_was_not_justified_that_it_ended(
    world: World, told: tuple[UUID, str], finding: str, shown: bool
) -> None:
    api = Api(world)
    assert _reviewed(api.login("lise", UNIT, Role.PROGRAMME_LEAD), told, finding).status_code == 201
    brought_up(world)
    html = page(api.login("tove", UNIT, Role.TOVHOLDER), f"/cases/{told[0]}?purpose=safety").text
    assert ("Ikke berettiget, ophørt" in html) is shown


def test_what_also_rested_on_a_consent_is_no_breach_and_stays(world: World, told: tuple[UUID, str]) -> None:
    world.consent(told[0], [POLICE], [Category.IDENTITY, Category.INCIDENT])
    lise = Api(world).login("lise", UNIT, Role.PROGRAMME_LEAD)
    assert _reviewed(lise, told, "not_justified").status_code == 201
    assert world.told_categories(POLICE) == {Category.IDENTITY, Category.INCIDENT}


@pytest.mark.parametrize("lasts", [EMERGENCY_LASTS, REVIEW_WITHIN * 2])
def test_one_that_nobody_reviews_in_time_is_told_to_the_unit_once(world: World, lasts: timedelta) -> None:
    """Also where it has not ended itself by then."""
    case = world.report("skadestue-mand-slaaet-af-sin-bror")
    basis = world.legal_basis(case, [POLICE], [Category.IDENTITY], lasts=lasts)

    def escalated() -> list[CaseEscalated]:
        return [e for e in world.facts(CaseEscalated) if e.what is Escalation.EMERGENCY_UNREVIEWED]

    world.clock.move(REVIEW_WITHIN - timedelta(minutes=1))
    fire_timers(world.parts)
    assert escalated() == []
    world.clock.move(timedelta(minutes=1))
    for _ in range(3):
        fire_timers(world.parts)
    assert [e.of for e in escalated()] == [basis]
    assert world.case(case).overdue()[-1].of == basis
    assert len(world.messages_of(POLICE)) == 1, "nobody else hears of it"


@pytest.mark.parametrize(
    ("language", "said"),
    [("da", "venter på gennemgang"), ("en", "wait for review")],
)
def test_what_waits_for_review_stands_on_the_page_of_the_inbox(
    world: World, told: tuple[UUID, str], language: str, said: str
) -> None:
    lise = Api(world).login("lise", UNIT, Role.PROGRAMME_LEAD)
    world.project()
    cookie = {"Cookie": f"tvaers_session={lise.token}; tvaers_language={language}"}
    assert said in lise.client.get("/", headers=cookie).text
    assert _reviewed(lise, told, "justified").status_code == 201
    world.project()
    assert said not in lise.client.get("/", headers=cookie).text
