"""Facts that the tests of the case begin from. Everybody and everything here is made up."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from contracts.terms import BasisRule, Category, SafetyLevel, Urgency
from hub.aggregates.base import Actor
from hub.aggregates.citizen_case.events import (
    CaseClosed,
    CaseErased,
    CaseMoved,
    CaseOpened,
    ChildNotificationDue,
    ConsentGiven,
    CoordinatorAssigned,
    EmergencyReviewed,
    ErasureRequested,
    HandOverRequested,
    InquiryMatched,
    InquiryOpened,
    LegalBasisRecorded,
    MatchedToCase,
    MinorFlagged,
    MoveRequested,
    PersonBlocked,
    ReferralRequested,
    ReportNotOurs,
    ReportReceived,
    ReportSetAside,
)
from hub.aggregates.citizen_case.terms import (
    AgeKnownBy,
    ClosingConversation,
    ClosingReason,
    Found,
    HandOverReason,
    NotificationCause,
    ReviewFinding,
    SetAsideReason,
)
from hub.aggregates.citizen_case.values import Blocked, ConsentForm, GrantTerms
from hub.aggregates.sealing import AboutPerson, CouldKill
from tests.given import BEGAN, NOW, fact

UNIT, NGO, SHELTER, POLICE = "voldsteam", "havnen", "krisecenter-nord", "politi-oest"
TOVHOLDER = Actor("sub-3", "Tove Prøve", "tovholder", UNIT)
ANOTHER = Actor("sub-4", "Anders Opdigtet", "tovholder", UNIT)
AT_NGO = Actor("sub-90", "Niels Opdigtet", "referral_recipient", NGO)
AT_POLICE = Actor("sub-50", "Poul Opdigtet", "reporter", POLICE)
ENDS = NOW + timedelta(days=90)


def made_up(n: int) -> UUID:
    """A random-looking id that a test can name."""
    return UUID(int=(0xA << 100) | n, version=4)


STANDING, CONSENT, BASIS, REFERRAL, REPORT, INQUIRY, OTHER_CASE, MAN = (made_up(n) for n in range(100, 108))
DUE = made_up(108)
R1, I1, R2, I2, B1 = (made_up(n) for n in range(200, 205))

OPENED = fact(InquiryOpened, unit=UNIT, standing_grant=STANDING)
REPORTED: dict[str, Any] = {
    "report_id": REPORT,
    "reporter": POLICE,
    "number": "7KQM-2RXD",
    "reference": "0000-11111-22222-26",
    "urgency": Urgency.URGENT,
    "happened": {"at": "2026-03-02T02:10:00+01:00"},
    "contents": {
        "identity": {"name": "Mette Opdigtet", "cpr": "0101010101"},
        "incident": {"violence_forms": ["physical"]},
    },
    "others": (
        AboutPerson(MAN, {"role": "perpetrator", "contents": {"other_persons": {"name": "Jens Fiktiv"}}}),
    ),
    "could_kill": (CouldKill({"address": "Opdigtet Allé 7"}), CouldKill({"work": "Lageret"}, MAN)),
    "free_text": {"narrative": "Hun sidder hos søsteren på Opdigtet Allé."},
    "basis": {"rule": "authority_duty", "bans": []},
    "warnings": ("safe_contact",),
    "staff_involved": False,
}
RECEIVED = fact(ReportReceived, **REPORTED)
CASE_OPENED = fact(CaseOpened, number="7KQM-2RXD", criteria={"adult": True, "not_in_shelter": True})
MATCHED = fact(MatchedToCase, case=OTHER_CASE)
INQUIRY_MATCHED = fact(InquiryMatched, inquiry=INQUIRY, reason="Samme kvinde, samme nat")

TERMS = (
    GrantTerms(R1, NGO, Category.REFERRAL),
    GrantTerms(I1, NGO, Category.IDENTITY),
    GrantTerms(R2, SHELTER, Category.REFERRAL),
    GrantTerms(I2, SHELTER, Category.IDENTITY),
)
CONSENT_TERMS: dict[str, Any] = {
    "consent_id": CONSENT,
    "grants": TERMS,
    "purpose": "Henvisning til samtaleforløb",
    "form": ConsentForm.ORAL,
    "given_at": BEGAN,
    "ends_at": ENDS,
}
CONSENTED = fact(ConsentGiven, **CONSENT_TERMS)
BASIS_TERMS: dict[str, Any] = {
    "basis_id": BASIS,
    "rule": BasisRule.VITAL_INTEREST,
    "reason": "Fare for liv i nat",
    "answers_for": "Birgit Prøve",
    "grants": (GrantTerms(B1, POLICE, Category.INCIDENT),),
    "purpose": "Afværge fare",
    "ends_at": ENDS,
}
REVIEWED = fact(
    EmergencyReviewed,
    grants=(),
    basis_id=BASIS,
    finding=ReviewFinding.JUSTIFIED,
    reason="Faren var der",
    by=TOVHOLDER,
)
FORGET = made_up(111)
ASKED_TO_FORGET = fact(
    ErasureRequested, request_id=FORGET, asked_at=BEGAN, answer_by=BEGAN + timedelta(days=30)
)
NEIGHBOUR, FORWARDING = "nabokommunen", made_up(110)
BASED = fact(LegalBasisRecorded, **BASIS_TERMS, bans=())
REFERRED = fact(
    ReferralRequested,
    referral_id=REFERRAL,
    recipient=NGO,
    offer="samtaleforloeb-1",
    urgency=Urgency.ROUTINE,
    answer_by=ENDS,
)
CLOSING: dict[str, Any] = {
    "reason": ClosingReason.GOALS_REACHED,
    "summary": "Målene i planen er nået",
    "conversation": ClosingConversation.HELD,
    "safety_level": SafetyLevel.LOW,
    "keeps_safe": Found.YES,
    "knows_where_to_turn": Found.YES,
    "going_on": (),
    "follow_up_until": None,
}
FOLLOWED_UP: dict[str, Any] = {**CLOSING, "follow_up_until": NOW + timedelta(days=180)}
CHILD_AT_RISK = fact(
    ChildNotificationDue,
    due_id=DUE,
    cause=NotificationCause.REPORT,
    entry=2,
    deadline=BEGAN + timedelta(days=1, minutes=2),
    sent_to=None,
    basis_id=None,
)
SET_ASIDE = fact(ReportSetAside, reason=SetAsideReason.HELPED_ALREADY, text="Får hjælp i en anden indsats")
CLOSED = fact(CaseClosed, **FOLLOWED_UP, grants=())
FLAGGED = fact(MinorFlagged, known_by=AgeKnownBy.BIRTH_DATE)

HANDED = made_up(120)
COORDINATED = fact(CoordinatorAssigned, coordinator=TOVHOLDER)
HAND_OVER = fact(
    HandOverRequested,
    hand_over_id=HANDED,
    to=ANOTHER,
    reason=HandOverReason.ABSENCE,
    accept_by=ENDS,
    by=TOVHOLDER,
)

NEXT, MOVE, TO_MOVE = "nabokommunen", made_up(130), made_up(131)
AT_NEXT = Actor("sub-70", "Nanna Nabo", "partner_staff", NEXT)
MOVE_CONSENTED = fact(
    ConsentGiven,
    **{
        **CONSENT_TERMS,
        "consent_id": TO_MOVE,
        "grants": (
            GrantTerms(made_up(210), NEXT, Category.COORDINATION),
            GrantTerms(made_up(211), NEXT, Category.RISK),
        ),
    },
)
MOVE_REQUESTED = fact(MoveRequested, move_id=MOVE, recipient=NEXT, answer_by=ENDS)
MOVED = fact(CaseMoved, move_id=MOVE, recipient=NEXT, by=AT_NEXT)

BLOCK: dict[str, Any] = {"organisation": NGO, "person": "sub-90", "name": "Niels Opdigtet"}
PERSON_BLOCKED = fact(PersonBlocked, blocked=Blocked(**BLOCK, reason="Bror til en part"))

IN_INQUIRY = (OPENED, RECEIVED, CONSENTED, BASED)
WHILE_MATCHED = (*IN_INQUIRY, MATCHED)
IN_OPEN_CASE = (*IN_INQUIRY, CASE_OPENED)
ASIDE = (*IN_INQUIRY, SET_ASIDE)
IN_CLOSED_CASE = (*IN_OPEN_CASE, CLOSED)
OF_A_MINOR = (*IN_INQUIRY, FLAGGED)
NOT_OURS = (*IN_INQUIRY, fact(ReportNotOurs, recipient=NEIGHBOUR, basis_id=FORWARDING))
WHILE_ERASED = (*NOT_OURS, fact(CaseErased, grants=(STANDING,), taken_over_by=NEIGHBOUR))
"""Not every grant has ended here, so that each command has something to do."""
MOVED_AWAY = (*IN_OPEN_CASE, MOVE_CONSENTED, MOVE_REQUESTED, MOVED)
