"""Facts on children at risk. Attributes here are stored bytes: they are never renamed."""

from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from contracts.terms import MessageKind
from hub.aggregates.base import stored_as
from hub.aggregates.citizen_case.events.base import CaseEvent
from hub.aggregates.citizen_case.terms import NotificationCause, NotificationDecision, NotNotifiedReason
from hub.aggregates.citizen_case.values import Content, Notification, free_text, own

if TYPE_CHECKING:
    from hub.aggregates.citizen_case.case import CitizenCase


@stored_as("case.child_notification_due")
class ChildNotificationDue(CaseEvent):
    """A child is at risk: the duty to notify (underretning, barnets lov § 133), whatever the consents say.

    What comes while one waits is added to it, under its id and deadline: one answer answers all.
    """

    KIND = MessageKind.CHILD_NOTIFICATION_DUE
    due_id: UUID
    cause: NotificationCause
    entry: int
    """The version of the fact that says so."""
    deadline: datetime
    sent_to: str | None
    """Who was told at once by law's own rule; None: a person must choose whom."""
    basis_id: UUID | None
    """On which basis, recorded in the same command."""

    def tells(self) -> tuple[Content, ...]:
        due = {
            "notification": str(self.due_id),
            "cause": self.cause,
            "entry": self.entry,
            "sent_to": self.sent_to,
            "person_must_choose": self.sent_to is None,
        }
        return (own("due_id", due),)

    def change(self, case: "CitizenCase") -> None:
        due = case.notifications.get(self.due_id) or Notification(self.due_id, self.deadline)
        case.notifications[self.due_id] = replace(
            due,
            entries=(*due.entries, self.entry),
            sent_to=self.sent_to or due.sent_to,
            basis_id=self.basis_id or due.basis_id,
        )


@stored_as("case.child_notification_answered")
class ChildNotificationAnswered(CaseEvent):
    """A named person answered: notified, whom and when; or not, why, and who answers for it."""

    KIND = MessageKind.CHILD_NOTIFICATION_ANSWERED
    due_id: UUID
    decision: NotificationDecision
    decided_by: str
    recipient: str | None
    """Through the hub, on the basis beside it; None where it was told another way, or not at all."""
    basis_id: UUID | None
    notified_at: datetime | None
    reason: NotNotifiedReason | None
    text: str

    def tells(self) -> tuple[Content, ...]:
        answer = {
            "notification": str(self.due_id),
            "decision": self.decision,
            "answered_by": self.decided_by,
            "notified_to": self.recipient,
            "notified_at": self.notified_at.isoformat() if self.notified_at else None,
            "not_notified": self.reason,
        }
        words = [free_text("text", "child_notification_answered.text", self.text)] if self.text else []
        return (own("due_id", answer), *words)

    def change(self, case: "CitizenCase") -> None:
        due = case.notifications[self.due_id]
        case.notifications[self.due_id] = replace(due, decision=self.decision)
