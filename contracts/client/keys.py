"""A party's own keys, and what it must know of another's. Key files are PEM, for their owner's eyes alone.

New keys take the place of the old ones without a gap: the old pair moves to `former/`, and what was sealed to
it, on our disk or on its way to us, still opens. Signed is with the new one alone.
"""

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self, TypeVar
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

from contracts.client.errors import BadSignature, SealedForSomeoneElse
from contracts.client.sealed import open_control, open_inbound, seal_inbound
from contracts.client.signing import inbound_signed, message_signed, sign, verify
from contracts.envelope import Envelope, parties, source
from contracts.inbound_v1 import Inbound
from contracts.message_v1 import Control

_OWNER_ONLY: Final = 0o600
_OTHERS: Final = 0o077
_SEALING: Final = "sealing.pem"
_SIGNING: Final = "signing.pem"
_FORMER: Final = "former"
_NEXT: Final = "next"
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Identity:
    """The private keys of one party, the hub's own included: X25519 to open, Ed25519 to sign."""

    sealing: X25519PrivateKey = field(repr=False)
    signing: Ed25519PrivateKey = field(repr=False)
    former: tuple[X25519PrivateKey, ...] = field(default=(), repr=False)
    """Former sealing keys: to open what was sealed to them, never told to anybody again."""

    @classmethod
    def new(cls) -> Self:
        """Two new random keys."""
        return cls(X25519PrivateKey.generate(), Ed25519PrivateKey.generate())

    @classmethod
    def load(cls, folder: Path) -> Self:
        """The keys in `sealing.pem` and `signing.pem`; files that others may read are refused."""
        signing = private_key_in(folder / _SIGNING)
        if not isinstance(signing, Ed25519PrivateKey):
            raise TypeError(f"{_SEALING} must hold an X25519 key, {_SIGNING} an Ed25519 key")
        former = sorted((folder / _FORMER).glob(f"*/{_SEALING}"))
        return cls(_sealing_in(folder / _SEALING), signing, tuple(map(_sealing_in, former)))

    @classmethod
    def renew(cls, folder: Path) -> Self:
        """Put new keys in the place of those in the folder, which move to `former/`.

        Killed at any point, it leaves keys that open everything, and the next call ends what was begun.
        """
        upcoming = folder / _NEXT
        if not (upcoming / _SIGNING).exists():
            (upcoming / _SEALING).unlink(missing_ok=True)
            cls.new().save(upcoming)
        if (upcoming / _SEALING).exists():
            _keep_former(folder)
        for name in (_SEALING, _SIGNING):
            with suppress(FileNotFoundError):
                (upcoming / name).replace(folder / name)
        upcoming.rmdir()
        return cls.load(folder)

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
        return self.open_inbound(municipality, partner, message_id, value)

    def open_inbound(self, municipality: str, partner: str, message_id: UUID, value: bytes) -> Inbound:
        """What was sealed to us in a partner's name: the hub's, or a partner's own copy on its own disk."""
        return self._by_any(lambda key: open_inbound(value, key, municipality, partner, message_id))

    def control(self, municipality: str, recipient: str, envelope: Envelope) -> Control:
        """A recipient's: the control message; `SealedForSomeoneElse` says that it is data."""
        value, message_id = envelope.value, envelope.message_id
        return self._by_any(lambda key: open_control(value, key, municipality, recipient, message_id))

    def _by_any(self, opened: Callable[[X25519PrivateKey], T]) -> T:
        """With the key that it was sealed to: ours now, or a former one."""
        for key in (self.sealing, *self.former):
            with suppress(SealedForSomeoneElse):
                return opened(key)
        raise SealedForSomeoneElse("none of our keys opens it under this name and message id")


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


def private_key_in(path: Path) -> PrivateKeyTypes:
    """The private key in a PEM file; one that others may read is refused."""
    if path.stat().st_mode & _OTHERS:
        raise PermissionError(
            f"{path.name}: others may read this private key: chmod 600 it, then make new keys"
        )
    return load_pem_private_key(path.read_bytes(), password=None)


def _sealing_in(path: Path) -> X25519PrivateKey:
    key = private_key_in(path)
    if not isinstance(key, X25519PrivateKey):
        raise TypeError(f"{_SEALING} must hold an X25519 key, {_SIGNING} an Ed25519 key")
    return key


def _keep_former(folder: Path) -> None:
    """Under a name that follows from the keys, so that keeping them twice is keeping them once."""
    place = folder / _FORMER / Identity.load(folder).public.sealing.hex()[:16]
    for made in (place.parent, place):
        made.mkdir(mode=0o700, exist_ok=True)
    for name in (_SEALING, _SIGNING):
        with suppress(FileExistsError):
            (place / name).hardlink_to(folder / name)
