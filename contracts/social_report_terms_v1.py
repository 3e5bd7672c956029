"""The closed lists of the social report: what its forms let an officer or a clinician choose between.

Values are additive, as in `contracts.terms`. No value says where somebody is: that she was admitted, or
taken to a shelter, is written in `could_kill.whereabouts`, for these lists travel and that field does not.
"""

from enum import StrEnum

from contracts.terms import BasisRule


class Answer(StrEnum):
    """What was asked and what came of it. `unknown` is an answer: nobody asked, or nobody would say."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


class HandoverRule(StrEnum):
    """On which rule the report is handed over: her or his consent, or one of `contracts.terms.BasisRule`."""

    CONSENT = "consent"
    RETSPLEJELOV_115 = BasisRule.RETSPLEJELOV_115.value
    SUNDHEDSLOV_43 = BasisRule.SUNDHEDSLOV_43.value
    CHILD_NOTIFICATION = BasisRule.CHILD_NOTIFICATION.value
    VITAL_INTEREST = BasisRule.VITAL_INTEREST.value
    AUTHORITY_DUTY = BasisRule.AUTHORITY_DUTY.value


class PatientInformed(StrEnum):
    """Whether the patient has been told of the hand-over (sundhedslov § 43 stk. 4: soon after)."""

    INFORMED = "informed"
    NOT_YET = "not_yet"
    WITHHELD = "withheld"
    """Telling was left out; `reason` says why."""


class PlaceKind(StrEnum):
    """What kind of place it happened in; never which."""

    HOME = "home"
    """The exposed person's own."""
    SHARED_HOME = "shared_home"
    """Where the exposed person and the perpetrator both live."""
    PERPETRATORS_HOME = "perpetrators_home"
    OTHER_HOME = "other_home"
    PUBLIC_PLACE = "public_place"
    WORKPLACE = "workplace"
    EDUCATION = "education"
    INSTITUTION = "institution"
    HOSPITAL = "hospital"
    VEHICLE = "vehicle"
    ONLINE = "online"
    OTHER = "other"
    UNKNOWN = "unknown"


class InjuryKind(StrEnum):
    BRUISE = "bruise"
    CUT = "cut"
    STAB_WOUND = "stab_wound"
    BURN = "burn"
    BITE = "bite"
    FRACTURE = "fracture"
    SPRAIN = "sprain"
    CONCUSSION = "concussion"
    DENTAL = "dental"
    INTERNAL = "internal"
    GENITAL = "genital"
    NECK = "neck"
    """On or in the neck, also without a visible mark; see also `strangulation`."""
    PAIN_ONLY = "pain_only"
    OTHER = "other"


class BodyPart(StrEnum):
    HEAD = "head"
    FACE = "face"
    NECK = "neck"
    CHEST = "chest"
    BACK = "back"
    ABDOMEN = "abdomen"
    ARM = "arm"
    HAND = "hand"
    PELVIS = "pelvis"
    LEG = "leg"
    SEVERAL = "several"


class WeaponKind(StrEnum):
    """The most dangerous one that played a part."""

    NONE = "none"
    KNIFE = "knife"
    SHARP_OBJECT = "sharp_object"
    BLUNT_OBJECT = "blunt_object"
    FIREARM = "firearm"
    VEHICLE = "vehicle"
    FIRE_OR_FLUID = "fire_or_fluid"
    """Fire, scalding or corrosive fluid."""
    ROPE_OR_CORD = "rope_or_cord"
    OTHER = "other"
    UNKNOWN = "unknown"


class WeaponUse(StrEnum):
    AT_HAND = "at_hand"
    THREATENED = "threatened"
    USED = "used"


class StrangulationSign(StrEnum):
    """Signs that are looked for; several come hours later, and none need be visible."""

    MARKS_ON_NECK = "marks_on_neck"
    PETECHIAE = "petechiae"
    HOARSE_VOICE = "hoarse_voice"
    PAINFUL_SWALLOWING = "painful_swallowing"
    BREATHLESSNESS = "breathlessness"
    LOST_CONSCIOUSNESS = "lost_consciousness"
    INCONTINENCE = "incontinence"
    DIZZINESS = "dizziness"


class ThreatTarget(StrEnum):
    """Whose life was threatened. A threat of suicide is one: towards the perpetrator's own."""

    EXPOSED = "exposed"
    CHILDREN = "children"
    OTHERS = "others"
    PERPETRATORS_OWN_LIFE = "perpetrators_own_life"
    ANIMALS = "animals"


class EarlierSign(StrEnum):
    """What is known of earlier incidents. A perpetrator's criminal record is no part of the report."""

    TOLD_BY_EXPOSED = "told_by_exposed"
    POLICE_CALLED = "police_called"
    TREATED_FOR_INJURIES = "treated_for_injuries"
    REPORTED_BEFORE = "reported_before"
    RESTRAINING_ORDER = "restraining_order"
    RESTRAINING_ORDER_BROKEN = "restraining_order_broken"
    ESCALATING = "escalating"
    STRANGULATION = "strangulation"
    WEAPON = "weapon"


class DoneOnTheSpot(StrEnum):
    """What was done there and then. None says where anybody went."""

    PARTIES_SEPARATED = "parties_separated"
    PERPETRATOR_ARRESTED = "perpetrator_arrested"
    PERPETRATOR_CHARGED = "perpetrator_charged"
    PERPETRATOR_REMOVED = "perpetrator_removed"
    WEAPON_SEIZED = "weapon_seized"
    RESTRAINING_ORDER_ASKED_FOR = "restraining_order_asked_for"
    ALARM_HANDED_OUT = "alarm_handed_out"
    MEDICAL_TREATMENT = "medical_treatment"
    INJURIES_DOCUMENTED = "injuries_documented"
    FORENSIC_EXAMINATION = "forensic_examination"
    EVIDENCE_SECURED = "evidence_secured"
    POLICE_CALLED = "police_called"
    SHELTER_OFFERED = "shelter_offered"
    INFORMED_OF_HELP = "informed_of_help"
    SAFETY_TALKED_THROUGH = "safety_talked_through"
    SPOKEN_TO_ALONE = "spoken_to_alone"
    INTERPRETER_USED = "interpreter_used"
    CHILDREN_SPOKEN_TO = "children_spoken_to"
    CHILD_NOTIFICATION_SENT = "child_notification_sent"


class AcceptsContact(StrEnum):
    """Whether she or he accepts that the municipality makes contact."""

    YES = "yes"
    NO = "no"
    UNSURE = "unsure"
    NOT_ASKED = "not_asked"
    """It could not be asked, or not safely."""


class HelpWanted(StrEnum):
    SOMEBODY_TO_TALK_TO = "somebody_to_talk_to"
    SAFETY_PLAN = "safety_plan"
    SHELTER = "shelter"
    HOUSING = "housing"
    MONEY = "money"
    LEGAL_ADVICE = "legal_advice"
    HELP_FOR_THE_CHILDREN = "help_for_the_children"
    HEALTH_CARE = "health_care"
    GROUP = "group"
    HELP_WITH_DIGITAL_SAFETY = "help_with_digital_safety"
    HELP_FOR_THE_PERPETRATOR = "help_for_the_perpetrator"
    PRACTICAL_CARE = "practical_care"


class ContactChannel(StrEnum):
    PHONE_CALL = "phone_call"
    SMS = "sms"
    EMAIL = "email"
    DIGITAL_POST = "digital_post"
    IN_PERSON = "in_person"
    THROUGH_ANOTHER = "through_another"
    NONE_IS_SAFE = "none_is_safe"
    """She or he says that there is no safe way."""


class Weekday(StrEnum):
    MONDAY = "monday"
    TUESDAY = "tuesday"
    WEDNESDAY = "wednesday"
    THURSDAY = "thursday"
    FRIDAY = "friday"
    SATURDAY = "saturday"
    SUNDAY = "sunday"


class StaffTie(StrEnum):
    """How a person of the report is tied to the reporter's own staff."""

    IS_STAFF = "is_staff"
    CLOSE_TO_STAFF = "close_to_staff"
    """A relative, partner or friend of somebody on the staff."""
