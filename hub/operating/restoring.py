"""After a backup was restored: what the database forgot, from what is kept apart from it.

The database is of yesterday. The fence knows which grants ended since, so that a consent that was withdrawn
stays withdrawn, and which keys were destroyed, so that no number leads to what was erased. The partners'
topics hold what they sent since. Numbers given since are taken, so every recipient's begin anew in the next
epoch, before anything is written. What came over HTTP since is with the reporters' programs alone: each
recipient is told at once, by a heartbeat, that there is a new epoch, and they hand it over again.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final
from uuid import UUID, uuid5

from contracts.topics import from_topic
from hub.aggregates.base import Actor
from hub.aggregates.citizen_case.events import InquiryOpened
from hub.application.committing import Command
from hub.bootstrap import Parts
from hub.errors import Conflict, Corrupt, Missing, Unavailable
from hub.logs import logger
from hub.ports import Broker
from hub.topics.receiving import Receiver

log = logger("restoring")
RESTORER: Final = Actor("hub", "hub", "restore", "hub")
_PAGE: Final = 1000
_PATIENCE_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class Restored:
    """What was found."""

    epoch: int
    ended: int
    cases: int
    damaged: int
    """Cases that could not be looked at: the fence holds what ended in them, and no record does."""
    read: int


def forgets(parts: Parts) -> str | None:
    """What to do where the database forgot what the fence knows, as a backup does that was put back; or None.

    The fence hears of a grant's end, and of an epoch, after the database has it. Of a key it hears before, so
    that one which lives in the database says nothing.
    """
    store, keys = parts.app.store, parts.app.keys
    if keys.forgotten() or keys.is_destroyed(_epoch_id(store.store_id, store.epoch() + 1)):
        return (
            "the database is older than the fence, as a backup is that was put back: stop every process and"
            " run `hub restored`"
        )
    return None


def refuse_forgetful(parts: Parts) -> None:
    """Nothing is to be written beside what the database forgot. Raises `Conflict`."""
    if amiss := forgets(parts):
        raise Conflict(amiss)


def restore(parts: Parts, broker: Broker) -> Restored:
    """Set right what the backup did not know. Done twice it does harm to nothing but the count of epochs.

    Raises `Unavailable` where the receivers still run, or the broker is away.
    """
    epoch = _begin_epoch(parts)
    parts.app.keys.erase_again()
    fenced = parts.app.keys.ended()
    found = [_end_again(parts, case_id, fenced) for case_id in _cases(parts)]
    again = [count for count in found if count]
    parts.app.keys.end_forgotten()
    read = sum(_read_again(parts, broker, row.slug) for row in parts.app.store.partners())
    for partner in parts.app.store.partners():
        if partner.active:
            heartbeat = Command(by=RESTORER, key=f"heartbeat:{partner.slug}:{epoch}.0")
            parts.hub.send_heartbeat(heartbeat, partner.slug)
    return Restored(epoch, sum(again), len(again), found.count(None), read)


def _begin_epoch(parts: Parts) -> int:
    """The first that was never begun, also not in a database that is gone since: the fence knows each."""
    store, keys = parts.app.store, parts.app.keys
    epoch = store.begin_epoch()
    while keys.is_destroyed(_epoch_id(store.store_id, epoch)):
        epoch = store.begin_epoch()
    keys.destroy(_epoch_id(store.store_id, epoch))
    return epoch


def _epoch_id(store_id: bytes, epoch: int) -> UUID:
    """What stands behind the fence of an epoch that was begun (docs/format.md section 2)."""
    return uuid5(UUID(bytes=store_id), f"epoch:{epoch}")


def _end_again(parts: Parts, case_id: UUID, fenced: frozenset[UUID]) -> int | None:
    """How many grants of a case ended once more; None where it is damaged, which must not stop the others."""
    try:
        case = parts.committer.case(case_id)
        grants = case.grants.values()
        if case.standing_grant in fenced:
            # It ends in an erasure alone: what was begun before the backup was restored is finished.
            parts.committer.destroy(case)
            return 0
        revived = {g.grant_id for g in grants if g.grant_id in fenced and not g.ended}
        if revived:
            parts.hub.end_again(Command(by=RESTORER), case_id, revived)
    except Missing:
        return 0  # erased: its keys are behind the fence as well
    except Corrupt as error:
        log.error("a case cannot be read", error=error.slug)
        return None
    return len(revived)


def _cases(parts: Parts) -> Iterator[UUID]:
    position = 0
    while page := parts.app.notifications(position, _PAGE):
        yield from (UUID(str(n.originator_id)) for n in page if n.topic == InquiryOpened.TOPIC)
        position = page[-1].id


def _read_again(parts: Parts, broker: Broker, slug: str) -> int:
    topic = from_topic(parts.settings.municipality, slug)
    held = broker.held(topic) if topic in broker.topics() else 0
    receiver = Receiver(
        broker=broker,
        inbound=parts.inbound,
        municipality=parts.settings.municipality,
        partner=slug,
        anew=True,
    )
    read, deadline = 0, time.monotonic() + _PATIENCE_S
    try:
        while read < held:
            read += receiver.step(_PAGE, 0.5)
            if time.monotonic() > deadline:
                raise Unavailable("a partner's topic can't be read: stop `hub receive`, then again")
    finally:
        receiver.close()
    return read
