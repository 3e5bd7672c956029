"""The event recorder on SQLite: the library's, with everything alongside in the same transaction."""

from collections.abc import Sequence
from typing import Any

from eventsourcing.persistence import StoredEvent, Tracking
from eventsourcing.sqlite import SQLiteApplicationRecorder

from hub.adapters.store.guards import refuse_kept_grant_keys
from hub.adapters.store.reading import LogReader
from hub.adapters.store.sqlite_append import SqliteAppend, insert_events
from hub.adapters.store.sqlite_database import SqliteDatabase
from hub.ports import Alongside


class SqliteRecorder(LogReader, SQLiteApplicationRecorder):
    """Writes events with what goes alongside; reads streams and the log."""

    database: SqliteDatabase

    def __init__(self, database: SqliteDatabase) -> None:
        self.database = database
        super().__init__(database.datastore)

    def create_table(self) -> None:
        """Nothing: `hub migrate` makes tables, workers never do."""

    def insert_events(
        self,
        stored_events: Sequence[StoredEvent],
        *,
        alongside: Alongside | None = None,
        tracking: Tracking | None = None,
        **_: Any,
    ) -> list[int]:
        """Write all or nothing; the numbers of the events in the log.

        Raises what the guards raise, `DoneBefore`, or the library's `IntegrityError` for a version that is
        taken; `Unavailable` when other processes leave no room.
        """
        if tracking is not None:
            raise ValueError("this store keeps marks by `set_position`, not by tracking")
        if alongside is not None:
            refuse_kept_grant_keys(alongside)
        with self.database.transaction(append_lock=True) as execute:
            if alongside is None:
                return insert_events(execute, stored_events)
            numbers = SqliteAppend(self.database, execute).write(stored_events, alongside)
        if alongside.ends_grants:
            self.database.scrub()
        return numbers
