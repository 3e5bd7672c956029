"""One damaged row stops its own stream and nobody else: a withdrawal and an emergency always go through."""

import pytest

from contracts.inbound_v1 import Inbound
from contracts.message_v1 import Revoked
from contracts.terms import BasisRule, Category, OrganisationKind, SafetyLevel
from hub.aggregates.disclosure_ledger import Refused
from hub.errors import Conflict, Invalid, TamperedRow
from tests.support.social_reports import example
from tests.world import CHILDREN, NGO, SHELTER, World

C = Category


def damage(world: World, stream: object) -> None:
    """Change the last byte of the last row of a stream."""
    database = world.parts.app.store.database
    at = database.stream(stream)  # type: ignore[arg-type]
    with database.transaction() as execute:
        rows = execute(
            "SELECT originator_version, state FROM stored_events WHERE originator_id = ?"
            " ORDER BY originator_version DESC LIMIT 1",
            [at],
        )
        version, state = rows[0]
        changed = bytes(state)[:-1] + bytes([bytes(state)[-1] ^ 1])
        execute(
            "UPDATE stored_events SET state = ? WHERE originator_id = ? AND originator_version = ?",
            [changed, at, version],
        )


@pytest.mark.parametrize("what", ["ledger", "partner"])
def test_a_withdrawal_goes_through_beside_a_damaged_row(world: World, what: str) -> None:
    case = world.open_case()
    consent = world.consent(case, [NGO, SHELTER], [C.INCIDENT])
    assert world.told(NGO)
    damage(
        world, world.thread(case, SHELTER) if what == "ledger" else world.parts.committer.partner_id(SHELTER)
    )

    world.withdraw(case, consent)

    assert world.told(NGO) == []
    assert world.told(SHELTER) == []
    assert [c for c in world.controls_of(NGO) if isinstance(c, Revoked)]


def test_an_emergency_is_told_beside_a_damaged_partner(world: World) -> None:
    case = world.open_case()
    world.consent(case, [SHELTER], [C.INCIDENT])
    damage(world, world.parts.committer.partner_id(SHELTER))

    world.legal_basis(case, [CHILDREN], [C.RISK, C.CHILDREN], BasisRule.VITAL_INTEREST)
    world.level(case, SafetyLevel.ACUTE)

    assert C.RISK in world.told_categories(CHILDREN)


def test_a_damaged_case_is_an_alarm_and_stops_itself_alone(world: World) -> None:
    case, other = world.open_case(), world.open_case()
    damage(world, case)
    with pytest.raises(TamperedRow):
        world.assess(case)
    world.assess(other)


def test_a_referral_that_nobody_can_receive_is_refused(world: World) -> None:
    """*Requested* never stands where nobody was asked."""
    world.register("uden-aftale", OrganisationKind.NGO, [C.INCIDENT])
    case = world.open_case()
    world.consent(case, [NGO, "uden-aftale"], [C.REFERRAL, C.INCIDENT])
    world.suspend(NGO)
    for recipient in (NGO, "uden-aftale"):
        with pytest.raises(Conflict):
            world.refer(case, recipient)
    assert world.case(case).referrals == {}
    world.resume(NGO)
    world.refer(case, NGO)


def test_what_was_refused_during_a_suspension_is_told_by_the_next_consent(world: World) -> None:
    case = world.open_case()
    world.suspend(NGO)
    world.consent(case, [NGO], [C.INCIDENT])
    assert len(world.facts(Refused)) == 1
    world.resume(NGO)
    assert world.told(NGO) == []

    world.consent(case, [NGO], [C.INCIDENT])

    assert world.told_categories(NGO) == {C.INCIDENT}


def test_a_long_history_is_told_in_several_messages(world: World) -> None:
    """An emergency is never blocked by how much there is to tell."""
    case = world.open_case()
    for _ in range(210):
        world.assess(case)

    world.legal_basis(case, [CHILDREN], [C.RISK])

    told = world.told(CHILDREN)
    assert len(told) == 3
    assert sum(len(message.parts) for message in told) == 210


def test_nobody_hands_a_report_over_as_what_it_is_not(world: World) -> None:
    """Section 115 is for police: an NGO that says that it is police is refused, by topic too."""
    with pytest.raises(Invalid, match=r"unit\.kind"):
        world.send(NGO, Inbound.report(example("01-politi-natlig-vold-i-hjemmet")))
