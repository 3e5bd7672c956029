"""Commands on children at risk: the duty to notify, with or without consent (domain rule 7)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from contracts.terms import BasisRule, Category, OrganisationKind, Urgency
from contracts.times import day_of
from hub.aggregates.base import Actor
from hub.aggregates.citizen_case.case import CitizenCase
from hub.aggregates.citizen_case.children import LASTS, NOTIFIED_OF
from hub.aggregates.citizen_case.terms import (
    AgeKnownBy,
    NotificationCause,
    NotificationDecision,
    NotNotifiedReason,
)
from hub.aggregates.citizen_case.transitions import LEGAL
from hub.aggregates.citizen_case.values import GrantTerms, Notification
from hub.application.carrying import Answer, Carrier
from hub.application.committing import Change, Command
from hub.application.reports import ReportTaken
from hub.application.translate import under_18_by
from hub.gates.gate import may_receive

MAY_BE_FLAGGED = LEGAL["flag_minor"]
PURPOSE = "Underretning efter barnets lov § 133"
BECAUSE_UNDER_18 = "Den voldsudsatte er under 18 år."


@dataclass(frozen=True, slots=True)
class Falling:
    """What goes with a notification that falls due: its timer, and the grants of who was told at once."""

    timers: tuple[tuple[datetime, UUID], ...] = ()
    grants: tuple[tuple[GrantTerms, datetime], ...] = ()


class ChildrenAtRisk(Carrier):
    """What every command does in which a child turns out to be at risk: in its own transaction."""

    def _at_risk(
        self, case: CitizenCase, cause: NotificationCause, by: Actor, now: datetime, entry: int | None = None
    ) -> Falling:
        """A notification falls due; `entry` is what was just recorded, unless another one is named."""
        due = case.child_notification_falls_due(
            due_id=self._new_id(), cause=cause, entry=entry or case.version, by=by, at=now
        )
        return Falling(timers=((due.deadline, case.id),))

    def _of_children(self, case: CitizenCase, report: ReportTaken, by: Actor, now: datetime) -> Falling:
        """What a report just taken in sets off: its citizen is a minor, or it tells of a child at risk."""
        if report.under_18_by is not None and case.state in MAY_BE_FLAGGED:
            return self._minor(case, report.under_18_by, by, now)
        if report.child_at_risk or report.under_18_by is not None:
            return self._at_risk(case, NotificationCause.REPORT, by, now)
        return Falling()

    def _turned_out(
        self, case: CitizenCase, was: AgeKnownBy | None, by: Actor, now: datetime
    ) -> Falling | None:
        """What an entry sets off by which the citizen turns out to be a minor, which nothing said before.

        `was` is how that was known before the entry; None where the entry is none such.
        """
        known_by = minor_by(case, now)
        if known_by is None or was is not None:
            return None
        if case.state in MAY_BE_FLAGGED:
            return self._minor(case, known_by, by, now)
        return self._at_risk(case, NotificationCause.CORRECTION, by, now)

    def _to_be_read(
        self, report: ReportTaken, case_id: UUID, now: datetime
    ) -> tuple[tuple[datetime, UUID], ...]:
        """When somebody must have read it: an acute report does not wait for long."""
        acute = report.urgency is Urgency.ACUTE
        return ((now + self._within.acute_read, case_id),) if acute else ()

    def _minor(self, case: CitizenCase, known_by: AgeKnownBy, by: Actor, now: datetime) -> Falling:
        """Flag the minor, and tell child services at once where there is no choice of whom to tell."""
        case.flag_minor(known_by=known_by, by=by, at=now)
        recipient, basis_id = self._the_only_child_services(but=by.organisation), self._new_id()
        due = case.child_notification_falls_due(
            due_id=self._new_id(),
            cause=NotificationCause.MINOR,
            entry=case.version,
            sent_to=recipient,
            basis_id=basis_id if recipient else None,
            by=by,
            at=now,
        )
        timers = ((due.deadline, case.id),)
        if recipient is None:
            return Falling(timers)
        terms, ends_at = self._terms([recipient], NOTIFIED_OF), now + LASTS
        case.record_legal_basis(
            basis_id=basis_id,
            rule=BasisRule.CHILD_NOTIFICATION,
            reason=BECAUSE_UNDER_18,
            answers_for=case.unit,
            grants=terms,
            purpose=PURPOSE,
            ends_at=ends_at,
            recipient_kinds={recipient: OrganisationKind.CHILD_SERVICES},
            by=by,
            at=now,
        )
        return Falling((*timers, (ends_at, case.id)), tuple((t, ends_at) for t in terms))

    def _the_only_child_services(self, but: str) -> str | None:
        """The one that can be told all of a notification; none where a person must choose, or it told us."""
        found = self._committer.active_partners(OrganisationKind.CHILD_SERVICES)
        if len(found) != 1 or found == [but]:
            return None
        agreement = self._committer.agreement(found[0])
        return None if any(may_receive(agreement, category) for category in NOTIFIED_OF) else found[0]


class Children(ChildrenAtRisk):
    """A person finds a child at risk, and a person answers for the notification."""

    def observe_child_at_risk(self, command: Command, case_id: UUID, entry: int) -> Answer:
        """A professional says of an entry that a child is at risk."""

        def act(case: CitizenCase, now: datetime) -> Change:
            falling = self._at_risk(case, NotificationCause.OBSERVATION, command.by, now, entry)
            return Change(cases=(case,), ids=notification_ids(case), timers=falling.timers)

        return self._on(command, case_id, act)

    def find_minor(self, command: Command, case_id: UUID) -> Answer:
        """A person found out that the citizen is under 18."""

        def act(case: CitizenCase, now: datetime) -> Change:
            falling = self._minor(case, AgeKnownBy.FOUND_OUT, command.by, now)
            return Change(
                cases=(case,),
                related=self._related(case),
                ids=notification_ids(case),
                grants=falling.grants,
                timers=falling.timers,
            )

        return self._on(command, case_id, act)

    def answer_child_notification(
        self,
        command: Command,
        case_id: UUID,
        due_id: UUID,
        *,
        decision: NotificationDecision,
        decided_by: str,
        notified_at: datetime | None,
        reason: NotNotifiedReason | None,
        text: str,
    ) -> Answer:
        """Answer what is due: told already, by the hub at once or another way; or not told, and why."""

        def act(case: CitizenCase, now: datetime) -> Change:
            due = case.notifications.get(due_id)
            told = decision is NotificationDecision.NOTIFIED and due is not None and _stands(case, due)
            case.answer_child_notification(
                due_id=due_id,
                decision=decision,
                decided_by=decided_by,
                recipient=due.sent_to if told and due else None,
                basis_id=due.basis_id if told and due else None,
                notified_at=notified_at,
                reason=reason,
                text=text,
                by=command.by,
                at=now,
            )
            return Change(cases=(case,), ids={"notification": str(due_id)})

        return self._on(command, case_id, act)

    def notify_child_services(
        self,
        command: Command,
        case_id: UUID,
        due_id: UUID,
        *,
        recipient: str,
        decided_by: str,
        text: str,
        categories: Sequence[Category] = NOTIFIED_OF,
        ends_at: datetime | None = None,
    ) -> Answer:
        """Answer what is due by telling child services now: the answer, the basis and the message in one.

        Refused where the message could not be sent: *notified* must never stand where nobody was told.
        """
        basis_id, terms = self._new_id(), self._terms([recipient], categories)

        def act(case: CitizenCase, now: datetime) -> Change:
            until = ends_at or now + LASTS
            case.answer_child_notification(
                due_id=due_id,
                decision=NotificationDecision.NOTIFIED,
                decided_by=decided_by,
                recipient=recipient,
                basis_id=basis_id,
                notified_at=now,
                reason=None,
                text=text,
                by=command.by,
                at=now,
            )
            case.record_legal_basis(
                basis_id=basis_id,
                rule=BasisRule.CHILD_NOTIFICATION,
                reason=text,
                answers_for=decided_by,
                grants=terms,
                purpose=PURPOSE,
                ends_at=until,
                recipient_kinds=self._known([recipient]),
                by=command.by,
                at=now,
            )
            for category in categories:
                self._must_be_receivable(recipient, category, "recipient")
            return Change(
                cases=(case,),
                related=self._related(case),
                ids={"notification": str(due_id), "basis": str(basis_id)},
                grants=tuple((t, until) for t in terms),
                timers=((until, case_id),),
                needs_partners=(recipient,),
            )

        return self._on(command, case_id, act)


def minor_by(case: CitizenCase, now: datetime) -> AgeKnownBy | None:
    """How what stands of the citizen says today that she or he is under 18."""
    said: dict[str, Any] = {}
    for entry in case.entries:
        if entry.content.category is Category.IDENTITY and entry.content.about is None:
            said.update(entry.content.data)
    born = said.get("birth_date")
    of_day = None if born is None else date.fromisoformat(born)
    return under_18_by(of_day, said.get("cpr"), said.get("approximate_age"), day_of(now))


def notification_ids(case: CitizenCase) -> dict[str, str]:
    """Under which id the child waits that was just told of."""
    waiting = next(d for d in case.notifications.values() if d.decision is None)
    return {"notification": str(waiting.due_id)}


def _stands(case: CitizenCase, due: Notification) -> bool:
    """Whether what was told at once still counts: not where its basis was wrong, and all of it revoked."""
    basis = case.bases.get(due.basis_id) if due.basis_id else None
    return basis is not None and not case.struck.issuperset(basis.grants)
