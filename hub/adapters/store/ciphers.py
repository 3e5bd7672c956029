"""Ciphers that are ready, and the tags of a stored event that they check (docs/format.md section 3)."""

import struct
from typing import Any
from uuid import UUID

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from hub.errors import Corrupt, KeyDestroyed
from hub.keys.sealing import all_of, cipher
from hub.ports import KeyRing

FORMAT = 1
CIPHERS_MAX = 1024
_KEYS_MAX = 3
_SEALED = struct.Struct(">I12s")
"""How many bytes are sealed, the nonce included, which comes first of them."""
_INDEX = tuple(bytes((index,)) for index in range(256))


class Ciphers(dict[bytes, AESGCM | None]):
    """By the key ids of a section, as of so many destroyed keys; None where one of its keys is among them.

    Raises `UnknownKey`, and `Corrupt` for a number of keys that no section has.
    """

    def __init__(self, keys: KeyRing) -> None:
        super().__init__()
        self.erasures = keys.erasures()
        self._keys = keys

    def __missing__(self, ids: bytes) -> AESGCM | None:
        key_ids = [UUID(bytes=ids[n : n + 16]) for n in range(0, len(ids), 16)]
        if not 1 <= len(key_ids) <= _KEYS_MAX:
            raise Corrupt(f"a stored section names {len(key_ids)} keys, not 1 to {_KEYS_MAX}")
        try:
            found = cipher(all_of([self._keys.key(key_id) for key_id in key_ids]))
        except KeyDestroyed:
            self[ids] = None
            return None
        self[ids] = found
        return found


def checked(state: bytes, bound: bytes, ciphers: dict[bytes, Any]) -> bytes:
    """Section 0 of a stored event in the clear, the tag of every section checked.

    Raises `ValueError`, `IndexError`, `AttributeError`, `struct.error` or `InvalidTag` where anything is
    amiss or erased.
    """
    attributes, at, case = b"", 2, state[3:19]
    for index in range(state[1]):
        ids_end = at + 1 + 16 * state[at]
        ids = state[at + 1 : ids_end]
        length, nonce = _SEALED.unpack_from(state, ids_end)
        at = ids_end + 4 + length
        found = ciphers[ids].decrypt(
            nonce, state[ids_end + _SEALED.size : at], b"".join((bound, _INDEX[index], ids))
        )
        if index == 0:
            attributes = found
        elif ids[:16] != case:
            raise ValueError("a part of another case")
    if state[0] != FORMAT or at != len(state):
        raise ValueError("another format, or another end")
    return attributes
