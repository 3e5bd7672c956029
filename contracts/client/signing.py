"""Ed25519 signatures over sealed bytes, the reader and the number (BYTES.md section 2)."""

from hashlib import sha256
from uuid import UUID

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from contracts.client.errors import BadSignature
from contracts.client.sealed import bound, party_names


def message_signed(
    value: bytes, *, municipality: str, recipient: str, epoch: int, sequence: int, message_id: UUID
) -> bytes:
    """What the hub signs of a message to a recipient."""
    numbers = epoch.to_bytes(8, "big") + sequence.to_bytes(8, "big")
    names = party_names(municipality, recipient)
    return b"tvaers-message-1" + names + numbers + message_id.bytes + sha256(value).digest()


def inbound_signed(value: bytes, *, municipality: str, partner: str, message_id: UUID) -> bytes:
    """What a partner signs of what it sends."""
    return bound(b"tvaers-inbound-1", municipality, partner, message_id) + sha256(value).digest()


def sign(key: Ed25519PrivateKey, signed: bytes) -> bytes:
    """The signature, 64 bytes; the same bytes give the same signature."""
    return key.sign(signed)


def verify(key: bytes, signature: bytes, signed: bytes) -> None:
    """Raise `BadSignature` unless the holder of this public key (raw, 32 bytes) signed just this."""
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, signed)
    except InvalidSignature:
        raise BadSignature("not signed by this sender, for this reader, under this number") from None
