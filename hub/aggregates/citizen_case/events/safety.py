"""Facts on the citizen's safety. Attributes here are stored bytes: they are never renamed."""

from typing import TYPE_CHECKING
from uuid import UUID

from contracts.terms import Category, MessageKind, SafetyLevel
from hub.aggregates.base import stored_as
from hub.aggregates.citizen_case.events.base import CaseEvent
from hub.aggregates.citizen_case.values import Content, free_text
from hub.aggregates.sealing import CouldKill

if TYPE_CHECKING:
    from hub.aggregates.citizen_case.case import CitizenCase


@stored_as("case.safe_contact_set")
class SafeContactSet(CaseEvent):
    """How the citizen may safely be contacted was agreed. Told is only *that* such rules exist."""

    KIND = MessageKind.SAFE_CONTACT_SET
    rules: CouldKill

    def tells(self) -> tuple[Content, ...]:
        return (Content(Category.IDENTITY, "rules", {"warnings": ["safe_contact"]}, slot="safe_contact"),)

    def change(self, case: "CitizenCase") -> None:
        case.warnings.add("safe_contact")

    def could_kill_values(self) -> tuple[CouldKill, ...]:
        return (self.rules,)


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

    def could_kill_values(self) -> tuple[CouldKill, ...]:
        return (self.address,)


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
            free_text("reason", "safety_assessed.reason", self.reason),
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
            free_text("reason", "safety_level_changed.reason", self.reason),
        )

    def change(self, case: "CitizenCase") -> None:
        case.safety_level = self.level
