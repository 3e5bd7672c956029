"""What the clock sets off, on both stores: ends in time (design: *Withdrawal*), and what waited too long."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import pytest

from contracts.message_v1 import Revoked
from contracts.terms import BasisRule, Category, Escalation, MessageKind, ReferralStatus, Urgency
from hub.aggregates.citizen_case.children import waiting_notifications
from hub.aggregates.citizen_case.events import CaseEscalated, ConsentExpired, FollowUpEnded, LegalBasisEnded
from hub.application.committing import Command
from hub.days import end_of_day
from hub.operating.working import TIMER, fire_timers
from tests.world import CHILDREN, NGO, TOVHOLDER, UNIT, World, at, elsewhere

A_DAY = timedelta(days=1)


def test_a_consent_that_ends_in_time_revokes_what_rested_on_it(world: World) -> None:
    """At its end the timer fires once: grants end, the recipient is asked to drop what it had."""
    case = world.open_case()
    world.consent(case, lasts=A_DAY)
    told = [m.message_id for m in world.messages_of(NGO)]
    assert told
    assert fire_timers(world.parts) == 0

    world.clock.move(A_DAY)

    assert fire_timers(world.parts) == 1
    assert [type(e) for e in world.facts(ConsentExpired)] == [ConsentExpired]
    revoked = [c for c in world.controls_of(NGO) if isinstance(c, Revoked)]
    assert [list(r.messages) for r in revoked] == [told]


def test_nothing_opens_at_the_end_even_before_the_timer_fires(world: World) -> None:
    """The gates look at the end themselves; a timer that is late leaks nothing."""
    case = world.open_case()
    world.consent(case, lasts=A_DAY)
    assert world.told(NGO)

    world.clock.move(A_DAY)

    assert world.told(NGO) == []
    assert not any(m.living for m in world.messages_of(NGO))


def test_a_timer_fires_once(world: World) -> None:
    """Fired again, as after a restart, it does nothing more."""
    case = world.open_case()
    world.consent(case, lasts=A_DAY)
    world.clock.move(A_DAY)
    fire_timers(world.parts)
    before = world.log()

    assert fire_timers(world.parts) == 0
    assert world.timers(case) is None
    assert world.log() == before


def test_a_case_in_which_something_goes_wrong_keeps_its_timer_and_stops_no_other(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken, other = world.open_case(), world.open_case()
    world.consent(broken, lasts=A_DAY)
    world.consent(other, lasts=A_DAY)
    world.clock.move(A_DAY)
    carry_out = world.parts.hub.do_what_is_due

    def fails(command: Command, case_id: UUID) -> Any:
        if case_id == broken:
            raise ArithmeticError("Kanariefugl")
        return carry_out(command, case_id)

    monkeypatch.setattr(world.parts.hub, "do_what_is_due", fails)
    fire_timers(world.parts)
    assert {fact.originator_id for fact in world.facts(ConsentExpired)} == {other}
    monkeypatch.undo()
    fire_timers(world.parts)
    assert {fact.originator_id for fact in world.facts(ConsentExpired)} == {broken, other}


def meanwhile(world: World, monkeypatch: pytest.MonkeyPatch, step: str, what: Callable[[], object]) -> None:
    """Do something in another thread once the clock has seen what is due, before it does it."""
    hub = type(world.parts.hub)
    carry_out = getattr(hub, step)

    def late(*asked: Any) -> Any:
        elsewhere(what)
        return carry_out(*asked)

    monkeypatch.setattr(hub, step, late)


def test_what_is_answered_as_the_timer_fires_is_no_escalation(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = world.open_case()
    (due,) = waiting_notifications(world.case(case))
    world.clock.now = due.deadline
    meanwhile(world, monkeypatch, "_escalate", lambda: world.answer_for_children(case))
    world.timers(case)
    assert world.facts(CaseEscalated) == []


def test_a_case_that_is_reopened_as_its_follow_up_ends_keeps_its_consents(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = world.open_case()
    world.consent(case)
    world.close_case(case, timedelta(hours=1))
    world.clock.move(timedelta(hours=1))
    meanwhile(world, monkeypatch, "_end_follow_up", lambda: world.reopen(case))
    world.timers(case)
    assert world.facts(FollowUpEnded) == []
    assert world.told(NGO)


def test_a_consent_withdrawn_before_its_end_does_not_end_twice(world: World) -> None:
    """The timer finds nothing left to do."""
    case = world.open_case()
    consent = world.consent(case, lasts=A_DAY)
    world.withdraw(case, consent)
    world.clock.move(A_DAY)

    fire_timers(world.parts)

    assert world.facts(ConsentExpired) == []


def test_a_legal_basis_ends_in_time_as_well(world: World) -> None:
    """What was told on it is revoked, and the unit's timeline says so."""
    case = world.open_case()
    world.legal_basis(case, [CHILDREN], [Category.CHILDREN], BasisRule.CHILD_NOTIFICATION, lasts=A_DAY)
    assert world.told_categories(CHILDREN) == {Category.CHILDREN}

    world.clock.move(A_DAY)
    fire_timers(world.parts)

    assert len(world.facts(LegalBasisEnded)) == 1
    assert any(isinstance(c, Revoked) for c in world.controls_of(CHILDREN))
    assert world.told(CHILDREN) == []


# --- what waited too long -----------------------------------------------------------------------------


CHILDLESS = "skadestue-mand-slaaet-af-sin-bror"
"""A report that makes no child notification due: nothing else waits in its case."""


def referred(world: World) -> tuple[UUID, UUID]:
    """A case with a referral that is to be answered within two days."""
    case = world.open_case(CHILDLESS)
    world.consent(case, [NGO], [Category.REFERRAL, Category.COORDINATION])
    return case, world.refer(case)


def test_an_unanswered_referral_is_told_to_the_unit_and_to_nobody_else(world: World) -> None:
    """Not to the one that was waited for either, though it holds a grant for what is told."""
    case, referral = referred(world)
    before = {who: len(world.stored(who)) for who in (UNIT, NGO)}

    world.clock.move(2 * A_DAY)
    fire_timers(world.parts)

    (told,) = world.facts(CaseEscalated)
    assert (told.what, told.of) == (Escalation.REFERRAL_UNANSWERED, referral)
    (message,) = world.messages_of(UNIT)[before[UNIT] :]
    head = world.open_message(UNIT, message).head
    assert (head.kind, head.urgency, head.deadline) == (MessageKind.ESCALATED, Urgency.URGENT, told.due)
    assert head.refs == {"referral": referral}
    assert len(world.stored(NGO)) == before[NGO]
    assert world.case(case).referrals[referral].status is ReferralStatus.REQUESTED


def test_an_answered_referral_never_escalates(world: World) -> None:
    case, referral = referred(world)
    world.parts.hub.answer_referral(
        world.command(at(NGO)), world.thread(case, NGO), referral, ReferralStatus.ACCEPTED, None
    )

    world.clock.move(9 * A_DAY)
    fire_timers(world.parts)

    assert world.facts(CaseEscalated) == []


def test_a_referral_that_names_no_time_has_one_all_the_same(world: World) -> None:
    """The setting's, in working days, which its recipient is told as well."""
    case = world.open_case(CHILDLESS)
    world.consent(case, [NGO], [Category.REFERRAL])
    answer = world.parts.hub.request_referral(
        world.command(TOVHOLDER), case, recipient=NGO, offer="x", urgency=Urgency.ROUTINE, answer_by=None
    )
    due = end_of_day(date(2026, 12, 4))  # from Tuesday 1 December: Wednesday, Thursday, Friday
    assert world.told(NGO)[-1].head.deadline == due

    world.clock.now = due
    fire_timers(world.parts)

    assert [str(e.of) for e in world.facts(CaseEscalated)] == [answer.ids["referral"]]


def test_nothing_fires_twice_after_a_restart_or_from_two_workers_at_once(world: World) -> None:
    """The case itself knows that it was told, whatever the timers say."""
    case, _ = referred(world)
    due = world.clock() + 2 * A_DAY
    world.clock.now = due

    def fire() -> None:
        world.parts.hub.do_what_is_due(Command(by=TIMER), case)

    with ThreadPoolExecutor(4) as workers:
        for done in [workers.submit(fire) for _ in range(4)]:
            done.result()
    world.parts.app.store.timer_again(due, case)  # as if it had stopped before the timer was forgotten
    elsewhere(lambda: fire_timers(world.parts))
    assert fire_timers(world.parts) == 0

    assert len(world.facts(CaseEscalated)) == 1


def test_a_timer_that_comes_early_is_set_again(world: World) -> None:
    """It may be early, never forgotten."""
    case, referral = referred(world)
    for at_time, case_id in world.parts.app.store.due(world.clock() + 9 * A_DAY, 10):
        world.parts.app.store.timer_done(at_time, case_id)
    world.parts.app.store.timer_again(world.clock(), case)

    assert fire_timers(world.parts) == 1
    assert world.facts(CaseEscalated) == []
    world.clock.move(2 * A_DAY)
    assert fire_timers(world.parts) == 1

    assert [e.of for e in world.facts(CaseEscalated)] == [referral]


def test_one_timer_does_all_that_is_due_in_its_case(world: World) -> None:
    """A consent that ends in the same minute ends, and what waited is told."""
    case, _ = referred(world)
    world.consent(case, lasts=2 * A_DAY)
    world.clock.move(2 * A_DAY)

    fire_timers(world.parts)

    assert [type(e) for _, e in world.log() if isinstance(e, CaseEscalated | ConsentExpired)] == [
        ConsentExpired,
        CaseEscalated,
    ]
