"""Part keys wrapped under grants (docs/format.md section 4): what lets a withdrawal be one write."""

import struct
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from uuid import UUID

from hub.keys.sealing import all_of, open_, seal

_SEALED_KEY_BYTES = 12 + 32 + 16
_BEGIN = struct.Struct(">HB")


@dataclass(frozen=True, slots=True)
class PartKey:
    """One part's key; `about` is the other person whose key must still exist for the part to open."""

    part: int
    key: bytes
    about: UUID | None = None


def _associated(message_id: UUID, grant_id: UUID, part: int, about: UUID | None) -> bytes:
    person = about.bytes if about else b""
    return b"tvaers-wrap-1" + message_id.bytes + grant_id.bytes + part.to_bytes(2, "big") + person


def wrap(
    message_id: UUID,
    grant_id: UUID,
    grant_key: bytes,
    parts: Iterable[PartKey],
    person_key: Callable[[UUID], bytes],
) -> bytes:
    """Wrap the keys of the parts that this grant covers, each also under the key of whom it is about."""
    out = bytearray()
    for part in parts:
        key = grant_key if part.about is None else all_of([grant_key, person_key(part.about)])
        out += struct.pack(">HB", part.part, part.about is not None)
        out += part.about.bytes if part.about else b""
        out += seal(key, part.key, _associated(message_id, grant_id, part.part, part.about))
    return bytes(out)


def without(wraps: bytes, parts: frozenset[int]) -> bytes:
    """The same wraps less those of some parts; needs no key."""
    kept, at = bytearray(), 0
    while at < len(wraps):
        part, personal = struct.unpack_from(">HB", wraps, at)
        end = at + 3 + 16 * personal + _SEALED_KEY_BYTES
        if part not in parts:
            kept += wraps[at:end]
        at = end
    return bytes(kept)


def unwrap(
    message_id: UUID,
    grant_id: UUID,
    grant_key: bytes,
    wraps: bytes,
    person_key: Callable[[UUID], bytes | None],
    *,
    only: frozenset[int] | None = None,
) -> Iterator[PartKey]:
    """The part keys that this grant opens; a part about a person whose key is destroyed is left out.

    `person_key` answers None for a destroyed key. Raises `TamperedRow`.
    """
    at, end = 0, len(wraps)
    while at < end:
        part, personal = _BEGIN.unpack_from(wraps, at)
        at += 3
        about = UUID(bytes=wraps[at : at + 16]) if personal else None
        at += 16 * personal
        sealed = wraps[at : at + _SEALED_KEY_BYTES]
        at += _SEALED_KEY_BYTES
        if only is not None and part not in only:
            continue
        person = person_key(about) if about else None
        if about and person is None:
            continue
        key = all_of([grant_key, person]) if person else grant_key
        yield PartKey(part, open_(key, sealed, _associated(message_id, grant_id, part, about)), about)
