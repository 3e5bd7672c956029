"""Gate 3 asks the partner's agreement as it stands: what was taken out of it opens no more."""

from datetime import timedelta
from uuid import UUID

import pytest

from contracts.terms import BasisRule, Category, OrganisationKind, SafetyLevel
from hub.aggregates.disclosures import RefusalReason
from hub.aggregates.receipts import Opened, Withheld
from hub.errors import Missing
from hub.operating.working import fire_timers
from hub.projections import disclosures
from hub.topics.following import Follower
from tests.integration.test_corrupt_beside import damage
from tests.world import EVERYTHING, NGO, OPERATOR, POLICE, TOVHOLDER, UNIT, World, at

C = Category
NEIGHBOUR = "nabokommunen"
NO_CHILD = "skadestue-mand-slaaet-af-sin-bror"
CONTACT = {"name": "Vagten", "email": "vagt@partner.example", "duty_phone": "00 00 00 00"}


def agree(world: World, slug: str, categories: list[Category]) -> None:
    """The agreement names these categories from now on, and no other."""
    world.parts.hub.change_agreement(world.command(OPERATOR), slug, categories=categories, contact=CONTACT)


@pytest.fixture
def case(world: World) -> UUID:
    """Give an open case whose citizen consented that the NGO is told of incident and risk."""
    case = world.open_case()
    world.level(case, SafetyLevel.HIGH)
    world.consent(case, [NGO], [C.INCIDENT, C.RISK])
    return case


def test_a_category_taken_out_of_the_agreement_opens_no_more_and_the_rest_does(
    world: World, case: UUID
) -> None:
    assert world.told_categories(NGO) == {C.INCIDENT, C.RISK}
    agree(world, NGO, [C.INCIDENT])
    assert world.told_categories(NGO) == {C.INCIDENT}
    agree(world, NGO, [])
    told = world.told(NGO)
    assert told, "the head says that there is something, as before"
    assert world.told_categories(NGO) == set()
    agree(world, NGO, [C.INCIDENT, C.RISK])
    assert world.told_categories(NGO) == {C.INCIDENT, C.RISK}, "the grant lives"


def test_what_was_withheld_is_on_record_beside_the_opening_and_among_the_disclosures(
    world: World, case: UUID
) -> None:
    (message,) = world.messages_of(NGO)
    agree(world, NGO, [C.INCIDENT])
    given = world.parts.opener.open(at(NGO), message.message_id, purpose="referral")
    (opened,), (withheld,) = world.facts(Opened), world.facts(Withheld)
    assert opened.parts == tuple(given)
    assert set(withheld.parts).isdisjoint(given)
    assert (withheld.categories, withheld.reason) == ((C.RISK,), RefusalReason.NOT_IN_AGREEMENT)
    assert (withheld.message_id, withheld.case_id, withheld.by) == (message.message_id, case, at(NGO))
    follower = Follower(world.parts.app, world.parts.views[disclosures.NAME])
    while follower.step(100):
        pass
    lines = world.parts.queries.disclosures(TOVHOLDER, world.case(case), "citizen_access")
    (line,) = [line for line in lines if line["recipient"] == NGO]
    assert [(w["message"], w["categories"], w["reason"]) for w in line["withheld"]] == [
        (message.message_id, (C.RISK,), RefusalReason.NOT_IN_AGREEMENT)
    ]


def test_what_is_withheld_from_one_partner_is_nobody_elses_matter(world: World, case: UUID) -> None:
    world.legal_basis(case, [POLICE], [C.RISK], BasisRule.AUTHORITY_DUTY)
    agree(world, NGO, [])
    assert world.told_categories(NGO) == set()
    assert UNIT not in {w.recipient for w in world.facts(Withheld)}


def test_the_owning_unit_opens_what_no_agreement_names(world: World, case: UUID) -> None:
    agree(world, UNIT, [])
    assert {C.INCIDENT, C.IDENTITY} <= world.told_categories(UNIT)
    assert world.facts(Withheld) == []


def test_what_is_told_because_a_life_is_in_danger_opens_past_the_agreement(world: World, case: UUID) -> None:
    """Also where a consent, which the agreement no longer covers, told it before and carries it too."""
    agree(world, NGO, [])
    world.legal_basis(case, [NGO], [C.RISK], BasisRule.VITAL_INTEREST, lasts=timedelta(hours=1))
    assert world.told_categories(NGO) == {C.RISK}
    world.level(case, SafetyLevel.ACUTE)
    assert world.told_categories(NGO) == {C.RISK}
    world.clock.move(timedelta(hours=1))
    assert world.told_categories(NGO) == set(), "the emergency is over, and the consent alone is not enough"


def test_a_partner_whose_agreement_cannot_be_read_opens_no_part(world: World, case: UUID) -> None:
    damage(world, world.parts.committer.partner_id(NGO))
    assert world.told_categories(NGO) == set()


def test_what_was_not_given_whole_was_not_taken_over_and_is_not_erased_here(world: World) -> None:
    world.register(NEIGHBOUR, OrganisationKind.MUNICIPAL_UNIT)
    inquiry = world.report(NO_CHILD)
    world.read_free_text(inquiry)
    world.forward(inquiry, NEIGHBOUR)
    agree(world, NEIGHBOUR, [c for c in EVERYTHING if c is not C.INCIDENT])
    held = [m.message_id for m in world.messages_of(NEIGHBOUR)]
    for message in held:
        world.parts.opener.open(at(NEIGHBOUR), message, purpose="intake", taken_over=True)
    fire_timers(world.parts)
    assert world.case(inquiry), "nobody else has the incident"
    agree(world, NEIGHBOUR, list(EVERYTHING))
    for message in held:
        world.parts.opener.open(at(NEIGHBOUR), message, purpose="intake", taken_over=True)
    fire_timers(world.parts)
    with pytest.raises(Missing):
        world.case(inquiry)
