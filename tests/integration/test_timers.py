"""What reaches its end in time ends as a withdrawal does (design: *Withdrawal*), on both stores."""

from datetime import timedelta

from contracts.message_v1 import Revoked
from contracts.terms import BasisRule, Category
from hub.aggregates.citizen_case.events import ConsentExpired, LegalBasisEnded
from hub.working import fire_timers
from tests.world import CHILDREN, NGO, World

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
