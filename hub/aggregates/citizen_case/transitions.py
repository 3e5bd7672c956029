"""When a command is legal: the two tables of `case`, as data. The guards read these and nothing else."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from contracts.terms import ReferralStatus
from hub.aggregates.citizen_case.values import CaseState
from hub.errors import IllegalTransition

if TYPE_CHECKING:
    from hub.aggregates.citizen_case.case import CitizenCase

_ERASED = frozenset({CaseState.ERASED})
_ALWAYS = frozenset(CaseState)
"""A no is heard in every state, and what ends cannot be refused."""
_EVERY = _ALWAYS - _ERASED
_INQUIRY = frozenset({CaseState.INQUIRY})
_MATCHED = frozenset({CaseState.MATCHED})
_OPEN = frozenset({CaseState.OPEN})
_ALONE = _INQUIRY | _OPEN
_ASIDE, _CLOSED, _MINOR = ({state} for state in (CaseState.SET_ASIDE, CaseState.CLOSED, CaseState.MINOR))
_FORWARDED = frozenset({CaseState.FORWARDED})
_RESTING = frozenset(_ASIDE | _CLOSED | _MINOR)
_MOVED = frozenset({CaseState.MOVED})
_COORDINATED = frozenset(_OPEN | _CLOSED | _MOVED)
"""Somebody answers for the case under the follow-up, and for what is left of it here after a move."""
_REFERRING = frozenset(_OPEN | _CLOSED | _MOVED | _MINOR)
"""A referral may go on under the follow-up and after a move; what its recipient answers is always heard."""

LEGAL: Mapping[str, frozenset[CaseState]] = MappingProxyType(
    {
        "receive_report": _ALONE,
        "take_up_report": _EVERY - _MOVED,
        "supplement_report": _EVERY,
        "retract_report": _EVERY,
        "match_inquiry": _ALONE,
        "be_matched_to": _INQUIRY,
        "unmatch_inquiry": _EVERY - _MATCHED,
        "be_unmatched": _MATCHED,
        "read_free_text": _EVERY,
        "read_inquiry_text": _EVERY - _MATCHED,
        "correct_entry": _EVERY,
        "correct_consent": _ALWAYS,
        "correct_legal_basis": _ALWAYS,
        "continue_inquiry": _EVERY - _MATCHED,
        "open_case": _INQUIRY,
        "assign_coordinator": _COORDINATED,
        "request_hand_over": _COORDINATED,
        "accept_hand_over": _COORDINATED,
        "decline_hand_over": _COORDINATED,
        "name_substitute": _COORDINATED,
        "decide_contact": _ALONE | _CLOSED,
        "attempt_contact": _ALONE | _CLOSED,
        "give_information": _EVERY - _MATCHED - _MOVED,
        "leave_consent_unasked": _ALONE,
        "advise_anonymously": _INQUIRY,
        "set_report_aside": _INQUIRY,
        "decline": _ALWAYS,
        "find_not_ours": _INQUIRY,
        "erase": _FORWARDED,
        "request_erasure": _EVERY - _MATCHED,
        "refuse_erasure": _EVERY - _MATCHED,
        "grant_erasure": _EVERY - _MATCHED - _FORWARDED,
        "be_erased_with": _MATCHED,
        "close_case": _OPEN,
        "end_follow_up": frozenset(_CLOSED),
        "reopen_case": _RESTING,
        "flag_minor": _EVERY - _MATCHED - _MINOR - _FORWARDED - _MOVED,
        "child_notification_falls_due": _EVERY,
        "answer_child_notification": _EVERY,
        "change_cpr_number": _EVERY - _MATCHED - _MOVED,
        "set_safe_contact": _EVERY - _MATCHED - _MOVED,
        "set_address_protection": _EVERY - _MATCHED - _MOVED,
        "assess_safety": _ALONE,
        "change_safety_level": _ALONE,
        "give_consent": _ALONE,
        "withdraw_consent": _ALWAYS,
        "expire_consent": _ALWAYS,
        "record_legal_basis": _EVERY,
        "end_legal_basis": _ALWAYS,
        "tell_citizen": _EVERY,
        "review_emergency": _EVERY,
        "block_person": _EVERY,
        "unblock_person": _EVERY,
        "consider_block_list": _EVERY,
        "request_referral": _OPEN,
        "receive_referral": _REFERRING,
        "accept_referral": _REFERRING,
        "reject_referral": _REFERRING,
        "start_referral": _REFERRING,
        "complete_referral": _REFERRING,
        "cancel_referral": _REFERRING,
        "request_move": _OPEN,
        "accept_move": _OPEN,
        "decline_move": _OPEN,
        "cancel_move": _OPEN,
        "escalate": _EVERY,
    }
)
"""In which states of the case each command is legal."""

_R = ReferralStatus
REFERRAL_STEPS: Mapping[str, frozenset[ReferralStatus]] = MappingProxyType(
    {
        "receive_referral": frozenset({_R.REQUESTED}),
        "accept_referral": frozenset({_R.REQUESTED, _R.RECEIVED}),
        "reject_referral": frozenset({_R.REQUESTED, _R.RECEIVED}),
        "start_referral": frozenset({_R.ACCEPTED}),
        "complete_referral": frozenset({_R.IN_PROGRESS}),
        "cancel_referral": frozenset({_R.REQUESTED, _R.RECEIVED, _R.ACCEPTED, _R.IN_PROGRESS}),
    }
)
"""From which status of the referral each step is legal (HL7 FHIR R4, the state machine of Task)."""

_WAY_OUT = {
    CaseState.INQUIRY: "open the case first",
    CaseState.MATCHED: "do it in the case that this inquiry was matched to, or undo the match first",
    CaseState.OPEN: "the case is open: read it again",
    CaseState.SET_ASIDE: "it was set aside: reopen it first",
    CaseState.CLOSED: "it was closed: reopen it first",
    CaseState.FORWARDED: "the citizen's municipality was sent it: call them, or wait until it comes back",
    CaseState.ERASED: "it is erased; there is nothing left to do",
    CaseState.MOVED: "another municipality has the case: tell it there",
    CaseState.MINOR: "the exposed person is under 18 and child services' matter: reopen it if that is wrong",
}


def must_be_legal(case: "CitizenCase", command: str) -> None:
    """Refuse a command that the case's state does not allow."""
    if case.state not in LEGAL[command]:
        raise IllegalTransition(
            f"state: {command} is refused while the case is {case.state}; {_WAY_OUT[case.state]}",
            field="state",
        )


def must_be_a_step(status: ReferralStatus, command: str) -> None:
    """Refuse a step that the referral's status does not allow."""
    if status not in REFERRAL_STEPS[command]:
        legal = ", ".join(s for s in ReferralStatus if s in REFERRAL_STEPS[command])
        raise IllegalTransition(
            f"status: {command} is refused while the referral is {status}; it is legal from {legal}",
            field="status",
        )
