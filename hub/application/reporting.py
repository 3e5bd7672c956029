"""Commands of a reporter on a report of its own that was taken in: added to, or taken back."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any
from uuid import UUID

from eventsourcing.persistence import IntegrityError

from contracts.message_v1 import ReceiptStatus
from contracts.terms import RetractionReason
from hub.aggregates.citizen_case.case import CitizenCase
from hub.aggregates.citizen_case.events import InquiryMatched
from hub.aggregates.citizen_case.reporter import resting_on, together, versions_of
from hub.aggregates.receipts import RetractionSeen
from hub.application.carrying import WITHDRAWAL_ATTEMPTS, Answer
from hub.application.children import ChildrenAtRisk
from hub.application.committing import Change, Command
from hub.application.reports import NO_SUCH_REPORT, ReportTaken
from hub.errors import Missing


class Reporting(ChildrenAtRisk):
    """What a reporter says afterwards is heard whatever has been decided since, and never as a conflict."""

    def supplement_report(self, command: Command, report: ReportTaken) -> Answer:
        """Its reporter adds to a report: it lands in the same case, and is told like a report."""
        assert report.supplements is not None
        if gone := self._was_gone(command, report.report_id):
            return gone
        added_to = report.supplements
        taken = self._taken(command, added_to, "supplements")
        number = taken["number"]

        def act(case: CitizenCase, now: datetime) -> Change:
            case.supplement_report(
                supplements=added_to,
                reporter=command.by.organisation,
                number=number,
                **report.words(),
                by=command.by,
                at=now,
            )
            falling = self._of_children(case, report, command.by, now)
            whole = self._continued(case, command, now)
            receipt = self._receipt(report.report_id, number, ReceiptStatus.RECEIVED, now)
            return Change(
                cases=(case, *whole),
                related=(case,) if whole else self._related(case),
                ids=taken,
                mints=tuple(p.person for p in report.others),
                grants=falling.grants,
                timers=(*falling.timers, *self._to_be_read(report, case.id, now)),
                controls=((command.by.organisation, receipt),),
                blind=self._committer.blinds(case.id, report.cpr),
                needs_partners=(command.by.organisation,),
            )

        return self._on_its_case(command, taken, "supplements", act)

    def retract_report(
        self, command: Command, report_id: UUID, reason: RetractionReason, explanation: str
    ) -> Answer:
        """Its reporter takes a report back: whoever was told is told, and a person sees what rests on it."""
        taken = self._taken(command, report_id, "report_id")

        def act(case: CitizenCase, now: datetime) -> Change:
            before, numbers = case.version, case.numbers
            case.retract_report(
                report_id=report_id,
                reason=reason,
                explanation=explanation,
                built_on=self._built_on(case, report_id),
                by=command.by,
                at=now,
            )
            receipt = self._receipt(report_id, taken["number"], ReceiptStatus.RETRACTED, now)
            whole = self._continued(case, command, now)
            return Change(
                cases=(case, *whole),
                related=(case,),
                ids=taken,
                controls=((command.by.organisation, receipt),) if case.version > before else (),
                blind_gone=self._committer.blinds(case.id, numbers - case.numbers),
                needs_partners=(command.by.organisation,),
            )

        return self._on_its_case(command, taken, "report_id", act)

    def record_retraction_seen(self, command: Command, case_id: UUID, report_id: UUID) -> None:
        """A named person saw that a report was taken back, and what was built on it: on record once.

        It stands apart from the case, so that seeing moves no version and blocks no writing.
        """
        if self._committer.was_retraction_seen(case_id, report_id):
            return
        now = self._committer.now()
        seen = RetractionSeen.record(
            id=self._committer.retraction_seen_id(case_id, report_id),
            case_id=case_id,
            report_id=report_id,
            by=command.by,
            at=now,
        )
        with suppress(IntegrityError):  # Somebody else saw it first.
            self._committer.commit(command, Change(others=(seen,)), now)

    def _taken(self, command: Command, report_id: UUID, field: str) -> Mapping[str, str]:
        """What its reporter was answered when the report was taken in: the case and our number."""
        taken = self._committer.report_taken(command.by.organisation, report_id)
        if taken is None:
            raise Missing(f"{field}: {NO_SUCH_REPORT}", field=field)
        return taken

    def _on_its_case(
        self,
        command: Command,
        taken: Mapping[str, str],
        field: str,
        act: Callable[[CitizenCase, datetime], Change],
    ) -> Answer:
        """Carried out where the report lies. Of one whose case is erased nothing is told, not that it was."""
        try:
            return self._on(command, UUID(taken["case"]), act, attempts=WITHDRAWAL_ATTEMPTS)
        except Missing as error:
            if error.field != "case":
                raise
            raise Missing(f"{field}: {NO_SUCH_REPORT}", field=field) from None

    def _built_on(self, case: CitizenCase, report_id: UUID) -> dict[str, Any]:
        """What may rest on a report: told from it, or decided after it, here and in the case matched to."""
        if report_id not in case.reports:
            return {}
        found = [resting_on(case, case.reports[report_id])]
        whole = self._matched_case(case)
        if whole is not None:
            since = [f for f in whole.facts if isinstance(f, InquiryMatched) and f.inquiry == case.id]
            found.append(resting_on(whole, since[-1].originator_version))
        versions = frozenset(versions_of(case, report_id))
        both = (case, whole) if whole is not None else (case,)
        found += [{"disclosures": self._disclosed(one, case.id, versions)} for one in both]
        return together(found)

    def _disclosed(self, case: CitizenCase, stream: UUID, versions: frozenset[int]) -> list[dict[str, Any]]:
        """What was told from these versions in a case's name, to others than its unit."""
        found = []
        for recipient in sorted({g.recipient for g in case.grants.values()} - {case.unit}):
            ledger = self._committer.ledger_of(case.id, recipient)
            for message, sources in (ledger.sources if ledger else {}).items():
                told = {s.category for s in sources.values() if s.stream == stream and s.version in versions}
                if told:
                    found.append(
                        {"recipient": recipient, "message": str(message), "categories": sorted(told)}
                    )
        return found
