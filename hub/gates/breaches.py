"""What may be a breach of personal data security (GDPR art. 33): told, and then found to rest on a mistake.

Pure: it reads what is on record and judges nothing. Whether it is a breach, who is notified and within which
72 hours is a person's decision; here stands what she or he needs for it. What also rested on a sound basis
when it was told is not listed.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from contracts.terms import Category
from hub.aggregates.citizen_case.case import CitizenCase
from hub.aggregates.citizen_case.emergency import unjustified
from hub.aggregates.citizen_case.mistakes import Mistake
from hub.aggregates.disclosures import Disclosed, PartGrants, Revoked, Source
from hub.aggregates.receipts import Opened
from hub.projections.disclosures import Answered, Told


class Cause(StrEnum):
    """Why something may have been told without a basis."""

    CONSENT_CORRECTED = "consent_corrected"
    """It rested on a consent that was recorded wrongly."""
    LEGAL_BASIS_CORRECTED = "legal_basis_corrected"
    """It rested on a legal basis that was recorded wrongly."""
    EMERGENCY_NOT_JUSTIFIED = "emergency_not_justified"
    """It was told because a life was in danger, and the review found that this was not justified."""
    MATCH_UNDONE = "match_undone"
    """It was made from an inquiry that was matched by mistake: another citizen's."""
    BASIS_WHILE_MATCHED = "basis_while_matched"
    """Its basis was recorded while a wrong match stood: whose words or facts was it?"""


Causes = Callable[[PartGrants, Source, datetime], set[Cause]]
"""Why a part, made from this at that time, may have been told without a basis; empty where it was not."""


@dataclass(frozen=True, slots=True)
class PossibleBreach:
    """One message, as far as it may have been told without a basis."""

    recipient: str
    disclosed: Disclosed
    parts: tuple[int, ...]
    categories: tuple[Category, ...]
    causes: tuple[Cause, ...]
    opened: tuple[Opened, ...]
    revoked: Revoked | None
    answered: Answered | None
    """What became of the revocation; None where nothing was revoked: a person decides whether it is."""


def of_case(case: CitizenCase, told: Iterable[Told], now: datetime) -> list[PossibleBreach]:
    """What was told in the case's own name."""
    grants = {basis.basis_id: set(basis.grants) for basis in case.bases.values()}
    not_justified = unjustified(case)
    while_matched = {g for m in case.mistakes for basis in m.bases for g in grants.get(basis, set())}

    def causes(part: PartGrants, source: Source, at: datetime) -> set[Cause]:
        rested = set(part.grants)
        found: set[Cause] = set()
        if rested <= case.struck | not_justified:
            found |= {_corrected(case, grant) for grant in rested & case.struck}
            found |= {Cause.EMERGENCY_NOT_JUSTIFIED} if rested & not_justified else set()
        found |= {Cause.BASIS_WHILE_MATCHED} if rested <= while_matched else set()
        found |= {Cause.MATCH_UNDONE} if any(_made_by(m, source, at) for m in case.mistakes) else set()
        return found

    return _listed([t for t in told if t.recipient != case.unit], causes, now)


def _corrected(case: CitizenCase, grant: UUID) -> Cause:
    basis = case.bases[case.grants[grant].basis_id]
    return Cause.CONSENT_CORRECTED if basis.rule is None else Cause.LEGAL_BASIS_CORRECTED


def of_inquiry(
    inquiry: CitizenCase, mistake: Mistake, told: Iterable[Told], now: datetime
) -> list[PossibleBreach]:
    """What was told of this inquiry by the case that it was wrongly matched to."""
    own = Mistake(inquiry.id, mistake.since, mistake.until, frozenset())

    def causes(_: PartGrants, source: Source, at: datetime) -> set[Cause]:
        return {Cause.MATCH_UNDONE} if _made_by(own, source, at) else set()

    return _listed([t for t in told if t.recipient != inquiry.unit], causes, now)


def _made_by(mistake: Mistake, source: Source, at: datetime) -> bool:
    return source.stream == mistake.other and mistake.since <= at <= mistake.until


def _listed(told: Iterable[Told], causes: Causes, now: datetime) -> list[PossibleBreach]:
    found = []
    for line in told:
        for disclosed in line.disclosed:
            why = {
                part.part: because
                for part, source in zip(disclosed.parts[1:], disclosed.sources, strict=True)
                if (because := causes(part, source, disclosed.timestamp))
            }
            if why:
                found.append(_breach(line, disclosed, why, now))
    return sorted(found, key=lambda breach: breach.disclosed.timestamp)


def _breach(line: Told, disclosed: Disclosed, why: dict[int, set[Cause]], now: datetime) -> PossibleBreach:
    message = disclosed.message_id
    revoked = [
        r for r in line.revoked if message in r.messages or set(why) & set(r.parts.get(str(message), ()))
    ]
    last = revoked[-1] if revoked else None
    return PossibleBreach(
        recipient=str(line.recipient),
        disclosed=disclosed,
        parts=tuple(sorted(why)),
        categories=tuple(sorted({disclosed.sources[n - 1].category for n in why})),
        causes=tuple(sorted(set().union(*why.values()))),
        opened=tuple(o for o in line.opened if o.message_id == message and set(why) & set(o.parts)),
        revoked=last,
        answered=line.answered(last, now) if last is not None else None,
    )
