"""Gate 3: keys only while a grant lives, and every opening and look on record before it is answered."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from contracts.terms import Category, OrganisationKind, SafetyLevel
from hub.adapters.store.mapper import Erased
from hub.aggregates.base import Actor
from hub.aggregates.look import Looked, LookRecorded
from hub.aggregates.receipts import Delivered, Opened
from hub.errors import Invalid, KeyDestroyed, Missing
from hub.ports import Row
from tests.world import (
    CASEWORKER,
    CHILDREN,
    NGO,
    SAME_WOMAN,
    SHELTER,
    TOVHOLDER,
    UNIT,
    World,
    at,
    elsewhere,
    opened_with,
)

C = Category
SYSTEM = Actor("havnen-system", "havnen", "partner_system", NGO)


def ids(world: World, recipient: str) -> list[UUID]:
    return [message.message_id for message in world.messages_of(recipient)]


def rows(world: World, recipient: str) -> list[Row]:
    """What a read model would hold of the recipient's messages."""
    return [Row(m.message_id, uuid4(), m.sequence, {}, m.sealed) for m in world.messages_of(recipient)]


def block(world: World, case: UUID, who: Actor) -> None:
    world.parts.hub.block_person(
        world.command(CASEWORKER),
        case,
        organisation=who.organisation,
        person=who.person,
        name=who.name,
        reason="Søster til en part",
    )


@pytest.fixture
def case(world: World) -> UUID:
    """Give an open case whose citizen consented that the NGO is told of incident and risk."""
    case = world.open_case()
    world.consent(case, [NGO], [C.INCIDENT, C.RISK])
    return case


# --- opening ------------------------------------------------------------------------------------------


def test_an_opening_is_on_record_with_who_what_why_and_when(world: World, case: UUID) -> None:
    (message,) = world.messages_of(NGO)
    told = world.open_message(NGO, message)
    (opened,) = world.facts(Opened)
    assert (opened.by.person, opened.recipient, opened.purpose) == ("anna", NGO, "referral")
    assert (opened.message_id, opened.case_id) == (message.message_id, case)
    assert opened.parts == (0, *told.parts)
    assert opened.timestamp == world.clock()
    assert not opened.taken_over


def test_a_system_that_takes_content_over_says_so_on_record(world: World, case: UUID) -> None:
    (message,) = world.messages_of(NGO)
    world.parts.opener.open(SYSTEM, message.message_id, purpose="journal", taken_over=True)
    assert [o.taken_over for o in world.facts(Opened)] == [True]


def test_an_opening_without_a_purpose_is_refused(world: World, case: UUID) -> None:
    (message,) = world.messages_of(NGO)
    with pytest.raises(Invalid):
        world.open_message(NGO, message, purpose=" ")
    assert world.facts(Opened) == []


def test_a_second_ngo_cannot_open_the_firsts_message_by_its_id(world: World, case: UUID) -> None:
    (message,) = world.messages_of(NGO)
    for other in (SHELTER, CHILDREN, UNIT):
        with pytest.raises(Missing):
            world.parts.opener.open(at(other), message.message_id, purpose="referral")
        assert world.parts.opener.heads(at(other), [message.message_id]) == {}
        assert world.parts.opener.look(at(other), other, case, "timeline", "safety", rows(world, NGO)) == []
    assert world.facts(Opened) == []


def test_an_organisation_that_is_no_partner_opens_nothing(world: World, case: UUID) -> None:
    (message,) = world.messages_of(NGO)
    with pytest.raises(Missing):
        world.parts.opener.open(at("fremmed"), message.message_id, purpose="referral")
    assert world.parts.opener.heads(at("fremmed"), [message.message_id]) == {}


def test_when_the_record_cannot_be_written_no_key_is_given(world: World, case: UUID) -> None:
    """Recorded before it is answered: break the writing, and there is no answer."""
    (message,) = world.messages_of(NGO)
    app = world.parts.app

    def broken(*facts: object, **alongside: object) -> int:
        raise OSError("no space left")

    app.commit = broken  # type: ignore[method-assign]
    for ask in (
        lambda: world.open_message(NGO, message),
        lambda: world.parts.opener.heads(SYSTEM, [message.message_id]),
        lambda: world.parts.opener.look(CASEWORKER, UNIT, case, "timeline", "safety", rows(world, UNIT)),
        lambda: world.parts.queries.could_kill(TOVHOLDER, world.case(case), "contact"),
        lambda: world.parts.queries.unread_free_text(TOVHOLDER, world.case(case), "safety"),
        lambda: world.parts.queries.disclosures(TOVHOLDER, world.case(case), "citizen_access"),
        lambda: world.parts.queries.candidates(TOVHOLDER, world.case(case), "intake"),
        lambda: world.parts.queries.timeline(TOVHOLDER, world.case(case), "safety"),
    ):
        with pytest.raises(OSError, match="no space"):
            ask()


def test_a_grant_that_ends_while_a_message_is_opened_gives_no_key(world: World) -> None:
    case = world.open_case()
    consent = world.consent(case)
    (message,) = world.messages_of(NGO)
    store = world.parts.app.store
    read = store.living_wraps

    def then_withdrawn(*asked: Any) -> object:
        found = read(*asked)
        elsewhere(lambda: world.withdraw(case, consent))
        return found

    store.living_wraps = then_withdrawn  # type: ignore[assignment, method-assign]
    with pytest.raises(Missing):
        world.open_message(NGO, message)
    with pytest.raises(Missing):
        world.open_message(NGO, message)
    assert world.facts(Opened) == []


def test_a_grant_that_ends_while_heads_are_fetched_gives_no_key(world: World) -> None:
    case = world.open_case()
    consent = world.consent(case)
    store = world.parts.app.store
    read = store.living_wraps
    wanted = ids(world, NGO)

    def then_withdrawn(*asked: Any) -> object:
        found = read(*asked)
        elsewhere(lambda: world.withdraw(case, consent))
        return found

    store.living_wraps = then_withdrawn  # type: ignore[assignment, method-assign]
    assert world.parts.opener.heads(SYSTEM, wanted) == {}
    assert world.facts(Delivered) == []


def test_a_suspended_partner_gets_no_key(world: World, case: UUID) -> None:
    (message,) = world.messages_of(NGO)
    world.suspend(NGO)
    with pytest.raises(Missing):
        world.open_message(NGO, message)
    assert world.parts.opener.heads(SYSTEM, [message.message_id]) == {}


def test_a_grant_past_its_end_opens_nothing_though_no_event_ended_it(world: World) -> None:
    case = world.open_case()
    world.consent(case, lasts=timedelta(hours=1))
    (message,) = world.messages_of(NGO)
    world.clock.move(timedelta(minutes=59))
    assert world.open_message(NGO, message)
    world.clock.move(timedelta(minutes=1))
    with pytest.raises(Missing):
        world.open_message(NGO, message)
    assert world.parts.opener.heads(SYSTEM, [message.message_id]) == {}


def test_a_clock_moved_back_revives_nothing_that_the_log_has_seen_end(world: World) -> None:
    """Now is the later of the clock and the latest time in the log."""
    case = world.open_case()
    world.consent(case, lasts=timedelta(hours=1))
    (message,) = world.messages_of(NGO)
    world.clock.move(timedelta(hours=2))
    world.level(case, SafetyLevel.HIGH)
    world.clock.move(timedelta(hours=-2))
    with pytest.raises(Missing):
        world.open_message(NGO, message)
    assert world.parts.opener.heads(SYSTEM, [message.message_id]) == {}
    world.assess(case)
    assert len(world.messages_of(NGO)) == 1
    assert world.parts.outgoing.messages_of(NGO, 0, 0, 10)[0].value != message.sealed


# --- heads --------------------------------------------------------------------------------------------


def test_a_batch_of_head_keys_opens_heads_and_not_one_part(world: World, case: UUID) -> None:
    (message,) = world.messages_of(NGO)
    keys = world.parts.opener.heads(SYSTEM, [message.message_id])
    told = opened_with({0: keys[message.message_id]}, message)
    assert told.head.parts
    assert told.parts == {}


def test_a_batch_of_head_keys_is_on_record_once_under_the_partners_own_key(world: World, case: UUID) -> None:
    world.assess(case)
    wanted = ids(world, NGO)
    world.parts.opener.heads(SYSTEM, wanted, rebuild=True)
    (delivered,) = world.facts(Delivered)
    assert set(delivered.messages) == set(wanted)
    assert (delivered.recipient, delivered.rebuild) == (NGO, True)
    assert delivered.sealed_under == world.parts.committer.partner_id(NGO)


def test_a_batch_of_head_keys_leaves_out_what_was_revoked(world: World, case: UUID) -> None:
    other = world.open_case(SAME_WOMAN)
    consent = world.consent(other, [NGO], [C.INCIDENT])
    kept, gone = ids(world, NGO)
    world.withdraw(other, consent)
    assert set(world.parts.opener.heads(SYSTEM, [kept, gone])) == {kept}
    (delivered,) = world.facts(Delivered)
    assert delivered.messages == (kept,)


def test_an_empty_batch_is_no_delivery(world: World, case: UUID) -> None:
    assert world.parts.opener.heads(SYSTEM, []) == {}
    assert world.parts.opener.heads(SYSTEM, [uuid4()]) == {}
    assert world.facts(Delivered) == []


# --- looks --------------------------------------------------------------------------------------------


def test_a_look_opens_the_owners_rows_and_is_on_record(world: World, case: UUID) -> None:
    wanted = rows(world, UNIT)
    found = world.parts.opener.look(CASEWORKER, UNIT, case, "timeline", "coordination", wanted)
    assert [o.row.message_id for o in found] == [r.message_id for r in wanted]
    (look,) = world.facts(LookRecorded)
    assert (look.by.person, look.what, look.purpose) == ("inge", Looked.TIMELINE, "coordination")
    assert set(look.messages) == {r.message_id for r in wanted}


def test_looking_moves_no_version_and_blocks_no_writing(world: World, case: UUID) -> None:
    version = world.case(case).version
    world.told(NGO)
    world.parts.opener.look(CASEWORKER, UNIT, case, "timeline", "coordination", rows(world, UNIT))
    assert world.case(case).version == version


def test_what_could_kill_is_fetched_by_a_named_person_and_that_is_on_record(world: World, case: UUID) -> None:
    values = world.parts.queries.could_kill(TOVHOLDER, world.case(case), "contact")
    assert "Prøvevænget 12" in repr(values)
    (look,) = world.facts(LookRecorded)
    assert (look.by.person, look.what) == ("tove", Looked.COULD_KILL)


def test_every_question_a_person_may_ask_is_on_record(world: World, case: UUID) -> None:
    queries, loaded = world.parts.queries, world.case(case)
    queries.timeline(TOVHOLDER, loaded, "coordination")
    queries.could_kill(TOVHOLDER, loaded, "contact")
    queries.unread_free_text(TOVHOLDER, loaded, "safety")
    queries.candidates(TOVHOLDER, loaded, "intake")
    queries.disclosures(TOVHOLDER, loaded, "citizen_access")
    assert [look.what for look in world.facts(LookRecorded)] == [
        Looked.TIMELINE,
        Looked.COULD_KILL,
        Looked.FREE_TEXT,
        Looked.CANDIDATES,
        Looked.DISCLOSURES,
    ]


def test_another_case_of_the_same_citizen_is_a_candidate_and_nobody_elses_is(world: World) -> None:
    case, same = world.open_case(), world.report(SAME_WOMAN)
    world.report("skadestue-mand-slaaet-af-sin-bror")
    assert world.parts.queries.candidates(CASEWORKER, world.case(case), "intake") == [same]


# --- the block list -----------------------------------------------------------------------------------


def test_a_person_on_the_block_list_opens_nothing_in_that_case(world: World, case: UUID) -> None:
    other = world.open_case(SAME_WOMAN)
    world.consent(other, [NGO], [C.INCIDENT])
    theirs, others = world.messages_of(NGO)
    block(world, case, at(NGO))
    with pytest.raises(Missing):
        world.open_message(NGO, theirs)
    assert world.open_message(NGO, others)
    assert world.open_message(NGO, theirs, by=at(NGO, "birte"))


def test_a_person_on_the_block_list_sees_nothing_on_the_hubs_screens(world: World, case: UUID) -> None:
    block(world, case, TOVHOLDER)
    loaded, queries = world.case(case), world.parts.queries
    for ask in (
        lambda: queries.timeline(TOVHOLDER, loaded, "safety"),
        lambda: queries.could_kill(TOVHOLDER, loaded, "contact"),
        lambda: queries.unread_free_text(TOVHOLDER, loaded, "safety"),
        lambda: queries.candidates(TOVHOLDER, loaded, "intake"),
        lambda: queries.disclosures(TOVHOLDER, loaded, "citizen_access"),
        lambda: world.parts.opener.look(TOVHOLDER, UNIT, case, "timeline", "safety", rows(world, UNIT)),
    ):
        with pytest.raises(Missing):
            ask()
    assert world.facts(LookRecorded) == []


# --- under which keys ---------------------------------------------------------------------------------


def erased(world: World) -> Sequence[str]:
    return [event.topic for _, event in world.log() if isinstance(event, Erased)]


def test_openings_and_looks_are_erased_with_their_case_and_deliveries_are_not(
    world: World, case: UUID
) -> None:
    world.told(NGO)
    world.parts.opener.look(CASEWORKER, UNIT, case, "timeline", "safety", rows(world, UNIT))
    world.parts.opener.heads(SYSTEM, ids(world, NGO))
    world.parts.app.keys.destroy(case)
    gone = set(erased(world))
    assert {"receipt.opened", "look.recorded", "ledger.disclosed", "case.report_received"} <= gone
    assert "receipt.delivered" not in gone
    assert not any(topic.startswith("partner.") for topic in gone)
    assert len(world.facts(Delivered)) == 1


def test_an_erased_case_opens_nothing_for_anybody(world: World, case: UUID) -> None:
    (message,) = world.messages_of(NGO)
    kept = rows(world, UNIT)
    loaded = world.case(case)
    world.parts.app.keys.destroy(case)
    with pytest.raises(Missing):
        world.open_message(NGO, message)
    with pytest.raises((Missing, KeyDestroyed)):
        world.parts.opener.look(CASEWORKER, UNIT, case, "timeline", "safety", kept)
    with pytest.raises((Missing, KeyDestroyed)):
        world.parts.queries.could_kill(TOVHOLDER, loaded, "contact")


def test_a_partner_registered_later_opens_nothing_of_what_was_told_before(world: World, case: UUID) -> None:
    world.register("ny-ngo", OrganisationKind.NGO)
    (message,) = world.messages_of(NGO)
    with pytest.raises(Missing):
        world.parts.opener.open(at("ny-ngo"), message.message_id, purpose="referral")
