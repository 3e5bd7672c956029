"""The table of transitions: docstring, data and behaviour say the same, for every command in every state."""

import inspect
import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import pytest

from contracts.terms import (
    BasisRule,
    Escalation,
    MoveRefusal,
    OrganisationKind,
    ReferralStatus,
    RetractionReason,
    SafetyLevel,
    Urgency,
)
from hub.aggregates.citizen_case import case as case_module
from hub.aggregates.citizen_case.case import CitizenCase
from hub.aggregates.citizen_case.events import (
    FreeTextRead,
    ReferralAccepted,
    ReferralCancelled,
    ReferralCompleted,
    ReferralEvent,
    ReferralReceived,
    ReferralRejected,
    ReferralStarted,
)
from hub.aggregates.citizen_case.referral import ANSWERS
from hub.aggregates.citizen_case.terms import (
    AgeKnownBy,
    Channel,
    ContactDecision,
    ContactOutcome,
    ErasureGround,
    HandOverReason,
    HandOverRefusal,
    KeepingRule,
    NotificationCause,
    NotificationDecision,
    NotNotifiedReason,
    ReopeningReason,
    ReviewFinding,
    SetAsideReason,
    StaysPossible,
    Topic,
    UnsafeReason,
)
from hub.aggregates.citizen_case.transitions import LEGAL, REFERRAL_STEPS
from hub.aggregates.citizen_case.values import CaseState, GrantTerms
from hub.aggregates.sealing import CouldKill
from hub.errors import IllegalTransition
from tests.criteria import MET
from tests.given import NOW, Fact, fact, given
from tests.unit.case_facts import (
    ANOTHER,
    ASIDE,
    ASKED_TO_FORGET,
    AT_NEXT,
    AT_NGO,
    AT_POLICE,
    BASIS,
    BASIS_TERMS,
    BLOCK,
    CHILD_AT_RISK,
    CLOSING,
    CONSENT,
    CONSENT_TERMS,
    CONSENTED,
    COORDINATED,
    DUE,
    ENDS,
    FOLLOWED_UP,
    FORGET,
    HAND_OVER,
    HANDED,
    IN_CLOSED_CASE,
    IN_INQUIRY,
    IN_OPEN_CASE,
    INQUIRY,
    INQUIRY_MATCHED,
    MOVE,
    MOVE_CONSENTED,
    MOVE_REQUESTED,
    MOVED_AWAY,
    NEXT,
    NGO,
    NOT_OURS,
    OF_A_MINOR,
    OPENED,
    OTHER_CASE,
    PERSON_BLOCKED,
    POLICE,
    REFERRAL,
    REFERRED,
    REPORT,
    REPORTED,
    REVIEWED,
    TERMS,
    TOVHOLDER,
    WHILE_ERASED,
    WHILE_MATCHED,
    made_up,
)

HISTORY: Mapping[CaseState, tuple[Fact, ...]] = {
    CaseState.INQUIRY: IN_INQUIRY,
    CaseState.MATCHED: WHILE_MATCHED,
    CaseState.OPEN: IN_OPEN_CASE,
    CaseState.SET_ASIDE: ASIDE,
    CaseState.CLOSED: IN_CLOSED_CASE,
    CaseState.MOVED: MOVED_AWAY,
    CaseState.MINOR: OF_A_MINOR,
    CaseState.FORWARDED: NOT_OURS,
    CaseState.ERASED: WHILE_ERASED,
}
BEFORE: Mapping[str, tuple[Fact, ...]] = {
    "unmatch_inquiry": (INQUIRY_MATCHED,),
    "refuse_erasure": (ASKED_TO_FORGET,),
    "grant_erasure": (ASKED_TO_FORGET, REVIEWED),
    "be_erased_with": (REVIEWED,),
    "erase": (REVIEWED,),
    "find_not_ours": (fact(FreeTextRead, entry=2), REVIEWED),
    "answer_child_notification": (CHILD_AT_RISK,),
    "read_inquiry_text": (INQUIRY_MATCHED,),
    "continue_inquiry": (INQUIRY_MATCHED,),
    "request_hand_over": (COORDINATED,),
    "accept_hand_over": (COORDINATED, HAND_OVER),
    "decline_hand_over": (COORDINATED, HAND_OVER),
    "name_substitute": (COORDINATED,),
    "request_move": (MOVE_CONSENTED,),
    "accept_move": (MOVE_CONSENTED, MOVE_REQUESTED),
    "decline_move": (MOVE_CONSENTED, MOVE_REQUESTED),
    "cancel_move": (MOVE_CONSENTED, MOVE_REQUESTED),
    "unblock_person": (PERSON_BLOCKED,),
}
"""What must have happened besides, for the command to find what it names."""


IN_THIS_STATE: Mapping[tuple[str, CaseState], dict[str, Any]] = {
    ("reopen_case", CaseState.MINOR): {"reason": ReopeningReason.FOUND_ADULT},
}
"""What a command must say otherwise where the case stands so."""


def with_new_ids(terms: tuple[GrantTerms, ...], start: int) -> tuple[GrantTerms, ...]:
    return tuple(GrantTerms(made_up(start + n), t.recipient, t.category) for n, t in enumerate(terms))


ARGUMENTS: Mapping[str, dict[str, Any]] = {
    "receive_report": {**REPORTED, "report_id": made_up(2)},
    "take_up_report": {"report_id": REPORT, "may_be_told": {POLICE}},
    "supplement_report": {**REPORTED, "report_id": made_up(8), "supplements": REPORT, "by": AT_POLICE},
    "retract_report": {
        "report_id": REPORT,
        "reason": RetractionReason.WRONG_PERSON,
        "explanation": "",
        "built_on": {},
        "by": AT_POLICE,
    },
    "match_inquiry": {"inquiry": INQUIRY, "reason": "Samme person"},
    "be_matched_to": {"case": OTHER_CASE},
    "unmatch_inquiry": {"inquiry": INQUIRY, "reason": "En anden"},
    "be_unmatched": {"case": OTHER_CASE},
    "read_free_text": {"entry": 2},
    "read_inquiry_text": {"inquiry": INQUIRY, "entry": 2},
    "correct_entry": {
        "entry": 2,
        "field": "contents.identity",
        "instead": {"name": "Mette Rettet"},
        "reason": "Stavet forkert",
    },
    "correct_consent": {"consent_id": CONSENT, "reason": "Hun nævnte kun havnen"},
    "correct_legal_basis": {"basis_id": BASIS, "reason": "Reglen gælder ikke politiet"},
    "continue_inquiry": {"inquiry": INQUIRY, "version": 3},
    "find_not_ours": {"basis_id": BASIS, "kind": OrganisationKind.MUNICIPAL_UNIT},
    "erase": {},
    "request_erasure": {"request_id": made_up(9), "asked_at": NOW},
    "refuse_erasure": {
        "request_id": FORGET,
        "rule": KeepingRule.LEGAL_DUTY,
        "reason": "Sagen skal opbevares",
    },
    "grant_erasure": {
        "request_id": FORGET,
        "ground": ErasureGround.CONSENT_WITHDRAWN,
        "reason": "Intet kræver, at sagen bevares",
    },
    "be_erased_with": {"case": OTHER_CASE},
    "open_case": {"number": "2RXD-7KQM", "criteria": MET},
    "assign_coordinator": {"coordinator": TOVHOLDER},
    "decide_contact": {
        "decision": ContactDecision.CONTACT,
        "how": CouldKill({"channel": "sms"}),
        "contact_by": TOVHOLDER,
        "before": NOW + timedelta(hours=4),
        "reason": "Hun bad om at blive ringet op",
    },
    "attempt_contact": {
        "channel": Channel.PHONE_CALL,
        "outcome": ContactOutcome.NOT_REACHED,
        "attempted_at": NOW,
        "text": "",
    },
    "give_information": {"topics": (Topic.RIGHTS,), "told_at": NOW},
    "leave_consent_unasked": {
        "question_id": made_up(10),
        "reason": UnsafeReason.CONTACT_WATCHED,
        "text": "Han læser hendes beskeder",
        "review_at": NOW + timedelta(days=3),
    },
    "advise_anonymously": {
        "number": "7KQM-2RXD",
        "channel": Channel.PHONE_CALL,
        "topics": (Topic.SAFETY,),
    },
    "set_report_aside": {"reason": SetAsideReason.SENT_IN_ERROR, "text": "Sendt to gange"},
    "decline": {"stays_possible": (StaysPossible.LATER_YES,), "words": ""},
    "close_case": CLOSING,
    "end_follow_up": {"at": FOLLOWED_UP["follow_up_until"]},
    "reopen_case": {"reason": ReopeningReason.CITIZEN_ASKS, "text": "Hun ringede selv"},
    "flag_minor": {"known_by": AgeKnownBy.FOUND_OUT},
    "child_notification_falls_due": {
        "due_id": made_up(7),
        "cause": NotificationCause.OBSERVATION,
        "entry": 2,
    },
    "answer_child_notification": {
        "due_id": DUE,
        "decision": NotificationDecision.NOT_NOTIFIED,
        "decided_by": "Birgit Prøve",
        "recipient": None,
        "basis_id": None,
        "notified_at": None,
        "reason": NotNotifiedReason.NO_CONCERN,
        "text": "Børnene bor hos deres far",
    },
    "request_hand_over": {
        "hand_over_id": made_up(7),
        "to": ANOTHER,
        "reason": HandOverReason.ABSENCE,
        "accept_by": NOW + timedelta(days=2),
    },
    "accept_hand_over": {"hand_over_id": HANDED, "by": ANOTHER},
    "decline_hand_over": {"hand_over_id": HANDED, "reason": HandOverRefusal.NO_CAPACITY, "by": ANOTHER},
    "name_substitute": {"substitute": ANOTHER, "ends_at": NOW + timedelta(days=2)},
    "change_cpr_number": {"cpr": "0202020202"},
    "set_safe_contact": {"rules": CouldKill({"channel": "sms"})},
    "set_address_protection": {"protection": "name_address", "address": CouldKill({"address": "x"})},
    "assess_safety": {
        "assessment_id": made_up(3),
        "instrument": "patriarch",
        "instrument_version": "2",
        "answers": {"1": "yes"},
        "judgement": SafetyLevel.HIGH,
        "reason": "Trusler",
    },
    "change_safety_level": {"level": SafetyLevel.HIGH, "reason": "Trusler"},
    "give_consent": {**CONSENT_TERMS, "consent_id": made_up(4), "grants": with_new_ids(TERMS, 300)},
    "withdraw_consent": {"consent_id": CONSENT},
    "expire_consent": {"consent_id": CONSENT, "at": ENDS},
    "record_legal_basis": {
        **BASIS_TERMS,
        "basis_id": made_up(5),
        "rule": BasisRule.AUTHORITY_DUTY,
        "grants": with_new_ids(BASIS_TERMS["grants"], 310),
        "recipient_kinds": {POLICE: OrganisationKind.POLICE},
    },
    "end_legal_basis": {"basis_id": BASIS},
    "review_emergency": {
        "basis_id": BASIS,
        "finding": ReviewFinding.JUSTIFIED,
        "reason": "Faren var der",
        "by": TOVHOLDER,
    },
    "tell_citizen": {"basis_id": BASIS, "told_at": NOW},
    "block_person": {**BLOCK, "reason": "Søster til en part"},
    "unblock_person": {"organisation": NGO, "person": "sub-90", "reason": "En anden af samme navn"},
    "consider_block_list": {"reason": "Ingen hos os kender parterne"},
    "request_referral": {
        "referral_id": made_up(6),
        "recipient": NGO,
        "offer": "samtaleforloeb-1",
        "urgency": Urgency.ROUTINE,
        "answer_by": NOW + timedelta(days=3),
    },
    "receive_referral": {"referral_id": REFERRAL, "by": AT_NGO},
    "accept_referral": {"referral_id": REFERRAL, "by": AT_NGO},
    "reject_referral": {"referral_id": REFERRAL, "reason": "no_capacity", "by": AT_NGO},
    "start_referral": {"referral_id": REFERRAL, "by": AT_NGO},
    "complete_referral": {"referral_id": REFERRAL, "by": AT_NGO},
    "cancel_referral": {"referral_id": REFERRAL, "reason": "not_safe"},
    "request_move": {
        "move_id": made_up(8),
        "recipient": NEXT,
        "kind": OrganisationKind.MUNICIPAL_UNIT,
        "answer_by": NOW + timedelta(days=7),
    },
    "accept_move": {"move_id": MOVE, "by": AT_NEXT},
    "decline_move": {"move_id": MOVE, "reason": MoveRefusal.TOO_LITTLE_TOLD, "by": AT_NEXT},
    "cancel_move": {"move_id": MOVE},
    "escalate": {"what": Escalation.REFERRAL_UNANSWERED, "of": REFERRAL, "due": NOW - timedelta(hours=1)},
}

STEP_TO: Mapping[ReferralStatus, tuple[Fact, ...]] = {
    ReferralStatus.REQUESTED: (),
    ReferralStatus.RECEIVED: (fact(ReferralReceived, referral_id=REFERRAL),),
    ReferralStatus.ACCEPTED: (fact(ReferralAccepted, referral_id=REFERRAL),),
    ReferralStatus.REJECTED: (fact(ReferralRejected, referral_id=REFERRAL, reason="no_capacity"),),
    ReferralStatus.IN_PROGRESS: (
        fact(ReferralAccepted, referral_id=REFERRAL),
        fact(ReferralStarted, referral_id=REFERRAL),
    ),
    ReferralStatus.COMPLETED: (
        fact(ReferralAccepted, referral_id=REFERRAL),
        fact(ReferralStarted, referral_id=REFERRAL),
        fact(ReferralCompleted, referral_id=REFERRAL),
    ),
    ReferralStatus.CANCELLED: (fact(ReferralCancelled, referral_id=REFERRAL, reason="not_safe"),),
}
"""A way to each status."""
LEADS_TO: Mapping[str, type[ReferralEvent]] = {
    "receive_referral": ReferralReceived,
    "accept_referral": ReferralAccepted,
    "reject_referral": ReferralRejected,
    "start_referral": ReferralStarted,
    "complete_referral": ReferralCompleted,
    "cancel_referral": ReferralCancelled,
}


def table(first: str) -> dict[str, dict[str, bool]]:
    """A table of the docstring: row to column to whether it says yes."""
    lines = iter((case_module.__doc__ or "").splitlines())
    columns = next(line.split() for line in lines if line.split()[:1] == [first])[1:]
    rows: dict[str, dict[str, bool]] = {}
    for line in lines:
        if not (cells := line.split()):
            break
        assert set(cells[1:]) <= {"yes", "-"}
        rows[cells[0]] = dict(zip(columns, (c == "yes" for c in cells[1:]), strict=True))
    return rows


def command(name: str) -> Callable[..., Any]:
    return getattr(CitizenCase, name)  # type: ignore[no-any-return]


def test_the_docstring_says_what_the_data_says_of_states() -> None:
    assert table("command") == {n: {s: s in legal for s in CaseState} for n, legal in LEGAL.items()}


def test_the_docstring_says_what_the_data_says_of_referrals() -> None:
    said = {n: {s: s in legal for s in ReferralStatus} for n, legal in REFERRAL_STEPS.items()}
    assert table("step") == said


def test_every_command_of_the_case_stands_in_the_table() -> None:
    takes_by_and_at = {
        name
        for name, method in inspect.getmembers(CitizenCase, inspect.isfunction)
        if {"by", "at"} <= set(inspect.signature(method).parameters)
    }
    assert takes_by_and_at == set(LEGAL) | {"answer_referral", "answer_move"}
    assert set(ARGUMENTS) == set(LEGAL)


def test_commands_take_keywords_only() -> None:
    for name in LEGAL:
        kinds = {p.kind for p in list(inspect.signature(command(name)).parameters.values())[1:]}
        assert kinds == {inspect.Parameter.KEYWORD_ONLY}, name


def to_make_it_possible(name: str, state: CaseState) -> tuple[Fact, ...]:
    if name == "advise_anonymously" and state is CaseState.INQUIRY:
        return (OPENED,)
    besides = BEFORE.get(name, ())
    if name in REFERRAL_STEPS and state in LEGAL[name]:
        besides = (REFERRED, *STEP_TO[next(s for s in ReferralStatus if s in REFERRAL_STEPS[name])])
    return (*HISTORY[state], *besides)


@pytest.mark.parametrize(("name", "state"), [(n, s) for n, legal in LEGAL.items() for s in legal])
def test_what_the_table_allows_happens(name: str, state: CaseState) -> None:
    sent = {**ARGUMENTS[name], **IN_THIS_STATE.get((name, state), {})}
    outcome = given(*to_make_it_possible(name, state)).when(command(name), **sent)
    assert outcome.error is None
    assert len(outcome.events) == 1


@pytest.mark.parametrize(
    ("name", "state"), [(n, s) for n, legal in LEGAL.items() for s in CaseState if s not in legal]
)
def test_what_the_table_refuses_is_an_illegal_transition(name: str, state: CaseState) -> None:
    case = given(*to_make_it_possible(name, state))
    case.when(command(name), **ARGUMENTS[name]).then_raises(IllegalTransition, field="state")


@pytest.mark.parametrize("status", ReferralStatus)
@pytest.mark.parametrize("name", REFERRAL_STEPS)
def test_every_step_from_every_status_of_a_referral(name: str, status: ReferralStatus) -> None:
    case = given(*IN_OPEN_CASE, REFERRED, *STEP_TO[status])
    assert case.aggregate.referrals[REFERRAL].status is status
    outcome = case.when(command(name), **ARGUMENTS[name])
    if status in REFERRAL_STEPS[name]:
        reason = {k: v for k, v in ARGUMENTS[name].items() if k == "reason"}
        outcome.then(fact(LEADS_TO[name], referral_id=REFERRAL, **reason))
        assert outcome.aggregate.referrals[REFERRAL].status is LEADS_TO[name].STATUS
    else:
        outcome.then_raises(IllegalTransition, field="status")


@pytest.mark.parametrize("answer", ANSWERS)
def test_an_answer_takes_the_step_that_its_status_names(answer: ReferralStatus) -> None:
    assert LEADS_TO[ANSWERS[answer]].STATUS is answer
    reason = "no_capacity" if answer is ReferralStatus.REJECTED else None
    start = next(s for s in ReferralStatus if s in REFERRAL_STEPS[ANSWERS[answer]])
    outcome = given(*IN_OPEN_CASE, REFERRED, *STEP_TO[start]).when(
        CitizenCase.answer_referral, referral_id=REFERRAL, status=answer, reason=reason, by=AT_NGO
    )
    outcome.then(
        fact(LEADS_TO[ANSWERS[answer]], referral_id=REFERRAL, **({"reason": reason} if reason else {}))
    )


def test_every_refusal_names_a_way_out() -> None:
    refused = [(n, s) for n, legal in LEGAL.items() for s in CaseState if s not in legal]
    for name, state in refused:
        outcome = given(*to_make_it_possible(name, state)).when(command(name), **ARGUMENTS[name])
        assert re.search(r"; \w+", str(outcome.error)), name


def test_a_refused_step_says_from_where_it_is_legal() -> None:
    outcome = given(*IN_OPEN_CASE, REFERRED).when(CitizenCase.start_referral, referral_id=REFERRAL, by=AT_NGO)
    assert str(outcome.error).endswith("; it is legal from accepted")


def test_consent_can_be_withdrawn_even_where_the_case_takes_no_other_consent() -> None:
    """The "no" is heard while the inquiry is matched, too (GDPR art. 7(3))."""
    matched = given(*HISTORY[CaseState.MATCHED])
    assert CONSENTED in HISTORY[CaseState.MATCHED]
    assert len(matched.when(CitizenCase.withdraw_consent, consent_id=CONSENT).result) == 4
