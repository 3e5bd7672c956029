"""Who I am to which hub: what both profiles and the inbox need, put together once."""

from dataclasses import dataclass, field
from uuid import UUID

from contracts.client.keys import HubKeys, Identity
from contracts.envelope import Envelope
from contracts.inbound_v1 import Inbound
from contracts.message_v1 import Control
from contracts.topics import from_topic, to_topic


@dataclass(frozen=True, slots=True)
class Party:
    """One organisation at one municipality. `name` is its slug, as the municipality registered it."""

    municipality: str
    name: str
    identity: Identity = field(repr=False)
    hub: HubKeys
    """Agreed on beforehand, never taken from whoever answers."""

    @property
    def reads(self) -> str:
        """The topic that this party reads."""
        return to_topic(self.municipality, self.name)

    @property
    def writes(self) -> str:
        """The topic that this party writes."""
        return from_topic(self.municipality, self.name)

    def sealed(self, message_id: UUID, inbound: Inbound) -> Envelope:
        """What goes to the hub. Sent again under the same id it is the same message."""
        return self.identity.send(self.municipality, self.name, message_id, inbound, self.hub)

    def verify(self, envelope: Envelope) -> None:
        """Raise `BadSignature` unless the hub signed it for this party."""
        self.hub.verify(self.municipality, self.name, envelope)

    def control(self, envelope: Envelope) -> Control:
        """The control message in it; `SealedForSomeoneElse` says that it is data."""
        return self.identity.control(self.municipality, self.name, envelope)
