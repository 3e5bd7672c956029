"""The tovholder's timeline: everything told to the owning unit, case by case, sealed until somebody looks.

A matched inquiry keeps its own thread; `threads` follows the matches, so that nothing is ever copied and a
match undone is gone from the timeline at once.
"""

from collections.abc import Iterable
from uuid import UUID

from contracts.message_v1 import Erased, Head, Revoked
from contracts.terms import MessageKind
from hub.ports import Row
from hub.projections.base import Effect, Told, kept

NAME = "timeline"


def project(told: Told) -> Effect:
    """Keep every message; drop what is revoked."""
    match told:
        case Told(head=Head() as head):
            return Effect(put=[kept(told, head)])
        case Told(control=(Revoked() | Erased()) as closed):
            return Effect(purge=closed.messages)
        case _:
            return Effect()


def matched_threads(rows: Iterable[Row]) -> set[UUID]:
    """The threads of the inquiries that these rows, in order, leave matched."""
    matched: set[UUID] = set()
    for row in rows:
        match row.clear["kind"]:
            case MessageKind.CASE_MATCHED:
                matched.add(UUID(row.clear["other_thread"]))
            case MessageKind.CASE_UNMATCHED:
                matched.discard(UUID(row.clear["other_thread"]))
    return matched
