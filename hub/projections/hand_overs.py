"""Hand-overs that wait for their answer: the worklist of whoever was asked to take a case over.

Whom, and from whom, stands in the case: the row says that something waits, and by when.
"""

from collections.abc import Iterable
from uuid import UUID

from contracts.message_v1 import Head, Revoked
from contracts.terms import MessageKind
from hub.ports import Row
from hub.projections.base import Effect, Told, kept

NAME = "hand_overs"

_KEPT = {
    MessageKind.HAND_OVER_REQUESTED,
    MessageKind.HAND_OVER_DECLINED,
    MessageKind.COORDINATOR_ASSIGNED,
}


def project(told: Told) -> Effect:
    """Keep requests and what answers them."""
    match told:
        case Told(head=Head(kind=kind) as head) if kind in _KEPT:
            return Effect(put=[kept(told, head)])
        case Told(control=Revoked() as revoked):
            return Effect(purge=revoked.messages)
        case _:
            return Effect()


def waiting(rows: Iterable[Row]) -> list[Row]:
    """The requests that wait, one a case, the nearest deadline first."""
    asked: dict[UUID, Row] = {}
    for row in rows:
        if row.clear["kind"] == MessageKind.HAND_OVER_REQUESTED:
            asked[row.thread] = row
        else:
            asked.pop(row.thread, None)
    return sorted(asked.values(), key=lambda r: (str(r.clear["deadline"]), r.sequence))
