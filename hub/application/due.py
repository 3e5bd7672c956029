"""What the clock sets off: bases end, what has waited too long escalates, what was taken over is erased.

A timer says only *when* a case must be looked at; what is due then, the case itself says. So a timer may come
early, late or twice, and from two processes at once: what is done already is not due any more.
"""

from datetime import datetime
from uuid import UUID

from contracts.terms import BasisRule, Escalation
from hub.aggregates.citizen_case.case import CitizenCase
from hub.aggregates.citizen_case.contact import contact_settled, unmade_contact
from hub.aggregates.citizen_case.escalation import CONTACTING, unanswered
from hub.aggregates.citizen_case.forwarding import told_too_late
from hub.aggregates.citizen_case.values import Basis, CaseState, Deadline
from hub.aggregates.disclosure_ledger import RevocationReason
from hub.application.carrying import WITHDRAWAL_ATTEMPTS, Answer
from hub.application.committing import Change, Command
from hub.application.forwarding import Forwarding
from hub.errors import Corrupt, Missing


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
        taken_over = self._is_taken_over(case)
        if taken_over and not self._must_stay(case, now):
            return self._erase(command, case_id)
        for basis in _unended(case):
            if basis.ends_at <= now and not (taken_over and _carried_it_on(case, basis)):
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
        taken_over = self._is_taken_over(case)
        ends = [b.ends_at for b in _unended(case) if not (taken_over and _carried_it_on(case, b))]
        times = [*ends, *(d.due for d in self._waiting(case))]
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

    def _is_taken_over(self, case: CitizenCase) -> bool:
        """Whether the municipality that it was forwarded to has all of it; then it comes back no more."""
        sent = case.forwarding
        if sent is None or told_too_late(case):
            return False
        return self._committer.taken_over(case.id, sent.recipient)

    def _must_stay(self, case: CitizenCase, now: datetime) -> bool:
        """Whether a person has yet to answer for a child or an emergency, or who was notified to take over.

        What is answered is not lost by it: a notification opens through our ledger until it is taken over.
        """
        notified = {
            case.grants[grant].recipient
            for basis in case.bases.values()
            if basis.rule is BasisRule.CHILD_NOTIFICATION
            for grant in basis.grants
            if case.grants[grant].lives_at(now)
        }
        return unanswered(case) or not all(self._committer.taken_over(case.id, who) for who in notified)

    def _waiting(self, case: CitizenCase) -> list[Deadline]:
        waiting = case.deadlines(acute_read_within=self._within.acute_read)
        return [waited for waited in waiting if not self._is_settled(case, waited)]

    def _is_settled(self, case: CitizenCase, waited: Deadline) -> bool:
        """Whether what the case says to wait waits no more, by what the case alone does not know."""
        if waited.what is Escalation.REPORT_UNREAD:
            return self._committer.was_read(case.id, waited.of)
        if waited.what is Escalation.CONTACT_NOT_MADE and case.matched_to is not None:
            return self._is_settled_where_matched(case, case.matched_to)
        return False

    def _is_settled_where_matched(self, inquiry: CitizenCase, case_id: UUID) -> bool:
        """Contact is made in the case that it was matched to, or rests with it; unread, nobody knows."""
        decided = unmade_contact(inquiry)
        try:
            case = self._load(case_id)
            return case.state not in CONTACTING or (decided is not None and contact_settled(case, decided))
        except (Corrupt, Missing):
            return False

    def _unless_erased(self, case_id: UUID) -> CitizenCase | None:
        """An erased case has nothing due but its own end, and keeps no other from ending."""
        try:
            return self._load(case_id)
        except Missing:
            self._committer.finish_destroying(case_id)
            return None


def _unended(case: CitizenCase) -> list[Basis]:
    return [b for b in case.bases.values() if any(not case.grants[g].ended for g in b.grants)]


def _carried_it_on(case: CitizenCase, basis: Basis) -> bool:
    """Whether it was forwarded on that basis. Ended after it was taken over, it would be asked back."""
    return case.forwarding is not None and case.forwarding.basis_id == basis.basis_id
