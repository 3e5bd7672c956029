"""Tables, store id and store keys: made by `hub migrate` as the owner, once, and never by a worker."""

import os
from collections.abc import Callable
from contextlib import closing
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal
from uuid import UUID

from hub.adapters.store.database import SCHEMA_VERSION, Execute
from hub.adapters.store.postgres_connections import connect as connect_postgres
from hub.adapters.store.postgres_database import Statements
from hub.adapters.store.refused import NotMigrated
from hub.adapters.store.sqlite_database import SqliteDatabase, connect
from hub.adapters.store.views import VERSIONS, table_of
from hub.keys.keyring import Kek, store_key_id
from hub.keys.sealing import new_key

_WITH_COUNTERS = 1
"""The schema whose hubs counted each recipient's messages in a table of its own."""
_FORMER = (_WITH_COUNTERS, 2)
"""Schemas that are brought to the present one; with the second, the block list was read apart from a case."""
STORE_KEYS: tuple[Literal["index", "idempotency"], ...] = ("index", "idempotency")


def script(name: str) -> str:
    """The text of one of our SQL files."""
    return files(__package__).joinpath(name).read_text()


def view_scripts(name: str) -> list[str]:
    """The text of the view script, for every view there is."""
    return [script(name).replace("{table}", table_of(view)) for view in VERSIONS]


def migrate_sqlite(path: Path, kek: Kek, begin: Callable[[], None]) -> None:
    """Bring a file to the present schema; twice changes nothing. `begin` is called for a new store."""
    with closing(connect(path, create=True)):
        pass
    database = SqliteDatabase(path)
    try:
        with database.transaction(append_lock=True) as execute:
            tables = [script("schema_sqlite.sql"), *view_scripts("view_sqlite.sql")]
            for statement in ";".join(tables).split(";"):
                execute(statement, [])
            begin_store(execute, kek, lambda key_id: key_id.bytes, begin)
    finally:
        database.close()


def migrate_postgres(conninfo: str, kek: Kek, begin: Callable[[], None]) -> None:
    """Bring a schema to the present; done twice it changes nothing, and two at once wait for each other."""
    with closing(connect_postgres(conninfo)) as connection, connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(hashtext('tvaers migrate'))")
        connection.execute(script("schema_postgres.sql"))
        for view in view_scripts("view_postgres.sql"):
            connection.execute(view)
        store_id = begin_store(Statements(connection), kek, lambda key_id: key_id, begin)
        lock = int.from_bytes(store_id[:8], "big", signed=True)
        connection.execute(script("functions_postgres.sql").replace("{lock}", str(lock)))


def postgres_holds_tables(conninfo: str) -> bool:
    """Whether the schema in which `migrate_postgres` would make tables has any."""
    with closing(connect_postgres(conninfo)) as connection:
        question = "SELECT 1 FROM pg_tables WHERE schemaname = current_schema() LIMIT 1"
        return connection.execute(question).fetchone() is not None


def begin_store(
    execute: Execute, kek: Kek, to_driver: Callable[[UUID], Any], begin: Callable[[], None]
) -> bytes:
    """Write the store id and the store's own keys where there are none yet; the store id."""
    rows = execute("SELECT store_id, schema_version FROM store", [])
    if rows:
        store_id, version = bytes(rows[0][0]), rows[0][1]
        if version == _WITH_COUNTERS:
            execute("DROP TABLE IF EXISTS recipients", [])
        if version in _FORMER:
            execute("UPDATE store SET schema_version = ?", [SCHEMA_VERSION])
        elif version != SCHEMA_VERSION:
            raise NotMigrated(f"the store is of schema version {version}, this hub knows {SCHEMA_VERSION}")
    else:
        begin()
        store_id = os.urandom(16)
        execute("INSERT INTO store VALUES (1, ?, ?, 1)", [store_id, SCHEMA_VERSION])
    for purpose in STORE_KEYS:
        key_id = store_key_id(store_id, purpose)
        if not execute("SELECT 1 FROM keys WHERE key_id = ?", [to_driver(key_id)]):
            key = kek.wrap(store_id, key_id, new_key())
            row = [to_driver(key_id), key.epoch, key.wrapped]
            execute("INSERT INTO keys VALUES (?, 'active', ?, ?)", row)
    return store_id
