"""A report that is not ours: forwarded once, opened there, and then erased here, on real stores."""

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import pytest

from contracts.inbound_v1 import Inbound, PurgeAnswer, PurgeOutcome
from contracts.message_v1 import Erased, Receipt, ReceiptStatus, Revoked
from contracts.terms import Category, MessageKind, OrganisationKind, Urgency
from hub.aggregates.base import Actor
from hub.aggregates.citizen_case.events import CaseErased, CaseEscalated, ReportReturned
from hub.aggregates.citizen_case.terms import ReviewFinding
from hub.aggregates.citizen_case.values import CaseState
from hub.aggregates.receipts import Forwarded
from hub.application.forwarding import LASTS
from hub.errors import Conflict, IllegalTransition, Invalid, Missing
from hub.operating.working import fire_timers
from tests.world import (
    CASEWORKER,
    CHILDREN,
    NGO,
    NIGHT,
    POLICE,
    SAME_WOMAN,
    UNIT,
    Told,
    World,
    at,
    is_blank,
    planted,
)
from tests.world import reporter as handed_over_by

C = Category
NEIGHBOUR = "nabokommunen"
LEAD = Actor("lise", "Lise Leder", "programme_lead", UNIT)
NO_CHILD = "skadestue-mand-slaaet-af-sin-bror"


@pytest.fixture
def inquiry(world: World) -> UUID:
    """Give a report that somebody has read, on a citizen of the municipality next door."""
    world.register(NEIGHBOUR, OrganisationKind.MUNICIPAL_UNIT)
    found = world.report(NO_CHILD)
    world.read_free_text(found)
    return found


def take_over(world: World) -> list[Told]:
    """The neighbour's system takes everything over that it can open."""
    told = world.told(NEIGHBOUR)
    for one in told:
        world.parts.opener.open(at(NEIGHBOUR), one.message_id, purpose="intake", taken_over=True)
    return told


def statuses(world: World, reporter: str) -> list[ReceiptStatus]:
    return [c.status for c in world.controls_of(reporter) if isinstance(c, Receipt)]


def reporter_of(world: World, case: UUID) -> str:
    return str(world.case(case).report(world.report_of(case)).reporter)


# --- forwarded ----------------------------------------------------------------------------------------


def test_the_municipality_responsible_is_told_all_that_may_travel_and_nobody_else_is(world: World) -> None:
    world.register(NEIGHBOUR, OrganisationKind.MUNICIPAL_UNIT)
    report = planted(NO_CHILD)
    case = world.report(report=report.report)
    world.read_free_text(case)
    world.forward(case, NEIGHBOUR)
    told = world.told(NEIGHBOUR)
    said = " ".join(str(p.data) for t in told for p in t.parts.values())
    assert [c for c in (*report.citizen, *report.others, *report.free_text) if c not in said] == []
    assert [c for c in report.could_kill if c in said] == [], "what could kill is told by telephone"
    assert world.stored(NGO) == []


def test_its_reporter_is_told_that_it_was_forwarded_and_not_to_whom(world: World, inquiry: UUID) -> None:
    reporter, report = reporter_of(world, inquiry), world.report_of(inquiry)
    world.forward(inquiry, NEIGHBOUR)
    assert statuses(world, reporter) == [ReceiptStatus.RECEIVED, ReceiptStatus.FORWARDED]
    assert NEIGHBOUR not in repr(world.controls_of(reporter))
    assert world.parts.queries.receipt(handed_over_by(reporter), report)["status"] == "forwarded"
    (record,) = world.facts(Forwarded)
    assert (record.report_id, record.recipient) == (report, NEIGHBOUR)


def test_it_leaves_the_inbox_and_nothing_else_is_done_with_it(world: World, inquiry: UUID) -> None:
    world.forward(inquiry, NEIGHBOUR)
    world.project()
    assert world.parts.queries.inbox(CASEWORKER) == []
    with pytest.raises(IllegalTransition):
        world.forward(inquiry, NEIGHBOUR)
    with pytest.raises(IllegalTransition):
        world.open(inquiry)


def test_what_its_reporter_adds_meanwhile_goes_along(world: World, inquiry: UUID) -> None:
    world.forward(inquiry, NEIGHBOUR)
    world.supplement(world.report_of(inquiry), NO_CHILD, reporter_of(world, inquiry))
    assert MessageKind.REPORT_SUPPLEMENTED in {t.head.kind for t in world.told(NEIGHBOUR)}


@pytest.mark.parametrize("recipient", [NGO, POLICE])
def test_nobody_but_a_municipality_is_forwarded_to(world: World, inquiry: UUID, recipient: str) -> None:
    with pytest.raises(Invalid):
        world.forward(inquiry, recipient)
    assert world.messages_of(recipient) == []


def test_what_could_not_be_sent_whole_is_not_forwarded(world: World, inquiry: UUID) -> None:
    world.register("halvkommunen", OrganisationKind.MUNICIPAL_UNIT, [C.IDENTITY, C.INCIDENT])
    with pytest.raises(Conflict):
        world.forward(inquiry, "halvkommunen")
    with pytest.raises(Conflict):
        world.forward(world.report(NO_CHILD), NEIGHBOUR)
    assert world.messages_of("halvkommunen") == world.messages_of(NEIGHBOUR) == []


def test_a_child_at_risk_is_answered_for_first(world: World, inquiry: UUID) -> None:
    other = world.report(NIGHT)
    world.read_free_text(other)
    with pytest.raises(Conflict):
        world.forward(other, NEIGHBOUR)
    assert world.messages_of(NEIGHBOUR) == []


# --- taken over, and erased -------------------------------------------------------------------------------


def test_what_was_sent_opens_until_it_is_taken_over_and_then_our_copy_is_erased(
    world: World, inquiry: UUID
) -> None:
    world.forward(inquiry, NEIGHBOUR)
    world.clock.move(timedelta(days=1))
    fire_timers(world.parts)
    assert world.told(NEIGHBOUR), "opened by a person and not taken over: it stays"
    fire_timers(world.parts)
    assert world.case(inquiry)
    told = take_over(world)
    assert {C.IDENTITY, C.INCIDENT, C.FREE_TEXT} <= {c for t in told for c in t.categories}
    fire_timers(world.parts)
    with pytest.raises(Missing):
        world.case(inquiry)
    assert world.told(NEIGHBOUR) == world.told(UNIT) == []
    for who in (NEIGHBOUR, UNIT):
        ids = [m.message_id for m in world.messages_of(who)]
        assert world.parts.opener.heads(at(who), ids) == {}
        for left in world.parts.outgoing.messages_of(who, 0, 0, 100):
            if left.message_id in ids:
                assert is_blank(world, who, left.value, left.message_id)


def test_who_took_it_over_keeps_it_and_everybody_else_is_asked_to_drop_it(
    world: World, inquiry: UUID
) -> None:
    world.consent(inquiry, [NGO], [C.INCIDENT])
    thread = world.thread(inquiry, NGO)
    world.forward(inquiry, NEIGHBOUR)
    take_over(world)
    fire_timers(world.parts)
    assert world.controls_of(NEIGHBOUR) == []
    (erased,) = [c for c in world.controls_of(NGO) if isinstance(c, Erased)]
    assert erased.messages == tuple(m.message_id for m in world.messages_of(NGO))
    assert [c for c in world.controls_of(NGO) if isinstance(c, Revoked)] == []
    assert world.told(NGO) == []
    revocation = [m for m in world.stored(NGO) if m.control][-1].message_id
    world.send(
        NGO, Inbound.of(PurgeAnswer(revocation=revocation, thread=thread, outcome=PurgeOutcome.PURGED))
    )
    world.project()
    assert list(world.parts.views["timeline"].rows(UNIT)) == []


def test_erased_is_erased_in_the_store_and_no_number_leads_to_it(world: World) -> None:
    world.register(NEIGHBOUR, OrganisationKind.MUNICIPAL_UNIT)
    gone, other = (world.report(NO_CHILD) for _ in range(2))
    persons = world.case(gone).persons
    world.read_free_text(gone)
    assert world.parts.committer.same_citizen(world.case(other)) == sorted([gone, other], key=str)
    world.forward(gone, NEIGHBOUR)
    take_over(world)
    fire_timers(world.parts)
    assert world.parts.committer.same_citizen(world.case(other)) == [other]
    assert world.facts(CaseErased) == [], "not even that it was erased can be read"
    for key in (gone, *persons):
        assert world.parts.app.keys.key_unless_erased(key) is None
    assert world.told(UNIT), "and the other is unharmed"
    reporter = reporter_of(world, other)
    assert len(world.facts(Forwarded)) == 1, "that it was forwarded, and to whom, outlives it"
    (record,) = world.facts(Forwarded)
    assert world.parts.queries.receipt(handed_over_by(reporter), record.report_id)["status"] == "forwarded"


def test_what_a_crash_left_between_the_end_of_the_grants_and_the_keys_is_finished(
    world: World, inquiry: UUID
) -> None:
    world.forward(inquiry, NEIGHBOUR)
    take_over(world)
    committer = world.parts.committer
    destroy, crash = committer.destroy, [True]

    def crashing(case: object) -> None:
        if crash.pop() if crash else False:
            raise RuntimeError("killed")
        destroy(case)  # type: ignore[arg-type]

    committer.destroy = crashing  # type: ignore[method-assign]  # a crash
    fire_timers(world.parts)
    assert crash == []
    assert world.told(UNIT) == world.told(NEIGHBOUR) == [], "the grants have ended already"
    with pytest.raises(IllegalTransition):
        world.legal_basis(inquiry, [NGO], [C.RISK])
    fire_timers(world.parts)
    with pytest.raises(Missing):
        world.case(inquiry)


def test_what_nobody_took_over_in_time_waits_here_again_urgently(world: World, inquiry: UUID) -> None:
    world.forward(inquiry, NEIGHBOUR)
    world.told(NEIGHBOUR)
    world.clock.move(LASTS)
    fire_timers(world.parts)
    assert len(world.facts(ReportReturned)) == 1
    assert world.told(NEIGHBOUR) == []
    own = [t for t in world.told(UNIT) if t.head.kind is MessageKind.REPORT_RETURNED]
    assert [t.head.urgency for t in own] == [Urgency.URGENT]
    world.project()
    assert [w.case_id for w in world.parts.queries.inbox(CASEWORKER)] == [inquiry]
    world.forward(inquiry, NEIGHBOUR)
    assert world.told(NEIGHBOUR), "it can be forwarded again"
    take_over(world)
    fire_timers(world.parts)
    with pytest.raises(Missing):
        world.case(inquiry)


def test_a_message_is_taken_over_twice_without_harm(world: World, inquiry: UUID) -> None:
    world.forward(inquiry, NEIGHBOUR)
    take_over(world)
    take_over(world)
    other = world.report(SAME_WOMAN)
    fire_timers(world.parts)
    assert world.case(other)


# --- what comes while it is forwarded, and waits for a person ---------------------------------------------


def a_child(world: World, case: UUID) -> Callable[[], object]:
    """Somebody says that a child is at risk; how it is answered."""
    world.child_at_risk(case)
    return lambda: world.answer_for_children(case)


def an_emergency(world: World, case: UUID) -> Callable[[], object]:
    """The police are told because a life is in danger; how it is reviewed."""
    basis = world.legal_basis(case, [POLICE], [C.INCIDENT], lasts=timedelta(hours=24))
    return lambda: world.parts.hub.review_emergency(
        world.command(LEAD), case, basis, ReviewFinding.JUSTIFIED, "Han var på vej"
    )


@pytest.mark.parametrize("later", [timedelta(), LASTS + timedelta(days=1)], ids=["at once", "too late"])
@pytest.mark.parametrize("waits", [a_child, an_emergency])
def test_what_waits_for_a_person_keeps_our_copy_until_it_is_answered_and_no_longer(
    world: World, inquiry: UUID, waits: Callable[[World, UUID], Callable[[], object]], later: timedelta
) -> None:
    """Also past the end of the basis: who has it is not asked to give it back."""
    world.forward(inquiry, NEIGHBOUR)
    answer = waits(world, inquiry)
    take_over(world)
    fire_timers(world.parts)
    world.clock.move(later)
    assert [fire_timers(world.parts) for _ in range(4)][-1] == 0, "no timer comes back at once"
    assert bool(world.facts(CaseEscalated)) == bool(later), "what waits too long is told to the unit"
    assert world.case(inquiry).state is CaseState.FORWARDED
    assert world.facts(ReportReturned) == world.controls_of(NEIGHBOUR) == []
    answer()
    fire_timers(world.parts)
    with pytest.raises(Missing):
        world.case(inquiry)
    assert world.controls_of(NEIGHBOUR) == [], "who took it over keeps it"


def test_child_services_that_were_notified_take_it_over_first(world: World, inquiry: UUID) -> None:
    world.forward(inquiry, NEIGHBOUR)
    world.child_at_risk(inquiry)
    world.notify(inquiry)
    take_over(world)
    fire_timers(world.parts)
    told = world.told(CHILDREN)
    assert told, "answered, and it opens"
    for one in told:
        world.parts.opener.open(at(CHILDREN), one.message_id, purpose="intake", taken_over=True)
    fire_timers(world.parts)
    with pytest.raises(Missing):
        world.case(inquiry)


def test_what_is_added_when_the_other_municipality_can_be_told_no_more_waits_here_again(
    world: World, inquiry: UUID
) -> None:
    report, reporter = world.report_of(inquiry), reporter_of(world, inquiry)
    world.forward(inquiry, NEIGHBOUR)
    world.child_at_risk(inquiry)
    take_over(world)
    world.clock.move(LASTS)
    fire_timers(world.parts)
    assert world.facts(ReportReturned) == []
    world.supplement(report, NO_CHILD, reporter)
    fire_timers(world.parts)
    assert len(world.facts(ReportReturned)) == 1
    world.answer_for_children(inquiry)
    fire_timers(world.parts)
    assert world.case(inquiry).state is CaseState.INQUIRY
