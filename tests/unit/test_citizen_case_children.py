"""A child at risk sets off the duty to notify, consent or none, and a person answers (domain rule 7)."""

from datetime import timedelta
from typing import Any

import pytest

from contracts.terms import Category, Escalation
from hub.aggregates.citizen_case.case import CitizenCase
from hub.aggregates.citizen_case.children import (
    ANSWER_WITHIN,
    waiting_notifications,
)
from hub.aggregates.citizen_case.events import ChildNotificationAnswered, ChildNotificationDue
from hub.aggregates.citizen_case.terms import NotificationCause, NotificationDecision, NotNotifiedReason
from hub.aggregates.citizen_case.values import Deadline
from hub.errors import Conflict, Invalid, Missing
from tests.given import NOW, fact, given
from tests.unit.case_facts import (
    CHILD_AT_RISK,
    CLOSING,
    DUE,
    IN_INQUIRY,
    IN_OPEN_CASE,
    REVIEWED,
    made_up,
)

FELL_DUE: dict[str, Any] = {"due_id": DUE, "cause": NotificationCause.REPORT, "entry": 2}
NOTHING: dict[str, Any] = {"sent_to": None, "basis_id": None}
TOLD: dict[str, Any] = {
    "due_id": DUE,
    "decision": NotificationDecision.NOTIFIED,
    "decided_by": "Birgit Prøve",
    "recipient": "boern-og-unge",
    "basis_id": made_up(9),
    "notified_at": NOW,
    "reason": None,
    "text": "",
}
NOT_TOLD: dict[str, Any] = {
    **TOLD,
    "decision": NotificationDecision.NOT_NOTIFIED,
    "recipient": None,
    "basis_id": None,
    "notified_at": None,
    "reason": NotNotifiedReason.NO_CONCERN,
    "text": "Børnene bor hos deres far og var der ikke",
}


def test_a_child_at_risk_makes_a_notification_due_that_points_at_its_entry_within_a_day() -> None:
    due = given(*IN_INQUIRY).when(CitizenCase.child_notification_falls_due, **FELL_DUE)
    due.then(fact(ChildNotificationDue, **FELL_DUE, **NOTHING, deadline=NOW + timedelta(hours=24)))
    (waiting,) = waiting_notifications(due.aggregate)
    assert waiting.entries == (2,)


def test_what_comes_while_one_waits_is_added_to_it_under_its_id_and_deadline() -> None:
    case = given(*IN_INQUIRY, CHILD_AT_RISK)
    (first,) = waiting_notifications(case.aggregate)
    later: dict[str, Any] = {"due_id": made_up(8), "cause": NotificationCause.ASSESSMENT, "entry": 3}
    added = case.when(CitizenCase.child_notification_falls_due, **later)
    added.then(fact(ChildNotificationDue, **{**later, "due_id": DUE}, **NOTHING, deadline=first.deadline))
    (waiting,) = waiting_notifications(added.aggregate)
    assert waiting.entries == (2, 3)


def test_what_comes_after_the_answer_is_new_information_and_due_again() -> None:
    answered = fact(ChildNotificationAnswered, **TOLD)
    again: dict[str, Any] = {"due_id": made_up(8), "cause": NotificationCause.SAFETY_LEVEL, "entry": 4}
    due = given(*IN_INQUIRY, CHILD_AT_RISK, answered).when(CitizenCase.child_notification_falls_due, **again)
    due.then(fact(ChildNotificationDue, **again, **NOTHING, deadline=NOW + ANSWER_WITHIN))


@pytest.mark.parametrize("entry", [0, -1, 99])
def test_it_points_at_an_entry_that_is(entry: int) -> None:
    given(*IN_INQUIRY).when(
        CitizenCase.child_notification_falls_due, **{**FELL_DUE, "entry": entry}
    ).then_raises(Missing, field="entry")


def test_a_person_answers_whom_when_and_who_decided() -> None:
    answered = given(*IN_INQUIRY, CHILD_AT_RISK).when(CitizenCase.answer_child_notification, **TOLD)
    answered.then(fact(ChildNotificationAnswered, **TOLD))
    assert waiting_notifications(answered.aggregate) == []


def test_or_answers_for_it_that_nobody_was_told_and_why() -> None:
    answered = given(*IN_INQUIRY, CHILD_AT_RISK).when(CitizenCase.answer_child_notification, **NOT_TOLD)
    answered.then(fact(ChildNotificationAnswered, **NOT_TOLD))


@pytest.mark.parametrize(
    ("answer", "field"),
    [
        ({**TOLD, "decided_by": " "}, "decided_by"),
        ({**TOLD, "notified_at": None}, "notified_at"),
        ({**TOLD, "notified_at": NOW + timedelta(minutes=16)}, "notified_at"),
        ({**TOLD, "notified_at": NOW.replace(tzinfo=None)}, "notified_at"),
        ({**TOLD, "reason": NotNotifiedReason.NO_CHILD}, "reason"),
        ({**TOLD, "recipient": None, "text": ""}, "text"),
        ({**TOLD, "recipient": "Børn & Unge"}, "recipient"),
        ({**NOT_TOLD, "reason": None}, "reason"),
        ({**NOT_TOLD, "reason": "whatever"}, "reason"),
        ({**NOT_TOLD, "text": ""}, "text"),
        ({**NOT_TOLD, "notified_at": NOW}, "recipient"),
        ({**NOT_TOLD, "recipient": "boern-og-unge"}, "recipient"),
        ({**TOLD, "decision": "perhaps"}, "decision"),
    ],
)
def test_half_an_answer_is_none(answer: dict[str, Any], field: str) -> None:
    given(*IN_INQUIRY, CHILD_AT_RISK).when(CitizenCase.answer_child_notification, **answer).then_raises(
        Invalid, field=field
    )


def test_an_answer_is_to_something_that_is_due() -> None:
    given(*IN_INQUIRY).when(CitizenCase.answer_child_notification, **TOLD).then_raises(
        Missing, field="due_id"
    )


def test_a_no_may_still_become_a_yes_and_a_yes_stays() -> None:
    said_no = given(*IN_INQUIRY, CHILD_AT_RISK, fact(ChildNotificationAnswered, **NOT_TOLD))
    said_no.when(CitizenCase.answer_child_notification, **TOLD).then(fact(ChildNotificationAnswered, **TOLD))
    said_yes = given(*IN_INQUIRY, CHILD_AT_RISK, fact(ChildNotificationAnswered, **TOLD))
    said_yes.when(CitizenCase.answer_child_notification, **NOT_TOLD).then_raises(Conflict, field="due_id")


def test_an_old_answer_is_not_changed_over_a_notification_that_waits() -> None:
    """Else the inbox, which knows of one answer after another, would take the newer for answered."""
    said_no = fact(ChildNotificationAnswered, **NOT_TOLD)
    newer = fact(
        ChildNotificationDue,
        **{**FELL_DUE, "due_id": made_up(8)},
        **NOTHING,
        deadline=NOW + ANSWER_WITHIN,
    )
    case = given(*IN_INQUIRY, CHILD_AT_RISK, said_no, newer)
    case.when(CitizenCase.answer_child_notification, **TOLD).then_raises(Conflict, field="due_id")
    yes = {**TOLD, "due_id": made_up(8)}
    case.when(CitizenCase.answer_child_notification, **yes).then(fact(ChildNotificationAnswered, **yes))


def test_it_has_a_deadline_until_it_is_answered() -> None:
    case = given(*IN_INQUIRY, REVIEWED, CHILD_AT_RISK).aggregate
    (due,) = waiting_notifications(case)
    assert case.deadlines(acute_read_within=timedelta(minutes=30)) == [
        Deadline(Escalation.CHILD_NOTIFICATION_UNANSWERED, DUE, due.deadline)
    ]
    answered = given(*IN_INQUIRY, REVIEWED, CHILD_AT_RISK, fact(ChildNotificationAnswered, **TOLD)).aggregate
    assert answered.deadlines(acute_read_within=timedelta(minutes=30)) == []


def test_no_report_is_set_aside_and_no_case_closed_over_a_notification_that_waits() -> None:
    aside: dict[str, Any] = {"reason": "sent_in_error", "text": "Sendt to gange"}
    given(*IN_INQUIRY, CHILD_AT_RISK).when(CitizenCase.set_report_aside, **aside).then_raises(
        Conflict, field="notifications"
    )
    given(*IN_OPEN_CASE, CHILD_AT_RISK).when(CitizenCase.close_case, **CLOSING).then_raises(
        Conflict, field="notifications"
    )
    answered = (CHILD_AT_RISK, fact(ChildNotificationAnswered, **NOT_TOLD))
    assert given(*IN_OPEN_CASE, *answered).when(CitizenCase.close_case, **CLOSING).error is None


def test_that_a_notification_is_due_or_answered_is_the_owners_alone() -> None:
    case = given(*IN_INQUIRY, CHILD_AT_RISK, fact(ChildNotificationAnswered, **NOT_TOLD)).aggregate
    told = [e for e in case.present_state(frozenset(Category)) if "notification" in e.content.data]
    assert len(told) == 2
    assert all(e.content.owner_only for e in told)
