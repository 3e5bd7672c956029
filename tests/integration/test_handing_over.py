"""Handing a case over and standing in, over HTTP: who sees what, from when, until when."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest

from contracts.terms import Category, Escalation, MessageKind
from hub.adapters.broker.embedded import EmbeddedBroker
from hub.adapters.http.access import Role
from hub.aggregates.base import Actor
from hub.aggregates.citizen_case.events import CaseEscalated
from hub.aggregates.look import Looked, LookRecorded
from hub.operating.working import fire_timers
from tests.support.api import Api, Caller, clock_now
from tests.support.carrying import carried
from tests.world import NGO, UNIT, World

METTE = Actor("mette", "Mette Tovholder", "tovholder", UNIT)


@pytest.fixture
def world(tmp_path: Path, store_url: str) -> Iterator[World]:
    """Give a municipality that keeps the unit's read models, at the time of the test."""
    with closing(World.built(tmp_path / "hub", store_url, clock=clock_now())) as world:
        world.identities[UNIT].save(tmp_path / "hub" / "keys" / "recipients" / UNIT)
        yield world


@dataclass
class Office:
    """Mette has the case, Bo may be asked, Lea leads, Kim is another tovholder."""

    world: World
    broker: EmbeddedBroker
    case: UUID
    mette: Caller
    bo: Caller
    kim: Caller
    lea: Caller

    def sees(self, who: Caller) -> bool:
        answer = who.get(f"/v1/cases/{self.case}/timeline", "coordination")
        assert answer.status_code in (200, 404)
        return answer.status_code == 200

    def ask(self, by: Caller, days: int = 2) -> str:
        wanted = {"person": "bo", "name": "Bo", "reason": "absence", "accept_by": self.after(days)}
        answer = by.post(f"/v1/cases/{self.case}/hand-over", wanted)
        assert answer.status_code == 201, answer.text
        carried(self.world, self.broker)
        return str(answer.json()["hand_over"])

    def answer(self, by: Caller, hand_over: str, how: str = "acceptance") -> int:
        body = {"reason": "no_capacity"} if how == "declining" else None
        return by.post(f"/v1/cases/{self.case}/hand-over/{hand_over}/{how}", body).status_code

    def after(self, days: int) -> str:
        return (self.world.clock() + timedelta(days=days)).isoformat()


@pytest.fixture
def office(world: World, broker: EmbeddedBroker) -> Office:
    case, api = world.report(), Api(world)
    world.open(case)
    world.coordinator(case, METTE)
    carried(world, broker)
    mette, bo, kim = (api.login(name, UNIT, Role.TOVHOLDER) for name in ("mette", "bo", "kim"))
    return Office(world, broker, case, mette, bo, kim, api.login("lea", UNIT, Role.PROGRAMME_LEAD))


def test_until_acceptance_the_old_tovholder_has_the_case_and_then_the_new_one_at_the_next_request(
    office: Office,
) -> None:
    hand_over = office.ask(office.mette)
    assert (office.sees(office.mette), office.sees(office.bo)) == (True, False)

    assert office.answer(office.kim, hand_over) == 404
    assert office.answer(office.lea, hand_over) == 404
    assert office.answer(office.bo, hand_over) == 201

    assert (office.sees(office.mette), office.sees(office.bo)) == (False, True)
    assert office.answer(office.bo, hand_over) == 404


def test_a_case_that_was_taken_over_waits_for_another_once_who_took_it_is_stopped(office: Office) -> None:
    """The programme lead is told of it as of one that was given in the first place."""
    assert office.answer(office.bo, office.ask(office.mette)) == 201
    stop = {"organisation": UNIT, "person": "bo", "reason": "Nøglekort mistet"}
    assert office.lea.post("/v1/persons/stop", stop).status_code == 201
    waits = office.lea.get("/v1/unanswered-cases").json()["cases"]
    assert [one["case"] for one in waits] == [str(office.case)]


def own_cases(who: Caller) -> list[str]:
    found = who.get("/v1/own-cases", "coordination").json()
    assert found["damaged"] == 0
    return [one["case"] for one in found["cases"]]


def test_a_tovholder_lists_the_cases_that_are_hers_now_and_each_is_on_record(office: Office) -> None:
    """Given, taken over, or stood in for; not whom they are about. What was handed over is on no list."""
    office.world.report("politi-mand-haevnporno-tidligere-kaereste")
    before = len(office.world.facts(LookRecorded))
    (one,) = office.mette.get("/v1/own-cases", "coordination").json()["cases"]
    assert set(one) == {"case", "number", "state", "stands_in_until"}
    assert (one["case"], one["state"], one["stands_in_until"]) == (str(office.case), "open", None)
    looks = office.world.facts(LookRecorded)[before:]
    assert [(x.by.person, x.what, x.purpose, x.case_id) for x in looks] == [
        ("mette", Looked.WORKLIST, "coordination", office.case)
    ]
    assert (own_cases(office.bo), own_cases(office.kim)) == ([], [])

    until = office.world.clock() + timedelta(minutes=2)
    wanted = {"person": "kim", "name": "Kim", "ends_at": until.isoformat()}
    assert office.lea.post(f"/v1/cases/{office.case}/substitute", wanted).status_code == 201
    (one,) = office.kim.get("/v1/own-cases", "coordination").json()["cases"]
    assert one["stands_in_until"] == until.isoformat()
    office.world.clock.move(timedelta(minutes=3))
    assert own_cases(office.kim) == []

    assert office.answer(office.bo, office.ask(office.mette)) == 201
    assert (own_cases(office.mette), own_cases(office.bo)) == ([], [str(office.case)])
    block = {"organisation": UNIT, "person": "bo", "name": "Bo", "reason": "Nabo til en part"}
    assert office.lea.post(f"/v1/cases/{office.case}/blocks", block).status_code == 201
    assert own_cases(office.bo) == []


def test_who_is_asked_sees_the_request_and_nothing_of_the_case_and_that_look_is_on_record(
    office: Office,
) -> None:
    hand_over = office.ask(office.mette)

    shown = office.bo.get("/v1/hand-overs", "coordination").json()["waiting"]
    others = [
        who.get("/v1/hand-overs", "coordination").json()["waiting"] for who in (office.mette, office.kim)
    ]

    (one,) = shown
    assert set(one) == {"case", "number", "hand_over", "asked_by", "reason", "accept_by"}
    assert (one["case"], one["hand_over"], one["reason"]) == (str(office.case), hand_over, "absence")
    assert others == [[], []]
    look = office.world.facts(LookRecorded)[-1]
    assert (look.by.person, look.what, look.case_id) == ("bo", Looked.WORKLIST, office.case)


def test_a_declined_request_waits_no_longer_and_the_case_stays_where_it_was(office: Office) -> None:
    hand_over = office.ask(office.mette)
    assert office.answer(office.bo, hand_over, "declining") == 201
    carried(office.world, office.broker)

    assert office.bo.get("/v1/hand-overs", "coordination").json()["waiting"] == []
    assert (office.sees(office.mette), office.sees(office.bo)) == (True, False)


def test_the_programme_lead_names_a_substitute_at_once_and_both_act_until_its_end(office: Office) -> None:
    until = office.world.clock() + timedelta(minutes=2)
    wanted = {"person": "bo", "name": "Bo", "ends_at": until.isoformat()}
    path = f"/v1/cases/{office.case}/substitute"
    assert office.mette.post(path, wanted).status_code == 404
    assert office.kim.post(path, wanted).status_code == 404

    assert office.lea.post(path, wanted).status_code == 201

    assert (office.sees(office.mette), office.sees(office.bo)) == (True, True)
    inquiry = office.world.report()
    matched = office.bo.post(
        f"/v1/cases/{office.case}/matches", {"inquiry": str(inquiry), "reason": "Samme kvinde"}
    )
    assert matched.status_code == 201
    office.world.clock.now = until
    assert (office.sees(office.mette), office.sees(office.bo)) == (True, False)


def test_the_programme_lead_asks_another_where_the_tovholder_is_gone_or_names_one_at_once(
    office: Office,
) -> None:
    office.ask(office.lea)
    named = {"person": "kim", "name": "Kim"}
    assert office.lea.post(f"/v1/cases/{office.case}/coordinator", named).status_code == 201
    carried(office.world, office.broker)

    assert office.bo.get("/v1/hand-overs", "coordination").json()["waiting"] == []
    assert (office.sees(office.mette), office.sees(office.bo), office.sees(office.kim)) == (
        False,
        False,
        True,
    )


def test_what_nobody_accepts_comes_back_to_the_unit_and_partners_are_told_nothing_of_it(
    office: Office,
) -> None:
    """Who may know the tovholder is told the new one, and never that somebody was asked or said no."""
    world = office.world
    world.consent(office.case, [NGO], [Category.COORDINATION])
    before = len(world.messages_of(NGO))
    hand_over = office.ask(office.mette)
    world.clock.move(timedelta(days=2))
    fire_timers(world.parts)
    escalated = [e.of for e in world.facts(CaseEscalated) if e.what is Escalation.HAND_OVER_UNACCEPTED]
    assert escalated == [UUID(hand_over)]
    assert len(world.messages_of(NGO)) == before

    world.parts.hub.accept_hand_over(
        world.command(Actor("bo", "Bo", "tovholder", UNIT)), office.case, UUID(hand_over)
    )

    told = world.told(NGO)[before:]
    assert [t.head.kind for t in told] == [MessageKind.COORDINATOR_ASSIGNED]
    assert UUID(hand_over) not in {d.of for d in world.case(office.case).overdue()}
