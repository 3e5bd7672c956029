"""The fence: destroyed key ids in an append-only file, apart from the database (docs/format.md section 2).

An id in it is destroyed, whatever a database restored from yesterday says: what was erased stays erased, and
a grant that was withdrawn since stays withdrawn. It is looked at before every use of a key: one `stat` (about
1 µs), and the new lines where the file has grown.
"""

import errno
import fcntl
import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from threading import Lock
from uuid import UUID

from hub.errors import Corrupt

_ID_BYTES = 32
_GRANT = b" grant"
"""Stands behind the id of a grant whose key went with it."""


class Fence:
    """Destroyed key ids; `in` is true from the moment that any process's `add` has returned."""

    def __init__(self, path: Path) -> None:
        self._path = str(path)
        self._lock = Lock()
        self._ids: set[UUID] = set()
        self._grants: set[UUID] = set()
        self._gone: set[int] = set()
        """Both, as numbers: each use of a key looks here, and a UUID takes its time to be looked up."""
        self._whole_lines = 0
        self._seen_bytes = 0
        self._listener: Callable[[Iterable[UUID]], None] | None = None
        if not path.exists():
            raise Corrupt("the fence of destroyed keys is missing: put the newest copy back before you start")
        self._refresh()

    @staticmethod
    def create(path: Path) -> None:
        """An empty fence for a new store; an existing one stays as it is."""
        path.touch(mode=0o600)

    def on_destroyed(self, listener: Callable[[Iterable[UUID]], None]) -> None:
        """Call `listener` with ids that were found to be destroyed."""
        self._listener = listener

    def __contains__(self, key_id: UUID) -> bool:
        self._look()
        return key_id.int in self._gone

    def count(self) -> int:
        """How many keys are destroyed now, but for those of grants, under which no event lies."""
        self._look()
        return len(self._ids)

    def ended(self) -> frozenset[UUID]:
        """The grants whose keys went with them."""
        self._look()
        return frozenset(self._grants)

    def destroyed(self) -> frozenset[UUID]:
        """The keys that are destroyed, but for those of grants."""
        self._look()
        return frozenset(self._ids)

    def add(self, key_id: UUID) -> None:
        """Append and sync; safe among processes."""
        self._append([key_id.hex.encode() + b"\n"])

    def end(self, grants: Iterable[UUID]) -> None:
        """As `add`, for grants that ended."""
        self._append([grant.hex.encode() + _GRANT + b"\n" for grant in grants])

    def _append(self, lines: Sequence[bytes]) -> None:
        fd = os.open(self._path, os.O_RDWR | os.O_APPEND)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            size = os.fstat(fd).st_size
            torn = size > 0 and os.pread(fd, 1, size - 1) != b"\n"
            written = b"\n" * torn + b"".join(lines)
            if os.write(fd, written) != len(written):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), self._path)
            os.fsync(fd)
        finally:
            os.close(fd)
        self._refresh()

    def _look(self) -> None:
        if os.stat(self._path).st_size != self._seen_bytes:
            self._refresh()

    def _refresh(self) -> None:
        with self._lock:
            with open(self._path, "rb") as file:
                if file.seek(0, os.SEEK_END) < self._seen_bytes:
                    raise Corrupt("the fence of destroyed keys has shrunk: put the newest copy back")
                file.seek(self._whole_lines)
                added = file.read()
            new = set()
            # Behind the last end of a line another process may just now be writing.
            for line in added.split(b"\n")[:-1]:
                if len(line) < _ID_BYTES:
                    continue  # empty, or cut short by a crash: its destruction had not returned
                found, is_grant = _parse(line)
                of = self._grants if is_grant else self._ids
                if found not in of:
                    of.add(found)
                    new.add(found)
            self._gone.update(key_id.int for key_id in new)
            self._seen_bytes = self._whole_lines + len(added)
            self._whole_lines += added.rfind(b"\n") + 1
        if new and self._listener is not None:
            self._listener(new)


def _parse(line: bytes) -> tuple[UUID, bool]:
    """An id, and whether it is a grant's, also where a crash cut short the word that says so."""
    behind = line[_ID_BYTES:]
    try:
        if not _GRANT.startswith(behind):
            raise ValueError
        return UUID(line[:_ID_BYTES].decode("ascii")), bool(behind)
    except ValueError as error:
        raise Corrupt("the fence holds a line that is no key id: put a good copy back") from error
