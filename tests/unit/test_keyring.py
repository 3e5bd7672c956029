"""Keys in the clear: wrapped, cached, fenced (docs/format.md section 2)."""

import json
import os
import threading
from collections.abc import Iterable
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from hub.errors import Corrupt, KeyDestroyed, TamperedRow, UnknownKey
from hub.keys import sealing
from hub.keys.fence import Fence
from hub.keys.keyring import LocalKek, StoredKey, StoredKeyRing, create_kek_file
from hub.keys.sealing import all_of, cipher, forget, new_key, open_, seal
from hub.ports import WrappedKey


class Table:
    """A table of keys in memory that counts how often it is asked."""

    store_id = bytes(range(16))

    def __init__(self) -> None:
        self.rows: dict[UUID, StoredKey] = {}
        self.asked = 0

    def stored_key(self, key_id: UUID) -> StoredKey | None:
        self.asked += 1
        return self.rows.get(key_id)

    def gone(self) -> tuple[set[UUID], set[UUID]]:
        return {key_id for key_id, row in self.rows.items() if row.key is None}, set()

    def living(self) -> set[UUID]:
        return set()

    def end_grants(self, grants: Iterable[UUID]) -> None:
        assert not list(grants), "no grant stands in this table"

    def destroy_key(self, key_id: UUID) -> None:
        self.rows[key_id] = StoredKey(None)


@pytest.fixture
def fence(tmp_path: Path) -> Fence:
    Fence.create(tmp_path / "fence")
    return Fence(tmp_path / "fence")


@pytest.fixture
def table() -> Table:
    return Table()


@pytest.fixture
def ring(table: Table, fence: Fence) -> StoredKeyRing:
    return StoredKeyRing(table, LocalKek({1: b"k" * 32}, 1), fence, cached=3)


def stored(ring: StoredKeyRing, table: Table) -> UUID:
    """A key whose commit succeeded."""
    key_id = uuid4()
    with ring.minting() as minted:
        ring.mint(key_id)
        (wrapped,) = minted.wrapped
        table.rows[key_id] = StoredKey(wrapped)
        ring.committed([key_id])
    return key_id


class TestSealing:
    """AES-256-GCM with the nonce in front."""

    def test_it_opens_under_the_same_key_and_associated_data_alone(self) -> None:
        key = new_key()
        sealed = seal(key, b"tekst", b"her")
        assert len(sealed) == 12 + 5 + 16
        assert open_(key, sealed, b"her") == b"tekst"
        for tried in ((new_key(), sealed, b"her"), (key, sealed, b"der"), (key, sealed[:-1], b"her")):
            with pytest.raises(TamperedRow):
                open_(*tried)
        for short in (b"", b"x" * 11, b"x" * 12):
            with pytest.raises(TamperedRow):
                open_(key, short, b"her")

    def test_nonces_differ(self) -> None:
        assert len({seal(b"k" * 32, b"", b"")[:12] for _ in range(1000)}) == 1000

    def test_all_of(self) -> None:
        """One stands for itself; two in another order are another key. The bytes are pinned."""
        one, two = b"1" * 32, b"2" * 32
        assert all_of([one]) == one
        assert all_of([one, two]) != all_of([two, one])
        expected = "095d6d855d48a9d0a3b5aedf62ef9675441f412cf4d1dd4f04a2cd5c79caecd5"
        assert all_of([one, two]).hex() == expected

    def test_ciphers_are_few_and_can_be_forgotten(self) -> None:
        keys = [new_key() for _ in range(sealing._CIPHERS_MAX + 10)]
        for key in keys:
            cipher(key)
        assert len(sealing._ciphers) <= sealing._CIPHERS_MAX
        assert keys[-1] in sealing._ciphers
        forget(keys[-1])
        assert keys[-1] not in sealing._ciphers


class TestKek:
    """The file of key-encryption keys."""

    def test_it_is_its_owners_alone_and_never_written_over(self, tmp_path: Path) -> None:
        path = tmp_path / "kek.json"
        create_kek_file(path)
        before = path.read_text()
        assert path.stat().st_mode & 0o777 == 0o600
        assert json.loads(before)["current"] == 1
        with pytest.raises(FileExistsError):
            create_kek_file(path)
        assert path.read_text() == before
        LocalKek.read(path)

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "[]",
            '{"current": 1}',
            '{"current": 1, "keys": {"1": "kort"}}',
            '{"current": 1, "keys": {"1": "YWJj"}}',
            '{"current": 2, "keys": {"1": "' + "A" * 43 + '="}}',
            '{"current": "x", "keys": {}}',
        ],
    )
    def test_what_is_no_key_file_is_refused(self, text: str) -> None:
        with pytest.raises(Corrupt, match="key-encryption keys"):
            LocalKek.parse(text)

    def test_epochs(self) -> None:
        """What an older epoch wrapped still opens; what is not there is named."""
        key_id, key, store_id = uuid4(), new_key(), b"s" * 16
        old = LocalKek({1: b"1" * 32}, 1).wrap(store_id, key_id, key)
        both = LocalKek({1: b"1" * 32, 2: b"2" * 32}, 2)
        assert both.unwrap(store_id, old) == key
        assert both.wrap(store_id, key_id, key).epoch == 2
        with pytest.raises(UnknownKey, match="epoch 1"):
            LocalKek({2: b"2" * 32}, 2).unwrap(store_id, old)

    def test_a_wrapped_key_belongs_to_its_store_id_and_epoch(self) -> None:
        key_id, store_id = uuid4(), b"s" * 16
        kek = LocalKek({1: b"1" * 32, 2: b"1" * 32}, 1)
        wrapped = kek.wrap(store_id, key_id, new_key())
        for other in (WrappedKey(uuid4(), 1, wrapped.wrapped), WrappedKey(key_id, 2, wrapped.wrapped)):
            with pytest.raises(TamperedRow):
                kek.unwrap(store_id, other)
        with pytest.raises(TamperedRow):
            kek.unwrap(b"t" * 16, wrapped)


class TestFence:
    """An append-only file, read before any use of a key."""

    def test_what_another_process_adds_is_seen_at_once(self, fence: Fence, tmp_path: Path) -> None:
        key_id, other = uuid4(), Fence(tmp_path / "fence")
        assert key_id not in fence
        other.add(key_id)
        assert key_id in fence
        assert (tmp_path / "fence").read_text() == f"{key_id.hex}\n"

    def test_what_is_added_is_on_disk_before_it_counts(
        self, fence: Fence, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """After a power cut the database may be the older of the two, never the fence."""
        synced: list[bytes] = []
        monkeypatch.setattr(os, "fsync", lambda _: synced.append((tmp_path / "fence").read_bytes()))
        key_id, grant = uuid4(), uuid4()
        fence.add(key_id)
        fence.end([grant])
        first = key_id.hex.encode() + b"\n"
        assert synced == [first, first + grant.hex.encode() + b" grant\n"]

    def test_a_torn_line_does_no_harm(self, fence: Fence, tmp_path: Path) -> None:
        """Its destruction had not returned; the next one is whole."""
        first, torn, last = uuid4(), uuid4(), uuid4()
        fence.add(first)
        with (tmp_path / "fence").open("a") as file:
            file.write(torn.hex[:20])
        assert torn not in fence
        fence.add(last)
        for reader in (fence, Fence(tmp_path / "fence")):
            assert [key_id in reader for key_id in (first, torn, last)] == [True, False, True]

    @pytest.mark.parametrize("cut", range(1, 39))
    def test_wherever_a_crash_cuts_a_grants_line_nothing_stops(
        self, fence: Fence, tmp_path: Path, cut: int
    ) -> None:
        """From its whole id on it has ended, for its end is committed before it is written here."""
        grant, last = uuid4(), uuid4()
        with (tmp_path / "fence").open("ab") as file:
            file.write((grant.hex.encode() + b" grant")[:cut])
        assert grant not in fence, "another process may be writing it just now"
        fence.add(last)
        for reader in (fence, Fence(tmp_path / "fence")):
            assert (grant in reader, last in reader) == (cut >= 32, True)
            assert (grant in reader.ended()) == (cut > 32)

    def test_a_line_that_was_written_in_part_is_no_destruction(
        self, fence: Fence, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """On a disk that fills up in the middle of it: whoever destroys is told, and tries again."""
        monkeypatch.setattr(os, "write", lambda fd, line: os.writev(fd, [line[:20]]))
        key_id = uuid4()
        with pytest.raises(OSError, match="No space"):
            fence.add(key_id)
        monkeypatch.undo()
        assert key_id not in fence
        fence.add(key_id)
        assert key_id in fence

    @pytest.mark.parametrize("rest", ["x" * 32, "0" * 32 + " grand", "0" * 32 + " grants", "0" * 33])
    def test_a_line_that_is_no_id_stops_everything(self, fence: Fence, tmp_path: Path, rest: str) -> None:
        with (tmp_path / "fence").open("a") as file:
            file.write(rest + "\n")
        with pytest.raises(Corrupt, match="no key id"):
            fence.__contains__(uuid4())

    def test_a_shorter_file_stops_everything(self, fence: Fence, tmp_path: Path) -> None:
        """Somebody put back an older copy."""
        fence.add(uuid4())
        (tmp_path / "fence").write_text("")
        with pytest.raises(Corrupt, match="shrunk"):
            fence.__contains__(uuid4())

    def test_a_missing_file_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(Corrupt, match="missing"):
            Fence(tmp_path / "none")

    def test_many_add_at_once(self, fence: Fence, tmp_path: Path) -> None:
        ids = [uuid4() for _ in range(40)]
        threads = [threading.Thread(target=fence.add, args=(key_id,)) for key_id in ids]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        again = Fence(tmp_path / "fence")
        assert all(key_id in again for key_id in ids)


class TestRing:
    """Keys of a table, for as long as they are needed."""

    def test_a_key_is_read_once(self, ring: StoredKeyRing, table: Table, fence: Fence) -> None:
        key_id = stored(ring, table)
        fresh = StoredKeyRing(table, LocalKek({1: b"k" * 32}, 1), fence)
        assert {fresh.key(key_id) for _ in range(5)} == {ring.key(key_id)}
        assert table.asked == 1

    def test_the_cache_is_bounded(self, ring: StoredKeyRing, table: Table) -> None:
        """Those used last stay."""
        one, two, three, four = (stored(ring, table) for _ in range(4))
        ring.key(two)
        five = stored(ring, table)
        assert table.asked == 0
        for key_id in (two, four, five):
            ring.key(key_id)
        assert table.asked == 0
        for key_id in (one, three):
            ring.key(key_id)
        assert table.asked == 2

    def test_three_states(self, ring: StoredKeyRing, table: Table) -> None:
        active, gone = stored(ring, table), uuid4()
        table.rows[gone] = StoredKey(None)
        assert len(ring.key(active)) == 32
        with pytest.raises(KeyDestroyed):
            ring.key(gone)
        with pytest.raises(UnknownKey):
            ring.key(uuid4())

    def test_destroying_writes_the_fence_first(
        self, ring: StoredKeyRing, table: Table, fence: Fence, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A crash in between leaves it destroyed."""
        key_id = stored(ring, table)

        def crash(_: UUID) -> None:
            raise RuntimeError

        monkeypatch.setattr(table, "destroy_key", crash)
        with pytest.raises(RuntimeError):
            ring.destroy(key_id)
        with pytest.raises(KeyDestroyed):
            ring.key(key_id)
        assert key_id in fence

    def test_destroying_empties_the_caches(self, ring: StoredKeyRing, table: Table) -> None:
        key_id = stored(ring, table)
        key = ring.key(key_id)
        cipher(key)
        ring.destroy(key_id)
        assert key_id not in ring._cache
        assert key not in sealing._ciphers

    def test_minting_is_for_one_thread_and_one_block(self, ring: StoredKeyRing, table: Table) -> None:
        with pytest.raises(RuntimeError, match="minting"):
            ring.mint(uuid4())
        key_id = stored(ring, table)
        with ring.minting() as minted:
            with pytest.raises(ValueError, match="minted once"):
                ring.mint(key_id)
            new = uuid4()
            ring.mint(new)
            with pytest.raises(ValueError, match="minted once"):
                ring.mint(new)
            assert [wrapped.key_id for wrapped in minted.wrapped] == [new]
            with pytest.raises(RuntimeError, match="in another"), ring.minting():
                pass
        with pytest.raises(UnknownKey):
            ring.key(new)

    def test_a_block_that_fails_lets_nothing_in(self, ring: StoredKeyRing) -> None:
        key_id = uuid4()
        with pytest.raises(ZeroDivisionError), ring.minting():
            assert 1 / (len(ring.mint(key_id)) - 32)
        ring.committed([key_id])
        with pytest.raises(UnknownKey):
            ring.key(key_id)

    def test_a_fresh_key_is_in_no_block_and_no_cache(self, ring: StoredKeyRing) -> None:
        grant = uuid4()
        with ring.minting() as minted:
            key, wrapped = ring.fresh(grant)
        assert minted.wrapped == ()
        assert ring.unwrap(wrapped) == key
        with pytest.raises(UnknownKey):
            ring.key(grant)

    def test_macs_are_of_the_stores_key_for_the_purpose(self, ring: StoredKeyRing, table: Table) -> None:
        with pytest.raises(UnknownKey):
            ring.mac("index", os.urandom(4))
