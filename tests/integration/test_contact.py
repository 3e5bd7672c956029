"""A no, a report set aside, a case closed and reopened: what is told, what ends, and what waits."""

from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from contracts.message_v1 import Revoked
from contracts.terms import Category, MessageKind, ReferralStatus
from hub.adapters.broker.embedded import EmbeddedBroker
from hub.adapters.http.access import Role
from hub.aggregates.citizen_case.values import CaseState
from tests.support.api import Api, clock_now
from tests.support.carrying import carried
from tests.world import NGO, TOVHOLDER, UNIT, World, at

HALF_A_YEAR = timedelta(days=180)


@pytest.fixture
def world(tmp_path: Path, store_url: str) -> Iterator[World]:
    """Give a municipality that keeps the unit's read models, at the time of the test."""
    with closing(World.built(tmp_path / "hub", store_url, clock=clock_now())) as world:
        world.identities[UNIT].save(tmp_path / "hub" / "keys" / "recipients" / UNIT)
        yield world


def test_what_a_person_decided_leaves_the_inbox_and_comes_back_when_it_is_reopened(
    world: World, broker: EmbeddedBroker
) -> None:
    """Set aside, or her no: neither is lost, and looking at either changes nothing."""
    aside, declined, waits = (world.report() for _ in range(3))
    world.set_aside(aside)
    world.decline(declined)
    carried(world, broker)
    assert [w.case_id for w in world.parts.queries.inbox(UNIT)] == [waits]

    world.reopen(declined)
    carried(world, broker)
    assert [w.case_id for w in world.parts.queries.inbox(UNIT)] == [declined, waits]

    world.reopen(aside)
    carried(world, broker)
    assert [w.case_id for w in world.parts.queries.inbox(UNIT)] == [aside, declined, waits]


def test_a_no_heard_in_a_matched_inquiry_hides_it_from_nobody_when_the_match_was_wrong(
    world: World, broker: EmbeddedBroker
) -> None:
    """It was another woman's report: it waits again."""
    case, inquiry = world.open_case(), world.report()
    world.match(case, inquiry)
    world.decline(inquiry)
    world.unmatch(case, inquiry)
    carried(world, broker)
    assert [w.case_id for w in world.parts.queries.inbox(UNIT)] == [inquiry]


def test_without_a_follow_up_a_closed_case_revokes_what_its_consents_told(world: World) -> None:
    """And tells nothing new: not that it is closed, nor what is recorded afterwards."""
    case = world.open_case()
    world.consent(case, categories=(Category.INCIDENT, Category.COORDINATION))
    told = [m.message_id for m in world.messages_of(NGO)]
    assert world.told(NGO)

    world.close_case(case)

    assert world.told(NGO) == []
    assert [m.message_id for m in world.messages_of(NGO)] == told
    (revoked,) = (c for c in world.controls_of(NGO) if isinstance(c, Revoked))
    assert list(revoked.messages) == told

    world.reopen(case)
    assert [m.message_id for m in world.messages_of(NGO)] == told


def test_under_a_follow_up_the_recipient_is_told_that_the_case_is_closed_and_may_go_on(world: World) -> None:
    """A referral that was named goes on, and what its offer answers is heard."""
    case = world.open_case()
    world.consent(case, categories=(Category.REFERRAL, Category.COORDINATION))
    referral = world.refer(case)
    world.parts.hub.answer_referral(
        world.command(at(NGO)), world.thread(case, NGO), referral, ReferralStatus.ACCEPTED, None
    )

    world.close_case(case, HALF_A_YEAR, [referral])

    last = world.told(NGO)[-1]
    assert last.head.kind is MessageKind.CASE_CLOSED
    assert [p.data for p in last.parts.values()] == [{"state": "closed"}]
    for status in (ReferralStatus.IN_PROGRESS, ReferralStatus.COMPLETED):
        world.parts.hub.answer_referral(
            world.command(at(NGO)), world.thread(case, NGO), referral, status, None
        )
    assert world.case(case).referrals[referral].status is ReferralStatus.COMPLETED


def test_why_and_how_a_case_ended_is_told_to_the_owning_unit_alone(world: World) -> None:
    case = world.open_case()
    world.consent(case, categories=tuple(Category))
    world.close_case(case, HALF_A_YEAR)
    world.read_free_text(case, world.case(case).version)
    assert "conversation" not in str([p.data for t in world.told(NGO) for p in t.parts.values()])
    ours = [p.data for t in world.told(UNIT) for p in t.parts.values()]
    assert [d["conversation"] for d in ours if "conversation" in d] == ["held"]


def test_a_closed_case_stays_with_its_coordinator_and_is_reopened_by_api(world: World) -> None:
    api, case = Api(world), world.open_case()
    tove = api.login(TOVHOLDER.person, UNIT, Role.TOVHOLDER)
    inge = api.login("inge", UNIT, Role.CASEWORKER)
    ending = {
        "reason": "goals_reached",
        "summary": "Målene i planen er nået",
        "conversation": "held",
        "safety_level": "raised",
        "keeps_safe": "yes",
        "knows_where_to_turn": "yes",
    }
    world.answer_for_children(case)
    assert tove.post(f"/v1/cases/{case}/closing", ending).status_code == 201
    assert world.case(case).state is CaseState.CLOSED
    assert tove.get(f"/v1/cases/{case}/timeline", "coordination").json()["state"] == "closed"
    assert inge.get(f"/v1/cases/{case}/timeline", "coordination").status_code == 404

    refused = tove.post(f"/v1/cases/{case}/closing", ending)
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (409, "state")

    again = {"reason": "new_danger", "text": "Han er tilbage i lejligheden"}
    assert tove.post(f"/v1/cases/{case}/reopening", again).status_code == 201
    assert world.case(case).state is CaseState.OPEN


def test_everybody_of_the_unit_hears_her_no(world: World) -> None:
    api, case = Api(world), world.open_case()
    said = {"stays_possible": ["later_yes", "anonymous_advice"], "words": "Ikke nu, måske senere"}
    for role in (Role.CASEWORKER, Role.TOVHOLDER, Role.PROGRAMME_LEAD):
        someone = api.login(f"en-{role}", UNIT, role)
        assert someone.post(f"/v1/cases/{case}/declining", said).status_code == 201
