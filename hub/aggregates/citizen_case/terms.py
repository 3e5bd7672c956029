"""The case's own closed lists: why it rests, ends or begins again. Stored and told; values are only added."""

from enum import StrEnum


class ContactDecision(StrEnum):
    """Whether the citizen is contacted (seed 002 p. 11)."""

    CONTACT = "contact"
    WAIT = "wait"
    """Not now: it would put her or him in danger, or something else must happen first."""
    NO_CONTACT = "no_contact"


class Channel(StrEnum):
    """By what the citizen was, or is, reached; never the number or the place."""

    PHONE_CALL = "phone_call"
    SMS = "sms"
    EMAIL = "email"
    DIGITAL_POST = "digital_post"
    VISIT = "visit"
    MEETING = "meeting"
    THROUGH_ANOTHER = "through_another"


class ContactOutcome(StrEnum):
    """How an attempt to reach the citizen went."""

    REACHED = "reached"
    NOT_REACHED = "not_reached"
    ANOTHER_ANSWERED = "another_answered"
    """Somebody else; nothing was said of the matter."""
    UNSAFE_TO_CONTINUE = "unsafe_to_continue"
    """Broken off, for her or his safety: look at how contact is made before the next."""


class Topic(StrEnum):
    """What the citizen was told about (seed 002 p. 11: information on violence and on rights)."""

    VIOLENCE = "violence"
    RIGHTS = "rights"
    THE_EFFORT = "the_effort"
    OFFERS = "offers"
    CONSENT = "consent"
    SAFETY = "safety"
    EMERGENCY = "emergency"
    """Whom to ring when it cannot wait."""
    CHILDREN = "children"
    """Children's own rights, and the duty to notify."""


class UnsafeReason(StrEnum):
    """Why asking for the consent would endanger the citizen."""

    PERPETRATOR_PRESENT = "perpetrator_present"
    CONTACT_WATCHED = "contact_watched"
    """Somebody reads along, or listens."""
    NO_SAFE_CONTACT = "no_safe_contact"
    UNDER_PRESSURE = "under_pressure"
    """A yes or a no would not be her or his own."""
    NOT_ABLE_NOW = "not_able_now"
    """Unconscious, under influence, in shock."""


class SetAsideReason(StrEnum):
    """Why a person decided that a report leads to no case here (seed 002 p. 4, 11)."""

    OUTSIDE_TARGET_GROUP = "outside_target_group"
    """No violence in a close relation, or she or he stays at a shelter: another effort fits."""
    ANOTHER_MUNICIPALITY = "another_municipality"
    HELPED_ALREADY = "helped_already"
    NOT_TO_BE_FOUND = "not_to_be_found"
    """Nobody can tell whom it is about, or where to reach her or him."""
    SENT_IN_ERROR = "sent_in_error"


class StaysPossible(StrEnum):
    """What a citizen who says no was told stays open: a no to help closes no door."""

    ANONYMOUS_ADVICE = "anonymous_advice"
    LATER_YES = "later_yes"
    """She or he may come back at any time, and begins where it stopped."""
    ANOTHER_OFFER = "another_offer"
    EMERGENCY_HELP = "emergency_help"


class ClosingReason(StrEnum):
    """Why the effort ends (seed 002 p. 15)."""

    GOALS_REACHED = "goals_reached"
    CITIZEN_WISHES = "citizen_wishes"
    ANOTHER_EFFORT = "another_effort"
    MOVED = "moved"
    NO_CONTACT = "no_contact"
    DIED = "died"


class ClosingConversation(StrEnum):
    """How the closing conversation went, which the citizen is always offered (seed 002 p. 15)."""

    HELD = "held"
    DECLINED = "declined"
    NOT_REACHED = "not_reached"
    NOT_SAFE = "not_safe"
    """To offer it would have put her or him in danger."""
    NOT_POSSIBLE = "not_possible"


class Found(StrEnum):
    """What the closing conversation found; `unknown` is an answer."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


class ReopeningReason(StrEnum):
    """Why a case that rested or ended begins again."""

    CITIZEN_ASKS = "citizen_asks"
    NEW_REPORT = "new_report"
    NEW_DANGER = "new_danger"
    DECIDED_IN_ERROR = "decided_in_error"
    FOUND_ADULT = "found_adult"
    """She or he is 18 or older after all."""


class AgeKnownBy(StrEnum):
    """How it is known that the exposed person is under 18."""

    BIRTH_DATE = "birth_date"
    CPR = "cpr"
    APPROXIMATE_AGE = "approximate_age"
    FOUND_OUT = "found_out"
    """A person found out after the report."""


class NotificationCause(StrEnum):
    """What says that a child is at risk, and so sets off the duty to notify (domain rule 7)."""

    REPORT = "report"
    """A child is told of in a report: present, concerned, or threatened."""
    MINOR = "minor"
    """The exposed person is under 18."""
    ASSESSMENT = "assessment"
    SAFETY_LEVEL = "safety_level"
    CONTACT = "contact"
    ADVICE = "advice"
    CORRECTION = "correction"
    """An entry was set right, and now tells of a child."""
    OBSERVATION = "observation"
    """A professional says so of an entry."""


class NotificationDecision(StrEnum):
    """How a person answers a notification that is due."""

    NOTIFIED = "notified"
    NOT_NOTIFIED = "not_notified"


class NotNotifiedReason(StrEnum):
    """Why nobody was notified. Somebody answers for it, in words too."""

    ALREADY_NOTIFIED = "already_notified"
    NO_CONCERN = "no_concern"
    """Looked into: nothing gives reason for concern."""
    NO_CHILD = "no_child"
    """There is no child in the matter after all."""
    CHILD_UNKNOWN = "child_unknown"
    """Nobody can tell which child it is."""


class ReviewFinding(StrEnum):
    """What the review of an emergency found (domain rule 6)."""

    JUSTIFIED = "justified"
    NOT_JUSTIFIED = "not_justified"


class ErasureGround(StrEnum):
    """On which ground a citizen is forgotten (GDPR art. 17(1))."""

    NO_LONGER_NEEDED = "no_longer_needed"
    CONSENT_WITHDRAWN = "consent_withdrawn"
    OBJECTION = "objection"
    UNLAWFUL = "unlawful"
    LEGAL_DUTY = "legal_duty"


class KeepingRule(StrEnum):
    """Why a case is kept though its citizen asked to be forgotten (GDPR art. 17(3))."""

    LEGAL_DUTY = "legal_duty"
    """A law requires that it is kept: the duty to take notes, the archive law."""
    OFFICIAL_AUTHORITY = "official_authority"
    """It is needed for a task in the public interest or under official authority."""
    PUBLIC_HEALTH = "public_health"
    ARCHIVING = "archiving"
    LEGAL_CLAIMS = "legal_claims"
    NO_GROUND = "no_ground"
    """None of the grounds of art. 17(1) is there."""


class HandOverReason(StrEnum):
    """Why another tovholder is asked to take the case over. No prose: who is asked may not know the case."""

    ABSENCE = "absence"
    WORKLOAD = "workload"
    ANOTHER_FITS_BETTER = "another_fits_better"
    CITIZEN_WISHES = "citizen_wishes"
    CONFLICT_OF_INTEREST = "conflict_of_interest"


class HandOverRefusal(StrEnum):
    """Why whoever was asked says no."""

    NO_CAPACITY = "no_capacity"
    ABSENCE = "absence"
    CONFLICT_OF_INTEREST = "conflict_of_interest"
    ANOTHER_FITS_BETTER = "another_fits_better"


class InclusionCriterion(StrEnum):
    """What visitation asks before an inquiry is a case (seed 002 p. 4, 11); a municipality may ask more."""

    ADULT = "adult"
    EXPOSED_IN_CLOSE_RELATION = "exposed_in_close_relation"
    NOT_IN_SHELTER = "not_in_shelter"
    """She or he does not stay at a crisis centre."""
