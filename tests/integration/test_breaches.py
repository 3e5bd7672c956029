"""What may have been told without a basis is listed for a person to judge (GDPR art. 33), on real stores."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from contracts.inbound_v1 import Inbound, PurgeAnswer, PurgeOutcome, RetentionBasis
from contracts.message_v1 import Revoked
from contracts.terms import BasisRule, Category
from hub.aggregates.base import Actor
from hub.aggregates.citizen_case.children import waiting_notifications
from hub.aggregates.citizen_case.events import ChildNotificationDue, ConsentCorrected, LegalBasisCorrected
from hub.aggregates.citizen_case.terms import NotificationCause
from hub.aggregates.disclosure_ledger import RevocationReason
from hub.aggregates.disclosure_ledger import Revoked as Recorded
from hub.aggregates.look import LookRecorded
from hub.errors import Missing
from hub.projections import disclosures
from hub.topics.following import Follower
from tests.world import CASEWORKER, CHILDREN, NGO, SAME_WOMAN, SHELTER, TOVHOLDER, UNIT, World, at

C = Category
LEAD = Actor("lone", "Lone Leder", "programme_lead", UNIT)


def breaches(world: World, case: UUID) -> list[Mapping[str, Any]]:
    """What the programme lead is shown."""
    follower = Follower(world.parts.app, world.parts.views[disclosures.NAME])
    while follower.step(500):
        pass
    shown = world.parts.queries.possible_breaches(LEAD, world.case(case), "supervision")
    assert shown["unreadable"] == 0
    found: list[Mapping[str, Any]] = shown["possible_breaches"]
    return found


def answer(world: World, case: UUID, outcome: PurgeOutcome, basis: RetentionBasis | None = None) -> None:
    """The NGO answers its last revocation."""
    revocation = [m for m in world.stored(NGO) if m.control][-1].message_id
    said = PurgeAnswer(revocation=revocation, thread=world.thread(case, NGO), outcome=outcome, basis=basis)
    world.send(NGO, Inbound.of(said))


# --- a consent that was recorded wrongly --------------------------------------------------------------


def test_what_was_told_outside_her_words_is_revoked_as_told_in_error_and_opens_no_more(world: World) -> None:
    case = world.open_case()
    consent = world.consent(case, [NGO, SHELTER], [C.INCIDENT])
    world.never_said(case, consent, SHELTER)
    assert world.told(SHELTER) == []
    assert len(world.told(NGO)) == 1, "what she did say stands"
    (revoked,) = world.facts(Recorded)
    assert revoked.reason is RevocationReason.DISCLOSED_IN_ERROR
    (control,) = world.controls_of(SHELTER)
    assert isinstance(control, Revoked)
    assert control.messages == tuple(m.message_id for m in world.messages_of(SHELTER))


def test_it_is_listed_as_a_possible_breach_with_what_became_of_it(world: World) -> None:
    case = world.open_case()
    consent = world.consent(case, [NGO, SHELTER], [C.INCIDENT, C.WISHES])
    (message,) = world.messages_of(NGO)
    world.open_message(NGO, message)
    assert breaches(world, case) == []
    world.never_said(case, consent, NGO, C.WISHES)
    (breach,) = breaches(world, case)
    assert (breach["recipient"], breach["message"]) == (NGO, message.message_id)
    assert (breach["at"], breach["categories"], breach["causes"]) == (
        world.clock(),
        (C.WISHES,),
        ("consent_corrected",),
    )
    assert [(o["by"], o["taken_over"]) for o in breach["opened"]] == [("Anna Ansat", False)]
    assert breach["revoked"]["reason"] == "disclosed_in_error"
    assert breach["answered"] == "waiting"
    world.clock.move(timedelta(days=2))
    assert [b["answered"] for b in breaches(world, case)] == ["silent"]
    answer(world, case, PurgeOutcome.RETAINED, RetentionBasis.PUBLIC_RECORD)
    assert [b["answered"] for b in breaches(world, case)] == ["retained"]


def test_what_a_recipient_purged_and_never_opened_says_so(world: World) -> None:
    case = world.open_case()
    world.never_said(case, world.consent(case, [NGO], [C.INCIDENT]))
    answer(world, case, PurgeOutcome.PURGED)
    (breach,) = breaches(world, case)
    assert (breach["opened"], breach["answered"]) == ([], "purged")


def test_what_was_withdrawn_before_it_was_found_to_be_wrong_is_listed_too(world: World) -> None:
    case = world.open_case()
    consent = world.consent(case, [NGO], [C.INCIDENT])
    world.withdraw(case, consent)
    world.never_said(case, consent)
    (breach,) = breaches(world, case)
    assert (breach["causes"], breach["revoked"]["reason"]) == (("consent_corrected",), "withdrawn")


def test_what_also_rested_on_a_sound_basis_when_it_was_told_is_no_breach_and_opens(world: World) -> None:
    case = world.open_case()
    world.legal_basis(case, [NGO], [C.RISK])
    consent = world.consent(case, [NGO], [C.RISK])
    world.assess(case)
    world.never_said(case, consent)
    assert len(world.told(NGO)) == 1
    assert breaches(world, case) == []


def test_what_a_later_consent_carries_on_was_told_without_a_basis_all_the_same(world: World) -> None:
    case = world.open_case()
    wrong = world.consent(case, [NGO], [C.INCIDENT])
    world.consent(case, [NGO], [C.INCIDENT])
    world.never_said(case, wrong)
    assert len(world.told(NGO)) == 1, "the later consent is hers"
    (breach,) = breaches(world, case)
    assert (breach["revoked"], breach["answered"]) == (None, None)


def test_a_correction_of_a_consent_is_never_a_conflict_and_twice_is_once(world: World) -> None:
    case = world.open_case()
    consent = world.consent(case, [NGO], [C.INCIDENT])
    world.never_said(case, consent)
    world.never_said(case, consent)
    assert len(world.facts(ConsentCorrected)) == 1
    with pytest.raises(Missing):
        world.never_said(case, consent, SHELTER)


def test_asking_for_possible_breaches_is_a_look_on_record(world: World) -> None:
    case = world.open_case()
    breaches(world, case)
    look = world.facts(LookRecorded)[-1]
    assert (look.what, look.by.person, look.case_id) == ("possible_breaches", LEAD.person, case)


# --- a legal basis that was recorded wrongly ------------------------------------------------------------


def test_what_was_told_on_a_wrong_basis_is_revoked_as_told_in_error_and_is_a_possible_breach(
    world: World,
) -> None:
    case = world.open_case()
    basis = world.legal_basis(case, [NGO, SHELTER], [C.INCIDENT, C.WISHES], BasisRule.AUTHORITY_DUTY)
    (message,) = world.messages_of(SHELTER)
    world.open_message(SHELTER, message)
    assert breaches(world, case) == []
    world.wrong_basis(case, basis, SHELTER)
    assert world.told(SHELTER) == []
    assert len(world.told(NGO)) == 1, "the rest of it stands"
    (control,) = world.controls_of(SHELTER)
    assert isinstance(control, Revoked)
    assert control.messages == (message.message_id,)
    (breach,) = breaches(world, case)
    assert (breach["recipient"], breach["message"]) == (SHELTER, message.message_id)
    assert (breach["categories"], breach["causes"]) == ((C.INCIDENT, C.WISHES), ("legal_basis_corrected",))
    assert [o["by"] for o in breach["opened"]] == ["Anna Ansat"]
    assert (breach["revoked"]["reason"], breach["answered"]) == ("disclosed_in_error", "waiting")


def test_what_a_person_had_ended_before_it_was_found_to_be_wrong_is_listed_too(world: World) -> None:
    case = world.open_case()
    basis = world.legal_basis(case, [NGO], [C.INCIDENT], BasisRule.AUTHORITY_DUTY)
    world.end_basis(case, basis)
    assert breaches(world, case) == [], "what ended was sound"
    world.wrong_basis(case, basis)
    world.wrong_basis(case, basis)
    assert len(world.facts(LegalBasisCorrected)) == 1, "twice is once"
    (breach,) = breaches(world, case)
    assert (breach["causes"], breach["revoked"]["reason"]) == (("legal_basis_corrected",), "basis_ended")


@pytest.mark.parametrize("consent_first", [True, False])
def test_what_also_rests_on_a_consent_opens_and_is_no_breach(world: World, consent_first: bool) -> None:
    case = world.open_case()
    if consent_first:
        world.consent(case, [NGO], [C.RISK])
    basis = world.legal_basis(case, [NGO], [C.RISK], BasisRule.AUTHORITY_DUTY)
    if not consent_first:
        world.consent(case, [NGO], [C.RISK])
    world.assess(case)
    world.wrong_basis(case, basis)
    assert len(world.told(NGO)) == 1
    assert breaches(world, case) == []


def test_what_rested_on_a_wrong_consent_and_a_wrong_basis_names_both(world: World) -> None:
    case = world.open_case()
    consent = world.consent(case, [NGO], [C.RISK])
    basis = world.legal_basis(case, [NGO], [C.RISK], BasisRule.AUTHORITY_DUTY)
    world.assess(case)
    world.never_said(case, consent)
    world.wrong_basis(case, basis)
    assert world.told(NGO) == []
    (breach,) = breaches(world, case)
    assert breach["causes"] == ("consent_corrected", "legal_basis_corrected")


def test_a_child_that_was_notified_of_on_a_wrong_basis_is_due_again(world: World) -> None:
    """What child services were told they drop: somebody must say whether anybody is told (domain rule 7)."""
    case = world.report(SAME_WOMAN)
    basis = UUID(world.notify(case).ids["basis"])
    assert world.told(CHILDREN)
    assert waiting_notifications(world.case(case)) == []
    world.wrong_basis(case, basis)
    assert world.told(CHILDREN) == []
    (due,) = waiting_notifications(world.case(case))
    assert world.facts(ChildNotificationDue)[-1].cause is NotificationCause.CORRECTION
    assert due.deadline in [at for at, _ in world.parts.app.store.due(due.deadline, 10)]
    world.wrong_basis(case, basis)
    assert len(world.facts(ChildNotificationDue)) == 2, "twice is once"


# --- a wrong match --------------------------------------------------------------------------------------


def test_what_was_told_of_another_citizen_is_a_possible_breach_of_both_cases(world: World) -> None:
    case, inquiry = world.open_case(), world.report(SAME_WOMAN)
    world.consent(case, [NGO], [C.INCIDENT])
    world.match(case, inquiry)
    assert breaches(world, case) == []
    of_her = world.messages_of(NGO)[-1].message_id
    world.unmatch(case, inquiry)
    for whose in (case, inquiry):
        (breach,) = breaches(world, whose)
        assert (breach["message"], breach["causes"]) == (of_her, ("match_undone",))
        assert breach["revoked"]["reason"] == "disclosed_in_error"


def test_a_match_is_undone_also_where_what_was_told_because_of_it_is_damaged(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    case, inquiry = world.open_case(), world.report(SAME_WOMAN)
    world.match(case, inquiry)
    world.consent(case, [NGO], [C.INCIDENT])
    told = [m.message_id for m in world.messages_of(NGO)]
    for message, grant, wraps in world.parts.app.store.wraps_of(told):
        damage(world, message, grant, wraps[:-1])
    world.unmatch(case, inquiry)
    assert world.told(NGO) == []
    assert "was damaged" in caplog.text


def damage(world: World, message: UUID, grant: UUID, wraps: bytes) -> None:
    """Change stored bytes behind everybody's back."""
    database = world.parts.app.store.database
    with database.transaction() as execute:
        execute(
            "UPDATE message_wraps SET wraps = ? WHERE message_id = ? AND grant_id = ?",
            [wraps, database.uuid(message), database.uuid(grant)],
        )


def test_two_matches_that_were_undone_list_each_message_once_under_its_own(world: World) -> None:
    case, inquiry = world.open_case(), world.report(SAME_WOMAN)
    world.consent(case, [NGO], [C.INCIDENT])
    for _ in range(2):
        world.match(case, inquiry)
        world.clock.move(timedelta(minutes=1))
        world.unmatch(case, inquiry)
        world.clock.move(timedelta(minutes=1))
    told = [m.message_id for m in world.messages_of(NGO)][1:]
    assert len(told) == 2
    for whose in (case, inquiry):
        assert [breach["message"] for breach in breaches(world, whose)] == told


def test_what_rests_on_an_older_consent_too_is_no_breach_of_a_basis_recorded_while_matched(
    world: World,
) -> None:
    case, inquiry = world.open_case(), world.report(SAME_WOMAN)
    world.consent(case, [NGO], [C.RISK])
    world.match(case, inquiry)
    world.consent(case, [NGO], [C.RISK])
    world.assess(case)
    world.unmatch(case, inquiry)
    assert world.told_categories(NGO) == {C.RISK}
    assert breaches(world, case) == []


def test_a_match_undone_is_gone_from_the_timeline_and_the_report_waits_again(world: World) -> None:
    case, inquiry = world.open_case(), world.report(SAME_WOMAN)
    world.match(case, inquiry)
    of_her = world.thread(inquiry, UNIT)
    assert of_her in timeline(world, case)
    assert not waits(world, inquiry)
    world.unmatch(case, inquiry)
    assert of_her not in timeline(world, case)
    assert waits(world, inquiry)


def timeline(world: World, case: UUID) -> set[UUID]:
    """The threads that the tovholder's timeline shows."""
    world.project()
    rows = world.parts.queries.timeline(TOVHOLDER, world.case(case), "coordination")
    return {row.head.thread for row in rows}


def waits(world: World, inquiry: UUID) -> bool:
    """Whether the report stands in the intake inbox."""
    world.project()
    return inquiry in {waiting.case_id for waiting in world.parts.queries.inbox(CASEWORKER)}


def test_a_basis_recorded_while_the_wrong_match_stood_is_for_a_person_to_judge(world: World) -> None:
    """Whose consent was it? What was told on it stands until somebody says that it was not hers."""
    case, inquiry = world.open_case(), world.report(SAME_WOMAN)
    world.match(case, inquiry)
    consent = world.consent(case, [NGO], [C.INCIDENT])
    world.unmatch(case, inquiry)
    (told,) = world.told(NGO)
    assert len(told.parts) == 1, "of the other citizen nothing opens"
    (breach,) = breaches(world, case)
    assert breach["causes"] == ("basis_while_matched", "match_undone")
    assert [b["causes"] for b in breaches(world, inquiry)] == [("match_undone",)]
    world.never_said(case, consent)
    assert world.told(NGO) == []
    (breach,) = breaches(world, case)
    assert "consent_corrected" in breach["causes"]


def test_a_right_match_of_the_same_inquiry_afterwards_is_no_breach(world: World) -> None:
    case, inquiry = world.open_case(), world.report(SAME_WOMAN)
    world.consent(case, [NGO], [C.INCIDENT])
    world.match(case, inquiry)
    world.unmatch(case, inquiry)
    world.clock.move(timedelta(hours=1))
    world.match(case, inquiry)
    assert len(world.told(NGO)) == 2
    assert len(breaches(world, case)) == 1


def test_a_basis_of_before_and_one_of_after_the_wrong_match_are_sound(world: World) -> None:
    case, inquiry = world.open_case(), world.report(SAME_WOMAN)
    world.consent(case, [NGO], [C.INCIDENT])
    world.match(case, inquiry)
    world.unmatch(case, inquiry)
    world.legal_basis(case, [SHELTER], [C.WISHES], BasisRule.VITAL_INTEREST)
    assert {b["recipient"] for b in breaches(world, case)} == {NGO}
    assert [b["categories"] for b in breaches(world, case)] == [(C.INCIDENT,)]


def test_the_unit_is_no_stranger_to_its_own_cases(world: World) -> None:
    case, inquiry = world.open_case(), world.report(SAME_WOMAN)
    world.match(case, inquiry)
    world.unmatch(case, inquiry)
    assert breaches(world, case) == breaches(world, inquiry) == []
    assert world.told(UNIT)
    with pytest.raises(Missing):
        world.open_message(UNIT, world.messages_of(UNIT)[0], by=at(NGO))
