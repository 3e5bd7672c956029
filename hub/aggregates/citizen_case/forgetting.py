"""Commands on the citizen's right to be forgotten (GDPR art. 17; domain rule 8).

Rules, as sentences: what she or he asks for is answered within a month, with its ground or with the rule
under which the municipality must keep the case (art. 12(3), 17(3)). A no is on record, and she may ask again.
What is granted ends every grant, the unit's own too, here and in all that is matched with the case, and the
keys are destroyed next. A child, an emergency or a possible breach that waits for a person is answered first.
What was forwarded is erased when it is taken over, and comes back otherwise.
"""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from hub.aggregates.base import Actor
from hub.aggregates.citizen_case.emergency import unjustified
from hub.aggregates.citizen_case.escalation import must_leave_nothing_unanswered
from hub.aggregates.citizen_case.events import (
    ErasedWithCase,
    ErasureGranted,
    ErasureRefused,
    ErasureRequested,
)
from hub.aggregates.citizen_case.terms import ErasureGround, KeepingRule
from hub.aggregates.citizen_case.transitions import must_be_legal
from hub.aggregates.guards import not_ahead, one_of, written
from hub.errors import Conflict, Missing

if TYPE_CHECKING:
    from hub.aggregates.citizen_case.case import CitizenCase

ANSWER_WITHIN = timedelta(days=30)
"""Without undue delay, and within one month (GDPR art. 12(3)); the shortest but one is 30 days."""


def request_erasure(
    self: "CitizenCase", *, request_id: UUID, asked_at: datetime, by: Actor, at: datetime
) -> datetime:
    """She or he asks to be forgotten. Decides nothing; by when it must be answered."""
    must_be_legal(self, "request_erasure")
    now = self.moment(at)
    not_ahead("asked_at", asked_at, now)
    if self.erasure is not None:
        raise Conflict("erasure: was asked for already; answer that", field="erasure")
    answer_by = asked_at + ANSWER_WITHIN
    self.trigger_event(
        ErasureRequested, request_id=request_id, asked_at=asked_at, answer_by=answer_by, by=by, timestamp=now
    )
    return answer_by


def refuse_erasure(
    self: "CitizenCase", *, request_id: UUID, rule: KeepingRule, reason: str, by: Actor, at: datetime
) -> None:
    """The municipality must keep the case, and says under which rule and why (GDPR art. 12(4), 17(3))."""
    must_be_legal(self, "refuse_erasure")
    _must_be_asked(self, request_id)
    written("reason", reason)
    kept = one_of("rule", rule, KeepingRule)
    self.trigger_event(
        ErasureRefused, request_id=request_id, rule=kept, reason=reason, by=by, timestamp=self.moment(at)
    )


def grant_erasure(
    self: "CitizenCase",
    *,
    request_id: UUID,
    ground: ErasureGround,
    reason: str,
    breaches_considered: bool = False,
    by: Actor,
    at: datetime,
) -> tuple[UUID, ...]:
    """She or he is forgotten: every grant ends, and whoever grants it destroys the keys next."""
    must_be_legal(self, "grant_erasure")
    _must_be_asked(self, request_id)
    written("reason", reason)
    found = one_of("ground", ground, ErasureGround)
    must_leave_nothing_unanswered(self)
    _must_have_considered_breaches(self, breaches_considered)
    ended = _all_grants(self)
    self.trigger_event(
        ErasureGranted,
        grants=ended,
        request_id=request_id,
        ground=found,
        reason=reason,
        by=by,
        timestamp=self.moment(at),
    )
    return ended


def be_erased_with(
    self: "CitizenCase", *, case: UUID, breaches_considered: bool = False, by: Actor, at: datetime
) -> tuple[UUID, ...]:
    """The case that this inquiry is matched to is erased, and this with it: it is about the same citizen."""
    must_be_legal(self, "be_erased_with")
    if case != self.matched_to:
        raise Missing("case: this inquiry is matched to another; read it again", field="case")
    must_leave_nothing_unanswered(self)
    _must_have_considered_breaches(self, breaches_considered)
    ended = _all_grants(self)
    self.trigger_event(ErasedWithCase, grants=ended, case=case, by=by, timestamp=self.moment(at))
    return ended


def _all_grants(case: "CitizenCase") -> tuple[UUID, ...]:
    return tuple(g.grant_id for g in case.grants.values() if not g.ended)


def _must_be_asked(case: "CitizenCase", request_id: UUID) -> None:
    if case.erasure is None or case.erasure.request_id != request_id:
        raise Missing("request_id: no such request waits here; read the case again", field="request_id")


def _must_have_considered_breaches(case: "CitizenCase", considered: bool) -> None:
    if not considered and (case.mistakes or case.struck | unjustified(case)):
        raise Conflict(
            "breaches_considered: something was recorded in error here; judge the possible breaches (GDPR "
            "art. 33), document what must be outside the hub, then say so",
            field="breaches_considered",
        )
