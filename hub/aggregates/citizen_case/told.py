"""What a case has told, and what of it stands: later facts replace earlier ones, or take them back."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from hub.aggregates.citizen_case.events import CaseEvent
from hub.aggregates.citizen_case.values import Content, Entry

if TYPE_CHECKING:
    from hub.aggregates.citizen_case.case import CitizenCase


def entries(case: "CitizenCase", facts: Iterable[CaseEvent]) -> list[Entry]:
    """What was told and stands.

    A content with a slot takes the place of the former one of that slot, a correction the place of what it
    corrects. What was retracted stands no longer; that it was is told once, and stands nowhere itself.
    """
    told = [
        Entry(fact.originator_version, fact.timestamp, content)
        for fact in facts
        if fact.originator_version not in case.retracted
        for content in fact.tells()
        if not content.retracts
    ]
    last = {e.content.slot: e.version for e in told}
    wrong = set(case.corrected.values())
    return [
        e
        for e in told
        if (e.version, e.content.field) not in wrong
        and (e.content.slot is None or e.version == last[e.content.slot])
    ]


def told_now(case: "CitizenCase", fact: CaseEvent, field: str) -> dict[str, Any]:
    """What stands of a field of a fact today: as it was told, or as it was corrected last."""
    pointed = (fact.originator_version, field)
    while newer := next((new for new, old in case.corrected.items() if old == pointed), None):
        pointed = newer
    version, field = pointed
    return next(c.data for c in case.fact(version).tells() if c.field == field)


def in_place_of(self: "CitizenCase", content: Content) -> tuple[tuple[int, str], ...]:
    """What a content is in the place of, by version and field, the nearest first.

    A correction can be corrected too; a retraction is in the place of all that it takes back.
    """
    found = [
        (version, old.field)
        for version in content.retracts
        for old in self.fact(version).tells()
        if old.category is content.category
    ]
    pointed = content.corrects
    while pointed is not None:
        found.append(pointed)
        pointed = self.corrected.get(pointed)
    return tuple(found)
