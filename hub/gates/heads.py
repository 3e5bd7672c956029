"""What stands in a message's head: what a list sorts or counts by, from closed lists, and never who. Pure."""

from datetime import datetime
from typing import Any

from contracts.terms import BasisRule, Escalation, SafetyLevel, Urgency
from hub.aggregates.citizen_case.emergency import review_by
from hub.aggregates.citizen_case.events import (
    CaseEscalated,
    CaseEvent,
    ChildNotificationDue,
    EmergencyReviewed,
    ErasureRequested,
    HandOverRequested,
    InquiryMatched,
    InquiryUnmatched,
    LegalBasisRecorded,
    MinorFlagged,
    MoveEvent,
    MoveRequested,
    ReferralEvent,
    ReferralRequested,
    ReportReceived,
    ReportRetracted,
    ReportReturned,
    ReportTakenUp,
    SafetyLevelChanged,
)

_REF_OF = {
    Escalation.MOVE_UNANSWERED: "move",
    Escalation.REPORT_UNREAD: "report",
    Escalation.REFERRAL_UNANSWERED: "referral",
    Escalation.EMERGENCY_UNREVIEWED: "emergency",
}
_URGENCY_OF_LEVEL = {SafetyLevel.ACUTE: Urgency.ACUTE, SafetyLevel.HIGH: Urgency.URGENT}


def deadline_of(event: CaseEvent, owner: bool) -> datetime | None:
    """By when somebody must have answered."""
    match event:
        case ReferralRequested() | MoveRequested() | ErasureRequested():
            return event.answer_by
        case CaseEscalated():
            return event.due
        case HandOverRequested():
            return event.accept_by
        case ChildNotificationDue():
            return event.deadline
        case LegalBasisRecorded(rule=BasisRule.VITAL_INTEREST) if owner:
            return review_by(event)
        case _:
            return None


def urgency_of(event: CaseEvent) -> Urgency:
    """How soon a person must look."""
    if isinstance(event, CaseEscalated):
        return Urgency.ACUTE if event.what is Escalation.REPORT_UNREAD else Urgency.URGENT
    if isinstance(event, ReportReceived | ReferralRequested):
        return event.urgency
    if isinstance(event, ReportRetracted | ReportReturned):
        return Urgency.URGENT
    if isinstance(event, SafetyLevelChanged):
        return _URGENCY_OF_LEVEL.get(event.level, Urgency.ROUTINE)
    if isinstance(event, ChildNotificationDue | MinorFlagged):
        return Urgency.URGENT
    return Urgency.ROUTINE


def refs_of(event: CaseEvent, owner: bool) -> dict[str, Any]:
    """What the head points at; a partner's is its own: a referral, a move or a report that it knows."""
    refs: dict[str, Any] = {}
    match event:
        case ReferralEvent():
            refs["referral"] = event.referral_id
        case MoveEvent():
            refs["move"] = event.move_id
        case ReportTakenUp():
            refs["report"] = event.report_id
        case CaseEscalated() if event.what in _REF_OF:
            refs[_REF_OF[event.what]] = event.of
        case ReportReceived() | ReportRetracted() if owner:
            refs["report"] = event.report_id
        case LegalBasisRecorded(rule=BasisRule.VITAL_INTEREST) if owner:
            refs["emergency"] = event.basis_id
        case EmergencyReviewed():
            refs["emergency"] = event.basis_id
        case InquiryMatched() | InquiryUnmatched() if owner:
            refs["other_case"] = event.inquiry
    return refs
