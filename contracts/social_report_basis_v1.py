"""On which basis a social report is handed over, and which reporter may use which rule.

Deny is the default: a rule may be used by the kinds of organisation listed for it and by no other.
Sources: domain.md, "Rules that never bend" 1, and its glossary on PSP-samarbejde.
"""

from types import MappingProxyType
from typing import Annotated, Final, Self

from pydantic import Field, model_validator

from contracts.fields import Flag, Line, Personal, Text
from contracts.social_report_terms_v1 import HandoverRule, PatientInformed
from contracts.terms import OrganisationKind as Kind
from contracts.times import Moment

_REASON_MAX: Final = 2_000


class Professional(Personal):
    """A named professional, who answers for what is written or decided."""

    name: Line
    title: Line


class HandoverBasis(Personal):
    """The basis: the rule, why it applies, and the named professional who decided it."""

    rule: HandoverRule
    reason: Annotated[Text, Field(max_length=_REASON_MAX)]
    """Free text, about the decision; the account of what happened belongs in `narrative`."""
    decided_by: Professional
    not_for_criminal_investigation: Flag = False
    """The purpose ban of retsplejelov § 115, which travels with the report. Always true under that rule."""
    patient_informed: PatientInformed | None = None
    """Sundhedslov § 43 only, and always there."""
    consent_given_at: Moment | None = None
    """Consent only, and always there: when she or he gave it."""

    @model_validator(mode="after")
    def _holds_what_the_rule_asks(self) -> Self:
        if self.rule is HandoverRule.RETSPLEJELOV_115 and not self.not_for_criminal_investigation:
            raise ValueError(
                "not_for_criminal_investigation: must be true under retsplejelov_115, whose purpose ban "
                "travels with the report; set it, or choose the rule that fits the purpose"
            )
        if (self.rule is HandoverRule.SUNDHEDSLOV_43) != (self.patient_informed is not None):
            raise ValueError(
                "patient_informed: sundhedslov_43 needs it (informed, not_yet or withheld), "
                "no other rule has it"
            )
        if (self.rule is HandoverRule.CONSENT) != (self.consent_given_at is not None):
            raise ValueError(
                "consent_given_at: consent needs the time at which it was given, no other rule has it"
            )
        return self


_SOCIAL_AUTHORITIES: Final = frozenset({Kind.MUNICIPAL_UNIT, Kind.CHILD_SERVICES, Kind.SUBSTANCE_TREATMENT})
_HEALTH: Final = frozenset(
    {Kind.EMERGENCY_DEPARTMENT, Kind.HEALTH_VISITOR, Kind.GENERAL_PRACTITIONER, Kind.SUBSTANCE_TREATMENT}
)
_ANYBODY: Final = frozenset(Kind)

MAY_USE: Final = MappingProxyType(
    {
        HandoverRule.CONSENT: _ANYBODY,
        # Police, social authorities and psychiatry. Somatic A&E is not named in it.
        HandoverRule.RETSPLEJELOV_115: frozenset({Kind.POLICE}) | _SOCIAL_AUTHORITIES,
        # Health staff; the holder of the information decides.
        HandoverRule.SUNDHEDSLOV_43: _HEALTH,
        # The duty to notify is everybody's.
        HandoverRule.CHILD_NOTIFICATION: _ANYBODY,
        # An emergency is never blocked.
        HandoverRule.VITAL_INTEREST: _ANYBODY,
        # An authority's own task: no private party has one.
        HandoverRule.AUTHORITY_DUTY: frozenset(
            {Kind.POLICE, Kind.EMERGENCY_DEPARTMENT, Kind.HEALTH_VISITOR, Kind.EMPLOYMENT_CENTRE}
        )
        | _SOCIAL_AUTHORITIES,
    }
)
"""Which kinds of organisation may hand a report over on which rule."""
