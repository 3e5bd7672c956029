"""What waits for somebody, and the command for what has waited too long (domain rule 10).

Rules, as sentences: everything that waits for a person has a deadline. Past it the owning unit is told, once
for each thing and deadline, and nobody else. An escalation decides nothing: what waited goes on waiting.
"""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from contracts.terms import Escalation, MoveStatus, ReferralStatus, Urgency
from hub.aggregates.base import Actor
from hub.aggregates.citizen_case.children import must_have_answered_for_children, waiting_notifications
from hub.aggregates.citizen_case.contact import unmade_contact
from hub.aggregates.citizen_case.emergency import review_by, unreviewed
from hub.aggregates.citizen_case.events import CaseEscalated
from hub.aggregates.citizen_case.transitions import LEGAL, must_be_legal
from hub.aggregates.citizen_case.values import CaseState, Deadline
from hub.aggregates.guards import one_of, zoned
from hub.errors import Conflict, Invalid

if TYPE_CHECKING:
    from hub.aggregates.citizen_case.case import CitizenCase

_UNANSWERED = frozenset({ReferralStatus.REQUESTED, ReferralStatus.RECEIVED})
"""A system that has it has answered nothing: received is not read."""
_ASKING = frozenset({CaseState.INQUIRY, CaseState.OPEN})
"""Where a consent may be asked for."""
CONTACTING = frozenset({*_ASKING, CaseState.CLOSED, CaseState.MATCHED})
"""Where contact is made, under a follow-up too, or in the case that an inquiry was matched to."""


def deadlines(self: "CitizenCase", *, acute_read_within: timedelta) -> list[Deadline]:
    """What waits for somebody and was not escalated at this deadline, the nearest first.

    Whether a report was read is no fact of the case (looking moves no version): the caller knows.
    """
    if self.state not in LEGAL["escalate"]:
        return []
    waiting = [*_acute_reports(self, acute_read_within), *_others(self)]
    return sorted((d for d in waiting if d not in self.escalated), key=lambda d: d.due)


def overdue(self: "CitizenCase") -> list[Deadline]:
    """What was escalated and still waits; a report waits no longer for the person who looks at this."""
    return sorted((d for d in _others(self) if d in self.escalated), key=lambda d: d.due)


def escalate(
    self: "CitizenCase", *, what: Escalation, of: UUID, due: datetime, by: Actor, at: datetime
) -> None:
    """Tell the owning unit that something waited past its deadline. Twice is once."""
    must_be_legal(self, "escalate")
    now, waited = self.moment(at), Deadline(one_of("what", what, Escalation), of, due)
    zoned("due", due)
    if now < due:
        raise Invalid("due: is not over yet; wait until then", field="due")
    if waited not in self.escalated:
        self.trigger_event(CaseEscalated, what=waited.what, of=of, due=due, by=by, timestamp=now)


def unanswered(case: "CitizenCase") -> bool:
    """Whether a child or an emergency waits for a person, and would be lost with the case."""
    return bool(waiting_notifications(case) or unreviewed(case))


def must_leave_nothing_unanswered(case: "CitizenCase") -> None:
    """Refuse what would let a child or an emergency that waits for a person disappear with its case."""
    must_have_answered_for_children(case)
    if unreviewed(case):
        raise Conflict(
            "emergencies: what was told in danger to life waits for its review; review it first",
            field="emergencies",
        )


def _acute_reports(case: "CitizenCase", within: timedelta) -> list[Deadline]:
    """Each once, also where the time allowed was changed since it was told; what was taken back never."""
    told = {d.of for d in case.escalated if d.what is Escalation.REPORT_UNREAD}
    reports = [case.report(report_id) for report_id in case.reports if report_id not in told]
    return [
        Deadline(Escalation.REPORT_UNREAD, report.report_id, report.timestamp + within)
        for report in reports
        if report.urgency is Urgency.ACUTE and report.originator_version not in case.retracted
    ]


def _others(case: "CitizenCase") -> list[Deadline]:
    """What waits, by what the case alone knows."""
    referrals = [
        Deadline(Escalation.REFERRAL_UNANSWERED, r.referral_id, r.answer_by)
        for r in case.referrals.values()
        if r.status in _UNANSWERED and r.answer_by is not None
    ]
    children = [
        Deadline(Escalation.CHILD_NOTIFICATION_UNANSWERED, due.due_id, due.deadline)
        for due in waiting_notifications(case)
    ]
    moves = [
        Deadline(Escalation.MOVE_UNANSWERED, move.move_id, move.answer_by)
        for move in case.moves.values()
        if move.status is MoveStatus.REQUESTED and case.state in LEGAL["accept_move"]
    ]
    question = case.consent_question if case.state in _ASKING else None
    review = (
        [Deadline(Escalation.CONSENT_QUESTION_REVIEW, question.question_id, question.review_at)]
        if question
        else []
    )
    emergencies = [
        Deadline(Escalation.EMERGENCY_UNREVIEWED, told.basis_id, review_by(told)) for told in unreviewed(case)
    ]
    erasure = (
        [Deadline(Escalation.ERASURE_UNANSWERED, case.erasure.request_id, case.erasure.answer_by)]
        if case.erasure
        else []
    )
    return [
        *referrals,
        *children,
        *review,
        *_hand_over(case),
        *moves,
        *emergencies,
        *erasure,
        *_contact(case),
    ]


def _contact(case: "CitizenCase") -> list[Deadline]:
    """There is one at a time: it is known by its case."""
    decided = unmade_contact(case) if case.state in CONTACTING else None
    if decided is None or decided.before is None:
        return []
    return [Deadline(Escalation.CONTACT_NOT_MADE, case.id, decided.before)]


def _hand_over(case: "CitizenCase") -> list[Deadline]:
    asked = case.hand_over if case.state in LEGAL["accept_hand_over"] else None
    if asked is None:
        return []
    return [Deadline(Escalation.HAND_OVER_UNACCEPTED, asked.hand_over_id, asked.accept_by)]
