"""Filling a view anew from `messages`, while the old one answers; then the copy answers, at once."""

from collections.abc import Iterator

from contracts.client.inbox import Received, Sorted, take
from contracts.envelope import Envelope
from contracts.inbound_v1 import Problem
from hub.adapters.store.views import TableView
from hub.bootstrap import Parts
from hub.errors import Conflict, Forbidden, Missing
from hub.logs import logger
from hub.ports import StoredMessage
from hub.projections import disclosures
from hub.topics.following import Follower
from hub.topics.projecting import ReadModels

log = logger("rebuilding")
BATCH = 500


def rebuild(parts: Parts, view: str, owner: str) -> Iterator[tuple[int, int]]:
    """Rebuild one view of one owner; yields (done, total) as it goes.

    Stopped, it goes on where it was. Signatures are not checked again: the bytes come from our own store.
    What the living view took in after the copy looked last is filled in after the switch, for no message
    may come that would show the ordinary projection its gap. Raises `Missing`, `Conflict`, and `Forbidden`
    for an owner that is suspended: it is given no message, and an empty copy would replace what it has.
    """
    if view not in parts.views:
        raise Missing(f"there is no such view: one of {', '.join(sorted(parts.views))}", field="view")
    if view == disclosures.NAME and owner != disclosures.OWNER:
        raise Missing(f"the view {view} is the hub's own: its owner is {disclosures.OWNER}", field="owner")
    if view != disclosures.NAME:
        parts.party(owner)
        _may_be_filled(parts, owner)
    with parts.app.store.single(f"rebuild.{view}.{owner}") as alone:
        if not alone:
            raise Conflict("this view is being rebuilt by another process: let it end", field="view")
        copy = parts.views[view].begin_rebuild(owner)
        yield from _filled(parts, view, owner, copy)
        if view != disclosures.NAME:
            _may_be_filled(parts, owner)
        copy.switch(owner)
        yield from _filled(parts, view, owner, copy)


def _may_be_filled(parts: Parts, owner: str) -> None:
    partner = parts.app.store.partner(owner)
    if partner is None or not partner.active:
        raise Forbidden("the owner is suspended: its view stays; resume it first", field="owner")


def _filled(parts: Parts, view: str, owner: str, copy: TableView) -> Iterator[tuple[int, int]]:
    if view == disclosures.NAME:
        return _from_log(parts, copy)
    return _from_messages(parts, parts.models(owner, {view: copy}, rebuild=True), owner)


def _from_messages(parts: Parts, models: ReadModels, owner: str) -> Iterator[tuple[int, int]]:
    _, total = parts.app.store.number_at(owner, parts.app.recorder.max_notification_id() or 0)
    position = models.position()
    while found := parts.outgoing.stored_of(owner, *position, BATCH):
        last = found[-1].epoch, found[-1].sequence
        living = tuple(Received(_unsigned(message), None) for message in found if message.living)
        position = take(Sorted(living, (), last, ()), position, models, _passed_over)
        yield position[1], max(total, position[1])


def _unsigned(message: StoredMessage) -> Envelope:
    return Envelope(message.message_id, "", b"", message.sealed, message.epoch, message.sequence)


def _passed_over(problem: Problem) -> None:
    """As in the ordinary projection: it is an alarm, and the rest goes on."""
    log.error("a message is passed over", error=problem.reason.value, message_id=problem.message_id)


def _from_log(parts: Parts, copy: TableView) -> Iterator[tuple[int, int]]:
    follower, total = Follower(parts.app, copy), parts.app.recorder.max_notification_id() or 0
    while follower.step(BATCH):
        _, done = copy.position(disclosures.OWNER)
        yield done, max(total, done)
