"""The facts of a citizen's case. Attributes here are stored bytes: they are never renamed.

Each event knows three things: how the case looks after it (`apply`, which only assigns), what it tells
(`tells`), and under which kind (`KIND`). Who is told is the gate's decision, never the event's.
"""

from hub.aggregates.citizen_case.events.base import CaseEvent
from hub.aggregates.citizen_case.events.bases import (
    CitizenTold,
    ConsentExpired,
    ConsentGiven,
    ConsentWithdrawn,
    EmergencyReviewed,
    GrantsEnded,
    LegalBasisEnded,
    LegalBasisRecorded,
)
from hub.aggregates.citizen_case.events.children import ChildNotificationAnswered, ChildNotificationDue
from hub.aggregates.citizen_case.events.contact import (
    AnonymousAdviceGiven,
    ConsentUnsafeToAsk,
    ContactAttempted,
    ContactDecided,
    InformationGiven,
)
from hub.aggregates.citizen_case.events.corrections import (
    ConsentCorrected,
    EntryCorrected,
    InquiryContinued,
    LegalBasisCorrected,
    ReportRetracted,
)
from hub.aggregates.citizen_case.events.ending import (
    CaseClosed,
    CaseReopened,
    CitizenDeclined,
    FollowUpEnded,
    MinorFlagged,
    ReportSetAside,
)
from hub.aggregates.citizen_case.events.escalation import CaseEscalated
from hub.aggregates.citizen_case.events.forgetting import (
    ErasedWithCase,
    ErasureGranted,
    ErasureRefused,
    ErasureRequested,
)
from hub.aggregates.citizen_case.events.forwarding import CaseErased, ReportNotOurs, ReportReturned
from hub.aggregates.citizen_case.events.handing_over import (
    HandOverAccepted,
    HandOverDeclined,
    HandOverRequested,
    SubstituteNamed,
)
from hub.aggregates.citizen_case.events.intake import (
    CaseOpened,
    CoordinatorAssigned,
    CprNumberChanged,
    FreeTextRead,
    InquiryMatched,
    InquiryOpened,
    InquiryTextRead,
    InquiryUnmatched,
    MatchedToCase,
    ReportReceived,
    ReportSupplemented,
    ReportTakenUp,
    UnmatchedFromCase,
)
from hub.aggregates.citizen_case.events.moving import (
    CaseMoved,
    MoveCancelled,
    MoveDeclined,
    MoveEvent,
    MoveRequested,
)
from hub.aggregates.citizen_case.events.referrals import (
    ReferralAccepted,
    ReferralCancelled,
    ReferralCompleted,
    ReferralEvent,
    ReferralReceived,
    ReferralRejected,
    ReferralRequested,
    ReferralStarted,
)
from hub.aggregates.citizen_case.events.safety import (
    AddressProtectionSet,
    SafeContactSet,
    SafetyAssessed,
    SafetyLevelChanged,
)
from hub.aggregates.citizen_case.events.staff import BlockListConsidered, PersonBlocked, PersonUnblocked

__all__ = [
    "AddressProtectionSet",
    "AnonymousAdviceGiven",
    "BlockListConsidered",
    "CaseClosed",
    "CaseErased",
    "CaseEscalated",
    "CaseEvent",
    "CaseMoved",
    "CaseOpened",
    "CaseReopened",
    "ChildNotificationAnswered",
    "ChildNotificationDue",
    "CitizenDeclined",
    "CitizenTold",
    "ConsentCorrected",
    "ConsentExpired",
    "ConsentGiven",
    "ConsentUnsafeToAsk",
    "ConsentWithdrawn",
    "ContactAttempted",
    "ContactDecided",
    "CoordinatorAssigned",
    "CprNumberChanged",
    "EmergencyReviewed",
    "EntryCorrected",
    "ErasedWithCase",
    "ErasureGranted",
    "ErasureRefused",
    "ErasureRequested",
    "FollowUpEnded",
    "FreeTextRead",
    "GrantsEnded",
    "HandOverAccepted",
    "HandOverDeclined",
    "HandOverRequested",
    "InformationGiven",
    "InquiryContinued",
    "InquiryMatched",
    "InquiryOpened",
    "InquiryTextRead",
    "InquiryUnmatched",
    "LegalBasisCorrected",
    "LegalBasisEnded",
    "LegalBasisRecorded",
    "MatchedToCase",
    "MinorFlagged",
    "MoveCancelled",
    "MoveDeclined",
    "MoveEvent",
    "MoveRequested",
    "PersonBlocked",
    "PersonUnblocked",
    "ReferralAccepted",
    "ReferralCancelled",
    "ReferralCompleted",
    "ReferralEvent",
    "ReferralReceived",
    "ReferralRejected",
    "ReferralRequested",
    "ReferralStarted",
    "ReportNotOurs",
    "ReportReceived",
    "ReportRetracted",
    "ReportReturned",
    "ReportSetAside",
    "ReportSupplemented",
    "ReportTakenUp",
    "SafeContactSet",
    "SafetyAssessed",
    "SafetyLevelChanged",
    "SubstituteNamed",
    "UnmatchedFromCase",
]
