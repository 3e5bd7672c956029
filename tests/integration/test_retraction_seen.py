"""That a report was taken back waits until a named person has seen what was built on it, on both stores."""

from contextlib import closing
from pathlib import Path
from typing import Any
from unittest.mock import patch
from uuid import UUID

from contracts.message_v1 import Receipt, ReceiptStatus
from hub.adapters.http.access import Role
from hub.aggregates.base import Actor
from hub.aggregates.receipts import RetractionSeen
from tests.integration.test_staff import page
from tests.support.api import Api, clock_now
from tests.world import CASEWORKER, HOSPITAL, POLICE, SAME_WOMAN, TOVHOLDER, UNIT, World

BACK, REPORT, ADDED = "report_retracted", "report_received", "report_supplemented"


def waiting(world: World, by: Actor = CASEWORKER) -> list[tuple[UUID | None, str | None, bool | None]]:
    """What stands in the intake inbox: the case, the kind, and whether a named person has read it."""
    world.project()
    return [(w.case_id, w.row.clear["kind"], w.read) for w in world.parts.queries.inbox(by)]


def looks(world: World, case: UUID, by: Actor = TOVHOLDER) -> None:
    """Somebody opens the timeline."""
    world.project()
    assert world.parts.queries.timeline(by, world.case(case), "coordination")


def test_after_the_case_was_opened_it_waits_until_its_coordinator_has_seen_it(world: World) -> None:
    case = world.open_case()
    looks(world, case)
    assert waiting(world) == []
    world.retract(world.report_of(case))
    assert waiting(world) == [(case, BACK, False)], "that the report was read says nothing of this"
    world.parts.queries.disclosures(TOVHOLDER, world.case(case), "coordination")
    assert waiting(world) == [(case, BACK, False)], "another look is none at this"
    version = world.case(case).version
    looks(world, case)
    looks(world, case)
    assert waiting(world) == []
    (seen,) = world.facts(RetractionSeen)
    assert (seen.by.person, seen.case_id, seen.report_id) == ("tove", case, world.report_of(case))
    assert world.case(case).version == version, "to see it moves no version"


def test_its_reporter_is_not_told_that_it_was_seen(world: World) -> None:
    case = world.open_case()
    world.retract(world.report_of(case))
    looks(world, case)
    told = [c.status for c in world.controls_of(POLICE) if isinstance(c, Receipt)]
    assert told[-1] is ReceiptStatus.READ, "the report, as any other"
    looks(world, case)
    assert [c.status for c in world.controls_of(POLICE) if isinstance(c, Receipt)] == told


def test_in_a_matched_inquiry_it_is_seen_on_the_timeline_of_its_case(world: World) -> None:
    case, inquiry = world.open_case(), world.report(SAME_WOMAN)
    world.match(case, inquiry)
    world.retract(world.report_of(inquiry), reporter=HOSPITAL)
    assert waiting(world) == [(inquiry, BACK, False)]
    looks(world, case)
    assert waiting(world) == []


def test_of_a_report_that_rests_it_waits_too(world: World) -> None:
    inquiry = world.report()
    world.set_aside(inquiry)
    world.retract(world.report_of(inquiry))
    assert waiting(world) == [(inquiry, BACK, False)]
    looks(world, inquiry, CASEWORKER)
    assert waiting(world) == []


def test_before_anything_was_decided_seeing_it_decides_nothing(world: World) -> None:
    """Read is not acted on: both leave when a person decides."""
    inquiry = world.report()
    world.retract(world.report_of(inquiry))
    assert waiting(world) == [(inquiry, REPORT, False), (inquiry, BACK, False)]
    looks(world, inquiry, CASEWORKER)
    assert waiting(world) == [(inquiry, REPORT, True), (inquiry, BACK, True)]
    world.set_aside(inquiry)
    assert waiting(world) == []


def test_what_could_not_be_recorded_as_seen_is_shown_and_waits_on(world: World) -> None:
    case = world.open_case()
    looks(world, case)
    world.retract(world.report_of(case))

    def broken(*_: Any) -> Any:
        raise OSError("no space left")

    with patch.object(world.parts.committer, "commit", broken):
        looks(world, case)
    assert waiting(world) == [(case, BACK, False)]
    looks(world, case)
    assert waiting(world) == []


def test_what_was_added_is_taken_back_with_its_report_and_waits_no_more_by_itself(world: World) -> None:
    """Its text stands no longer, so nobody could let it pass."""
    case = world.open_case()
    world.supplement(world.report_of(case))
    assert waiting(world) == [(case, ADDED, False)]
    world.retract(world.report_of(case))
    assert waiting(world) == [(case, BACK, False)]
    looks(world, case)
    assert waiting(world) == []


def test_what_was_added_can_be_taken_back_alone(world: World) -> None:
    case = world.open_case()
    added = world.supplement(world.report_of(case))
    other = world.supplement(world.report_of(case))
    world.retract(added)
    assert waiting(world) == [(case, ADDED, False), (case, BACK, False)]
    looks(world, case)
    assert waiting(world) == [(case, ADDED, True)]
    (stands,) = [r.clear["report"] for r in (w.row for w in world.parts.queries.inbox(CASEWORKER))]
    assert stands == str(other)


def test_who_is_blocked_from_the_case_is_not_told_that_it_waits(world: World) -> None:
    case = world.open_case()
    world.retract(world.report_of(case))
    world.parts.hub.block_person(
        world.command(Actor("lene", "Lene Leder", "programme_lead", UNIT)),
        case,
        organisation=UNIT,
        person=CASEWORKER.person,
        name=CASEWORKER.name,
        reason="Søster til en part",
    )
    assert waiting(world) == []
    assert waiting(world, TOVHOLDER) == [(case, BACK, False)]


def test_the_page_says_what_waits_and_opens_it_for_who_may(tmp_path: Path, store_url: str) -> None:
    """For the case's tovholder a link, for everybody else of the unit that it is hers; in both languages."""
    with closing(World.built(tmp_path / "hub", store_url, clock=clock_now())) as world:
        town, case = Api(world), world.open_case()
        world.retract(world.report_of(case))
        world.project()
        tove, inge = town.login("tove", UNIT, Role.TOVHOLDER), town.login("inge", UNIT, Role.CASEWORKER)
        shown, hidden = page(tove, "/").text, page(inge, "/").text
        for text in (shown, hidden):
            assert "Socialrapport trukket tilbage" in text
            assert "Se, hvad der bygger på den." in text
            assert "Endnu ikke læst af et menneske." in text
        assert f'href="/cases/{case}?purpose=intake"' in shown
        assert str(case) not in hidden
        assert "Åbnes af sagens tovholder" in hidden
        assert inge.get("/v1/inbox").json()["waiting"][0]["read_by_a_person"] is False
        cookie = {"Cookie": f"tvaers_session={tove.token}", "Accept-Language": "en"}
        english = tove.client.get("/", headers=cookie).text
        assert "Social report taken back" in english
        page(tove, f"/cases/{case}?purpose=coordination")
        assert "Socialrapport trukket tilbage" not in page(tove, "/").text
