"""How a case rests, ends and begins again: a person decides, and nothing is silently left behind."""

from datetime import timedelta
from typing import Any

import pytest

from contracts.terms import Category, SafetyLevel
from hub.aggregates.citizen_case.case import CitizenCase
from hub.aggregates.citizen_case.ending import FOLLOW_UP_AT_MOST
from hub.aggregates.citizen_case.events import (
    CaseClosed,
    CaseReopened,
    CitizenDeclined,
    FollowUpEnded,
    MinorFlagged,
    ReferralCancelled,
    ReportSetAside,
)
from hub.aggregates.citizen_case.terms import (
    AgeKnownBy,
    ClosingReason,
    ReopeningReason,
    SetAsideReason,
    StaysPossible,
)
from hub.aggregates.citizen_case.values import CaseState
from hub.errors import Conflict, IllegalTransition, Invalid
from tests.criteria import MET
from tests.given import BEGAN, NOW, fact, given
from tests.unit.case_facts import (
    ASIDE,
    B1,
    CLOSED,
    CLOSING,
    CONSENT_TERMS,
    FLAGGED,
    FOLLOWED_UP,
    I1,
    I2,
    IN_CLOSED_CASE,
    IN_INQUIRY,
    IN_OPEN_CASE,
    OF_A_MINOR,
    R1,
    R2,
    REFERRAL,
    REFERRED,
    WHILE_MATCHED,
    made_up,
)

NO: dict[str, Any] = {"stays_possible": (StaysPossible.LATER_YES,), "words": "Ikke nu"}


def test_a_report_is_set_aside_with_a_reason_and_can_begin_again() -> None:
    why: dict[str, Any] = {
        "reason": SetAsideReason.OUTSIDE_TARGET_GROUP,
        "text": "Ingen nær relation",
    }
    aside = given(*IN_INQUIRY).when(CitizenCase.set_report_aside, **why)
    aside.then(fact(ReportSetAside, **why))
    assert aside.aggregate.state is CaseState.SET_ASIDE
    again = given(*ASIDE).when(
        CitizenCase.reopen_case, reason=ReopeningReason.DECIDED_IN_ERROR, text="Det var hendes svoger"
    )
    again.then(
        fact(
            CaseReopened,
            reason=ReopeningReason.DECIDED_IN_ERROR,
            text="Det var hendes svoger",
            state=CaseState.INQUIRY,
        )
    )
    assert again.aggregate.reports.keys() == given(*IN_INQUIRY).aggregate.reports.keys()


def test_setting_aside_takes_a_reason_from_the_list_and_in_words() -> None:
    inquiry = given(*IN_INQUIRY)
    inquiry.when(CitizenCase.set_report_aside, reason="whatever", text="Fordi").then_raises(
        Invalid, field="reason"
    )
    inquiry.when(CitizenCase.set_report_aside, reason=SetAsideReason.SENT_IN_ERROR, text=" ").then_raises(
        Invalid, field="text"
    )


def test_a_no_before_anything_was_decided_lets_the_inquiry_rest_and_a_later_yes_wakes_it() -> None:
    no = given(*IN_INQUIRY).when(CitizenCase.decline, **NO)
    no.then(fact(CitizenDeclined, **NO, state=CaseState.SET_ASIDE))
    rested = fact(CitizenDeclined, **NO, state=CaseState.SET_ASIDE)
    yes = given(*IN_INQUIRY, rested).when(
        CitizenCase.reopen_case, reason=ReopeningReason.CITIZEN_ASKS, text="Hun ringede"
    )
    assert yes.aggregate.state is CaseState.INQUIRY


@pytest.mark.parametrize("history", [WHILE_MATCHED, IN_OPEN_CASE, ASIDE, IN_CLOSED_CASE, OF_A_MINOR])
def test_a_no_is_heard_in_every_other_state_and_changes_it_not(history: tuple[Any, ...]) -> None:
    before = given(*history).aggregate.state
    no = given(*history).when(CitizenCase.decline, **NO)
    no.then(fact(CitizenDeclined, **NO, state=before))


def test_a_no_withdraws_nothing_by_itself_and_closes_no_door() -> None:
    said = given(*IN_OPEN_CASE).when(CitizenCase.decline, **NO)
    assert {g.grant_id for g in said.aggregate.living_grants(NOW)} >= {R1, R2, I1, I2}
    given(*IN_INQUIRY).when(CitizenCase.decline, stays_possible=(), words="").then_raises(
        Invalid, field="stays_possible"
    )
    twice = (StaysPossible.LATER_YES, StaysPossible.LATER_YES)
    given(*IN_INQUIRY).when(CitizenCase.decline, stays_possible=twice, words="").then_raises(
        Invalid, field="stays_possible"
    )


def test_without_a_follow_up_the_consents_end_with_the_case_and_legal_bases_do_not() -> None:
    closed = given(*IN_OPEN_CASE).when(CitizenCase.close_case, **CLOSING)
    ended = (R1, I1, R2, I2)
    closed.then(fact(CaseClosed, **CLOSING, grants=ended)).then_answers(ended)
    assert closed.aggregate.state is CaseState.CLOSED
    living = {g.grant_id for g in closed.aggregate.living_grants(NOW)}
    assert living == {B1, closed.aggregate.standing_grant}


def test_an_agreed_follow_up_keeps_the_consents_to_their_own_end() -> None:
    closed = given(*IN_OPEN_CASE).when(CitizenCase.close_case, **FOLLOWED_UP)
    closed.then(fact(CaseClosed, **FOLLOWED_UP, grants=()))
    assert closed.aggregate.follow_up_until == FOLLOWED_UP["follow_up_until"]


def test_the_consents_end_with_the_follow_up_and_not_before() -> None:
    until = FOLLOWED_UP["follow_up_until"]
    closed = given(*IN_CLOSED_CASE)
    closed.when(CitizenCase.end_follow_up, at=until - timedelta(seconds=1)).then_raises(
        Conflict, field="follow_up_until"
    )
    over = given(*IN_CLOSED_CASE).when(CitizenCase.end_follow_up, at=until)
    # The consent of these facts ended by itself before that; what is over ends once more for the record.
    over.then(fact(FollowUpEnded, grants=(R1, I1, R2, I2)))
    assert over.aggregate.follow_up_until is None
    given(*IN_CLOSED_CASE, fact(FollowUpEnded, grants=())).when(
        CitizenCase.end_follow_up, at=until
    ).then_raises(Conflict, field="follow_up_until")


def test_a_follow_up_lies_ahead_and_lasts_a_year_at_most() -> None:
    for until in (NOW, BEGAN, NOW + FOLLOW_UP_AT_MOST + timedelta(seconds=1)):
        given(*IN_OPEN_CASE).when(
            CitizenCase.close_case, **{**CLOSING, "follow_up_until": until}
        ).then_raises(Invalid, field="follow_up_until")


def test_nobody_is_left_alone_in_acute_danger() -> None:
    acute = {**CLOSING, "reason": ClosingReason.NO_CONTACT, "safety_level": SafetyLevel.ACUTE}
    given(*IN_OPEN_CASE).when(CitizenCase.close_case, **acute).then_raises(Conflict, field="safety_level")


def test_the_safety_is_judged_at_every_end_but_a_death() -> None:
    unjudged = {**CLOSING, "safety_level": None}
    given(*IN_OPEN_CASE).when(CitizenCase.close_case, **unjudged).then_raises(Invalid, field="safety_level")
    died = {**unjudged, "reason": ClosingReason.DIED}
    assert given(*IN_OPEN_CASE).when(CitizenCase.close_case, **died).error is None


def test_an_open_referral_is_ended_or_named_as_going_on_under_a_follow_up() -> None:
    referred = given(*IN_OPEN_CASE, REFERRED)
    referred.when(CitizenCase.close_case, **CLOSING).then_raises(Conflict, field="going_on")
    named = {**CLOSING, "going_on": (REFERRAL,)}
    referred.when(CitizenCase.close_case, **named).then_raises(Invalid, field="follow_up_until")
    followed = {**FOLLOWED_UP, "going_on": (REFERRAL,)}
    assert referred.when(CitizenCase.close_case, **followed).error is None
    cancelled = fact(ReferralCancelled, referral_id=REFERRAL, reason="not_safe")
    ended = given(*IN_OPEN_CASE, REFERRED, cancelled)
    ended.when(CitizenCase.close_case, **followed).then_raises(Invalid, field="going_on")
    assert given(*IN_OPEN_CASE, REFERRED, cancelled).when(CitizenCase.close_case, **CLOSING).error is None


def test_what_ended_with_the_case_stays_ended_when_it_is_reopened() -> None:
    over = fact(CaseClosed, **CLOSING, grants=(R1, I1, R2, I2))
    again = given(*IN_OPEN_CASE, over).when(
        CitizenCase.reopen_case, reason=ReopeningReason.NEW_DANGER, text="Han er tilbage"
    )
    assert again.aggregate.state is CaseState.OPEN
    assert not {R1, I1, R2, I2} & {g.grant_id for g in again.aggregate.living_grants(NOW)}
    assert again.aggregate.follow_up_until is None
    assert given(*IN_OPEN_CASE, CLOSED).aggregate.number == again.aggregate.number


@pytest.mark.parametrize(
    ("command", "args"),
    [
        (CitizenCase.open_case, {"number": "7KQM-2RXD", "criteria": MET}),
        (CitizenCase.give_consent, {**CONSENT_TERMS, "consent_id": made_up(4)}),
        (CitizenCase.match_inquiry, {"inquiry": made_up(5), "reason": "Samme"}),
        (CitizenCase.be_matched_to, {"case": made_up(5)}),
    ],
)
def test_a_case_of_a_minor_is_never_an_adult_case_and_says_the_way_out(command: Any, args: Any) -> None:
    refused = given(*OF_A_MINOR).when(command, **args)
    refused.then_raises(IllegalTransition, field="state")
    assert "child services" in str(refused.error)


def test_a_minor_who_is_found_to_be_an_adult_comes_back_and_for_no_other_reason() -> None:
    minor = given(*OF_A_MINOR)
    minor.when(CitizenCase.reopen_case, reason=ReopeningReason.CITIZEN_ASKS, text="Hun ringede").then_raises(
        Invalid, field="reason"
    )
    adult: dict[str, Any] = {"reason": ReopeningReason.FOUND_ADULT, "text": "Fødselsåret var tastet forkert"}
    assert minor.when(CitizenCase.reopen_case, **adult).aggregate.state is CaseState.INQUIRY
    given(*ASIDE).when(CitizenCase.reopen_case, **adult).then_raises(Invalid, field="reason")
    was_open = given(*IN_OPEN_CASE, FLAGGED).when(CitizenCase.reopen_case, **adult)
    assert was_open.aggregate.state is CaseState.OPEN


def test_a_person_finds_out_that_the_citizen_is_under_18() -> None:
    found = given(*IN_OPEN_CASE).when(CitizenCase.flag_minor, known_by=AgeKnownBy.FOUND_OUT)
    found.then(fact(MinorFlagged, known_by=AgeKnownBy.FOUND_OUT))
    assert found.aggregate.state is CaseState.MINOR


def test_a_partner_is_told_where_the_case_stands_and_why_it_does_is_the_owners_alone() -> None:
    told = given(*IN_CLOSED_CASE).aggregate.present_state({Category.COORDINATION})
    states = [e.content.data["state"] for e in told if "state" in e.content.data]
    assert states == [CaseState.CLOSED]
    assert [e for e in told if "closed" in e.content.data and not e.content.owner_only] == []
