"""Gate 3 asks the agreement as it stands: a category taken from a partner opens no more, whatever was told.

Danger to life waits for no agreement: what is told because of it opens while its grant lives (domain rule 6).
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from uuid import UUID

from contracts.terms import BasisRule, Category
from hub.aggregates.citizen_case.case import CitizenCase
from hub.aggregates.disclosure_ledger import DisclosureLedger
from hub.aggregates.disclosures import RefusalReason
from hub.gates.gate import Agreement, may_receive


@dataclass(frozen=True, slots=True)
class NotCovered:
    """Parts of a message that its recipient's agreement does not let it open, and why."""

    parts: tuple[int, ...]
    categories: tuple[Category, ...]
    reason: RefusalReason


class Covering:
    """Reads the agreement; `case` is asked only where something is not covered."""

    def __init__(
        self, *, case: Callable[[UUID], CitizenCase], agreement: Callable[[str], Agreement | None]
    ) -> None:
        self._case = case
        self._agreement = agreement

    def not_covered(
        self, ledger: DisclosureLedger, message_id: UUID, parts: Collection[int], living: Collection[UUID]
    ) -> NotCovered | None:
        """Which of these parts may not be opened on these living grants; None for none."""
        agreement, told = self._agreement(ledger.recipient), ledger.sources[message_id]
        refused = {n: why for n in parts if n and (why := may_receive(agreement, told[n].category))}
        if not refused:
            return None
        case = self._case(ledger.case_id)
        if ledger.recipient == case.unit:
            return None
        in_danger = {
            grant
            for basis in case.bases.values()
            if basis.rule is BasisRule.VITAL_INTEREST
            for grant in basis.grants
            if grant in living
        }
        withheld = tuple(
            n
            for n, why in sorted(refused.items())
            if why is not RefusalReason.NOT_IN_AGREEMENT or not ledger.parts[message_id][n] & in_danger
        )
        if not withheld:
            return None
        categories = tuple(sorted({told[n].category for n in withheld}))
        return NotCovered(withheld, categories, refused[withheld[0]])
