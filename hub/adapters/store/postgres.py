"""The event recorder on PostgreSQL: the library's, with everything alongside in one statement of ours."""

from collections.abc import Mapping, Sequence
from typing import Any, cast
from uuid import UUID

import orjson
import psycopg
from eventsourcing.persistence import StoredEvent, Tracking
from eventsourcing.postgres import PostgresApplicationRecorder
from psycopg.types.numeric import Int8

from hub.adapters.store.guards import refuse_kept_grant_keys
from hub.adapters.store.postgres_append import CALL, parameters, refusal_of
from hub.adapters.store.postgres_connections import PgConnection
from hub.adapters.store.postgres_database import PostgresDatabase
from hub.adapters.store.reading import LogReader, StreamRow
from hub.adapters.store.refused import UnsafeStore
from hub.done import DoneBefore
from hub.errors import SameKeyOtherBody
from hub.ports import Alongside, Done, WrappedKey

_OWN = """SELECT e.notification_id FROM stored_events e
    JOIN unnest(%b::uuid[], %b::bigint[], %b::bytea[]) WITH ORDINALITY AS n (stream, version, state, place)
    ON e.originator_id = n.stream AND e.originator_version = n.version AND e.state = n.state
    ORDER BY n.place"""

_LATEST = "SELECT * FROM hub_latest(%b::uuid[], %b::bigint[], %b::uuid[])"

Answer = tuple[str, str | None, list[int] | None]


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
        self, since: Mapping[UUID, int], grants: Sequence[UUID] = ()
    ) -> tuple[dict[UUID, list[StreamRow]], dict[UUID, WrappedKey]]:
        """Of each stream the rows from that version on, and the keys of living grants: in one statement."""
        found: dict[UUID, list[StreamRow]] = {stream: [] for stream in since}
        keys: dict[UUID, WrappedKey] = {}
        given = [list(since), [Int8(version) for version in since.values()], list(grants)]

        def read(connection: PgConnection) -> list[Any]:
            return connection.binary.execute(_LATEST, given, prepare=True).fetchall()

        for is_event, row_id, number, topic, sealed in self.database.again(read):
            if is_event:
                found[row_id].append((number, topic, sealed))
            else:
                keys[row_id] = WrappedKey(row_id, number, sealed)
        return found, keys

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

        def append(connection: PgConnection) -> list[int]:
            nonlocal attempts
            attempts += 1
            try:
                return _told(_append(connection, given))
            except (psycopg.IntegrityError, DoneBefore):
                if attempts > 1 and (own := _own(connection, stored_events)):
                    return own
                raise

        return self.database.again(append)


def _append(connection: PgConnection, given: list[Any]) -> Answer:
    try:
        return cast(Answer, connection.binary.execute(CALL, given, prepare=True).fetchone())
    except psycopg.Error as error:
        refusal = refusal_of(error)
        if refusal is not None:
            raise refusal from None
        raise


def _told(answer: Answer) -> list[int]:
    status, detail, numbers = answer
    if status == "other_body":
        raise SameKeyOtherBody("this Idempotency-Key was used for another request: take a new one")
    if status == "done":
        assert numbers
        raise DoneBefore(Done(numbers[0], orjson.loads(detail or "{}")))
    return numbers or []


def _own(connection: PgConnection, events: Sequence[StoredEvent]) -> list[int]:
    """The numbers of these very events, where an attempt before this one did commit."""
    columns = ([e.originator_id for e in events], [e.originator_version for e in events])
    rows = connection.execute(_OWN, [*columns, [e.state for e in events]], binary=True).fetchall()
    return [row[0] for row in rows]
