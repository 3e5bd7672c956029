"""The relay: one at a time, in order, from the outbox to each recipient's topic (gate 2 is `outgoing`).

A batch is claimed before it is looked at again: `relay.claimed` is stored, and only then is asked which
grants still live. So a withdrawal that commits before the claim turns its messages into blanks, and of one
that commits later the mark says that they may have left. `relay` moves after every ack; a crash in between
sends again, and readers drop what they have by its number.
"""

import logging
import threading
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Final

from contracts.envelope import Envelope, to_headers
from hub.errors import Unavailable
from hub.outgoing import Outgoing
from hub.ports import Broker, Record, Store

log = logging.getLogger("hub.relay")
POSITION: Final = "relay"
CLAIMED: Final = "relay.claimed"
BATCH: Final = 200
_POLL_S: Final = 0.02
_BACKOFF_S: Final = 0.05
_BACKOFF_MAX_S: Final = 5.0


class Relay:
    """Sends what the store holds. Any number of processes may have one; the store lets one at a time run."""

    def __init__(self, store: Store, broker: Broker, outgoing: Outgoing) -> None:
        """Keep the parts; nothing is read or connected before the first step."""
        self._store = store
        self._broker = broker
        self._outgoing = outgoing
        self._alone = ExitStack()
        self._is_alone = False
        self._lock = threading.Lock()
        self._topics: set[str] = set()

    def step(self, limit: int = BATCH) -> int:
        """Send at most `limit` messages; how many were dealt with, 0 also where another relay runs.

        Raises `Unavailable`; the same messages come again at the next step.
        """
        with self._lock:
            if not self._hold():
                return 0
            position = self._store.position(POSITION)
            waiting = self._store.outbox(position, limit, self._outgoing.now())
            if not waiting:
                return 0
            last = waiting[-1].number
            self._store.set_position(CLAIMED, last)
            # Read again, for a grant may have ended before the claim was stored.
            claimed = [
                m for m in self._store.outbox(position, limit, self._outgoing.now()) if m.number <= last
            ]
            reachable = self._reachable({message.recipient for message in claimed})
            self._publish(
                [(m.recipient, self._outgoing.envelope(m)) for m in claimed if m.recipient in reachable]
            )
            self._store.set_position(POSITION, last)
            return len(claimed)

    def resend(self, recipient: str, after: tuple[int, int], limit: int = BATCH) -> int:
        """Send a recipient's messages after its (epoch, sequence) once more; how many.

        For a partner that was suspended, that lost what it had, or whose topic was missing. Grants are asked
        again: what has ended since travels as a blank.
        """
        sent = 0
        with self._lock:
            while found := self._outgoing.messages_of(recipient, *after, limit):
                self._publish([(recipient, envelope) for envelope in found])
                sent += len(found)
                after = found[-1].number
        return sent

    def run(self, stop: threading.Event) -> None:
        """Step until `stop` is set; while the broker or the store is away, try again ever more slowly."""
        pause = _BACKOFF_S
        try:
            while not stop.is_set():
                try:
                    found = self.step()
                    pause = _BACKOFF_S
                except Unavailable as error:
                    log.warning("cannot send now", extra={"slug": error.slug})
                    stop.wait(pause)
                    pause = min(pause * 2, _BACKOFF_MAX_S)
                    continue
                if not found:
                    stop.wait(_POLL_S)
        finally:
            self.close()

    def close(self) -> None:
        """Let the next relay in."""
        with self._lock:
            self._is_alone = False
            self._alone.close()

    def _hold(self) -> bool:
        if not self._is_alone:
            self._alone.close()
            self._is_alone = self._alone.enter_context(self._store.single(POSITION))
        return self._is_alone

    def _reachable(self, recipients: set[str]) -> set[str]:
        """Who is sent to: active partners with a topic. One that is neither must not stop all the others.

        It misses nothing for good: its numbers show the gap, and the HTTP profile or `resend` fills it.
        """
        if not all(self._outgoing.topic(recipient) in self._topics for recipient in recipients):
            self._topics = self._broker.topics()
        active = {partner.slug for partner in self._store.partners() if partner.active}
        for recipient in sorted(recipients & active):
            if self._outgoing.topic(recipient) not in self._topics:
                log.error(
                    "a partner has no topic: run `hub topics`, then resend", extra={"partner": recipient}
                )
        return {one for one in recipients & active if self._outgoing.topic(one) in self._topics}

    def _publish(self, envelopes: Sequence[tuple[str, Envelope]]) -> None:
        if envelopes:
            self._broker.publish(
                [
                    Record(self._outgoing.topic(recipient), envelope.value, to_headers(envelope))
                    for recipient, envelope in envelopes
                ]
            )
