"""The intake inbox: reports that nobody has opened a case on, or matched to one, most urgent first.

Received is not read, and read is not acted on (domain rule 10): a report leaves the inbox only by what a
person decided, never by being looked at.
"""

from collections.abc import Iterable
from uuid import UUID

from contracts.message_v1 import Head, Revoked
from contracts.terms import MessageKind, Urgency
from hub.ports import Row
from hub.projections.base import Effect, Told, kept

NAME = "intake"

_KEPT = {
    MessageKind.REPORT_RECEIVED,
    MessageKind.CASE_OPENED,
    MessageKind.CASE_MATCHED,
    MessageKind.CASE_UNMATCHED,
}
_RANK = {Urgency.ACUTE: 0, Urgency.URGENT: 1, Urgency.ROUTINE: 2}


def project(told: Told) -> Effect:
    """Keep reports and what takes them out of the inbox."""
    match told:
        case Told(head=Head(kind=kind) as head) if kind in _KEPT:
            return Effect(put=[kept(told, head)])
        case Told(control=Revoked() as revoked):
            return Effect(purge=revoked.messages)
        case _:
            return Effect()


def waiting(rows: Iterable[Row]) -> list[Row]:
    """The reports that wait for a person, most urgent first, then oldest first."""
    reports: list[Row] = []
    opened: set[UUID] = set()
    matched: set[UUID] = set()
    for row in rows:
        match row.clear["kind"]:
            case MessageKind.REPORT_RECEIVED:
                reports.append(row)
            case MessageKind.CASE_OPENED:
                opened.add(row.thread)
            case MessageKind.CASE_MATCHED:
                matched.add(UUID(row.clear["other_thread"]))
            case MessageKind.CASE_UNMATCHED:
                matched.discard(UUID(row.clear["other_thread"]))
    left = [r for r in reports if r.thread not in opened and r.thread not in matched]
    return sorted(left, key=lambda r: (_RANK[Urgency(str(r.clear["urgency"]))], r.sequence))
