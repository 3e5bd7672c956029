"""A citizen asks to be forgotten and is answered: refused under a rule, or granted (GDPR art. 17)."""

from datetime import timedelta
from typing import Any

import pytest

from contracts.terms import Escalation
from hub.aggregates.citizen_case.case import CitizenCase
from hub.aggregates.citizen_case.events import (
    ConsentCorrected,
    ErasedWithCase,
    ErasureGranted,
    ErasureRefused,
    InquiryUnmatched,
)
from hub.aggregates.citizen_case.forgetting import ANSWER_WITHIN
from hub.aggregates.citizen_case.terms import ErasureGround, KeepingRule
from hub.aggregates.citizen_case.values import CaseState, Deadline, ErasureRequest
from hub.errors import Conflict, HubError, IllegalTransition, Invalid, Missing
from tests.given import BEGAN, NOW, Fact, fact, given
from tests.unit.case_facts import (
    ASKED_TO_FORGET,
    BASED,
    CHILD_AT_RISK,
    CONSENT,
    CONSENTED,
    FORGET,
    I1,
    INQUIRY,
    INQUIRY_MATCHED,
    MATCHED,
    OPENED,
    OTHER_CASE,
    RECEIVED,
    REVIEWED,
    STANDING,
    made_up,
)

REFUSED: dict[str, Any] = {
    "request_id": FORGET,
    "rule": KeepingRule.LEGAL_DUTY,
    "reason": "Notater skal opbevares",
}
GRANTED: dict[str, Any] = {
    "request_id": FORGET,
    "ground": ErasureGround.CONSENT_WITHDRAWN,
    "reason": "Intet kræver, at sagen bevares",
}

NEVER_SAID = fact(
    ConsentCorrected,
    grants=(I1,),
    consent_id=CONSENT,
    recipient=None,
    category=None,
    struck=(I1,),
    reason="Aldrig sagt",
)


def test_what_she_asks_for_waits_a_month_and_then_escalates() -> None:
    outcome = given(OPENED).when(CitizenCase.request_erasure, request_id=FORGET, asked_at=BEGAN)
    outcome.then(ASKED_TO_FORGET)
    case = outcome.aggregate
    assert case.erasure == ErasureRequest(FORGET, BEGAN + ANSWER_WITHIN)
    waits = Deadline(Escalation.ERASURE_UNANSWERED, FORGET, BEGAN + ANSWER_WITHIN)
    assert case.deadlines(acute_read_within=timedelta(0)) == [waits]
    assert case.state is CaseState.INQUIRY, "asking erases nothing"


def test_she_is_not_asked_twice_and_not_before_she_asks() -> None:
    again = given(OPENED, ASKED_TO_FORGET)
    asked: dict[str, Any] = {"request_id": made_up(9), "asked_at": NOW}
    again.when(CitizenCase.request_erasure, **asked).then_raises(Conflict, field="erasure")
    ahead = {**asked, "asked_at": NOW + timedelta(hours=1)}
    given(OPENED).when(CitizenCase.request_erasure, **ahead).then_raises(Invalid, field="asked_at")


def test_a_no_is_on_record_with_its_rule_ends_nothing_and_she_may_ask_again() -> None:
    outcome = given(OPENED, ASKED_TO_FORGET).when(CitizenCase.refuse_erasure, **REFUSED)
    outcome.then(fact(ErasureRefused, **REFUSED))
    case = outcome.aggregate
    assert case.erasure is None
    assert case.standing(case.latest_time) is not None
    assert all(content.owner_only for content in outcome.events[0].tells())
    again = given(OPENED, ASKED_TO_FORGET, fact(ErasureRefused, **REFUSED))
    again.when(CitizenCase.request_erasure, request_id=made_up(9), asked_at=NOW)


def test_what_is_granted_ends_every_grant_and_the_units_own() -> None:
    history = (OPENED, RECEIVED, CONSENTED, BASED, REVIEWED, ASKED_TO_FORGET)
    outcome = given(*history).when(CitizenCase.grant_erasure, **GRANTED)
    (granted,) = outcome.events
    assert isinstance(granted, ErasureGranted)
    assert set(granted.grants) == set(outcome.aggregate.grants) >= {STANDING, I1}
    assert (outcome.aggregate.state, granted.KIND, granted.tells()) == (CaseState.ERASED, None, ())


@pytest.mark.parametrize(
    ("history", "words", "kind", "field"),
    [
        ((), {}, Missing, "request_id"),
        ((ASKED_TO_FORGET,), {"request_id": made_up(9)}, Missing, "request_id"),
        ((ASKED_TO_FORGET,), {"reason": " "}, Invalid, "reason"),
        ((ASKED_TO_FORGET,), {"ground": "wish"}, Invalid, "ground"),
        ((RECEIVED, CHILD_AT_RISK, ASKED_TO_FORGET), {}, Conflict, "notifications"),
        ((BASED, ASKED_TO_FORGET), {}, Conflict, "emergencies"),
        ((RECEIVED, MATCHED), {}, IllegalTransition, "state"),
    ],
)
def test_what_waits_for_a_person_is_answered_first(
    history: tuple[Fact, ...], words: dict[str, Any], kind: type[HubError], field: str
) -> None:
    case = given(OPENED, *history)
    case.when(CitizenCase.grant_erasure, **{**GRANTED, **words}).then_raises(kind, field=field)


@pytest.mark.parametrize(
    "mistake",
    [
        (
            CONSENTED,
            NEVER_SAID,
        ),
        (INQUIRY_MATCHED, fact(InquiryUnmatched, inquiry=INQUIRY, reason="En anden")),
    ],
    ids=["a consent recorded wrongly", "a match undone"],
)
def test_a_possible_breach_is_judged_by_a_person_first(mistake: tuple[Fact, ...]) -> None:
    case = given(OPENED, *mistake, ASKED_TO_FORGET)
    case.when(CitizenCase.grant_erasure, **GRANTED).then_raises(Conflict, field="breaches_considered")
    outcome = case.when(CitizenCase.grant_erasure, **GRANTED, breaches_considered=True)
    assert outcome.aggregate.state is CaseState.ERASED


@pytest.mark.parametrize(
    ("words", "field"), [({"rule": "no_time"}, "rule"), ({"reason": ""}, "reason")], ids=["rule", "reason"]
)
def test_a_no_has_its_rule_and_its_reason(words: dict[str, Any], field: str) -> None:
    case = given(OPENED, ASKED_TO_FORGET)
    case.when(CitizenCase.refuse_erasure, **{**REFUSED, **words}).then_raises(Invalid, field=field)


def test_an_inquiry_is_erased_with_the_case_that_it_is_matched_to_and_no_other() -> None:
    outcome = given(OPENED, RECEIVED, MATCHED).when(CitizenCase.be_erased_with, case=OTHER_CASE)
    outcome.then(fact(ErasedWithCase, grants=(STANDING,), case=OTHER_CASE))
    assert outcome.aggregate.state is CaseState.ERASED
    other = given(OPENED, RECEIVED, MATCHED)
    other.when(CitizenCase.be_erased_with, case=made_up(3)).then_raises(Missing, field="case")
    child = given(OPENED, RECEIVED, CHILD_AT_RISK, MATCHED)
    child.when(CitizenCase.be_erased_with, case=OTHER_CASE).then_raises(Conflict, field="notifications")
    corrected = given(OPENED, CONSENTED, NEVER_SAID, MATCHED)
    corrected.when(CitizenCase.be_erased_with, case=OTHER_CASE).then_raises(
        Conflict, field="breaches_considered"
    )
    judged = corrected.when(CitizenCase.be_erased_with, case=OTHER_CASE, breaches_considered=True)
    assert judged.aggregate.state is CaseState.ERASED


def test_an_inquiry_whose_citizen_waits_for_an_answer_is_not_matched() -> None:
    """In a matched one nobody could answer any more."""
    asked = given(OPENED, ASKED_TO_FORGET).when(CitizenCase.be_matched_to, case=OTHER_CASE)
    asked.then_raises(Conflict, field="inquiry")
