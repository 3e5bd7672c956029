"""Data keys: minted, wrapped, cached, destroyed (docs/format.md section 2; design: *Key ring*).

Three states are kept apart: *active*, *destroyed* (what it sealed is erased, the reader goes on) and *never
existed* (an alarm). A new key enters the cache only after its commit, and the fence of destroyed ids is read
before any use, so that neither a restored database nor another process's cache can bring a key back.
"""

import base64
import binascii
import hmac
import json
import os
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from threading import Lock, local
from typing import Literal, Protocol
from uuid import UUID, uuid5

from hub.errors import Corrupt, KeyDestroyed, NoKek, UnknownKey
from hub.keys.fence import Fence
from hub.keys.sealing import KEY_BYTES, forget, new_key, open_, seal
from hub.ports import WrappedKey

_CACHED_KEYS = 4096


class Kek(Protocol):
    """The key-encryption key with its epochs: a file or the environment on one machine, elsewhere a KMS."""

    def wrap(self, store_id: bytes, key_id: UUID, key: bytes) -> WrappedKey:
        """Wrap under the current epoch."""

    def unwrap(self, store_id: bytes, wrapped: WrappedKey) -> bytes:
        """The key in the clear. Raises `TamperedRow`, or `UnknownKey` for an epoch that is not there."""


class LocalKek:
    """Key-encryption keys in this process's memory."""

    def __init__(self, keys: Mapping[int, bytes], current: int) -> None:
        self._keys = dict(keys)
        self._current = current

    @classmethod
    def parse(cls, text: str) -> "LocalKek":
        """From `{"current": 1, "keys": {"1": "<base64 of 32 bytes>"}}`."""
        try:
            data = json.loads(text)
            current = int(data["current"])
            keys = {int(e): base64.b64decode(k, validate=True) for e, k in data["keys"].items()}
        except (ValueError, KeyError, TypeError, AttributeError, binascii.Error) as error:
            raise Corrupt("the key-encryption keys are not the JSON that `hub init` writes") from error
        if current not in keys or any(len(k) != KEY_BYTES for k in keys.values()):
            raise Corrupt("the key-encryption keys need 32 bytes each, the current epoch among them")
        return cls(keys, current)

    @classmethod
    def read(cls, path: Path) -> "LocalKek":
        """From the file that `create_kek_file` made."""
        return cls.parse(path.read_text())

    def wrap(self, store_id: bytes, key_id: UUID, key: bytes) -> WrappedKey:
        """Wrap under the current epoch."""
        aad = _wrap_aad(store_id, key_id, self._current)
        return WrappedKey(key_id, self._current, seal(self._keys[self._current], key, aad))

    def unwrap(self, store_id: bytes, wrapped: WrappedKey) -> bytes:
        """The key in the clear."""
        kek = self._keys.get(wrapped.epoch)
        if kek is None:
            raise NoKek(f"there is no key-encryption key of epoch {wrapped.epoch}")
        return open_(kek, wrapped.wrapped, _wrap_aad(store_id, wrapped.key_id, wrapped.epoch))


def _wrap_aad(store_id: bytes, key_id: UUID, epoch: int) -> bytes:
    return b"tvaers-key-1" + store_id + key_id.bytes + epoch.to_bytes(4, "big")


def create_kek_file(path: Path) -> None:
    """Write a first key-encryption key, readable by its owner alone. Never overwrites: `FileExistsError`."""
    text = json.dumps({"current": 1, "keys": {"1": base64.b64encode(new_key()).decode()}})
    target = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(target, text.encode() + b"\n")
        os.fsync(target)
    finally:
        os.close(target)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


@lru_cache(maxsize=64)
def store_key_id(store_id: bytes, purpose: Literal["index", "idempotency"]) -> UUID:
    """The id of a key that belongs to the store as a whole."""
    return uuid5(UUID(bytes=store_id), purpose)


@dataclass(frozen=True, slots=True)
class StoredKey:
    """A row of the key table; `key` is None once it is destroyed."""

    key: WrappedKey | None


class KeyTable(Protocol):
    """The store's table of wrapped keys."""

    @property
    def store_id(self) -> bytes:
        """16 bytes."""

    def stored_key(self, key_id: UUID) -> StoredKey | None:
        """The row, or None where that key has never existed."""

    def destroy_key(self, key_id: UUID) -> None:
        """Drop the wrapped bytes and keep the id, under the append lock."""

    def gone(self) -> tuple[set[UUID], set[UUID]]:
        """Keys that are destroyed, and grants that ended."""

    def living(self) -> set[UUID]:
        """Grants that have not ended."""

    def end_grants(self, grants: Iterable[UUID]) -> None:
        """Drop their wrapped bytes and keep the ids, under the append lock."""


@dataclass(slots=True)
class MintedKeys:
    """The keys minted in one block."""

    keys: dict[UUID, tuple[bytes, WrappedKey]] = field(default_factory=dict)

    @property
    def wrapped(self) -> tuple[WrappedKey, ...]:
        """Ready for `Alongside.new_keys`."""
        return tuple(wrapped for _, wrapped in self.keys.values())


class StoredKeyRing:
    """`ports.KeyRing` over a store's key table, a key-encryption key and a fence."""

    def __init__(self, table: KeyTable, kek: Kek, fence: Fence, *, cached: int = _CACHED_KEYS) -> None:
        self._table = table
        self._kek = kek
        self._fence = fence
        self._cached = cached
        self._cache: OrderedDict[int, bytes] = OrderedDict()
        """By the number that a key id is, which is looked up faster."""
        self._lock = Lock()
        self._here = local()
        fence.on_destroyed(self._evict)

    def key(self, key_id: UUID) -> bytes:
        """The key. Raises `KeyDestroyed` or `UnknownKey`."""
        block = self._block()
        if block is not None and key_id in block.keys:
            return block.keys[key_id][0]
        self._refuse_fenced(key_id)
        with self._lock:
            found = self._cache.get(key_id.int)
            if found is not None:
                self._cache.move_to_end(key_id.int)
                return found
        return self._read(key_id)

    def key_unless_erased(self, key_id: UUID) -> bytes | None:
        """The key, or None where it was destroyed. Raises `UnknownKey`."""
        try:
            return self.key(key_id)
        except KeyDestroyed:
            return None

    def _read(self, key_id: UUID) -> bytes:
        row = self._table.stored_key(key_id)
        if row is None:
            raise UnknownKey(f"key {key_id} has never existed: restore the key table, or look for tampering")
        if row.key is None:
            raise KeyDestroyed("this was erased: its key is destroyed")
        key = self._kek.unwrap(self._table.store_id, row.key)
        self._keep(key_id, key)
        self._refuse_fenced(key_id)
        return key

    def mint(self, key_id: UUID) -> bytes:
        """A new key, known to this thread's `minting` block alone until its transaction commits."""
        block = self._block()
        if block is None:
            raise RuntimeError("mint inside a `minting` block, beside the transaction that stores the key")
        if key_id in block.keys or key_id.int in self._cache:
            raise ValueError(f"key {key_id} exists: it is minted once")
        key, wrapped = self.fresh(key_id)
        block.keys[key_id] = (key, wrapped)
        return key

    @contextmanager
    def minting(self) -> Iterator[MintedKeys]:
        """Collect the keys minted inside; a save inside (`committed`) lets them into the cache."""
        if self._block() is not None:
            raise RuntimeError("one `minting` block in another")
        block = MintedKeys()
        self._here.block = block
        try:
            yield block
        finally:
            self._here.block = None

    def committed(self, key_ids: Iterable[UUID]) -> None:
        """These keys of this thread's block are stored now; called by the save, after its commit."""
        block = self._block()
        if block is not None:
            for key_id in key_ids:
                if key_id in block.keys:
                    self._keep(key_id, block.keys[key_id][0])

    def fresh(self, key_id: UUID) -> tuple[bytes, WrappedKey]:
        """A new key that lives in a table of its own (a grant's): in the clear and wrapped. Never cached."""
        self._refuse_fenced(key_id)
        key = new_key()
        return key, self._kek.wrap(self._table.store_id, key_id, key)

    def unwrap(self, key: WrappedKey) -> bytes:
        """The key in the clear; never cached here, for a grant can end at any moment."""
        self._refuse_fenced(key.key_id)
        return self._kek.unwrap(self._table.store_id, key)

    def destroy(self, key_id: UUID) -> None:
        """Fence first, then the database: from then on `KeyDestroyed`, in restored backups too."""
        self._fence.add(key_id)
        self._table.destroy_key(key_id)

    def is_destroyed(self, key_id: UUID) -> bool:
        """Whether it stands behind the fence, also one that has never sealed anything."""
        return key_id in self._fence

    def end(self, grants: Iterable[UUID]) -> None:
        """These grants ended, as the database knows; from now on in restored backups too."""
        self._fence.end(grants)

    def ended(self) -> frozenset[UUID]:
        """Every grant of which that was said."""
        return self._fence.ended()

    def unfenced(self) -> tuple[set[UUID], set[UUID]]:
        """Keys and grants that are gone in the database, and that the fence does not know."""
        keys, grants = self._table.gone()
        return {k for k in keys if k not in self._fence}, {g for g in grants if g not in self._fence}

    def fence_in(self) -> int:
        """Tell the fence what the database knows to be gone; how much it did not know.

        A crash between a commit and the fence leaves it a grant short, an older copy more than that.
        """
        keys, grants = self.unfenced()
        for key_id in sorted(keys, key=str):
            self._fence.add(key_id)
        if grants:
            self._fence.end(sorted(grants, key=str))
        return len(keys) + len(grants)

    def forgotten(self) -> set[UUID]:
        """Grants that ended, and that live in the database."""
        ended = self._fence.ended()  # First: what ends in between has ended in the database by then.
        return self._table.living() & ended

    def end_forgotten(self) -> None:
        """End them there too, also where no record says so: their case is erased, or can't be read."""
        if forgotten := self.forgotten():
            self._table.end_grants(forgotten)

    def erase_again(self) -> None:
        """Destroy in a restored database what the fence knows to be destroyed."""
        for key_id in sorted(self._fence.destroyed(), key=str):
            self.finish(key_id)

    def finish(self, key_id: UUID) -> None:
        """Destroy in the database too what is destroyed behind the fence, and failed between the two."""
        if not self.is_destroyed(key_id):
            return
        stored = self._table.stored_key(key_id)
        if stored is not None and stored.key is not None:
            self._table.destroy_key(key_id)

    def erasures(self) -> int:
        """How many keys are destroyed by now: what was read when there were fewer must be read again."""
        return self._fence.count()

    def mac(self, purpose: Literal["index", "idempotency"], data: bytes) -> bytes:
        """HMAC-SHA256 under the store's key for that purpose."""
        return hmac.digest(self.key(store_key_id(self._table.store_id, purpose)), data, "sha256")

    def prove(self) -> None:
        """Unwrap a key of this store anew, past every cache. Raises what stands in the way."""
        self._read(store_key_id(self._table.store_id, "index"))

    def _block(self) -> MintedKeys | None:
        block: MintedKeys | None = getattr(self._here, "block", None)
        return block

    def _refuse_fenced(self, key_id: UUID) -> None:
        if self.is_destroyed(key_id):
            raise KeyDestroyed("this was erased: its key is destroyed")

    def _keep(self, key_id: UUID, key: bytes) -> None:
        with self._lock:
            self._cache[key_id.int] = key
            self._cache.move_to_end(key_id.int)
            while len(self._cache) > self._cached:
                self._cache.popitem(last=False)

    def _evict(self, key_ids: Iterable[UUID]) -> None:
        with self._lock:
            for key_id in key_ids:
                key = self._cache.pop(key_id.int, None)
                if key is not None:
                    forget(key)
