"""The intake inbox: reports that nobody has decided anything about, most urgent first.

Received is not read, and read is not acted on (domain rule 10): a report leaves the inbox only by what a
person decided (a case opened, a match, set aside, her or his no), never by being looked at. What rests comes
back when it is reopened.
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
    MessageKind.REPORT_SET_ASIDE,
    MessageKind.CITIZEN_DECLINED,
    MessageKind.CASE_REOPENED,
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
    resting: set[UUID] = set()
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
                resting.discard(UUID(row.clear["other_thread"]))
            case MessageKind.REPORT_SET_ASIDE | MessageKind.CITIZEN_DECLINED:
                resting.add(row.thread)
            case MessageKind.CASE_REOPENED:
                resting.discard(row.thread)
    gone = opened | matched | resting
    left = [r for r in reports if r.thread not in gone]
    return sorted(left, key=lambda r: (_RANK[Urgency(str(r.clear["urgency"]))], r.sequence))
