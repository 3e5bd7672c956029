"""A party's own keys, and what it must know of another's. Key files are PEM, for their owner's eyes alone."""

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from contracts.client.errors import BadSignature
from contracts.client.sealed import open_control, open_inbound, seal_inbound
from contracts.client.signing import inbound_signed, message_signed, sign, verify
from contracts.envelope import Envelope, parties, source
from contracts.inbound_v1 import Inbound
from contracts.message_v1 import Control

_OWNER_ONLY: Final = 0o600
_OTHERS: Final = 0o077
_SEALING: Final = "sealing.pem"
_SIGNING: Final = "signing.pem"


@dataclass(frozen=True, slots=True)
class Identity:
    """The private keys of one party, the hub's own included: X25519 to open, Ed25519 to sign."""

    sealing: X25519PrivateKey = field(repr=False)
    signing: Ed25519PrivateKey = field(repr=False)

    @classmethod
    def new(cls) -> Self:
        """Two new random keys."""
        return cls(X25519PrivateKey.generate(), Ed25519PrivateKey.generate())

    @classmethod
    def load(cls, folder: Path) -> Self:
        """The keys in `sealing.pem` and `signing.pem`; files that others may read are refused."""
        sealing, signing = _load(folder / _SEALING), _load(folder / _SIGNING)
        if not isinstance(sealing, X25519PrivateKey) or not isinstance(signing, Ed25519PrivateKey):
            raise TypeError(f"{_SEALING} must hold an X25519 key, {_SIGNING} an Ed25519 key")
        return cls(sealing, signing)

    def save(self, folder: Path) -> None:
        """Write both keys, mode 0600; keys that are there already are never overwritten."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name, key in ((_SEALING, self.sealing), (_SIGNING, self.signing)):
            pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
            handle = os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWNER_ONLY)
            with os.fdopen(handle, "wb") as file:
                file.write(pem)
                file.flush()
                os.fsync(file.fileno())

    @property
    def public(self) -> "PublicKeys":
        """What others may know."""
        sealing, signing = self.sealing.public_key(), self.signing.public_key()
        return PublicKeys(sealing.public_bytes_raw(), signing.public_bytes_raw())

    def numbered(
        self, municipality: str, recipient: str, number: tuple[int, int], message_id: UUID, sealed: bytes
    ) -> Envelope:
        """The hub's: sealed bytes to a recipient under their (epoch, sequence), signed."""
        epoch, sequence = number
        signed = message_signed(
            sealed,
            municipality=municipality,
            recipient=recipient,
            epoch=epoch,
            sequence=sequence,
            message_id=message_id,
        )
        return Envelope(message_id, source(municipality), sign(self.signing, signed), sealed, epoch, sequence)

    def send(
        self, municipality: str, partner: str, message_id: UUID, inbound: Inbound, hub: "PublicKeys"
    ) -> Envelope:
        """A partner's: sealed to the hub and signed."""
        sealed = seal_inbound(municipality, partner, message_id, inbound, hub.sealing)
        signed = inbound_signed(sealed, municipality=municipality, partner=partner, message_id=message_id)
        return Envelope(message_id, source(municipality, partner), sign(self.signing, signed), sealed)

    def receive(self, municipality: str, partner: str, envelope: Envelope, keys: "PublicKeys") -> Inbound:
        """The hub's: verify and open what `partner`, known by topic or login, sent."""
        if parties(envelope) != (municipality, partner):
            raise BadSignature("ce_source: in the name of somebody else, or to another municipality")
        message_id, value = envelope.message_id, envelope.value
        signed = inbound_signed(value, municipality=municipality, partner=partner, message_id=message_id)
        verify(keys.signing, envelope.signature, signed)
        return open_inbound(value, self.sealing, municipality, partner, message_id)

    def control(self, municipality: str, recipient: str, envelope: Envelope) -> Control:
        """A recipient's: the control message; `SealedForSomeoneElse` says that it is data."""
        return open_control(envelope.value, self.sealing, municipality, recipient, envelope.message_id)


@dataclass(frozen=True, slots=True)
class PublicKeys:
    """What is known of another party: raw 32 bytes each."""

    sealing: bytes
    signing: bytes

    def verify(self, municipality: str, recipient: str, envelope: Envelope) -> None:
        """Raise `BadSignature` unless the hub, whose keys these are, signed it for this recipient."""
        if envelope.source != source(municipality):
            raise BadSignature("ce_source: from another municipality, or not from its hub")
        epoch, sequence = envelope.number
        signed = message_signed(
            envelope.value,
            municipality=municipality,
            recipient=recipient,
            epoch=epoch,
            sequence=sequence,
            message_id=envelope.message_id,
        )
        verify(self.signing, envelope.signature, signed)


HubKeys = PublicKeys
"""The hub's public keys, as a partner holds them."""


def _load(path: Path) -> PrivateKeyTypes:
    if path.stat().st_mode & _OTHERS:
        raise PermissionError(
            f"{path.name}: others may read this private key: chmod 600 it, then make new keys"
        )
    return load_pem_private_key(path.read_bytes(), password=None)
