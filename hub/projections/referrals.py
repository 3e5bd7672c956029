"""What an organisation was asked: where each referral to it stands, and each case offered to it."""

from collections.abc import Iterable

from contracts.message_v1 import Erased, Head, Revoked
from contracts.terms import MessageKind
from hub.ports import Row
from hub.projections.base import Effect, Told, kept

NAME = "referrals"
_REQUESTED = {MessageKind.REFERRAL_REQUESTED, MessageKind.CASE_MOVE_REQUESTED}


def project(told: Told) -> Effect:
    """Keep every message (a referral is read together with what was told for it); drop what is revoked."""
    match told:
        case Told(head=Head() as head):
            return Effect(put=[kept(told, head)])
        case Told(control=(Revoked() | Erased()) as closed):
            return Effect(purge=closed.messages)
        case _:
            return Effect()


def latest(rows: Iterable[Row], ref: str = "referral") -> list[Row]:
    """For each referral, or move, the row that says where it stands now, the nearest deadline first."""
    last: dict[str, Row] = {}
    deadline: dict[str, str] = {}
    for row in rows:
        asked = row.clear.get(ref)
        if asked is None:
            continue
        if row.clear["kind"] in _REQUESTED and row.clear["deadline"]:
            deadline[asked] = row.clear["deadline"]
        last[asked] = row
    return sorted(last.values(), key=lambda r: (deadline.get(str(r.clear[ref]), "~"), r.sequence))
