"""The store's contract on SQLite, and what is SQLite's own."""

import sqlite3
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from uuid import uuid4

import pytest

from hub.adapters.store.application import StoreApplication
from hub.adapters.store.refused import NotMigrated, UnsafeStore
from hub.adapters.store.sqlite_database import refuse_unsafe
from hub.errors import Corrupt, Invalid, Unavailable
from hub.keys.fence import Fence
from hub.keys.keyring import create_kek_file
from hub.ports import Alongside, Idempotency, Row
from tests.integration.store.suite import Suite
from tests.integration.store.suite_append import Guards, Repeats
from tests.integration.store.suite_events import Erasure, RoundTrip, Tampering
from tests.integration.store.suite_keys import Keys
from tests.integration.store.suite_migrating import Migrating
from tests.integration.store.suite_races import Races, together
from tests.integration.store.suite_reading import Reading
from tests.integration.store.suite_unread import Unread
from tests.integration.store.suite_views import Views
from tests.integration.store.support import NOW, Place, changed, execute, message, new_case, stored_grant


class OnSqlite:
    """A database in a file of its own."""

    @pytest.fixture
    def url(self, tmp_path: Path) -> str:
        return f"sqlite:///{tmp_path / 'hub.db'}"


class TestRoundTrip(OnSqlite, RoundTrip): ...


class TestTampering(OnSqlite, Tampering): ...


class TestErasure(OnSqlite, Erasure): ...


class TestGuards(OnSqlite, Guards): ...


class TestRepeats(OnSqlite, Repeats): ...


class TestReading(OnSqlite, Reading): ...


class TestKeys(OnSqlite, Keys): ...


class TestMigrating(OnSqlite, Migrating): ...


class TestRaces(OnSqlite, Races): ...


class TestUnread(OnSqlite, Unread): ...


class TestViews(OnSqlite, Views): ...


class TestItsOwn(OnSqlite, Suite):
    """What only SQLite does."""

    def test_two_processes_write(self, place: Place, app: StoreApplication) -> None:
        """Reading before they write, as every append does: none hears that the database is locked."""
        with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
            found = [pool.submit(append_many, place.url, place.folder, 200) for _ in range(2)]
            assert [future.result() for future in found] == [[], []]
        assert len(app.notifications(0, 1000)) == 400

    def test_a_lock_that_is_held_for_ever_is_unavailable(
        self, place: Place, app: StoreApplication, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """After a bounded wait; nothing is done."""
        monkeypatch.setattr("hub.adapters.store.sqlite_database.LOCK_TIMEOUT_S", 0)
        later = place.open()
        case_id = new_case(later)
        with app.store.database.transaction(), pytest.raises(Unavailable, match="busy"):
            later.commit(changed(case_id))
        assert later.commit(changed(case_id)) == 1
        later.close()

    def test_what_is_destroyed_is_in_no_file(self, place: Place, app: StoreApplication) -> None:
        """Wrapped keys, ended grants and purged rows: not in free pages, not in the write-ahead log."""
        case_id, grant = new_case(app), stored_grant(app)
        ((key,),) = execute(app, "SELECT wrapped FROM keys WHERE key_id = ?", case_id)
        ((grants,),) = execute(app, "SELECT wrapped FROM grants WHERE grant_id = ?", grant)
        sealed = b"the body of a row" * 100
        told = Row(uuid4(), uuid4(), 1, {"kind": "report_received"}, sealed)
        view = app.view("timeline")
        view.apply("havnen", (1, 1), [told], [])
        secrets = (key, grants, sealed[:64], told.message_id.bytes)
        assert all(self.on_disk(place, secret) for secret in secrets)
        app.keys.destroy(case_id)
        app.commit(alongside=Alongside(now=NOW, ends_grants=(grant,)))
        view.apply("havnen", (1, 2), [], [told.message_id])
        assert not any(self.on_disk(place, secret) for secret in secrets)

    def on_disk(self, place: Place, secret: bytes) -> bool:
        return any(secret in path.read_bytes() for path in place.folder.glob("hub.db*"))

    def test_numbers_are_never_used_again(self, app: StoreApplication) -> None:
        """Not after the last event was lost, and not after a VACUUM."""
        case_id = new_case(app)
        app.commit(*(changed(case_id, n) for n in range(1, 6)))
        execute(app, "DELETE FROM stored_events WHERE notification_id IN (2, 5)")
        with app.store.database.datastore.get_connection(commit=True) as connection:  # type: ignore[attr-defined]
            connection.cursor().execute("VACUUM")
        assert [n.id for n in app.notifications(0, 10)] == [1, 3, 4]
        assert app.commit(changed(case_id, 5)) == 6

    def test_unsafe_durability_is_refused(self, place: Place, app: StoreApplication) -> None:
        """Whoever asks for less than FULL, and a file that is not in WAL mode."""
        for level in ("NORMAL", "off", "1"):
            with pytest.raises(UnsafeStore, match="synchronous"):
                Place(f"{place.url}?synchronous={level}", place.folder).open()
        with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
            connection.execute("PRAGMA synchronous = NORMAL")
            with pytest.raises(UnsafeStore, match="synchronous"):
                refuse_unsafe(connection)
        app.close()
        with closing(sqlite3.connect(place.folder / "hub.db")) as connection:
            connection.execute("PRAGMA journal_mode = DELETE")
        with pytest.raises(UnsafeStore, match="journal_mode"):
            place.open()

    def test_full_durability_and_overwriting_are_set_on_every_connection(self, app: StoreApplication) -> None:
        """SQLite keeps neither in the file."""
        assert app.store.database.read("PRAGMA synchronous") == [(2,)]
        assert app.store.database.read("PRAGMA secure_delete") == [(1,)]

    def test_two_migrations_at_once(self, place: Place) -> None:
        """Wait for each other; there is one store id."""
        create_kek_file(place.kek)
        found = together(*[partial(place.open, migrate=True)] * 8)
        assert len({app.store.store_id for app in found}) == 1
        for app in found:
            app.close()

    def test_workers_make_no_tables(self, place: Place) -> None:
        """Neither a file nor tables in one."""
        create_kek_file(place.kek)
        Fence.create(place.fence)
        with pytest.raises(NotMigrated, match="hub migrate"):
            place.open()
        assert not (place.folder / "hub.db").exists()
        with closing(sqlite3.connect(place.folder / "hub.db")) as connection:
            connection.execute("PRAGMA journal_mode = WAL")
        with pytest.raises(NotMigrated, match="hub migrate"):
            place.open()

    def test_the_files_are_their_owners_alone(self, place: Place, app: StoreApplication) -> None:
        """Database, log and key file."""
        app.commit(changed(new_case(app)))
        found = [path for path in place.folder.iterdir() if path.is_file()]
        assert {path.stat().st_mode & 0o777 for path in found} == {0o600}
        assert len(found) >= 4

    @pytest.mark.parametrize("url", ["sqlite://", "sqlite:///", "sqlite://host/x", "mysql://x/y", "hub.db"])
    def test_another_address_is_refused(self, url: str, tmp_path: Path) -> None:
        """With the two forms that there are."""
        with pytest.raises(Invalid, match="sqlite:///path or postgresql://"):
            Place(url, tmp_path).open(migrate=True)

    def test_a_lost_fence_is_refused(self, place: Place, app: StoreApplication) -> None:
        """Only the migration of a new store begins one."""
        place.fence.unlink()
        for migrate in (False, True):
            with pytest.raises(Corrupt, match="fence"):
                place.open(migrate=migrate)


def append_many(url: str, folder: Path, times: int) -> list[str]:
    """What went wrong in a process of its own."""
    app = Place(url, folder).open()
    case_id = new_case(app)
    failed = []
    for version in range(1, times + 1):
        idempotency = Idempotency(f"{case_id}:{version}".encode(), b"b", {})
        alongside = Alongside(now=NOW, idempotency=idempotency, needs_keys=(case_id,), messages=(message(),))
        try:
            app.commit(changed(case_id, version), alongside=alongside)
        except Exception as error:
            failed.append(repr(error))
    app.close()
    return failed
