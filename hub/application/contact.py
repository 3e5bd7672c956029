"""Commands on contact with the citizen, her or his no, and how a case rests, ends and begins again."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from contracts.terms import SafetyLevel
from hub.aggregates.base import Actor
from hub.aggregates.citizen_case.case import CitizenCase
from hub.aggregates.citizen_case.children import must_have_answered_for_children
from hub.aggregates.citizen_case.terms import (
    Channel,
    ClosingConversation,
    ClosingReason,
    ContactDecision,
    ContactOutcome,
    Found,
    NotificationCause,
    ReopeningReason,
    SetAsideReason,
    StaysPossible,
    Topic,
    UnsafeReason,
)
from hub.aggregates.disclosure_ledger import RevocationReason
from hub.aggregates.sealing import CouldKill, could_kill_key
from hub.application.carrying import WITHDRAWAL_ATTEMPTS, Answer
from hub.application.children import ChildrenAtRisk, Falling
from hub.application.committing import Change, Command


class Contact(ChildrenAtRisk):
    """From the first attempt to reach the citizen to the end of the effort (seed 002 p. 11, 15)."""

    def decide_contact(
        self,
        command: Command,
        case_id: UUID,
        *,
        decision: ContactDecision,
        how: dict[str, Any] | None,
        contact_by: Actor | None,
        before: datetime | None,
        reason: str,
    ) -> Answer:
        """Decide whether contact is made, how, by whom and by when; how is kept apart and never told."""

        def act(case: CitizenCase, now: datetime) -> Change:
            case.decide_contact(
                decision=decision,
                how=CouldKill(how) if how else None,
                contact_by=contact_by,
                before=before,
                reason=reason,
                by=command.by,
                at=now,
            )
            timers = ((before, case_id),) if before else ()
            return Change(cases=(case,), ids={"case": str(case_id)}, timers=timers)

        return self._on(command, case_id, act)

    def attempt_contact(
        self,
        command: Command,
        case_id: UUID,
        *,
        channel: Channel,
        outcome: ContactOutcome,
        attempted_at: datetime,
        text: str,
        child_at_risk: bool = False,
    ) -> Answer:
        """Record an attempt to reach the citizen, and how it went."""

        def act(case: CitizenCase, now: datetime) -> Change:
            case.attempt_contact(
                channel=channel,
                outcome=outcome,
                attempted_at=attempted_at,
                text=text,
                by=command.by,
                at=now,
            )
            falling = Falling()
            if child_at_risk:
                falling = self._at_risk(case, NotificationCause.CONTACT, command.by, now)
            return Change(cases=(case,), ids={"case": str(case_id)}, timers=falling.timers)

        return self._on(command, case_id, act)

    def give_information(
        self, command: Command, case_id: UUID, topics: Sequence[Topic], told_at: datetime
    ) -> Answer:
        """Record what the citizen was told about: violence, rights, and what else there is to know."""
        return self._do(
            command,
            case_id,
            lambda case, now: case.give_information(
                topics=tuple(topics), told_at=told_at, by=command.by, at=now
            ),
        )

    def leave_consent_unasked(
        self, command: Command, case_id: UUID, reason: UnsafeReason, text: str, review_at: datetime
    ) -> Answer:
        """To ask would endanger the citizen: neither yes nor no, and a person looks again in time."""
        question_id = self._new_id()

        def act(case: CitizenCase, now: datetime) -> Change:
            case.leave_consent_unasked(
                question_id=question_id,
                reason=reason,
                text=text,
                review_at=review_at,
                by=command.by,
                at=now,
            )
            return Change(cases=(case,), ids={"case": str(case_id)}, timers=((review_at, case_id),))

        return self._on(command, case_id, act)

    def advise_anonymously(
        self,
        command: Command,
        *,
        channel: Channel,
        topics: Sequence[Topic],
        child_at_risk: bool = False,
    ) -> Answer:
        """Advise somebody who says no name: a case without any identity, and a number to ring again with."""
        case_id, number = self._new_id(), self._number()

        def act(now: datetime) -> Change:
            case = CitizenCase.open_inquiry(
                id=case_id, unit=self._unit, standing_grant=self._new_id(), by=command.by, at=now
            )
            case.advise_anonymously(
                number=number, channel=channel, topics=tuple(topics), by=command.by, at=now
            )
            falling = Falling()
            if child_at_risk:
                falling = self._at_risk(case, NotificationCause.ADVICE, command.by, now)
            return Change(
                cases=(case,),
                ids={"case": str(case_id), "number": number},
                mints=(case_id, could_kill_key(case_id)),
                standing=(case.standing_grant,),
                timers=falling.timers,
            )

        return self._once(command, act)

    def set_report_aside(self, command: Command, case_id: UUID, reason: SetAsideReason, text: str) -> Answer:
        """A person decided that the report leads to no case here: it leaves the inbox."""
        return self._do(
            command,
            case_id,
            lambda case, now: case.set_report_aside(reason=reason, text=text, by=command.by, at=now),
        )

    def decline(
        self, command: Command, case_id: UUID, stays_possible: Sequence[StaysPossible], words: str
    ) -> Answer:
        """The citizen says no to help: heard in every state, whatever anybody else is doing."""

        def act(case: CitizenCase, now: datetime) -> Change:
            case.decline(stays_possible=tuple(stays_possible), words=words, by=command.by, at=now)
            return Change(cases=(case,), ids={"case": str(case_id)})

        return self._on(command, case_id, act, attempts=WITHDRAWAL_ATTEMPTS)

    def close_case(
        self,
        command: Command,
        case_id: UUID,
        *,
        reason: ClosingReason,
        summary: str,
        conversation: ClosingConversation,
        safety_level: SafetyLevel | None,
        keeps_safe: Found,
        knows_where_to_turn: Found,
        going_on: Sequence[UUID],
        follow_up_until: datetime | None,
    ) -> Answer:
        """End the effort. Its consents end with it, or with the agreed follow-up, as a withdrawal does."""

        def act(case: CitizenCase, now: datetime) -> Change:
            for inquiry in self._related(case):
                must_have_answered_for_children(inquiry)
            ended = case.close_case(
                reason=reason,
                summary=summary,
                conversation=conversation,
                safety_level=safety_level,
                keeps_safe=keeps_safe,
                knows_where_to_turn=knows_where_to_turn,
                going_on=tuple(going_on),
                follow_up_until=follow_up_until,
                by=command.by,
                at=now,
            )
            return Change(
                cases=(case,),
                ids={"case": str(case_id)},
                ends=ended,
                reason=RevocationReason.BASIS_ENDED,
                timers=((follow_up_until, case_id),) if follow_up_until else (),
            )

        return self._on(command, case_id, act)

    def reopen_case(self, command: Command, case_id: UUID, reason: ReopeningReason, text: str) -> Answer:
        """Begin again with the history; a report that was set aside is back in the inbox.

        What waited when it came to rest waits again: its timer may have gone by.
        """

        def act(case: CitizenCase, now: datetime) -> Change:
            case.reopen_case(reason=reason, text=text, by=command.by, at=now)
            return Change(cases=(case,), ids={"case": str(case_id)}, timers=self._timers_of(case))

        return self._on(command, case_id, act)
