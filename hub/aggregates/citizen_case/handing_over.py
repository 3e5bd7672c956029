"""Commands on handing a case over to another tovholder, and on standing in for one (seed 002 p. 10).

Rules, as sentences: somebody is responsible at every moment. Until the one who was asked accepts, that is who
it was; what nobody accepts in time comes back to the unit. One hand-over waits at a time: a new one takes the
place of the one before. A substitute acts beside the tovholder, never without an end, and no longer once
there is a new one.
"""

from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from hub.aggregates.base import Actor
from hub.aggregates.citizen_case.events import (
    HandOverAccepted,
    HandOverDeclined,
    HandOverRequested,
    SubstituteNamed,
)
from hub.aggregates.citizen_case.intake import must_be_tovholder
from hub.aggregates.citizen_case.terms import HandOverReason, HandOverRefusal
from hub.aggregates.citizen_case.transitions import must_be_legal
from hub.aggregates.citizen_case.values import HandOver
from hub.aggregates.guards import after, one_of
from hub.errors import Conflict, Missing

if TYPE_CHECKING:
    from hub.aggregates.citizen_case.case import CitizenCase


def request_hand_over(
    self: "CitizenCase",
    *,
    hand_over_id: UUID,
    to: Actor,
    reason: HandOverReason,
    accept_by: datetime,
    by: Actor,
    at: datetime,
) -> None:
    """Ask another tovholder of the unit to take the case over, by a time."""
    must_be_legal(self, "request_hand_over")
    now = self.moment(at)
    _must_be_coordinated(self, "to")
    must_be_tovholder(self, to, "to")
    if self.hand_over is not None and self.hand_over.hand_over_id == hand_over_id:
        raise Conflict("hand_over_id: is taken in this case; make a new one", field="hand_over_id")
    after("accept_by", accept_by, now)
    self.trigger_event(
        HandOverRequested,
        hand_over_id=hand_over_id,
        to=to,
        reason=one_of("reason", reason, HandOverReason),
        accept_by=accept_by,
        by=by,
        timestamp=now,
    )


def accept_hand_over(self: "CitizenCase", *, hand_over_id: UUID, by: Actor, at: datetime) -> None:
    """Whoever was asked takes the case over, and is responsible from now on. Better late than never."""
    must_be_legal(self, "accept_hand_over")
    asked = _asked(self, hand_over_id, by)
    self.trigger_event(
        HandOverAccepted,
        hand_over_id=hand_over_id,
        coordinator=asked.to,
        by=by,
        timestamp=self.moment(at),
    )


def decline_hand_over(
    self: "CitizenCase", *, hand_over_id: UUID, reason: HandOverRefusal, by: Actor, at: datetime
) -> None:
    """Whoever was asked says no, with a reason from a closed list; the case stays where it was."""
    must_be_legal(self, "decline_hand_over")
    _asked(self, hand_over_id, by)
    self.trigger_event(
        HandOverDeclined,
        hand_over_id=hand_over_id,
        reason=one_of("reason", reason, HandOverRefusal),
        by=by,
        timestamp=self.moment(at),
    )


def name_substitute(
    self: "CitizenCase", *, substitute: Actor, ends_at: datetime, by: Actor, at: datetime
) -> None:
    """Let another tovholder of the unit act beside the one who is responsible, at once and for a time."""
    must_be_legal(self, "name_substitute")
    now = self.moment(at)
    _must_be_coordinated(self, "substitute")
    must_be_tovholder(self, substitute, "substitute")
    after("ends_at", ends_at, now)
    self.trigger_event(SubstituteNamed, substitute=substitute, ends_at=ends_at, by=by, timestamp=now)


def acts(self: "CitizenCase", person: str, now: datetime) -> bool:
    """Whether this person is responsible for the case, or stands in for who is."""
    if self.coordinator is not None and self.coordinator.person == person:
        return True
    stands_in = self.substitute
    return stands_in is not None and stands_in.who.person == person and now < stands_in.ends_at


def stands_in_until(self: "CitizenCase", person: str) -> datetime | None:
    """Until when this person stands in for who is responsible; None for who is, and for any other."""
    stands_in = self.substitute
    if stands_in is None or stands_in.who.person != person:
        return None
    return None if self.coordinator is not None and self.coordinator.person == person else stands_in.ends_at


def _must_be_coordinated(case: "CitizenCase", field: str) -> None:
    if case.coordinator is None:
        raise Conflict(f"{field}: nobody has the case yet; name its coordinator instead", field=field)


def _asked(case: "CitizenCase", hand_over_id: UUID, by: Actor) -> HandOver:
    """The hand-over that waits for this very person; in the same words for another's and for none."""
    asked = case.hand_over
    if (
        asked is None
        or asked.hand_over_id != hand_over_id
        or (by.person, by.organisation) != (asked.to.person, case.unit)
    ):
        raise Missing("hand_over_id: nothing of the kind waits for you; ask again", field="hand_over_id")
    return asked
