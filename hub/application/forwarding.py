"""Commands on a report that is not ours: sent on, and erased here once it is taken over there."""

from datetime import datetime, timedelta
from uuid import UUID

from contracts.message_v1 import ReceiptStatus
from contracts.terms import BasisRule, Category
from hub.aggregates.citizen_case.case import CitizenCase
from hub.aggregates.disclosure_ledger import RevocationReason
from hub.aggregates.receipts import Forwarded
from hub.application.carrying import WITHDRAWAL_ATTEMPTS, Answer, Carrier
from hub.application.committing import Change, Command

PURPOSE = "Borgeren bor i en anden kommune"
LASTS = timedelta(days=14)
"""How long the other municipality has to take a report over; then it waits here again."""


class Forwarding(Carrier):
    """The responsible municipality is told everything once, through the gate, and our copy is erased."""

    def forward_report(
        self, command: Command, case_id: UUID, *, recipient: str, reason: str, answers_for: str
    ) -> Answer:
        """A caseworker found that the citizen lives elsewhere: forwarded once, on a recorded basis.

        Our copy stays until a system there has taken every message over (`Opened`, taken over): what was sent
        opens through our ledger until then. Its reporter is told that it was forwarded, and not to whom.
        """
        basis_id, terms = self._new_id(), self._terms([recipient], list(Category))

        def act(case: CitizenCase, now: datetime) -> Change:
            kinds, until = self._known([recipient]), now + LASTS
            case.record_legal_basis(
                basis_id=basis_id,
                rule=BasisRule.AUTHORITY_DUTY,
                reason=reason,
                answers_for=answers_for,
                grants=terms,
                purpose=PURPOSE,
                ends_at=until,
                recipient_kinds=kinds,
                by=command.by,
                at=now,
            )
            case.find_not_ours(basis_id=basis_id, kind=kinds[recipient], by=command.by, at=now)
            for category in Category:
                self._must_be_receivable(recipient, category, "recipient")
            reports = [case.report(report_id) for report_id in case.reports]
            return Change(
                cases=(case,),
                others=tuple(
                    Forwarded.record(
                        id=self._new_id(),
                        sealed_under=self._committer.partner_id(report.reporter),
                        report_id=report.report_id,
                        recipient=recipient,
                        basis_id=basis_id,
                        by=command.by,
                        at=now,
                    )
                    for report in reports
                ),
                ids={"basis": str(basis_id)},
                grants=tuple((t, until) for t in terms),
                timers=((until, case_id),),
                controls=tuple(
                    (r.reporter, self._receipt(r.report_id, r.number, ReceiptStatus.FORWARDED, now))
                    for r in reports
                ),
                needs_partners=(recipient,),
            )

        return self._on(command, case_id, act)

    def _erase(self, command: Command, case_id: UUID) -> Answer:
        """End every grant of the case, ask whoever else was told to drop it, and destroy its keys.

        The grants end first, in one write, with the unit's own: a head opens no more, and no command that
        was under way can give a new one. What a crash leaves between the two is finished by the timer.
        """

        def act(case: CitizenCase, now: datetime) -> Change:
            ended = case.erase(by=command.by, at=now)
            return Change(
                cases=(case,),
                ends=ended,
                reason=RevocationReason.ERASED,
                timers=((now, case_id),),
                may_not_wait=True,
            )

        answer = self._on(command, case_id, act, attempts=WITHDRAWAL_ATTEMPTS)
        self._committer.destroy(self._load(case_id))
        return answer
