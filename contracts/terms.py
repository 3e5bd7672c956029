"""The closed lists of the published language: the only words a message may use for its kinds.

Every list is closed on purpose: a head in the clear on a recipient's disk must not be able to carry free
text (design: *head*). Values are additive: a value is never renamed or removed within a major version.
Danish terms and page numbers: seed 002.
"""

from enum import StrEnum


class OrganisationKind(StrEnum):
    """What kind of organisation a partner is (seed 002 p. 7, 10-14)."""

    MUNICIPAL_UNIT = "municipal_unit"
    POLICE = "police"
    EMERGENCY_DEPARTMENT = "emergency_department"
    NGO = "ngo"
    SHELTER = "shelter"
    PSYCHOLOGIST = "psychologist"
    HEALTH_VISITOR = "health_visitor"
    GENERAL_PRACTITIONER = "general_practitioner"
    EMPLOYMENT_CENTRE = "employment_centre"
    SUBSTANCE_TREATMENT = "substance_treatment"
    CHILD_SERVICES = "child_services"


class Category(StrEnum):
    """A category of information: what a citizen consents to, and what a recipient is granted.

    What could kill (address, whereabouts, how to reach her safely, a meeting place, a child's institution)
    is in no category: it never travels and cannot be granted.
    """

    IDENTITY = "identity"
    """Name, CPR number or birth date, language; with the warning that safe-contact rules or an address
    protection exist."""
    INCIDENT = "incident"
    """What happened: time, kind of place, violence forms, injuries, danger signs, what was done."""
    CHILDREN = "children"
    """That children are concerned, how many, their ages; what names a child is sealed under its own key."""
    OTHER_PERSONS = "other_persons"
    """Other persons in the matter (perpetrator, witness), each sealed under a key of their own."""
    WISHES = "wishes"
    """What the citizen says about help."""
    RISK = "risk"
    """Risk assessments and the safety level."""
    REFERRAL = "referral"
    """A referral to an offer, and how it goes."""
    COORDINATION = "coordination"
    """That a case exists, its state, its coordinator, its consents and legal bases."""
    FREE_TEXT = "free_text"
    """Narrative written by a professional. Told only after a named person has read it against the values
    that could kill, for free text hides addresses (domain rule 5)."""


class PersonRole(StrEnum):
    """The part a person plays in one report."""

    EXPOSED = "exposed"
    PERPETRATOR = "perpetrator"
    CHILD = "child"
    WITNESS = "witness"


class ViolenceForm(StrEnum):
    """Voldsformer (seed 002 p. 4)."""

    PHYSICAL = "physical"
    PSYCHOLOGICAL = "psychological"
    MATERIAL = "material"
    ECONOMIC = "economic"
    DIGITAL = "digital"
    STALKING = "stalking"
    SEXUAL = "sexual"


class RelationKind(StrEnum):
    """Nære relationer (seed 002 p. 4): how the perpetrator is related to the exposed person."""

    PARTNER = "partner"
    FORMER_PARTNER = "former_partner"
    PARENT = "parent"
    ADULT_CHILD = "adult_child"
    SIBLING = "sibling"
    OTHER_FAMILY = "other_family"
    CARE_RELATION = "care_relation"


class BasisRule(StrEnum):
    """Hjemmel other than consent. Each names the rule; the reason and who answers for it go beside it."""

    RETSPLEJELOV_115 = "retsplejelov_115"
    """Police, social services and psychiatry about exposed persons; never for criminal investigation."""
    SUNDHEDSLOV_43 = "sundhedslov_43"
    """Health staff to an authority; the holder decides and the patient is told soon after."""
    CHILD_NOTIFICATION = "child_notification"
    """Underretning about a child at risk (barnets lov)."""
    VITAL_INTEREST = "vital_interest"
    """Danger to life (GDPR art. 6(1)(d), 9(2)(c)); reviewed afterwards."""
    AUTHORITY_DUTY = "authority_duty"
    """The authority's own task by law."""


class SafetyLevel(StrEnum):
    """Sikkerhedsniveau, in rising order."""

    LOW = "low"
    RAISED = "raised"
    HIGH = "high"
    ACUTE = "acute"


class ReferralStatus(StrEnum):
    """How a referral goes: FHIR Task's words (HL7 FHIR R4, Task.status)."""

    REQUESTED = "requested"
    RECEIVED = "received"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    IN_PROGRESS = "in-progress"
    COMPLETED = "completed"
    CANCELLED = "cancelled"


class RejectionReason(StrEnum):
    """Why an offer says no, or stops."""

    NO_CAPACITY = "no_capacity"
    OUTSIDE_TARGET_GROUP = "outside_target_group"
    NOT_SAFE_HERE = "not_safe_here"
    CITIZEN_DECLINED = "citizen_declined"
    ANOTHER_OFFER_FITS_BETTER = "another_offer_fits_better"
    CONFLICT_OF_INTEREST = "conflict_of_interest"
    """Somebody on the staff is, or is close to, a party."""


class CancellationReason(StrEnum):
    """Why the municipality calls a referral back."""

    CITIZEN_DECLINED = "citizen_declined"
    CONSENT_ENDED = "consent_ended"
    ANOTHER_OFFER_FITS_BETTER = "another_offer_fits_better"
    NOT_SAFE = "not_safe"
    NO_ANSWER = "no_answer"
    SENT_IN_ERROR = "sent_in_error"


class RetractionReason(StrEnum):
    """Why a reporter takes its report back. Nothing is deleted by it; a person decides what follows."""

    WRONG_PERSON = "wrong_person"
    """It is about somebody else than it says."""
    FOUND_UNTRUE = "found_untrue"
    """What it tells did not happen."""
    SENT_IN_ERROR = "sent_in_error"
    """It was meant for another matter or another receiver."""
    SENT_TWICE = "sent_twice"
    """Another report tells the same."""
    NO_BASIS = "no_basis"
    """It should not have been handed over."""


class MoveStatus(StrEnum):
    """How it goes with a case that another municipality was asked to take over."""

    REQUESTED = "requested"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    CANCELLED = "cancelled"


class MoveRefusal(StrEnum):
    """Why the municipality that was asked does not take the case over."""

    DOES_NOT_LIVE_HERE = "does_not_live_here"
    TOO_LITTLE_TOLD = "too_little_told"
    """Ask for more: what was consented to is not enough to help."""
    OUTSIDE_TARGET_GROUP = "outside_target_group"
    CITIZEN_DECLINED = "citizen_declined"
    CONFLICT_OF_INTEREST = "conflict_of_interest"


class AddressProtection(StrEnum):
    """Navne- og adressebeskyttelse; `special` is CPR-lov § 6 stk. 6, where children follow."""

    NONE = "none"
    NAME_ADDRESS = "name_address"
    SPECIAL = "special"


class Urgency(StrEnum):
    """How soon a person must look; a list may sort by it."""

    ROUTINE = "routine"
    URGENT = "urgent"
    ACUTE = "acute"


class MessageKind(StrEnum):
    """What a message tells, in its head."""

    PRESENT_STATE = "present_state"
    REPORT_RECEIVED = "report_received"
    REPORT_SUPPLEMENTED = "report_supplemented"
    """The reporter adds to a report; its parts stand beside that report's."""
    REPORT_RETRACTED = "report_retracted"
    """The reporter took a report back: what its parts name in `corrects` stands no longer."""
    CASE_MATCHED = "case_matched"
    CASE_UNMATCHED = "case_unmatched"
    CASE_OPENED = "case_opened"
    COORDINATOR_ASSIGNED = "coordinator_assigned"
    CPR_NUMBER_CHANGED = "cpr_number_changed"
    """The citizen was given another CPR number; the one before it was hers or his as well."""
    SAFE_CONTACT_SET = "safe_contact_set"
    ADDRESS_PROTECTION_SET = "address_protection_set"
    CONSENT_GIVEN = "consent_given"
    CONSENT_WITHDRAWN = "consent_withdrawn"
    CONSENT_EXPIRED = "consent_expired"
    CONSENT_CORRECTED = "consent_corrected"
    """It was recorded wrongly, which is not withdrawn."""
    LEGAL_BASIS_RECORDED = "legal_basis_recorded"
    LEGAL_BASIS_ENDED = "legal_basis_ended"
    LEGAL_BASIS_CORRECTED = "legal_basis_corrected"
    """It was recorded wrongly, which is not ended."""
    SAFETY_ASSESSED = "safety_assessed"
    SAFETY_LEVEL_CHANGED = "safety_level_changed"
    FREE_TEXT_READ = "free_text_read"
    ENTRY_CORRECTED = "entry_corrected"
    """Its parts stand in the place of earlier ones, which they name in `corrects`."""
    REFERRAL_REQUESTED = "referral_requested"
    REFERRAL_RECEIVED = "referral_received"
    REFERRAL_ACCEPTED = "referral_accepted"
    REFERRAL_REJECTED = "referral_rejected"
    REFERRAL_IN_PROGRESS = "referral_in_progress"
    REFERRAL_COMPLETED = "referral_completed"
    REFERRAL_CANCELLED = "referral_cancelled"
    REPORT_NOT_OURS = "report_not_ours"
    """The citizen lives in another municipality: forwarded there, and erased here once it is taken over."""
    REPORT_RETURNED = "report_returned"
    """Nobody there took it over in time: it waits here again."""
    REPORT_SET_ASIDE = "report_set_aside"
    CITIZEN_DECLINED = "citizen_declined"
    CASE_CLOSED = "case_closed"
    FOLLOW_UP_ENDED = "follow_up_ended"
    CASE_REOPENED = "case_reopened"
    MINOR_FLAGGED = "minor_flagged"
    REPORT_TAKEN_UP = "report_taken_up"
    CASE_MOVE_REQUESTED = "case_move_requested"
    CASE_MOVED = "case_moved"
    CASE_MOVE_DECLINED = "case_move_declined"
    CASE_MOVE_CANCELLED = "case_move_cancelled"
    HAND_OVER_REQUESTED = "hand_over_requested"
    HAND_OVER_DECLINED = "hand_over_declined"
    SUBSTITUTE_NAMED = "substitute_named"
    ESCALATED = "escalated"
    CONTACT_DECIDED = "contact_decided"
    CONTACT_ATTEMPTED = "contact_attempted"
    INFORMATION_GIVEN = "information_given"
    CONSENT_UNSAFE_TO_ASK = "consent_unsafe_to_ask"
    ANONYMOUS_ADVICE_GIVEN = "anonymous_advice_given"
    CITIZEN_TOLD = "citizen_told"
    EMERGENCY_REVIEWED = "emergency_reviewed"
    ERASURE_REQUESTED = "erasure_requested"
    """The citizen asks to be forgotten."""
    ERASURE_REFUSED = "erasure_refused"
    """The law requires that the case is kept."""
    CHILD_NOTIFICATION_DUE = "child_notification_due"
    CHILD_NOTIFICATION_ANSWERED = "child_notification_answered"


class Escalation(StrEnum):
    """What waited past its deadline. Only the owning unit is told, never the one that was waited for."""

    REPORT_UNREAD = "report_unread"
    REFERRAL_UNANSWERED = "referral_unanswered"
    HAND_OVER_UNACCEPTED = "hand_over_unaccepted"
    MOVE_UNANSWERED = "move_unanswered"
    CHILD_NOTIFICATION_UNANSWERED = "child_notification_unanswered"
    CONSENT_QUESTION_REVIEW = "consent_question_review"
    """It was unsafe to ask for the consent; a person looks again."""
    CONTACT_NOT_MADE = "contact_not_made"
    """It was decided on, and by its last day the citizen was not reached."""
    EMERGENCY_UNREVIEWED = "emergency_unreviewed"
    """It was told because a life was in danger, and nobody has reviewed that."""
    ERASURE_UNANSWERED = "erasure_unanswered"
    """The citizen asked to be forgotten, and nobody has answered."""


class ControlKind(StrEnum):
    """What a control message says; control messages are HPKE-sealed to the reader's own key."""

    RECEIPT = "receipt"
    REVOKED = "revoked"
    ERASED = "erased"
    BLANK = "blank"
    HEARTBEAT = "heartbeat"


class LookPurpose(StrEnum):
    """Why somebody looks at a case (GDPR art. 5(1)(b)). Closed, so that no header or log carries a story."""

    INTAKE = "intake"
    CONTACT = "contact"
    COORDINATION = "coordination"
    SAFETY = "safety"
    REFERRAL = "referral"
    CITIZEN_ACCESS = "citizen_access"
    SUPERVISION = "supervision"
