"""Commands on a case that moves with its citizen to another municipality.

Rules, as sentences: the next municipality is asked only where a living grant lets it know that there is a
case, and is told what its grants cover and no more. Until it accepts, we keep the case. From then on nothing
new begins here; what must always be possible stays possible. What the citizen consented to for others goes on
until its end or her no: a move is no withdrawal, and no consent given here passes on.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from contracts.terms import Category, MoveRefusal, MoveStatus, OrganisationKind
from hub.aggregates.base import Actor
from hub.aggregates.citizen_case.events import CaseMoved, MoveCancelled, MoveDeclined, MoveRequested
from hub.aggregates.citizen_case.transitions import must_be_legal
from hub.aggregates.citizen_case.values import Move
from hub.aggregates.guards import after, one_of, slug
from hub.errors import Conflict, IllegalTransition, Invalid, Missing, NoGrant

if TYPE_CHECKING:
    from hub.aggregates.citizen_case.case import CitizenCase

ANSWERS: Mapping[MoveStatus, str] = {
    MoveStatus.ACCEPTED: "accept_move",
    MoveStatus.DECLINED: "decline_move",
}
"""Which command the next municipality's answer asks for."""


def request_move(
    self: "CitizenCase",
    *,
    move_id: UUID,
    recipient: str,
    kind: OrganisationKind | None,
    answer_by: datetime,
    by: Actor,
    at: datetime,
) -> None:
    """Ask the citizen's next municipality to take the case over, by a time. One is asked at a time."""
    must_be_legal(self, "request_move")
    now = self.moment(at)
    if move_id in self.moves:
        raise Conflict("move_id: is taken in this case; make a new one", field="move_id")
    slug("recipient", recipient)
    if kind is not OrganisationKind.MUNICIPAL_UNIT or recipient == self.unit:
        raise Invalid("recipient: must be another municipality's unit; name one", field="recipient")
    if any(move.status is MoveStatus.REQUESTED for move in self.moves.values()):
        raise Conflict("recipient: another is asked already; cancel that first", field="recipient")
    after("answer_by", answer_by, now)
    _must_be_told(self, recipient, now)
    self.trigger_event(
        MoveRequested, move_id=move_id, recipient=recipient, answer_by=answer_by, by=by, timestamp=now
    )


def accept_move(self: "CitizenCase", *, move_id: UUID, by: Actor, at: datetime) -> None:
    """The next municipality takes the case over. Not once what let it be asked has ended."""
    must_be_legal(self, "accept_move")
    now, move = self.moment(at), _asked(self, move_id, by)
    _must_be_told(self, move.recipient, now)
    self.trigger_event(CaseMoved, move_id=move_id, recipient=move.recipient, by=by, timestamp=now)


def decline_move(self: "CitizenCase", *, move_id: UUID, reason: str, by: Actor, at: datetime) -> None:
    """The next municipality says no, with a reason from a closed list; the case stays here."""
    must_be_legal(self, "decline_move")
    given, move = one_of("reason", reason, MoveRefusal), _asked(self, move_id, by)
    self.trigger_event(
        MoveDeclined,
        move_id=move_id,
        recipient=move.recipient,
        reason=given,
        by=by,
        timestamp=self.moment(at),
    )


def cancel_move(self: "CitizenCase", *, move_id: UUID, by: Actor, at: datetime) -> None:
    """We ask no longer."""
    must_be_legal(self, "cancel_move")
    move = self.moves.get(move_id)
    if move is None or by.organisation != self.unit:
        raise Missing("move_id: nobody was asked so; read the case again", field="move_id")
    _must_wait(move)
    self.trigger_event(
        MoveCancelled, move_id=move_id, recipient=move.recipient, by=by, timestamp=self.moment(at)
    )


def answer_move(
    self: "CitizenCase",
    *,
    move_id: UUID,
    status: MoveStatus,
    reason: str | None = None,
    by: Actor,
    at: datetime,
) -> None:
    """The next municipality's answer as it comes in. A reason goes with a no, only."""
    if status not in ANSWERS:
        raise Invalid(f"status: an answer is one of {', '.join(ANSWERS)}", field="status")
    if (status is MoveStatus.DECLINED) != (reason is not None):
        raise Invalid("reason: needed when status is declined, and only then", field="reason")
    words = {} if reason is None else {"reason": reason}
    getattr(self, ANSWERS[status])(move_id=move_id, by=by, at=at, **words)


def _asked(case: "CitizenCase", move_id: UUID, by: Actor) -> Move:
    move = case.moves.get(move_id)
    if move is None or by.organisation != move.recipient:
        raise Missing("move_id: no such case was offered to you", field="move_id")
    _must_wait(move)
    return move


def _must_wait(move: Move) -> None:
    if move.status is not MoveStatus.REQUESTED:
        raise IllegalTransition(
            f"status: was {move.status} before; nothing waits for an answer, read it again", field="status"
        )


def _must_be_told(case: "CitizenCase", recipient: str, now: datetime) -> None:
    if not any(g.category is Category.COORDINATION for g in case.grants_of(recipient, now)):
        raise NoGrant(
            "recipient: no living grant for `coordination` is there; record the citizen's consent or a basis",
            field="recipient",
        )
