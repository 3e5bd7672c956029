"""PostgreSQL as the hub needs it: a pool, autocommit, binary, no connection that could lose a commit."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import sha256
from typing import Any, TypeVar
from uuid import UUID

import psycopg
from eventsourcing import persistence
from eventsourcing.postgres import PostgresDatastore
from psycopg.conninfo import conninfo_to_dict

from hub.adapters.store.database import Execute
from hub.adapters.store.postgres_binary import Statement, insert_of, rows, to_int4
from hub.adapters.store.postgres_connections import Connections, PgConnection, connect
from hub.errors import Unavailable
from hub.ports import LivingWrap, WrappedKey

CONNECTIONS_MAX = 32
_WAIT_S = 30.0
_PAUSES_S = (0.05, 0.2, 1.0)
LOST = (persistence.OperationalError, persistence.InterfaceError)
_NO_ANSWER = "the database does not answer: try again, under the same Idempotency-Key"
_living_wraps = Statement("living wraps", "SELECT * FROM hub_living_wraps($1, $2, $3)")

T = TypeVar("T")


class HubDatastore(PostgresDatastore):
    """The library's datastore with our connections: plain rows, no composite types."""

    def __init__(self, conninfo: str) -> None:
        given = {name: str(value) for name, value in conninfo_to_dict(conninfo).items()}
        super().__init__(*(given.get(name, "") for name in ("dbname", "host", "port", "user", "password")))
        self.connections = Connections(conninfo, limit=CONNECTIONS_MAX, wait_s=_WAIT_S)

    def register_type_adapters(self) -> None:
        """Nothing: events go as plain arrays."""

    @contextmanager
    def get_connection(self) -> Iterator[PgConnection]:
        """Lend a connection; psycopg's errors become the library's."""
        try:
            with self.connections.lend() as connection:
                yield connection
        except psycopg.Error as error:
            raise translated(error) from error

    def close(self) -> None:
        """Close all connections."""
        self.connections.close()


def translated(error: psycopg.Error) -> persistence.PersistenceError:
    """The library's error of the same name (PEP 249)."""
    for kind in type(error).__mro__:
        if kind.__module__ == "psycopg" and kind is not psycopg.Error:
            same: type[persistence.PersistenceError] = getattr(persistence, kind.__name__)
            return same(str(error))
    return persistence.PersistenceError(str(error))


class Statements:
    """Statements inside one transaction of a connection."""

    def __init__(self, connection: PgConnection) -> None:
        self._connection = connection

    def __call__(self, sql: str, params: Sequence[Any], /) -> list[tuple[Any, ...]]:
        """One statement."""
        return run(self._connection, sql, params)

    def many(self, sql: str, rows: Sequence[Sequence[Any]], /) -> None:
        """One INSERT for many rows, which go in arrays."""
        if rows:
            insert_of(sql, self._connection)(self._connection, list(zip(*rows, strict=True)))


class PostgresDatabase:
    """`Database` on one PostgreSQL schema, the first of the search path."""

    def __init__(self, conninfo: str) -> None:
        self.conninfo = conninfo
        connect(conninfo).close()
        self.datastore = HubDatastore(conninfo)

    def read(self, sql: str, params: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Rows of one statement."""
        return self.again(lambda connection: run(connection, sql, params))

    def living_wraps(self, messages: Sequence[UUID], recipient: str, now: datetime) -> list[LivingWrap]:
        """Planned once, for that order."""
        asked, keys = {message.bytes: message for message in messages}, dict[bytes, WrappedKey]()
        given = [list(asked.values()), recipient, now]
        found: list[LivingWrap] = []
        row: Any
        for row in rows(self.again(lambda connection: _living_wraps(connection, given))):
            message, grant, wraps, epoch, wrapped = row
            key = keys.get(grant)
            if key is None:
                key = keys[grant] = WrappedKey(UUID(bytes=grant), to_int4(epoch), wrapped)
            found.append(LivingWrap(asked[message], key.key_id, wraps, key))
        return found

    def write(self, sql: str, params: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """One statement, committed with it: one round trip. Not tried again: see `transaction`."""
        try:
            with self.datastore.get_connection() as connection:
                return run(connection, sql, params)
        except LOST as error:
            raise Unavailable(_NO_ANSWER) from error

    def again(self, work: Callable[[PgConnection], T]) -> T:
        """Do work that may be done twice; again on another connection where the server went away.

        Raises `Unavailable` when it stays away.
        """
        for pause_s in (*_PAUSES_S, None):
            try:
                with self.datastore.connections.lend() as connection:
                    return work(connection)
            except psycopg.Error as error:
                told = translated(error)
                if not isinstance(told, LOST):
                    raise told from error
                if pause_s is None:
                    raise Unavailable(_NO_ANSWER) from error
            time.sleep(pause_s)
            self.datastore.connections.forget_idle()
        raise AssertionError("the last round returns or raises")

    @contextmanager
    def transaction(self, *, append_lock: bool = False) -> Iterator[Execute]:
        """One transaction. Raises `Unavailable` where the server went away; it is not tried again."""
        try:
            with self.datastore.get_connection() as connection:
                try:
                    with connection.transaction():
                        if append_lock:
                            connection.execute("SELECT hub_lock()")
                        yield Statements(connection)
                except BaseException:
                    # After a rollback psycopg deallocates what is prepared, ours too: it is not lent again.
                    connection.close()
                    raise
        except LOST as error:
            raise Unavailable(_NO_ANSWER) from error

    def scrub(self) -> None:
        """Nothing: what was deleted goes with vacuum, and bodies and keys are sealed meanwhile."""

    @contextmanager
    def single(self, name: str) -> Iterator[bool]:
        """Hold an advisory lock on a connection of its own; the server lets go of it when that is lost."""
        with connect(self.conninfo) as connection:
            number = int.from_bytes(sha256(f"{self._schema()}:{name}".encode()).digest()[:8], signed=True)
            row = connection.execute("SELECT pg_try_advisory_lock(%s)", [number]).fetchone()
            try:
                yield bool(row and row[0])
            finally:
                # Said, for the server ends a connection that was closed some time after.
                with suppress(psycopg.OperationalError):
                    connection.execute("SELECT pg_advisory_unlock_all()")

    def now(self) -> datetime:
        """The server's clock."""
        return self.from_time(self.read("SELECT clock_timestamp()")[0][0])

    def lacking(self) -> list[str]:
        """Tables of ours that this login may not read and write."""
        tables = self.read(
            "SELECT tablename FROM pg_tables, LATERAL (SELECT quote_ident(schemaname) || '.' ||"
            " quote_ident(tablename)) AS whole (name) WHERE schemaname = current_schema() AND NOT"
            " (has_table_privilege(name, 'SELECT') AND has_table_privilege(name, 'INSERT')"
            " AND has_table_privilege(name, 'UPDATE') AND has_table_privilege(name, 'DELETE'))"
            " ORDER BY tablename"
        )
        return [name for (name,) in tables]

    def _schema(self) -> str:
        return str(self.read("SELECT current_schema()")[0][0])

    def uuid(self, value: UUID) -> UUID:
        """As it is."""
        return value

    def from_uuid(self, value: UUID) -> UUID:
        """As it is."""
        return value

    def stream(self, value: UUID) -> UUID:
        """As it is."""
        return value

    def from_stream(self, value: UUID) -> UUID:
        """As it is."""
        return value

    def time(self, value: datetime) -> datetime:
        """As it is."""
        return value

    def from_time(self, value: datetime) -> datetime:
        """In UTC, whatever the session's time zone."""
        return value.astimezone(UTC)

    def close(self) -> None:
        """Close all connections."""
        self.datastore.close()


def run(connection: PgConnection, sql: str, params: Sequence[Any]) -> list[tuple[Any, ...]]:
    """Run a statement written for `Database`."""
    cursor = connection.binary.execute(_placed(sql), params, prepare=True)
    return [] if cursor.rownumber is None else cursor.fetchall()


@lru_cache(maxsize=512)
def _placed(sql: str) -> str:
    return sql.replace("?", "%b")
