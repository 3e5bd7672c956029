"""Seal and open: BYTES.md sections 3 to 5, byte for byte. Pure functions; `signing` is beside it.

Everything is bound to the municipality, the other party (recipient or partner) and the message id: the same
bytes under another name, in another place or with another number do not open. Keys are raw 32 bytes.
"""

import json
import os
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Final, TypeVar
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite
from pydantic import BaseModel, ValidationError

from contracts.client.errors import SealedForSomeoneElse, Tampered, UnknownKind, Unreadable
from contracts.inbound_v1 import Inbound
from contracts.message_v1 import CONTROL, Blank, Control, Head, Part

SIZE_CLASS: Final = 4096
MESSAGE_BYTES_MAX: Final = 524_288
"""The largest size class that every broker takes."""
HEAD_BYTES: Final = 1024
KEY_BYTES: Final = 32
NONCE_BYTES: Final = 12
TAG_BYTES: Final = 16
HPKE_OVERHEAD: Final = 48
PARTS_MAX: Final = 0xFFFF
_HEAD_PLAIN: Final = HEAD_BYTES - NONCE_BYTES - TAG_BYTES
_SUITE: Final = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
_UNKNOWN: Final = frozenset({"enum", "literal_error", "union_tag_invalid"})

Entropy = Callable[[int], bytes]
Model = TypeVar("Model", bound=BaseModel)


def bound(label: bytes, municipality: str, party: str, message_id: UUID) -> bytes:
    """`label ‖ u8 length ‖ municipality ‖ u8 length ‖ party ‖ message id`."""
    return label + party_names(municipality, party) + message_id.bytes


@lru_cache(maxsize=256)
def party_names(municipality: str, party: str) -> bytes:
    """`u8 length ‖ municipality ‖ u8 length ‖ party`."""
    return b"".join(len(raw).to_bytes(1, "big") + raw for raw in (municipality.encode(), party.encode()))


def size_class(length: int) -> int:
    """The smallest 4,096 × 2^n that holds `length` bytes. Raises `ValueError` above the largest."""
    size = SIZE_CLASS
    while size < length:
        size *= 2
    if size > MESSAGE_BYTES_MAX:
        raise ValueError(f"a message is at most {MESSAGE_BYTES_MAX} bytes once sealed; send two")
    return size


# --- data messages ----------------------------------------------------------------------------------


def build_message(
    municipality: str,
    recipient: str,
    message_id: UUID,
    head: Head,
    parts: Sequence[Part],
    *,
    entropy: Entropy = os.urandom,
) -> tuple[bytes, list[bytes]]:
    """Seal a head and its parts, each under a new random key: the sealed bytes, and the keys (0 = head).

    `head.parts` is set here. `entropy` is for test vectors alone.
    """
    if len(parts) > PARTS_MAX:
        raise ValueError(f"a message holds at most {PARTS_MAX} parts; send two")
    keys = [entropy(KEY_BYTES) for _ in range(len(parts) + 1)]
    sealed_parts = []
    for n, part in enumerate(parts, 1):
        data = _part_data(municipality, recipient, message_id, n)
        sealed_parts.append(_seal(keys[n], part.model_dump_json().encode(), data, entropy))
    plain = head.model_copy(update={"parts": tuple(map(len, sealed_parts))}).model_dump_json().encode()
    if len(plain) > _HEAD_PLAIN:
        raise ValueError(f"the head takes {len(plain)} bytes of {_HEAD_PLAIN}; send fewer parts at once")
    sealed_head = _seal(
        keys[0],
        plain.ljust(_HEAD_PLAIN),
        bound(b"tvaers-head-1", municipality, recipient, message_id),
        entropy,
    )
    sealed = b"".join((sealed_head, *sealed_parts))
    return sealed + entropy(size_class(len(sealed)) - len(sealed)), keys


def open_head(sealed: bytes, key: bytes, municipality: str, recipient: str, message_id: UUID) -> Head:
    """The head. Raises `Tampered`, `Unreadable`, `UnknownKind`."""
    plain = _open(key, sealed[:HEAD_BYTES], bound(b"tvaers-head-1", municipality, recipient, message_id))
    head = _read(Head, plain)
    if HEAD_BYTES + sum(head.parts) > len(sealed):
        raise Unreadable("parts: longer together than the message")
    return head


def open_part(
    sealed: bytes, head: Head, number: int, key: bytes, municipality: str, recipient: str, message_id: UUID
) -> Part:
    """Part `number`, from 1. Raises `Tampered`, `Unreadable`, `UnknownKind`."""
    if not 1 <= number <= len(head.parts):
        raise Unreadable("parts: the message has no part of that number")
    start = HEAD_BYTES + sum(head.parts[: number - 1])
    piece = sealed[start : start + head.parts[number - 1]]
    return _read(Part, _open(key, piece, _part_data(municipality, recipient, message_id, number)))


def _part_data(municipality: str, recipient: str, message_id: UUID, number: int) -> bytes:
    return bound(b"tvaers-part-1", municipality, recipient, message_id) + number.to_bytes(2, "big")


def _seal(key: bytes, plain: bytes, data: bytes, entropy: Entropy) -> bytes:
    nonce = entropy(NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, plain, data)


def _open(key: bytes, piece: bytes, data: bytes) -> bytes:
    if len(piece) < NONCE_BYTES + TAG_BYTES or len(key) != KEY_BYTES:
        raise Tampered("too short to be sealed, or opened with what is no key")
    try:
        return AESGCM(key).decrypt(piece[:NONCE_BYTES], piece[NONCE_BYTES:], data)
    except InvalidTag:
        raise Tampered("the tag does not fit these bytes, this place and this key") from None


def _read(model: type[Model], plain: bytes) -> Model:
    try:
        return model.model_validate_json(plain, extra="ignore")
    except ValidationError as error:
        raise _unreadable(error) from None


def _unreadable(error: ValidationError) -> Unreadable | UnknownKind:
    """Which of the two it is, naming fields alone: pydantic's own words may quote what was sealed."""
    found = error.errors(include_url=False, include_input=False, include_context=False)
    names = ", ".join(sorted({str(one["loc"][0]) for one in found if one["loc"]})) or "the whole"
    if all(one["type"] in _UNKNOWN for one in found):
        return UnknownKind(f"{names}: a word that this version does not know")
    return Unreadable(f"{names}: not what the contract says")


# --- control messages and what comes in, to the reader's own key ------------------------------------


def seal_control(
    municipality: str, recipient: str, message_id: UUID, control: Control, recipient_key: bytes
) -> bytes:
    """Seal a control message to the recipient's X25519 key."""
    info = bound(b"tvaers-control-1", municipality, recipient, message_id)
    return _hpke_seal(control.model_dump_json(exclude_none=True).encode(), recipient_key, info)


def seal_blank(municipality: str, recipient: str, message_id: UUID, recipient_key: bytes) -> bytes:
    """What travels in the place of a message that may no longer be sent."""
    return seal_control(municipality, recipient, message_id, Blank(), recipient_key)


def open_control(
    sealed: bytes, private_key: X25519PrivateKey, municipality: str, recipient: str, message_id: UUID
) -> Control:
    """The control message. Raises `SealedForSomeoneElse` (so it may be data), `Unreadable`, `UnknownKind`."""
    plain = _hpke_open(sealed, private_key, bound(b"tvaers-control-1", municipality, recipient, message_id))
    try:
        return CONTROL.validate_json(plain, extra="ignore")
    except ValidationError as error:
        raise _unreadable(error) from None


def seal_inbound(
    municipality: str, partner: str, message_id: UUID, inbound: Inbound, hub_key: bytes
) -> bytes:
    """Seal what a partner sends to the hub's X25519 key."""
    plain = json.dumps(
        {"type": inbound.type, "body": dict(inbound.body)}, ensure_ascii=False, allow_nan=False
    )
    info = bound(b"tvaers-inbound-1", municipality, partner, message_id)
    return _hpke_seal(plain.encode(), hub_key, info)


def open_inbound(
    sealed: bytes, private_key: X25519PrivateKey, municipality: str, partner: str, message_id: UUID
) -> Inbound:
    """What a partner sent. Raises `SealedForSomeoneElse`, `Unreadable`, `UnknownKind`."""
    info = bound(b"tvaers-inbound-1", municipality, partner, message_id)
    return _read(Inbound, _hpke_open(sealed, private_key, info))


def _hpke_seal(plain: bytes, public_key: bytes, info: bytes) -> bytes:
    room = size_class(len(plain) + HPKE_OVERHEAD) - HPKE_OVERHEAD
    return _SUITE.encrypt(plain.ljust(room), X25519PublicKey.from_public_bytes(public_key), info)


def _hpke_open(sealed: bytes, private_key: X25519PrivateKey, info: bytes) -> bytes:
    try:
        return _SUITE.decrypt(sealed, private_key, info)
    except InvalidTag:
        raise SealedForSomeoneElse("our key does not open it under this name and message id") from None
