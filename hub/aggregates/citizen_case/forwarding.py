"""Commands on a report that is not ours: the citizen lives in another municipality.

Rules, as sentences: it is forwarded once, whole, on a recorded basis, to the municipality responsible. It
stays ours until that municipality has taken it over; only then is our copy erased, and not before a person
has answered for a child and reviewed an emergency that came meanwhile. If nobody there takes it
over before the basis ends it waits here again: a message that nobody reads can cost a life.

What could kill never travels (domain rule 5): a named person tells it by telephone, from the case, before the
other municipality has taken the rest over. Free text goes along only when a named person has read it.
"""

from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from contracts.terms import OrganisationKind
from hub.aggregates.base import Actor
from hub.aggregates.citizen_case.bases import legal_basis_of
from hub.aggregates.citizen_case.escalation import must_leave_nothing_unanswered
from hub.aggregates.citizen_case.events import (
    CaseErased,
    EntryCorrected,
    ReportNotOurs,
    ReportReceived,
    ReportRetracted,
)
from hub.aggregates.citizen_case.transitions import must_be_legal
from hub.errors import Conflict, Invalid

if TYPE_CHECKING:
    from hub.aggregates.citizen_case.case import CitizenCase


def find_not_ours(
    self: "CitizenCase", *, basis_id: UUID, kind: OrganisationKind, by: Actor, at: datetime
) -> None:
    """A caseworker found that the citizen lives elsewhere; the basis that was recorded for it says where."""
    must_be_legal(self, "find_not_ours")
    basis = legal_basis_of(self, basis_id)
    if kind is not OrganisationKind.MUNICIPAL_UNIT:
        raise Invalid("recipient: must be a municipal unit; choose the citizen's", field="recipient")
    if self.inquiries:
        raise Conflict("inquiry: others are matched to this one; undo the matches first", field="inquiry")
    unread = [self.fact(entry.version) for entry in self.unread_free_text()]
    if any(isinstance(fact, ReportReceived | EntryCorrected) for fact in unread):
        raise Conflict(
            "entry: free text that nobody has read would stay behind; read it, then forward", field="entry"
        )
    must_leave_nothing_unanswered(self)
    recipient = self.grants[basis.grants[0]].recipient
    self.trigger_event(
        ReportNotOurs, recipient=recipient, basis_id=basis_id, by=by, timestamp=self.moment(at)
    )


def erase(self: "CitizenCase", *, by: Actor, at: datetime) -> tuple[UUID, ...]:
    """It was taken over: every grant ends, and whoever erases the case destroys its keys next."""
    must_be_legal(self, "erase")
    must_leave_nothing_unanswered(self)
    assert self.forwarding is not None, "a case in this state was forwarded"
    ended = tuple(g.grant_id for g in self.grants.values() if not g.ended)
    self.trigger_event(
        CaseErased, grants=ended, taken_over_by=self.forwarding.recipient, by=by, timestamp=self.moment(at)
    )
    return ended


def told_too_late(case: "CitizenCase") -> bool:
    """Whether something was said that the other municipality could be told no more: its basis had ended."""
    assert case.forwarding is not None, "a case in this state was forwarded"
    ends_at = case.bases[case.forwarding.basis_id].ends_at
    said = (
        fact for fact in case.facts if isinstance(fact, EntryCorrected | ReportReceived | ReportRetracted)
    )
    return any(fact.timestamp >= ends_at for fact in said)
