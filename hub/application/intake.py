"""Commands on reports, on matching them, and on opening the case (seed 002 p. 11-12)."""

from contextlib import suppress
from datetime import datetime
from uuid import UUID

from eventsourcing.persistence import IntegrityError

from contracts.message_v1 import ReceiptStatus
from contracts.terms import Category, PersonRole
from hub.aggregates.base import Actor
from hub.aggregates.citizen_case.case import CitizenCase
from hub.aggregates.receipts import ReportRead
from hub.aggregates.sealing import could_kill_key
from hub.application.carrying import Answer
from hub.application.children import ChildrenAtRisk, Falling, minor_by
from hub.application.committing import Change, Command
from hub.application.reports import ReportTaken


class Intake(ChildrenAtRisk):
    """From a report to a case with a coordinator."""

    def receive_report(self, command: Command, report: ReportTaken) -> Answer:
        """Take a social report in: an inquiry opens, the unit is told, the reporter gets a receipt.

        The receipt says *received, not yet read by a person*; it is no disclosure (design: *A receipt*).
        """
        if gone := self._was_gone(command, report.report_id):
            return gone
        case_id, number = self._new_id(), self._number()

        def act(now: datetime) -> Change:
            case = CitizenCase.open_inquiry(
                id=case_id, unit=self._unit, standing_grant=self._new_id(), by=command.by, at=now
            )
            case.receive_report(
                reporter=command.by.organisation, number=number, **report.words(), by=command.by, at=now
            )
            falling = self._of_children(case, report, command.by, now)
            receipt = self._receipt(report.report_id, number, ReceiptStatus.RECEIVED, now)
            return Change(
                cases=(case,),
                ids={"case": str(case_id), "number": number},
                mints=(case_id, could_kill_key(case_id), *(p.person for p in report.others)),
                grants=falling.grants,
                standing=(case.standing_grant,),
                controls=((command.by.organisation, receipt),),
                blind=self._committer.blinds(case_id, report.cpr),
                needs_partners=(command.by.organisation,),
                timers=(*falling.timers, *self._to_be_read(report, case_id, now)),
            )

        return self._once(command, act)

    def refuse_report(self, command: Command, report_id: UUID) -> Answer:
        """Tell a reporter that its report could not be taken in: silence would look like *received*."""

        def act(now: datetime) -> Change:
            receipt = self._receipt(report_id, "-", ReceiptStatus.REFUSED, now)
            return Change(controls=((command.by.organisation, receipt),))

        return self._once(command, act)

    def record_reading(self, command: Command, case_id: UUID, report_id: UUID) -> None:
        """A named person has read the report: on record once, and its reporter is told that and no more.

        It stands apart from the case, so that reading moves no version and blocks no writing.
        """
        if self._committer.was_read(case_id, report_id):
            return
        case, now = self._load(case_id), self._committer.now()
        report = case.report(report_id)
        read = ReportRead.record(
            id=self._committer.read_id(case_id, report_id),
            case_id=case_id,
            report_id=report_id,
            by=command.by,
            at=now,
        )
        receipt = self._receipt(report_id, report.number, ReceiptStatus.READ, now)
        with suppress(IntegrityError):  # Somebody else read it first.
            change = Change(others=(read,), controls=((report.reporter, receipt),))
            self._committer.commit(command, change, now)

    def take_up_report(self, command: Command, case_id: UUID, report_id: UUID) -> Answer:
        """A named person took the report up; its reporter is told, on a living grant for `coordination`.

        Of a report in a matched inquiry the grant may stand in the case that it is matched to.
        """

        def act(case: CitizenCase, now: datetime) -> Change:
            whole = self._matched_case(case)
            granted = [g for c in (case, whole) if c is not None for g in c.living_grants(now)]
            told = {g.recipient for g in granted if g.category is Category.COORDINATION}
            case.take_up_report(report_id=report_id, may_be_told=told, by=command.by, at=now)
            self._must_be_receivable(case.report(report_id).reporter, Category.COORDINATION, "report_id")
            continued = self._continued(case, command, now)
            return Change(
                cases=(case, *continued), related=(case,) if continued else (), ids={"case": str(case_id)}
            )

        return self._on(command, case_id, act)

    def match_inquiry(self, command: Command, case_id: UUID, inquiry_id: UUID, reason: str) -> Answer:
        """A person found that an inquiry is about the same citizen: a fact in both, never a copy."""

        def act(case: CitizenCase, now: datetime) -> Change:
            inquiry = self._load(inquiry_id)
            case.match_inquiry(inquiry=inquiry_id, reason=reason, by=command.by, at=now)
            inquiry.be_matched_to(case=case_id, by=command.by, at=now)
            return Change(cases=(case, inquiry), related=(inquiry, *self._related(case, but=inquiry_id)))

        return self._on(command, case_id, act)

    def unmatch_inquiry(self, command: Command, case_id: UUID, inquiry_id: UUID, reason: str) -> Answer:
        """The match was a mistake: undone in both."""

        def act(case: CitizenCase, now: datetime) -> Change:
            inquiry = self._load(inquiry_id)
            case.unmatch_inquiry(inquiry=inquiry_id, reason=reason, by=command.by, at=now)
            inquiry.be_unmatched(case=case_id, by=command.by, at=now)
            return Change(cases=(case, inquiry), timers=self._timers_of(inquiry))

        return self._on(command, case_id, act)

    def read_free_text(self, command: Command, case_id: UUID, entry: int) -> Answer:
        """A named person read an entry's free text against what could kill, and lets it be told.

        In a matched inquiry it is a fact in the case too, so that no consent given meanwhile misses it.
        """

        def act(case: CitizenCase, now: datetime) -> Change:
            case.read_free_text(entry=entry, by=command.by, at=now)
            ids = {"case": str(case_id)}
            main = self._matched_case(case) if case.pending_events else None
            if main is None:
                return Change(cases=(case,), ids=ids)
            main.read_inquiry_text(inquiry=case_id, entry=entry, by=command.by, at=now)
            return Change(cases=(case, main), related=(case,), ids=ids)

        return self._on(command, case_id, act)

    def open_case(self, command: Command, case_id: UUID, criteria: dict[str, bool]) -> Answer:
        """Visitation said yes (seed 002 p. 11)."""
        number = self._number()
        return self._do(
            command,
            case_id,
            lambda case, now: case.open_case(number=number, criteria=criteria, by=command.by, at=now),
            ids={"case": str(case_id), "number": number},
        )

    def change_cpr_number(self, command: Command, case_id: UUID, cpr: str, *, is_replacement: bool) -> Answer:
        """The citizen was given another CPR number: from now on it finds the case, and the former one too."""

        def act(case: CitizenCase, now: datetime) -> Change:
            was = minor_by(case, now)
            case.change_cpr_number(cpr=cpr, is_replacement=is_replacement, by=command.by, at=now)
            falling = self._turned_out(case, was, command.by, now) or Falling()
            return Change(
                cases=(case,),
                related=self._related(case) if falling.grants else (),
                ids={"case": str(case_id)},
                grants=falling.grants,
                timers=falling.timers,
                blind=self._committer.blinds(case_id, [(PersonRole.EXPOSED, cpr)]),
            )

        return self._on(command, case_id, act)

    def assign_coordinator(self, command: Command, case_id: UUID, coordinator: Actor) -> Answer:
        """Name the tovholder (seed 002 p. 10). The index then finds the case, should she be stopped."""

        def act(case: CitizenCase, now: datetime) -> Change:
            blocked = {login for inquiry in self._related(case) for login in inquiry.blocked}
            case.assign_coordinator(coordinator=coordinator, blocked=blocked, by=command.by, at=now)
            return self._answered_by(case, coordinator)

        return self._on(command, case_id, act)
