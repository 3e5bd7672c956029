"""A citizen's CPR number: another one finds the old case, and a test number names nobody in production."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from contracts.social_report_v1 import SocialReport
from contracts.terms import Category, MessageKind, PersonRole
from hub.adapters.http.access import Role
from hub.aggregates.base import Actor
from hub.aggregates.citizen_case.events import ReportReceived
from hub.application.inbound import Inbound
from hub.errors import Invalid
from tests.support.api import Api, clock_now, pointers
from tests.support.social_reports import REPORTS
from tests.world import CASEWORKER, MUNICIPALITY, NGO, NIGHT, POLICE, TOVHOLDER, UNIT, World

FORMER, NEW, REPLACEMENT = "7403912006", "1403912014", "7403912014"
"""Made up: the example's own, which as a test number has 60 added to its day, and two others."""


def reported_with(cpr: str, **also: Any) -> SocialReport:
    """The night's report, on a citizen of this number."""
    report = REPORTS[NIGHT].model_copy(update={"report_id": uuid4()})
    exposed = report.exposed.model_copy(update={"cpr": cpr, **also})
    persons = tuple(exposed if p.id == exposed.id else p for p in report.persons)
    return report.model_copy(update={"persons": persons})


def candidates(world: World, case: UUID) -> list[UUID]:
    return world.parts.queries.candidates(CASEWORKER, world.case(case), "intake")


def change(world: World, case: UUID, cpr: str = NEW) -> None:
    world.parts.hub.change_cpr_number(world.command(TOVHOLDER), case, cpr, is_replacement=False)


def test_a_new_number_finds_the_old_case_and_the_former_one_still_does(world: World) -> None:
    case = world.open_case()
    later = world.report(report=reported_with(NEW))
    assert candidates(world, later) == candidates(world, case) == []
    change(world, case)
    assert world.case(case).cpr_numbers == {FORMER, NEW}
    former = world.report()
    assert candidates(world, later) == [case]
    assert set(candidates(world, case)) == {later, former}
    assert candidates(world, former) == [case]


def test_the_new_number_is_told_as_identity_and_as_nothing_else(world: World) -> None:
    case = world.open_case()
    world.consent(case, [NGO], [Category.IDENTITY])
    change(world, case)
    told = world.told(NGO)[-1]
    assert told.head.kind is MessageKind.CPR_NUMBER_CHANGED
    assert [(p.category, p.data) for p in told.parts.values()] == [(Category.IDENTITY, {"cpr": NEW})]


def test_a_number_that_is_known_already_is_a_conflict(town: Api) -> None:
    case = town.world.open_case()
    tove, path = town.login("tove", UNIT, Role.TOVHOLDER), f"/v1/cases/{case}/cpr-number"
    assert tove.post(path, {"cpr": f"{NEW[:6]}-{NEW[6:]}"}).status_code == 201
    assert [tove.post(path, {"cpr": cpr}).status_code for cpr in (NEW, FORMER)] == [409, 409]
    assert pointers(tove.post(path, {"cpr": "3202912006"})) == ["/cpr"]


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Api]:
    """Give the API over a municipality whose clock is near the real one."""
    with closing(World.built(tmp_path / "hub", clock=clock_now())) as world:
        yield Api(world)


def taken_in_production(world: World, report: SocialReport) -> None:
    parts = world.parts
    inbound = Inbound(
        hub=parts.hub,
        store=parts.app.store,
        identity=parts.identity,
        municipality=MUNICIPALITY,
        former_keys=parts.committer.former_keys,
        production=True,
        clock=parts.clock,
        new_id=parts.new_id,
    )
    inbound.report(Actor(POLICE, "Betjent", "reporter", POLICE), report)


def without_other_numbers(report: SocialReport) -> SocialReport:
    persons = [p if p.id == report.exposed.id else p.model_copy(update={"cpr": None}) for p in report.persons]
    return report.model_copy(update={"persons": tuple(persons)})


def test_a_test_number_is_refused_in_production_and_a_replacement_number_is_taken(world: World) -> None:
    before = world.log()
    with pytest.raises(Invalid, match="test number") as refused:
        taken_in_production(world, without_other_numbers(reported_with(REPLACEMENT)))
    assert refused.value.field == "/persons/0/cpr"
    assert REPLACEMENT not in str(refused.value)
    assert world.log() == before
    taken_in_production(world, without_other_numbers(reported_with(NEW)))
    taken_in_production(world, without_other_numbers(reported_with(REPLACEMENT, cpr_is_replacement=True)))
    assert len(world.facts(ReportReceived)) == 2


def test_a_new_number_in_production_is_no_test_number_either(town: Api) -> None:
    case = town.world.open_case()
    town.app.state.services = replace(town.app.state.services, production=True)
    tove, path = town.login("tove", UNIT, Role.TOVHOLDER), f"/v1/cases/{case}/cpr-number"
    refused = tove.post(path, {"cpr": REPLACEMENT})
    assert (refused.status_code, pointers(refused)) == (422, ["/cpr"])
    assert tove.post(path, {"cpr": REPLACEMENT, "is_replacement": True}).status_code == 201


def test_a_corrected_number_in_production_is_no_test_number_either(town: Api) -> None:
    case = town.world.open_case()
    message, part = town.world.shown(case, "contents.identity")
    town.app.state.services = replace(town.app.state.services, production=True)
    tove, path = town.login("tove", UNIT, Role.TOVHOLDER), f"/v1/cases/{case}/corrections"
    asked = {
        "message": str(message),
        "part": part,
        "reason": "Forkert nummer",
        "instead": {"cpr": REPLACEMENT},
    }
    refused = tove.post(path, asked)
    assert (refused.status_code, pointers(refused)) == (422, ["/instead/cpr"])
    assert REPLACEMENT not in refused.text
    asked["instead"] = {"cpr": REPLACEMENT, "cpr_is_replacement": True}
    assert tove.post(path, asked).status_code == 201


def test_a_number_that_was_wrong_finds_the_case_no_more_and_one_that_was_changed_still_does(
    world: World,
) -> None:
    """Wrong is another citizen: whoever has that number must not be led here."""
    case = world.open_case()
    wrong, right = world.report(), world.report(report=reported_with(REPLACEMENT))
    change(world, case)
    assert candidates(world, wrong) == [case]
    world.correct(case, "contents.identity", {"cpr": REPLACEMENT, "cpr_is_replacement": True})
    assert candidates(world, wrong) == []
    assert candidates(world, right) == [case]
    assert world.case(case).cpr_numbers == {REPLACEMENT, NEW}
    assert candidates(world, world.report(report=reported_with(NEW))) == [case], "it was changed, and is hers"


def test_a_number_that_stands_in_another_report_of_the_case_still_finds_it(world: World) -> None:
    case = world.open_case()
    world.supplement(world.report_of(case))
    world.correct(case, "contents.identity", {"cpr": NEW})
    assert candidates(world, world.report()) == [case]


def test_the_number_of_a_report_that_was_taken_back_finds_nothing(world: World) -> None:
    case = world.report()
    other = world.report()
    assert candidates(world, other) == [case]
    world.retract(world.report_of(case))
    assert candidates(world, other) == []


def test_a_wrong_number_of_another_person_is_taken_out_of_the_index_too(world: World) -> None:
    """Under that person's role alone: the same number as the exposed person's is another matter."""
    report = REPORTS[NIGHT].model_copy(update={"report_id": uuid4()})
    persons = tuple(
        p.model_copy(update={"cpr": NEW}) if p.role is PersonRole.PERPETRATOR else p for p in report.persons
    )
    case = world.report(report=report.model_copy(update={"persons": persons}))
    store, blind = world.parts.app.store, world.parts.committer.blind
    assert store.cases_of(blind(PersonRole.PERPETRATOR, NEW)) == [case]
    (person,) = {e.content.about for e in world.case(case).entries if e.content.data.get("cpr") == NEW}
    field = next(e.content.field for e in world.case(case).entries if e.content.data.get("cpr") == NEW)
    assert str(person) in field
    world.correct(case, field, {"cpr": REPLACEMENT, "cpr_is_replacement": True}, by=CASEWORKER)
    assert store.cases_of(blind(PersonRole.PERPETRATOR, NEW)) == []
    assert store.cases_of(blind(PersonRole.PERPETRATOR, REPLACEMENT)) == [case]
    assert store.cases_of(blind(PersonRole.EXPOSED, FORMER)) == [case]
