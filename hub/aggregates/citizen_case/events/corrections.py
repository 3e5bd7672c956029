"""Facts that set others right: nothing is edited, each points at what was wrong (domain rule 9).

Attributes here are stored bytes: they are never renamed.
"""

from dataclasses import replace
from typing import TYPE_CHECKING, Any
from uuid import UUID

from contracts.terms import Category, MessageKind, RetractionReason
from hub.aggregates.base import stored_as
from hub.aggregates.citizen_case.events.base import CaseEvent
from hub.aggregates.citizen_case.events.bases import GrantsEnded
from hub.aggregates.citizen_case.values import Content, free_text, own
from hub.aggregates.sealing import AboutPerson

if TYPE_CHECKING:
    from hub.aggregates.citizen_case.case import CitizenCase


@stored_as("case.entry_corrected")
class EntryCorrected(CaseEvent):
    """An earlier entry was wrong: what stands in its place, whole, and why.

    `entry` and `field` point at it. `instead` is about the citizen; about another person `other` holds it,
    under that person's key. Category, bans, slot and who may be told are those of the entry.
    """

    KIND = MessageKind.ENTRY_CORRECTED
    entry: int
    field: str
    category: Category
    bans: tuple[str, ...]
    slot: str | None
    owner_only: bool
    instead: dict[str, Any] | None
    other: AboutPerson | None
    reason: str

    def tells(self) -> tuple[Content, ...]:
        reason = free_text("reason", "entry_corrected.reason", self.reason)
        data = self.instead if self.other is None else self.other.value
        if data is None:
            return (reason,)
        about = None if self.other is None else self.other.person
        pointed = (self.entry, self.field)
        told = Content(self.category, "instead", data, about, self.bans, self.slot, self.owner_only, pointed)
        return (told, reason)

    def change(self, case: "CitizenCase") -> None:
        case.corrected[(self.originator_version, "instead")] = (self.entry, self.field)
        if self.instead is not None and self.slot == "safety_level":
            case.safety_level = self.instead["level"]


@stored_as("case.report_retracted")
class ReportRetracted(CaseEvent):
    """The reporter took its report back. Nothing is deleted: what it told stands no longer.

    `versions` are those of the report, of what supplements it and of their corrections; `categories` what
    they told. `built_on` is what a person must look at, for it may rest on the report.
    """

    KIND = MessageKind.REPORT_RETRACTED
    report_id: UUID
    reason: RetractionReason
    explanation: str
    versions: tuple[int, ...]
    categories: tuple[Category, ...]
    built_on: dict[str, Any]

    def tells(self) -> tuple[Content, ...]:
        report = {"report": str(self.report_id)}
        told = [
            Content(c, f"retracted.{c}", {**report, "retracted": self.reason}, retracts=self.versions)
            for c in self.categories
        ]
        explained = free_text("explanation", "report_retracted.explanation", self.explanation)
        said = (replace(explained, owner_only=True),) if self.explanation else ()
        return (*told, own("built_on", {**report, **self.built_on}), *said)

    def change(self, case: "CitizenCase") -> None:
        case.retracted.update(self.versions)


@stored_as("case.consent_corrected")
class ConsentCorrected(GrantsEnded):
    """The consent was recorded wrongly: these of its grants were never in her or his words.

    That is not withdrawn: what was told on them may be a breach (GDPR art. 33), also where they had ended
    before. `struck` are all of them, `grants` those that still lived.
    """

    KIND = MessageKind.CONSENT_CORRECTED
    consent_id: UUID
    recipient: str | None
    category: Category | None
    struck: tuple[UUID, ...]
    reason: str

    def tells(self) -> tuple[Content, ...]:
        words = {"consent": str(self.consent_id), "recipient": self.recipient, "category": self.category}
        reason = free_text("reason", "consent_corrected.reason", self.reason)
        return (own("grants", words), replace(reason, owner_only=True))

    def change(self, case: "CitizenCase") -> None:
        super().change(case)
        case.struck.update(self.struck)


@stored_as("case.legal_basis_corrected")
class LegalBasisCorrected(GrantsEnded):
    """The legal basis was recorded wrongly: on these of its grants nothing should have been told.

    That is not ended: what was told on them may be a breach (GDPR art. 33), also where they had ended before.
    `struck` are all of them, `grants` those that still lived.
    """

    KIND = MessageKind.LEGAL_BASIS_CORRECTED
    basis_id: UUID
    recipient: str | None
    category: Category | None
    struck: tuple[UUID, ...]
    reason: str

    def tells(self) -> tuple[Content, ...]:
        words = {"basis": str(self.basis_id), "recipient": self.recipient, "category": self.category}
        reason = free_text("reason", "legal_basis_corrected.reason", self.reason)
        return (own("grants", words), replace(reason, owner_only=True))

    def change(self, case: "CitizenCase") -> None:
        super().change(case)
        case.struck.update(self.struck)


@stored_as("case.inquiry_continued")
class InquiryContinued(CaseEvent):
    """Something happened in an inquiry that is matched to this case: whom this case tells, it tells of it.

    The fact itself stays in the inquiry, at that version: never a copy.
    """

    inquiry: UUID
    version: int
