"""Filling a view anew from `messages`, while the old one answers; then the copy answers, at once."""

from collections.abc import Iterator

from contracts.client.errors import SealedForSomeoneElse
from contracts.client.inbox import Received
from contracts.client.party import Party
from contracts.envelope import Envelope
from contracts.message_v1 import Control
from hub.bootstrap import Parts
from hub.following import Follower
from hub.projecting import ReadModels
from hub.projections import disclosures

BATCH = 500


def rebuild(parts: Parts, view: str, owner: str) -> Iterator[tuple[int, int]]:
    """Rebuild one view of one owner; yields (done, total) as it goes.

    Stopped, it goes on where it was. Signatures are not checked again: the bytes come from our own store.
    What comes while this ends, the ordinary projection fills in: it finds the copy where this left it.
    """
    copy = parts.views[view].begin_rebuild(owner)
    if view == disclosures.NAME:
        yield from _from_log(parts, Follower(parts.app, copy))
    else:
        yield from _from_messages(parts, parts.models(owner, {view: copy}, rebuild=True), owner)
    copy.switch(owner)


def _from_messages(parts: Parts, models: ReadModels, owner: str) -> Iterator[tuple[int, int]]:
    party = parts.party(owner)
    _, total = parts.app.store.number_at(owner, parts.app.recorder.max_notification_id() or 0)
    while found := parts.outgoing.messages_of(owner, *models.position(), BATCH):
        received = [Received(e, _control(party, e)) for e in found]
        models.apply(received, found[-1].number)
        yield found[-1].number[1], max(total, found[-1].number[1])


def _control(party: Party, envelope: Envelope) -> Control | None:
    try:
        return party.control(envelope)
    except SealedForSomeoneElse:
        return None


def _from_log(parts: Parts, follower: Follower) -> Iterator[tuple[int, int]]:
    done, total = 0, parts.app.recorder.max_notification_id() or 0
    while found := follower.step(BATCH):
        done += found
        yield min(done, total), total
