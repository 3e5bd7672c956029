"""What waits too long is told to the owning unit, once for each thing and deadline (domain rule 10)."""

from datetime import timedelta
from typing import Any

import pytest

from contracts.terms import Escalation, ReferralStatus, Urgency
from hub.aggregates.citizen_case.case import CitizenCase
from hub.aggregates.citizen_case.events import CaseEscalated, ReportReceived
from hub.aggregates.citizen_case.values import Deadline
from hub.errors import Invalid
from tests.given import BEGAN, Fact, fact, given
from tests.unit.case_facts import (
    ENDS,
    IN_OPEN_CASE,
    OPENED,
    RECEIVED,
    REFERRAL,
    REFERRED,
    REPORT,
    REPORTED,
    REVIEWED,
    WHILE_ERASED,
    made_up,
)
from tests.unit.test_citizen_case_reporter import retracted
from tests.unit.test_citizen_case_transitions import STEP_TO

SOONER = made_up(401)
HALF_AN_HOUR = timedelta(minutes=30)
UNANSWERED: dict[str, Any] = {"what": Escalation.REFERRAL_UNANSWERED, "of": REFERRAL, "due": ENDS}


@pytest.mark.parametrize("status", ReferralStatus)
def test_a_referral_waits_until_a_person_at_the_partner_has_answered(status: ReferralStatus) -> None:
    """That a system received it is no answer."""
    case = given(*IN_OPEN_CASE, REVIEWED, REFERRED, *STEP_TO[status]).aggregate

    waits = status in {ReferralStatus.REQUESTED, ReferralStatus.RECEIVED}

    assert case.deadlines(acute_read_within=HALF_AN_HOUR) == ([Deadline(**UNANSWERED)] if waits else [])


def test_a_referral_unanswered_past_its_deadline_escalates() -> None:
    case = given(*IN_OPEN_CASE, REVIEWED, REFERRED)
    outcome = case.when(CitizenCase.escalate, at=ENDS, **UNANSWERED)
    outcome.then(fact(CaseEscalated, **UNANSWERED))
    assert outcome.aggregate.referrals[REFERRAL].status is ReferralStatus.REQUESTED
    assert outcome.aggregate.overdue() == [Deadline(**UNANSWERED)]
    assert outcome.aggregate.deadlines(acute_read_within=HALF_AN_HOUR) == []


def test_nothing_escalates_twice_at_one_deadline() -> None:
    escalated: tuple[Fact, ...] = (fact(CaseEscalated, **UNANSWERED, at=ENDS),)
    case = given(*IN_OPEN_CASE, REVIEWED, REFERRED, *escalated)
    case.when(CitizenCase.escalate, at=ENDS + timedelta(days=1), **UNANSWERED).then_nothing()


def test_nothing_escalates_before_its_deadline() -> None:
    case = given(*IN_OPEN_CASE, REVIEWED, REFERRED)
    early = ENDS - timedelta(seconds=1)
    case.when(CitizenCase.escalate, at=early, **UNANSWERED).then_raises(Invalid, field="due")


def test_what_escalates_is_from_the_closed_list() -> None:
    case = given(*IN_OPEN_CASE, REVIEWED, REFERRED)
    wrong = {**UNANSWERED, "what": "nobody_came"}
    case.when(CitizenCase.escalate, at=ENDS, **wrong).then_raises(Invalid, field="what")


def test_what_waits_is_told_nearest_first() -> None:
    sooner = {**REFERRED[1], "referral_id": SOONER, "answer_by": ENDS - timedelta(days=1)}
    case = given(*IN_OPEN_CASE, REVIEWED, REFERRED, fact(REFERRED[0], **sooner)).aggregate
    assert [d.of for d in case.deadlines(acute_read_within=HALF_AN_HOUR)] == [SOONER, REFERRAL]


def test_an_acute_report_waits_to_be_read_and_no_other() -> None:
    """Half an hour from when it was received."""
    acute = fact(ReportReceived, **{**REPORTED, "urgency": Urgency.ACUTE}, at=BEGAN)
    waiting = Deadline(Escalation.REPORT_UNREAD, REPORT, BEGAN + HALF_AN_HOUR)
    assert given(OPENED, acute).aggregate.deadlines(acute_read_within=HALF_AN_HOUR) == [waiting]
    assert given(OPENED, RECEIVED).aggregate.deadlines(acute_read_within=HALF_AN_HOUR) == []


def test_a_report_that_was_taken_back_waits_to_be_read_no_more() -> None:
    """That it was taken back waits in the inbox until somebody has seen it."""
    acute = fact(ReportReceived, **{**REPORTED, "urgency": Urgency.ACUTE}, at=BEGAN)
    assert given(OPENED, acute, retracted()).aggregate.deadlines(acute_read_within=HALF_AN_HOUR) == []


def test_an_unread_report_escalates_once_whatever_becomes_of_the_time_allowed() -> None:
    acute = fact(ReportReceived, **{**REPORTED, "urgency": Urgency.ACUTE}, at=BEGAN)
    told = fact(CaseEscalated, what=Escalation.REPORT_UNREAD, of=REPORT, due=BEGAN + HALF_AN_HOUR)
    case = given(OPENED, acute, told).aggregate
    assert case.deadlines(acute_read_within=timedelta(hours=2)) == []
    assert case.overdue() == []


def test_in_an_erased_case_nobody_waits_for_anything() -> None:
    """What can't be told any more must not stop the timers of others."""
    acute = fact(ReportReceived, **{**REPORTED, "urgency": Urgency.ACUTE}, at=BEGAN)
    history = tuple(acute if fact_ == RECEIVED else fact_ for fact_ in WHILE_ERASED)
    assert acute in history
    assert given(*history).aggregate.deadlines(acute_read_within=HALF_AN_HOUR) == []
