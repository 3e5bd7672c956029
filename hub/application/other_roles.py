"""The same person exposed in one case and perpetrator in another: what the programme lead alone may ask.

Found by the blind index, in which the two are two values that nobody can link without the key (docs/format.md
section 8), and held against what the cases say now: what was taken back or erased since finds nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from contracts.terms import PersonRole
from hub.aggregates.citizen_case.case import CitizenCase
from hub.application.committing import Committer
from hub.ports import Events

_OPPOSITE: Final = (
    (PersonRole.EXPOSED, PersonRole.PERPETRATOR),
    (PersonRole.PERPETRATOR, PersonRole.EXPOSED),
)


@dataclass(frozen=True, slots=True)
class OtherRole:
    """Somebody of this case stands in another one in the other role."""

    case: UUID
    number: str | None
    unit: str
    here: PersonRole
    there: PersonRole


def other_roles(own: Sequence[CitizenCase], committer: Committer, events: Events) -> list[OtherRole]:
    """Where else somebody of a case, or of what is matched with it, stands in the other role."""
    mine = {one.id for one in own}
    found: set[OtherRole] = set()
    for one in own:
        for here, there in _OPPOSITE:
            numbers = one.cpr_numbers_as(here)
            for other in _readable(events, set(committer.cases_with(there, numbers)) - mine):
                if numbers & other.cpr_numbers_as(there):
                    whole = _whole(events, other)
                    found.add(OtherRole(whole.id, whole.number, whole.unit, here, there))
    return sorted(found, key=lambda line: (str(line.case), line.here))


def _readable(events: Events, case_ids: set[UUID]) -> list[CitizenCase]:
    return [one for one in events.latest(case_ids).values() if isinstance(one, CitizenCase)]


def _whole(events: Events, case: CitizenCase) -> CitizenCase:
    """The case that an inquiry is matched to; the inquiry itself where that can't be read."""
    main = {case.matched_to} if case.matched_to is not None else set()
    return next(iter(_readable(events, main)), case)
