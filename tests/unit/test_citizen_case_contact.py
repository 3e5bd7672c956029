"""Whether and how contact is made, how it went, and a consent unsafe to ask for (seed 002 p. 11)."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from contracts.terms import Category, Escalation
from hub.aggregates.citizen_case.case import CitizenCase
from hub.aggregates.citizen_case.contact import REVIEW_WITHIN
from hub.aggregates.citizen_case.events import (
    AnonymousAdviceGiven,
    CaseEscalated,
    CaseReopened,
    CitizenDeclined,
    ConsentGiven,
    ConsentUnsafeToAsk,
    ContactAttempted,
    ContactDecided,
    InformationGiven,
)
from hub.aggregates.citizen_case.terms import (
    Channel,
    ContactDecision,
    ContactOutcome,
    ReopeningReason,
    StaysPossible,
    Topic,
    UnsafeReason,
)
from hub.aggregates.citizen_case.values import CaseState, Deadline
from hub.aggregates.sealing import CouldKill
from hub.errors import Conflict, Invalid
from tests.given import NOW, STREAM, fact, given
from tests.unit.case_facts import (
    CLOSED,
    CONSENT_TERMS,
    IN_CLOSED_CASE,
    IN_INQUIRY,
    IN_OPEN_CASE,
    OPENED,
    RECEIVED,
    REVIEWED,
    SET_ASIDE,
    TOVHOLDER,
    made_up,
)

HOW = CouldKill({"safe_contact": {"channel": "sms", "handle": "Kanariefugl 12"}})
CONTACT: dict[str, Any] = {
    "decision": ContactDecision.CONTACT,
    "how": HOW,
    "contact_by": TOVHOLDER,
    "before": NOW + timedelta(hours=4),
    "reason": "Hun bad om at blive ringet op",
}
NONE: dict[str, Any] = {
    **dict.fromkeys(("how", "contact_by", "before")),
    "decision": ContactDecision.WAIT,
    "reason": "Han er hjemme til mandag",
}
UNASKED: dict[str, Any] = {
    "question_id": made_up(10),
    "reason": UnsafeReason.CONTACT_WATCHED,
    "text": "Han læser hendes beskeder",
    "review_at": NOW + timedelta(days=3),
}
ADVICE: dict[str, Any] = {
    "number": "7KQM-2RXD",
    "channel": Channel.PHONE_CALL,
    "topics": (Topic.VIOLENCE, Topic.SAFETY),
}


# --- contact ------------------------------------------------------------------------------------------


def test_contact_is_decided_how_by_whom_and_by_when() -> None:
    given(*IN_INQUIRY).when(CitizenCase.decide_contact, **CONTACT).then(fact(ContactDecided, **CONTACT))
    given(*IN_INQUIRY).when(CitizenCase.decide_contact, **NONE).then(fact(ContactDecided, **NONE))


def test_how_contact_is_made_is_kept_apart_and_in_nothing_that_the_case_tells() -> None:
    decided = given(*IN_INQUIRY).when(CitizenCase.decide_contact, **CONTACT)
    assert decided.aggregate.could_kill[-1] == (decided.aggregate.version, HOW)
    told = [e.content for e in decided.aggregate.entries if e.version == decided.aggregate.version]
    assert told
    assert "sms" not in str(told)
    assert "Kanariefugl" not in str(told)
    assert all(c.owner_only or c.category is Category.FREE_TEXT for c in told)


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({**CONTACT, "contact_by": None}, "contact_by"),
        ({**CONTACT, "contact_by": replace(TOVHOLDER, organisation="havnen")}, "contact_by"),
        ({**CONTACT, "how": None}, "how"),
        ({**CONTACT, "how": CouldKill({})}, "how"),
        ({**CONTACT, "before": None}, "before"),
        ({**CONTACT, "before": NOW}, "before"),
        ({**CONTACT, "reason": ""}, "reason"),
        ({**CONTACT, "decision": "perhaps"}, "decision"),
        ({**NONE, "contact_by": TOVHOLDER}, "contact_by"),
        ({**NONE, "how": HOW}, "how"),
        ({**NONE, "before": NOW + timedelta(hours=1)}, "before"),
    ],
)
def test_half_a_decision_is_none(said: dict[str, Any], field: str) -> None:
    given(*IN_INQUIRY).when(CitizenCase.decide_contact, **said).then_raises(Invalid, field=field)


@pytest.mark.parametrize("outcome", ContactOutcome)
def test_every_attempt_is_recorded_and_how_it_went(outcome: ContactOutcome) -> None:
    tried: dict[str, Any] = {
        "channel": Channel.PHONE_CALL,
        "outcome": outcome,
        "attempted_at": NOW - timedelta(hours=1),
        "text": "",
    }
    given(*IN_INQUIRY).when(CitizenCase.attempt_contact, **tried).then(fact(ContactAttempted, **tried))


def test_what_has_happened_does_not_lie_ahead() -> None:
    ahead = NOW + timedelta(minutes=16)
    given(*IN_INQUIRY).when(
        CitizenCase.attempt_contact,
        channel=Channel.SMS,
        outcome=ContactOutcome.REACHED,
        attempted_at=ahead,
        text="",
    ).then_raises(Invalid, field="attempted_at")
    given(*IN_INQUIRY).when(CitizenCase.give_information, topics=(Topic.RIGHTS,), told_at=ahead).then_raises(
        Invalid, field="told_at"
    )


def test_information_on_violence_and_rights_is_given() -> None:
    told: dict[str, Any] = {"topics": (Topic.VIOLENCE, Topic.RIGHTS), "told_at": NOW}
    given(*IN_INQUIRY).when(CitizenCase.give_information, **told).then(fact(InformationGiven, **told))
    for topics in ((), (Topic.RIGHTS, Topic.RIGHTS), ("gossip",)):
        given(*IN_INQUIRY).when(CitizenCase.give_information, topics=topics, told_at=NOW).then_raises(
            Invalid, field="topics"
        )


# --- contact that is not made -------------------------------------------------------------------------

DECIDED = fact(ContactDecided, **CONTACT, at=NOW)
LAST_DAY = CONTACT["before"]
NOT_MADE = Deadline(Escalation.CONTACT_NOT_MADE, STREAM, LAST_DAY)
LATER = NOW + timedelta(hours=1)


def attempted(outcome: ContactOutcome, attempted_at: datetime = LATER) -> Any:
    said = {"channel": Channel.SMS, "outcome": outcome, "attempted_at": attempted_at, "text": ""}
    return fact(ContactAttempted, **said, at=LATER)


def waiting(*history: Any) -> list[Deadline]:
    case = given(*history).aggregate
    found: list[Deadline] = case.deadlines(acute_read_within=timedelta(minutes=30))
    return [d for d in found if d.what is Escalation.CONTACT_NOT_MADE]


def test_contact_that_was_decided_on_waits_until_its_last_day() -> None:
    assert waiting(*IN_INQUIRY, DECIDED) == waiting(*IN_OPEN_CASE, DECIDED) == [NOT_MADE]
    assert waiting(*IN_INQUIRY) == waiting(*IN_INQUIRY, fact(ContactDecided, **NONE)) == []


@pytest.mark.parametrize("outcome", ContactOutcome)
def test_only_when_she_was_reached_was_contact_made(outcome: ContactOutcome) -> None:
    """An attempt that failed must not look like one that did not (domain rule 10)."""
    made = outcome is ContactOutcome.REACHED
    assert waiting(*IN_INQUIRY, DECIDED, attempted(outcome)) == ([] if made else [NOT_MADE])


def test_an_attempt_of_before_the_decision_is_not_what_was_decided_on() -> None:
    """Also where it is written down afterwards."""
    assert waiting(*IN_INQUIRY, attempted(ContactOutcome.REACHED), fact(ContactDecided, **CONTACT, at=LATER))
    assert waiting(*IN_INQUIRY, DECIDED, attempted(ContactOutcome.REACHED, NOW - timedelta(minutes=1)))


@pytest.mark.parametrize("until", [None, LAST_DAY + timedelta(days=2)])
def test_a_new_decision_takes_the_place_of_the_former(until: datetime | None) -> None:
    anew = fact(ContactDecided, **(NONE if until is None else {**CONTACT, "before": until}), at=LATER)
    assert [d.due for d in waiting(*IN_INQUIRY, DECIDED, anew)] == ([] if until is None else [until])


def test_contact_not_made_by_its_last_day_escalates_once_and_waits_on() -> None:
    said: dict[str, Any] = {"what": NOT_MADE.what, "of": NOT_MADE.of, "due": NOT_MADE.due}
    early = LAST_DAY - timedelta(seconds=1)
    case = given(*IN_OPEN_CASE, DECIDED)
    case.when(CitizenCase.escalate, at=early, **said).then_raises(Invalid, field="due")
    outcome = case.when(CitizenCase.escalate, at=LAST_DAY, **said)
    outcome.then(fact(CaseEscalated, **said))
    told = (*IN_OPEN_CASE, DECIDED, fact(CaseEscalated, **said, at=LAST_DAY))
    assert waiting(*told) == []
    assert given(*told).aggregate.overdue() == [NOT_MADE]
    given(*told).when(CitizenCase.escalate, at=LAST_DAY + timedelta(days=1), **said).then_nothing()
    reached = {"attempted_at": LAST_DAY, "outcome": ContactOutcome.REACHED, "channel": Channel.SMS}
    assert given(*told, fact(ContactAttempted, **reached, text="", at=LAST_DAY)).aggregate.overdue() == []


def test_a_case_that_rests_or_is_anothers_waits_for_no_contact_and_one_reopened_does_again() -> None:
    """The closing conversation settles what was decided on before it."""
    aside = (*IN_INQUIRY, DECIDED, replaced(SET_ASIDE))
    assert waiting(*aside) == []
    again = fact(
        CaseReopened, reason=ReopeningReason.CITIZEN_ASKS, text="", state=CaseState.INQUIRY, at=LATER
    )
    assert waiting(*aside, again) == [NOT_MADE]
    assert waiting(*IN_OPEN_CASE, DECIDED, replaced(CLOSED)) == []
    assert waiting(*IN_CLOSED_CASE, DECIDED) == [NOT_MADE], "contact under the follow-up"


def replaced(happened: Any) -> Any:
    """The same fact, later."""
    kind, said = happened
    return fact(kind, **said, at=LATER)


# --- consent that is unsafe to ask for ----------------------------------------------------------------


def test_a_consent_that_is_unsafe_to_ask_for_gives_nothing_and_is_looked_at_again() -> None:
    before = given(*IN_OPEN_CASE).aggregate.living_grants(NOW)
    unasked = given(*IN_OPEN_CASE, REVIEWED).when(CitizenCase.leave_consent_unasked, **UNASKED)
    unasked.then(fact(ConsentUnsafeToAsk, **UNASKED))
    case = unasked.aggregate
    assert case.living_grants(NOW) == before, "it is no yes, and no no"
    assert case.deadlines(acute_read_within=timedelta(minutes=30)) == [
        Deadline(Escalation.CONSENT_QUESTION_REVIEW, UNASKED["question_id"], UNASKED["review_at"])
    ]


@pytest.mark.parametrize("review_at", [NOW, NOW + REVIEW_WITHIN + timedelta(seconds=1)])
def test_it_is_looked_at_again_within_a_month(review_at: Any) -> None:
    given(*IN_OPEN_CASE).when(
        CitizenCase.leave_consent_unasked, **{**UNASKED, "review_at": review_at}
    ).then_raises(Invalid, field="review_at")


def test_looked_at_again_it_may_still_be_unsafe_under_a_new_day() -> None:
    again = {**UNASKED, "question_id": made_up(11), "review_at": NOW + timedelta(days=9)}
    case = given(*IN_OPEN_CASE, REVIEWED, fact(ConsentUnsafeToAsk, **UNASKED)).when(
        CitizenCase.leave_consent_unasked, **again
    )
    assert [d.of for d in case.aggregate.deadlines(acute_read_within=timedelta(minutes=30))] == [made_up(11)]


def test_a_yes_or_a_no_answers_the_question() -> None:
    yes = fact(ConsentGiven, **{**CONSENT_TERMS, "consent_id": made_up(4), "grants": ()})
    no = fact(CitizenDeclined, stays_possible=(StaysPossible.LATER_YES,), words="", state=CaseState.OPEN)
    for answer in (yes, no):
        case = given(*IN_OPEN_CASE, REVIEWED, fact(ConsentUnsafeToAsk, **UNASKED), answer).aggregate
        assert case.consent_question is None
        assert case.deadlines(acute_read_within=timedelta(minutes=30)) == []


def test_why_it_is_unsafe_is_nobodys_business_but_the_owners() -> None:
    case = given(*IN_OPEN_CASE, fact(ConsentUnsafeToAsk, **UNASKED)).aggregate
    told = [e.content for e in case.entries if e.content.field in {"reason", "text"}]
    assert [c.owner_only for c in told if "unsafe_to_ask" in c.data] == [True]


# --- advice without a name ----------------------------------------------------------------------------


def test_a_caller_without_a_name_is_advised_and_has_a_number_to_ring_again_with() -> None:
    advised = given(OPENED).when(CitizenCase.advise_anonymously, **ADVICE)
    advised.then(fact(AnonymousAdviceGiven, **ADVICE))
    assert advised.aggregate.state is CaseState.INQUIRY
    assert advised.aggregate.cpr_numbers == frozenset()
    again = given(OPENED, fact(AnonymousAdviceGiven, **ADVICE))
    assert again.when(CitizenCase.advise_anonymously, **ADVICE).error is None


def test_no_words_are_kept_of_a_caller_without_a_name() -> None:
    """There is no field that could name anybody, and nothing of it waits as free text."""
    case = given(OPENED, fact(AnonymousAdviceGiven, **ADVICE)).aggregate
    assert case.unread_free_text() == []
    assert {type(v) for e in case.entries for v in e.content.data.values()} <= {str, Channel, list}


def test_a_report_says_whom_so_advice_in_it_is_not_anonymous() -> None:
    given(OPENED, RECEIVED).when(CitizenCase.advise_anonymously, **ADVICE).then_raises(
        Conflict, field="reports"
    )
