"""Part keys wrapped under grants (docs/format.md section 4): what lets a withdrawal be one write."""

import struct
from collections.abc import Callable, Iterable
from typing import NamedTuple
from uuid import UUID

from hub.errors import TamperedRow
from hub.keys.sealing import all_of, open_, seal

_SEALED_KEY_BYTES = 12 + 32 + 16
_BEGIN = struct.Struct(">HB")


class PartKey(NamedTuple):
    """One part's key; `about` is the other person whose key must still exist for the part to open."""

    part: int
    key: bytes
    about: UUID | None = None


def _bound(message_id: UUID, grant_id: UUID) -> bytes:
    """What every part's key is bound to; its part number and whom it is about follow."""
    return b"tvaers-wrap-1" + message_id.bytes + grant_id.bytes


def wrap(
    message_id: UUID,
    grant_id: UUID,
    grant_key: bytes,
    parts: Iterable[PartKey],
    person_key: Callable[[UUID], bytes],
) -> bytes:
    """Wrap the keys of the parts that this grant covers, each also under the key of whom it is about."""
    out, bound = bytearray(), _bound(message_id, grant_id)
    for part in parts:
        key = grant_key if part.about is None else all_of([grant_key, person_key(part.about)])
        person = part.about.bytes if part.about else b""
        out += _BEGIN.pack(part.part, part.about is not None) + person
        out += seal(key, part.key, bound + part.part.to_bytes(2, "big") + person)
    return bytes(out)


def without(wraps: bytes, parts: frozenset[int]) -> bytes:
    """The same wraps less those of some parts; needs no key. Raises `TamperedRow`."""
    kept, at = bytearray(), 0
    while at < len(wraps):
        part, _, end = _places(wraps, at)
        if part not in parts:
            kept += wraps[at:end]
        at = end
    return bytes(kept)


def _places(wraps: bytes, at: int) -> tuple[int, int, int]:
    """Of the wrapped key that begins there: its part, and where its sealed bytes begin, and it ends."""
    sealed = at + _BEGIN.size
    if sealed > len(wraps):
        raise TamperedRow("wrapped keys are cut short")
    part, personal = _BEGIN.unpack_from(wraps, at)
    sealed += 16 * personal
    end = sealed + _SEALED_KEY_BYTES
    if end > len(wraps) or personal > 1:
        raise TamperedRow("wrapped keys are cut short")
    return part, sealed, end


def unwrap(
    message_id: UUID,
    grant_id: UUID,
    grant_key: bytes,
    wraps: bytes,
    person_key: Callable[[UUID], bytes | None],
    *,
    only: frozenset[int] | None = None,
) -> list[PartKey]:
    """The part keys that this grant opens; a part about a person whose key is destroyed is left out.

    With `only`, no further than the last of them. `person_key` answers None for a destroyed key. Raises
    `TamperedRow`.
    """
    found: list[PartKey] = []
    bound, at, left = _bound(message_id, grant_id), 0, -1 if only is None else len(only)
    while at < len(wraps) and left:
        begin = at
        part, sealed, at = _places(wraps, begin)
        if only is not None and part not in only:
            continue
        left -= 1
        names = wraps[begin + _BEGIN.size : sealed]
        about = UUID(bytes=names) if names else None
        person = person_key(about) if about else None
        if about and person is None:
            continue
        key = all_of([grant_key, person]) if person else grant_key
        opened = open_(key, wraps[sealed:at], bound + part.to_bytes(2, "big") + names)
        found.append(PartKey(part, opened, about))
    return found
