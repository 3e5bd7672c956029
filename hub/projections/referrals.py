"""The referral inbox of an organisation that receives referrals: where each one stands."""

from collections.abc import Iterable

from contracts.message_v1 import Erased, Head, Revoked
from contracts.terms import MessageKind
from hub.ports import Row
from hub.projections.base import Effect, Told, kept

NAME = "referrals"


def project(told: Told) -> Effect:
    """Keep every message (a referral is read together with what was told for it); drop what is revoked."""
    match told:
        case Told(head=Head() as head):
            return Effect(put=[kept(told, head)])
        case Told(control=(Revoked() | Erased()) as closed):
            return Effect(purge=closed.messages)
        case _:
            return Effect()


def latest(rows: Iterable[Row]) -> list[Row]:
    """For each referral the row that says where it stands now, those with the nearest deadline first."""
    last: dict[str, Row] = {}
    deadline: dict[str, str] = {}
    for row in rows:
        referral = row.clear.get("referral")
        if referral is None:
            continue
        if row.clear["kind"] == MessageKind.REFERRAL_REQUESTED and row.clear["deadline"]:
            deadline[referral] = row.clear["deadline"]
        last[referral] = row
    return sorted(last.values(), key=lambda r: (deadline.get(str(r.clear["referral"]), "~"), r.sequence))
