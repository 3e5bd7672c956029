"""What is told, on real stores: each opens what it was granted, and everything told is on record."""

import hashlib
import json
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from contracts.terms import BasisRule, Category, MessageKind, OrganisationKind, SafetyLevel, Urgency
from hub.aggregates.citizen_case.events import SafetyAssessed
from hub.aggregates.disclosure_ledger import BasisUsed, Disclosed, RefusalReason, Refused
from hub.errors import IllegalTransition, Missing, NoGrant
from hub.gates.gate import RULE_VERSION
from tests.support.social_reports import REPORTS
from tests.world import (
    CHILDREN,
    NGO,
    NIGHT,
    POLICE,
    SAME_WOMAN,
    SHELTER,
    UNIT,
    Told,
    World,
    at,
    elsewhere,
    planted,
)

C = Category


def said(told: list[Told]) -> str:
    return json.dumps([part.data for t in told for part in t.parts.values()], ensure_ascii=False, default=str)


# --- what is told -------------------------------------------------------------------------------------


def test_an_ngo_opens_the_categories_that_it_was_granted_and_nothing_else(world: World) -> None:
    report = planted(NIGHT)
    case = world.report(report=report.report)
    world.open(case)
    world.consent(case, [NGO], [C.INCIDENT, C.WISHES])
    told = world.told(NGO)
    assert {c for t in told for c in t.categories} == {C.INCIDENT, C.WISHES}
    assert [c for c in report.all if c in said(told)] == []
    assert "economic" not in said(told)
    assert "strangulation" in said(told)


def test_without_a_consent_nobody_but_the_owning_unit_has_a_message(world: World) -> None:
    case = world.open_case()
    world.level(case, SafetyLevel.ACUTE)
    assert world.messages_of(UNIT)
    for partner in (NGO, SHELTER, CHILDREN, POLICE):
        assert world.messages_of(partner) == []


def test_a_reporter_gets_a_receipt_and_nothing_else(world: World) -> None:
    world.report()
    (receipt,) = world.controls_of(POLICE)
    assert receipt.control == "receipt"
    assert "Maja" not in repr(receipt.model_dump())


@pytest.mark.parametrize("name", REPORTS)
def test_the_owning_unit_opens_every_example_without_free_text_and_without_what_could_kill(
    world: World, name: str
) -> None:
    report = planted(name)
    world.report(report=report.report)
    told = world.told(UNIT)
    assert [c for c in (*report.could_kill, *report.free_text) if c in said(told)] == []
    assert [c for c in report.others if c not in said(told)] == []
    assert [c for c in report.citizen if c not in said(told)] == []


def test_what_is_about_another_person_stands_in_a_part_of_its_own(world: World) -> None:
    report = planted(NIGHT)
    world.report(report=report.report)
    told, _ = world.told(UNIT)
    for part in told.parts.values():
        found = [c for c in report.others if c in json.dumps(part.data, ensure_ascii=False)]
        assert (part.about is not None) == bool(found)


def test_a_second_ngo_is_told_nothing(world: World) -> None:
    case = world.open_case()
    world.consent(case, [NGO], [C.INCIDENT])
    assert world.stored(SHELTER) == []


def test_a_new_grant_tells_the_present_state_of_two_matched_reports_once(world: World) -> None:
    case, inquiry = world.open_case(), world.report(SAME_WOMAN)
    world.match(case, inquiry)
    world.consent(case, [NGO], [C.INCIDENT])
    world.consent(case, [NGO], [C.INCIDENT])
    (told,) = world.told(NGO)
    assert told.head.kind is MessageKind.PRESENT_STATE
    assert len(told.parts) == 2


def test_an_inquiry_matched_after_the_consent_is_told_as_far_as_the_consent_goes(world: World) -> None:
    case = world.open_case()
    world.consent(case, [NGO], [C.WISHES])
    world.match(case, world.report(SAME_WOMAN))
    assert [t.categories for t in world.told(NGO)] == [{C.WISHES}, {C.WISHES}]


def test_free_text_of_a_matched_inquiry_is_told_once_read_to_who_holds_a_grant_in_its_case(
    world: World,
) -> None:
    case, inquiry = world.open_case(), world.report(SAME_WOMAN)
    world.consent(case, [NGO], [C.FREE_TEXT])
    world.match(case, inquiry)
    assert world.stored(NGO) == []
    world.read_free_text(inquiry)
    (told,) = world.told(NGO)
    assert told.head.thread == world.thread(case, NGO)
    assert REPORTS[SAME_WOMAN].narrative in said([told])
    world.read_free_text(inquiry)
    assert len(world.stored(NGO)) == 1
    world.unmatch(case, inquiry)
    assert world.told(NGO) == []


def test_free_text_read_while_a_consent_is_given_is_told_on_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever of the two is first, the other meets it: neither is decided on a case that has changed."""
    case, inquiry = world.open_case(), world.report(SAME_WOMAN)
    world.match(case, inquiry)
    committer = world.parts.committer
    commit = committer.commit

    def then_consent(*asked: Any) -> Any:
        monkeypatch.setattr(committer, "commit", commit)
        elsewhere(lambda: world.consent(case, [NGO], [C.FREE_TEXT]))
        return commit(*asked)

    monkeypatch.setattr(committer, "commit", then_consent)
    world.read_free_text(inquiry)
    assert len(world.told(NGO)) == 1


def test_free_text_is_read_though_the_case_of_the_match_was_erased(world: World) -> None:
    case, inquiry = world.open_case(), world.report(SAME_WOMAN)
    world.match(case, inquiry)
    world.parts.app.keys.destroy(case)
    world.read_free_text(inquiry)
    assert world.case(inquiry).free_text_read == {2}


def test_a_recipient_knows_the_case_by_a_name_that_no_other_recipient_has(world: World) -> None:
    case = world.open_case()
    world.consent(case, [NGO, SHELTER], [C.INCIDENT])
    threads = {world.told(who)[0].head.thread for who in (UNIT, NGO, SHELTER)}
    assert len(threads) == 3
    assert case not in threads


def test_a_head_says_nothing_but_words_from_closed_lists_opaque_ids_and_times(world: World) -> None:
    report = planted(NIGHT)
    case = world.report(report=report.report)
    world.open(case)
    world.consent(case, [NGO], list(Category))
    world.read_free_text(case)
    world.refer(case)
    for recipient in (UNIT, NGO):
        for told in world.told(recipient):
            words = told.head.model_dump(mode="json")
            assert [c for c in report.all if c in json.dumps(words, ensure_ascii=False)] == []
            assert set(words) == {"kind", "thread", "urgency", "deadline", "recorded", "refs", "parts"}


def test_a_referral_reaches_its_recipient_with_urgency_deadline_and_its_own_id(world: World) -> None:
    case = world.open_case()
    world.consent(case, [NGO, SHELTER], [C.REFERRAL])
    referral = world.refer(case, NGO)
    (told,) = world.told(NGO)
    assert (told.head.kind, told.head.urgency) == (MessageKind.REFERRAL_REQUESTED, Urgency.URGENT)
    assert told.head.refs == {"referral": referral}
    assert told.head.deadline == world.clock() + timedelta(days=2)
    assert world.stored(SHELTER) == []


def test_nobody_is_referred_to_without_a_living_grant_for_it(world: World) -> None:
    case = world.open_case()
    consent = world.consent(case, [NGO], [C.REFERRAL])
    world.withdraw(case, consent)
    with pytest.raises(NoGrant):
        world.refer(case, NGO)


def test_the_ban_of_115_reaches_whoever_is_told(world: World) -> None:
    case = world.open_case(NIGHT)
    world.consent(case, [NGO], [C.INCIDENT])
    (told,) = world.told(NGO)
    assert [part.bans for part in told.parts.values()] == [("criminal_investigation",)]


# --- everything told is on record ---------------------------------------------------------------------


def test_every_message_is_on_record_with_its_basis_its_grants_and_what_it_was_made_from(world: World) -> None:
    case = world.open_case()
    consent = world.consent(case, [NGO], [C.INCIDENT, C.IDENTITY])
    world.assess(case)
    grants = {g.grant_id: g for g in world.case(case).grants.values()}
    recorded = {d.message_id: d for d in world.facts(Disclosed)}
    for recipient in (UNIT, NGO):
        for message in world.messages_of(recipient):
            entry = recorded.pop(message.message_id)
            assert entry.digest == hashlib.sha256(message.sealed).hexdigest()
            assert entry.rule_version == RULE_VERSION
            assert {b.grant_id for b in entry.bases} == {g for p in entry.parts for g in p.grants}
            assert all(grants[b.grant_id].recipient == recipient for b in entry.bases)
    assert recorded == {}
    (told,) = world.told(NGO)
    (entry,) = [d for d in world.facts(Disclosed) if d.message_id == told.message_id]
    assert {b.basis_id for b in entry.bases} == {consent}
    assert isinstance(entry.bases[0], BasisUsed)
    for n, source in enumerate(entry.sources, 1):
        event = world.parts.app.event(source.stream, source.version)
        content = next(
            c for c in event.tells() if (c.field, c.category) == (source.field, told.parts[n].category)
        )
        assert json.loads(json.dumps(content.data, default=str)) == told.parts[n].data


def test_what_the_agreement_does_not_cover_is_refused_on_record_and_not_sent(world: World) -> None:
    world.register("psykologen", OrganisationKind.PSYCHOLOGIST, [C.RISK])
    case = world.open_case()
    world.consent(case, ["psykologen"], [C.INCIDENT, C.RISK])
    assert world.stored("psykologen") == []
    world.assess(case)
    assert world.told_categories("psykologen") == {C.RISK}
    assert [(r.category, r.reason) for r in world.facts(Refused)] == [
        (C.INCIDENT, RefusalReason.NOT_IN_AGREEMENT)
    ]


def test_a_suspended_partner_is_sent_nothing_and_opens_nothing(world: World) -> None:
    case = world.open_case()
    world.consent(case, [NGO], [C.INCIDENT, C.RISK])
    world.suspend(NGO)
    world.assess(case)
    assert world.told(NGO) == []
    assert len(world.messages_of(NGO)) == 1
    assert world.parts.outgoing.messages_of(NGO, 0, 0, 10) == []
    assert {r.reason for r in world.facts(Refused)} == {RefusalReason.PARTNER_SUSPENDED}
    world.resume(NGO)
    assert len(world.told(NGO)) == 1


# --- erased -------------------------------------------------------------------------------------------


def perpetrator_of(world: World, case: UUID) -> UUID:
    told = next(t for t in world.told(UNIT) if t.head.thread == world.thread(case, UNIT))
    return next(p.about for p in told.parts.values() if p.about and p.data.get("role") == "perpetrator")


def test_an_erased_person_is_gone_from_what_was_told_and_the_rest_opens(world: World) -> None:
    case = world.report()
    man = perpetrator_of(world, case)
    world.parts.app.keys.destroy(man)
    told, _ = world.told(UNIT)
    assert man not in {p.about for p in told.parts.values()}
    assert "Jonas Prøvegaard" not in said([told])
    assert "Maja Eksempelsen" in said([told])
    assert len(told.head.parts) > len(told.parts)


def test_an_erased_person_is_left_out_of_what_is_told_afterwards(world: World) -> None:
    case = world.report()
    man = perpetrator_of(world, case)
    world.open(case)
    world.parts.app.keys.destroy(man)
    world.consent(case, [NGO], list(Category))
    (told,) = world.told(NGO)
    assert man not in {p.about for p in told.parts.values()}
    assert "Jonas Prøvegaard" not in said([told])
    assert "Alma Eksempelsen" in said([told])


def test_an_erased_case_is_as_if_it_had_never_been_and_the_others_are_unharmed(world: World) -> None:
    gone, other = world.open_case(), world.open_case(SAME_WOMAN)
    for case in (gone, other):
        world.consent(case, [NGO], [C.INCIDENT])
    world.parts.app.keys.destroy(gone)
    with pytest.raises(Missing):
        world.case(gone)
    with pytest.raises(Missing):
        world.assess(gone)
    assert world.ledger(gone, NGO) is None
    assert [t.head.thread for t in world.told(NGO)] == [world.thread(other, NGO)]
    world.assess(other)
    assert world.log()


def test_a_case_goes_on_when_an_inquiry_that_was_matched_to_it_is_erased(world: World) -> None:
    case, inquiry = world.open_case(), world.report(SAME_WOMAN)
    world.match(case, inquiry)
    world.parts.app.keys.destroy(inquiry)
    consent = world.consent(case, [NGO], [C.INCIDENT])
    (told,) = world.told(NGO)
    assert len(told.parts) == 1
    world.match(case, world.report(SAME_WOMAN))
    world.legal_basis(case, [CHILDREN], [C.CHILDREN], BasisRule.CHILD_NOTIFICATION)
    world.withdraw(case, consent)
    assert world.told(NGO) == []


# --- a grant that ends while somebody else writes ------------------------------------------------------


def test_a_command_that_meets_a_withdrawal_half_way_is_carried_out_without_telling(world: World) -> None:
    """The keys of its grants are gone between reading the case and sealing: read again, never a crash."""
    case = world.open_case()
    consent = world.consent(case, [NGO], [C.RISK])
    store = world.parts.app.store
    read, meet = store.grant_keys, [True]

    def withdrawn_first(grants: list[UUID]) -> object:
        if meet.pop() if meet else False:
            elsewhere(lambda: world.withdraw(case, consent))
        return read(grants)

    store.grant_keys = withdrawn_first  # type: ignore[assignment, method-assign]
    world.assess(case)
    assert world.messages_of(NGO) == []
    assert len(world.facts(SafetyAssessed)) == 1


def test_a_command_that_meets_a_withdrawal_before_its_commit_is_carried_out_without_telling(
    world: World,
) -> None:
    case = world.open_case()
    consent = world.consent(case, [NGO], [C.RISK])
    app = world.parts.app
    write, meet = app.commit, [True]

    def withdrawn_first(*aggregates: object, **words: object) -> int:
        if meet.pop() if meet else False:
            elsewhere(lambda: world.withdraw(case, consent))
        return write(*aggregates, **words)  # type: ignore[arg-type]

    app.commit = withdrawn_first  # type: ignore[method-assign]
    world.assess(case)
    assert world.messages_of(NGO) == []
    assert len(world.facts(SafetyAssessed)) == 1
    assert world.controls_of(NGO) == []


def test_a_member_of_another_partner_is_not_told_that_a_message_exists(world: World) -> None:
    case = world.open_case()
    world.consent(case, [NGO], [C.INCIDENT])
    (message,) = world.messages_of(NGO)
    with pytest.raises(Missing) as refused:
        world.open_message(NGO, message, by=at(SHELTER))
    with pytest.raises(Missing) as none:
        world.parts.opener.open(at(NGO), UUID(int=7), purpose="referral")
    assert str(refused.value) == str(none.value)


# --- two processes of one hub ---------------------------------------------------------------------------


@pytest.fixture
def other(world: World) -> Iterator[World]:
    """Give the same hub once more, as another process has it."""
    here = world.parts.settings
    with closing(
        World.opened(here.data_dir, world.identities, here.database_url, clock=world.clock)
    ) as found:
        yield found


def test_what_was_withdrawn_in_another_process_is_told_no_more(world: World, other: World) -> None:
    case = world.open_case()
    consent = world.consent(case, [NGO], [C.RISK])
    world.assess(case)
    other.withdraw(case, consent)
    world.assess(case)
    assert len(world.messages_of(NGO)) == 1
    assert world.told(NGO) == []


def test_what_was_consented_to_in_another_process_is_told(world: World, other: World) -> None:
    case = world.open_case()
    world.assess(case)
    other.consent(case, [NGO], [C.RISK])
    world.assess(case)
    assert len(world.told(NGO)) == 2


def test_who_was_suspended_in_another_process_is_told_nothing(world: World, other: World) -> None:
    case = world.open_case()
    world.consent(case, [NGO], [C.RISK])
    world.assess(case)
    other.suspend(NGO)
    world.assess(case)
    assert len(world.messages_of(NGO)) == 1
    assert world.told(NGO) == []


def test_who_was_erased_in_another_process_is_gone_here_at_once(world: World, other: World) -> None:
    case = world.report()
    man = perpetrator_of(world, case)
    world.open(case)
    assert world.case(case)
    other.parts.app.keys.destroy(man)
    world.consent(case, [NGO], list(Category))
    (told,) = world.told(NGO)
    assert man not in {p.about for p in told.parts.values()}
    assert "Jonas Prøvegaard" not in said([told])


def test_a_case_erased_in_another_process_is_gone_here_at_once(world: World, other: World) -> None:
    case = world.open_case()
    world.consent(case)
    assert world.case(case)
    other.parts.app.keys.destroy(case)
    with pytest.raises(Missing):
        world.case(case)
    with pytest.raises(Missing):
        world.assess(case)
    assert world.told(NGO) == []
    assert world.ledger(case, NGO) is None


def test_an_inquiry_erased_in_another_process_is_told_to_nobody(world: World, other: World) -> None:
    case, inquiry = world.open_case(), world.report(SAME_WOMAN)
    world.match(case, inquiry)
    assert world.case(inquiry)
    other.parts.app.keys.destroy(inquiry)
    world.consent(case, [NGO], [C.INCIDENT])
    (told,) = world.told(NGO)
    assert len(told.parts) == 1


def test_a_refused_command_leaves_nothing_behind_for_the_next(world: World) -> None:
    case, inquiry = world.open_case(), world.report(SAME_WOMAN)
    world.match(case, inquiry)
    before = world.case(case)
    with pytest.raises(IllegalTransition):
        world.match(case, inquiry=world.open_case(SAME_WOMAN))
    after = world.case(case)
    assert (after.version, after.inquiries, after.pending_events) == (before.version, {inquiry}, [])
    world.assess(case)
    assert world.case(case).version == before.version + 1
