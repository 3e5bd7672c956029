"""What a command reads of what it read before: always as it stands, and nobody's but its own."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from contracts.terms import BasisRule, Category, ReferralStatus, SafetyLevel
from hub.aggregates.base import login_of
from hub.aggregates.citizen_case.case import CitizenCase
from hub.aggregates.sealing import CouldKill
from hub.errors import Conflict
from hub.gates.barring import Barring
from hub.ports import Barrings, Likely
from tests.world import NGO, SAME_WOMAN, TOVHOLDER, UNIT, World, at

C = Category


def latest(world: World, aggregate_id: UUID) -> Any:
    return world.parts.app.latest([aggregate_id])[aggregate_id]


def lived_through(world: World) -> tuple[UUID, UUID]:
    """A case to which nearly everything has happened, and its consent."""
    case, inquiry = world.open_case(), world.report(SAME_WOMAN)
    consent = world.consent(case, [NGO], [C.INCIDENT, C.RISK, C.REFERRAL])
    world.legal_basis(case, [NGO], [C.IDENTITY])
    world.assess(case)
    world.level(case, SafetyLevel.HIGH)
    world.refer(case)
    world.match(case, inquiry)
    world.read_free_text(case)
    world.withdraw(case, consent, category=C.RISK)
    return case, consent


def test_it_is_what_a_load_from_nothing_gives(world: World) -> None:
    case, consent = lived_through(world)
    ledger = world.thread(case, NGO)
    for ended in (False, True):
        if ended:
            world.withdraw(case, consent)
        for one in (case, ledger, world.parts.committer.partner_id(NGO)):
            assert latest(world, one) == world.parts.app.load(one)
            assert latest(world, one).pending_events == []


COMMANDS: dict[str, Callable[[CitizenCase, dict[str, Any]], object]] = {
    "level": lambda c, by: c.change_safety_level(level=SafetyLevel.ACUTE, reason="Ny trussel", **by),
    "contact": lambda c, by: c.set_safe_contact(rules=CouldKill({"channel": "sms"}), **by),
    "withdraw": lambda c, by: c.withdraw_consent(
        consent_id=next(b.basis_id for b in c.bases.values() if b.rule is None),
        recipient=None,
        category=None,
        **by,
    ),
    "accept": lambda c, by: c.answer_referral(
        referral_id=next(iter(c.referrals)),
        status=ReferralStatus.ACCEPTED,
        reason=None,
        **{**by, "by": at(NGO)},
    ),
    "unmatch": lambda c, by: c.unmatch_inquiry(inquiry=next(iter(c.inquiries)), reason="En anden", **by),
    "coordinator": lambda c, by: c.assign_coordinator(coordinator=replace(TOVHOLDER, person="bo"), **by),
}


@pytest.mark.parametrize("name", COMMANDS)
def test_what_a_refused_command_did_to_its_copy_is_nowhere_else(world: World, name: str) -> None:
    case, _ = lived_through(world)
    whole = world.parts.app.load(case)
    mine = latest(world, case)
    COMMANDS[name](mine, {"by": TOVHOLDER, "at": world.clock()})
    assert mine.pending_events, "the command did something"
    assert latest(world, case) == whole


def test_what_another_process_wrote_is_seen_at_once(world: World) -> None:
    case = world.open_case()
    world.consent(case, [NGO], [C.RISK])
    world.assess(case)
    other = World.opened(
        world.parts.settings.data_dir, world.identities, world.parts.settings.database_url, clock=world.clock
    )
    try:
        other.suspend(NGO)
        other.level(case, SafetyLevel.HIGH)
        before = len(world.messages_of(NGO))
        world.level(case, SafetyLevel.ACUTE)
        assert len(world.messages_of(NGO)) == before, "told, though suspended"
        assert latest(world, case) == world.parts.app.load(case)
    finally:
        other.close()


def test_nothing_that_was_erased_is_kept(world: World) -> None:
    case = world.report()
    man = next(iter(latest(world, case).persons))
    other = World.opened(
        world.parts.settings.data_dir, world.identities, world.parts.settings.database_url, clock=world.clock
    )
    try:
        other.parts.app.keys.destroy(man)
    finally:
        other.close()
    assert man not in {e.content.about for e in latest(world, case).entries if "name" in e.content.data}
    assert latest(world, case) == world.parts.app.load(case)
    world.parts.app.keys.destroy(case)
    assert latest(world, case) is None
    assert latest(world, world.thread(case, UNIT)) is None


def test_a_store_that_was_set_back_is_read_from_its_beginning(world: World) -> None:
    """As after a restore under a running process: the same stream, another end."""
    case = world.open_case()
    world.assess(case)
    latest(world, case)
    database = world.parts.app.store.database
    stream = [database.stream(case)]
    with database.transaction() as execute:
        ((last,),) = execute(
            "SELECT max(originator_version) FROM stored_events WHERE originator_id = ?", stream
        )
        execute(
            "DELETE FROM stored_events WHERE originator_id = ? AND originator_version = ?", [*stream, last]
        )
    assert latest(world, case).version == last - 1
    world.clock.move(timedelta(minutes=1))
    world.legal_basis(case, [NGO], [C.INCIDENT], BasisRule.VITAL_INTEREST)
    assert latest(world, case) == world.parts.app.load(case)


# --- what is read with a case in one statement ---------------------------------------------------------


def block(world: World, case: UUID, person: str) -> None:
    who = {"organisation": UNIT, "person": person, "name": person.capitalize(), "reason": "Bor hos en part"}
    world.parts.hub.block_person(world.command(TOVHOLDER), case, **who)


def test_what_is_read_ahead_is_what_is_read_apart(world: World) -> None:
    case, _ = lived_through(world)
    login, other = login_of(UNIT, "inge"), login_of(UNIT, "bo")
    block(world, case, "inge")
    ledger = world.thread(case, NGO)
    grants = [g.grant_id for g in world.case(case).grants.values()]
    seen = []

    def likely(before: CitizenCase | None) -> Likely:
        seen.append(before)
        return Likely([login, other], [ledger], grants)

    app = world.parts.app
    for _ in range(2):
        found = app.ahead(case, likely)
        assert found.aggregates == app.latest([case, ledger])
        assert found.grant_keys == app.store.grant_keys(grants) != {}
        assert found.barrings == Barrings(frozenset({login, other}), frozenset({(case, login)}))
        assert app.store.barred([case], [login, other]) == found.barrings.entries
    assert seen[-1] == world.case(case), "told how it stood before"


def test_whom_the_block_list_was_not_read_for_is_asked_for(world: World) -> None:
    case = world.open_case()
    block(world, case, "inge")
    barring: Barring = world.parts.committer.barring
    inge, bo = login_of(UNIT, "inge"), login_of(UNIT, "bo")
    read = Barrings(frozenset({bo}), frozenset())
    assert barring.of(UNIT, world.case(case), [bo], read).blocked == frozenset()
    assert barring.of(UNIT, world.case(case), [bo, inge], read).blocked == {inge}


def test_of_what_was_read_for_a_login_only_its_own_case_and_organisation_count(world: World) -> None:
    case, other = world.open_case(), world.report(SAME_WOMAN)
    block(world, case, "inge")
    inge = login_of(UNIT, "inge")
    known = world.parts.committer.case_for(other, (inge,), change=False)
    assert known.barrings.entries == {(case, inge)}
    barred = world.parts.committer.barring.of(UNIT, known.case, [inge], known.barrings)
    assert (barred.stopped, barred.blocked) == (frozenset(), frozenset())


def test_a_command_decides_on_the_case_as_it_was_read_to_let_its_caller_in(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = world.open_case()
    world.consent(case, [NGO], [C.RISK])
    known = world.parts.committer.case_for(case, (TOVHOLDER.login,), change=True)
    command = replace(world.command(TOVHOLDER), known=known)
    for name in ("ahead", "latest"):
        monkeypatch.setattr(world.parts.app, name, lambda *_: pytest.fail("it was read already"))
    world.parts.hub.change_safety_level(command, case, SafetyLevel.HIGH, "Truslerne tager til")
    monkeypatch.undo()
    assert world.case(case).safety_level is SafetyLevel.HIGH
    assert world.told(NGO)[-1].categories == {C.RISK}


def test_where_the_case_changed_since_it_is_read_again(world: World) -> None:
    case = world.open_case()
    consent = world.consent(case, [NGO], [C.RISK])
    known = world.parts.committer.case_for(case, (TOVHOLDER.login,), change=True)
    world.withdraw(case, consent)
    before = len(world.messages_of(NGO))
    command = replace(world.command(TOVHOLDER), known=known)
    world.parts.hub.change_safety_level(command, case, SafetyLevel.HIGH, "Truslerne tager til")
    assert world.case(case).safety_level is SafetyLevel.HIGH
    assert len(world.messages_of(NGO)) == before, "told on a consent that was withdrawn meanwhile"


def test_the_case_of_another_call_is_not_decided_on(world: World) -> None:
    case, other = world.open_case(), world.report(SAME_WOMAN)
    known = world.parts.committer.case_for(other, (TOVHOLDER.login,), change=True)
    command = replace(world.command(TOVHOLDER), known=known)
    world.parts.hub.change_safety_level(command, case, SafetyLevel.HIGH, "Truslerne tager til")
    assert world.case(case).safety_level is SafetyLevel.HIGH


def test_what_one_command_changed_no_other_decides_on(world: World) -> None:
    """The same call gives two commands: the second finds the case as the first left it in the store."""
    case = world.open_case()
    known = world.parts.committer.case_for(case, (TOVHOLDER.login,), change=True)
    for level in (SafetyLevel.HIGH, SafetyLevel.ACUTE):
        command = replace(world.command(TOVHOLDER), known=known)
        world.parts.hub.change_safety_level(command, case, level, "Truslerne tager til")
        assert latest(world, case) == world.parts.app.load(case)
        assert not known.is_fresh(case)
    refused = replace(world.command(TOVHOLDER), known=world.parts.committer.case_for(case, change=True))
    for _ in range(2):
        with pytest.raises(Conflict):
            world.parts.hub.change_safety_level(refused, case, SafetyLevel.ACUTE, "Truslerne tager til")
    assert latest(world, case) == world.parts.app.load(case)
