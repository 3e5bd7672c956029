"""Reading streams and the log, the same on either database and leaner than the library's own."""

from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

from eventsourcing.persistence import Notification, StoredEvent

from hub.adapters.store.database import Database
from hub.ports import WrappedKey

_STREAM = "SELECT originator_version, topic, state FROM stored_events WHERE originator_id = ?"
_BEGUN = "SELECT originator_id FROM stored_events WHERE originator_id = ANY(?) AND originator_version = 1"
_WHOLE_STREAM = f"{_STREAM} ORDER BY originator_version"
_GRANT_KEYS = "SELECT grant_id, epoch, wrapped FROM grants WHERE grant_id = ANY(?) AND state = 'living'"
_BARRINGS = "SELECT case_id, person FROM block_list WHERE person = ANY(?)"
_LOG = """SELECT originator_id, originator_version, topic, state, notification_id FROM stored_events
    WHERE notification_id >= ?"""

StreamRow = tuple[int, str, bytes]
"""Version, topic, state."""


class LogReader:
    """The reading half of a recorder."""

    database: Database

    def stream(self, originator_id: UUID) -> list[StreamRow]:
        """A whole stream, without an object for each event: what a load reads."""
        rows: list[Any] = self.database.read(_WHOLE_STREAM, [self.database.stream(originator_id)])
        return rows

    def streams(
        self, since: Sequence[tuple[UUID, int]], grants: Sequence[UUID], logins: Sequence[str]
    ) -> tuple[list[list[StreamRow]], dict[UUID, WrappedKey], frozenset[tuple[UUID, str]]]:
        """Of each stream the rows from that version on, with it; keys of living grants; barrings."""
        sql = f"{_STREAM} AND originator_version >= ? ORDER BY originator_version"
        found: list[Any] = [
            self.database.read(sql, [self.database.stream(stream), version]) for stream, version in since
        ]
        return found, grant_keys(self.database, grants), barrings(self.database, logins)

    def recorded(self, streams: Collection[UUID]) -> set[UUID]:
        """Those of these streams that hold something."""
        if not streams:
            return set()
        rows = self.database.read(_BEGUN, [[self.database.stream(stream) for stream in streams]])
        return {self.database.from_stream(stream) for (stream,) in rows}

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
        sql, params = _STREAM, [self.database.stream(stream)]
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
        return [StoredEvent(stream, *row) for row in self.database.read(sql, params)]

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
        return [Notification(self.database.from_stream(stream), *rest) for stream, *rest in rows]

    def max_notification_id(self) -> int:
        """The number of the last event; 0 in an empty log."""
        ((last,),) = self.database.read("SELECT coalesce(max(notification_id), 0) FROM stored_events")
        return int(last)


def grant_keys(database: Database, grant_ids: Sequence[UUID]) -> dict[UUID, WrappedKey]:
    """The wrapped keys of those of the grants that have not ended."""
    if not grant_ids:
        return {}
    rows = database.read(_GRANT_KEYS, [[database.uuid(grant) for grant in grant_ids]])
    keys = ((database.from_uuid(grant), epoch, wrapped) for grant, epoch, wrapped in rows)
    return {grant: WrappedKey(grant, epoch, wrapped) for grant, epoch, wrapped in keys}


def barrings(database: Database, logins: Sequence[str]) -> frozenset[tuple[UUID, str]]:
    """All entries of the block list against any of these."""
    if not logins:
        return frozenset()
    rows = database.read(_BARRINGS, [list(logins)])
    return frozenset((database.from_uuid(stream), login) for stream, login in rows)
