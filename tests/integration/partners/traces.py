"""Looking for traces: what a thief of the disk would try."""

import base64
from collections.abc import Iterable
from uuid import UUID

PIECE = 16
"""As few bytes as can't be there by chance."""


def pieces(raw: bytes) -> list[bytes]:
    """The bytes in pieces that a scan finds even where only a page of them is left."""
    return [raw[start : start + PIECE] for start in range(0, len(raw) - PIECE + 1, PIECE)]


def left_of(raw: bytes, disk: bytes) -> int:
    """How many pieces of these bytes are on the disk."""
    return sum(piece in disk for piece in pieces(raw))


def spellings(secret: bytes) -> list[bytes]:
    """A key or an id as raw bytes, hex and base64."""
    return [secret, secret.hex().encode(), base64.b64encode(secret), base64.urlsafe_b64encode(secret)]


def found(secrets: Iterable[bytes], disk: bytes) -> int:
    """How many of these keys or ids are on the disk in any spelling."""
    return sum(spelling in disk for secret in secrets for spelling in spellings(secret))


def names(*ids: UUID) -> list[bytes]:
    """Ids as they are written, and raw."""
    return [spelling for one in ids for spelling in (str(one).encode(), one.bytes)]
