"""Commands on contact with the citizen, her or his no, and how a case rests, ends and begins again."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from contracts.terms import SafetyLevel
from hub.aggregates.citizen_case.case import CitizenCase
from hub.aggregates.citizen_case.children import must_have_answered_for_children
from hub.aggregates.citizen_case.terms import (
    ClosingConversation,
    ClosingReason,
    Found,
    ReopeningReason,
    SetAsideReason,
    StaysPossible,
)
from hub.aggregates.disclosure_ledger import RevocationReason
from hub.application.carrying import WITHDRAWAL_ATTEMPTS, Answer, Carrier
from hub.committing import Change, Command


class Contact(Carrier):
    """From the first attempt to reach the citizen to the end of the effort (seed 002 p. 11, 15)."""

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
        """End the effort. Where no follow-up is agreed its consents end with it, as a withdrawal does."""

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
            )

        return self._on(command, case_id, act)

    def reopen_case(self, command: Command, case_id: UUID, reason: ReopeningReason, text: str) -> Answer:
        """Begin again with the history; a report that was set aside is back in the inbox."""
        return self._do(
            command,
            case_id,
            lambda case, now: case.reopen_case(reason=reason, text=text, by=command.by, at=now),
        )
