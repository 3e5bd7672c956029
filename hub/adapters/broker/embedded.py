"""The embedded bus: topics in one SQLite file, for a first run and small test beds.

It keeps the promises of the `Broker` port that one machine can keep: order, durability, redelivery, one
reader per group at a time with takeover. It knows no users: whoever may read the file may read every topic,
so what is published must be sealed. It says so in `banner`, which the hub prints at the start.
"""

import fcntl
import json
import os
import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from typing import Final

from hub.errors import Invalid, NoTopic, Unavailable
from hub.ports import Consumer, Features, Record

VALUE_BYTES_MAX: Final = 1_000_000
"""As much as Kafka takes with its own settings, so that nobody learns of the limit there."""
_BUSY_S: Final = 10.0
_WAIT_S: Final = 0.005
_WAIT_MAX_S: Final = 0.025
_PRUNE_EVERY_S: Final = 600.0
_OWNER_ONLY: Final = 0o600
_TABLES: Final = """
CREATE TABLE IF NOT EXISTS topics (
    topic TEXT PRIMARY KEY, next_offset INTEGER NOT NULL, retention_days INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS records (
    topic TEXT NOT NULL, "offset" INTEGER NOT NULL, stored_at REAL NOT NULL, headers TEXT NOT NULL,
    value BLOB NOT NULL, PRIMARY KEY (topic, "offset"));
CREATE TABLE IF NOT EXISTS offsets (
    topic TEXT NOT NULL, "group" TEXT NOT NULL, next_offset INTEGER NOT NULL, PRIMARY KEY (topic, "group"));
"""


class EmbeddedBroker:
    """The `Broker` port on one SQLite file. Processes that share the file share the bus."""

    features = Features(access_control=False, many_consumers_per_group=False)

    def __init__(self, path: Path) -> None:
        """Open or create the file; it is readable by its owner alone."""
        self._path = path
        self.banner = f"embedded bus in {path.name}, not Kafka: one reader per group, no access control"
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, _OWNER_ONLY))
        self._lock = threading.Lock()
        self._db = _connect(path)
        self._next_prune = 0.0
        with self._lock, _transaction(self._db):
            for statement in _TABLES.split(";"):
                self._db.execute(statement)

    def create_topics(self, topics: Sequence[str], retention_days: int) -> None:
        """Create those that do not exist."""
        with self._lock, _transaction(self._db):
            self._db.executemany(
                "INSERT OR IGNORE INTO topics VALUES (?, 0, ?)",
                [(topic, retention_days) for topic in topics],
            )

    def topics(self) -> set[str]:
        """The topics there are."""
        with self._lock, _unavailable():
            return {topic for (topic,) in self._db.execute("SELECT topic FROM topics")}

    def publish(self, records: Sequence[Record]) -> None:
        """Append all in one transaction: here an error means that nothing was appended."""
        for record in records:
            if len(record.value) > VALUE_BYTES_MAX:
                raise Invalid(f"a record holds at most {VALUE_BYTES_MAX} bytes", field="value")
        now = time.time()
        with self._lock, _transaction(self._db):
            if now >= self._next_prune:
                self._prune(now)
                self._next_prune = now + _PRUNE_EVERY_S
            for record in records:
                self._append(record, now)

    def consumer(self, topic: str, group: str) -> Consumer:
        """A reader with a connection of its own; it waits while another reader of the group lives."""
        if topic not in self.topics():
            raise NoTopic()
        return _EmbeddedConsumer(self._path, topic, group)

    def held(self, topic: str) -> int:
        """How many records the topic holds now."""
        count = self.before({topic: None})[topic]
        if count is None:
            raise NoTopic()
        return count

    def before(self, readers: Mapping[str, str | None]) -> dict[str, int | None]:
        """By topic, how many records its reader has before it."""
        with self._lock, _unavailable():
            return {topic: self._before(topic, group) for topic, group in readers.items()}

    def close(self) -> None:
        """Close the file. Consumers close themselves."""
        with self._lock:
            self._db.close()

    def _before(self, topic: str, group: str | None) -> int | None:
        source = (
            "SELECT 0 FROM topics WHERE topic = ? AND ? IS NULL"
            if group is None
            else 'SELECT next_offset FROM offsets WHERE topic = ? AND "group" = ?'
        )
        found = self._db.execute(source, (topic, group)).fetchone()
        if found is None:
            return None
        (count,) = self._db.execute(
            'SELECT count(*) FROM records WHERE topic = ? AND "offset" >= ?', (topic, found[0])
        ).fetchone()
        return int(count)

    def _append(self, record: Record, now: float) -> None:
        found = self._db.execute(
            "UPDATE topics SET next_offset = next_offset + 1 WHERE topic = ? RETURNING next_offset - 1",
            (record.topic,),
        ).fetchone()
        if found is None:
            raise NoTopic()
        headers = json.dumps([(name, value.hex()) for name, value in record.headers])
        self._db.execute(
            "INSERT INTO records VALUES (?, ?, ?, ?, ?)", (record.topic, found[0], now, headers, record.value)
        )

    def _prune(self, now: float) -> None:
        self._db.execute(
            "DELETE FROM records WHERE stored_at < ? - 86400.0 *"
            " (SELECT retention_days FROM topics WHERE topics.topic = records.topic)",
            (now,),
        )


class _EmbeddedConsumer:
    """One reader. The group is held by a lock on a file, which the kernel lets go when the process dies."""

    def __init__(self, path: Path, topic: str, group: str) -> None:
        self._topic, self._group = topic, group
        self._db = _connect(path)
        leases = path.with_name(path.name + ".groups")
        leases.mkdir(mode=0o700, exist_ok=True)
        # Hashed, because a topic and a group together may be longer than a file's name.
        name = sha256(f"{topic}\n{group}".encode()).hexdigest()
        self._lease = os.open(leases / name, os.O_RDWR | os.O_CREAT, _OWNER_ONLY)
        self._holds = self._closed = False
        self._rewound = False
        self._next = 0

    def poll(self, limit: int, timeout_s: float) -> list[Record]:
        """The next records; empty when none came in time, or another reader holds the group."""
        until = time.monotonic() + timeout_s
        wait = _WAIT_S
        while True:
            found = self._read(limit) if self._hold() else []
            left = until - time.monotonic()
            if found or left <= 0:
                return found
            time.sleep(min(wait, left))
            wait = min(wait * 2, _WAIT_MAX_S)

    def commit(self, offset: int) -> None:
        """Store that everything up to and with `offset` is done."""
        if not self._holds or self._closed:
            raise Unavailable("this reader does not hold its group: poll first")
        with _transaction(self._db):
            self._db.execute(
                'INSERT INTO offsets VALUES (?, ?, ?) ON CONFLICT (topic, "group") DO UPDATE'
                " SET next_offset = excluded.next_offset",
                (self._topic, self._group, offset + 1),
            )

    def rewind(self) -> None:
        """Go back to the first record; what is committed stays until the next commit."""
        self._rewound = True
        self._next = 0

    def close(self) -> None:
        """Let the next reader of the group in."""
        if not self._closed:
            self._closed = True
            self._db.close()
            os.close(self._lease)

    def _hold(self) -> bool:
        if self._closed:
            raise Unavailable("this reader is closed")
        if self._holds:
            return True
        try:
            fcntl.flock(self._lease, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        self._holds = True
        if not self._rewound:
            with _unavailable():
                found = self._db.execute(
                    'SELECT next_offset FROM offsets WHERE topic = ? AND "group" = ?',
                    (self._topic, self._group),
                ).fetchone()
            self._next = found[0] if found else 0
        return True

    def _read(self, limit: int) -> list[Record]:
        with _unavailable():
            rows = self._db.execute(
                'SELECT "offset", headers, value FROM records WHERE topic = ? AND "offset" >= ?'
                ' ORDER BY "offset" LIMIT ?',
                (self._topic, self._next, limit),
            ).fetchall()
        if rows:
            self._next = rows[-1][0] + 1
        return [Record(self._topic, value, _headers(headers), offset) for offset, headers, value in rows]


def _headers(stored: str) -> tuple[tuple[str, bytes], ...]:
    return tuple((name, bytes.fromhex(value)) for name, value in json.loads(stored))


def _connect(path: Path) -> sqlite3.Connection:
    # Every use is under a lock or in the one thread that reads, so the connection may move between threads.
    db = sqlite3.connect(path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False)
    until = time.monotonic() + _BUSY_S
    while True:
        try:
            db.execute("PRAGMA journal_mode = WAL")
            break
        except sqlite3.OperationalError as error:
            # Two that switch a new file to WAL at once do not wait for each other, whatever the busy time.
            if time.monotonic() >= until:
                db.close()
                raise Unavailable("the embedded bus does not answer: its file is locked") from error
            time.sleep(_WAIT_S)
    db.execute("PRAGMA synchronous = FULL")
    return db


@contextmanager
def _unavailable() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise Unavailable("the embedded bus does not answer: see its file's disk, owner and lock") from error


@contextmanager
def _transaction(db: sqlite3.Connection) -> Iterator[None]:
    with _unavailable():
        db.execute("BEGIN IMMEDIATE")
        try:
            yield
            db.execute("COMMIT")
        except BaseException:
            # SQLite may have rolled back by itself; the first error is the one to tell.
            with suppress(sqlite3.Error):
                db.execute("ROLLBACK")
            raise
