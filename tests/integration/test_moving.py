"""A case moves with its citizen, through the same gate: who is told what, who answers, who learns nothing."""

from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest

from contracts.inbound_v1 import Inbound, MoveAnswer, Person
from contracts.message_v1 import Revoked
from contracts.terms import (
    Category,
    Escalation,
    MessageKind,
    MoveRefusal,
    MoveStatus,
    OrganisationKind,
    ReferralStatus,
    SafetyLevel,
)
from hub.adapters.broker.embedded import EmbeddedBroker
from hub.adapters.http.access import Role
from hub.aggregates.base import Actor
from hub.aggregates.citizen_case.events import CaseEscalated, CaseMoved, MoveDeclined
from hub.aggregates.citizen_case.values import CaseState
from hub.errors import IllegalTransition, Invalid, Missing, NoGrant
from hub.operating.working import fire_timers
from tests.support.api import Api, clock_now
from tests.support.carrying import carried
from tests.world import NGO, POLICE, SHELTER, TOVHOLDER, UNIT, World, at

NEXT = "nabokommunen"
NANNA = at(NEXT, "nanna")
TOLD = (Category.COORDINATION, Category.RISK)


@pytest.fixture
def world(tmp_path: Path, store_url: str) -> Iterator[World]:
    """Give a municipality with its neighbour, at the time of the test."""
    with closing(World.built(tmp_path / "hub", store_url, clock=clock_now())) as world:
        world.register(NEXT, OrganisationKind.MUNICIPAL_UNIT)
        for slug in (UNIT, NEXT):
            world.identities[slug].save(tmp_path / "hub" / "keys" / "recipients" / slug)
        yield world


@pytest.fixture
def case(world: World) -> UUID:
    """Give an open case with a risk level, of which the NGO and the neighbour may know some."""
    case = world.open_case()
    world.level(case, SafetyLevel.HIGH)
    world.consent(case, [NGO], [Category.COORDINATION, Category.REFERRAL])
    return case


def ask(world: World, case: UUID, days: int = 7) -> UUID:
    answer = world.parts.hub.request_move(
        world.command(TOVHOLDER),
        case,
        recipient=NEXT,
        answer_by=world.clock() + timedelta(days=days),
    )
    return UUID(answer.ids["move"])


def answer(world: World, case: UUID, move: UUID, status: MoveStatus, by: Actor = NANNA) -> None:
    world.parts.hub.answer_move(world.command(by), world.thread(case, by.organisation), move, status, None)


def test_the_next_municipality_is_told_what_the_basis_covers_and_that_it_is_asked(
    world: World, case: UUID
) -> None:
    with pytest.raises(NoGrant):
        ask(world, case)
    world.consent(case, [NEXT], TOLD)
    assert world.told_categories(NEXT) == set(TOLD)

    move = ask(world, case)

    last = world.told(NEXT)[-1]
    assert last.head.kind is MessageKind.CASE_MOVE_REQUESTED
    assert last.head.refs == {"move": move}
    assert last.head.deadline == world.clock() + timedelta(days=7)
    assert world.told_categories(NEXT) == set(TOLD)
    assert world.case(case).state is CaseState.OPEN


def test_where_she_moves_to_is_told_to_nobody_else(world: World, case: UUID) -> None:
    """Not to an organisation that may know of the case, nor as present state to one that may later."""
    world.consent(case, [NEXT], TOLD)
    before = len(world.messages_of(NGO))
    answer(world, case, ask(world, case), MoveStatus.ACCEPTED)
    assert len(world.messages_of(NGO)) == before

    world.legal_basis(case, [SHELTER], [Category.COORDINATION])

    for who in (NGO, SHELTER):
        said = [part.data for told in world.told(who) for part in told.parts.values()]
        assert said
        assert NEXT not in str(said)
        assert "moved" not in str(said)


def test_once_it_accepts_we_keep_the_case_no_longer_and_are_told_so(world: World, case: UUID) -> None:
    world.consent(case, [NEXT], TOLD)

    answer(world, case, ask(world, case), MoveStatus.ACCEPTED)

    assert world.case(case).state is CaseState.MOVED
    assert world.told(UNIT)[-1].head.kind is MessageKind.CASE_MOVED
    with pytest.raises(IllegalTransition):
        world.level(case, SafetyLevel.ACUTE)
    with pytest.raises(IllegalTransition):
        world.consent(case, [NGO], [Category.RISK])


def test_after_the_move_her_no_an_emergency_and_an_offers_answer_are_heard(world: World, case: UUID) -> None:
    consent = world.consent(case, [NEXT], TOLD)
    referral = world.refer(case)
    answer(world, case, ask(world, case), MoveStatus.ACCEPTED)

    world.parts.hub.answer_referral(
        world.command(at(NGO)), world.thread(case, NGO), referral, ReferralStatus.ACCEPTED, None
    )
    world.legal_basis(case, [POLICE], [Category.RISK])
    world.withdraw(case, consent)

    assert world.told_categories(POLICE) == {Category.RISK}
    assert world.told(NEXT) == []
    assert isinstance(world.controls_of(NEXT)[-1], Revoked)
    assert world.told(NGO), "what she consented to for others is not withdrawn by a move"


def test_her_no_before_the_answer_takes_the_question_back(world: World, case: UUID) -> None:
    consent = world.consent(case, [NEXT], TOLD)
    move = ask(world, case)
    world.withdraw(case, consent)
    with pytest.raises(NoGrant):
        answer(world, case, move, MoveStatus.ACCEPTED)
    assert world.case(case).state is CaseState.OPEN


def test_nobody_but_the_municipality_that_was_asked_answers(world: World, case: UUID) -> None:
    world.consent(case, [NEXT], TOLD)
    move = ask(world, case)
    for by in (at(NGO), at(SHELTER)):
        with pytest.raises(Missing):
            answer(world, case, move, MoveStatus.ACCEPTED, by=by)
    assert world.facts(CaseMoved) == []


def test_an_organisation_that_is_no_municipality_is_not_asked(world: World, case: UUID) -> None:
    for who, error in ((NGO, Invalid), (UNIT, Invalid), ("ukendt", Missing)):
        with pytest.raises(error):
            world.parts.hub.request_move(
                world.command(TOVHOLDER),
                case,
                recipient=who,
                answer_by=world.clock() + timedelta(days=1),
            )


def test_what_it_sends_by_topic_is_taken_in_once(world: World, case: UUID) -> None:
    world.consent(case, [NEXT], TOLD)
    move = ask(world, case)
    said = MoveAnswer(
        thread=world.thread(case, NEXT),
        move=move,
        status=MoveStatus.DECLINED,
        reason=MoveRefusal.DOES_NOT_LIVE_HERE,
        by=Person(person="nanna", name="Nanna Nabo"),
        at=world.clock(),
    )

    for _ in range(2):
        world.send(NEXT, Inbound.of(said), message_id=move)

    (declined,) = world.facts(MoveDeclined)
    assert (declined.reason, declined.by.name) == (MoveRefusal.DOES_NOT_LIVE_HERE, "Nanna Nabo")
    assert world.case(case).state is CaseState.OPEN


def test_a_move_that_nobody_answers_comes_back_to_the_unit_alone(world: World, case: UUID) -> None:
    world.consent(case, [NEXT], TOLD)
    move = ask(world, case, days=1)
    sent = {who: len(world.stored(who)) for who in (NEXT, NGO)}
    world.clock.move(timedelta(days=1))

    fire_timers(world.parts)
    fire_timers(world.parts)

    escalated = [e.of for e in world.facts(CaseEscalated) if e.what is Escalation.MOVE_UNANSWERED]
    assert escalated == [move]
    assert {who: len(world.stored(who)) for who in (NEXT, NGO)} == sent


def test_over_http_from_the_question_to_the_answer(world: World, case: UUID, tmp_path: Path) -> None:
    api = Api(world)
    world.consent(case, [NEXT], TOLD)
    tove = api.login("tove", UNIT, Role.TOVHOLDER)
    nanna = api.login("nanna", NEXT, Role.PARTNER_STAFF)
    wanted = {"recipient": NEXT, "answer_by": (world.clock() + timedelta(days=7)).isoformat()}

    asked = tove.post(f"/v1/cases/{case}/move", wanted)
    _neighbour_reads(world, tmp_path)
    (shown,) = nanna.get("/v1/moves").json()["moves"]
    path = f"/v1/threads/{shown['thread']}/moves/{shown['move']}/answers"
    refused = nanna.post(path, {"status": "declined"})
    taken = nanna.post(path, {"status": "accepted"})
    cancelled = tove.post(f"/v1/cases/{case}/move/{asked.json()['move']}/cancellation")

    assert asked.status_code == 201
    assert (shown["kind"], shown["move"]) == ("case_move_requested", asked.json()["move"])
    assert (refused.status_code, taken.status_code) == (422, 201)
    assert cancelled.status_code == 409
    assert tove.get(f"/v1/cases/{case}/timeline", "coordination").json()["state"] == "moved"


def _neighbour_reads(world: World, folder: Path) -> None:
    """The neighbour's read model, kept by the same hub here, is brought up."""
    with closing(EmbeddedBroker(folder / "neighbour.db")) as broker:
        slugs = [row.slug for row in world.parts.app.store.partners()]
        broker.create_topics(world.parts.outgoing.topics(slugs), 7)
        carried(world, broker)
        with closing(world.parts.projector(broker, NEXT)) as projector:
            while projector.step(200, 0):
                pass
