"""What every store promises of keys: minted with their transaction, destroyed for good."""

import threading
from typing import Any
from uuid import UUID, uuid4

import pytest

from hub.adapters.store.application import StoreApplication
from hub.errors import KeyDestroyed, NoGrant, UnknownKey
from hub.keys.fence import Fence
from hub.keys.keyring import store_key_id
from hub.ports import Alongside, WrappedKey
from tests.integration.store.suite import Suite
from tests.integration.store.support import NOW, Place, changed, execute, mint, new_case, stored_grant


def elsewhere(do: Any) -> Any:
    """Do it in another thread."""
    found: list[Any] = []

    def run() -> None:
        try:
            found.append(do())
        except Exception as error:
            found.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return found[0]


class Keys(Suite):
    """Three states: active, destroyed, never existed."""

    def test_a_minted_key_is_nobodys_before_its_commit(self, app: StoreApplication) -> None:
        """Its own block knows it; another thread does so only afterwards."""
        case_id = uuid4()
        with app.keys.minting() as minted:
            key = app.keys.mint(case_id)
            assert app.keys.key(case_id) == key
            assert isinstance(elsewhere(lambda: app.keys.key(case_id)), UnknownKey)
            app.commit(changed(case_id), alongside=Alongside(now=NOW, new_keys=minted.wrapped))
            assert elsewhere(lambda: app.keys.key(case_id)) == key
        assert app.keys.key(case_id) == key

    def test_a_key_whose_commit_failed_has_never_existed(self, app: StoreApplication) -> None:
        """And may be minted again."""
        case_id = uuid4()
        with app.keys.minting() as minted:
            app.keys.mint(case_id)
            alongside = Alongside(now=NOW, new_keys=minted.wrapped, needs_grants=(uuid4(),))
            with pytest.raises(NoGrant):
                app.commit(alongside=alongside)
        with pytest.raises(UnknownKey):
            app.keys.key(case_id)
        mint(app, case_id)

    def test_a_block_without_a_commit_leaves_nothing(self, app: StoreApplication) -> None:
        """Though it ended without an error."""
        key_id = uuid4()
        with app.keys.minting():
            app.keys.mint(key_id)
        with pytest.raises(UnknownKey):
            app.keys.key(key_id)

    def test_keys_are_read_again_by_another_process(self, app: StoreApplication, place: Place) -> None:
        """From the table, wrapped."""
        case_id = new_case(app)
        other = place.open()
        assert other.keys.key(case_id) == app.keys.key(case_id)
        other.close()

    def test_another_process_destroys_it(self, app: StoreApplication, place: Place) -> None:
        """The very next use meets that, though the key lay in the cache."""
        case_id = new_case(app)
        app.keys.key(case_id)
        other = place.open()
        other.keys.destroy(case_id)
        with pytest.raises(KeyDestroyed):
            app.keys.key(case_id)
        other.close()

    def test_the_fence_beats_the_database(self, app: StoreApplication, place: Place) -> None:
        """A backup of the database from before brings nothing back."""
        case_id = new_case(app)
        (row,) = execute(app, "SELECT epoch, wrapped FROM keys WHERE key_id = ?", case_id)
        app.keys.destroy(case_id)
        execute(
            app, "UPDATE keys SET state = 'active', epoch = ?, wrapped = ? WHERE key_id = ?", *row, case_id
        )
        later = place.open()
        for keys in (app.keys, later.keys):
            with pytest.raises(KeyDestroyed):
                keys.key(case_id)
            with pytest.raises(KeyDestroyed):
                keys.unwrap(WrappedKey(case_id, *row))
        later.close()

    def test_the_database_knows_without_the_fence(self, app: StoreApplication, place: Place) -> None:
        """A fence that was lost and begun anew brings nothing back either; nor is the id minted again."""
        case_id = new_case(app)
        app.keys.destroy(case_id)
        place.fence.unlink()
        Fence.create(place.fence)
        later = place.open()
        with pytest.raises(KeyDestroyed):
            later.keys.key(case_id)
        with later.keys.minting() as minted:
            later.keys.mint(case_id)
            alongside = Alongside(now=NOW, new_keys=minted.wrapped)
            with pytest.raises(KeyDestroyed):
                later.commit(alongside=alongside)
        later.close()

    def test_a_destroyed_id_is_never_minted_again(self, app: StoreApplication) -> None:
        """Not even one that was destroyed before it existed."""
        case_id, never = new_case(app), uuid4()
        for key_id in (case_id, never):
            app.keys.destroy(key_id)
            with app.keys.minting(), pytest.raises(KeyDestroyed):
                app.keys.mint(key_id)
            with pytest.raises(KeyDestroyed):
                app.keys.fresh(key_id)

    def test_grant_keys_end_with_their_grant(self, app: StoreApplication) -> None:
        """They are in no cache and in no other table."""
        grant = stored_grant(app)
        wrapped = app.store.grant_keys([grant])[grant]
        assert len(app.keys.unwrap(wrapped)) == 32
        with pytest.raises(UnknownKey):
            app.keys.key(grant)
        app.commit(alongside=Alongside(now=NOW, ends_grants=(grant,)))
        assert app.store.grant_keys([grant]) == {}
        assert execute(app, "SELECT wrapped FROM grants WHERE grant_id = ?", grant) == [(None,)]

    def test_the_stores_own_keys(self, app: StoreApplication, place: Place) -> None:
        """Made once by the migration: MACs are the same for ever, and differ by purpose."""
        mac = app.keys.mac("index", b"exposed:cpr:0101010101")
        place.open(migrate=True).close()
        later = place.open()
        assert later.keys.mac("index", b"exposed:cpr:0101010101") == mac
        assert len({mac, later.keys.mac("idempotency", b"exposed:cpr:0101010101")}) == 2
        assert later.store.store_id == app.store.store_id
        assert isinstance(store_key_id(app.store.store_id, "index"), UUID)
        later.close()
