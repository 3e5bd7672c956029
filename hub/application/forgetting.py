"""Commands on the citizen's right to be forgotten: asked for, refused, or granted and done at once."""

from contextlib import suppress
from datetime import datetime
from uuid import UUID

from hub.aggregates.citizen_case.case import CitizenCase
from hub.aggregates.citizen_case.terms import ErasureGround, KeepingRule
from hub.aggregates.disclosure_ledger import RevocationReason
from hub.aggregates.receipts import ErasedOnRequest
from hub.application.carrying import WITHDRAWAL_ATTEMPTS, Answer, Carrier
from hub.application.committing import Change, Command
from hub.errors import Missing


class Forgetting(Carrier):
    """What is granted is erased in all that is matched with the case, here, on topics and in backups."""

    def request_erasure(self, command: Command, case_id: UUID, asked_at: datetime) -> Answer:
        """The citizen asks to be forgotten; the programme lead answers within a month."""
        request_id = self._new_id()

        def act(case: CitizenCase, now: datetime) -> Change:
            answer_by = case.request_erasure(request_id=request_id, asked_at=asked_at, by=command.by, at=now)
            ids = {"request": str(request_id)}
            return Change(cases=(case,), ids=ids, timers=((answer_by, case_id),))

        return self._on(command, case_id, act)

    def refuse_erasure(
        self, command: Command, case_id: UUID, request_id: UUID, rule: KeepingRule, reason: str
    ) -> Answer:
        """The law requires that the case is kept: the no is on record, with its rule and reason."""
        return self._do(
            command,
            case_id,
            lambda case, now: case.refuse_erasure(
                request_id=request_id, rule=rule, reason=reason, by=command.by, at=now
            ),
        )

    def grant_erasure(
        self,
        command: Command,
        case_id: UUID,
        request_id: UUID,
        *,
        ground: ErasureGround,
        reason: str,
        breaches_considered: bool = False,
    ) -> Answer:
        """End every grant, ask whoever was told to drop it, destroy the keys: afterwards there is no case.

        Grants end first, in one write, also of what is matched with it; what a crash leaves between that and
        the keys is finished by the timer. What stays is that it was done, on which ground, and of nobody.
        """

        def act(case: CitizenCase, now: datetime) -> Change:
            inquiries = self._related(case)
            ended = case.grant_erasure(
                request_id=request_id,
                ground=ground,
                reason=reason,
                breaches_considered=breaches_considered,
                by=command.by,
                at=now,
            )
            for inquiry in inquiries:
                ended += inquiry.be_erased_with(
                    case=case_id, breaches_considered=breaches_considered, by=command.by, at=now
                )
            cases = (case, *inquiries)
            return Change(
                cases=cases,
                others=self._on_record(command, cases, ground, now),
                ids={"case": str(case_id)},
                ends=ended,
                reason=RevocationReason.ERASED,
                timers=tuple((now, one.id) for one in cases),
                may_not_wait=True,
            )

        answer = self._on(command, case_id, act, attempts=WITHDRAWAL_ATTEMPTS)
        with suppress(Missing):  # Done before, to the end.
            case = self._load(case_id)
            for one in (*self._related(case), case):
                self._committer.destroy(one)
        return answer

    def _on_record(
        self, command: Command, cases: tuple[CitizenCase, ...], ground: ErasureGround, now: datetime
    ) -> tuple[ErasedOnRequest, ...]:
        """That it was done, for each report, by which alone it can be found; once where there is none."""
        told = [case.report(report_id) for case in cases for report_id in case.reports]
        reports = [self._committer.erased_id(report.reporter, report.report_id) for report in told]
        return tuple(
            ErasedOnRequest.record(
                id=fact_id,
                sealed_under=self._committer.partner_id(cases[0].unit),
                ground=ground,
                by=command.by,
                at=now,
            )
            for fact_id in reports or [self._new_id()]
        )
