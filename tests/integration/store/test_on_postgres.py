"""The store's contract on PostgreSQL, and what is PostgreSQL's own."""

import os
import socket
import time
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from eventsourcing.persistence import IntegrityError
from psycopg import sql

from hub.adapters.store import postgres
from hub.adapters.store.application import StoreApplication
from hub.adapters.store.postgres import PostgresRecorder
from hub.adapters.store.postgres_append import append, parameters
from hub.adapters.store.postgres_connections import Connections, PgConnection, connect
from hub.adapters.store.postgres_database import PostgresDatabase
from hub.adapters.store.refused import NotMigrated, UnsafeStore
from hub.errors import Unavailable
from hub.keys.fence import Fence
from hub.keys.keyring import create_kek_file
from hub.ports import Alongside, Idempotency, Likely
from tests.integration.store.suite import Suite
from tests.integration.store.suite_append import Guards, Repeats
from tests.integration.store.suite_events import Erasure, RoundTrip, Tampering
from tests.integration.store.suite_keys import Keys
from tests.integration.store.suite_migrating import Migrating
from tests.integration.store.suite_races import Races, together
from tests.integration.store.suite_reading import Reading
from tests.integration.store.suite_unread import Unread
from tests.integration.store.suite_views import Views
from tests.integration.store.support import (
    NGO,
    NOW,
    Place,
    changed,
    looked,
    message,
    new_case,
    stored_grant,
    with_partner,
)
from tests.support.postgres import PostgresServer


class OnPostgres:
    """A database of its own on the shared server."""

    @pytest.fixture
    def url(self, database_url: str) -> str:
        return database_url


class TestRoundTrip(OnPostgres, RoundTrip): ...


class TestTampering(OnPostgres, Tampering): ...


class TestErasure(OnPostgres, Erasure): ...


class TestGuards(OnPostgres, Guards): ...


class TestRepeats(OnPostgres, Repeats): ...


class TestReading(OnPostgres, Reading): ...


class TestKeys(OnPostgres, Keys): ...


class TestMigrating(OnPostgres, Migrating): ...


class TestRaces(OnPostgres, Races): ...


class TestUnread(OnPostgres, Unread): ...


class TestViews(OnPostgres, Views): ...


class TestItsOwn(OnPostgres, Suite):
    """What only PostgreSQL does."""

    def test_a_commit_whose_answer_was_lost_is_found_again(
        self, app: StoreApplication, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """By its own bytes: no conflict, no second row, whether it had an idempotency key or not."""
        case_id = new_case(app)
        for version, idempotency in ((1, None), (2, Idempotency(b"k", b"b", {}))):
            lose_answers(monkeypatch, 1)
            position = app.commit(
                changed(case_id, version),
                alongside=Alongside(now=NOW, idempotency=idempotency, messages=(message(),)),
            )
            assert [n.id for n in app.notifications(0, 10)][version - 1 :] == [position]
        assert [m.sequence for m in app.store.outbox(0, 10, NOW)] == [1, 2]
        lose_answers(monkeypatch, 1)
        app.commit(changed(case_id, 3))
        assert len(app.notifications(0, 10)) == 3

    def test_another_ones_row_is_a_conflict_after_a_lost_answer_too(
        self, app: StoreApplication, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Its bytes are not ours."""
        case_id = new_case(app)
        app.commit(changed(case_id))
        lose_answers(monkeypatch, 1, before=True)
        with pytest.raises(IntegrityError):
            app.commit(changed(case_id))

    def test_a_server_that_stays_away_is_unavailable(
        self, app: StoreApplication, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """After a bounded number of attempts."""
        monkeypatch.setattr("hub.adapters.store.postgres_database._PAUSES_S", (0.0, 0.0))
        lose_answers(monkeypatch, 3, before=True)
        with pytest.raises(Unavailable, match="same Idempotency-Key"):
            app.commit(changed(new_case(app)))

    def test_unsafe_durability_is_refused(self, place: Place, app: StoreApplication) -> None:
        """Also where the database alone is set so."""
        set_for_database(place.url, "synchronous_commit", "off")
        with pytest.raises(UnsafeStore, match="synchronous_commit") as caught:
            place.open()
        assert caught.value.field == "synchronous_commit"

    def test_another_isolation_is_set_right(self, place: Place, app: StoreApplication) -> None:
        """Guards would see the world from before the lock; the function itself refuses."""
        set_for_database(place.url, "default_transaction_isolation", "serializable")
        later = place.open()
        assert later.store.database.read("SELECT current_setting('transaction_isolation')") == [
            ("read committed",)
        ]
        assert later.commit(changed(new_case(later))) == 1
        later.close()
        given = parameters([], Alongside(now=NOW))
        with (
            PgConnection.connect(place.url) as connection,
            pytest.raises(psycopg.Error, match="READ COMMITTED"),
        ):
            append(connection, given)

    def test_no_young_table_is_read_from_end_to_end(self, place: Place, app: StoreApplication) -> None:
        """Nothing is known of it yet, or it was tiny when the statement was planned; then it grows."""
        with_partner(app)
        told = []
        for _ in range(2):
            with psycopg.connect(place.url, autocommit=True) as connection:
                connection.execute("ANALYZE")
            told += [message(stored_grant(app)) for _ in range(60)]
            app.commit(alongside=Alongside(now=NOW, messages=tuple(told[-60:])))
        case_id, before = new_case(app), end_to_end_reads(app)
        wraps = app.store.living_wraps([one.message_id for one in told], NGO, NOW)
        grants = tuple(wrap.grant_id for wrap in wraps)
        app.commit(changed(case_id), alongside=Alongside(now=NOW, needs_grants=grants))
        found = app.ahead(uuid4(), lambda _: Likely([NGO], [uuid4()], grants))
        assert len(wraps) == len(found.grant_keys) == 120
        assert end_to_end_reads(app) == before

    def test_workers_make_no_tables(self, place: Place) -> None:
        """An empty database says what to do."""
        create_kek_file(place.kek)
        Fence.create(place.fence)
        with pytest.raises(NotMigrated, match="hub migrate"):
            place.open()

    def test_a_connection_that_broke_is_left_for_another(self, app: StoreApplication) -> None:
        """Its socket ended without a word of the server's: libpq then names no state for the error."""
        app.commit(changed(new_case(app)))
        with (
            app.store.database.datastore.connections.lend() as connection,  # type: ignore[attr-defined]  # PostgreSQL's alone
            socket.socket(fileno=os.dup(connection.fileno())) as theirs,
        ):
            theirs.shutdown(socket.SHUT_RDWR)
        app.commit(changed(new_case(app)))
        assert len(app.notifications(0, 10)) == 2

    def test_a_transaction_that_is_rolled_back_leaves_no_connection_that_cannot_write(
        self, app: StoreApplication
    ) -> None:
        """psycopg deallocates every prepared statement after a rollback, also those that it did not make."""
        app.commit(changed(new_case(app)))
        for _ in range(8):  # until psycopg itself prepares one
            app.store.partners()
        with (
            pytest.raises(Exception, match="nowhere"),
            app.store.database.transaction() as execute,
        ):
            execute("SELECT * FROM nowhere", [])
        app.store.partners()
        app.commit(changed(new_case(app)))

    def test_two_migrations_at_once(self, place: Place) -> None:
        """Wait for each other; there is one store id."""
        create_kek_file(place.kek)
        found = together(*[lambda: place.open(migrate=True)] * 4)
        assert len({app.store.store_id for app in found}) == 1
        for app in found:
            app.close()

    def test_two_schemas_of_one_database(self, database_url: str, tmp_path: Path) -> None:
        """Are two stores, each with its own tables, lock and log."""
        with psycopg.connect(database_url, autocommit=True) as connection:
            connection.execute("CREATE SCHEMA aarhus")
            connection.execute("CREATE SCHEMA odense")
        places = []
        for name in ("aarhus", "odense"):
            (tmp_path / name).mkdir()
            places.append(Place(f"{database_url}?options=-csearch_path%3D{name}", tmp_path / name))
        one, two = (place.open(migrate=True) for place in places)
        with one.store.database.transaction(append_lock=True), one.store.single("relay") as held:
            assert two.commit(changed(new_case(two))) == 1
            with two.store.single("relay") as other:
                assert (held, other) == (True, True)
        assert one.notifications(0, 10) == []
        assert one.store.store_id != two.store.store_id
        one.close()
        two.close()

    def test_who_was_alone_leaves_nobody_waiting(
        self, app: StoreApplication, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The lock is let go of at once, however long the server takes to end a connection that is closed."""
        lingering: list[PgConnection] = []

        def linger(connection: PgConnection) -> None:
            lingering.append(connection)

        with monkeypatch.context() as patched:
            patched.setattr(PgConnection, "close", linger)
            for _ in range(2):
                with app.store.single("rebuild.intake.familieenheden") as alone:
                    assert alone
        for connection in lingering:
            connection.close()

    def test_db_functions_are_refused(self, place: Place, app: StoreApplication) -> None:
        """They lose events for followers."""
        with pytest.raises(UnsafeStore, match="POSTGRES_ENABLE_DB_FUNCTIONS"):
            place.open(env={"POSTGRES_ENABLE_DB_FUNCTIONS": "y"})
        database = PostgresDatabase(place.url)
        database.datastore.enable_db_functions = True
        with pytest.raises(UnsafeStore, match="POSTGRES_ENABLE_DB_FUNCTIONS"):
            PostgresRecorder(database)
        database.close()

    def test_more_threads_than_connections(
        self, app: StoreApplication, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Wait their turn, for a bounded time."""
        connections = Connections(app.store.database.conninfo, limit=1, wait_s=0.05)  # type: ignore[attr-defined]
        with connections.lend(), pytest.raises(Unavailable), connections.lend():
            pass
        with connections.lend() as lent:
            assert lent.execute("SELECT 1").fetchone() == (1,)
        connections.close()


class TestAServerOfItsOwn(Suite):
    """What needs a server that may be hurt."""

    @pytest.fixture
    def url(self, own_postgres: PostgresServer) -> str:
        return own_postgres.url

    def test_a_restart_is_survived(self, app: StoreApplication, own_postgres: PostgresServer) -> None:
        """By readers and writers with broken connections; what was acknowledged is there after a crash."""
        case_id = new_case(app)
        together(*[lambda: app.commit(looked(case_id))] * 8)
        own_postgres.kill()
        own_postgres.restart()
        assert len(app.notifications(0, 100)) == 8
        assert app.commit(changed(case_id)) > 8
        for setting in ("fsync", "full_page_writes"):
            with psycopg.connect(own_postgres.url, autocommit=True) as connection:
                connection.execute(f"ALTER SYSTEM SET {setting} = off")
                connection.execute("SELECT pg_reload_conf()")
            with pytest.raises(UnsafeStore, match=setting):
                until_refused(own_postgres.url)
            with psycopg.connect(own_postgres.url, autocommit=True) as connection:
                connection.execute("ALTER SYSTEM RESET ALL")
                connection.execute("SELECT pg_reload_conf()")


def set_for_database(url: str, setting: str, value: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        name = sql.Identifier(connection.info.dbname)
        connection.execute(
            sql.SQL("ALTER DATABASE {} SET {} = {}").format(name, sql.Identifier(setting), value)
        )


def until_refused(url: str) -> None:
    """The server takes a moment to read its settings again."""
    for _ in range(100):
        connect(url).close()
        time.sleep(0.05)


def end_to_end_reads(app: StoreApplication) -> dict[str, int]:
    """How often each table was read from end to end, as the server counts; but for the one with one row."""
    app.store.database.read("SELECT pg_stat_force_next_flush()::text")
    return dict(
        app.store.database.read(
            "SELECT relname, seq_scan FROM pg_stat_user_tables WHERE relname <> 'store' ORDER BY relname"
        )
    )


def lose_answers(monkeypatch: pytest.MonkeyPatch, times: int, *, before: bool = False) -> None:
    """Let the connection break `times` times: after the server committed, or `before` it heard anything."""
    left = [times]
    real = postgres._append

    def append(connection: Any, given: Any) -> Any:
        answer = None if before and left[0] else real(connection, given)
        if left[0]:
            left[0] -= 1
            raise psycopg.OperationalError("server closed the connection unexpectedly")
        return answer

    monkeypatch.setattr(postgres, "_append", append)
