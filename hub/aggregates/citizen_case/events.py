"""The facts of a citizen's case. Attributes here are stored bytes: they are never renamed.

Each event knows three things: how the case looks after it (`apply`, which only assigns), what it tells
(`tells`), and under which kind (`KIND`). Who is told is the gate's decision, never the event's.
"""

from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar
from uuid import UUID

from eventsourcing.domain import AggregateCreated

from contracts.terms import BasisRule, Category, MessageKind, ReferralStatus, SafetyLevel, Urgency
from hub.aggregates.base import Actor, Event, stored_as
from hub.aggregates.citizen_case.values import (
    Basis,
    CaseState,
    ConsentForm,
    Content,
    Grant,
    GrantTerms,
    Referral,
)
from hub.aggregates.sealing import AboutPerson, CouldKill

if TYPE_CHECKING:
    from hub.aggregates.citizen_case.case import CitizenCase


class CaseEvent(Event):
    """A fact in a case. `KIND` is None where nothing is told of it as such."""

    KIND: ClassVar[MessageKind | None] = None

    def tells(self) -> tuple[Content, ...]:
        """What this fact tells, by category."""
        return ()

    def apply(self, aggregate: "CitizenCase") -> None:
        """Keep what is told, then assign what this fact changes."""
        aggregate.keep(self.originator_version, self.timestamp, self.tells())
        self.change(aggregate)

    def change(self, case: "CitizenCase") -> None:
        """Assign what this fact changes; no guard, no clock, no look-up elsewhere."""


# --- reports and matching -------------------------------------------------------------------------


@stored_as("case.inquiry_opened")
class InquiryOpened(CaseEvent, AggregateCreated):
    """A report or concern without a case opened one. The unit gets the grant `standing` with it."""

    unit: str
    standing_grant: UUID


@stored_as("case.report_received")
class ReportReceived(CaseEvent):
    """A social report (socialrapport, seed 002 p. 11) was received.

    `contents` is by category about the citizen; `others` one value a person: `{"role", "contents": {category:
    {...}}}`; `could_kill` never travels; `free_text` waits until a named person has read it. `basis` is the
    reporter's own: `{"rule", "reason", "decided_by", "bans"}`; its bans go with everything told from it.
    """

    KIND = MessageKind.REPORT_RECEIVED
    report_id: UUID
    reporter: str
    number: str
    reference: str
    urgency: Urgency
    happened: dict[str, Any]
    contents: dict[str, dict[str, Any]]
    others: tuple[AboutPerson, ...]
    could_kill: tuple[CouldKill, ...]
    free_text: dict[str, str]
    basis: dict[str, Any]
    warnings: tuple[str, ...]
    staff_involved: bool

    def tells(self) -> tuple[Content, ...]:
        bans = tuple(self.basis.get("bans", ()))
        own = [
            Content(Category(name), f"contents.{name}", {**data, "report": str(self.report_id)}, None, bans)
            for name, data in self.contents.items()
        ]
        other = [
            Content(
                Category(name), f"others.{o.person}.{name}", {**data, "role": o.value["role"]}, o.person, bans
            )
            for o in self.others
            if o.value is not None
            for name, data in o.value["contents"].items()
        ]
        text = [
            Content(Category.FREE_TEXT, f"free_text.{name}", {"field": name, "text": words}, None, bans)
            for name, words in self.free_text.items()
        ]
        return (*own, *other, *text)

    def change(self, case: "CitizenCase") -> None:
        case.reports[self.report_id] = self.originator_version
        case.persons.update(o.person for o in self.others)
        case.warnings.update(self.warnings)
        case.could_kill.extend((self.originator_version, value) for value in self.could_kill)


@stored_as("case.inquiry_matched")
class InquiryMatched(CaseEvent):
    """A person found that the inquiry is about the same citizen as this case. Never a copy."""

    KIND = MessageKind.CASE_MATCHED
    inquiry: UUID
    reason: str

    def change(self, case: "CitizenCase") -> None:
        case.inquiries.add(self.inquiry)


@stored_as("case.matched_to_case")
class MatchedToCase(CaseEvent):
    """The same fact, in the inquiry."""

    case: UUID

    def change(self, case: "CitizenCase") -> None:
        case.state = CaseState.MATCHED
        case.matched_to = self.case


@stored_as("case.inquiry_unmatched")
class InquiryUnmatched(CaseEvent):
    """The match was a mistake; the inquiry stands alone again."""

    KIND = MessageKind.CASE_UNMATCHED
    inquiry: UUID
    reason: str

    def change(self, case: "CitizenCase") -> None:
        case.inquiries.discard(self.inquiry)


@stored_as("case.unmatched_from_case")
class UnmatchedFromCase(CaseEvent):
    """The same fact, in the inquiry."""

    case: UUID

    def change(self, case: "CitizenCase") -> None:
        case.state = CaseState.INQUIRY
        case.matched_to = None


@stored_as("case.free_text_read")
class FreeTextRead(CaseEvent):
    """A named person read the free text of one entry against the values that could kill, and let it pass."""

    KIND = MessageKind.FREE_TEXT_READ
    entry: int

    def change(self, case: "CitizenCase") -> None:
        case.free_text_read.add(self.entry)


# --- the case and its coordinator -----------------------------------------------------------------


@stored_as("case.opened")
class CaseOpened(CaseEvent):
    """Visitation against the inclusion criteria said yes (seed 002 p. 4, 11): the inquiry is a case."""

    KIND = MessageKind.CASE_OPENED
    number: str
    criteria: dict[str, bool]

    def tells(self) -> tuple[Content, ...]:
        return (Content(Category.COORDINATION, "number", {"number": self.number}, slot="case"),)

    def change(self, case: "CitizenCase") -> None:
        case.state = CaseState.OPEN
        case.number = self.number


@stored_as("case.coordinator_assigned")
class CoordinatorAssigned(CaseEvent):
    """One named professional is responsible for the citizen's case (tovholder, seed 002 p. 10)."""

    KIND = MessageKind.COORDINATOR_ASSIGNED
    coordinator: Actor

    def tells(self) -> tuple[Content, ...]:
        name = {"coordinator": self.coordinator.name, "unit": self.coordinator.organisation}
        return (Content(Category.COORDINATION, "coordinator", name, slot="coordinator"),)

    def change(self, case: "CitizenCase") -> None:
        case.coordinator = self.coordinator


# --- safety ---------------------------------------------------------------------------------------


@stored_as("case.safe_contact_set")
class SafeContactSet(CaseEvent):
    """How the citizen may safely be contacted was agreed. Told is only *that* such rules exist."""

    KIND = MessageKind.SAFE_CONTACT_SET
    rules: CouldKill

    def tells(self) -> tuple[Content, ...]:
        return (Content(Category.IDENTITY, "rules", {"warnings": ["safe_contact"]}, slot="safe_contact"),)

    def change(self, case: "CitizenCase") -> None:
        case.warnings.add("safe_contact")
        case.could_kill.append((self.originator_version, self.rules))


@stored_as("case.address_protection_set")
class AddressProtectionSet(CaseEvent):
    """Name and address protection (CPR-lov § 28) was set. Told is only *that* it exists."""

    KIND = MessageKind.ADDRESS_PROTECTION_SET
    protection: str
    address: CouldKill

    def tells(self) -> tuple[Content, ...]:
        warnings = ["protected_address"] if self.protection != "none" else []
        return (Content(Category.IDENTITY, "protection", {"warnings": warnings}, slot="address_protection"),)

    def change(self, case: "CitizenCase") -> None:
        if self.protection == "none":
            case.warnings.discard("protected_address")
        else:
            case.warnings.add("protected_address")
        case.could_kill.append((self.originator_version, self.address))


@stored_as("case.safety_assessed")
class SafetyAssessed(CaseEvent):
    """A risk assessment with an instrument: item answers by id, the professional's judgement and reason.

    Never a computed total: the instruments are structured judgement (reference/field.md section 5).
    """

    KIND = MessageKind.SAFETY_ASSESSED
    assessment_id: UUID
    instrument: str
    instrument_version: str
    answers: dict[str, str]
    judgement: SafetyLevel
    reason: str

    def tells(self) -> tuple[Content, ...]:
        found = {
            "assessment": str(self.assessment_id),
            "instrument": self.instrument,
            "instrument_version": self.instrument_version,
            "answers": self.answers,
            "judgement": self.judgement,
        }
        return (
            Content(Category.RISK, "answers", found),
            Content(Category.FREE_TEXT, "reason", {"field": "safety_assessed.reason", "text": self.reason}),
        )


@stored_as("case.safety_level_changed")
class SafetyLevelChanged(CaseEvent):
    """The safety level (trusselsniveau) changed, by a named professional, with a reason."""

    KIND = MessageKind.SAFETY_LEVEL_CHANGED
    level: SafetyLevel
    previous: SafetyLevel | None
    reason: str

    def tells(self) -> tuple[Content, ...]:
        level = {"level": self.level, "previous": self.previous}
        return (
            Content(Category.RISK, "level", level, slot="safety_level"),
            Content(
                Category.FREE_TEXT, "reason", {"field": "safety_level_changed.reason", "text": self.reason}
            ),
        )

    def change(self, case: "CitizenCase") -> None:
        case.safety_level = self.level


# --- consent and legal basis ----------------------------------------------------------------------


def _grants_begin(
    case: "CitizenCase", basis: Basis, terms: tuple[GrantTerms, ...], ends_at: datetime
) -> None:
    case.bases[basis.basis_id] = basis
    for term in terms:
        basis.grants.append(term.grant_id)
        case.grants[term.grant_id] = Grant(
            term.grant_id, term.recipient, term.category, basis.basis_id, ends_at
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
        return (Content(Category.COORDINATION, "grants", words, slot=f"consent:{self.consent_id}"),)

    def change(self, case: "CitizenCase") -> None:
        _grants_begin(
            case, Basis(self.consent_id, None, self.purpose, self.ends_at), self.grants, self.ends_at
        )


class GrantsEnded(CaseEvent):
    """Grants ended; what rests only on them is revoked."""

    grants: tuple[UUID, ...]

    def change(self, case: "CitizenCase") -> None:
        for grant_id in self.grants:
            case.grants[grant_id].ended = True


@stored_as("case.consent_withdrawn")
class ConsentWithdrawn(GrantsEnded):
    """The citizen withdrew: the whole consent, one recipient or one category of it. At once, always."""

    KIND = MessageKind.CONSENT_WITHDRAWN
    consent_id: UUID
    recipient: str | None
    category: Category | None

    def tells(self) -> tuple[Content, ...]:
        words = {"consent": str(self.consent_id), "recipient": self.recipient, "category": self.category}
        return (Content(Category.COORDINATION, "grants", words),)


@stored_as("case.consent_expired")
class ConsentExpired(GrantsEnded):
    """The consent reached its end in time; it does everything that a withdrawal does."""

    KIND = MessageKind.CONSENT_EXPIRED
    consent_id: UUID

    def tells(self) -> tuple[Content, ...]:
        return (Content(Category.COORDINATION, "grants", {"consent": str(self.consent_id)}),)


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
            Content(Category.COORDINATION, "grants", words, slot=f"basis:{self.basis_id}"),
            Content(
                Category.FREE_TEXT, "reason", {"field": "legal_basis_recorded.reason", "text": self.reason}
            ),
        )

    def change(self, case: "CitizenCase") -> None:
        basis = Basis(self.basis_id, self.rule, self.purpose, self.ends_at, bans=self.bans)
        _grants_begin(case, basis, self.grants, self.ends_at)


@stored_as("case.legal_basis_ended")
class LegalBasisEnded(GrantsEnded):
    """A legal basis reached its end or was ended by a named professional."""

    basis_id: UUID


# --- referral -------------------------------------------------------------------------------------


class ReferralEvent(CaseEvent):
    """A step of a referral (henvisning); the words are FHIR Task's."""

    STATUS: ClassVar[ReferralStatus]
    referral_id: UUID

    def step(self) -> dict[str, Any]:
        """What this step tells beside the referral and its status."""
        return {}

    def tells(self) -> tuple[Content, ...]:
        data = {"referral": str(self.referral_id), "status": self.STATUS, **self.step()}
        return (Content(Category.REFERRAL, "referral_id", data, slot=f"referral:{self.referral_id}"),)

    def change(self, case: "CitizenCase") -> None:
        case.referrals[self.referral_id].status = self.STATUS


@stored_as("case.referral_requested")
class ReferralRequested(ReferralEvent):
    """The citizen was referred to an offer of a partner, who is asked to answer by a time."""

    KIND = MessageKind.REFERRAL_REQUESTED
    STATUS = ReferralStatus.REQUESTED
    recipient: str
    offer: str
    urgency: Urgency
    answer_by: datetime | None

    def step(self) -> dict[str, Any]:
        return {
            "recipient": self.recipient,
            "offer": self.offer,
            "answer_by": self.answer_by.isoformat() if self.answer_by else None,
        }

    def change(self, case: "CitizenCase") -> None:
        case.referrals[self.referral_id] = Referral(
            self.referral_id, self.recipient, self.offer, self.STATUS, self.answer_by
        )


@stored_as("case.referral_received")
class ReferralReceived(ReferralEvent):
    """The partner's system has it. Received is not read."""

    KIND = MessageKind.REFERRAL_RECEIVED
    STATUS = ReferralStatus.RECEIVED


@stored_as("case.referral_accepted")
class ReferralAccepted(ReferralEvent):
    """A person at the partner accepted it."""

    KIND = MessageKind.REFERRAL_ACCEPTED
    STATUS = ReferralStatus.ACCEPTED


@stored_as("case.referral_rejected")
class ReferralRejected(ReferralEvent):
    """A person at the partner said no, with a reason from a closed list."""

    KIND = MessageKind.REFERRAL_REJECTED
    STATUS = ReferralStatus.REJECTED
    reason: str

    def step(self) -> dict[str, Any]:
        return {"reason": self.reason}


@stored_as("case.referral_started")
class ReferralStarted(ReferralEvent):
    """The offer began."""

    KIND = MessageKind.REFERRAL_IN_PROGRESS
    STATUS = ReferralStatus.IN_PROGRESS


@stored_as("case.referral_completed")
class ReferralCompleted(ReferralEvent):
    """The offer ended as planned."""

    KIND = MessageKind.REFERRAL_COMPLETED
    STATUS = ReferralStatus.COMPLETED


@stored_as("case.referral_cancelled")
class ReferralCancelled(ReferralEvent):
    """The municipality called it back, with a reason from a closed list."""

    KIND = MessageKind.REFERRAL_CANCELLED
    STATUS = ReferralStatus.CANCELLED
    reason: str

    def step(self) -> dict[str, Any]:
        return {"reason": self.reason}
