"""Gate 2, at send: the bytes that leave, signed; a message whose grants all ended travels as a blank."""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Final

from contracts.client.keys import Identity
from contracts.client.sealed import seal_control
from contracts.envelope import Envelope
from contracts.message_v1 import Blank
from contracts.topics import dead_topic, from_topic, to_topic
from hub.errors import Missing
from hub.ports import Store, StoredMessage

COLLECTED: Final = "collected."
"""The mark of a recipient that pulls: what it has, as one number."""
EPOCH_BITS: Final = 40
"""(epoch, sequence) as one number that only rises, for a mark of the store."""
NUMBER_BITS: Final = 63


class Outgoing:
    """Makes the envelope of a stored message. The relay and the HTTP profile send what this gives."""

    def __init__(
        self, *, store: Store, identity: Identity, municipality: str, clock: Callable[[], datetime]
    ) -> None:
        self._store = store
        self._identity = identity
        self._municipality = municipality
        self.now = clock

    def envelope(self, message: StoredMessage) -> Envelope:
        """Sealed bytes under their number, signed. Its number stays where the content may no longer go."""
        sealed = message.sealed if message.living else self._blank(message)
        return self._identity.numbered(
            self._municipality,
            message.recipient,
            (message.epoch, message.sequence),
            message.message_id,
            sealed,
        )

    def collected(self, recipient: str, epoch: int, sequence: int) -> None:
        """Note that a recipient that pulls has everything up to a number: it asks for what comes after."""
        number = epoch << EPOCH_BITS | sequence
        if sequence >> EPOCH_BITS or number >> NUMBER_BITS:
            return  # No hub ever gave such a number, and no database holds it.
        if number > self._store.position(COLLECTED + recipient):
            self._store.set_position(COLLECTED + recipient, number)

    def uncollected(self, recipient: str) -> int:
        """How many messages a recipient that pulls has not asked past."""
        reached = self._store.position(COLLECTED + recipient)
        return self._store.behind(recipient, reached >> EPOCH_BITS, reached % (1 << EPOCH_BITS)).messages

    def messages_of(self, recipient: str, epoch: int, after: int, limit: int) -> list[Envelope]:
        """A recipient's messages after a number, as its topic would carry them. None for a suspended one."""
        return [self.envelope(message) for message in self.stored_of(recipient, epoch, after, limit)]

    def stored_of(self, recipient: str, epoch: int, after: int, limit: int) -> list[StoredMessage]:
        """The same, as the store holds them: unsigned, and those that may go no more as what they were."""
        partner = self._store.partner(recipient)
        if partner is None or not partner.active:
            return []
        return self._store.messages_of(recipient, epoch, after, limit, self.now())

    def topic(self, recipient: str) -> str:
        """The recipient's topic (contracts/BYTES.md section 7)."""
        return to_topic(self._municipality, recipient)

    def topics(self, slugs: Iterable[str]) -> list[str]:
        """Every topic that these partners need, and the dead-letter topic."""
        town = self._municipality
        both = [topic(town, slug) for slug in slugs for topic in (to_topic, from_topic)]
        return [*both, dead_topic(town)]

    def _blank(self, message: StoredMessage) -> bytes:
        partner = self._store.partner(message.recipient)
        if partner is None:
            raise Missing("no partner is registered as the recipient", field="recipient")
        return seal_control(
            self._municipality, message.recipient, message.message_id, Blank(), partner.sealing_key
        )
