"""Disclosures of a case: who was told what, when, on which basis, and what became of it.

Fed from the log, not from a topic: ledgers and receipts are the hub's own. A row points at an event and holds
nothing of it, so a dump of this view tells nothing; the events are opened when somebody looks.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import get_args
from uuid import UUID, uuid5

from hub.aggregates.disclosures import Disclosed, LedgerOpened, Refused, Revoked
from hub.aggregates.receipts import Opened, Purged, Retained, Withheld
from hub.ports import Row

NAME = "disclosures"
OWNER = "hub"
"""The view is the hub's own; who may see which case of it is the access table's matter."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Stands for an event that is there and fails its tag."""

    originator_id: UUID


_POINTED_AT = Disclosed | Refused | Revoked | LedgerOpened | Opened | Withheld | Purged | Retained
Fact = _POINTED_AT | Unreadable
TOPICS = frozenset(kind.TOPIC for kind in get_args(_POINTED_AT))
"""How the log names the events that the view points at."""


class Answered(StrEnum):
    """What became of a revocation."""

    PURGED = "purged"
    RETAINED = "retained"
    WAITING = "waiting"
    SILENT = "silent"
    """The time to answer is over. Silence is never taken for a purge."""


def row_of(event: object, position: int) -> Row | None:
    """The pointer to an event that the view keeps, by case; None for what it has no use for."""
    if isinstance(event, _POINTED_AT):
        return pointer(event.originator_id, event.originator_version, event.case_id, position)
    return None


def pointer(stream: UUID, version: int, case_id: UUID, position: int) -> Row:
    """The row that stands for one event."""
    clear = {"stream": str(stream), "version": str(version)}
    return Row(uuid5(stream, str(version)), case_id, position, clear, b"")


@dataclass(slots=True)
class Told:
    """One recipient's line in the overview of a case.

    `recipient` is None where what names it cannot be read; `unreadable` counts what can't be shown.
    """

    recipient: str | None
    unreadable: int = 0
    disclosed: list[Disclosed] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    revoked: list[Revoked] = field(default_factory=list)
    opened: list[Opened] = field(default_factory=list)
    withheld: list[Withheld] = field(default_factory=list)
    answers: dict[UUID, Purged | Retained] = field(default_factory=dict)

    def answered(self, revocation: Revoked, now: datetime) -> Answered:
        """What became of one revocation."""
        match self.answers.get(revocation.revocation):
            case Purged():
                return Answered.PURGED
            case Retained():
                return Answered.RETAINED
            case _:
                return Answered.SILENT if now >= revocation.answer_by else Answered.WAITING


def overview(facts: Iterable[Fact]) -> list[Told]:
    """Every recipient that was ever told something of the case, with what became of it."""
    ledgers: dict[UUID, Told] = {}
    by_recipient: dict[str, Told] = {}

    def ledger(stream: UUID) -> Told:
        return ledgers.setdefault(stream, Told(None))

    def recipient(slug: str) -> Told:
        return by_recipient.setdefault(slug, Told(slug))

    for fact in facts:
        match fact:
            case LedgerOpened():
                ledgers[fact.originator_id] = recipient(fact.recipient)
            case Disclosed():
                ledger(fact.originator_id).disclosed.append(fact)
            case Refused():
                ledger(fact.originator_id).refused.append(fact)
            case Revoked():
                ledger(fact.originator_id).revoked.append(fact)
            case Opened():
                recipient(fact.recipient).opened.append(fact)
            case Withheld():
                recipient(fact.recipient).withheld.append(fact)
            case Purged() | Retained():
                recipient(fact.recipient).answers[fact.revocation] = fact
            case Unreadable():
                ledger(fact.originator_id).unreadable += 1
    return [*by_recipient.values(), *(told for told in ledgers.values() if told.recipient is None)]
