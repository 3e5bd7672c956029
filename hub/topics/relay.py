"""The relay: one at a time, in order, from the outbox to each recipient's topic (gate 2 is `outgoing`).

A batch is claimed before it is looked at again: `relay.claimed` is stored, and only then is asked which
grants still live. So a withdrawal that commits before the claim turns its messages into blanks, and of one
that commits later the mark says that they may have left. `relay` moves after every ack; a crash in between
sends again, and readers drop what they have by its number.

A recipient that cannot be sent to (suspended, without a topic, without the right) stops nobody. What was
passed over is remembered in two marks, `relay.resent.<slug>` before its first number and
`relay.skipped.<slug>` at its last, and goes before anything newer once the recipient can be sent to.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Final

from contracts.envelope import Envelope, to_headers
from hub.errors import Forbidden, HubError, Invalid, NoTopic, Unavailable
from hub.gates.outgoing import EPOCH_BITS, Outgoing
from hub.logs import logger
from hub.ports import Broker, Record, Store, StoredMessage

log = logger("relay")
POSITION: Final = "relay"
CLAIMED: Final = "relay.claimed"
BATCH: Final = 200
SKIPPED: Final = "relay.skipped."
RESENT: Final = "relay.resent."
RETRY_S = 5.0
"""How long a recipient that could not be sent to is left alone."""
STANDS_BY_S = 1.0
"""How often one that waits for another looks whether that has gone: each look is a connection of its own."""


class Relay:
    """Sends what the store holds. Any number of processes may have one; the store lets one at a time run."""

    def __init__(
        self,
        store: Store,
        broker: Broker,
        outgoing: Outgoing,
        sent: Callable[[str, int], None] = lambda *_: None,
    ) -> None:
        """Keep the parts; nothing is read or connected before the first step. `sent` is told what left."""
        self._store = store
        self._broker = broker
        self._outgoing = outgoing
        self._sent = sent
        self._alone = ExitStack()
        self._is_alone = False
        self._look_again_at = 0.0
        self._lock = threading.Lock()
        self._topics: set[str] = set()
        self._behind: dict[str, tuple[int, int]] = {}
        self._retry_at: dict[str, float] = {}

    def step(self, limit: int = BATCH) -> int:
        """Send at most `limit` messages; how many were dealt with, 0 also where another relay runs.

        Raises `Unavailable`; the same messages come again at the next step.
        """
        with self._lock:
            if not self._hold():
                return 0
            resent = self._catch_up(limit)
            position = self._store.position(POSITION)
            waiting = self._store.outbox(position, limit, self._outgoing.now())
            if not waiting:
                return resent
            last = waiting[-1].number
            self._store.set_position(CLAIMED, last)
            # Read again, for a grant may have ended before the claim was stored.
            claimed = [
                m for m in self._store.outbox(position, limit, self._outgoing.now()) if m.number <= last
            ]
            reachable = self._reachable({message.recipient for message in claimed}) - set(self._behind)
            failed = self._send([m for m in claimed if m.recipient in reachable])
            self._skip([m for m in claimed if m.recipient in failed or m.recipient not in reachable])
            self._store.set_position(POSITION, last)
            return len(claimed) + resent

    def resend(self, recipient: str, after: tuple[int, int], limit: int = BATCH) -> int:
        """Send a recipient's messages after its (epoch, sequence) once more; how many.

        For a partner that lost what it had. Grants are asked again: what has ended since travels as a blank.
        What the relay has not claimed yet is left to it, for until then it counts as never sent.
        """
        sent = 0
        with self._lock:
            while found := self._sendable(recipient, after, limit):
                self._publish([(m.recipient, self._outgoing.envelope(m)) for m in found])
                sent += len(found)
                after = found[-1].epoch, found[-1].sequence
        return sent

    def close(self) -> None:
        """Let the next relay in."""
        with self._lock:
            self._is_alone = False
            self._alone.close()

    def _hold(self) -> bool:
        if not self._is_alone and time.monotonic() >= self._look_again_at:
            self._look_again_at = time.monotonic() + STANDS_BY_S
            self._alone.close()
            self._is_alone = self._alone.enter_context(self._store.single(POSITION))
            if self._is_alone:
                self._remember()
        return self._is_alone

    def _remember(self) -> None:
        """Read who was passed over, by whichever relay ran before."""
        self._behind = {}
        for partner in self._store.partners():
            reached, last = (self._store.position(mark + partner.slug) for mark in (RESENT, SKIPPED))
            if reached < last:
                self._behind[partner.slug] = reached, last

    def _sendable(self, recipient: str, after: tuple[int, int], limit: int) -> list[StoredMessage]:
        """A recipient's messages after a number, as far as they are claimed. None for a suspended one."""
        partner = self._store.partner(recipient)
        if partner is None or not partner.active:
            return []
        claimed = self._store.position(CLAIMED)
        found = self._store.messages_of(recipient, *after, limit, self._outgoing.now())
        return [m for m in found if m.number <= claimed]

    def _catch_up(self, limit: int) -> int:
        """Send what was passed over to whoever can be sent to again; how many."""
        sent, now = 0, time.monotonic()
        if not self._behind:
            return 0
        active = {partner.slug for partner in self._store.partners() if partner.active}
        due = {slug for slug in self._behind if slug in active and now >= self._retry_at.get(slug, now)}
        for slug in sorted(self._reachable(due) if due else ()):
            reached, last = self._behind[slug]
            found = [
                m
                for m in self._sendable(slug, (reached >> EPOCH_BITS, reached % (1 << EPOCH_BITS)), limit)
                if _number(m) <= last
            ]
            if self._send(found):
                continue
            reached = _number(found[-1]) if found else last
            self._store.set_position(RESENT + slug, reached)
            self._behind[slug] = reached, last
            if reached >= last:
                del self._behind[slug]
            sent += len(found)
        return sent

    def _skip(self, messages: Sequence[StoredMessage]) -> None:
        """Remember, before the position moves, what was passed over."""
        for message in messages:
            slug, number = message.recipient, _number(message)
            if slug not in self._behind:
                self._store.set_position(RESENT + slug, number - 1)
                self._behind[slug] = number - 1, number
            before, last = self._behind[slug]
            self._behind[slug] = before, max(last, number)
        for slug in {message.recipient for message in messages}:
            self._store.set_position(SKIPPED + slug, self._behind[slug][1])

    def _send(self, messages: Sequence[StoredMessage]) -> set[str]:
        """Publish; the recipients that could not be sent to, by a fault of their own, which stops no other.

        Raises `Unavailable` where it is the broker that does not answer.
        """
        envelopes = [(m.recipient, self._outgoing.envelope(m)) for m in messages]
        if not self._failed(envelopes):
            return set()
        failed = set()
        for slug in sorted({recipient for recipient, _ in envelopes}):
            if error := self._failed([one for one in envelopes if one[0] == slug]):
                log.error("a partner cannot be sent to", error=error.slug, partner=slug)
                self._retry_at[slug] = time.monotonic() + RETRY_S
                failed.add(slug)
        return failed

    def _failed(self, envelopes: Sequence[tuple[str, Envelope]]) -> HubError | None:
        try:
            self._publish(envelopes)
        except (Forbidden, Invalid, NoTopic) as error:
            self._topics = set()
            return error
        except Unavailable:
            self._topics = set()
            raise
        return None

    def _reachable(self, recipients: set[str]) -> set[str]:
        """Who is sent to: active partners with a topic. One that is neither must not stop all the others.

        It misses nothing for good: what is passed over is sent as soon as it can be.
        """
        if not all(self._outgoing.topic(recipient) in self._topics for recipient in recipients):
            self._topics = self._broker.topics()
        active = {partner.slug for partner in self._store.partners() if partner.active}
        for recipient in sorted(recipients & active):
            if self._outgoing.topic(recipient) not in self._topics:
                log.error("a partner has no topic: run `hub topics`", partner=recipient)
                self._retry_at[recipient] = time.monotonic() + RETRY_S
        return {one for one in recipients & active if self._outgoing.topic(one) in self._topics}

    def _publish(self, envelopes: Sequence[tuple[str, Envelope]]) -> None:
        if not envelopes:
            return
        self._broker.publish(
            [
                Record(self._outgoing.topic(recipient), envelope.value, to_headers(envelope))
                for recipient, envelope in envelopes
            ]
        )
        for recipient, count in Counter(recipient for recipient, _ in envelopes).items():
            self._sent(recipient, count)
            log.info("messages sent", partner=recipient, count=count)


def _number(message: StoredMessage) -> int:
    """(epoch, sequence) as one number that only rises, for a mark of the store."""
    return message.epoch << EPOCH_BITS | message.sequence
