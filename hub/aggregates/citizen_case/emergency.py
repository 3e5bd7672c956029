"""What was told because a life was in danger, and the review of it afterwards (domain rule 6).

Rules, as sentences: each emergency is reviewed, by another than who acted and who answers for it. Whoever
reviews judges once whether it was justified, and says why. One that was not ends at once, and what was told
on it alone stands among the possible breaches. One that nobody reviews in time escalates, and waits on.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from contracts.terms import BasisRule
from hub.aggregates.base import Actor
from hub.aggregates.citizen_case.bases import not_ended
from hub.aggregates.citizen_case.events import CaseEvent, EmergencyReviewed, LegalBasisRecorded
from hub.aggregates.citizen_case.terms import ReviewFinding
from hub.aggregates.citizen_case.transitions import must_be_legal
from hub.aggregates.guards import one_of, same_name, written
from hub.errors import Conflict, Forbidden, Missing

if TYPE_CHECKING:
    from hub.aggregates.citizen_case.case import CitizenCase

REVIEW_WITHIN = timedelta(days=7)
"""How long an emergency waits for its review before the unit is told."""


def review_emergency(
    self: "CitizenCase", *, basis_id: UUID, finding: ReviewFinding, reason: str, by: Actor, at: datetime
) -> tuple[UUID, ...]:
    """Somebody else judged whether it was justified to tell; the grants that ended because it was not."""
    must_be_legal(self, "review_emergency")
    found = one_of("finding", finding, ReviewFinding)
    written("reason", reason)
    told = next((fact for fact in self.emergencies if fact.basis_id == basis_id), None)
    if told is None:
        raise Missing("basis_id: no such emergency in this case; read the case again", field="basis_id")
    if by.login == told.by.login or _answers_for(self, told, by):
        raise Forbidden("by: who acted or answers for it reviews it not; another must", field="by")
    if basis_id in self.reviews:
        raise Conflict("basis_id: was reviewed already; read the case again", field="basis_id")
    justified = found is ReviewFinding.JUSTIFIED
    ended = () if justified else not_ended(self, self.bases[basis_id])
    self.trigger_event(
        EmergencyReviewed,
        grants=ended,
        basis_id=basis_id,
        finding=found,
        reason=reason,
        by=by,
        timestamp=self.moment(at),
    )
    return ended


def _answers_for(case: "CitizenCase", told: LegalBasisRecorded, who: Actor) -> bool:
    """Whether it is who answers for an emergency: by that name, or by a login that bore it in this case."""
    known = [fact.by for fact in case.facts] + [one for one in (case.coordinator,) if one is not None]
    bore = {one.login for one in known if same_name(one.name, told.answers_for)}
    return who.login in bore or any(
        same_name(said, told.answers_for) for said in (who.name, who.person, who.login)
    )


def made(facts: Iterable[CaseEvent]) -> list[LegalBasisRecorded]:
    """What was told because a life was in danger."""
    recorded = (fact for fact in facts if isinstance(fact, LegalBasisRecorded))
    return [fact for fact in recorded if fact.rule is BasisRule.VITAL_INTEREST]


def reviewed(facts: Iterable[CaseEvent]) -> dict[UUID, EmergencyReviewed]:
    """The review of each emergency that somebody has reviewed, by its basis."""
    return {fact.basis_id: fact for fact in facts if isinstance(fact, EmergencyReviewed)}


def review_by(told: LegalBasisRecorded) -> datetime:
    """When an emergency is to have been reviewed."""
    return told.timestamp + REVIEW_WITHIN


def unreviewed(case: "CitizenCase") -> list[LegalBasisRecorded]:
    """The emergencies that wait for their review."""
    done = case.reviews
    return [told for told in case.emergencies if told.basis_id not in done]


def unjustified(case: "CitizenCase") -> set[UUID]:
    """The grants of emergencies that were found not to be justified."""
    return {
        grant
        for basis_id, review in case.reviews.items()
        if review.finding is ReviewFinding.NOT_JUSTIFIED
        for grant in case.bases[basis_id].grants
    }
