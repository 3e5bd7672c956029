"""Exposed in one case and perpetrator in another: for the programme lead alone, on both stores."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from unittest.mock import patch
from uuid import UUID

import pytest

from hub.adapters.http.access import Role
from hub.aggregates.look import Looked, LookRecorded
from hub.errors import Unavailable
from tests.integration.test_staff import LEAD, block
from tests.support.api import Api, Caller, clock_now, pointers
from tests.world import HOSPITAL, NIGHT, OPERATOR, SAME_WOMAN, UNIT, World

HE_IS_EXPOSED = "skadestue-mand-slaaet-af-sin-bror"
"""Who is told to have hit her in the night was hit by his brother."""
ELDERLY = "skadestue-aeldre-mand-slaaet-af-voksen-soen"


@pytest.fixture
def town(tmp_path: Path, store_url: str) -> Iterator[Api]:
    """Give the API over a municipality whose clock is near the real one."""
    with closing(World.built(tmp_path / "hub", store_url, clock=clock_now())) as world:
        yield Api(world)


def lene(town: Api) -> Caller:
    return town.login("lene", UNIT, Role.PROGRAMME_LEAD)


def asked(town: Api, case: UUID) -> Any:
    answer = lene(town).get(f"/v1/cases/{case}/other-roles", "safety")
    assert answer.status_code == 200, answer.text
    return answer.json()["cases"]


def line(case: UUID, here: str, there: str, number: str | None = None) -> dict[str, object]:
    return {"case": str(case), "number": number, "role_here": here, "role_there": there}


def looks(town: Api) -> list[tuple[UUID, str]]:
    return [(look.case_id, look.what) for look in town.world.facts(LookRecorded)]


def test_the_programme_lead_is_told_which_case_and_in_which_role_and_no_more(town: Api) -> None:
    case, other = town.world.open_case(), town.world.report(HE_IS_EXPOSED)
    number = town.world.case(case).number
    assert asked(town, case) == [line(other, "perpetrator", "exposed")]
    assert asked(town, other) == [line(case, "exposed", "perpetrator", number)]


def test_to_nobody_else_is_there_a_link(town: Api) -> None:
    """Least of all to who coordinates one of the two, and her case says nothing that could tell."""
    case, other = town.world.open_case(), town.world.report(HE_IS_EXPOSED)
    asked(town, case)
    tove = town.login("tove", UNIT, Role.TOVHOLDER)
    assert tove.get(f"/v1/cases/{case}/other-roles", "safety").status_code == 404
    inge = town.login("inge", UNIT, Role.CASEWORKER)
    assert inge.get(f"/v1/cases/{other}/other-roles", "safety").status_code == 404
    assert inge.post(f"/v1/cases/{other}/candidates", purpose="intake").json() == {"cases": []}
    assert tove.post(f"/v1/cases/{case}/candidates", purpose="intake").json() == {"cases": []}


def test_the_look_is_on_record_in_both_and_in_the_other_one_tells_of_no_link(town: Api) -> None:
    case, other = town.world.open_case(), town.world.report(HE_IS_EXPOSED)
    asked(town, case)
    assert looks(town) == [(case, Looked.OTHER_ROLES), (other, Looked.CASE)]
    for_nothing = town.world.report("skadestue-kvaelning-bevidstloes-livsfare")
    assert asked(town, for_nothing) == []
    assert looks(town)[2:] == [(for_nothing, Looked.OTHER_ROLES)], "whatever was found"


def test_without_a_purpose_nothing_is_told_and_nobody_looked(town: Api) -> None:
    case = town.world.open_case()
    town.world.report(HE_IS_EXPOSED)
    answer = lene(town).get(f"/v1/cases/{case}/other-roles")
    assert (answer.status_code, pointers(answer)) == (422, ["Hub-Purpose"])
    assert looks(town) == []


def test_when_the_look_cannot_be_recorded_there_nothing_is_told(town: Api) -> None:
    """Here it is on record by then; the answer is not given."""
    case, other = town.world.open_case(), town.world.report(HE_IS_EXPOSED)
    look = town.world.parts.opener.look

    def failing(by: Any, owner: str, of: UUID, *rest: Any) -> Any:
        if of == other:
            raise Unavailable("the disk is away: ask again later")
        return look(by, owner, of, *rest)

    with patch.object(town.world.parts.opener, "look", failing):
        answer = lene(town).get(f"/v1/cases/{case}/other-roles", "safety")
    assert answer.status_code == 503
    assert str(other) not in answer.text
    assert looks(town) == [(case, Looked.OTHER_ROLES)]


def test_a_lead_who_is_close_to_a_party_of_either_is_told_nothing(town: Api) -> None:
    """Of the other case not even that it is there; its look list stays as it was."""
    case, other = town.world.open_case(), town.world.report(HE_IS_EXPOSED)
    block(town.world, other, LEAD)
    assert asked(town, case) == []
    assert looks(town) == [(case, Looked.OTHER_ROLES)]
    assert lene(town).get(f"/v1/cases/{other}/other-roles", "safety").status_code == 404
    town.world.parts.hub.stop_person(town.world.command(OPERATOR), UNIT, "lene", "Har sagt op")
    assert lene(town).get(f"/v1/cases/{case}/other-roles", "safety").status_code == 403


def test_a_matched_inquiry_stands_as_its_case_once_and_asks_as_its_case(town: Api) -> None:
    world = town.world
    case, inquiry = world.open_case(), world.report(SAME_WOMAN)
    world.match(case, inquiry)
    his, again = world.open_case(HE_IS_EXPOSED), world.report(HE_IS_EXPOSED)
    world.match(his, again)
    number = world.case(his).number
    for one in (case, inquiry):
        assert asked(town, one) == [line(his, "perpetrator", "exposed", number)]
    block(world, again, LEAD)
    assert asked(town, case) == [], "who is blocked from the inquiry is blocked from its case"


def test_the_same_role_twice_is_no_other_role(town: Api) -> None:
    """Two women whom he hit, and two reports on one woman."""
    case = town.world.open_case()
    town.world.report(SAME_WOMAN)
    town.world.report(NIGHT)
    assert asked(town, case) == []


def test_what_was_taken_back_or_erased_links_nothing(town: Api) -> None:
    world = town.world
    case, other = world.open_case(), world.report(HE_IS_EXPOSED)
    (perpetrator,) = {one for one in world.case(case).persons if role_of(world, case, one) == "perpetrator"}
    world.retract(world.report_of(other), reporter=HOSPITAL)
    assert asked(town, case) == []
    third = world.report(HE_IS_EXPOSED)
    assert [one["case"] for one in asked(town, case)] == [str(third)]
    world.parts.app.keys.destroy(perpetrator)
    assert asked(town, case) == asked(town, third) == []


def test_a_corrected_number_links_and_the_wrong_one_no_more(town: Api) -> None:
    world = town.world
    case, other, wrong = world.open_case(), world.report(ELDERLY), world.report(HE_IS_EXPOSED)
    (perpetrator,) = {one for one in world.case(case).persons if role_of(world, case, one) == "perpetrator"}
    (number,) = world.case(other).cpr_numbers
    assert [one["case"] for one in asked(town, case)] == [str(wrong)]
    world.correct(case, f"others.{perpetrator}.other_persons", {"cpr": number})
    assert asked(town, case) == [line(other, "perpetrator", "exposed")]
    assert [one["case"] for one in asked(town, other)] == [str(case)]
    assert asked(town, wrong) == []


def role_of(world: World, case: UUID, person: UUID) -> str:
    return str(next(e.content.data["role"] for e in world.case(case).entries if e.content.about == person))
