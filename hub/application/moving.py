"""Commands on a case that moves with its citizen to another municipality."""

from datetime import datetime
from uuid import UUID

from contracts.terms import Category, MoveStatus
from hub.aggregates.citizen_case.case import CitizenCase
from hub.application.carrying import Answer, Carrier
from hub.application.committing import Change, Command
from hub.errors import Missing


class Moving(Carrier):
    """The next municipality is asked, and answers; until it accepts, we keep the case."""

    def request_move(self, command: Command, case_id: UUID, *, recipient: str, answer_by: datetime) -> Answer:
        """Ask another municipality to take the case over: it is told what its grants cover, and asked so."""
        move_id = self._new_id()

        def act(case: CitizenCase, now: datetime) -> Change:
            case.request_move(
                move_id=move_id,
                recipient=recipient,
                kind=self._known([recipient])[recipient],
                answer_by=answer_by,
                by=command.by,
                at=now,
            )
            self._must_be_receivable(recipient, Category.COORDINATION, "recipient")
            return Change(
                cases=(case,),
                ids={"move": str(move_id)},
                needs_partners=(recipient,),
                timers=((answer_by, case_id),),
            )

        return self._on(command, case_id, act)

    def answer_move(
        self, command: Command, thread: UUID, move_id: UUID, status: MoveStatus, reason: str | None
    ) -> Answer:
        """The municipality that was asked answers; it names the case by its own thread."""
        case_id = self._case_of(thread, command.by.organisation)

        def act(case: CitizenCase, now: datetime) -> Change:
            move = case.moves.get(move_id)
            if move is None or move.recipient != command.by.organisation:
                raise Missing("no such case was offered to you", field="move")
            case.answer_move(move_id=move_id, status=status, reason=reason, by=command.by, at=now)
            return Change(cases=(case,), needs_partners=(command.by.organisation,))

        return self._on(command, case_id, act)

    def cancel_move(self, command: Command, case_id: UUID, move_id: UUID) -> Answer:
        """Ask no longer."""
        return self._do(
            command, case_id, lambda case, now: case.cancel_move(move_id=move_id, by=command.by, at=now)
        )
