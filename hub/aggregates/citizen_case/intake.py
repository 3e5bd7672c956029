"""Commands on reports, on matching them, and on opening the case (seed 002 p. 11-12)."""

import re
from collections.abc import Collection
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from contracts.terms import BasisRule, Category, PersonRole, Urgency
from hub.aggregates.base import Actor
from hub.aggregates.citizen_case.events import (
    CaseOpened,
    CoordinatorAssigned,
    CprNumberChanged,
    FreeTextRead,
    InquiryMatched,
    InquiryTextRead,
    InquiryUnmatched,
    MatchedToCase,
    ReportReceived,
    ReportTakenUp,
    UnmatchedFromCase,
)
from hub.aggregates.citizen_case.staff import must_not_be_blocked
from hub.aggregates.citizen_case.terms import InclusionCriterion
from hub.aggregates.citizen_case.transitions import must_be_legal
from hub.aggregates.citizen_case.values import NOT_FOR_CRIMINAL_INVESTIGATION
from hub.aggregates.guards import coded, one_of, slug, written
from hub.aggregates.sealing import AboutPerson, CouldKill
from hub.errors import Conflict, Invalid, Missing, NoGrant, Replayed

if TYPE_CHECKING:
    from hub.aggregates.citizen_case.case import CitizenCase

COORDINATOR_ROLE = "tovholder"
CPR = re.compile(r"[0-9]{10}")


def receive_report(
    self: "CitizenCase",
    *,
    report_id: UUID,
    reporter: str,
    number: str,
    reference: str,
    urgency: Urgency,
    happened: dict[str, Any],
    contents: dict[str, dict[str, Any]],
    others: tuple[AboutPerson, ...],
    could_kill: tuple[CouldKill, ...],
    free_text: dict[str, str],
    basis: dict[str, Any],
    warnings: tuple[str, ...],
    staff_involved: bool,
    by: Actor,
    at: datetime,
) -> None:
    """Take in a social report (socialrapport, seed 002 p. 11). The same report comes in once."""
    must_be_legal(self, "receive_report")
    must_be_new(self, report_id)
    must_be_a_report(reporter, number, warnings)
    must_be_told_by_category(contents, others)
    sent = {"report_id": report_id, "reporter": reporter, "number": number, "reference": reference}
    told = {"contents": contents, "others": others, "could_kill": could_kill, "free_text": free_text}
    self.trigger_event(
        ReportReceived,
        **sent,
        **told,
        urgency=urgency,
        happened=happened,
        basis=with_its_bans(basis),
        warnings=warnings,
        staff_involved=staff_involved,
        by=by,
        timestamp=self.moment(at),
    )


def take_up_report(
    self: "CitizenCase", *, report_id: UUID, may_be_told: Collection[str], by: Actor, at: datetime
) -> None:
    """A named person took the report up, and its reporter is told. Twice is once.

    `may_be_told` holds a living grant for `coordination`, here or in the case that the inquiry is matched to.
    """
    must_be_legal(self, "take_up_report")
    report = self.report(report_id)
    if report.reporter not in may_be_told:
        raise NoGrant(
            "report_id: no living grant lets its reporter know; record the basis for `coordination` first",
            field="report_id",
        )
    if report_id not in self.taken_up:
        self.trigger_event(
            ReportTakenUp,
            report_id=report_id,
            reporter=report.reporter,
            by=by,
            timestamp=self.moment(at),
        )


def match_inquiry(self: "CitizenCase", *, inquiry: UUID, reason: str, by: Actor, at: datetime) -> None:
    """A person found that an inquiry is about this citizen. The inquiry keeps its own facts."""
    must_be_legal(self, "match_inquiry")
    written("reason", reason)
    if inquiry == self.id:
        raise Invalid("inquiry: a case is not matched to itself; name the other one", field="inquiry")
    if inquiry in self.inquiries:
        raise Conflict("inquiry: is matched to this case already; nothing to do", field="inquiry")
    self.trigger_event(InquiryMatched, inquiry=inquiry, reason=reason, by=by, timestamp=self.moment(at))


def be_matched_to(self: "CitizenCase", *, case: UUID, by: Actor, at: datetime) -> None:
    """The same fact, in the inquiry. Matches make no chains: what is matched to this one goes first."""
    must_be_legal(self, "be_matched_to")
    if case == self.id:
        raise Invalid("case: an inquiry is not matched to itself; name the other one", field="case")
    if self.erasure is not None:
        raise Conflict(
            "inquiry: its citizen asked to be forgotten and waits for an answer; answer it first",
            field="inquiry",
        )
    if self.inquiries:
        raise Conflict(
            "inquiry: others are matched to this inquiry; match them to the case instead, then this one",
            field="inquiry",
        )
    self.trigger_event(MatchedToCase, case=case, by=by, timestamp=self.moment(at))


def unmatch_inquiry(self: "CitizenCase", *, inquiry: UUID, reason: str, by: Actor, at: datetime) -> None:
    """The match was a mistake."""
    must_be_legal(self, "unmatch_inquiry")
    written("reason", reason)
    if inquiry not in self.inquiries:
        raise Missing("inquiry: none such is matched to this case; read the case again", field="inquiry")
    self.trigger_event(InquiryUnmatched, inquiry=inquiry, reason=reason, by=by, timestamp=self.moment(at))


def be_unmatched(self: "CitizenCase", *, case: UUID, by: Actor, at: datetime) -> None:
    """The same fact, in the inquiry, which stands alone again."""
    must_be_legal(self, "be_unmatched")
    if case != self.matched_to:
        raise Missing("case: this inquiry is matched to another; read it again", field="case")
    self.trigger_event(UnmatchedFromCase, case=case, by=by, timestamp=self.moment(at))


def read_free_text(self: "CitizenCase", *, entry: int, by: Actor, at: datetime) -> None:
    """A named person read an entry's free text and lets it be told (domain rule 5). Twice is once."""
    must_be_legal(self, "read_free_text")
    if not any(e.version == entry and e.content.category is Category.FREE_TEXT for e in self.entries):
        raise Missing("entry: holds no free text; give the version of an entry that does", field="entry")
    if entry not in self.free_text_read:
        self.trigger_event(FreeTextRead, entry=entry, by=by, timestamp=self.moment(at))


def read_inquiry_text(self: "CitizenCase", *, inquiry: UUID, entry: int, by: Actor, at: datetime) -> None:
    """The same fact, in the case that the inquiry is matched to: who holds its grants may be told."""
    must_be_legal(self, "read_inquiry_text")
    if inquiry not in self.inquiries:
        raise Missing("inquiry: none such is matched to this case; read the case again", field="inquiry")
    self.trigger_event(InquiryTextRead, inquiry=inquiry, entry=entry, by=by, timestamp=self.moment(at))


def open_case(
    self: "CitizenCase", *, number: str, criteria: dict[str, bool], by: Actor, at: datetime
) -> None:
    """Visitation against the inclusion criteria said yes (seed 002 p. 4, 11)."""
    must_be_legal(self, "open_case")
    written("number", number)
    for name in criteria:
        coded("criteria", name)
    if unasked := [criterion for criterion in InclusionCriterion if criterion not in criteria]:
        raise Invalid(f"criteria: ask of each, also of {', '.join(unasked)}", field="criteria")
    if not all(criteria.values()):
        raise Invalid(
            "criteria: each inclusion criterion must be met; otherwise another effort fits better",
            field="criteria",
        )
    self.trigger_event(CaseOpened, number=number, criteria=criteria, by=by, timestamp=self.moment(at))


def change_cpr_number(
    self: "CitizenCase", *, cpr: str, is_replacement: bool = False, by: Actor, at: datetime
) -> None:
    """The citizen was given another CPR number; whether it is one at all is judged where it comes in."""
    must_be_legal(self, "change_cpr_number")
    if not CPR.fullmatch(cpr):
        raise Invalid("cpr: a CPR number is ten digits; write it without a hyphen", field="cpr")
    if cpr in self.cpr_numbers:
        raise Conflict("cpr: is known as the citizen's already; nothing to do", field="cpr")
    self.trigger_event(
        CprNumberChanged, cpr=cpr, is_replacement=is_replacement, by=by, timestamp=self.moment(at)
    )


def assign_coordinator(
    self: "CitizenCase", *, coordinator: Actor, blocked: Collection[str] = (), by: Actor, at: datetime
) -> None:
    """Name the one professional who is responsible for the case (tovholder, seed 002 p. 10).

    `blocked` are the logins that its matched inquiries block.
    """
    must_be_legal(self, "assign_coordinator")
    must_not_be_blocked("coordinator", coordinator, blocked)
    must_be_tovholder(self, coordinator, "coordinator")
    self.trigger_event(CoordinatorAssigned, coordinator=coordinator, by=by, timestamp=self.moment(at))


def must_be_new(case: "CitizenCase", report_id: UUID) -> None:
    """The same report comes in once."""
    if report_id in case.reports:
        raise Replayed("report_id: this report was taken in before; send a new one", field="report_id")


def must_be_tovholder(case: "CitizenCase", who: Actor, field: str) -> None:
    """A tovholder of the unit that owns the case, not blocked from it, and not the one who has it."""
    must_not_be_blocked(field, who, case.blocked)
    if who.role != COORDINATOR_ROLE or who.organisation != case.unit:
        raise Invalid(f"{field}: must be a tovholder of the unit that owns the case; name one", field=field)
    if case.coordinator is not None and who.person == case.coordinator.person:
        raise Conflict(f"{field}: is the coordinator already; nothing to do", field=field)


def must_be_a_report(reporter: str, number: str, warnings: tuple[str, ...]) -> None:
    """Somebody sent it, it has our number, and what is warned of is a word of a list."""
    slug("reporter", reporter)
    written("number", number)
    for warning in warnings:
        coded("warnings", warning)


def must_be_told_by_category(contents: dict[str, dict[str, Any]], others: tuple[AboutPerson, ...]) -> None:
    """Each thing in a category, so that it can be granted; free text in its own place, so that it waits."""
    for about in others:
        value = about.value or {}
        if one_of("others", value.get("role", ""), PersonRole) is PersonRole.EXPOSED:
            raise Invalid("others: the citizen's own facts belong in contents", field="others")
    named = [*contents, *(name for o in others for name in (o.value or {}).get("contents", {}))]
    for name in named:
        if one_of("contents", name, Category) is Category.FREE_TEXT:
            raise Invalid(
                "contents: narrative belongs in free_text, where it is read first", field="contents"
            )


def with_its_bans(basis: dict[str, Any]) -> dict[str, Any]:
    """Retsplejelov § 115 never goes without its ban, whatever the reporter wrote."""
    bans = set(basis.get("bans", ()))
    if basis.get("rule") == BasisRule.RETSPLEJELOV_115:
        bans.add(NOT_FOR_CRIMINAL_INVESTIGATION)
    return {**basis, "bans": sorted(bans)}
