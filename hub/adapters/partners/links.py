"""An adapter's way to the hub: HTTP or Kafka, by its settings. What is sent looks the same to the adapter."""

from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Self, TypeVar
from uuid import UUID

from pydantic import ValidationError

from contracts.client.errors import HubUnreachable
from contracts.client.http_profile import HttpHub
from contracts.client.inbox import Handler, Position
from contracts.client.kafka_login import KafkaLogin
from contracts.client.kafka_profile import KafkaHub
from contracts.client.keys import Identity
from contracts.client.logins import Tokens, by_key, by_password, by_secret, login_key
from contracts.client.party import Party
from contracts.client.reading import read_http, read_kafka
from contracts.client.sealed import seal_inbound
from contracts.inbound_v1 import Inbound
from contracts.message_v1 import Receipt
from hub.adapters.partners.errors import BadSettings
from hub.adapters.partners.settings import PartnerSettings

_BATCH = 100
Key = TypeVar("Key")


class Link:
    """The hub as one adapter meets it. Nothing is connected before it is used."""

    def __init__(self, party: Party, hub: HttpHub, kafka: KafkaHub | None, keys: Path) -> None:
        """Speak over `kafka` where there is one, and ask for keys over HTTP in any case.

        `keys` is the folder that our own keys are from.
        """
        self.party = party
        self.hub = hub
        self._kafka = kafka
        self._keys = keys
        self._begun_with = _inode(keys)

    @classmethod
    def of(cls, settings: PartnerSettings) -> Self:
        """The link that the settings describe. Raises `BadSettings` where our own keys can't be read."""
        identity = _kept(lambda: Identity.load(settings.keys))
        party = Party(settings.municipality, settings.slug, identity, settings.hub_keys)
        tokens = _tokens(settings, identity)
        hub = HttpHub(settings.hub_url, party, tokens)
        return cls(party, hub, _kafka(settings, party), settings.keys)

    def read(self, handler: Handler, position: Position) -> Position:
        """Read our own messages once; where we are now. Raises `BadSettings` where our keys were renewed."""
        self._same_keys()
        if self._kafka is None:
            return read_http(self.hub, self.party, handler, position, _BATCH)
        return read_kafka(self._kafka, self.hub, self.party, handler, position, _BATCH)

    def send(self, message_id: UUID, inbound: Inbound) -> None:
        """Send sealed and signed. Under the same id it happens once, however often it is sent."""
        (self._kafka or self.hub).send(message_id, inbound)

    def report(self, report_id: UUID, body: Mapping[str, Any], now: datetime) -> Receipt | None:
        """Hand a social report over. None: it is on the topic, and its receipt will come on our own."""
        if self._kafka is not None:
            self._kafka.send(report_id, Inbound.report(body))
            return None
        told = {**self.hub.report(report_id, body), "report_id": report_id, "at": now}
        try:
            return Receipt.model_validate(told, extra="ignore")
        except ValidationError:
            raise HubUnreachable("the hub's answer is not a receipt") from None

    # --- at rest ------------------------------------------------------------------------------------

    def locked(self, message_id: UUID, inbound: Inbound) -> bytes:
        """What waits to be sent, sealed to our own key: the database file alone tells nothing."""
        own = self.party.identity.public.sealing
        return seal_inbound(self.party.municipality, self.party.name, message_id, inbound, own)

    def unlocked(self, message_id: UUID, sealed: bytes) -> Inbound:
        """What was locked under this id, by our keys of now or by former ones."""
        self._same_keys()
        party = self.party
        return party.identity.open_inbound(party.municipality, party.name, message_id, sealed)

    def _same_keys(self) -> None:
        """With yesterday's keys a control message would look like data, and a revocation would be lost."""
        if _inode(self._keys) != self._begun_with:
            raise BadSettings(
                "keys: ours were renewed while this program ran: start it again; nothing is lost"
            )

    def close(self) -> None:
        """Let go of connections."""
        self.hub.close()
        if self._kafka is not None:
            self._kafka.close()


def _inode(keys: Path) -> int:
    return (keys / "sealing.pem").stat().st_ino


def _tokens(settings: PartnerSettings, identity: Identity) -> Tokens:
    """By a key of our own, unless the municipality gave us a secret."""
    client, own = settings.username, settings.hub_url.rstrip("/") + "/token"
    endpoint = settings.token_url or own
    if settings.password is None:
        path = settings.login_key
        key = identity.signing if path is None else _kept(lambda: login_key(path))
        return Tokens(endpoint, by_key(client, endpoint, key))
    secret = settings.password.get_secret_value()
    return Tokens(endpoint, (by_password if endpoint == own else by_secret)(client, secret))


def _kept(load: Callable[[], Key]) -> Key:
    """Keys from our own disk."""
    try:
        return load()
    except (OSError, ValueError, TypeError) as error:
        why = (error.strerror if isinstance(error, OSError) else None) or str(error)
        raise BadSettings(f"keys: our own keys can't be read: {why}") from None


def _kafka(settings: PartnerSettings, party: Party) -> KafkaHub | None:
    if settings.profile != "kafka" or settings.kafka is None:
        return None
    found = settings.kafka
    password = found.password.get_secret_value() if found.password else None
    return KafkaHub(KafkaLogin(found.bootstrap, found.ca, found.username, password), party)
