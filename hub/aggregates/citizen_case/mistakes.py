"""Matches that were undone: while they stood, what was told rested on a mistake about who is who."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from hub.aggregates.citizen_case.events import (
    CaseEvent,
    ConsentGiven,
    InquiryMatched,
    InquiryUnmatched,
    LegalBasisRecorded,
    MatchedToCase,
    UnmatchedFromCase,
)


@dataclass(frozen=True, slots=True)
class Mistake:
    """One wrong match: with which other, from when to when it stood, and the bases recorded meanwhile."""

    other: UUID
    since: datetime
    until: datetime
    bases: frozenset[UUID]
    """A consent given meanwhile may be the other citizen's words, a legal basis may rest on his or hers."""


def mistakes(facts: Iterable[CaseEvent]) -> list[Mistake]:
    """Every match that was undone, in the order in which they were."""
    found: list[Mistake] = []
    since: dict[UUID, datetime] = {}
    bases: dict[UUID, set[UUID]] = {}
    for fact in facts:
        match fact:
            case InquiryMatched(inquiry=other) | MatchedToCase(case=other):
                since[other], bases[other] = fact.timestamp, set()
            case InquiryUnmatched(inquiry=other) | UnmatchedFromCase(case=other):
                found.append(Mistake(other, since[other], fact.timestamp, frozenset(bases.pop(other))))
            case ConsentGiven(consent_id=basis) | LegalBasisRecorded(basis_id=basis):
                for meanwhile in bases.values():
                    meanwhile.add(basis)
    return found
