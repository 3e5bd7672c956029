"""What waits too long is told to the owning unit, once for each thing and deadline (domain rule 10)."""

from datetime import timedelta
from typing import Any

import pytest

from contracts.terms import Escalation, ReferralStatus
from hub.aggregates.citizen_case.case import CitizenCase
from hub.aggregates.citizen_case.events import CaseEscalated
from hub.aggregates.citizen_case.values import Deadline
from hub.errors import Invalid
from tests.given import Fact, fact, given
from tests.unit.case_facts import ENDS, IN_OPEN_CASE, REFERRAL, REFERRED, made_up
from tests.unit.test_citizen_case_transitions import STEP_TO

SOONER = made_up(401)
UNANSWERED: dict[str, Any] = {"what": Escalation.REFERRAL_UNANSWERED, "of": REFERRAL, "due": ENDS}


@pytest.mark.parametrize("status", ReferralStatus)
def test_a_referral_waits_until_a_person_at_the_partner_has_answered(status: ReferralStatus) -> None:
    """That a system received it is no answer."""
    case = given(*IN_OPEN_CASE, REFERRED, *STEP_TO[status]).aggregate

    waits = status in {ReferralStatus.REQUESTED, ReferralStatus.RECEIVED}

    assert case.deadlines() == ([Deadline(**UNANSWERED)] if waits else [])


def test_a_referral_unanswered_past_its_deadline_escalates() -> None:
    case = given(*IN_OPEN_CASE, REFERRED)
    outcome = case.when(CitizenCase.escalate, at=ENDS, **UNANSWERED)
    outcome.then(fact(CaseEscalated, **UNANSWERED))
    assert outcome.aggregate.referrals[REFERRAL].status is ReferralStatus.REQUESTED
    assert outcome.aggregate.deadlines() == []


def test_nothing_escalates_twice_at_one_deadline() -> None:
    escalated: tuple[Fact, ...] = (fact(CaseEscalated, **UNANSWERED, at=ENDS),)
    case = given(*IN_OPEN_CASE, REFERRED, *escalated)
    case.when(CitizenCase.escalate, at=ENDS + timedelta(days=1), **UNANSWERED).then_nothing()


def test_nothing_escalates_before_its_deadline() -> None:
    case = given(*IN_OPEN_CASE, REFERRED)
    early = ENDS - timedelta(seconds=1)
    case.when(CitizenCase.escalate, at=early, **UNANSWERED).then_raises(Invalid, field="due")


def test_what_escalates_is_from_the_closed_list() -> None:
    case = given(*IN_OPEN_CASE, REFERRED)
    wrong = {**UNANSWERED, "what": "nobody_came"}
    case.when(CitizenCase.escalate, at=ENDS, **wrong).then_raises(Invalid, field="what")


def test_what_waits_is_told_nearest_first() -> None:
    sooner = {**REFERRED[1], "referral_id": SOONER, "answer_by": ENDS - timedelta(days=1)}
    case = given(*IN_OPEN_CASE, REFERRED, fact(REFERRED[0], **sooner)).aggregate
    assert [d.of for d in case.deadlines()] == [SOONER, REFERRAL]
