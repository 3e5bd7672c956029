"""The database server itself, before any table of ours: what it promised it keeps, and tests are apart."""

import psycopg
import pytest

from tests.support.postgres import PostgresServer, fresh_database


def test_the_server_syncs_to_disk(database_url: str) -> None:
    """The hub refuses a server with unsafe durability, so tests must not run on one."""
    with psycopg.connect(database_url) as connection:
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            row = connection.execute("SELECT current_setting(%s)", [setting]).fetchone()
            assert row == ("on",), setting


def test_each_test_has_a_database_of_its_own(postgres: str, database_url: str) -> None:
    """What one test writes no other finds, and nothing is left behind."""
    with psycopg.connect(database_url) as connection:
        connection.execute("CREATE TABLE mine (id int)")
    with fresh_database(postgres) as other, psycopg.connect(other) as connection:
        assert connection.execute("SELECT to_regclass('mine')").fetchone() == (None,)
    with pytest.raises(psycopg.OperationalError, match="does not exist"):
        psycopg.connect(other)


def test_what_was_committed_survives_a_kill(own_postgres: PostgresServer) -> None:
    """A server killed right after a commit has the row when it is back, on the same address."""
    with psycopg.connect(own_postgres.url) as connection:
        connection.execute("CREATE TABLE kept (id int)")
        connection.execute("INSERT INTO kept VALUES (1)")

    own_postgres.kill()
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(own_postgres.url)
    own_postgres.restart()

    with psycopg.connect(own_postgres.url) as connection:
        assert connection.execute("SELECT id FROM kept").fetchall() == [(1,)]
