"""What the clock sets off: bases end, what has waited too long escalates, what was taken over is erased.

A timer says only *when* a case must be looked at; what is due then, the case itself says. So a timer may come
early, late or twice, and from two processes at once: what is done already is not due any more.
"""

from datetime import datetime
from uuid import UUID

from contracts.terms import Escalation
from hub.aggregates.citizen_case.case import CitizenCase
from hub.aggregates.citizen_case.values import Basis, CaseState, Deadline
from hub.aggregates.disclosure_ledger import RevocationReason
from hub.application.carrying import WITHDRAWAL_ATTEMPTS, Answer
from hub.application.committing import Change, Command
from hub.application.forwarding import Forwarding
from hub.errors import Missing


class Due(Forwarding):
    """Ends, escalates and erases, once each."""

    def do_what_is_due(self, command: Command, case_id: UUID) -> Answer | None:
        """Do everything in the case whose time has come; None where nothing was due."""
        case = self._unless_erased(case_id)
        if case is None:
            return None
        now, answer = max(self._committer.now(), case.latest_time), None
        if case.state is CaseState.ERASED:
            self._committer.destroy(case)
            return None
        if case.forwarding is not None and self._committer.taken_over(case_id, case.forwarding.recipient):
            return self._erase(command, case_id)
        for basis in _unended(case):
            if basis.ends_at <= now:
                answer = self._end(command, case_id, basis.basis_id)
        if case.follow_up_until is not None and case.follow_up_until <= now:
            answer = self._end_follow_up(command, case_id)
        for waited in self._waiting(case):
            if waited.due <= now:
                answer = self._escalate(command, case_id, waited)
        return answer

    def next_due(self, case_id: UUID) -> datetime | None:
        """When the case must be looked at next: the timer that fired may have come before its time."""
        case = self._unless_erased(case_id)
        if case is None:
            return None
        times = [*(b.ends_at for b in _unended(case)), *(d.due for d in self._waiting(case))]
        times += [case.follow_up_until] if case.follow_up_until is not None else []
        return min(times, default=None)

    def _end(self, command: Command, case_id: UUID, basis_id: UUID) -> Answer:
        """What reached its end in time ends as a withdrawal does."""

        def act(case: CitizenCase, now: datetime) -> Change:
            if case.bases[basis_id].rule is None:
                ended = case.expire_consent(consent_id=basis_id, by=command.by, at=now)
                reason = RevocationReason.EXPIRED
            else:
                ended = case.end_legal_basis(basis_id=basis_id, by=command.by, at=now)
                reason = RevocationReason.BASIS_ENDED
            return Change(cases=(case,), ends=tuple(ended), reason=reason, may_not_wait=True)

        return self._on(command, case_id, act, attempts=WITHDRAWAL_ATTEMPTS)

    def _end_follow_up(self, command: Command, case_id: UUID) -> Answer:
        """A case that nobody follows up tells nothing new; unless it was reopened since we looked."""

        def act(case: CitizenCase, now: datetime) -> Change:
            ended = case.end_follow_up(by=command.by, at=now) if case.follow_up_until is not None else ()
            return Change(cases=(case,), ends=ended, reason=RevocationReason.BASIS_ENDED, may_not_wait=True)

        return self._on(command, case_id, act, attempts=WITHDRAWAL_ATTEMPTS)

    def _escalate(self, command: Command, case_id: UUID, waited: Deadline) -> Answer:
        """Tell the unit, unless it was answered, or told, since we looked."""

        def act(case: CitizenCase, now: datetime) -> Change:
            if waited in self._waiting(case):
                case.escalate(what=waited.what, of=waited.of, due=waited.due, by=command.by, at=now)
            return Change(cases=(case,), may_not_wait=True)

        return self._on(command, case_id, act)

    def _waiting(self, case: CitizenCase) -> list[Deadline]:
        waiting = case.deadlines(acute_read_within=self._within.acute_read)
        return [
            d
            for d in waiting
            if d.what is not Escalation.REPORT_UNREAD or not self._committer.was_read(case.id, d.of)
        ]

    def _unless_erased(self, case_id: UUID) -> CitizenCase | None:
        """An erased case has nothing due, and keeps no other from ending."""
        try:
            return self._load(case_id)
        except Missing:
            return None


def _unended(case: CitizenCase) -> list[Basis]:
    return [b for b in case.bases.values() if any(not case.grants[g].ended for g in b.grants)]
