"""SQLite as the hub needs it: immediate transactions, a bounded wait, durability, nothing in free pages.

The library's transactions begin deferred: two processes that read before they write then fail at once,
however long they would wait (design: *SQLite*). Here every write begins with the lock in hand.
"""

import fcntl
import os
import re
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import UUID

from eventsourcing.sqlite import (
    SQLiteConnection,
    SQLiteConnectionPool,
    SQLiteCursor,
    SQLiteDatastore,
    SQLiteTransaction,
)

from hub.adapters.store.database import Execute
from hub.adapters.store.refused import NotMigrated, UnsafeStore
from hub.errors import Unavailable
from hub.ports import LivingWrap, WrappedKey

LOCK_TIMEOUT_S = 10
_BEGIN_ATTEMPTS_MAX = 3
_SCRUB_TIMEOUT_MS = 200
_POOL_TIMEOUT_S = 60.0
_FULL = 2
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_LIVING_WRAPS = """WITH asked AS MATERIALIZED (
        SELECT message_id, recipient, number FROM messages WHERE message_id = ANY(?) AND recipient = ?)
    SELECT w.message_id, w.grant_id, w.wraps, g.epoch, g.wrapped
    FROM asked m
    JOIN message_wraps w ON w.message_id = m.message_id
    JOIN grants g ON g.grant_id = w.grant_id AND g.recipient = m.recipient
    WHERE g.state = 'living' AND (g.ends_at IS NULL OR g.ends_at > ?)
        AND (SELECT p.active FROM partners p WHERE p.slug = m.recipient)
    ORDER BY m.number"""


class _Transaction(SQLiteTransaction):
    """Begins immediately where it will write."""

    def __enter__(self) -> SQLiteCursor:
        cursor = self.connection.cursor()
        if not self.commit:
            cursor.execute("BEGIN")
            return cursor
        for _ in range(_BEGIN_ATTEMPTS_MAX):
            try:
                cursor.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                    raise
            else:
                return cursor
        raise Unavailable("the database is busy with another process's work: try again")


class HubConnection(SQLiteConnection):
    """A connection whose writes begin with the lock in hand."""

    @contextmanager
    def transaction(self, *, commit: bool) -> Iterator[SQLiteCursor]:
        """Open a cursor in a transaction."""
        with _Transaction(self, commit=commit) as cursor, cursor:
            yield cursor


class _Pool(SQLiteConnectionPool):
    def _create_connection(self) -> SQLiteConnection:
        return HubConnection(connect(Path(self.db_name)), max_age=self.max_age)


class HubDatastore(SQLiteDatastore):
    """The library's datastore with our connections."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.single_row_tracking = True
        self.originator_id_type = "uuid"
        self.pool = _Pool(db_name=str(path), pool_size=8, max_overflow=56, pool_timeout=_POOL_TIMEOUT_S)


def connect(path: Path, *, create: bool = False) -> sqlite3.Connection:
    """Connect durably. Raises `NotMigrated` where there is no such file, `UnsafeStore` where WAL is off."""
    if create:
        path.touch(mode=0o600)
    elif not path.exists():
        raise NotMigrated(f"there is no database at {path}: run `hub migrate` first")
    connection = sqlite3.connect(
        f"file:{quote(str(path.absolute()))}?mode={'rwc' if create else 'rw'}",
        uri=True,
        isolation_level=None,
        check_same_thread=False,
        timeout=LOCK_TIMEOUT_S,
        cached_statements=256,
    )
    if create:
        _into_wal(connection)
    for pragma in ("synchronous=FULL", "secure_delete=ON", "temp_store=MEMORY"):
        connection.execute(f"PRAGMA {pragma}")
    refuse_unsafe(connection)
    return connection


def _into_wal(connection: sqlite3.Connection) -> None:
    """Two that do this to a new file at once fail without waiting, whatever the busy time."""
    for pause_s in (0.05, 0.2, 1.0, None):
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError:
            if pause_s is None:
                raise
            time.sleep(pause_s)
        else:
            return


def refuse_unsafe(connection: sqlite3.Connection) -> None:
    """Raise `UnsafeStore` where a commit that was acknowledged could be lost."""
    (synchronous,) = connection.execute("PRAGMA synchronous").fetchone()
    if synchronous < _FULL:
        raise UnsafeStore("SQLite's `synchronous` is below FULL", field="synchronous")
    (journal,) = connection.execute("PRAGMA journal_mode").fetchone()
    if journal != "wal":
        raise UnsafeStore("SQLite's `journal_mode` is not WAL: run `hub migrate`", field="journal_mode")


class _Statements:
    """Statements inside one transaction."""

    def __init__(self, cursor: SQLiteCursor) -> None:
        self._cursor = cursor

    def __call__(self, sql: str, params: Sequence[Any], /) -> list[tuple[Any, ...]]:
        return run(self._cursor, sql, params)

    def many(self, sql: str, rows: Sequence[Sequence[Any]], /) -> None:
        self._cursor.executemany(sql, rows)


class SqliteDatabase:
    """`Database` on one SQLite file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.datastore = HubDatastore(path)

    def read(self, sql: str, params: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Rows of one statement."""
        with self.datastore.get_connection(commit=False) as connection:
            return run(connection.cursor(), sql, params)

    def living_wraps(self, messages: Sequence[UUID], recipient: str, now: datetime) -> list[LivingWrap]:
        """Begun from the messages."""
        rows = self.read(_LIVING_WRAPS, [list(map(self.uuid, messages)), recipient, self.time(now)])
        uuid = self.from_uuid
        return [
            LivingWrap(uuid(message), uuid(grant), wraps, WrappedKey(uuid(grant), epoch, wrapped))
            for message, grant, wraps, epoch, wrapped in rows
        ]

    def write(self, sql: str, params: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """One statement in a transaction of its own."""
        with self.transaction() as execute:
            return execute(sql, params)

    @contextmanager
    def transaction(self, *, append_lock: bool = False) -> Iterator[Execute]:  # noqa: ARG002
        """One transaction; SQLite has one writer at a time, so every write waits for appends."""
        with self.datastore.transaction(commit=True) as cursor:
            yield _Statements(cursor)

    def scrub(self) -> None:
        """Move the write-ahead log, which holds pages as they were, into the file and empty it.

        A reader in the way makes it wait for the next time; deleted cells are overwritten either way.
        """
        with self.datastore.get_connection(commit=True) as connection:
            cursor = connection.cursor()
            cursor.execute(f"PRAGMA busy_timeout = {_SCRUB_TIMEOUT_MS}")
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            cursor.execute(f"PRAGMA busy_timeout = {LOCK_TIMEOUT_S * 1000}")

    @contextmanager
    def single(self, name: str) -> Iterator[bool]:
        """Lock a file beside the database; the system lets go of it when the process ends."""
        fd = os.open(f"{self.path}.{name}.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
            else:
                yield True
        finally:
            os.close(fd)

    def now(self) -> datetime:
        """This machine's clock, which is the file's as well."""
        return datetime.now(UTC)

    def lacking(self) -> list[str]:
        """The file, where this process may not write it or its folder."""
        return [str(p) for p in (self.path, self.path.parent) if not os.access(p, os.R_OK | os.W_OK)]

    def uuid(self, value: UUID) -> bytes:
        """16 bytes."""
        return value.bytes

    def from_uuid(self, value: bytes) -> UUID:
        """From 16 bytes."""
        return UUID(bytes=value)

    def stream(self, value: UUID) -> str:
        """32 hex digits, as the library has it."""
        return value.hex

    def from_stream(self, value: str) -> UUID:
        """From hex digits."""
        return UUID(value)

    def time(self, value: datetime) -> int:
        """Microseconds since 1970 in UTC."""
        return (value - _EPOCH) // _MICROSECOND

    def from_time(self, value: int) -> datetime:
        """From microseconds."""
        return _EPOCH + value * _MICROSECOND

    def close(self) -> None:
        """Close all connections."""
        self.datastore.close()


def run(cursor: Any, sql: str, params: Sequence[Any]) -> list[tuple[Any, ...]]:
    """Run a statement written for `Database`."""
    sizes = tuple(len(p) for p in params if isinstance(p, list))
    if sizes:
        params = [value for p in params for value in (p if isinstance(p, list) else (p,))]
        sql = _expanded(sql, sizes)
    cursor.execute(sql, params)
    rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows


@lru_cache(maxsize=256)
def _expanded(sql: str, sizes: tuple[int, ...]) -> str:
    """`= ANY(?)` for a list becomes `IN (?, ?, …)`."""
    remaining = iter(sizes)
    return re.sub(r"= ANY\(\?\)", lambda _: f"IN ({', '.join('?' * next(remaining))})", sql)
