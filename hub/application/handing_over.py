"""Commands on handing a case over to another tovholder, and on standing in for one (seed 002 p. 10)."""

from datetime import datetime
from uuid import UUID

from hub.aggregates.base import Actor
from hub.aggregates.citizen_case.case import CitizenCase
from hub.aggregates.citizen_case.terms import HandOverReason, HandOverRefusal
from hub.application.carrying import Answer, Carrier
from hub.application.committing import Change, Command


class HandingOver(Carrier):
    """Somebody is responsible at every moment."""

    def request_hand_over(
        self, command: Command, case_id: UUID, *, to: Actor, reason: HandOverReason, accept_by: datetime
    ) -> Answer:
        """Ask another tovholder of the unit to take the case over; what nobody accepts comes back."""
        hand_over_id = self._new_id()

        def act(case: CitizenCase, now: datetime) -> Change:
            case.request_hand_over(
                hand_over_id=hand_over_id, to=to, reason=reason, accept_by=accept_by, by=command.by, at=now
            )
            return Change(cases=(case,), ids={"hand_over": str(hand_over_id)}, timers=((accept_by, case_id),))

        return self._on(command, case_id, act)

    def accept_hand_over(self, command: Command, case_id: UUID, hand_over_id: UUID) -> Answer:
        """Whoever was asked takes the case over. The index then finds it."""

        def act(case: CitizenCase, now: datetime) -> Change:
            case.accept_hand_over(hand_over_id=hand_over_id, by=command.by, at=now)
            return self._answered_by(case, command.by)

        return self._on(command, case_id, act)

    def decline_hand_over(
        self, command: Command, case_id: UUID, hand_over_id: UUID, reason: HandOverRefusal
    ) -> Answer:
        """Whoever was asked says no."""
        return self._do(
            command,
            case_id,
            lambda case, now: case.decline_hand_over(
                hand_over_id=hand_over_id, reason=reason, by=command.by, at=now
            ),
        )

    def name_substitute(
        self, command: Command, case_id: UUID, substitute: Actor, ends_at: datetime
    ) -> Answer:
        """Let another tovholder of the unit act at once, beside the one who is responsible, for a time."""

        def act(case: CitizenCase, now: datetime) -> Change:
            case.name_substitute(substitute=substitute, ends_at=ends_at, by=command.by, at=now)
            return self._answered_by(case, substitute)

        return self._on(command, case_id, act)
