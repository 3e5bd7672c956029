"""Referrals (henvisning, seed 002 p. 13-14). Every step from every status: test_citizen_case_transitions."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from contracts.terms import Category, ReferralStatus, Urgency
from hub.aggregates.citizen_case.case import CitizenCase
from hub.aggregates.citizen_case.events import (
    ConsentWithdrawn,
    ReferralAccepted,
    ReferralCancelled,
    ReferralReceived,
    ReferralRejected,
    ReferralRequested,
)
from hub.errors import Conflict, Invalid, Missing, NoGrant
from tests.given import NOW, fact, given
from tests.unit.case_facts import (
    AT_NGO,
    CASE_OPENED,
    CONSENT,
    ENDS,
    IN_OPEN_CASE,
    NGO,
    OPENED,
    POLICE,
    R1,
    REFERRAL,
    REFERRED,
    SHELTER,
    TERMS,
    UNIT,
    made_up,
)

REQUEST: dict[str, Any] = {
    "referral_id": REFERRAL,
    "recipient": NGO,
    "offer": "samtaleforloeb-1",
    "urgency": Urgency.ROUTINE,
    "answer_by": ENDS,
}
NO_LONGER = fact(
    ConsentWithdrawn, consent_id=CONSENT, recipient=NGO, category=Category.REFERRAL, grants=(R1,)
)


def test_the_citizen_is_referred_on_a_living_grant() -> None:
    given(*IN_OPEN_CASE).when(CitizenCase.request_referral, **REQUEST).then(REFERRED)


def test_a_referral_may_leave_the_time_of_the_answer_open() -> None:
    said = {**REQUEST, "answer_by": None}
    given(*IN_OPEN_CASE).when(CitizenCase.request_referral, **said).then(fact(ReferralRequested, **said))


def test_nobody_is_referred_without_a_grant() -> None:
    given(OPENED, CASE_OPENED).when(CitizenCase.request_referral, **REQUEST).then_raises(
        NoGrant, field="recipient"
    )


def test_nobody_is_referred_on_a_grant_for_something_else() -> None:
    to_police = {**REQUEST, "recipient": POLICE}
    assert any(g.recipient == POLICE for g in given(*IN_OPEN_CASE).aggregate.living_grants(NOW))
    given(*IN_OPEN_CASE).when(CitizenCase.request_referral, **to_police).then_raises(
        NoGrant, field="recipient"
    )


def test_nobody_is_referred_on_a_grant_to_somebody_else() -> None:
    assert TERMS[2].recipient == SHELTER
    case = given(*IN_OPEN_CASE, NO_LONGER)
    case.when(CitizenCase.request_referral, **REQUEST).then_raises(NoGrant, field="recipient")
    assert case.when(CitizenCase.request_referral, **{**REQUEST, "recipient": SHELTER}).error is None


def test_nobody_is_referred_after_the_consent_ran_out() -> None:
    said = {**REQUEST, "answer_by": ENDS + timedelta(days=9)}
    given(*IN_OPEN_CASE).when(CitizenCase.request_referral, **said, at=ENDS).then_raises(
        NoGrant, field="recipient"
    )


def test_the_standing_grant_of_the_owner_refers_nobody() -> None:
    given(*IN_OPEN_CASE).when(CitizenCase.request_referral, **{**REQUEST, "recipient": UNIT}).then_raises(
        NoGrant, field="recipient"
    )


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"recipient": "Havnen"}, "recipient"),
        ({"offer": "Samtale, hun bor hos sin søster"}, "offer"),
        ({"urgency": "now"}, "urgency"),
        ({"answer_by": NOW}, "answer_by"),
    ],
)
def test_a_referral_is_refused_where_it_could_carry_prose(wrong: dict[str, Any], field: str) -> None:
    given(*IN_OPEN_CASE).when(CitizenCase.request_referral, **{**REQUEST, **wrong}).then_raises(
        Invalid, field=field
    )


def test_an_offer_is_written_in_danish_letters() -> None:
    """As the catalogue has it, and as the recipient and the page show it."""
    said = {**REQUEST, "offer": "rådgivning"}
    given(*IN_OPEN_CASE).when(CitizenCase.request_referral, **said).then(fact(ReferralRequested, **said))


def test_a_referral_is_requested_once() -> None:
    given(*IN_OPEN_CASE, REFERRED).when(CitizenCase.request_referral, **REQUEST).then_raises(
        Conflict, field="referral_id"
    )


def test_only_the_one_that_was_asked_answers() -> None:
    """To another partner, and to the municipality itself, it is as if there were none."""
    case = given(*IN_OPEN_CASE, REFERRED)
    elsewhere = replace(AT_NGO, organisation=SHELTER)
    case.when(CitizenCase.accept_referral, referral_id=REFERRAL, by=elsewhere).then_raises(
        Missing, field="referral_id"
    )
    case.when(CitizenCase.accept_referral, referral_id=REFERRAL).then_raises(Missing, field="referral_id")
    case.when(CitizenCase.accept_referral, referral_id=made_up(1), by=AT_NGO).then_raises(
        Missing, field="referral_id"
    )


def test_only_the_municipality_cancels() -> None:
    case = given(*IN_OPEN_CASE, REFERRED)
    case.when(CitizenCase.cancel_referral, referral_id=REFERRAL, reason="not_safe", by=AT_NGO).then_raises(
        Missing, field="referral_id"
    )
    case.when(CitizenCase.cancel_referral, referral_id=REFERRAL, reason="consent_ended").then(
        fact(ReferralCancelled, referral_id=REFERRAL, reason="consent_ended")
    )


@pytest.mark.parametrize("command", [CitizenCase.reject_referral, CitizenCase.cancel_referral])
def test_a_no_has_a_reason_from_a_closed_list(command: Any) -> None:
    given(*IN_OPEN_CASE, REFERRED).when(command, referral_id=REFERRAL, reason="Vi kender manden").then_raises(
        Invalid, field="reason"
    )


def test_a_no_can_follow_the_withdrawal_of_the_consent() -> None:
    """The partner's answer comes in; what it is told afterwards is another matter."""
    given(*IN_OPEN_CASE, REFERRED, NO_LONGER).when(
        CitizenCase.reject_referral, referral_id=REFERRAL, reason="no_capacity", by=AT_NGO
    ).then(fact(ReferralRejected, referral_id=REFERRAL, reason="no_capacity"))


@pytest.mark.parametrize(
    ("status", "reason", "field"),
    [
        (ReferralStatus.REQUESTED, None, "status"),
        (ReferralStatus.CANCELLED, None, "status"),
        (ReferralStatus.REJECTED, None, "reason"),
        (ReferralStatus.ACCEPTED, "no_capacity", "reason"),
    ],
)
def test_an_answer_that_is_none_is_refused(status: ReferralStatus, reason: str | None, field: str) -> None:
    given(*IN_OPEN_CASE, REFERRED).when(
        CitizenCase.answer_referral, referral_id=REFERRAL, status=status, reason=reason, by=AT_NGO
    ).then_raises(Invalid, field=field)


def test_the_present_state_keeps_the_request_and_the_last_step() -> None:
    """A step says nothing of offer and deadline: whoever gets the grant later still learns both."""
    case = given(
        *IN_OPEN_CASE,
        REFERRED,
        fact(ReferralReceived, referral_id=REFERRAL),
        fact(ReferralAccepted, referral_id=REFERRAL),
    ).aggregate
    told = [e.content.data for e in case.present_state({Category.REFERRAL})]
    assert [t["status"] for t in told] == ["requested", "accepted"]
    assert told[0]["offer"] == "samtaleforloeb-1"


def test_received_is_not_accepted() -> None:
    """Domain rule 10: a system has it, and nobody has said anything."""
    case = given(*IN_OPEN_CASE, REFERRED, fact(ReferralReceived, referral_id=REFERRAL)).aggregate
    assert case.referrals[REFERRAL].status is ReferralStatus.RECEIVED
    assert case.referrals[REFERRAL].recipient == NGO
