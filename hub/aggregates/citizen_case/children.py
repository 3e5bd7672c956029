"""Commands on children at risk: the duty to notify, with or without consent (domain rule 7).

Rules, as sentences: whatever says that a child is at risk makes a notification due, in every state of the
case. It waits until a named person answers, and is never closed by anything else. What comes while one waits
is added to it; what comes after the answer is new information, and due again.
"""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from contracts.terms import Category
from hub.aggregates.base import Actor
from hub.aggregates.citizen_case.events import ChildNotificationAnswered, ChildNotificationDue
from hub.aggregates.citizen_case.terms import NotificationCause, NotificationDecision, NotNotifiedReason
from hub.aggregates.citizen_case.transitions import must_be_legal
from hub.aggregates.citizen_case.values import Notification
from hub.aggregates.guards import not_ahead, one_of, slug, written
from hub.errors import Conflict, Invalid, Missing

if TYPE_CHECKING:
    from hub.aggregates.citizen_case.case import CitizenCase

ANSWER_WITHIN = timedelta(hours=24)
"""The duty (barnets lov § 133) is to notify at once, and names no hours. A municipality that is notified has
24 hours to judge the danger (barnets lov § 137; VEJ 9471 of 2024, ch. 2): nobody here takes longer."""
LASTS = timedelta(days=120)
"""How long a notification's grants live where nobody says otherwise: a child's needs are to be examined
within four months, and by then the recipient has taken the content over."""
NOTIFIED_OF = (Category.IDENTITY, Category.INCIDENT, Category.CHILDREN, Category.OTHER_PERSONS)
"""What a notification tells where nobody says otherwise: who, what happened, the children, and by whom."""


def child_notification_falls_due(
    self: "CitizenCase",
    *,
    due_id: UUID,
    cause: NotificationCause,
    entry: int,
    sent_to: str | None = None,
    basis_id: UUID | None = None,
    by: Actor,
    at: datetime,
) -> Notification:
    """An entry says that a child is at risk. The one that waits already takes it in."""
    must_be_legal(self, "child_notification_falls_due")
    now = self.moment(at)
    one_of("cause", cause, NotificationCause)
    if not 1 <= entry <= self.version:
        raise Missing("entry: no such entry in this case; give the version of one that is", field="entry")
    waiting = next(iter(waiting_notifications(self)), None)
    due_id = waiting.due_id if waiting else due_id
    self.trigger_event(
        ChildNotificationDue,
        due_id=due_id,
        cause=cause,
        entry=entry,
        deadline=waiting.deadline if waiting else now + ANSWER_WITHIN,
        sent_to=sent_to,
        basis_id=basis_id,
        by=by,
        timestamp=now,
    )
    return self.notifications[due_id]


def answer_child_notification(
    self: "CitizenCase",
    *,
    due_id: UUID,
    decision: NotificationDecision,
    decided_by: str,
    recipient: str | None,
    basis_id: UUID | None,
    notified_at: datetime | None,
    reason: NotNotifiedReason | None,
    text: str,
    by: Actor,
    at: datetime,
) -> None:
    """A named person answers. A *not notified* may still become a *notified*; never the other way round."""
    must_be_legal(self, "answer_child_notification")
    now, due = self.moment(at), self.notifications.get(due_id)
    if due is None:
        raise Missing("due_id: no such notification is due here; read the case again", field="due_id")
    if due.decision is NotificationDecision.NOTIFIED:
        raise Conflict("due_id: was notified already; what is new is due by itself", field="due_id")
    if any(waiting.due_id != due_id for waiting in waiting_notifications(self)):
        raise Conflict("due_id: a newer one waits; answer that one", field="due_id")
    written("decided_by", decided_by)
    if one_of("decision", decision, NotificationDecision) is NotificationDecision.NOTIFIED:
        _must_say_whom_and_when(recipient, notified_at, reason, text, now)
    else:
        _must_say_why_not(recipient, notified_at, reason, text)
    self.trigger_event(
        ChildNotificationAnswered,
        due_id=due_id,
        decision=decision,
        decided_by=decided_by,
        recipient=recipient,
        basis_id=basis_id,
        notified_at=notified_at,
        reason=reason,
        text=text,
        by=by,
        timestamp=now,
    )


def waiting_notifications(case: "CitizenCase") -> list[Notification]:
    """What nobody has answered yet, oldest first."""
    return [due for due in case.notifications.values() if due.decision is None]


def must_have_answered_for_children(case: "CitizenCase") -> None:
    """Refuse what would let a waiting notification disappear with its case."""
    if waiting_notifications(case):
        raise Conflict(
            "notifications: a child notification waits for an answer; answer it first", field="notifications"
        )


def _must_say_whom_and_when(
    recipient: str | None,
    notified_at: datetime | None,
    reason: NotNotifiedReason | None,
    text: str,
    now: datetime,
) -> None:
    if notified_at is None:
        raise Invalid("notified_at: say when child services were told; set the time", field="notified_at")
    not_ahead("notified_at", notified_at, now)
    if reason is not None:
        raise Invalid("reason: belongs to a *not notified*; leave it out", field="reason")
    if recipient is None:
        written("text", text)
    else:
        slug("recipient", recipient)


def _must_say_why_not(
    recipient: str | None, notified_at: datetime | None, reason: NotNotifiedReason | None, text: str
) -> None:
    one_of("reason", reason or "", NotNotifiedReason)
    written("text", text)
    if recipient is not None or notified_at is not None:
        raise Invalid("recipient: whoever was told was notified; correct decision", field="recipient")
