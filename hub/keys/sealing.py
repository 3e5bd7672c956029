"""Symmetric sealing as docs/format.md fixes it: AES-256-GCM, a random nonce in front, and "all of" keys."""

import os
from collections.abc import Sequence
from threading import Lock

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from hub.errors import TamperedRow

KEY_BYTES = 32
NONCE_BYTES = 12
TAG_BYTES = 16

_CIPHERS_MAX = 512
_adding = Lock()
_all_of: dict[tuple[bytes, ...], bytes] = {}
"""Keys made of several, oldest first. Whoever finds one has all of those already."""
_ciphers: dict[bytes, AESGCM] = {}
"""Ready ciphers by key, oldest first. Whoever finds one has the key already, so it gives nothing away."""


def new_key() -> bytes:
    """32 random bytes."""
    return os.urandom(KEY_BYTES)


def cipher(key: bytes) -> AESGCM:
    """The cipher of a key; making one costs more than using it."""
    found = _ciphers.get(key)
    if found is None:
        found = AESGCM(key)
        with _adding:
            if len(_ciphers) >= _CIPHERS_MAX:
                del _ciphers[next(iter(_ciphers))]
            _ciphers[key] = found
    return found


def forget(key: bytes) -> None:
    """Drop a destroyed key's cipher, and every key that was made of it."""
    with _adding:
        _ciphers.pop(key, None)
        for keys in [keys for keys in _all_of if key in keys]:
            _ciphers.pop(_all_of.pop(keys), None)


def seal(key: bytes, plaintext: bytes, aad: bytes) -> bytes:
    """`nonce ‖ ct`, bound to `aad`."""
    nonce = os.urandom(NONCE_BYTES)
    return nonce + cipher(key).encrypt(nonce, plaintext, aad)


def open_(key: bytes, sealed: bytes, aad: bytes) -> bytes:
    """The plaintext of `nonce ‖ ct`. Raises `TamperedRow` where the tag fails."""
    return open_with(cipher(key), sealed, aad)


def open_with(ready: AESGCM, sealed: bytes, aad: bytes) -> bytes:
    """As `open_`, with a cipher in hand."""
    try:
        return ready.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], aad)
    except (InvalidTag, ValueError) as error:
        raise TamperedRow("sealed bytes fail their tag: altered, moved, swapped, or another key") from error


def all_of(keys: Sequence[bytes]) -> bytes:
    """The sealing key where all of `keys` are needed; one key stands for itself (docs/format.md)."""
    if len(keys) == 1:
        return keys[0]
    of = tuple(keys)
    found = _all_of.get(of)
    if found is None:
        hkdf = HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=b"tvaers-all-1")
        found = hkdf.derive(b"".join(of))
        with _adding:
            if len(_all_of) >= _CIPHERS_MAX:
                del _all_of[next(iter(_all_of))]
            _all_of[of] = found
    return found
