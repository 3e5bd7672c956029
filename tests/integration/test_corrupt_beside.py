"""One damaged row stops its own stream and nobody else: a withdrawal and an emergency always go through."""

from contextlib import closing
from pathlib import Path

import pytest

from contracts.inbound_v1 import Inbound
from contracts.message_v1 import Revoked
from contracts.terms import BasisRule, Category, OrganisationKind, SafetyLevel
from hub.adapters.broker.embedded import EmbeddedBroker
from hub.aggregates.disclosure_ledger import Refused
from hub.errors import Conflict, Invalid, TamperedRow
from hub.operating.restoring import restore
from tests.support.carrying import carried
from tests.support.social_reports import example
from tests.world import (
    ANOTHER_TOVHOLDER,
    CASEWORKER,
    CHILDREN,
    NGO,
    PARTNERS,
    SHELTER,
    TOVHOLDER,
    UNIT,
    World,
)

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


def test_a_worklist_shows_what_can_be_read_beside_a_damaged_case(world: World, tmp_path: Path) -> None:
    """Who was asked to take over two cases sees the one that can be read."""
    world.identities[UNIT].save(world.parts.settings.data_dir / "keys" / "recipients" / UNIT)
    cases = [world.open_case() for _ in range(2)]
    for case in cases:
        world.hand_over(case)
    with closing(EmbeddedBroker(tmp_path / "bus.db")) as broker:
        broker.create_topics(world.parts.outgoing.topics(list(PARTNERS)), 7)
        carried(world, broker)

    def shown() -> list[str]:
        return [one["case"] for one in world.parts.queries.hand_overs(ANOTHER_TOVHOLDER, "coordination")]

    assert shown() == [str(case) for case in cases]
    damage(world, cases[0])
    assert shown() == [str(cases[1])]


def test_a_tovholders_own_cases_are_listed_beside_a_damaged_one_which_is_counted(world: World) -> None:
    """It may be hers: that it can't be read is no reason to let it vanish."""
    damaged, other = world.open_case(), world.open_case()
    damage(world, damaged)
    found = world.parts.queries.own_cases(TOVHOLDER, "coordination")
    assert ([case.id for case in found.cases], found.damaged) == ([other], 1)


def test_who_is_blocked_from_a_damaged_case_is_not_told_that_it_is_there(world: World) -> None:
    case = world.open_case()
    world.parts.hub.block_person(
        world.command(CASEWORKER),
        case,
        organisation=UNIT,
        person=TOVHOLDER.person,
        name=TOVHOLDER.name,
        reason="Nabo",
    )
    damage(world, case)
    found = world.parts.queries.own_cases(TOVHOLDER, "coordination")
    assert (found.cases, found.damaged) == ([], 0)


def test_a_restored_backup_is_set_right_beside_a_damaged_case(world: World, tmp_path: Path) -> None:
    """What ended since ends again in every other case, and how many could not be looked at is told."""
    damaged, other = world.open_case(), world.open_case()
    consent = world.consent(other, [NGO], [C.INCIDENT])
    world.parts.app.keys.end([g.grant_id for g in world.case(other).grants.values() if g.basis_id == consent])
    damage(world, damaged)
    with closing(EmbeddedBroker(tmp_path / "bus.db")) as broker:
        found = restore(world.parts, broker)
    assert (found.ended, found.cases, found.damaged) == (1, 1, 1)
    assert [g.ended for g in world.case(other).grants.values() if g.basis_id == consent] == [True]


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
