"""Facts on consents and legal bases. Attributes here are stored bytes: they are never renamed."""

from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from contracts.terms import BasisRule, Category, MessageKind
from hub.aggregates.base import stored_as
from hub.aggregates.citizen_case.events.base import CaseEvent
from hub.aggregates.citizen_case.terms import ReviewFinding
from hub.aggregates.citizen_case.values import Basis, ConsentForm, Content, Grant, GrantTerms, free_text, own

if TYPE_CHECKING:
    from hub.aggregates.citizen_case.case import CitizenCase


def _grants_begin(case: "CitizenCase", basis: Basis, terms: tuple[GrantTerms, ...]) -> None:
    case.bases[basis.basis_id] = replace(basis, grants=tuple(term.grant_id for term in terms))
    for term in terms:
        case.grants[term.grant_id] = Grant(
            term.grant_id, term.recipient, term.category, basis.basis_id, basis.ends_at
        )


@stored_as("case.consent_given")
class ConsentGiven(CaseEvent):
    """The citizen consented: to named organisations, for named categories, for a purpose, for a time."""

    KIND = MessageKind.CONSENT_GIVEN
    consent_id: UUID
    grants: tuple[GrantTerms, ...]
    purpose: str
    form: ConsentForm
    given_at: datetime
    ends_at: datetime

    def tells(self) -> tuple[Content, ...]:
        words = {
            "consent": str(self.consent_id),
            "recipients": sorted({g.recipient for g in self.grants}),
            "categories": sorted({g.category for g in self.grants}),
            "purpose": self.purpose,
            "ends_at": self.ends_at.isoformat(),
        }
        return (
            Content(
                Category.COORDINATION, "grants", words, slot=f"consent:{self.consent_id}", owner_only=True
            ),
        )

    def change(self, case: "CitizenCase") -> None:
        _grants_begin(case, Basis(self.consent_id, None, self.purpose, self.ends_at), self.grants)
        case.consent_question = None


class GrantsEnded(CaseEvent):
    """Grants ended; what rests only on them is revoked."""

    grants: tuple[UUID, ...]

    def change(self, case: "CitizenCase") -> None:
        for grant_id in self.grants:
            case.grants[grant_id] = replace(case.grants[grant_id], ended=True)


@stored_as("case.consent_withdrawn")
class ConsentWithdrawn(GrantsEnded):
    """The citizen withdrew: the whole consent, one recipient or one category of it. At once, always."""

    KIND = MessageKind.CONSENT_WITHDRAWN
    consent_id: UUID
    recipient: str | None
    category: Category | None

    def tells(self) -> tuple[Content, ...]:
        words = {"consent": str(self.consent_id), "recipient": self.recipient, "category": self.category}
        return (own("grants", words),)


@stored_as("case.consent_expired")
class ConsentExpired(GrantsEnded):
    """The consent reached its end in time; it does everything that a withdrawal does."""

    KIND = MessageKind.CONSENT_EXPIRED
    consent_id: UUID

    def tells(self) -> tuple[Content, ...]:
        return (own("grants", {"consent": str(self.consent_id)}),)


@stored_as("case.legal_basis_recorded")
class LegalBasisRecorded(CaseEvent):
    """A legal basis other than consent was recorded, with its reason, by the one who answers for it."""

    KIND = MessageKind.LEGAL_BASIS_RECORDED
    basis_id: UUID
    rule: BasisRule
    reason: str
    answers_for: str
    grants: tuple[GrantTerms, ...]
    purpose: str
    bans: tuple[str, ...]
    ends_at: datetime

    def tells(self) -> tuple[Content, ...]:
        words = {
            "basis": str(self.basis_id),
            "rule": self.rule,
            "recipients": sorted({g.recipient for g in self.grants}),
            "categories": sorted({g.category for g in self.grants}),
            "ends_at": self.ends_at.isoformat(),
        }
        return (
            Content(Category.COORDINATION, "grants", words, slot=f"basis:{self.basis_id}", owner_only=True),
            free_text("reason", "legal_basis_recorded.reason", self.reason),
        )

    def change(self, case: "CitizenCase") -> None:
        basis = Basis(self.basis_id, self.rule, self.purpose, self.ends_at, bans=self.bans)
        _grants_begin(case, basis, self.grants)


@stored_as("case.legal_basis_ended")
class LegalBasisEnded(GrantsEnded):
    """A legal basis reached its end or was ended by a named professional."""

    KIND = MessageKind.LEGAL_BASIS_ENDED
    basis_id: UUID

    def tells(self) -> tuple[Content, ...]:
        return (own("grants", {"basis": str(self.basis_id)}),)


@stored_as("case.citizen_told")
class CitizenTold(CaseEvent):
    """The citizen was told of what went out on a legal basis, when that was safe (domain rule 6)."""

    KIND = MessageKind.CITIZEN_TOLD
    basis_id: UUID
    told_at: datetime

    def tells(self) -> tuple[Content, ...]:
        words = {"basis": str(self.basis_id), "told_citizen_at": self.told_at.isoformat()}
        return (own("basis_id", words),)

    def change(self, case: "CitizenCase") -> None:
        case.citizen_told[self.basis_id] = self.told_at


@stored_as("case.emergency_reviewed")
class EmergencyReviewed(GrantsEnded):
    """Another than who acted judged whether danger to life justified it; `grants` ended where it did not."""

    KIND = MessageKind.EMERGENCY_REVIEWED
    basis_id: UUID
    finding: ReviewFinding
    reason: str

    def tells(self) -> tuple[Content, ...]:
        text = {"field": "emergency_reviewed.reason", "text": self.reason}
        return (
            own("finding", {"basis": str(self.basis_id), "review": self.finding}),
            Content(Category.FREE_TEXT, "reason", text, owner_only=True),
        )
