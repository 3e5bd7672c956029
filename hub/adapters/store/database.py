"""What the tables beside the events ask of a database: two dialects, one set of statements.

Statements are written once, with `?` for a value and `= ANY(?)` for one of several. The dialect turns them,
and UUIDs and times, into what its driver takes.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from hub.ports import LivingWrap

SCHEMA_VERSION = 3


class Execute(Protocol):
    """Runs statements inside one transaction."""

    def __call__(self, sql: str, params: Sequence[Any], /) -> list[tuple[Any, ...]]:
        """One statement; its rows, if it has any."""

    def many(self, sql: str, rows: Sequence[Sequence[Any]], /) -> None:
        """The same `INSERT … VALUES (?, …)` for many rows; none of them twice."""


class Database(Protocol):
    """One database, many threads."""

    def read(self, sql: str, params: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Rows of one statement, in a snapshot of its own."""

    def write(self, sql: str, params: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """One statement in a transaction of its own; its rows, if it has any."""

    def living_wraps(self, messages: Sequence[UUID], recipient: str, now: datetime) -> list[LivingWrap]:
        """As `Store.living_wraps`; each in its own words, for neither finds its way over young tables alone.

        It begins from the messages: begun from a recipient's grants it takes the longer the more there are.
        """

    def transaction(self, *, append_lock: bool = False) -> AbstractContextManager[Execute]:
        """Commits when the block ends, rolls back on an error; `append_lock` waits for appends first."""

    def scrub(self) -> None:
        """Leave no copy of what was deleted in files of ours, as far as this database lets us."""

    def single(self, name: str) -> AbstractContextManager[bool]:
        """Whether this process is now the only one under that name."""

    def now(self) -> datetime:
        """The database's own clock."""

    def lacking(self) -> list[str]:
        """Tables of ours that this login may not read and write."""

    def uuid(self, value: UUID) -> Any:
        """To the driver."""

    def from_uuid(self, value: Any) -> UUID:
        """From the driver."""

    def stream(self, value: UUID) -> Any:
        """A stream's id to the driver; the library's layout holds it in its own way."""

    def from_stream(self, value: Any) -> UUID:
        """From the driver."""

    def time(self, value: datetime) -> Any:
        """To the driver."""

    def from_time(self, value: Any) -> datetime:
        """From the driver."""

    def close(self) -> None:
        """Let go of connections."""
