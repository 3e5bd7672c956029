"""The event recorder on SQLite: the library's, with everything alongside in the same transaction."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from eventsourcing.persistence import Notification, StoredEvent, Tracking
from eventsourcing.sqlite import SQLiteApplicationRecorder

from hub.adapters.store.guards import refuse_kept_grant_keys
from hub.adapters.store.sqlite_append import SqliteAppend, insert_events
from hub.adapters.store.sqlite_database import SqliteDatabase
from hub.ports import Alongside

_STREAM = """SELECT originator_version, topic, state FROM stored_events WHERE originator_id = ?"""
_LOG = """SELECT originator_id, originator_version, topic, state, notification_id FROM stored_events
    WHERE notification_id >= ?"""


class SqliteRecorder(SQLiteApplicationRecorder):
    """Writes events with what goes alongside; reads streams and the log."""

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

    def select_events(
        self,
        originator_id: UUID | str,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> list[StoredEvent]:
        """A stream's events."""
        stream = originator_id if isinstance(originator_id, UUID) else UUID(originator_id)
        sql = _STREAM
        params: list[Any] = [stream.hex]
        if gt is not None:
            sql += " AND originator_version > ?"
            params.append(gt)
        if lte is not None:
            sql += " AND originator_version <= ?"
            params.append(lte)
        sql += f" ORDER BY originator_version {'DESC' if desc else 'ASC'}"
        if limit is not None:
            sql += " LIMIT ?"
            params.append(limit)
        return [
            StoredEvent(stream, version, topic, state)
            for version, topic, state in self.database.read(sql, params)
        ]

    def select_notifications(
        self,
        start: int | None,
        limit: int,
        stop: int | None = None,
        topics: Sequence[str] = (),
        *,
        inclusive_of_start: bool = True,
    ) -> list[Notification]:
        """The log, in the order in which it was committed."""
        sql = _LOG
        params: list[Any] = [(start or 0) + (start is not None and not inclusive_of_start)]
        if stop is not None:
            sql += " AND notification_id <= ?"
            params.append(stop)
        if topics:
            sql += " AND topic = ANY(?)"
            params.append(list(topics))
        rows = self.database.read(f"{sql} ORDER BY notification_id LIMIT ?", [*params, limit])
        return [Notification(UUID(stream), *rest) for stream, *rest in rows]

    def max_notification_id(self) -> int:
        """The number of the last event; 0 in an empty log."""
        ((last,),) = self.database.read("SELECT coalesce(max(notification_id), 0) FROM stored_events")
        return int(last)
