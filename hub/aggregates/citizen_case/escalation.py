"""What waits for somebody, and the command for what has waited too long (domain rule 10).

Rules, as sentences: everything that waits for a person has a deadline. Past it the owning unit is told, once
for each thing and deadline, and nobody else. An escalation decides nothing: what waited goes on waiting.
"""

from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from contracts.terms import Escalation, ReferralStatus
from hub.aggregates.base import Actor
from hub.aggregates.citizen_case.children import waiting_notifications
from hub.aggregates.citizen_case.events import CaseEscalated
from hub.aggregates.citizen_case.transitions import must_be_legal
from hub.aggregates.citizen_case.values import CaseState, Deadline
from hub.aggregates.guards import one_of, zoned
from hub.errors import Invalid

if TYPE_CHECKING:
    from hub.aggregates.citizen_case.case import CitizenCase

_UNANSWERED = frozenset({ReferralStatus.REQUESTED, ReferralStatus.RECEIVED})
"""A system that has it has answered nothing: received is not read."""
_ASKING = frozenset({CaseState.INQUIRY, CaseState.OPEN})
"""Where a consent may be asked for."""


def deadlines(self: "CitizenCase") -> list[Deadline]:
    """What waits for somebody now and was not escalated at this deadline, the nearest first."""
    referrals = [
        Deadline(Escalation.REFERRAL_UNANSWERED, r.referral_id, r.answer_by)
        for r in self.referrals.values()
        if r.status in _UNANSWERED and r.answer_by is not None
    ]
    children = [
        Deadline(Escalation.CHILD_NOTIFICATION_UNANSWERED, due.due_id, due.deadline)
        for due in waiting_notifications(self)
    ]
    question = self.consent_question if self.state in _ASKING else None
    review = (
        [Deadline(Escalation.CONSENT_QUESTION_REVIEW, question.question_id, question.review_at)]
        if question
        else []
    )
    waiting = [*referrals, *children, *review]
    return sorted((d for d in waiting if d not in self.escalated), key=lambda d: d.due)


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
