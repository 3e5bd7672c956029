"""Facts on reports, on matching them, and on opening the case. Attributes are stored bytes: never renamed."""

from typing import TYPE_CHECKING, Any
from uuid import UUID

from eventsourcing.domain import AggregateCreated

from contracts.terms import Category, MessageKind, Urgency
from hub.aggregates.base import Actor, stored_as
from hub.aggregates.citizen_case.events.base import CaseEvent
from hub.aggregates.citizen_case.values import CaseState, Content, Grant
from hub.aggregates.sealing import AboutPerson, CouldKill

if TYPE_CHECKING:
    from hub.aggregates.citizen_case.case import CitizenCase


@stored_as("case.inquiry_opened")
class InquiryOpened(CaseEvent, AggregateCreated):
    """A report or concern without a case opened one. The unit gets the grant `standing` with it."""

    unit: str
    standing_grant: UUID

    def change(self, case: "CitizenCase") -> None:
        case.unit = self.unit
        case.standing_grant = self.standing_grant
        case.grants[self.standing_grant] = Grant(
            self.standing_grant, self.unit, None, self.originator_id, ends_at=None
        )


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
        case.warnings.update(self.warnings)
        case.block_list_to_consider |= self.staff_involved

    def could_kill_values(self) -> tuple[CouldKill, ...]:
        return self.could_kill


@stored_as("case.report_taken_up")
class ReportTakenUp(CaseEvent):
    """A named person took the report up, and its reporter is told so: a disclosure, on a grant that lives."""

    KIND = MessageKind.REPORT_TAKEN_UP
    report_id: UUID
    reporter: str

    def tells(self) -> tuple[Content, ...]:
        words = {"report": str(self.report_id), "taken_up": True}
        return (Content(Category.COORDINATION, "report_id", words, only_for=self.reporter),)

    def change(self, case: "CitizenCase") -> None:
        case.taken_up.add(self.report_id)


@stored_as("case.report_supplemented")
class ReportSupplemented(ReportReceived):
    """The reporter added to a report of its own: a report in itself, beside the one that it adds to."""

    KIND = MessageKind.REPORT_SUPPLEMENTED
    supplements: UUID


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


@stored_as("case.inquiry_text_read")
class InquiryTextRead(CaseEvent):
    """Free text of a matched inquiry was read and let pass: in the case, whose grants may carry it now."""

    inquiry: UUID
    entry: int


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


class CoordinatorEvent(CaseEvent):
    """Somebody is the case's tovholder from now on: nobody else is asked any more, and nobody stands in."""

    KIND = MessageKind.COORDINATOR_ASSIGNED
    coordinator: Actor

    def tells(self) -> tuple[Content, ...]:
        name = {"coordinator": self.coordinator.name, "unit": self.coordinator.organisation}
        return (Content(Category.COORDINATION, "coordinator", name, slot="coordinator"),)

    def change(self, case: "CitizenCase") -> None:
        case.coordinator = self.coordinator
        case.hand_over = None
        case.substitute = None


@stored_as("case.cpr_number_changed")
class CprNumberChanged(CaseEvent):
    """The citizen was given another CPR number. The former one stays hers or his: both find the case."""

    KIND = MessageKind.CPR_NUMBER_CHANGED
    cpr: str
    is_replacement: bool

    def tells(self) -> tuple[Content, ...]:
        data: dict[str, Any] = {"cpr": self.cpr}
        if self.is_replacement:
            data["cpr_is_replacement"] = True
        return (Content(Category.IDENTITY, "cpr", data),)


@stored_as("case.coordinator_assigned")
class CoordinatorAssigned(CoordinatorEvent):
    """One named professional is responsible for the citizen's case (tovholder, seed 002 p. 10)."""
