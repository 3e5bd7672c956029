"""A small database of an adapter's own: one SQLite file that survives a power cut and keeps nothing deleted.

`synchronous=FULL`: what is committed is on disk. `secure_delete`: what is deleted is overwritten. What was
written still lies in the write-ahead log until it is folded into the file and cut to nothing: `scrub` does
that, and says so if another reader stands in the way.
"""

import os
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

_BUSY_S: Final = 30.0
_MODE: Final = 0o600


class NotScrubbed(Exception):
    """Raised when a reader still holds the write-ahead log: what was deleted may lie in it; try again."""


class Disk:
    """One file, one connection; may be used from any thread, one at a time."""

    def __init__(self, path: Path, schema: str) -> None:
        """Open the file, making it, its folder and its tables where they are missing."""
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, _MODE))
        path.chmod(_MODE)
        self._lock = threading.RLock()
        self._sql = sqlite3.connect(path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False)
        self._sql.row_factory = sqlite3.Row
        for setting in ("journal_mode=WAL", "synchronous=FULL", "secure_delete=ON", "temp_store=MEMORY"):
            self._sql.execute(f"PRAGMA {setting}").fetchall()
        with self.writing() as sql:
            for statement in filter(str.strip, schema.split(";")):
                sql.execute(statement)

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction; an error undoes all of it. The lock is taken first, so nothing is read stale."""
        with self._lock:
            self._sql.execute("BEGIN IMMEDIATE")
            try:
                yield self._sql
                self._sql.execute("COMMIT")
            except BaseException:
                self._sql.execute("ROLLBACK")
                raise

    def read(self, query: str, values: Sequence[object] = ()) -> list[sqlite3.Row]:
        """The rows of a query."""
        with self._lock:
            return self._sql.execute(query, values).fetchall()

    def scrub(self) -> None:
        """Fold the write-ahead log into the file and cut it to nothing. Raises `NotScrubbed`."""
        with self._lock:
            busy = self._sql.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
        if busy:
            raise NotScrubbed("another program reads this database: close it; the purge is not done before")

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._sql.close()


def write_private(path: Path, content: bytes) -> None:
    """Write a new file of its owner's alone; what is there already is never overwritten."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _MODE)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
