"""The event recorder on PostgreSQL: the library's, with everything alongside in one statement of ours."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import orjson
import psycopg
from eventsourcing.persistence import StoredEvent, Tracking
from eventsourcing.postgres import PostgresApplicationRecorder

from hub.adapters.store.guards import refuse_kept_grant_keys
from hub.adapters.store.postgres_append import append, parameters, refusal_of
from hub.adapters.store.postgres_binary import Statement, rows, to_int8, to_int8s
from hub.adapters.store.postgres_connections import PgConnection
from hub.adapters.store.postgres_database import PostgresDatabase
from hub.adapters.store.reading import LogReader, StreamRow
from hub.adapters.store.refused import UnsafeStore
from hub.errors import SameKeyOtherBody
from hub.ports import Alongside, Done, DoneBefore, WrappedKey

_OWN = """SELECT e.notification_id FROM stored_events e
    JOIN unnest(%b::uuid[], %b::bigint[], %b::bytea[]) WITH ORDINALITY AS n (stream, version, state, place)
    ON e.originator_id = n.stream AND e.originator_version = n.version AND e.state = n.state
    ORDER BY n.place"""

_latest = Statement("latest", "SELECT * FROM hub_latest($1, $2, $3, $4)")
_EVENT, _GRANT = b"e", b"g"

Answer = tuple[str, str, list[int]]


class PostgresRecorder(LogReader, PostgresApplicationRecorder):
    """Writes events with what goes alongside; reads streams and the log."""

    database: PostgresDatabase

    def __init__(self, database: PostgresDatabase) -> None:
        if database.datastore.enable_db_functions:
            raise UnsafeStore(
                "POSTGRES_ENABLE_DB_FUNCTIONS makes followers miss events: unset it",
                field="POSTGRES_ENABLE_DB_FUNCTIONS",
            )
        self.database = database
        super().__init__(database.datastore)

    def create_table(self) -> None:
        """Nothing: `hub migrate` makes tables, workers never do."""

    def streams(
        self, since: Sequence[tuple[UUID, int]], grants: Sequence[UUID], logins: Sequence[str]
    ) -> tuple[list[list[StreamRow]], dict[UUID, WrappedKey], frozenset[tuple[UUID, str]]]:
        """Of each stream the rows from that version on, keys of living grants, barrings: in one statement."""
        keys: dict[UUID, WrappedKey] = {}
        entries: list[tuple[UUID, str]] = []
        given = [[stream for stream, _ in since], [version for _, version in since], grants, logins]
        found: dict[bytes, list[StreamRow]] = {stream.bytes: [] for stream, _ in since}
        row: Any
        for row in rows(self.database.again(lambda connection: _latest(connection, given))):
            kind, row_id, number, name, sealed = row
            if kind == _EVENT:
                found[row_id].append((to_int8(number), name.decode(), sealed))
            elif kind == _GRANT:
                grant = UUID(bytes=row_id)
                keys[grant] = WrappedKey(grant, to_int8(number), sealed)
            else:
                entries.append((UUID(bytes=row_id), name.decode()))
        return list(found.values()), keys, frozenset(entries)

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
        taken; `Unavailable` when the server stays away. A commit whose answer was lost is found again by its
        own bytes, which no other command can have written: their nonces are random.
        """
        if tracking is not None:
            raise ValueError("this store keeps marks by `set_position`, not by tracking")
        if alongside is not None:
            refuse_kept_grant_keys(alongside)
        given = parameters(stored_events, alongside)
        attempts = 0

        def attempt(connection: PgConnection) -> list[int]:
            nonlocal attempts
            attempts += 1
            try:
                return _told(_append(connection, given))
            except (psycopg.IntegrityError, DoneBefore):
                if attempts > 1 and (own := _own(connection, stored_events)):
                    return own
                raise

        return self.database.again(attempt)


def _append(connection: PgConnection, given: list[Any]) -> Answer:
    try:
        ((status, detail, numbers),) = rows(append(connection, given))
    except psycopg.Error as error:
        refusal = refusal_of(error)
        if refusal is not None:
            raise refusal from None
        raise
    assert status is not None
    return status.decode(), (detail or b"").decode(), to_int8s(numbers) if numbers else []


def _told(answer: Answer) -> list[int]:
    status, detail, numbers = answer
    if status == "other_body":
        raise SameKeyOtherBody("this Idempotency-Key was used for another request: take a new one")
    if status == "done":
        assert numbers
        raise DoneBefore(Done(numbers[0], orjson.loads(detail)))
    return numbers


def _own(connection: PgConnection, events: Sequence[StoredEvent]) -> list[int]:
    """The numbers of these very events, where an attempt before this one did commit."""
    columns = ([e.originator_id for e in events], [e.originator_version for e in events])
    found = connection.execute(_OWN, [*columns, [e.state for e in events]], binary=True).fetchall()
    return [row[0] for row in found]
