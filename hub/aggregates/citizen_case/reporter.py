"""What a reporter does with a report of its own afterwards: adds to it, or takes it back.

Rules, as sentences: it is heard whatever has been decided since. Nothing is deleted by taking back: what the
report told stands no longer, and a person sees what was built on it.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from contracts.terms import RetractionReason, Urgency
from hub.aggregates.base import Actor
from hub.aggregates.citizen_case.events import (
    ConsentGiven,
    EntryCorrected,
    InquiryMatched,
    LegalBasisRecorded,
    MatchedToCase,
    ReferralRequested,
    ReportReceived,
    ReportRetracted,
    ReportSupplemented,
)
from hub.aggregates.citizen_case.intake import (
    must_be_a_report,
    must_be_new,
    must_be_told_by_category,
    with_its_bans,
)
from hub.aggregates.citizen_case.transitions import must_be_legal
from hub.aggregates.guards import one_of
from hub.aggregates.sealing import AboutPerson, CouldKill
from hub.errors import Missing

if TYPE_CHECKING:
    from hub.aggregates.citizen_case.case import CitizenCase


def supplement_report(
    self: "CitizenCase",
    *,
    supplements: UUID,
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
    """Its reporter adds to a report: it lands where that report is, whatever has been decided since."""
    must_be_legal(self, "supplement_report")
    must_be_new(self, report_id)
    if the_report(self, supplements, by).originator_version in self.retracted:
        raise Missing("supplements: that report was retracted; send a new report", field="supplements")
    must_be_a_report(reporter, number, warnings)
    must_be_told_by_category(contents, others)
    sent = {"report_id": report_id, "reporter": reporter, "number": number, "reference": reference}
    told = {"contents": contents, "others": others, "could_kill": could_kill, "free_text": free_text}
    self.trigger_event(
        ReportSupplemented,
        **sent,
        **told,
        urgency=urgency,
        happened=happened,
        basis=with_its_bans(basis),
        warnings=warnings,
        staff_involved=staff_involved,
        supplements=supplements,
        by=by,
        timestamp=self.moment(at),
    )


def retract_report(
    self: "CitizenCase",
    *,
    report_id: UUID,
    reason: RetractionReason,
    explanation: str,
    built_on: dict[str, Any],
    by: Actor,
    at: datetime,
) -> None:
    """Its reporter, and nobody else, takes a report back, with what supplements it. Twice is once.

    `built_on` is what may rest on it, for a person to look at (`resting_on`, and what was told from it).
    """
    must_be_legal(self, "retract_report")
    one_of("reason", reason, RetractionReason)
    report = the_report(self, report_id, by)
    if report.originator_version in self.retracted:
        return
    versions = versions_of(self, report_id)
    told = {content.category for version in versions for content in self.fact(version).tells()}
    self.trigger_event(
        ReportRetracted,
        report_id=report_id,
        reason=reason,
        explanation=explanation.strip(),
        versions=versions,
        categories=tuple(sorted(told)),
        built_on=built_on,
        by=by,
        timestamp=self.moment(at),
    )


def the_report(case: "CitizenCase", report_id: UUID, by: Actor) -> ReportReceived:
    """A report, for the organisation that sent it. Raises `Missing`, the same for *no* and *none*."""
    version = case.reports.get(report_id)
    found = case.fact(version) if version is not None else None
    if not isinstance(found, ReportReceived) or found.reporter != by.organisation:
        raise Missing("report_id: there is no such report, or none of yours", field="report_id")
    return found


def versions_of(case: "CitizenCase", report_id: UUID) -> tuple[int, ...]:
    """The versions of a report, of what supplements it, and of the corrections of both."""
    reports, versions = {report_id}, set[int]()
    for fact in case.facts:
        match fact:
            case ReportReceived(report_id=found) if found in reports:
                versions.add(fact.originator_version)
            case ReportSupplemented(supplements=added_to) if added_to in reports:
                reports.add(fact.report_id)
                versions.add(fact.originator_version)
            case EntryCorrected(entry=wrong) if wrong in versions:
                versions.add(fact.originator_version)
    return tuple(sorted(versions - case.retracted))


def resting_on(case: "CitizenCase", after: int) -> dict[str, Any]:
    """What was decided in a case after that version, and so may rest on it."""
    later = [fact for fact in case.facts if fact.originator_version > after]
    return {
        "bases": [_basis(f) for f in later if isinstance(f, ConsentGiven | LegalBasisRecorded)],
        "referrals": [
            {"referral": str(f.referral_id), "recipient": f.recipient}
            for f in later
            if isinstance(f, ReferralRequested)
        ],
        "matches": [str(_other(f)) for f in later if isinstance(f, InquiryMatched | MatchedToCase)],
    }


def together(found: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """What rests on a report in an inquiry and in the case that it is matched to, in one."""
    return {name: [one for each in found for one in each.get(name, [])] for name in BUILT_ON}


BUILT_ON = ("disclosures", "bases", "referrals", "matches")
"""What may rest on a report."""


def _basis(fact: ConsentGiven | LegalBasisRecorded) -> dict[str, Any]:
    recipients = sorted({g.recipient for g in fact.grants})
    if isinstance(fact, ConsentGiven):
        return {"consent": str(fact.consent_id), "recipients": recipients}
    return {"basis": str(fact.basis_id), "rule": fact.rule, "recipients": recipients}


def _other(fact: InquiryMatched | MatchedToCase) -> UUID:
    return fact.inquiry if isinstance(fact, InquiryMatched) else fact.case
