"""A social report on its way in."""

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from contracts.terms import Urgency
from hub.aggregates.citizen_case.terms import AgeKnownBy
from hub.aggregates.sealing import AboutPerson, CouldKill

NO_SUCH_REPORT = "there is no such report, or none of yours; send a new one, or ask who handed it over"
"""The same of a report that is not there, is another's, or lies in a case that is erased."""


@dataclass(frozen=True, slots=True)
class ReportTaken:
    """A social report as the domain takes it in; `translate` makes it from the published contract."""

    report_id: UUID
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
    child_at_risk: bool
    """A child is told of: present, concerned, threatened, or what the report is handed over for."""
    under_18_by: AgeKnownBy | None
    """How the exposed person's age is known, where she or he is under 18."""
    supplements: UUID | None = None
    """The report of the same reporter that this one adds to."""
    cpr: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    """(role, ten digits) of each person with a CPR number, for the blind index alone."""

    def words(self) -> dict[str, Any]:
        """What the case is told of it."""
        return {
            "report_id": self.report_id,
            "reference": self.reference,
            "urgency": self.urgency,
            "happened": self.happened,
            "contents": self.contents,
            "others": self.others,
            "could_kill": self.could_kill,
            "free_text": self.free_text,
            "basis": self.basis,
            "warnings": self.warnings,
            "staff_involved": self.staff_involved,
        }
