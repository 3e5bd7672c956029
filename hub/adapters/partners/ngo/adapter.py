"""The adapter of an organisation that receives referrals: it keeps sealed bytes, purges what is revoked, and
says so. What its people do is in `desk`.

Order of a purge: the rows go and the answer is queued in one transaction; the file is scrubbed; the answer is
sent, again and again until the hub has it. So *purged* is never said of what is still on disk.
"""

import logging
from collections.abc import Mapping, Sequence
from typing import Final
from uuid import UUID, uuid5

from contracts.client.errors import HubUnreachable, NotKnownYet, NotLetIn, NotNow, Refused
from contracts.client.inbox import Position, Received
from contracts.client.sealed import open_head
from contracts.inbound_v1 import PurgeAnswer, PurgeOutcome
from contracts.message_v1 import Erased, Head, Revoked
from hub.adapters.partners.disk import NotScrubbed
from hub.adapters.partners.ngo.desk import Desk
from hub.adapters.partners.ngo.rows import Change, Kept, Outgoing

log = logging.getLogger("partners.ngo")

Closing = Revoked | Erased
_KEYS_AT_ONCE: Final = 200
_BUSY: Final = "conflict"
"""The hub's word for: others were changing the same case, ask again."""


class Ngo(Desk):
    """One recipient: `receive` takes in and answers; the rest is the desk's.

    A test that needs a recipient who does otherwise overrides `close_revoked` or `purge_answer`.
    """

    # --- what comes in ------------------------------------------------------------------------------

    def receive(self) -> int:
        """Take in what has come, then send what waits; how many numbers were taken in.

        Raises `HubUnreachable`, `Refused` and `MissingMessages`: stop, and begin again here.
        """
        self.keys.sweep()
        start = position = self.store.position
        try:
            while (reached := self._link.read(self, position)) != position:
                position = reached
        except HubUnreachable:
            # Over Kafka the topic that we write may be there while what we read, or the keys, is not.
            self.send()
            raise
        self.send()
        self._duty.ask(self._link.hub)
        return position[1] - start[1] if position[0] == start[0] else position[1]

    step = receive

    def apply(self, received: Sequence[Received], position: Position) -> None:
        """Keep what may be opened, drop what is revoked, and move on: one transaction."""
        change = Change(position)
        for one in received:
            if isinstance(one.control, Revoked | Erased):
                self.close_revoked(change, one.envelope.message_id, one.control)
        data = {one.envelope.message_id: one for one in received if one.control is None}
        for message_id, head in self._heads({m: r.envelope.value for m, r in data.items()}).items():
            one = data[message_id]
            change.put.append(Kept(message_id, one.position, head, one.envelope.value))
        here = {m: s for m in change.close_parts if (s := self.store.sealed(m)) is not None}
        change.heads = self._heads(here, rebuild=True)
        # Without its head the closed bytes can't be told from the rest; nor could anybody open the rest.
        change.close |= here.keys() - change.heads.keys()
        self.store.apply(change)
        self._forget(change)

    def close_revoked(self, change: Change, revocation: UUID, closing: Closing) -> None:
        """Add to a change what a revocation closes, and the answer to it."""
        change.close |= set(closing.messages)
        for message_id, parts in closing.parts.items():
            change.close_parts.setdefault(message_id, set()).update(parts)
        answer = self.purge_answer(revocation, closing)
        change.outgoing.append(self._outgoing(uuid5(revocation, "answer"), answer, purge=True))

    def purge_answer(self, revocation: UUID, closing: Closing) -> PurgeAnswer:
        """Purged; or retained, where our own journal took something of it over and we must keep that."""
        kept = self.store.taken_over({*closing.messages, *closing.parts})
        return PurgeAnswer(
            revocation=revocation,
            thread=closing.thread,
            outcome=PurgeOutcome.RETAINED if kept else PurgeOutcome.PURGED,
            basis=self.settings.retains if kept else None,
        )

    def _heads(self, sealed: Mapping[UUID, bytes], *, rebuild: bool = False) -> dict[UUID, Head]:
        """The heads that the hub lets us open. Their keys are dropped here."""
        asked, found = list(sealed), {}
        for start in range(0, len(asked), _KEYS_AT_ONCE):
            batch = asked[start : start + _KEYS_AT_ONCE]
            for message_id, key in self._link.hub.head_keys(batch, rebuild=rebuild).items():
                found[message_id] = open_head(sealed[message_id], key, *self._names, message_id)
        return found

    def _forget(self, change: Change) -> None:
        for message_id in change.close:
            self.keys.forget(message_id)
        for message_id, parts in change.close_parts.items():
            self.keys.forget(message_id, tuple(parts))

    # --- what goes out ------------------------------------------------------------------------------

    def send(self) -> int:
        """Send what waits; how many answers the hub has now. Raises `HubUnreachable` and `NotLetIn`."""
        waiting, sent = self.store.outgoing(), 0
        if any(one.purge for one in waiting) and not self._scrubbed():
            waiting = [one for one in waiting if not one.purge]
        for one in waiting:
            sent += self._send(one)
        return sent

    def _send(self, one: Outgoing) -> bool:
        try:
            self._link.send(one.message_id, self._link.unlocked(one.message_id, one.sealed))
        except NotLetIn:
            raise
        except Refused as error:
            log.warning("answer %s: the hub says %s", one.message_id, error.problem)
            later = isinstance(error, NotKnownYet) or (isinstance(error, NotNow) and error.problem == _BUSY)
            if not one.purge and not later:
                self.store.sent(one.message_id, note=error.problem)
            return False
        self.store.sent(one.message_id)
        return True

    def _scrubbed(self) -> bool:
        try:
            self.store.scrub()
        except NotScrubbed as error:
            log.warning("%s", error)
            return False
        return True
